//! Fields that expire, on a server and on one that repeats its commands later.
//!
//! Which words a command goes on in is easy to get wrong: the other side's clock is behind, so a field that
//! has expired here may be alive there. Random commands on both must leave the same fields alive.

use base::{Random, Slot, key_slot};
use resp::{Proto, Reply};
use store::types::Hash;
use store::{Garbage, Keyspace};

use crate::table::{Found, Run};
use crate::{Args, Ctx, Db, Effects, Settings};

/// Some moment, in unix milliseconds.
const START: u64 = 1_700_000_000_000;
/// How far the other server's clock is behind.
const LAG: u64 = 50;

struct Server {
    keyspace: Keyspace,
    settings: Settings,
    random: Random,
}

impl Server {
    fn new(packed_fields: usize) -> Server {
        let mut settings = Settings::default();
        settings.limits.hash_max_listpack_entries = packed_fields;
        Server { keyspace: Keyspace::new(), settings, random: Random::new(1) }
    }

    /// Runs a command; the reply, and the words it goes on in.
    fn run(&mut self, words: &[Vec<u8>], now: u64) -> (String, Vec<Vec<Vec<u8>>>) {
        let items: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let args = Args::new(&items);
        let (mut reply, mut garbage) = (Reply::new(Proto::Resp2), Garbage::new());
        let mut effects = Effects { recording: true, ..Effects::default() };
        let slot = args.get(1).map_or(Slot::new(0).unwrap(), |key| key_slot(key));
        let db = Db::new(&mut self.keyspace, slot, now, &mut effects, &mut garbage, &self.settings);
        let mut ctx = Ctx {
            db,
            reply: &mut reply,
            settings: &self.settings,
            random: &mut self.random,
            may_block: false,
            reads_every_key: true,
            may_decode_aside: false,
            decoded: &mut None,
        };
        let Ok(found) = Found::resolve(&args) else { panic!("{words:?}") };
        let command = found.command;
        let Run::Data(handler) = command.run else { panic!("{} is no data command", command.name) };
        let text = match handler(&mut ctx, &args) {
            Ok(()) => String::from_utf8_lossy(reply.as_plain().unwrap()).replace("\r\n", " "),
            Err(error) => error.to_string(),
        };
        let own = if effects.dirty > 0 { vec![words.to_vec()] } else { Vec::new() };
        let replaced = effects.replaced.map(|commands| {
            commands.into_iter().map(|words| words.iter().map(|word| word.to_vec()).collect()).collect()
        });
        (text, replaced.unwrap_or(own))
    }

    fn line(&mut self, line: &str, now: u64) -> String {
        let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        self.run(&words, now).0
    }

    /// Every field alive at `now`, with value and expiry.
    fn fields(&self, key: &[u8], now: u64) -> Vec<String> {
        let entry = self.keyspace.get(key_slot(key), key);
        let hash: Option<&Hash> = entry.and_then(|entry| entry.get());
        let mut fields: Vec<String> =
            hash.into_iter().flat_map(|hash| hash.iter(now)).map(|field| format!("{field:?}")).collect();
        fields.sort_unstable();
        fields
    }
}

/// A random command on the hash `h`, with fields that soon expire.
fn random_line(random: &mut Random, now: u64) -> String {
    let mut pick = |words: &[&str]| words[random.below(words.len() as u64) as usize].to_owned();
    let names = ["a", "b", "c", "d", "e"];
    let (one, other) = (pick(&names), pick(&names));
    let condition = pick(&["", "NX ", "XX ", "GT ", "LT "]);
    let timing = pick(&["", "PX 5 ", "PX 30 ", "EX 1 ", "PX 0 ", "PERSIST "]);
    let set_timing = pick(&["", "PX 5 ", "PX 30 ", "EX 1 ", "KEEPTTL ", "EXAT 1 "]);
    let demand = pick(&["", "NX ", "XX ", "FNX ", "FXX "]);
    let soon = now + random.below(40);
    match random.below(12) {
        0 | 1 => format!("HSET h {one} 1 {other} 2"),
        2 => format!("HSETNX h {one} 3"),
        3 => format!("HDEL h {one}"),
        4 => format!("HINCRBY h {one} 5"),
        5 => format!("HINCRBYFLOAT h {one} 0.5"),
        6 => format!("HPEXPIRE h 20 {condition}FIELDS 2 {one} {other}"),
        7 => format!("HPEXPIREAT h {soon} {condition}FIELDS 2 {one} {other}"),
        8 => format!("HPERSIST h FIELDS 2 {one} {other}"),
        9 => format!("HGETEX h {timing}FIELDS 2 {one} {other}"),
        10 => format!("HSETEX h {demand}{set_timing}FIELDS 2 {one} 7 {other} 8"),
        _ => format!("HGETDEL h FIELDS 1 {one}"),
    }
}

