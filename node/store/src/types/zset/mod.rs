//! Sorted sets: one listpack while small, a tree and a table that share their members beyond.
//!
//! Problem: members must be found by text, by rank and by score, each in O(log n), and millions of them must
//! not cost several times their own bytes. Redis keeps a skiplist beside a dict.
//!
//! Plan: [`packed`] is one listpack in one allocation, [`sorted`] a counted B+-tree beside a table. A set
//! changes from the first to the second where Redis does (`zset-max-listpack-entries`, `-value`) and never
//! back, but for [`Zset::settle`]. Every range, by score or by member, is first turned into a range of ranks
//! ([`Zset::ranks_by_score`], [`Zset::ranks_by_lex`]): counting is then a subtraction, and walking, LIMIT
//! and removing have one form each.
//!
//! Scores are doubles without NaN. Negative zero equals zero; a packed set does not keep its sign, a large
//! one does, as in Redis.

mod digits;
mod member;
mod packed;
mod range;
mod score;
mod sorted;
#[cfg(test)]
mod tests;
mod tree;

use std::ops::Range;

use self::packed::Pairs;
pub use self::range::{LexBound, LexRange, ScoreBound, ScoreRange};
pub use self::score::{ScoreText, to_text as score_text};
use self::sorted::{Members, Sorted};
use super::Limits;
use super::int::IntText;
use super::listpack::{Corrupt, Item, Listpack};
use super::packed_or::{Form, PackedOr};
use crate::table::{Cursor, LoadAhead};

/// What a member and its score may take in a listpack beside the member's text.
const PAIR_OVERHEAD: usize = 64;

/// A sorted-set value: 8 bytes beside its members' allocations.
pub struct Zset(PackedOr<Sorted>);

impl Default for Zset {
    fn default() -> Zset {
        Zset::new()
    }
}

impl Zset {
    /// An empty sorted set.
    pub fn new() -> Zset {
        Zset(PackedOr::packed(Listpack::new()))
    }

    /// Its table, to load members ahead.
    pub fn table(&self) -> Option<&dyn LoadAhead> {
        if let Form::Large(sorted) = self.0.get() { Some(sorted.table()) } else { None }
    }

    /// The sorted set that a listpack from outside is (RDB `ZSET_LISTPACK`), in the encoding `limits` ask
    /// for. Refuses odd entries, scores that are no numbers, and a member that comes twice.
    pub fn from_listpack(listpack: Listpack, limits: &Limits) -> Result<Zset, Corrupt> {
        if !packed::check(&listpack) {
            return Err(Corrupt);
        }
        let pairs = || Pairs::new(&listpack, 0..packed::len(&listpack));
        let longest = pairs().map(|(member, _)| member.text_len()).max().unwrap_or(0);
        let mut zset = Zset::new();
        if packed::is_ordered(&listpack) {
            zset.0 = PackedOr::packed(listpack);
        } else {
            pairs().for_each(|(member, score)| {
                zset.insert(member.as_bytes(&mut IntText::default()), score, limits);
            });
        }
        zset.expect(zset.len(), longest, limits);
        Ok(zset)
    }

    /// The listpack of a small set, as RDB files keep it.
    pub fn as_listpack(&self) -> Option<&Listpack> {
        match self.0.get() {
            Form::Packed(listpack) => Some(listpack),
            Form::Large(_) => None,
        }
    }

    /// The number of members. O(1).
    pub fn len(&self) -> usize {
        match self.0.get() {
            Form::Packed(listpack) => packed::len(listpack),
            Form::Large(sorted) => sorted.len(),
        }
    }

