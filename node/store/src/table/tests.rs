//! The table against a model, and SCAN's guarantee against a table that changes under it.

use std::collections::{HashMap, HashSet};
use std::ptr::NonNull;

use base::Random;

use super::*;

/// A boxed key with a value, which counts how many of its kind live.
struct Boxed(NonNull<Content>);

struct Content {
    key: Vec<u8>,
    value: u64,
    alive: std::rc::Rc<std::cell::Cell<isize>>,
}

#[derive(Clone, Default)]
struct Census(std::rc::Rc<std::cell::Cell<isize>>);

impl Census {
    fn item(&self, key: u64, value: u64) -> Boxed {
        self.0.set(self.0.get() + 1);
        let content = Content { key: bytes(key), value, alive: self.0.clone() };
        Boxed(NonNull::from(Box::leak(Box::new(content))))
    }
}

fn bytes(key: u64) -> Vec<u8> {
    format!("key:{key}").into_bytes()
}

impl Boxed {
    fn content(&self) -> &Content {
        // SAFETY: the box lives as long as its owner, which `self` is or borrows from.
        unsafe { self.0.as_ref() }
    }

    fn number(&self) -> u64 {
        std::str::from_utf8(&self.content().key[4..]).unwrap().parse().unwrap()
    }
}

impl Drop for Boxed {
    fn drop(&mut self) {
        // SAFETY: leaked by `Census::item`, and dropped by its only owner.
        let content = unsafe { Box::from_raw(self.0.as_ptr()) };
        content.alive.set(content.alive.get() - 1);
    }
}

// SAFETY: a plain pointer to a box whose key never changes.
unsafe impl Item for Boxed {
    fn key(&self) -> &[u8] {
        &self.content().key
    }

    fn into_raw(self) -> NonNull<u8> {
        ManuallyDrop::new(self).0.cast()
    }

    unsafe fn from_raw(pointer: NonNull<u8>) -> Self {
        Boxed(pointer.cast())
    }
}

impl<T: Item> Table<T> {
    fn check(&self) {
        (0..self.segment_count()).for_each(|i| self.segment(i).check());
        assert_eq!(self.words().count(), self.len());
    }
}

fn filled(census: &Census, keys: std::ops::Range<u64>) -> Table<Boxed> {
    let mut table = Table::new();
    keys.for_each(|key| assert!(table.insert(census.item(key, key)).is_ok()));
    table
}

/// One random operation on both, the answers compared. More keys are wanted while `growing`.
fn step(
    random: &mut Random,
    keys: u64,
    growing: bool,
    table: &mut Table<Boxed>,
    model: &mut HashMap<u64, u64>,
    census: &Census,
) {
    let key = random.below(keys);
    let value = random.bits();
    let remove_share = if growing { 1 } else { 6 };
    match random.below(8) {
        n if n < remove_share => {
            let removed = table.remove(&bytes(key)).map(|item| item.content().value);
            assert_eq!(removed, model.remove(&key));
        }
        6 => {
            let found = table.get(&bytes(key)).map(|item| item.content().value);
            assert_eq!(found, model.get(&key).copied());
        }
        _ => {
            match table.lookup(&bytes(key)) {
                Lookup::Found(mut found) => {
                    assert_eq!(found.is_marked(), model[&key] % 2 == 1);
                    drop(found.replace(census.item(key, value)));
                    found.set_mark(value % 2 == 1);
                }
                Lookup::Vacant(vacancy) => {
                    assert!(!model.contains_key(&key));
                    vacancy.insert(census.item(key, value), value % 2 == 1);
                }
            }
            model.insert(key, value);
        }
    }
}

#[test]
fn agrees_with_a_model() {
    for (seed, keys, steps) in [(1, 20, 4_000), (2, 300, 20_000), (3, 6_000, 60_000), (4, 300_000, 200_000)] {
        let census = Census::default();
        let mut random = Random::new(seed);
        let (mut table, mut model) = (Table::new(), HashMap::new());
        for round in 0..6 {
            for _ in 0..steps / 6 {
                step(&mut random, keys, round % 2 == 0, &mut table, &mut model, &census);
            }
            table.check();
            assert_eq!((table.len(), census.0.get()), (model.len(), model.len() as isize));
            let all: HashMap<u64, u64> = table.iter().map(|i| (i.number(), i.content().value)).collect();
            assert_eq!(all, model);
        }
        drop(table);
        assert_eq!(census.0.get(), 0);
    }
}

