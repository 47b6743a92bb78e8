//! Failures and what follows: suspicion, verdict, election, promotion, return.

use crate::kit::{Net, config};
use cluster::{Config, Effect, Flags, State, wire};

/// Advances until the condition holds; how long that took, ms.
fn until(net: &mut Net, what: &str, limit: u64, condition: impl Fn(&Net) -> bool) -> u64 {
    let from = net.now;
    while !condition(net) {
        assert!(net.now < from + limit, "not within {limit} ms: {what}");
        net.advance(50);
    }
    net.now - from
}

#[test]
fn a_killed_master_is_replaced_at_once() {
    let mut net = Net::cluster(3, 3);
    net.kill(0);
    let took = until(&mut net, "promotion", 1500, |net| net.nodes[3].myself().is_master());
    assert!(took < 1000, "{took} ms, with a node timeout of 2000 ms");
    assert!(net.logged(3, "Start of election") && net.logged(3, "rank #0, offset 1"));
    assert!(net.seen.contains(&(3, Effect::BecomeMaster)));
    net.advance(1000);
    let old = net.id(0);
    for i in 1..6 {
        assert!(net.nodes[i].is_ok());
        assert!(net.nodes[i].find_node(old).unwrap().is_failed());
        assert_eq!(net.nodes[i].find_node(net.id(3)).unwrap().slots.len(), 5461);
    }
    assert!(net.logged(1, &format!("reported node {old} (nodename-0) as not reachable.")));
    assert!(net.logged(1, "(nodename-2) reported node"));
}

/// The others open their links again while the port of the dying process still accepts them.
#[test]
fn a_master_that_is_killed_slowly_is_replaced_at_once() {
    let mut net = Net::cluster(3, 3);
    net.lingering = 5;
    net.kill(0);
    assert_eq!(net.lingering, 0);
    let took = until(&mut net, "promotion", 1500, |net| net.nodes[3].myself().is_master());
    assert!(took < 1000, "{took} ms, with a node timeout of 2000 ms");
}

#[test]
fn silence_gets_the_whole_timeout() {
    let mut net = Net::cluster(3, 3);
    net.silent.insert(0);
    let old = net.id(0);
    let took = until(&mut net, "FAIL", 6000, |net| net.nodes[1].find_node(old).unwrap().is_failed());
    assert!((2000..=4000).contains(&took), "{took} ms");
    until(&mut net, "promotion", 3000, |net| net.nodes[3].myself().is_master());
    // It pings when it likes, and so may notice a little later that it is alone.
    until(&mut net, "end of service", 1000, |net| matches!(net.nodes[0].state(), State::Fail(_)));
    net.silent.clear();
    until(&mut net, "return", 10_000, |net| net.nodes[0].myself().is_replica());
    net.advance(3000);
    assert!(net.nodes.iter().all(|node| node.is_ok()));
    let follows =
        |(i, e): &(usize, Effect)| *i == 0 && matches!(e, Effect::BecomeReplicaOf { full_sync: false, .. });
    assert!(net.seen.iter().any(follows), "it shares the history of its shard");
}

#[test]
fn the_last_suspicion_is_the_verdict() {
    let mut net = Net::cluster(3, 3);
    net.silent.insert(0);
    let (old, suspects) = (net.id(0), |net: &Net| [1, 2].iter().all(|i| net.logged(*i, "possibly failing")));
    until(&mut net, "suspicion", 6000, suspects);
    let took = until(&mut net, "FAIL", 3000, |net| net.nodes[1].find_node(old).unwrap().is_failed());
    assert!(took <= 50, "{took} ms: nobody waits for the next ping");
}

#[test]
fn fast_detection_can_be_switched_off() {
    let mut net = Net::cluster(3, 0);
    for i in 0..3 {
        let mut config = crate::kit::config(i);
        config.fast_failure_detection = false;
        net.with(i, |node, now| node.set_config(config, now));
    }
    let old = net.id(0);
    net.kill(0);
    let took = until(&mut net, "FAIL", 6000, |net| net.nodes[1].find_node(old).unwrap().is_failed());
    assert!(took >= 2000, "{took} ms");
}

#[test]
fn the_replica_with_more_data_wins() {
    let mut net = Net::cluster(3, 6);
    net.offsets.insert(3, 10);
    net.offsets.insert(6, 20);
    net.advance(3000);
    net.kill(0);
    until(&mut net, "promotion", 3000, |net| net.nodes[6].myself().is_master());
    assert!(net.logged(6, "rank #0, offset 20") && !net.nodes[3].myself().is_master());
    until(&mut net, "the other follows", 2000, |net| {
        net.nodes[3].node(net.nodes[3].myself().master.unwrap()).unwrap().id == net.id(6)
    });
}

