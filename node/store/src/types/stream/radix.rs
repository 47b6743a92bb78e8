//! What XINFO STREAM tells of a radix tree that is not there.
//!
//! `radix-tree-nodes` is part of the reply, and monitoring compares it. It is the number of nodes of Redis's
//! compressed radix tree over the 16 bytes of the stream's node IDs: one leaf per key, one node wherever
//! keys part, and one for each run of bytes without a choice in between.
//!
//! With the keys in order, the places where they part are the lengths of the prefixes that neighbours share,
//! so one pass with a stack of those lengths counts them all.

use super::id::StreamId;

const KEY_LEN: i32 = 16;
/// Keys that are counted exactly; for more, the count grows in proportion, so that XINFO stays cheap.
const EXACT_KEYS: usize = 4096;

/// Nodes of the radix tree over `keys`, which are in order.
pub fn node_count(keys: impl ExactSizeIterator<Item = StreamId>) -> u64 {
    let all = keys.len();
    if all == 0 {
        return 1;
    }
    let counted = count(keys.take(EXACT_KEYS));
    if all <= EXACT_KEYS { counted } else { counted * all as u64 / EXACT_KEYS as u64 }
}

fn count(mut keys: impl Iterator<Item = StreamId>) -> u64 {
    let mut nodes = 0;
    // Depths of the open partings, rising; -1 stands above the root.
    let mut open = vec![-1];
    let mut before = keys.next().map(StreamId::to_be_bytes);
    while let Some(key) = before {
        let next = keys.next().map(StreamId::to_be_bytes);
        let shared = next.map_or(-1, |next| key.iter().zip(&next).take_while(|(a, b)| a == b).count() as i32);
        // The parting right above the leaf is the deeper one of those with either neighbour.
        let parting = shared.max(*open.last().expect("the root stays"));
        nodes += 1 + edge(parting, KEY_LEN);
        while let Some(depth) = open.pop_if(|depth| *depth > shared) {
            let above = shared.max(*open.last().expect("the root stays"));
            nodes += 1 + edge(above, depth);
        }
        if *open.last().expect("the root stays") < shared {
            open.push(shared);
        }
        before = next;
    }
    nodes
}

/// One node if bytes lie between a parting, which takes one byte itself, and the depth below.
fn edge(above: i32, below: i32) -> u64 {
    u64::from(below > above + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ids: &[(u64, u64)], expect: u64) {
        assert_eq!(node_count(ids.iter().map(|&(ms, seq)| StreamId { ms, seq })), expect, "{ids:?}");
    }

    /// The figures of a real server for the same IDs with one entry per node.
    #[test]
    fn as_a_real_server_counts() {
        check(&[], 1);
        check(&[(1, 0)], 2);
        check(&[(1, 0), (1, 1)], 4);
        check(&[(1, 0), (1, 1), (1, 2)], 5);
        check(&[(1, 0), (2, 0)], 6);
        check(&[(1, 0), (256, 0)], 6);
        check(&[(1, 0), (2, 0), (256, 0), (256, 1), (1 << 60, 5)], 14);
    }

    #[test]
    fn many_keys_are_estimated() {
        let count = node_count((0..1_000_000u32).map(|ms| StreamId::new(u64::from(ms) * 100, 0)));
        assert!((2_000_000..2_500_000).contains(&count), "{count}");
    }
}
