//! The source's side: one task sends the keys, then what changes, then gives the slots up.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use base::{NodeId, Slot};
use bytes::Bytes;
use cluster::{Asker, Owner};
use resp::IntegerText;

use super::Broken;
use super::link::Link;
use crate::channel::Channel;
use crate::core::Core;
use crate::executor;
use crate::log::warning;
use crate::migrate::{dump_held, parts};
use crate::reactor::PACE;
use crate::settings;

/// Keys found at once.
const KEYS: usize = 256;
/// So few written keys are sent within the pause.
const FEW: usize = 64;
/// How often written keys are sent before the pause, should they not become few.
const ROUNDS: usize = 20;
/// Between two looks at whose the slots are; writes pause meanwhile.
const LOOK: Duration = Duration::from_micros(200);

/// Moves `slots` to `target` and ends the export.
pub async fn run(core: Rc<RefCell<Core>>, name: NodeId, slots: Vec<Slot>, target: NodeId) {
    let task = Task { core: core.clone(), name, slots, target, slice: Cell::new(Instant::now()) };
    let outcome = task.run().await;
    core.borrow_mut().end_export(task.name, &task.slots, outcome);
}

struct Task {
    core: Rc<RefCell<Core>>,
    name: NodeId,
    slots: Vec<Slot>,
    target: NodeId,
    /// When the present slice of work began.
    slice: Cell<Instant>,
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Broken {
        Broken::Failed(match error.kind() {
            io::ErrorKind::Other => error.to_string(),
            _ => format!("Connection to target failed: {error}"),
        })
    }
}

impl Task {
    async fn run(&self) -> Result<(), Broken> {
        let mut link = self.connect().await?;
        self.enter("snapshotting")?;
        for slot in &self.slots {
            self.send_slot(&mut link, *slot).await?;
        }
        link.say("SNAPSHOT-EOF").await?;
        link.hear("REQUEST-PAUSE").await?;
        self.enter("replicating")?;
        for _ in 0..ROUNDS {
            let dirty = self.take_dirty()?;
            let few = dirty.len() <= FEW;
            self.send_keys(&mut link, dirty).await?;
            if few {
                break;
            }
        }
        self.enter("failover-paused")?;
        let limit = {
            let mut core = self.core.borrow_mut();
            self.slots.iter().for_each(|slot| core.migrate.leaving.close(*slot));
            Duration::from_millis(core.config.cluster.manual_failover_timeout)
        };
        let give_up = async { Ok(self.give_up(&mut link, Instant::now() + limit / 2).await) };
        executor::within(limit, give_up).await.unwrap_or_else(|_| {
            warning!("Slot migration {}: the target has not claimed the slots in time", self.name);
            Err(Broken::Failed("Unpaused before migration completed".into()))
        })
    }

    /// Writes pause, for as long as a manual failover may take: the target gets the last of them, and then the slots. What
    /// it is granted by `latest` it takes while the pause lasts, or not at all (`import`): else it would take slots in
    /// which this node has acknowledged writes again.
    async fn give_up(&self, link: &mut Link, latest: Instant) -> Result<(), Broken> {
        self.send_keys(link, self.take_dirty()?).await?;
        link.say("PAUSED").await?;
        link.hear("REQUEST-FAILOVER").await?;
        if Instant::now() > latest {
            return Err(Broken::Failed("Target asked for the slots too late".into()));
        }
        self.enter("failover-granted")?;
        link.say("FAILOVER-GRANTED").await?;
        self.wait_for_claim().await;
        Ok(())
    }

    /// The state it is in from now on, if it may go on.
    fn enter(&self, state: &'static str) -> Result<(), Broken> {
        let mut core = self.core.borrow_mut();
        core.check_export(self.name)?;
        core.check_owner(self.name)?;
        let now_s = core.now_ms / 1000;
        core.migrations.enter(self.name, state, now_s);
        Ok(())
    }

