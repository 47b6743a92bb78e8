//! A node: some neighbouring entries of a stream in one allocation.
//!
//! Problem: most of a stream is small numbers. Redis keeps a node as a listpack, where each entry of one
//! 12-byte value takes 23 bytes, because each of its parts is a listpack element with a length behind it, and
//! most parts say what the entry before said. RDB files carry that listpack, so it cannot be forgotten. But
//! it can be made when asked for: memory holds the tighter form below (16 bytes for the same entry), and
//! [`Node::to_listpack`] writes Redis's, byte for byte as the real server would hold it.
//!
//! ```text
//! body:   [live: u32][deleted: u32][listpack length: u32][offset of the entries: u32]
//!         [number of master fields][field texts...]
//!         [entry][entry]...
//! entry:  [flags: byte][ms, unless SAME_MS][seq, signed, unless SAME_SEQ]
//!         [number of fields, unless SAME_FIELDS]
//!         [field, unless SAME_FIELDS][value]...
//!         [length of all that, to be read backwards]
//! ```
//!
//! `ms` and `seq` are differences to the node's ID, which is the key it is stored under and the ID its first
//! entry once had. The master fields are those of that first entry; entries with the same fields do not
//! repeat them. Numbers and texts are as in [`super::pack`]. A deleted entry stays, with its flag set, until
//! the node goes as a whole.

use super::super::listpack::{Item, Listpack};
use super::super::thin::{PREFIX, ThinBytes};
use super::id::StreamId;
use super::pack::{Reader, Text, Writer, listpack_int_len, number_len, signed_len};

/// Redis's entry flags, which the listpack carries too.
const DELETED: u8 = 1;
const SAME_FIELDS: u8 = 2;
/// Our own flags.
const SAME_MS: u8 = 4;
const SAME_SEQ: u8 = 8;

/// Places of the header's numbers.
const LIVE: usize = 0;
const DEAD: usize = 4;
const LISTPACK_LEN: usize = 8;
const ENTRIES_AT: usize = 12;
const HEADER_LEN: usize = 16;
/// Listpack elements of an entry beside its fields and values: flags, two ID parts.
const LISTPACK_ID_ITEMS: i64 = 3;
/// The longest listpack taken from outside: twice what any server fills one to.
const LISTPACK_MAX: usize = 1 << 31;

/// Some entries of a stream, never none, though all may be deleted.
#[derive(Clone)]
pub struct Node(ThinBytes);

