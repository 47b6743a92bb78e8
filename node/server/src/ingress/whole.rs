//! Commands that mean the whole process when they come in at the ingress.
//!
//! Each core does its part, and how the parts become one reply is said in one place ([`combination`]). What a command
//! shows of the server crosses the mesh unwritten, as a [`View`], and is written here when it is whole.

use base::Slot;
use bytes::Bytes;
use commands::table::{Found, Host, Run};
use commands::{Args, Error, Outcome};
use resp::{IntegerText, Reply, parse_integer};

use super::frame::{Kind, Words};
use super::gather::{Combine, Gather};
use super::pending::Place;
use super::{SCAN_CORE_BITS, flat};
use crate::admin::view::{Looking, View, is_view};
use crate::admin::{self, debug};
use crate::client::{Client, Door};
use crate::clock::Moment;
use crate::core::blocking::SessionId;
use crate::core::{Core, Runner};
use crate::pubsub;

/// A view that is coming in.
pub struct Viewing {
    view: View,
    /// How many cores have still to look.
    missing: usize,
    host: Host,
    words: Vec<Bytes>,
}

impl Viewing {
    /// Adds what another core saw; whether it was the last.
    pub fn add(&mut self, view: View) -> bool {
        self.view.merge(view);
        self.missing -= 1;
        self.missing == 0
    }
}

/// How the cores' parts of a command become one, where it means all of them; where one of them is to be picked, it is
/// that of number `pick`.
pub(super) fn combination(found: Found, args: &Args<'_>, pick: u64) -> Option<Combine> {
    match found.command.run {
        Run::Host(host) => combination_of_host(host, args),
        _ => match found.command.name {
            "dbsize" => Some(Combine::Sum),
            "flushall" | "flushdb" => Some(Combine::Ok),
            "keys" => Some(Combine::Join(usize::MAX)),
            "randomkey" => Some(Combine::OneOf(pick)),
            _ => None,
        },
    }
}

fn combination_of_host(host: Host, args: &Args<'_>) -> Option<Combine> {
    Some(match host {
        Host::AclLog
        | Host::ClientPause
        | Host::ClientUnpause
        | Host::CommandlogReset
        | Host::ConfigResetstat
        | Host::ConfigSet
        | Host::FunctionDelete
        | Host::FunctionFlush
        | Host::FunctionRestore
        | Host::HotkeysReset
        | Host::MemoryPurge
        | Host::Save
        | Host::ScriptFlush
        | Host::SlowlogReset => Combine::Ok,
        Host::Bgrewriteaof | Host::Bgsave | Host::FunctionLoad | Host::HotkeysStop | Host::ScriptLoad => {
            Combine::OneOf(0)
        }
        Host::ClusterCancelslotmigrations | Host::FunctionKill | Host::ScriptKill | Host::ScriptShow => {
            Combine::Any
        }
        Host::ClusterGetkeysinslot => {
            // A slot whose keys change cores has some on each.
            let most = args.integer(3).ok().and_then(|most| usize::try_from(most).ok());
            Combine::Join(most.unwrap_or(0))
        }
        Host::ClusterGetslotmigrations => Combine::Join(usize::MAX),
        // By address it is an error that there is no such client; by filters it is the number of those that there are.
        Host::ClientKill if args.len() == 3 => Combine::Any,
        Host::ClientKill
        | Host::ClientUnblock
        | Host::ClusterCountkeysinslot
        | Host::Publish
        | Host::Spublish => Combine::Sum,
        // All keys were saved when the last core's were, and all writes are safe when each core's are.
        Host::Lastsave | Host::Wait | Host::Waitaof => Combine::Least,
        Host::LatencyReset | Host::PubsubNumpat => Combine::CountUnion,
        Host::PubsubChannels | Host::PubsubShardchannels => Combine::Union,
        Host::PubsubNumsub | Host::PubsubShardnumsub => Combine::SumPairs,
        Host::ScriptExists => Combine::Least,
        Host::Debug => return debug::combine(args),
        _ => return None,
    })
}

