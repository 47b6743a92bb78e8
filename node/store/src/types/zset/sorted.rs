//! A large sorted set: a table from member to score, and a tree of the same members in order.
//!
//! Each member is one allocation that both share ([`Member`]); the table owns it. Beside it a member costs
//! one cell of the table and one of a leaf, about 18 bytes, where Redis's skiplist node and dict entry take
//! some 60.
//!
//! The one rule that makes the sharing sound: a member leaves the tree before it leaves the table, and no
//! pointer to it leaves this type but as a borrow of the whole.

use std::cmp::Ordering;
use std::ops::Range;

use super::member::{Member, MemberRef};
use super::tree::{self, Tree};
use crate::table::{Cursor, Lookup, Table};

/// A sorted set of more than a few members.
#[derive(Default)]
pub(super) struct Sorted {
    tree: Tree<MemberRef>,
    table: Table<Member>,
    /// Bytes of all members.
    member_bytes: usize,
}

impl Sorted {
    pub(super) fn table(&self) -> &Table<Member> {
        &self.table
    }

    pub(super) fn len(&self) -> usize {
        self.tree.len()
    }

    /// The score of a member.
    pub(super) fn score(&self, member: &[u8]) -> Option<f64> {
        Some(self.table.get(member)?.score())
    }

    /// The number of members before this one (which need not be there) in the set's order.
    pub(super) fn rank_of(&self, member: &[u8], score: f64) -> usize {
        self.tree.partition_point(|m, own_score| m.cmp(own_score, score, member) == Ordering::Less)
    }

    /// The number of leading members for which `before(text, score)` holds.
    pub(super) fn partition_point(&self, mut before: impl FnMut(&[u8], f64) -> bool) -> usize {
        // SAFETY: the text is used in the call only, and members live as long as `self` is borrowed.
        self.tree.partition_point(|m, score| before(unsafe { m.text() }, score))
    }

    /// Gives the member the score that `decide` makes of its current one (`None`: it is not there), unless
    /// that is `None`.
    pub(super) fn update(&mut self, member: &[u8], decide: impl FnOnce(Option<f64>) -> Option<f64>) {
        match self.table.lookup(member) {
            Lookup::Found(own) => {
                let old = own.score();
                // SAFETY: the pointer is used up in this call, which does not remove the member.
                let shared = unsafe { own.share() };
                match decide(Some(old)) {
                    Some(new) if new.to_bits() != old.to_bits() => self.rescore(shared, member, old, new),
                    _ => {}
                }
            }
            Lookup::Vacant(vacancy) => {
                let Some(score) = decide(None) else { return };
                let own = vacancy.insert(Member::new(member, score), false);
                self.member_bytes += own.allocated();
                // SAFETY: the tree gives the pointer up before the table drops the member.
                let shared = unsafe { own.share() };
                self.tree.insert(self.rank_of(member, score), shared);
            }
        }
    }

    /// Moves a member to its place under a new score.
    fn rescore(&mut self, shared: MemberRef, member: &[u8], old: f64, new: f64) {
        let rank = self.rank_of(member, old);
        self.tree.remove(rank);
        // SAFETY: `self` is borrowed exclusively, and the tree no longer has the pointer.
        unsafe { shared.set_score(new) };
        self.tree.insert(self.rank_of(member, new), shared);
    }

    /// Removes a member; its score, if it was there.
    pub(super) fn remove(&mut self, member: &[u8]) -> Option<f64> {
        let own = self.table.remove(member)?;
        self.member_bytes -= own.allocated();
        // The member is alive until the end of this function: the tree may still look at it.
        self.tree.remove(self.rank_of(member, own.score()));
        Some(own.score())
    }

    /// Removes the members of these ranks.
    pub(super) fn remove_range(&mut self, ranks: Range<usize>) {
        let (table, member_bytes) = (&mut self.table, &mut self.member_bytes);
        self.tree.remove_range(ranks, |shared| {
            // SAFETY: the member is in the table until the next line, and the text is not used after that.
            let own = table.remove(unsafe { shared.text() }).expect("the table has all members of the tree");
            *member_bytes -= own.allocated();
        });
    }

    /// The members of these ranks, both ways.
    pub(super) fn range(&self, ranks: Range<usize>) -> Members<'_> {
        Members(self.tree.range(ranks))
    }

    /// See [`Table::scan`].
    pub(super) fn scan(&self, cursor: Cursor, emit: &mut impl FnMut(&[u8], f64)) -> Cursor {
        self.table.scan(cursor, &mut |member| emit(member.text(), member.score()))
    }

    /// Drops about `count` members; true when none is left. In between, the set is only good for more of it:
    /// the tree goes first, so the members left are in no order.
    pub(super) fn drain(&mut self, count: usize) -> bool {
        let len = self.tree.len();
        self.tree.remove_range(len.saturating_sub(count)..len, |_| ());
        self.tree.len() == 0 && self.table.drain_some(count)
    }

    /// Bytes taken from the allocator below this value.
    pub(super) fn memory_bytes(&self) -> usize {
        self.tree.memory_bytes() + self.table.memory_bytes() + self.member_bytes
    }
}

/// Members in order, from [`Sorted::range`].
pub(super) struct Members<'a>(tree::Items<'a, MemberRef>);

impl<'a> Members<'a> {
    pub(super) fn left(&self) -> usize {
        self.0.len()
    }

    fn pair(shared: MemberRef) -> (&'a [u8], f64) {
        // SAFETY: a member in the tree lives as long as the set is borrowed, which is `'a`.
        (unsafe { shared.text() }, shared.score())
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], f64);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(Self::pair)
    }
}

impl DoubleEndedIterator for Members<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(Self::pair)
    }
}
