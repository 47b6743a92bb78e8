//! Streams: nodes, counters, then group by group what is pending and for whom.

use store::types::Stream;
use store::types::stream::{Consumer, Group, StreamId};

use crate::writer::Writer;

/// What is written for "not known", and read by Redis as -1.
const UNKNOWN_COUNT: u64 = u64::MAX;

/// Where the writing of a stream stands: what comes next.
#[derive(Default)]
pub(super) enum StreamPlace {
    #[default]
    Start,
    /// The nodes from this ID on.
    Nodes(StreamId),
    /// The group behind the one of this name.
    GroupAfter(Option<Box<[u8]>>),
    /// Of the group of this name, the pending entries from this ID on.
    Pending(Box<[u8]>, StreamId),
    /// Of the group of this name, the consumer with this index, and of its pending entries those from this ID
    /// on; `None` before the first.
    Consumer(Box<[u8]>, usize, Option<StreamId>),
}

impl StreamPlace {
    /// Writes until `out` has `end` bytes; where to go on, or `None` at the end.
    pub(super) fn write_some(self, stream: &Stream, end: usize, out: &mut Writer) -> Option<StreamPlace> {
        match self {
            StreamPlace::Start => {
                out.length(stream.log.node_ids().len() as u64);
                Some(StreamPlace::Nodes(StreamId::MIN))
            }
            StreamPlace::Nodes(from) => Some(write_nodes(stream, from, end, out)),
            StreamPlace::GroupAfter(before) => next_group(stream, before, out),
            StreamPlace::Pending(name, from) => {
                let group = stream.groups.get(&name)?;
                Some(match write_pending(group, from, end, out) {
                    Some(from) => StreamPlace::Pending(name, from),
                    None => {
                        out.length(group.consumers().len() as u64);
                        StreamPlace::Consumer(name, 0, None)
                    }
                })
            }
            StreamPlace::Consumer(name, index, from) => {
                let group = stream.groups.get(&name)?;
                Some(match group.consumers().nth(index) {
                    None => StreamPlace::GroupAfter(Some(name)),
                    Some(consumer) => match write_consumer(consumer, from, end, out) {
                        Some(from) => StreamPlace::Consumer(name, index, Some(from)),
                        None => StreamPlace::Consumer(name, index + 1, None),
                    },
                })
            }
        }
    }
}

fn write_nodes(stream: &Stream, from: StreamId, end: usize, out: &mut Writer) -> StreamPlace {
    for (base, listpack) in stream.log.nodes_from(from) {
        if out.len() >= end {
            return StreamPlace::Nodes(base);
        }
        out.blob(&base.to_be_bytes());
        out.blob(listpack.as_bytes());
    }
    let counters = stream.log.counters();
    out.length(counters.length);
    for id in [counters.last_id, counters.first_id, counters.max_deleted_id] {
        write_id(id, out);
    }
    out.length(counters.entries_added);
    out.length(stream.groups.len() as u64);
    StreamPlace::GroupAfter(None)
}

fn write_id(id: StreamId, out: &mut Writer) {
    out.length(id.ms);
    out.length(id.seq);
}

fn next_group(stream: &Stream, before: Option<Box<[u8]>>, out: &mut Writer) -> Option<StreamPlace> {
    use std::ops::Bound::{Excluded, Unbounded};
    let from = before.map_or(Unbounded, Excluded);
    let (name, group) = stream.groups.range((from, Unbounded)).next()?;
    out.string(name);
    write_id(group.last_id, out);
    out.length(group.entries_read.unwrap_or(UNKNOWN_COUNT));
    out.length(group.pending().len() as u64);
    Some(StreamPlace::Pending(name.clone(), StreamId::MIN))
}

/// Writes the group's pending entries from `from` on; where to go on.
fn write_pending(group: &Group, from: StreamId, end: usize, out: &mut Writer) -> Option<StreamId> {
    for (&id, delivery) in group.pending().range(from..) {
        if out.len() >= end {
            return Some(id);
        }
        out.raw(&id.to_be_bytes());
        out.millis(delivery.delivered_at_ms as i64);
        out.length(delivery.deliveries);
    }
    None
}

/// Writes a consumer, or goes on with its pending entries; where to go on.
fn write_consumer(
    consumer: &Consumer,
    from: Option<StreamId>,
    end: usize,
    out: &mut Writer,
) -> Option<StreamId> {
    if from.is_none() {
        out.string(consumer.name());
        out.millis(consumer.seen_at_ms as i64);
        out.length(consumer.pending().len() as u64);
    }
    for &id in consumer.pending().range(from.unwrap_or(StreamId::MIN)..) {
        if out.len() >= end {
            return Some(id);
        }
        out.raw(&id.to_be_bytes());
    }
    None
}
