//! The commands of a cluster, their effects and Redis's texts.

use crate::kit::{Net, config};
use base::Slot;
use cluster::{Access, Asker, Effect, EndpointType, Owner, SlotSet, Strays};

#[test]
fn slots_are_assigned_all_or_none() {
    let mut net = Net::new(1);
    net.ok(0, "addslots 1 2 3");
    assert_eq!(net.error(0, "addslots 4 3"), "ERR Slot 3 is already busy");
    assert_eq!(net.error(0, "addslots 4 4"), "ERR Slot 4 specified multiple times");
    assert_eq!(net.error(0, "addslots 16384"), "ERR Invalid or out of range slot");
    assert_eq!(net.error(0, "addslots x"), "ERR Invalid or out of range slot");
    assert_eq!(net.error(0, "delslots 4"), "ERR Slot 4 is already unassigned");
    assert_eq!(
        net.error(0, "addslotsrange 9 5"),
        "ERR start slot number 9 is greater than end slot number 5"
    );
    assert_eq!(
        net.error(0, "addslotsrange 5 9 11"),
        "ERR wrong number of arguments for 'cluster|addslotsrange' command"
    );
    assert_eq!(net.nodes[0].owner(Slot::new(4).unwrap()), Owner::None);
    net.ok(0, "delslotsrange 1 2");
    assert!(net.nodes[0].nodes_text(Asker::default()).ends_with("connected 3\n"));
    net.ok(0, "flushslots");
    assert!(net.nodes[0].nodes_text(Asker::default()).ends_with("connected\n"));
}

#[test]
fn slots_on_the_move() {
    let mut net = Net::cluster(2, 0);
    let (a, b) = (net.id(0), net.id(1));
    assert_eq!(net.error(1, &format!("setslot 5 migrating {a}")), "ERR I'm not the owner of hash slot 5");
    assert_eq!(net.error(0, &format!("setslot 5 importing {b}")), "ERR I'm already the owner of hash slot 5");
    assert_eq!(net.error(0, "setslot 5 migrating nobody"), "ERR I don't know about node nobody");
    assert_eq!(net.error(0, "setslot 5 node nobody"), "ERR Unknown node nobody");
    assert_eq!(
        net.error(0, "setslot 5 sideways x"),
        "ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP"
    );
    assert_eq!(net.error(0, &format!("setslot 5 migrating {b} timeout")), "ERR Missing timeout value");
    net.ok(0, &format!("setslot 9000 importing {b}"));
    net.ok(1, &format!("setslot 9000 migrating {a}"));
    assert!(net.nodes[1].nodes_text(Asker::default()).contains(&format!(" [9000->-{a}]")));
    assert!(net.nodes[0].nodes_conf().contains(&format!(" [9000-<-{b}]")));
    let slot = Slot::new(9000).unwrap();
    assert!(net.nodes[1].migrating_to(slot).is_some() && net.nodes[0].importing_from(slot).is_some());
    net.ok(0, &format!("setslot 9000 node {a}"));
    net.ok(1, &format!("setslot 9000 node {a}"));
    assert_eq!(net.nodes[0].owner(slot), Owner::Me);
    assert!(matches!(net.nodes[1].owner(slot), Owner::Node(_)));
    assert!(net.nodes[1].migrating_to(slot).is_none() && net.nodes[0].importing_from(slot).is_none());
    assert_eq!(net.nodes[0].myself().config_epoch, 3, "the new owner bumped its epoch");
}

