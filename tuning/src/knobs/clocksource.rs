//! The clock: a core asks for the time in each round; some clocks cost a system call and a trip to a chip.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step};

pub const KNOB: Knob = Knob {
    name: "clocksource",
    guide: "kernel.md",
    why: "slow clocks cost a microsecond each time a core asks for the time",
    check,
};

const FOLDER: &str = "/sys/devices/system/clocksource/clocksource0";
/// Clocks that user space reads without a system call, best first.
const FAST: &[&str] = &["tsc", "arch_sys_counter", "kvm-clock", "hyperv_clocksource_tsc_page"];

fn check(root: &Root, _: &Goal) -> Check {
    let file = format!("{FOLDER}/current_clocksource");
    let now = root.read(&file)?;
    if FAST.contains(&now.as_str()) {
        return Ok(Finding::good(now));
    }
    let available = root.read(&format!("{FOLDER}/available_clocksource")).unwrap_or_default();
    let better = FAST.iter().find(|clock| available.split_whitespace().any(|name| name == **clock));
    Ok(match better {
        Some(clock) => Finding::bad(Severity::High, &now, clock, vec![Step::write(file, &now, clock)]),
        None => {
            let step = Step::Hand("see in the kernel's log why tsc was given up: dmesg | grep -i tsc".into());
            Finding::bad(Severity::High, now, "tsc", vec![step])
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn slow_clocks() {
        let now = format!("{FOLDER}/current_clocksource");
        let available = format!("{FOLDER}/available_clocksource");
        machine("metal").good(&KNOB);
        machine("cloud").with(&now, "xen").with(&available, "xen tsc hpet").bad(&KNOB, Severity::High);
        machine("metal").with(&now, "hpet").with(&available, "hpet acpi_pm").bad(&KNOB, Severity::High);
        machine("metal").without(&now).absent(&KNOB);
    }
}
