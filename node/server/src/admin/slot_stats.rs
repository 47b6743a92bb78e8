//! CLUSTER SLOT-STATS: what the slots of this node's shard hold and cost.
//!
//! Page: <https://valkey.io/commands/cluster-slot-stats/>. Only the number of keys is known while
//! `cluster-slot-stats-enabled` is off.

use base::{SLOT_COUNT, Slot};
use commands::{Error, Outcome, error};
use resp::parse_integer;

use super::Call;
use crate::core::Core;

const BAD_SLOT: Error = Error::new("ERR Invalid or out of range slot");
const BAD_METRIC: Error = Error::new("ERR Unrecognized sort metric for ORDERBY.");
const BAD_LIMIT: Error = Error::new("ERR Limit has to lie in between 1 and 16384 (maximum number of slots).");
const TWICE: Error = Error::new("ERR Multiple filters of the same type are disallowed.");

/// A figure of a slot.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Metric {
    KeyCount,
    CpuUsec,
    NetworkBytesIn,
    NetworkBytesOut,
}

impl Metric {
    const ALL: [(Metric, &str); 4] = [
        (Metric::KeyCount, "key-count"),
        (Metric::CpuUsec, "cpu-usec"),
        (Metric::NetworkBytesIn, "network-bytes-in"),
        (Metric::NetworkBytesOut, "network-bytes-out"),
    ];

    /// The figures that are known.
    fn known(core: &Core) -> &'static [(Metric, &'static str)] {
        if core.config.insight.cluster_slot_stats_enabled { &Metric::ALL } else { &Metric::ALL[..1] }
    }

    fn of(self, core: &Core, slot: Slot) -> u64 {
        let cost = core.slot_stats.of(slot);
        match self {
            Metric::KeyCount => core.keys.slot_len(slot) as u64,
            Metric::CpuUsec => cost.cpu_us,
            Metric::NetworkBytesIn => cost.bytes_in,
            Metric::NetworkBytesOut => cost.bytes_out,
        }
    }
}

/// CLUSTER SLOT-STATS SLOTSRANGE first last | ORDERBY metric [LIMIT n] [ASC | DESC]
pub fn slot_stats(call: &mut Call<'_>) -> Outcome {
    let slots = if call.args.is(2, "slotsrange") && call.args.len() == 5 {
        slots_in_range(call)?
    } else if call.args.is(2, "orderby") && call.args.len() >= 4 {
        slots_in_order(call)?
    } else {
        return Err(Error::text(format!(
            "ERR unknown subcommand or wrong number of arguments for '{}'. Try CLUSTER HELP.",
            String::from_utf8_lossy(call.args[1])
        )));
    };
    let metrics = Metric::known(call.core);
    let reply = &mut call.client.reply;
    reply.array(slots.len());
    for slot in slots {
        reply.array(2);
        reply.integer(i64::from(slot.number()));
        reply.map(metrics.len());
        for (metric, name) in metrics {
            reply.bulk(name.as_bytes());
            reply.integer(metric.of(call.core, slot) as i64);
        }
    }
    Ok(())
}

fn my_slots(call: &Call<'_>) -> Vec<Slot> {
    call.core.cluster.shard_slots().iter().collect()
}

fn slots_in_range(call: &Call<'_>) -> Result<Vec<Slot>, Error> {
    let slot = |index: usize| {
        let number = parse_integer(call.args[index]).and_then(|number| u16::try_from(number).ok());
        number.and_then(Slot::new).ok_or(BAD_SLOT)
    };
    let (first, last) = (slot(3)?, slot(4)?);
    if first > last {
        return Err(Error::text(format!(
            "ERR Start slot number {first} is greater than end slot number {last}"
        )));
    }
    let mut slots = my_slots(call);
    slots.retain(|slot| (first..=last).contains(slot));
    Ok(slots)
}

fn slots_in_order(call: &Call<'_>) -> Result<Vec<Slot>, Error> {
    let mut metrics = Metric::known(call.core).iter();
    let (metric, _) = metrics.find(|(_, name)| call.args.is(3, name)).ok_or(BAD_METRIC)?;
    let (mut limit, mut ascending, mut at) = (None, None, 4);
    while at < call.args.len() {
        let twice = if call.args.is(at, "limit") && at + 1 < call.args.len() {
            let number = call.args.integer(at + 1)?;
            let number = usize::try_from(number).ok().filter(|n| (1..=SLOT_COUNT).contains(n));
            at += 1;
            limit.replace(number.ok_or(BAD_LIMIT)?).is_some()
        } else if call.args.is(at, "asc") || call.args.is(at, "desc") {
            ascending.replace(call.args.is(at, "asc")).is_some()
        } else {
            return Err(error::SYNTAX);
        };
        if twice {
            return Err(TWICE);
        }
        at += 1;
    }
    let mut slots: Vec<(u64, Slot)> =
        my_slots(call).into_iter().map(|slot| (metric.of(call.core, slot), slot)).collect();
    // Slots of one figure stay in the order of their numbers, which they have already.
    slots.sort_by(|(a, _), (b, _)| if ascending == Some(true) { a.cmp(b) } else { b.cmp(a) });
    slots.truncate(limit.unwrap_or(SLOT_COUNT));
    Ok(slots.into_iter().map(|(_, slot)| slot).collect())
}
