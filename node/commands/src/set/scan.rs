//! What SSCAN, HSCAN and ZSCAN share: the loop that fills a page of elements.

use resp::{IntegerText, Reply};
use store::types::int::IntText;
use store::types::listpack::Item;

use crate::list::reply_item;
use crate::scan::ScanOptions;

/// A part of a table may be empty; after so many parts per element wanted, a call ends with what it has.
const STEPS_PER_ELEMENT: usize = 10;

/// The reply to a scan of nothing.
pub(crate) fn reply_end(reply: &mut Reply) {
    reply.array(2);
    reply.bulk(b"0");
    reply.array(0);
}

/// Replies with a page: `step` looks at some elements from a cursor on and returns the next one.
pub(crate) fn reply_page(
    reply: &mut Reply,
    options: &ScanOptions<'_>,
    cursor: u64,
    mut step: impl FnMut(u64, &mut Page<'_>) -> u64,
) {
    let mut page = Page { options, seen: 0, len: 0, reply: Reply::new(reply.proto) };
    let mut at = cursor;
    for _ in 0..options.count.saturating_mul(STEPS_PER_ELEMENT) {
        at = step(at, &mut page);
        if at == 0 || page.seen >= options.count {
            break;
        }
    }
    reply.array(2);
    reply.bulk(IntegerText::new(at as i64).as_bytes());
    reply.array(page.len);
    reply.append(&page.reply);
}

/// What a scan has found so far.
pub(crate) struct Page<'a> {
    options: &'a ScanOptions<'a>,
    seen: usize,
    len: usize,
    reply: Reply,
}

impl Page<'_> {
    /// Looks at an element; whether it is wanted, and so to be replied.
    pub(crate) fn wants(&mut self, element: Item<'_>) -> bool {
        self.seen += 1;
        self.options.wants(element.as_bytes(&mut IntText::default()))
    }

    /// Adds an element, or what belongs to one.
    pub(crate) fn reply(&mut self, item: Item<'_>) {
        self.len += 1;
        reply_item(&mut self.reply, item);
    }
}
