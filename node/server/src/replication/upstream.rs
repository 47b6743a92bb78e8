//! The master this node follows: connecting, shaking hands, taking its image.
//!
//! One task at a time does all that, numbered; whoever changes the master, or gives the link up, takes another
//! number, and the old task ends at its next step. When data flows the task is done: the connection becomes a client
//! on the ring (`apply`), and its end begins the next task.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use commands::Error;
use replication::{Answer, Backlog, Greeting, Handshake, History, Id};

use crate::channel::Channel;
use crate::client::{Client, Door, Role};
use crate::core::Core;
use crate::core::access::Access;
use crate::core::loading::Loading;
use crate::executor::{self, Stream};
use crate::listener;
use crate::log::{notice, warning};
use crate::replication::random_id;
use crate::replication::take::take_image;
use crate::settings;

/// How long to wait after an attempt that failed.
const RETRY: Duration = Duration::from_secs(1);
/// Bytes read at once.
pub const READ_BYTES: usize = 256 * 1024;
/// The version this replica names to its master: that of the newest image it reads.
const SPEAKS_VERSION: &str = "9.0.0";

/// What sessions hear that wait for a key when this node becomes a replica.
const NOT_MASTER: Error = Error::new(
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
);

/// How far the link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// It waits to be tried again.
    Down,
    /// It is being connected.
    Connecting,
    /// Hands are being shaken.
    Handshake,
    /// An image comes in.
    Image(Loading),
    /// The stream flows, on this client: index and generation.
    Up(u32, u32),
}

/// The master.
pub struct Upstream {
    /// Its address.
    pub host: String,
    /// Its client port.
    pub port: u16,
    /// How far the link is.
    pub link: Link,
    /// The number of the task that may touch the link.
    attempt: u64,
    /// What this node has is a part of the master's history, as far as it knows.
    resume: bool,
    /// The connection, as long as it is the task's.
    socket: Option<Stream>,
    /// When the master was last heard, and the same of a link that is down (0 while it is up, or never was); both
    /// as the brain counts.
    pub heard_ms: u64,
    /// See `heard_ms`.
    pub down_since_ms: u64,
}

/// Why a task ends without a link.
pub enum End {
    /// Another task has taken over.
    Replaced,
    /// This went wrong; it is tried again.
    Failed(String),
}

impl Upstream {
    /// Whether the stream flows.
    pub fn is_up(&self) -> bool {
        matches!(self.link, Link::Up(..))
    }

    /// Whether `client` is the connection the stream flows on.
    pub fn is_client(&self, client: &Client) -> bool {
        self.link == Link::Up(client.index, client.generation)
    }

    /// Whether what this node has counts as the master's data. What an image is about to replace does not: clients
    /// are not sent to it (CLUSTER SLOTS).
    pub fn counts(&self) -> bool {
        self.resume && !matches!(self.link, Link::Image(..))
    }

    /// When the master was last heard as far as the age of data counts: now and then while the link is up, the
    /// moment it went down after that.
    pub fn last_seen_ms(&self) -> u64 {
        if self.is_up() { self.heard_ms } else { self.down_since_ms }
    }

    /// The link's state in ROLE's words.
    pub fn state(&self) -> &'static str {
        match self.link {
            Link::Down => "connect",
            Link::Connecting => "connecting",
            Link::Handshake => "handshake",
            Link::Image(..) => "sync",
            Link::Up(..) => "connected",
        }
    }
}

impl Core {
    /// Follows the master at `host` and `port` from now on. `foreign`: what this node has is of another history.
    pub fn follow(&mut self, host: String, port: u16, foreign: bool) {
        let old = self.replication.upstream.as_ref().map(|old| (old.attempt, old.resume));
        if old.is_none() {
            let waiting: Vec<_> = self.waiting.in_slots(|_| true).into_iter().map(|(s, _)| s).collect();
            waiting.into_iter().for_each(|session| self.give_up_waiting(session, Some(&NOT_MASTER)));
            if !foreign {
                notice!(
                    "Before turning into a replica, using my own primary parameters to synthesize a cached primary: I \
                     may be able to synchronize with the new primary with just a partial transfer."
                );
            }
        }
        self.cut_link();
        let (attempt, resume) = old.unwrap_or((0, true));
        self.replication.upstream = Some(Upstream {
            host,
            port,
            link: Link::Down,
            attempt,
            resume: resume && !foreign,
            socket: None,
            heard_ms: 0,
            down_since_ms: 0,
        });
        self.role_changed();
        self.reconnect();
    }

