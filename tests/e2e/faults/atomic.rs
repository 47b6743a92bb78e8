//! CLUSTER MIGRATESLOTS: whatever dies, the slots are the source's with all keys, or the target's with all keys.

use kit::{Process, Value, wait_until};

use super::gate::From;
use super::{Keys, OTHER, SOURCE, Stage, TARGET, Victim};
use crate::nodes::ask;
use crate::slot_migration::state;

/// The words at which a migration stands still, who says them, and how far the source says it is.
const STEPS: [(&str, From, &str); 7] = [
    ("ESTABLISH", From::Outside, "connecting"),
    ("MIDDLE", From::Outside, "snapshotting"),
    ("SNAPSHOT-EOF", From::Outside, "snapshotting"),
    ("REQUEST-PAUSE", From::Node, "snapshotting"),
    ("\r\nPAUSED", From::Outside, "failover-paused"),
    ("REQUEST-FAILOVER", From::Node, "failover-paused"),
    ("FAILOVER-GRANTED", From::Outside, "failover-granted"),
];

fn begin(stage: &Stage, keys: &Keys) {
    let line = format!("CLUSTER MIGRATESLOTS SLOTSRANGE {0} {0} NODE {1}", keys.slot, stage.id(TARGET));
    assert_eq!(stage.client(SOURCE).line(&line), Value::Simple("OK".into()));
}

/// A migration that stands still at `word`. What is written meanwhile is acknowledged, if no pause forbids it.
pub fn stopped_at(stage: &Stage, keys: &mut Keys, (word, from, far): (&str, From, &str)) {
    stage.gate.stop_at(from, word);
    begin(stage, keys);
    wait_until("it stands still", || stage.gate.holds() && state(&stage.nodes[SOURCE]) == far);
    if !far.starts_with("failover") {
        keys.set(stage.nodes[OTHER].port, &["a", "meanwhile"], "written meanwhile");
        keys.delete(stage.nodes[OTHER].port, "b");
    }
}

fn has_ended(node: &Process) -> bool {
    let state = state(node);
    ["*[]", "success", "failed", "cancelled"].contains(&state.as_str())
}

fn ends(victim: Victim) {
    let mut stage = Stage::new();
    for step in STEPS {
        let row = format!("{} {victim:?}", step.0.trim());
        let mut keys = Keys::of(&stage.nodes[SOURCE]);
        keys.fill(stage.nodes[OTHER].port);
        stopped_at(&stage, &mut keys, step);
        if victim == Victim::Tool {
            assert_eq!(ask(&stage.nodes[SOURCE], "CLUSTER CANCELSLOTMIGRATIONS"), "OK");
        }
        stage.crash(victim);
        wait_until("both have ended it", || stage.nodes[..=TARGET].iter().all(has_ended));
        stage.repair();
        keys.set(stage.nodes[OTHER].port, &["c"], "written after");
        keys.check(&row, &stage.nodes.iter().collect::<Vec<_>>());
    }
}

#[test]
fn the_source_dies_at_each_step() {
    ends(Victim::Source);
}

#[test]
fn the_target_dies_at_each_step() {
    ends(Victim::Target);
}

#[test]
fn it_is_cancelled_at_each_step() {
    ends(Victim::Tool);
}

/// Nobody dies, but what comes through comes after the source has given up to wait, and has gone on to serve.
#[test]
fn the_network_stalls_at_each_step() {
    let stage = Stage::new();
    for step in STEPS {
        let row = format!("{} stalls", step.0.trim());
        let mut keys = Keys::of(&stage.nodes[SOURCE]);
        keys.fill(stage.nodes[OTHER].port);
        stopped_at(&stage, &mut keys, step);
        // In a pause this waits for its end.
        let name = keys.name("d");
        let set = super::call(stage.nodes[OTHER].port, &["SET", &name, "written while it stalls"]);
        assert_eq!(set, Value::Simple("OK".into()));
        keys.note(name, Some("written while it stalls".into()));
        stage.gate.release();
        wait_until("both have ended it", || stage.nodes[..=TARGET].iter().all(has_ended));
        stage.repair();
        keys.check(&row, &stage.nodes.iter().collect::<Vec<_>>());
    }
}
