//! Sleep states: the deeper an idle CPU sleeps, the longer it takes to wake.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step, Unread};
use crate::machine::cpus::FOLDER;

pub const KNOB: Knob = Knob {
    name: "cstates",
    guide: "cpu.md",
    why: "an idle CPU in deep sleep takes 100 us and more to wake: seen in p99",
    check,
};

/// Waking up may take this long: C1 and C1E do, C6 does not.
const LATENCY_MAX_US: u64 = 20;

fn check(root: &Root, goal: &Goal) -> Check {
    let mut steps = Vec::new();
    let (mut states, mut worst) = (0, (0, String::new()));
    for cpu in goal.cpus() {
        let folder = format!("{FOLDER}/cpu{cpu}/cpuidle");
        for state in root.list(&folder).iter().filter(|name| name.starts_with("state")) {
            let Ok(latency) = root.number(&format!("{folder}/{state}/latency")) else { continue };
            let disable = format!("{folder}/{state}/disable");
            states += 1;
            if latency > LATENCY_MAX_US && root.read(&disable).is_ok_and(|text| text == "0") {
                steps.push(Step::write(disable, 0, 1));
                worst = worst.max((latency, root.read(&format!("{folder}/{state}/name"))?));
            }
        }
    }
    match states {
        0 => Err(Unread::Absent("sleep states are not this system's to set".into())),
        _ if steps.is_empty() => Ok(Finding::good(format!("none above {LATENCY_MAX_US} us"))),
        _ => {
            let now = format!("{} ({} us to wake)", worst.1, worst.0);
            Ok(Finding::bad(Severity::Low, now, format!("none above {LATENCY_MAX_US} us"), steps))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn deep_states_are_switched_off() {
        machine("metal").good(&KNOB);
        let disable = "/sys/devices/system/cpu/cpu5/cpuidle/state3/disable";
        machine("metal").with(disable, "0").bad(&KNOB, Severity::Low);
        machine("metal").cores(2).with(disable, "0").good(&KNOB);
        machine("container").absent(&KNOB);
    }
}
