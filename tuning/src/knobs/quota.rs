//! A CPU quota stops a whole container for the rest of each period once it is used up.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step, Unread};
use crate::machine::cgroup;

pub const KNOB: Knob = Knob {
    name: "quota",
    guide: "cpu.md",
    why: "a used up quota stops all cores for up to 100 ms, many times a second",
    check,
};

/// A group's limit.
struct Quota {
    path: String,
    text: String,
    /// What the file holds when there is none.
    none: String,
    /// Processors it is worth; none for no limit.
    cpus: Option<f64>,
}

fn check(root: &Root, goal: &Goal) -> Check {
    let folders = cgroup::folders(root, &goal.process(), "cpu");
    let quotas: Vec<Quota> = folders.iter().filter_map(|folder| read(root, folder)).collect();
    if quotas.is_empty() {
        return Err(Unread::Absent("no control group limits the CPU".into()));
    }
    let tight: Vec<&Quota> =
        quotas.iter().filter(|quota| quota.cpus.is_some_and(|cpus| cpus < goal.cores as f64)).collect();
    let Some(worst) = tight.iter().filter_map(|quota| quota.cpus).min_by(f64::total_cmp) else {
        return Ok(Finding::good("none that binds"));
    };
    let steps = tight.iter().map(|quota| Step::write(&quota.path, &quota.text, &quota.none)).collect();
    let now = format!("{worst:.1} CPUs for {} cores", goal.cores);
    Ok(Finding::bad(Severity::High, now, "no quota (a cpuset instead)", steps))
}

fn read(root: &Root, folder: &str) -> Option<Quota> {
    let worth = |quota: &str, period: &str| Some(quota.parse::<f64>().ok()? / period.parse::<f64>().ok()?);
    if let Ok(text) = root.read(&format!("{folder}/cpu.max")) {
        let (quota, period) = text.split_once(' ')?;
        let (cpus, none) = (worth(quota, period), format!("max {period}"));
        return Some(Quota { path: format!("{folder}/cpu.max"), text, none, cpus });
    }
    let path = format!("{folder}/cpu.cfs_quota_us");
    let text = root.read(&path).ok()?;
    let period = root.read(&format!("{folder}/cpu.cfs_period_us")).ok()?;
    let cpus = worth(&text, &period).filter(|cpus| *cpus > 0.0);
    Some(Quota { path, text, none: "-1".into(), cpus })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn both_versions_of_control_groups() {
        machine("metal").good(&KNOB);
        machine("container").cores(4).bad(&KNOB, Severity::High);
        machine("container").cores(2).with("/sys/fs/cgroup/cpu.max", "max 100000").good(&KNOB);
        let old = |quota: &str| {
            machine("vm")
                .with("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", quota)
                .with("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000")
        };
        old("-1").good(&KNOB);
        old("50000").bad(&KNOB, Severity::High);
        machine("metal").without("/sys/fs/cgroup/system.slice/cpu.max").absent(&KNOB);
    }
}
