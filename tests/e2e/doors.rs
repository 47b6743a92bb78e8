//! Where the server listens, and keeps its files, changed while it runs.

use std::fs;

use kit::{Client, Process, answers, free_ports, ringmaster, wait_until};

fn error_of(client: &mut Client, words: &[&str]) -> String {
    let text = client.call(words).text();
    assert!(text.starts_with("ERR CONFIG SET failed"), "{text}");
    text
}

/// Both cores listen at `first` and the port behind it, and say so.
fn listens_at(server: &Process, client: &mut Client, first: u16) {
    for port in [first, first + 1] {
        wait_until("it listens there", || answers(port));
        let port_text = port.to_string();
        let shown = |client: &mut Client| client.line("CONFIG GET port").to_string();
        assert!(shown(&mut Client::connect(port)).contains(&port_text));
        let address = format!(":{port}@{}", server.port + 10_000 + (port - first));
        wait_until("the cluster knows it", || client.line("CLUSTER NODES").text().contains(&address));
    }
}

#[test]
fn all_cores_move_to_other_ports_or_none() {
    let server = ringmaster(2, &["--bootstrap", "yes"]);
    let mut client = Client::connect(server.port);
    let first = free_ports(3);
    assert_eq!(client.call(&["CONFIG", "SET", "port", &first.to_string()]).text(), "OK");
    listens_at(&server, &mut client, first);
    assert!(!answers(server.port) && !answers(server.port + 1));

    let other = ringmaster(1, &[]);
    let text = error_of(&mut client, &["CONFIG", "SET", "port", &(other.port - 1).to_string()]);
    assert!(text.ends_with("'port') - Unable to listen on this port. Check server logs."), "{text}");
    error_of(&mut client, &["CONFIG", "SET", "port", "65535"]);
    listens_at(&server, &mut client, first);

    // The first core gets the second one's. Each means its own port.
    let mut second = Client::connect(first + 1);
    assert_eq!(second.call(&["CONFIG", "SET", "port", &(first + 1).to_string()]).text(), "OK");
    listens_at(&server, &mut client, first);
    assert_eq!(second.call(&["CONFIG", "SET", "port", &(first + 2).to_string()]).text(), "OK");
    listens_at(&server, &mut client, first + 1);
    assert!(!answers(first));
}

#[test]
fn bind_changes_where_new_clients_come_in() {
    let server = ringmaster(1, &[]);
    let mut client = Client::connect(server.port);
    let text = error_of(&mut client, &["CONFIG", "SET", "bind", "999.999.999.999"]);
    assert!(text.ends_with("'bind') - Failed to bind to specified addresses."), "{text}");
    wait_until("it listens as before", || answers(server.port));
    for (bind, open) in [("127.0.0.1", true), ("127.0.0.2", false), ("", false), ("* -::*", true)] {
        assert_eq!(client.call(&["CONFIG", "SET", "bind", bind]).text(), "OK");
        wait_until(bind, || answers(server.port) == open);
    }
    assert_eq!(client.line("PING").text(), "PONG");
}

#[test]
fn files_go_to_the_folder_that_dir_names() {
    let mut server =
        ringmaster(2, &["--bootstrap", "yes", "--appendonly", "yes", "--enable-protected-configs", "yes"]);
    let mut client = Client::connect(server.port);
    let own = server.port.to_string();
    let moved = server.folder.join("moved");
    fs::create_dir(&moved).unwrap();
    let moved_text = moved.display().to_string();
    client.line("CONFIG SET cluster-require-full-coverage no");
    assert_eq!(client.call(&["CONFIG", "SET", "dir", &moved_text]).text(), "OK");
    assert_eq!(client.line("SAVE").text(), "OK");
    assert!(moved.join(&own).join("dump.rdb").exists());
    let mut key = 0;
    wait_until("a key of this core is set", || {
        key += 1;
        client.line(&format!("SET {key} x")).text() == "OK"
    });
    assert!(client.line("BGREWRITEAOF").text().starts_with("Background append only"));
    let manifest = moved.join(&own).join("appendonlydir/appendonly.aof.manifest");
    wait_until("the log is there", || manifest.exists());
    client.line(&format!("APPEND {key} y"));
    assert!(server.end());
    server.restart(&["--dir", &moved_text]).unwrap();
    let mut client = Client::connect(server.port);
    wait_until("it is there again", || client.line(&format!("GET {key}")).text() == "xy");
}
