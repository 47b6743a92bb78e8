//! Broadcasting: clients that want to hear of every key that begins like this.
//!
//! Nothing is remembered of what such clients read. Keys that are written collect at each prefix they begin with
//! and go out together, at the end of a round, so that a transaction is one message a prefix.

use std::collections::BTreeMap;
use std::mem;

use bytes::Bytes;

use crate::core::blocking::SessionId;

/// Keys written, each with who wrote it last: nobody, when its time was over.
pub type Written = BTreeMap<Bytes, Option<SessionId>>;

/// One prefix.
#[derive(Default)]
struct Broadcast {
    written: Written,
    /// Its clients, and whether each wants to hear of its own writes.
    clients: BTreeMap<SessionId, bool>,
}

/// All prefixes that clients want to hear of.
#[derive(Default)]
pub struct Prefixes {
    prefixes: BTreeMap<Bytes, Broadcast>,
    /// Keys were written since they last went out.
    pub pending: bool,
}

impl Prefixes {
    /// Number of prefixes.
    pub fn len(&self) -> usize {
        self.prefixes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.prefixes.is_empty()
    }

    /// A client wants to hear of a prefix; `own_too` unless it said NOLOOP.
    pub fn add(&mut self, prefix: &Bytes, session: SessionId, own_too: bool) {
        self.prefixes.entry(prefix.clone()).or_default().clients.insert(session, own_too);
    }

    /// A client wants to hear of nothing any more.
    pub fn forget(&mut self, session: SessionId) {
        self.prefixes.retain(|_, broadcast| {
            broadcast.clients.remove(&session);
            !broadcast.clients.is_empty()
        });
    }

    /// `key` was written by `writer`.
    pub fn written(&mut self, key: &Bytes, writer: Option<SessionId>) {
        for (prefix, broadcast) in &mut self.prefixes {
            if key.starts_with(prefix) {
                broadcast.written.insert(key.clone(), writer);
                self.pending = true;
            }
        }
    }

    /// What is to be told to whom, prefix after prefix. Most clients of a prefix are told the same.
    pub fn take(&mut self) -> Vec<(Vec<SessionId>, Vec<Bytes>)> {
        self.pending = false;
        let mut news: Vec<(Vec<SessionId>, Vec<Bytes>)> = Vec::new();
        for broadcast in self.prefixes.values_mut() {
            let written = mem::take(&mut broadcast.written);
            if written.is_empty() {
                continue;
            }
            let all = broadcast.clients.iter().filter(|(_, own_too)| **own_too).map(|(session, _)| *session);
            news.push((all.collect(), written.keys().cloned().collect()));
            for (session, _) in broadcast.clients.iter().filter(|(_, own_too)| !**own_too) {
                let others = written.iter().filter(|(_, writer)| **writer != Some(*session));
                news.push((vec![*session], others.map(|(key, _)| key.clone()).collect()));
            }
        }
        news.retain(|(sessions, keys)| !sessions.is_empty() && !keys.is_empty());
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hears_of_its_prefixes() {
        let session = |index| SessionId { core: 0, index, generation: 0 };
        let mut prefixes = Prefixes::default();
        prefixes.add(&Bytes::new(), session(1), true);
        prefixes.add(&Bytes::from_static(b"a:"), session(2), false);
        for (key, writer) in [("a:1", Some(session(2))), ("a:2", None), ("b", Some(session(2)))] {
            prefixes.written(&Bytes::from_static(key.as_bytes()), writer);
        }
        assert!(prefixes.pending);
        let all = ["a:1", "a:2", "b"].map(Bytes::from).to_vec();
        let expect = [(vec![session(1)], all), (vec![session(2)], vec!["a:2".into()])];
        assert_eq!(prefixes.take(), expect);
        assert!(prefixes.take().is_empty() && !prefixes.pending);
        prefixes.forget(session(2));
        assert_eq!(prefixes.len(), 1);
        prefixes.forget(session(1));
        assert!(prefixes.is_empty());
    }
}
