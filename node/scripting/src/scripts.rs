//! The scripts that EVAL and SCRIPT LOAD compiled, by the SHA-1 of their text.
//!
//! Those that came by EVAL alone are at most [`EVALUATED_MAX`]: programs that write values into their scripts would fill
//! the memory with them. The one not run for the longest time gives way. What SCRIPT LOAD loaded stays.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use bytes::Bytes;
use sha1_smol::Sha1;

use crate::flags::{Flags, read_shebang};
use crate::lua::{Kept, Stack};

/// Most scripts kept that were never loaded by SCRIPT LOAD.
const EVALUATED_MAX: usize = 500;

/// A SHA-1.
type Digest = [u8; 20];

/// A compiled script.
#[derive(Debug)]
pub struct Script {
    /// The SHA-1 of its text, in hexadecimal digits.
    pub sha: String,
    /// Its text.
    pub body: Bytes,
    /// Its flags; `None` for one of the old kind, without a line that begins with `#!`.
    pub flags: Option<Flags>,
    pub(crate) function: Kept,
    last_run: Cell<u64>,
}

/// All scripts of a core.
#[derive(Default)]
pub(crate) struct Scripts {
    by_digest: HashMap<Digest, Rc<Script>>,
    /// Those that may give way.
    evaluated: Vec<Rc<Script>>,
    /// Counts runs.
    clock: u64,
    /// Bytes of all texts.
    bytes: usize,
    evicted: u64,
}

impl Scripts {
    /// No scripts; of former ones so many have given way.
    pub fn with_evicted(evicted: u64) -> Scripts {
        Scripts { evicted, ..Scripts::default() }
    }

    /// The script with this text.
    pub fn of_body(&self, body: &[u8]) -> Option<Rc<Script>> {
        self.by_digest.get(&Sha1::from(body).digest().bytes()).cloned()
    }

    /// The script of this SHA-1, in hexadecimal digits of either case.
    pub fn of_sha(&self, sha: &[u8]) -> Option<Rc<Script>> {
        self.by_digest.get(&read_digest(sha)?).cloned()
    }

    /// Compiles a script; `keep` when it comes by SCRIPT LOAD.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn load(&mut self, stack: &mut Stack<'_>, body: &[u8], keep: bool) -> Result<Rc<Script>, String> {
        let digest = Sha1::from(body).digest();
        if let Some(script) = self.by_digest.get(&digest.bytes()) {
            if keep {
                self.evaluated.retain(|other| !Rc::ptr_eq(other, script));
            }
            return Ok(script.clone());
        }
        let shebang = read_shebang(body)?;
        let code = &body[shebang.map_or(0, |(_, end)| end)..];
        let compiled = stack.compile(code, c"@user_script");
        compiled.map_err(|text| format!("Error compiling script (new function): {text}"))?;
        let script = Rc::new(Script {
            sha: digest.to_string(),
            body: Bytes::copy_from_slice(body),
            flags: shebang.map(|(flags, _)| flags),
            function: stack.keep(),
            last_run: Cell::new(0),
        });
        if !keep {
            self.make_room(stack);
            self.evaluated.push(script.clone());
        }
        self.bytes += body.len();
        self.by_digest.insert(digest.bytes(), script.clone());
        self.mark_run(&script);
        Ok(script)
    }

    /// Notes that a script runs.
    pub fn mark_run(&mut self, script: &Script) {
        self.clock += 1;
        script.last_run.set(self.clock);
    }

    /// Forgets one of the evaluated scripts if they are too many.
    fn make_room(&mut self, stack: &mut Stack<'_>) {
        if self.evaluated.len() < EVALUATED_MAX {
            return;
        }
        let oldest = self.evaluated.iter().enumerate().min_by_key(|(_, script)| script.last_run.get());
        let Some(at) = oldest.map(|(at, _)| at) else { return };
        let script = self.evaluated.swap_remove(at);
        self.bytes -= script.body.len();
        if let Some(digest) = read_digest(script.sha.as_bytes()) {
            self.by_digest.remove(&digest);
        }
        stack.release(&script.function);
        self.evicted += 1;
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_digest.len()
    }

    /// How many have given way.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Memory of texts and tables, in bytes.
    pub fn memory(&self) -> usize {
        self.bytes + self.len() * (size_of::<Script>() + size_of::<Digest>() + 40)
    }

    /// Forgets how many have given way.
    pub fn reset_evicted(&mut self) {
        self.evicted = 0;
    }
}

/// Forty hexadecimal digits as bytes.
fn read_digest(sha: &[u8]) -> Option<Digest> {
    if sha.len() != 2 * size_of::<Digest>() {
        return None;
    }
    let mut digest = [0; 20];
    for (byte, pair) in digest.iter_mut().zip(sha.chunks_exact(2)) {
        let digit = |at: usize| (pair[at] as char).to_digit(16);
        *byte = (digit(0)? << 4 | digit(1)?) as u8;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Host;
    use crate::lua::Lua;

    #[test]
    fn evaluated_scripts_give_way() {
        let lua = Lua::new(Host::for_tests(1 << 30)).unwrap();
        let mut scripts = Scripts::default();
        let load = |scripts: &mut Scripts, i: usize, keep| {
            let body = format!("return {i}");
            lua.with(|stack| scripts.load(stack, body.as_bytes(), keep).unwrap().sha.clone())
        };
        let kept = load(&mut scripts, 0, false);
        assert_eq!(load(&mut scripts, 0, true), kept);
        let first = load(&mut scripts, 1, false);
        assert_eq!(first, "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
        let second = load(&mut scripts, 2, false);
        (3..=500).for_each(|i| drop(load(&mut scripts, i, false)));
        assert_eq!((scripts.len(), scripts.evicted()), (501, 0));
        let script = scripts.of_sha(first.to_uppercase().as_bytes()).unwrap();
        scripts.mark_run(&script);
        load(&mut scripts, 501, false);
        assert!(scripts.of_sha(second.as_bytes()).is_none());
        assert!(scripts.of_sha(first.as_bytes()).is_some() && scripts.of_sha(kept.as_bytes()).is_some());
        assert_eq!((scripts.len(), scripts.evicted()), (501, 1));
    }
}
