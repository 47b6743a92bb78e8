//! Who owns which slot: asked from the cluster, kept current while it changes, shared by all threads.
//!
//! A thread that meets a MOVED or a lost node corrects its own copy at once and asks for a new map; one
//! keeper thread fetches it (`CLUSTER SLOTS`), at most every 100 ms, and publishes it. Nodes keep their index
//! for the whole run, so that statistics can be kept by index.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use base::SLOT_COUNT;

use crate::admin::{Admin, Login, Value, resolve};

/// No node owns the slot.
pub const NOBODY: u16 = u16::MAX;
/// Most nodes of a run; further ones are not used.
pub const NODES_MAX: usize = 1024;
/// Least time between two fetches.
const FETCH_PAUSE: Duration = Duration::from_millis(100);
/// How long a node may take to answer the keeper.
const FETCH_LIMIT: Duration = Duration::from_millis(500);

/// The slot map at one time.
#[derive(Debug, Clone)]
pub struct Map {
    /// Whether the server is a cluster.
    pub cluster: bool,
    /// Every node seen in this run, in the order of their indexes.
    pub nodes: Vec<SocketAddr>,
    /// The owner of each slot, an index into `nodes` or [`NOBODY`].
    pub owners: Vec<u16>,
    /// The replicas of each node, by the master's index.
    pub replicas: Vec<Vec<u16>>,
}

impl Map {
    /// One server without slots.
    pub fn single(address: SocketAddr) -> Map {
        Map { cluster: false, nodes: vec![address], owners: vec![0; SLOT_COUNT], replicas: vec![Vec::new()] }
    }

    /// The index of `address`; it gets one when it is new and there is room.
    pub fn index_of(&mut self, address: SocketAddr) -> Option<u16> {
        if let Some(index) = self.nodes.iter().position(|&node| node == address) {
            return Some(index as u16);
        }
        if self.nodes.len() == NODES_MAX {
            return None;
        }
        self.nodes.push(address);
        self.replicas.push(Vec::new());
        Some(self.nodes.len() as u16 - 1)
    }

    /// The nodes that own slots now.
    pub fn masters(&self) -> Vec<u16> {
        let mut seen = vec![false; self.nodes.len()];
        self.owners
            .iter()
            .filter(|&&owner| owner != NOBODY)
            .for_each(|&owner| seen[usize::from(owner)] = true);
        (0..self.nodes.len() as u16).filter(|&index| seen[usize::from(index)]).collect()
    }

    /// Runs of slots with one owner: first slot, last slot, owner.
    pub fn ranges(&self) -> Vec<(u16, u16, u16)> {
        let mut ranges: Vec<(u16, u16, u16)> = Vec::new();
        for (slot, &owner) in self.owners.iter().enumerate() {
            match ranges.last_mut() {
                Some((_, last, same)) if *same == owner => *last = slot as u16,
                _ => ranges.push((slot as u16, slot as u16, owner)),
            }
        }
        ranges
    }

    /// Takes over an answer to `CLUSTER SLOTS` that `from` gave.
    fn apply(&mut self, slots: &Value, from: SocketAddr) {
        self.owners.fill(NOBODY);
        self.replicas.iter_mut().for_each(Vec::clear);
        for range in slots.list() {
            let [first, last, master, replicas @ ..] = range.list() else { continue };
            let Some(owner) = node_address(master, from).and_then(|a| self.index_of(a)) else { continue };
            let (first, last) = (first.integer().max(0) as usize, last.integer().max(0) as usize);
            if let Some(owners) = self.owners.get_mut(first..=last.max(first)) {
                owners.fill(owner);
            }
            for replica in replicas.iter().filter_map(|r| node_address(r, from)) {
                let Some(index) = self.index_of(replica) else { continue };
                let of_owner = &mut self.replicas[usize::from(owner)];
                if !of_owner.contains(&index) {
                    of_owner.push(index);
                }
            }
        }
    }
}

