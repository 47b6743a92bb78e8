//! Writes of every kind, to fill a master and to keep it busy while a replica comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use kit::{Client, Value};

/// Values with every encoding: small and packed, numbers, and too large for either.
pub fn fill(client: &mut Client) {
    for line in [
        "SET int 123456789",
        "SET embstr hello",
        "SET volatile x PX 100000000",
        "RPUSH list:packed a 1 b -70000",
        "SADD set:ints 1 -2 70000 5000000000",
        "SADD set:packed a b 3",
        "HSET hash:packed f v n 1 empty 0",
        "ZADD zset:packed 1 a -1.5 b inf c",
        "XADD stream 1-1 f v",
        "XADD stream 2-1 f v g w",
        "XGROUP CREATE stream group 0",
        "XREADGROUP GROUP group someone COUNT 1 STREAMS stream >",
        "PFADD hll a b c d",
        "SETBIT bits 100 1",
        "GEOADD geo 13.361389 38.115556 Palermo",
    ] {
        no_error(&client.line(line), line);
    }
    let long = "x".repeat(3000);
    no_error(&client.call(&["SET", "raw", &long]), "SET raw");
    no_error(&client.call(&["SET", "huge", &long.repeat(1000)]), "SET huge");
    for i in 0..700 {
        let (member, value) = (format!("member:{i}"), format!("{long}:{i}"));
        for words in [
            ["SADD", "set:table", &member].as_slice(),
            &["HSET", "hash:table", &member, &value[2900..]],
            &["ZADD", "zset:tree", &i.to_string(), &member],
            &["RPUSH", "list:nodes", &value[..100]],
            &["XADD", "stream:long", "*", "field", &value[2950..]],
            &["SET", &format!("key:{i}"), &member, "EX", "100000"],
        ] {
            no_error(&client.call(words), "a write");
        }
    }
}

fn no_error(reply: &Value, what: &str) {
    assert!(!matches!(reply, Value::Error(_)), "{what}: {reply}");
}

/// A thread that writes until it is told to stop.
pub struct Writer {
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Begins to write to the master at `port`. A master that is gone, or hands its slots over, is no failure.
    pub fn start(port: u16) -> Writer {
        let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, counted) = (stop.clone(), count.clone());
        let thread = std::thread::spawn(move || {
            let mut client = Client::connect(port);
            for i in 0.. {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                write(&mut client, i);
                counted.store(i, Ordering::Relaxed);
            }
        });
        Writer { stop, count, thread: Some(thread) }
    }

    /// Rounds of writes so far.
    pub fn rounds(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Stops writing.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end();
    }
}

/// A round of commands, many of them such that a replica that ran them in their own words would differ.
fn write(client: &mut Client, i: u64) {
    let (a, b) = (i * 7919 % 1000, i * 104_729 % 50);
    let lines = [
        format!("SET key:{a} {i} PX 60000"),
        format!("SET soon:{b} {i} PX 3"),
        format!("INCR counter:{b}"),
        format!("INCRBYFLOAT float:{b} 0.1"),
        format!("LPUSH list:{b} {i} {a}"),
        format!("RPOP list:{b}"),
        format!("SADD set:{b} {a} {i}"),
        format!("SPOP set:{b} 1"),
        format!("HINCRBYFLOAT hash:{b} f 1.5"),
        format!("HSET hash:table member:{a} {i}"),
        format!("ZADD zset:{b} {a} m{i}"),
        format!("ZPOPMIN zset:{b}"),
        format!("XADD events:{b} MAXLEN ~ 100 * i {i}"),
        format!("GETEX key:{a} EX 1000"),
        format!("GET soon:{b}"),
        format!("EXPIRE key:{a} 500"),
        format!("DEL list:{}", (b + 1) % 50),
        format!("APPEND raw {i}"),
        "SETRANGE raw 0 y".to_owned(),
        "MULTI".to_owned(),
        format!("INCR {{t:{b}}}:x"),
        format!("SET {{t:{b}}}:y {i}"),
        "EXEC".to_owned(),
    ];
    let mut batch = Vec::new();
    for line in &lines {
        batch.extend_from_slice(line.as_bytes());
        batch.extend_from_slice(b"\r\n");
    }
    client.send(&batch);
    for line in &lines {
        let reply = client.read().unwrap_or_else(|| panic!("the master is gone before {line}"));
        let gone = reply.text().starts_with("MOVED") || reply.text().starts_with("EXECABORT");
        assert!(gone || !matches!(reply, Value::Error(_)), "{line}: {reply}");
    }
}
