//! Recorded machines for the tests of knobs.
//!
//! A test names a machine, changes a file, and says what the knob must find. Where all steps are writes, a bad finding
//! is put right, looked at again, and taken back, on the recording.

use crate::finding::{Finding, Severity, State, Step};
use crate::goal::{Goal, Wish};
use crate::knobs::Knob;
use crate::root::Root;
use crate::size::plan::Plan;

const TREES: &[(&str, &str)] = &[
    ("metal", include_str!("../tests/trees/metal.tree")),
    ("cloud", include_str!("../tests/trees/cloud.tree")),
    ("container", include_str!("../tests/trees/container.tree")),
    ("vm", include_str!("../tests/trees/vm.tree")),
];

/// A recorded machine, and what it is to serve.
pub struct Machine {
    text: String,
    cores: Option<usize>,
    nic: Option<Option<String>>,
    plan: Option<Plan>,
}

/// The steps of a bad finding.
pub struct Steps(Vec<Step>);

/// The recording of this name.
pub fn machine(name: &str) -> Machine {
    let (_, text) = TREES.iter().find(|(tree, _)| *tree == name).expect("a recorded machine");
    Machine { text: (*text).to_owned(), cores: None, nic: None, plan: None }
}

impl Machine {
    /// With a file, or a tool's output, that reads `value`.
    pub fn with(mut self, path: &str, value: &str) -> Machine {
        self.text += &format!("\n== {path}\n{value}");
        self
    }

    /// Without a file, as if it were not there.
    pub fn without(self, path: &str) -> Machine {
        let header = |line: &str| line.strip_prefix("== ").map(str::to_owned);
        let mut keep = true;
        let lines = self.text.lines().filter(|line| {
            keep = header(line).map_or(keep, |found| found != path);
            keep
        });
        Machine { text: lines.collect::<Vec<_>>().join("\n"), ..self }
    }

    /// Without tools, as if none were installed.
    pub fn without_tools(mut self) -> Machine {
        while let Some(tool) = self.text.lines().find_map(|line| line.strip_prefix("== $ ")) {
            let path = format!("$ {tool}");
            self = self.without(&path);
        }
        self
    }

    /// With a server that runs.
    pub fn running(self, pid: u32) -> Machine {
        self.with(&format!("/proc/{pid}/comm"), "ringmaster")
    }

    /// To serve so many cores.
    pub fn cores(mut self, cores: usize) -> Machine {
        self.cores = Some(cores);
        self
    }

    /// Behind this card.
    pub fn nic(mut self, nic: Option<&str>) -> Machine {
        self.nic = Some(nic.map(str::to_owned));
        self
    }

    /// To hold so much.
    pub fn plan(mut self, plan: Plan) -> Machine {
        self.plan = Some(plan);
        self
    }

    fn open(&self) -> (Root, Goal) {
        let root = Root::recorded(&self.text).expect("a recording");
        let wish = Wish {
            cores: self.cores,
            nic: None,
            port: 6379,
            backlog: 511,
            maxclients: 10_000,
            plan: self.plan.clone(),
        };
        let mut goal = wish.on(&root).expect("a goal");
        if let Some(nic) = &self.nic {
            goal.nic.clone_from(nic);
        }
        (root, goal)
    }

    fn look(&self, knob: &Knob) -> Finding {
        let (root, goal) = self.open();
        knob.look(&root, &goal)
    }

    /// The knob must be fine.
    pub fn good(self, knob: &Knob) {
        let found = self.look(knob);
        assert_eq!(found.state, State::Good, "{}: {found:?}", knob.name);
    }

    /// The knob must not exist here.
    pub fn absent(self, knob: &Knob) {
        let found = self.look(knob);
        assert_eq!(found.state, State::Absent, "{}: {found:?}", knob.name);
    }

    /// The knob must not be visible.
    pub fn unseen(self, knob: &Knob) {
        let found = self.look(knob);
        assert_eq!(found.state, State::Unseen, "{}: {found:?}", knob.name);
    }

    /// The knob must be wrong; its steps must put it right, and back.
    pub fn bad(self, knob: &Knob, expected: Severity) -> Steps {
        let (root, goal) = self.open();
        let found = knob.look(&root, &goal);
        let State::Bad { severity, steps, .. } = &found.state else { panic!("{}: {found:?}", knob.name) };
        assert_eq!(*severity, expected, "{}: {found:?}", knob.name);
        assert!(!steps.is_empty(), "{}: no way out", knob.name);
        let writes: Vec<_> = steps.iter().filter_map(written).collect();
        if writes.len() == steps.len() {
            writes.iter().for_each(|(path, _, value)| root.write(path, value).expect("a recording"));
            let after = knob.look(&root, &goal);
            assert_eq!(after.state, State::Good, "{}: after the change {after:?}", knob.name);
            writes.iter().for_each(|(path, before, _)| root.write(path, before).expect("a recording"));
            let State::Bad { steps: again, .. } = knob.look(&root, &goal).state else {
                panic!("{}: the way back does not lead back", knob.name)
            };
            assert_eq!(&again, steps, "{}: the way back leads elsewhere", knob.name);
        }
        Steps(steps.clone())
    }
}

fn written(step: &Step) -> Option<(&str, &str, &str)> {
    match step {
        Step::Write { path, before, value } => Some((path, before, value)),
        _ => None,
    }
}

impl Steps {
    /// One of the steps must be this command, with this way back.
    pub fn runs(&self, change: &str, undo: &str) {
        assert!(self.0.contains(&Step::run(change, undo)), "{:?}", self.0);
    }
}
