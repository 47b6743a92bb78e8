//! A member of a large sorted set: score and text in one allocation that two structures share.
//!
//! The table finds a member by its text, the tree by its place in the order. Redis gives each its own copy
//! of what it needs. Here the table owns the allocation ([`Member`]) and the tree holds plain pointers to it
//! ([`MemberRef`]); this module is the only one that knows them to be the same.
//!
//! ```text
//! Blob: [length][score: f64, little-endian][text ...]
//! ```

use std::cmp::Ordering;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use super::super::blob::Blob;
use super::tree;
use crate::table::Item;

/// Bytes of the score in front of the text.
const SCORE: usize = size_of::<f64>();

/// An owned member.
pub(super) struct Member(Blob);

impl Member {
    pub(super) fn new(text: &[u8], score: f64) -> Member {
        Member(Blob::concat(&[&score.to_le_bytes(), text]))
    }

    pub(super) fn score(&self) -> f64 {
        score_of(&self.0)
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.0.bytes()[SCORE..]
    }

    /// Bytes taken from the allocator.
    pub(super) fn allocated(&self) -> usize {
        self.0.allocated()
    }

    /// A pointer to this member.
    ///
    /// # Safety
    /// The result, and copies of it, are used no longer than the member lives.
    pub(super) unsafe fn share(&self) -> MemberRef {
        MemberRef(self.0.address())
    }
}

// SAFETY: a blob's allocation does not move, the text is never changed, and `Blob` is a `NonNull`.
unsafe impl Item for Member {
    fn key(&self) -> &[u8] {
        self.text()
    }

    fn into_raw(self) -> NonNull<u8> {
        self.0.into_raw()
    }

    unsafe fn from_raw(pointer: NonNull<u8>) -> Member {
        // SAFETY: the caller's promise is the one `Blob::from_raw` asks for.
        Member(unsafe { Blob::from_raw(pointer) })
    }
}

/// A pointer to a member that is alive: [`Member::share`] puts that on its caller.
#[derive(Clone, Copy)]
pub(super) struct MemberRef(NonNull<u8>);

// SAFETY: what it points at is `Send`, and moves to another thread together with all that points at it.
unsafe impl Send for MemberRef {}
// SAFETY: through a shared reference the member can only be read.
unsafe impl Sync for MemberRef {}

impl MemberRef {
    pub(super) fn score(&self) -> f64 {
        score_of(&self.blob())
    }

    /// The member's text.
    ///
    /// # Safety
    /// The member lives at least as long as `'a`.
    pub(super) unsafe fn text<'a>(self) -> &'a [u8] {
        // SAFETY: the caller's promise.
        unsafe { &self.blob().bytes_during()[SCORE..] }
    }

    /// Changes the member's score.
    ///
    /// # Safety
    /// Nobody else looks at the member meanwhile.
    pub(super) unsafe fn set_score(self, score: f64) {
        self.blob().bytes_mut()[..SCORE].copy_from_slice(&score.to_le_bytes());
    }

    /// The order of a sorted set: by score, then by text. `own_score` is this member's, which the caller has
    /// at hand; none is NaN.
    pub(super) fn cmp(&self, own_score: f64, score: f64, text: &[u8]) -> Ordering {
        let by_score = own_score.partial_cmp(&score).expect("scores are not NaN");
        by_score.then_with(|| self.blob().bytes()[SCORE..].cmp(text))
    }

    /// The member's blob, to look at in place.
    fn blob(&self) -> ManuallyDrop<Blob> {
        // SAFETY: the member is alive, and the view is never dropped, so its owner stays the only one.
        ManuallyDrop::new(unsafe { Blob::from_raw(self.0) })
    }
}

impl tree::Item for MemberRef {
    fn key(self) -> f64 {
        self.score()
    }

    #[inline]
    fn prefetch(self) {
        base::prefetch::read(self.0.as_ptr());
    }
}

fn score_of(blob: &Blob) -> f64 {
    let bytes = blob.bytes().first_chunk::<SCORE>().expect("every member begins with its score");
    f64::from_le_bytes(*bytes)
}