impl Core {
    /// Whether a command without a key means all cores when it comes in at the ingress.
    pub fn spans_process(&self, client: &Client, found: Found, args: &Args<'_>) -> bool {
        debug_assert_eq!(client.door, Door::Ingress);
        let spans = || match found.command.run {
            // Nearly all that is asked.
            Run::Data(_) if !found.command.keys.is_empty() => false,
            Run::Data(_) if found.command.name == "scan" => true,
            Run::Host(host) if is_view(host, args) => true,
            Run::Host(Host::ClusterMigrateslots) => true,
            _ => combination(found, args, 0).is_some(),
        };
        self.mesh.cores() > 1 && spans()
    }

    /// Runs a command on all cores of the process.
    pub fn gather(&mut self, client: &mut Client, found: Found, args: &Args<'_>) -> Outcome {
        let (start, noted) = (Moment::now(), self.commandlog.mark());
        self.tell_monitors(client, found, args, self.index);
        let outcome = match found.command.run {
            Run::Host(host) if is_view(host, args) => self.gather_view(client, host, found, args),
            Run::Host(Host::ClusterMigrateslots) => self.ask_server_of(args.get(3), client, found, args),
            _ if found.command.name == "scan" => self.scan_process(client, found, args),
            _ => self.gather_parts(client, found, args),
        };
        if matches!(found.command.run, Run::Host(_)) {
            self.count(found, args, start, outcome.is_err(), false);
        }
        if self.commandlog.mark() != noted {
            self.commandlog.sign(noted, &client.peer, &client.name);
        }
        client.commands += 1;
        client.awaits_sibling |= matches!(found.command.run, Run::Host(Host::Wait | Host::Waitaof));
        self.serve_waiting();
        outcome
    }

    fn gather_parts(&mut self, client: &mut Client, found: Found, args: &Args<'_>) -> Outcome {
        let Some(combine) = combination(found, args, self.random.bits()) else { return Ok(()) };
        let gather = Gather::new(combine, self.mesh.cores());
        self.spread(client, found, args, gather, None);
        Ok(())
    }

    /// Has all cores do their part of a command but `done`, which did it.
    pub(super) fn spread(
        &mut self,
        client: &mut Client,
        found: Found,
        args: &Args<'_>,
        gather: Gather,
        done: Option<u16>,
    ) {
        let ticket = client.take_place(Place::Gather(Box::new(gather)), &mut self.spare_pending);
        for core in self.mesh.siblings().filter(|core| Some(*core) != done) {
            self.send_frame(client, Kind::Part, found, args, Slot::ZERO, core, ticket);
        }
        if done != Some(self.index) {
            self.run_part(client, found, args, None, ticket, true);
        }
        if matches!(found.command.run, Run::Host(Host::Publish)) {
            // Each core has told its own subscribers; the other processes are told once.
            self.publish_to_peers(pubsub::Kind::Channel, args[1], args[2]);
        }
    }

    /// Runs this core's part for a client of its own and fills its place. `counts` tells that it counts as the whole.
    pub(super) fn run_part(
        &mut self,
        client: &mut Client,
        found: Found,
        args: &Args<'_>,
        slot: Option<Slot>,
        ticket: u32,
        counts: bool,
    ) {
        let mut part = Reply::new(client.proto());
        let mark = part.mark();
        let runner = Runner { counts, ..self.runner(client) };
        let outcome = match found.command.run {
            Run::Host(host) => {
                std::mem::swap(&mut client.reply, &mut part);
                let place = (self.session(client), ticket);
                let outcome = admin::run_part(self, client, host, found, args, place);
                std::mem::swap(&mut client.reply, &mut part);
                outcome
            }
            _ => self.run_data(&mut part, found, args, slot, runner),
        };
        if let Err(error) = outcome {
            self.fail(&mut part, mark, &error);
        }
        if let Some(pending) = client.pending.as_mut().filter(|_| !part.is_empty()) {
            pending.fill(ticket, &flat(&part), part.proto);
        }
    }