#[test]
fn empties_to_nothing() {
    let census = Census::default();
    let mut table = filled(&census, 0..5_000);
    assert!(
        table.memory_bytes() > 0 && table.memory_bytes() < 5_000 * 10 + 2_000,
        "{}",
        table.memory_bytes()
    );
    let mut before = 5_000;
    while !table.drain_some(100) {
        assert_eq!(table.len() as isize, census.0.get(), "what is taken out is dropped");
        assert!((100..=100 + SINGLE_MAX).contains(&(before - table.len())), "{before} to {}", table.len());
        before = table.len();
    }
    assert_eq!((census.0.get(), table.memory_bytes()), (0, 0));
    // One that is left half drained drops the rest.
    let mut table = filled(&census, 0..5_000);
    assert!(!table.drain_some(1_000));
    drop(table);
    assert_eq!(census.0.get(), 0);
}

#[test]
fn is_dense_at_every_size() {
    let census = Census::default();
    let mut table = Table::new();
    for key in 0..30_000 {
        assert!(table.insert(census.item(key, 0)).is_ok());
        let allowed = 64 + table.len() * 8 * 12 / 10 + if table.len() > SINGLE_MAX { 3_000 } else { 0 };
        assert!(table.memory_bytes() <= allowed.max(128), "{} for {}", table.memory_bytes(), table.len());
    }
}

#[test]
fn insert_gives_back_what_is_there() {
    let census = Census::default();
    let mut table = filled(&census, 0..3);
    assert_eq!(table.insert(census.item(1, 9)).map_err(|item| item.content().value), Err(9));
    assert_eq!(table.get(&bytes(1)).map(|item| item.content().value), Some(1));
}

/// Scans to the end, calling `between` after each call, and returns how often each key came.
fn scan_all(table: &mut Table<Boxed>, mut between: impl FnMut(&mut Table<Boxed>)) -> HashMap<u64, u32> {
    let (mut seen, mut cursor) = (HashMap::new(), 0);
    loop {
        cursor = table.scan(cursor, &mut |item| *seen.entry(item.number()).or_insert(0) += 1);
        if cursor == 0 {
            return seen;
        }
        between(table);
    }
}

#[test]
fn scan_of_a_still_table_is_exact() {
    let census = Census::default();
    for len in [0, 1, 7, 60, 250, 257, 400, 1_000, 12_345] {
        let seen = scan_all(&mut filled(&census, 0..len), |_| ());
        assert_eq!(seen.len() as u64, len);
        assert!(seen.values().all(|&times| times == 1));
    }
}

#[test]
fn scan_returns_what_stays_whatever_comes_and_goes() {
    let census = Census::default();
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let stay = random.below(2_000);
        let mut table = filled(&census, 0..stay);
        let mut guests = 0;
        let mut wanted = [0, 3_000, 20_000][seed as usize % 3];
        let (down, up) = (random.below(400) + 1, random.below(400) + 1);
        let seen = scan_all(&mut table, |table| {
            if random.below(40) == 0 {
                wanted = random.below(20_000);
            }
            for _ in 0..if guests < wanted { up } else { down } {
                let key = bytes(1_000_000 + guests);
                if guests < wanted {
                    assert!(table.insert(census.item(1_000_000 + guests, 0)).is_ok());
                    guests += 1;
                } else if guests > wanted {
                    guests -= 1;
                    assert!(table.remove(&bytes(1_000_000 + guests)).is_some(), "{key:?}");
                }
            }
        });
        table.check();
        let missing: Vec<u64> = (0..stay).filter(|key| !seen.contains_key(key)).collect();
        assert!(missing.is_empty(), "seed {seed}: {missing:?} of {stay}");
    }
}

#[test]
fn scan_takes_any_cursor_and_ends() {
    let census = Census::default();
    let mut random = Random::new(5);
    for len in [0, 10, 700, 5_000] {
        let table = filled(&census, 0..len);
        for _ in 0..200 {
            let mut cursor = random.bits() >> random.below(64);
            let mut calls = 0;
            while calls == 0 || cursor != 0 {
                cursor = table.scan(cursor, &mut |_| ());
                calls += 1;
                assert!(calls < 2_000 && cursor >> CURSOR_BITS == 0);
            }
        }
    }
}