impl Node {
    /// A node without entries, whose entries will mostly have `fields`.
    pub fn new<'a>(fields: impl ExactSizeIterator<Item = &'a [u8]> + Clone) -> Node {
        let count = fields.len();
        let packed_len: usize = fields.clone().map(|field| Text::new(field).len()).sum();
        let entries_at = HEADER_LEN + number_len(count as u64) + packed_len;
        let mut node = Node(ThinBytes::new(PREFIX + entries_at));
        let mut writer = Writer(&mut node.0.body_mut()[HEADER_LEN..]);
        writer.number(count as u64);
        let mut listpack_len =
            Listpack::new().byte_len() + listpack_int_len(count as i64) + listpack_int_len(0);
        for text in fields.map(Text::new) {
            writer.text(text);
            listpack_len += text.listpack_len();
        }
        node.set(LISTPACK_LEN, listpack_len);
        node.set(ENTRIES_AT, entries_at);
        node
    }

    /// Entries that are not deleted.
    pub fn live(&self) -> usize {
        self.get(LIVE)
    }

    /// All entries.
    pub fn slots(&self) -> usize {
        self.get(LIVE) + self.get(DEAD)
    }

    /// Length in bytes of [`Self::to_listpack`].
    pub fn listpack_len(&self) -> usize {
        let counts = listpack_int_len(self.get(LIVE) as i64) + listpack_int_len(self.get(DEAD) as i64);
        self.get(LISTPACK_LEN) + counts
    }

    /// Bytes taken from the allocator.
    pub fn memory_bytes(&self) -> usize {
        self.0.allocated()
    }

    /// Adds an entry behind the last. `pairs` is field, value, field, value...; `base` is the node's ID.
    pub fn push<A: AsRef<[u8]>>(&mut self, base: StreamId, id: StreamId, pairs: &[A]) {
        let (ms, seq) = (id.ms.wrapping_sub(base.ms), id.seq.wrapping_sub(base.seq) as i64);
        let same_fields = self.has_master_fields(pairs);
        let flags = if same_fields { SAME_FIELDS } else { 0 }
            | if ms == 0 { SAME_MS } else { 0 }
            | if seq == 0 { SAME_SEQ } else { 0 };
        let fields = pairs.len() / 2;
        let texts = || {
            let is_stored = move |&(at, _): &(usize, &A)| !same_fields || at % 2 == 1;
            pairs.iter().enumerate().filter(is_stored).map(|(_, text)| Text::new(text.as_ref()))
        };

        let mut len = 1;
        len += if ms == 0 { 0 } else { number_len(ms) };
        len += if seq == 0 { 0 } else { signed_len(seq) };
        len += if same_fields { 0 } else { number_len(fields as u64) };
        len += texts().map(Text::len).sum::<usize>();
        let end = self.0.len();
        let mut writer = Writer(self.0.splice(end, 0, len + number_len(len as u64)));
        writer.byte(flags);
        if ms != 0 {
            writer.number(ms);
        }
        if seq != 0 {
            writer.signed(seq);
        }
        if !same_fields {
            writer.number(fields as u64);
        }
        texts().for_each(|text| writer.text(text));
        writer.back(len as u64);

        self.set(LIVE, self.get(LIVE) + 1);
        let mut listpack_len = self.get(LISTPACK_LEN) + texts().map(Text::listpack_len).sum::<usize>();
        listpack_len += listpack_int_len(0) + listpack_int_len(ms as i64) + listpack_int_len(seq);
        listpack_len += if same_fields { 0 } else { listpack_int_len(fields as i64) };
        listpack_len += listpack_int_len(listpack_items(fields, same_fields));
        self.set(LISTPACK_LEN, listpack_len);
    }

    /// All entries in order, the deleted too; reversible.
    pub fn entries(&self, base: StreamId) -> Entries<'_> {
        Entries { node: self, base, front: self.get(ENTRIES_AT), back: self.0.body().len() }
    }

    /// Deletes the entry at `at`, which must be live.
    pub fn delete(&mut self, at: Place) {
        debug_assert_eq!(self.0.body()[at.0] & DELETED, 0);
        self.0.body_mut()[at.0] |= DELETED;
        self.set(LIVE, self.get(LIVE) - 1);
        self.set(DEAD, self.get(DEAD) + 1);
    }

    /// The node as Redis keeps it in memory and in RDB files.
    pub fn to_listpack(&self, base: StreamId) -> Listpack {
        let mut listpack = Listpack::new();
        let mut reader = self.master();
        let fields = reader.number();
        for number in [self.get(LIVE) as i64, self.get(DEAD) as i64, fields as i64] {
            listpack.push_back_int(number);
        }
        (0..fields).for_each(|_| push_item(&mut listpack, reader.text()));
        listpack.push_back_int(0);
        for entry in self.entries(base) {
            entry.to_listpack(base, &mut listpack);
        }
        listpack
    }

    /// The node that a listpack from outside describes; None if it is not one: wrong counts, entries that are
    /// not in the order of their IDs, or no entry. The listpack's own layout must have been checked.
    pub fn from_listpack(base: StreamId, listpack: &Listpack) -> Option<Node> {
        (listpack.byte_len() <= LISTPACK_MAX).then_some(())?;
        let mut items = listpack.iter().map(|(_, item)| item);
        let mut int = || items.next()?.as_int();
        let (live, deleted, fields) = (int()?, int()?, usize::try_from(int()?).ok()?);
        let master = texts(&mut items, fields)?;
        (items.next()?.as_int()? == 0).then_some(())?;
        let mut node = Node::new(master.iter().map(Vec::as_slice));
        let mut last = None;
        while let Some(flags) = items.next() {
            let flags = u8::try_from(flags.as_int()?).ok()?;
            let (ms, seq) = (items.next()?.as_int()?, items.next()?.as_int()?);
            let id = StreamId::new(base.ms.wrapping_add(ms as u64), base.seq.wrapping_add(seq as u64));
            let same_fields = flags & SAME_FIELDS != 0;
            let pairs = if same_fields {
                let values = texts(&mut items, fields)?;
                master.iter().cloned().zip(values).flat_map(|(field, value)| [field, value]).collect()
            } else {
                let fields = usize::try_from(items.next()?.as_int()?).ok()?;
                texts(&mut items, fields.checked_mul(2)?)?
            };
            let is_deleted = flags & DELETED != 0;
            let is_in_order = is_deleted || (id >= base && last.is_none_or(|last| last < id));
            let is_whole = items.next()?.as_int()? == listpack_items(pairs.len() / 2, same_fields);
            (is_in_order && is_whole && flags <= DELETED | SAME_FIELDS).then_some(())?;
            last = if is_deleted { last } else { Some(id) };
            let at = Place(node.0.body().len());
            node.push(base, id, &pairs);
            if is_deleted {
                node.delete(at);
            }
        }
        let counts = (node.get(LIVE) as i64, node.get(DEAD) as i64);
        (counts == (live, deleted) && node.slots() > 0).then_some(node)
    }

    /// A reader at the number of master fields.
    fn master(&self) -> Reader<'_> {
        Reader::new(self.0.body(), HEADER_LEN)
    }

    fn has_master_fields<A: AsRef<[u8]>>(&self, pairs: &[A]) -> bool {
        let mut reader = self.master();
        reader.number() == pairs.len() as u64 / 2
            && pairs.iter().step_by(2).all(|field| reader.text().eq_bytes(field.as_ref()))
    }

    fn get(&self, at: usize) -> usize {
        let bytes = self.0.body()[at..at + 4].try_into().expect("four bytes");
        u32::from_le_bytes(bytes) as usize
    }

    fn set(&mut self, at: usize, number: usize) {
        let number = u32::try_from(number).expect("a node is bounded far below 4 GiB");
        self.0.body_mut()[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }
}

