//! What string, bitmap and generic key commands tell the rest of the server: events, and the words they go on in.
//!
//! The words must mean the same later and elsewhere: times absolute, conditions decided, sums done. The expected
//! lines are what a Valkey 8.0.1 answers, publishes and replicates.

use base::{Random, key_slot};
use resp::{Proto, Reply};
use store::{Garbage, Keyspace};

use crate::table::{Found, Run};
use crate::{Args, Ctx, Db, Effects, Settings};

/// The time of every command, in unix milliseconds.
const NOW: u64 = 1_700_000_000_000;

/// Runs the lines' first halves one after the other; each must give `reply | events | propagated`.
fn check(lines: &[(&str, &str)]) {
    let (mut keyspace, mut random, settings) = (Keyspace::new(), Random::new(1), Settings::default());
    for (line, expect) in lines {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let args = Args::new(&words);
        let (mut reply, mut garbage) = (Reply::new(Proto::Resp2), Garbage::new());
        let mut effects = Effects { listening: true, recording: true, ..Effects::default() };
        // As if every key had the same hash tag.
        let slot = key_slot(b"tag");
        let db = Db::new(&mut keyspace, slot, NOW, &mut effects, &mut garbage, &settings);
        let (settings, random) = (&settings, &mut random);
        let mut ctx = Ctx {
            db,
            reply: &mut reply,
            settings,
            random,
            may_block: false,
            reads_every_key: true,
            may_decode_aside: false,
            decoded: &mut None,
        };
        let Ok(found) = Found::resolve(&args) else { panic!("{line}") };
        let command = found.command;
        let Run::Data(handler) = command.run else { panic!("{} is no data command", command.name) };
        let text = match handler(&mut ctx, &args) {
            Ok(()) => {
                String::from_utf8_lossy(reply.as_plain().unwrap()).replace("\r\n", " ").trim_end().to_owned()
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(
            format!("{text} | {} | {}", events(&effects), propagated(&effects, line)),
            *expect,
            "{line}"
        );
    }
}

fn events(effects: &Effects) -> String {
    let named = effects.touched.iter().filter_map(|touch| Some((touch.event?.1, &touch.key)));
    let texts: Vec<String> = named.map(|(event, key)| format!("{event} {}", key.escape_ascii())).collect();
    texts.join(", ")
}

fn propagated(effects: &Effects, line: &str) -> String {
    let Some(commands) = &effects.replaced else {
        return if effects.dirty > 0 { line.to_owned() } else { String::new() };
    };
    let text = |word: &bytes::Bytes| word.escape_ascii().to_string();
    let words = |command: &Vec<bytes::Bytes>| command.iter().map(text).collect::<Vec<_>>().join(" ");
    commands.iter().map(words).collect::<Vec<_>>().join("; ")
}

#[test]
fn set_and_its_relatives() {
    check(&[
        ("set k v", "+OK | new k, set k | set k v"),
        ("set k w nx", "$-1 |  | "),
        ("set k w xx get", "$1 v | set k | set k w xx"),
        ("set k v ex 100", "+OK | set k, expire k | SET k v PXAT 1700000100000"),
        ("set k v keepttl get", "$1 v | set k | set k v keepttl"),
        ("set k v pxat 1700000000001", "+OK | set k, expire k | set k v pxat 1700000000001"),
        ("set k v exat 5", "+OK | del k | UNLINK k"),
        ("set k v exat 5", "+OK |  | "),
        ("setex k 1 v", "+OK | new k, set k, expire k | SET k v PXAT 1700000001000"),
        ("getset k w", "$1 v | set k | SET k w"),
        ("getex k px 7", "$1 w | expire k | PEXPIREAT k 1700000000007"),
        ("getex k persist", "$1 w | persist k | PERSIST k"),
        ("getex k persist", "$1 w |  | "),
        ("getdel k", "$1 w | del k | DEL k"),
        ("getdel k", "$-1 | keymiss k | "),
        ("set k v ex 0", "ERR invalid expire time in 'set' command |  | "),
        ("set k v ex 1 px 1", "ERR syntax error |  | "),
        ("psetex k 9223372036854775807 v", "ERR invalid expire time in 'psetex' command |  | "),
    ]);
}

#[test]
fn changes_of_strings() {
    check(&[
        ("incr k", ":1 | new k, incrby k | incr k"),
        ("decrby k -9223372036854775808", "ERR decrement would overflow |  | "),
        ("incrby k 9223372036854775807", "ERR increment or decrement would overflow |  | "),
        ("incrbyfloat k 0.5", "$3 1.5 | incrbyfloat k | SET k 1.5 KEEPTTL"),
        ("incr k", "ERR value is not an integer or out of range |  | "),
        ("append k 0", ":4 | append k | append k 0"),
        ("setrange k 5 x", ":6 | setrange k | setrange k 5 x"),
        ("setrange k 536870912 x", "ERR string exceeds maximum allowed size (proto-max-bulk-len) |  | "),
        ("getrange k -3 -1", "$3 0\0x |  | "),
        ("setbit b 9 1", ":0 | new b, setbit b | setbit b 9 1"),
        ("setbit b 9 1", ":1 |  | "),
        ("bitfield b get u4 8 overflow fail incrby u1 9 1", "*2 :4 $-1 |  | "),
        ("bitop not d b", ":2 | new d, set d | bitop not d b"),
        ("bitop and d none", ":0 | keymiss none, del d | bitop and d none"),
        ("msetnx b 1 c 2", ":0 |  | "),
    ]);
}

#[test]
fn keys_that_move_and_expire() {
    check(&[
        ("mset a 1 b 2", "+OK | new a, set a, new b, set b | mset a 1 b 2"),
        ("expire a 10 xx", ":0 |  | "),
        ("expire a 10 nx", ":1 | expire a | PEXPIREAT a 1700000010000 nx"),
        ("pexpireat a 1700000020000 gt", ":1 | expire a | pexpireat a 1700000020000 gt"),
        ("expiretime a", ":1700000020 |  | "),
        ("copy a c", ":1 | new c, copy_to c | copy a c"),
        ("pttl c", ":20000 |  | "),
        ("copy a c", ":0 |  | "),
        ("rename a b", "+OK | new b, rename_from a, rename_to b | rename a b"),
        ("renamenx b c", ":0 |  | "),
        ("persist b", ":1 | persist b | persist b"),
        ("expire b -1", ":1 | del b | UNLINK b"),
        ("expire b 5", ":0 |  | "),
        ("expire c 9223372036854775807", "ERR invalid expire time in 'expire' command |  | "),
        ("expire c 5 soon", "ERR Unsupported option soon |  | "),
        ("del a b c c", ":1 | del c | del a b c c"),
        ("rename a b", "ERR no such key |  | "),
    ]);
}
