//! Rows of the connection commands.

use crate::table::*;

pub(super) const ROWS: &[Command] = &[
    Command {
        name: "auth",
        arity: -2,
        flags: NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | SENTINEL | ALLOW_BUSY,
        acl: CONNECTION,
        group: Group::Connection,
        since: "1.0.0",
        summary: "Authenticates the connection.",
        run: Run::Host(Host::Auth),
        ..ROW
    },
    Command {
        name: "client",
        arity: -2,
        flags: SENTINEL,
        group: Group::Connection,
        since: "2.4.0",
        summary: "Commands about connections.",
        run: Run::Container,
        subcommands: CLIENT_SUBCOMMANDS,
        ..ROW
    },
    Command {
        name: "echo",
        arity: 2,
        flags: LOADING | STALE | FAST,
        acl: CONNECTION,
        group: Group::Connection,
        since: "1.0.0",
        summary: "Returns its argument.",
        run: Run::Host(Host::Echo),
        ..ROW
    },
    Command {
        name: "hello",
        arity: -1,
        flags: NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | SENTINEL | ALLOW_BUSY,
        acl: CONNECTION,
        group: Group::Connection,
        since: "6.0.0",
        summary: "Chooses the protocol version; authenticates and names on the way.",
        run: Run::Host(Host::Hello),
        ..ROW
    },
    Command {
        name: "ping",
        arity: -1,
        flags: FAST | SENTINEL,
        acl: CONNECTION,
        group: Group::Connection,
        since: "1.0.0",
        summary: "Answers PONG, or its argument.",
        tips: &["request_policy:all_shards", "response_policy:all_succeeded"],
        run: Run::Host(Host::Ping),
        ..ROW
    },
    Command {
        name: "quit",
        arity: -1,
        flags: ALLOW_BUSY | NOSCRIPT | LOADING | STALE | FAST | NO_AUTH,
        acl: CONNECTION,
        group: Group::Connection,
        since: "1.0.0",
        summary: "Closes the connection.",
        run: Run::Host(Host::Quit),
        ..ROW
    },
    Command {
        name: "reset",
        arity: 1,
        flags: NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY,
        acl: CONNECTION,
        group: Group::Connection,
        since: "6.2.0",
        summary: "Puts the connection back to how it began.",
        run: Run::Host(Host::Reset),
        ..ROW
    },
    Command {
        name: "select",
        arity: 2,
        flags: LOADING | STALE | FAST,
        acl: CONNECTION,
        group: Group::Connection,
        since: "1.0.0",
        summary: "Chooses database 0, the only one of a cluster node.",
        run: Run::Host(Host::Select),
        ..ROW
    },
];

