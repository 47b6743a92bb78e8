//! What of two replies has to be the same.

use kit::Value;

/// How replies are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// Not at all.
    Ignored,
    /// Every byte.
    Exact,
    /// The elements, in any order, at any depth; as pairs, where they are keys and values in turn.
    AnyOrder { pairs: bool },
    /// The kind, and the number of elements.
    Shape,
    /// Numbers that a clock had a part in may differ a little.
    Near,
    /// Every byte, but errors are worded otherwise: Redis 7.2 does not name the member that is missing in a search.
    Failure,
    /// An encoding. Valkey has no compact one for hashes whose fields expire, ours is that of Redis 7.4; and it
    /// embeds longer strings than Redis.
    Encoding,
    /// Entries of XPENDING: all but the time since they were delivered.
    Pending,
}

/// How far apart numbers may be that come from two servers' clocks, in ms or seconds.
const NEAR: i64 = 30_000;
/// Numbers below come from no clock.
const CLOCKLESS: i64 = 4_000;

/// Whether two replies are the same.
pub fn same(how: Compare, theirs: &Value, ours: &Value) -> bool {
    match how {
        Compare::Ignored => true,
        Compare::Near => near(theirs, ours),
        Compare::Failure => theirs == ours || matches!((theirs, ours), (Value::Error(_), Value::Error(_))),
        Compare::Encoding => {
            let pair = (theirs.text(), ours.text());
            let named = (pair.0.as_str(), pair.1.as_str());
            theirs == ours || matches!(named, ("hashtable", "listpackex") | ("embstr", "raw"))
        }
        how => reduce(how, theirs) == reduce(how, ours),
    }
}

/// A reply without what is not compared.
fn reduce(how: Compare, reply: &Value) -> Value {
    match (how, reply) {
        (Compare::AnyOrder { pairs }, Value::Array(items) | Value::Typed(_, items)) => sorted(items, pairs),
        (Compare::Shape, Value::Array(items) | Value::Typed(_, items)) => Value::Integer(items.len() as i64),
        (Compare::Shape, Value::Bulk(_)) => Value::Simple("bulk".to_owned()),
        (Compare::Pending, Value::Array(items)) => Value::Array(items.iter().map(without_idle).collect()),
        (_, reply) => reply.clone(),
    }
}

fn without_idle(entry: &Value) -> Value {
    match entry {
        Value::Array(fields) if fields.len() == 4 => Value::Array([&fields[..2], &fields[3..]].concat()),
        other => other.clone(),
    }
}

/// Elements in an order of their own. A scan's reply holds its elements one level down.
fn sorted(items: &[Value], pairs: bool) -> Value {
    let mut items: Vec<Value> = match items {
        [cursor @ Value::Bulk(_), Value::Array(found) | Value::Typed(_, found)] => {
            return Value::Array(vec![cursor.clone(), sorted(found, pairs)]);
        }
        items if pairs && items.iter().all(|item| !matches!(item, Value::Array(_))) => {
            items.chunks(2).map(|pair| Value::Array(pair.to_vec())).collect()
        }
        items => items.to_vec(),
    };
    items.sort_by_key(Value::to_string);
    Value::Array(items)
}

fn near(theirs: &Value, ours: &Value) -> bool {
    match (theirs, ours) {
        (Value::Integer(a), Value::Integer(b)) if *a.min(b) > CLOCKLESS => a.abs_diff(*b) <= NEAR as u64,
        (Value::Array(a), Value::Array(b)) | (Value::Typed(_, a), Value::Typed(_, b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| near(a, b))
        }
        (theirs, ours) => theirs == ours,
    }
}

#[test]
fn what_is_not_compared_may_differ() {
    let text = |text: &str| Value::Bulk(text.as_bytes().to_vec());
    let list = |items: &[&str]| Value::Array(items.iter().map(|item| text(item)).collect());
    let pairs = Compare::AnyOrder { pairs: true };
    assert!(same(pairs, &list(&["a", "1", "b", "2"]), &list(&["b", "2", "a", "1"])));
    assert!(!same(pairs, &list(&["a", "1", "b", "2"]), &list(&["a", "2", "b", "1"])));
    assert!(!same(Compare::Exact, &list(&["a", "b"]), &list(&["b", "a"])));
    assert!(same(Compare::Near, &Value::Integer(5_000_000), &Value::Integer(5_000_100)));
    assert!(!same(Compare::Near, &Value::Integer(-1), &Value::Integer(-2)));
}
