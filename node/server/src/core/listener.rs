//! What a client may still ask that is sent messages: a subscriber, a monitor, a replica.

use commands::Error;
use commands::table::{self, Found, Host, Run};
use resp::Proto;

use crate::client::{Client, Role};

const STREAM_AND_KEYS: Error = Error::new("ERR Replica can't interact with the keyspace");

/// Why a client that is sent messages must not run `found`.
pub fn listener_forbids(client: &Client, found: Found) -> Option<Error> {
    if client.subscriber && client.proto() == Proto::Resp2 && !suits_subscribers(found) {
        return Some(not_for_subscribers(found));
    }
    let touches_keys = found.command.flags & (table::WRITE | table::READONLY | table::MAY_REPLICATE) != 0;
    ((client.monitor || client.role == Role::Replica) && touches_keys).then_some(STREAM_AND_KEYS)
}

/// Whether a RESP2 client with subscriptions may run `found`: it cannot tell replies from messages.
fn suits_subscribers(found: Found) -> bool {
    matches!(
        found.command.run,
        Run::Host(
            Host::Subscribe
                | Host::Ssubscribe
                | Host::Psubscribe
                | Host::Unsubscribe
                | Host::Sunsubscribe
                | Host::Punsubscribe
                | Host::Ping
                | Host::Quit
                | Host::Reset
        )
    )
}

fn not_for_subscribers(found: Found) -> Error {
    Error::text(format!(
        "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this \
         context",
        found.full_name()
    ))
}