#[test]
fn random_is_fair() {
    let census = Census::default();
    let mut random = Random::new(11);
    for len in [1, 10, 100, 230, 1_000, 3_000] {
        let table = filled(&census, 0..len);
        let mut counts = vec![0f64; len as usize];
        let draws = len * 60;
        for _ in 0..draws {
            counts[table.random(&mut || random.bits()).unwrap().number() as usize] += 1.0;
        }
        let chi_square: f64 = counts.iter().map(|c| (c - 60.0).powi(2) / 60.0).sum();
        let freedom = (len - 1) as f64;
        assert!(chi_square < freedom + 4.0 * (2.0 * freedom).sqrt() + 1.0, "{len}: {chi_square}");
    }
    assert!(Table::<Boxed>::new().random(&mut || 0).is_none());
}

#[test]
fn sweep_removes_marked_items_only() {
    let census = Census::default();
    let mut random = Random::new(3);
    for len in [5, 60, 250, 2_000, 9_000] {
        let mut table = Table::new();
        for key in 0..len {
            let Lookup::Vacant(vacancy) = table.lookup(&bytes(key)) else { panic!("{key} twice") };
            vacancy.insert(census.item(key, random.below(3)), key % 2 == 0);
        }
        let (mut gone, mut looked) = (HashSet::new(), 0);
        for _round in 0..20 {
            let mut cursor = 0;
            loop {
                let mut expired = |item: &Boxed| {
                    looked += 1;
                    assert_eq!(item.number() % 2, 0);
                    item.content().value == 0
                };
                cursor = table.sweep_marked(cursor, &mut expired, &mut |item| {
                    gone.insert(item.number());
                });
                if cursor == 0 {
                    break;
                }
            }
        }
        table.check();
        assert!(looked >= len / 2);
        assert!(gone.iter().all(|key| key % 2 == 0));
        assert!(table.iter().all(|item| item.number() % 2 == 1 || item.content().value != 0));
        assert_eq!(table.len() + gone.len(), len as usize);
    }
    assert_eq!(Table::<Boxed>::new().sweep_marked(u64::MAX, &mut |_| true, &mut drop), 0);
}

#[test]
fn update_may_move_the_item_and_survives_a_panic() {
    let census = Census::default();
    let mut table = filled(&census, 0..10);
    let mut three = table.get_mut(&bytes(3)).unwrap();
    three.set_mark(true);
    let old = three.update(|item| mem::replace(item, census.item(3, 33)));
    assert_eq!((old.content().value, three.content().value, three.is_marked()), (3, 33, true));
    drop(old);
    assert_eq!(three.into_ref().content().value, 33);
    assert_eq!(table.get_mut(&bytes(3)).unwrap().remove().content().value, 33);
    drop(table);
    assert_eq!(census.0.get(), 0);
}

#[test]
fn a_walk_meets_what_stays_exactly_once_while_the_table_grows_and_shrinks() {
    let census = Census::default();
    for (start, mut random) in [(0, Random::new(1)), (100, Random::new(2)), (20_000, Random::new(3))] {
        let mut table = filled(&census, 0..start);
        // Which keys are there at each call, and which the walk has met.
        let mut live: HashSet<u64> = (0..start).collect();
        let mut met: HashMap<u64, u64> = HashMap::new();
        let (mut next, mut fresh) = (Some(0), start);
        while let Some(from) = next {
            next = table.walk(from, &mut |item| *met.entry(item.number()).or_default() += 1);
            let grows = random.below(3) > 0;
            for _ in 0..random.below(600) {
                if grows {
                    assert!(table.insert(census.item(fresh, fresh)).is_ok());
                    fresh += 1;
                } else {
                    let key = random.below(start + 1);
                    // What lies ahead and goes is not met; what was met counts no more.
                    if table.remove(&bytes(key)).is_some() {
                        live.remove(&key);
                        met.remove(&key);
                    }
                }
            }
        }
        assert!(met.values().all(|count| *count == 1), "none twice");
        assert!(live.iter().all(|key| met.contains_key(key)), "none left out");
    }
}
