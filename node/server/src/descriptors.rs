//! The limit of open files: raised at start as far as clients and bus links may need it.
//!
//! What cannot be had is taken from `maxclients`, as Redis does, so that links to other nodes, files and siblings
//! never lack a descriptor because of clients.

use crate::config::Config;
use crate::log::warning;

/// Descriptors a core needs beside those of clients and links.
const SPARE: u64 = 64;
/// Descriptors for another node: two links, each read and written through a descriptor of its own.
const PER_NODE: u64 = 4;
/// Nodes that links are reserved for at least.
const MIN_NODES: u64 = 64;

/// Descriptors that are not for the clients of a core whose cluster has `nodes`, which may double until the next start.
fn reserved(nodes: usize) -> u64 {
    SPARE + PER_NODE * (2 * nodes as u64).max(MIN_NODES)
}

/// Raises the limit as far as `cores` of a cluster of `nodes` ask, or lowers `maxclients` to what can be had.
pub fn raise_limit(mut config: Config, cores: usize, nodes: usize) -> Config {
    let reserved = reserved(nodes);
    let wanted = (u64::from(config.limits.maxclients) + reserved) * cores as u64;
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a live `rlimit`.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } != 0 || limit.rlim_cur >= wanted {
        return config;
    }
    for max in [limit.rlim_max.max(wanted), limit.rlim_max] {
        let raised = libc::rlimit { rlim_cur: wanted.min(max), rlim_max: max };
        // SAFETY: the pointer is to a live `rlimit`.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raised) } == 0 {
            limit = raised;
            break;
        }
    }
    if limit.rlim_cur < wanted {
        let possible = (limit.rlim_cur / cores as u64).saturating_sub(reserved).max(1);
        warning!(
            "The limit of open files is {}: maxclients is {possible} a core instead of {}; raise it with 'ulimit -n'",
            limit.rlim_cur,
            config.limits.maxclients
        );
        config.limits.maxclients = possible as u32;
    }
    config
}