/// A replica learns from its master's image which slots move, also of a node it has yet to meet.
#[test]
fn a_replica_takes_what_its_master_has_open() {
    let mut net = Net::cluster(2, 1);
    let (other, unseen) = (net.id(1), "0123456789012345678901234567890123456789");
    net.ok(0, &format!("setslot 5 migrating {other}"));
    net.ok(0, &format!("setslot 9000 importing {other}"));
    let text = net.nodes[0].open_slots_text();
    assert_eq!(text, format!("9000<{other},5>{other},"));
    net.with(2, |replica, now| replica.take_open_slots(&text, now).unwrap());
    let line = format!("[5->-{other}] [9000-<-{other}]\n");
    assert!(net.nodes[2].nodes_conf().contains(&line), "{}", net.nodes[2].nodes_conf());
    for damaged in ["5", "5=x,", "16384>", "5>beef,"] {
        net.with(2, |replica, now| assert!(replica.take_open_slots(damaged, now).is_err()));
    }
    assert_eq!(net.nodes[2].open_slots_text(), text, "a damaged text changes nothing");
    net.with(2, |replica, now| replica.take_open_slots(&format!("7>{unseen},"), now).unwrap());
    assert_eq!(net.nodes[2].open_slots_text(), format!("7>{unseen},"), "it is all that is open");
}

#[test]
fn meet_refuses_what_is_no_address() {
    let mut net = Net::new(1);
    let refused = [
        ("meet here 7000", "ERR Invalid node address specified: here:7000"),
        ("meet 127.0.0.1 0", "ERR Invalid node address specified: 127.0.0.1:0"),
        ("meet 127.0.0.1 x", "ERR Invalid base port specified: x"),
        ("meet 127.0.0.1 7001 y", "ERR Invalid bus port specified: y"),
    ];
    for (words, error) in refused {
        assert_eq!(net.error(0, words), error);
    }
    assert_eq!(net.nodes[0].nodes().count(), 1);
    net.ok(0, "meet 127.0.0.1 7055"); // Nobody lives there: the handshake is given up.
    assert_eq!(net.nodes[0].nodes().count(), 2);
    net.advance(2500);
    assert_eq!(net.nodes[0].nodes().count(), 1);
}

#[test]
fn strangers_meet_and_everyone_knows_everyone() {
    let mut net = Net::new(5);
    for i in 1..5 {
        net.ok(i - 1, &format!("meet 127.0.0.1 {}", 7000 + i)); // A chain: the rest is gossip.
    }
    net.advance(4000);
    for node in &net.nodes {
        assert_eq!(node.nodes().count(), 5);
        assert!(!node.nodes_text(Asker::default()).contains("handshake"));
        assert!(node.nodes().any(|other| other.human_name == "nodename-3"));
    }
}

#[test]
fn one_forget_is_enough() {
    let mut net = Net::cluster(3, 1);
    let gone = net.id(3);
    assert_eq!(net.error(3, &format!("forget {gone}")), "ERR I tried hard but I can't forget myself...");
    let master = net.id(0);
    assert_eq!(net.error(3, &format!("forget {master}")), "ERR Can't forget my master!");
    net.kill(3);
    net.ok(1, &format!("forget {gone}"));
    net.advance(3000);
    for i in 0..3 {
        assert!(net.nodes[i].find_node(gone).is_none(), "node {i} still knows it");
    }
    net.ok(2, &format!("forget {gone}")); // Told already by gossip.
    assert_eq!(net.error(2, "forget 12"), "ERR Unknown node 12");
}

#[test]
fn replicate_and_its_refusals() {
    let mut net = Net::cluster(2, 2);
    let ids: Vec<_> = (0..4).map(|i| net.id(i)).collect();
    assert_eq!(net.error(2, &format!("replicate {}", ids[2])), "ERR Can't replicate myself");
    assert_eq!(
        net.error(2, &format!("replicate {}", ids[3])),
        "ERR I can only replicate a master, not a replica."
    );
    assert_eq!(
        net.error(0, &format!("replicate {}", ids[1])),
        "ERR To set a master the node must be empty and without assigned slots."
    );
    net.ok(2, &format!("replicate {}", ids[1]));
    let told = net.seen.iter().any(
        |(i, e)| matches!(e, Effect::BecomeReplicaOf { id, full_sync: true, .. } if *i == 2 && *id == ids[1]),
    );
    assert!(told);
    net.advance(2000);
    let replicas = net.nodes[0].replicas_of(ids[1].as_str(), Asker::default()).unwrap();
    assert_eq!(replicas.len(), 2);
    let error = net.nodes[0].replicas_of(ids[3].as_str(), Asker::default()).unwrap_err();
    assert_eq!(error.to_string(), "ERR The specified node is not a master");
    assert!(
        net.nodes.iter().all(|node| node.find_node(ids[2]).unwrap().shard_id == net.nodes[1].my_shard_id())
    );
}

