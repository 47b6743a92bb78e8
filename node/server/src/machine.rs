//! What costs most on a machine that nobody has tuned, said at start: a line each, and the command that says more.
//!
//! Only what an operator would want to know before the first client comes. Everything else is `ringmaster-tune`'s, which
//! is a program of its own: the server neither tunes nor refuses a machine.

use std::fs;

use crate::config::Config;

/// Locked memory a core takes at least: its rings and their buffers (`tuning/data/memory.toml`).
const MEMLOCK_PER_CORE: u64 = 512 << 10;
/// Where to read on.
const MORE: &str = "'ringmaster-tune check' says more";

/// What this machine should have otherwise, for `cores` cores on `cpus`.
pub fn warnings(config: &Config, cores: usize, cpus: &[usize]) -> Vec<String> {
    look(&|path| fs::read_to_string(path).ok(), config, cores, cpus)
}

/// The same, of a machine whose files `read` gives.
fn look(read: &dyn Fn(&str) -> Option<String>, config: &Config, cores: usize, cpus: &[usize]) -> Vec<String> {
    let found = [
        crowd(cores, cpus),
        locked_memory(read, cores),
        governor(read, &cpus[..cores.min(cpus.len())]),
        backlog(read, u64::from(config.network.tcp_backlog)),
        overcommit(read),
        huge_pages(read).filter(|_| !config.general.disable_thp),
    ];
    found.into_iter().flatten().map(|text| format!("{text} ({MORE})")).collect()
}

type Read<'a> = &'a dyn Fn(&str) -> Option<String>;

fn crowd(cores: usize, cpus: &[usize]) -> Option<String> {
    let count = cpus.len();
    (cores > count)
        .then(|| format!("{cores} cores share {count} CPUs: none is pinned, and they wait for each other"))
}

fn locked_memory(read: Read, cores: usize) -> Option<String> {
    let limits = read("/proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max locked memory"))?;
    let soft: u64 = line.split_whitespace().next()?.parse().ok()?;
    let status = read("/proc/self/status").unwrap_or_default();
    let capabilities = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let capabilities = capabilities.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0);
    // CAP_IPC_LOCK
    let free = capabilities >> 14 & 1 == 1;
    let want = MEMLOCK_PER_CORE * cores as u64;
    (!free && soft < want).then(|| {
        format!(
            "Only {} KiB of memory may be locked: the rings of {cores} cores may need {} KiB",
            soft >> 10,
            want >> 10
        )
    })
}

fn governor(read: Read, cpus: &[usize]) -> Option<String> {
    let path = |cpu| format!("/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor");
    let governors = cpus.iter().filter_map(|cpu| read(&path(*cpu)));
    let slow = governors.map(|text| text.trim().to_owned()).find(|governor| governor != "performance")?;
    Some(format!("The CPUs' governor is {slow}: it raises the clock only after work has waited"))
}

fn backlog(read: Read, backlog: u64) -> Option<String> {
    let most: u64 = read("/proc/sys/net/core/somaxconn")?.trim().parse().ok()?;
    (most < backlog).then(|| format!("net.core.somaxconn is {most}: it cuts tcp-backlog, which is {backlog}"))
}

fn overcommit(read: Read) -> Option<String> {
    let mode = read("/proc/sys/vm/overcommit_memory")?;
    let text = "vm.overcommit_memory is 2: memory that is only reserved counts as used, and the server may end for it";
    (mode.trim() == "2").then(|| text.to_owned())
}

fn huge_pages(read: Read) -> Option<String> {
    let mode = read("/sys/kernel/mm/transparent_hugepage/enabled")?;
    let text = "Transparent huge pages are always on, and disable-thp is no: latency will be uneven";
    mode.contains("[always]").then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAD: &[(&str, &str)] = &[
        ("/proc/self/limits", "Max locked memory         65536                65536                bytes"),
        ("/proc/self/status", "CapEff:\t0000000000000000"),
        ("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n"),
        ("/proc/sys/net/core/somaxconn", "128\n"),
        ("/proc/sys/vm/overcommit_memory", "2\n"),
        ("/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n"),
    ];
    const GOOD: &[(&str, &str)] = &[
        ("/proc/self/limits", "Max locked memory         unlimited            unlimited            bytes"),
        ("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n"),
        ("/proc/sys/net/core/somaxconn", "4096\n"),
        ("/proc/sys/vm/overcommit_memory", "1\n"),
        ("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"),
    ];

    fn on(machine: &'static [(&str, &str)], config: &Config, cores: usize) -> Vec<String> {
        let read =
            |path: &str| machine.iter().find(|(file, _)| *file == path).map(|(_, text)| (*text).to_owned());
        look(&read, config, cores, &[0])
    }

    #[test]
    fn a_line_for_each_and_none_for_a_tuned_machine() {
        let mut config = Config::default();
        assert_eq!(on(GOOD, &config, 1), Vec::<String>::new());
        assert_eq!(on(&[], &config, 1), Vec::<String>::new(), "what is not there is no fault");
        let lines = on(BAD, &config, 2);
        assert_eq!(lines.len(), 5, "huge pages do not matter with disable-thp: {lines:#?}");
        assert!(lines.iter().all(|line| line.contains("ringmaster-tune check")));
        config.general.disable_thp = false;
        assert_eq!(on(BAD, &config, 2).len(), 6);
    }

    #[test]
    fn who_may_lock_any_memory_is_not_warned() {
        let mut root = BAD.to_vec();
        root[1].1 = "CapEff:\t000001ffffffffff";
        let read =
            |path: &str| root.iter().find(|(file, _)| *file == path).map(|(_, text)| (*text).to_owned());
        assert_eq!(locked_memory(&read, 64), None);
    }
}
