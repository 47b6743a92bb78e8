//! The functions of the table `redis`, called `server` too.
//!
//! Source: the scripting manual, "Lua API reference".

use resp::{Proto, Segment};
use sha1_smol::Sha1;

use crate::convert::{error_text, push_reply};
use crate::lua::{Fail, Kind, Native, Stack};
use crate::number::as_integer;
use crate::step::{Answer, Call, LogLevel, Spread, Step};

/// Functions that scripts find under both names.
pub(crate) const COMMON: &[(&str, Native)] = &[
    ("call", call),
    ("pcall", pcall),
    ("log", log),
    ("setresp", setresp),
    ("sha1hex", sha1hex),
    ("error_reply", error_reply),
    ("status_reply", status_reply),
    ("set_repl", set_repl),
    ("acl_check_cmd", acl_check_cmd),
];

/// Functions of EVAL alone.
pub(crate) const EVAL_ONLY: &[(&str, Native)] =
    &[("breakpoint", breakpoint), ("debug", debug), ("replicate_commands", replicate_commands)];

/// Functions of a library while it is loaded.
pub(crate) const LOAD_ONLY: &[(&str, Native)] =
    &[("register_function", crate::functions::register_function), ("log", log)];

const SPREAD_AOF: i64 = 1;
const SPREAD_REPLICAS: i64 = 2;
const SPREAD_ALL: i64 = SPREAD_AOF | SPREAD_REPLICAS;

/// Numbers for [`set_repl`].
pub(crate) const SPREADS: &[(&str, i64)] = &[
    ("REPL_NONE", 0),
    ("REPL_AOF", SPREAD_AOF),
    ("REPL_SLAVE", SPREAD_REPLICAS),
    ("REPL_REPLICA", SPREAD_REPLICAS),
    ("REPL_ALL", SPREAD_ALL),
];

/// Numbers for [`log`].
pub(crate) const LOG_LEVELS: &[(&str, i64)] =
    &[("LOG_DEBUG", 0), ("LOG_VERBOSE", 1), ("LOG_NOTICE", 2), ("LOG_WARNING", 3)];

/// redis.call(command, ...): its reply; an error is raised.
fn call(stack: &mut Stack<'_>) -> Result<usize, Fail> {
    if run_command(stack)? { Ok(1) } else { Err(Fail::Top) }
}

/// redis.pcall(command, ...): its reply, also when it is an error.
fn pcall(stack: &mut Stack<'_>) -> Result<usize, Fail> {
    match run_command(stack) {
        Ok(_) => Ok(1),
        Err(Fail::Table(text)) => {
            stack.push_error_table(text.as_bytes());
            Ok(1)
        }
        Err(other) => Err(other),
    }
}

/// Has the core run the command in the arguments and pushes its reply; whether it is no error.
fn run_command(stack: &mut Stack<'_>) -> Result<bool, Fail> {
    let call = take_call(stack)?;
    let host = stack.host();
    let (mut call, is_good) = match host.line.ask(Step::Call(call)) {
        Some(Answer::Replied(call)) => {
            let is_good = push_flat(stack, &call);
            (call, is_good)
        }
        Some(Answer::Refused(call, text)) => {
            stack.push_error_table(text.as_bytes());
            let table = stack.top();
            stack.push_boolean(true);
            stack.set_field(table, "ignore_error_stats_update");
            (call, false)
        }
        _ => return Err(Fail::Table("ERR no script is running".to_owned())),
    };
    call.shrink();
    host.call.set(Some(call));
    Ok(is_good)
}

/// Pushes a call's reply; whether it is no error.
fn push_flat(stack: &mut Stack<'_>, call: &Call) -> bool {
    if let Some(bytes) = call.reply.as_plain() {
        push_reply(stack, bytes);
        return !bytes.starts_with(b"-");
    }
    let mut whole = Vec::with_capacity(call.reply.len());
    for segment in call.reply.segments() {
        whole.extend_from_slice(match segment {
            Segment::Bytes(bytes) => bytes,
            Segment::Blob(blob) => blob,
        });
    }
    push_reply(stack, &whole);
    true
}

/// The command in the arguments, which are taken off the stack.
fn take_call(stack: &mut Stack<'_>) -> Result<Box<Call>, Fail> {
    let host = stack.host();
    let words = stack.top();
    if words == 0 {
        return Err(Fail::Table("ERR Please specify at least one argument for this call".to_owned()));
    }
    let mut call = host.call.take().unwrap_or_default();
    call.begin(host.proto.get(), host.spread.get());
    for i in 1..=words {
        match stack.kind(i) {
            Kind::String => call.push(stack.bytes(i).unwrap_or_default()),
            Kind::Number => push_number(&mut call, stack.number(i).unwrap_or_default()),
            _ => {
                host.call.set(Some(call));
                return Err(Fail::Table("ERR Command arguments must be strings or integers".to_owned()));
            }
        }
    }
    stack.truncate(0);
    Ok(call)
}

