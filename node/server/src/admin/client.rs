//! CLIENT: the connections of this core.

use std::time::Duration;

use acl::Users;
use commands::{Args, Error, Outcome, error};
use resp::{Reply, parse_integer};

use super::{Call, connection};
use crate::client::{Answers, Client, Closing, Role, describe};
use crate::core::Core;
use crate::core::pause::What;
use crate::mesh::Message;

const NO_SUCH_CLIENT: Error = Error::new("ERR No such client");
const BAD_ID: Error = Error::new("ERR client-id should be greater than 0");
const BAD_PAUSE: Error = Error::new("ERR timeout is not an integer or out of range");
const NEGATIVE_PAUSE: Error = Error::new("ERR timeout is negative");

/// CLIENT ID
pub fn id(call: &mut Call<'_>) -> Outcome {
    call.client.reply.integer(call.client.id as i64);
    Ok(())
}

/// CLIENT INFO
pub fn info(call: &mut Call<'_>) -> Outcome {
    let line = describe(call.client, call.core) + "\n";
    call.client.reply.verbatim("txt", &line);
    Ok(())
}

/// The lines of CLIENT LIST [TYPE type] [ID id ...] for the connections of a core, by their numbers. `running` is the one
/// whose command this is.
pub fn lines(core: &Core, running: Option<&Client>, args: &Args<'_>) -> Result<Vec<(u64, String)>, Error> {
    let mut ids: Option<Vec<u64>> = None;
    let mut of_type = None;
    match args.len() {
        2 => {}
        4 if args.is(2, "type") => of_type = Some(parse_type(args, 3)?),
        _ if args.len() > 3 && args.is(2, "id") => ids = Some(parse_ids(args)?),
        _ => return Err(error::SYNTAX),
    }
    let wanted = |client: &Client| {
        // One that was shut goes as soon as the ring lets go of it.
        let is_here = client.closing != Closing::Now;
        is_here
            && of_type.is_none_or(|t| t.is_of(client))
            && ids.as_ref().is_none_or(|ids| ids.contains(&client.id))
    };
    let clients = core.clients.iter().chain(running).filter(|client| wanted(client));
    Ok(clients.map(|client| (client.id, describe(client, core))).collect())
}

/// Writes CLIENT LIST's lines, the oldest connection's first.
pub fn write_list(lines: &[(u64, String)], reply: &mut Reply) {
    let mut lines: Vec<&(u64, String)> = lines.iter().collect();
    lines.sort_by_key(|(id, _)| *id);
    let text: String = lines.into_iter().flat_map(|(_, line)| [line.as_str(), "\n"]).collect();
    reply.verbatim("txt", &text);
}

fn parse_ids(args: &Args<'_>) -> Result<Vec<u64>, Error> {
    let id = |word: &&[u8]| parse_integer(word).filter(|id| *id > 0).map(|id| id as u64);
    args[3..].iter().map(|word| id(word).ok_or(Error::new("ERR Invalid client ID"))).collect()
}

/// The types of clients that filters tell apart.
#[derive(Clone, Copy)]
enum ClientType {
    Normal,
    Subscriber,
    Replica,
    Master,
}

impl ClientType {
    fn is_of(self, client: &Client) -> bool {
        match self {
            ClientType::Normal => !client.subscriber && client.role == Role::Client,
            ClientType::Subscriber => client.subscriber,
            ClientType::Replica => client.role == Role::Replica,
            ClientType::Master => client.role == Role::Master,
        }
    }
}

/// The type named by word `index`.
fn parse_type(args: &Args<'_>, index: usize) -> Result<ClientType, Error> {
    match args[index].to_ascii_lowercase().as_slice() {
        b"normal" => Ok(ClientType::Normal),
        b"pubsub" => Ok(ClientType::Subscriber),
        b"master" | b"primary" => Ok(ClientType::Master),
        b"replica" | b"slave" => Ok(ClientType::Replica),
        _ => Err(Error::text(format!("ERR Unknown client type '{}'", String::from_utf8_lossy(args[index])))),
    }
}

/// What CLIENT KILL matches.
#[derive(Default)]
struct Filter<'a> {
    id: Option<u64>,
    peer: Option<&'a [u8]>,
    local: Option<&'a [u8]>,
    user: Option<&'a [u8]>,
    of_type: Option<ClientType>,
    older_than_ms: Option<u64>,
    spare_me: bool,
}