#[test]
fn reset_soft_and_hard() {
    let mut net = Net::cluster(2, 1);
    let (before, shard) = (net.id(2), net.nodes[2].my_shard_id());
    net.ok(2, "reset");
    assert_eq!((net.id(2), net.nodes[2].nodes().count()), (before, 1));
    assert_eq!(net.nodes[2].my_shard_id(), shard);
    assert!(net.seen.iter().any(|(i, e)| *i == 2 && *e == Effect::FlushData));
    assert!(net.nodes[2].current_epoch() > 0);
    net.ok(2, "reset hard");
    assert_ne!(net.id(2), before);
    assert_eq!(net.nodes[2].current_epoch(), 0);
    assert_eq!(net.error(2, "reset harder"), "ERR syntax error");
}

#[test]
fn epochs_by_hand() {
    let mut net = Net::new(2);
    assert_eq!(net.error(0, "set-config-epoch -1"), "ERR Invalid config epoch specified: -1");
    assert_eq!(net.error(0, "set-config-epoch x"), "ERR value is not an integer or out of range");
    net.ok(0, "set-config-epoch 7");
    assert_eq!(net.error(0, "set-config-epoch 8"), "ERR Node config epoch is already non-zero");
    assert_eq!(net.command(0, "bumpepoch").unwrap(), cluster::Reply::Simple("STILL 7".into()));
    net.ok(0, "meet 127.0.0.1 7001");
    net.advance(1000);
    assert!(net.error(1, "set-config-epoch 3").contains("does not know any other node"));
    assert_eq!(net.command(1, "bumpepoch").unwrap(), cluster::Reply::Simple("BUMPED 8".into()));
}

#[test]
fn equal_epochs_are_told_apart() {
    let mut net = Net::new(3);
    for i in 0..3 {
        net.ok(i, "set-config-epoch 1");
        net.ok(i, "meet 127.0.0.1 7000");
    }
    net.advance(8000);
    let mut epochs: Vec<u64> = net.nodes.iter().map(|node| node.myself().config_epoch).collect();
    epochs.sort_unstable();
    epochs.dedup();
    assert_eq!(epochs.len(), 3, "{epochs:?}");
}

#[test]
fn clients_are_sent_where_the_configuration_says() {
    let mut net = Net::cluster(2, 0);
    let other = net.id(1);
    let mut config = config(0);
    let seen = |net: &Net| {
        let node = net.nodes[0].find_node(other).unwrap();
        let (host, port) = net.nodes[0].endpoint(node, Asker::default());
        (host.to_string(), port)
    };
    assert_eq!(seen(&net), ("127.0.0.1".into(), 7001));
    config.preferred_endpoint = EndpointType::Hostname;
    net.with(0, |node, now| node.set_config(config.clone(), now));
    assert_eq!(seen(&net), ("?".into(), 7001));
    config.preferred_endpoint = EndpointType::Unknown;
    net.with(0, |node, now| node.set_config(config.clone(), now));
    assert_eq!(seen(&net), (String::new(), 7001));
    let slots = net.nodes[0].slots_view(Asker::default());
    assert_eq!((slots.len(), slots[0].nodes[0].endpoint.clone()), (2, None));
    assert_eq!(slots[0].nodes[0].metadata, [("ip", "127.0.0.1".to_string())]);
}

