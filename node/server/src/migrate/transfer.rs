//! The task of one MIGRATE: each key as RESTORE-ASKING, then the answers.
//!
//! A key's payload is encoded in slices, between which others are served, and sent in the chunks it is made of; small keys
//! go out together. The connection
//! may be one that the other server has closed meanwhile, so a failure before the first answer is tried once more.

use std::cell::RefCell;
use std::io;
use std::iter;
use std::rc::Rc;

use base::{Slot, key_slot};
use bytes::Bytes;
use commands::Error;
use rdb::dump::{Dumper, Payload};
use resp::{IntegerText, write_header, write_words};

use super::sockets::Target;
use super::{Job, io_error};
use crate::channel::Channel;
use crate::core::Core;
use crate::executor;
use crate::settings;

/// Bytes encoded between two looks at what others want.
const SLICE: usize = 32 * 1024;
/// Bytes sent at once.
const SEND: usize = 64 * 1024;
const READ: usize = 4 * 1024;

/// What became of it.
pub struct Outcome {
    /// Keys that are there now.
    pub arrived: Vec<Bytes>,
    /// The client's answer, unless all went well.
    pub error: Option<Error>,
}

/// One try.
#[derive(Default)]
struct Attempt {
    arrived: Vec<Bytes>,
    /// The other server's first error.
    refused: Option<String>,
    /// The connection failed, in this direction.
    broken: Option<(&'static str, io::Error)>,
}

/// Sends the keys and ends the job.
pub async fn run(core: Rc<RefCell<Core>>, job: Job) {
    let outcome = transfer(&core, &job).await;
    core.borrow_mut().end_migrate(&job, outcome);
}

async fn transfer(core: &Rc<RefCell<Core>>, job: &Job) -> Outcome {
    let mut may_retry = true;
    loop {
        let Ok(mut target) = target(core, job).await else {
            let error = Some(io_error("connecting to the client"));
            return Outcome { arrived: Vec::new(), error };
        };
        let mut attempt = Attempt::default();
        if let Err(broken) = attempt.make(core, job, &mut target).await {
            attempt.broken = Some(broken);
        }
        let Attempt { arrived, refused, broken } = attempt;
        if broken.is_none() {
            target.db = refused.is_none().then_some(job.words.db);
            let mut core = core.borrow_mut();
            let now_ms = core.now_ms;
            core.migrate.sockets.give(&job.words.host, job.words.port, target, now_ms);
        }
        let error = match (refused, broken) {
            (Some(text), _) => Some(Error::text(format!("ERR Target instance replied with error: {text}"))),
            (None, Some((_, e)))
                if may_retry && arrived.is_empty() && e.kind() != io::ErrorKind::TimedOut =>
            {
                may_retry = false;
                continue;
            }
            (None, Some((direction, _))) => Some(io_error(&format!("{direction} to target instance"))),
            (None, None) => None,
        };
        return Outcome { arrived, error };
    }
}

async fn target(core: &Rc<RefCell<Core>>, job: &Job) -> io::Result<Target> {
    let words = &job.words;
    if let Some(target) = core.borrow_mut().migrate.sockets.take(&words.host, words.port) {
        return Ok(target);
    }
    let address = executor::resolve(&words.host, words.port).await?;
    let (source, tls) = {
        let core = core.borrow();
        (settings::source_address(&core.config), core.tls.to_nodes.clone())
    };
    let stream = Channel::connect(address, source, words.timeout, tls).await?;
    Ok(Target { stream, db: None })
}

impl Attempt {
    async fn make(
        &mut self,
        core: &Rc<RefCell<Core>>,
        job: &Job,
        target: &mut Target,
    ) -> Result<(), (&'static str, io::Error)> {
        let (mut out, mut greetings) = (Vec::new(), 0);
        if !job.words.auth.is_empty() {
            let auth = [Bytes::from_static(b"AUTH")];
            resp::write_command(&mut out, auth.iter().chain(&job.words.auth).collect::<Vec<_>>().into_iter());
            greetings += 1;
        }
        if target.db != Some(job.words.db) {
            let db = IntegerText::new(job.words.db);
            resp::write_command(&mut out, [&b"SELECT"[..], db.as_bytes()].into_iter());
            greetings += 1;
        }
        let sent = self.send(core, job, &mut target.stream, out).await.map_err(|e| ("writing", e))?;
        self.read_answers(job, &mut target.stream, greetings, sent).await.map_err(|e| ("reading", e))
    }

    /// Sends the keys that are still here, behind `out`: which they were, and whether the client named them.
    async fn send(
        &self,
        core: &Rc<RefCell<Core>>,
        job: &Job,
        stream: &mut Channel,
        mut out: Vec<u8>,
    ) -> io::Result<Vec<(Bytes, bool)>> {
        let mut sent = Vec::new();
        for (number, key) in job.words.keys.iter().enumerate() {
            let Some((ttl_ms, payload)) = dump(core, job, key).await else { continue };
            let ttl = IntegerText::new(ttl_ms as i64);
            let tail: &[&[u8]] = if job.words.replace { &[b"REPLACE"] } else { &[] };
            for part in parts(&[b"RESTORE-ASKING", key, ttl.as_bytes()], payload, tail) {
                out.extend_from_slice(&part);
                if out.len() >= SEND {
                    write(stream, &mut out, job).await?;
                    executor::yield_if_needed().await;
                }
            }
            sent.push((key.clone(), number < job.named));
        }
        write(stream, &mut out, job).await?;
        Ok(sent)
    }

