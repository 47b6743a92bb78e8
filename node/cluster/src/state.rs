//! All that one node knows and is about to do: the state every other file of this crate works on.
//!
//! One [`Cluster`] belongs to one core. Its files each add the methods of one idea; this one has the fields,
//! how a state comes to be, and the few steps that many ideas share: relations between nodes, forgetting a
//! node, and what is done once at the end of each event (`finish`).

use std::collections::VecDeque;

use base::{NodeId, Slot};

use crate::bans::Bans;
use crate::config::Config;
use crate::effects::{Effect, Level, Save};
use crate::election::Election;
use crate::fast_failure::Suspicions;
use crate::health::Health;
use crate::links::{LinkId, Links};
use crate::manual_failover::ManualFailover;
use crate::node::{Flags, Node, NodeIndex};
use crate::nodes::Nodes;
use crate::publish::ProcessId;
use crate::random::Random;
use crate::role::Following;
use crate::siblings::Siblings;
use crate::slots::Slots;
use crate::stats::Stats;

/// What the replication of this node reports to its brain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Replication {
    /// The replication offset: written as master, or processed as replica.
    pub offset: i64,
    /// For a replica: when its master was last heard (ms since 1970), or since when the link is down.
    pub master_last_seen: u64,
}

/// Work put off to the end of the event that caused it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Todo {
    pub(crate) update_state: bool,
    pub(crate) save: Option<Save>,
    pub(crate) failover: bool,
    pub(crate) manual_failover: bool,
}

impl Todo {
    /// The file has to be saved, and kept as well as `save` says.
    pub(crate) fn keep(&mut self, save: Save) {
        self.save = self.save.max(Some(save));
    }
}

/// Debugging switches of the public test suite.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Debug {
    /// DEBUG DROP-CLUSTER-PACKET-FILTER.
    pub(crate) drop_packet_type: Option<u16>,
    /// DEBUG CLOSE-CLUSTER-LINK-ON-PACKET-DROP.
    pub(crate) close_link_on_drop: bool,
}

/// The brain of one node. See the crate's header for the order of calls.
#[derive(Debug)]
pub struct Cluster {
    pub(crate) config: Config,
    pub(crate) random: Random,
    pub(crate) nodes: Nodes,
    pub(crate) me: NodeIndex,
    pub(crate) slots: Slots,
    pub(crate) current_epoch: u64,
    pub(crate) last_vote_epoch: u64,
    pub(crate) replication: Replication,
    /// What replication was last told to follow, and whether what comes next has another history.
    pub(crate) following: Option<Following>,
    pub(crate) needs_full_sync: bool,
    pub(crate) health: Health,
    pub(crate) election: Election,
    pub(crate) suspicions: Suspicions,
    pub(crate) manual: ManualFailover,
    pub(crate) bans: Bans,
    pub(crate) links: Links,
    pub(crate) siblings: Siblings,
    /// This node's process, when it has several cores.
    pub(crate) process: Option<ProcessId>,
    pub(crate) stats: Stats,
    pub(crate) debug: Debug,
    pub(crate) todo: Todo,
    /// Time of the last event.
    pub(crate) clock: u64,
    pub(crate) next_tick: u64,
    /// When a random node is pinged next, and how often that was.
    pub(crate) next_turn: u64,
    pub(crate) turns: u64,
    pub(crate) pings: u64,
    /// What the driver will see next.
    pub(crate) effects: VecDeque<Effect>,
    /// Packets of the running event: they may leave only after the configuration they speak of is saved.
    pub(crate) outbox: Vec<Effect>,
}

impl Cluster {
    /// A fresh node that knows nobody, with a random name.
    pub fn new(config: Config, mut random: Random, now: u64) -> Cluster {
        let (id, shard) = (random.node_id(), random.node_id());
        let mut cluster = Cluster::empty(config, random, now);
        let myself = Node::new(id, shard, Flags::MYSELF.with(Flags::MASTER), now);
        cluster.me = cluster.nodes.insert(myself).expect("an empty table has room");
        cluster.log_notice(format!("No cluster configuration found, I'm {id}"));
        cluster.describe_myself();
        cluster.todo.keep(Save::Soon);
        cluster.finish(now);
        cluster
    }

