//! HyperLogLog: how many distinct elements were added, in at most 12 KiB.
//!
//! Problem: clients see a HyperLogLog as a plain string. They GET it, SET it elsewhere, DUMP it, and
//! replicas of other servers receive it. So the bytes are an interface: they must be Redis's own, and a
//! string that a client wrote by hand must be refused politely, whatever it holds.
//!
//! The obvious way, an own type with the format applied on the way in and out, would cost a conversion on
//! each GET and PFADD. Here the string *is* the structure, and these functions work on its bytes.
//!
//! ```text
//!  0      4     5          8                16
//! +------+-----+----------+----------------+-----------------------------
//! | HYLL | enc | 0  0  0  | count, LE u64  | registers
//! +------+-----+----------+----------------+-----------------------------
//!   enc    0 = dense, 1 = sparse
//!   count  the cached estimate; its top bit set means: out of date
//! ```
//!
//! An element's hash picks one of 16384 registers, which keeps the longest run of zero bits seen there
//! ([`estimate`]). Registers are stored as 6-bit numbers ([`dense`]) or, while most are zero, as runs
//! ([`sparse`]); a value moves from sparse to dense once, when a register exceeds 32 or the string would
//! outgrow `hll-sparse-max-bytes`.

mod dense;
mod estimate;
mod selftest;
mod sparse;

pub use selftest::self_test;

use estimate::{Histogram, register_of};

/// Number of registers (2^14: the standard error is 0.81%).
pub const REGISTERS: usize = 1 << estimate::INDEX_BITS;

const MAGIC: &[u8; 4] = b"HYLL";
const HEADER_LEN: usize = 16;
const ENCODING_AT: usize = 4;
const COUNT_AT: usize = 8;
/// The byte whose top bit says that the cached count is out of date.
const STALE_AT: usize = 15;
const STALE_BIT: u8 = 0x80;
const DENSE: u8 = 0;
const SPARSE: u8 = 1;
/// Bytes of every dense value.
pub const DENSE_LEN: usize = HEADER_LEN + dense::LEN;

/// How the registers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// 16384 numbers of 6 bits.
    Dense,
    /// Run-length opcodes.
    Sparse,
}

impl Encoding {
    /// The name PFDEBUG ENCODING answers.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Dense => "dense",
            Encoding::Sparse => "sparse",
        }
    }
}

/// Why a string is not a usable HyperLogLog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HllError {
    /// No HyperLogLog header, or a dense value of the wrong length.
    NotHll,
    /// The header is right, the sparse registers are not.
    Corrupt,
}

impl HllError {
    /// The error reply, with its code word, without the leading `-`.
    pub fn message(self) -> &'static str {
        match self {
            HllError::NotHll => "WRONGTYPE Key is not a valid HyperLogLog string value.",
            HllError::Corrupt => "INVALIDOBJ Corrupted HLL object detected",
        }
    }
}

/// The empty HyperLogLog, sparse, with a valid cached count of 0.
pub fn new() -> Vec<u8> {
    let mut value = vec![0; HEADER_LEN];
    value[..MAGIC.len()].copy_from_slice(MAGIC);
    value[ENCODING_AT] = SPARSE;
    sparse::push_zeros(&mut value, REGISTERS);
    value
}

/// Checks the header and says how the registers are stored. A sparse body is only read, and found broken,
/// by the operations that need it.
///
/// # Errors
/// [`HllError::NotHll`] if the string was not made by PFADD or PFMERGE.
pub fn encoding(value: &[u8]) -> Result<Encoding, HllError> {
    if value.len() < HEADER_LEN || !value.starts_with(MAGIC) {
        return Err(HllError::NotHll);
    }
    match value[ENCODING_AT] {
        DENSE if value.len() == DENSE_LEN => Ok(Encoding::Dense),
        SPARSE => Ok(Encoding::Sparse),
        _ => Err(HllError::NotHll),
    }
}

/// Adds one element; true if a register changed. The cached count is then marked out of date.
///
/// # Errors
/// [`HllError::NotHll`]; [`HllError::Corrupt`] if the sparse runs end before the element's register. The
/// value is unchanged then.
pub fn add(value: &mut Vec<u8>, element: &[u8], sparse_max_bytes: usize) -> Result<bool, HllError> {
    encoding(value)?;
    let (index, rank) = register_of(element);
    let changed = raise(value, index, rank, sparse_max_bytes)?;
    if changed {
        mark_stale(value);
    }
    Ok(changed)
}

