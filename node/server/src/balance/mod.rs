//! `slot-balance`: slots change hands between siblings so that all cores have about the same to do.
//!
//! Once a second each core looks at the CPU time its thread used since the last time, tells its siblings, and plans (`plan`).
//! That time is its slots', shared out by what each is known to have cost (`core::slot_stats`): what their commands took, and
//! something for each request. Where many come by way of siblings (the ingress), that time is whose connections they are and
//! says little of slots: then what these are known to have cost is all that counts. What a second tells is noisy, so costs are averaged over some looks, an imbalance must
//! last, the longer the smaller it is, and after a move there is a rest.

mod plan;

use std::collections::VecDeque;

use base::{SLOT_COUNT, Slot};

use crate::config::SlotBalance;
use crate::core::Core;
use crate::core::slot_stats::SlotCost;
use crate::log::{notice, warning};
use crate::mesh::Message;
use plan::Move;
pub use plan::Share;

/// Looks that an average goes back, about.
const AVERAGED: u16 = 8;
/// Looks after a move for which its core gives nothing more.
const REST: u32 = 5;
/// The same after one that was not possible.
const REST_REFUSED: u32 = 60;
/// What a request costs beyond its command's own time (reading, finding, answering), in microseconds, about.
const REQUEST_US: f32 = 2.0;
/// The part of all requests that is many.
const MANY: f32 = 0.1;
const MINUTE_MS: u64 = 60_000;

/// What something costs a look, on average.
#[derive(Clone, Copy, Default)]
struct Average {
    cost: f32,
    /// Looks that it tells of, and one more.
    looks: u16,
}

impl Average {
    /// Takes what has been spent since the last look. The first look tells of a part of the time only.
    fn take(&mut self, spent: f32) {
        if self.looks > 0 {
            self.cost += (spent - self.cost) / f32::from(self.looks);
        }
        self.looks = (self.looks + 1).min(AVERAGED);
    }
}

/// What a slot costs.
#[derive(Clone, Copy, Default)]
struct Cost {
    /// What it had cost in all at the last look: microseconds, and requests.
    seen: (u64, u64),
    /// While it is this core's.
    average: Average,
}

/// What a core costs.
#[derive(Default)]
struct Busy {
    /// At the last look: microseconds of CPU time that its thread had used, and requests that had gone to siblings or come
    /// from them.
    seen: (u64, u64),
    /// Of the first, with the slots it has.
    cpu: Average,
    /// Of the second.
    carried: Average,
    /// How many slots it has.
    slots: usize,
}

impl Busy {
    /// Takes what the thread has used and what was carried in all; `same` tells that it has the slots it had.
    fn look(&mut self, spent: (u64, u64), slots: usize, same: bool) {
        if !same || self.slots != slots {
            (self.cpu.looks, self.carried.looks) = (0, 0);
        }
        self.cpu.take(since(spent.0, self.seen.0));
        self.carried.take(since(spent.1, self.seen.1));
        (self.seen, self.slots) = (spent, slots);
    }

    /// What its slots cost, which are known to have cost `cost` together.
    fn of_slots(&self, cost: f32) -> f32 {
        let many = self.carried.cost * REQUEST_US > cost * MANY;
        if many { cost } else { self.cpu.cost }
    }
}

/// What a counter has grown by. One that was set back counts from there.
fn since(now: u64, then: u64) -> f32 {
    now.checked_sub(then).unwrap_or(now) as f32
}

/// What a core knows of loads.
#[derive(Default)]
pub struct Balance {
    /// By slot.
    costs: Vec<Cost>,
    /// This core.
    busy: Busy,
    /// The other cores, as they said last.
    shares: Vec<Option<Share>>,
    /// For how many looks something was to be given.
    uneven: u32,
    /// How many looks to rest.
    rest: u32,
    /// When slots were given in the last minute, unix ms.
    moves: VecDeque<u64>,
}

impl Balance {
    /// A sibling's load.
    pub fn hear(&mut self, core: u16, share: Option<Share>) {
        let core = usize::from(core);
        if self.shares.len() <= core {
            self.shares.resize(core + 1, None);
        }
        self.shares[core] = share;
    }

    /// Takes what `slot` has cost so far; what it costs a look on average, if it is this core's.
    fn look(&mut self, slot: Slot, spent: SlotCost, is_mine: bool) -> Average {
        self.costs.resize(SLOT_COUNT, Cost::default());
        let cost = &mut self.costs[slot.index()];
        if !is_mine {
            *cost = Cost::default();
            return Average::default();
        }
        let (us, requests) = (since(spent.cpu_us, cost.seen.0), since(spent.requests, cost.seen.1));
        cost.seen = (spent.cpu_us, spent.requests);
        cost.average.take(us + requests * REQUEST_US);
        cost.average
    }
}

