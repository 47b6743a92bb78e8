//! Streams: nodes, counters, then group by group what is pending and for whom.

use std::collections::BTreeMap;

use store::types::Stream;
use store::types::listpack::Listpack;
use store::types::stream::{ConsumerId, Counters, Group, LogBuilder, Pending, StreamId};

use crate::format::kind;
use crate::reader::{Fault, Read, Reader};

/// What stands for "not known" in a count.
const UNKNOWN_COUNT: u64 = u64::MAX;
/// What stands for "never" in a time.
const NEVER: i64 = -1;

const BAD_NODES: Fault = Fault::Bad("a stream whose entries are malformed");

/// How far a stream is read.
pub(super) struct StreamDecoder {
    kind: u8,
    stage: Stage,
    log: LogBuilder,
    stream: Stream,
}

enum Stage {
    Start,
    Nodes(u64),
    Counters,
    Groups(u64),
    Pending(GroupDecoder, u64),
    Consumers(GroupDecoder, u64),
    /// A consumer whose pending entries are being read: so many more.
    Owned(GroupDecoder, ConsumerId, u64),
}

/// A group being read.
struct GroupDecoder {
    name: Box<[u8]>,
    group: Group,
    /// What is pending and has no consumer yet: when it was delivered, and how often.
    ownerless: BTreeMap<StreamId, (u64, u64)>,
    /// Groups behind this one.
    groups_left: u64,
    /// Consumers behind the one that is read.
    consumers_left: u64,
}

impl StreamDecoder {
    pub(super) fn new(kind: u8) -> StreamDecoder {
        StreamDecoder { kind, stage: Stage::Start, log: LogBuilder::default(), stream: Stream::new() }
    }

    /// Reads the next part; the stream when that was the last. After an error nothing has changed.
    pub(super) fn read_part(&mut self, reader: &mut Reader<'_>) -> Read<Option<Stream>> {
        match &mut self.stage {
            Stage::Start => {
                self.stage = match reader.length()? {
                    0 => Stage::Counters,
                    nodes => Stage::Nodes(nodes),
                };
            }
            Stage::Nodes(left) => {
                let base = reader.blob()?;
                let base: [u8; 16] = base.as_ref().try_into().map_err(|_| BAD_NODES)?;
                let listpack = Listpack::from_bytes(&reader.blob()?, true).map_err(|_| BAD_NODES)?;
                self.log.push(StreamId::from_be_bytes(base), &listpack).map_err(|_| BAD_NODES)?;
                *left -= 1;
                if *left == 0 {
                    self.stage = Stage::Counters;
                }
            }
            Stage::Counters => {
                let (counters, groups) = self.read_counters(reader)?;
                let log = std::mem::take(&mut self.log);
                self.stream.log = log.finish(counters).map_err(|_| BAD_NODES)?;
                self.stage = Stage::Groups(groups);
            }
            Stage::Groups(0) => return Ok(Some(std::mem::take(&mut self.stream))),
            Stage::Groups(left) => {
                let (group, pending) = read_group(self.kind, &self.stream, *left - 1, reader)?;
                self.stage = Stage::Pending(group, pending);
            }
            Stage::Pending(group, left) if *left > 0 => {
                group.read_pending(reader)?;
                *left -= 1;
            }
            Stage::Pending(..) => {
                let consumers = reader.length()?;
                self.go_on(|group| Stage::Consumers(group, consumers));
            }
            Stage::Consumers(group, 0) => {
                let group = std::mem::replace(group, GroupDecoder::nothing());
                self.stage = Stage::Groups(group.groups_left);
                group.finish(&mut self.stream)?;
            }
            Stage::Consumers(group, left) => {
                let (consumer, owned) = group.read_consumer(self.kind, reader)?;
                group.consumers_left = *left - 1;
                self.go_on(|group| Stage::Owned(group, consumer, owned));
            }
            Stage::Owned(group, consumer, left) if *left > 0 => {
                group.read_owned(*consumer, reader)?;
                *left -= 1;
            }
            Stage::Owned(..) => self.go_on(|group| {
                let left = group.consumers_left;
                Stage::Consumers(group, left)
            }),
        }
        Ok(None)
    }