    /// Follows nobody any more: this node's stream goes on under a new name.
    pub fn unfollow(&mut self) {
        if !self.replication.is_replica() {
            return;
        }
        self.cut_link();
        self.replication.upstream = None;
        let offset = self.replication.offset();
        self.replication.history.branch(random_id(), offset);
        let History { id, second } = &self.replication.history;
        if let Some((old, last)) = second {
            notice!(
                "Setting secondary replication ID to {old}, valid up to offset: {last}. New replication ID is {id}"
            );
        }
        // They come again, and learn the new name.
        self.disconnect_replicas();
        self.replication.select = true;
        self.replication.alone_since_ms = self.now_ms;
        self.role_changed();
    }

    /// Does what follows from becoming master or replica.
    fn role_changed(&mut self) {
        self.update_recording();
        self.update_overdue();
        self.tell_brain();
    }

    /// Ends the link, or the attempt to get one.
    fn cut_link(&mut self) {
        let Some(upstream) = &mut self.replication.upstream else { return };
        upstream.attempt += 1;
        if let Some(socket) = upstream.socket.take() {
            socket.shut();
        }
        if let Link::Up(index, _) = std::mem::replace(&mut upstream.link, Link::Down) {
            // The loss may be noticed late; how old the data are counts from the last word.
            upstream.down_since_ms = upstream.heard_ms;
            if let Some(client) = self.clients.get(index) {
                client.shut();
            }
            self.mark_outgoing(index);
        }
        self.replication.inbound = Default::default();
    }

    /// Gives up whatever link there is, and tries anew at once, or when the files are read.
    pub fn reconnect(&mut self) {
        self.cut_link();
        if self.loading.is_some() {
            return;
        }
        let Some(upstream) = &self.replication.upstream else { return };
        notice!("Connecting to PRIMARY {}:{}", upstream.host, upstream.port);
        let attempt = upstream.attempt;
        self.spawn(move |core| link(core, attempt));
    }

    /// The master, if the task `attempt` is still the one to deal with it.
    pub fn upstream_of(&mut self, attempt: u64) -> Result<&mut Upstream, End> {
        let upstream = self.replication.upstream.as_mut();
        upstream.filter(|upstream| upstream.attempt == attempt).ok_or(End::Replaced)
    }

    fn greeting(&self) -> Greeting {
        let config = &self.config.replication;
        let resume = self.replication.upstream.as_ref().is_some_and(|upstream| upstream.resume);
        let announced = config.replica_announce_port;
        let (plain, tls) = (self.port(), self.tls_port());
        let own = if self.config.tls.replication && tls != 0 { tls } else { plain };
        Greeting {
            user: config.masteruser.clone(),
            password: config.masterauth.clone(),
            port: if announced != 0 { announced } else { own },
            ip: config.replica_announce_ip.clone(),
            version: SPEAKS_VERSION.to_owned(),
            resume: resume.then(|| (self.replication.history.id, self.replication.offset())),
        }
    }

    /// The master sends an image of the stream called `id`: what this node has of another counts for nothing, also
    /// when the image never comes.
    fn drop_foreign_history(&mut self, attempt: u64, id: Option<Id>) -> Result<(), End> {
        let same = id == Some(self.replication.history.id);
        self.upstream_of(attempt)?.resume &= same;
        Ok(())
    }

    /// The master continues the stream this node has, perhaps under a new name.
    fn resume_stream(&mut self, id: Option<Id>) {
        let offset = self.replication.offset();
        let replication = &mut self.replication;
        if let Some(id) = id.filter(|id| *id != replication.history.id) {
            notice!("Primary replication ID changed to {id}");
            replication.history.branch(id, offset);
            self.disconnect_replicas();
        }
        let backlog = &mut self.replication.backlog;
        backlog.get_or_insert_with(|| Backlog::new(offset));
        notice!("PRIMARY <-> REPLICA sync: Primary accepted a Partial Resynchronization.");
    }

    /// The connection becomes a client on the ring; `rest` is the beginning of the stream.
    fn attach_master(&mut self, attempt: u64, stream: Channel, mut rest: Vec<u8>) -> Result<(), End> {
        let unusable = |e| End::Failed(format!("The link cannot be used: {e}"));
        let (socket, secure, unread) = stream.hand_over().map_err(unusable)?;
        rest.extend_from_slice(&unread);
        let (peer, local, _) = listener::addresses(&socket, Door::Node);
        let user = self.users.default_user().clone();
        let mut client = Client::new(socket, Door::Node, peer.into(), local.into(), user, self.now_ms);
        client.role = Role::Master;
        client.secure = secure;
        client.authenticated = true;
        client.access = Access::Everything;
        let index = self.clients.insert(Box::new(client));
        let now = self.bus_now();
        let generation = self.clients.get(index).map_or(0, |client| client.generation);
        let upstream = self.upstream_of(attempt)?;
        upstream.link = Link::Up(index, generation);
        upstream.resume = true;
        upstream.socket = None;
        (upstream.heard_ms, upstream.down_since_ms) = (now, 0);
        self.replication.inbound = Default::default();
        if let Some(mut client) = self.clients.take(index, generation) {
            // The master sends nothing before it knows that the image is there.
            self.send_ack(&mut client);
            self.receive_stream(&mut client, &rest);
            self.clients.put(client);
        }
        self.arrivals.push(index);
        self.mark_outgoing(index);
        self.role_changed();
        self.wake_self();
        Ok(())
    }
}