/// The address in one node entry of `CLUSTER SLOTS`; an unknown host means the node that was asked.
fn node_address(entry: &Value, from: SocketAddr) -> Option<SocketAddr> {
    let [host, port, ..] = entry.list() else { return None };
    let (host, port) = (host.text(), u16::try_from(port.integer()).ok()?);
    match &host[..] {
        "" => Some(SocketAddr::new(from.ip(), port)),
        "?" => None,
        _ => resolve(&host, port).ok(),
    }
}

/// Asks one node for the map.
pub fn fetch(map: &mut Map, admin: &mut Admin) -> Result<(), String> {
    let slots = admin.call(&["CLUSTER", "SLOTS"])?;
    map.apply(&slots, admin.address());
    Ok(())
}

/// The current map and the way to ask for a newer one.
pub struct Topology {
    current: Mutex<Arc<Map>>,
    version: AtomicU64,
    requests: Mutex<Sender<()>>,
}

impl Topology {
    /// Publishes `map`; for a cluster it starts the keeper thread, which ends when the topology is dropped.
    pub fn start(map: Map, login: Login) -> Arc<Topology> {
        let cluster = map.cluster;
        let (requests, inbox) = channel();
        let current = Mutex::new(Arc::new(map));
        let topology =
            Arc::new(Topology { current, version: AtomicU64::new(1), requests: Mutex::new(requests) });
        if cluster {
            let weak = Arc::downgrade(&topology);
            thread::spawn(move || {
                keep(&inbox, &login, || weak.upgrade());
            });
        }
        topology
    }

    /// Grows with each new map.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The newest map.
    pub fn map(&self) -> Arc<Map> {
        self.current.lock().expect("no thread panics while it holds the map").clone()
    }

    /// Asks for a newer map; it comes when it comes.
    pub fn request(&self) {
        // Without a keeper there is nothing to fetch, and nobody listens.
        let _ = self.requests.lock().expect("sending does not panic").send(());
    }

    /// The index of a node that a redirection named.
    pub fn index_of(&self, address: SocketAddr) -> Option<u16> {
        let mut current = self.current.lock().expect("no thread panics while it holds the map");
        if let Some(index) = current.nodes.iter().position(|&node| node == address) {
            return Some(index as u16);
        }
        let index = Arc::make_mut(&mut current).index_of(address);
        self.version.fetch_add(1, Ordering::Release);
        index
    }
}

fn keep(inbox: &Receiver<()>, login: &Login, topology: impl Fn() -> Option<Arc<Topology>>) {
    while inbox.recv().is_ok() {
        thread::sleep(FETCH_PAUSE);
        while inbox.try_recv().is_ok() {}
        let Some(topology) = topology() else { return };
        let mut map = Map::clone(&topology.map());
        let answered = map.nodes.clone().into_iter().any(|node| {
            let admin = Admin::connect(node, login, FETCH_LIMIT);
            admin.and_then(|mut admin| fetch(&mut map, &mut admin)).is_ok()
        });
        if answered {
            let mut current = topology.current.lock().expect("no thread panics while it holds the map");
            for &node in &current.nodes {
                map.index_of(node);
            }
            *current = Arc::new(map);
            topology.version.fetch_add(1, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(host: &str, port: i64) -> Value {
        Value::List(vec![Value::Text(host.into()), Value::Integer(port), Value::Text(b"id".to_vec())])
    }

    #[test]
    fn slots_become_a_map() {
        let from: SocketAddr = "10.0.0.1:7000".parse().unwrap();
        let mut map = Map { cluster: true, ..Map::single(from) };
        let range = |a, b, nodes: Vec<Value>| {
            Value::List([vec![Value::Integer(a), Value::Integer(b)], nodes].concat())
        };
        map.apply(
            &Value::List(vec![
                range(0, 99, vec![entry("", 7000), entry("10.0.0.2", 7001)]),
                range(100, 16383, vec![entry("10.0.0.3", 7002)]),
                range(5, 99_999, vec![entry("10.0.0.9", 7009)]),
            ]),
            from,
        );
        assert_eq!(map.ranges()[..2], [(0, 99, 0), (100, 16383, 2)]);
        assert_eq!(map.replicas[0], [1]);
        assert_eq!(map.masters(), [0, 2]);
        assert_eq!(map.nodes[2], "10.0.0.3:7002".parse().unwrap());
    }
}