const CLIENT_SUBCOMMANDS: &[Command] = &[
    Command {
        name: "caching",
        arity: 3,
        flags: NOSCRIPT | LOADING | STALE | SENTINEL,
        acl: CONNECTION,
        group: Group::Connection,
        since: "6.0.0",
        summary: "Says whether the keys of the next command are tracked.",
        run: Run::Host(Host::ClientCaching),
        ..ROW
    },
    Command {
        name: "capa",
        arity: -3,
        flags: NOSCRIPT | LOADING | STALE,
        acl: CONNECTION,
        group: Group::Connection,
        since: "8.0.0",
        summary: "Tells the server what the client can do.",
        run: Run::Host(Host::ClientCapa),
        ..ROW
    },
    Command {
        name: "getname",
        arity: 2,
        flags: NOSCRIPT | LOADING | STALE | SENTINEL,
        acl: CONNECTION,
        group: Group::Connection,
        since: "2.6.9",
        summary: "Returns the connection's name.",
        run: Run::Host(Host::ClientGetname),
        ..ROW
    },
    Command {
        name: "getredir",
        arity: 2,
        flags: NOSCRIPT | LOADING | STALE | SENTINEL,
        acl: CONNECTION,
        group: Group::Connection,
        since: "6.0.0",
        summary: "Returns the client that invalidation messages go to.",
        run: Run::Host(Host::ClientGetredir),
        ..ROW
    },
    Command {
        name: "help",
        arity: 2,
        flags: LOADING | STALE | SENTINEL,
        acl: CONNECTION,
        group: Group::Connection,
        since: "5.0.0",
        summary: "Lists the subcommands.",
        run: Run::Host(Host::Help),
        ..ROW
    },
    Command {
        name: "id",
        arity: 2,
        flags: NOSCRIPT | LOADING | STALE | SENTINEL,
        acl: CONNECTION,
        group: Group::Connection,
        since: "5.0.0",
        summary: "Returns the connection's number.",
        run: Run::Host(Host::ClientId),
        ..ROW
    },
    Command {
        name: "info",
        arity: 2,
        flags: NOSCRIPT | LOADING | STALE | SENTINEL,
        acl: CONNECTION,
        group: Group::Connection,
        since: "6.2.0",
        summary: "Describes this connection.",
        tips: &["nondeterministic_output"],
        run: Run::Host(Host::ClientInfo),
        ..ROW
    },
    Command {
        name: "kill",
        arity: -3,
        flags: ADMIN | NOSCRIPT | LOADING | STALE | SENTINEL,
        acl: CONNECTION,
        group: Group::Connection,
        since: "2.4.0",
        summary: "Closes connections that match all filters.",
        run: Run::Host(Host::ClientKill),
        ..ROW
    },
    Command {
        name: "list",
        arity: -2,
        flags: ADMIN | NOSCRIPT | LOADING | STALE | SENTINEL,
        acl: CONNECTION,
        group: Group::Connection,
        since: "2.4.0",
        summary: "Describes open connections.",
        tips: &["nondeterministic_output"],
        run: Run::Host(Host::ClientList),
        ..ROW
    },
    Command {
        name: "no-evict",
        arity: 3,
        flags: ADMIN | NOSCRIPT | LOADING | STALE | SENTINEL,
        acl: CONNECTION,
        group: Group::Connection,
        since: "7.0.0",
        summary: "Exempts this connection from client eviction.",
        run: Run::Host(Host::ClientNoEvict),
        ..ROW
    },
    Command {
        name: "no-touch",
        arity: 3,
        flags: NOSCRIPT | LOADING | STALE,
        acl: CONNECTION,
        group: Group::Connection,
        since: "7.2.0",
        summary: "Stops this connection's commands from marking keys as used.",
        run: Run::Host(Host::ClientNoTouch),
        ..ROW
    },
    Command {
        name: "pause",
        arity: -3,
        flags: ADMIN | NOSCRIPT | LOADING | STALE | SENTINEL,
        acl: CONNECTION,
        group: Group::Connection,
        since: "3.0.0",
        summary: "Holds clients' commands back for some time.",
        run: Run::Host(Host::ClientPause),
        ..ROW
    },
    Command {
        name: "reply",
        arity: 3,
        flags: NOSCRIPT | LOADING | STALE | SENTINEL,
        acl: CONNECTION,
        group: Group::Connection,
        since: "3.2.0",
        summary: "Chooses whether commands are answered.",
        run: Run::Host(Host::ClientReply),
        ..ROW
    },
    Command {
        name: "setinfo",
        arity: 4,
        flags: NOSCRIPT | LOADING | STALE | SENTINEL,
        acl: CONNECTION,
        group: Group::Connection,
        since: "7.2.0",
        summary: "Names the client library and its version.",
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        run: Run::Host(Host::ClientSetinfo),
        ..ROW
    },
    Command {
        name: "setname",
        arity: 3,
        flags: NOSCRIPT | LOADING | STALE | SENTINEL,
        acl: CONNECTION,
        group: Group::Connection,
        since: "2.6.9",
        summary: "Names the connection.",
        tips: &["request_policy:all_nodes", "response_policy:all_succeeded"],
        run: Run::Host(Host::ClientSetname),
        ..ROW
    },
    Command {
        name: "tracking",
        arity: -3,
        flags: NOSCRIPT | LOADING | STALE | SENTINEL,
        acl: CONNECTION,
        group: Group::Connection,
        since: "6.0.0",
        summary: "Begins or ends messages about keys that change, for a cache of the client's own.",
        run: Run::Host(Host::ClientTracking),
        ..ROW
    },
    Command {
        name: "trackinginfo",
        arity: 2,
        flags: NOSCRIPT | LOADING | STALE | SENTINEL,
        acl: CONNECTION,
        group: Group::Connection,
        since: "6.2.0",
        summary: "Describes what this connection tracks.",
        run: Run::Host(Host::ClientTrackinginfo),
        ..ROW
    },
    Command {
        name: "unblock",
        arity: -3,
        flags: ADMIN | NOSCRIPT | LOADING | STALE | SENTINEL,
        acl: CONNECTION,
        group: Group::Connection,
        since: "5.0.0",
        summary: "Ends another connection's wait.",
        run: Run::Host(Host::ClientUnblock),
        ..ROW
    },
    Command {
        name: "unpause",
        arity: 2,
        flags: ADMIN | NOSCRIPT | LOADING | STALE | SENTINEL,
        acl: CONNECTION,
        group: Group::Connection,
        since: "6.2.0",
        summary: "Ends a pause.",
        run: Run::Host(Host::ClientUnpause),
        ..ROW
    },
];
