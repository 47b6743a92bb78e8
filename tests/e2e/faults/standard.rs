//! SETSLOT, MIGRATE, SETSLOT: as redis-cli moves a slot.

use kit::{Client, Value, wait_until};

use super::gate::From;
use super::{Keys, OTHER, SOURCE, Stage, TARGET, Victim};

/// How far the move is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The target imports.
    Importing,
    /// And the source migrates.
    Migrating,
    /// Half of the keys are there.
    Half,
    /// A large key is half way.
    Middle,
    /// Keys are there and the source does not know.
    Unheard,
    /// All keys are there.
    All,
    /// The target serves the slot and the source does not know.
    Node,
}

const STEPS: [Step; 7] =
    [Step::Importing, Step::Migrating, Step::Half, Step::Middle, Step::Unheard, Step::All, Step::Node];

/// MIGRATE of these keys, through the gate.
fn migrate(stage: &Stage, keys: &Keys, names: &[&str]) -> Vec<u8> {
    let port = stage.gate.port.to_string();
    let names = names.iter().map(|name| keys.name(name));
    let words = ["MIGRATE", "127.0.0.1", &port, "", "0", "30000", "KEYS"].map(str::to_owned);
    kit::encode(&words.into_iter().chain(names).collect::<Vec<_>>())
}

fn moved(stage: &Stage, keys: &Keys, names: &[&str]) {
    let mut mover = stage.client(SOURCE);
    mover.send(&migrate(stage, keys, names));
    assert_eq!(mover.read(), Some(Value::Simple("OK".into())));
}

fn set_slot(stage: &Stage, keys: &Keys, node: usize, state: &str, other: usize) {
    let line = format!("CLUSTER SETSLOT {} {state} {}", keys.slot, stage.id(other));
    assert_eq!(stage.client(node).line(&line), Value::Simple("OK".into()));
}

/// Moves the slot as far as `step`; the tool's connection, should it still wait for an answer.
pub fn advance(stage: &Stage, keys: &mut Keys, step: Step) -> Option<Client> {
    let any = stage.nodes[OTHER].port;
    set_slot(stage, keys, TARGET, "IMPORTING", SOURCE);
    if step >= Step::Migrating {
        set_slot(stage, keys, SOURCE, "MIGRATING", TARGET);
        keys.set(any, &["new", "passing"], "written at the target");
    }
    if step >= Step::Half {
        moved(stage, keys, &["a", "b", "c"]);
        keys.set(any, &["a", "d"], "written again");
        keys.delete(any, "b");
        keys.delete(any, "e");
    }
    let mut mover = stage.client(SOURCE);
    match step {
        Step::Middle => {
            stage.gate.stop_at(From::Outside, "MIDDLE");
            mover.send(&migrate(stage, keys, &["large"]));
            wait_until("half of it is sent", || stage.gate.holds());
            return Some(mover);
        }
        Step::Unheard => {
            stage.gate.stop_at(From::Node, "+OK");
            mover.send(&migrate(stage, keys, &["d", "f"]));
            let count = format!("CLUSTER COUNTKEYSINSLOT {}", keys.slot);
            let before = ["a", "c", "new", "passing"].len() as i64;
            let arrived = Value::Integer(before + 2);
            wait_until("they are there", || stage.client(TARGET).line(&count) == arrived);
            return Some(mover);
        }
        _ => {}
    }
    if step >= Step::All {
        moved(stage, keys, &["d", "e", "f", "large"]);
        keys.delete(any, "passing");
    }
    if step >= Step::Node {
        set_slot(stage, keys, TARGET, "NODE", TARGET);
    }
    None
}

/// A move that ends at each step.
fn ends(victim: Victim) {
    let mut stage = Stage::new();
    for step in STEPS {
        let row = format!("{step:?} {victim:?}");
        let mut keys = Keys::of(&stage.nodes[SOURCE]);
        keys.fill(stage.nodes[OTHER].port);
        drop(advance(&stage, &mut keys, step));
        stage.crash(victim);
        stage.repair();
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
fn the_tool_dies_at_each_step() {
    ends(Victim::Tool);
}