/// Its master took a newer epoch, others heard of it, and then it died: nobody but they can tell.
#[test]
fn a_replica_that_missed_its_masters_last_epoch_is_told_by_the_voters() {
    let mut net = Net::cluster(3, 3);
    let old = net.id(0);
    let epoch = |net: &Net, i: usize| net.nodes[i].find_node(old).unwrap().config_epoch;
    let before = epoch(&net, 3);
    net.silent.insert(3);
    net.command(0, "bumpepoch").expect("a newer epoch");
    until(&mut net, "news of it", 2000, |net| [1, 2].iter().all(|i| epoch(net, *i) == epoch(net, 0)));
    net.kill(0);
    net.silent.clear();
    until(&mut net, "promotion", 5000, |net| net.nodes[3].myself().is_master());
    assert!(net.logged(1, &format!("> reqEpoch ({before})")), "it stood with the epoch it knew");
}

#[test]
fn a_replica_may_be_told_not_to_stand() {
    let mut net = Net::cluster(3, 3);
    let mut config = crate::kit::config(3);
    config.replica_no_failover = true;
    net.with(3, |node, now| node.set_config(config, now));
    net.advance(2000);
    assert!(net.nodes[1].find_node(net.id(3)).unwrap().flags.has(Flags::NOFAILOVER));
    net.kill(0);
    net.advance(8000);
    assert!(net.nodes[3].myself().is_replica());
    assert!(!net.nodes[1].is_ok(), "its slots are not served");
    net.ok(3, "failover force");
    until(&mut net, "promotion by hand", 2000, |net| net.nodes[3].myself().is_master());
}

#[test]
fn manual_failover_waits_for_the_last_write() {
    let mut net = Net::cluster(3, 3);
    assert_eq!(net.error(0, "failover"), "ERR You should send CLUSTER FAILOVER to a replica");
    assert_eq!(net.error(3, "failover maybe"), "ERR syntax error");
    net.offsets.insert(0, 100);
    net.offsets.insert(3, 90);
    net.advance(200);
    net.ok(3, "failover");
    assert!(net.seen.iter().any(|(i, e)| *i == 0 && matches!(e, Effect::PauseClients { .. })));
    net.advance(500);
    assert!(net.nodes[3].myself().is_replica(), "ten bytes are still to come");
    net.offsets.insert(3, 100);
    until(&mut net, "promotion", 1000, |net| net.nodes[3].myself().is_master());
    until(&mut net, "the old master follows", 1000, |net| net.nodes[0].myself().is_replica());
    assert!(net.seen.contains(&(0, Effect::ResumeClients)));
    assert!(net.logged(3, "All primary replication stream processed, manual failover can start."));
    net.advance(1000);
    assert!(net.nodes.iter().all(|node| node.is_ok()));
}

#[test]
fn manual_failover_gives_up() {
    let mut net = Net::cluster(3, 3);
    net.offsets.insert(0, 100);
    net.advance(200);
    net.ok(3, "failover");
    net.advance(6000);
    assert!(net.logged(3, "Manual failover timed out.") && net.logged(0, "Manual failover timed out."));
    assert!(net.seen.contains(&(0, Effect::ResumeClients)));
    assert!(net.nodes[0].myself().is_master());
}

#[test]
fn takeover_asks_nobody() {
    let mut net = Net::cluster(3, 3);
    for i in [0, 1, 2] {
        net.kill(i);
    }
    net.advance(300);
    assert_eq!(net.error(3, "failover"), "ERR Master is down or failed, please use CLUSTER FAILOVER FORCE");
    net.ok(3, "failover takeover");
    assert!(net.nodes[3].myself().is_master() && net.nodes[3].myself().config_epoch > 3);
    assert_eq!(net.nodes[4].find_node(net.id(3)).unwrap().slots.len(), 5461);
}

#[test]
fn a_replica_moves_to_an_orphaned_master() {
    let mut net = Net::cluster(2, 4);
    for i in [3, 5] {
        net.kill(i); // Both replicas of master 1.
    }
    // All live on one host here, so the move takes the longer delay.
    until(&mut net, "migration", 20_000, |net| {
        [2, 4]
            .into_iter()
            .any(|i| net.nodes[i].node(net.nodes[i].myself().master.unwrap()).unwrap().id == net.id(1))
    });
    let moved = [2, 4].into_iter().filter(|i| net.logged(*i, "Migrating to orphaned primary")).count();
    assert_eq!(moved, 1);
}

