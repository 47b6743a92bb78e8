//! Which slots a core should give to which sibling. Pure: loads in, a move out.
//!
//! Each core decides for itself what to give; nobody takes. So that two do not act on the same sight, only the core that
//! has most does: the most load, or the most slots where a sibling has none.
//!
//! Slots go from the hottest down, as long as they fit into the gap: few moves then suffice, and the gap is never turned
//! round. A slot hotter than the gap stays: moving it would only move the problem.

use base::Slot;

/// Two cores whose loads differ by at most one part in so many of the larger are balanced.
const TOLERATED: u64 = 14;
/// They are far apart when they differ by more than one part in so many.
const FAR: u64 = 4;
/// Looks for which cores must be far apart before something is done.
const LOOKS_FAR: u32 = 3;
/// The same for a difference that is small, and may be noise.
const LOOKS_NEAR: u32 = 6;
/// A core is idle below this load: about a hundredth of its time.
const IDLE: u64 = 10_000;
/// A move must close at least one part in so many of the gap.
const WORTH: u64 = 4;
/// Most slots that change hands at once for their load.
const SLOTS_MAX: usize = 512;

/// What a core has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// What its slots cost a second, in microseconds of CPU time.
    pub load: u64,
    /// How many they are.
    pub slots: usize,
}

/// Slots to give away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// To this core.
    pub to: usize,
    /// These.
    pub slots: Vec<Slot>,
    /// Why, for the log.
    pub reason: String,
    /// For how many looks in a row that must be so.
    pub looks: u32,
}

/// What core `me` should give away, if anything: `shares` are all cores' (`None` for one that takes no slots), `mine` are
/// its slots and what each costs.
pub fn plan(me: usize, shares: &[Option<Share>], mine: &[(Slot, u64)]) -> Option<Move> {
    let known: Vec<(usize, Share)> =
        shares.iter().enumerate().filter_map(|(core, share)| Some((core, (*share)?))).collect();
    fill_empty(me, &known, mine).or_else(|| even_out(me, &known, mine))
}

/// A sibling that has no slot gets its share of all slots, hot and cold ones alike.
fn fill_empty(me: usize, known: &[(usize, Share)], mine: &[(Slot, u64)]) -> Option<Move> {
    let (to, _) = known.iter().find(|(core, share)| share.slots == 0 && *core != me)?;
    let most = known.iter().map(|(_, share)| share.slots).max()?;
    if known.iter().find(|(_, share)| share.slots == most)?.0 != me {
        return None;
    }
    let share = known.iter().map(|(_, share)| share.slots).sum::<usize>() / known.len();
    let count = share.min(mine.len().saturating_sub(share));
    let mut by_cost = mine.to_vec();
    by_cost.sort_by_key(|(slot, cost)| (*cost, *slot));
    let slots: Vec<Slot> = (0..count).map(|i| by_cost[i * mine.len() / count].0).collect();
    let reason = format!("it has none, this core has {}", mine.len());
    (count > 0).then_some(Move { to: *to, slots, reason, looks: LOOKS_FAR })
}

