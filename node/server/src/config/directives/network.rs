//! Listening and connections.

use crate::config::kind::{Kind, Unit};
use crate::config::row::{INT_MAX, PORT_MAX, group, number, optional, special, yes_no};

group! {
    /// Where the server listens and how it treats connections.
    Network in config.network;

    /// Addresses to listen on; `-` before one lets it be missing, `*` is all of IPv4, `::*` all of IPv6
    bind: Vec<String> = special("bind", Kind::Bind, "* -::*");
    /// Local address for connections the server opens itself; empty leaves it to the system
    bind_source_addr: String = optional("bind-source-addr");
    /// TCP port for clients, of the first core; 0 is off
    port: u16 = number("port", 0, PORT_MAX, "6379");
    /// Refuse clients from other machines while the default user has no password
    protected_mode: bool = yes_no("protected-mode", "yes");
    /// Connections the system may queue before they are accepted
    tcp_backlog: u32 = number("tcp-backlog", 0, INT_MAX, "511").fixed();
    /// Seconds after which a silent connection is probed; 0 is never
    tcp_keepalive: u32 = number("tcp-keepalive", 0, INT_MAX, "300");
    /// Seconds after which an idle client is closed; 0 is never
    timeout: u32 = number("timeout", 0, INT_MAX, "0");
    /// Microseconds a busy core lets requests of many clients gather before it wakes for them, pipelines twice as long; 0 is none
    coalesce_usec: u32 = number("coalesce-usec", 0, 10_000, "100");
    /// Path of a Unix socket for clients; empty is off
    unixsocket: String = optional("unixsocket").fixed();
    /// Permissions of the Unix socket, in octal; 0 leaves them to the umask
    unixsocketperm: u32 =
        special("unixsocketperm", Kind::Int { min: 0, max: 0o777, unit: Unit::Octal }, "0").fixed();
    /// Group that owns the Unix socket; empty leaves it as it is
    unixsocketgroup: String = optional("unixsocketgroup").fixed();
}