/// [`add`] for a dense value that can be written in place; None if the value is sparse, and may have to
/// change its length.
///
/// # Errors
/// [`HllError::NotHll`].
pub fn add_in_place(value: &mut [u8], element: &[u8]) -> Result<Option<bool>, HllError> {
    if encoding(value)? == Encoding::Sparse {
        return Ok(None);
    }
    let (index, rank) = register_of(element);
    let changed = dense::raise(&mut value[HEADER_LEN..], index, rank);
    if changed {
        mark_stale(value);
    }
    Ok(Some(changed))
}

/// The count kept in the header, if it is up to date. The value must have passed [`encoding`].
pub fn cached_count(value: &[u8]) -> Option<u64> {
    let bytes: [u8; 8] = value.get(COUNT_AT..HEADER_LEN)?.try_into().ok()?;
    (bytes[STALE_AT - COUNT_AT] & STALE_BIT == 0).then(|| u64::from_le_bytes(bytes))
}

/// Writes a fresh count into the header, as PFCOUNT does. The value must have passed [`encoding`].
pub fn store_count(value: &mut [u8], count: u64) {
    value[COUNT_AT..HEADER_LEN].copy_from_slice(&count.to_le_bytes());
}

/// Marks the cached count as out of date. The value must have passed [`encoding`].
pub fn mark_stale(value: &mut [u8]) {
    value[STALE_AT] |= STALE_BIT;
}

/// Estimates the count from the registers, whatever the header's cache says.
///
/// # Errors
/// [`HllError::NotHll`]; [`HllError::Corrupt`] if the sparse runs do not cover all registers exactly.
pub fn estimate(value: &[u8]) -> Result<u64, HllError> {
    let mut histogram = Histogram::default();
    match encoding(value)? {
        Encoding::Dense => dense::each(&value[HEADER_LEN..], |_, rank| histogram.add(rank, 1)),
        Encoding::Sparse => {
            sparse::each_run(&value[HEADER_LEN..], |_, run| histogram.add(run.rank, run.len))?
        }
    }
    Ok(histogram.estimate())
}

/// Turns a sparse value into the dense one of the same registers; false if it was dense already.
///
/// # Errors
/// As [`estimate`]; the value is unchanged then.
pub fn to_dense(value: &mut Vec<u8>) -> Result<bool, HllError> {
    if encoding(value)? == Encoding::Dense {
        return Ok(false);
    }
    let mut dense = vec![0; DENSE_LEN];
    dense[..HEADER_LEN].copy_from_slice(&value[..HEADER_LEN]);
    dense[ENCODING_AT] = DENSE;
    sparse::each_run(&value[HEADER_LEN..], |first, run| {
        for index in first..first + run.len {
            dense::raise(&mut dense[HEADER_LEN..], index, run.rank);
        }
    })?;
    *value = dense;
    Ok(true)
}

/// The sparse opcodes as text, as PFDEBUG DECODE shows them; None if the value is dense.
///
/// # Errors
/// [`HllError::NotHll`]; [`HllError::Corrupt`] if the last opcode is cut off.
pub fn decode(value: &[u8]) -> Result<Option<String>, HllError> {
    match encoding(value)? {
        Encoding::Dense => Ok(None),
        Encoding::Sparse => sparse::decode(&value[HEADER_LEN..]).map(Some),
    }
}

/// Sets one register to at least `rank`, promoting the value where sparse opcodes cannot hold it.
fn raise(value: &mut Vec<u8>, index: usize, rank: u8, sparse_max_bytes: usize) -> Result<bool, HllError> {
    if value[ENCODING_AT] == SPARSE {
        match sparse::raise(value, index, rank, sparse_max_bytes)? {
            sparse::Raise::Unchanged => return Ok(false),
            sparse::Raise::Done => return Ok(true),
            sparse::Raise::NeedsDense => to_dense(value)?,
        };
    }
    Ok(dense::raise(&mut value[HEADER_LEN..], index, rank))
}

/// The union of several HyperLogLogs: each register at its highest value.
pub struct Union {
    ranks: Box<[u8; REGISTERS]>,
    any_dense: bool,
}

impl Default for Union {
    fn default() -> Self {
        Union { ranks: Box::new([0; REGISTERS]), any_dense: false }
    }
}

impl Union {
    /// Takes one value's registers in.
    ///
    /// # Errors
    /// As [`estimate`]. The union must not be used further then.
    pub fn merge(&mut self, value: &[u8]) -> Result<(), HllError> {
        let ranks = &mut self.ranks;
        match encoding(value)? {
            Encoding::Dense => {
                self.any_dense = true;
                dense::each(&value[HEADER_LEN..], |index, rank| ranks[index] = ranks[index].max(rank));
                Ok(())
            }
            Encoding::Sparse => sparse::each_run(&value[HEADER_LEN..], |first, run| {
                for rank in &mut ranks[first..first + run.len] {
                    *rank = run.rank.max(*rank);
                }
            }),
        }
    }

