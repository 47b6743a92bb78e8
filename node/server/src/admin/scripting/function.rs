//! FUNCTION LOAD, DELETE, FLUSH, DUMP, RESTORE, LIST, STATS.

use bytes::Bytes;
use commands::glob::{Case, matches};
use commands::{Args, Error, Outcome};
use rdb::functions::{self, Refused};
use resp::Reply;
use scripting::Library;

use crate::core::Core;
use crate::core::script::Policy;

const NO_LIBRARY: Error = Error::new("ERR Library not found");
const NO_NAME: Error = Error::new("ERR library name argument was not given");
const FLUSH_OPTIONS: Error = Error::new("ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
const FLUSH_ARGUMENTS: Error =
    Error::new("ERR unknown subcommand or wrong number of arguments for 'flush'. Try FUNCTION HELP.");
const RESTORE_ARGUMENTS: Error =
    Error::new("ERR unknown subcommand or wrong number of arguments for 'restore'. Try FUNCTION HELP.");
const RESTORE_POLICY: Error =
    Error::new("ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.");

/// FUNCTION LOAD [REPLACE] code: the library's name.
pub fn load(core: &mut Core, args: &Args<'_>, reply: &mut Reply) -> Outcome {
    let last = args.len() - 1;
    let mut replace = false;
    for i in 2..last {
        if !args.is(i, "replace") {
            return Err(Error::text(format!(
                "ERR Unknown option given: {}",
                String::from_utf8_lossy(args[i])
            )));
        }
        replace = true;
    }
    let name = core.load_function_library(args[last], replace);
    let name = name.map_err(|text| Error::text(format!("ERR {text}")))?;
    changed(core, args);
    reply.bulk(name.as_bytes());
    Ok(())
}

/// FUNCTION DELETE library
pub fn delete(core: &mut Core, args: &Args<'_>, reply: &mut Reply) -> Outcome {
    if !core.scripting.engine.delete_library(args[2]) {
        return Err(NO_LIBRARY);
    }
    changed(core, args);
    reply.ok();
    Ok(())
}

/// FUNCTION FLUSH [ASYNC | SYNC]
pub fn flush(core: &mut Core, args: &Args<'_>, reply: &mut Reply) -> Outcome {
    match args.len() {
        2 => {}
        3 if args.is(2, "async") || args.is(2, "sync") => {}
        3 => return Err(FLUSH_OPTIONS),
        _ => return Err(FLUSH_ARGUMENTS),
    }
    core.scripting.engine.flush_functions();
    changed(core, args);
    reply.ok();
    Ok(())
}

/// FUNCTION DUMP
pub fn dump(core: &mut Core, reply: &mut Reply) -> Outcome {
    let codes = core.scripting.engine.libraries().map(|library| library.code.as_ref());
    reply.bulk(&functions::dump(codes, core.config.persistence.rdbcompression));
    Ok(())
}

/// FUNCTION RESTORE payload [FLUSH | APPEND | REPLACE]
pub fn restore(core: &mut Core, args: &Args<'_>, reply: &mut Reply) -> Outcome {
    let policy = match args.len() {
        3 => Policy::Append,
        4 if args.is(3, "append") => Policy::Append,
        4 if args.is(3, "replace") => Policy::Replace,
        4 if args.is(3, "flush") => Policy::Flush,
        4 => return Err(RESTORE_POLICY),
        _ => return Err(RESTORE_ARGUMENTS),
    };
    let codes = functions::restore(args[2]).map_err(|refused| {
        Error::new(match refused {
            Refused::Footer => "ERR DUMP payload version or checksum are wrong",
            Refused::NotFunction => "ERR given type is not a function",
            Refused::PreGa => "ERR Pre-GA function format not supported",
            Refused::Code => "ERR failed loading the given functions payload",
        })
    })?;
    let loaded = core.load_function_libraries(&codes, policy);
    loaded.map_err(|text| Error::text(format!("ERR {text}")))?;
    changed(core, args);
    reply.ok();
    Ok(())
}

/// The libraries were changed by the command `args`: replicas and the append-only file hear of it.
fn changed(core: &mut Core, args: &Args<'_>) {
    core.dirty += 1;
    core.propagate(args);
}

/// FUNCTION LIST [LIBRARYNAME pattern] [WITHCODE]
pub fn list(core: &mut Core, args: &Args<'_>, reply: &mut Reply) -> Outcome {
    let (mut pattern, mut with_code, mut at) = (None, false, 2);
    while at < args.len() {
        if !with_code && args.is(at, "withcode") {
            with_code = true;
        } else if pattern.is_none() && args.is(at, "libraryname") {
            at += 1;
            pattern = Some(*args.get(at).ok_or(NO_NAME)?);
        } else {
            let word = String::from_utf8_lossy(args[at]);
            return Err(Error::text(format!("ERR Unknown argument {word}")));
        }
        at += 1;
    }
    let wanted = |library: &&Library| {
        pattern.is_none_or(|pattern| matches(pattern, library.name.as_bytes(), Case::Insensitive))
    };
    let libraries: Vec<&Library> = core.scripting.engine.libraries().filter(wanted).collect();
    reply.array(libraries.len());
    for library in libraries {
        describe(library, with_code, reply);
    }
    Ok(())
}

fn describe(library: &Library, with_code: bool, reply: &mut Reply) {
    reply.map(if with_code { 4 } else { 3 });
    reply.bulk(b"library_name");
    reply.bulk(library.name.as_bytes());
    reply.bulk(b"engine");
    reply.bulk(b"LUA");
    reply.bulk(b"functions");
    reply.array(library.functions.len());
    for function in &library.functions {
        reply.map(3);
        reply.bulk(b"name");
        reply.bulk(function.name.as_bytes());
        reply.bulk(b"description");
        match &function.description {
            Some(description) => reply.bulk(description),
            None => reply.null(),
        }
        reply.bulk(b"flags");
        reply.set(function.flags.names().count());
        function.flags.names().for_each(|name| reply.simple(name));
    }
    if with_code {
        reply.bulk(b"library_code");
        reply.blob(&library.code);
    }
}

/// For FUNCTION STATS: the function that takes too long, and the number of all.
pub struct Functions {
    running: Option<Running>,
    libraries: usize,
    functions: usize,
}

/// A function that runs.
struct Running {
    name: String,
    words: Vec<Bytes>,
    ms: u64,
}

impl Functions {
    /// A look at `core`; an error while EVAL's script takes too long there.
    pub fn look(core: &Core) -> Result<Functions, Error> {
        if let Some(busy) = core.busy_forbids(0).filter(|_| core.is_eval_standing()) {
            return Err(busy);
        }
        let running = core.standing_script().map(|(words, name, ms)| {
            let (name, words) = (name.to_owned(), words.to_vec());
            Running { name, words, ms }
        });
        let usage = core.scripting.engine.usage();
        Ok(Functions { running, libraries: usage.libraries, functions: usage.functions })
    }

    /// Adds what another core runs; all have the same functions. One that runs is shown.
    pub fn merge(&mut self, other: Functions) {
        if self.running.is_none() {
            self.running = other.running;
        }
    }

    /// Writes the reply.
    pub fn write(&self, reply: &mut Reply) {
        reply.map(2);
        reply.bulk(b"running_script");
        match &self.running {
            Some(running) => {
                reply.map(3);
                reply.bulk(b"name");
                reply.bulk(running.name.as_bytes());
                reply.bulk(b"command");
                reply.array(running.words.len());
                running.words.iter().for_each(|word| reply.blob(word));
                reply.bulk(b"duration_ms");
                reply.integer(running.ms as i64);
            }
            None => reply.null(),
        }
        reply.bulk(b"engines");
        reply.map(1);
        reply.bulk(b"LUA");
        reply.map(2);
        reply.bulk(b"libraries_count");
        reply.integer(self.libraries as i64);
        reply.bulk(b"functions_count");
        reply.integer(self.functions as i64);
    }
}
