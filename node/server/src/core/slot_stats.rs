//! What each slot costs: CPU time, bytes in, bytes out. CLUSTER SLOT-STATS shows it, and slots are balanced by it.
//!
//! A request is *billed* to the slot of its keys. That slot is known before it runs, except for EXEC and for scripts
//! that name no keys: these are billed to the slot of the first key they touch, and to nobody once they touch a
//! second slot. What a request runs inside itself is part of it, and what it makes this core send to replicas; a client
//! that waits for a key is billed when its wait ends, and whoever wakes it goes on with its own bill. On a replica the
//! master's commands are the requests. What subscribers of a shard channel get is billed to the channel's slot.
//!
//! The counters take 512 KiB, so they exist only while somebody wants them: without them a request costs one branch.

use base::{SLOT_COUNT, Slot};

/// What a slot cost so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SlotCost {
    /// Requests.
    pub requests: u64,
    /// Time its commands ran, in microseconds.
    pub cpu_us: u64,
    /// Bytes of requests.
    pub bytes_in: u64,
    /// Bytes of replies, of shard messages to subscribers, and of the stream to replicas.
    pub bytes_out: u64,
}

/// Whom a request is billed to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Bill {
    /// It has touched no key yet.
    #[default]
    Nobody,
    /// All its keys are in this slot.
    Slot(Slot),
    /// It touched several slots.
    Several,
}

/// A request under way.
#[derive(Debug, Clone, Copy, Default)]
pub struct Request {
    /// Its length in bytes.
    pub bytes: usize,
    bill: Bill,
}

/// A core's counters by slot.
#[derive(Default)]
pub struct SlotStats {
    costs: Option<Box<[SlotCost]>>,
    request: Request,
}

impl SlotStats {
    /// Counts from now on, or forgets all.
    pub fn switch(&mut self, on: bool) {
        if on != self.is_on() {
            self.costs = on.then(|| vec![SlotCost::default(); SLOT_COUNT].into_boxed_slice());
        }
    }

    /// Whether anything is counted.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.costs.is_some()
    }

    /// A request of so many bytes begins; the one it interrupts, for [`SlotStats::resume`].
    #[inline]
    pub fn begin(&mut self, bytes: usize) -> Request {
        std::mem::replace(&mut self.request, Request { bytes, bill: Bill::Nobody })
    }

    /// An interrupted request goes on.
    pub fn resume(&mut self, request: Request) {
        self.request = request;
    }

    /// So many bytes more belong to the request under way.
    pub fn lengthen(&mut self, bytes: usize) {
        self.request.bytes += bytes;
    }

    /// Length of the request under way, in bytes.
    pub fn request_bytes(&self) -> usize {
        self.request.bytes
    }

    /// The request touches keys of `slot`.
    #[inline]
    pub fn bill(&mut self, slot: Slot) {
        if self.is_on() {
            self.request.bill = match self.request.bill {
                Bill::Nobody => Bill::Slot(slot),
                Bill::Slot(other) if other == slot => Bill::Slot(slot),
                _ => Bill::Several,
            };
        }
    }

    fn billed(&mut self) -> Option<&mut SlotCost> {
        match (self.request.bill, &mut self.costs) {
            (Bill::Slot(slot), Some(costs)) => Some(&mut costs[slot.index()]),
            _ => None,
        }
    }

    /// Adds time to the request's bill.
    pub fn ran(&mut self, us: u64) {
        if let Some(cost) = self.billed() {
            cost.cpu_us += us;
        }
    }

    /// Adds the request itself, and so many bytes that went out for it, to its bill.
    pub fn settle(&mut self, bytes_out: usize) {
        let bytes_in = self.request.bytes as u64;
        if let Some(cost) = self.billed() {
            cost.requests += 1;
            cost.bytes_in += bytes_in;
            cost.bytes_out += bytes_out as u64;
        }
    }

    /// Adds bytes that the request made this core send to replicas to its bill.
    pub fn replicated(&mut self, bytes: usize) {
        if let Some(cost) = self.billed() {
            cost.bytes_out += bytes as u64;
        }
    }

    /// Adds bytes that went to subscribers of a shard channel of `slot`.
    pub fn published(&mut self, slot: Slot, bytes: usize) {
        if let Some(costs) = &mut self.costs {
            costs[slot.index()].bytes_out += bytes as u64;
        }
    }

    /// What `slot` cost so far.
    pub fn of(&self, slot: Slot) -> SlotCost {
        self.costs.as_ref().map_or(SlotCost::default(), |costs| costs[slot.index()])
    }

    /// Forgets what these slots cost: somebody else serves them now.
    pub fn forget(&mut self, slots: &[Slot]) {
        let Some(costs) = &mut self.costs else { return };
        slots.iter().for_each(|slot| costs[slot.index()] = SlotCost::default());
    }

    /// Forgets everything counted (CONFIG RESETSTAT).
    pub fn reset(&mut self) {
        if let Some(costs) = &mut self.costs {
            costs.fill(SlotCost::default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(number: u16) -> Slot {
        Slot::new(number).unwrap()
    }

    #[test]
    fn a_request_is_billed_to_its_one_slot() {
        let mut stats = SlotStats::default();
        stats.begin(10);
        stats.bill(slot(1));
        stats.settle(5);
        assert_eq!(stats.of(slot(1)), SlotCost::default(), "nothing is counted while it is off");
        stats.switch(true);
        stats.begin(10);
        stats.bill(slot(1));
        stats.bill(slot(1));
        stats.ran(3);
        stats.settle(5);
        assert_eq!(stats.of(slot(1)), SlotCost { requests: 1, cpu_us: 3, bytes_in: 10, bytes_out: 5 });
        stats.begin(7);
        stats.ran(3);
        stats.settle(5);
        stats.begin(7);
        stats.bill(slot(2));
        stats.bill(slot(3));
        stats.ran(3);
        stats.settle(5);
        let total: u64 = Slot::all().map(|slot| stats.of(slot).bytes_in).sum();
        assert_eq!(total, 10, "neither no slot nor several are billed");
    }

    #[test]
    fn an_interrupted_request_goes_on() {
        let mut stats = SlotStats::default();
        stats.switch(true);
        stats.begin(10);
        stats.bill(slot(1));
        let interrupted = stats.begin(20);
        stats.bill(slot(2));
        stats.settle(4);
        stats.resume(interrupted);
        stats.settle(1);
        assert_eq!(stats.of(slot(1)).bytes_in, 10);
        assert_eq!(stats.of(slot(2)), SlotCost { requests: 1, cpu_us: 0, bytes_in: 20, bytes_out: 4 });
        stats.forget(&[slot(2)]);
        assert_eq!(stats.of(slot(2)), SlotCost::default());
    }
}
