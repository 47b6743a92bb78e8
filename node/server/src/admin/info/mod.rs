//! INFO: what a core tells about itself, in sections.
//!
//! Monitoring reads this text by field names, so a field is there with Redis's name and meaning or not at
//! all: what this server cannot know it leaves out, and 0 means none. Most sections are tables of fields
//! (`fields`, `memory`, `stats`); those with a line for each command, error or database are in `lists`.
//!
//! A process of several cores is several servers: on a core's own port the figures are those of that core, but for
//! what the system counts by process (`used_memory_rss`, `used_cpu_*`, `process_id`, `uptime_*`). On the ingress, where
//! the process is one server, each field's row tells how the cores' values become one ([`Rule`]), and the lists are
//! added up.
//!
//! Source: the command page of INFO, for Redis 7.2.

mod fields;
mod glance;
mod key_sizes;
mod lists;
mod memory;
mod replication;
mod stats;
mod value;

use std::fmt::Write as _;

use commands::Args;
use resp::Reply;

pub use glance::{Cpu, Glance};
pub use lists::{ByCommand, Lines, merge_commands};
pub use value::{Field, Figures, Rule, Value};

/// One section.
pub struct Section {
    /// Its title; in lower case, its name.
    pub title: &'static str,
    /// When INFO shows it without being asked for it by name.
    pub shown: When,
    /// What is in it, in order.
    pub body: &'static [Body],
}

/// When a section is shown without being asked for by its name.
#[derive(Clone, Copy, PartialEq)]
pub enum When {
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
    Lines(fn(&Glance<'_>) -> Lines),
}

use Body::Fields;

/// All sections, in the order in which they are shown.
pub const SECTIONS: &[Section] = &[
    Section { title: "Server", shown: When::Usually, body: &[Fields(fields::SERVER)] },
    Section { title: "Clients", shown: When::Usually, body: &[Fields(fields::CLIENTS)] },
    Section { title: "Memory", shown: When::Usually, body: &[Fields(memory::MEMORY)] },
    Section { title: "Persistence", shown: When::Usually, body: &[Fields(fields::PERSISTENCE)] },
    Section { title: "Stats", shown: When::Usually, body: &[Fields(stats::STATS)] },
    Section {
        title: "Replication",
        shown: When::Usually,
        body: &[Fields(replication::BEFORE), Body::Lines(replication::replicas), Fields(replication::AFTER)],
    },
    Section { title: "CPU", shown: When::Usually, body: &[Fields(fields::CPU)] },
    Section { title: "Modules", shown: When::Usually, body: &[Fields(&[])] },
    Section { title: "Commandstats", shown: When::WithAll, body: &[Body::Lines(lists::commands)] },
    Section { title: "Errorstats", shown: When::Usually, body: &[Body::Lines(lists::errors)] },
    Section { title: "Latencystats", shown: When::WithAll, body: &[Body::Lines(lists::latencies)] },
    Section { title: "Cluster", shown: When::Usually, body: &[Fields(fields::CLUSTER)] },
    Section { title: "Keyspace", shown: When::Usually, body: &[Body::Lines(lists::databases)] },
    Section { title: "Keysizes", shown: When::WithAll, body: &[Body::Lines(key_sizes::key_sizes)] },
    Section { title: "Debug", shown: When::ByName, body: &[Fields(stats::DEBUG)] },
];

/// A section as it is shown: of each part of its body what a core, or several, had to say.
struct Shown {
    section: &'static Section,
    parts: Vec<Part>,
}

enum Part {
    Figures(Figures),
    Lines(Lines),
}

/// What INFO answers, of one core or of several.
pub struct Info(Vec<Shown>);

impl Info {
    /// What `glance` finds. `args` is INFO [section ...].
    pub fn look(glance: &Glance<'_>, args: &Args<'_>) -> Info {
        let asked = SECTIONS.iter().filter(|section| section.is_asked(args));
        Info(asked.map(|section| section.look(glance)).collect())
    }

    /// Combines it with another core's answer to the same question.
    pub fn merge(&mut self, other: Info) {
        let parts = |shown: Vec<Shown>| shown.into_iter().flat_map(|section| section.parts);
        let own = self.0.iter_mut().flat_map(|section| &mut section.parts);
        own.zip(parts(other.0)).for_each(|(part, other)| part.merge(other));
    }

    /// Writes it; run times as these percentiles.
    pub fn write(&self, percentiles: &[f64], reply: &mut Reply) {
        let mut text = String::with_capacity(8 << 10);
        for Shown { section, parts } in &self.0 {
            let gap = if text.is_empty() { "" } else { "\r\n" };
            let _ = write!(text, "{gap}# {}\r\n", section.title);
            parts.iter().for_each(|part| part.write(percentiles, &mut text));
        }
        reply.verbatim("txt", &text);
    }
}

impl Part {
    fn merge(&mut self, other: Part) {
        match (self, other) {
            (Part::Figures(figures), Part::Figures(others)) => figures.merge(others),
            (Part::Lines(lines), Part::Lines(others)) => lines.merge(others),
            _ => unreachable!("all cores show the same sections"),
        }
    }

    fn write(&self, percentiles: &[f64], text: &mut String) {
        match self {
            Part::Figures(figures) => {
                for (name, value) in figures.shown() {
                    let _ = write!(text, "{name}:{value}\r\n");
                }
            }
            Part::Lines(lines) => lines.write(percentiles, text),
        }
    }
}

impl Section {
    fn is_asked(&self, args: &Args<'_>) -> bool {
        let is_meant = |i| match () {
            () if args.is(i, self.title) => true,
            () if args.is(i, "all") || args.is(i, "everything") => self.shown != When::ByName,
            () => args.is(i, "default") && self.shown == When::Usually,
        };
        if args.len() == 1 { self.shown == When::Usually } else { (1..args.len()).any(is_meant) }
    }

    fn look(&'static self, glance: &Glance<'_>) -> Shown {
        let parts = self.body.iter().map(|body| match body {
            Fields(fields) => Part::Figures(Figures::look(fields, glance)),
            Body::Lines(lines) => Part::Lines(lines(glance)),
        });
        Shown { section: self, parts: parts.collect() }
    }

    fn fields(&self) -> impl Iterator<Item = &'static Field> {
        let tables = self.body.iter().map(|body| match body {
            Fields(fields) => *fields,
            Body::Lines(_) => &[],
        });
        tables.flatten()
    }
}

/// The field of this name.
pub fn find(name: &str) -> Option<&'static Field> {
    SECTIONS.iter().flat_map(Section::fields).find(|(known, ..)| *known == name)
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
            assert!(section.fields().all(|(name, ..)| names.insert(*name)), "{}", section.title);
        }
    }
}