/// The busiest core gives to the least busy.
fn even_out(me: usize, known: &[(usize, Share)], mine: &[(Slot, u64)]) -> Option<Move> {
    let most = known.iter().map(|(_, share)| share.load).max()?;
    let (busiest, _) = known.iter().find(|(_, share)| share.load == most)?;
    let (to, theirs) = known.iter().min_by_key(|(_, share)| share.load)?;
    if *busiest != me || most < IDLE || most - theirs.load <= most / TOLERATED {
        return None;
    }
    let total: u64 = known.iter().map(|(_, share)| share.load).sum();
    let mean = total / known.len() as u64;
    let gap = (most - mean).min(mean - theirs.load);
    let mut by_cost: Vec<_> = mine.iter().filter(|(_, cost)| *cost > 0).collect();
    by_cost.sort_by_key(|(slot, cost)| (std::cmp::Reverse(*cost), *slot));
    let (mut left, mut slots) = (gap, Vec::new());
    for (slot, cost) in by_cost {
        if *cost <= left && slots.len() < SLOTS_MAX {
            left -= cost;
            slots.push(*slot);
        }
    }
    let percent = |load: u64| load * 100 / total;
    let reason = format!("this core has {}% of the load, it has {}%", percent(most), percent(theirs.load));
    let looks = if most - theirs.load > most / FAR { LOOKS_FAR } else { LOOKS_NEAR };
    (gap - left >= gap / WORTH && !slots.is_empty()).then_some(Move { to: *to, slots, reason, looks })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(number: u16) -> Slot {
        Slot::new(number).unwrap()
    }

    fn costs(costs: &[u64]) -> Vec<(Slot, u64)> {
        costs.iter().enumerate().map(|(i, cost)| (slot(i as u16), *cost)).collect()
    }

    fn share(load: u64, slots: usize) -> Option<Share> {
        Some(Share { load, slots })
    }

    /// What is given to whom, in text.
    fn given(me: usize, shares: &[Option<Share>], mine: &[u64]) -> String {
        plan(me, shares, &costs(mine)).map_or("nothing".into(), |Move { to, slots, .. }| {
            let numbers: Vec<u16> = slots.iter().map(|slot| slot.number()).collect();
            format!("{numbers:?} to {to}")
        })
    }

    #[test]
    fn the_busiest_gives_what_fits_into_the_gap() {
        let shares = [share(700_000, 5), share(300_000, 5)];
        assert_eq!(given(0, &shares, &[300_000, 150_000, 140_000, 60_000, 50_000]), "[1, 4] to 1");
        assert_eq!(given(1, &shares, &[300_000]), "nothing");
        // One slot is all the load: moved, it would be as hot there.
        assert_eq!(given(0, &[share(700_000, 1), share(0, 1)], &[700_000]), "nothing");
        // Nor is a crumb worth a move.
        assert_eq!(given(0, &shares, &[690_000, 10_000]), "nothing");
    }

    #[test]
    fn a_small_difference_must_last_longer() {
        let looks = |loads: [u64; 2]| plan(0, &loads.map(|load| share(load, 9)), &costs(&[10_000; 50]));
        assert_eq!(looks([600_000, 400_000]).map(|plan| plan.looks), Some(LOOKS_FAR));
        assert_eq!(looks([540_000, 460_000]).map(|plan| plan.looks), Some(LOOKS_NEAR));
    }

    #[test]
    fn what_is_balanced_or_idle_stays() {
        assert_eq!(given(0, &[share(105_000, 2), share(95_000, 2)], &[55_000, 50_000]), "nothing");
        assert_eq!(given(0, &[share(8_000, 2), share(0, 2)], &[4_000, 4_000]), "nothing");
        assert_eq!(given(0, &[share(800_000, 2), None], &[400_000, 400_000]), "nothing");
    }

    #[test]
    fn of_three_the_least_busy_is_filled_up_to_the_mean() {
        let shares = [share(600_000, 6), share(200_000, 1), share(100_000, 1)];
        assert_eq!(given(0, &shares, &[100_000; 6]), "[0, 1] to 2");
    }

    #[test]
    fn a_core_without_slots_gets_its_share() {
        let shares = [share(0, 6), share(0, 3), share(0, 0)];
        assert_eq!(given(0, &shares, &[0; 6]), "[0, 2, 4] to 2");
        assert_eq!(given(1, &shares, &[0; 3]), "nothing");
        assert_eq!(given(0, &[share(0, 0), share(0, 0)], &[]), "nothing");
    }

    #[test]
    fn a_skewed_load_is_even_after_a_few_moves() {
        // Slot i costs as its rank in a Zipf distribution; the first core has the hottest.
        let cost = |i: u16| 400_000 / (u64::from(i) + 1);
        let mut homes: Vec<usize> = (0..2000).map(|i| usize::from(i >= 200)).collect();
        let mut moves = 0;
        loop {
            let of = |core: usize| -> Vec<(Slot, u64)> {
                let here = (0..2000u16).filter(|i| homes[usize::from(*i)] == core);
                here.map(|i| (slot(i), cost(i))).collect()
            };
            let shares: Vec<Option<Share>> = (0..2)
                .map(|core| share(of(core).iter().map(|(_, cost)| cost).sum(), of(core).len()))
                .collect();
            let Some(next) = (0..2).find_map(|core| plan(core, &shares, &of(core))) else {
                let loads: Vec<u64> = shares.iter().map(|share| share.unwrap().load).collect();
                assert!(loads[0].abs_diff(loads[1]) <= loads[0].max(loads[1]) / 10, "{loads:?}");
                break;
            };
            next.slots.iter().for_each(|slot| homes[slot.index()] = next.to);
            moves += 1;
            assert!(moves < 5, "it does not come to rest");
        }
    }
}
