//! Streams against a plain model, and against the bytes a real server keeps.

use super::super::Limits;
use super::super::listpack::Listpack;
use super::*;
use base::Random;
use std::collections::BTreeSet;

type Record = Vec<Vec<u8>>;

/// What a log must do, without nodes.
#[derive(Default)]
struct Model {
    entries: BTreeMap<StreamId, Record>,
    counters: Counters,
}

impl Model {
    fn trim_exactly(&mut self, to: Trim) -> u64 {
        let before = self.entries.len();
        match to {
            Trim::MaxLen(max) => {
                while self.entries.len() as u64 > max {
                    self.entries.pop_first();
                }
            }
            Trim::MinId(min) => self.entries = self.entries.split_off(&min),
        }
        (before - self.entries.len()) as u64
    }

    fn counters(&self) -> Counters {
        Counters {
            length: self.entries.len() as u64,
            first_id: self.entries.keys().next().copied().unwrap_or_default(),
            ..self.counters
        }
    }
}

fn record(random: &mut Random) -> Record {
    let fields = if random.below(4) > 0 { 2 } else { random.below(5) + 1 };
    let text = |random: &mut Random| match random.below(5) {
        0 => Vec::new(),
        1 => random.below(1 << 40).to_string().into_bytes(),
        2 => (random.below(1 << 20) as i64 - (1 << 19)).to_string().into_bytes(),
        3 => vec![b'v'; random.below(300) as usize],
        _ => b"value".to_vec(),
    };
    (0..fields).flat_map(|field| [format!("field{field}").into_bytes(), text(random)]).collect()
}

fn flat(entry: &Entry<'_>) -> (StreamId, Record) {
    let pairs = entry.fields().flat_map(|(field, value)| [field.to_vec(), value.to_vec()]);
    (entry.id, pairs.collect())
}

fn check_same(log: &Log, model: &Model, random: &mut Random) {
    assert_eq!(*log.counters(), model.counters());
    let last = model.counters.last_id;
    let any_id = |random: &mut Random| StreamId::new(random.below(last.ms + 2), random.below(5));
    let (start, end) = match random.below(3) {
        0 => (StreamId::MIN, StreamId::MAX),
        _ => (any_id(random), any_id(random)),
    };
    let expect: Vec<_> = if start <= end {
        model.entries.range(start..=end).map(|(id, record)| (*id, record.clone())).collect()
    } else {
        Vec::new()
    };
    let got: Vec<_> = log.range(start, end).map(|entry| flat(&entry)).collect();
    assert_eq!(got, expect, "{start} to {end}");
    let mut reversed: Vec<_> = log.range_rev(start, end).map(|entry| flat(&entry)).collect();
    reversed.reverse();
    assert_eq!(reversed, expect, "{end} back to {start}");
    assert_eq!(log.top(), model.entries.keys().next_back().copied());
}

fn check_round_trip(log: &Log) {
    let nodes: Vec<_> = log.nodes().collect();
    let again = Log::restore(nodes.clone(), *log.counters()).expect("our own nodes");
    assert_eq!(again.counters(), log.counters());
    assert!(again.nodes().eq(nodes));
    assert_eq!(again.memory_bytes(), log.memory_bytes());
}