impl Core {
    /// Looks at the loads, and gives slots away if that is due. Called once a second.
    pub fn balance_slots(&mut self) {
        let policy = self.config.ringmaster.slot_balance;
        if policy == SlotBalance::Off || self.core_ids.len() < 2 {
            return;
        }
        let mine = self.slot_costs();
        let share = Share { load: mine.iter().map(|(_, cost)| cost).sum(), slots: mine.len() };
        // Nobody knows yet what slots that have just come cost here.
        let is_known = self.balance.busy.cpu.looks > 1;
        let share = (self.cluster.myself().is_master() && is_known).then_some(share);
        let siblings: Vec<u16> = self.mesh.siblings().collect();
        siblings.into_iter().for_each(|core| self.mesh.send(core, Message::Load(share)));
        self.balance.hear(self.index, share);
        if self.balance.rest > 0 {
            self.balance.rest -= 1;
            return;
        }
        let shares = self.takers();
        let plan = share.and_then(|_| plan::plan(usize::from(self.index), &shares, &mine));
        let Some(plan) = plan else {
            self.balance.uneven = 0;
            return;
        };
        self.balance.uneven += 1;
        if self.balance.uneven >= plan.looks {
            self.balance.uneven = 0;
            self.give(plan, policy);
        }
    }

    /// The cores' shares, without those that the cluster does not know yet.
    fn takers(&self) -> Vec<Option<Share>> {
        let is_known =
            |core: usize| self.core_ids.get(core).is_some_and(|id| self.cluster.find_node(*id).is_some());
        let shares = self.balance.shares.iter().enumerate();
        shares.map(|(core, share)| share.filter(|_| is_known(core))).collect()
    }

    /// This core's slots, and what each costs a second.
    fn slot_costs(&mut self) -> Vec<(Slot, u64)> {
        let Core { cluster, slot_stats, balance, stats, .. } = self;
        let (mut costs, mut same) = (Vec::new(), true);
        for slot in Slot::all() {
            let is_mine = cluster.owner(slot) == cluster::Owner::Me;
            let average = balance.look(slot, slot_stats.of(slot), is_mine);
            if is_mine {
                costs.push((slot, average.cost));
                same &= average.looks > 1;
            }
        }
        balance.busy.look((stats.rounds.cpu_us, stats.forwarded + stats.run_for_siblings), costs.len(), same);
        let sum: f32 = costs.iter().map(|(_, cost)| cost).sum();
        let scale = if sum > 0.0 { balance.busy.of_slots(sum) / sum } else { 0.0 };
        costs.into_iter().map(|(slot, cost)| (slot, (cost * scale) as u64)).collect()
    }

    fn give(&mut self, plan: Move, policy: SlotBalance) {
        let Move { to, slots, reason, .. } = plan;
        let (count, id) = (slots.len(), self.core_ids[to]);
        self.balance.rest = REST;
        if policy == SlotBalance::Advise {
            notice!("slot-balance advises: {count} slots to core {to} ({id}): {reason}");
            self.balance.rest = REST_REFUSED;
            return;
        }
        let now_ms = self.now_ms;
        let moves = &mut self.balance.moves;
        moves.retain(|at_ms| now_ms.saturating_sub(*at_ms) < MINUTE_MS);
        if moves.len() as u64 >= self.config.ringmaster.slot_balance_moves_per_minute {
            return;
        }
        moves.push_back(now_ms);
        match self.move_slots(slots.into_iter().collect(), id) {
            Ok(()) => notice!("slot-balance: {count} slots to core {to} ({id}): {reason}"),
            Err(e) => {
                warning!("slot-balance: {count} slots should go to core {to} ({id}): {reason}; but: {e}");
                self.balance.rest = REST_REFUSED;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_that_came_is_averaged_from_then_on() {
        let (mut balance, slot) = (Balance::default(), Slot::ZERO);
        let mut look =
            |cpu_us, is_mine| balance.look(slot, SlotCost { cpu_us, ..SlotCost::default() }, is_mine).cost;
        assert_eq!(look(1000, false), 0.0);
        assert_eq!(look(300, true), 0.0, "nobody knows for how long");
        assert_eq!(look(1300, true), 1000.0);
        assert_eq!(look(3300, true), 1500.0);
        for i in 0..100 {
            look(3300 + i, true);
        }
        assert!(look(3500, true) < 100.0, "what was long ago is forgotten");
        assert!(look(10, true) < 100.0, "counters may be set back");
    }

    #[test]
    fn what_a_core_used_with_other_slots_is_forgotten() {
        let mut busy = Busy::default();
        busy.look((500_000, 0), 10, true);
        busy.look((1_000_000, 0), 10, true);
        busy.look((1_300_000, 0), 10, true);
        assert_eq!(busy.cpu.cost, 400_000.0);
        busy.look((1_900_000, 0), 9, true);
        assert_eq!(busy.cpu.looks, 1, "it had more for a part of the time");
        busy.look((2_000_000, 0), 9, true);
        assert_eq!(busy.cpu.cost, 100_000.0);
        busy.look((2_000_000, 0), 9, false);
        assert_eq!(busy.cpu.looks, 1, "as many, but others");
    }

    #[test]
    fn time_for_requests_that_siblings_carry_is_nobodys() {
        let mut busy = Busy::default();
        busy.look((0, 0), 10, true);
        busy.look((300_000, 0), 10, true);
        assert_eq!(busy.of_slots(50_000.0), 300_000.0);
        busy.look((900_000, 100_000), 10, true);
        assert_eq!(busy.of_slots(50_000.0), 50_000.0);
    }
}