#[test]
fn dropped_packets_and_killed_links() {
    let mut net = Net::cluster(3, 0);
    let other = net.id(1);
    net.with(0, |node, now| node.debug_kill_links("all", other.as_str(), now).unwrap());
    net.advance(300);
    assert_eq!(net.nodes[0].links_view().iter().filter(|link| link.node == other).count(), 2);
    let error = net.nodes[0].debug_kill_links("up", other.as_str(), net.now).unwrap_err();
    assert_eq!(error.to_string(), "ERR Unknown direction up");
    net.nodes[0].debug_drop_packets(Some(0));
    net.nodes[0].debug_close_link_on_drop(true);
    net.advance(3000);
    assert!(net.logged(0, "Dropping packet that matches debug drop filter"));
    assert!(net.logged(0, "Closing link for matching packet type 0"));
}

#[test]
fn published_messages_reach_the_right_nodes() {
    let mut net = Net::cluster(2, 2);
    net.with(0, |node, _| node.publish(b"news", b"hello", false));
    net.with(0, |node, _| node.publish(b"shard", b"hello", true));
    let got = |i: usize, name: &[u8]| {
        net.seen
            .iter()
            .any(|(n, e)| *n == i && matches!(e, Effect::Publish { channel, .. } if channel == name))
    };
    assert!([1, 2, 3].into_iter().all(|i| got(i, b"news")));
    assert_eq!([1, 2, 3].map(|i| got(i, b"shard")), [false, true, false], "2 replicates 0");
}

/// As with Redis, also where the receiver's own link is open.
#[test]
fn a_message_is_lost_where_the_link_is_down() {
    let mut net = Net::cluster(2, 1);
    let (lost, now) = (net.id(2), net.now);
    net.nodes[0].set_config(Config { fast_failure_detection: false, ..config(0) }, now);
    net.nodes[0].debug_kill_links("to", lost.as_str(), now).unwrap();
    net.with(0, |node, _| node.publish(b"news", b"hello", false));
    let got =
        |net: &Net, i: usize| net.seen.iter().any(|(n, e)| *n == i && matches!(e, Effect::Publish { .. }));
    assert_eq!((got(&net, 1), got(&net, 2)), (true, false));
}

#[test]
fn a_light_packet_from_a_stranger_closes_the_link() {
    let mut net = Net::new(1);
    let link = net.nodes[0].link_accepted("10.0.0.9", "10.0.0.1", net.now).unwrap();
    let body = wire::Body::Publish { channel: b"c", message: b"m", sharded: false, hand_on: false };
    let bytes = wire::encode(&wire::Packet::Light(body));
    net.with(0, |node, now| node.handle_data(link, &bytes, now));
    assert!(net.logged(0, "as its first message on the link"));
    assert!(!net.seen.iter().any(|(_, e)| matches!(e, Effect::Publish { .. })));
}

/// A voter whose own link to the candidate is not open, as when that has just joined, answers on the candidate's.
#[test]
fn a_vote_reaches_who_has_just_joined() {
    let mut net = Net::cluster(3, 3);
    let candidate = net.id(3);
    for voter in 0..3 {
        let link = net.nodes[voter].find_node(candidate).and_then(|node| node.link).expect("it is open");
        let now = net.now;
        // Else it is opened again at once.
        net.nodes[voter].set_config(Config { fast_failure_detection: false, ..config(voter) }, now);
        net.nodes[voter].link_closed(link, now);
        assert!(net.nodes[voter].find_node(candidate).is_some_and(|node| node.link.is_none()));
    }
    net.ok(3, "failover force");
    assert!(net.nodes[3].myself().is_master(), "all of it in one moment, before a link is opened again");
}

/// What a replica said before its promotion may lie in a connection until that is mended.
#[test]
fn packets_of_the_past_make_no_replica_of_a_master() {
    let mut net = Net::cluster(3, 3);
    let before = net.last_sent[&3].clone();
    net.ok(3, "failover force");
    let promoted = net.id(3);
    net.deliver(3, 1, &before);
    let node = net.nodes[1].find_node(promoted).unwrap();
    assert!(node.is_master() && node.slots.len() == 5461);
    assert!(net.logged(1, "Ignore stale message"));
}

/// Two shards change masters while a replica hears only of the old ones' end.
#[test]
fn a_majority_is_not_less_for_masters_that_are_not_heard_of_yet() {
    let mut net = Net::cluster(5, 5);
    assert_eq!(net.nodes[5].quorum(), 3);
    net.silent.insert(5);
    [8, 9].into_iter().for_each(|new| net.ok(new, "failover force"));
    net.advance(500);
    for old in [3, 4] {
        let word = net.last_sent[&old].clone();
        net.deliver(old, 5, &word);
        assert!(net.nodes[5].find_node(net.id(old)).is_some_and(|node| node.is_replica()));
    }
    assert_eq!((net.nodes[5].size(), net.nodes[5].quorum()), (3, 3));
}
