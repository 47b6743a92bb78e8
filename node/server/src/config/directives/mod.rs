//! The table of directives, a file a group.
//!
//! A group with a struct is read by the server as `config.<group>.<field>`; `accepted.rs` holds what is read
//! from Redis's and Valkey's files and has no effect here. Names, types, bounds and defaults are those of
//! Redis 7.2 and Valkey 8.0.1, with the names Valkey 9.1 added.

pub mod accepted;
pub mod cluster;
pub mod encodings;
pub mod general;
pub mod insight;
pub mod keyspace;
pub mod limits;
pub mod network;
pub mod persistence;
pub mod replication;
pub mod ringmaster;
pub mod security;
pub mod tls;

use super::row::Row;

/// The groups, with the headings of `--help`, in its order and that of CONFIG GET.
pub const GROUPS: &[(&str, &[Row])] = &[
    ("Ringmaster's own", ringmaster::ROWS),
    ("Network", network::ROWS),
    ("TLS", tls::ROWS),
    ("General", general::ROWS),
    ("Security", security::ROWS),
    ("Limits", limits::ROWS),
    ("Keyspace", keyspace::ROWS),
    ("Encodings", encodings::ROWS),
    ("Insight", insight::ROWS),
    ("Cluster", cluster::ROWS),
    ("Replication", replication::ROWS),
    ("Persistence", persistence::ROWS),
    ("Accepted, without effect", accepted::ROWS),
];

/// Every row.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    GROUPS.iter().flat_map(|(_, rows)| rows.iter())
}

/// The row that has this name or alias, in any case.
pub fn find(name: &str) -> Option<&'static Row> {
    rows().find(|row| row.is_called(name))
}