fn run(seed: u64, limits: &Limits) {
    let mut random = Random::new(seed);
    let (mut log, mut model) = (Log::default(), Model::default());
    for step in 0..1500u64 {
        match random.below(20) {
            0..=13 => {
                let wanted = match random.below(3) {
                    0 => NewId::AutoSeq(model.counters.last_id.ms + random.below(2)),
                    _ => NewId::Auto,
                };
                let id = log.new_id(wanted, step / 3).unwrap();
                let record = record(&mut random);
                log.add(id, &record, limits).unwrap();
                model.entries.insert(id, record);
                model.counters.last_id = id;
                model.counters.entries_added += 1;
            }
            14..=17 => {
                let mut ids: Vec<_> = model.entries.keys().copied().collect();
                ids.retain(|_| random.below(12) == 0);
                ids.push(StreamId::new(random.below(500), 3));
                let expect = ids.iter().filter(|id| model.entries.remove(id).is_some()).copied();
                let expect: BTreeSet<_> = expect.collect();
                assert_eq!(log.delete(&ids), expect.len() as u64);
                let last = expect.last().copied().unwrap_or_default();
                model.counters.max_deleted_id = model.counters.max_deleted_id.max(last);
            }
            _ => {
                let to = match random.below(2) {
                    0 => Trim::MaxLen(log.len().saturating_sub(random.below(40))),
                    _ => Trim::MinId(StreamId::new(random.below(step / 3 + 1), random.below(3))),
                };
                if random.below(2) == 0 {
                    assert_eq!(log.trim(to, false, 0), model.trim_exactly(to));
                } else {
                    let limit = random.below(30);
                    let removed = log.trim(to, true, limit);
                    assert!(limit == 0 || removed <= limit);
                    // An approximate trim goes less far, and its first slot says exactly how far.
                    assert_eq!(model.trim_exactly(Trim::MinId(log.first_slot())), removed);
                }
            }
        }
        check_same(&log, &model, &mut random);
        if step % 50 == 0 {
            check_round_trip(&log);
        }
    }
}

#[test]
fn behaves_as_the_model() {
    let small = Limits { stream_node_max_entries: 7, ..Limits::default() };
    let short = Limits { stream_node_max_entries: 0, stream_node_max_bytes: 200, ..Limits::default() };
    let unbounded = Limits { stream_node_max_entries: 0, stream_node_max_bytes: 0, ..Limits::default() };
    for (seed, limits) in [(1, &small), (2, &short), (3, &unbounded), (4, &Limits::default())] {
        run(seed, limits);
    }
}

#[test]
fn new_ids_never_go_back() {
    let mut log = Log::default();
    let mut add = |wanted, now_ms| {
        let id = log.new_id(wanted, now_ms)?;
        log.add(id, &["f", "v"], &Limits::default()).map(|()| (id.ms, id.seq))
    };
    assert_eq!(add(NewId::AutoSeq(0), 9), Ok((0, 1)));
    assert_eq!(add(NewId::Auto, 5), Ok((5, 0)));
    assert_eq!(add(NewId::Auto, 5), Ok((5, 1)));
    assert_eq!(add(NewId::Auto, 3), Ok((5, 2)));
    assert_eq!(add(NewId::AutoSeq(4), 9), Err(AddError::TooSmall));
    assert_eq!(add(NewId::Exact(StreamId::new(5, 2)), 9), Err(AddError::TooSmall));
    assert_eq!(add(NewId::Exact(StreamId::new(6, u64::MAX)), 9), Ok((6, u64::MAX)));
    assert_eq!(add(NewId::AutoSeq(6), 9), Err(AddError::TooSmall));
    assert_eq!(add(NewId::Auto, 6), Ok((7, 0)));
    assert_eq!(add(NewId::Exact(StreamId::MAX), 9), Ok((u64::MAX, u64::MAX)));
    assert_eq!(add(NewId::Auto, 9), Err(AddError::Exhausted));
}

#[test]
fn a_node_is_redis_own_listpack() {
    let mut log = Log::default();
    for (seq, value) in ["a", "300", "-1"].into_iter().enumerate() {
        log.add(StreamId::new(5, seq as u64), &["f", value], &Limits::default()).unwrap();
    }
    log.add(StreamId::new(6, 0), &["g", "x"], &Limits::default()).unwrap();
    log.delete(&[StreamId::new(5, 1)]);
    let (id, listpack) = log.nodes().next().unwrap();
    assert_eq!(id, StreamId::new(5, 0));
    let texts: Vec<String> =
        listpack.iter().map(|(_, item)| String::from_utf8(item.to_vec()).unwrap()).collect();
    let expect = "3 1 1 f 0 2 0 0 a 4 3 0 1 300 4 2 0 2 -1 4 0 1 0 1 g x 6";
    assert_eq!(texts.join(" "), expect);
}

