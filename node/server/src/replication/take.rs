//! An image that comes in becomes this node's keys.
//!
//! The bytes go from the socket into a keyspace of their own, and that takes the old one's place when it is whole and
//! its checksum is right. So clients that read from this replica see the old data until then, never a part of the
//! new, and a link that breaks in between costs nothing. The price is memory for both meanwhile.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use base::{Slot, key_slot};
use commands::Used;
use rdb::load::{Event, Key, Loader};
use replication::Payload;
use store::Keyspace;

use crate::core::Core;
use crate::executor::{self, Stream};
use crate::log::notice;
use crate::replication::upstream::{End, Link, READ_BYTES, read};

/// The longest that keys are taken in before something else runs.
const SLICE: Duration = Duration::from_micros(500);

/// The keys and functions of an image so far.
struct Taking {
    loader: Loader,
    keys: Keyspace,
    functions: Vec<Vec<u8>>,
    whole: bool,
}

/// Takes the image of which `rest` is the beginning; what followed it is the stream's.
pub async fn take_image(
    core: &Rc<RefCell<Core>>,
    attempt: u64,
    stream: &mut Stream,
    mut payload: Payload,
    rest: Vec<u8>,
) -> Result<Vec<u8>, End> {
    match payload.length() {
        Some(length) => notice!("PRIMARY <-> REPLICA sync: receiving {length} bytes from primary to parser"),
        None => notice!("PRIMARY <-> REPLICA sync: receiving streamed RDB from primary with EOF to parser"),
    }
    notice!("PRIMARY <-> REPLICA sync: Loading DB in memory");
    let mut taking = Taking {
        loader: Loader::new(core.borrow().config.persistence.rdbchecksum),
        keys: Keyspace::new(),
        functions: Vec::new(),
        whole: false,
    };
    let (mut len, mut buffer) = (rest.len(), rest);
    loop {
        let mut image = Vec::new();
        let end = payload.take(&buffer[..len], &mut image);
        core.borrow_mut().upstream_of(attempt)?.link = Link::Image(payload.received(), payload.length());
        taking.loader.feed(&image);
        while !taking.slice(&core.borrow())? {
            executor::yield_now().await;
            core.borrow_mut().upstream_of(attempt)?;
        }
        if let Some(used) = end {
            let mut core = core.borrow_mut();
            core.upstream_of(attempt)?;
            core.take_over(taking)?;
            return Ok(buffer[used..len].to_vec());
        }
        buffer.resize(READ_BYTES, 0);
        len = read(core, attempt, stream, &mut buffer).await?;
    }
}

impl Taking {
    /// Takes in what was fed, for about a slice; whether all of it was.
    fn slice(&mut self, core: &Core) -> Result<bool, End> {
        let start = Instant::now();
        let failed = |why: String| {
            End::Failed(format!("Failed trying to load the PRIMARY synchronization DB from socket: {why}"))
        };
        while start.elapsed() < SLICE {
            let event = self.loader.next(&core.settings.limits).map_err(|e| failed(e.to_string()))?;
            match event {
                None => return Ok(true),
                Some(Event::End) => self.whole = true,
                Some(Event::Database(0) | Event::Aux(..) | Event::Sizes(..)) => {}
                Some(Event::Database(_)) => {
                    return Err(failed("it has more databases than the one of a cluster node".to_owned()));
                }
                Some(Event::Function(code)) => self.functions.push(code),
                Some(Event::Key(key)) => self.put(core, key),
            }
        }
        Ok(false)
    }

    fn put(&mut self, core: &Core, key: Key) {
        let Key { key, value: Some(value), expire_ms, idle_s, frequency } = key else { return };
        let slot = key_slot(&key);
        self.keys.set(slot, &key, value, expire_ms);
        let used = frequency.map(Used::Often).or(idle_s.map(Used::Ago)).unwrap_or(Used::Ago(0));
        if let (Some(clock), Some(entry)) =
            (used.clock(core.now_ms, core.settings.lfu), self.keys.get(slot, &key))
        {
            entry.set_clock(clock);
        }
    }
}

impl Core {
    /// The image takes the place of what was here. This node's own replicas start anew too.
    fn take_over(&mut self, mut taking: Taking) -> Result<(), End> {
        if !taking.whole {
            return Err(End::Failed("The image of the PRIMARY ends too soon".to_owned()));
        }
        self.disconnect_replicas();
        notice!("PRIMARY <-> REPLICA sync: Flushing old data");
        self.flush_all();
        for slot in Slot::all().filter(|slot| taking.keys.slot_len(*slot) > 0).collect::<Vec<_>>() {
            self.keys.put_slot(slot, taking.keys.take_slot(slot));
        }
        for code in taking.functions {
            if let Err(why) = self.load_function_library(&code, true) {
                return Err(End::Failed(format!("Failed loading a function library of the PRIMARY: {why}")));
            }
        }
        Ok(())
    }
}
