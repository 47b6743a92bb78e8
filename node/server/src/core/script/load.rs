//! FUNCTION LOAD and RESTORE: a library's code runs once, under a short time limit.

use scripting::{Answer, Engine, Library, Step};

use super::drive::{TimeLimit, log_line};
use crate::core::Core;

/// How long a library may take to register its functions.
const LOAD_LIMIT_NS: u64 = 500_000_000;

/// What becomes of the libraries that are there when others are restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// They stay; one of the same name as one restored is an error.
    Append,
    /// Those of the same names are replaced.
    Replace,
    /// They are deleted.
    Flush,
}

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

    /// Loads libraries, all or none.
    ///
    /// # Errors
    /// What is wrong with one of them, without a code.
    pub fn load_function_libraries(&mut self, codes: &[Vec<u8>], policy: Policy) -> Result<(), String> {
        let mut libraries: Vec<Library> = Vec::with_capacity(codes.len());
        for code in codes {
            let loaded = self.run_library(code).and_then(|library| {
                let clash = libraries.iter().find_map(|other| clash(other, &library));
                clash.map_or(Ok(library), Err)
            });
            match loaded {
                Ok(library) => libraries.push(library),
                Err(why) => {
                    self.scripting.engine.drop_libraries(libraries);
                    return Err(why);
                }
            }
        }
        match policy {
            Policy::Append => self.scripting.engine.add_libraries(libraries, false),
            Policy::Replace => self.scripting.engine.add_libraries(libraries, true),
            Policy::Flush => self.scripting.engine.replace_libraries(libraries),
        }
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

/// What two libraries both have, in words.
fn clash(one: &Library, other: &Library) -> Option<String> {
    if one.name == other.name {
        return Some(format!("Library '{}' already exists", one.name));
    }
    let mut names = one.functions.iter().map(|function| &function.name);
    let both =
        names.find(|name| other.functions.iter().any(|function| function.name.eq_ignore_ascii_case(name)));
    both.map(|name| format!("Function {name} already exists"))
}
