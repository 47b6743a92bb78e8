//! HyperLogLogs: strings that claim to be one, and lists of additions.
//!
//! A client can SET any string, so every function takes any bytes. With an odd first byte the rest is such a string;
//! with an even one the input is words to add, to a sparse value that becomes dense and to one that was dense from the
//! start: they always say the same.

use store::types::hyperloglog::{self as hll, Encoding, Union};

use super::Target;
use super::operations::Reader;
use crate::answer;

pub(super) const TARGET: Target = Target {
    name: "hyperloglog",
    about: "strings that claim to be a HyperLogLog, and lists of additions",
    words: &["HYLL", "\u{0}\u{0}\u{0}", "\u{1}", "\u{7f}"],
    seeds,
    run,
    brief_runs: 1_000,
};

/// Elements of the seeds' values: few, and more than stay sparse.
const SIZES: [u64; 3] = [0, 30, 5_000];
const SPARSE_MAX_BYTES: usize = 3_000;

fn seeds() -> Vec<Vec<u8>> {
    let value_of = |size: u64| {
        let mut value = hll::new();
        for n in 0..size {
            hll::add(&mut value, &n.to_le_bytes(), SPARSE_MAX_BYTES).expect("the value is sound");
        }
        [vec![1], value].concat()
    };
    let additions = (0..400u32).flat_map(|n| [n as u8, (n / 7) as u8]).collect();
    SIZES.into_iter().map(value_of).chain([additions]).collect()
}

fn run(input: &[u8]) -> u64 {
    match input.split_first() {
        Some((first, value)) if first % 2 == 1 => run_any(value),
        _ => run_additions(input),
    }
}

/// What a client set: it is refused, or it counts, takes additions and can be merged.
fn run_any(bytes: &[u8]) -> u64 {
    let Ok(encoding) = hll::encoding(bytes) else { return 0 };
    let _ = (hll::decode(bytes), hll::cached_count(bytes));
    let count = hll::estimate(bytes);
    let mut dense = bytes.to_vec();
    assert_eq!(hll::to_dense(&mut dense).is_ok(), count.is_ok(), "both read all registers");
    let mut union = Union::default();
    assert_eq!(union.merge(bytes), count.map(|_| ()));
    if let Ok(count) = count {
        assert_eq!(hll::estimate(&dense), Ok(count));
        assert_eq!(union.estimate(), count);
        let mut target = hll::new();
        union.write_to(&mut target, SPARSE_MAX_BYTES).expect("the target is sound");
        assert_eq!(hll::estimate(&target), Ok(count));
    }
    let mut added = bytes.to_vec();
    for n in 0..16u8 {
        if hll::add(&mut added, &[n], SPARSE_MAX_BYTES).is_err() {
            break;
        }
    }
    answer((encoding == Encoding::Dense, count.ok()))
}

/// Sparse and dense agree after every addition.
fn run_additions(input: &[u8]) -> u64 {
    let mut reader = Reader::new(input);
    let limits = reader.limits();
    let (mut any, mut dense) = (hll::new(), hll::new());
    hll::to_dense(&mut dense).expect("a new value is sound");
    while let Some(byte) = reader.byte() {
        let element = [&[byte], &reader.word()[..]].concat();
        let changed = hll::add(&mut any, &element, limits.hll_sparse_max_bytes);
        assert_eq!(changed, hll::add_in_place(&mut dense, &element).map(|changed| changed == Some(true)));
    }
    assert_eq!(hll::estimate(&any), hll::estimate(&dense));
    let mut widened = any.clone();
    hll::to_dense(&mut widened).expect("its own runs are sound");
    assert_eq!(widened[16..], dense[16..], "the same registers");
    answer((any.len(), hll::estimate(&any).ok()))
}
