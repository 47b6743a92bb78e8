//! Random members: `SRANDMEMBER` and `SPOP`.

use std::collections::BTreeSet;

use base::Random;

use super::super::Limits;
use super::super::blob;
use super::super::listpack::{Item, Pos, Strip};
use super::super::sample::Selection;
use super::Set;

/// Of a table, at most one in this many members is drawn at random; for more it is walked.
const DRAW_AT_MOST: usize = 3;
/// `SPOP` of so many times more members than stay makes a new set of those that stay.
const REBUILD_FROM: usize = 5;

impl Set {
    /// A member, each as likely as any other.
    pub fn random(&self, random: &mut Random) -> Option<Item<'_>> {
        match self {
            Set::Ints(ints) => ints.random(random).map(Item::Int),
            Set::Packed(members) => {
                let pos = random_entry(members, random)?;
                Some(members.get(pos))
            }
            Set::Table(table) => {
                table.random(&mut || random.bits()).map(|member| Item::Str(blob::bytes_of(&member)))
            }
        }
    }

    /// Calls `emit` for `count` different members, or for all; each choice of them is as likely.
    pub fn sample(&self, count: usize, random: &mut Random, mut emit: impl FnMut(Item<'_>)) {
        if let Set::Table(table) = self
            && count.saturating_mul(DRAW_AT_MOST) <= table.len()
        {
            let mut seen = BTreeSet::new();
            while seen.len() < count {
                let Some(Item::Str(member)) = self.random(random) else { return };
                if seen.insert(member) {
                    emit(Item::Str(member));
                }
            }
            return;
        }
        let mut selection = Selection::new(count, self.len());
        self.iter().filter(|_| selection.take(random)).for_each(emit);
    }

    /// Takes a random member out.
    pub fn pop(&mut self, random: &mut Random) -> Option<Vec<u8>> {
        if let Set::Packed(members) = self {
            let pos = random_entry(members, random)?;
            let member = members.get(pos).to_vec();
            members.remove(pos);
            return Some(member);
        }
        let member = self.random(random)?.to_vec();
        self.remove(&member[..]);
        Some(member)
    }

    /// Takes `count` random members out, or all, and calls `emit` for each.
    ///
    /// As in Redis, when few stay they are put into a new set, which may thus have a smaller encoding.
    pub fn pop_many(
        &mut self,
        count: usize,
        limits: &Limits,
        random: &mut Random,
        mut emit: impl FnMut(Item<'_>),
    ) {
        let stay = self.len().saturating_sub(count);
        if stay.saturating_mul(REBUILD_FROM) > count {
            (0..count).filter_map(|_| self.pop(random)).for_each(|member| emit(Item::Str(&member)));
            return;
        }
        let mut rest = if let Set::Ints(_) = self { Set::new() } else { Set::packed() };
        let mut selection = Selection::new(stay, self.len());
        for member in self.iter() {
            if selection.take(random) {
                rest.add(member, limits);
            } else {
                emit(member);
            }
        }
        *self = rest;
    }
}

fn random_entry(members: &Strip, random: &mut Random) -> Option<Pos> {
    let len = members.len() as u64;
    if len == 0 { None } else { members.seek(random.below(len) as usize) }
}
