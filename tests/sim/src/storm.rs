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
