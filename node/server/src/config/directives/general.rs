//! The process: its folder, its log, its beginning and end.

use crate::config::checks;
use crate::config::kind::Kind;
use crate::config::row::{INT_MAX, checked, group, number, one_of, optional, special, text, yes_no};
use crate::config::value::{LogLevel, SHUTDOWN_NAMES};

group! {
    /// The process.
    General in config.general;

    /// Folder of the data files; with several cores each has a folder of its own in it
    dir: String = checked("dir", ".", checks::dir).protected().not_while_loading();
    /// File for the log; empty is stdout
    logfile: String = text("logfile", "").fixed();
    /// How much is logged
    loglevel: LogLevel = one_of("loglevel", LogLevel::WORDS, "notice");
    /// File for the process's number; empty is none
    pidfile: String = optional("pidfile").fixed();
    /// Keep the kernel from making huge pages of its memory
    disable_thp: bool = yes_no("disable-thp", "yes").fixed();
    /// Databases; a cluster has only number 0
    databases: u32 = number("databases", 1, INT_MAX, "1").fixed();
    /// How often a second background work runs, from 1 to 500
    hz: u32 = number("hz", 0, INT_MAX, "10");
    /// Seconds a shutdown waits for replicas that lag
    shutdown_timeout: u32 = number("shutdown-timeout", 0, INT_MAX, "10");
    /// What SIGINT does: any of save or nosave, now, force
    shutdown_on_sigint: u32 = special("shutdown-on-sigint", Kind::Flags(SHUTDOWN_NAMES), "default");
    /// What SIGTERM does: any of save or nosave, now, force
    shutdown_on_sigterm: u32 = special("shutdown-on-sigterm", Kind::Flags(SHUTDOWN_NAMES), "default");
    /// Where this server stands, told to clients by INFO and HELLO
    availability_zone: String = text("availability-zone", "");
}
