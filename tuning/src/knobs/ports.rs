//! Ports of outgoing connections: one of them may sit on a port of the server when it starts.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step};

pub const KNOB: Knob = Knob {
    name: "ports",
    guide: "kernel.md",
    why: "an outgoing connection may hold a port of a core when the server starts",
    check,
};

const RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";
const RESERVED: &str = "/proc/sys/net/ipv4/ip_local_reserved_ports";
/// The bus ports lie this far above the clients'.
const BUS: u64 = 10_000;

fn check(root: &Root, goal: &Goal) -> Check {
    let range = root.read(RANGE)?;
    let mut ends = range.split_whitespace().map(|end| end.parse::<u64>().unwrap_or(0));
    let (low, high) = (ends.next().unwrap_or(0), ends.next().unwrap_or(0));
    let reserved = root.read(RESERVED).unwrap_or_default();
    let last = goal.cores.saturating_sub(1) as u64;
    let ranges = [u64::from(goal.port), u64::from(goal.port) + BUS].map(|first| (first, first + last));
    let taken: Vec<String> = ranges
        .iter()
        .filter(|(first, last)| *first <= high && *last >= low && !covers(&reserved, *first, *last))
        .map(|(first, last)| format!("{first}-{last}"))
        .collect();
    if taken.is_empty() {
        return Ok(Finding::good(format!("outgoing from {low}-{high}")));
    }
    let taken = taken.join(",");
    let value = if reserved.is_empty() { taken.clone() } else { format!("{reserved},{taken}") };
    let steps = vec![Step::write(RESERVED, &reserved, value)];
    Ok(Finding::bad(
        Severity::High,
        format!("outgoing from {low}-{high}"),
        format!("{taken} reserved"),
        steps,
    ))
}

/// Whether the list of ranges holds all of one.
fn covers(list: &str, first: u64, last: u64) -> bool {
    list.split(',').any(|part| {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        low.parse().is_ok_and(|low: u64| low <= first) && high.parse().is_ok_and(|high: u64| high >= last)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn ranges_that_meet() {
        machine("metal").with(RANGE, "32768\t60999").good(&KNOB);
        machine("metal").with(RANGE, "1024\t65535").with(RESERVED, "").bad(&KNOB, Severity::High);
        machine("metal").with(RANGE, "10000\t65535").with(RESERVED, "8080").bad(&KNOB, Severity::High);
        machine("metal").with(RANGE, "1024\t65535").with(RESERVED, "6379-6499,16379-16499").good(&KNOB);
        machine("metal").without(RANGE).absent(&KNOB);
    }
}