    /// The estimated count of the union.
    pub fn estimate(&self) -> u64 {
        let mut histogram = Histogram::default();
        self.ranks.iter().for_each(|&rank| histogram.add(rank, 1));
        histogram.estimate()
    }

    /// The registers, 0..=63 each.
    pub fn ranks(&self) -> &[u8; REGISTERS] {
        &self.ranks
    }

    /// Raises the registers of `target` to the union's, as PFMERGE does: it becomes dense if any source was.
    ///
    /// # Errors
    /// As [`estimate`], for `target`. It may then be partly raised.
    pub fn write_to(&self, target: &mut Vec<u8>, sparse_max_bytes: usize) -> Result<(), HllError> {
        encoding(target)?;
        if self.any_dense {
            to_dense(target)?;
        }
        for (index, &rank) in self.ranks.iter().enumerate().filter(|&(_, &rank)| rank > 0) {
            raise(target, index, rank, sparse_max_bytes)?;
        }
        mark_stale(target);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Random;

    const SPARSE_MAX: usize = 3000;

    fn of(elements: std::ops::Range<u64>, sparse_max_bytes: usize) -> Vec<u8> {
        let mut value = new();
        for element in elements {
            add(&mut value, element.to_string().as_bytes(), sparse_max_bytes).unwrap();
        }
        value
    }

    #[test]
    fn the_empty_value_is_redis_own() {
        assert_eq!(new(), b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff");
        assert_eq!(cached_count(&new()), Some(0));
        assert_eq!(estimate(&new()), Ok(0));
    }

    #[test]
    fn dense_and_sparse_values_agree() {
        for count in [1, 10, 100, 1000, 5000] {
            let sparse = of(0..count, usize::MAX);
            let mut dense = of(0..count, 0);
            assert_eq!((encoding(&sparse), encoding(&dense)), (Ok(Encoding::Sparse), Ok(Encoding::Dense)));
            assert_eq!(estimate(&sparse), estimate(&dense));
            let mut promoted = sparse.clone();
            assert_eq!(to_dense(&mut promoted), Ok(true));
            assert_eq!(promoted, dense);
            assert_eq!(add_in_place(&mut dense, b"0"), Ok(Some(false)));
            let error = estimate(&dense).unwrap().abs_diff(count) as f64 / count as f64;
            assert!(error < 0.03, "{count}: off by {error}");
        }
    }

    #[test]
    fn a_union_counts_shared_elements_once() {
        let (left, right) = (of(0..3000, SPARSE_MAX), of(2000..4000, SPARSE_MAX));
        let mut union = Union::default();
        union.merge(&left).unwrap();
        union.merge(&right).unwrap();
        let mut target = new();
        union.write_to(&mut target, SPARSE_MAX).unwrap();
        assert_eq!(cached_count(&target), None);
        assert_eq!(estimate(&target), Ok(union.estimate()));
        assert_eq!(estimate(&target), estimate(&of(0..4000, SPARSE_MAX)));
        assert!(union.estimate().abs_diff(4000) < 120);
    }

    #[test]
    fn the_cache_is_marked_stale_only_by_a_change() {
        let mut value = of(0..10, SPARSE_MAX);
        assert_eq!(cached_count(&value), None);
        store_count(&mut value, 10);
        assert_eq!(add(&mut value, b"3", SPARSE_MAX), Ok(false));
        assert_eq!(cached_count(&value), Some(10));
        assert_eq!(add(&mut value, b"11", SPARSE_MAX), Ok(true));
        assert_eq!(cached_count(&value), None);
    }

    #[test]
    fn foreign_strings_are_refused_unchanged() {
        let wrong_length = [&new()[..4], &[DENSE], &[0; DENSE_LEN - 4][..]].concat();
        let mut wrong_encoding = new();
        wrong_encoding[ENCODING_AT] = 2;
        for value in [&b""[..], b"HYLL", b"0123456789abcdef0", &wrong_length, &wrong_encoding] {
            let mut value = value.to_vec();
            let before = value.clone();
            assert_eq!(add(&mut value, b"x", SPARSE_MAX), Err(HllError::NotHll));
            assert_eq!(estimate(&value), Err(HllError::NotHll));
            assert_eq!(value, before);
        }
    }

    #[test]
    fn random_bytes_behind_a_header_never_panic() {
        let mut random = Random::new(7);
        for _ in 0..2000 {
            let mut value = new();
            value.truncate(HEADER_LEN);
            value.extend((0..random.below(40)).map(|_| random.bits() as u8));
            let _ = estimate(&value);
            let _ = decode(&value);
            let _ = Union::default().merge(&value);
            for element in 0..20u8 {
                let _ = add(&mut value, &[element], SPARSE_MAX);
            }
            let _ = to_dense(&mut value);
        }
    }
}
