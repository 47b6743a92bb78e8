//! Busy polling by sysctl: sockets poll the card instead of waiting. A core waits in its ring, which does not use it.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step};

pub const KNOB: Knob = Knob {
    name: "busy_poll",
    guide: "nic.md",
    why: "the client ring does not use it; for other programs it burns the cores' CPUs",
    check,
};

const FILES: [&str; 2] = ["/proc/sys/net/core/busy_poll", "/proc/sys/net/core/busy_read"];

fn check(root: &Root, _: &Goal) -> Check {
    let mut steps = Vec::new();
    let mut most = 0;
    for file in FILES {
        let now = root.number(file)?;
        if now > 0 {
            steps.push(Step::write(file, now, 0));
            most = most.max(now);
        }
    }
    Ok(if steps.is_empty() {
        Finding::good("off")
    } else {
        Finding::bad(Severity::Low, format!("{most} us"), "0", steps)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn on_and_off() {
        machine("metal").good(&KNOB);
        machine("metal").with(FILES[0], "50").with(FILES[1], "50").bad(&KNOB, Severity::Low);
        machine("metal").without(FILES[0]).absent(&KNOB);
    }
}
