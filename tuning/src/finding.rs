//! What a check finds, and the steps that would change it.

use serde::Serialize;

/// How much it matters, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth doing when the rest is done: some percent, or rare cases.
    Low,
    /// Costs throughput or latency that one sees.
    High,
    /// The server does not start, or ends at the worst moment.
    Critical,
}

/// One step of a change, and its way back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Write a value into a file of /proc or /sys.
    Write {
        /// The file.
        path: String,
        /// What it holds now.
        before: String,
        /// What to write.
        value: String,
    },
    /// Run a command.
    Run {
        /// The change.
        change: String,
        /// The way back.
        undo: String,
    },
    /// What only a person can do: firmware, the kernel's command line, another machine.
    Hand(String),
}

impl Step {
    /// A file that is to hold `value` instead of `before`.
    pub fn write(path: impl Into<String>, before: impl ToString, value: impl ToString) -> Step {
        Step::Write { path: path.into(), before: before.to_string(), value: value.to_string() }
    }

    /// A command and the one that takes it back.
    pub fn run(change: impl Into<String>, undo: impl Into<String>) -> Step {
        Step::Run { change: change.into(), undo: undo.into() }
    }
}

/// How a knob stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad {
        /// How much that matters.
        severity: Severity,
        /// What it should be.
        want: String,
        /// How to get there.
        steps: Vec<Step>,
    },
    /// This machine has no such thing.
    Absent,
    /// It could not be seen.
    Unseen,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is now; for what is absent or unseen, why.
    pub now: String,
    /// How it stands.
    pub state: State,
}

impl Finding {
    /// It is as it should be.
    pub fn good(now: impl ToString) -> Finding {
        Finding { now: now.to_string(), state: State::Good }
    }

    /// It should be `want`, and `steps` lead there.
    pub fn bad(severity: Severity, now: impl ToString, want: impl ToString, steps: Vec<Step>) -> Finding {
        Finding { now: now.to_string(), state: State::Bad { severity, want: want.to_string(), steps } }
    }

    /// This machine has no such thing.
    pub fn absent(why: impl ToString) -> Finding {
        Finding { now: why.to_string(), state: State::Absent }
    }

    /// It could not be seen.
    pub fn unseen(why: impl ToString) -> Finding {
        Finding { now: why.to_string(), state: State::Unseen }
    }
}
