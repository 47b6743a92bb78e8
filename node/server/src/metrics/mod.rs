//! `metrics-port`: the figures of the process over HTTP, for Prometheus (`/metrics`) and for people (`/`).
//!
//! A metric is a row of one table ([`table`]); what a row reads of a core is a list of samples. Core 0 has the port: it
//! asks its siblings for theirs over the mesh ([`ask`]) and writes the answers as Prometheus reads them
//! ([`exposition`]) or as the dashboard does ([`dashboard`]). Requests are few and may come from anybody, so they are
//! glommio sockets apart from the clients' ring ([`serve`]), with limits on all that a stranger can send ([`http`]).

mod ask;
mod dashboard;
mod exposition;
mod hot_keys;
mod http;
mod sample;
mod serve;
mod slots;
mod table;

pub use ask::{Answer, Question, Questions};
pub use serve::open;
