//! The replicas that follow this node: who they are, how far they are, what each is sent next.

use replication::Piece;

use crate::client::{Client, Role};
use crate::config::BufferLimit;
use crate::core::Core;
use crate::log::warning;

/// Bytes of the stream handed to the ring at once for one replica.
const SEND_BYTES: usize = 1024 * 1024;

/// How far a replica is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It has only said who it is.
    Greeting,
    /// It waits for an image to be begun, since then (unix ms).
    Waiting(u64),
    /// This image is on its way to it.
    Receiving(u64),
    /// It has the image, and will say so.
    Loading,
    /// It has the image and wanted nothing else.
    Served,
    /// It follows the stream.
    Online,
}

/// What an image for a replica holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Filter {
    /// No keys (`rdb-filter-only` without them).
    pub no_keys: bool,
    /// No functions.
    pub no_functions: bool,
}

/// A client that said REPLCONF or SYNC.
#[derive(Debug, Clone)]
pub struct Replica {
    /// The client's index, and its ID.
    pub index: u32,
    id: u64,
    /// How far it is.
    pub stage: Stage,
    /// Its port, as it says.
    pub port: u16,
    /// Its address, as it says or as the socket does.
    pub ip: String,
    /// It understands an image that ends with a mark.
    pub marks: bool,
    /// It understands a new name of the stream.
    pub renames: bool,
    /// It used PSYNC, so it acknowledges.
    pub acknowledges: bool,
    /// It obeys SETSLOT of its master: it is newer than 7.2.
    pub takes_set_slot: bool,
    /// It wants an image and no stream.
    pub image_only: bool,
    /// What of the image it wants.
    pub filter: Filter,
    /// Offset of the next byte to send it.
    pub cursor: u64,
    /// What it has processed, and what of that is on its disk.
    pub acked: u64,
    /// See `acked`.
    pub synced: u64,
    /// When it last said so, or took bytes of an image; unix ms.
    pub heard_ms: u64,
}

impl Replica {
    fn new(client: &Client, now_ms: u64) -> Replica {
        let ip = client.peer.rsplit_once(':').map_or("", |(ip, _)| ip);
        Replica {
            index: client.index,
            id: client.id,
            stage: Stage::Greeting,
            port: 0,
            ip: ip.trim_matches(['[', ']']).to_owned(),
            marks: false,
            renames: false,
            acknowledges: false,
            takes_set_slot: false,
            image_only: false,
            filter: Filter::default(),
            cursor: 0,
            acked: 0,
            synced: 0,
            heard_ms: now_ms,
        }
    }

    /// Its state in INFO's words.
    pub fn state(&self) -> &'static str {
        match self.stage {
            Stage::Greeting => "",
            Stage::Waiting(_) => "wait_bgsave",
            Stage::Receiving(_) => "send_bulk",
            Stage::Served => "rdb_transmitted",
            Stage::Loading | Stage::Online => "online",
        }
    }

    /// Whether it follows the stream.
    pub fn is_online(&self) -> bool {
        matches!(self.stage, Stage::Online | Stage::Loading)
    }

    /// Whether it has processed the stream up to `offset`.
    pub fn has_acked(&self, offset: u64) -> bool {
        self.is_online() && self.acked >= offset
    }

    /// Seconds since it last acknowledged.
    pub fn lag_s(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.heard_ms) / 1000
    }

    /// Its name in the log.
    pub fn name(&self) -> String {
        let Replica { ip, port, id, .. } = self;
        if *port != 0 { format!("{ip}:{port}") } else { format!("client id #{id}") }
    }
}

/// All replicas of a core, oldest first.
#[derive(Debug, Default)]
pub struct Replicas {
    all: Vec<Replica>,
    /// Online and not lagging, counted once a second (`min-replicas-to-write`).
    pub good: u32,
}

impl Replicas {
    /// Those that asked for data.
    pub fn iter(&self) -> impl Iterator<Item = &Replica> {
        self.all.iter().filter(|replica| replica.stage != Stage::Greeting)
    }

    /// Number of those.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// What is known of the client at `index`.
    pub fn get(&mut self, index: u32) -> Option<&mut Replica> {
        self.all.iter_mut().find(|replica| replica.index == index)
    }

    /// What is known of `client`, from now on.
    pub fn know(&mut self, client: &Client, now_ms: u64) -> &mut Replica {
        let known = self.all.iter().position(|replica| replica.index == client.index);
        let at = known.unwrap_or_else(|| {
            self.all.push(Replica::new(client, now_ms));
            self.all.len() - 1
        });
        &mut self.all[at]
    }

    /// The client at `index` is gone.
    fn forget(&mut self, index: u32) {
        self.all.retain(|replica| replica.index != index);
    }

    /// How many have processed the stream up to `offset`.
    pub fn acked(&self, offset: u64) -> usize {
        self.iter().filter(|replica| replica.has_acked(offset)).count()
    }

    /// How many follow the stream and obey SETSLOT.
    pub fn taking_set_slot(&self) -> usize {
        self.iter().filter(|replica| replica.stage == Stage::Online && replica.takes_set_slot).count()
    }

