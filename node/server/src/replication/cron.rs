//! What replication does once a second.

use crate::client::Closing;
use crate::core::Core;
use crate::log::{notice, warning};
use crate::replication::PING;
use crate::replication::replicas::{Replica, Stage};
use crate::replication::upstream::{Link, Upstream};

impl Core {
    /// Pings, acknowledges, and gives up what is dead.
    pub fn replication_second(&mut self) {
        self.tend_upstream();
        self.ping_replicas();
        self.drop_dead_replicas();
        self.forget_idle_backlog();
        self.begin_due_image(false);
        self.count_good_replicas();
        self.replication.seconds += 1;
    }

    fn timeout_ms(&self) -> u64 {
        u64::from(self.config.replication.repl_timeout) * 1000
    }

    /// Gives up a silent master; tells one that lives how far this node is.
    fn tend_upstream(&mut self) {
        let (now, timeout_ms) = (self.bus_now(), self.timeout_ms());
        let Some(upstream) = &self.replication.upstream else { return };
        let silent = now.saturating_sub(upstream.heard_ms) > timeout_ms;
        let why = match upstream.link {
            Link::Down => return,
            Link::Up(index, generation) if !silent => {
                if let Some(mut client) = self.clients.take(index, generation) {
                    self.send_ack(&mut client);
                    self.clients.put(client);
                    self.mark_outgoing(index);
                }
                return;
            }
            _ if !silent => return,
            Link::Connecting | Link::Handshake => "Timeout connecting to the PRIMARY...",
            Link::Image(..) => {
                "Timeout receiving bulk data from PRIMARY... If the problem persists try to set the 'repl-timeout' \
                 parameter in valkey.conf to a larger value."
            }
            Link::Up(..) => "PRIMARY timeout: no data nor PING received...",
        };
        warning!("{why}");
        self.reconnect();
    }

    /// Gives up an image whose master was silent both here and on the bus for the node timeout: the cluster will not wait
    /// longer for that master, and until another is found this node had better serve what it had
    /// (`repl-diskless-load swapdb`) than wait for the rest.
    pub fn give_up_lost_image(&mut self) {
        let receives = |upstream: &&Upstream| matches!(upstream.link, Link::Image(..));
        let Some(upstream) = self.replication.upstream.as_ref().filter(receives) else { return };
        let Some(master) = self.cluster.myself().master.and_then(|master| self.cluster.node(master)) else {
            return;
        };
        let heard_ms = upstream.heard_ms.max(master.data_received);
        if self.bus_now().saturating_sub(heard_ms) > self.config.cluster.node_timeout {
            warning!("The PRIMARY is silent on the cluster bus, too: its bulk data is given up");
            self.reconnect();
        }
    }

    /// Replicas must be able to tell a silent master from a dead one: a PING in the stream now and then, an empty
    /// line to those that have no stream yet, or whose stream stands still because this node's own master is gone.
    fn ping_replicas(&mut self) {
        let period = u64::from(self.config.replication.repl_ping_replica_period);
        // A manual failover compares offsets: while clients are paused for one, the stream stands still.
        let still = self.pause.until_ms(self.now_ms).is_some() && self.cluster.is_failing_over();
        if self.replication.seconds.is_multiple_of(period) && self.replication.replicas.len() > 0 && !still {
            self.replication.feed_aside(PING);
        }
        let images = &self.replication.images;
        let waits = |replica: &&Replica| match replica.stage {
            Stage::Waiting(_) => true,
            Stage::Receiving(number) => images.is_silent(number),
            _ => false,
        };
        let waiting: Vec<u32> =
            self.replication.replicas.iter().filter(waits).map(|replica| replica.index).collect();
        waiting.into_iter().for_each(|index| self.tell_replica(index, b"\n"));
    }

    fn drop_dead_replicas(&mut self) {
        let (now_ms, timeout_ms) = (self.now_ms, self.timeout_ms());
        let is_dead = |replica: &&Replica| {
            let listens = match replica.stage {
                Stage::Online => replica.acknowledges,
                Stage::Receiving(_) => true,
                _ => false,
            };
            listens && now_ms.saturating_sub(replica.heard_ms) > timeout_ms
        };
        let dead: Vec<(u32, String, bool)> = self
            .replication
            .replicas
            .iter()
            .filter(is_dead)
            .map(|replica| (replica.index, replica.name(), replica.stage == Stage::Online))
            .collect();
        for (index, name, online) in dead {
            let phase = if online { "streaming sync" } else { "full sync" };
            warning!("Disconnecting timedout replica ({phase}): {name}");
            if let Some(client) = self.clients.get(index).filter(|client| client.closing == Closing::No) {
                client.shut();
            }
            self.mark_outgoing(index);
        }
    }

    /// `repl-backlog-ttl`. A replica keeps its backlog: it may be promoted.
    fn forget_idle_backlog(&mut self) {
        let ttl_s = self.config.replication.repl_backlog_ttl;
        let replication = &self.replication;
        let idle_s = self.now_ms.saturating_sub(replication.alone_since_ms) / 1000;
        let idle = replication.replicas.len() == 0 && !replication.is_replica() && idle_s > ttl_s;
        if ttl_s > 0 && idle && replication.backlog.is_some() {
            self.replication.drop_backlog();
            self.update_recording();
            notice!("Replication backlog freed after {ttl_s} seconds without connected replicas.");
        }
    }
}
