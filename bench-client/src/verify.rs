//! Verify mode: whether what a server has acknowledged is still there.
//!
//! Each written value says which key it belongs to and which request wrote it, under a checksum. A thread owns
//! its keys alone and keeps, for each, the newest write that was acknowledged; numbers of requests grow, so
//! "older" needs no clock. A key has at most one write under way: two could be applied in either order. Reads
//! during the run are checked against what was acknowledged before they were sent (stale, corrupt), and after
//! the run every key that was written is read back (lost, corrupt).
//!
//! A write whose answer never came (lost connection, timeout) may or may not be there: both are right, and it
//! is counted as unknown. Lost is a key whose newest acknowledged write is gone: one for each key, so writes
//! are counted one by one as long as there are enough keys that none is written twice (`--keys`).

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::admin::Value;
use crate::random::mix;
use crate::reply::Reply;
use crate::target::Target;
use crate::topology::{Map, NOBODY, fetch};
use crate::workload::Workload;
use crate::workload::keys::push_digits;
use crate::workload::template::encode_command;

/// How every checkable value begins.
const MAGIC: &str = "rmb1";
/// Keys read back in one go.
const READ_BATCH: usize = 500;
/// How often a key that could not be read is tried with a new slot map.
const READ_TRIES: u32 = 20;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// Writes that were acknowledged.
    pub acknowledged: u64,
    /// Those that `WAIT` confirmed on enough replicas.
    pub waited: u64,
    /// Writes without an answer: there or not.
    pub unknown: u64,
    /// Reads during the run that gave a checked value.
    pub reads: u64,
    /// Reads that gave less than was acknowledged before they were sent.
    pub stale: u64,
    /// Values that were damaged or belonged to another key, during the run or after.
    pub corrupt: u64,
    /// Keys read back after the run.
    pub checked: u64,
    /// Keys whose newest acknowledged write is gone.
    pub lost: u64,
    /// Those among the lost whose write `WAIT` had confirmed.
    pub lost_waited: u64,
    /// Keys that could not be read back.
    pub unreadable: u64,
}

/// What one thread knows of its keys.
#[derive(Debug)]
pub struct Ledger {
    threads: u64,
    thread: u64,
    keys: Vec<Entry>,
    findings: Findings,
}

/// Numbers are those of requests plus one, so that zero is "none".
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    acknowledged: u64,
    waited: u64,
    under_way: u64,
    tried: bool,
}

/// Adds the value that request `number` writes to `key`: text of at least `size` bytes.
pub fn write_value(key: u64, number: u64, size: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(MAGIC.as_bytes());
    for field in [key, number, checksum(key, number, size as u64), size as u64] {
        out.push(b':');
        push_digits(field, 1, out);
    }
    out.push(b':');
    let used = out.len() - start;
    // The padding follows from the number too, so that damage to it shows.
    out.extend((used..size).map(|at| padding(number, at)));
}

fn padding(number: u64, at: usize) -> u8 {
    b'a' + (number.wrapping_add(at as u64) % 26) as u8
}

fn checksum(key: u64, number: u64, size: u64) -> u64 {
    mix(mix(mix(key) ^ number) ^ size)
}

/// The number of the request that wrote `value` for `key`; `None` when it is damaged or another key's.
fn read_value(key: u64, value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    let mut fields = text.splitn(6, ':');
    let is_ours = fields.next()? == MAGIC;
    let mut number = || fields.next()?.parse::<u64>().ok();
    let (found_key, written_by, sum, size) = (number()?, number()?, number()?, number()?);
    let rest = fields.next()?;
    let header = value.len() - rest.len();
    let intact = rest.bytes().enumerate().all(|(i, byte)| byte == padding(written_by, header + i));
    let whole = value.len() == header.max(usize::try_from(size).ok()?);
    let right = found_key == key && sum == checksum(key, written_by, size);
    (is_ours && intact && whole && right).then_some(written_by)
}

impl Ledger {
    /// The ledger of `thread` for its part of `keys` keys.
    pub fn new(thread: usize, threads: usize, keys: u64) -> Ledger {
        let own = usize::try_from(keys / threads as u64).unwrap_or(usize::MAX);
        Ledger {
            threads: threads as u64,
            thread: thread as u64,
            keys: vec![Entry::default(); own],
            findings: Findings::default(),
        }
    }

