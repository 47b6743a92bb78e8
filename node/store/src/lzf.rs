//! LZF, the compression of strings in RDB files and of what lies long (LibLZF by Marc Lehmann; the format, in our own code).
//!
//! ```text
//! 000nnnnn  n+1 bytes as they are follow
//! lllooooo oooooooo           l+2 bytes (l from 1 to 6) from o+1 bytes back
//! 111ooooo llllllll oooooooo  l+9 bytes from o+1 bytes back
//! ```
//!
//! The compressor remembers where it last saw each hash of three bytes. Clearing that memory for every string
//! would cost more than short strings do, so its places count on from string to string, and places before the
//! present string mean nothing.

const HASH_BITS: u32 = 13;
/// Farthest a copy reaches back.
const DISTANCE_MAX: usize = 1 << 13;
const LITERALS_MAX: usize = 32;
const COPY_MIN: usize = 3;
const COPY_MAX: usize = 264;
/// The most bytes that one byte of compressed text can stand for: a copy of 264 takes three.
const EXPANSION_MAX: usize = COPY_MAX / 3;

/// After so many bytes without a copy every second place is looked at, after twice as many every third, up to a stride:
/// what does not compress costs little (SAVE of random values of 1000 bytes became twice as fast), and what does is found
/// a few bytes later.
const PATIENCE: usize = 64;
const STRIDE_MAX: usize = 16;

/// What compressing needs to remember.
pub struct Compressor {
    /// By hash: the place behind the three bytes' first; 0 when never seen.
    seen: Box<[u32]>,
    /// The place of the present string's first byte.
    base: u32,
}

impl Default for Compressor {
    fn default() -> Compressor {
        Compressor { seen: vec![0; 1 << HASH_BITS].into_boxed_slice(), base: 0 }
    }
}

impl Compressor {
    /// Appends the compressed form of `text` to `out`; false, and nothing appended, when it would not be shorter
    /// than `limit` bytes.
    pub fn compress(&mut self, text: &[u8], limit: usize, out: &mut Vec<u8>) -> bool {
        let Ok(len) = u32::try_from(text.len()) else { return false };
        if self.base.checked_add(len).is_none() {
            self.seen.fill(0);
            self.base = 0;
        }
        let start = out.len();
        let (mut at, mut literals) = (0, 0);
        while at + COPY_MIN <= text.len() {
            let Some(from) = self.last_seen(text, at) else {
                at += (1 + (at - literals) / PATIENCE).min(STRIDE_MAX);
                continue;
            };
            push_literals(&text[literals..at], out);
            let longest = COPY_MAX.min(text.len() - at);
            let same = text[from..].iter().zip(&text[at..at + longest]).take_while(|(a, b)| a == b).count();
            push_copy(at - from, same, out);
            // Places inside the copy are worth remembering, but two of them are enough.
            for inside in [at + same - 2, at + same - 1] {
                if inside + COPY_MIN <= text.len() {
                    self.last_seen(text, inside);
                }
            }
            at += same;
            literals = at;
            if out.len() - start >= limit {
                break;
            }
        }
        push_literals(&text[literals..], out);
        self.base += len;
        let shorter = out.len() - start < limit;
        if !shorter {
            out.truncate(start);
        }
        shorter
    }

    /// Where the three bytes at `at` were last seen, if they can be copied from there; notes that they are here.
    fn last_seen(&mut self, text: &[u8], at: usize) -> Option<usize> {
        let three = u32::from_le_bytes([text[at], text[at + 1], text[at + 2], 0]);
        let hash = three.wrapping_mul(0x9E37_79B1) >> (32 - HASH_BITS);
        let before = std::mem::replace(&mut self.seen[hash as usize], self.base + at as u32 + 1);
        let from = before.checked_sub(self.base + 1)? as usize;
        (at - from <= DISTANCE_MAX && text[from..from + COPY_MIN] == text[at..at + COPY_MIN]).then_some(from)
    }
}

fn push_literals(bytes: &[u8], out: &mut Vec<u8>) {
    for run in bytes.chunks(LITERALS_MAX) {
        out.push((run.len() - 1) as u8);
        out.extend_from_slice(run);
    }
}

fn push_copy(distance: usize, len: usize, out: &mut Vec<u8>) {
    let (offset, len) = (distance - 1, len - 2);
    let high = (offset >> 8) as u8;
    match len {
        0..7 => out.push((len << 5) as u8 | high),
        _ => out.extend_from_slice(&[7 << 5 | high, (len - 7) as u8]),
    }
    out.push(offset as u8);
}

