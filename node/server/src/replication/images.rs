//! Full synchronisations: an image of the keys goes to those that wait for one.
//!
//! An image is made once for all replicas that wait at that moment, so a short delay that lets them gather pays
//! (`repl-diskless-sync-delay`). It is made no faster than the slowest of them takes it, and what happens meanwhile
//! waits in the backlog, each replica's place being where the image begins.
//!
//! Usually the bytes go straight to the sockets and a mark tells their end. Replicas that do not know marks need
//! the length first: then, or without `repl-diskless-sync`, the image goes to a file, and from there to them.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::task::{Poll, Waker};

use bytes::Bytes;
use replication::{Framing, MARK_LEN};
use store::SlotSet;

use crate::client::Closing;
use crate::core::Core;
use crate::executor::{self, File};
use crate::log::{notice, warning};
use crate::persist::{OPEN_SLOTS, OnFlush, Pull, SnapshotId, SnapshotOptions, pause_after_key};
use crate::replication::replicas::{Filter, Replica, Stage};

/// Bytes of an image that wait at a replica before more is made.
const WINDOW_BYTES: usize = 1024 * 1024;
/// Bytes of a file read at once.
const READ_BYTES: usize = 256 * 1024;

/// The images on their way; one at a time, so that replicas that come meanwhile share the next.
#[derive(Default)]
pub struct Images {
    /// Numbers given out.
    last: u64,
    under_way: Option<UnderWay>,
    /// A replica waits for one that is to begin at once.
    wanted: bool,
}

struct UnderWay {
    number: u64,
    /// Bytes of it went out: no empty line may come between them.
    started: bool,
    /// Woken when a replica takes bytes, or is gone.
    waker: Option<Waker>,
}

/// Where an image comes from.
enum Source {
    /// The keys.
    Keys(SnapshotId, [u8; MARK_LEN]),
    /// The keys, by way of this file.
    File(SnapshotId, PathBuf),
}

/// Why an image did not reach its end.
enum Broken {
    /// Nobody wants it any more.
    Unwanted,
    /// The keys are others now.
    Cancelled,
    /// The file.
    Io(io::Error),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Broken {
        Broken::Io(error)
    }
}

impl Images {
    /// A replica took bytes, or is gone.
    pub fn wake(&mut self) {
        if let Some(waker) = self.under_way.as_mut().and_then(|image| image.waker.take()) {
            waker.wake();
        }
    }

    /// Whether a replica that receives this image is still to be told that all is well.
    pub fn is_silent(&self, number: u64) -> bool {
        self.under_way.as_ref().is_some_and(|image| image.number == number && !image.started)
    }

    /// Somebody wants one at once: it begins when all clients are in their places.
    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// Whether one is to begin.
    pub fn is_due(&self) -> bool {
        self.wanted
    }

    /// Whether one is on its way.
    pub fn is_busy(&self) -> bool {
        self.under_way.is_some()
    }
}

impl Core {
    /// Begins the image that is wanted at once.
    pub fn begin_wanted_image(&mut self) {
        if std::mem::take(&mut self.replication.images.wanted) {
            self.begin_due_image(true);
        }
    }

    /// Begins an image if somebody waits for one, has waited long enough, or wants no delay (`at_once`).
    pub fn begin_due_image(&mut self, at_once: bool) {
        let config = &self.config.replication;
        let (diskless, delay_s) = (config.repl_diskless_sync, config.repl_diskless_sync_delay);
        let enough = config.repl_diskless_sync_max_replicas as usize;
        if self.replication.images.is_busy() {
            return;
        }
        let waiting = |replica: &&Replica| matches!(replica.stage, Stage::Waiting(_));
        let replicas = &self.replication.replicas;
        let Some(filter) = replicas.iter().find(waiting).map(|replica| replica.filter) else { return };
        let group: Vec<&Replica> = replicas.iter().filter(waiting).filter(|r| r.filter == filter).collect();
        let waited = |replica: &&Replica| match replica.stage {
            Stage::Waiting(since_ms) => self.now_ms.saturating_sub(since_ms) / 1000,
            _ => 0,
        };
        let longest_s = group.iter().map(waited).max().unwrap_or(0);
        let gathered = !diskless || (enough > 0 && group.len() >= enough) || longest_s >= u64::from(delay_s);
        if !gathered && !at_once {
            return;
        }
        let marks = group.iter().all(|replica| replica.marks);
        let indexes = group.iter().map(|replica| replica.index).collect();
        let to_sockets = marks && (diskless || filter != Filter::default());
        self.begin_image(indexes, filter, to_sockets);
    }

