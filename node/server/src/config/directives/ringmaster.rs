//! Directives only Ringmaster has.

use crate::config::kind::Kind;
use crate::config::row::{PORT_MAX, group, number, one_of, special, yes_no};
use crate::config::value::{Cores, SlotBalance};

group! {
    /// What makes one process several masters.
    Ringmaster in config.ringmaster;

    /// Cores to run, each a master of its own on `port`, `port` + 1, ...; `auto` is one for each CPU
    cores: Cores = special("cores", Kind::Cores, "1").fixed().hidden();
    /// Let the cores of a fresh folder meet and share all slots out
    bootstrap: bool = yes_no("bootstrap", "no").fixed().hidden();
    /// Port on which any core accepts and commands are carried to the core that owns the key; 0 is off
    ingress_port: u16 = number("ingress-port", 0, PORT_MAX, "0").fixed().hidden();
    /// Port of the dashboard and of the metrics for Prometheus; 0 is off
    metrics_port: u16 = number("metrics-port", 0, PORT_MAX, "0").fixed().hidden();
    /// Addresses on which that port listens
    metrics_bind: Vec<String> = special("metrics-bind", Kind::Bind, "127.0.0.1 -::1").fixed().hidden();
    /// Move slots between cores so that all have about the same to do, or only say in the log which
    slot_balance: SlotBalance = one_of("slot-balance", SlotBalance::WORDS, "off");
    /// Most moves a minute that a core makes for that
    slot_balance_moves_per_minute: u64 = number("slot-balance-moves-per-minute", 1, 1000, "10");
    /// Probe a peer at once when its links are refused or reset, and not only after cluster-node-timeout
    cluster_fast_failure_detection: bool = yes_no("cluster-fast-failure-detection", "yes");
}
