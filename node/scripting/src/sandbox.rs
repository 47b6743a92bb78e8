//! What scripts find: Lua's libraries without what reaches outside, Redis's functions, and nothing that they can change.
//!
//! Two kinds of state are set up. That of EVAL has the variables KEYS and ARGV besides. That of functions shows two sets
//! of variables, one while a library is loaded and the other while its functions run; all its code has the same proxy
//! as its environment, and what that reads from is exchanged.

use std::ffi::c_int;

use crate::api;
use crate::host::Failure;
use crate::libs;
use crate::lua::{Fail, Kept, Kind, Lua, Native, Protection, Stack};

/// The names that scripts of Redis have found ever since; all else of Lua's is taken away.
const KEPT_GLOBALS: &[&str] = &[
    "_VERSION",
    "assert",
    "collectgarbage",
    "coroutine",
    "error",
    "gcinfo",
    "getfenv",
    "getmetatable",
    "ipairs",
    "load",
    "loadstring",
    "math",
    "next",
    "os",
    "pairs",
    "pcall",
    "rawequal",
    "rawget",
    "rawset",
    "select",
    "setfenv",
    "setmetatable",
    "string",
    "table",
    "tonumber",
    "tostring",
    "type",
    "unpack",
    "xpcall",
];
const LIBRARIES: &[&str] =
    &["string", "math", "table", "os", "coroutine", "cjson", "cmsgpack", "bit", "struct", "redis", "server"];

/// The versions that scripts are told.
#[derive(Debug, Clone, Copy)]
pub struct Version {
    /// `7.2.4`, the version of Redis whose commands there are.
    pub redis: &'static str,
    /// The same as a number: a byte each.
    pub redis_number: u32,
    /// The server's own name.
    pub server: &'static str,
}

/// What a state set up for EVAL keeps at hand.
pub(crate) struct EvalGlobals {
    variables: Kept,
}

/// What a state set up for functions keeps at hand.
pub(crate) struct FunctionGlobals {
    environment: Kept,
    running: Kept,
    loading: Kept,
}

/// Sets up a state for EVAL.
pub(crate) fn set_up_eval(lua: &Lua, version: Version) -> EvalGlobals {
    lua.with(|stack| {
        let protection = Protection::push(stack);
        let globals = push_variables(stack, protection, version, api::EVAL_ONLY);
        stack.push_copy(globals);
        let variables = stack.keep();
        push_environment(stack, protection, globals);
        stack.pop();
        stack.set_globals();
        EvalGlobals { variables }
    })
}

/// Sets up a state for functions.
pub(crate) fn set_up_functions(lua: &Lua, version: Version) -> FunctionGlobals {
    lua.with(|stack| {
        let protection = Protection::push(stack);
        let globals = push_variables(stack, protection, version, &[]);
        stack.push_copy(globals);
        let running = stack.keep();
        stack.push_table(0, 2);
        let loading = stack.top();
        push_redis(stack, version, &[api::LOAD_ONLY]);
        let table = stack.top();
        Protection::forbid_missing(stack, table);
        protection.seal(stack);
        stack.push_copy(table);
        stack.set_field(loading, "redis");
        stack.set_field(loading, "server");
        Protection::forbid_missing(stack, loading);
        let loading = stack.keep();
        push_environment(stack, protection, globals);
        let environment = stack.keep();
        stack.set_globals();
        FunctionGlobals { environment, running, loading }
    })
}

impl EvalGlobals {
    /// Sets KEYS and ARGV to the tables on top, ARGV above KEYS, and takes them.
    pub fn set_arguments(&self, stack: &mut Stack<'_>) {
        let keys = stack.top() - 1;
        stack.push_kept(&self.variables);
        stack.insert(keys);
        stack.set_field(keys, "ARGV");
        stack.set_field(keys, "KEYS");
        stack.pop();
    }
}

impl FunctionGlobals {
    /// Shows the variables of loading code, or those of running functions.
    pub fn show_loading(&self, stack: &mut Stack<'_>, is_loading: bool) {
        stack.push_kept(&self.environment);
        let metatable = stack.top();
        stack.push_kept(if is_loading { &self.loading } else { &self.running });
        stack.set_field(metatable, "__index");
        stack.pop();
    }
}

