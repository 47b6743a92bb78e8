//! What costs most on a machine that nobody has tuned, said at start: a line each, and the command that says more.
//!
//! Only what an operator would want to know before the first client comes. Everything else is `ringmaster-tune`'s, which
//! is a program of its own: the server neither tunes nor refuses a machine.

use std::fs;

use crate::config::Config;
use crate::executor;
use crate::ring::MEMLOCK_PER_CORE;

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
        interrupts(read, cores, cpus).filter(|_| executor::pins(cores, cpus.len())),
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

/// More of the cards' queues interrupt one core's CPU than its share: that core takes packets in for the others.
fn interrupts(read: Read, cores: usize, cpus: &[usize]) -> Option<String> {
    let names = read("/proc/net/dev")?;
    let interfaces: Vec<&str> =
        names.lines().filter_map(|line| Some(line.split_once(':')?.0.trim())).collect();
    let is_queue = |name: &str| {
        let of_card = interfaces.iter().any(|interface| *interface != "lo" && name.contains(interface));
        of_card || name.starts_with("mlx5_comp") || name.starts_with("virtio") && name.contains("-input.")
    };
    let table = read("/proc/interrupts")?;
    let count = table.lines().next()?.split_whitespace().count();
    let mut queues_on = vec![0; count];
    for line in table.lines().skip(1) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.len() <= count + 1 || !words.last().is_some_and(|name| is_queue(name)) {
            continue;
        }
        let taken = words[1..=count].iter().map(|word| word.parse::<u64>().unwrap_or(0));
        // A queue that was never used is nobody's.
        if let Some((cpu, 1..)) = taken.enumerate().max_by_key(|(_, taken)| *taken) {
            queues_on[cpu] += 1;
        }
    }
    let all: usize = queues_on.iter().sum();
    let homes = cpus.iter().take(cores).enumerate();
    let (core, cpu) = homes.max_by_key(|(_, cpu)| queues_on.get(**cpu).copied().unwrap_or(0))?;
    let most = *queues_on.get(*cpu)?;
    (most > all.div_ceil(cores.max(1))).then(|| {
        format!("{most} of the network cards' {all} queues interrupt CPU {cpu}, where core {core} runs")
    })
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
        ("/proc/net/dev", NET_DEV),
        (
            "/proc/interrupts",
            "      CPU0  CPU1\n 24:  9  0  PCI-MSI 1-edge  eth0-TxRx-0\n 25:  8  1  PCI-MSI 2-edge  eth0-TxRx-1\n \
             26:  0  7  PCI-MSI 3-edge  nvme0q1\nLOC:  5  5  Local timer interrupts\n",
        ),
    ];
    const NET_DEV: &str = "Inter-|   Receive\n face |bytes\n    lo: 1 2\n  eth0: 3 4\n";
    const GOOD: &[(&str, &str)] = &[
        ("/proc/self/limits", "Max locked memory         unlimited            unlimited            bytes"),
        ("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n"),
        ("/proc/sys/net/core/somaxconn", "4096\n"),
        ("/proc/sys/vm/overcommit_memory", "1\n"),
        ("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"),
        ("/proc/net/dev", NET_DEV),
        (
            "/proc/interrupts",
            "      CPU0  CPU1\n 24:  9  0  PCI-MSI 1-edge  eth0-TxRx-0\n 25:  0  8  PCI-MSI 2-edge  eth0-TxRx-1\n",
        ),
    ];

    fn on(machine: &'static [(&str, &str)], config: &Config, cores: usize) -> Vec<String> {
        let read =
            |path: &str| machine.iter().find(|(file, _)| *file == path).map(|(_, text)| (*text).to_owned());
        look(&read, config, cores, &[0, 1])
    }

    #[test]
    fn a_line_for_each_and_none_for_a_tuned_machine() {
        let mut config = Config::default();
        assert_eq!(on(GOOD, &config, 1), Vec::<String>::new());
        assert_eq!(on(&[], &config, 1), Vec::<String>::new(), "what is not there is no fault");
        let lines = on(BAD, &config, 3);
        assert_eq!(lines.len(), 5, "huge pages do not matter with disable-thp: {lines:#?}");
        assert!(lines.iter().all(|line| line.contains("ringmaster-tune check")));
        config.general.disable_thp = false;
        assert_eq!(on(BAD, &config, 3).len(), 6);
        assert_eq!(on(BAD, &config, 2).len(), 6, "two cores have CPUs of their own, so interrupts matter");
        assert_eq!(on(BAD, &config, 1).len(), 5, "one may run on any");
        let line = &on(BAD, &config, 2)[5];
        assert!(
            line.starts_with("2 of the network cards' 2 queues interrupt CPU 0, where core 0 runs"),
            "{line}"
        );
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
