//! What is done on the fiber: running a script, loading a library.

use std::ffi::c_int;
use std::rc::Rc;

use resp::Reply;

use crate::convert::write_reply;
use crate::host::Failure;
use crate::lua::{CallError, Lua};
use crate::sandbox::on_error;
use crate::step::Finished;

/// A function and its arguments on a state's stack, to be called.
pub(crate) struct Job {
    pub lua: Rc<Lua>,
    /// How many arguments there are.
    pub arguments: c_int,
    /// Where the reply goes, in the client's protocol version; `None` when no value is wanted.
    pub reply: Option<Reply>,
}

impl Job {
    /// Calls the function; what it returned, or how it failed, in Redis's words but for the script's name.
    pub fn run(self) -> (Finished, Option<Failure>) {
        let mut stack = self.lua.stack();
        let host = self.lua.host();
        let mut finished = Finished::default();
        let failure = match stack.call(self.arguments, on_error) {
            Ok(()) => {
                if let Some(reply) = self.reply {
                    finished.reply = reply;
                    write_reply(&mut stack, host.proto.get(), &mut finished);
                }
                None
            }
            Err(error) => {
                finished.reply = self.reply.unwrap_or_default();
                Some(failure(error, host.failure.take()))
            }
        };
        stack.truncate(0);
        stack.collect_if_filling();
        (finished, failure)
    }
}

fn failure(error: CallError, noted: Option<Failure>) -> Failure {
    match (error, noted) {
        (CallError::Raised, Some(failure)) => failure,
        (CallError::Raised, None) => Failure::Lua("execution failure".to_owned()),
        (CallError::Lua(text), _) => Failure::Lua(text),
    }
}
