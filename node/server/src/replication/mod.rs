//! Replication's sockets, clients and clock: what `replication` decides is carried out here.

use replication::Backlog;

/// A core's stream to its replicas.
#[derive(Default)]
pub struct Replication {
    /// The end of the stream; there is none while nobody ever followed.
    pub backlog: Option<Backlog>,
}
