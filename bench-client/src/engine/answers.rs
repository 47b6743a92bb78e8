//! What an answer means: a latency to record, an error to count, or a way that leads on.

use std::net::{IpAddr, SocketAddr};

use super::lane::{Flight, Pending};
use super::worker::Worker;
use crate::reply::Reply;
use crate::stats::Counts;

/// Most redirections of one request before it counts as failed.
const REDIRECTIONS_MAX: u16 = 32;

impl Worker<'_> {
    /// Takes the next reply of `lane`.
    pub(super) fn answer(&mut self, lane: u32, reply: Reply) {
        if reply == Reply::Push {
            return;
        }
        let node = self.lanes[lane as usize].node;
        match self.land(lane) {
            Some(Flight::Request(pending, sent_ns)) => match reply {
                Reply::Error(text) => self.error(node, pending, &text),
                reply => self.success(node, &pending, sent_ns, &reply),
            },
            Some(Flight::Wait(key, number)) => self.waited(key, number, &reply),
            Some(Flight::Setup) => {
                if let Reply::Error(text) = reply {
                    self.tick.count_error(&text);
                }
            }
            None => self.break_lane(lane, "unasked-reply"),
        }
    }

    fn success(&mut self, node: u16, pending: &Pending, sent_ns: u64, reply: &Reply) {
        let open_loop = self.run.load.rate.is_some();
        let (now, command) = (self.now, pending.draw.command);
        self.follow_latency(now - sent_ns);
        let cell = self.tick.cell(node, command, open_loop);
        cell.service.saturating_record(now - sent_ns);
        if let Some(response) = &mut cell.response {
            response.saturating_record(now - pending.intended_ns);
        }
        let counts = self.tick.counts(node);
        counts.answered += 1;
        counts.misses += u64::from(*reply == Reply::Nil);
        self.range_answered(pending);
        let Some(ledger) = &mut self.ledger else { return };
        match pending.draw.command {
            0 => ledger.acknowledge(pending.draw.key, pending.draw.number),
            _ => ledger.check_read(pending.draw.key, pending.floor, reply),
        }
    }

    /// Prepares a request for verify mode; `false` when it must not be sent.
    pub(super) fn note_in_ledger(&mut self, pending: &mut Pending) -> bool {
        let Some(ledger) = &mut self.ledger else { return true };
        match pending.draw.command {
            0 if pending.attempts == 0 => ledger.begin_write(pending.draw.key, pending.draw.number),
            0 => true,
            _ => {
                pending.floor = ledger.floor(pending.draw.key);
                true
            }
        }
    }

    /// The answer to the WAIT behind a write.
    fn waited(&mut self, key: u64, number: u64, reply: &Reply) {
        let enough = i64::from(self.run.load.wait_replicas);
        let Some(ledger) = &mut self.ledger else { return };
        if matches!(reply, Reply::Integer(replicas) if *replicas >= enough) {
            ledger.confirm(key, number);
        }
    }

    /// An error reply: redirections and states that pass are followed, the rest is final.
    fn error(&mut self, node: u16, mut pending: Pending, text: &str) {
        let mut words = text.split(' ');
        let kind = words.next().unwrap_or("");
        let counts = self.tick.counts(node);
        let counter = match kind {
            "MOVED" => &mut counts.moved,
            "ASK" => &mut counts.ask,
            "TRYAGAIN" => &mut counts.tryagain,
            "CLUSTERDOWN" | "LOADING" | "MASTERDOWN" => &mut counts.clusterdown,
            _ => return self.final_error(node, &pending, text),
        };
        *counter += 1;
        pending.attempts += 1;
        pending.asking = kind == "ASK";
        let waited = self.now - pending.intended_ns;
        if waited > self.run.load.timeout.as_nanos() as u64 {
            return self.final_error(node, &pending, text);
        }
        let target = match kind {
            "MOVED" | "ASK" if pending.attempts <= REDIRECTIONS_MAX => {
                words.nth(1).and_then(|to| parse_address(to, self.map.nodes[usize::from(node)].ip()))
            }
            _ => None,
        };
        self.redirect(kind, pending, target);
    }

    /// Sends a request on to `target`, or back to the map after a while.
    fn redirect(&mut self, kind: &str, mut pending: Pending, target: Option<SocketAddr>) {
        if kind != "ASK" {
            self.run.topology.request();
        }
        let index = target.and_then(|address| self.run.topology.index_of(address));
        let known = index.filter(|&i| self.nodes.get(usize::from(i)).is_some_and(|n| !n.lanes.is_empty()));
        match known {
            Some(index) => self.enqueue(index, pending),
            // A wait for the map, and for a lane to a node that is new.
            None => {
                pending.asking = false;
                self.range_failed(&pending);
                self.put_off(pending);
            }
        }
    }

    fn final_error(&mut self, node: u16, pending: &Pending, text: &str) {
        self.tick.count_error(text);
        let counts = self.tick.counts(node);
        counts.answered += 1;
        counts.errors += 1;
        self.range_failed(pending);
        self.fail_in_ledger(pending, false);
    }

    /// A request whose connection broke or whose answer did not come in time.
    pub(super) fn fail_unanswered(&mut self, node: u16, pending: &Pending, why: &str) {
        let counts: &mut Counts = self.tick.counts(node);
        match why {
            "timeout" => counts.timeouts += 1,
            _ => counts.lost += 1,
        }
        self.range_failed(pending);
        self.fail_in_ledger(pending, true);
    }

    fn fail_in_ledger(&mut self, pending: &Pending, unknown: bool) {
        if let Some(ledger) = &mut self.ledger
            && pending.draw.command == 0
        {
            ledger.fail(pending.draw.key, unknown);
        }
    }

    fn range_answered(&mut self, pending: &Pending) {
        let Some(slot) = pending.draw.slot else { return };
        let index = usize::from(self.run.range_of[usize::from(slot)]);
        let (last_success, failed) = &mut self.range_state[index];
        let range = &mut self.tick.ranges[index];
        if *failed {
            range.longest_gap_ns = range.longest_gap_ns.max(self.now - *last_success);
        }
        (*last_success, *failed) = (self.now, false);
        range.answered += 1;
    }

    /// A request that was not served now: its slot range is away until the next success.
    pub(super) fn range_failed(&mut self, pending: &Pending) {
        let Some(slot) = pending.draw.slot else { return };
        let index = usize::from(self.run.range_of[usize::from(slot)]);
        self.range_state[index].1 = true;
        self.tick.ranges[index].failed += 1;
    }

    /// Ranges that had not recovered when the run ended: their gap reaches to the end.
    pub(super) fn close_ranges(&mut self) {
        for (range, (last_success, failed)) in self.tick.ranges.iter_mut().zip(&self.range_state) {
            if *failed {
                range.longest_gap_ns = range.longest_gap_ns.max(self.now - last_success);
            }
        }
    }
}

/// `host:port` of a redirection; an empty host is the node that answered (cluster specification).
fn parse_address(text: &str, answering: IpAddr) -> Option<SocketAddr> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok()?;
    let ip = if host.is_empty() { answering } else { host.trim_matches(['[', ']']).parse().ok()? };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_redirections() {
        let local: IpAddr = "127.0.0.1".parse().unwrap();
        let parse = |text| parse_address(text, local).map(|a| a.to_string());
        assert_eq!(parse("10.1.2.3:7000"), Some("10.1.2.3:7000".into()));
        assert_eq!(parse(":7001"), Some("127.0.0.1:7001".into()));
        assert_eq!(parse("::1:7002"), Some("[::1]:7002".into()));
        assert_eq!(parse("7002"), None);
        assert_eq!(parse("host.name:7002"), None, "left to the slot map");
    }
}
