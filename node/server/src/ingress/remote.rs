//! The other end of the mesh: running siblings' commands, taking their replies.

use std::iter;

use base::prefetch;
use cluster::{Asker, NodeIndex};
use commands::table::{Found, Run};
use commands::{Args, Error, Outcome};
use resp::{IntegerText, Proto, Reply};

use super::frame::{self, Answer, Header, Kind, Words};
use crate::admin::view::{Looking, View};
use crate::admin::{self, scripting};
use crate::aof::Gate;
use crate::client::Client;
use crate::clock::Moment;
use crate::core::blocking::SessionId;
use crate::core::foresight::{self, Need, Needs};
use crate::core::script::{Caller, Rest};
use crate::core::transaction::{Queued, discarded};
use crate::core::{Core, Runner};
use crate::mesh::Message;
use crate::ring::ClientRing;
use crate::route::{self, Permits, Route};

/// Most times a command is passed on; more would mean that two cores each take the other for the owner.
const HOPS_MAX: u8 = 64;

impl Core {
    /// Takes all messages of the siblings and does what they say; whether there were any.
    pub fn take_messages(&mut self) -> bool {
        let mut any = false;
        while let Some((core, message)) = self.mesh.next() {
            any = true;
            match message {
                Message::Requests(frames) => {
                    prefetch::bytes(&frames);
                    self.run_frames(&frames);
                    self.mesh.recycle(frames);
                }
                Message::Replies(frames) => {
                    prefetch::bytes(&frames);
                    self.take_replies(&frames, core);
                    self.mesh.recycle(frames);
                }
                Message::Config(version, config) => self.adopt_config(version, *config),
                Message::Cluster(message) => self.hear_sibling(core, *message),
                Message::Handover(handover) => self.take_handover(core, *handover),
                Message::HandoverTaken(name) => self.handover_taken(name),
                Message::Settle { origin, id, to } => self.settle(origin, id, to),
                Message::Settled(id) => self.settled(id),
                Message::Load(share) => self.balance.hear(core, share),
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
                Message::Ask(id, question) => self.answer_sibling(core, id, question),
                Message::Told(id, answer) => self.questions.answered(id, core, *answer),
                Message::Seen(session, ticket, view) => self.hear_seen(session, ticket, *view),
                Message::Unblock { session, with_error } => self.unblock(session, with_error),
                Message::Unsigned(session, serials) => self.sign_for_sibling(core, session, serials),
                Message::Signed { serials, peer, name } => self.commandlog.sign_some(serials, &peer, &name),
                Message::TrackKeys(plan) => self.start_hotkeys(*plan),
                Message::SlotsGone(slots) => self.end_shard_channels(&slots, true),
            }
        }
        any
    }

    /// Sends what this round had for the siblings.
    pub fn send_messages(&mut self, ring: &mut ClientRing, gate: Gate) {
        self.mesh.flush(ring, gate);
    }

    /// Runs commands of siblings; those on a slot that keys are leaving are held until they are gone, and what a pause
    /// holds back until it is over.
    pub fn run_frames(&mut self, mut frames: &[u8]) {
        let mut unforeseen = frames.len();
        let (mut reply, mut words) = (Reply::with_buffer(self.take_buffer(), Proto::default()), Words::new());
        while !frames.is_empty() {
            let (bytes, whole) = (frames.len(), frames);
            if bytes <= unforeseen {
                unforeseen = self.foresee_frames(frames);
            }
            let header = frame::read_request_into(&mut frames, &mut words);
            let leaves = self.migrate.leaving.holds_slot(header.slot) && header.kind != Kind::Forget;
            if leaves || self.pause_holds(&header, &words, frames) {
                if header.kind == Kind::Exec {
                    (0..queue_len(&words)).for_each(|_| drop(frame::read_request(&mut frames)));
                }
                let held = &whole[..bytes - frames.len()];
                match leaves {
                    true => self.migrate.leaving.hold_frames(held),
                    false => self.pause.hold(header.session, held),
                }
                continue;
            }
            self.slot_stats.begin(bytes - frames.len());
            self.stats.run_for_siblings += 1;
            reply.proto = header.proto;
            let noted = self.commandlog.mark();
            match header.kind {
                Kind::Run | Kind::Asking | Kind::Queued | Kind::Refused | Kind::Part => {
                    self.run_frame(&header, &Args::new(&words), &mut reply)
                }
                Kind::Look => self.look_for_sibling(&header, &Args::new(&words), &mut reply),
                Kind::Exec => self.exec_frames(&header, queue_len(&words), &mut frames, &mut reply),
                Kind::Watch => self.watch_frame(&header, &Args::new(&words), &mut reply),
                Kind::Forget => self.forget_session(header.session),
            }
            self.sign_for(header.session, noted);
            if !reply.is_empty() {
                self.slot_stats.settle(reply.len());
                self.answer(header.session, header.ticket, &reply);
            }
            reply.clear();
            // Before the next command, which may be of the same pipeline: it must not take what others wait for.
            self.serve_waiting();
            self.laps.go_on();
        }
        self.laps.cut();
        self.give_buffer(reply.into_buffer());
    }

