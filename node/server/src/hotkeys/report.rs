//! What HOTKEYS GET tells of one core, or of all cores of the process.

use bytes::Bytes;
use cluster::SlotSet;
use resp::Reply;

use super::heavy_hitters::greatest;
use super::{Cost, Plan, Used};
use crate::core::Core;

/// A look at a tracking.
#[derive(Debug)]
pub struct Report {
    /// What is tracked, and how.
    pub plan: Plan,
    /// Whether it goes on.
    pub is_on: bool,
    start_ms: u64,
    /// How long it went on so far.
    pub duration_ms: u64,
    /// The selected slots, or else those that are served.
    slots: SlotSet,
    all: Cost,
    selected: Cost,
    /// Of the commands that were looked at.
    pub sampled: Cost,
    user_us: u64,
    system_us: u64,
    net_bytes: u64,
    /// Nanoseconds by key, the hottest first.
    pub by_cpu: Vec<(Bytes, u64)>,
    /// Bytes by key, the hottest first.
    pub by_net: Vec<(Bytes, u64)>,
}

/// A field of the reply.
enum Field<'a> {
    Number(u64),
    Slots(&'a SlotSet),
    Keys(&'a [(Bytes, u64)], u64),
}

const NS_A_US: u64 = 1000;
const US_A_MS: u64 = 1000;

impl Report {
    /// What `core` has tracked; `None` when it has not.
    pub fn look(core: &Core) -> Option<Report> {
        let session = core.hotkeys.session.as_ref()?;
        let now = Used::now(core);
        let (start, end) = (&session.start, session.end.as_ref().unwrap_or(&now));
        let plan = session.plan.clone();
        Some(Report {
            is_on: core.hotkeys.is_on,
            start_ms: start.at_ms,
            duration_ms: end.at_ms.saturating_sub(start.at_ms),
            slots: plan.slots.clone().unwrap_or_else(|| core.cluster.shard_slots().clone()),
            all: session.all,
            selected: session.selected,
            sampled: session.sampled,
            user_us: end.cpu.user_us.saturating_sub(start.cpu.user_us),
            system_us: end.cpu.system_us.saturating_sub(start.cpu.system_us),
            net_bytes: end.net_bytes.saturating_sub(start.net_bytes),
            by_cpu: session.by_cpu.top(plan.count),
            by_net: session.by_net.top(plan.count),
            plan,
        })
    }

    /// Adds what another core has tracked.
    pub fn merge(&mut self, other: Report) {
        self.plan.cpu |= other.plan.cpu;
        self.plan.net |= other.plan.net;
        self.is_on |= other.is_on;
        self.start_ms = self.start_ms.min(other.start_ms);
        self.duration_ms = self.duration_ms.max(other.duration_ms);
        other.slots.ranges().into_iter().for_each(|(first, last)| self.slots.extend(first, last));
        self.all += other.all;
        self.selected += other.selected;
        self.sampled += other.sampled;
        self.user_us += other.user_us;
        self.system_us += other.system_us;
        self.net_bytes += other.net_bytes;
        for (own, other) in [(&mut self.by_cpu, other.by_cpu), (&mut self.by_net, other.by_net)] {
            // A key is at two cores only if its slot has moved meanwhile.
            for (key, sum) in other {
                match own.iter_mut().find(|(known, _)| *known == key) {
                    Some((_, known)) => *known += sum,
                    None => own.push((key, sum)),
                }
            }
            *own = greatest(std::mem::take(own), self.plan.count);
        }
    }

    /// Writes the reply: an array of one map, as Redis 8.6 has it.
    pub fn write(&self, reply: &mut Reply) {
        let fields = self.fields();
        reply.array(1);
        reply.map(fields.len());
        for (name, field) in fields {
            reply.bulk(name.as_bytes());
            match field {
                Field::Number(number) => reply.integer(number as i64),
                Field::Slots(slots) => write_slots(slots, reply),
                Field::Keys(keys, unit) => {
                    reply.array(2 * keys.len());
                    for (key, sum) in keys {
                        reply.blob(key);
                        reply.integer((sum / unit) as i64);
                    }
                }
            }
        }
    }

    fn fields(&self) -> Vec<(&'static str, Field<'_>)> {
        let Plan { cpu, net, ratio, ref slots, .. } = self.plan;
        let selects = slots.is_some();
        let rows = [
            (true, "tracking-active", Field::Number(self.is_on.into())),
            (true, "sample-ratio", Field::Number(ratio)),
            (true, "selected-slots", Field::Slots(&self.slots)),
            (
                selects && ratio > 1,
                "sampled-commands-selected-slots-us",
                Field::Number(self.sampled.ns / NS_A_US),
            ),
            (selects, "all-commands-selected-slots-us", Field::Number(self.selected.ns / NS_A_US)),
            (true, "all-commands-all-slots-us", Field::Number(self.all.ns / NS_A_US)),
            (
                selects && ratio > 1,
                "net-bytes-sampled-commands-selected-slots",
                Field::Number(self.sampled.bytes),
            ),
            (selects, "net-bytes-all-commands-selected-slots", Field::Number(self.selected.bytes)),
            (true, "net-bytes-all-commands-all-slots", Field::Number(self.all.bytes)),
            (true, "collection-start-time-unix-ms", Field::Number(self.start_ms)),
            (true, "collection-duration-ms", Field::Number(self.duration_ms)),
            (cpu, "total-cpu-time-user-ms", Field::Number(self.user_us / US_A_MS)),
            (cpu, "total-cpu-time-sys-ms", Field::Number(self.system_us / US_A_MS)),
            (net, "total-net-bytes", Field::Number(self.net_bytes)),
            (cpu, "by-cpu-time-us", Field::Keys(&self.by_cpu, NS_A_US)),
            (net, "by-net-bytes", Field::Keys(&self.by_net, 1)),
        ];
        rows.into_iter().filter(|(shown, ..)| *shown).map(|(_, name, field)| (name, field)).collect()
    }
}

/// Ranges of slots; one of a single slot has one number.
fn write_slots(slots: &SlotSet, reply: &mut Reply) {
    let ranges = slots.ranges();
    reply.array(ranges.len());
    for (first, last) in ranges {
        reply.array(if first == last { 1 } else { 2 });
        reply.integer(first.number().into());
        if first != last {
            reply.integer(last.number().into());
        }
    }
}
