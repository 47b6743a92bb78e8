//! Commands about the server as a whole: TIME, ROLE, SHUTDOWN, LOLWUT, ...

use commands::{Error, Outcome, error};

use super::{Call, REDIS_VERSION};
use crate::clock;
use crate::log::notice;

const NO_SWAPDB: Error = Error::new("ERR SWAPDB is not allowed in cluster mode");

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
    let known = |word: &&[u8]| {
        ["nosave", "save", "now", "force", "abort"].iter().any(|w| word.eq_ignore_ascii_case(w.as_bytes()))
    };
    let given = |name: &str| words.iter().any(|word| word.eq_ignore_ascii_case(name.as_bytes()));
    if !words.iter().all(known) || (given("save") && given("nosave")) || (given("abort") && words.len() > 1) {
        return Err(error::SYNTAX);
    }
    if given("abort") {
        return Err(Error::new("ERR No shutdown in progress."));
    }
    if let Some(busy) = call.core.busy_forbids(0).filter(|_| !given("nosave")) {
        return Err(busy);
    }
    if given("save") {
        return Err(Error::new("ERR this version keeps no files: SHUTDOWN SAVE cannot save"));
    }
    notice!("User requested shutdown...");
    call.core.process.request_stop();
    Ok(())
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
