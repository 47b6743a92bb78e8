//! Sets against a tree of strings, and the encodings Redis shows.

use std::collections::BTreeSet;

use base::Random;

use super::*;

fn small_limits() -> Limits {
    let limits = Limits { set_max_intset_entries: 12, set_max_listpack_entries: 8, ..Limits::default() };
    Limits { set_max_listpack_value: 10, ..limits }
}

fn set_of<'a>(members: impl IntoIterator<Item = &'a str>, limits: &Limits) -> Set {
    let mut set = Set::new();
    members.into_iter().for_each(|member| assert!(set.add(member.as_bytes(), limits)));
    set
}

fn texts(set: &Set) -> BTreeSet<Vec<u8>> {
    set.iter().map(|member| member.to_vec()).collect()
}

#[test]
fn behaves_like_a_tree() {
    let mut random = Random::new(9);
    for round in 0..200 {
        let limits = if round % 2 == 0 { small_limits() } else { Limits::default() };
        let (mut set, mut model) = (Set::new(), BTreeSet::new());
        for _ in 0..100 {
            let number = (random.bits() % (1 << (round % 20 + 2))) as i64 - 3;
            let member = match random.bits() % (2 + round) {
                0 => format!("m{number}").into_bytes(),
                _ => number.to_string().into_bytes(),
            };
            match random.bits() % 4 {
                0 => assert_eq!(set.remove(&member[..]), model.remove(&member)),
                1 => assert_eq!(set.contains(&member[..]), model.contains(&member)),
                2 if int::from_text(&member).is_some() => {
                    assert_eq!(
                        set.add(Item::Int(int::from_text(&member).unwrap()), &limits),
                        model.insert(member)
                    )
                }
                _ => assert_eq!(set.add(&member[..], &limits), model.insert(member)),
            }
            assert_eq!(set.len(), model.len());
        }
        assert_eq!(texts(&set), model);
        let mut scanned = BTreeSet::new();
        let mut cursor = 0;
        loop {
            cursor = set.scan(cursor, |member| assert!(scanned.insert(member.to_vec())));
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(scanned, model);
        assert!(set.random(&mut random).is_none_or(|member| model.contains(&member.to_vec())));
    }
}

#[test]
fn encodings_as_redis_shows_them() {
    let limits = Limits::default();
    let mut set = set_of(["1", "2", "3"], &limits);
    assert_eq!(set.encoding_name(), "intset");
    set.add(&b"a"[..], &limits);
    assert_eq!(set.encoding_name(), "listpack");
    set.add(&[b'x'; 65][..], &limits);
    assert_eq!(set.encoding_name(), "hashtable");

    let numbers: Vec<String> = (0..512).map(|i| i.to_string()).collect();
    let mut set = set_of(numbers.iter().map(String::as_str), &limits);
    assert_eq!(set.encoding_name(), "intset");
    set.add(Item::Int(512), &limits);
    assert_eq!((set.encoding_name(), set.len()), ("hashtable", 513));

    let mut set = set_of(numbers[..128].iter().map(String::as_str), &limits);
    set.add(&b"a"[..], &limits);
    assert_eq!((set.encoding_name(), set.len()), ("hashtable", 129));

    let big = "213244124402402314402033402";
    assert_eq!(set_of([big], &limits).encoding_name(), "listpack");
    assert_eq!(Set::for_members(b"1", 513, &limits).encoding_name(), "hashtable");
    assert_eq!(Set::for_members(b"1", 512, &limits).encoding_name(), "intset");
    assert_eq!(Set::for_members(b"a", 128, &limits).encoding_name(), "listpack");
    assert_eq!(Set::for_members(b"a", 129, &limits).encoding_name(), "hashtable");
}

#[test]
fn long_integers_do_not_fit_a_short_listpack() {
    let limits = Limits { set_max_listpack_value: 3, ..Limits::default() };
    let mut set = set_of(["-1000"], &limits);
    set.add(&b"a"[..], &limits);
    assert_eq!(set.encoding_name(), "hashtable");
}

#[test]
fn shrinks_only_when_all_are_integers() {
    let limits = Limits::default();
    let mut set = Set::Packed(Strip::new());
    ["10", "9", "-1"].iter().for_each(|member| assert!(set.add(member.as_bytes(), &limits)));
    set.shrink_to_ints(&limits);
    assert_eq!(set.encoding_name(), "intset");
    assert!(set.iter().eq([-1, 9, 10].map(Item::Int)));
    let mut set = set_of(["1", "a"], &limits);
    set.shrink_to_ints(&limits);
    assert_eq!(set.encoding_name(), "listpack");
}

#[test]
fn samples_and_pops_are_members() {
    let mut random = Random::new(4);
    for (prefix, len) in [("", 40), ("m", 40), ("m", 400), ("", 600)] {
        let limits = Limits::default();
        let members: Vec<String> = (0..len).map(|i| format!("{prefix}{i}")).collect();
        for count in [0, 1, len / 4, len / 2, len - 3, len, len + 5] {
            let mut set = set_of(members.iter().map(String::as_str), &limits);
            let all = texts(&set);
            let mut sampled = BTreeSet::new();
            set.sample(count, &mut random, |member| assert!(sampled.insert(member.to_vec())));
            assert_eq!((sampled.len(), sampled.is_subset(&all)), (count.min(len), true));

            let mut popped = BTreeSet::new();
            set.pop_many(count, &limits, &mut random, |member| assert!(popped.insert(member.to_vec())));
            assert_eq!(popped.len(), count.min(len));
            assert!(popped.is_disjoint(&texts(&set)));
            popped.extend(texts(&set));
            assert_eq!(popped, all);
        }
    }
}

#[test]
fn popping_most_makes_a_smaller_encoding() {
    let limits = Limits::default();
    let members: Vec<String> = (0..200).map(|i| format!("m{i}")).collect();
    let mut set = set_of(members.iter().map(String::as_str), &limits);
    set.pop_many(30, &limits, &mut Random::new(1), |_| {});
    assert_eq!(set.encoding_name(), "hashtable");
    set.pop_many(150, &limits, &mut Random::new(1), |_| {});
    assert_eq!((set.encoding_name(), set.len()), ("listpack", 20));
}

#[test]
fn dumps_are_checked() {
    let limits = small_limits();
    let mut members = Listpack::new();
    assert!(Set::from_listpack(&members, &limits).is_err());
    assert!(Set::from_intset(IntSet::new(), &limits).is_err());
    (0..9).for_each(|i| members.push_back_int(i));
    let set = Set::from_listpack(&members, &limits).unwrap();
    assert_eq!((set.encoding_name(), set.len()), ("hashtable", 9));
    members.push_back(b"3");
    assert!(Set::from_listpack(&members, &limits).is_err());
}

#[test]
fn drains_in_steps() {
    let limits = Limits::default();
    let members: Vec<String> = (0..1000).map(|i| format!("m{i}")).collect();
    let mut set = set_of(members.iter().map(String::as_str), &limits);
    assert!(!set.drain(600));
    assert!((100..=400).contains(&set.len()), "about that many: {}", set.len());
    assert!(set.memory_bytes() > 100 * 8);
    assert!(set.drain(600));
}
