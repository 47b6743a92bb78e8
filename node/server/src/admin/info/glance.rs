//! What INFO's fields need and is too costly to find for each of them: sums over all clients, what the
//! system says of the process.

use std::fs;

use scripting::Usage;

use super::Value;
use crate::client::{Client, Role};
use crate::core::Core;

/// One look at a core.
pub struct Glance<'a> {
    /// The core.
    pub core: &'a Core,
    /// Sums over its connections.
    pub clients: Clients,
    /// Its memory.
    pub memory: Memory,
    /// Resident memory of the process, in bytes.
    pub resident: Option<u64>,
    /// Memory of the machine, in bytes.
    pub machine: Option<u64>,
    /// What scripts and functions take up.
    pub scripts: Usage,
    /// Whether what it finds is to be combined with what the siblings' find.
    of_process: bool,
}

/// Sums over the connections of a core.
#[derive(Default)]
pub struct Clients {
    /// How many there are.
    pub count: u64,
    /// How many of them are replicas.
    pub replicas: u64,
    /// How many are held back by CLIENT PAUSE.
    pub paused: u64,
    /// Bytes they take.
    pub memory: u64,
    /// The longest unfinished request, and the most bytes of unsent replies.
    pub longest_input: u64,
    /// See `longest_input`.
    pub longest_output: u64,
}

/// Bytes of a core by purpose.
pub struct Memory {
    /// All.
    pub used: u64,
    /// The most there ever was.
    pub peak: u64,
    /// The tables of keys.
    pub tables: u64,
    /// Connections.
    pub clients: u64,
    /// Keys and values.
    pub dataset: u64,
}

/// CPU time used, in microseconds.
#[derive(Clone, Copy, Default)]
pub struct Cpu {
    /// In the kernel.
    pub system_us: u64,
    /// In the program.
    pub user_us: u64,
}

impl<'a> Glance<'a> {
    /// A look at `core` alone, while a command of `running` runs, which is not among the core's own meanwhile.
    pub fn of(core: &'a Core, running: Option<&Client>) -> Glance<'a> {
        let clients = Clients::of(core, core.clients.iter().chain(running));
        let tables = core.keys.table_bytes() as u64;
        let used = core.used_memory();
        let memory = Memory {
            used,
            peak: core.stats.peak_memory.max(used),
            tables,
            clients: clients.memory,
            dataset: used.saturating_sub(tables + clients.memory),
        };
        let resident = kilobytes("/proc/self/status", "VmRSS:");
        let (machine, scripts) = (kilobytes("/proc/meminfo", "MemTotal:"), core.scripting.engine.usage());
        Glance {
            core,
            clients,
            memory,
            resident,
            machine,
            scripts,
            of_process: core.process.cores.len() == 1,
        }
    }

    /// A look at `core` as a part of its process.
    pub fn of_part(core: &'a Core, running: Option<&Client>) -> Glance<'a> {
        Glance { of_process: true, ..Glance::of(core, running) }
    }

    /// This core's share of the process's resident memory, for the sum of all. What is truly one core's, nobody knows.
    fn resident_share(&self) -> Option<u64> {
        self.resident
            .filter(|_| self.of_process)
            .map(|resident| resident / self.core.process.cores.len() as u64)
    }

    /// Resident bytes of the process by bytes of data.
    pub fn fragmentation(&self) -> Value {
        let ratio = |resident| Value::Ratio(resident as f64, self.memory.used as f64);
        self.resident_share().map(ratio).into()
    }

    /// Resident bytes of the process beyond those of data.
    pub fn fragmentation_bytes(&self) -> Value {
        self.resident_share().map(|resident| resident as i64 - self.memory.used as i64).into()
    }

    /// Bytes that wait to be sent to other nodes.
    pub fn bus_bytes(&self) -> u64 {
        self.core.cluster.links_view().iter().map(|link| link.send_buffer as u64).sum()
    }
}

impl Clients {
    fn of<'a>(core: &Core, clients: impl Iterator<Item = &'a Client>) -> Clients {
        let mut sums = Clients::default();
        for client in clients {
            sums.count += 1;
            sums.replicas += u64::from(client.role == Role::Replica);
            sums.paused += u64::from(client.paused);
            sums.memory += core.client_memory(client) as u64;
            let input = client.input.as_ref().map_or(0, |input| input.len()) as u64;
            sums.longest_input = sums.longest_input.max(input);
            sums.longest_output = sums.longest_output.max(client.unsent() as u64);
        }
        sums
    }
}

impl Memory {
    /// What is not data.
    pub fn overhead(&self) -> u64 {
        self.tables + self.clients
    }
}

impl Cpu {
    /// Both together.
    pub fn all_us(&self) -> u64 {
        self.system_us + self.user_us
    }

    /// Of the whole process.
    pub fn of_process() -> Cpu {
        Cpu::of(libc::RUSAGE_SELF)
    }

    /// Of this core's thread.
    pub fn of_thread() -> Cpu {
        Cpu::of(libc::RUSAGE_THREAD)
    }

    /// Of processes it has started and that have ended.
    pub fn of_children() -> Cpu {
        Cpu::of(libc::RUSAGE_CHILDREN)
    }

    fn of(who: libc::c_int) -> Cpu {
        // SAFETY: `rusage` is plain data for which all zeros are valid.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: the pointer is to a live value of the right type; on failure it stays zeroed.
        unsafe { libc::getrusage(who, &mut usage) };
        let us = |time: libc::timeval| time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64;
        Cpu { system_us: us(usage.ru_stime), user_us: us(usage.ru_utime) }
    }
}

/// The field `name` of a file of `/proc`, given there in kB, in bytes.
fn kilobytes(file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.split_whitespace().next()?.parse::<u64>().ok().map(|kb| kb * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says() {
        let resident = kilobytes("/proc/self/status", "VmRSS:").unwrap();
        let machine = kilobytes("/proc/meminfo", "MemTotal:").unwrap();
        assert!(resident > 0 && resident < machine);
        assert_eq!(kilobytes("/proc/meminfo", "NoSuch:"), None);
        let spent = Cpu::of_process();
        assert!(spent.user_us + spent.system_us >= Cpu::of_thread().user_us);
    }
}
