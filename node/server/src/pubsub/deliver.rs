//! Bringing a message to its subscribers.
//!
//! PUBLISH reaches this core's subscribers, the siblings by the mesh and other processes by the cluster bus
//! (`spread`); each core hands it to its own subscribers here. The words before the message are encoded once for
//! all of them, and a big message is not copied at all.
//!
//! Source: the pages "Pub/Sub" and "RESP protocol", section "Push".

use base::{Slot, key_slot};
use bytes::Bytes;
use commands::glob::{self, Case};
use commands::{Args, Error, Outcome};
use resp::{Proto, Reply};

use super::{Kind, PubSub};
use crate::client::Client;
use crate::core::Core;

/// Which of a core's subscribers a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// All.
    All,
    /// Those that came in at the ingress, and so are subscribed to the process rather than to the core.
    Ingress,
}

/// Writes the message that confirms a subscription or its end; `name` is absent when there was none to end.
pub fn confirm(reply: &mut Reply, word: &[u8], name: Option<&[u8]>, count: usize) {
    reply.push(3);
    reply.bulk(word);
    match name {
        Some(name) => reply.bulk(name),
        None => reply.null(),
    }
    reply.integer(count as i64);
}

/// PUBSUB CHANNELS [pattern] and SHARDCHANNELS: the names that have subscribers.
pub fn list(pubsub: &PubSub, kind: Kind, args: &Args<'_>, reply: &mut Reply) -> Outcome {
    let pattern = match args.len() {
        2 => None,
        3 => Some(args[2]),
        _ => {
            let name = String::from_utf8_lossy(args[1]);
            return Err(Error::text(format!(
                "ERR unknown subcommand or wrong number of arguments for '{name}'. Try PUBSUB HELP."
            )));
        }
    };
    let matches = |name: &&Bytes| pattern.is_none_or(|p| glob::matches(p, name, Case::Sensitive));
    let names: Vec<&Bytes> = pubsub.names(kind).filter(matches).collect();
    reply.array(names.len());
    names.into_iter().for_each(|name| reply.bulk(name));
    Ok(())
}

/// PUBSUB NUMSUB [channel ...] and SHARDNUMSUB: each name and its number of subscribers.
pub fn count(pubsub: &PubSub, kind: Kind, args: &Args<'_>, reply: &mut Reply) {
    reply.array(2 * (args.len() - 2));
    for name in &args[2..] {
        reply.bulk(name);
        reply.integer(pubsub.subscribers(kind, name).map_or(0, |clients| clients.len() as i64));
    }
}

impl Core {
    /// Hands a message to this core's subscribers; how many got it.
    pub fn publish_here(&mut self, kind: Kind, channel: &[u8], message: &Bytes, audience: Audience) -> usize {
        if kind == Kind::Channel && !self.pubsub.has_listeners() {
            return 0;
        }
        let named: Vec<u32> = self.pubsub.subscribers(kind, channel).into_iter().flatten().copied().collect();
        if kind == Kind::Shard {
            let (receivers, bytes) = self.hand_out(&[b"smessage", channel], message, &named, audience);
            self.slot_stats.published(key_slot(channel), bytes);
            return receivers;
        }
        let matching: Vec<(Bytes, Vec<u32>)> = (self.pubsub.matching(channel))
            .map(|(pattern, clients)| (pattern.clone(), clients.iter().copied().collect()))
            .collect();
        let (mut receivers, _) = self.hand_out(&[b"message", channel], message, &named, audience);
        for (pattern, clients) in matching {
            receivers += self.hand_out(&[b"pmessage", &pattern[..], channel], message, &clients, audience).0;
        }
        receivers
    }

    /// How many got it, and how many bytes that are.
    fn hand_out(
        &mut self,
        words: &[&[u8]],
        message: &Bytes,
        clients: &[u32],
        audience: Audience,
    ) -> (usize, usize) {
        if clients.is_empty() {
            return (0, 0);
        }
        let mut head = Reply::new(Proto::Resp2);
        words.iter().for_each(|word| head.bulk(word));
        let head = head.into_buffer();
        let (mut receivers, mut bytes) = (0, 0);
        for client in clients {
            if audience == Audience::Ingress && !self.pubsub.is_ingress(*client) {
                continue;
            }
            receivers += 1;
            self.push_to_client(self.session_at(*client), |reply| {
                let before = reply.len();
                reply.push(words.len() + 1);
                reply.raw(&head);
                reply.blob(message);
                bytes += reply.len() - before;
            });
        }
        (receivers, bytes)
    }

    /// Ends the subscriptions to the shard channels of `slots`, which another shard serves now: those of ingress
    /// clients, or those of all others.
    pub fn end_shard_channels(&mut self, slots: &[Slot], ingress: bool) {
        for slot in slots {
            let ending: Vec<(Bytes, Vec<u32>)> = (self.pubsub.shard_channels(*slot))
                .map(|(channel, clients)| (channel.clone(), clients.iter().copied().collect()))
                .collect();
            for (channel, clients) in ending {
                for client in clients {
                    if self.pubsub.is_ingress(client) == ingress {
                        self.end_shard_channel(client, &channel);
                    }
                }
            }
        }
    }

    fn end_shard_channel(&mut self, client: u32, channel: &[u8]) {
        self.pubsub.unsubscribe(client, Kind::Shard, channel);
        let count = self.pubsub.count(client, Kind::Shard);
        let session = self.session_at(client);
        self.push_to_client(session, |reply| {
            confirm(reply, Kind::Shard.unsubscribed(), Some(channel), count);
        });
        if let Some(subscriber) = self.clients.get(client) {
            subscriber.subscriber = self.pubsub.of(client).is_some();
        }
    }

    /// Ends all subscriptions of a client, without a word to it.
    pub fn forget_subscriptions(&mut self, client: &mut Client) {
        if std::mem::take(&mut client.subscriber) {
            self.pubsub.forget(client.index);
            self.wants_changed();
        }
    }
}
