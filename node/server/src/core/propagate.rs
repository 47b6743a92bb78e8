//! Propagation: what commands did, told to the replicas and the append-only file.
//!
//! Both take the same bytes: commands, as RESP, that do elsewhere what was done here. Two things make this more
//! than a copy of what clients send. A command may not be repeatable in its own words (SPOP), so handlers give
//! others (`Effects::replaced`). And what was done as one must be repeated as one: all that a transaction, a
//! script or one command on an expired key did goes out together, in MULTI and EXEC when it is more than one
//! command. So commands are collected in *units*:
//!
//! - [`Core::begin_unit`] and [`Core::end_unit`] enclose a unit; they nest, and only the outermost counts. Every
//!   data command has one of its own (`run_data`); EXEC and scripts have one around all of theirs.
//! - [`Core::propagate`] adds a command to the unit, or sends it at once where no unit is open (active expiry,
//!   eviction, FUNCTION LOAD).
//! - Clients that wait for keys are served after the outermost unit, each in a unit of its own.
//!
//! A script may withhold what it does from one of the two or from both (`redis.set_repl`): the unit notes which of its
//! commands that concerns.
//!
//! Keys found expired on the way go before the command that found them. A command that changed nothing
//! (`Effects::dirty`) and gave no other words is not sent.
//!
//! While nobody takes commands `Effects::recording` is off, and all of this is one branch. A new taker ("sink") adds
//! itself to [`Core::update_recording`] and to `deliver`. Each sink writes SELECT where its own stream begins.

use std::ops::Range;

use commands::Args;
use commands::table::Found;
use resp::write_command;
use scripting::Spread;
use smallvec::{SmallVec, smallvec};

use crate::core::Core;

/// Memory kept for the next unit, in bytes; what a big value took is given back.
const KEEP_BYTES: usize = 64 * 1024;

const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

/// The unit that is open.
#[derive(Default)]
pub struct Unit {
    /// How many begins wait for their end.
    depth: u32,
    /// Its commands, as RESP.
    bytes: Vec<u8>,
    /// How many they are.
    commands: usize,
    /// They are not one: each stands for itself.
    apart: bool,
    /// Those that not all are to hear of: where they stand, and who is.
    withheld: Vec<(Range<usize>, Spread)>,
}

impl Unit {
    fn add<'a>(&mut self, words: impl ExactSizeIterator<Item = &'a [u8]>, spread: Spread) {
        let start = self.bytes.len();
        write_command(&mut self.bytes, words);
        self.commands += 1;
        if spread != Spread::default() {
            self.withheld.push((start..self.bytes.len(), spread));
        }
    }

    /// What one listener hears: its commands, as one where they are.
    fn heard<'a>(&'a self, hears: impl Fn(&Spread) -> bool, own: &'a mut Vec<u8>) -> SmallVec<[&'a [u8]; 3]> {
        let (mut bytes, mut commands) = (&self.bytes, self.commands);
        if self.withheld.iter().any(|(_, spread)| !hears(spread)) {
            let mut from = 0;
            for (place, _) in self.withheld.iter().filter(|(_, spread)| !hears(spread)) {
                own.extend_from_slice(&self.bytes[from..place.start]);
                from = place.end;
                commands -= 1;
            }
            own.extend_from_slice(&self.bytes[from..]);
            bytes = own;
        }
        match commands {
            0 => SmallVec::new(),
            1 => smallvec![&bytes[..]],
            _ if self.apart => smallvec![&bytes[..]],
            _ => smallvec![MULTI, &bytes[..], EXEC],
        }
    }

    fn clear(&mut self) {
        self.commands = 0;
        self.apart = false;
        self.withheld.clear();
        self.bytes.clear();
        self.bytes.shrink_to(KEEP_BYTES);
    }

    /// How many units are open, one in the other.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// Whether a unit is open.
    pub fn is_open(&self) -> bool {
        self.depth > 0
    }
}

impl Core {
    /// What follows, up to the matching [`Core::end_unit`], is repeated elsewhere as one.
    #[inline]
    pub fn begin_unit(&mut self) {
        self.unit.depth += 1;
    }

    /// Ends a unit; the outermost goes out.
    #[inline]
    pub fn end_unit(&mut self) {
        self.unit.depth -= 1;
        if self.unit.commands > 0 && self.unit.depth == 0 {
            self.deliver();
        }
    }

    /// Whether what runs now is part of something larger: EXEC, a script.
    pub fn in_unit(&self) -> bool {
        self.unit.is_open()
    }

    /// Adds a command to the unit, or sends it at once when none is open.
    pub fn propagate(&mut self, words: &[&[u8]]) {
        if !self.effects.recording {
            return;
        }
        self.unit.add(words.iter().copied(), self.spread);
        if !self.unit.is_open() {
            self.deliver();
        }
    }

    /// Adds that `key` is gone because its time was over.
    pub fn propagate_expired(&mut self, key: &[u8]) {
        let lazy = self.config.keyspace.lazyfree_lazy_expire;
        self.propagate(&[if lazy { b"UNLINK" } else { &b"DEL"[..] }, key]);
    }

    /// Adds what the data command `args` did, as its effects tell.
    pub fn propagate_effects(&mut self, found: Found, args: &Args<'_>) {
        let lazy = self.config.keyspace.lazyfree_lazy_expire;
        let (effects, unit, spread) = (&mut self.effects, &mut self.unit, self.spread);
        // The keys that SCAN or RANDOMKEY came upon have nothing to do with each other.
        unit.apart = unit.depth == 1 && !effects.expired.is_empty() && found.command.keys.is_empty();
        for key in &effects.expired {
            unit.add([if lazy { b"UNLINK" } else { &b"DEL"[..] }, &key[..]].into_iter(), Spread::default());
        }
        match effects.replaced.take() {
            Some(commands) => {
                commands.iter().for_each(|words| unit.add(words.iter().map(|word| &word[..]), spread));
            }
            None if effects.dirty > 0 || effects.flush => unit.add(args.iter().copied(), spread),
            None => {}
        }
    }

    /// Hands the unit to all sinks.
    fn deliver(&mut self) {
        self.tell_sinks();
        self.unit.clear();
    }

    fn tell_sinks(&mut self) {
        let (unit, mut own) = (&self.unit, Vec::new());
        let parts = unit.heard(|spread| spread.replicas, &mut own);
        if !parts.is_empty() {
            self.replication.feed(&parts);
            let bytes: usize = parts.iter().map(|part| part.len()).sum();
            self.slot_stats.replicated(bytes * self.replication.replicas.len());
        }
        if self.aof.is_recording() {
            let mut own = Vec::new();
            let parts = unit.heard(|spread| spread.aof, &mut own);
            let now_s = self.config.persistence.aof_timestamp_enabled.then_some(self.now_ms / 1000);
            if !parts.is_empty() {
                self.aof.append(&parts, now_s);
            }
        }
    }

    /// Commands are recorded only while a sink takes them.
    pub fn update_recording(&mut self) {
        self.effects.recording = self.replication.takes_commands() || self.aof.is_recording();
    }
}
