//! `slot-balance`: slots change hands between siblings so that all cores have about the same to do.
//!
//! Once a second each core looks at what its slots cost since the last time (`core::slot_stats`), tells its siblings the
//! sum, and plans (`plan`). What is said of a second is noisy, so costs are averaged over some looks, an imbalance must
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
const MINUTE_MS: u64 = 60_000;

/// What a slot costs.
#[derive(Clone, Copy, Default)]
struct Cost {
    /// What it had cost in all at the last look: microseconds, and requests.
    seen: (u64, u64),
    /// On average, a look.
    average: f32,
    /// Looks since it is this core's.
    looks: u16,
}

/// What a core knows of loads.
#[derive(Default)]
pub struct Balance {
    /// By slot.
    costs: Vec<Cost>,
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

    /// Takes what `slot` has cost so far; what it costs a look, if it is this core's.
    fn look(&mut self, slot: Slot, spent: SlotCost, is_mine: bool) -> u64 {
        self.costs.resize(SLOT_COUNT, Cost::default());
        let cost = &mut self.costs[slot.index()];
        if !is_mine {
            *cost = Cost::default();
            return 0;
        }
        // Counters that were set back count from there.
        let since = |now: u64, then: u64| now.checked_sub(then).unwrap_or(now) as f32;
        let (us, requests) = (since(spent.cpu_us, cost.seen.0), since(spent.requests, cost.seen.1));
        cost.seen = (spent.cpu_us, spent.requests);
        // Of a slot that came since the last look this one tells of a part of the time only.
        if cost.looks > 0 {
            cost.average += (us + requests * REQUEST_US - cost.average) / f32::from(cost.looks);
        }
        cost.looks = (cost.looks + 1).min(AVERAGED);
        cost.average as u64
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
        let share = self
            .cluster
            .myself()
            .is_master()
            .then(|| Share { load: mine.iter().map(|(_, cost)| cost).sum(), slots: mine.len() });
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
        let Core { cluster, slot_stats, balance, .. } = self;
        let mut costs = Vec::new();
        for slot in Slot::all() {
            let is_mine = cluster.owner(slot) == cluster::Owner::Me;
            let average = balance.look(slot, slot_stats.of(slot), is_mine);
            if is_mine {
                costs.push((slot, average));
            }
        }
        costs
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
            |cpu_us, is_mine| balance.look(slot, SlotCost { cpu_us, ..SlotCost::default() }, is_mine);
        assert_eq!(look(1000, false), 0);
        assert_eq!(look(300, true), 0, "nobody knows for how long");
        assert_eq!(look(1300, true), 1000);
        assert_eq!(look(3300, true), 1500);
        for i in 0..100 {
            look(3300 + i, true);
        }
        assert!(look(3500, true) < 100, "what was long ago is forgotten");
        assert!(look(10, true) < 100, "counters may be set back");
    }
}