    /// Fetches what the next commands in `frames` will need; how many bytes of frames are behind them.
    fn foresee_frames(&self, frames: &[u8]) -> usize {
        let mut rest = frames;
        let mut needs = Needs::default();
        let next = || (!rest.is_empty()).then(|| frame::peek_request(&mut rest));
        for (slot, key) in iter::from_fn(next).take(foresight::REQUESTS) {
            if let Some(key) = key {
                self.note_need(&mut needs, Need::of_key(slot, key));
            }
        }
        self.fetch(&needs);
        rest.len()
    }

    /// Whether a pause of this core holds a sibling's command back, whose followers are in `frames`. What the server itself
    /// does is held where it comes in.
    fn pause_holds(&self, header: &Header, words: &Words<'_>, mut frames: &[u8]) -> bool {
        if self.pause.until_ms(self.now_ms).is_none() {
            return false;
        }
        let found = |header: &Header| Found::by_id(header.row).expect("a sibling has the same table");
        let flags = |header: &Header, words: &Words<'_>| self.flags_of(found(header), &Args::new(words));
        let is_own = matches!(header.kind, Kind::Part | Kind::Look);
        let flags = match header.kind {
            _ if is_own && matches!(found(header).command.run, Run::Host(_)) => return false,
            Kind::Exec => (0..queue_len(words)).fold(0, |all, _| {
                let (header, words) = frame::read_request(&mut frames);
                all | flags(&header, &words)
            }),
            _ => flags(header, words),
        };
        self.pause.holds_session(header.session, flags, self.now_ms)
    }

    /// Hands the reply of a session's forwarded command to the core that holds its connection.
    pub fn answer(&mut self, session: SessionId, ticket: u32, reply: &Reply) {
        if session.core != self.index {
            return self.mesh.reply(session, ticket, reply);
        }
        // The command went round and came home, its slot having moved here while it was under way; or it ran here.
        self.fill_place(session, ticket, &super::flat(reply), self.index);
    }

    /// Hands a command on to the sibling that has its slot by now.
    fn pass_on(&mut self, header: &Header, args: &Args<'_>, route: Route) -> Outcome {
        let (Route::Node(node) | Route::Ask(node)) = route else {
            return Err(route::refusal(route, &self.cluster, header.slot, Asker::default()));
        };
        match self.sibling(node).filter(|_| header.hops < HOPS_MAX) {
            Some(core) => {
                let kind = if matches!(route, Route::Ask(_)) { Kind::Asking } else { header.kind };
                let header = Header { kind, hops: header.hops + 1, ..*header };
                if let Some(out) = self.mesh.requests(core) {
                    frame::write_request(out, &header, args);
                }
                Ok(())
            }
            None => Err(route::refusal(route, &self.cluster, header.slot, Asker::default())),
        }
    }

    /// Where a sibling's command runs.
    fn route_frame(&self, header: &Header, args: &Args<'_>) -> Route {
        let found = Found::by_id(header.row).expect("a sibling has the same table");
        // A part is this core's own, whoever has the slot of a channel in it.
        if found.command.keys.is_empty() || matches!(header.kind, Kind::Part | Kind::Refused) {
            return Route::Here;
        }
        let permits = Permits { asking: header.kind == Kind::Asking, ..Permits::default() };
        self.route(found, args, header.slot, permits)
    }

