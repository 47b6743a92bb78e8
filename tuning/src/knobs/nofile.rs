//! Open files: one for each client. The server raises its soft limit as far as the hard one, and lowers `maxclients` to
//! what is left.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step};
use crate::machine::limits;

pub const KNOB: Knob = Knob {
    name: "nofile",
    guide: "kernel.md",
    why: "one a client: with too few the server lowers maxclients",
    check,
};

/// Descriptors a core needs beside its clients': as the server counts them.
const SPARE: u64 = 64;

fn check(root: &Root, goal: &Goal) -> Check {
    let limit = limits::limit(root, &goal.process(), "Max open files")?;
    let want = (goal.maxclients + SPARE) * goal.cores as u64;
    let now = format!("{} ({})", limit.hard, goal.whose());
    Ok(if limit.hard >= want {
        Finding::good(now)
    } else {
        let step = Step::Hand(format!("LimitNOFILE={want} in the unit, or 'ulimit -n {want}' as root"));
        Finding::bad(Severity::High, now, format!("{want} or more"), vec![step])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    const FILE: &str = "/proc/self/limits";

    #[test]
    fn the_hard_limit_counts() {
        let limit =
            |hard: &str| format!("Max open files            1024                 {hard}               files");
        machine("metal").cores(16).with(FILE, &limit("1048576")).good(&KNOB);
        machine("metal").cores(16).with(FILE, &limit("4096")).bad(&KNOB, Severity::High);
        machine("metal").without(FILE).absent(&KNOB);
    }
}
