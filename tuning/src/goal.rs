//! What the machine is to serve: how many cores, on which CPUs, behind which network card.

use crate::machine::{cpus, nic};
use crate::root::{Root, Unread};
use crate::size::plan::Plan;

/// The server the machine is judged for.
#[derive(Debug, Clone, PartialEq)]
pub struct Goal {
    /// Cores of the process (`cores`).
    pub cores: usize,
    /// The CPUs the process may run on, ascending: core i runs on the i-th when there are enough.
    pub allowed: Vec<usize>,
    /// The network card clients come by.
    pub nic: Option<String>,
    /// Port of the first core (`port`).
    pub port: u16,
    /// `tcp-backlog`.
    pub backlog: u64,
    /// `maxclients`, per core.
    pub maxclients: u64,
    /// The running server, if there is one.
    pub pid: Option<u32>,
    /// What it is to hold.
    pub plan: Option<Plan>,
}

impl Goal {
    /// The folder in /proc of the process whose limits count: the server's if it runs, else this one's, which a server
    /// started from here would inherit.
    pub fn process(&self) -> String {
        self.pid.map_or("/proc/self".to_owned(), |pid| format!("/proc/{pid}"))
    }

    /// Whose limits those are, for people.
    pub fn whose(&self) -> &'static str {
        if self.pid.is_some() { "the server's" } else { "this shell's" }
    }

    /// The CPUs of the cores, one each; all of them when there are too few.
    pub fn cpus(&self) -> &[usize] {
        &self.allowed[..self.cores.min(self.allowed.len())]
    }

    /// The network card.
    ///
    /// # Errors
    /// There is none.
    pub fn nic(&self) -> Result<&str, Unread> {
        self.nic.as_deref().ok_or(Unread::Absent("no network card (--nic names one)".to_owned()))
    }
}

/// The goal as far as options name it; the rest is taken from the machine.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// `--cores`
    pub cores: Option<usize>,
    /// `--nic`
    pub nic: Option<String>,
    /// `--port`
    pub port: u16,
    /// `--tcp-backlog`
    pub backlog: u64,
    /// `--maxclients`
    pub maxclients: u64,
    /// `--memory-plan`
    pub plan: Option<Plan>,
}

impl Wish {
    /// What is wished for, on this machine.
    ///
    /// # Errors
    /// One sentence, when the card is not there.
    pub fn on(self, root: &Root) -> Result<Goal, String> {
        let pid = root.process("ringmaster");
        let process = pid.map_or("/proc/self".to_owned(), |pid| format!("/proc/{pid}"));
        let allowed = cpus::allowed(root, &process);
        if let Some(nic) = self.nic.as_ref().filter(|nic| !nic::exists(root, nic)) {
            return Err(format!(
                "there is no network card {nic}; there are: {}",
                nic::names(root).join(", ")
            ));
        }
        Ok(Goal {
            cores: self.cores.unwrap_or(allowed.len()),
            allowed,
            nic: self.nic.or_else(|| nic::of_default_route(root)),
            port: self.port,
            backlog: self.backlog,
            maxclients: self.maxclients,
            pid,
            plan: self.plan,
        })
    }
}