    async fn connect(&self) -> Result<Link, Broken> {
        let (address, limit, login, me, ranges, tls) = {
            let mut core = self.core.borrow_mut();
            let core = &mut *core;
            core.check_export(self.name)?;
            let gone = || Broken::Failed("Target node is not known any more".into());
            let node = core.cluster.find_node(self.target).ok_or_else(gone)?;
            // As a replica of this node's would come in.
            let tls = core.tls.to_master.clone();
            let asker = Asker { tls: tls.is_some(), ..Asker::default() };
            let (host, port) = core.cluster.endpoint(node, asker);
            let replication = &core.config.replication;
            let login = (replication.masteruser.clone(), replication.masterauth.clone());
            let ranges = core.exports.get(self.name).map(|export| export.slots.ranges()).unwrap_or_default();
            let limit = Duration::from_secs(u64::from(replication.repl_timeout));
            ((host.to_owned(), port), limit, login, core.cluster.my_id(), ranges, tls)
        };
        let address = executor::resolve(&address.0, address.1).await?;
        let source = settings::source_address(&self.core.borrow().config);
        let mut link = Link::new(Channel::connect(address, source, limit, tls).await?, limit);
        let (user, password) = login;
        if !password.is_empty() {
            let words = [&b"AUTH"[..], user.as_bytes(), password.as_bytes()];
            let words: Vec<&[u8]> = words.into_iter().filter(|word| !word.is_empty()).collect();
            link.send(&words).await?;
            link.hear_ok().await?;
        }
        let mut words: Vec<String> =
            ["CLUSTER", "SYNCSLOTS", "ESTABLISH", "SOURCE"].map(str::to_owned).into();
        words.extend([me.to_string(), "NAME".into(), self.name.to_string(), "SLOTSRANGE".into()]);
        words.extend(ranges.iter().flat_map(|(first, last)| [first.to_string(), last.to_string()]));
        link.send(&words.iter().map(|word| word.as_bytes()).collect::<Vec<_>>()).await?;
        link.hear_ok().await?;
        link.say("ACK").await?;
        Ok(link)
    }

    async fn send_slot(&self, link: &mut Link, slot: Slot) -> Result<(), Broken> {
        let mut cursor = 0;
        if self.core.borrow().keys.slot_len(slot) == 0 {
            return Ok(());
        }
        loop {
            let mut keys = Vec::new();
            {
                let mut core = self.core.borrow_mut();
                core.check_export(self.name)?;
                loop {
                    let emit = &mut |entry: &store::Entry| keys.push(Bytes::copy_from_slice(entry.key()));
                    cursor = core.keys.scan_slot(slot, cursor, emit);
                    if cursor == 0 || keys.len() >= KEYS {
                        break;
                    }
                }
            }
            self.send_keys(link, keys).await?;
            if cursor == 0 {
                return Ok(());
            }
        }
    }

    /// Keys written since this was asked last.
    fn take_dirty(&self) -> Result<Vec<Bytes>, Broken> {
        let mut core = self.core.borrow_mut();
        core.check_export(self.name)?;
        let dirty = core.exports.get(self.name).map(|export| std::mem::take(&mut export.dirty));
        Ok(dirty.unwrap_or_default().into_iter().collect())
    }

    /// Sends keys as they are now, also that they are not there.
    async fn send_keys(&self, link: &mut Link, keys: Vec<Bytes>) -> Result<(), Broken> {
        for key in keys {
            match dump_held(&self.core, &key).await {
                Some((expire_ms, payload)) => {
                    let ttl = IntegerText::new(expire_ms.unwrap_or(0) as i64);
                    let head = [&b"RESTORE"[..], &key, ttl.as_bytes()];
                    link.send_parts(parts(&head, payload, &[b"REPLACE", b"ABSTTL"])).await?;
                }
                None => link.send(&[b"DEL", &key]).await?,
            }
            self.make_room(link).await?;
        }
        Ok(())
    }

    /// Lets clients have their turn where it is time: those of the target too, so that it gets no more at once than was
    /// gathered in a slice.
    async fn make_room(&self, link: &mut Link) -> Result<(), Broken> {
        if self.slice.get().elapsed() >= PACE {
            link.flush().await?;
            self.core.borrow_mut().paced = true;
            // The loop may have parked while the connection was slow, and would see clients late.
            self.core.borrow().wake_self();
            executor::yield_now().await;
            self.slice.set(Instant::now());
        }
        Ok(())
    }

    /// Waits until the target's claim has come over the bus.
    async fn wait_for_claim(&self) {
        loop {
            {
                let core = self.core.borrow();
                let theirs = |slot: &Slot| match core.cluster.owner(*slot) {
                    Owner::Node(node) => core.cluster.node(node).is_some_and(|node| node.id == self.target),
                    _ => false,
                };
                if self.slots.iter().all(theirs) {
                    return;
                }
            }
            executor::sleep(LOOK).await;
        }
    }
}