    /// A state without nodes; `me` is set by the caller at once.
    pub(crate) fn empty(config: Config, random: Random, now: u64) -> Cluster {
        Cluster {
            config,
            random,
            nodes: Nodes::default(),
            me: NodeIndex(0),
            slots: Slots::new(),
            current_epoch: 0,
            last_vote_epoch: 0,
            replication: Replication::default(),
            following: None,
            needs_full_sync: false,
            health: Health::default(),
            election: Election::default(),
            suspicions: Suspicions::default(),
            manual: ManualFailover::default(),
            bans: Bans::default(),
            links: Links::default(),
            siblings: Siblings::default(),
            process: None,
            stats: Stats::default(),
            debug: Debug::default(),
            todo: Todo::default(),
            clock: now,
            next_tick: now,
            next_turn: now,
            turns: 0,
            pings: 0,
            effects: VecDeque::new(),
            outbox: Vec::new(),
        }
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Obeys `config` from now on (CONFIG SET).
    pub fn set_config(&mut self, config: Config, now: u64) {
        if self.config.announce_ip != config.announce_ip && config.announce_ip.is_none() {
            self.nodes[self.me].address.ip.clear(); // Seen again from the next MEET or PING.
        }
        self.config = config;
        self.describe_myself();
        self.todo.keep(Save::Soon);
        self.todo.update_state = true;
        self.finish(now);
    }

    /// Takes over what replication reports. Cheap: to be called before ticks and packets.
    pub fn set_replication(&mut self, replication: Replication) {
        self.replication = replication;
    }

    /// Brings this node's own row in step with the configuration.
    pub(crate) fn describe_myself(&mut self) {
        let config = &self.config;
        let node = &mut self.nodes[self.me];
        node.flags.set(Flags::NOFAILOVER, config.replica_no_failover);
        node.flags.set(Flags::LIGHT_HEADER.with(Flags::EXTENSIONS), true);
        if let Some(ip) = &config.announce_ip {
            node.address.ip.clone_from(ip);
        }
        node.address.ports = config.announced_ports();
        node.hostname.clone_from(&config.announce_hostname);
        node.human_name.clone_from(&config.announce_human_nodename);
        node.client_ipv4.clone_from(&config.announce_client_ipv4);
        node.client_ipv6.clone_from(&config.announce_client_ipv6);
        node.client_tcp_port = config.announce_client_port;
        node.client_tls_port = config.announce_client_tls_port;
        node.zone.clone_from(&config.availability_zone);
    }

    /// This node's row.
    #[inline]
    pub fn myself(&self) -> &Node {
        &self.nodes[self.me]
    }

    /// The row at `index`, or `None` once that node is forgotten.
    pub fn node(&self, index: NodeIndex) -> Option<&Node> {
        self.nodes.get(index)
    }

    /// Every known node, by name.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().map(|(_, node)| node)
    }

