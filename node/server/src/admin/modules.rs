//! MODULE: there are none, and none can be had. Clients and tools ask what is loaded.

use commands::{Error, Outcome};

use super::Call;

const NOT_LOADED: Error =
    Error::new("ERR Error loading the extension. Ringmaster has no modules: nothing can be loaded.");
const NO_SUCH: Error = Error::new("ERR Error unloading module: no such module with that name");

/// MODULE LIST
pub fn list(call: &mut Call<'_>) -> Outcome {
    call.client.reply.array(0);
    Ok(())
}

/// MODULE LOAD path [arg ...], MODULE LOADEX path [CONFIG name value ...] [ARGS arg ...]
pub fn load(_call: &mut Call<'_>) -> Outcome {
    Err(NOT_LOADED)
}

/// MODULE UNLOAD name
pub fn unload(_call: &mut Call<'_>) -> Outcome {
    Err(NO_SUCH)
}
