//! One virtual node: a core with its clock, its file and its share of a made-up replication.

use std::collections::BTreeMap;

use base::NodeId;
use cluster::{Cluster, Config, LinkId, Random, Replication, SiblingMessage};

use crate::disk::Disk;
use crate::network::{ConnId, Parcel};

/// When the virtual world begins, ms since 1970.
pub const EPOCH_MS: u64 = 1_700_000_000_000;

/// Something that reached a node while it was stopped and waits in its kernel.
#[derive(Debug)]
pub enum Waiting {
    /// A parcel for an end of a connection.
    Parcel(ConnId, usize, Parcel),
    /// A new connection.
    Accept(ConnId),
    /// A message of a sibling.
    Sibling(NodeId, SiblingMessage),
}

/// A virtual node.
#[derive(Debug)]
pub struct SimNode {
    /// Its brain; `None` while its process is down.
    pub cluster: Option<Cluster>,
    /// Counts its processes: events for an older one are void.
    pub life: u32,
    /// Its name; it keeps it for life.
    pub id: NodeId,
    /// Its directives.
    pub config: Config,
    /// The process it lives in; also its host.
    pub process: usize,
    /// Its `nodes.conf` as written.
    pub conf: String,
    /// Its `nodes.conf` as synced: what a crash of the host leaves.
    pub synced_conf: String,
    /// What waits for its disk.
    pub disk: Disk,
    /// How far its clock is ahead, ms.
    pub skew: i64,
    /// Stopped by SIGSTOP.
    pub stopped: bool,
    /// Whether its host is up; a process that is down on a host that is up refuses connections.
    pub host_up: bool,
    /// When its next tick is due, ms of the world.
    pub tick_at: u64,
    /// Which connection each of its links is.
    pub links: BTreeMap<LinkId, (ConnId, usize)>,
    /// What waits in its kernel while it is stopped.
    pub waiting: Vec<Waiting>,
    /// Its replication offset.
    pub offset: i64,
    /// Whom its replication follows, and when a full synchronisation is done.
    pub following: Option<(NodeId, u64)>,
    /// When it last heard its master, its clock.
    pub master_last_seen: u64,
    /// Its clients may not write until then, ms of the world.
    pub paused_until: u64,
    /// The voters it cannot talk to and since when, ms of the world.
    pub out_of_touch: BTreeMap<NodeId, u64>,
}

impl SimNode {
    /// A node that is down.
    pub fn new(id: NodeId, config: Config, process: usize, skew: i64) -> SimNode {
        SimNode {
            cluster: None,
            life: 0,
            id,
            config,
            process,
            conf: String::new(),
            synced_conf: String::new(),
            disk: Disk::default(),
            skew,
            stopped: false,
            host_up: true,
            tick_at: u64::MAX,
            links: BTreeMap::new(),
            waiting: Vec::new(),
            offset: 0,
            following: None,
            master_last_seen: 0,
            paused_until: 0,
            out_of_touch: BTreeMap::new(),
        }
    }

    /// Its clock.
    pub fn clock(&self, now: u64) -> u64 {
        (EPOCH_MS + now).saturating_add_signed(self.skew)
    }

    /// When its clock will show `at`, ms of the world.
    pub fn world_time(&self, at: u64) -> u64 {
        at.saturating_add_signed(-self.skew).saturating_sub(EPOCH_MS)
    }

    /// Starts its process from its file.
    pub fn boot(&mut self, now: u64, random: &mut Random) -> Result<(), cluster::ConfError> {
        let seed = std::array::from_fn(|_| random.next());
        let clock = self.clock(now);
        let brain = Cluster::load(&self.conf, self.config.clone(), Random::new(seed), clock)?;
        self.life += 1;
        self.stopped = false;
        self.host_up = true;
        self.tick_at = u64::MAX;
        self.following = None;
        self.paused_until = 0;
        self.out_of_touch.clear();
        self.cluster = Some(brain);
        Ok(())
    }

    /// Tells the brain what replication knows.
    pub fn report_replication(&mut self) {
        let replication = Replication { offset: self.offset, master_last_seen: self.master_last_seen };
        if let Some(brain) = &mut self.cluster {
            brain.set_replication(replication);
        }
    }

    /// Whether it runs and is not stopped.
    pub fn runs(&self) -> bool {
        self.cluster.is_some() && !self.stopped
    }
}