/// Tries until there is a link.
async fn link(core: Rc<RefCell<Core>>, attempt: u64) {
    loop {
        match try_link(&core, attempt).await {
            Ok(()) | Err(End::Replaced) => return,
            Err(End::Failed(why)) => warning!("{why}"),
        }
        if let Ok(upstream) = core.borrow_mut().upstream_of(attempt) {
            upstream.link = Link::Down;
            upstream.socket = None;
        }
        executor::sleep(RETRY).await;
        match core.borrow_mut().upstream_of(attempt) {
            Ok(upstream) => notice!("Connecting to PRIMARY {}:{}", upstream.host, upstream.port),
            Err(_) => return,
        }
    }
}

async fn try_link(core: &Rc<RefCell<Core>>, attempt: u64) -> Result<(), End> {
    let (host, port, limit, greeting) = {
        let mut core = core.borrow_mut();
        let now = core.bus_now();
        let (greeting, limit) = (core.greeting(), core.config.replication.repl_timeout);
        let upstream = core.upstream_of(attempt)?;
        upstream.link = Link::Connecting;
        upstream.heard_ms = now;
        (upstream.host.clone(), upstream.port, Duration::from_secs(u64::from(limit)), greeting)
    };
    notice!("PRIMARY <-> REPLICA sync started");
    let ip: IpAddr = host.parse().map_err(|_| End::Failed(format!("'{host}' is no IP address")))?;
    let (source, tls) = {
        let core = core.borrow();
        (settings::source_address(&core.config), core.tls.to_master.clone())
    };
    let connected = Channel::connect(SocketAddr::new(ip, port), source, limit, tls).await;
    let failed = |e: std::io::Error| End::Failed(format!("Error condition on socket for SYNC: {e}"));
    let mut stream = connected.map_err(failed)?;
    {
        let mut core = core.borrow_mut();
        let upstream = core.upstream_of(attempt)?;
        upstream.link = Link::Handshake;
        upstream.socket = Some(stream.socket().duplicate().map_err(failed)?);
    }
    let (answer, rest) = shake_hands(core, attempt, &mut stream, greeting).await?;
    match answer {
        Answer::Continue(id) => {
            let mut core = core.borrow_mut();
            core.upstream_of(attempt)?;
            core.resume_stream(id);
            core.attach_master(attempt, stream, rest)
        }
        Answer::Full { place, payload } => {
            core.borrow_mut().drop_foreign_history(attempt, place.map(|(id, _)| id))?;
            let rest = take_image(core, attempt, &mut stream, payload, rest).await?;
            let mut core = core.borrow_mut();
            core.upstream_of(attempt)?;
            let (id, offset) = place.unwrap_or_else(|| (random_id(), 0));
            core.replication.restart_stream(History::new(id), offset);
            core.attach_master(attempt, stream, rest)?;
            notice!("PRIMARY <-> REPLICA sync: Finished with success");
            Ok(())
        }
    }
}

/// Reads once; what came is in `buffer[..len]`.
pub async fn read(
    core: &Rc<RefCell<Core>>,
    attempt: u64,
    stream: &mut Channel,
    buffer: &mut [u8],
) -> Result<usize, End> {
    let read = stream.read(buffer).await;
    let mut core = core.borrow_mut();
    let now = core.bus_now();
    core.upstream_of(attempt)?.heard_ms = now;
    match read {
        Ok(0) => Err(End::Failed("I/O error trying to sync with PRIMARY: connection lost".to_owned())),
        Ok(len) => Ok(len),
        Err(e) => Err(End::Failed(format!("I/O error trying to sync with PRIMARY: {e}"))),
    }
}

/// The master's answer, and what came behind it.
async fn shake_hands(
    core: &Rc<RefCell<Core>>,
    attempt: u64,
    stream: &mut Channel,
    greeting: Greeting,
) -> Result<(Answer, Vec<u8>), End> {
    let mut handshake = Handshake::new(greeting);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let output = handshake.output();
        stream
            .write_all(&output)
            .await
            .map_err(|e| End::Failed(format!("Sending command to primary in replication handshake: {e}")))?;
        let len = read(core, attempt, stream, &mut buffer).await?;
        let answer = handshake.receive(&buffer[..len]);
        handshake.notes().iter().for_each(|note| notice!("{note}"));
        match answer {
            Ok(Some((answer, used))) => return Ok((answer, buffer[used..len].to_vec())),
            Ok(None) => {}
            Err(failure) => return Err(End::Failed(failure.to_string())),
        }
    }
}
