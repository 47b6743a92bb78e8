//! Lua scripts and functions: EVAL's and FCALL's world, without a server.
//!
//! An [`Engine`] holds one core's compiled scripts and libraries. A script that runs asks for what it needs (a command,
//! a line in the log, time) as a [`Step`] and stands still until it is answered, so this crate knows neither commands
//! nor clocks, and a script can be left standing while its core does other things.
//!
//! From the bottom: `lua` makes the C library safe to use; `sandbox` decides what scripts find there; `api` and `libs`
//! are Redis's functions; `convert` goes between RESP and Lua's values; `fiber` is the stack that scripts run on;
//! `scripts` and `functions` keep what was compiled.

mod api;
mod convert;
mod engine;
mod fiber;
mod flags;
mod functions;
mod host;
mod job;
mod libs;
mod lua;
mod number;
mod rand48;
mod sandbox;
mod scripts;
mod step;

pub use engine::{Engine, Settings, Usage};
pub use flags::Flags;
pub use functions::{Function, Library};
pub use sandbox::Version;
pub use scripts::Script;
pub use step::{Answer, Call, Finished, LogLevel, Spread, Step};
