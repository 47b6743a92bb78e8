//! Keyspace notifications: what happens to keys, as messages.
//!
//! Handlers tell what they did to which key (`commands::effects`), as do expiry and eviction; what
//! `notify-keyspace-events` asks for is published here, on a channel named by the key, on one named by the event,
//! or both. Redis tells a node's own subscribers alone. So do we; but a client of the ingress is a subscriber of
//! the whole process, so a sibling that has such gets the message too.
//!
//! Source: the page "Redis keyspace notifications".

use bytes::Bytes;
use commands::Class;

use super::{Audience, Kind};
use crate::config::notify::{self, KEYEVENT, KEYSPACE};
use crate::core::Core;

impl Core {
    /// Publishes that `event` happened to `key`, where that is asked for.
    pub fn notify(&mut self, class: Class, event: &'static str, key: &Bytes) {
        let asked = self.config.keyspace.notify_keyspace_events;
        if asked & bit(class) == 0 {
            return;
        }
        if asked & KEYSPACE != 0 {
            self.publish_event(&[b"__keyspace@0__:", key], &Bytes::from_static(event.as_bytes()));
        }
        if asked & KEYEVENT != 0 {
            self.publish_event(&[b"__keyevent@0__:", event.as_bytes()], key);
        }
    }

    fn publish_event(&mut self, channel: &[&[u8]], message: &Bytes) {
        let channel = channel.concat();
        self.publish_here(Kind::Channel, &channel, message, Audience::All);
        self.publish_to_ingress(&channel, message);
    }

    /// Whether events have to be recorded: some are asked for, and somebody hears them.
    pub fn wants_events(&self) -> bool {
        let asked = self.config.keyspace.notify_keyspace_events;
        asked & (KEYSPACE | KEYEVENT) != 0
            && asked & !(KEYSPACE | KEYEVENT) != 0
            && (self.pubsub.has_listeners() || self.siblings_want.iter().any(|wants| wants.events))
    }
}

/// The bit of a class in `notify-keyspace-events`.
fn bit(class: Class) -> u32 {
    match class {
        Class::Generic => notify::GENERIC,
        Class::String => notify::STRING,
        Class::List => notify::LIST,
        Class::Set => notify::SET,
        Class::Hash => notify::HASH,
        Class::Zset => notify::ZSET,
        Class::Expired => notify::EXPIRED,
        Class::Evicted => notify::EVICTED,
        Class::Stream => notify::STREAM,
        Class::New => notify::NEW,
        Class::Miss => notify::KEY_MISS,
    }
}