    /// The node called `id`.
    pub fn find_node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.find(id).map(|index| &self.nodes[index])
    }

    /// The master of this node: itself, or the one it replicates when that is known.
    pub(crate) fn my_master(&self) -> NodeIndex {
        self.nodes[self.me].master.unwrap_or(self.me)
    }

    /// The config epoch a node stands for: a replica's is its master's.
    pub fn node_epoch(&self, index: NodeIndex) -> u64 {
        let node = &self.nodes[index];
        self.nodes[node.master.unwrap_or(index)].config_epoch
    }

    /// The newest epoch seen anywhere.
    pub(crate) fn max_epoch(&self) -> u64 {
        self.nodes().map(|node| node.config_epoch).fold(self.current_epoch, u64::max)
    }

    /// The newest epoch of the cluster, as far as this node knows.
    pub fn current_epoch(&self) -> u64 {
        self.current_epoch
    }

    /// The epoch this node last voted in.
    pub fn last_vote_epoch(&self) -> u64 {
        self.last_vote_epoch
    }

    /// Points `replica` at `master`, keeping both masters' lists of replicas in step.
    pub(crate) fn set_master_of(&mut self, replica: NodeIndex, master: Option<NodeIndex>) {
        if let Some(old) = self.nodes[replica].master.take() {
            let old = &mut self.nodes[old];
            old.replicas.retain(|r| *r != replica);
            if old.replicas.is_empty() {
                old.flags.set(Flags::MIGRATE_TO, false);
                self.nodes.replicated -= 1;
            }
        }
        self.nodes[replica].master = master;
        if let Some(master) = master {
            let mut replicas = std::mem::take(&mut self.nodes[master].replicas);
            self.nodes.replicated += usize::from(replicas.is_empty());
            replicas.push(replica);
            replicas.sort_by_key(|r| self.nodes[*r].id);
            self.nodes[master].replicas = replicas;
            self.nodes[master].flags.set(Flags::MIGRATE_TO, true);
        }
    }

    /// Makes a replica a master in the table.
    pub(crate) fn set_as_master(&mut self, index: NodeIndex) {
        if self.nodes[index].is_master() {
            return;
        }
        let had_master = self.nodes[index].master.is_some();
        self.set_master_of(index, None);
        let myself = index == self.me;
        let flags = &mut self.nodes[index].flags;
        flags.set(Flags::REPLICA, false);
        flags.set(Flags::MASTER, true);
        if had_master && !myself {
            flags.set(Flags::MIGRATE_TO, true);
        }
        self.todo.keep(Save::Soon);
        self.todo.update_state = true;
    }

    /// Forgets a node and every reference to it, and closes its links.
    pub(crate) fn remove_node(&mut self, index: NodeIndex) {
        assert!(index != self.me, "a node does not forget itself");
        self.slots.forget(&mut self.nodes, index);
        for other in self.nodes.indexes() {
            self.nodes[other].reports.retain(|report| report.from != index);
            if self.nodes[other].master == Some(index) {
                self.nodes[other].master = None;
            }
        }
        self.set_master_of(index, None);
        for link in [self.nodes[index].link, self.nodes[index].inbound].into_iter().flatten() {
            self.close_link(link);
        }
        if self.manual.replica == Some(index) {
            self.reset_manual_failover();
        }
        self.nodes.remove(index);
        self.todo.keep(Save::Soon);
        self.todo.update_state = true;
    }

    /// Closes a link of this side's own accord.
    pub(crate) fn close_link(&mut self, id: LinkId) {
        if let Some(link) = self.links.remove(id) {
            self.unlink(id, &link);
            self.outbox.push(Effect::Close { link: id });
        }
    }

    /// Drops the node's reference to a link that is gone.
    pub(crate) fn unlink(&mut self, id: LinkId, link: &crate::links::Link) {
        let Some(node) = link.node else { return };
        let slot = if link.inbound { &mut self.nodes[node].inbound } else { &mut self.nodes[node].link };
        if *slot == Some(id) {
            *slot = None;
            if !link.inbound {
                // It may be another process next time.
                (self.nodes[node].heard, self.nodes[node].process) = (false, None);
            }
        }
    }

    /// Notes that the configuration has to reach the disk, and whether before any packet leaves.
    pub(crate) fn save_later(&mut self, fsync: bool) {
        self.todo.keep(if fsync { Save::Promised } else { Save::Soon });
    }

    pub(crate) fn log_notice(&mut self, text: String) {
        self.effects.push_back(Effect::Log { level: Level::Notice, text });
    }

    pub(crate) fn log_warning(&mut self, text: String) {
        self.effects.push_back(Effect::Log { level: Level::Warning, text });
    }

    pub(crate) fn log_verbose(&mut self, text: String) {
        self.effects.push_back(Effect::Log { level: Level::Verbose, text });
    }

    /// Ends an event: what was put off is done, then the configuration is saved, then packets may leave.
    pub(crate) fn finish(&mut self, now: u64) {
        self.clock = now;
        if std::mem::take(&mut self.todo.manual_failover) && self.myself().is_replica() {
            self.continue_manual_failover();
            self.todo.failover = true;
        }
        if std::mem::take(&mut self.todo.failover) {
            self.continue_failover(now);
        }
        if std::mem::take(&mut self.todo.update_state) {
            self.update_state(now);
        }
        self.tell_siblings(now);
        self.stay_alert(now);
        self.report_released_slots();
        if let Some(save) = self.todo.save.take() {
            self.effects.push_back(Effect::SaveConfig { save });
        }
        self.effects.extend(self.outbox.drain(..));
    }

    /// Tells which slots left this node's shard, for whoever holds channels or caches by slot, and which changed
    /// hands between siblings.
    fn report_released_slots(&mut self) {
        let released = std::mem::take(&mut self.slots.released);
        if released.is_empty() {
            return;
        }
        self.report_moves_between_siblings(&released);
        let mine = [Some(self.me), self.nodes[self.me].master];
        let slots: Vec<Slot> =
            released.into_iter().filter(|(_, owner)| mine.contains(&Some(*owner))).map(|(s, _)| s).collect();
        if !slots.is_empty() {
            self.effects.push_back(Effect::SlotsReleased(slots));
        }
    }

    /// Whether there is something to do for the driver.
    pub fn has_effects(&self) -> bool {
        !self.effects.is_empty()
    }

    /// The next thing to do for the driver, in order; `None` when all is done.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }
}
