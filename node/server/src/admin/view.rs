//! Views: what a command shows of a core, or of all cores of the process together.
//!
//! Such a command takes three steps: cores look at themselves ([`View::look`]), what they saw becomes one
//! ([`View::merge`]), and that is written ([`View::write`]). On a core's own port one core looks; on the ingress all do,
//! and what they saw crosses the mesh as it is (`ingress::whole`).

use commands::table::Host;
use commands::{Args, Error, Outcome};
use resp::Reply;

use super::debug::digest::{self, Digest};
use super::info::{ByCommand, Figures, Glance, Info, merge_commands};
use super::scripting::function::Functions;
use super::{Call, acl, client, commandlog, debug, latency, memory, slot_stats};
use crate::client::Client;
use crate::core::Core;
use crate::core::commandlog::Entry;
use crate::core::latency::Latency;
use crate::hotkeys::Report;

/// What a look at a core found.
pub enum View {
    /// For INFO.
    Info(Info),
    /// For MEMORY STATS and DOCTOR.
    Memory(Figures),
    /// For CLIENT LIST: connections by number.
    Clients(Vec<(u64, String)>),
    /// For CLUSTER SLOT-STATS.
    Slots(Vec<slot_stats::Row>),
    /// For COMMANDLOG GET and SLOWLOG GET.
    Commands(Vec<Entry>),
    /// For ACL LOG.
    Refusals(Vec<::acl::Entry>),
    /// For LATENCY LATEST, HISTORY, GRAPH and DOCTOR.
    Latency(Latency),
    /// For LATENCY HISTOGRAM.
    RunTimes(ByCommand),
    /// For FUNCTION STATS.
    Functions(Functions),
    /// For COMMANDLOG LEN and SLOWLOG LEN.
    CommandsLen(usize),
    /// For HOTKEYS GET.
    HotKeys(Option<Report>),
    /// For HOTKEYS START on all cores: that it is done, told to siblings ahead of the look.
    Started,
    /// For DEBUG DIGEST and DIGEST-VALUE.
    Digests(Vec<Digest>),
}

/// Who looks.
#[derive(Clone, Copy)]
pub struct Looking<'a> {
    /// The command.
    pub host: Host,
    /// Its words.
    pub args: &'a Args<'a>,
    /// Its client, where it is the core's own: it is not among its connections meanwhile.
    pub client: Option<&'a Client>,
    /// Whether the other cores of the process look, too.
    pub of_process: bool,
}

/// Whether a command shows a view.
pub fn is_view(host: Host, args: &Args<'_>) -> bool {
    match host {
        Host::AclLog => !acl::resets_log(args),
        Host::Debug => debug::is_view(args),
        Host::ClientList
        | Host::ClusterSlotStats
        | Host::CommandlogGet
        | Host::CommandlogLen
        | Host::FunctionStats
        | Host::HotkeysGet
        | Host::HotkeysStart
        | Host::Info
        | Host::LatencyDoctor
        | Host::LatencyGraph
        | Host::LatencyHistogram
        | Host::LatencyHistory
        | Host::LatencyLatest
        | Host::MemoryDoctor
        | Host::MemoryStats
        | Host::SlowlogGet
        | Host::SlowlogLen => true,
        _ => false,
    }
}

/// Shows this core's view.
pub fn show(call: &mut Call<'_>) -> Outcome {
    let (host, args) = (call.host, call.args);
    let view = View::look(call.core, Looking { host, args, client: Some(call.client), of_process: false })?;
    view.write(call.core, host, args, &mut call.client.reply)
}

