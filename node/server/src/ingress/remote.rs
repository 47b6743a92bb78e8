//! The other end of the mesh: running siblings' commands, taking their replies.

use std::collections::VecDeque;

use cluster::Asker;
use commands::table::{Found, Host, Run};
use commands::{Args, Error, Outcome};
use resp::Reply;

use super::frame::{self, Answer, Header, Kind};
use crate::admin::scripting;
use crate::aof::Gate;
use crate::core::blocking::SessionId;
use crate::core::script::{Caller, Rest};
use crate::core::transaction::{EXEC_ABORT, Queued};
use crate::core::{Core, Runner};
use crate::mesh::Message;
use crate::pubsub::Kind as Channels;
use crate::ring::ClientRing;
use crate::route::{self, Permits, Route};

impl Core {
    /// Takes all messages of the siblings and does what they say; whether there were any.
    pub fn take_messages(&mut self) -> bool {
        let mut any = false;
        while let Some((core, message)) = self.mesh.next() {
            any = true;
            match message {
                Message::Requests(frames) => {
                    self.run_frames(core, &frames);
                    self.mesh.recycle(frames);
                }
                Message::Replies(frames) => {
                    self.take_replies(&frames);
                    self.mesh.recycle(frames);
                }
                Message::Config(config) => self.adopt_config(*config),
                Message::Cluster(message) => self.hear_sibling(core, *message),
                Message::Identity(id) => {
                    self.core_ids[usize::from(core)] = id;
                    self.name_siblings();
                }
                Message::Published(published) => self.hear_published(*published),
                Message::Wants(wants) => self.hear_wants(core, wants),
                Message::Monitored { line, here } => self.show_line(&line, here),
                Message::Broadcast(broadcast) => self.broadcast_to_sibling(&broadcast),
                Message::EndBroadcast(session) => self.end_broadcast_to_sibling(session),
                Message::AllStale => self.hear_all_stale(),
                Message::SlotsGone(slots) => self.end_shard_channels(&slots, true),
            }
        }
        any
    }

    /// Sends what this round had for the siblings.
    pub fn send_messages(&mut self, ring: &mut ClientRing, gate: Gate) {
        self.mesh.flush(ring, gate);
    }

    fn run_frames(&mut self, core: u16, mut frames: &[u8]) {
        while !frames.is_empty() {
            let bytes = frames.len();
            let (header, words) = frame::read_request(&mut frames, core);
            self.slot_stats.begin(bytes - frames.len());
            self.stats.run_for_siblings += 1;
            let mut reply = Reply::new(header.proto);
            match header.kind {
                Kind::Run | Kind::Queued | Kind::Refused => {
                    self.run_frame(&header, &Args::new(&words), &mut reply)
                }
                Kind::Exec => {
                    let count = words.first().and_then(|word| resp::parse_integer(word)).unwrap_or(0);
                    self.exec_frames(core, &header, count as usize, &mut frames, &mut reply);
                }
                Kind::Watch => self.watch_frame(header.session, &header, &Args::new(&words), &mut reply),
                Kind::Forget => self.forget_session(header.session),
            }
            if !reply.is_empty() {
                self.slot_stats.settle(reply.len());
                self.mesh.reply(header.session, header.ticket, &reply);
            }
        }
        self.serve_waiting();
    }

    /// Runs a sibling's command, unless its slot moved away meanwhile.
    fn run_frame(&mut self, header: &Header, args: &Args<'_>, reply: &mut Reply) {
        if let Err(error) = self.check_and_run_frame(header, args, reply, true) {
            self.stats.error(error.code());
            reply.error(error.as_str());
        }
    }

    fn check_and_run_frame(
        &mut self,
        header: &Header,
        args: &Args<'_>,
        reply: &mut Reply,
        may_block: bool,
    ) -> Result<(), Error> {
        if header.kind == Kind::Refused {
            return Err(Error::text(String::from_utf8_lossy(args[0]).into_owned()));
        }
        let found = Found::by_id(header.row).expect("a sibling has the same table");
        if let Run::Host(host) = found.command.run
            && !scripting::runs_script(host)
        {
            let manages = scripting::combine(host).is_some();
            let error = self.state_forbids(found, found.command.flags).filter(|_| manages);
            return error.map_or_else(|| self.run_host_frame(header.kind, host, args, reply), Err);
        }
        if !found.command.keys.is_empty() {
            match route::route(&self.cluster, found.command, header.slot, 1, Permits::default(), || 1) {
                Route::Here => {}
                Route::Node(node) => {
                    return Err(route::redirection(
                        "MOVED",
                        &self.cluster,
                        header.slot,
                        node,
                        Asker::default(),
                    ));
                }
                Route::Refuse(error) => return Err(error),
            }
        }
        let flags = self.flags_of(found, args);
        self.make_room();
        if let Some(error) = self.state_forbids(found, flags) {
            return Err(error);
        }
        let (session, ticket, user) = (header.session, header.ticket, Some(header.user));
        let runner = Runner { session, ticket, may_block, no_touch: false, user, tracks: header.tracks };
        if let Run::Host(_) = found.command.run {
            return self.run_script(Caller { runner, permits: Permits::default() }, found, args, reply);
        }
        self.run_data(reply, found, args, Some(header.slot), runner)
    }

