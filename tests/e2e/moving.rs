//! Clients people use, while slots move in every way there is: between processes by redis-cli and as a whole, and between
//! cores of one process. No error comes to the application, what was acknowledged is there, and nothing was done twice.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use kit::{Client, Process, ringmaster, wait_until};

use crate::nodes::{address, ask, manage};
use crate::reshard::{Writer, add, slots};

/// A program that runs until its input ends.
struct Program {
    name: &'static str,
    child: Child,
}

impl Program {
    fn start(name: &'static str, port: u16) -> Program {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = here.join(".venv/bin/python");
        let program = if name.ends_with(".mjs") { Path::new("node") } else { &python };
        let child = Command::new(program)
            .arg(here.join("e2e").join(name))
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it is there: run tests/run");
        let mut program = Program { name, child };
        let mut line = String::new();
        let read = BufReader::new(program.child.stdout.as_mut().expect("piped")).read_line(&mut line);
        assert!(read.is_ok() && line == "ready\n", "{name} has failed");
        program
    }

    fn check(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().expect("a child of ours").success(), "{} has failed", self.name);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = (self.child.kill(), self.child.wait());
    }
}

/// Moves slots from the node at one port to that at another, as a whole.
fn migrate(from: u16, to: u16, first: u16, last: u16) {
    let (id, count) = (Client::connect(to).line("CLUSTER MYID").text(), usize::from(last - first) + 1);
    let after = (slots(from) - count, slots(to) + count);
    let line = format!("CLUSTER MIGRATESLOTS SLOTSRANGE {first} {last} NODE {id}");
    assert_eq!(Client::connect(from).line(&line).text(), "OK");
    wait_until("they are there, and both know", || (slots(from), slots(to)) == after);
}

fn by_redis_cli(first: &Process, second: &Process) {
    let (giver, taker) = (ask(first, "CLUSTER MYID"), ask(second, "CLUSTER MYID"));
    let reshard = ["reshard", &address(first), "--cluster-from", &giver, "--cluster-to", &taker];
    manage(&[&reshard[..], &["--cluster-slots", "80"]].concat()).expect("slots move");
    let weight = format!("{taker}=0.015");
    manage(&["rebalance", &address(first), "--cluster-weight", &weight, "--cluster-threshold", "1"])
        .expect("slots move");
}

#[test]
fn clients_notice_nothing() {
    let (first, second) = (ringmaster(2, &["--bootstrap", "yes"]), ringmaster(1, &[]));
    add(&first, second.port, &first);
    let writer = Writer::start(&first);
    let programs = ["redis_py_moving.py", "glide_moving.py", "ioredis_moving.mjs"]
        .map(|name| Program::start(name, first.port));
    by_redis_cli(&first, &second);
    let cores = (first.port, first.port + 1);
    // To the other process and back; then between the cores, to and fro.
    migrate(cores.1, second.port, 12288, 16383);
    migrate(second.port, cores.1, 12288, 16383);
    for _ in 0..5 {
        migrate(cores.1, cores.0, 8500, 16383);
        migrate(cores.0, cores.1, 8500, 16383);
    }
    programs.into_iter().for_each(Program::check);
    writer.check();
}
