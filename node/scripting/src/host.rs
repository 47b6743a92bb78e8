//! What belongs to a Lua state besides Lua's own: how its scripts reach the core, and what the running one has said.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use resp::Proto;

use crate::fiber::Line;
use crate::functions::Registered;
use crate::lua::{Hook, Memory};
use crate::rand48::Rand48;
use crate::step::{Call, Spread};

/// One state's surroundings. The memory is first: Lua gives back a pointer to it.
#[repr(C)]
pub(crate) struct Host {
    pub memory: Memory,
    pub hook: Hook,
    /// To the core.
    pub line: Rc<Line>,
    /// Behind `math.random`.
    pub random: Rand48,
    /// The protocol version that the running script chose for replies to it.
    pub proto: Cell<Proto>,
    /// Where the effects of its commands go.
    pub spread: Cell<Spread>,
    /// Buffers of its last command, for the next one.
    pub call: Cell<Option<Box<Call>>>,
    /// The error that ended it.
    pub failure: RefCell<Option<Failure>>,
    /// Functions that the library being loaded registers; `None` when none is being loaded.
    pub loading: RefCell<Option<Vec<Registered>>>,
}

/// An error that no script caught.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Raised by the script or a function that it called.
    Raised {
        /// A code and a message.
        text: String,
        /// Chunk and line where it was raised.
        place: Option<(String, i32)>,
        /// Whether the statistics have it already.
        counted: bool,
    },
    /// Lua gave up, in these words.
    Lua(String),
}

impl Failure {
    /// The error reply's text, without its dash, for a script of this name.
    pub fn describe(&self, script: &str) -> String {
        match self {
            Failure::Raised { text, place: Some((source, line)), .. } => {
                format!("{text} script: {script}, on {source}:{line}.")
            }
            Failure::Raised { text, place: None, .. } => text.clone(),
            Failure::Lua(text) => {
                let end = text.char_indices().nth(LUA_TEXT_MAX).map_or(text.len(), |(at, _)| at);
                format!("ERR Error running script {script}, {}", &text[..end])
            }
        }
    }

    /// What it says, whoever said it.
    pub fn text(&self) -> &str {
        match self {
            Failure::Raised { text, .. } | Failure::Lua(text) => text,
        }
    }

    /// Whether the statistics have it already.
    pub fn is_counted(&self) -> bool {
        matches!(self, Failure::Raised { counted: true, .. })
    }
}

/// Characters of Lua's own words that are shown.
const LUA_TEXT_MAX: usize = 100;

impl Host {
    /// A host of a state that may use `memory_limit` bytes.
    pub fn new(line: Rc<Line>, memory_limit: usize, seed: u32) -> Host {
        Host {
            memory: Memory::new(memory_limit),
            hook: Hook::default(),
            line,
            random: Rand48::new(seed),
            proto: Cell::new(Proto::Resp2),
            spread: Cell::new(Spread::default()),
            call: Cell::new(None),
            failure: RefCell::new(None),
            loading: RefCell::new(None),
        }
    }

    #[cfg(test)]
    pub fn for_tests(memory_limit: usize) -> Host {
        Host::new(Rc::new(Line::default()), memory_limit, 0)
    }
}
