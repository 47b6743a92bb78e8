//! Payloads of DUMP go both ways with real servers: every type, every encoding.
//!
//! Both servers make the same keys, each in its own way; then each restores the other's payloads beside its own
//! keys, and must tell them apart in nothing: type, encoding, content, groups, times of fields.

use kit::{Client, Value, lone_peer, ringmaster};

/// A server's connection, and where what it restores goes.
struct Side {
    name: &'static str,
    client: Client,
}

/// Keys small enough to be written down, each with the commands that make it.
const SMALL: &[(&str, &[&str])] = &[
    ("int", &["SET KEY 12345"]),
    ("negative", &["SET KEY -9223372036854775808"]),
    ("embstr", &["SET KEY abc"]),
    ("bits", &["SETBIT KEY 70000 1"]),
    ("list-listpack", &["RPUSH KEY a 1 -5 40000 9223372036854775807"]),
    ("intset-16", &["SADD KEY 1 2 300"]),
    ("intset-32", &["SADD KEY 1 2 70000"]),
    ("intset-64", &["SADD KEY 1 2 5000000000"]),
    ("set-small", &["SADD KEY a b 7"]),
    ("zset-listpack", &["ZADD KEY 1 a -2.5 b inf c 1e-7 d"]),
    ("hash-listpack", &["HSET KEY f v 1 2"]),
    // Long enough to be raw to every server.
    (
        "hyperloglog-sparse",
        &[
            "PFADD KEY a b c d e f g h i j k l m n o p q r s t u v w x y z",
            "PFADD KEY A B C D E F G H I J K L M N O P Q R S T U V W X Y Z 1 2 3 4 5 6 7 8 9",
        ],
    ),
    ("stream-empty", &["XGROUP CREATE KEY g $ MKSTREAM", "XADD KEY 5-5 a b", "XDEL KEY 5-5"]),
    (
        "stream",
        &[
            "XADD KEY 1-1 f v g w",
            "XADD KEY 1-2 f v2 g w2",
            "XADD KEY 2-1 other 1",
            "XADD KEY 3-1 f v",
            "XDEL KEY 2-1",
            "XGROUP CREATE KEY g 0",
            "XGROUP CREATE KEY h 1-2",
            "XREADGROUP GROUP g alice COUNT 2 STREAMS KEY >",
            "XREADGROUP GROUP g bob STREAMS KEY >",
            "XACK KEY g 1-2",
            "XGROUP CREATECONSUMER KEY h carol",
        ],
    ),
];
/// A hash of which fields expire: Redis 7.0 has none.
const TIMED: (&str, &[&str]) = ("timed", &["HSET KEY a 1 b 2", "HPEXPIREAT KEY 9999999999000 FIELDS 1 a"]);
/// Commands that add something numbered # to a key, for keys with many elements.
const LARGE: &[(&str, &str)] = &[
    ("quicklist", "RPUSH KEY element:#"),
    ("set-hashtable", "SADD KEY member:#"),
    ("zset-skiplist", "ZADD KEY 0.# member:#"),
    ("hash-hashtable", "HSET KEY field:# value:#"),
    ("stream-large", "XADD KEY #-1 f v:#"),
    ("hyperloglog-dense", "PFADD KEY element:#"),
    ("raw", "APPEND KEY compressible:#"),
];
/// Elements of such a key; more than any compact encoding takes.
const LARGE_COUNT: usize = 2_000;
/// A list's element too long for a listpack.
const LONG_ELEMENT: usize = 20_000;

impl Side {
    /// Makes all keys.
    fn make(&mut self, timed: bool) {
        for (name, commands) in SMALL.iter().chain(timed.then_some(&TIMED)) {
            for command in *commands {
                let reply = self.client.line(&command.replace("KEY", &own(name)));
                assert!(!matches!(reply, Value::Error(_)), "{}: {command}: {reply}", self.name);
            }
        }
        for (name, command) in LARGE {
            let lines = (0..LARGE_COUNT)
                .map(|n| command.replace("KEY", &own(name)).replace('#', &(n + 1).to_string()));
            let words: Vec<Vec<String>> =
                lines.map(|line| line.split(' ').map(str::to_owned).collect()).collect();
            self.client.send(&words.iter().flat_map(|words| kit::encode(words)).collect::<Vec<u8>>());
            (0..LARGE_COUNT).for_each(|_| drop(self.client.read().expect("the server answers")));
        }
        self.client.call(&["RPUSH", &own("list-long"), "a", &"x".repeat(LONG_ELEMENT), "b"]);
    }