#[test]
fn queries_have_redis_shapes() {
    let net = Net::cluster(2, 1);
    let info = net.nodes[0].info_text();
    for line in [
        "cluster_state:ok\r\n",
        "cluster_slots_assigned:16384\r\ncluster_slots_ok:16384\r\ncluster_slots_pfail:0\r\n",
        "cluster_known_nodes:3\r\ncluster_size:2\r\n",
        "total_cluster_links_buffer_limit_exceeded:0\r\n",
    ] {
        assert!(info.contains(line), "{info}");
    }
    assert!(info.contains("cluster_stats_messages_ping_sent:"), "{info}");
    let shards = net.nodes[1].shards_view(Asker::default());
    assert_eq!(shards.len(), 2);
    let first = shards.iter().find(|shard| shard.nodes.len() == 2).unwrap();
    let roles: Vec<_> = first.nodes.iter().map(|node| (node.role, node.health)).collect();
    assert_eq!(roles, [("master", "online"), ("replica", "online")]);
    assert_eq!(first.slots.len(), 1);
    let links = net.nodes[0].links_view();
    assert_eq!(links.iter().filter(|link| link.direction == "to").count(), 2);
    assert_eq!(links.iter().filter(|link| link.direction == "from").count(), 2);
}

#[test]
fn a_malformed_packet_closes_its_link() {
    let mut net = Net::new(1);
    let link = net.nodes[0].link_accepted("10.0.0.9", "10.0.0.1", net.now).unwrap();
    net.with(0, |node, now| node.handle_data(link, b"GET / HTTP/1.1\r\n", now));
    assert!(net.logged(0, "Bad message length or signature received on the Cluster bus from 10.0.0.9"));
    assert_eq!(net.nodes[0].stats().malformed, 1);
    assert!(net.nodes[0].links_view().is_empty());
}

#[test]
fn keys_found_at_start_settle_who_serves_them() {
    let mut net = Net::cluster(2, 0);
    let numbered = |n: u16| Slot::new(n).unwrap();
    net.ok(0, "delslots 5");
    let mut with_keys = SlotSet::default();
    for n in [1, 5, 16000] {
        with_keys.insert(numbered(n));
    }
    net.with(0, |node, now| node.reconcile_keys(&with_keys, now));
    assert_eq!(net.nodes[0].owner(numbered(5)), Owner::Me);
    assert!(net.seen.contains(&(0, Effect::DeleteKeys(vec![numbered(16000)]))));
}

#[test]
fn keys_of_anothers_slots_are_strays_once_it_has_said_so() {
    let net = Net::cluster(2, 0);
    let mut with_keys = SlotSet::default();
    let numbers = [1, 16000].map(|n| Slot::new(n).unwrap());
    numbers.iter().for_each(|slot| with_keys.extend(*slot, *slot));
    let unsettled = Strays { confirmed: Vec::new(), unsettled: true };
    assert_eq!(net.nodes[0].strays(&with_keys, net.now), unsettled, "it has not been heard since");
    let confirmed = Strays { confirmed: vec![numbers[1]], unsettled: false };
    assert_eq!(net.nodes[0].strays(&with_keys, 0), confirmed);
}

#[test]
fn a_cluster_that_is_down_says_so() {
    let mut net = Net::new(1);
    let mut config = config(0);
    let down = Some("CLUSTERDOWN The cluster is down");
    for access in [Access::Read, Access::Write] {
        assert_eq!(net.nodes[0].down_error(access), down);
    }
    assert_eq!(net.nodes[0].down_error(Access::ShardChannels), None);
    config.allow_reads_when_down = true;
    net.with(0, |node, now| node.set_config(config, now));
    assert_eq!(net.nodes[0].down_error(Access::Read), None);
    let only_reads = Some("CLUSTERDOWN The cluster is down and only accepts read commands");
    assert_eq!(net.nodes[0].down_error(Access::Write), only_reads);
}