    /// Whether there is no member: the keyspace then drops the key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What `OBJECT ENCODING` answers.
    pub fn encoding_name(&self) -> &'static str {
        match self.0.get() {
            Form::Packed(_) => "listpack",
            Form::Large(_) => "skiplist",
        }
    }

    /// Bytes taken from the allocator below this value. O(members / 40).
    pub fn memory_bytes(&self) -> usize {
        match self.0.get() {
            Form::Packed(listpack) => listpack.memory_bytes(),
            Form::Large(sorted) => size_of::<Sorted>() + sorted.memory_bytes(),
        }
    }

    /// Frees about `count` members; true when nothing is left. After the first call the set is good for
    /// nothing but more of them, and for being dropped.
    pub fn drain(&mut self, count: usize) -> bool {
        match self.0.get_mut() {
            Form::Packed(listpack) => {
                listpack.clear();
                true
            }
            Form::Large(sorted) => sorted.drain(count),
        }
    }

    /// Before members are added: a small set that will have `len` members, the longest of `longest` bytes,
    /// changes its encoding now if it will have to (`zsetTypeMaybeConvert` of t_zset.c, ZADD).
    pub fn expect(&mut self, len: usize, longest: usize, limits: &Limits) {
        if len > limits.zset_max_listpack_entries || longest > limits.zset_max_listpack_value {
            self.make_large();
        }
    }

    /// Makes a set that was put together at once small again if the limits allow (ZUNIONSTORE, ZRANGESTORE,
    /// GEOSEARCHSTORE).
    pub fn settle(&mut self, limits: &Limits) {
        if self.as_listpack().is_some() || self.len() > limits.zset_max_listpack_entries {
            return;
        }
        let lengths = || self.iter().map(|(member, _)| member.text_len());
        let bytes: usize = lengths().map(|len| len + PAIR_OVERHEAD).sum();
        if lengths().all(|len| len <= limits.zset_max_listpack_value) && Listpack::new().would_fit(bytes) {
            let mut listpack = Listpack::new();
            for (member, score) in self.iter() {
                packed::insert(&mut listpack, member.as_bytes(&mut IntText::default()), score);
            }
            self.0 = PackedOr::packed(listpack);
        }
    }

    /// The score of a member: ZSCORE.
    pub fn score(&self, member: &[u8]) -> Option<f64> {
        match self.0.get() {
            Form::Packed(listpack) => packed::find(listpack, member).map(|(_, score)| score),
            Form::Large(sorted) => sorted.score(member),
        }
    }

    /// The number of members before this one, and its score: ZRANK.
    pub fn rank(&self, member: &[u8]) -> Option<(usize, f64)> {
        let score = self.score(member)?;
        let rank = match self.0.get() {
            Form::Packed(listpack) => packed::rank_of(listpack, member, score),
            Form::Large(sorted) => sorted.rank_of(member, score),
        };
        Some((rank, score))
    }

    /// Gives the member this score; true if it is new.
    pub fn insert(&mut self, member: &[u8], score: f64, limits: &Limits) -> bool {
        let mut is_new = false;
        self.update(member, limits, |old| {
            is_new = old.is_none();
            Some(score)
        });
        is_new
    }

    /// Gives the member the score that `decide` makes of its current one (`None`: it is not there), with one
    /// search for both; `None` from `decide` changes nothing. The new score must not be NaN.
    pub fn update(
        &mut self,
        member: &[u8],
        limits: &Limits,
        decide: impl FnOnce(Option<f64>) -> Option<f64>,
    ) {
        let decide = |old| {
            let new = decide(old);
            assert!(new.is_none_or(|score| !score.is_nan()), "NaN never gets into a sorted set");
            new
        };
        let listpack = match self.0.get_mut() {
            Form::Large(sorted) => return sorted.update(member, decide),
            Form::Packed(listpack) => listpack,
        };
        if let Some((pos, old)) = packed::find(listpack, member) {
            if let Some(new) = decide(Some(old))
                && new != old
            {
                packed::remove(listpack, pos);
                packed::insert(listpack, member, new);
            }
            return;
        }
        let Some(new) = decide(None) else { return };
        let fits = packed::len(listpack) < limits.zset_max_listpack_entries
            && member.len() <= limits.zset_max_listpack_value
            && listpack.would_fit(member.len() + PAIR_OVERHEAD);
        if fits {
            packed::insert(listpack, member, new);
        } else {
            self.make_large().update(member, |_| Some(new));
        }
    }

    /// Removes a member; its score, if it was there: ZREM.
    pub fn remove(&mut self, member: &[u8]) -> Option<f64> {
        match self.0.get_mut() {
            Form::Packed(listpack) => {
                let (pos, score) = packed::find(listpack, member)?;
                packed::remove(listpack, pos);
                Some(score)
            }
            Form::Large(sorted) => sorted.remove(member),
        }
    }

    /// The ranks of the members whose scores are in the range: ZCOUNT is its length.
    pub fn ranks_by_score(&self, range: &ScoreRange) -> Range<usize> {
        let start = self.partition_point(|_, score| range.is_before(score));
        let end = self.partition_point(|_, score| range.is_up_to(score));
        start..end.max(start)
    }

    /// The ranks of the members in the range, if all scores are equal (else anything, as in Redis):
    /// ZLEXCOUNT is its length.
    pub fn ranks_by_lex(&self, range: &LexRange<'_>) -> Range<usize> {
        let start = self.partition_point(|member, _| range.is_before(member));
        let end = self.partition_point(|member, _| range.is_up_to(member));
        start..end.max(start)
    }

    /// The members of these ranks (clipped to the set) and their scores, both ways.
    pub fn range(&self, ranks: Range<usize>) -> Items<'_> {
        let end = ranks.end.min(self.len());
        let ranks = ranks.start.min(end)..end;
        Items(match self.0.get() {
            Form::Packed(listpack) => Walk::Packed(Pairs::new(listpack, ranks)),
            Form::Large(sorted) => Walk::Large(sorted.range(ranks)),
        })
    }

    /// All members and their scores, both ways.
    pub fn iter(&self) -> Items<'_> {
        self.range(0..usize::MAX)
    }

    /// The member of this rank, and its score. O(log n).
    pub fn get(&self, rank: usize) -> Option<(Item<'_>, f64)> {
        self.range(rank..rank.saturating_add(1)).next()
    }

    /// Removes the members of these ranks, clipped to the set: ZREMRANGEBYRANK, ZPOPMIN. Gives their number.
    pub fn remove_range(&mut self, ranks: Range<usize>) -> usize {
        let end = ranks.end.min(self.len());
        let ranks = ranks.start.min(end)..end;
        let removed = ranks.len();
        match self.0.get_mut() {
            Form::Packed(listpack) => packed::remove_range(listpack, ranks),
            Form::Large(sorted) => sorted.remove_range(ranks),
        }
        removed
    }

    /// Calls `emit` with a few members (all of them if the set is small) and returns where to go on; 0 is
    /// both the start and the end. Members there all the time are met at least once: ZSCAN.
    pub fn scan(&self, cursor: Cursor, mut emit: impl FnMut(Item<'_>, f64)) -> Cursor {
        match self.0.get() {
            Form::Packed(_) => {
                self.iter().for_each(|(member, score)| emit(member, score));
                0
            }
            Form::Large(sorted) => sorted.scan(cursor, &mut |text, score| emit(Item::Str(text), score)),
        }
    }

    fn partition_point(&self, mut before: impl FnMut(Item<'_>, f64) -> bool) -> usize {
        match self.0.get() {
            Form::Packed(listpack) => packed::partition_point(listpack, before),
            Form::Large(sorted) => sorted.partition_point(|text, score| before(Item::Str(text), score)),
        }
    }

    fn make_large(&mut self) -> &mut Sorted {
        if let Form::Packed(listpack) = self.0.get() {
            let mut sorted = Box::<Sorted>::default();
            for (member, score) in Pairs::new(listpack, 0..packed::len(listpack)) {
                sorted.update(member.as_bytes(&mut IntText::default()), |_| Some(score));
            }
            self.0 = PackedOr::large(sorted);
        }
        match self.0.get_mut() {
            Form::Large(sorted) => sorted,
            Form::Packed(_) => unreachable!("it was made large above"),
        }
    }
}

/// Members and their scores in order, from [`Zset::range`].
pub struct Items<'a>(Walk<'a>);

enum Walk<'a> {
    Packed(Pairs<'a>),
    Large(Members<'a>),
}

impl<'a> Iterator for Items<'a> {
    type Item = (Item<'a>, f64);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Walk::Packed(pairs) => pairs.next(),
            Walk::Large(members) => members.next().map(|(text, score)| (Item::Str(text), score)),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match &self.0 {
            Walk::Packed(pairs) => pairs.left(),
            Walk::Large(members) => members.left(),
        };
        (left, Some(left))
    }
}

impl DoubleEndedIterator for Items<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Walk::Packed(pairs) => pairs.next_back(),
            Walk::Large(members) => members.next_back().map(|(text, score)| (Item::Str(text), score)),
        }
    }
}

impl ExactSizeIterator for Items<'_> {}