/// Pushes the real table of global variables, complete but for `_G`; where it is.
fn push_variables(
    stack: &mut Stack<'_>,
    protection: Protection,
    version: Version,
    more: &'static [(&str, Native)],
) -> c_int {
    stack.push_globals();
    let globals = stack.top();
    keep_only(stack, globals, KEPT_GLOBALS);
    stack.get_field(globals, "os");
    keep_only(stack, globals + 1, &["clock"]);
    stack.pop();
    stack.get_field(globals, "math");
    libs::math::fill(stack, globals + 1);
    stack.pop();
    for (name, push) in libs::ALL {
        push(stack);
        stack.set_field(globals, name);
    }
    push_redis(stack, version, &[api::COMMON, more]);
    stack.push_copy(globals + 1);
    stack.set_field(globals, "redis");
    stack.set_field(globals, "server");
    stack.get_field(globals, "table");
    protection.guard(stack, globals, globals + 1);
    stack.pop();
    stack.get_field(globals, "string");
    protection.guard_patterns(stack, globals + 1);
    stack.pop();
    seal_libraries(stack, protection, globals);
    Protection::forbid_missing(stack, globals);
    globals
}

/// Puts proxies in the place of the libraries' tables.
fn seal_libraries(stack: &mut Stack<'_>, protection: Protection, globals: c_int) {
    for name in LIBRARIES.iter().filter(|name| **name != "server") {
        stack.get_field(globals, name);
        protection.seal(stack);
        stack.set_field(globals, name);
    }
    stack.get_field(globals, "redis");
    stack.set_field(globals, "server");
    stack.get_field(globals, "string");
    protection.show_string_metatable(stack, globals + 1);
    stack.pop();
}

/// Pushes the proxy that is the environment of all code, which reads from `globals`, and above it its metatable.
fn push_environment(stack: &mut Stack<'_>, protection: Protection, globals: c_int) {
    stack.push_copy(globals);
    protection.proxy(stack);
    let environment = stack.top() - 1;
    protection.show_metatable(stack, environment);
    stack.push_copy(environment);
    stack.set_field(globals, "_G");
}

/// Takes all but these fields out of a table.
fn keep_only(stack: &mut Stack<'_>, table: c_int, kept: &[&str]) {
    let mut others = Vec::new();
    let _ = stack.each_pair(table, |stack| -> Result<(), ()> {
        let name = stack.bytes(stack.top() - 1).unwrap_or_default();
        if let Ok(name) = std::str::from_utf8(name) {
            others.extend((!kept.contains(&name)).then(|| name.to_owned()));
        }
        Ok(())
    });
    for name in others {
        stack.push_nil();
        stack.set_field(table, &name);
    }
}

/// Pushes the table `redis` with these functions.
fn push_redis(stack: &mut Stack<'_>, version: Version, functions: &[&'static [(&str, Native)]]) {
    stack.push_table(0, 32);
    let table = stack.top();
    for (name, native) in functions.iter().copied().flatten() {
        stack.push_function(*native);
        stack.set_field(table, name);
    }
    for (name, number) in api::LOG_LEVELS.iter().chain(api::SPREADS) {
        stack.push_number(*number as f64);
        stack.set_field(table, name);
    }
    stack.push_bytes(version.redis.as_bytes());
    stack.set_field(table, "REDIS_VERSION");
    stack.push_number(f64::from(version.redis_number));
    stack.set_field(table, "REDIS_VERSION_NUM");
    stack.push_bytes(version.server.as_bytes());
    stack.set_field(table, "SERVER_NAME");
}

/// Notes an error that may end the script, with the place where it was raised. It goes on as it is: `load` catches
/// errors of the function it reads from, but calls this first.
pub(crate) fn on_error(stack: &mut Stack<'_>) -> Result<usize, Fail> {
    let (text, counted) = if stack.kind(1) == Kind::Table {
        stack.get_field(1, "err");
        stack.get_field(1, "ignore_error_stats_update");
        let counted = stack.boolean(3);
        (stack.text(2).map(|text| String::from_utf8_lossy(text).into_owned()), counted)
    } else {
        (Some(format!("ERR {}", describe(stack))), false)
    };
    // Level 1 raised it; where that is a function of C, its caller is what the user wrote.
    let frame = stack.frame(1).filter(|frame| !frame.is_native).or_else(|| stack.frame(2));
    let failure = Failure::Raised {
        text: text.unwrap_or_else(|| "ERR unknown error".to_owned()),
        place: frame.map(|frame| (frame.source, frame.line)),
        counted,
    };
    stack.host().failure.replace(Some(failure));
    stack.push_copy(1);
    Ok(1)
}

/// The error value in argument 1, which is no table, as `tostring` shows it.
fn describe(stack: &mut Stack<'_>) -> String {
    match stack.kind(1) {
        Kind::String | Kind::Number => {
            String::from_utf8_lossy(stack.text(1).unwrap_or_default()).into_owned()
        }
        Kind::Boolean => stack.boolean(1).to_string(),
        Kind::Absent => "nil".to_owned(),
        other => other.name().to_owned(),
    }
}
