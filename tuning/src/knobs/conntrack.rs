//! Connection tracking: a look-up for each packet, and a table that, once full, drops new connections.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step};

pub const KNOB: Knob = Knob {
    name: "conntrack",
    guide: "nic.md",
    why: "a look-up for each packet; a full table drops new connections",
    check,
};

const COUNT: &str = "/proc/sys/net/netfilter/nf_conntrack_count";
const MAX: &str = "/proc/sys/net/netfilter/nf_conntrack_max";

fn check(root: &Root, goal: &Goal) -> Check {
    let max = root.number(MAX)?;
    let count = root.number(COUNT)?;
    if count == 0 {
        return Ok(Finding::good("loaded, but tracks nothing"));
    }
    // Closed connections stay for a while: twice the clients.
    let want = (2 * goal.maxclients * goal.cores as u64).next_power_of_two();
    let now = format!("tracks {count} of {max}");
    if max < want {
        return Ok(Finding::bad(
            Severity::High,
            now,
            format!("room for {want}"),
            vec![Step::write(MAX, max, want)],
        ));
    }
    // What to exempt is for the owner of the firewall to say.
    Ok(Finding::good(format!("{now}; exempt the ports, if the firewall allows")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn room_for_all_clients() {
        machine("metal").absent(&KNOB);
        machine("vm").with(COUNT, "0").with(MAX, "262144").good(&KNOB);
        machine("vm").with(COUNT, "17").with(MAX, "262144").good(&KNOB);
        machine("vm").with(COUNT, "17").with(MAX, "4096").bad(&KNOB, Severity::High);
    }
}
