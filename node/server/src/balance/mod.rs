//! `slot-balance`: slots change hands between siblings so that all cores have about the same to do.
//!
//! Once a second each core looks at what its slots cost since the last time (`core::slot_stats`), tells its siblings the
//! sum, and plans (`plan`). What is said of a second is noisy, and a move shows in the figures only seconds later; so
//! costs are averaged over a few looks, an imbalance must last for some, and after a move there is a rest.

mod plan;

use std::collections::VecDeque;

use base::{SLOT_COUNT, Slot};

use crate::config::SlotBalance;
use crate::core::Core;
use crate::log::{notice, warning};
use crate::mesh::Message;
use plan::Move;
pub use plan::Share;

/// Looks for which an imbalance must last.
const LOOKS: u32 = 3;
/// Looks after a move for which its core gives nothing more.
const REST: u32 = 5;
/// The same after one that was not possible.
const REST_REFUSED: u32 = 60;
/// What a request costs beyond its command's own time (reading, finding, answering), in microseconds, about.
const REQUEST_US: u64 = 2;
const MINUTE_MS: u64 = 60_000;

/// What a core knows of loads.
#[derive(Default)]
pub struct Balance {
    /// What each slot had cost at the last look, and costs a look on average.
    seen: Vec<(u64, u64)>,
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

    /// Takes what `slot` has cost so far; what it costs a look.
    fn look(&mut self, slot: Slot, cost: u64) -> u64 {
        self.seen.resize(SLOT_COUNT, (0, 0));
        let (seen, average) = &mut self.seen[slot.index()];
        // Counters that were set back count from there.
        let spent = cost.checked_sub(*seen).unwrap_or(cost);
        (*seen, *average) = (cost, (*average + spent) / 2);
        *average
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
        if self.balance.uneven >= LOOKS {
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
            let cost = slot_stats.of(slot);
            let average = balance.look(slot, cost.cpu_us + cost.requests * REQUEST_US);
            if cluster.owner(slot) == cluster::Owner::Me {
                costs.push((slot, average));
            }
        }
        costs
    }

    fn give(&mut self, plan: Move, policy: SlotBalance) {
        let Move { to, slots, reason } = plan;
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
