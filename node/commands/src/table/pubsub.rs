//! Rows of the publish/subscribe commands.

use crate::table::keys::*;
use crate::table::*;

pub(super) const ROWS: &[Command] = &[
    Command {
        name: "psubscribe",
        arity: -2,
        flags: PUBSUB | NOSCRIPT | LOADING | STALE | SENTINEL,
        channels: Channels::Patterns,
        group: Group::Pubsub,
        since: "2.0.0",
        summary: "Subscribes to all channels that match patterns.",
        run: Run::Host(Host::Psubscribe),
        ..ROW
    },
    Command {
        name: "publish",
        arity: 3,
        flags: PUBSUB | LOADING | STALE | FAST | MAY_REPLICATE | SENTINEL,
        channels: Channels::First,
        group: Group::Pubsub,
        since: "2.0.0",
        summary: "Sends a message to a channel's subscribers.",
        run: Run::Host(Host::Publish),
        ..ROW
    },
    Command {
        name: "pubsub",
        arity: -2,
        group: Group::Pubsub,
        since: "2.8.0",
        summary: "Commands about channels and their subscribers.",
        run: Run::Container,
        subcommands: PUBSUB_SUBCOMMANDS,
        ..ROW
    },
    Command {
        name: "punsubscribe",
        arity: -1,
        flags: PUBSUB | NOSCRIPT | LOADING | STALE | SENTINEL,
        group: Group::Pubsub,
        since: "2.0.0",
        summary: "Ends subscriptions to patterns, of all or of those named.",
        run: Run::Host(Host::Punsubscribe),
        ..ROW
    },
    Command {
        name: "spublish",
        arity: 3,
        flags: PUBSUB | LOADING | STALE | FAST | MAY_REPLICATE,
        keys: &[one(1, NOT_KEY)],
        channels: Channels::First,
        group: Group::Pubsub,
        since: "7.0.0",
        summary: "Sends a message to a shard channel's subscribers.",
        run: Run::Host(Host::Spublish),
        ..ROW
    },
    Command {
        name: "ssubscribe",
        arity: -2,
        flags: PUBSUB | NOSCRIPT | LOADING | STALE,
        keys: &[range(1, -1, 1, NOT_KEY)],
        channels: Channels::All,
        group: Group::Pubsub,
        since: "7.0.0",
        summary: "Subscribes to shard channels, which live where their slot does.",
        run: Run::Host(Host::Ssubscribe),
        ..ROW
    },
    Command {
        name: "subscribe",
        arity: -2,
        flags: PUBSUB | NOSCRIPT | LOADING | STALE | SENTINEL,
        channels: Channels::All,
        group: Group::Pubsub,
        since: "2.0.0",
        summary: "Subscribes to channels.",
        run: Run::Host(Host::Subscribe),
        ..ROW
    },
    Command {
        name: "sunsubscribe",
        arity: -1,
        flags: PUBSUB | NOSCRIPT | LOADING | STALE,
        keys: &[range(1, -1, 1, NOT_KEY)],
        group: Group::Pubsub,
        since: "7.0.0",
        summary: "Ends subscriptions to shard channels, to all or to those named.",
        run: Run::Host(Host::Sunsubscribe),
        ..ROW
    },
    Command {
        name: "unsubscribe",
        arity: -1,
        flags: PUBSUB | NOSCRIPT | LOADING | STALE | SENTINEL,
        group: Group::Pubsub,
        since: "2.0.0",
        summary: "Ends subscriptions to channels, to all or to those named.",
        run: Run::Host(Host::Unsubscribe),
        ..ROW
    },
];

const PUBSUB_SUBCOMMANDS: &[Command] = &[
    Command {
        name: "channels",
        arity: -2,
        flags: PUBSUB | LOADING | STALE,
        group: Group::Pubsub,
        since: "2.8.0",
        summary: "Lists channels that have subscribers.",
        run: Run::Host(Host::PubsubChannels),
        ..ROW
    },
    Command {
        name: "help",
        arity: 2,
        flags: LOADING | STALE,
        group: Group::Pubsub,
        since: "6.2.0",
        summary: "Lists the subcommands.",
        run: Run::Host(Host::Help),
        ..ROW
    },
    Command {
        name: "numpat",
        arity: 2,
        flags: PUBSUB | LOADING | STALE,
        group: Group::Pubsub,
        since: "2.8.0",
        summary: "Counts the patterns subscribed to.",
        run: Run::Host(Host::PubsubNumpat),
        ..ROW
    },
    Command {
        name: "numsub",
        arity: -2,
        flags: PUBSUB | LOADING | STALE,
        group: Group::Pubsub,
        since: "2.8.0",
        summary: "Counts the subscribers of channels.",
        run: Run::Host(Host::PubsubNumsub),
        ..ROW
    },
    Command {
        name: "shardchannels",
        arity: -2,
        flags: PUBSUB | LOADING | STALE,
        group: Group::Pubsub,
        since: "7.0.0",
        summary: "Lists shard channels that have subscribers.",
        run: Run::Host(Host::PubsubShardchannels),
        ..ROW
    },
    Command {
        name: "shardnumsub",
        arity: -2,
        flags: PUBSUB | LOADING | STALE,
        group: Group::Pubsub,
        since: "7.0.0",
        summary: "Counts the subscribers of shard channels.",
        run: Run::Host(Host::PubsubShardnumsub),
        ..ROW
    },
];
