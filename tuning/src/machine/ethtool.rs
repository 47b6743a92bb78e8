//! What ethtool prints: `-l` (channels), `-g` (rings), `-c` (coalescing), `-k` (features).

use crate::root::{Root, Unread};

/// A figure that has a highest and a current value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ranged {
    /// What the card can do.
    pub max: u64,
    /// What is set.
    pub now: u64,
}

/// A figure of `-l` or `-g`, which print the maximum before the setting.
///
/// # Errors
/// ethtool is missing, or the card has no such figure.
pub fn ranged(root: &Root, option: &str, nic: &str, name: &str) -> Result<Ranged, Unread> {
    let text = root.tool(&format!("ethtool {option} {nic}"))?;
    let mut numbers = values(&text, name).filter_map(|value| value.parse().ok());
    let absent = || Unread::Absent(format!("{nic} has no {name} to set"));
    Ok(Ranged { max: numbers.next().ok_or_else(absent)?, now: numbers.next().ok_or_else(absent)? })
}

/// The value of a line `NAME: VALUE`, of `-c`, `-k` or `-i`.
///
/// # Errors
/// ethtool is missing, or the card has no such setting.
pub fn value(root: &Root, option: &str, nic: &str, name: &str) -> Result<String, Unread> {
    let text = root.tool(&format!("ethtool {option} {nic}"))?;
    let value = values(&text, name).next().filter(|value| *value != "n/a");
    value.map(str::to_owned).ok_or(Unread::Absent(format!("{nic} has no {name}")))
}

fn values<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines().filter_map(move |line| Some(line.trim_start().strip_prefix(name)?.strip_prefix(':')?.trim()))
}
