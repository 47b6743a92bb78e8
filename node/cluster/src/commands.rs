//! CLUSTER subcommands that change something, from their words to their methods.
//!
//! Each is a method of its own for callers that have typed arguments; [`Cluster::command`] reads the words a
//! client sent, checks them in the order Redis does and answers with Redis's texts.

use base::{NodeId, Slot};

use crate::command_error::CommandError;
use crate::config::BUS_PORT_OFFSET;
use crate::manual_failover::FailoverMode;
use crate::slot_commands::SetSlot;
use crate::state::Cluster;

/// What the keyspace of this node answers to commands.
pub trait Keys {
    /// Number of keys in all.
    fn total(&self) -> u64;
    /// Number of keys in a slot.
    fn in_slot(&self, slot: Slot) -> u64;
}

/// Who sent a command.
#[derive(Debug, Clone, Copy)]
pub struct Client<'a> {
    /// Its description for the log, as CLIENT LIST shows it.
    pub description: &'a str,
    /// Whether it is this replica's master, sending by replication.
    pub is_master: bool,
}

/// The answer to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// `+OK`.
    Ok,
    /// Another simple string.
    Simple(String),
    /// A number.
    Integer(i64),
}

impl Cluster {
    /// Obeys `CLUSTER words...` for the subcommands that change something (and COUNT-FAILURE-REPORTS);
    /// `None` when `words` is not one of them. SAVECONFIG answers before the file is written: the driver
    /// answers the client once it is.
    pub fn command(
        &mut self,
        words: &[&str],
        keys: &dyn Keys,
        client: Client,
        now: u64,
    ) -> Option<Result<Reply, CommandError>> {
        let name = words.first()?.to_ascii_lowercase();
        let done = |result: Result<(), CommandError>| result.map(|()| Reply::Ok);
        let result = match (name.as_str(), &words[1..]) {
            ("meet", [ip, port, rest @ ..]) if rest.len() <= 1 => done(self.meet_words(ip, port, rest, now)),
            ("forget", [id]) => done(self.forget(id, now)),
            ("replicate", [id]) => done(self.replicate(id, keys.total() > 0, now)),
            ("reset", rest) if rest.len() <= 1 => done(self.reset_words(rest, keys, now)),
            ("failover", rest) if rest.len() <= 1 => done(self.failover_words(rest, client, now)),
            ("addslots", slots @ [_, ..]) => done(each_slot(slots).and_then(|s| self.add_slots(&s, now))),
            ("delslots", slots @ [_, ..]) => done(each_slot(slots).and_then(|s| self.del_slots(&s, now))),
            ("addslotsrange", ends @ [_, _, ..]) => {
                done(ranges("addslotsrange", ends).and_then(|s| self.add_slots(&s, now)))
            }
            ("delslotsrange", ends @ [_, _, ..]) => {
                done(ranges("delslotsrange", ends).and_then(|s| self.del_slots(&s, now)))
            }
            ("flushslots", []) => done(self.flush_slots(keys.total() > 0, now)),
            ("setslot", rest @ [_, _, ..]) => done(self.set_slot_words(rest, keys, client, now)),
            ("bumpepoch", []) => Ok(Reply::Simple(self.bump_config_epoch(now))),
            ("set-config-epoch", [epoch]) => {
                done(integer(epoch).and_then(|epoch| self.set_config_epoch(epoch, now)))
            }
            ("saveconfig", []) => {
                self.save_config(now);
                Ok(Reply::Ok)
            }
            ("count-failure-reports", [id]) => {
                self.count_failure_reports(id, now).map(|count| Reply::Integer(count as i64))
            }
            _ => return None,
        };
        Some(result)
    }

    fn meet_words(&mut self, ip: &str, port: &str, rest: &[&str], now: u64) -> Result<(), CommandError> {
        let base: i64 = integer(port).map_err(|_| CommandError::BadBasePort(port.into()))?;
        let bus = match rest.first() {
            Some(text) => integer(text).map_err(|_| CommandError::BadBusPort((*text).into()))?,
            None => base.saturating_add(i64::from(BUS_PORT_OFFSET)),
        };
        self.meet(ip, base, bus, now)
    }