#[test]
fn nodes_close_by_the_length_of_their_listpack() {
    let mut log = Log::default();
    for seq in 1..=5000u64 {
        let value = "x".repeat((seq % 90) as usize);
        log.add(StreamId::new(seq / 7, seq), &["field", &value, "n", &seq.to_string()], &Limits::default())
            .unwrap();
    }
    log.delete(&[StreamId::new(1, 8), StreamId::new(1, 9), StreamId::new(400, 2800)]);
    log.check_listpack_lengths();
    assert!(log.nodes().all(|(_, listpack)| listpack.byte_len() < 4096 + 128));
}

#[test]
fn set_id_keeps_the_order() {
    let mut log = Log::default();
    for seq in 1..=3 {
        log.add(StreamId::new(1, seq), &["f", "v"], &Limits::default()).unwrap();
    }
    let id = |seq| StreamId::new(1, seq);
    assert_eq!(log.set_id(id(2), None, None), Err(SetIdError::BelowTop));
    assert_eq!(log.set_id(id(9), Some(2), None), Err(SetIdError::AddedBelowLength));
    assert_eq!(log.set_id(id(9), Some(20), Some(id(8))), Ok(()));
    assert_eq!(log.set_id(id(7), None, None), Err(SetIdError::BelowDeleted));
    assert_eq!(log.counters().entries_added, 20);
    assert_eq!(log.new_id(NewId::Auto, 0), Ok(id(10)));
}

#[test]
fn deleted_entries_may_lie_ahead_of_the_last_id() {
    let mut log = Log::default();
    let id = |seq| StreamId::new(1, seq);
    let add = |log: &mut Log, seq| log.add(id(seq), &["f", "v"], &Limits::default()).unwrap();
    [1, 5, 6].into_iter().for_each(|seq| add(&mut log, seq));
    assert_eq!(log.delete(&[id(5), id(6)]), 2);
    log.set_id(id(9), None, Some(id(1))).unwrap();
    log.set_id(id(2), None, None).unwrap();
    [3, 5].into_iter().for_each(|seq| add(&mut log, seq));
    let ids =
        |log: &Log| log.range(StreamId::MIN, StreamId::MAX).map(|entry| entry.id.seq).collect::<Vec<_>>();
    assert_eq!(ids(&log), [1, 3, 5]);
    assert!(log.get(id(3)).is_some());
    check_round_trip(&log);
    assert_eq!(log.delete(&[id(5), id(3)]), 2);
    assert_eq!(ids(&log), [1]);
}

#[test]
fn foreign_nodes_are_checked() {
    let mut log = Log::default();
    for seq in 1..=4 {
        log.add(StreamId::new(1, seq), &["f", "v", "g", "w"], &Limits::default()).unwrap();
    }
    log.delete(&[StreamId::new(1, 2)]);
    let (base, good) = log.nodes().next().unwrap();
    let counters = *log.counters();
    let restore = |base, listpack: &Listpack, counters| {
        Log::restore([(base, listpack.clone())], counters).map(|log| log.len())
    };
    assert_eq!(restore(base, &good, counters), Ok(3));
    assert_eq!(restore(base, &good, Counters { length: 4, ..counters }), Err(Corrupt));
    assert_eq!(restore(base, &good, Counters { last_id: StreamId::new(1, 3), ..counters }), Err(Corrupt));
    assert_eq!(restore(StreamId::new(1, u64::MAX), &good, counters), Err(Corrupt), "IDs wrap around");
    // Any one element changed to a text is refused or harmless, and so is any one removed.
    for at in 0..good.len() as isize {
        let pos = good.seek(at).unwrap();
        let (mut changed, mut shorter) = (good.clone(), good.clone());
        changed.replace(pos, b"not a number");
        shorter.remove(pos);
        if let Ok(log) = Log::restore([(base, changed)], counters) {
            log.range(StreamId::MIN, StreamId::MAX).for_each(|entry| drop(flat(&entry)));
        }
        assert_eq!(restore(base, &shorter, counters), Err(Corrupt), "without element {at}");
    }
    // Any byte changed is refused, or makes a log that can be walked.
    let mut random = Random::new(5);
    for _ in 0..3000 {
        let mut bytes = good.as_bytes().to_vec();
        let at = random.below(bytes.len() as u64) as usize;
        bytes[at] = random.bits() as u8;
        let Ok(listpack) = Listpack::from_bytes(&bytes, true) else { continue };
        if let Ok(log) = Log::restore([(base, listpack)], counters) {
            log.range(StreamId::MIN, StreamId::MAX).for_each(|entry| drop(flat(&entry)));
            check_round_trip(&log);
        }
    }
    let twice = [(base, good.clone()), (base.next().unwrap(), good)];
    assert!(Log::restore(twice, Counters { length: 6, ..counters }).is_err(), "nodes overlap");
}