impl Filter<'_> {
    fn matches(&self, client: &Client, me: u64, now_ms: u64) -> bool {
        self.id.is_none_or(|id| client.id == id)
            && self.peer.is_none_or(|peer| client.peer.as_bytes() == peer)
            && self.local.is_none_or(|local| client.local.as_bytes() == local)
            && self.user.is_none_or(|user| client.user.name() == user)
            && self.of_type.is_none_or(|t| t.is_of(client))
            && self.older_than_ms.is_none_or(|ms| now_ms.saturating_sub(client.created_ms) >= ms)
            && !(self.spare_me && client.id == me)
    }
}

/// CLIENT KILL address | filter value [filter value ...]
pub fn kill(call: &mut Call<'_>) -> Outcome {
    let args = call.args;
    let old_form = args.len() == 3;
    let filter = if old_form {
        Filter { peer: Some(args[2]), ..Filter::default() }
    } else {
        parse_filter(args, &call.core.users)?
    };
    let (me, now_ms) = (call.client.id, call.core.now_ms);
    let mut killed = 0;
    // One that was shut is going anyway.
    let stays = |client: &Client| client.closing != Closing::Now && filter.matches(client, me, now_ms);
    for client in call.core.clients.iter_mut().filter(|client| stays(client)) {
        client.shut();
        killed += 1;
    }
    if !call.client.is_stand_in() && filter.matches(call.client, me, now_ms) {
        call.client.closing = Closing::AfterReply;
        killed += 1;
    }
    match (old_form, killed) {
        (true, 0) => return Err(NO_SUCH_CLIENT),
        (true, _) => call.client.reply.ok(),
        (false, _) => call.client.reply.integer(killed),
    }
    Ok(())
}

fn parse_filter<'a>(args: &Args<'a>, users: &Users) -> Result<Filter<'a>, Error> {
    if !args.len().is_multiple_of(2) {
        return Err(error::SYNTAX);
    }
    let mut filter = Filter { spare_me: true, ..Filter::default() };
    for at in (2..args.len()).step_by(2) {
        let value = args[at + 1];
        match args[at].to_ascii_lowercase().as_slice() {
            b"id" => {
                filter.id = Some(parse_integer(value).filter(|id| *id > 0).ok_or(BAD_ID)? as u64);
            }
            b"addr" => filter.peer = Some(value),
            b"laddr" => filter.local = Some(value),
            b"user" if users.get(value).is_some() => filter.user = Some(value),
            b"user" => {
                return Err(Error::text(format!("ERR No such user '{}'", String::from_utf8_lossy(value))));
            }
            b"type" => filter.of_type = Some(parse_type(args, at + 1)?),
            b"maxage" => {
                let seconds =
                    parse_integer(value).ok_or(Error::new("ERR maxage is not an integer or out of range"))?;
                let seconds = u64::try_from(seconds).ok().filter(|s| *s > 0);
                filter.older_than_ms =
                    Some(seconds.ok_or(Error::new("ERR maxage should be greater than 0"))? * 1000);
            }
            b"skipme" if value.eq_ignore_ascii_case(b"yes") => filter.spare_me = true,
            b"skipme" if value.eq_ignore_ascii_case(b"no") => filter.spare_me = false,
            _ => return Err(error::SYNTAX),
        }
    }
    Ok(filter)
}

/// CLIENT SETNAME name
pub fn setname(call: &mut Call<'_>) -> Outcome {
    connection::check_name(call.args[2])?;
    call.client.name = call.args.to_bytes(2);
    call.client.reply.ok();
    Ok(())
}

/// CLIENT GETNAME
pub fn getname(call: &mut Call<'_>) -> Outcome {
    let name = call.client.name.clone();
    if name.is_empty() {
        call.client.reply.null()
    } else {
        call.client.reply.bulk(&name)
    }
    Ok(())
}

/// CLIENT SETINFO LIB-NAME | LIB-VER value
pub fn setinfo(call: &mut Call<'_>) -> Outcome {
    let attribute = String::from_utf8_lossy(call.args[2]).to_ascii_lowercase();
    if !matches!(attribute.as_str(), "lib-name" | "lib-ver") {
        let given = String::from_utf8_lossy(call.args[2]);
        return Err(Error::text(format!("ERR Unrecognized option '{given}'")));
    }
    if connection::check_name(call.args[3]).is_err() {
        let given = String::from_utf8_lossy(call.args[2]);
        return Err(Error::text(format!(
            "ERR {given} cannot contain spaces, newlines or special characters."
        )));
    }
    let value = call.args.to_bytes(3);
    if attribute == "lib-name" {
        call.client.lib_name = value
    } else {
        call.client.lib_version = value
    }
    call.client.reply.ok();
    Ok(())
}