    /// What a server tells of a key; the digest knows no order where there is none.
    fn describe(&mut self, key: &str) -> Vec<Value> {
        let questions: &[&[&str]] = &[
            &["TYPE", key],
            &["OBJECT", "ENCODING", key],
            &["DEBUG", "DIGEST-VALUE", key],
            &["XINFO", "GROUPS", key],
            &["XPENDING", key, "g"],
            &["XINFO", "STREAM", key],
            &["HPEXPIRETIME", key, "FIELDS", "2", "a", "b"],
        ];
        // The words of an error name the key.
        let code = |text: String| text.split(' ').next().unwrap_or_default().to_owned();
        let ask = |question: &&[&str]| match self.client.call(question) {
            Value::Error(text) => Value::Error(code(text)),
            reply => reply,
        };
        questions.iter().map(ask).collect()
    }

    /// Restores the payloads of `other` and compares them with its own keys.
    fn takes_from(&mut self, other: &mut Side, names: &[&str]) {
        for name in names {
            let Value::Bulk(payload) = other.client.call(&["DUMP", &own(name)]) else {
                panic!("{} dumps {name}", other.name);
            };
            let copy = format!("{{k}}copy:{name}");
            let words: [&[u8]; 4] = [b"RESTORE", copy.as_bytes(), b"0", &payload];
            let reply = self.client.call(&words);
            assert_eq!(reply, Value::Simple("OK".to_owned()), "{} takes {name} of {}", self.name, other.name);
            let (mine, theirs) = (self.describe(&own(name)), self.describe(&copy));
            assert_eq!(mine, theirs, "{name} of {} at {}", other.name, self.name);
        }
    }
}

fn own(name: &str) -> String {
    format!("{{k}}{name}")
}

fn both_ways(variable: &'static str, timed: bool) {
    let peer = lone_peer(variable, &["--port", "{port}"]);
    let ours = ringmaster(1, &["--bootstrap", "yes", "--enable-debug-command", "yes"]);
    let mut theirs = Side { name: variable, client: Client::connect(peer.port) };
    let mut ours = Side { name: "ringmaster", client: Client::connect(ours.port) };
    theirs.make(timed);
    ours.make(timed);
    let names = SMALL.iter().map(|(name, _)| *name).chain(LARGE.iter().map(|(name, _)| *name));
    let names: Vec<&str> = names.chain(["list-long"]).chain(timed.then_some(TIMED.0)).collect();
    ours.takes_from(&mut theirs, &names);
    theirs.takes_from(&mut ours, &names);
}

#[test]
fn payloads_go_both_ways_with_valkey() {
    both_ways("VALKEY_SERVER", true);
}

#[test]
fn payloads_go_both_ways_with_redis() {
    both_ways("REDIS_SERVER", false);
}

/// DEBUG SET-SKIP-CHECKSUM-VALIDATION lets a damaged payload reach what reads values, which refuses it by itself.
#[test]
fn a_payload_is_read_whatever_its_checksum() {
    let server = ringmaster(1, &["--bootstrap", "yes", "--enable-debug-command", "yes"]);
    let mut client = Client::connect(server.port);
    client.line("SADD from 1 2 300");
    let Value::Bulk(mut payload) = client.line("DUMP from") else { panic!("a payload") };
    let end = payload.len() - 1;
    payload[end] ^= 1;
    let restore =
        |client: &mut Client, payload: &[u8]| client.call(&[&b"RESTORE"[..], b"{from}", b"0", payload]);
    assert!(restore(&mut client, &payload).text().contains("version or checksum are wrong"));
    client.line("DEBUG SET-SKIP-CHECKSUM-VALIDATION 1");
    client.line("CONFIG SET maxmemory 100mb");
    let mut damaged = payload.clone();
    damaged[3] ^= 0xFF;
    assert_eq!(restore(&mut client, &damaged).text(), "ERR Bad data format");
    assert_eq!(restore(&mut client, &payload).text(), "OK");
    assert_eq!(client.line("SCARD {from}"), Value::Integer(3));
}