    fn begin_image(&mut self, receivers: Vec<u32>, filter: Filter, to_sockets: bool) {
        let target = if to_sockets { "replicas sockets" } else { "disk" };
        notice!("Starting BGSAVE for SYNC with target: {target} using: normal sync");
        let snapshot = self.begin_replica_snapshot(filter);
        let offset = self.replication.offset();
        let images = &mut self.replication.images;
        images.last += 1;
        let number = images.last;
        images.under_way = Some(UnderWay { number, started: false, waker: None });
        // Those that load the image have selected no database yet.
        self.replication.select = true;
        for index in receivers {
            let Some(replica) = self.replication.replicas.get(index) else { continue };
            replica.stage = Stage::Receiving(number);
            replica.cursor = offset;
            replica.heard_ms = self.now_ms;
            if replica.acknowledges {
                let answer = format!("+FULLRESYNC {} {offset}\r\n", self.replication.history.id);
                self.tell_replica(index, answer.as_bytes());
            }
        }
        let source = if to_sockets {
            Source::Keys(snapshot, random_mark())
        } else {
            let name = format!("temp-repl-{}-{number}.rdb", std::process::id());
            Source::File(snapshot, self.folder().join(name))
        };
        self.spawn(move |core| send_image(core, number, source));
    }

    fn begin_replica_snapshot(&mut self, filter: Filter) -> SnapshotId {
        let mut aux = self.stream_fields();
        aux.push(("aof-base", b"0".to_vec()));
        if self.cluster.has_open_slots() {
            aux.push((OPEN_SLOTS, self.cluster.open_slots_text().into_bytes()));
        }
        let libraries = self.scripting.engine.libraries().filter(|_| !filter.no_functions);
        let functions = libraries.map(|library| library.code.clone()).collect();
        self.begin_snapshot(SnapshotOptions {
            slots: filter.no_keys.then(SlotSet::new),
            aux,
            functions,
            on_flush: OnFlush::Shorten,
        })
    }

    /// Sends bytes to the replica at `index`, in front of the stream.
    pub fn tell_replica(&mut self, index: u32, bytes: &[u8]) {
        if let Some(client) = self.clients.get(index) {
            client.reply.raw(bytes);
        }
        self.mark_outgoing(index);
    }

    fn receivers(&self, number: u64) -> Vec<u32> {
        let of_this = |replica: &&Replica| replica.stage == Stage::Receiving(number);
        self.replication.replicas.iter().filter(of_this).map(|replica| replica.index).collect()
    }

    /// Gives all receivers the next bytes of their image.
    fn hand_image(&mut self, number: u64, bytes: &Bytes) {
        if let Some(image) = &mut self.replication.images.under_way {
            image.started = true;
        }
        for index in self.receivers(number) {
            if let Some(client) = self.clients.get(index) {
                client.reply.shared(bytes.clone());
            }
            self.mark_outgoing(index);
        }
        self.wake_self();
    }

    /// Whether all receivers have room for more; `None` when nobody is left.
    fn has_room(&mut self, number: u64) -> Option<bool> {
        let receivers = self.receivers(number);
        let full = |index: &u32| self.clients.get(*index).is_some_and(|c| c.unsent() >= WINDOW_BYTES);
        if receivers.is_empty() { None } else { Some(!receivers.iter().any(full)) }
    }

    /// The client at `index` is gone: an image that was on its way to it alone ends.
    pub fn end_image_for(&mut self, index: u32) {
        if let Some(replica) = self.replication.replicas.get(index) {
            replica.stage = Stage::Greeting;
        }
        self.replication.images.wake();
    }

    fn end_image(&mut self, number: u64, source: &Source, outcome: Result<(), Broken>) {
        let (Source::Keys(snapshot, _) | Source::File(snapshot, _)) = source;
        self.end_snapshot(*snapshot);
        self.replication.images.under_way = None;
        match outcome {
            Ok(()) => self.receivers(number).into_iter().for_each(|index| self.image_sent(index, source)),
            Err(Broken::Unwanted) => {
                notice!("Diskless rdb transfer, last replica dropped, killing fork child.")
            }
            Err(broken) => {
                if let Broken::Io(error) = broken {
                    warning!("SYNC failed. The image could not be written or read: {error}");
                }
                for index in self.receivers(number) {
                    self.end_image_for(index);
                    if let Some(client) = self.clients.get(index) {
                        client.shut();
                    }
                    self.mark_outgoing(index);
                }
            }
        }
        // Those that came meanwhile.
        self.begin_due_image(false);
    }

