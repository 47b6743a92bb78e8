//! The kernel's version: what the client ring uses came with it.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step};

pub const KNOB: Knob = Knob {
    name: "kernel",
    guide: "kernel.md",
    why: "6.1 brought the rings a core is built on, 6.12 shared receive buffers",
    check,
};

/// Without `DEFER_TASKRUN` and provided buffer rings the server does not start.
const NEEDED: (u32, u32) = (6, 1);
/// `IOU_PBUF_RING_INC`: receives share buffers, where each took a whole one before.
const BETTER: (u32, u32) = (6, 12);

fn check(root: &Root, _: &Goal) -> Check {
    let release = root.read("/proc/sys/kernel/osrelease")?;
    let mut numbers = release.split(['.', '-']).map(|part| part.parse().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let wanting = |severity, (major, minor): (u32, u32)| {
        let steps = vec![Step::Hand(format!("install a kernel of {major}.{minor} or newer"))];
        Finding::bad(severity, &release, format!("{major}.{minor} or newer"), steps)
    };
    Ok(match version {
        version if version < NEEDED => wanting(Severity::Critical, NEEDED),
        version if version < BETTER => wanting(Severity::Low, BETTER),
        _ => Finding::good(release),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    const FILE: &str = "/proc/sys/kernel/osrelease";

    #[test]
    fn old_older_and_new() {
        machine("metal").with(FILE, "6.12.0").good(&KNOB);
        machine("metal").with(FILE, "6.1.0-18-amd64").bad(&KNOB, Severity::Low);
        machine("metal").with(FILE, "5.15.0-1051-aws").bad(&KNOB, Severity::Critical);
        machine("metal").without(FILE).absent(&KNOB);
    }
}