    async fn read_answers(
        &mut self,
        job: &Job,
        stream: &mut Channel,
        greetings: usize,
        sent: Vec<(Bytes, bool)>,
    ) -> io::Result<()> {
        let mut lines = Lines { unread: Vec::new(), at: 0 };
        for _ in 0..greetings {
            if let Err(text) = lines.next(stream, job).await? {
                self.refused.get_or_insert(text);
            }
        }
        // Where the greeting was refused nothing is there that should be.
        let welcome = self.refused.is_none();
        for (key, named) in sent {
            match lines.next(stream, job).await? {
                Ok(()) if welcome => self.arrived.push(key),
                Err(text) if named => {
                    self.refused.get_or_insert(text);
                }
                // What only went along stays here.
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }
}

/// The payload of a key, and the time it has left in ms (0: for ever); `None` when it is not here any more.
async fn dump(core: &Rc<RefCell<Core>>, job: &Job, key: &[u8]) -> Option<(u64, Payload)> {
    let mut begun = None;
    loop {
        match dump_slice(&core.borrow(), job.words.slot, key, &mut begun) {
            Dumped::Gone => return None,
            Dumped::Part => {}
            Dumped::Whole(expire_ms, payload) => {
                let left = |at_ms: u64| at_ms.saturating_sub(crate::clock::unix_ms()).max(1);
                return Some((expire_ms.map_or(0, left), payload));
            }
        }
        executor::yield_now().await;
    }
}

/// What a slice of encoding comes to.
enum Dumped {
    /// The key is not here, or its time is over.
    Gone,
    /// Some is done.
    Part,
    /// When it expires, and its payload.
    Whole(Option<u64>, Payload),
}

/// One slice of encoding a key that does not change meanwhile.
fn dump_slice(core: &Core, slot: Slot, key: &[u8], begun: &mut Option<Dumper>) -> Dumped {
    let Some(entry) = core.keys.get(slot, key) else { return Dumped::Gone };
    if entry.expire_at().is_some_and(|at_ms| at_ms < crate::clock::unix_ms()) {
        return Dumped::Gone;
    }
    let new = || Dumper::new(entry, core.settings.compress_dumps);
    let mut dumper = begun.take().unwrap_or_else(new);
    if dumper.step(entry, SLICE) {
        return Dumped::Whole(entry.expire_at(), dumper.into_payload());
    }
    *begun = Some(dumper);
    Dumped::Part
}

/// When a key expires, and its payload as it is now; `None` when it is not here. While a large value is encoded, writes to
/// the key are held back.
pub async fn dump_held(core: &Rc<RefCell<Core>>, key: &Bytes) -> Option<(Option<u64>, Payload)> {
    let (slot, held, mut begun) = (key_slot(key), [key.clone()], None);
    let mut dumped = dump_slice(&core.borrow(), slot, key, &mut begun);
    if matches!(dumped, Dumped::Part) {
        core.borrow_mut().migrate.leaving.add(slot, &held);
        while matches!(dumped, Dumped::Part) {
            executor::yield_now().await;
            dumped = dump_slice(&core.borrow(), slot, key, &mut begun);
        }
        let mut core = core.borrow_mut();
        core.migrate.leaving.remove(slot, &held);
        core.release();
        core.wake_self();
    }
    match dumped {
        Dumped::Whole(expire_ms, payload) => Some((expire_ms, payload)),
        _ => None,
    }
}

/// A command with a payload between `head` and `tail`, in parts to be sent one after the other.
pub fn parts(head: &[&[u8]], payload: Payload, tail: &[&[u8]]) -> impl Iterator<Item = Vec<u8>> {
    let (mut first, mut last) = (Vec::new(), b"\r\n".to_vec());
    write_header(&mut first, b'*', head.len() + 1 + tail.len());
    write_words(&mut first, head.iter());
    write_header(&mut first, b'$', payload.len());
    write_words(&mut last, tail.iter());
    iter::once(first).chain(payload.chunks).chain(iter::once(last))
}

/// Sends what is in `out`, a part at a time: each may take as long as the client said.
async fn write(stream: &mut Channel, out: &mut Vec<u8>, job: &Job) -> io::Result<()> {
    for part in out.chunks(SEND) {
        executor::within(job.words.timeout, stream.write_all(part)).await?;
    }
    out.clear();
    Ok(())
}

/// Answers of one line each.
struct Lines {
    unread: Vec<u8>,
    at: usize,
}

impl Lines {
    /// The next answer: that it is well, or the text of an error.
    async fn next(&mut self, stream: &mut Channel, job: &Job) -> io::Result<Result<(), String>> {
        loop {
            if let Some(len) = self.unread[self.at..].iter().position(|byte| *byte == b'\n') {
                let line = &self.unread[self.at..self.at + len];
                self.at += len + 1;
                let text = String::from_utf8_lossy(line);
                return Ok(text.trim_end().strip_prefix('-').map_or(Ok(()), |text| Err(text.to_owned())));
            }
            self.unread.drain(..std::mem::take(&mut self.at));
            let mut buffer = [0; READ];
            match executor::within(job.words.timeout, stream.read(&mut buffer)).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.unread.extend_from_slice(&buffer[..count]),
            }
        }
    }
}
