//! Cores and CPUs: a core is a thread that owns its CPU. With more cores than CPUs none is pinned.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step};
use crate::machine::cpus;

pub const KNOB: Knob = Knob {
    name: "cpus",
    guide: "cpu.md",
    why: "a core owns its CPU; with more cores than CPUs they wait for each other",
    check,
};

fn check(_: &Root, goal: &Goal) -> Check {
    let (cores, allowed) = (goal.cores, goal.allowed.len());
    let now = format!("{cores} cores, {allowed} CPUs ({})", cpus::format(&goal.allowed));
    Ok(if cores <= allowed {
        Finding::good(now)
    } else {
        let step = Step::Hand(format!(
            "start with --cores {allowed}, or allow it more CPUs (AllowedCPUs= in the unit)"
        ));
        Finding::bad(Severity::High, now, format!("{allowed} cores"), vec![step])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn no_more_cores_than_cpus() {
        machine("vm").good(&KNOB);
        machine("vm").cores(3).bad(&KNOB, Severity::High);
        machine("container").cores(8).bad(&KNOB, Severity::High);
    }
}
