//! A figure of every slot that a core serves, for the heat map.

use base::Slot;

use crate::core::Core;

/// What may be asked of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Its keys.
    Keys,
    /// Requests so far, counted while `cluster-slot-stats-enabled` is on.
    Requests,
    /// Microseconds its commands ran so far; as requests.
    Cpu,
}

impl Figure {
    /// All, with their names in requests.
    const ALL: [(Figure, &str); 3] =
        [(Figure::Keys, "keys"), (Figure::Requests, "requests"), (Figure::Cpu, "cpu")];

    /// The figure called `name`.
    pub fn named(name: &str) -> Option<Figure> {
        Figure::ALL.into_iter().find(|(_, known)| *known == name).map(|(figure, _)| figure)
    }

    fn of(self, core: &Core, slot: Slot) -> u64 {
        match self {
            Figure::Keys => core.keys.slot_len(slot) as u64,
            Figure::Requests => core.slot_stats.of(slot).requests,
            Figure::Cpu => core.slot_stats.of(slot).cpu_us,
        }
    }
}

/// Slots in a row and a figure of each.
#[derive(Debug)]
pub struct SlotRun {
    /// The first slot.
    pub first: u16,
    /// The figures, slot by slot.
    pub values: Vec<u64>,
}

/// `figure` of the slots that `core` serves.
pub fn runs(core: &Core, figure: Figure) -> Vec<SlotRun> {
    let ranges = core.cluster.myself().slots.ranges();
    let run = |(first, last): (Slot, Slot)| {
        let slots = (first.number()..=last.number()).filter_map(Slot::new);
        SlotRun { first: first.number(), values: slots.map(|slot| figure.of(core, slot)).collect() }
    };
    ranges.into_iter().map(run).collect()
}