#[test]
fn a_later_clock_leaves_the_same_fields() {
    for packed_fields in [0, 3, 100] {
        let (mut random, mut now) = (Random::new(5), START);
        let (mut main, mut other) = (Server::new(packed_fields), Server::new(packed_fields));
        for _ in 0..4000 {
            now += random.below(4);
            let line = random_line(&mut random, now);
            let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
            for words in main.run(&words, now).1 {
                let (reply, _) = other.run(&words, now - LAG);
                assert!(!reply.starts_with("ERR"), "{words:?} {reply}");
            }
            assert_eq!(main.fields(b"h", now), other.fields(b"h", now), "{line}");
        }
    }
}

#[test]
fn an_expired_field_is_gone_but_counted() {
    let mut server = Server::new(100);
    assert_eq!(server.line("HSETEX h PX 10 FIELDS 2 a 1 b 2", START), ":1 ");
    assert_eq!(server.line("HSET h c 3", START + 10), ":1 ");
    let later = START + 10;
    assert_eq!(server.line("HGETALL h", later), "*2 $1 c $1 3 ");
    assert_eq!(server.line("HMGET h a c", later), "*2 $-1 $1 3 ");
    assert_eq!(server.line("HRANDFIELD h -3", later), "*3 $1 c $1 c $1 c ");
    assert_eq!(server.line("HTTL h FIELDS 2 a c", later), "*2 :-2 :-1 ");
    assert_eq!(server.line("HDEL h a", later), ":0 ");
    assert_eq!(server.line("HINCRBY h a 5", later), ":5 ");
    assert_eq!(server.line("HTTL h FIELDS 1 a", later), "*1 :-1 ");
    assert_eq!(server.line("HLEN h", later), ":3 ");
}

#[test]
fn errors_change_nothing() {
    let mut server = Server::new(100);
    server.line("HSET h a x big 9223372036854775807", START);
    let before = server.fields(b"h", START);
    let count = "ERR numfields should be greater than 0 and match the provided number of fields";
    for (line, error) in [
        ("HSET h a 1 b", "ERR wrong number of arguments for 'hset' command"),
        ("HINCRBY h a 1", "ERR hash value is not an integer"),
        ("HINCRBY h big 1", "ERR increment or decrement would overflow"),
        ("HINCRBYFLOAT h a 1", "ERR hash value is not a float"),
        ("HINCRBYFLOAT h a inf", "ERR value is NaN or Infinity"),
        ("HEXPIRE h 1 FIELDS 2 a", count),
        (
            "HEXPIRE h 1 NX GT FIELDS 1 a",
            "ERR NX and XX, GT or LT options at the same time are not compatible",
        ),
        ("HEXPIRE h -1 FIELDS 1 a", "ERR invalid expire time in 'hexpire' command"),
        ("HEXPIRE h 9223372036854775807 FIELDS 1 a", "ERR invalid expire time in 'hexpire' command"),
        ("HTTL h FIELDS 2 a", "ERR syntax error"),
        ("HSETEX h EX 1 KEEPTTL FIELDS 1 a 1", "ERR syntax error"),
        ("HSETEX h FIELDS 9223372036854775807 a 1", count),
        ("HGETEX h PERSIST PX 1 FIELDS 1 a", "ERR syntax error"),
        ("HRANDFIELD h -9223372036854775807", "ERR value is out of range"),
    ] {
        assert_eq!(server.line(line, START), error, "{line}");
    }
    assert_eq!(server.fields(b"h", START), before);
}
