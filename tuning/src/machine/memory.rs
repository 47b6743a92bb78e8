//! Memory of the machine.

use crate::root::{Root, Unread};

/// A figure of `/proc/meminfo`, in bytes.
///
/// # Errors
/// It cannot be read.
pub fn meminfo(root: &Root, name: &str) -> Result<u64, Unread> {
    let text = root.read("/proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.map(|kib| kib * 1024).ok_or(Unread::Absent(format!("/proc/meminfo has no {name}")))
}
