//! FUNCTION LOAD: a library's code runs once, under a short time limit.

use scripting::{Answer, Engine, Library, Step};

use super::drive::{TimeLimit, log_line};
use crate::core::Core;

/// How long a library may take to register its functions.
const LOAD_LIMIT_NS: u64 = 500_000_000;

impl Core {
    /// Loads a library, in the place of one of the same name if `replace`; its name.
    ///
    /// # Errors
    /// What is wrong with it, without a code.
    pub fn load_function_library(&mut self, code: &[u8], replace: bool) -> Result<String, String> {
        let name = Engine::library_name(code)?;
        if !replace && self.scripting.engine.library(name.as_bytes()).is_some() {
            return Err(format!("Library '{name}' already exists"));
        }
        let library = self.run_library(code)?;
        self.scripting.engine.add_libraries(vec![library], replace)?;
        Ok(name)
    }

    /// Runs the code of a library; it is not among the others yet.
    fn run_library(&mut self, code: &[u8]) -> Result<Library, String> {
        let limit = TimeLimit::new(LOAD_LIMIT_NS);
        self.scripting.engine.load_library(code, &mut |step| match step {
            Step::Log(level, text) => {
                log_line(level, &text);
                Answer::Continue
            }
            _ if limit.is_over() => Answer::Kill("ERR FUNCTION LOAD timeout"),
            _ => Answer::Continue,
        })
    }
}
