//! What sizes foretell, against the memory that the real server takes: five data sets, none of which was measured.

use std::path::PathBuf;

use super::load::{self, Connection};
use super::server::Server;
use super::still;
use crate::size::constants::{Constants, DataSet, Kind};
use crate::size::model::{self, Sort};

/// How far they may be off.
const TOLERANCE: f64 = 0.10;

/// The server beside this test's program.
fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    let folder = test.parent().and_then(|deps| deps.parent()).expect("target/debug/deps");
    let binary = folder.join("ringmaster");
    assert!(binary.exists(), "{} is missing: run tests/run, or cargo build", binary.display());
    binary
}

/// Keys of one kind. Different lengths of keys keep the kinds of a mixed set apart.
fn set(kind: Kind, keys: u64, key: u64, elements: u64, element: u64) -> DataSet {
    DataSet { kind, key, elements, element, keys, resident: 0 }
}

fn foretold(set: &DataSet) -> f64 {
    let (field, value) = if set.kind == Kind::Hash {
        (set.element / 2, set.element - set.element / 2)
    } else {
        (0, set.element)
    };
    let sort = Sort { kind: set.kind, key: set.key, elements: set.elements, value, field };
    (sort.payload() as f64 + model::around(&Constants::built_in(), &sort)) * set.keys as f64
}

/// Loads the sets into a server of their own and compares. Pages of the program itself, which come in while it works,
/// are not data: anonymous memory is what counts.
fn holds(place: u16, sets: &[DataSet]) {
    let port = 10_000 + (std::process::id() % 180) as u16 * 10 + place;
    let server = Server::start(&binary(), port, 1).expect("the server starts");
    let before = still(&server).expect("it runs");
    let mut connection = Connection::open(port).expect("it listens");
    sets.iter().for_each(|set| load::fill(&mut connection, set).expect("it takes them"));
    let taken = (still(&server).expect("it runs") - before) as f64;
    let foretold: f64 = sets.iter().map(foretold).sum();
    let off = foretold / taken - 1.0;
    println!("foretold {foretold:.0}, taken {taken:.0}: {:+.1} %", off * 100.0);
    assert!(off.abs() <= TOLERANCE, "foretold {foretold:.0}, taken {taken:.0}: {:+.1} %", off * 100.0);
}

#[test]
fn small_strings() {
    holds(0, &[set(Kind::String, 250_000, 22, 1, 40)]);
}

#[test]
fn large_strings() {
    holds(1, &[set(Kind::String, 3000, 30, 1, 20_500)]);
}

#[test]
fn hashes_small_and_large() {
    holds(2, &[set(Kind::Hash, 50_000, 20, 12, 41), set(Kind::Hash, 40, 21, 2000, 55)]);
}

#[test]
fn sorted_sets_small_and_large() {
    holds(3, &[set(Kind::Zset, 15_000, 18, 50, 20), set(Kind::Zset, 60, 19, 1500, 33)]);
}

#[test]
fn all_sorts_of_keys() {
    holds(
        4,
        &[
            set(Kind::String, 80_000, 25, 1, 110),
            set(Kind::Hash, 5000, 24, 20, 62),
            set(Kind::Set, 6000, 23, 40, 17),
            set(Kind::List, 4000, 22, 70, 28),
            set(Kind::Zset, 5000, 21, 30, 18),
        ],
    );
}
