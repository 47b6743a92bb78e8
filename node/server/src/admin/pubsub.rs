//! SUBSCRIBE and its kind, PUBLISH, SPUBLISH, PUBSUB.
//!
//! The reply of a subscription is a push message for each name, also where CLIENT REPLY silences replies. What a
//! client of the ingress asks of the whole process comes here only inside a transaction: see `pubsub::spread`.
//!
//! Source: the command pages; "Pub/Sub", section "Sharded Pub/Sub".

use bytes::Bytes;
use commands::{Error, Outcome};

use super::Call;
use crate::client::{Answers, Door};
use crate::pubsub::{self, Kind, confirm};

/// SUBSCRIBE channel [channel ...], PSUBSCRIBE pattern [pattern ...], SSUBSCRIBE shardchannel [shardchannel ...]
pub fn subscribe(call: &mut Call<'_>, kind: Kind) -> Outcome {
    let (client, ingress) = (call.client.index, call.client.door == Door::Ingress);
    for i in 1..call.args.len() {
        let name = call.args.to_bytes(i);
        call.core.pubsub.subscribe(client, ingress, kind, &name);
        acknowledge(call, kind, kind.subscribed(), Some(&name));
    }
    call.client.subscriber = true;
    call.core.wants_changed();
    Ok(())
}

/// SSUBSCRIBE in a transaction would change its reply's shape.
pub fn ssubscribe(call: &mut Call<'_>) -> Outcome {
    if !call.may_block {
        return Err(Error::new("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client"));
    }
    subscribe(call, Kind::Shard)
}

/// UNSUBSCRIBE [channel ...], PUNSUBSCRIBE [pattern ...], SUNSUBSCRIBE [shardchannel ...]
pub fn unsubscribe(call: &mut Call<'_>, kind: Kind) -> Outcome {
    let client = call.client.index;
    let names: Vec<Bytes> = match call.args.len() {
        1 => (call.core.pubsub.of(client)).map_or_else(Vec::new, |s| s.names(kind).iter().cloned().collect()),
        count => (1..count).map(|i| call.args.to_bytes(i)).collect(),
    };
    for name in &names {
        call.core.pubsub.unsubscribe(client, kind, name);
        acknowledge(call, kind, kind.unsubscribed(), Some(name));
    }
    if names.is_empty() {
        acknowledge(call, kind, kind.unsubscribed(), None);
    }
    call.client.subscriber = call.core.pubsub.of(client).is_some();
    call.core.wants_changed();
    Ok(())
}

fn acknowledge(call: &mut Call<'_>, kind: Kind, word: &[u8], name: Option<&[u8]>) {
    let count = call.core.pubsub.count(call.client.index, kind);
    if call.client.answers == Answers::On {
        return confirm(&mut call.client.reply, word, name, count);
    }
    let session = call.core.session(call.client);
    call.core.push_to_client(session, |reply| confirm(reply, word, name, count));
}

/// PUBLISH channel message, SPUBLISH shardchannel message
pub fn publish(call: &mut Call<'_>, kind: Kind) -> Outcome {
    let (channel, message) = (call.args[1], call.args.to_bytes(2));
    let receivers = match call.part {
        Some(_) => call.core.publish_part(kind, channel, &message),
        None => call.core.publish(kind, channel, &message),
    };
    call.client.reply.integer(receivers as i64);
    Ok(())
}

/// PUBSUB CHANNELS [pattern], PUBSUB SHARDCHANNELS [pattern]
pub fn channels(call: &mut Call<'_>, kind: Kind) -> Outcome {
    pubsub::list(&call.core.pubsub, kind, call.args, &mut call.client.reply)
}

/// PUBSUB NUMSUB [channel ...], PUBSUB SHARDNUMSUB [shardchannel ...]
pub fn numsub(call: &mut Call<'_>, kind: Kind) -> Outcome {
    pubsub::count(&call.core.pubsub, kind, call.args, &mut call.client.reply);
    Ok(())
}

/// PUBSUB NUMPAT; a part of it lists the patterns, as other cores may have the same.
pub fn numpat(call: &mut Call<'_>) -> Outcome {
    if call.part.is_some() {
        return channels(call, Kind::Pattern);
    }
    let patterns = call.core.pubsub.names(Kind::Pattern).count();
    call.client.reply.integer(patterns as i64);
    Ok(())
}
