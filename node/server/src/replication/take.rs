//! An image that comes in: to the disk first, then into memory.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use replication::Payload;

use crate::core::Core;
use crate::executor::{self, File, Stream};
use crate::log::notice;
use crate::replication::upstream::{End, Link, READ_BYTES, read};

/// Takes the image of which `rest` is the beginning, and loads it; what followed it is the stream's.
pub async fn take_image(
    core: &Rc<RefCell<Core>>,
    attempt: u64,
    stream: &mut Stream,
    mut payload: Payload,
    rest: Vec<u8>,
) -> Result<Vec<u8>, End> {
    match payload.length() {
        Some(length) => notice!("PRIMARY <-> REPLICA sync: receiving {length} bytes from primary to disk"),
        None => notice!("PRIMARY <-> REPLICA sync: receiving streamed RDB from primary with EOF to disk"),
    }
    let path = temporary(&core.borrow());
    let taken = to_file(core, attempt, stream, &mut payload, rest, &path).await;
    if taken.is_err() {
        // It may not even have come into being.
        let _ = executor::remove(&path).await;
    }
    let _ = taken?;
    Err(End::Failed("This version cannot load the image of a master".to_owned()))
}

fn temporary(core: &Core) -> PathBuf {
    core.place().folder.join(format!("temp-{}.{}.rdb", core.now_ms / 1000, std::process::id()))
}

async fn to_file(
    core: &Rc<RefCell<Core>>,
    attempt: u64,
    stream: &mut Stream,
    payload: &mut Payload,
    rest: Vec<u8>,
    path: &Path,
) -> Result<Vec<u8>, End> {
    let failed = |e: std::io::Error| {
        End::Failed(format!(
            "Write error or short write writing to the DB dump file needed for PRIMARY <-> REPLICA synchronization: {e}"
        ))
    };
    let mut file = File::create(path).map_err(failed)?;
    let mut buffer = rest;
    let mut len = buffer.len();
    loop {
        let mut image = Vec::new();
        let end = payload.take(&buffer[..len], &mut image);
        core.borrow_mut().upstream_of(attempt)?.link = Link::Image(payload.received(), payload.length());
        file.write(image).await.map_err(failed)?;
        if let Some(used) = end {
            file.sync().await.map_err(failed)?;
            file.close().await.map_err(failed)?;
            return Ok(buffer[used..len].to_vec());
        }
        buffer.resize(READ_BYTES, 0);
        len = read(core, attempt, stream, &mut buffer).await?;
    }
}
