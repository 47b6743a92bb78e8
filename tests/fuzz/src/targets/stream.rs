//! Streams as lists of operations: through every cut of nodes they hold what a plain map of entries holds, and a stream
//! put together again from its own nodes is the same.

use std::collections::BTreeMap;

use store::types::stream::{Log, StreamId, Trim};

use super::Target;
use super::operations::{Reader, target};
use crate::answer;

pub(super) const TARGET: Target = target("stream", "streams as lists of operations", run);

/// Fields and values in turn, by ID.
type Model = BTreeMap<StreamId, Vec<Vec<u8>>>;

fn run(input: &[u8]) -> u64 {
    let mut reader = Reader::new(input);
    let limits = reader.limits();
    let (mut log, mut model, mut last) = (Log::default(), Model::new(), StreamId::MIN);
    while let Some(operation) = reader.byte() {
        match operation % 8 {
            0 => {
                let id = nth(&model, &mut reader);
                assert_eq!(log.delete(&[id]), u64::from(model.remove(&id).is_some()));
            }
            1 => {
                let keep = reader.index(model.len());
                let gone = log.trim(Trim::MaxLen(keep as u64), false, 0) as usize;
                assert_eq!(gone, model.len() - keep);
                (0..gone).for_each(|_| drop(model.pop_first()));
            }
            2 => {
                let min = nth(&model, &mut reader);
                let kept = model.split_off(&min);
                assert_eq!(log.trim(Trim::MinId(min), false, 0) as usize, model.len());
                model = kept;
            }
            3 => {
                // As many whole nodes as may go.
                let keep = reader.index(model.len());
                let gone = log.trim(Trim::MaxLen(keep as u64), true, 0) as usize;
                assert!(gone <= model.len() - keep);
                (0..gone).for_each(|_| drop(model.pop_first()));
            }
            _ => {
                last = above(last, &mut reader);
                let pairs: Vec<_> =
                    (0..=operation / 64).flat_map(|_| [reader.word(), reader.word()]).collect();
                log.add(last, &pairs, &limits).expect("the ID is above all others");
                model.insert(last, pairs);
            }
        }
        assert_eq!(log.len() as usize, model.len());
    }
    compare(&log, &model);
    let again = Log::restore(log.nodes(), *log.counters()).expect("a stream's own nodes are sound");
    compare(&again, &model);
    answer((log.nodes().len(), model.len()))
}

/// An ID some way above `last`.
fn above(last: StreamId, reader: &mut Reader<'_>) -> StreamId {
    match reader.byte().unwrap_or(0) {
        step @ 0..128 => StreamId::new(last.ms, last.seq + 1 + u64::from(step)),
        step => StreamId::new(last.ms + (1 << (step % 40)), u64::from(step)),
    }
}

/// The ID of some entry, or one beyond all.
fn nth(model: &Model, reader: &mut Reader<'_>) -> StreamId {
    let index = reader.index(model.len());
    model.keys().nth(index).copied().unwrap_or(StreamId::MAX)
}

fn compare(log: &Log, model: &Model) {
    let texts = |entry: store::types::stream::Entry<'_>| -> Vec<Vec<u8>> {
        entry.fields().flat_map(|(field, value)| [field.to_vec(), value.to_vec()]).collect()
    };
    let forwards = log.range(StreamId::MIN, StreamId::MAX).map(|entry| (entry.id, texts(entry)));
    assert!(forwards.eq(model.iter().map(|(&id, pairs)| (id, pairs.clone()))));
    let backwards = log.range_rev(StreamId::MIN, StreamId::MAX).map(|entry| entry.id);
    assert!(backwards.eq(model.keys().rev().copied()));
    assert_eq!(log.counters().first_id, model.keys().next().copied().unwrap_or(StreamId::MIN));
}
