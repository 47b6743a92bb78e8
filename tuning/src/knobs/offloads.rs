//! Offloads: GRO and TSO make one big packet of many. LRO does too, in hardware, but cannot be undone when packets are
//! passed on, so kernels and drivers disagree about it.

use super::{Check, Finding, Goal, Knob, Root, Severity, Step};
use crate::machine::ethtool;

pub const KNOB: Knob = Knob {
    name: "offloads",
    guide: "nic.md",
    why: "GRO and TSO save CPU for each packet of pipelines and big values",
    check,
};

/// Name in `ethtool -k`, name in `ethtool -K`, what it should be.
const WANTED: &[(&str, &str, &str)] = &[
    ("generic-receive-offload", "gro", "on"),
    ("tcp-segmentation-offload", "tso", "on"),
    ("large-receive-offload", "lro", "off"),
];

fn check(root: &Root, goal: &Goal) -> Check {
    let nic = goal.nic()?;
    let (mut now, mut want, mut steps) = (Vec::new(), Vec::new(), Vec::new());
    for (feature, short, wanted) in WANTED {
        let value = ethtool::value(root, "-k", nic, feature)?;
        // "on [fixed]" cannot be changed, and is no fault of the operator's.
        let other = if *wanted == "on" { "off" } else { "on" };
        if value == other {
            now.push(format!("{short} {other}"));
            want.push(format!("{short} {wanted}"));
            let set = |state| format!("ethtool -K {nic} {short} {state}");
            steps.push(Step::run(set(wanted), set(&other)));
        }
    }
    Ok(if steps.is_empty() {
        Finding::good("gro and tso on, lro off")
    } else {
        Finding::bad(Severity::Low, now.join(", "), want.join(", "), steps)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::machine;

    #[test]
    fn each_of_them() {
        machine("metal").good(&KNOB);
        machine("vm").good(&KNOB);
        let off =
            "generic-receive-offload: off\ntcp-segmentation-offload: on\nlarge-receive-offload: off [fixed]";
        let steps = machine("metal").with("$ ethtool -k eth0", off).bad(&KNOB, Severity::Low);
        steps.runs("ethtool -K eth0 gro on", "ethtool -K eth0 gro off");
        machine("metal").nic(None).absent(&KNOB);
        machine("container").unseen(&KNOB);
    }
}
