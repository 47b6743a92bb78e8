//! Siblings that know each other from the first moment, without a network.
//!
//! `bootstrap yes` on a fresh folder: the cores of one process become the masters of a working cluster, with
//! all slots shared out as `redis-cli --cluster create` would and distinct config epochs, so that no epoch
//! has to be fought out later. Cores that a later start adds join the cluster of the others ([`introduce`]).

use base::{SLOT_COUNT, Slot};

use crate::config::Config;
use crate::node::{Address, Flags, Node};
use crate::random::Random;
use crate::state::Cluster;

/// Contiguous shares of all slots among `masters`, as `(first, last)`, the way redis-cli rounds them.
pub fn share_slots(masters: usize) -> Vec<(Slot, Slot)> {
    assert!((1..=SLOT_COUNT).contains(&masters), "every master gets at least one slot");
    let per_master = SLOT_COUNT as f64 / masters as f64;
    let (mut first, mut cursor) = (0, 0.0);
    (0..masters)
        .map(|i| {
            let last =
                if i + 1 == masters { SLOT_COUNT - 1 } else { (cursor + per_master - 1.0).round() as usize };
            let share = (numbered(first), numbered(last.max(first)));
            first = last.max(first) + 1;
            cursor += per_master;
            share
        })
        .collect()
}

fn numbered(slot: usize) -> Slot {
    Slot::new(slot as u16).expect("a share ends at the last slot")
}

/// The states of siblings that form a complete cluster: one per address and configuration, in order.
pub fn bootstrap(siblings: Vec<(String, Config)>, random: &mut Random, now: u64) -> Vec<Cluster> {
    let names: Vec<_> = siblings.iter().map(|_| (random.node_id(), random.node_id())).collect();
    let shares = share_slots(siblings.len());
    let row = |i: usize| {
        let (ip, config): &(String, Config) = &siblings[i];
        let mut node = Node::new(names[i].0, names[i].1, Flags::MASTER, now);
        node.address = Address { ip: ip.clone(), ports: config.announced_ports() };
        node.flags.set(Flags::EXTENSIONS.with(Flags::LIGHT_HEADER), true);
        node.config_epoch = i as u64 + 1;
        node.sibling = true;
        (node.pong_received, node.data_received) = (now, now);
        node
    };
    let build = |me: usize| {
        let seed = std::array::from_fn(|_| random.next());
        let mut cluster = Cluster::empty(siblings[me].1.clone(), Random::new(seed), now);
        for (i, (first, last)) in shares.iter().enumerate() {
            let mut node = row(i);
            if i == me {
                node.flags.set(Flags::MYSELF, true);
                node.sibling = false;
            }
            let index = cluster.nodes.insert(node).expect("a process has fewer cores than a table has rows");
            if i == me {
                cluster.me = index;
            }
            for slot in (first.number()..=last.number()).filter_map(Slot::new) {
                cluster.slots.bind(&mut cluster.nodes, slot, index);
            }
        }
        cluster.current_epoch = siblings.len() as u64;
        cluster.log_notice(format!("Bootstrap: I'm {}, one of {} masters", names[me].0, siblings.len()));
        cluster.describe_myself();
        cluster.set_siblings(names.iter().map(|(id, _)| *id), now);
        cluster.start_whole();
        cluster.save_later(true);
        cluster.finish(now);
        cluster
    };
    (0..siblings.len()).map(build).collect()
}

/// Makes two siblings know each other: `newcomer`, which knows nobody yet, joins the cluster of `host` as a master
/// without slots.
pub fn introduce(newcomer: &mut Cluster, host: &mut Cluster, now: u64) {
    newcomer.nodes[newcomer.me].address.ip.clone_from(&host.myself().address.ip);
    let rows = [newcomer.row_for_sibling(now), host.row_for_sibling(now)];
    for (cluster, row) in [host, newcomer].into_iter().zip(rows) {
        cluster.log_notice(format!("Sibling {} joins", row.id));
        cluster.nodes.insert(row);
        cluster.save_later(true);
        cluster.finish(now);
    }
}

impl Cluster {
    /// How a sibling sees this node at first.
    fn row_for_sibling(&self, now: u64) -> Node {
        let myself = self.myself();
        let role = Flags(myself.flags.0 & Flags::MASTER.with(Flags::REPLICA).0);
        let mut row = Node::new(myself.id, myself.shard_id, role, now);
        row.address = myself.address.clone();
        (row.pong_received, row.data_received) = (now, now);
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slots::Owner;

    fn shares(masters: usize) -> Vec<(u16, u16)> {
        share_slots(masters).iter().map(|(a, b)| (a.number(), b.number())).collect()
    }

    #[test]
    fn shares_are_those_of_redis_cli() {
        assert_eq!(shares(1), [(0, 16383)]);
        assert_eq!(shares(3), [(0, 5460), (5461, 10922), (10923, 16383)]);
        assert_eq!(shares(5), [(0, 3276), (3277, 6553), (6554, 9829), (9830, 13106), (13107, 16383)]);
        assert_eq!(shares(16384).len(), 16384);
    }

    #[test]
    fn a_newcomer_is_known_and_serves_nothing() {
        let config = |i: u16| Config { port: 7000 + i, ..Config::default() };
        let mut random = Random::from_number(1);
        let mut host = bootstrap(vec![("10.0.0.1".to_string(), config(0))], &mut random, 1000).remove(0);
        let mut newcomer = Cluster::new(config(1), Random::from_number(2), 1000);
        introduce(&mut newcomer, &mut host, 1000);
        let seen = host.find_node(newcomer.my_id()).expect("the host knows it");
        assert!(seen.is_master() && seen.slots.is_empty());
        assert_eq!((seen.address.ip.as_str(), seen.address.ports.tcp), ("10.0.0.1", 7001));
        assert!(newcomer.find_node(host.my_id()).is_some());
        assert_eq!(newcomer.myself().address.ip, "10.0.0.1");
    }

    #[test]
    fn siblings_agree() {
        let config = |i: u16| Config { port: 7000 + i, ..Config::default() };
        let all = (0..3).map(|i| ("10.0.0.1".to_string(), config(i))).collect();
        let clusters = bootstrap(all, &mut Random::from_number(1), 1000);
        for (i, cluster) in clusters.iter().enumerate() {
            assert!(cluster.is_ok());
            assert_eq!(cluster.nodes().count(), 3);
            assert_eq!(cluster.myself().config_epoch, i as u64 + 1);
            for (j, other) in clusters.iter().enumerate() {
                let slot = share_slots(3)[j].0;
                match cluster.owner(slot) {
                    Owner::Me => assert_eq!(i, j),
                    Owner::Node(n) => assert_eq!(cluster.node(n).unwrap().id, other.myself().id),
                    Owner::None => panic!("slot {slot} has no owner"),
                }
            }
        }
    }
}