    /// Moves the group being read to its next stage.
    fn go_on(&mut self, next: impl FnOnce(GroupDecoder) -> Stage) {
        let (Stage::Pending(group, _) | Stage::Consumers(group, _) | Stage::Owned(group, ..)) =
            std::mem::replace(&mut self.stage, Stage::Start)
        else {
            unreachable!("called in these stages alone");
        };
        self.stage = next(group);
    }

    /// Reads the counters and the number of groups.
    fn read_counters(&self, reader: &mut Reader<'_>) -> Read<(Counters, u64)> {
        let length = reader.length()?;
        let last_id = read_id(reader)?;
        let mut counters = Counters { length, last_id, entries_added: length, ..Counters::default() };
        if self.kind != kind::STREAM_LISTPACKS {
            counters.first_id = read_id(reader)?;
            counters.max_deleted_id = read_id(reader)?;
            counters.entries_added = reader.length()?;
        }
        Ok((counters, reader.length()?))
    }
}

/// Reads what stands before a group's pending entries, and their number.
fn read_group(
    kind: u8,
    stream: &Stream,
    groups_left: u64,
    reader: &mut Reader<'_>,
) -> Read<(GroupDecoder, u64)> {
    let name = reader.text()?.into_vec().into_boxed_slice();
    let last_id = read_id(reader)?;
    let entries_read = if kind == kind::STREAM_LISTPACKS {
        stream.log.added_up_to(last_id)
    } else {
        Some(reader.length()?).filter(|count| *count != UNKNOWN_COUNT)
    };
    if stream.groups.contains_key(&name) {
        return Err(Fault::Bad("a stream that has a group twice"));
    }
    let group = Group::new(last_id, entries_read);
    let ownerless = BTreeMap::new();
    let decoder = GroupDecoder { name, group, ownerless, groups_left, consumers_left: 0 };
    Ok((decoder, reader.length()?))
}

impl GroupDecoder {
    fn nothing() -> GroupDecoder {
        let (name, group) = (Box::default(), Group::default());
        GroupDecoder { name, group, ownerless: BTreeMap::new(), groups_left: 0, consumers_left: 0 }
    }

    fn read_pending(&mut self, reader: &mut Reader<'_>) -> Read<()> {
        let id = StreamId::from_be_bytes(reader.array()?);
        let delivered_at_ms = time(reader.millis()?);
        let deliveries = reader.length()?;
        match self.ownerless.insert(id, (delivered_at_ms, deliveries)) {
            None => Ok(()),
            Some(_) => Err(Fault::Bad("a stream's group that has an entry pending twice")),
        }
    }

    /// Reads a consumer, and the number of its pending entries.
    fn read_consumer(&mut self, kind: u8, reader: &mut Reader<'_>) -> Read<(ConsumerId, u64)> {
        let name = reader.text()?.into_vec();
        let seen_at_ms = time(reader.millis()?);
        let active_at_ms = match kind {
            kind::STREAM_LISTPACKS_3 => Some(reader.millis()?).filter(|at| *at != NEVER).map(time),
            _ => Some(seen_at_ms),
        };
        let owned = reader.length()?;
        let id = self.group.create_consumer(&name, seen_at_ms);
        let id = id.ok_or(Fault::Bad("a stream's group that has a consumer twice"))?;
        self.group.consumer_mut(id).active_at_ms = active_at_ms;
        Ok((id, owned))
    }

    fn read_owned(&mut self, owner: ConsumerId, reader: &mut Reader<'_>) -> Read<()> {
        let id = StreamId::from_be_bytes(reader.array()?);
        let (delivered_at_ms, deliveries) =
            self.ownerless.remove(&id).ok_or(Fault::Bad("a consumer that owns what is not pending"))?;
        self.group.assign(id, Pending { delivered_at_ms, deliveries, owner });
        Ok(())
    }

    fn finish(self, stream: &mut Stream) -> Read<()> {
        if !self.ownerless.is_empty() {
            return Err(Fault::Bad("a pending entry that nobody owns"));
        }
        stream.groups.insert(self.name, self.group);
        Ok(())
    }
}

fn read_id(reader: &mut Reader<'_>) -> Read<StreamId> {
    Ok(StreamId::new(reader.length()?, reader.length()?))
}

/// A time in unix ms; one before 1970 is 1970.
fn time(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or(0)
}
