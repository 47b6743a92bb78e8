//! SORT and SORT_RO: the elements of a list, a set or a sorted set in order, or what keys made of them hold.
//!
//! BY and GET name other keys by a pattern with a `*` in the place of an element. Those keys must be in the slot
//! of the key that is sorted, and that must be clear before the elements are: so a pattern needs a hash tag of
//! that slot before its `*`. `#` is the element itself and no key.
//!
//! Without BY the elements are their own weights. A BY without `*` means "as they come".

use std::cmp::Ordering;

use base::{Slot, key_slot};
use resp::parse_double;
use store::types::list::Side;
use store::types::listpack::Item;
use store::types::{Hash, List, Set, Zset};
use store::{Type, Value};

use crate::args::Args;
use crate::ctx::Ctx;
use crate::db::{Db, Expire};
use crate::effects::{Class, Outcome};
use crate::error::{Error, SYNTAX, WRONG_TYPE};

const BY_DENIED: Error = Error::new(
    "ERR BY option of SORT denied in Cluster mode when keys formed by the pattern may be in different slots.",
);
const GET_DENIED: Error = Error::new(
    "ERR GET option of SORT denied in Cluster mode when keys formed by the pattern may be in different slots.",
);
const BY_NOT_PERMITTED: Error =
    Error::new("ERR BY option of SORT denied due to insufficient ACL permissions.");
const GET_NOT_PERMITTED: Error =
    Error::new("ERR GET option of SORT denied due to insufficient ACL permissions.");
const NOT_A_WEIGHT: Error = Error::new("ERR One or more scores can't be converted into double");
const CROSS_SLOT: Error = Error::new("CROSSSLOT Keys in request don't hash to the same slot");

/// Where the value for an element comes from.
#[derive(Clone, Copy)]
enum Pattern<'a> {
    /// The element itself.
    Element,
    /// Nowhere: the pattern has no place for the element.
    Nothing,
    /// The key with the element between these two; of a hash, this field.
    Key { prefix: &'a [u8], suffix: &'a [u8], field: Option<&'a [u8]> },
}

