//! Masters and replicas: ours, redis-server and valkey-server, in every pairing. Data of every type and encoding is
//! written all the while, and master and replica must end up with the same DEBUG DIGEST.

mod failover;
mod following;
mod image;
mod sync;
pub mod writer;
