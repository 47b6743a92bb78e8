//! Locked memory: the rings of a core and their buffers count against it, unless the process has CAP_IPC_LOCK.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step};
use crate::machine::limits;
use crate::size::constants::Constants;
use crate::units::bytes;

pub const KNOB: Knob = Knob {
    name: "memlock",
    guide: "memory.md",
    why: "rings and their buffers are locked memory; a core without it does not start",
    check,
};

fn check(root: &Root, goal: &Goal) -> Check {
    let limit = limits::limit(root, &goal.process(), "Max locked memory")?;
    if limits::may_lock_all(root, &goal.process()) {
        return Ok(Finding::good("CAP_IPC_LOCK: any amount"));
    }
    let want = Constants::built_in().process.memlock_core_bytes * goal.cores as u64;
    let now = format!("{} ({})", bytes(limit.soft), goal.whose());
    Ok(if limit.soft >= want {
        Finding::good(now)
    } else {
        let step = Step::Hand(
            "LimitMEMLOCK=infinity in the unit (ringmaster.service has it), or 'ulimit -l unlimited' as root"
                .into(),
        );
        Finding::bad(Severity::Critical, now, format!("{} or more", bytes(want)), vec![step])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    const FILE: &str = "/proc/self/limits";

    #[test]
    fn enough_too_little_and_without_limit() {
        let limit =
            |soft: &str| format!("Max locked memory         {soft}              8388608              bytes");
        machine("metal").with(FILE, &limit("unlimited")).good(&KNOB);
        machine("container").cores(64).with(FILE, &limit("65536")).bad(&KNOB, Severity::Critical);
        let capable = "CapEff:\t000001ffffffffff\nCpus_allowed_list:\t0-31";
        machine("metal").with(FILE, &limit("65536")).with("/proc/self/status", capable).good(&KNOB);
        machine("metal").without(FILE).absent(&KNOB);
    }
}
