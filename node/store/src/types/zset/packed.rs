//! A small sorted set: a listpack of member, score, member, score ..., in order.
//!
//! Every search is a walk over at most `zset-max-listpack-entries` pairs in one or two cache lines each; a
//! tree would cost more than that in its first pointer. Scores stand as integers where they are whole, else
//! as text, as dump files have it.

use std::cmp::Ordering;
use std::ops::Range;

use super::super::int::IntText;
use super::super::listpack::{self, Item, Listpack, Pos};
use super::score::{self, ScoreText};

/// Entries of the listpack for one member.
const PAIR: usize = 2;

/// The score an entry stands for. Texts no number are impossible after [`check`]; they would read as 0.
fn score_of(item: Item<'_>) -> f64 {
    match item {
        Item::Int(score) => score as f64,
        Item::Str(text) => score::from_kept_text(text).unwrap_or(0.0),
    }
}

pub(super) fn len(listpack: &Listpack) -> usize {
    listpack.len() / PAIR
}

/// The member's entry, and its score.
pub(super) fn find(listpack: &Listpack, member: &[u8]) -> Option<(Pos, f64)> {
    let pos = listpack.find(member, PAIR - 1)?;
    let score = listpack.next(pos).expect("a score stands behind every member");
    Some((pos, score_of(listpack.get(score))))
}

/// The number of members before this one (which need not be there) in the set's order.
pub(super) fn rank_of(listpack: &Listpack, member: &[u8], score: f64) -> usize {
    partition_point(listpack, |m, s| order(m, s, member, score) == Ordering::Less)
}

/// The number of leading pairs for which `before` holds.
pub(super) fn partition_point(listpack: &Listpack, mut before: impl FnMut(Item<'_>, f64) -> bool) -> usize {
    Pairs::new(listpack, 0..len(listpack)).take_while(|&(member, score)| before(member, score)).count()
}

/// Adds a member that is not there.
pub(super) fn insert(listpack: &mut Listpack, member: &[u8], score: f64) {
    let mut behind = None;
    let mut at = listpack.first();
    while let Some(pos) = at {
        let score_pos = listpack.next(pos).expect("a score stands behind every member");
        if order(listpack.get(pos), score_of(listpack.get(score_pos)), member, score) == Ordering::Greater {
            behind = Some(pos);
            break;
        }
        at = listpack.next(score_pos);
    }
    let mut buffer = ScoreText::default();
    match (behind, score::as_integer(score)) {
        (None, Some(integer)) => {
            listpack.push_back(member);
            listpack.push_back_int(integer);
        }
        (None, None) => {
            listpack.push_back(member);
            listpack.push_back(score::to_text(score, &mut buffer));
        }
        (Some(pos), Some(integer)) => {
            let own = listpack.insert_before(pos, member);
            listpack.insert_int_after(own, integer);
        }
        (Some(pos), None) => {
            let own = listpack.insert_before(pos, member);
            listpack.insert_after(own, score::to_text(score, &mut buffer));
        }
    }
}

/// Removes the pair whose member is at `pos`.
pub(super) fn remove(listpack: &mut Listpack, pos: Pos) {
    listpack.remove_run(pos, PAIR);
}

/// Removes the pairs of these ranks.
pub(super) fn remove_range(listpack: &mut Listpack, ranks: Range<usize>) {
    listpack.remove_range((PAIR * ranks.start) as isize, PAIR * ranks.len());
}

/// Whether a listpack from outside is a sorted set: pairs in strict order, scores that are numbers, and no
/// member twice.
pub(super) fn check(listpack: &Listpack) -> bool {
    if !listpack.len().is_multiple_of(PAIR) {
        return false;
    }
    let scores = listpack.iter().skip(1).step_by(PAIR);
    let numbers = scores.into_iter().all(|(_, item)| match item {
        Item::Int(_) => true,
        Item::Str(text) => score::from_kept_text(text).is_some(),
    });
    numbers && {
        let mut members: Vec<_> = listpack.iter().step_by(PAIR).map(|(_, item)| item.to_vec()).collect();
        let count = members.len();
        members.sort_unstable();
        members.dedup();
        members.len() == count
    }
}

/// Whether the pairs are in order; a listpack made elsewhere need not be.
pub(super) fn is_ordered(listpack: &Listpack) -> bool {
    let pairs = || Pairs::new(listpack, 0..len(listpack));
    pairs().zip(pairs().skip(1)).all(|((a, score_a), (b, score_b))| {
        order(a, score_a, b.as_bytes(&mut IntText::default()), score_b) == Ordering::Less
    })
}

fn order(member: Item<'_>, score: f64, other: &[u8], other_score: f64) -> Ordering {
    let by_score = score.partial_cmp(&other_score).expect("scores are not NaN");
    by_score.then_with(|| member.as_bytes(&mut IntText::default()).cmp(other))
}

/// The pairs of some ranks, both ways.
pub(super) struct Pairs<'a> {
    entries: listpack::Iter<'a>,
    left: usize,
    /// Pairs behind the range, which a reader from the front never meets.
    behind: usize,
}

impl<'a> Pairs<'a> {
    /// The pairs of `ranks`, which end within the set.
    pub(super) fn new(listpack: &'a Listpack, ranks: Range<usize>) -> Pairs<'a> {
        let entries = match listpack.seek((PAIR * ranks.start) as isize) {
            Some(pos) if ranks.start > 0 => listpack.iter_from(pos),
            _ => listpack.iter(),
        };
        let behind = if ranks.is_empty() { 0 } else { len(listpack) - ranks.end };
        Pairs { entries, left: ranks.len(), behind }
    }

    pub(super) fn left(&self) -> usize {
        self.left
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (Item<'a>, f64);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let (_, member) = self.entries.next()?;
        let (_, score) = self.entries.next()?;
        Some((member, score_of(score)))
    }
}

impl DoubleEndedIterator for Pairs<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        for _ in 0..PAIR * std::mem::take(&mut self.behind) {
            self.entries.next_back();
        }
        let (_, score) = self.entries.next_back()?;
        let (_, member) = self.entries.next_back()?;
        Some((member, score_of(score)))
    }
}
