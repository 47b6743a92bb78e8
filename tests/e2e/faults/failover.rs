//! A master dies in the midst of a move, and its replica goes on with it.

use kit::{Process, wait_until};

use super::gate::From;
use super::standard::{Step, advance};
use super::{Keys, OTHER, SOURCE, Stage, TARGET, atomic};
use crate::nodes::{all_agree, ask, attach, info, is_master, same_data};

/// The replicas' places among the nodes.
const REPLICA_OF: [(usize, usize); 2] = [(SOURCE, 3), (TARGET, 4)];

fn stage() -> Stage {
    let mut stage = Stage::new();
    for (master, _) in REPLICA_OF {
        let replica = super::node(&[]);
        attach(&replica, &stage.nodes[master]);
        stage.nodes.push(replica);
    }
    all_agree(&stage.nodes.iter().collect::<Vec<_>>());
    stage
}

/// Kills the master `victim` and starts it again when its replica has taken over.
fn replaced(stage: &mut Stage, victim: usize) {
    let replica = REPLICA_OF.iter().find(|(master, _)| *master == victim).expect("it has one").1;
    wait_until("its replica has all", || {
        info(&stage.nodes[victim], "master_repl_offset") == info(&stage.nodes[replica], "slave_repl_offset")
    });
    stage.nodes[victim].kill();
    wait_until("its replica takes over", || is_master(&stage.nodes[replica]));
    stage.gate.release();
    stage.nodes[victim].restart(&[]).expect("it starts again");
    wait_until("it follows", || info(&stage.nodes[victim], "master_link_status") == "up");
}

fn check(stage: &Stage, keys: &Keys, row: &str) {
    stage.repair();
    let masters: Vec<&Process> = stage.nodes.iter().filter(|node| is_master(node)).collect();
    assert_eq!(masters.len(), 3, "{row}");
    keys.check(row, &masters);
    for (master, replica) in REPLICA_OF {
        let (master, replica) = (&stage.nodes[master], &stage.nodes[replica]);
        let (master, replica) = if is_master(master) { (master, replica) } else { (replica, master) };
        same_data(master, replica);
    }
}

fn standard(step: Step, victim: usize) {
    let mut stage = stage();
    let mut keys = Keys::of(&stage.nodes[SOURCE]);
    keys.fill(stage.nodes[OTHER].port);
    advance(&stage, &mut keys, step);
    replaced(&mut stage, victim);
    if step == Step::Half {
        let moves =
            |node: usize| ask(&stage.nodes[node], "CLUSTER NODES").contains(&format!("[{}-", keys.slot));
        assert!((3..=4).all(|node| moves(node) || !is_master(&stage.nodes[node])), "the move goes on");
    }
    check(&stage, &keys, &format!("{step:?} {victim}"));
}

#[test]
fn the_source_is_replaced_half_way() {
    standard(Step::Half, SOURCE);
}

#[test]
fn the_target_is_replaced_half_way() {
    standard(Step::Half, TARGET);
}

#[test]
fn the_source_is_replaced_when_the_target_serves() {
    standard(Step::Node, SOURCE);
}

#[test]
fn the_target_is_replaced_when_it_serves() {
    standard(Step::Node, TARGET);
}

/// What came for slots that the master never got must not be at its replica either.
fn atomically(word: &str, from: From, far: &str, victim: usize) {
    let mut stage = stage();
    let mut keys = Keys::of(&stage.nodes[SOURCE]);
    keys.fill(stage.nodes[OTHER].port);
    atomic::stopped_at(&stage, &mut keys, (word, from, far));
    replaced(&mut stage, victim);
    check(&stage, &keys, &format!("{word} {victim}"));
}

#[test]
fn the_target_is_replaced_during_a_snapshot() {
    atomically("SNAPSHOT-EOF", From::Outside, "snapshotting", TARGET);
}

#[test]
fn the_source_is_replaced_during_a_snapshot() {
    atomically("SNAPSHOT-EOF", From::Outside, "snapshotting", SOURCE);
}
