//! The keys with the greatest sums in a stream of amounts, in memory that does not grow with the stream.
//!
//! Space-Saving, with amounts in the place of ones (Metwally, Agrawal, El Abbadi: Efficient Computation of Frequent and
//! Top-k Elements in Data Streams, ICDT 2005): a key that is new takes the counter with the least sum over, and that
//! sum becomes its error. A key with more than a `COUNTERS`th of the whole has a counter for sure. What is told of a
//! key is its sum without the error, which is surely its own: in a stream without hot keys none looks hot.

use std::cmp::Reverse;
use std::collections::HashMap;

use bytes::Bytes;

/// Keys that are counted at a time.
const COUNTERS: usize = 1024;

struct Counter {
    key: Bytes,
    sum: u64,
    /// So much of the sum may be of keys that had the counter before.
    error: u64,
    /// Its place in the heap.
    place: usize,
}

/// The keys with the greatest sums.
#[derive(Default)]
pub struct HeavyHitters {
    counters: Vec<Counter>,
    by_key: HashMap<Bytes, usize>,
    /// Counters as a binary heap, the least sum first.
    heap: Vec<usize>,
}

impl HeavyHitters {
    /// Adds `amount` to the sum of `key`.
    pub fn add(&mut self, key: &[u8], amount: u64) {
        let counter = match self.by_key.get(key) {
            Some(counter) => *counter,
            None => self.counter_for(Bytes::copy_from_slice(key)),
        };
        self.counters[counter].sum += amount;
        self.sink(self.counters[counter].place);
    }

    /// A counter for a key that has none.
    fn counter_for(&mut self, key: Bytes) -> usize {
        if self.counters.len() < COUNTERS {
            let (index, place) = (self.counters.len(), self.heap.len());
            self.counters.push(Counter { key: key.clone(), sum: 0, error: 0, place });
            self.heap.push(index);
            self.by_key.insert(key, index);
            self.rise(place);
            return index;
        }
        let index = self.heap[0];
        let counter = &mut self.counters[index];
        counter.error = counter.sum;
        self.by_key.remove(&std::mem::replace(&mut counter.key, key.clone()));
        self.by_key.insert(key, index);
        index
    }

    fn sum_at(&self, place: usize) -> u64 {
        self.counters[self.heap[place]].sum
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.counters[self.heap[a]].place = a;
        self.counters[self.heap[b]].place = b;
    }

    fn rise(&mut self, mut place: usize) {
        while place > 0 && self.sum_at(place) < self.sum_at((place - 1) / 2) {
            self.swap(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
    }

    fn sink(&mut self, mut place: usize) {
        loop {
            let children = (2 * place + 1..self.heap.len()).take(2);
            let Some(least) = children.min_by_key(|child| self.sum_at(*child)) else { return };
            if self.sum_at(place) <= self.sum_at(least) {
                return;
            }
            self.swap(place, least);
            place = least;
        }
    }

    /// The `count` keys with the greatest sums that are surely theirs, the greatest first.
    pub fn top(&self, count: usize) -> Vec<(Bytes, u64)> {
        let sums = self.counters.iter().map(|counter| (counter.key.clone(), counter.sum - counter.error));
        greatest(sums.collect(), count)
    }
}

/// The `count` keys with the greatest sums, the greatest first; equal ones in the order of their names.
pub fn greatest(mut sums: Vec<(Bytes, u64)>, count: usize) -> Vec<(Bytes, u64)> {
    sums.sort_by(|(key_a, a), (key_b, b)| (Reverse(a), key_a).cmp(&(Reverse(b), key_b)));
    sums.truncate(count);
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Random;

    #[test]
    fn hot_keys_stand_out_of_a_long_tail() {
        let mut hitters = HeavyHitters::default();
        let mut random = Random::new(1);
        let (mut truth, mut whole) = (HashMap::<u64, u64>::new(), 0);
        for _ in 0..200_000 {
            // Half of all goes to ten keys, the rest to a hundred times as many keys as there are counters.
            let key = if random.below(2) == 0 {
                random.below(10).min(random.below(10))
            } else {
                10 + random.below(100 * COUNTERS as u64)
            };
            let amount = 1 + random.below(5);
            hitters.add(format!("key:{key}").as_bytes(), amount);
            *truth.entry(key).or_default() += amount;
            whole += amount;
        }
        let top = hitters.top(10);
        let of = |key: &Bytes| truth[&std::str::from_utf8(&key[4..]).unwrap().parse().unwrap()];
        let mut hottest: Vec<u64> = (0..10).map(|key| truth[&key]).collect();
        hottest.sort_unstable_by_key(|sum| Reverse(*sum));
        assert_eq!(top.iter().map(|(key, _)| of(key)).collect::<Vec<_>>(), hottest, "in their order");
        for (key, sum) in &top {
            let miss = of(key) - sum;
            assert!(miss <= whole / COUNTERS as u64, "{key:?} misses {miss}");
        }
        assert_eq!(hitters.counters.len(), COUNTERS);
        assert_eq!(hitters.by_key.len(), COUNTERS);
        assert!((1..COUNTERS).all(|place| hitters.sum_at((place - 1) / 2) <= hitters.sum_at(place)));
    }

    #[test]
    fn few_keys_are_counted_exactly() {
        let mut hitters = HeavyHitters::default();
        for (key, amount) in [("a", 3), ("b", 5), ("a", 4), ("c", 5)] {
            hitters.add(key.as_bytes(), amount);
        }
        let top: Vec<_> = hitters.top(2).into_iter().map(|(key, sum)| (key[0], sum)).collect();
        assert_eq!(top, [(b'a', 7), (b'b', 5)]);
    }
}
