//! CLUSTER MIGRATESLOTS, GETSLOTMIGRATIONS, CANCELSLOTMIGRATIONS: slots moved as a whole.
//!
//! Page: <https://valkey.io/commands/cluster-migrateslots/>. To a sibling a slot moves at once (`core::handover`).

use base::{NodeId, Slot};
use cluster::{Owner, SlotSet};
use commands::{Error, Outcome, error};
use resp::parse_integer;

use super::Call;
use crate::core::migrations::Direction;

const NOT_A_MASTER: Error = Error::new("ERR Slot migration can only be used on primary nodes.");
const BY_HAND: Error = Error::new("ERR Slots are being manually migrated");
const NO_RANGES: Error = Error::new("ERR No slot ranges specified");
const NO_END: Error = Error::new("ERR No end slot for final slot range");
const BAD_SLOT: Error = Error::new("ERR Invalid or out of range slot");
const NOT_SERVED: Error = Error::new("ERR Slots are not served by this node.");
const OVERLAP: Error = Error::new("ERR Slot ranges in migrations overlap");
const TO_MYSELF: Error = Error::new("ERR Target node can not be this node.");
const NOT_TO_A_MASTER: Error = Error::new("ERR Target node is not a master");
const NONE_ONGOING: Error = Error::new("ERR No migrations ongoing");

/// CLUSTER MIGRATESLOTS SLOTSRANGE first last [first last ...] NODE id [SLOTSRANGE ... NODE id ...]
pub fn migrate_slots(call: &mut Call<'_>) -> Outcome {
    if !call.core.cluster.myself().is_master() {
        return Err(NOT_A_MASTER);
    }
    if call.core.cluster.has_open_slots() {
        return Err(BY_HAND);
    }
    let (mut groups, mut all, mut at) = (Vec::new(), SlotSet::default(), 2);
    while at < call.args.len() {
        let slots = read_ranges(call, &mut at)?;
        let target = read_target(call, &mut at)?;
        if slots.iter().any(|slot| call.core.cluster.owner(slot) != Owner::Me) {
            return Err(NOT_SERVED);
        }
        if !slots.iter().all(|slot| all.insert(slot)) {
            return Err(OVERLAP);
        }
        if call.core.cluster.find_node(target).is_none_or(|node| !node.is_master()) {
            return Err(NOT_TO_A_MASTER);
        }
        if let Some(slot) = slots.iter().find(|slot| call.core.exports.holds_slot(*slot)) {
            return Err(Error::text(format!("ERR I am already migrating slot {slot}.")));
        }
        groups.push((slots, target));
    }
    for (slots, target) in groups {
        call.core.move_slots(slots, target)?;
    }
    call.client.reply.ok();
    Ok(())
}

/// `SLOTSRANGE` and the ranges behind it, up to what is no number.
fn read_ranges(call: &Call<'_>, at: &mut usize) -> Result<SlotSet, Error> {
    if !call.args.is(*at, "slotsrange") {
        return Err(error::SYNTAX);
    }
    *at += 1;
    let slot = |index: usize| {
        let number = parse_integer(call.args[index]).and_then(|number| u16::try_from(number).ok());
        number.and_then(Slot::new).ok_or(BAD_SLOT)
    };
    let (mut slots, mut ranges) = (SlotSet::default(), Vec::new());
    while call.args.get(*at).is_some_and(|word| parse_integer(word).is_some()) {
        if *at + 1 == call.args.len() {
            return Err(NO_END);
        }
        let (first, last) = (slot(*at)?, slot(*at + 1)?);
        if first > last {
            return Err(Error::text(format!(
                "ERR Start slot number {first} is greater than end slot number {last}."
            )));
        }
        let overlaps = |(a, b): &&(Slot, Slot)| first <= *b && *a <= last;
        if let Some((a, b)) = ranges.iter().find(overlaps) {
            return Err(Error::text(format!(
                "ERR Slot range {first}-{last} overlaps with previous range {a}-{b}."
            )));
        }
        ranges.push((first, last));
        slots.extend(first, last);
        *at += 2;
    }
    if ranges.is_empty() { Err(NO_RANGES) } else { Ok(slots) }
}

