//! What a thread does beside its requests, every few milliseconds: connections, timeouts, the slot map, ticks,
//! and the end of the run.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::lane::{Lane, Node, Pending, State};
use super::worker::{CARE_NS, TICK_NS, Worker};
use crate::ring::LANES_MAX;
use crate::stats::Tick;
use crate::topology::NOBODY;

/// Longest wait for answers after the last request was sent.
const DRAIN_MAX: Duration = Duration::from_secs(5);

impl Worker<'_> {
    /// What is not urgent: the tick, timeouts, connections, the slot map.
    pub(super) fn take_care(&mut self) -> io::Result<()> {
        self.next_care = self.now + CARE_NS;
        if self.now / TICK_NS > self.tick.span_ns.0 / TICK_NS {
            self.send_tick();
        }
        if self.run.stop.load(Ordering::Relaxed) {
            self.schedule.end();
        }
        if self.version != self.run.topology.version() {
            self.take_map();
        }
        while self.put_off.front().is_some_and(|(at, _)| *at <= self.now) {
            let Some((_, pending)) = self.put_off.pop_front() else { break };
            let node = self.route(&pending);
            if node == NOBODY {
                self.run.topology.request();
            }
            self.enqueue(node, pending);
        }
        self.care_for_lanes()?;
        let is_full = |node: &Node| node.queue.len() >= self.queue_max;
        self.blocked = self.put_off.len() >= self.queue_max || self.nodes.iter().any(is_full);
        // A closed loop that was blocked has left lanes without work.
        for node in 0..self.nodes.len() {
            for lane in std::mem::take(&mut self.nodes[node].idle) {
                self.lanes[lane as usize].listed = false;
                self.fill(lane);
            }
        }
        Ok(())
    }

    fn care_for_lanes(&mut self) -> io::Result<()> {
        let timeout = self.load().timeout.as_nanos() as u64;
        for lane in 0..self.lanes.len() as u32 {
            let state = &self.lanes[lane as usize];
            match state.state {
                State::Down(at) if at <= self.now => {
                    let address = self.map.nodes[usize::from(state.node)];
                    self.lanes[lane as usize].state = State::Connecting(self.now);
                    self.ring.connect(lane, address)?;
                }
                State::Connecting(since) if since + timeout < self.now => self.break_lane(lane, ""),
                State::Up if state.oldest_ns().is_some_and(|sent| sent + timeout < self.now) => {
                    self.break_lane(lane, "timeout");
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn take_map(&mut self) {
        self.version = self.run.topology.version();
        self.map = self.run.topology.map();
        self.open_lanes();
        let queued: Vec<Pending> = self.nodes.iter_mut().flat_map(|node| node.queue.drain(..)).collect();
        for pending in queued {
            let node = self.route(&pending);
            self.enqueue(node, pending);
        }
    }

    pub(super) fn know_node(&mut self, node: u16) {
        if usize::from(node) >= self.nodes.len() {
            self.nodes.resize_with(usize::from(node) + 1, Node::default);
        }
    }

    /// Gives every node that is asked its share of connections.
    pub(super) fn open_lanes(&mut self) {
        let mut asked = self.map.masters();
        if self.run.workload.replica_share > 0.0 {
            asked.extend(self.map.replicas.iter().flatten());
        }
        let (threads, count) = (self.load().threads, asked.len());
        for (position, node) in asked.into_iter().enumerate() {
            self.know_node(node);
            let mine = (0..self.load().connections)
                .filter(|c| c % threads == self.thread && (c / threads) % count == position)
                .count();
            while self.nodes[usize::from(node)].lanes.len() < mine.max(1) && self.lanes.len() < LANES_MAX {
                self.nodes[usize::from(node)].lanes.push(self.lanes.len() as u32);
                self.lanes.push(Lane::new(node));
            }
        }
    }

    pub(super) fn is_done(&mut self) -> bool {
        if !self.schedule.is_over(self.now) {
            return false;
        }
        let waiting =
            self.in_flight + self.put_off.len() + self.nodes.iter().map(|n| n.queue.len()).sum::<usize>();
        let drain = self.load().timeout.min(DRAIN_MAX).as_nanos() as u64;
        let give_up = *self.give_up.get_or_insert(self.now + drain);
        waiting == 0 || self.now >= give_up
    }

    pub(super) fn finish(&mut self) {
        for lane in 0..self.lanes.len() as u32 {
            if self.lanes[lane as usize].state == State::Up {
                self.break_lane(lane, "timeout");
            }
        }
        for node in 0..self.nodes.len() {
            self.tick.counts(node as u16).dropped += self.nodes[node].queue.len() as u64;
        }
        self.tick.counts(0).dropped += self.put_off.len() as u64;
        self.close_ranges();
        self.tick.ledger = self.ledger.take();
        self.send_tick();
    }

    fn send_tick(&mut self) {
        let fresh = Tick::new(self.thread, self.now, self.tick.commands, self.tick.ranges.len());
        let mut tick = std::mem::replace(&mut self.tick, fresh);
        tick.span_ns.1 = self.now;
        tick.effort = self.watch.lap();
        // Nobody listens only when the coordinator is gone, and then the process ends.
        let _ = self.ticks.send(tick);
    }
}