    fn reset_words(&mut self, rest: &[&str], keys: &dyn Keys, now: u64) -> Result<(), CommandError> {
        let hard = match rest.first().map(|word| word.to_ascii_lowercase()).as_deref() {
            None | Some("soft") => false,
            Some("hard") => true,
            Some(_) => return Err(CommandError::Syntax),
        };
        self.reset(hard, keys.total() > 0, now)
    }

    fn failover_words(&mut self, rest: &[&str], client: Client, now: u64) -> Result<(), CommandError> {
        let mode = match rest.first().map(|word| word.to_ascii_lowercase()).as_deref() {
            None => FailoverMode::Agreed,
            Some("force") => FailoverMode::Force,
            Some("takeover") => FailoverMode::Takeover,
            Some(_) => return Err(CommandError::Syntax),
        };
        self.failover(mode, client.description, now)
    }

    fn set_slot_words(
        &mut self,
        words: &[&str],
        keys: &dyn Keys,
        client: Client,
        now: u64,
    ) -> Result<(), CommandError> {
        let (slot, action) = self.read_set_slot(words, client.is_master)?;
        self.set_slot(slot, action, keys.in_slot(slot), client.is_master, now)
    }

    /// The words after `CLUSTER SETSLOT`, checked as far as words can be.
    ///
    /// # Errors
    /// As Redis has them.
    pub fn read_set_slot(&self, words: &[&str], from_master: bool) -> Result<(Slot, SetSlot), CommandError> {
        if self.myself().is_replica() && !from_master {
            return Err(CommandError::SetSlotOnReplica);
        }
        let slot = slot(words.first().unwrap_or(&""))?;
        let verb = words.get(1).map(|word| word.to_ascii_lowercase()).unwrap_or_default();
        let name = words.get(2);
        let id = |unknown: fn(String) -> CommandError| {
            let name = name.ok_or(CommandError::BadSetSlot)?;
            name.parse::<NodeId>().map_err(|_| unknown((*name).into()))
        };
        let (action, options) = match verb.as_str() {
            "stable" => (SetSlot::Stable, 2),
            "migrating" => (SetSlot::Migrating(id(CommandError::DontKnowNode)?), 3),
            "importing" => (SetSlot::Importing(id(CommandError::DontKnowNode)?), 3),
            "node" => (SetSlot::Node(id(CommandError::UnknownNode)?), 3),
            _ => return Err(CommandError::BadSetSlot),
        };
        check_options(&words[options..])?;
        Ok((slot, action))
    }
}

/// `TIMEOUT ms`, the one option of SETSLOT. How long to wait for replicas is the server's concern.
fn check_options(words: &[&str]) -> Result<(), CommandError> {
    for (at, _) in words.iter().enumerate().filter(|(_, word)| word.eq_ignore_ascii_case("timeout")) {
        let text = words.get(at + 1).ok_or(CommandError::MissingTimeout)?;
        let timeout = integer(text).map_err(|_| CommandError::BadTimeout)?;
        if timeout < 0 {
            return Err(CommandError::NegativeTimeout);
        }
    }
    Ok(())
}

fn integer(text: &str) -> Result<i64, CommandError> {
    // Redis takes no plus sign and no leading zeros.
    let number: i64 = text.parse().map_err(|_| CommandError::NotAnInteger)?;
    if number.to_string() == text { Ok(number) } else { Err(CommandError::NotAnInteger) }
}

fn slot(text: &str) -> Result<Slot, CommandError> {
    let number = integer(text).map_err(|_| CommandError::BadSlot)?;
    u16::try_from(number).ok().and_then(Slot::new).ok_or(CommandError::BadSlot)
}

fn each_slot(words: &[&str]) -> Result<Vec<(Slot, Slot)>, CommandError> {
    words.iter().map(|word| slot(word).map(|slot| (slot, slot))).collect()
}

fn ranges(name: &'static str, words: &[&str]) -> Result<Vec<(Slot, Slot)>, CommandError> {
    let pairs = words.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return Err(CommandError::Arity(name));
    }
    pairs.map(|pair| Ok((slot(pair[0])?, slot(pair[1])?))).collect()
}