/// `NODE id`, a node that is not this one.
fn read_target(call: &Call<'_>, at: &mut usize) -> Result<NodeId, Error> {
    let (true, Some(name)) = (call.args.is(*at, "node"), call.args.get(*at + 1)) else {
        return Err(error::SYNTAX);
    };
    *at += 2;
    let text = || String::from_utf8_lossy(name);
    let id =
        NodeId::from_bytes(name).map_err(|_| Error::text(format!("ERR Invalid node name: {}", text())))?;
    if call.core.cluster.find_node(id).is_none() {
        return Err(Error::text(format!("ERR Unknown node name: {}", text())));
    }
    if id == call.core.cluster.my_id() { Err(TO_MYSELF) } else { Ok(id) }
}

/// CLUSTER GETSLOTMIGRATIONS
pub fn get_slot_migrations(call: &mut Call<'_>) -> Outcome {
    let jobs = call.core.migrations.iter();
    let reply = &mut call.client.reply;
    reply.array(jobs.len());
    for job in jobs {
        let operation = if job.direction == Direction::Import { "IMPORT" } else { "EXPORT" };
        let ranges: Vec<String> =
            job.ranges.iter().map(|(a, b)| if a == b { a.to_string() } else { format!("{a}-{b}") }).collect();
        reply.map(12);
        let mut text = |name: &str, value: &str| {
            reply.bulk(name.as_bytes());
            reply.bulk(value.as_bytes());
        };
        text("name", job.name.as_str());
        text("operation", operation);
        text("slot_ranges", &ranges.join(" "));
        text("target_node", job.target.as_str());
        text("source_node", job.source.as_str());
        let number = |reply: &mut resp::Reply, name: &str, value: u64| {
            reply.bulk(name.as_bytes());
            reply.integer(value as i64);
        };
        number(reply, "create_time", job.created_s);
        number(reply, "last_update_time", job.updated_s);
        number(reply, "last_ack_time", job.acked_s);
        for (name, value) in [("state", job.state), ("message", &job.message)] {
            reply.bulk(name.as_bytes());
            reply.bulk(value.as_bytes());
        }
        number(reply, "cow_size", 0);
        number(reply, "remaining_repl_size", 0);
    }
    Ok(())
}

/// CLUSTER CANCELSLOTMIGRATIONS: one between siblings is over before a command could come in between.
pub fn cancel_slot_migrations(call: &mut Call<'_>) -> Outcome {
    if !call.core.cancel_exports() {
        return Err(NONE_ONGOING);
    }
    call.client.reply.ok();
    Ok(())
}

/// CLUSTER SYNCSLOTS ESTABLISH SOURCE id NAME name SLOTSRANGE first last ... | CAPA ... | what follows ESTABLISH
pub fn sync_slots(call: &mut Call<'_>) -> Outcome {
    let word = String::from_utf8_lossy(call.args[2]).to_ascii_lowercase();
    match word.as_str() {
        "establish" => establish(call),
        "capa" => {
            call.client.reply.ok();
            Ok(())
        }
        "ack" | "snapshot-eof" | "paused" | "failover-granted" if call.client.import.is_some() => {
            call.core.advance_import(call.client, &word);
            Ok(())
        }
        "ack" | "snapshot-eof" | "paused" | "failover-granted" | "request-pause" | "request-failover" => {
            Err(Error::text(format!(
                "ERR CLUSTER SYNCSLOTS {} should only be used by slot migration clients",
                word.to_ascii_uppercase()
            )))
        }
        _ => Err(error::SYNTAX),
    }
}

fn establish(call: &mut Call<'_>) -> Outcome {
    let (mut source, mut name, mut slots, mut at) = (None, None, None, 3);
    while at < call.args.len() {
        if call.args.is(at, "slotsrange") {
            slots = Some(read_ranges(call, &mut at)?);
            continue;
        }
        let id = call.args.get(at + 1).and_then(|word| NodeId::from_bytes(word).ok()).ok_or(error::SYNTAX)?;
        match () {
            () if call.args.is(at, "source") => source = Some(id),
            () if call.args.is(at, "name") => name = Some(id),
            () => return Err(error::SYNTAX),
        }
        at += 2;
    }
    let (Some(source), Some(name), Some(slots)) = (source, name, slots) else { return Err(error::SYNTAX) };
    call.core.begin_import(call.client, name, source, slots)
}
