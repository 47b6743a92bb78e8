//! Reading a file as its bytes come in: header, records, the end with its checksum.
//!
//! The caller feeds bytes as it has them and takes what they make: keys with their values, and what else a file
//! says. So a file of any size, or a full sync, needs a buffer of the longest string in it, and the caller decides
//! how much is done before it looks at something else.

use std::fmt;

use base::SLOT_COUNT;
use store::Value;
use store::types::Limits;

use crate::crc64;
use crate::decode::{Decoded, Decoder};
use crate::format::{VERSION_REDIS_MAX, VERSION_VALKEY_MIN, is_version_known, op};
use crate::reader::{Fault, Read, Reader};

const MAGIC_LEN: usize = 9;
/// The last version whose files have no checksum.
const VERSION_WITHOUT_CHECKSUM: u16 = 4;
/// A buffer is moved to its front when so much of it was read.
const COMPACT_BYTES: usize = 1024 * 1024;

/// One key of a file.
pub struct Key {
    /// Its name.
    pub key: Vec<u8>,
    /// Its value; `None` for a collection without elements, which no key can hold.
    pub value: Option<Value<'static>>,
    /// When it expires, unix ms; may be past.
    pub expire_ms: Option<u64>,
    /// Seconds since it was used.
    pub idle_s: Option<u64>,
    /// How often it is used.
    pub frequency: Option<u8>,
}

/// What a file says.
pub enum Event {
    /// A name and a text.
    Aux(Vec<u8>, Vec<u8>),
    /// The keys that follow are in this database.
    Database(u64),
    /// There are so many keys, and keys that expire.
    Sizes(u64, u64),
    /// The code of a library of functions.
    Function(Vec<u8>),
    /// A key.
    Key(Key),
    /// The end: whatever follows is not of the file.
    End,
}

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadError {
    /// It does not begin as a file does.
    Magic,
    /// It is of a version that is not known.
    Version(u16),
    /// The bytes at this offset are not what they should be.
    Corrupt(u64, &'static str),
    /// The checksum in the file, and that of its bytes.
    Checksum(u64, u64),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Magic => f.write_str("Wrong signature trying to load DB from file"),
            LoadError::Version(version) => write!(f, "Can't handle RDB format version {version}"),
            LoadError::Corrupt(offset, what) => {
                write!(f, "Internal error in RDB reading offset {offset}: {what}")
            }
            LoadError::Checksum(expected, got) => {
                write!(f, "RDB CRC error: wrong checksum, expected ({expected:x}) but got ({got:x})")
            }
        }
    }
}

impl std::error::Error for LoadError {}

/// Reads one file.
pub struct Loader {
    buffer: Vec<u8>,
    /// Where the unread bytes of the buffer begin.
    at: usize,
    /// Bytes of the file before the buffer's first.
    before: u64,
    /// Bytes without which nothing more can be read.
    needed: usize,
    state: State,
    version: u16,
    has_checksum: bool,
    checksum: u64,
}

enum State {
    Magic,
    /// What stands before a key's type; what was said of the key so far.
    Between(Key),
    Value(Key, Box<Decoder>),
    Checksum,
    Done,
}

/// What a read led to.
enum Step {
    /// More of the same is to come.
    Same,
    Next(State),
    Event(Event, State),
    Version(u16),
    Checksum(u64),
}

impl Key {
    fn nothing() -> Key {
        Key { key: Vec::new(), value: None, expire_ms: None, idle_s: None, frequency: None }
    }
}

impl Loader {
    /// A file from its first byte on; its checksum is looked at if `has_checksum` (`rdbchecksum`).
    pub fn new(has_checksum: bool) -> Loader {
        Loader {
            buffer: Vec::new(),
            at: 0,
            before: 0,
            needed: MAGIC_LEN,
            state: State::Magic,
            version: 0,
            has_checksum,
            checksum: 0,
        }
    }

    /// Adds the next bytes of the file.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.at == self.buffer.len() || self.at >= COMPACT_BYTES {
            self.before += self.at as u64;
            self.buffer.drain(..std::mem::take(&mut self.at));
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes of the file read so far.
    pub fn position(&self) -> u64 {
        self.before + self.at as u64
    }

    /// Bytes that were fed and not read; after [`Event::End`] they are not of the file.
    pub fn rest(&self) -> &[u8] {
        &self.buffer[self.at..]
    }

    /// The next thing that the file says; `None` when more bytes are needed, and after the end.
    ///
    /// # Errors
    /// [`LoadError`]; the file cannot be read on then.
    pub fn next(&mut self, limits: &Limits) -> Result<Option<Event>, LoadError> {
        while !matches!(self.state, State::Done) && self.rest().len() >= self.needed {
            let mut reader = Reader::new(&self.buffer[self.at..]);
            let step = self.state.read(&mut reader, self.version, limits);
            let read = reader.position();
            if self.has_checksum && !matches!(self.state, State::Checksum) {
                self.checksum = crc64::update(self.checksum, &self.buffer[self.at..self.at + read]);
            }
            self.at += read;
            match step {
                Ok(step) => {
                    self.needed = 1;
                    if let Some(event) = self.take(step)? {
                        return Ok(Some(event));
                    }
                }
                Err(Fault::Short(needed)) => self.needed = needed,
                Err(Fault::Bad(what)) if matches!(self.state, State::Magic) => {
                    debug_assert_eq!(what, BAD_MAGIC);
                    return Err(LoadError::Magic);
                }
                Err(Fault::Bad(what)) => return Err(LoadError::Corrupt(self.position(), what)),
            }
        }
        Ok(None)
    }

