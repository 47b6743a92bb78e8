//! Swap: a core that touches a page on the disk stands still for milliseconds, and with it all its clients.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step};
use crate::machine::memory;

pub const KNOB: Knob = Knob {
    name: "swap",
    guide: "memory.md",
    why: "a page on the disk stops its core, and all its clients, for milliseconds",
    check,
};

const FILE: &str = "/proc/sys/vm/swappiness";
/// Swap only when memory would run out otherwise.
const WANT: u64 = 1;

fn check(root: &Root, _: &Goal) -> Check {
    if memory::meminfo(root, "SwapTotal")? == 0 {
        return Ok(Finding::good("no swap"));
    }
    let now = root.number(FILE)?;
    Ok(if now <= WANT {
        Finding::good(format!("swappiness {now}"))
    } else {
        let steps = vec![Step::write(FILE, now, WANT)];
        Finding::bad(Severity::High, format!("swappiness {now}"), format!("{WANT}, or no swap"), steps)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn swap_and_none() {
        let swap = |kib: &str| format!("MemTotal: 1000 kB\nSwapTotal: {kib} kB");
        machine("metal").with("/proc/meminfo", &swap("8388604")).with(FILE, "1").good(&KNOB);
        machine("metal").with("/proc/meminfo", &swap("8388604")).with(FILE, "60").bad(&KNOB, Severity::High);
        machine("metal").with("/proc/meminfo", &swap("0")).with(FILE, "60").good(&KNOB);
        machine("metal").without("/proc/meminfo").absent(&KNOB);
    }
}
