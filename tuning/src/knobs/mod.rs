//! The table of knobs, in the order in which one would set them.
//!
//! A knob is one thing of the machine: how it stands and what would change it. Looking again after the change shows
//! whether it worked. The guides say more of each than fits a line.

mod busy_poll;
mod clocksource;
mod coalescing;
mod conntrack;
mod cpus;
mod cstates;
mod governor;
mod io_uring;
mod irq;
mod irqbalance;
mod isolation;
mod kernel;
mod memlock;
mod memory_plan;
mod mtu;
mod nofile;
mod nohz;
mod numa;
mod numa_balancing;
mod offloads;
mod oom;
mod overcommit;
mod ports;
mod qdisc;
mod queues;
mod quota;
mod rfs;
mod rings;
mod rps;
mod seccomp;
mod slow_start;
mod smt;
mod somaxconn;
mod swap;
mod syn_backlog;
mod thp;
mod xps;
mod zone_reclaim;

use crate::finding::{Finding, Severity, Step};
use crate::goal::Goal;
use crate::root::{Root, Unread};

/// What a check gives back; what could not be read is a finding too ([`Knob::look`]).
type Check = Result<Finding, Unread>;

/// One thing of the machine.
#[derive(Debug, Clone, Copy)]
pub struct Knob {
    /// Its name, for `--only`.
    pub name: &'static str,
    /// The guide that explains it.
    pub guide: &'static str,
    /// Why it matters, in half a line.
    pub why: &'static str,
    check: fn(&Root, &Goal) -> Check,
}

impl Knob {
    /// How it stands.
    pub fn look(&self, root: &Root, goal: &Goal) -> Finding {
        (self.check)(root, goal).unwrap_or_else(|unread| match unread {
            Unread::Absent(why) => Finding::absent(why),
            Unread::Unseen(why) => Finding::unseen(why),
        })
    }
}

/// All knobs.
pub const ALL: &[Knob] = &[
    kernel::KNOB,
    io_uring::KNOB,
    seccomp::KNOB,
    memlock::KNOB,
    nofile::KNOB,
    cpus::KNOB,
    quota::KNOB,
    governor::KNOB,
    cstates::KNOB,
    smt::KNOB,
    isolation::KNOB,
    nohz::KNOB,
    clocksource::KNOB,
    numa::KNOB,
    numa_balancing::KNOB,
    zone_reclaim::KNOB,
    memory_plan::KNOB,
    swap::KNOB,
    overcommit::KNOB,
    thp::KNOB,
    oom::KNOB,
    somaxconn::KNOB,
    syn_backlog::KNOB,
    ports::KNOB,
    slow_start::KNOB,
    queues::KNOB,
    rings::KNOB,
    irqbalance::KNOB,
    irq::KNOB,
    xps::KNOB,
    rps::KNOB,
    rfs::KNOB,
    coalescing::KNOB,
    offloads::KNOB,
    mtu::KNOB,
    qdisc::KNOB,
    busy_poll::KNOB,
    conntrack::KNOB,
];

/// A file that must hold one number.
fn exactly(root: &Root, path: &str, want: u64, severity: Severity) -> Check {
    let now = root.number(path)?;
    Ok(if now == want {
        Finding::good(now)
    } else {
        Finding::bad(severity, now, want, vec![Step::write(path, now, want)])
    })
}

/// A file that must hold a number of at least `want`.
fn at_least(root: &Root, path: &str, want: u64, severity: Severity) -> Check {
    let now = root.number(path)?;
    Ok(if now >= want {
        Finding::good(now)
    } else {
        Finding::bad(severity, now, format!("{want} or more"), vec![Step::write(path, now, want)])
    })
}

/// Machines of one NUMA node have no knob that moves memory between nodes.
fn needs_nodes(root: &Root) -> Result<(), Unread> {
    match crate::machine::cpus::nodes(root).len() {
        0 | 1 => Err(Unread::Absent("one NUMA node".to_owned())),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_lines_are_short() {
        let names: BTreeSet<&str> = ALL.iter().map(|knob| knob.name).collect();
        assert_eq!(names.len(), ALL.len());
        for knob in ALL {
            assert!(knob.why.len() <= 76, "{}: {} characters", knob.name, knob.why.len());
        }
    }
}