    fn entry(&mut self, key: u64) -> &mut Entry {
        &mut self.keys[(key / self.threads) as usize]
    }

    /// Notes that a write is about to be sent; `false` when another one of this key is under way.
    pub fn begin_write(&mut self, key: u64, number: u64) -> bool {
        let entry = self.entry(key);
        if entry.under_way != 0 {
            return false;
        }
        (entry.under_way, entry.tried) = (number + 1, true);
        true
    }

    /// The newest acknowledged write of `key`, as a read that is sent now must find it at least.
    pub fn floor(&mut self, key: u64) -> u64 {
        self.entry(key).acknowledged
    }

    /// The server acknowledged the write.
    pub fn acknowledge(&mut self, key: u64, number: u64) {
        let entry = self.entry(key);
        (entry.acknowledged, entry.under_way) = (number + 1, 0);
        self.findings.acknowledged += 1;
    }

    /// `WAIT` confirmed the write. That says something only of a write that was applied: a refused one is
    /// followed by its WAIT all the same.
    pub fn confirm(&mut self, key: u64, number: u64) {
        let entry = self.entry(key);
        if entry.acknowledged == number + 1 {
            entry.waited = number + 1;
            self.findings.waited += 1;
        }
    }

    /// The write failed; `unknown` when it may have been applied all the same.
    pub fn fail(&mut self, key: u64, unknown: bool) {
        self.entry(key).under_way = 0;
        self.findings.unknown += u64::from(unknown);
    }

    /// Checks a read that was sent when `floor` was acknowledged.
    pub fn check_read(&mut self, key: u64, floor: u64, reply: &Reply) {
        let found = match reply {
            Reply::Value(value) => read_value(key, value).map(|number| number + 1),
            Reply::Nil => Some(0),
            _ => None,
        };
        self.findings.reads += 1;
        match found {
            None => self.findings.corrupt += 1,
            Some(number) => self.findings.stale += u64::from(number < floor),
        }
    }

    /// Keys that were written at least once, with their entries.
    fn written(&self) -> impl Iterator<Item = (u64, Entry)> {
        let of = |(position, entry): (usize, &Entry)| (position as u64 * self.threads + self.thread, *entry);
        self.keys.iter().enumerate().map(of).filter(|(_, entry)| entry.tried)
    }
}

/// Reads every written key back and sums up.
pub fn read_back(target: &Target, workload: &Workload, ledgers: &[Ledger]) -> Findings {
    let mut findings = Findings::default();
    let mut open = Vec::new();
    for ledger in ledgers {
        let f = &ledger.findings;
        findings.acknowledged += f.acknowledged;
        findings.waited += f.waited;
        findings.unknown += f.unknown;
        findings.reads += f.reads;
        findings.stale += f.stale;
        findings.corrupt += f.corrupt;
        open.extend(ledger.written());
    }
    let mut map = target.map.clone();
    for attempt in 0..READ_TRIES {
        if attempt > 0 {
            std::thread::sleep(std::time::Duration::from_millis(250));
        }
        refresh(target, &mut map);
        open = read_round(target, workload, &map, open, &mut findings);
        if open.is_empty() {
            break;
        }
    }
    findings.unreadable = open.len() as u64;
    findings
}

fn refresh(target: &Target, map: &mut Map) {
    if map.cluster {
        let nodes = map.nodes.clone();
        let mut answered = |node| target.admin(node).and_then(|mut admin| fetch(map, &mut admin)).is_ok();
        nodes.into_iter().any(&mut answered);
    }
}

/// Reads `open` keys from their owners; what could not be read is returned.
fn read_round(
    target: &Target,
    workload: &Workload,
    map: &Map,
    open: Vec<(u64, Entry)>,
    findings: &mut Findings,
) -> Vec<(u64, Entry)> {
    let mut by_node: Vec<Vec<(u64, Entry)>> = vec![Vec::new(); map.nodes.len()];
    let mut left = Vec::new();
    let mut name = Vec::new();
    for (key, entry) in open {
        name.clear();
        workload.keys.name(key, &mut name);
        match map.owners[base::key_slot(&name).index()] {
            NOBODY => left.push((key, entry)),
            owner => by_node[usize::from(owner)].push((key, entry)),
        }
    }
    for (node, keys) in by_node.into_iter().enumerate() {
        for batch in keys.chunks(READ_BATCH) {
            let values = read_batch(target, workload, map.nodes[node], batch).unwrap_or_default();
            for (position, &(key, entry)) in batch.iter().enumerate() {
                match values.get(position) {
                    None | Some(Value::Error(_)) => left.push((key, entry)),
                    Some(value) => judge(key, entry, value, findings),
                }
            }
        }
    }
    left
}

