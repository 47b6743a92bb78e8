//! An image that comes in becomes this node's keys.
//!
//! The bytes go from the socket into a keyspace of their own, and that takes the old one's place when it is whole and
//! its checksum is right. So clients that read from this replica see the old data until then, never a part of the
//! new, and a link that breaks in between costs nothing. The price is memory for both meanwhile.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use replication::Payload;

use crate::channel::Channel;
use crate::core::Core;
use crate::core::loading::Loading;
use crate::executor;
use crate::log::notice;
use crate::persist::{Expired, Intake, Present, Progress};
use crate::replication::upstream::{End, Link, READ_BYTES, read};

/// The longest that keys are taken in before something else runs.
const SLICE: Duration = Duration::from_micros(500);

/// Takes the image of which `rest` is the beginning; what followed it is the stream's.
pub async fn take_image(
    core: &Rc<RefCell<Core>>,
    attempt: u64,
    stream: &mut Channel,
    mut payload: Payload,
    rest: Vec<u8>,
) -> Result<Vec<u8>, End> {
    match payload.length() {
        Some(length) => notice!("PRIMARY <-> REPLICA sync: receiving {length} bytes from primary to parser"),
        None => notice!("PRIMARY <-> REPLICA sync: receiving streamed RDB from primary with EOF to parser"),
    }
    notice!("PRIMARY <-> REPLICA sync: Loading DB in memory");
    let mut intake = Intake::new(&core.borrow(), Expired::Keep);
    let mut loading = Loading::new(core.borrow().now_ms, payload.length().unwrap_or(0));
    let (mut len, mut buffer) = (rest.len(), rest);
    loop {
        let mut image = Vec::new();
        let end = payload.take(&buffer[..len], &mut image);
        loading.loaded_bytes = payload.received();
        core.borrow_mut().upstream_of(attempt)?.link = Link::Image(loading);
        intake.feed(&image);
        while intake.run(&core.borrow(), SLICE).map_err(failed)? == Progress::More {
            executor::yield_now().await;
            core.borrow_mut().upstream_of(attempt)?;
        }
        if let Some(used) = end {
            let mut core = core.borrow_mut();
            core.upstream_of(attempt)?;
            core.take_over(intake)?;
            return Ok(buffer[used..len].to_vec());
        }
        buffer.resize(READ_BYTES, 0);
        len = read(core, attempt, stream, &mut buffer).await?;
    }
}

fn failed(why: String) -> End {
    End::Failed(format!("Failed trying to load the PRIMARY synchronization DB from socket: {why}"))
}

impl Core {
    /// The image takes the place of what was here. This node's own replicas start anew too.
    fn take_over(&mut self, intake: Intake) -> Result<(), End> {
        if !intake.is_whole() {
            return Err(End::Failed("The image of the PRIMARY ends too soon".to_owned()));
        }
        let now = self.bus_now();
        self.cluster.take_open_slots(&intake.open_slots, now).map_err(failed)?;
        self.disconnect_replicas();
        notice!("PRIMARY <-> REPLICA sync: Flushing old data");
        self.flush_all();
        let counts = intake.settle(self, Present::Replaced).map_err(failed)?;
        self.saves.last_load = counts;
        self.restart_log();
        Ok(())
    }
}
