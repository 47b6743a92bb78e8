//! What nodes do with connections: open, accept, send, close, and what the network makes of it.

use bytes::Bytes;
use cluster::{ConnectFailure, LinkId};

use crate::network::{ConnId, End, Parcel};
use crate::node::Waiting;
use crate::world::{Event, World};

impl World {
    pub(crate) fn connect(&mut self, i: usize, link: LinkId, ip: &str, port: u16) {
        let Some(&to) = self.by_address.get(&(ip.to_string(), port)) else { return };
        let from = End { node: i, life: self.nodes[i].life, link: Some(link), open: true };
        let target = End { node: to, life: self.nodes[to].life, link: None, open: false };
        let conn = self.net.open(from, target);
        self.nodes[i].links.insert(link, (conn, 0));
        let at = self.now + self.net.trip_ms(&mut self.random);
        self.push(at, Event::ConnectArrives(conn));
    }

    pub(crate) fn connect_arrives(&mut self, id: ConnId) -> Option<usize> {
        let conn = self.net.conns.get(&id)?;
        let (a, b) = (conn.ends[0].node, conn.ends[1].node);
        let (host_a, host_b) = (self.nodes[a].process, self.nodes[b].process);
        let back = self.now + self.net.trip_ms(&mut self.random);
        if !self.net.talk(host_a, host_b) || !self.nodes[b].host_up {
            self.push(self.now + 3000, Event::ConnectFails(id, ConnectFailure::Unreachable));
            return None;
        }
        if self.nodes[b].cluster.is_none() {
            self.push(back, Event::ConnectFails(id, ConnectFailure::Refused));
            return None;
        }
        self.push(back, Event::Connected(id));
        if self.nodes[b].stopped {
            self.nodes[b].waiting.push(Waiting::Accept(id));
            return None;
        }
        self.accept(id);
        Some(b)
    }

    /// The process at end 1 takes a new connection from its kernel.
    pub(crate) fn accept(&mut self, id: ConnId) {
        let Some(conn) = self.net.conns.get(&id) else { return };
        let (a, b) = (conn.ends[0].node, conn.ends[1].node);
        let ip = |i: usize| self.nodes[i].config.announce_ip.clone().unwrap_or_default();
        let (peer, local) = (ip(a), ip(b));
        let mut accepted = None;
        self.with(b, |brain, now| accepted = brain.link_accepted(&peer, &local, now));
        let life = self.nodes[b].life;
        if let (Some(conn), Some(link)) = (self.net.conns.get_mut(&id), accepted) {
            conn.ends[1] = End { node: b, life, link: Some(link), open: true };
            self.nodes[b].links.insert(link, (id, 1));
        }
    }

    pub(crate) fn connected(&mut self, id: ConnId) -> Option<usize> {
        let end = self.net.conns.get(&id)?.ends[0];
        if !end.open || self.nodes[end.node].life != end.life {
            return None;
        }
        if self.nodes[end.node].stopped {
            self.push(self.now + 50, Event::Connected(id));
            return None;
        }
        let (link, ip) = (end.link?, self.nodes[end.node].config.announce_ip.clone().unwrap_or_default());
        self.with(end.node, |brain, now| brain.link_connected(link, &ip, now));
        Some(end.node)
    }

    pub(crate) fn connect_fails(&mut self, id: ConnId, failure: ConnectFailure) -> Option<usize> {
        let end = self.net.conns.get(&id)?.ends[0];
        if end.open && self.nodes[end.node].stopped {
            self.push(self.now + 50, Event::ConnectFails(id, failure));
            return None;
        }
        self.net.conns.remove(&id);
        if !end.open || self.nodes[end.node].life != end.life {
            return None;
        }
        let link = end.link?;
        self.nodes[end.node].links.remove(&link);
        self.with(end.node, |brain, now| brain.link_failed(link, failure, now));
        Some(end.node)
    }

    pub(crate) fn send(&mut self, i: usize, link: LinkId, bytes: Bytes) {
        if let Some(&(conn, end)) = self.nodes[i].links.get(&link) {
            self.post(conn, 1 - end, Parcel::Data(bytes));
        }
    }

    pub(crate) fn close(&mut self, i: usize, link: LinkId) {
        let Some((conn, end)) = self.nodes[i].links.remove(&link) else { return };
        if let Some(open) = self.net.conns.get_mut(&conn) {
            open.ends[end].open = false;
            self.post(conn, 1 - end, Parcel::Fin);
        }
    }

    /// Puts a parcel on its way to end `to`.
    pub(crate) fn post(&mut self, conn: ConnId, to: usize, parcel: Parcel) {
        if self.net.conns.contains_key(&conn) {
            let at = self.net.arrival(conn, to, self.now, &mut self.random);
            self.push(at, Event::Arrives(conn, to, parcel));
        }
    }

    pub(crate) fn arrives(&mut self, id: ConnId, end: usize, parcel: Parcel) -> Option<usize> {
        let conn = self.net.conns.get_mut(&id)?;
        let (receiver, sender) = (conn.ends[end], conn.ends[1 - end]);
        let hosts = (self.nodes[sender.node].process, self.nodes[receiver.node].process);
        if !self.net.blocked_or_queued(id, end, hosts, &parcel) {
            return self.deliver(id, end, parcel);
        }
        None
    }

    /// Gives a parcel to the process at end `end`, or to its kernel while it is stopped.
    pub(crate) fn deliver(&mut self, id: ConnId, end: usize, parcel: Parcel) -> Option<usize> {
        let receiver = self.net.conns.get(&id)?.ends[end];
        let node = receiver.node;
        if !self.nodes[node].host_up {
            return None;
        }
        if self.nodes[node].stopped {
            self.nodes[node].waiting.push(Waiting::Parcel(id, end, parcel));
            return None;
        }
        if !receiver.open || self.nodes[node].life != receiver.life || self.nodes[node].cluster.is_none() {
            return None;
        }
        let link = receiver.link?;
        match parcel {
            Parcel::Data(bytes) => self.with(node, |brain, now| brain.handle_data(link, &bytes, now)),
            Parcel::Fin => {
                self.nodes[node].links.remove(&link);
                if let Some(conn) = self.net.conns.get_mut(&id) {
                    conn.ends[end].open = false;
                }
                self.net.forget_if_closed(id);
                self.with(node, |brain, now| brain.link_closed(link, now));
            }
        }
        Some(node)
    }
}
