//! CLUSTER SLOT-STATS: what the slots of this node's shard, or at the ingress of those of all cores, hold and cost.
//!
//! Page: <https://valkey.io/commands/cluster-slot-stats/>. Only the number of keys is known while
//! `cluster-slot-stats-enabled` is off.

use std::cmp::Reverse;
use std::ops::RangeInclusive;

use base::{SLOT_COUNT, Slot};
use commands::{Args, Error, error};
use resp::{Reply, parse_integer};

use crate::core::Core;

const BAD_SLOT: Error = Error::new("ERR Invalid or out of range slot");
const BAD_METRIC: Error = Error::new("ERR Unrecognized sort metric for ORDERBY.");
const BAD_LIMIT: Error = Error::new("ERR Limit has to lie in between 1 and 16384 (maximum number of slots).");
const TWICE: Error = Error::new("ERR Multiple filters of the same type are disallowed.");

/// The figures of a slot, by their names.
const FIGURES: [&str; 4] = ["key-count", "cpu-usec", "network-bytes-in", "network-bytes-out"];
/// Which of them is a state, which a replica beside its master has, too; the others are each core's own.
const KEY_COUNT: usize = 0;

/// A slot and its figures.
pub type Row = (Slot, [u64; FIGURES.len()]);

/// What is asked for.
enum Query {
    Range(RangeInclusive<Slot>),
    Order { figure: usize, ascending: bool, limit: usize },
}

/// How many of the figures are known.
fn known(core: &Core) -> usize {
    if core.config.insight.cluster_slot_stats_enabled { FIGURES.len() } else { 1 }
}

/// What `core` has of the slots that CLUSTER SLOT-STATS asks for, in their order.
pub fn look(core: &Core, args: &Args<'_>) -> Result<Vec<Row>, Error> {
    let query = parse(core, args)?;
    let is_asked = |slot: &Slot| match &query {
        Query::Range(range) => range.contains(slot),
        Query::Order { .. } => true,
    };
    let row = |slot: Slot| {
        let (keys, cost) = (core.keys.slot_len(slot) as u64, core.slot_stats.of(slot));
        (slot, [keys, cost.cpu_us, cost.bytes_in, cost.bytes_out])
    };
    Ok(core.cluster.shard_slots().iter().filter(is_asked).map(row).collect())
}

/// Adds what another core has.
pub fn merge(rows: &mut Vec<Row>, other: Vec<Row>) {
    rows.extend(other);
    rows.sort_by_key(|(slot, _)| *slot);
    rows.dedup_by(|(slot, more), (kept, figures)| {
        let is_same = slot == kept;
        if is_same {
            let keys = figures[KEY_COUNT].max(more[KEY_COUNT]);
            figures.iter_mut().zip(more).for_each(|(figure, more)| *figure += *more);
            figures[KEY_COUNT] = keys;
        }
        is_same
    });
}

/// Writes those of `rows` that are asked for, as they are asked for.
pub fn write(rows: &[Row], core: &Core, args: &Args<'_>, reply: &mut Reply) -> Result<(), Error> {
    let mut rows: Vec<&Row> = rows.iter().collect();
    if let Query::Order { figure, ascending, limit } = parse(core, args)? {
        // Slots of one figure stay in the order of their numbers, which they have already.
        match ascending {
            true => rows.sort_by_key(|(_, figures)| figures[figure]),
            false => rows.sort_by_key(|(_, figures)| Reverse(figures[figure])),
        }
        rows.truncate(limit);
    }
    let known = known(core);
    reply.array(rows.len());
    for (slot, figures) in rows {
        reply.array(2);
        reply.integer(i64::from(slot.number()));
        reply.map(known);
        for (name, figure) in FIGURES.iter().zip(figures).take(known) {
            reply.bulk(name.as_bytes());
            reply.integer(*figure as i64);
        }
    }
    Ok(())
}

/// CLUSTER SLOT-STATS SLOTSRANGE first last | ORDERBY metric [LIMIT n] [ASC | DESC]
fn parse(core: &Core, args: &Args<'_>) -> Result<Query, Error> {
    if args.is(2, "slotsrange") && args.len() == 5 {
        range(args)
    } else if args.is(2, "orderby") && args.len() >= 4 {
        order(core, args)
    } else {
        Err(Error::text(format!(
            "ERR unknown subcommand or wrong number of arguments for '{}'. Try CLUSTER HELP.",
            String::from_utf8_lossy(args[1])
        )))
    }
}

fn range(args: &Args<'_>) -> Result<Query, Error> {
    let slot = |index: usize| {
        let number = parse_integer(args[index]).and_then(|number| u16::try_from(number).ok());
        number.and_then(Slot::new).ok_or(BAD_SLOT)
    };
    let (first, last) = (slot(3)?, slot(4)?);
    if first > last {
        return Err(Error::text(format!(
            "ERR Start slot number {first} is greater than end slot number {last}"
        )));
    }
    Ok(Query::Range(first..=last))
}

fn order(core: &Core, args: &Args<'_>) -> Result<Query, Error> {
    let figure = FIGURES[..known(core)].iter().position(|name| args.is(3, name)).ok_or(BAD_METRIC)?;
    let (mut limit, mut ascending, mut at) = (None, None, 4);
    while at < args.len() {
        let twice = if args.is(at, "limit") && at + 1 < args.len() {
            let number = usize::try_from(args.integer(at + 1)?).ok();
            at += 1;
            limit.replace(number.filter(|n| (1..=SLOT_COUNT).contains(n)).ok_or(BAD_LIMIT)?).is_some()
        } else if args.is(at, "asc") || args.is(at, "desc") {
            ascending.replace(args.is(at, "asc")).is_some()
        } else {
            return Err(error::SYNTAX);
        };
        if twice {
            return Err(TWICE);
        }
        at += 1;
    }
    Ok(Query::Order { figure, ascending: ascending == Some(true), limit: limit.unwrap_or(SLOT_COUNT) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_of_two_cores_is_one_row() {
        let slot = |number| Slot::new(number).unwrap();
        let mut rows = vec![(slot(3), [5, 1, 10, 100]), (slot(4), [1, 0, 0, 0])];
        merge(&mut rows, vec![(slot(1), [2, 0, 0, 0]), (slot(3), [4, 2, 20, 200])]);
        assert_eq!(rows, [(slot(1), [2, 0, 0, 0]), (slot(3), [5, 3, 30, 300]), (slot(4), [1, 0, 0, 0])]);
    }
}
