//! A host's memory, added up in the open.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::constants::Constants;
use super::model::{self, Sort};
use crate::units::bytes;

/// A snapshot keeps old values while it walks: at most so much (DESIGN; nothing forks).
const SNAPSHOT: f64 = 0.05;
/// What the system and its page cache should have: this part of the rest, but at least [`SYSTEM_MIN`].
const SYSTEM: f64 = 0.05;
const SYSTEM_MIN: u64 = 1 << 30;

/// What is to be held, and where.
#[derive(Debug, Clone)]
pub struct Demand {
    /// Sorts of keys, and how many of each.
    pub sorts: Vec<(Sort, u64)>,
    /// Machines.
    pub hosts: u64,
    /// Copies of each key beside the master's.
    pub replicas: u64,
    /// Cores of each host.
    pub cores: u64,
    /// Clients of each host.
    pub clients: u64,
    /// What a client's buffers may hold on average, beyond the idle client's.
    pub client_buffer: u64,
    /// `repl-backlog-size`, per core.
    pub backlog: u64,
    /// Growth to leave room for, in percent.
    pub growth: u64,
}

/// What a host needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Cores of the host.
    pub cores: u64,
    /// `maxmemory` of its process, which is for all its cores.
    pub maxmemory_bytes: u64,
    /// An even share of that.
    pub maxmemory_core_bytes: u64,
    /// What the process may come to hold, all included.
    pub resident_bytes: u64,
    /// What its data takes as it is now.
    pub data_bytes: u64,
    /// What the process takes now, without clients' buffers, backlog, growth or snapshot.
    pub quiet_bytes: u64,
    /// Memory of the host.
    pub ram_bytes: u64,
    /// Memory it must be allowed to lock.
    pub memlock_bytes: u64,
    /// How that comes about, a line a step.
    pub arithmetic: Vec<String>,
}

/// Adds up a host.
pub fn plan(constants: &Constants, demand: &Demand) -> Plan {
    let mut lines = Lines::default();
    let mut all = 0;
    for (sort, keys) in &demand.sorts {
        let (payload, around) = (sort.payload() as f64, model::around(constants, sort));
        let each = payload + around;
        lines.add(
            "one key",
            format!(
                "{payload:.0} B of its own {} {:.1} B around them (measured)",
                sign(around),
                around.abs()
            ),
            format!("{each:.1} B"),
        );
        let total = (each * *keys as f64) as u64;
        lines.add("all keys", format!("{keys} x {each:.1} B"), bytes(total));
        all += total;
    }
    let copies = demand.replicas + 1;
    let data = all * copies / demand.hosts;
    lines.add(
        "data of a host",
        format!("{} x {copies} copies / {} hosts", bytes(all), demand.hosts),
        bytes(data),
    );
    let maxmemory = data + data * demand.growth / 100;
    lines.add("maxmemory", format!("{} + {} % growth", bytes(data), demand.growth), bytes(maxmemory));
    let process = constants.process.base_bytes + (demand.cores - 1) * constants.process.core_bytes;
    lines.add(
        "the process",
        format!(
            "{} + {} more cores x {}",
            bytes(constants.process.base_bytes),
            demand.cores - 1,
            bytes(constants.process.core_bytes)
        ),
        bytes(process),
    );
    let client = constants.process.client_bytes + demand.client_buffer;
    let clients = demand.clients * client;
    lines.add("clients", format!("{} x {}", demand.clients, bytes(client)), bytes(clients));
    let backlog = demand.cores * demand.backlog;
    lines.add("backlogs", format!("{} cores x {}", demand.cores, bytes(demand.backlog)), bytes(backlog));
    let snapshot = (maxmemory as f64 * SNAPSHOT) as u64;
    lines.add("a snapshot", format!("{} x {:.0} %", bytes(maxmemory), SNAPSHOT * 100.0), bytes(snapshot));
    let resident = maxmemory + process + clients + backlog + snapshot;
    lines.add("the process at most", "all of these".to_owned(), bytes(resident));
    let system = ((resident as f64 * SYSTEM) as u64).max(SYSTEM_MIN);
    lines.add(
        "the system",
        format!("{:.0} %, at least {}", SYSTEM * 100.0, bytes(SYSTEM_MIN)),
        bytes(system),
    );
    let ram = resident + system;
    lines.add("RAM of a host", format!("{} + {}", bytes(resident), bytes(system)), bytes(ram));
    let memlock = demand.cores * constants.process.memlock_core_bytes;
    lines.add(
        "memlock",
        format!("{} cores x {}", demand.cores, bytes(constants.process.memlock_core_bytes)),
        bytes(memlock),
    );
    Plan {
        cores: demand.cores,
        maxmemory_bytes: maxmemory,
        maxmemory_core_bytes: maxmemory / demand.cores,
        resident_bytes: resident,
        data_bytes: data,
        quiet_bytes: data + process,
        ram_bytes: ram,
        memlock_bytes: memlock,
        arithmetic: lines.0,
    }
}

fn sign(number: f64) -> char {
    if number < 0.0 { '-' } else { '+' }
}

#[derive(Default)]
struct Lines(Vec<String>);

impl Lines {
    fn add(&mut self, what: &str, how: String, result: String) {
        self.0.push(format!("{what:20} {how:60} {result:>10}"));
    }
}

impl Plan {
    /// The plan in a file that `size --json` made.
    ///
    /// # Errors
    /// One sentence.
    pub fn open(file: &Path) -> Result<Plan, String> {
        let text = fs::read_to_string(file).map_err(|e| format!("{} cannot be read: {e}", file.display()))?;
        serde_json::from_str(&text)
            .map_err(|e| format!("{} is no output of 'size --json': {e}", file.display()))
    }

    /// For programs, and for `--memory-plan`.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("numbers and texts are JSON") + "\n"
    }

    /// For people: the arithmetic, and what to write where.
    pub fn text(&self, constants: &Constants) -> String {
        let mut text = self.arithmetic.join("\n") + "\n\n";
        text += &format!(
            "redis.conf:  maxmemory {}   (for the process; {} a core)\n",
            self.maxmemory_bytes,
            bytes(self.maxmemory_core_bytes)
        );
        text += "unit:        LimitMEMLOCK=infinity, or at least the memlock above\n";
        let measured = &constants.measured;
        text + &format!("measured:    {}, {}, {}\n", measured.date, measured.server, measured.machine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::size::constants::Kind;

    #[test]
    fn a_host_adds_up() {
        let constants = Constants::built_in();
        let sort = Sort { kind: Kind::String, key: 24, elements: 1, value: 300, field: 0 };
        let demand = Demand {
            sorts: vec![(sort, 100_000_000)],
            hosts: 3,
            replicas: 1,
            cores: 16,
            clients: 10_000,
            client_buffer: 0,
            backlog: 10 << 20,
            growth: 20,
        };
        let plan = plan(&constants, &demand);
        let payload = 324 * 100_000_000 * 2 / 3;
        assert!(plan.data_bytes > payload && plan.data_bytes < payload * 3 / 2, "{plan:?}");
        assert_eq!(plan.maxmemory_bytes, plan.data_bytes + plan.data_bytes / 5);
        assert_eq!(plan.maxmemory_core_bytes, plan.maxmemory_bytes / 16);
        assert!(plan.ram_bytes > plan.resident_bytes + plan.resident_bytes / 21);
        assert_eq!(plan.memlock_bytes, 16 * constants.process.memlock_core_bytes);
        let again: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
        assert_eq!(again, plan);
    }
}
