//! CLIENT TRACKING, CACHING, GETREDIR, TRACKINGINFO.

use std::collections::BTreeSet;

use bytes::Bytes;
use commands::{Error, Outcome, error};

use super::Call;
use crate::client::Door;
use crate::core::blocking::SessionId;
use crate::tracking::{Mode, Wishes};

const PREFIX_WITHOUT_BROADCAST: Error = Error::new("ERR PREFIX option requires BCAST mode to be enabled");
const BROADCAST_SWITCHED: Error = Error::new(
    "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with \
     a different mode.",
);
const BROADCAST_WITH_OPTIONS: Error = Error::new("ERR OPTIN and OPTOUT are not compatible with BCAST");
const BOTH_OPTIONS: Error = Error::new("ERR You can't specify both OPTIN mode and OPTOUT mode");
const OPTION_SWITCHED: Error = Error::new(
    "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with \
     a different mode.",
);
const REDIRECTED_TWICE: Error = Error::new("ERR A client can only redirect to a single other client");
const NO_SUCH_TARGET: Error = Error::new("ERR The client ID you want redirect to does not exist");
const CACHING_WITHOUT_MODE: Error = Error::new(
    "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
);
const CACHING_YES: Error =
    Error::new("ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.");
const CACHING_NO: Error =
    Error::new("ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.");

/// The options of CLIENT TRACKING.
#[derive(Default)]
struct Options {
    redirect: Option<(u64, SessionId)>,
    broadcast: bool,
    opt_in: bool,
    opt_out: bool,
    no_loop: bool,
    prefixes: Vec<Bytes>,
}

/// CLIENT TRACKING ON | OFF [REDIRECT id] [PREFIX prefix ...] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]
pub fn tracking(call: &mut Call<'_>) -> Outcome {
    let options = parse(call)?;
    if call.args.is(2, "on") {
        let ingress = call.client.door == Door::Ingress;
        let wishes = Wishes { ingress, ..wishes(options, call.core.tracking.of(call.client.index))? };
        call.client.tracks_reads = wishes.mode != Mode::Broadcast;
        call.core.track(call.core.session(call.client), wishes);
    } else if call.args.is(2, "off") {
        call.core.stop_tracking(call.client);
    } else {
        return Err(error::SYNTAX);
    }
    call.client.reply.ok();
    Ok(())
}

fn parse(call: &Call<'_>) -> Result<Options, Error> {
    let args = call.args;
    let mut options = Options::default();
    let mut at = 3;
    while at < args.len() {
        let more = at + 1 < args.len();
        if args.is(at, "redirect") && more {
            at += 1;
            if options.redirect.is_some() {
                return Err(REDIRECTED_TWICE);
            }
            options.redirect = Some(target(call, args.integer(at)?)?);
        } else if args.is(at, "prefix") && more {
            at += 1;
            options.prefixes.push(args.to_bytes(at));
        } else if args.is(at, "bcast") {
            options.broadcast = true;
        } else if args.is(at, "optin") {
            options.opt_in = true;
        } else if args.is(at, "optout") {
            options.opt_out = true;
        } else if args.is(at, "noloop") {
            options.no_loop = true;
        } else {
            return Err(error::SYNTAX);
        }
        at += 1;
    }
    Ok(options)
}

/// The connection of number `id`. It has to be of this core: on the ingress, a sibling may have accepted it.
fn target(call: &Call<'_>, id: i64) -> Result<(u64, SessionId), Error> {
    let id = u64::try_from(id).map_err(|_| NO_SUCH_TARGET)?;
    let found = call.core.clients.iter().chain([&*call.client]).find(|client| client.id == id);
    found.map(|client| (id, call.core.session(client))).ok_or(NO_SUCH_TARGET)
}