impl<'a> Pattern<'a> {
    fn parse(text: &'a [u8]) -> Pattern<'a> {
        if text == b"#" {
            return Pattern::Element;
        }
        let Some(star) = text.iter().position(|byte| *byte == b'*') else { return Pattern::Nothing };
        let (prefix, rest) = (&text[..star], &text[star + 1..]);
        let arrow = rest.windows(2).position(|pair| pair == b"->").filter(|at| at + 2 < rest.len());
        match arrow {
            Some(at) => Pattern::Key { prefix, suffix: &rest[..at], field: Some(&rest[at + 2..]) },
            None => Pattern::Key { prefix, suffix: rest, field: None },
        }
    }

    /// The value for `element`; None if its key is not there, or of another type.
    fn value(&self, db: &mut Db<'_>, element: &[u8]) -> Option<Vec<u8>> {
        let Pattern::Key { prefix, suffix, field } = *self else {
            return matches!(self, Pattern::Element).then(|| element.to_vec());
        };
        let (key, now_ms) = ([prefix, element, suffix].concat(), db.now_ms);
        let entry = db.find(&key)?;
        match field {
            Some(field) => entry.get::<Hash>()?.get(field, now_ms).map(|found| found.value.to_vec()),
            None => entry.string().map(|value| value.to_cow().into_owned()),
        }
    }
}

/// The slot of all keys that a pattern can make; None if they may differ.
fn pattern_slot(pattern: &[u8]) -> Option<Slot> {
    let is_wild = |byte: &u8| matches!(byte, b'*' | b'?' | b'[' | b'\\');
    let Some(wild) = pattern.iter().position(is_wild) else { return Some(key_slot(pattern)) };
    let fixed = &pattern[..wild];
    let open = fixed.iter().position(|byte| *byte == b'{')?;
    let tag_len = fixed[open + 1..].iter().position(|byte| *byte == b'}')?;
    (tag_len > 0).then(|| key_slot(pattern))
}

/// The words behind the key.
struct Options<'a> {
    is_descending: bool,
    is_alpha: bool,
    /// First element and number of elements, as given.
    limit: (i64, i64),
    /// What to sort by; None is the element.
    by: Option<Pattern<'a>>,
    get: Vec<Pattern<'a>>,
    store: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn parse(ctx: &Ctx<'_>, args: &'a Args<'_>, may_store: bool) -> Result<Options<'a>, Error> {
        let (slot, reads_every_key) = (ctx.slot(), ctx.reads_every_key);
        let mut options = Options {
            is_descending: false,
            is_alpha: false,
            limit: (0, -1),
            by: None,
            get: Vec::new(),
            store: None,
        };
        let mut at = 2;
        while at < args.len() {
            let more = args.len() - at - 1;
            if args.is(at, "asc") {
                options.is_descending = false;
            } else if args.is(at, "desc") {
                options.is_descending = true;
            } else if args.is(at, "alpha") {
                options.is_alpha = true;
            } else if more >= 2 && args.is(at, "limit") {
                options.limit = (args.integer(at + 1)?, args.integer(at + 2)?);
                at += 2;
            } else if more >= 1 && may_store && args.is(at, "store") {
                options.store = Some(args[at + 1]);
                at += 1;
            } else if more >= 1 && args.is(at, "by") {
                let pattern = args[at + 1];
                if pattern.contains(&b'*') && pattern_slot(pattern) != Some(slot) {
                    return Err(BY_DENIED);
                }
                if pattern.contains(&b'*') && !reads_every_key {
                    return Err(BY_NOT_PERMITTED);
                }
                options.by = Some(Pattern::parse(pattern));
                at += 1;
            } else if more >= 1 && args.is(at, "get") {
                let pattern = args[at + 1];
                if pattern != b"#" && pattern_slot(pattern) != Some(slot) {
                    return Err(GET_DENIED);
                }
                if !reads_every_key {
                    return Err(GET_NOT_PERMITTED);
                }
                options.get.push(Pattern::parse(pattern));
                at += 1;
            } else {
                return Err(SYNTAX);
            }
            at += 1;
        }
        // The key table may have taken another word for STORE's.
        if options.store.is_some_and(|key| key_slot(key) != slot) {
            return Err(CROSS_SLOT);
        }
        Ok(options)
    }

    /// Whether the elements stay as they come: BY names no element. A set that is stored is sorted all the
    /// same, since its own order is not the same everywhere.
    fn is_unsorted(&self, is_set: bool) -> bool {
        let has_star = |by: &Pattern<'_>| matches!(by, Pattern::Key { .. });
        self.by.as_ref().is_some_and(|by| !has_star(by)) && !(is_set && self.store.is_some())
    }

    /// The first and the last but one of `len` elements to return.
    fn window(&self, len: usize) -> (usize, usize) {
        let clamp = |number: i64| usize::try_from(number.max(0)).unwrap_or(usize::MAX).min(len);
        let start = clamp(self.limit.0);
        let count = if self.limit.1 < 0 { len } else { clamp(self.limit.1) };
        (start, (start + count).min(len))
    }
}

/// SORT key [BY pattern] [LIMIT offset count] [GET pattern ...] [ASC|DESC] [ALPHA] [STORE destination]
pub(crate) fn sort(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    run(ctx, args, true)
}

/// SORT_RO key [BY pattern] [LIMIT offset count] [GET pattern ...] [ASC|DESC] [ALPHA]
pub(crate) fn sort_ro(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Outcome {
    run(ctx, args, false)
}

fn run(ctx: &mut Ctx<'_>, args: &Args<'_>, may_store: bool) -> Outcome {
    let options = Options::parse(ctx, args, may_store)?;
    let elements = elements(&mut ctx.db, args[1], &options)?;
    let mut values = Vec::with_capacity(elements.len() * options.get.len().max(1));
    for element in elements {
        if options.get.is_empty() {
            values.push(Some(element));
        } else {
            values.extend(options.get.iter().map(|pattern| pattern.value(&mut ctx.db, &element)));
        }
    }
    match options.store {
        Some(key) => store(ctx, key, &values),
        None => {
            ctx.reply.array(values.len());
            for value in values {
                match value {
                    Some(value) => ctx.reply.bulk(&value),
                    None => ctx.reply.null(),
                }
            }
        }
    }
    Ok(())
}

/// Stores the values as a list; nothing is stored as no key.
fn store(ctx: &mut Ctx<'_>, key: &[u8], values: &[Option<Vec<u8>>]) {
    if values.is_empty() {
        if ctx.db.remove(key) {
            ctx.wrote(key, Class::Generic, "del");
        }
    } else {
        let mut list = List::new();
        for value in values {
            list.push(Side::Back, value.as_deref().unwrap_or_default(), &ctx.settings.limits);
        }
        ctx.db.set(key, Value::List(list), Expire::Clear);
        ctx.wrote(key, Class::List, "sortstore");
    }
    ctx.reply.integer(values.len() as i64);
}

/// The elements to return, in order.
fn elements(db: &mut Db<'_>, key: &[u8], options: &Options<'_>) -> Result<Vec<Vec<u8>>, Error> {
    let Some(entry) = db.find(key) else { return Ok(Vec::new()) };
    let kind = entry.value_type();
    let is_unsorted = options.is_unsorted(kind == Type::Set);
    let len = match kind {
        Type::List => entry.get::<List>().map_or(0, List::len),
        Type::Zset => entry.get::<Zset>().map_or(0, Zset::len),
        Type::Set => entry.get::<Set>().map_or(0, Set::len),
        _ => return Err(WRONG_TYPE),
    };
    let (start, end) = options.window(len);
    let has_order = is_unsorted && kind != Type::Set;
    let range = match (has_order, options.is_descending) {
        (true, false) => start..end,
        (true, true) => len - end..len - start,
        (false, _) => 0..len,
    };
    let text = |item: Item<'_>| item.to_vec();
    let mut elements: Vec<Vec<u8>> = match kind {
        Type::List => entry.get::<List>().map(|list| {
            let mut texts = Vec::with_capacity(range.len());
            list.for_each(Side::Front, range.start, range.len(), |item| texts.push(text(item)));
            texts
        }),
        Type::Zset => entry.get::<Zset>().map(|zset| zset.range(range).map(|(item, _)| text(item)).collect()),
        _ => entry.get::<Set>().map(|set| set.iter().map(text).collect()),
    }
    .unwrap_or_default();
    if has_order {
        if options.is_descending {
            elements.reverse();
        }
        return Ok(elements);
    }
    if is_unsorted {
        elements.truncate(end);
        return Ok(elements.split_off(start));
    }
    // A stored set that BY left unsorted is sorted by its texts.
    let (by, is_alpha) = match options.by {
        Some(Pattern::Key { .. }) => (options.by, options.is_alpha),
        by => (None, options.is_alpha || by.is_some()),
    };
    sorted(db, elements, by, is_alpha, options.is_descending, (start, end))
}

/// What an element is sorted by.
enum Weight {
    Number(f64),
    /// None, for a key that is not there, comes first.
    Text(Option<Vec<u8>>),
    /// The element itself.
    Own,
}

/// The part of `elements` from `start` to `end` that a sort would put there.
fn sorted(
    db: &mut Db<'_>,
    elements: Vec<Vec<u8>>,
    by: Option<Pattern<'_>>,
    is_alpha: bool,
    is_descending: bool,
    (start, end): (usize, usize),
) -> Result<Vec<Vec<u8>>, Error> {
    let mut weighted = Vec::with_capacity(elements.len());
    for element in elements {
        let weight = match (by, is_alpha) {
            (None, true) => Weight::Own,
            (None, false) => Weight::Number(number(&element)?),
            (Some(by), true) => Weight::Text(by.value(db, &element)),
            (Some(by), false) => {
                Weight::Number(by.value(db, &element).map_or(Ok(0.0), |value| number(&value))?)
            }
        };
        weighted.push((weight, element));
    }
    let compare = |a: &(Weight, Vec<u8>), b: &(Weight, Vec<u8>)| {
        let order = match (&a.0, &b.0) {
            // Equal numbers are told apart by their elements, so that the order is the same everywhere.
            (Weight::Number(x), Weight::Number(y)) => {
                x.partial_cmp(y).unwrap_or(Ordering::Equal).then_with(|| a.1.cmp(&b.1))
            }
            (Weight::Text(x), Weight::Text(y)) => x.cmp(y),
            _ => a.1.cmp(&b.1),
        };
        if is_descending { order.reverse() } else { order }
    };
    if end < weighted.len() {
        weighted.select_nth_unstable_by(end, compare);
        weighted.truncate(end);
    }
    weighted.sort_by(compare);
    Ok(weighted.into_iter().skip(start).map(|(_, element)| element).collect())
}

fn number(text: &[u8]) -> Result<f64, Error> {
    parse_double(text).ok_or(NOT_A_WEIGHT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_one_slot() {
        let slot = Some(key_slot(b"a"));
        for pattern in ["{a}w_*", "{a}*->f", "x{a}?", "{a}"] {
            assert_eq!(pattern_slot(pattern.as_bytes()), slot, "{pattern}");
        }
        for pattern in ["w_*", "*{a}", "{a*}", "{}*{a}", "{a\\}*", "[{a}]*"] {
            assert_eq!(pattern_slot(pattern.as_bytes()), None, "{pattern}");
        }
    }
}