    /// All bytes of the image are on their way to the replica at `index`.
    fn image_sent(&mut self, index: u32, source: &Source) {
        let now_ms = self.now_ms;
        let Some(replica) = self.replication.replicas.get(index) else { return };
        replica.heard_ms = now_ms;
        let name = replica.name();
        if replica.image_only {
            replica.stage = Stage::Served;
            notice!("RDB transfer completed, rdb only replica ({name}) should be disconnected asap");
            if let Some(client) = self.clients.get(index) {
                client.closing = Closing::AfterReply;
            }
            return self.mark_outgoing(index);
        }
        if let Source::Keys(..) = source {
            // It looks for the mark at the end of what it reads: nothing may follow until it says that it is ready.
            replica.stage = Stage::Loading;
            notice!(
                "Streamed replica synchronization with replica {name} succeeded (socket). Waiting for REPLCONF \
                     ACK from replica to enable streaming"
            );
        } else {
            replica.stage = Stage::Online;
            notice!("Synchronization with replica {name} succeeded");
        }
        self.mark_outgoing(index);
        self.wake_self();
    }
}

fn random_mark() -> [u8; MARK_LEN] {
    let id = super::random_id();
    std::array::from_fn(|i| id.as_str().as_bytes()[i])
}

/// Waits until the receivers have room; an error when nobody is left.
async fn room(core: &Rc<RefCell<Core>>, number: u64) -> Result<(), Broken> {
    poll_fn(|context| {
        let mut core = core.borrow_mut();
        match core.has_room(number) {
            None => Poll::Ready(Err(Broken::Unwanted)),
            Some(true) => Poll::Ready(Ok(())),
            Some(false) => {
                if let Some(image) = &mut core.replication.images.under_way {
                    image.waker = Some(context.waker().clone());
                }
                Poll::Pending
            }
        }
    })
    .await
}

async fn send_image(core: Rc<RefCell<Core>>, number: u64, source: Source) {
    let outcome = match &source {
        Source::Keys(snapshot, mark) => send_from_keys(&core, number, *snapshot, *mark).await,
        Source::File(snapshot, path) => {
            let sent = send_from_file(&core, number, *snapshot, path).await;
            // It may not even have come into being.
            let _ = executor::remove(path).await;
            sent
        }
    };
    core.borrow_mut().end_image(number, &source, outcome);
}

async fn send_from_keys(
    core: &Rc<RefCell<Core>>,
    number: u64,
    snapshot: SnapshotId,
    mark: [u8; MARK_LEN],
) -> Result<(), Broken> {
    core.borrow_mut().hand_image(number, &Framing::Mark(mark).header().into());
    loop {
        room(core, number).await?;
        let mut bytes = Vec::new();
        let state = core.borrow_mut().pull_snapshot(snapshot, &mut bytes);
        core.borrow_mut().hand_image(number, &bytes.into());
        match state {
            Pull::More => pause_after_key(core, snapshot).await,
            Pull::Cancelled => return Err(Broken::Cancelled),
            Pull::Done => break,
        }
    }
    core.borrow_mut().hand_image(number, &mark.to_vec().into());
    Ok(())
}

async fn send_from_file(
    core: &Rc<RefCell<Core>>,
    number: u64,
    snapshot: SnapshotId,
    path: &std::path::Path,
) -> Result<(), Broken> {
    let mut file = File::create(path)?;
    loop {
        let mut bytes = Vec::new();
        let state = core.borrow_mut().pull_snapshot(snapshot, &mut bytes);
        file.write(bytes).await?;
        match state {
            Pull::More => pause_after_key(core, snapshot).await,
            Pull::Cancelled => return Err(Broken::Cancelled),
            Pull::Done => break,
        }
    }
    let length = file.position();
    file.close().await?;
    let mut file = File::open(path)?;
    core.borrow_mut().hand_image(number, &Framing::Length(length).header().into());
    while file.position() < length {
        room(core, number).await?;
        let bytes = file.read(READ_BYTES).await?;
        if bytes.is_empty() {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        core.borrow_mut().hand_image(number, &bytes.into());
    }
    Ok(file.close().await?)
}