impl View {
    /// What a command for which [`is_view`] holds sees of `core`; an error if its words are wrong.
    pub fn look(core: &Core, looking: Looking<'_>) -> Result<View, Error> {
        let Looking { host, args, client, of_process } = looking;
        let glance = || if of_process { Glance::of_part(core, client) } else { Glance::of(core, client) };
        Ok(match host {
            Host::AclLog => View::Refusals(acl::refusals(core, args)?),
            Host::ClientList => View::Clients(client::lines(core, client, args)?),
            Host::ClusterSlotStats => View::Slots(slot_stats::look(core, args)?),
            Host::Debug => View::Digests(digest::digests(core, args)),
            Host::FunctionStats => View::Functions(Functions::look(core)?),
            Host::HotkeysGet => View::HotKeys(Report::look(core)),
            Host::HotkeysStart => View::Started,
            Host::Info => View::Info(Info::look(&glance(), args)),
            Host::LatencyHistogram => View::RunTimes(latency::run_times(core, args)),
            Host::MemoryDoctor => View::Memory(memory::signs(&glance())),
            Host::MemoryStats => View::Memory(memory::stats(&glance())),
            Host::CommandlogGet | Host::SlowlogGet => View::Commands(commandlog::newest(core, host, args)?),
            Host::CommandlogLen | Host::SlowlogLen => View::CommandsLen(commandlog::len(core, host, args)?),
            _ => View::Latency(core.latency.clone()),
        })
    }

    /// Adds what another core saw for the same command.
    pub fn merge(&mut self, other: View) {
        match (self, other) {
            (View::Info(own), View::Info(other)) => own.merge(other),
            (View::Memory(own), View::Memory(other)) => own.merge(other),
            (View::Clients(own), View::Clients(other)) => own.extend(other),
            (View::Slots(own), View::Slots(other)) => slot_stats::merge(own, other),
            (View::Commands(own), View::Commands(other)) => own.extend(other),
            (View::Refusals(own), View::Refusals(other)) => own.extend(other),
            (View::Latency(own), View::Latency(other)) => own.merge(other),
            (View::RunTimes(own), View::RunTimes(other)) => merge_commands(own, other),
            (View::Functions(own), View::Functions(other)) => own.merge(other),
            (View::CommandsLen(own), View::CommandsLen(other)) => *own += other,
            (View::Started, View::Started) => {}
            (View::HotKeys(Some(own)), View::HotKeys(Some(other))) => own.merge(other),
            (View::HotKeys(_), View::HotKeys(None)) => {}
            (own @ View::HotKeys(None), other @ View::HotKeys(_)) => *own = other,
            (View::Digests(own), View::Digests(other)) => digest::merge(own, &other),
            _ => unreachable!("all cores look for the same command"),
        }
    }

    /// Writes the command's answer; `core` is that of its client.
    pub fn write(&self, core: &Core, host: Host, args: &Args<'_>, reply: &mut Reply) -> Outcome {
        let insight = &core.config.insight;
        match self {
            View::Info(info) => info.write(&insight.latency_tracking_info_percentiles, reply),
            View::Memory(figures) if host == Host::MemoryStats => memory::write_stats(figures, reply),
            View::Memory(figures) => reply.verbatim("txt", &memory::report(figures)),
            View::Clients(lines) => client::write_list(lines, reply),
            View::Slots(rows) => slot_stats::write(rows, core, args, reply)?,
            View::Commands(entries) => {
                commandlog::write(entries, commandlog::max(core, host, args)?, args, reply)?
            }
            View::CommandsLen(len) => reply.integer(commandlog::max(core, host, args)?.min(*len) as i64),
            View::Started => reply.ok(),
            View::Refusals(entries) => acl::write_log(entries, core, args, reply)?,
            View::RunTimes(commands) => latency::histogram(commands, reply),
            View::Functions(functions) => functions.write(reply),
            View::HotKeys(Some(report)) => report.write(reply),
            View::HotKeys(None) => reply.null(),
            View::Digests(digests) => digest::write(digests, args, reply),
            View::Latency(latency) => match host {
                Host::LatencyDoctor => reply.verbatim("txt", &latency::report(latency, insight)),
                Host::LatencyGraph => latency::graph(latency, args, core.now_ms, reply)?,
                Host::LatencyHistory => latency::history(latency, args, reply),
                _ => latency::latest(latency, reply),
            },
        }
        Ok(())
    }
}
