//! The backlog: the end of the stream, held once for all replicas.
//!
//! Each replica is at its own place in the same stream. A buffer for each would cost the master one copy of
//! every write a replica, and a slow replica would hold a second copy of what the backlog holds anyway. So the
//! stream is kept once, in blocks, and a replica is no more than an offset into it. Full blocks are frozen: a
//! send shares them. The block that still grows is copied by whoever sends its end, which is small.
//!
//! ```text
//!  start                         a replica                             end
//!    | block 16 KiB | block 16 KiB | 64 KiB of a big command | block .. | growing
//! ```
//!
//! A block is forgotten when `repl-backlog-size` bytes come after it and no replica still has to read it; what a
//! slow replica can hold back is bounded by its output limit, which cuts it.

use std::collections::VecDeque;

use bytes::Bytes;

/// Bytes of a block.
const BLOCK_BYTES: usize = 16 * 1024;
/// Bytes of a block of something larger, which makes fewer pieces to send. Not all of it is one block: that would be
/// kept whole for the sake of its last byte.
const MAX_BLOCK_BYTES: usize = 64 * 1024;

/// The end of the stream.
#[derive(Debug)]
pub struct Backlog {
    blocks: VecDeque<Block>,
    /// The block that grows, and the offset of its first byte.
    tail: Vec<u8>,
    tail_start: u64,
}

#[derive(Debug)]
struct Block {
    start: u64,
    bytes: Bytes,
}

/// A part of the stream, to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Bytes that stay as they are: they can be sent from where they lie.
    Shared(Bytes),
    /// Bytes of the block that still grows: to be copied.
    Growing(&'a [u8]),
}

impl Piece<'_> {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Piece::Shared(bytes) => bytes,
            Piece::Growing(bytes) => bytes,
        }
    }
}

impl Backlog {
    /// An empty backlog; `offset` bytes of the stream went before it.
    pub fn new(offset: u64) -> Backlog {
        Backlog { blocks: VecDeque::new(), tail: Vec::new(), tail_start: offset }
    }

    /// Offset of the oldest byte held: bytes of the stream before it.
    pub fn start(&self) -> u64 {
        self.blocks.front().map_or(self.tail_start, |block| block.start)
    }

    /// Offset of the next byte: bytes of the stream so far.
    pub fn end(&self) -> u64 {
        self.tail_start + self.tail.len() as u64
    }

    /// Bytes held.
    pub fn len(&self) -> usize {
        (self.end() - self.start()) as usize
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a reader at `offset` can go on.
    pub fn holds(&self, offset: u64) -> bool {
        (self.start()..=self.end()).contains(&offset)
    }

    /// Appends `parts`, one behind the other.
    pub fn append(&mut self, parts: &[&[u8]]) {
        let mut left: usize = parts.iter().map(|part| part.len()).sum();
        for mut part in parts.iter().copied() {
            while !part.is_empty() {
                if self.tail.len() == self.tail.capacity() {
                    self.freeze();
                    self.tail.reserve_exact(left.clamp(BLOCK_BYTES, MAX_BLOCK_BYTES));
                }
                let room = self.tail.capacity() - self.tail.len();
                let (now, later) = part.split_at(part.len().min(room));
                self.tail.extend_from_slice(now);
                left -= now.len();
                part = later;
            }
        }
    }

    /// Ends the block that grows.
    fn freeze(&mut self) {
        if !self.tail.is_empty() {
            let bytes = Bytes::from(std::mem::take(&mut self.tail));
            let start = self.tail_start;
            self.tail_start += bytes.len() as u64;
            self.blocks.push_back(Block { start, bytes });
        }
    }

    /// Forgets blocks with at least `size` bytes behind them, but none that a reader at `needed` or later has to
    /// read; whether anything went.
    pub fn trim(&mut self, size: usize, needed: u64) -> bool {
        let keep_from = self.end().saturating_sub(size as u64).min(needed);
        let before = self.blocks.len();
        while self.blocks.front().is_some_and(|block| block.start + block.bytes.len() as u64 <= keep_from) {
            self.blocks.pop_front();
        }
        self.blocks.len() < before
    }

    /// What follows `offset`, at most `max` bytes and a block. The caller has asked [`Backlog::holds`].
    pub fn read(&self, offset: u64, max: usize) -> impl Iterator<Item = Piece<'_>> {
        let first = self.blocks.partition_point(|block| block.start + block.bytes.len() as u64 <= offset);
        let limit = offset.saturating_add(max as u64);
        let skip = move |start: u64| offset.saturating_sub(start) as usize;
        let frozen = self.blocks.range(first..).take_while(move |block| block.start < limit);
        let frozen = frozen.map(move |block| Piece::Shared(block.bytes.slice(skip(block.start)..)));
        let grows = self.tail_start < limit && skip(self.tail_start) < self.tail.len();
        let growing = grows.then(|| Piece::Growing(&self.tail[skip(self.tail_start)..]));
        frozen.chain(growing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(backlog: &Backlog, offset: u64, max: usize) -> Vec<u8> {
        backlog.read(offset, max).flat_map(|piece| piece.bytes().to_vec()).collect()
    }

    #[test]
    fn reads_from_any_offset() {
        let mut backlog = Backlog::new(100);
        let mut stream = Vec::new();
        for i in 0..5000u32 {
            let command = format!("*1\r\n${i}\r\n");
            backlog.append(&[command.as_bytes(), b"+"]);
            stream.extend_from_slice(command.as_bytes());
            stream.push(b'+');
        }
        let big = vec![b'x'; 3 * BLOCK_BYTES];
        backlog.append(&[&big]);
        stream.extend_from_slice(&big);
        assert_eq!((backlog.start(), backlog.end()), (100, 100 + stream.len() as u64));
        for from in (0..=stream.len()).step_by(997) {
            assert_eq!(all(&backlog, 100 + from as u64, usize::MAX), stream[from..]);
        }
        assert!(backlog.read(100, 1).count() == 1 && !backlog.holds(99));
        assert!(matches!(backlog.read(100, 1).next(), Some(Piece::Shared(_))));
    }

    #[test]
    fn forgets_what_nobody_needs() {
        let mut backlog = Backlog::new(0);
        (0..100).for_each(|_| backlog.append(&[&[b'x'; BLOCK_BYTES / 2]]));
        let end = backlog.end();
        assert!(!backlog.trim(end as usize, end));
        // A reader at the very start holds all back.
        assert!(!backlog.trim(0, 0));
        assert!(backlog.trim(3 * BLOCK_BYTES, end));
        assert_eq!(backlog.len(), 3 * BLOCK_BYTES);
        assert_eq!(all(&backlog, backlog.start(), usize::MAX).len(), 3 * BLOCK_BYTES);
        assert!(backlog.trim(0, end) && backlog.holds(end) && backlog.end() == end);
    }

    #[test]
    fn keeps_little_of_something_large() {
        let mut backlog = Backlog::new(0);
        backlog.append(&[b"small", &[b'x'; 10 * MAX_BLOCK_BYTES], b"end"]);
        let end = backlog.end();
        assert_eq!(all(&backlog, 0, usize::MAX).len(), end as usize);
        assert!(backlog.trim(100, end) && backlog.len() <= 100 + MAX_BLOCK_BYTES);
        assert!(all(&backlog, end - 100, usize::MAX).ends_with(b"xxend"));
    }
}
