//! The hottest keys, for the dashboard. They are no metrics: keys are without number, and so would be the labels.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::hotkeys::Report;
use crate::monitor::quote;

/// How many keys are shown.
const SHOWN: usize = 10;
/// A key is as long as its owner likes; so many bytes of it are shown.
const KEY_BYTES: usize = 100;

/// What the cores have tracked, as JSON: by what is tracked the hottest keys of all, each with its share.
pub fn write(cores: &[Option<Box<Report>>]) -> String {
    let reports = || cores.iter().enumerate().filter_map(|(core, report)| Some((core, report.as_deref()?)));
    let tracking = reports().filter(|(_, report)| report.is_on).map(|(core, _)| core);
    let by_cpu = reports().filter(|(_, report)| report.plan.cpu);
    let by_net = reports().filter(|(_, report)| report.plan.net);
    json!({
        "tracking": tracking.collect::<Vec<_>>(),
        "duration_ms": reports().map(|(_, report)| report.duration_ms).max(),
        "cpu": hottest(by_cpu.map(|(core, report)| (core, report, &report.by_cpu, report.sampled.ns))),
        "net": hottest(by_net.map(|(core, report)| (core, report, &report.by_net, report.sampled.bytes))),
    })
    .to_string()
}

/// The hottest keys of several cores, each given with what its keys cost, and all commands it looked at; `None` where
/// there is no core. A core that looks at one in so many commands has seen that part of what they cost.
fn hottest<'a>(
    cores: impl Iterator<Item = (usize, &'a Report, &'a Vec<(Bytes, u64)>, u64)>,
) -> Option<Vec<Value>> {
    let (mut any, mut whole, mut keys) = (false, 0.0, Vec::new());
    for (core, report, costs, sampled) in cores {
        any = true;
        let ratio = report.plan.ratio as f64;
        whole += sampled as f64 * ratio;
        keys.extend(costs.iter().map(|(key, cost)| (*cost as f64 * ratio, key, core)));
    }
    keys.sort_by(|(a, ..), (b, ..)| b.total_cmp(a));
    keys.truncate(SHOWN);
    let keys = keys.into_iter().map(
        |(cost, key, core)| json!({ "key": name(key), "core": core, "share": cost / f64::max(whole, 1.0) }),
    );
    any.then(|| keys.collect())
}

/// A key as people read it: ASCII in quotes, whatever is in it.
fn name(key: &[u8]) -> String {
    let mut name = String::new();
    quote(&mut name, &key[..key.len().min(KEY_BYTES)]);
    match key.len().checked_sub(KEY_BYTES) {
        None | Some(0) => name,
        Some(more) => name + &format!("... ({more} more bytes)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        assert_eq!(name(b"a\x00\xff\"<b>"), r#""a\x00\xff\"<b>""#);
        assert_eq!(name(&[b'a'; 100]), format!("\"{}\"", "a".repeat(100)));
        assert_eq!(name(&[b'a'; 103]), format!("\"{}\"... (3 more bytes)", "a".repeat(100)));
    }
}
