//! What a data command sees while it runs: one core's keys, its reply, the settings it obeys.

use base::{Random, Slot};
use bytes::Bytes;
use resp::Reply;
use store::Value;
use store::types::Limits;

use crate::db::Db;
use crate::effects::{Block, Class, Unblocked};
use crate::error::Error;

/// Settings that data commands obey; a core's copy, replaced when the configuration changes.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Encoding thresholds.
    pub limits: Limits,
    /// Longest string in bytes (`proto-max-bulk-len`).
    pub string_max: usize,
    /// How an access marks its key, for OBJECT FREQ and IDLETIME.
    pub lfu: Option<Lfu>,
    /// What becomes of keys whose time is over.
    pub overdue: Overdue,
    /// `lazyfree-lazy-user-del`: DEL frees as UNLINK does. Replies are the same either way.
    pub lazy_user_del: bool,
    /// `lazyfree-lazy-server-del`: what a command removes on its way is repeated elsewhere as UNLINK.
    pub lazy_server_del: bool,
    /// `rdbcompression`: DUMP compresses strings.
    pub compress_dumps: bool,
    /// DEBUG SET-SKIP-CHECKSUM-VALIDATION: RESTORE takes payloads whatever their checksum.
    pub skip_checksums: bool,
}

/// What becomes of a key whose time is over when a command comes upon it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overdue {
    /// It is deleted.
    #[default]
    Delete,
    /// It is as if not there, but stays: on a replica the master deletes it, in a pause nobody does.
    Hide,
    /// It is there: the command is the master's, who knows best.
    Keep,
}

/// The constants of the access-frequency counter (`lfu-log-factor`, `lfu-decay-time` in minutes).
#[derive(Debug, Clone, Copy)]
pub struct Lfu {
    /// How many hits the counter's saturation takes.
    pub log_factor: u32,
    /// Minutes after which a counter is one less.
    pub decay_minutes: u32,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            limits: Limits::default(),
            string_max: 512 << 20,
            lfu: None,
            overdue: Overdue::Delete,
            lazy_user_del: false,
            lazy_server_del: false,
            compress_dumps: true,
            skip_checksums: false,
        }
    }
}

/// One command's surroundings. A handler reads and writes keys by `db`, writes its reply to `reply`, and says
/// what it changed by `wrote`.
pub struct Ctx<'a> {
    /// The keys of this command's slot (and, for commands without a key, of the core).
    pub db: Db<'a>,
    /// Where the reply goes, in the client's protocol version.
    pub reply: &'a mut Reply,
    /// Settings.
    pub settings: &'a Settings,
    /// Randomness.
    pub random: &'a mut Random,
    /// Whether the command may wait: not inside MULTI nor a script.
    pub may_block: bool,
    /// Whether its user may read keys that it does not name (SORT's BY and GET).
    pub reads_every_key: bool,
    /// Whether a large value may be decoded aside; see [`Ctx::decode_aside`].
    pub may_decode_aside: bool,
    /// What was decoded aside for this command.
    pub decoded: &'a mut Option<Decoded>,
}

/// What a payload of RESTORE comes to.
pub type Decoded = Result<Value<'static>, Error>;

impl<'a> Ctx<'a> {
    /// Unix time in milliseconds, the same for the whole command.
    pub fn now_ms(&self) -> u64 {
        self.db.now_ms
    }

    /// The time by which fields of hashes are over, unix ms: that of the command, but nothing is over for a command
    /// of the master, whose times are absolute.
    pub fn field_time_ms(&self) -> u64 {
        if self.settings.overdue == Overdue::Keep { 0 } else { self.db.now_ms }
    }

    /// The slot of all the command's keys.
    pub fn slot(&self) -> Slot {
        self.db.slot
    }

    /// `key` was changed; see [`crate::Effects::wrote`].
    #[inline]
    pub fn wrote(&mut self, key: &[u8], class: Class, event: &'static str) {
        self.db.effects.wrote(key, class, event);
    }

    /// Tells of `key` what is no change of its value; see [`crate::Effects::notify`].
    pub fn notify(&mut self, key: &[u8], class: Class, event: &'static str) {
        self.db.effects.notify(key, class, event);
    }

    /// The command is repeated elsewhere in these words; see [`crate::Effects::replace`].
    pub fn replace(&mut self, command: &[&[u8]]) {
        self.db.effects.replace(command);
    }

    /// The command is repeated elsewhere as one that deletes `key`.
    pub fn replace_by_removal(&mut self, key: &[u8]) {
        let name: &[u8] = if self.settings.lazy_server_del { b"UNLINK" } else { b"DEL" };
        self.replace(&[name, key]);
    }

    /// Waits until one of `keys` is written, then runs the command again; where it must not wait, answers
    /// as if the time were over. `timeout_ms` 0 is for ever.
    pub fn block(&mut self, keys: &[&[u8]], timeout_ms: u64, on_timeout: Unblocked) {
        self.block_with(keys, timeout_ms, on_timeout, None);
    }

    /// Waits until the payload in the third argument was decoded by another thread, then runs the command again.
    pub fn decode_aside(&mut self) {
        let (keys, on_timeout) = (Vec::new(), Unblocked::Null);
        self.db.effects.block = Some(Block { keys, deadline_ms: None, on_timeout, resume: None });
    }

    /// As [`Ctx::block`], with other words to run again.
    pub fn block_with(
        &mut self,
        keys: &[&[u8]],
        timeout_ms: u64,
        on_timeout: Unblocked,
        resume: Option<Vec<Bytes>>,
    ) {
        if !self.may_block {
            match on_timeout {
                Unblocked::NullArray => self.reply.null_array(),
                Unblocked::Null => self.reply.null(),
            }
            return;
        }
        let keys = keys.iter().map(|key| Bytes::copy_from_slice(key)).collect();
        let deadline_ms = (timeout_ms > 0).then(|| self.now_ms().saturating_add(timeout_ms));
        self.db.effects.block = Some(Block { keys, deadline_ms, on_timeout, resume });
    }
}