#[test]
fn pending_entries_have_one_owner() {
    let mut random = Random::new(11);
    let mut group = Group::default();
    let mut model: BTreeMap<StreamId, &str> = BTreeMap::new();
    let names = ["ann", "bob", "cid", "dan"];
    for step in 0..4000u64 {
        let name = names[random.below(4) as usize];
        let entry = StreamId::new(random.below(200), 0);
        match random.below(20) {
            0 => {
                let owned = model.values().filter(|&&owner| owner == name).count();
                let exists = group.find_consumer(name.as_bytes()).is_some();
                assert_eq!(group.delete_consumer(name.as_bytes()), exists.then_some(owned));
                model.retain(|_, owner| *owner != name);
            }
            1..=6 => assert_eq!(group.remove_pending(entry).is_some(), model.remove(&entry).is_some()),
            _ => {
                let created = group.create_consumer(name.as_bytes(), step);
                let owner = created.or_else(|| group.find_consumer(name.as_bytes())).unwrap();
                group.assign(entry, Pending { delivered_at_ms: step, deliveries: 1, owner });
                model.insert(entry, name);
            }
        }
        let owner = |pending: &Pending| group.consumer(pending.owner).name().to_vec();
        assert!(
            group
                .pending()
                .iter()
                .map(|(id, pending)| (*id, owner(pending)))
                .eq(model.iter().map(|(id, name)| (*id, name.as_bytes().to_vec())))
        );
        for consumer in group.consumers() {
            let owned = model.iter().filter(|(_, name)| name.as_bytes() == consumer.name());
            assert!(consumer.pending().iter().eq(owned.map(|(id, _)| id)));
        }
    }
    let mut stream = Stream::new();
    stream.groups.insert(b"g"[..].into(), group);
    stream.log.add(StreamId::new(1, 1), &["f", "v"], &Limits::default()).unwrap();
    assert!(stream.memory_bytes() > 1000);
    let rounds = (1..1000).find(|_| stream.drain(10)).expect("drained");
    assert!(rounds > 3, "{rounds}");
}

#[test]
fn the_lag_is_known_until_a_gap_lies_ahead() {
    let mut log = Log::default();
    let id = |seq| StreamId::new(1, seq);
    let mut group = Group::new(StreamId::MIN, None);
    assert_eq!(group.lag(&log), Some(0));
    for seq in 1..=5 {
        log.add(id(seq), &["f", "v"], &Limits::default()).unwrap();
    }
    assert_eq!(group.lag(&log), Some(5), "nothing read");
    assert!(group.advance(&log, id(1)));
    assert_eq!((group.entries_read, group.lag(&log)), (Some(1), Some(4)));
    assert!(!group.advance(&log, id(1)), "behind the group");
    log.delete(&[id(3)]);
    assert_eq!(group.lag(&log), None, "a gap ahead");
    group.advance(&log, id(2));
    assert_eq!(group.entries_read, None);
    group.advance(&log, id(5));
    assert_eq!((group.entries_read, group.lag(&log)), (Some(5), Some(0)), "the last entry is always known");
    let (behind, at_start) = (Group::new(id(1), None), Group::new(StreamId::MIN, Some(1)));
    assert_eq!((behind.lag(&log), at_start.lag(&log)), (None, None));
    log.trim(Trim::MaxLen(1), false, 0);
    assert_eq!(behind.lag(&log), None, "of what was trimmed, some was deleted before");
    assert_eq!(at_start.lag(&log), Some(1), "all there is");
    let mut trimmed_past = Group::new(id(1), Some(1));
    trimmed_past.advance(&log, id(5));
    assert_eq!(trimmed_past.entries_read, Some(5), "found anew");
}
