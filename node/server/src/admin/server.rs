//! Commands about the server as a whole: TIME, ROLE, SHUTDOWN, LOLWUT, ...

use commands::{Error, Outcome, error};

use super::{Call, REDIS_VERSION};
use crate::clock;
use crate::config::shutdown::{FORCE, NOSAVE, NOW, SAVE};
use crate::log::notice;
use crate::shutdown::NONE_ASKED;

const NO_SWAPDB: Error = Error::new("ERR SWAPDB is not allowed in cluster mode");

/// The words of SHUTDOWN, but for ABORT.
const SHUTDOWN_WORDS: &[(&str, u32)] = &[("save", SAVE), ("nosave", NOSAVE), ("now", NOW), ("force", FORCE)];

/// TIME: unix seconds and microseconds.
pub fn time(call: &mut Call<'_>) -> Outcome {
    let now = call.core.scripting.time_us().unwrap_or_else(clock::unix_us);
    call.client.reply.array(2);
    call.client.reply.bulk_integer((now / 1_000_000) as i64);
    call.client.reply.bulk_integer((now % 1_000_000) as i64);
    Ok(())
}

/// SWAPDB: a cluster node has one database.
pub fn swapdb(_call: &mut Call<'_>) -> Outcome {
    Err(NO_SWAPDB)
}

/// SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT]
pub fn shutdown(call: &mut Call<'_>) -> Outcome {
    let words = &call.args[1..];
    let given = |name: &str| words.iter().any(|word| word.eq_ignore_ascii_case(name.as_bytes()));
    let known = |word: &&[u8]| {
        SHUTDOWN_WORDS.iter().any(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes())) || is_abort(word)
    };
    let flags =
        SHUTDOWN_WORDS.iter().filter(|(name, _)| given(name)).fold(0, |flags, (_, flag)| flags | flag);
    let contradicts = flags & SAVE != 0 && flags & NOSAVE != 0;
    if !words.iter().all(known) || contradicts || (given("abort") && words.len() > 1) {
        return Err(error::SYNTAX);
    }
    if given("abort") {
        if !call.core.process.shutdown.withdraw() {
            return Err(NONE_ASKED);
        }
        notice!("Shutdown manually aborted.");
        call.core.process.wake_cores();
        call.client.reply.ok();
        return Ok(());
    }
    if let Some(busy) = call.core.busy_forbids(0).filter(|_| flags & NOSAVE == 0) {
        return Err(busy);
    }
    notice!("User requested shutdown...");
    let session = call.core.session(call.client);
    call.client.blocked = true;
    call.core.ask_shutdown(session, flags);
    Ok(())
}

fn is_abort(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"abort")
}

/// LOLWUT [VERSION n] [columns [rows]]: core after core around the ring.
pub fn lolwut(call: &mut Call<'_>) -> Outcome {
    let cores = call.core.mesh.cores();
    let mut text = String::from("\n");
    let side = 21i32;
    for y in 0..side / 2 + 1 {
        for x in 0..side * 2 {
            let (dx, dy) =
                (f64::from(x) / 2.0 - f64::from(side) / 2.0, f64::from(y * 2) - f64::from(side) / 2.0);
            let distance = dx.hypot(dy);
            let angle = (dy.atan2(dx) / std::f64::consts::TAU + 0.5) * cores as f64;
            let owner = (angle as usize).min(cores.saturating_sub(1));
            let on_ring = (7.0..9.5).contains(&distance);
            text.push(if on_ring { (b'a' + (owner % 26) as u8) as char } else { ' ' });
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text.push_str(&format!("\n{cores} masters, one ring. Redis ver. {REDIS_VERSION}\n"));
    call.client.reply.verbatim("txt", &text);
    Ok(())
}