    /// Runs a command of the server's own: a message published in a transaction that came here, or this core's part
    /// of what asks for the process.
    fn run_host_frame(&mut self, kind: Kind, host: Host, args: &Args<'_>, reply: &mut Reply) -> Outcome {
        let receivers = match (kind, host) {
            (Kind::Queued, Host::Publish) => self.publish(Channels::Channel, args[1], &args.to_bytes(2)),
            (Kind::Queued, Host::Spublish) => self.publish(Channels::Shard, args[1], &args.to_bytes(2)),
            _ => return self.host_part(host, args, reply),
        };
        reply.integer(receivers as i64);
        Ok(())
    }

    /// Runs a sibling's transaction: the frames that follow are its commands.
    fn exec_frames(&mut self, core: u16, exec: &Header, count: usize, frames: &mut &[u8], reply: &mut Reply) {
        let dirty = self.watch.is_dirty(exec.session) || self.watched_expired(exec.session);
        self.forget_session(exec.session);
        if dirty {
            (0..count).for_each(|_| drop(frame::read_request(frames, core)));
            return reply.null_array();
        }
        self.begin_unit();
        reply.array(count);
        for done in 0..count {
            let (header, words) = frame::read_request(frames, core);
            let args = Args::new(&words);
            let mark = reply.mark();
            if let Err(error) = self.check_and_run_frame(&header, &args, reply, false) {
                reply.truncate(mark);
                self.stats.error(error.code());
                reply.error(error.as_str());
            }
            if self.scripting.is_standing() {
                let left = queue_of_frames(core, count - done - 1, frames);
                let reply = std::mem::take(reply);
                return self.keep_exec(Rest { queue: left, slot: Some(exec.slot), reply });
            }
        }
        self.end_unit();
    }

    fn watch_frame(&mut self, session: SessionId, header: &Header, args: &Args<'_>, reply: &mut Reply) {
        match route::route(
            &self.cluster,
            Found::by_id(header.row).expect("a sibling has the same table").command,
            header.slot,
            1,
            Permits::default(),
            || 1,
        ) {
            Route::Here => {
                for key in &args[1..] {
                    self.watch_key(session, header.slot, key);
                }
                reply.ok();
            }
            _ => reply.error(EXEC_ABORT.as_str()),
        }
    }

    fn take_replies(&mut self, mut frames: &[u8]) {
        while !frames.is_empty() {
            let (index, generation, answer) = frame::read_reply(&mut frames);
            let (ticket, resp) = match answer {
                Answer::Reply(ticket, resp) => (ticket, resp),
                Answer::News(news, keys) => {
                    self.hear_news(SessionId { core: self.index, index, generation }, news, &keys);
                    continue;
                }
            };
            let Some(client) = self.clients.get(index).filter(|c| c.generation == generation) else {
                continue;
            };
            let Some(mut pending) = client.pending.take() else { continue };
            if client.reply.capacity() == 0 {
                let buffer = self.take_buffer();
                if let Some(client) = self.clients.get(index) {
                    client.reply.adopt_buffer(buffer);
                }
            }
            let Some(client) = self.clients.get(index) else { continue };
            pending.fill(ticket, resp, &mut client.reply);
            client.pending = (!pending.is_empty()).then_some(pending);
            self.mark_outgoing(index);
        }
    }
}

/// The next `count` commands of a sibling's transaction, to run later.
fn queue_of_frames(core: u16, count: usize, frames: &mut &[u8]) -> VecDeque<Queued> {
    let queued = (0..count).map(|_| {
        let (header, words) = frame::read_request(frames, core);
        let found = Found::by_id(header.row).expect("a sibling has the same table");
        Queued::new(found, found.command.flags, &Args::new(&words))
    });
    queued.collect()
}
