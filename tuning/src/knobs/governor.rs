//! The frequency governor: those that save power raise the clock only after work has waited.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step, Unread};
use crate::machine::cpus::FOLDER;

pub const KNOB: Knob = Knob {
    name: "governor",
    guide: "cpu.md",
    why: "governors that save power raise the clock only after work has waited",
    check,
};

const WANT: &str = "performance";

fn check(root: &Root, goal: &Goal) -> Check {
    let read = |cpu: &usize| {
        let path = format!("{FOLDER}/cpu{cpu}/cpufreq/scaling_governor");
        root.read(&path).ok().map(|governor| (path, governor))
    };
    let governors: Vec<(String, String)> = goal.cpus().iter().filter_map(read).collect();
    let slow: Vec<&(String, String)> = governors.iter().filter(|(_, governor)| governor != WANT).collect();
    match slow.first() {
        _ if governors.is_empty() => Err(Unread::Absent("the clock is not this system's to set".into())),
        None => Ok(Finding::good(WANT)),
        Some((_, governor)) => {
            let steps = slow.iter().map(|(path, governor)| Step::write(path, governor, WANT)).collect();
            let now = format!("{governor} on {} of {} CPUs", slow.len(), governors.len());
            Ok(Finding::bad(Severity::High, now, WANT, steps))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn every_cpu_of_a_core_counts() {
        let cpu3 = "/sys/devices/system/cpu/cpu3/cpufreq/scaling_governor";
        machine("metal").good(&KNOB);
        machine("metal").with(cpu3, "powersave").bad(&KNOB, Severity::High);
        machine("metal").cores(2).with(cpu3, "powersave").good(&KNOB);
        machine("vm").absent(&KNOB);
    }
}
