//! Limits and state of a process.

use crate::root::{Root, Unread};

/// A soft and a hard limit; `u64::MAX` is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// What holds.
    pub soft: u64,
    /// How far the process may raise it itself.
    pub hard: u64,
}

/// A limit by the name that `/proc/PID/limits` gives it.
///
/// # Errors
/// It cannot be read.
pub fn limit(root: &Root, process: &str, name: &str) -> Result<Limit, Unread> {
    let path = format!("{process}/limits");
    let text = root.read(&path)?;
    let numbers = text.lines().find_map(|line| line.strip_prefix(name));
    let numbers = numbers.ok_or(Unread::Absent(format!("{path} has no {name}")))?;
    let number = |text: Option<&str>| text.and_then(|text| text.parse().ok()).unwrap_or(u64::MAX);
    let mut words = numbers.split_whitespace();
    Ok(Limit { soft: number(words.next()), hard: number(words.next()) })
}

/// A field of `/proc/PID/status`.
pub fn status(root: &Root, process: &str, field: &str) -> Option<String> {
    let text = root.read(&format!("{process}/status")).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    Some(value.trim().to_owned())
}

/// CAP_IPC_LOCK: memory may be locked without limit.
const IPC_LOCK: u32 = 14;

/// Whether the process may lock any amount of memory.
pub fn may_lock_all(root: &Root, process: &str) -> bool {
    let capabilities = status(root, process, "CapEff").and_then(|hex| u64::from_str_radix(&hex, 16).ok());
    capabilities.is_some_and(|bits| bits >> IPC_LOCK & 1 == 1)
}
