//! The connection's own commands: AUTH, HELLO, PING, ECHO, QUIT, RESET, SELECT, READONLY, ASKING.

use commands::{Error, Outcome, error};
use resp::{Proto, Reply, parse_integer};

use super::{Call, REDIS_VERSION};
use crate::client::{Answers, Closing};
use crate::core::Core;
use crate::core::access::Access;

const WRONG_PASSWORD: Error = Error::new("WRONGPASS invalid username-password pair or user is disabled.");
const NO_PASSWORD_SET: Error = Error::new(
    "ERR AUTH <password> called without any password configured for the default user. Are you sure your \
     configuration is correct?",
);
const NO_PROTO: Error = Error::new("NOPROTO unsupported protocol version");
const HELLO_NEEDS_AUTH: Error = Error::new(
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> \
     <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
);
const BAD_NAME: Error = Error::new("ERR Client names cannot contain spaces, newlines or special characters.");
const NO_SUCH_DB: Error = Error::new("ERR SELECT is not allowed in cluster mode");
const DB_OUT_OF_RANGE: Error = Error::new("ERR DB index is out of range");

/// AUTH password | user password
pub fn auth(call: &mut Call<'_>) -> Outcome {
    let args = call.args;
    let (user, password) = match args.len() {
        2 if call.core.users.default_user().needs_no_password() => return Err(NO_PASSWORD_SET),
        2 => (acl::DEFAULT, args[1]),
        3 => (args[1], args[2]),
        _ => return Err(error::SYNTAX),
    };
    log_in(call, user, password)?;
    call.client.reply.ok();
    Ok(())
}

fn log_in(call: &mut Call<'_>, user: &[u8], password: &[u8]) -> Outcome {
    let right = call.core.log_in(call.client, call.args, user, password);
    if right { Ok(()) } else { Err(WRONG_PASSWORD) }
}

/// What HELLO's options ask for.
#[derive(Default)]
struct Hello<'a> {
    user: Option<(&'a [u8], &'a [u8])>,
    name: Option<usize>,
}

/// HELLO [version [AUTH user password] [SETNAME name]]
pub fn hello(call: &mut Call<'_>) -> Outcome {
    let args = call.args;
    let proto = match args.get(1).map(|text| parse_integer(text)) {
        None => call.client.proto(),
        Some(Some(2)) => Proto::Resp2,
        Some(Some(3)) => Proto::Resp3,
        Some(Some(_)) => return Err(NO_PROTO),
        Some(None) => return Err(Error::new("ERR Protocol version is not an integer or out of range")),
    };
    let mut options = Hello::default();
    let mut at = 2;
    while at < args.len() {
        if args.is(at, "auth") && at + 2 < args.len() {
            options.user = Some((args[at + 1], args[at + 2]));
            at += 3;
        } else if args.is(at, "setname") && at + 1 < args.len() {
            check_name(args[at + 1])?;
            options.name = Some(at + 1);
            at += 2;
        } else {
            let option = String::from_utf8_lossy(args[at]);
            return Err(Error::text(format!("ERR Syntax error in HELLO option '{option}'")));
        }
    }
    if let Some((user, password)) = options.user {
        log_in(call, user, password)?;
    }
    if call.client.access == Access::Unknown {
        return Err(HELLO_NEEDS_AUTH);
    }
    if let Some(index) = options.name {
        call.client.name = args.to_bytes(index);
    }
    call.client.reply.proto = proto;
    let (id, role) = (call.client.id, role_name(call.core));
    describe_server(&mut call.client.reply, id, role);
    Ok(())
}

fn role_name(core: &Core) -> &'static str {
    if core.cluster.myself().is_replica() { "replica" } else { "master" }
}

fn describe_server(reply: &mut Reply, id: u64, role: &str) {
    reply.map(7);
    for (name, value) in [("server", "redis"), ("version", REDIS_VERSION)] {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"proto");
    reply.integer(if reply.proto == Proto::Resp3 { 3 } else { 2 });
    reply.bulk(b"id");
    reply.integer(id as i64);
    for (name, value) in [("mode", "cluster"), ("role", role)] {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"modules");
    reply.array(0);
}

/// A name or other attribute of a client: printable, without spaces.
pub fn check_name(name: &[u8]) -> Result<(), Error> {
    if name.iter().all(|b| (b'!'..=b'~').contains(b)) { Ok(()) } else { Err(BAD_NAME) }
}

/// PING [message]; a RESP2 client with subscriptions gets an array, as its messages are.
pub fn ping(call: &mut Call<'_>) -> Outcome {
    match call.args.len() {
        1 | 2 if call.client.subscriber && call.client.proto() == Proto::Resp2 => {
            call.client.reply.array(2);
            call.client.reply.bulk(b"pong");
            call.client.reply.bulk(call.args.get(1).copied().unwrap_or_default());
        }
        1 => call.client.reply.simple("PONG"),
        2 => call.client.reply.bulk(call.args[1]),
        _ => return Err(error::wrong_arity("ping")),
    }
    Ok(())
}

/// ECHO message
pub fn echo(call: &mut Call<'_>) -> Outcome {
    call.client.reply.bulk(call.args[1]);
    Ok(())
}

/// QUIT
pub fn quit(call: &mut Call<'_>) -> Outcome {
    call.client.reply.ok();
    call.client.closing = Closing::AfterReply;
    Ok(())
}

/// RESET
pub fn reset(call: &mut Call<'_>) -> Outcome {
    super::transaction::drop_transaction(call);
    call.core.forget_subscriptions(call.client);
    call.core.forget_monitor(call.client);
    call.core.stop_tracking(call.client);
    let client = &mut *call.client;
    client.reply.proto = Proto::Resp2;
    client.name = bytes::Bytes::new();
    (client.readonly, client.asking, client.no_evict, client.no_touch) = (false, false, false, false);
    client.answers = Answers::On;
    call.core.welcome(client);
    client.reply.simple("RESET");
    Ok(())
}

/// SELECT index: 0 is the only database of a cluster node.
pub fn select(call: &mut Call<'_>) -> Outcome {
    match call.args.integer(1)? {
        0 => call.client.reply.ok(),
        index if !(0..16).contains(&index) => return Err(DB_OUT_OF_RANGE),
        _ => return Err(NO_SUCH_DB),
    }
    Ok(())
}

/// READONLY
pub fn readonly(call: &mut Call<'_>) -> Outcome {
    call.client.readonly = true;
    call.client.reply.ok();
    Ok(())
}

/// READWRITE
pub fn readwrite(call: &mut Call<'_>) -> Outcome {
    call.client.readonly = false;
    call.client.reply.ok();
    Ok(())
}

/// ASKING
pub fn asking(call: &mut Call<'_>) -> Outcome {
    call.client.asking = true;
    call.client.reply.ok();
    Ok(())
}
