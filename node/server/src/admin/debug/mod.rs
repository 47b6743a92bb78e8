//! DEBUG: what tests need to look inside and to make rare things happen. Off unless `enable-debug-command`
//! allows it, since it can stop a core for as long as a client likes.
//!
//! A subcommand is a row of [`ROWS`]; DEBUG HELP and the checks of arguments come from the rows.

pub mod digest;
mod files;
mod keys;
mod protocol;

use std::ops::RangeInclusive;
use std::thread;
use std::time::Duration;

use commands::glob::{self, Case};
use commands::{Args, Error, Outcome};
use resp::parse_integer;

use super::{Call, config, help, view};
use crate::ingress::Combine;
use crate::log::warning;

const BAD_THRESHOLD: Error =
    Error::new("ERR argument must be a memory value bigger than 1 and smaller than 4gb");

/// A subcommand.
struct Row {
    name: &'static str,
    /// How many words there may be behind its name.
    words: RangeInclusive<usize>,
    /// Those words, for HELP.
    usage: &'static str,
    summary: &'static str,
    /// On the ingress: how what the cores answer becomes one; the core that is asked answers alone where there is none.
    process: Option<Combine>,
    run: fn(&mut Call<'_>) -> Outcome,
}

/// The subcommands, but for HELP.
const ROWS: &[Row] = &[
    Row {
        name: "aof-flush-sleep",
        words: 1..=1,
        usage: "<microseconds>",
        summary: "Waits before each write to the append-only file.",
        process: Some(Combine::Ok),
        run: files::flush_sleep,
    },
    Row {
        name: "change-repl-id",
        words: 0..=0,
        usage: "",
        summary: "Gives the stream new replication IDs, so that no replica can go on with it.",
        process: Some(Combine::Ok),
        run: change_repl_id,
    },
    Row {
        name: "close-cluster-link-on-packet-drop",
        words: 1..=1,
        usage: "<0|1>",
        summary: "Whether a bus link is closed when the packet filter drops a packet.",
        process: Some(Combine::Ok),
        run: close_link_on_drop,
    },
    Row {
        name: "clusterlink",
        words: 3..=3,
        usage: "KILL <to|from|all> <node-id>",
        summary: "Closes the bus links with a node.",
        process: None,
        run: kill_link,
    },
    Row {
        name: "config-rewrite-force-all",
        words: 0..=0,
        usage: "",
        summary: "CONFIG REWRITE with every directive, also those at their default.",
        process: None,
        run: config::rewrite_all,
    },
    Row {
        name: "dict-resizing",
        words: 1..=1,
        usage: "<0|1>",
        summary: "Accepted: tables here grow in small steps and never resize as a whole.",
        process: None,
        run: accept_flag,
    },
    Row {
        name: "digest",
        words: 0..=0,
        usage: "",
        summary: "A hash of all data, the same for the same data.",
        process: None,
        run: view::show,
    },
    Row {
        name: "digest-value",
        words: 0..=usize::MAX,
        usage: "<key> [<key> ...]",
        summary: "A hash of each of the values.",
        process: None,
        run: view::show,
    },
    Row {
        name: "drop-cluster-packet-filter",
        words: 1..=1,
        usage: "<packet-type>",
        summary: "Drops bus packets of this type; -1 drops none.",
        process: Some(Combine::Ok),
        run: drop_packets,
    },
    Row {
        name: "error",
        words: 1..=1,
        usage: "<text>",
        summary: "Answers with this error.",
        process: None,
        run: protocol::error,
    },
    Row {
        name: "htstats",
        words: 1..=2,
        usage: "<db> [full]",
        summary: "Figures of the tables of keys.",
        process: None,
        run: keys::tables,
    },
    Row {
        name: "loadaof",
        words: 0..=0,
        usage: "",
        summary: "Forgets all keys and loads the append-only file.",
        process: Some(Combine::Ok),
        run: files::load_log,
    },
    Row {
        name: "log",
        words: 1..=1,
        usage: "<text>",
        summary: "Writes a line to the log.",
        process: None,
        run: log,
    },
    Row {
        name: "object",
        words: 1..=2,
        usage: "<key> [fast]",
        summary: "How a key's value is kept.",
        process: Some(Combine::Any),
        run: keys::object,
    },
    Row {
        name: "pause-cron",
        words: 1..=1,
        usage: "<0|1>",
        summary: "Stops background work, or lets it go on.",
        process: Some(Combine::Ok),
        run: pause_cron,
    },
    Row {
        name: "populate",
        words: 1..=3,
        usage: "<count> [<prefix>] [<size>]",
        summary: "Sets keys prefix:0, prefix:1, ... that are not there yet, whoever owns their slots.",
        process: Some(Combine::Ok),
        run: keys::populate,
    },
    Row {
        name: "protocol",
        words: 1..=1,
        usage: "<type>",
        summary: protocol::SUMMARY,
        process: None,
        run: protocol::protocol,
    },
    Row {
        name: "quicklist-packed-threshold",
        words: 1..=1,
        usage: "<size>",
        summary: "From which size on an element of a list has a node of its own; 0 is the default.",
        process: Some(Combine::Ok),
        run: packed_threshold,
    },
    Row {
        name: "reload",
        words: 0..=3,
        usage: "[MERGE] [NOFLUSH] [NOSAVE]",
        summary: "Saves the keys, forgets them and loads the file, or does without a part of that.",
        process: Some(Combine::Ok),
        run: files::reload,
    },
    Row {
        name: "replybuffer",
        words: 2..=2,
        usage: "<PEAK-RESET-TIME|RESIZING> <value>",
        summary: "Accepted: reply buffers here are taken for a batch and given back after it.",
        process: None,
        run: reply_buffer,
    },
    Row {
        name: "set-active-expire",
        words: 1..=1,
        usage: "<0|1>",
        summary: "Whether expired keys are deleted though nobody asks for them.",
        process: Some(Combine::Ok),
        run: active_expire,
    },
    Row {
        name: "set-disable-deny-scripts",
        words: 1..=1,
        usage: "<0|1>",
        summary: "Whether scripts may call what scripts otherwise may not.",
        process: Some(Combine::Ok),
        run: lift_denial,
    },
    Row {
        name: "set-skip-checksum-validation",
        words: 1..=1,
        usage: "<0|1>",
        summary: "Whether RESTORE takes payloads whatever their checksum.",
        process: Some(Combine::Ok),
        run: skip_checksums,
    },
    Row {
        name: "sleep",
        words: 1..=1,
        usage: "<seconds>",
        summary: "Does nothing for so long, and keeps the whole core from doing anything.",
        process: None,
        run: sleep,
    },
    Row {
        name: "stringmatch-len",
        words: 2..=2,
        usage: "<pattern> <text>",
        summary: "Whether a text matches a glob pattern.",
        process: None,
        run: string_match,
    },
];

/// DEBUG subcommand [argument ...]
pub fn debug(call: &mut Call<'_>) -> Outcome {
    let args = call.args;
    if args.len() == 2 && args.is(1, "help") {
        let usage =
            |row: &Row| format!("{} {}", row.name.to_ascii_uppercase(), row.usage).trim_end().to_owned();
        let lines = ROWS.iter().map(|row| (usage(row), row.summary));
        help::write(&mut call.client.reply, "debug", lines);
        return Ok(());
    }
    match find(args) {
        Some(row) => (row.run)(call),
        None => Err(unknown(args)),
    }
}

fn find(args: &Args<'_>) -> Option<&'static Row> {
    ROWS.iter().find(|row| args.is(1, row.name) && row.words.contains(&(args.len() - 2)))
}

/// Whether all cores are to look for the answer to DEBUG.
pub fn is_view(args: &Args<'_>) -> bool {
    find(args).is_some_and(|row| row.name.starts_with("digest"))
}

/// How the cores' answers to DEBUG become one, where all of them are meant.
pub fn combine(args: &Args<'_>) -> Option<Combine> {
    find(args)?.process
}

/// No such subcommand, or not with so many words.
fn unknown(args: &Args<'_>) -> Error {
    let name = String::from_utf8_lossy(&args[1][..args[1].len().min(128)]);
    Error::text(format!("ERR unknown subcommand or wrong number of arguments for '{name}'. Try DEBUG HELP."))
}

/// Word 2 as a switch: a number, as C reads it, that is not 0.
fn flag(call: &Call<'_>) -> bool {
    parse_integer(call.args[2]).is_some_and(|number| number != 0)
}

/// A switch of what this server has not.
fn accept_flag(call: &mut Call<'_>) -> Outcome {
    call.client.reply.ok();
    Ok(())
}

fn active_expire(call: &mut Call<'_>) -> Outcome {
    call.core.active_expire = flag(call);
    call.client.reply.ok();
    Ok(())
}

fn lift_denial(call: &mut Call<'_>) -> Outcome {
    call.core.scripting.lifts_denial = flag(call);
    call.client.reply.ok();
    Ok(())
}

fn change_repl_id(call: &mut Call<'_>) -> Outcome {
    call.core.replication.rename();
    call.client.reply.ok();
    Ok(())
}

fn pause_cron(call: &mut Call<'_>) -> Outcome {
    call.core.cron_paused = flag(call);
    call.client.reply.ok();
    Ok(())
}

fn log(call: &mut Call<'_>) -> Outcome {
    warning!("DEBUG LOG: {}", String::from_utf8_lossy(call.args[2]));
    call.client.reply.ok();
    Ok(())
}

fn sleep(call: &mut Call<'_>) -> Outcome {
    let seconds =
        std::str::from_utf8(call.args[2]).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0.0);
    thread::sleep(Duration::try_from_secs_f64(seconds).unwrap_or_default());
    call.client.reply.ok();
    Ok(())
}

fn reply_buffer(call: &mut Call<'_>) -> Outcome {
    let args = call.args;
    if args.is(2, "peak-reset-time") {
        if !args.is(3, "never") && !args.is(3, "reset") {
            args.integer(3)?;
        }
    } else if !args.is(2, "resizing") {
        return Err(unknown(args));
    }
    call.client.reply.ok();
    Ok(())
}

/// Bytes, plainly or with a unit: `1b`, `8kb`, `1g`.
fn parse_memory(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

/// Largest threshold: an element must fit into a listpack of just under 4 GiB.
const THRESHOLD_MAX: u64 = (4 << 30) - (1 << 20);

fn packed_threshold(call: &mut Call<'_>) -> Outcome {
    let bytes = std::str::from_utf8(call.args[2]).ok().and_then(parse_memory);
    let bytes = bytes.filter(|bytes| *bytes <= THRESHOLD_MAX).ok_or(BAD_THRESHOLD)?;
    call.core.settings.limits.quicklist_packed_threshold = bytes as usize;
    call.client.reply.ok();
    Ok(())
}

fn skip_checksums(call: &mut Call<'_>) -> Outcome {
    call.core.settings.skip_checksums = flag(call);
    call.client.reply.ok();
    Ok(())
}

fn string_match(call: &mut Call<'_>) -> Outcome {
    let matches = glob::matches(call.args[2], call.args[3], Case::Sensitive);
    call.client.reply.integer(i64::from(matches));
    Ok(())
}

fn drop_packets(call: &mut Call<'_>) -> Outcome {
    let kind = call.args.integer(2)?;
    call.core.cluster.debug_drop_packets(u16::try_from(kind).ok());
    call.client.reply.ok();
    Ok(())
}

fn close_link_on_drop(call: &mut Call<'_>) -> Outcome {
    let close = flag(call);
    call.core.cluster.debug_close_link_on_drop(close);
    call.client.reply.ok();
    Ok(())
}

fn kill_link(call: &mut Call<'_>) -> Outcome {
    let args = call.args;
    if !args.is(2, "kill") {
        return Err(unknown(args));
    }
    let (direction, id) = (String::from_utf8_lossy(args[3]), String::from_utf8_lossy(args[4]));
    let now = call.core.bus_now();
    let outcome = call.core.cluster.debug_kill_links(&direction, &id, now);
    outcome.map_err(|error| Error::text(error.to_string()))?;
    call.core.carry_out();
    call.client.reply.ok();
    Ok(())
}
