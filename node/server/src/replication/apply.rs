//! The master's stream, run here.
//!
//! Commands of the master are obeyed: no password, no redirection, no limit, no pause holds them up, nothing is
//! answered, and a key counts as there until the master says that it is gone. What was run is passed on byte for
//! byte, so that this node's replicas, and this node itself when promoted, continue the very same stream.
//!
//! The offset stands behind the last command run. A transaction counts as one: cut off in its midst, nothing of it
//! was run, and the stream goes on before its MULTI.

use commands::table::{Found, Host, Run, WRITE};
use commands::{Args, Overdue};
use resp::{Limits, Parsed, Parser};
use smallvec::SmallVec;

use crate::client::{Client, Closing};
use crate::config::PropagationError;
use crate::core::transaction::Queued;
use crate::core::{Core, Runner};
use crate::log::{notice, warning};
use crate::process::fatal;
use crate::route::{self, Keys};

/// A master may send what it took itself: its own limit counts, not this node's.
const LIMITS: Limits = Limits { bulk_max: i64::MAX, authenticated: true };

/// Time between two warnings that the disk takes nothing, in ms.
const DISK_WARNING_MS: u64 = 10_000;

/// What came of the master and is not run yet.
#[derive(Default)]
pub struct Inbound {
    /// The stream from the offset on.
    bytes: Vec<u8>,
    /// How much of it was read: more than nothing only inside a transaction.
    read: usize,
    parser: Parser,
    /// The commands of a transaction that is not whole.
    queue: Option<Vec<Queued>>,
    /// The master asked how far this node is.
    ack_asked: bool,
}

impl Inbound {
    /// Bytes that came and are not run.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }
}

impl Core {
    /// Runs what `client`, the master, sent.
    pub fn receive_stream(&mut self, client: &mut Client, data: &[u8]) {
        client.active_ms = self.now_ms;
        client.bytes_in += data.len() as u64;
        self.stats.net_input_bytes += data.len() as u64;
        let now = self.bus_now();
        if let Some(upstream) = &mut self.replication.upstream {
            upstream.heard_ms = now;
        }
        let mut inbound = std::mem::take(&mut self.replication.inbound);
        // Usually whole commands arrive, and nothing is kept of them.
        if inbound.bytes.is_empty() {
            let done = self.run_stream(client, &mut inbound, data);
            inbound.bytes.extend_from_slice(&data[done..]);
            inbound.read -= done;
        } else {
            let mut bytes = std::mem::take(&mut inbound.bytes);
            bytes.extend_from_slice(data);
            let done = self.run_stream(client, &mut inbound, &bytes);
            bytes.drain(..done);
            inbound.bytes = bytes;
            inbound.read -= done;
        }
        let ack_asked = std::mem::take(&mut inbound.ack_asked);
        if client.closing == Closing::No {
            self.replication.inbound = inbound;
        }
        if ack_asked || client.closing == Closing::AfterReply {
            self.send_ack(client);
        }
        self.serve_waiting();
    }

    /// Runs the whole commands of `bytes` from where it was read to; how much of it is done with.
    fn run_stream(&mut self, client: &mut Client, inbound: &mut Inbound, bytes: &[u8]) -> usize {
        let mut done = 0;
        while client.closing == Closing::No {
            let rest = &bytes[inbound.read..];
            match inbound.parser.parse(rest, &LIMITS) {
                Ok(Parsed::Request { consumed }) => {
                    let parser = std::mem::take(&mut inbound.parser);
                    let words: SmallVec<[&[u8]; 6]> = parser.args(&rest[..consumed]).collect();
                    inbound.read += consumed;
                    self.slot_stats.begin(inbound.read - done);
                    self.obey(client, inbound, &Args::from_parser(&words, &parser));
                    self.leave_old_master(client);
                    if inbound.queue.is_none() {
                        self.slot_stats.settle(0);
                    }
                }
                // An empty line says that the master lives; it is part of what it sent.
                Ok(Parsed::Nothing { consumed }) => {
                    inbound.parser.reset();
                    inbound.read += consumed;
                }
                Ok(Parsed::Incomplete) => break,
                Err(error) => {
                    warning!("Protocol error ({error}) from the master: the link is closed");
                    client.shut();
                }
            }
            if inbound.queue.is_none() {
                done = inbound.read;
            }
        }
        self.replication.feed_stream(&bytes[..done]);
        done
    }