    /// How many have the stream up to `offset` on their disks.
    pub fn acked_on_disk(&self, offset: u64) -> usize {
        self.iter().filter(|replica| replica.is_online() && replica.synced >= offset).count()
    }

    /// Counts those that are online and at most `lag_s` seconds behind.
    fn count_good(&mut self, lag_s: u64, now_ms: u64) {
        let good = |replica: &&Replica| replica.is_online() && replica.lag_s(now_ms) <= lag_s;
        self.good = self.iter().filter(good).count() as u32;
    }

    /// The least offset that one of them has still to be sent.
    pub fn needed(&self) -> u64 {
        let reads = |replica: &&Replica| !matches!(replica.stage, Stage::Waiting(_) | Stage::Served);
        self.iter().filter(reads).map(|replica| replica.cursor).min().unwrap_or(u64::MAX)
    }
}

impl Core {
    /// Tells the loop which replicas have something to be sent, and forgets what all have. Called once a round.
    #[inline]
    pub fn push_stream(&mut self) {
        if self.replication.has_news() {
            self.push_stream_now();
        }
    }

    fn push_stream_now(&mut self) {
        self.begin_wanted_image();
        let paused = self.pause.until_ms(self.now_ms).is_some();
        let replication = &mut self.replication;
        // In a pause the stream stands still: a failover compares offsets.
        if replication.ask_ack && !paused {
            replication.ask_ack = false;
            replication.feed_aside(super::GET_ACK);
        }
        replication.grew = false;
        self.trim_backlog();
        let readers: Vec<u32> = self.replication.replicas.iter().map(|replica| replica.index).collect();
        readers.into_iter().for_each(|index| self.mark_outgoing(index));
    }

    /// Forgets of the stream what need not be kept.
    fn trim_backlog(&mut self) {
        let needed = self.replication.replicas.needed();
        if let Some(backlog) = &mut self.replication.backlog {
            backlog.trim(self.config.replication.repl_backlog_size as usize, needed);
        }
    }

    /// Puts what comes next for the replica at `index` into its replies, when all before is sent.
    pub fn fill_replica(&mut self, index: u32) {
        let Some(client) = self.clients.get(index) else { return };
        let Some(replica) = self.replication.replicas.get(index) else { return };
        let Some(backlog) = &self.replication.backlog else { return };
        if replica.stage != Stage::Online || client.sending.is_some() || !client.reply.is_empty() {
            return;
        }
        for piece in backlog.read(replica.cursor, SEND_BYTES) {
            replica.cursor += piece.bytes().len() as u64;
            match piece {
                Piece::Shared(bytes) => client.reply.shared(bytes),
                Piece::Growing(bytes) => client.reply.raw(bytes),
            }
        }
    }

    /// Bytes that wait for the replica at `index` beside its replies: they count against its output limit.
    pub fn stream_backlog(&self, index: u32) -> u64 {
        let replica = self.replication.replicas.iter().find(|replica| replica.index == index);
        let reads = replica.filter(|replica| !matches!(replica.stage, Stage::Waiting(_) | Stage::Served));
        reads.map_or(0, |replica| self.replication.offset().saturating_sub(replica.cursor))
    }

    /// The output limit of replicas. One below the backlog's size would cut those that the backlog is for.
    pub fn replica_limit(&self) -> BufferLimit {
        let limit = self.config.limits.client_output_buffer_limit[1];
        let least = self.config.replication.repl_backlog_size;
        let at_least = |bytes: u64| if bytes == 0 { 0 } else { bytes.max(least) };
        BufferLimit {
            hard_bytes: at_least(limit.hard_bytes),
            soft_bytes: at_least(limit.soft_bytes),
            ..limit
        }
    }

    /// A send to the replica `client` is done.
    pub fn replica_took(&mut self, client: &Client) {
        let now_ms = self.now_ms;
        if let Some(replica) = self.replication.replicas.get(client.index) {
            // An image shows by its progress that the replica lives, the stream by what is acknowledged.
            if let Stage::Receiving(_) = replica.stage {
                replica.heard_ms = now_ms;
                self.replication.images.wake();
            }
        }
    }

    /// Forgets the client at `index`, if it was a replica or the master.
    pub fn forget_replica(&mut self, client: &Client) {
        match client.role {
            Role::Client => {}
            Role::Replica => {
                warning!("Connection with replica {} lost.", client.peer);
                self.end_image_for(client.index);
            }
            Role::Master => self.master_lost(client),
        }
        self.replication.replicas.forget(client.index);
        if client.role == Role::Replica {
            self.replication.alone_since_ms = self.now_ms;
            self.count_good_replicas();
            self.trim_backlog();
        }
    }

    /// Counts the replicas that `min-replicas-to-write` is about.
    pub fn count_good_replicas(&mut self) {
        let lag_s = u64::from(self.config.replication.min_replicas_max_lag);
        self.replication.replicas.count_good(lag_s, self.now_ms);
    }

    /// Sends all replicas away: they come again, and learn that the stream has another name.
    pub fn disconnect_replicas(&mut self) {
        let indexes: Vec<u32> = self.replication.replicas.iter().map(|replica| replica.index).collect();
        for index in indexes {
            if let Some(client) = self.clients.get(index) {
                client.shut();
            }
            self.mark_outgoing(index);
        }
    }
}
