//! Packets and files of real servers: read without loss, written back byte for byte.
//!
//! `golden/` has what `golden/capture.py` recorded from redis-server 7.0.15, valkey-server 8.0.1 and 9.1.2
//! (its README says how). A packet that survives decoding and encoding unchanged is understood down to its
//! last field.

use std::fs;
use std::path::{Path, PathBuf};

use cluster::wire::{Body, Packet, decode, encode, frame_len};
use cluster::{Cluster, Config, Random};

fn golden(ending: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_string();
    paths.retain(|path| name(path).ends_with(ending));
    paths.iter().map(|path| (name(path), fs::read(path).unwrap())).collect()
}

#[test]
fn packets_come_back_byte_for_byte() {
    let packets = golden(".bin");
    for (name, bytes) in &packets {
        assert_eq!(frame_len(bytes), Ok(Some(bytes.len())), "{name}");
        let packet = decode(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(encode(&packet) == *bytes, "{name} changed: {packet:?}");
    }
    let seen = |kind: &str| packets.iter().any(|(name, _)| name.contains(kind));
    let kinds =
        ["ping", "pong", "meet", "fail", "publish-", "publishshard-", "auth-req", "auth-ack", "update"];
    assert!(kinds.iter().all(|kind| seen(kind)) && seen("mfstart") && seen("light") && seen("forgotten"));
}

#[test]
fn every_truncation_is_refused() {
    for (name, bytes) in golden(".bin") {
        for len in 0..bytes.len() {
            assert!(decode(&bytes[..len]).is_err(), "{name} cut to {len}");
        }
    }
}

#[test]
fn damaged_packets_never_panic_and_never_grow() {
    let mut random = Random::from_number(4);
    for (_, bytes) in golden(".bin") {
        for _ in 0..400 {
            let mut damaged = bytes.clone();
            for _ in 0..=random.below(4) {
                // Headers, counts and extension lengths are where damage hurts.
                let at = match random.below(3) {
                    0 => random.below(16),
                    1 => 2128 + random.below(128),
                    _ => random.below(damaged.len() as u64),
                } as usize;
                if let Some(byte) = damaged.get_mut(at) {
                    *byte = random.next() as u8;
                }
            }
            // A type from the future may have a body that is not understood, and is not written back.
            match decode(&damaged) {
                Ok(Packet::Full(_, Body::Unknown(_))) | Err(_) => {}
                Ok(packet) => assert!(encode(&packet).len() <= damaged.len()),
            }
        }
    }
}

/// The text less what a restart changes: ping and pong times and the state of links.
fn lasting(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text
        .lines()
        .map(|line| {
            let mut words: Vec<&str> = line.split(' ').collect();
            if words[0] != "vars" {
                words[4] = "PING";
                words[5] = "PONG";
                words[7] = "LINK";
            }
            words.join(" ")
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn nodes_conf_of_real_servers_is_read_and_written_alike() {
    for (name, bytes) in golden(".nodes.conf") {
        let text = String::from_utf8(bytes).unwrap();
        let myself = text.lines().find(|line| line.contains("myself")).unwrap();
        let port = myself.split([':', '@']).nth(1).unwrap().parse().unwrap();
        let number = (port - 21000) % 10;
        let config = Config {
            port,
            announce_bus_port: port + 200 - number + number,
            announce_ip: Some("127.0.0.1".into()),
            announce_hostname: format!("host-{number}.example"),
            announce_human_nodename: if name.contains("7.0") {
                String::new()
            } else {
                format!("name-{number}")
            },
            announce_client_port: if name.contains("9.1") { port } else { 0 },
            announce_client_ipv4: if name.contains("9.1") { "127.0.0.1".into() } else { String::new() },
            availability_zone: if name.contains("9.1") { format!("zone-{number}") } else { String::new() },
            ..Config::default()
        };
        let cluster = Cluster::load(&text, config.clone(), Random::from_number(1), 5_000_000).unwrap();
        assert_eq!(cluster.nodes().count(), text.lines().count() - 1, "{name}");
        let written = cluster.nodes_conf();
        if !name.contains("7.0") {
            // 7.0 has no auxiliary fields yet; later versions must come back as they were.
            assert_eq!(lasting(&written), lasting(&text), "{name}");
        }
        let again = Cluster::load(&written, config, Random::from_number(2), 6_000_000).unwrap();
        assert_eq!(lasting(&again.nodes_conf()), lasting(&written), "{name}");
    }
}

#[test]
fn damaged_nodes_conf_is_refused_with_its_line() {
    let (_, bytes) = golden("valkey-8.0.1.nodes.conf").remove(0);
    let text = String::from_utf8(bytes).unwrap();
    let load = |text: &str| Cluster::load(text, Config::default(), Random::from_number(1), 1);
    let second = |from: &str, to: &str| {
        let lines: Vec<String> = text
            .lines()
            .enumerate()
            .map(|(i, line)| if i == 1 { line.replace(from, to) } else { line.to_string() })
            .collect();
        load(&lines.join("\n")).unwrap_err()
    };
    for (from, to, reason) in [
        (" slave ", " slavish ", "unknown flag 'slavish'"),
        ("shard-id=", "shard=", "unknown field 'shard'"),
        ("@", "@x", "bus port 'x"),
        (" connected", "", "7 fields"),
    ] {
        let error = second(from, to);
        assert_eq!(error.line, 2, "{error}");
        assert!(error.reason.contains(reason), "{error}");
    }
    assert!(load("").unwrap_err().reason.contains("myself"));
    assert!(load(&text.replace("0-5461", "0-99999")).unwrap_err().reason.contains("not a slot"));
    assert!(load(&text.replace("0-5461", "0-5462")).unwrap_err().reason.contains("has an owner already"));
    assert!(load("*3\r\n$3\r\nSET\r\n").unwrap_err().reason.contains("fields"));
}
