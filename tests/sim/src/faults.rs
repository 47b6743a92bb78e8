//! What goes wrong, when, and how it is put right again.

use cluster::FailoverMode;

use crate::disk::Disk;
use crate::network::{ConnId, FAIR, Parcel, Weather};
use crate::node::Waiting;
use crate::world::{Event, World};

/// Something that goes wrong, or the end of it.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Draw the next fault.
    Next,
    /// Start every core of a process that is down.
    Restart(usize),
    /// Let a stopped process go on.
    Continue(usize),
    /// End a partition: these pairs of hosts talk again.
    Mend(Vec<(usize, usize)>),
    /// Fair weather again.
    ClearUp,
}

impl World {
    fn hosts(&self) -> usize {
        self.nodes.last().map_or(0, |node| node.process + 1)
    }

    fn cores_of(&self, process: usize) -> Vec<usize> {
        (0..self.nodes.len()).filter(|i| self.nodes[*i].process == process).collect()
    }

    /// Lets things go wrong from now on.
    pub fn start_faults(&mut self) {
        self.faults_on = true;
        let at = self.now + 5000; // The links need a moment first.
        self.push(at, Event::Fault(Fault::Next));
    }

    /// Ends every fault.
    pub fn end_faults(&mut self) {
        self.faults_on = false;
        self.net.weather = FAIR;
        self.net.heal();
        self.flush_stalled();
        for process in 0..self.hosts() {
            self.apply(Fault::Continue(process));
            self.apply(Fault::Restart(process));
        }
    }

    pub(crate) fn apply(&mut self, fault: Fault) {
        match fault {
            Fault::Next if self.faults_on => {
                self.draw_fault();
                let at = self.now + 200 + self.random.below(5000);
                self.push(at, Event::Fault(Fault::Next));
            }
            Fault::Next => {}
            Fault::Restart(process) if self.options.moves => {
                let cores = self.cores_of(process);
                if cores.iter().all(|i| self.nodes[*i].cluster.is_none()) {
                    self.boot_process(&cores);
                }
            }
            Fault::Restart(process) => {
                for i in self.cores_of(process) {
                    if self.nodes[i].cluster.is_none() {
                        self.boot(i);
                    }
                }
            }
            Fault::Continue(process) => {
                for i in self.cores_of(process) {
                    self.go_on(i);
                }
            }
            Fault::Mend(pairs) => {
                for (a, b) in pairs {
                    self.net.set_blocked(a, b, false);
                }
                self.flush_stalled();
            }
            Fault::ClearUp => self.net.weather = FAIR,
        }
    }

    fn draw_fault(&mut self) {
        self.outcome.faults += 1;
        let process = self.random.below(self.hosts() as u64) as usize;
        let kind = self.random.below(12);
        self.tell(|world| {
            format!("draws fault {kind}, process {process} with nodes {:?}", world.cores_of(process))
        });
        match kind {
            0..=2 => {
                self.crash_process(process, false);
            }
            3 => {
                self.crash_process(process, true);
            }
            4..=5 => {
                for i in self.cores_of(process) {
                    self.nodes[i].stopped = self.nodes[i].cluster.is_some();
                }
                let at = self.now + 50 + self.random.below(10_000);
                self.push(at, Event::Fault(Fault::Continue(process)));
            }
            6..=8 => self.partition(),
            9 => self.break_links(),
            10 => {
                self.net.weather = Weather {
                    delay_ms: self.random.below(100),
                    jitter_ms: 1 + self.random.below(500),
                    loss_one_in: 3 + self.random.below(50),
                };
                let at = self.now + 500 + self.random.below(8000);
                self.push(at, Event::Fault(Fault::ClearUp));
            }
            _ => self.fail_over_by_hand(),
        }
    }