    /// Has the core that serves the slot of this number run a command; this one if none does, which will say so.
    fn ask_server_of(
        &mut self,
        number: Option<&&[u8]>,
        client: &mut Client,
        found: Found,
        args: &Args<'_>,
    ) -> Outcome {
        let number =
            number.and_then(|word| parse_integer(word)).and_then(|number| u16::try_from(number).ok());
        let slot = number.and_then(Slot::new);
        let core = slot.and_then(|slot| self.core_of_slot(client, slot).ok().flatten());
        let ticket = client.take_place(Place::Open, &mut self.spare_pending);
        match core {
            Some(core) => self.send_frame(client, Kind::Part, found, args, Slot::ZERO, core, ticket),
            None => self.run_part(client, found, args, None, ticket, true),
        }
        Ok(())
    }

    /// SCAN: the cursor tells the core; past its last key the next core's begins.
    fn scan_process(&mut self, client: &mut Client, found: Found, args: &Args<'_>) -> Outcome {
        let cursor = std::str::from_utf8(args[1]).ok().and_then(|text| text.parse::<u64>().ok());
        let cursor = cursor.ok_or(Error::new("ERR invalid cursor"))?;
        let core = (cursor & ((1 << SCAN_CORE_BITS) - 1)) as u16;
        if usize::from(core) >= self.mesh.cores() {
            client.reply.array(2);
            client.reply.bulk(b"0");
            client.reply.array(0);
            return Ok(());
        }
        let inner = IntegerText::new((cursor >> SCAN_CORE_BITS) as i64);
        let words: Words<'_> =
            [args[0], inner.as_bytes()].into_iter().chain(args[2..].iter().copied()).collect();
        let next = (usize::from(core) + 1 < self.mesh.cores()).then_some(core + 1);
        let ticket = client.take_place(Place::Scan { core, next }, &mut self.spare_pending);
        if core == self.index {
            self.run_part(client, found, &Args::new(&words), None, ticket, true);
        } else {
            self.send_frame(client, Kind::Run, found, &Args::new(&words), Slot::ZERO, core, ticket);
        }
        Ok(())
    }

    /// Looks, and asks the siblings to look.
    fn gather_view(&mut self, client: &mut Client, host: Host, found: Found, args: &Args<'_>) -> Outcome {
        if host == Host::HotkeysStart {
            admin::hotkeys::begin(self, args, true)?;
        }
        let view = View::look(self, Looking { host, args, client: Some(client), of_process: true })?;
        let words = (0..args.len()).map(|i| args.to_bytes(i)).collect();
        let viewing = Viewing { view, missing: self.mesh.cores() - 1, host, words };
        let ticket = client.take_place(Place::View(Box::new(viewing)), &mut self.spare_pending);
        for core in self.mesh.siblings() {
            self.send_frame(client, Kind::Look, found, args, Slot::ZERO, core, ticket);
        }
        Ok(())
    }

    /// Takes what a sibling saw for a client's command, and answers it if all have looked.
    pub(super) fn hear_seen(&mut self, session: SessionId, ticket: u32, view: View) {
        let client = self.clients.get(session.index).filter(|client| client.generation == session.generation);
        let Some(client) = client else { return };
        let mut reply = Reply::new(client.proto());
        let seen = client.pending.as_mut().and_then(|pending| pending.see(ticket, view));
        let Some(Viewing { view, host, words, .. }) = seen else { return };
        let words: Words<'_> = words.iter().map(|word| &word[..]).collect();
        let mark = reply.mark();
        if let Err(error) = view.write(self, host, &Args::new(&words), &mut reply) {
            self.fail(&mut reply, mark, &error);
        }
        self.answer(session, ticket, &reply);
    }
}
