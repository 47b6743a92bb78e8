//! The out-of-memory killer prefers who holds most: on a machine for Ringmaster, that is the server.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step};

pub const KNOB: Knob = Knob {
    name: "oom",
    guide: "memory.md",
    why: "when memory runs out the kernel ends the biggest process: the server",
    check,
};

const WANT: i64 = -500;

fn check(root: &Root, goal: &Goal) -> Check {
    let path = format!("{}/oom_score_adj", goal.process());
    let now: i64 = root.read(&path)?.parse().unwrap_or(0);
    let text = format!("{now} ({})", goal.whose());
    if now <= WANT {
        return Ok(Finding::good(text));
    }
    let step = match goal.pid {
        Some(_) => Step::write(path, now, WANT),
        None => Step::Hand(format!("OOMScoreAdjust={WANT} in the unit (ringmaster.service has it)")),
    };
    Ok(Finding::bad(Severity::Low, text, format!("{WANT} or less"), vec![step]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn the_server_and_the_shell() {
        machine("metal").running(9).with("/proc/9/oom_score_adj", "-900").good(&KNOB);
        machine("metal").running(9).with("/proc/9/oom_score_adj", "0").bad(&KNOB, Severity::Low);
        machine("metal").with("/proc/self/oom_score_adj", "0").bad(&KNOB, Severity::Low);
        machine("metal").without("/proc/self/oom_score_adj").absent(&KNOB);
    }
}
