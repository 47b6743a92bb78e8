//! A data set that has a little of everything, and how tests of persistence look at it.

use kit::{Client, Process, Value, ringmaster, wait_until};

/// One of our servers, of one core that owns all slots.
pub fn server(args: &[&str]) -> Process {
    ringmaster(1, &[&["--bootstrap", "yes", "--enable-debug-command", "yes"], args].concat())
}

/// A connection to one of our servers, once its cluster serves: after a start that takes a moment.
pub fn connect(process: &Process) -> Client {
    let mut client = Client::connect(process.port);
    wait_until("the cluster serves", || client.line("CLUSTER INFO").text().contains("cluster_state:ok"));
    client
}

/// One key and more of each type and encoding, with expiries, and things done that cannot be repeated in the same
/// words.
pub fn fill(client: &mut Client) {
    let long = "x".repeat(20_000);
    for line in [
        "SET {s}string:int 12345",
        "SET string:short abc",
        &format!("SET string:long {long}"),
        "APPEND string:short def",
        "INCRBYFLOAT string:float 3.5",
        "SETEX string:timed 10000 v",
        "SET string:until v EX 10000",
        "SETBIT bits 70 1",
        "PFADD hll a b c d",
        "RPUSH list:small a b c 1 2 3",
        "LPUSH list:small z",
        "LMPOP 1 list:small RIGHT COUNT 2",
        "SADD set:ints 1 2 3 100000",
        "SADD {s}set:small a b c",
        "SADD set:popped a b c d e f g h",
        "SPOP set:popped",
        "SPOP set:popped 3",
        "HSET hash:small f v g 1",
        "HINCRBY hash:small g 41",
        "HINCRBYFLOAT hash:small h 0.5",
        "ZADD zset:small 1 a 2.5 b -inf c",
        "ZINCRBY zset:small 3 a",
        "ZPOPMIN zset:small",
        "GEOADD geo 13.361389 38.115556 Palermo 15.087269 37.502669 Catania",
        "XADD stream * a 1",
        "XADD stream * b 2 c 3",
        "XGROUP CREATE stream group 0",
        "XREADGROUP GROUP group consumer COUNT 1 STREAMS stream >",
        "EXPIRE list:small 10000",
        "SET gone v",
        "DEL gone",
        "MULTI",
        "INCR {s}counter",
        "INCR {s}counter",
        "SADD {s}set:small d",
        "EXEC",
        "RENAME {s}string:int {s}string:renamed",
        "COPY {s}set:small {s}set:copied",
    ] {
        let reply = client.line(line);
        assert!(!matches!(reply, Value::Error(_)), "{line}: {reply}");
    }
    for i in 0..600 {
        client.line(&format!("RPUSH list:large item:{i}"));
        client.line(&format!("SADD set:large member:{i}"));
        client.line(&format!("HSET hash:large field:{i} {i}"));
        client.line(&format!("ZADD zset:large {i}.5 member:{i}"));
    }
}

/// A hash of all data.
pub fn digest(client: &mut Client) -> String {
    client.line("DEBUG DIGEST").text()
}

/// A field of INFO.
pub fn info(client: &mut Client, field: &str) -> String {
    let text = client.line("INFO").text();
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':').map(str::to_owned));
    line.unwrap_or_else(|| panic!("INFO has no {field}"))
}