    /// Cuts a random group off, in both directions or in one.
    fn partition(&mut self) {
        let hosts = self.hosts();
        let size = 1 + self.random.below(hosts as u64 / 2) as usize;
        let mut inside = vec![false; hosts];
        for _ in 0..size {
            inside[self.random.below(hosts as u64) as usize] = true;
        }
        let (outward, inward) =
            [(true, true), (true, true), (true, false), (false, true)][self.random.below(4) as usize];
        let mut pairs = Vec::new();
        for a in (0..hosts).filter(|a| inside[*a]) {
            for b in (0..hosts).filter(|b| !inside[*b]) {
                pairs.extend(outward.then_some((a, b)));
                pairs.extend(inward.then_some((b, a)));
            }
        }
        self.tell(|_| format!("cuts {inside:?} off, outward {outward}, inward {inward}"));
        for &(a, b) in &pairs {
            self.net.set_blocked(a, b, true);
        }
        let at = self.now + 100 + self.random.below(15_000);
        self.push(at, Event::Fault(Fault::Mend(pairs)));
    }

    /// Resets a few connections.
    fn break_links(&mut self) {
        let ids: Vec<ConnId> = self.net.conns.keys().copied().collect();
        for _ in 0..10.min(ids.len()) {
            let id = ids[self.random.below(ids.len() as u64) as usize];
            for end in 0..2 {
                self.deliver(id, end, Parcel::Fin);
            }
        }
    }

    fn fail_over_by_hand(&mut self) {
        let i = self.random.below(self.nodes.len() as u64) as usize;
        let mode = if self.random.one_in(3) { FailoverMode::Force } else { FailoverMode::Agreed };
        if self.nodes[i].runs() {
            self.with(i, |brain, now| {
                let _ = brain.failover(mode, "sim", now);
            });
        }
    }

    pub(crate) fn crash_process(&mut self, process: usize, host: bool) {
        for i in self.cores_of(process) {
            self.crash(i, host);
        }
    }

    /// Ends a node's process. Its kernel closes its connections, unless the whole host goes down.
    pub(crate) fn crash(&mut self, i: usize, host: bool) {
        if self.nodes[i].cluster.take().is_none() {
            return;
        }
        if host && self.nodes[i].disk.lags() {
            self.moves.lose_track();
        }
        let node = &mut self.nodes[i];
        node.stopped = false;
        node.host_up = !host;
        node.life += 1;
        node.disk = Disk::default();
        if host {
            node.conf.clone_from(&node.synced_conf);
        }
        let mut conns: Vec<(ConnId, usize)> = std::mem::take(&mut node.links).into_values().collect();
        for waiting in std::mem::take(&mut node.waiting) {
            if let Waiting::Accept(conn) = waiting {
                conns.push((conn, 1));
            }
        }
        for (conn, end) in conns {
            if let Some(open) = self.net.conns.get_mut(&conn) {
                open.ends[end].open = false;
                // A host that went down says nothing until it is up again and answers with a reset.
                if !host {
                    self.post(conn, 1 - end, Parcel::Fin);
                }
            }
        }
        if self.faults_on {
            // Also a process that died between two effects is started again by whoever watches it.
            let process = self.nodes[i].process;
            let at = self.now + 100 + self.random.below(15_000);
            self.push(at, Event::Fault(Fault::Restart(process)));
        }
    }

    fn go_on(&mut self, i: usize) {
        if !self.nodes[i].stopped {
            return;
        }
        self.nodes[i].stopped = false;
        self.nodes[i].out_of_touch.clear(); // While it slept it could notice nothing.
        for waiting in std::mem::take(&mut self.nodes[i].waiting) {
            match waiting {
                Waiting::Parcel(conn, end, parcel) => {
                    self.deliver(conn, end, parcel);
                }
                Waiting::Accept(conn) => self.accept(conn),
                Waiting::Sibling(from, message) => {
                    self.with(i, |brain, now| brain.handle_sibling(from, message, now));
                }
            }
        }
        self.with(i, |brain, now| brain.tick(now));
    }

    /// Sends on what partitions held back and that can pass now.
    fn flush_stalled(&mut self) {
        let ids: Vec<ConnId> = self.net.conns.keys().copied().collect();
        for id in ids {
            for end in 0..2 {
                let Some(conn) = self.net.conns.get(&id) else { continue };
                let (from, to) = (conn.ends[1 - end].node, conn.ends[end].node);
                if !self.net.passes(self.nodes[from].process, self.nodes[to].process) {
                    continue;
                }
                let held = self.net.conns.get_mut(&id).map(|conn| std::mem::take(&mut conn.stalled[end]));
                for parcel in held.into_iter().flatten() {
                    self.post(id, end, parcel);
                }
            }
        }
    }
}
