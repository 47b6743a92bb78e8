//! Publish and subscribe: on a core, between cores, between processes of ours and others.

use kit::{Client, Value, empty_peer, free_ports, ringmaster, run, wait_until};

fn text(value: Option<Value>) -> String {
    let words = match value.expect("a message") {
        Value::Array(words) | Value::Typed('>', words) => words,
        other => return other.text(),
    };
    let word = |value: &Value| match value {
        Value::Integer(number) => number.to_string(),
        Value::Null => "null".to_owned(),
        other => other.text(),
    };
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// A connection that is subscribed by `line`.
fn subscriber(port: u16, line: &str) -> Client {
    let mut client = Client::connect(port);
    client.send(format!("{line}\r\n").as_bytes());
    (1..line.split(' ').count()).for_each(|_| drop(client.read()));
    client
}

#[test]
fn a_subscriber_in_either_protocol() {
    let server = ringmaster(1, &["--bootstrap", "yes"]);
    let mut publisher = Client::connect(server.port);
    let mut old = subscriber(server.port, "SUBSCRIBE a b");
    assert!(old.line("GET a").text().starts_with("ERR Can't execute 'get': only (P|S)SUBSCRIBE / "));
    assert!(old.line("CLIENT LIST").text().starts_with("ERR Can't execute 'client|list': "));
    assert_eq!(text(Some(old.line("PING"))), "pong ");
    assert_eq!(text(Some(old.line("PING hi"))), "pong hi");
    assert_eq!(text(Some(old.line("PSUBSCRIBE ?"))), "psubscribe ? 3");
    assert_eq!(publisher.line("PUBLISH a one"), Value::Integer(2));
    assert_eq!((text(old.read()), text(old.read())), ("message a one".into(), "pmessage ? a one".into()));
    assert!(publisher.line("CLIENT LIST TYPE pubsub").text().contains(" flags=P db=0 sub=2 psub=1 ssub=0 "));
    assert_eq!(old.line("RESET").text(), "RESET");
    assert_eq!(publisher.line("PUBLISH a two"), Value::Integer(0));
    assert_eq!(old.line("PING").text(), "PONG");

    let mut new = Client::connect(server.port);
    new.line("HELLO 3");
    assert_eq!(text(Some(new.line("SUBSCRIBE a"))), "subscribe a 1");
    assert_eq!(new.line("PING").text(), "PONG");
    // What it tells itself follows the reply, also the reply of a whole transaction.
    assert_eq!(new.line("PUBLISH a self"), Value::Integer(1));
    assert_eq!(text(new.read()), "message a self");
    new.line("MULTI");
    new.line("PUBLISH a one");
    new.line("ECHO two");
    assert_eq!(new.line("EXEC"), Value::Array(vec![Value::Integer(1), Value::Bulk("two".into())]));
    assert_eq!(text(new.read()), "message a one");
    // Confirmations are messages: they come also where replies are silenced.
    new.send(b"CLIENT REPLY OFF\r\nPING\r\nSUBSCRIBE b\r\n");
    assert_eq!(text(new.read()), "subscribe b 2");
    assert_eq!(publisher.line("CLIENT KILL TYPE pubsub"), Value::Integer(1));
    assert_eq!(new.read(), None);
}

#[test]
fn a_subscriber_whose_user_loses_the_channel_is_closed() {
    let server = ringmaster(2, &["--bootstrap", "yes"]);
    let mut admin = Client::connect(server.port);
    assert_eq!(admin.line("ACL SETUSER bob on nopass +@all resetchannels &a &b").text(), "OK");
    let mut clients = [("a", 0), ("b", 1)].map(|(channel, core)| {
        let mut client = Client::connect(server.port + core);
        assert_eq!(client.line("AUTH bob x").text(), "OK");
        assert_eq!(
            text(Some(client.line(&format!("SUBSCRIBE {channel}")))),
            format!("subscribe {channel} 1")
        );
        client
    });
    admin.line("ACL SETUSER bob resetchannels &a");
    assert_eq!(clients[1].read(), None);
    assert_eq!(text(Some(clients[0].line("PING"))), "pong ");
}

#[test]
fn one_that_does_not_read_is_closed() {
    let server = ringmaster(1, &["--bootstrap", "yes"]);
    let mut publisher = Client::connect(server.port);
    publisher.line("CONFIG SET client-output-buffer-limit \"pubsub 4mb 0 0\"");
    let _idle = subscriber(server.port, "SUBSCRIBE a");
    let message = "x".repeat(100_000);
    // One command must not fill the memory either: the limit holds within a transaction.
    publisher.line("MULTI");
    (0..500).for_each(|_| drop(publisher.line(&format!("PUBLISH a {message}"))));
    publisher.line("EXEC");
    wait_until("the subscriber is closed", || publisher.line("PUBLISH a x") == Value::Integer(0));
    assert!(publisher.line("INFO stats").text().contains("client_output_buffer_limit_disconnections:1\r\n"));
    assert!(server.log().contains("closed for overcoming of output buffer limits"));
}

#[test]
fn all_cores_hear_a_message_and_the_ingress_is_one_server() {
    let ingress = free_ports(1);
    let server = ringmaster(2, &["--bootstrap", "yes", "--ingress-port", &ingress.to_string()]);
    let (mut first, mut second) =
        (subscriber(server.port, "SUBSCRIBE a"), subscriber(server.port + 1, "PSUBSCRIBE a*"));
    // Enough connections that both cores have some.
    let mut many: Vec<Client> = (0..16).map(|_| subscriber(ingress, "SUBSCRIBE a")).collect();
    let mut publisher = Client::connect(server.port + 1);
    publisher.line("PUBLISH a hello");
    assert_eq!(text(first.read()), "message a hello");
    assert_eq!(text(second.read()), "pmessage a* a hello");
    many.iter_mut().for_each(|client| assert_eq!(text(client.read()), "message a hello"));

    let mut client = Client::connect(ingress);
    assert_eq!(client.line("PUBLISH a again"), Value::Integer(18));
    many.iter_mut().for_each(|client| assert_eq!(text(client.read()), "message a again"));
    assert_eq!(text(Some(client.line("PUBSUB CHANNELS"))), "a");
    assert_eq!(text(Some(client.line("PUBSUB NUMSUB a b a"))), "a 17 b 0 a 17");
    assert_eq!(client.line("PUBSUB NUMPAT"), Value::Integer(1));

    // Shard channels of both cores' slots.
    for channel in ["a", "b", "foo", "bar"] {
        let mut subscribers: Vec<Client> =
            (0..8).map(|_| subscriber(ingress, &format!("SSUBSCRIBE {channel}"))).collect();
        // Whichever core accepts the publisher.
        for _ in 0..8 {
            let reply = Client::connect(ingress).line(&format!("SPUBLISH {channel} x"));
            assert_eq!(reply, Value::Integer(8));
            subscribers.iter_mut().for_each(|s| assert_eq!(text(s.read()), format!("smessage {channel} x")));
        }
        assert_eq!(text(Some(client.line("PUBSUB SHARDCHANNELS"))), channel);
        assert_eq!(text(Some(client.line(&format!("PUBSUB SHARDNUMSUB {channel}")))), format!("{channel} 8"));
        // Sent to the core that owns the slot, it reaches those of the ingress too.
        let replies =
            [0, 1].map(|core| Client::connect(server.port + core).line(&format!("SPUBLISH {channel} y")));
        assert_eq!(replies.iter().filter(|reply| matches!(reply, Value::Error(_))).count(), 1);
        subscribers.iter_mut().for_each(|s| assert_eq!(text(s.read()), format!("smessage {channel} y")));
    }
    client.line("MULTI");
    client.line("SET foo 1");
    client.line("PUBLISH a 3");
    client.line("SPUBLISH foo 3");
    assert!(!format!("{:?}", client.line("EXEC")).contains("Error"));
    many.iter_mut().for_each(|client| assert_eq!(text(client.read()), "message a 3"));
}

#[test]
fn a_shard_channel_follows_its_slot() {
    let server = ringmaster(2, &["--bootstrap", "yes"]);
    let ask = |core: u16, line: &str| Client::connect(server.port + core).line(line).text();
    let Value::Integer(slot) = Client::connect(server.port).line("CLUSTER KEYSLOT a") else {
        panic!("a slot is a number");
    };
    let owner = u16::from(ask(0, "SPUBLISH a x").starts_with("MOVED"));
    assert_eq!(ask(1 - owner, "SSUBSCRIBE a"), format!("MOVED {slot} 127.0.0.1:{}", server.port + owner));
    assert_eq!(ask(owner, "SSUBSCRIBE a foo"), "CROSSSLOT Keys in request don't hash to the same slot");
    let mut client = subscriber(server.port + owner, "SSUBSCRIBE a");
    assert_eq!(text(Some(client.line("SSUBSCRIBE {a}b"))), "ssubscribe {a}b 2");
    let taker = ask(1 - owner, "CLUSTER MYID");
    for core in [1 - owner, owner] {
        assert_eq!(ask(core, &format!("CLUSTER SETSLOT {slot} NODE {taker}")), "OK");
    }
    let mut ends = [text(client.read()), text(client.read())];
    ends.sort();
    assert!(ends[0].starts_with("sunsubscribe a ") && ends[1].starts_with("sunsubscribe {a}b "), "{ends:?}");
    // Nothing is left: it may run any command again.
    assert_eq!(client.line("PING").text(), "PONG");
    drop(subscriber(server.port + 1 - owner, "SSUBSCRIBE a"));
}

/// Makes a cluster of the nodes on these ports, and waits until all of them are linked.
fn create(ports: &[u16]) {
    let addresses: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let words: Vec<&str> = ["--cluster", "create"]
        .into_iter()
        .chain(addresses.iter().map(String::as_str))
        .chain(["--cluster-yes"])
        .collect();
    assert!(run("redis-cli", &words).status.success());
    for port in ports {
        wait_until("the cluster is up", || {
            let info = Client::connect(*port).line("CLUSTER INFO").text();
            let known = format!("cluster_known_nodes:{}", ports.len());
            info.contains("cluster_state:ok") && info.contains(&known)
        });
    }
}

/// Waits until a node has two links to each of so many others.
fn wait_for_links(port: u16, others: usize) {
    wait_until("all links are there", || match Client::connect(port).line("CLUSTER LINKS") {
        Value::Array(links) => links.len() == 2 * others,
        other => panic!("{other}"),
    });
}

#[test]
fn a_mixed_cluster_hears_every_message_once() {
    let nodes = [ringmaster(1, &[]), ringmaster(1, &[]), empty_peer("REDIS_SERVER")];
    create(&nodes.each_ref().map(|node| node.port));
    let mut subscribers = nodes.each_ref().map(|node| subscriber(node.port, "SUBSCRIBE a"));
    nodes.iter().for_each(|node| wait_for_links(node.port, 2));
    for (i, node) in nodes.iter().enumerate() {
        Client::connect(node.port).line(&format!("PUBLISH a from{i}"));
        for subscriber in &mut subscribers {
            assert_eq!(text(subscriber.read()), format!("message a from{i}"));
        }
    }
}

#[test]
fn a_process_is_sent_one_packet() {
    let processes = [ringmaster(2, &[]), ringmaster(2, &[])];
    let ports: Vec<u16> = processes.iter().flat_map(|process| [process.port, process.port + 1]).collect();
    create(&ports);
    ports.iter().for_each(|port| wait_for_links(*port, 2));
    let mut subscribers: Vec<Client> = ports.iter().map(|port| subscriber(*port, "SUBSCRIBE a")).collect();
    let mut publisher = Client::connect(ports[0]);
    for i in 0..20 {
        publisher.line(&format!("PUBLISH a {i}"));
        subscribers.iter_mut().for_each(|s| assert_eq!(text(s.read()), format!("message a {i}")));
    }
    assert!(publisher.line("CLUSTER INFO").text().contains("cluster_stats_messages_publish_sent:20\r\n"));
}

#[test]
fn what_happens_to_keys_is_told() {
    let ingress = free_ports(1);
    let server = ringmaster(2, &["--bootstrap", "yes", "--ingress-port", &ingress.to_string()]);
    Client::connect(ingress).line("CONFIG SET notify-keyspace-events KEA");
    // Enough connections that both cores have some.
    let mut of_process: Vec<Client> = (0..8).map(|_| subscriber(ingress, "PSUBSCRIBE __key*")).collect();
    let mut of_cores = [0, 1].map(|core| subscriber(server.port + core, "PSUBSCRIBE __key*"));
    // Connected later than they subscribed, so both cores know of all of them.
    let mut writer = Client::connect(ingress);
    for (key, core) in [("b", 0), ("a", 1)] {
        writer.line(&format!("SET {key} 1 PX 50"));
        let events = ["set", "expire", "expired"];
        let told = events.iter().flat_map(|event| {
            let space = format!("pmessage __key* __keyspace@0__:{key} {event}");
            [space, format!("pmessage __key* __keyevent@0__:{event} {key}")]
        });
        for message in told {
            assert_eq!(text(of_cores[core].read()), message);
            of_process.iter_mut().for_each(|client| assert_eq!(text(client.read()), message));
        }
    }
}
