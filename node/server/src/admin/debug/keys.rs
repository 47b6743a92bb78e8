//! DEBUG of keys: how they are kept, and many at once.

use std::fmt::Write as _;

use base::{Slot, key_slot};
use cluster::Owner;
use commands::{Args, Db, Error, Expire, Outcome, error, idle_seconds};
use store::types::List;
use store::types::list::NodeRef;
use store::{EntryRef, Value};

use crate::admin::Call;
use crate::core::Core;

const NO_SUCH_DB: Error = Error::new("ERR Out of range database");

/// The entry of `key`, in whichever slot; its time may be over.
fn entry<'a>(core: &'a Core, key: &[u8]) -> Result<EntryRef<'a>, Error> {
    core.keys.get(key_slot(key), key).ok_or(error::NO_SUCH_KEY)
}

/// DEBUG OBJECT key [fast]
pub(super) fn object(call: &mut Call<'_>) -> Outcome {
    let entry = entry(call.core, call.args[2])?;
    let clock = entry.clock();
    // A key shares its value's allocation, so it moves when the value does.
    let mut text = format!(
        "Value at:{:p} refcount:1 encoding:{} lru:{clock} lru_seconds_idle:{}",
        entry.key().as_ptr(),
        entry.encoding_name(),
        idle_seconds(clock, call.core.now_ms)
    );
    if let (Some(list), "quicklist") = (entry.get::<List>(), entry.encoding_name()) {
        describe_quicklist(&mut text, list, call.core, call.args.is(3, "fast"));
    }
    call.client.reply.simple(&text);
    Ok(())
}

fn describe_quicklist(text: &mut String, list: &List, core: &Core, fast: bool) {
    let nodes = list.nodes().len();
    let limits = &core.settings.limits;
    let _ = write!(
        text,
        " ql_nodes:{nodes} ql_avg_node:{:.2} ql_listpack_max:{} ql_compressed:{}",
        list.len() as f64 / nodes.max(1) as f64,
        limits.list_max_listpack_size,
        u8::from(limits.list_compress_depth != 0)
    );
    if !fast {
        let size = |node| match node {
            NodeRef::Packed(listpack) => listpack.byte_len(),
            NodeRef::Pressed(pressed) => pressed.opened_len(),
            NodeRef::Plain(value) => value.len(),
        };
        let _ = write!(text, " ql_uncompressed_size:{}", list.nodes().map(size).sum::<usize>());
    }
}

/// DEBUG HTSTATS db [full]
pub(super) fn tables(call: &mut Call<'_>) -> Outcome {
    if call.args.integer(2)? != 0 {
        return Err(NO_SUCH_DB);
    }
    let keys = &call.core.keys;
    let used = Slot::all().filter(|slot| keys.slot_len(*slot) > 0).count();
    let text = format!(
        "[Dictionary HT]\n tables in use, one a slot: {used}\n number of elements: {}\n bytes of tables: {}\n\
         [Expires HT]\n number of elements: {}\n",
        keys.len(),
        keys.table_bytes(),
        keys.expires_len()
    );
    call.client.reply.verbatim("txt", &text);
    Ok(())
}

/// DEBUG POPULATE count [prefix] [size]: the values are `value:0`, `value:1`, ..., cut or filled with zero bytes
/// to `size`, if one is given. Nobody is told of the keys but those who watch them. Of a process, each core sets those
/// that it owns.
pub(super) fn populate(call: &mut Call<'_>) -> Outcome {
    let args = call.args;
    let count = not_negative(args, 2)?;
    let prefix = args.get(3).copied().unwrap_or(b"key");
    let size = if args.len() > 4 { not_negative(args, 4)? } else { 0 };
    if size > call.core.settings.string_max as u64 {
        return Err(error::STRING_TOO_LONG);
    }
    for number in 0..count {
        let key = [prefix, format!(":{number}").as_bytes()].concat();
        if call.part.is_some() && call.core.cluster.owner(key_slot(&key)) != Owner::Me {
            continue;
        }
        let mut value = format!("value:{number}").into_bytes();
        if size > 0 {
            value.resize(size as usize, 0);
        }
        add(call.core, &key, &value);
    }
    call.client.reply.ok();
    Ok(())
}

fn not_negative(args: &Args<'_>, index: usize) -> Result<u64, Error> {
    args.integer(index).ok().and_then(|number| u64::try_from(number).ok()).ok_or(error::NOT_POSITIVE)
}

/// Sets `key` unless it is there.
fn add(core: &mut Core, key: &[u8], value: &[u8]) {
    core.effects.reset();
    let Core { keys, effects, garbage, settings, now_ms, .. } = core;
    let mut db = Db::new(keys, key_slot(key), *now_ms, effects, garbage, settings);
    if !db.exists(key) {
        db.set(key, Value::Bytes(value), Expire::Clear);
        core.watch.written(key);
    }
}