/// CLIENT CAPA capability [capability ...]: `redirect` is the only one, and unknown ones are ignored.
pub fn capa(call: &mut Call<'_>) -> Outcome {
    call.client.redirects |= (2..call.args.len()).any(|i| call.args.is(i, "redirect"));
    call.client.reply.ok();
    Ok(())
}

/// CLIENT REPLY ON | OFF | SKIP
pub fn reply(call: &mut Call<'_>) -> Outcome {
    if call.args.is(2, "on") {
        call.client.answers = Answers::On;
        call.client.reply.ok();
    } else if call.args.is(2, "off") {
        call.client.answers = Answers::Off;
    } else if call.args.is(2, "skip") {
        if call.client.answers == Answers::On {
            call.client.answers = Answers::SkipNext;
        }
    } else {
        return Err(error::SYNTAX);
    }
    Ok(())
}

fn on_off(call: &Call<'_>) -> Result<bool, Error> {
    match (call.args.is(2, "on"), call.args.is(2, "off")) {
        (true, _) => Ok(true),
        (_, true) => Ok(false),
        _ => Err(error::SYNTAX),
    }
}

/// CLIENT NO-EVICT ON | OFF
pub fn no_evict(call: &mut Call<'_>) -> Outcome {
    call.client.no_evict = on_off(call)?;
    call.client.reply.ok();
    Ok(())
}

/// CLIENT NO-TOUCH ON | OFF
pub fn no_touch(call: &mut Call<'_>) -> Outcome {
    call.client.no_touch = on_off(call)?;
    call.client.reply.ok();
    Ok(())
}

/// CLIENT PAUSE timeout [WRITE | ALL]
pub fn pause(call: &mut Call<'_>) -> Outcome {
    let what = match call.args.len() {
        3 => What::All,
        4 if call.args.is(3, "all") => What::All,
        4 if call.args.is(3, "write") => What::Writes,
        4 => return Err(Error::new("ERR CLIENT PAUSE mode must be WRITE or ALL")),
        _ => return Err(error::SYNTAX),
    };
    let ms = parse_integer(call.args[2]).ok_or(BAD_PAUSE)?;
    let ms = u64::try_from(ms).map_err(|_| NEGATIVE_PAUSE)?;
    let now_ms = call.core.now_ms;
    let until =
        now_ms.checked_add(Duration::from_millis(ms).as_millis() as u64).filter(|t| *t < i64::MAX as u64);
    call.core.pause.start(until.ok_or(BAD_PAUSE)?, what, now_ms);
    call.core.update_overdue();
    call.client.reply.ok();
    Ok(())
}

/// CLIENT UNPAUSE
pub fn unpause(call: &mut Call<'_>) -> Outcome {
    call.core.pause.stop();
    call.core.update_overdue();
    call.core.resume_paused();
    call.client.reply.ok();
    Ok(())
}

/// CLIENT UNBLOCK id [TIMEOUT | ERROR]
pub fn unblock(call: &mut Call<'_>) -> Outcome {
    let with_error = match call.args.len() {
        3 => false,
        4 if call.args.is(3, "timeout") => false,
        4 if call.args.is(3, "error") => true,
        _ => return Err(Error::new("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")),
    };
    let id = call.args.integer(2)?;
    let core = &*call.core;
    let waits =
        |client: &&Client| client.blocked && core.may_unblock(core.session(client)) || client.awaits_sibling;
    let client = call.core.clients.iter().find(|client| client.id as i64 == id).filter(waits);
    let waiting = client.map(|client| (call.core.session(client), client.awaits_sibling));
    if let Some((session, elsewhere)) = waiting {
        call.core.unblock(session, with_error);
        if elsewhere {
            for core in call.core.mesh.siblings() {
                call.core.mesh.send_in_order(core, Message::Unblock { session, with_error });
            }
        }
    }
    call.client.reply.integer(i64::from(waiting.is_some()));
    Ok(())
}