/// Where in its node an entry stands. Valid until another entry is added to the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(usize);

/// The entries of a node.
#[derive(Clone)]
pub struct Entries<'a> {
    node: &'a Node,
    base: StreamId,
    front: usize,
    back: usize,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        if self.front >= self.back {
            return None;
        }
        let entry = Entry::read(self.node, self.base, self.front);
        let mut reader = entry.texts;
        (0..entry.stored_texts()).for_each(|_| reader.skip_text());
        self.front = reader.at + number_len((reader.at - self.front) as u64);
        Some(entry)
    }
}

impl DoubleEndedIterator for Entries<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front >= self.back {
            return None;
        }
        let mut reader = Reader::new(self.node.0.body(), self.back);
        let len = reader.back() as usize;
        self.back = reader.at - len;
        Some(Entry::read(self.node, self.base, self.back))
    }
}

/// One entry, borrowed from its node.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// Its place in the stream.
    pub id: StreamId,
    node: &'a Node,
    at: Place,
    flags: u8,
    fields: usize,
    /// At the first field or value.
    texts: Reader<'a>,
}

impl<'a> Entry<'a> {
    fn read(node: &'a Node, base: StreamId, at: usize) -> Entry<'a> {
        let mut reader = Reader::new(node.0.body(), at);
        let flags = reader.byte();
        let ms = if flags & SAME_MS != 0 { 0 } else { reader.number() };
        let seq = if flags & SAME_SEQ != 0 { 0 } else { reader.signed() };
        let fields = if flags & SAME_FIELDS != 0 { node.master().number() } else { reader.number() };
        let id = StreamId::new(base.ms.wrapping_add(ms), base.seq.wrapping_add(seq as u64));
        Entry { id, node, at: Place(at), flags, fields: fields as usize, texts: reader }
    }

    /// Number of field-value pairs.
    #[expect(clippy::len_without_is_empty, reason = "an entry has at least one field, but for foreign dumps")]
    pub fn len(&self) -> usize {
        self.fields
    }

    /// The fields with their values, in the order they were given.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = (Item<'a>, Item<'a>)> + use<'a> {
        let (same_fields, mut texts) = (self.has_master_fields(), self.texts);
        let mut master = self.node.master();
        master.number();
        (0..self.fields).map(move |_| {
            let field = if same_fields { master.text() } else { texts.text() };
            (field, texts.text())
        })
    }

    /// Where the entry stands, for [`Node::delete`].
    pub(super) fn place(&self) -> Place {
        self.at
    }

    /// Whether the entry was deleted.
    pub(super) fn is_deleted(&self) -> bool {
        self.flags & DELETED != 0
    }

    fn has_master_fields(&self) -> bool {
        self.flags & SAME_FIELDS != 0
    }

    fn stored_texts(&self) -> usize {
        if self.has_master_fields() { self.fields } else { self.fields * 2 }
    }

    fn to_listpack(self, base: StreamId, listpack: &mut Listpack) {
        listpack.push_back_int(i64::from(self.flags & (DELETED | SAME_FIELDS)));
        listpack.push_back_int(self.id.ms.wrapping_sub(base.ms) as i64);
        listpack.push_back_int(self.id.seq.wrapping_sub(base.seq) as i64);
        if !self.has_master_fields() {
            listpack.push_back_int(self.fields as i64);
        }
        let mut texts = self.texts;
        (0..self.stored_texts()).for_each(|_| push_item(listpack, texts.text()));
        listpack.push_back_int(listpack_items(self.fields, self.has_master_fields()));
    }
}

/// The number in a listpack that ends an entry: how many elements come before it.
fn listpack_items(fields: usize, same_fields: bool) -> i64 {
    let fields = fields as i64;
    LISTPACK_ID_ITEMS + if same_fields { fields } else { 1 + 2 * fields }
}

fn push_item(listpack: &mut Listpack, item: Item<'_>) {
    match item {
        Item::Int(value) => listpack.push_back_int(value),
        Item::Str(text) => listpack.push_back(text),
    }
}

/// The next `count` items as texts; None if there are fewer.
fn texts<'a>(items: &mut impl Iterator<Item = Item<'a>>, count: usize) -> Option<Vec<Vec<u8>>> {
    (0..count).map(|_| Some(items.next()?.to_vec())).collect()
}