    /// A command of the stream may make this node follow another: SETSLOT that took its master's last slot. The old
    /// master waits to hear that it was obeyed; that is the last word on this link.
    fn leave_old_master(&self, client: &mut Client) {
        if self.replication.upstream.as_ref().is_none_or(|upstream| !upstream.is_client(client)) {
            client.closing = Closing::AfterReply;
        }
    }

    fn obey(&mut self, client: &mut Client, inbound: &mut Inbound, args: &Args<'_>) {
        let found = match Found::resolve(args) {
            Ok(found) => found,
            Err(error) => return self.complain(args, &error),
        };
        match (found.command.run, &mut inbound.queue) {
            (Run::Host(Host::Multi), _) => inbound.queue = Some(Vec::new()),
            (Run::Host(Host::Exec), queue) => {
                let queue = queue.take().unwrap_or_default();
                self.begin_unit();
                for queued in &queue {
                    let words: SmallVec<[&[u8]; 12]> = queued.args.iter().map(|arg| &arg[..]).collect();
                    self.obey_one(client, queued.found, &Args::new(&words));
                }
                self.end_unit();
            }
            (_, Some(queue)) => queue.push(Queued::new(found, found.command.flags, args)),
            (Run::Host(Host::Replconf), None) => inbound.ack_asked |= args.is(1, "getack"),
            (Run::Host(Host::Ping), None) => {}
            (Run::Host(Host::Select), None) if args.is(1, "0") => {}
            (_, None) => self.obey_one(client, found, args),
        }
    }

    fn obey_one(&mut self, client: &mut Client, found: Found, args: &Args<'_>) {
        let slot = match route::keys_of(found.command, args) {
            Keys::None => None,
            Keys::In(slot) => Some(slot),
            Keys::Across => return self.complain(args, &route::CROSS_SLOT),
        };
        if found.command.has(WRITE) {
            self.check_disk();
        }
        client.last_row = Some(found.id);
        client.commands += 1;
        let mark = client.reply.mark();
        let runner = Runner { may_block: false, ..self.runner(client) };
        self.settings.overdue = Overdue::Keep;
        let outcome = self.call_once(client, found, args, slot, runner);
        self.settings.overdue = Overdue::Hide;
        client.reply.truncate(mark);
        if let Err(error) = outcome {
            self.complain(args, &error);
        }
    }

    /// A command that the master ran and that fails here: the two may differ from now on.
    fn complain(&self, args: &Args<'_>, error: &commands::Error) {
        let command = String::from_utf8_lossy(args[0]);
        warning!(
            "== CRITICAL == This replica is sending an error to its primary: '{error}' after processing the command \
             '{command}'"
        );
        if self.config.replication.propagation_error_behavior != PropagationError::Ignore {
            fatal(&format!(
                "This replica panicked sending an error to its primary after processing the command '{command}'"
            ));
        }
    }

    /// A replica that cannot write to its disk must not seem to have what it does not keep.
    fn check_disk(&mut self) {
        if self.log_trouble().is_none() && !self.saving_fails() {
            return;
        }
        if !self.config.replication.replica_ignore_disk_write_errors {
            fatal("Replica was unable to write command to disk.");
        }
        if self.now_ms.saturating_sub(self.replication.disk_warned_ms) > DISK_WARNING_MS {
            self.replication.disk_warned_ms = self.now_ms;
            warning!("Replica is applying a command even though it is unable to write to disk.");
        }
    }

    /// Tells the master how far this node is.
    pub fn send_ack(&mut self, client: &mut Client) {
        let offset = self.replication.offset().to_string();
        let synced = self.log_offset().map(|offset| offset.to_string());
        let mut words = vec!["REPLCONF", "ACK", &offset];
        words.extend(synced.iter().flat_map(|synced| ["FACK", synced]));
        client.reply.array(words.len());
        words.iter().for_each(|word| client.reply.bulk(word.as_bytes()));
    }

    /// The master's connection is gone: what it did not finish sending counts for nothing.
    pub fn master_lost(&mut self, client: &Client) {
        self.replication.inbound = Inbound::default();
        let current = self.replication.upstream.as_ref().is_some_and(|upstream| upstream.is_client(client));
        if current {
            notice!("Connection with primary lost.");
            self.reconnect();
        }
    }
}
