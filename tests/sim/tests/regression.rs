//! Seeds that once broke something, and a few more; each must stay whole. They were found when disks took no time,
//! unless it says so.

use sim::storm::storm;
use sim::{Options, run_seed};

fn as_found(seed: u64) -> Options {
    Options { disk_ms: 0, ..Options::of_seed(seed) }
}

fn check(seed: u64) {
    if let Err(why) = run_seed(seed, Options { fault_ms: 20_000, ..as_found(seed) }) {
        panic!("seed {seed}: {why}\n  replay: cargo run --release -p sim -- --disk 0 --seed {seed}");
    }
}

/// 1052: two votes in one batch of bytes. 1072, 1088: a stale node hears of a master that moved between
/// shards. 3, 9: a stopped node goes on. 40031: a one-sided partition.
#[test]
fn seeds_that_failed_once() {
    [3, 9, 1052, 1072, 1088, 40031].into_iter().for_each(check);
}

/// Late in a long run. 20474: two replicas of one process went round a ring of nodes that each thought the next one's
/// replica, telling each other of every step. 31801: a crash between a promotion and the news of it. 60835: one before
/// it was saved.
#[test]
fn seeds_that_failed_late() {
    for seed in [20474, 31801, 60835] {
        run_seed(seed, as_found(seed)).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    }
}

/// Disks take time. 701982: two shards changed masters beside a replica that heard only of the old masters' end, and won with
/// two votes of five; so two of one epoch were elected.
#[test]
fn seeds_that_failed_where_disks_take_time() {
    run_seed(701982, Options::of_seed(701982)).unwrap_or_else(|why| panic!("--seed 701982: {why}"));
}

fn check_moves(seed: u64, usual: Options) {
    let options = Options { moves: true, ..usual };
    run_seed(seed, options).unwrap_or_else(|why| panic!("--moves --seed {seed}: {why}"));
}

/// Slots move meanwhile. 119: a restart revived the claim of a slot's former owner. 1006: a master that imported by hand gave
/// its last slot away, and with it the keys that had come.
#[test]
fn slots_that_move_are_neither_lost_nor_doubled() {
    [106, 119, 1006].into_iter().for_each(|seed| check_moves(seed, as_found(seed)));
}

/// Disks take time. 20198: a tool's late word gave a slot back to a master that had become the replica of whoever heard it.
#[test]
fn slots_that_move_where_disks_take_time() {
    check_moves(20198, Options::of_seed(20198));
}

#[test]
fn equal_seeds_make_equal_worlds() {
    let run =
        || run_seed(7, Options { fault_ms: 8_000, ..Options::of_seed(7) }).map(|outcome| outcome.events);
    assert_eq!(run(), run());
}

#[test]
fn strangers_meet_and_losses_are_noticed() {
    let report = storm(1, 30, 1, 5000).expect("a small storm passes");
    assert!(report.lost_known_in_ms < 2000, "{report:?}");
}
