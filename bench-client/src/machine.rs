//! Facts about the machine that the load came from, for the report.

use std::fs;

use serde::{Deserialize, Serialize};

/// What a reader of the result wants to know of the machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Machine {
    /// Model of the first CPU.
    pub cpu: String,
    /// CPUs that this process may use.
    pub cpus: usize,
    /// Release of the kernel.
    pub kernel: String,
    /// Frequency governor of the first CPU, if it has one.
    pub governor: String,
    /// Network interfaces that are up, with their driver and speed in Mbit/s as far as known.
    pub network: Vec<String>,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Version of this program.
    pub bench: String,
}

impl Machine {
    /// Reads /proc and /sys; what cannot be read says "unknown".
    pub fn read() -> Machine {
        let cpuinfo = text("/proc/cpuinfo");
        let memory = field(&text("/proc/meminfo"), "MemTotal").replace("kB", "");
        Machine {
            cpu: field(&cpuinfo, "model name"),
            cpus: std::thread::available_parallelism().map_or(1, |n| n.get()),
            kernel: text("/proc/sys/kernel/osrelease"),
            governor: text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            network: interfaces(),
            memory_mib: memory.trim().parse::<u64>().unwrap_or(0) / 1024,
            bench: format!("ringmaster-bench {}", env!("CARGO_PKG_VERSION")),
        }
    }
}

fn text(path: &str) -> String {
    fs::read_to_string(path).map_or("unknown".into(), |text| text.trim().to_string())
}

fn field(text: &str, name: &str) -> String {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.split_once(':'));
    value.map_or("unknown".into(), |(_, value)| value.trim().to_string())
}

fn interfaces() -> Vec<String> {
    let Ok(entries) = fs::read_dir("/sys/class/net") else { return Vec::new() };
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names.retain(|name| name != "lo" && text(&format!("/sys/class/net/{name}/operstate")) == "up");
    let describe = |name: &String| {
        let driver = fs::read_link(format!("/sys/class/net/{name}/device/driver")).ok();
        let driver = driver.and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        let speed = text(&format!("/sys/class/net/{name}/speed"));
        format!("{name} {} {speed}", driver.as_deref().unwrap_or("virtual"))
    };
    names.iter().map(describe).collect()
}

/// Seconds since 1970 as RFC 3339 in UTC (Howard Hinnant, "chrono-compatible low-level date algorithms").
pub fn rfc3339(unix_seconds: u64) -> String {
    let (days, second) = (unix_seconds / 86_400, unix_seconds % 86_400);
    let shifted = days + 719_468; // days since 0000-03-01
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z", second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(1_795_346_574), "2026-11-22T11:22:54Z");
    }

    #[test]
    fn the_machine_is_known() {
        let machine = Machine::read();
        assert!(machine.cpus > 0 && machine.kernel != "unknown" && machine.memory_mib > 0);
    }
}
