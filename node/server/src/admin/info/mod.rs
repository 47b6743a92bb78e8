//! INFO: what a core tells about itself, in sections.
//!
//! Monitoring reads this text by field names, so a field is there with Redis's name and meaning or not at
//! all: what this server cannot know it leaves out, and 0 means none. Most sections are tables of fields
//! (`fields`, `memory`, `stats`); those with a line for each command, error or database are in `lists`.
//!
//! A process of several cores is several servers: the figures are those of the core that was asked, but for
//! what the system counts by process (`used_memory_rss`, `used_cpu_*`, `process_id`, `uptime_*`).
//!
//! Source: the command page of INFO, for Redis 7.2.

mod fields;
mod glance;
mod lists;
mod memory;
mod replication;
mod stats;
mod value;

use std::fmt::Write as _;

use commands::{Args, Outcome};

use super::Call;

pub use glance::{Cpu, Glance};
pub use value::{Field, Value};

/// One section.
pub struct Section {
    /// Its title; in lower case, its name.
    pub title: &'static str,
    /// When INFO shows it without being asked for it by name.
    pub shown: Shown,
    /// What is in it.
    pub body: Body,
}

/// When a section is shown without being asked for by its name.
#[derive(Clone, Copy, PartialEq)]
pub enum Shown {
    /// Always, or when asked for the usual ones.
    Usually,
    /// When asked for all.
    WithAll,
    /// Never.
    ByName,
}

/// What is in a section.
pub enum Body {
    /// Fields that are always the same.
    Fields(&'static [Field]),
    /// Lines as they come.
    Lines(fn(&Glance<'_>, &mut String)),
    /// Lines between fields.
    Between(&'static [Field], fn(&Glance<'_>, &mut String), &'static [Field]),
}

/// All sections, in the order in which they are shown.
pub const SECTIONS: &[Section] = &[
    Section { title: "Server", shown: Shown::Usually, body: Body::Fields(fields::SERVER) },
    Section { title: "Clients", shown: Shown::Usually, body: Body::Fields(fields::CLIENTS) },
    Section { title: "Memory", shown: Shown::Usually, body: Body::Fields(memory::MEMORY) },
    Section { title: "Persistence", shown: Shown::Usually, body: Body::Fields(fields::PERSISTENCE) },
    Section { title: "Stats", shown: Shown::Usually, body: Body::Fields(stats::STATS) },
    Section {
        title: "Replication",
        shown: Shown::Usually,
        body: Body::Between(replication::BEFORE, replication::replicas, replication::AFTER),
    },
    Section { title: "CPU", shown: Shown::Usually, body: Body::Fields(fields::CPU) },
    Section { title: "Modules", shown: Shown::Usually, body: Body::Fields(&[]) },
    Section { title: "Commandstats", shown: Shown::WithAll, body: Body::Lines(lists::commands) },
    Section { title: "Errorstats", shown: Shown::Usually, body: Body::Lines(lists::errors) },
    Section { title: "Latencystats", shown: Shown::WithAll, body: Body::Lines(lists::latencies) },
    Section { title: "Cluster", shown: Shown::Usually, body: Body::Fields(fields::CLUSTER) },
    Section { title: "Keyspace", shown: Shown::Usually, body: Body::Lines(lists::databases) },
    Section { title: "Debug", shown: Shown::ByName, body: Body::Fields(stats::DEBUG) },
];

/// INFO [section ...]
pub fn info(call: &mut Call<'_>) -> Outcome {
    let glance = Glance::of(call.core, Some(call.client));
    let mut text = String::with_capacity(8 << 10);
    for section in SECTIONS.iter().filter(|section| section.is_asked(call.args)) {
        if !text.is_empty() {
            text.push_str("\r\n");
        }
        section.write(&glance, &mut text);
    }
    call.client.reply.verbatim("txt", &text);
    Ok(())
}

impl Section {
    fn is_asked(&self, args: &Args<'_>) -> bool {
        let is_meant = |i| match () {
            () if args.is(i, self.title) => true,
            () if args.is(i, "all") || args.is(i, "everything") => self.shown != Shown::ByName,
            () => args.is(i, "default") && self.shown == Shown::Usually,
        };
        if args.len() == 1 { self.shown == Shown::Usually } else { (1..args.len()).any(is_meant) }
    }

    fn write(&self, glance: &Glance<'_>, text: &mut String) {
        let _ = write!(text, "# {}\r\n", self.title);
        match self.body {
            Body::Lines(lines) => lines(glance, text),
            Body::Fields(fields) => write_fields(fields, glance, text),
            Body::Between(before, lines, after) => {
                write_fields(before, glance, text);
                lines(glance, text);
                write_fields(after, glance, text);
            }
        }
    }
}

/// The field of this name.
pub fn find(name: &str) -> Option<&'static Field> {
    fn fields(section: &'static Section) -> impl Iterator<Item = &'static Field> {
        let (before, after): (&[Field], &[Field]) = match section.body {
            Body::Fields(fields) => (fields, &[]),
            Body::Between(before, _, after) => (before, after),
            Body::Lines(_) => (&[], &[]),
        };
        before.iter().chain(after)
    }
    SECTIONS.iter().flat_map(fields).find(|(known, _)| *known == name)
}

fn write_fields(fields: &[Field], glance: &Glance<'_>, text: &mut String) {
    for (name, value) in fields {
        match value(glance) {
            Value::Absent => {}
            value => drop(write!(text, "{name}:{value}\r\n")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn asked(line: &str) -> String {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let args = Args::new(&words);
        let shown = SECTIONS.iter().filter(|section| section.is_asked(&args));
        shown.map(|section| section.title).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn sections_by_name() {
        let usual =
            "Server Clients Memory Persistence Stats Replication CPU Modules Errorstats Cluster Keyspace";
        assert_eq!(asked("info"), usual);
        assert_eq!(asked("info default"), usual);
        assert_eq!(asked("info cpu nosuch KEYSPACE"), "CPU Keyspace");
        assert_eq!(asked("info commandstats default").split(' ').count(), 12);
        assert_eq!(asked("info all"), asked("INFO Everything"));
        assert_eq!(asked("info all").split(' ').count(), SECTIONS.len() - 1);
        assert_eq!(asked("info debug"), "Debug");
        assert_eq!(asked("info nosuch"), "");
    }

    #[test]
    fn no_field_stands_twice() {
        let mut names = HashSet::new();
        for section in SECTIONS {
            let tables = match section.body {
                Body::Fields(fields) => [fields, &[]],
                Body::Between(before, _, after) => [before, after],
                Body::Lines(_) => [&[][..], &[]],
            };
            let mut fields = tables.into_iter().flatten();
            assert!(fields.all(|(name, _)| names.insert(*name)), "{}", section.title);
        }
    }
}