fn read_batch(
    target: &Target,
    workload: &Workload,
    node: SocketAddr,
    batch: &[(u64, Entry)],
) -> Result<Vec<Value>, String> {
    let mut admin = target.admin(node)?;
    let mut request = Vec::new();
    for (key, _) in batch {
        let mut name = Vec::new();
        workload.keys.name(*key, &mut name);
        request.extend(encode_command(&[&b"GET"[..], &name]));
    }
    admin.send(&request)?;
    batch.iter().map(|_| admin.receive()).collect()
}

fn judge(key: u64, entry: Entry, value: &Value, findings: &mut Findings) {
    findings.checked += 1;
    let found = match value {
        Value::Nil => 0,
        Value::Text(bytes) => match read_value(key, bytes) {
            Some(number) => number + 1,
            None => {
                findings.corrupt += 1;
                return;
            }
        },
        _ => {
            findings.corrupt += 1;
            return;
        }
    };
    findings.lost += u64::from(found < entry.acknowledged);
    findings.lost_waited += u64::from(found < entry.waited);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(key: u64, number: u64, size: usize) -> Vec<u8> {
        let mut out = Vec::new();
        write_value(key, number, size, &mut out);
        out
    }

    #[test]
    fn values_carry_their_writer() {
        for size in [0, 10, 64, 5000] {
            assert_eq!(read_value(7, &value(7, 123, size)), Some(123), "size {size}");
            assert!(value(7, 123, size).len() >= size);
        }
        assert_eq!(read_value(8, &value(7, 123, 64)), None, "another key's value");
    }

    #[test]
    fn any_damage_shows() {
        let intact = value(7, 123, 100);
        for at in 0..intact.len() {
            let mut damaged = intact.clone();
            damaged[at] ^= 1;
            assert_eq!(read_value(7, &damaged), None, "byte {at}");
        }
        assert_eq!(read_value(7, &intact[..99]), None, "cut off");
    }

    #[test]
    fn a_ledger_tells_stale_from_fresh() {
        let mut ledger = Ledger::new(1, 2, 10);
        assert!(ledger.begin_write(3, 11) && !ledger.begin_write(3, 13));
        ledger.confirm(3, 11);
        ledger.acknowledge(3, 11);
        ledger.confirm(3, 11);
        assert_eq!(ledger.findings.waited, 1, "only what was applied");
        let floor = ledger.floor(3);
        ledger.check_read(3, floor, &Reply::Value(value(3, 11, 64)));
        assert_eq!(ledger.findings.stale, 0);
        ledger.check_read(3, floor, &Reply::Value(value(3, 9, 64)));
        ledger.check_read(3, floor, &Reply::Nil);
        ledger.check_read(3, floor, &Reply::Value(b"x".to_vec()));
        assert_eq!((ledger.findings.stale, ledger.findings.corrupt, ledger.findings.reads), (2, 1, 4));
        assert_eq!(ledger.written().map(|(key, _)| key).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn judging_what_is_left() {
        let entry = Entry { acknowledged: 12, waited: 8, under_way: 0, tried: true };
        let judged = |value: Value| {
            let mut findings = Findings::default();
            judge(7, entry, &value, &mut findings);
            (findings.lost, findings.lost_waited, findings.corrupt)
        };
        assert_eq!(judged(Value::Text(value(7, 11, 64))), (0, 0, 0));
        assert_eq!(judged(Value::Text(value(7, 20, 64))), (0, 0, 0), "a later write without an answer");
        assert_eq!(judged(Value::Text(value(7, 9, 64))), (1, 0, 0));
        assert_eq!(judged(Value::Nil), (1, 1, 0));
        assert_eq!(judged(Value::Text(b"junk".to_vec())), (0, 0, 1));
    }
}