    fn take(&mut self, step: Step) -> Result<Option<Event>, LoadError> {
        match step {
            Step::Same => Ok(None),
            Step::Version(version) if !is_version_known(version) => Err(LoadError::Version(version)),
            Step::Version(version) => {
                self.version = version;
                self.state = State::Between(Key::nothing());
                Ok(None)
            }
            Step::Next(state) => {
                self.state = state;
                Ok(None)
            }
            Step::Event(event, state) => {
                self.state = state;
                Ok(Some(event))
            }
            Step::Checksum(told) if told != self.checksum && told != 0 && self.has_checksum => {
                Err(LoadError::Checksum(told, self.checksum))
            }
            Step::Checksum(_) => {
                self.state = State::Done;
                Ok(Some(Event::End))
            }
        }
    }
}

impl State {
    /// Reads the next part. When the bytes end within it, the reader stands at its beginning.
    fn read(&mut self, reader: &mut Reader<'_>, version: u16, limits: &Limits) -> Read<Step> {
        let step = match self {
            State::Magic => read_magic(reader).map(Step::Version),
            State::Between(key) => read_between(key, version, reader),
            State::Checksum => reader.array().map(|sum| Step::Checksum(u64::from_le_bytes(sum))),
            // The parts of a value have been read before a part that is not whole.
            State::Value(key, decoder) => return read_value(key, decoder, reader, limits),
            State::Done => return Ok(Step::Same),
        };
        if matches!(step, Err(Fault::Short(_))) {
            reader.rewind(0);
        }
        step
    }
}

const BAD_MAGIC: &str = "no RDB file";

/// Whether `bytes` are the beginning of a file, as far as the name of the format tells.
pub fn begins_file(bytes: &[u8]) -> bool {
    bytes.starts_with(b"REDIS") || bytes.starts_with(b"VALKEY")
}

fn read_magic(reader: &mut Reader<'_>) -> Read<u16> {
    let magic = reader.take(MAGIC_LEN)?;
    let digits = magic.strip_prefix(b"REDIS").or_else(|| magic.strip_prefix(b"VALKEY"));
    let version = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    version.ok_or(Fault::Bad(BAD_MAGIC))
}

fn read_value(key: &mut Key, decoder: &mut Decoder, reader: &mut Reader<'_>, limits: &Limits) -> Read<Step> {
    key.value = match decoder.read(reader, limits)? {
        Decoded::Value(value) => Some(value),
        Decoded::Empty => None,
    };
    let key = std::mem::replace(key, Key::nothing());
    Ok(Step::Event(Event::Key(key), State::Between(Key::nothing())))
}

/// Reads what stands between values: something about the key that follows, or about the file, or the key.
fn read_between(key: &mut Key, version: u16, reader: &mut Reader<'_>) -> Read<Step> {
    let between = |event: Event| Step::Event(event, State::Between(Key::nothing()));
    match reader.byte()? {
        op::EXPIRETIME => {
            let seconds = u32::from_le_bytes(reader.array()?);
            key.expire_ms = Some(u64::from(seconds) * 1000);
        }
        op::EXPIRETIME_MS => key.expire_ms = Some(u64::try_from(reader.millis()?).unwrap_or(0)),
        op::IDLE => key.idle_s = Some(reader.length()?),
        op::FREQ => key.frequency = Some(reader.byte()?),
        op::AUX => return Ok(between(Event::Aux(reader.text()?.into_vec(), reader.text()?.into_vec()))),
        op::SELECTDB => return Ok(between(Event::Database(reader.length()?))),
        op::RESIZEDB => return Ok(between(Event::Sizes(reader.length()?, reader.length()?))),
        op::FUNCTION2 => return Ok(between(Event::Function(reader.text()?.into_vec()))),
        op::SLOT_INFO if version >= VERSION_REDIS_MAX => {
            for _slot_keys_expires in 0..3 {
                reader.length()?;
            }
        }
        op::SLOT_IMPORT if version >= VERSION_VALKEY_MIN => skip_slot_import(reader)?,
        op::FUNCTION_PRE_GA => return Err(Fault::Bad("functions of a release candidate")),
        op::MODULE_AUX => return Err(Fault::Bad("data of a module")),
        op::EOF if version > VERSION_WITHOUT_CHECKSUM => return Ok(Step::Next(State::Checksum)),
        op::EOF => return Ok(Step::Event(Event::End, State::Done)),
        kind => {
            let decoder = Decoder::new(kind, version)?;
            let name = reader.text()?.into_vec();
            let key = Key { key: name, ..std::mem::replace(key, Key::nothing()) };
            return Ok(Step::Next(State::Value(key, Box::new(decoder))));
        }
    }
    Ok(Step::Same)
}

/// Slots that were being imported: a job's name and ranges. An import does not outlive its process.
fn skip_slot_import(reader: &mut Reader<'_>) -> Read<()> {
    reader.text()?;
    let ranges = reader.length()?;
    if ranges > SLOT_COUNT as u64 {
        return Err(Fault::Bad("more ranges than slots"));
    }
    // The first and the last slot of each.
    (0..2 * ranges).try_for_each(|_| reader.length().map(drop))
}
