//! Inner nodes of a long list, pressed.
//!
//! A long list is a queue, a log or a timeline: its ends are worked on, and the million elements between them lie there.
//! Neighbours look alike, and LZF makes a third of them as a rule. So a node is pressed when it has come away from both
//! ends, once, and opened when an end comes near again or an element in it changes; who only reads gets an opened copy.
//! The bytes are what RDB files keep of such a node, so that saving presses nothing anew.

use std::cell::RefCell;

use super::super::listpack::Listpack;
use super::super::thin::ThinBytes;
use crate::lzf::{self, Compressor};

/// A smaller listpack stays as it is (Redis's own limit).
const LEAST: usize = 48;

thread_local! {
    /// What pressing needs to remember, one for all lists of a core, and where the pressed bytes are put together.
    static PRESS: RefCell<(Compressor, Vec<u8>)> = RefCell::default();
}

/// A pressed listpack: its length as a little-endian `u32`, then the LZF of its bytes.
#[derive(Clone)]
pub struct Pressed(ThinBytes);

impl Pressed {
    /// `listpack`, pressed; `None` when that would not save a quarter.
    pub(super) fn of(listpack: &Listpack) -> Option<Pressed> {
        let bytes = listpack.as_bytes();
        let len = u32::try_from(bytes.len()).ok().filter(|len| *len as usize >= LEAST)?;
        PRESS.with_borrow_mut(|(compressor, out)| {
            out.clear();
            out.extend_from_slice(&len.to_le_bytes());
            compressor.compress(bytes, bytes.len() / 4 * 3, out).then(|| Pressed(ThinBytes::from_body(out)))
        })
    }

    /// The listpack that was pressed.
    pub fn listpack(&self) -> Listpack {
        let bytes = lzf::decompress(self.lzf(), self.opened_len()).expect("it was pressed here");
        Listpack::from_bytes(&bytes, false).expect("it was a listpack")
    }

    /// Bytes of that listpack.
    pub fn opened_len(&self) -> usize {
        let (len, _) = self.0.body().split_first_chunk().expect("the length comes first");
        u32::from_le_bytes(*len) as usize
    }

    /// The LZF of its bytes.
    pub fn lzf(&self) -> &[u8] {
        &self.0.body()[size_of::<u32>()..]
    }

    /// Bytes taken from the allocator.
    pub(super) fn memory_bytes(&self) -> usize {
        self.0.allocated()
    }
}