    /// Runs a sibling's command, or passes it on.
    fn run_frame(&mut self, header: &Header, args: &Args<'_>, reply: &mut Reply) {
        let mark = reply.mark();
        let outcome = match self.route_frame(header, args) {
            Route::Here => self.check_and_run_frame(header, args, reply, true),
            elsewhere => self.pass_on(header, args, elsewhere),
        };
        if let Err(error) = outcome {
            self.fail(reply, mark, &error);
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
        let flags = self.flags_of(found, args);
        self.make_room();
        if let Some(error) = self.state_forbids(found, flags) {
            return Err(error);
        }
        if may_block {
            // It has a frame of its own.
            self.note_request(found, args);
        }
        let (session, ticket, user) = (header.session, Some(header.ticket), Some(header.user));
        let (tracks, counts) = (header.tracks, header.counts);
        let runner = Runner { session, ticket, may_block, no_touch: false, user, tracks, counts };
        match found.command.run {
            Run::Host(host) if scripting::runs_script(host) => {
                let (start, before) = (Moment::now(), reply.len());
                let stood = self.scripting.is_standing();
                let outcome =
                    self.run_script(Caller { runner, permits: Permits::default() }, found, args, reply);
                if stood || !self.scripting.is_standing() {
                    self.count_host(found, args, start, outcome.is_err(), reply.len() - before);
                }
                outcome
            }
            Run::Host(host) => self.with_stand_in(reply, runner, |core, client| {
                admin::run_part(core, client, host, found, args, (session, header.ticket))
            }),
            _ => self.run_data(reply, found, args, Some(header.slot), runner),
        }
    }

    /// Sends what this core sees for a command of a sibling's client; an error goes in its reply's place.
    fn look_for_sibling(&mut self, header: &Header, args: &Args<'_>, reply: &mut Reply) {
        let found = Found::by_id(header.row).expect("a sibling has the same table");
        let Run::Host(host) = found.command.run else { return };
        match View::look(self, Looking { host, args, client: None, of_process: true }) {
            Ok(view) => {
                let seen = Message::Seen(header.session, header.ticket, Box::new(view));
                self.mesh.send(header.session.core, seen);
            }
            Err(error) => self.fail(reply, reply.mark(), &error),
        }
    }

    /// Runs a transaction of this core's own client that is framed as a sibling's would be.
    pub(super) fn exec_own(&mut self, mut frames: &[u8], reply: &mut Reply) {
        let (exec, words) = frame::read_request(&mut frames);
        self.exec_frames(&exec, queue_len(&words), &mut frames, reply);
    }

    /// Runs a sibling's transaction, whose commands are in the frames that follow, or passes it on as a whole.
    fn exec_frames(&mut self, exec: &Header, count: usize, frames: &mut &[u8], reply: &mut Reply) {
        let dirty = self.watch.is_dirty(exec.session) || self.watched_expired(exec.session);
        self.forget_session(exec.session);
        let queue: Vec<(Header, Words<'_>)> = (0..count).map(|_| frame::read_request(frames)).collect();
        if dirty {
            return reply.null_array();
        }
        let routes = queue.iter().map(|(header, words)| self.route_frame(header, &Args::new(words)));
        match routes.into_iter().find(|route| *route != Route::Here) {
            None => {}
            Some(Route::Node(node)) => return self.pass_on_exec(exec, &queue, node, reply),
            Some(route) => {
                return reply
                    .error(route::refusal(route, &self.cluster, exec.slot, Asker::default()).as_str());
            }
        }
        if let Some(reason) = self.exec_forbidden(&queue) {
            return self.fail(reply, reply.mark(), &discarded(&reason));
        }
        let stood = self.scripting.is_standing();
        self.begin_unit();
        reply.array(count);
        for (done, (header, words)) in queue.iter().enumerate() {
            let mark = reply.mark();
            if let Err(error) = self.check_and_run_frame(header, &Args::new(words), reply, false) {
                self.fail(reply, mark, &error);
            }
            if !stood && self.scripting.is_standing() {
                let left = queue[done + 1..].iter().map(|(header, words)| queued(header, words)).collect();
                let reply = std::mem::take(reply);
                return self.keep_exec(Rest { queue: left, slot: Some(exec.slot), reply });
            }
        }
        self.end_unit();
    }

    /// Why the server's state does not allow a command of a transaction, and so none of it.
    fn exec_forbidden(&self, queue: &[(Header, Words<'_>)]) -> Option<Error> {
        let runs = queue.iter().filter(|(header, _)| header.kind != Kind::Refused);
        runs.into_iter().find_map(|(header, words)| {
            let found = Found::by_id(header.row).expect("a sibling has the same table");
            self.state_forbids(found, self.flags_of(found, &Args::new(words)))
        })
    }

    fn pass_on_exec(
        &mut self,
        exec: &Header,
        queue: &[(Header, Words<'_>)],
        node: NodeIndex,
        reply: &mut Reply,
    ) {
        let count = IntegerText::new(queue.len() as i64);
        if let Err(error) = self.pass_on(exec, &Args::new(&[count.as_bytes()]), Route::Node(node)) {
            return reply.error(error.as_str());
        }
        let sibling = self.sibling(node);
        if let Some(out) = sibling.and_then(|core| self.mesh.requests(core)) {
            queue.iter().for_each(|(header, words)| frame::write_request(out, header, &Args::new(words)));
        }
    }

    fn watch_frame(&mut self, header: &Header, args: &Args<'_>, reply: &mut Reply) {
        match self.route_frame(header, args) {
            Route::Here => {
                for key in &args[1..] {
                    self.watch_key(header.session, header.slot, key);
                }
                reply.ok();
            }
            elsewhere => {
                if let Err(error) = self.pass_on(header, args, elsewhere) {
                    reply.error(error.as_str());
                }
            }
        }
    }

    /// Takes replies, and news among them, of `core`.
    fn take_replies(&mut self, mut frames: &[u8], core: u16) {
        while !frames.is_empty() {
            let (index, generation, answer) = frame::read_reply(&mut frames);
            let session = SessionId { core: self.index, index, generation };
            match answer {
                Answer::Reply(ticket, resp) => self.fill_places(session, (ticket, resp), &mut frames, core),
                Answer::News(news, keys) => self.hear_news(session, news, &keys),
            }
        }
    }

    /// Puts a reply of `core` into its place among those that a client of this core waits for.
    fn fill_place(&mut self, session: SessionId, ticket: u32, resp: &[u8], core: u16) {
        self.fill_places(session, (ticket, resp), &mut &[][..], core);
    }

    /// The same for a reply and those that follow it in `frames` for the same client, as they do for a pipeline.
    fn fill_places(
        &mut self,
        session: SessionId,
        (ticket, resp): (u32, &[u8]),
        frames: &mut &[u8],
        core: u16,
    ) {
        let Some(mut client) = self.clients.take(session.index, session.generation) else { return };
        self.equip(&mut client);
        let mut next = Some((ticket, resp));
        while let Some((ticket, resp)) = next {
            let pending = client.pending.as_mut();
            if !pending.is_some_and(|pending| pending.hand_out(ticket, resp, &client.reply)) {
                self.late.begin(&client);
                self.fill(&mut client, ticket, resp, core);
                if !self.late.is_empty() {
                    self.deliver_late(&mut client);
                }
            }
            next = frame::next_reply(session, frames);
        }
        self.end_places(&mut client);
        self.clients.put(client);
        self.mark_outgoing(session.index);
    }

    /// As [`Core::fill_place`], for a client whose command runs.
    pub(super) fn fill(&mut self, client: &mut Client, ticket: u32, resp: &[u8], core: u16) {
        let Some(pending) = &mut client.pending else { return };
        match pending.take_composed(ticket) {
            Some((queue, messages)) => {
                self.compose(client, queue, resp, core);
                if let Some(pending) = &mut client.pending {
                    pending.composed(ticket, messages, &client.reply);
                }
            }
            None => pending.fill(ticket, resp, client.reply.proto),
        }
        self.end_places(client);
    }

    /// Hands out what is answered; a client whose requests all are may go on.
    fn end_places(&mut self, client: &mut Client) {
        client.settle(&mut self.spare_pending);
        client.awaits_sibling &= client.pending.is_some();
    }
}

/// Number of commands in the transaction whose first frame has these words.
fn queue_len(words: &Words<'_>) -> usize {
    words.first().and_then(|word| resp::parse_integer(word)).unwrap_or(0) as usize
}

/// A command of a sibling's transaction, to run later.
fn queued(header: &Header, words: &Words<'_>) -> Queued {
    let found = Found::by_id(header.row).expect("a sibling has the same table");
    Queued::new(found, found.command.flags, &Args::new(words))
}