/// What the options ask for, if they go together and with what the client asked for before.
fn wishes(options: Options, before: Option<&Wishes>) -> Result<Wishes, Error> {
    if !options.broadcast && !options.prefixes.is_empty() {
        return Err(PREFIX_WITHOUT_BROADCAST);
    }
    if before.is_some_and(|before| (before.mode == Mode::Broadcast) != options.broadcast) {
        return Err(BROADCAST_SWITCHED);
    }
    let mode = match (options.broadcast, options.opt_in, options.opt_out) {
        (true, false, false) => Mode::Broadcast,
        (true, ..) => return Err(BROADCAST_WITH_OPTIONS),
        (false, true, true) => return Err(BOTH_OPTIONS),
        (false, true, false) => Mode::OptIn,
        (false, false, true) => Mode::OptOut,
        (false, false, false) => Mode::All,
    };
    if before
        .is_some_and(|b| matches!((mode, b.mode), (Mode::OptIn, Mode::OptOut) | (Mode::OptOut, Mode::OptIn)))
    {
        return Err(OPTION_SWITCHED);
    }
    let mut prefixes = before.map(|before| before.prefixes.clone()).unwrap_or_default();
    if mode == Mode::Broadcast {
        add_prefixes(&mut prefixes, options.prefixes)?;
    }
    let Options { redirect, no_loop, .. } = options;
    Ok(Wishes { mode, no_loop, redirect, prefixes, ..Wishes::default() })
}

/// Adds prefixes, none of which may begin with another one; none at all is the empty one.
fn add_prefixes(prefixes: &mut BTreeSet<Bytes>, new: Vec<Bytes>) -> Outcome {
    let overlap = |a: &Bytes, b: &Bytes| a.starts_with(b) || b.starts_with(a);
    let refuse = |new: &Bytes, what: &str, old: &Bytes| {
        let (new, old) = (String::from_utf8_lossy(new), String::from_utf8_lossy(old));
        Error::text(format!(
            "ERR Prefix '{new}' overlaps with {what} prefix '{old}'. Prefixes for a single client must not overlap."
        ))
    };
    for (i, prefix) in new.iter().enumerate() {
        if let Some(old) = prefixes.iter().find(|old| overlap(old, prefix)) {
            return Err(refuse(prefix, "an existing", old));
        }
        if let Some(other) = new[i + 1..].iter().find(|other| overlap(other, prefix)) {
            return Err(refuse(prefix, "another provided", other));
        }
    }
    if new.is_empty() {
        prefixes.insert(Bytes::new());
    }
    prefixes.extend(new);
    Ok(())
}

/// CLIENT CACHING YES | NO
pub fn caching(call: &mut Call<'_>) -> Outcome {
    let wishes = call.core.tracking.of_mut(call.client.index).ok_or(CACHING_WITHOUT_MODE)?;
    if call.args.is(2, "yes") {
        if wishes.mode != Mode::OptIn {
            return Err(CACHING_YES);
        }
    } else if call.args.is(2, "no") {
        if wishes.mode != Mode::OptOut {
            return Err(CACHING_NO);
        }
    } else {
        return Err(error::SYNTAX);
    }
    wishes.caching = true;
    call.client.reply.ok();
    Ok(())
}

/// CLIENT GETREDIR
pub fn getredir(call: &mut Call<'_>) -> Outcome {
    let id = call.core.tracking.redirection(call.client.index);
    call.client.reply.integer(id);
    Ok(())
}

/// CLIENT TRACKINGINFO
pub fn trackinginfo(call: &mut Call<'_>) -> Outcome {
    let (wishes, reply) = (call.core.tracking.of(call.client.index), &mut call.client.reply);
    let flags = flags(wishes);
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"redirect");
    reply.integer(call.core.tracking.redirection(call.client.index));
    reply.bulk(b"prefixes");
    reply.array(wishes.map_or(0, |wishes| wishes.prefixes.len()));
    wishes.iter().flat_map(|wishes| &wishes.prefixes).for_each(|prefix| reply.bulk(prefix));
    Ok(())
}

fn flags(wishes: Option<&Wishes>) -> Vec<&'static str> {
    let Some(wishes) = wishes else { return vec!["off"] };
    let mut flags = vec!["on"];
    flags.extend(match wishes.mode {
        Mode::All => None,
        Mode::Broadcast => Some("bcast"),
        Mode::OptIn => Some("optin"),
        Mode::OptOut => Some("optout"),
    });
    flags.extend(match wishes.mode {
        Mode::OptIn if wishes.caching => Some("caching-yes"),
        Mode::OptOut if wishes.caching => Some("caching-no"),
        _ => None,
    });
    flags.extend(wishes.no_loop.then_some("noloop"));
    flags.extend(wishes.broken.then_some("broken_redirect"));
    flags
}