/// Bytes that are copied at once, if need be past the end of what is wanted; half of the most literals.
const CHUNK: usize = LITERALS_MAX / 2;

/// The `len` bytes that `packed` stands for; `None` when it is malformed or stands for another number of them.
/// Takes memory for what `packed` can hold, whatever `len` says.
pub fn decompress(packed: &[u8], len: usize) -> Option<Vec<u8>> {
    if len > packed.len().saturating_mul(EXPANSION_MAX) {
        return None;
    }
    let mut out = vec![0; len + CHUNK];
    let (mut at, mut rest) = (0, packed);
    while let Some((&control, behind)) = rest.split_first() {
        let kind = usize::from(control >> 5);
        let count = if kind == 0 {
            let count = usize::from(control) + 1;
            literals(&mut out, at, behind, count)?;
            rest = &behind[count..];
            count
        } else {
            let (more, behind) = if kind == 7 { split_byte(behind)? } else { (0, behind) };
            let (low, behind) = split_byte(behind)?;
            let distance = (usize::from(control & 0x1F) << 8 | low) + 1;
            copy_back(&mut out, at, distance, kind + more + 2)?;
            rest = behind;
            kind + more + 2
        };
        at += count;
    }
    out.truncate(len);
    (at == len).then_some(out)
}

fn split_byte(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&byte, rest) = bytes.split_first()?;
    Some((usize::from(byte), rest))
}

/// Whether `count` bytes at `at` are within what is wanted of `out`.
fn has_room(out: &[u8], at: usize, count: usize) -> Option<()> {
    (at + count + CHUNK <= out.len()).then_some(())
}

/// Copies `count` bytes, the first of `from`, to `at`.
fn literals(out: &mut [u8], at: usize, from: &[u8], count: usize) -> Option<()> {
    has_room(out, at, count)?;
    match from.first_chunk::<LITERALS_MAX>() {
        // One copy of a known length is quicker than one of the right length, and there is room.
        Some(chunk) if count > CHUNK => out[at..at + LITERALS_MAX].copy_from_slice(chunk),
        Some(chunk) => out[at..at + CHUNK].copy_from_slice(&chunk[..CHUNK]),
        None => out[at..at + count].copy_from_slice(from.get(..count)?),
    }
    Some(())
}

/// Copies `count` bytes that begin `distance` bytes before `at` to there; they may overlap with what is copied.
fn copy_back(out: &mut [u8], at: usize, distance: usize, count: usize) -> Option<()> {
    has_room(out, at, count)?;
    let from = at.checked_sub(distance)?;
    if distance >= CHUNK {
        for i in (0..count).step_by(CHUNK) {
            let chunk: [u8; CHUNK] = out[from + i..from + i + CHUNK].try_into().expect("as long");
            out[at + i..at + i + CHUNK].copy_from_slice(&chunk);
        }
    } else {
        (0..count).for_each(|i| out[at + i] = out[from + i]);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Random;

    #[test]
    fn what_was_compressed_comes_back() {
        let mut random = Random::new(7);
        let mut compressor = Compressor::default();
        for round in 0..3000 {
            let letters = 1 + random.below(if round % 3 == 0 { 256 } else { 4 });
            let len = random.below(if round % 100 == 0 { 100_000 } else { 600 }) as usize;
            let text: Vec<u8> = (0..len).map(|_| random.below(letters) as u8).collect();
            let mut out = b"before".to_vec();
            if compressor.compress(&text, len, &mut out) {
                assert!(out.len() - 6 < len);
                assert_eq!(decompress(&out[6..], len).as_deref(), Some(&text[..]));
                assert_eq!(decompress(&out[6..], len + 1), None);
            } else {
                assert_eq!(out, b"before");
            }
        }
        let text = vec![b'a'; 10_000];
        let mut out = Vec::new();
        assert!(compressor.compress(&text, text.len(), &mut out) && out.len() < 150);
    }

    #[test]
    fn hostile_bytes_are_refused() {
        assert_eq!(decompress(b"\x00a", 1).as_deref(), Some(&b"a"[..]));
        assert_eq!(decompress(b"\x00a\x20\x01", 4), None, "farther back than the start");
        assert_eq!(decompress(b"\x05ab", 6), None, "too few literals");
        assert_eq!(decompress(b"\x00a\xE0", 9), None, "cut off");
        assert_eq!(decompress(b"\x00a", usize::MAX), None, "no memory for an empty promise");
        let mut random = Random::new(9);
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..random.below(40)).map(|_| random.bits() as u8).collect();
            if let Some(out) = decompress(&bytes, random.below(300) as usize) {
                assert!(out.len() < 300);
            }
        }
    }
}
