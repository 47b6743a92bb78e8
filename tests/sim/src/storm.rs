//! Big clusters: so many strangers that meet at once, and the loss of a tenth of them.

use cluster::Random;

use crate::setup::Options;
use crate::world::World;

/// How long a storm may take, ms of the world.
const DEADLINE_MS: u64 = 600_000;

/// What a storm took.
#[derive(Debug, Clone, Default)]
pub struct StormReport {
    /// Until everyone knew everyone, ms.
    pub met_in_ms: u64,
    /// Until all survivors knew of all losses, ms.
    pub lost_known_in_ms: u64,
    /// Packets per node and second in a quiet cluster.
    pub packets_per_node_s: f64,
    /// Bytes per node and second in a quiet cluster.
    pub bytes_per_node_s: f64,
    /// The most packets and bytes that the standard protocol takes for the same.
    pub standard_packets_per_node_s: f64,
    /// See `standard_packets_per_node_s`.
    pub standard_bytes_per_node_s: f64,
}

/// Packets a node sends each second by the cluster specification ("Heartbeat and gossip messages"): one PING to a random
/// node, and one to each node without a pong for half the node timeout, all answered. The most it can be: what gossip tells
/// of pongs saves some. Their bytes: a header, and gossip of a tenth of the nodes.
fn standard_cost(count: usize, node_timeout: u64) -> (f64, f64) {
    const HEADER_BYTES: f64 = 2256.0;
    const ENTRY_BYTES: f64 = 104.0;
    let (others, half_timeout_s) = (count as f64 - 1.0, node_timeout as f64 / 2000.0);
    let packets = 2.0 * (1.0 + others / half_timeout_s);
    (packets, packets * (HEADER_BYTES + ENTRY_BYTES * (count as f64 / 10.0).floor().max(3.0)))
}

/// Lets `count` strangers meet the first of them, watches the quiet cluster, and kills a tenth.
///
/// # Errors
/// It did not converge in time.
pub fn storm(seed: u64, count: usize, cores: usize, node_timeout: u64) -> Result<StormReport, String> {
    let options = Options {
        masters: count,
        replicas: 0,
        cores,
        node_timeout,
        fast: true,
        fault_ms: 0,
        heal_ms: DEADLINE_MS,
        disk_ms: 0,
        moves: false,
        trace: false,
    };
    let mut world = World::strangers(options, Random::from_number(seed), count);
    let mut report = StormReport::default();
    for i in 1..count {
        world.meet(i, 0);
    }
    let known = |world: &World| {
        world.nodes.iter().all(|node| {
            node.cluster.as_ref().is_none_or(|brain| {
                brain.nodes().count() == count && brain.nodes().all(|other| !other.in_handshake())
            })
        })
    };
    while !known(&world) {
        if world.now > DEADLINE_MS {
            return Err("the strangers do not all know each other".into());
        }
        world.run(world.now + 500)?;
    }
    report.met_in_ms = world.now;
    world.run(world.now + 5000)?;
    let (packets, bytes, from) = (world.checks.packets, world.checks.bytes, world.now);
    world.run(world.now + 20_000)?;
    let seconds = (world.now - from) as f64 / 1000.0 * count as f64;
    report.packets_per_node_s = (world.checks.packets - packets) as f64 / seconds;
    report.bytes_per_node_s = (world.checks.bytes - bytes) as f64 / seconds;
    (report.standard_packets_per_node_s, report.standard_bytes_per_node_s) =
        standard_cost(count, node_timeout);
    let dead = count / 10;
    for i in 0..dead {
        world.crash_for_good(i);
    }
    let killed_at = world.now;
    let noticed = |world: &World| {
        let live = world.nodes[dead..].iter().filter_map(|node| node.cluster.as_ref());
        live.into_iter().all(|brain| brain.nodes().filter(|node| node.is_failed()).count() >= dead)
    };
    while !noticed(&world) {
        if world.now > killed_at + DEADLINE_MS {
            return Err("the losses are not all known".into());
        }
        world.run(world.now + 100)?;
    }
    report.lost_known_in_ms = world.now - killed_at;
    Ok(report)
}