/// A number as commands read it: whole ones plainly, others with all their digits.
fn push_number(call: &mut Call, number: f64) {
    match as_integer(number) {
        Some(integer) => call.push(resp::IntegerText::new(integer).as_bytes()),
        None => {
            let mut text = Vec::with_capacity(24);
            resp::format_double(number, &mut text);
            call.push(&text);
        }
    }
}

/// redis.acl_check_cmd(command, ...): whether the user may run it.
fn acl_check_cmd(stack: &mut Stack<'_>) -> Result<usize, Fail> {
    let call = take_call(stack)?;
    match stack.host().line.ask(Step::Permission(call)) {
        Some(Answer::Permission(Some(allowed))) => {
            stack.push_boolean(allowed);
            Ok(1)
        }
        _ => Err(Fail::Table("ERR Invalid command passed to server.acl_check_cmd()".to_owned())),
    }
}

/// redis.log(level, message, ...)
fn log(stack: &mut Stack<'_>) -> Result<usize, Fail> {
    let count = stack.top();
    if count < 2 {
        return Err(Fail::Table("ERR server.log() requires two arguments or more.".to_owned()));
    }
    let Some(level) = stack.number(1) else {
        return Err(Fail::Table("ERR First argument must be a number (log level).".to_owned()));
    };
    let level = match level as i64 {
        0 => LogLevel::Debug,
        1 => LogLevel::Verbose,
        2 => LogLevel::Notice,
        3 => LogLevel::Warning,
        _ => return Err(Fail::Table("ERR Invalid log level.".to_owned())),
    };
    let words: Vec<String> = (2..=count)
        .filter_map(|i| stack.text(i).map(|word| String::from_utf8_lossy(word).into_owned()))
        .collect();
    stack.host().line.ask(Step::Log(level, words.join(" ")));
    Ok(0)
}

/// redis.setresp(2 | 3): the protocol of replies from now on.
fn setresp(stack: &mut Stack<'_>) -> Result<usize, Fail> {
    if stack.top() != 1 {
        return Err(Fail::Table("ERR server.setresp() requires one argument.".to_owned()));
    }
    let proto = match stack.number(1).unwrap_or_default() as i64 {
        2 => Proto::Resp2,
        3 => Proto::Resp3,
        _ => return Err(Fail::Table("ERR RESP version must be 2 or 3.".to_owned())),
    };
    stack.host().proto.set(proto);
    Ok(0)
}

/// redis.sha1hex(text)
fn sha1hex(stack: &mut Stack<'_>) -> Result<usize, Fail> {
    if stack.top() != 1 {
        return Err(Fail::Table("ERR wrong number of arguments".to_owned()));
    }
    let digest = Sha1::from(stack.text(1).unwrap_or_default()).digest().to_string();
    stack.push_bytes(digest.as_bytes());
    Ok(1)
}

/// redis.error_reply(text): what a script returns to answer with an error.
fn error_reply(stack: &mut Stack<'_>) -> Result<usize, Fail> {
    let text = match stack.bytes(1) {
        Some(text) if stack.top() == 1 => error_text(text.strip_prefix(b"-").unwrap_or(text)),
        _ => b"ERR wrong number or type of arguments".to_vec(),
    };
    let end = text.iter().rposition(|b| !matches!(b, b'\r' | b'\n')).map_or(0, |last| last + 1);
    stack.push_error_table(&text[..end]);
    Ok(1)
}

/// redis.status_reply(text): what a script returns to answer with a status.
fn status_reply(stack: &mut Stack<'_>) -> Result<usize, Fail> {
    if stack.top() != 1 || stack.kind(1) != Kind::String {
        stack.push_error_table(b"ERR wrong number or type of arguments");
        return Ok(1);
    }
    stack.push_table(0, 1);
    stack.push_copy(1);
    stack.set_field(2, "ok");
    Ok(1)
}

/// redis.set_repl(flags): who is told of the effects of commands from now on.
fn set_repl(stack: &mut Stack<'_>) -> Result<usize, Fail> {
    if stack.top() != 1 {
        return Err(Fail::Table("ERR server.set_repl() requires one argument.".to_owned()));
    }
    let flags = stack.number(1).unwrap_or_default() as i64;
    if flags & !SPREAD_ALL != 0 {
        return Err(Fail::Table(
            "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.".to_owned(),
        ));
    }
    let spread = Spread { aof: flags & SPREAD_AOF != 0, replicas: flags & SPREAD_REPLICAS != 0 };
    stack.host().spread.set(spread);
    Ok(0)
}

/// redis.breakpoint(): there is no debugger to stop at it.
fn breakpoint(stack: &mut Stack<'_>) -> Result<usize, Fail> {
    stack.push_boolean(false);
    Ok(1)
}

/// redis.debug(...): there is no debugger to print to.
fn debug(_: &mut Stack<'_>) -> Result<usize, Fail> {
    Ok(0)
}

/// redis.replicate_commands(): effects are what is replicated, always.
fn replicate_commands(stack: &mut Stack<'_>) -> Result<usize, Fail> {
    stack.push_boolean(true);
    Ok(1)
}
