//! Sorted sets against a sorted vector, and the encodings they show.

use base::Random;

use super::*;

type Model = Vec<(f64, Vec<u8>)>;

fn pick_score(random: &mut Random) -> f64 {
    match random.below(16) {
        0 => f64::INFINITY,
        1 => f64::NEG_INFINITY,
        2 => 0.1 * (random.below(50)) as f64,
        3 => -1e300,
        _ => (random.below(40)) as f64 - 20.0,
    }
}

fn pick_member(random: &mut Random, distinct: u64) -> Vec<u8> {
    let number = random.below(distinct);
    match number % 3 {
        0 => number.to_string().into_bytes(),
        1 => format!("member:{number}").into_bytes(),
        _ => [b"\0\xff".to_vec(), number.to_be_bytes().to_vec()].concat(),
    }
}

fn pairs<'a>(items: impl Iterator<Item = (Item<'a>, f64)>) -> Model {
    items.map(|(member, score)| (score, member.to_vec())).collect()
}

fn model_find(model: &Model, member: &[u8]) -> Option<usize> {
    model.iter().position(|(_, own)| own == member)
}

fn model_insert(model: &mut Model, member: &[u8], score: f64) {
    if let Some(at) = model_find(model, member) {
        model.remove(at);
    }
    let at = model.partition_point(|(s, m)| *s < score || (*s == score && m.as_slice() < member));
    model.insert(at, (score, member.to_vec()));
}

fn check_same(zset: &Zset, model: &Model) {
    assert_eq!((zset.len(), zset.is_empty()), (model.len(), model.is_empty()));
    assert_eq!(pairs(zset.iter()), *model);
    let mut reversed = pairs(zset.iter().rev());
    reversed.reverse();
    assert_eq!(reversed, *model);
    let (mut cursor, mut seen) = (0, Model::new());
    loop {
        cursor = zset.scan(cursor, |member, score| seen.push((score, member.to_vec())));
        if cursor == 0 {
            break;
        }
    }
    seen.sort_by(|a, b| a.partial_cmp(b).unwrap());
    assert_eq!(seen, *model);
}

fn check_ranges(zset: &Zset, model: &Model, random: &mut Random) {
    let mut bound = || ScoreBound { score: pick_score(random), exclusive: random.below(2) == 0 };
    let range = ScoreRange { min: bound(), max: bound() };
    let above = |s: f64| if range.min.exclusive { s > range.min.score } else { s >= range.min.score };
    let below = |s: f64| if range.max.exclusive { s < range.max.score } else { s <= range.max.score };
    let expect: Model = model.iter().filter(|(s, _)| above(*s) && below(*s)).cloned().collect();
    let ranks = zset.ranks_by_score(&range);
    assert_eq!(ranks.len(), expect.len());
    assert_eq!(pairs(zset.range(ranks.clone())), expect);
    let mut reversed = pairs(zset.range(ranks).rev());
    reversed.reverse();
    assert_eq!(reversed, expect);

    let at = random.below(model.len() as u64 + 2) as usize;
    assert_eq!(
        zset.get(at).map(|(m, s)| (s, m.to_vec())),
        model.get(at).cloned(),
        "the member of rank {at} of {}",
        model.len()
    );
    if let Some((score, member)) = model.get(at) {
        assert_eq!(zset.rank(member), Some((at, *score)));
    }
}

fn run(seed: u64, distinct: u64, limits: &Limits) {
    let (mut random, mut zset, mut model) = (Random::new(seed), Zset::new(), Model::new());
    for round in 0..6_000 {
        let member = pick_member(&mut random, distinct);
        match random.below(if round < 4_000 { 12 } else { 20 }) {
            0..=7 => {
                let score = pick_score(&mut random);
                let is_new = model_find(&model, &member).is_none();
                assert_eq!(zset.insert(&member, score, limits), is_new);
                model_insert(&mut model, &member, score);
            }
            8..=9 => {
                // As ZINCRBY, and ZADD XX when it is not there.
                let old = model_find(&model, &member).map(|at| model[at].0);
                let new = old.map(|score| score + 1.0).filter(|score| !score.is_nan());
                zset.update(&member, limits, |current| {
                    assert_eq!(current, old);
                    new
                });
                new.iter().for_each(|&score| model_insert(&mut model, &member, score));
            }
            10 => check_ranges(&zset, &model, &mut random),
            11 | 13..=17 => {
                let at = model_find(&model, &member);
                assert_eq!(zset.score(&member), at.map(|at| model[at].0));
                assert_eq!(zset.remove(&member), at.map(|at| model.remove(at).0));
            }
            _ => {
                let start = random.below(model.len() as u64 + 1) as usize;
                let end = start + random.below(12) as usize;
                let clipped = start..end.min(model.len());
                assert_eq!(zset.remove_range(start..end), clipped.len());
                model.drain(clipped);
            }
        }
        if round % 300 == 0 {
            check_same(&zset, &model);
        }
    }
    check_same(&zset, &model);
    let bytes: usize = model.iter().map(|(_, member)| member.len()).sum();
    assert!(zset.memory_bytes() > bytes && zset.memory_bytes() < 4 * bytes + 5_000);
    while !zset.drain(7) {}
    assert!(zset.is_empty());
}

#[test]
fn behaves_as_a_sorted_vec() {
    run(11, 3_000, &Limits::default());
    run(12, 100, &Limits::default());
    run(13, 400, &Limits { zset_max_listpack_entries: 1_000, ..Limits::default() });
    run(14, 40, &Limits { zset_max_listpack_entries: 0, ..Limits::default() });
    run(15, 40, &Limits { zset_max_listpack_value: 3, ..Limits::default() });
}

#[test]
fn lex_ranges_of_equal_scores() {
    use LexBound::*;
    for entries in [0, 128] {
        let limits = Limits { zset_max_listpack_entries: entries, ..Limits::default() };
        let mut zset = Zset::new();
        ["b", "a", "d", "c", "10", ""].iter().for_each(|m| assert!(zset.insert(m.as_bytes(), 0.0, &limits)));
        // In order: "", "10", "a", "b", "c", "d".
        let ranks = |min, max| zset.ranks_by_lex(&LexRange { min, max });
        assert_eq!(ranks(Lowest, Highest), 0..6);
        assert_eq!(ranks(Inclusive(b"a"), Inclusive(b"c")), 2..5);
        assert_eq!(ranks(Exclusive(b"a"), Exclusive(b"c")), 3..4);
        assert_eq!(ranks(Exclusive(b""), Inclusive(b"1")).len(), 0);
        assert_eq!(ranks(Highest, Lowest).len(), 0);
        assert_eq!(ranks(Inclusive(b"c"), Inclusive(b"a")).len(), 0);
    }
}

#[test]
fn encodings_follow_redis() {
    let limits = Limits { zset_max_listpack_entries: 4, zset_max_listpack_value: 8, ..Limits::default() };
    let filled = |members: &[&str]| {
        let mut zset = Zset::new();
        members.iter().for_each(|m| assert!(zset.insert(m.as_bytes(), 1.5, &limits)));
        zset
    };
    assert_eq!(filled(&["a", "b", "c", "12345678"]).encoding_name(), "listpack");
    assert_eq!(filled(&["123456789"]).encoding_name(), "skiplist");
    let mut large = filled(&["a", "b", "c", "d", "e"]);
    assert_eq!(large.encoding_name(), "skiplist");
    large.remove(b"e");
    assert_eq!(large.encoding_name(), "skiplist");
    large.settle(&limits);
    assert_eq!(large.encoding_name(), "listpack");
    assert_eq!(pairs(large.range(1..3)), [(1.5, b"b".to_vec()), (1.5, b"c".to_vec())]);
    large.expect(4, 8, &limits);
    assert_eq!(large.encoding_name(), "listpack");
    large.expect(5, 8, &limits);
    assert_eq!(large.encoding_name(), "skiplist");
}

#[test]
fn negative_zero_as_redis() {
    let limits = Limits::default();
    let mut zset = Zset::new();
    zset.insert(b"m", -0.0, &limits);
    assert!(zset.score(b"m").unwrap().is_sign_positive());
    zset.expect(1_000, 0, &limits);
    zset.insert(b"n", -0.0, &limits);
    zset.insert(b"a", 0.0, &limits);
    assert!(zset.score(b"n").unwrap().is_sign_negative());
    assert_eq!(zset.rank(b"n"), Some((2, 0.0)));
}

#[test]
fn listpacks_from_outside() {
    let made = |entries: &[&str], limits: &Limits| {
        let mut listpack = Listpack::new();
        entries.iter().for_each(|e| listpack.push_back(e.as_bytes()));
        Zset::from_listpack(listpack, limits)
    };
    let limits = Limits::default();
    for bad in [&["a"][..], &["a", "x"], &["a", "nan"], &["a", "1", "a", "2"], &["a", "1", "b"]] {
        assert!(made(bad, &limits).is_err(), "{bad:?}");
    }
    let zset = made(&["b", "2.5", "a", "inf", "c", "-7"], &limits).unwrap();
    let sorted = [(-7.0, b"c".to_vec()), (2.5, b"b".to_vec()), (f64::INFINITY, b"a".to_vec())];
    assert_eq!(pairs(zset.iter()), sorted);
    let one = Limits { zset_max_listpack_entries: 1, ..Limits::default() };
    assert_eq!(made(&["a", "1", "b", "2"], &one).unwrap().encoding_name(), "skiplist");
    assert_eq!(made(&["a", "1"], &one).unwrap().as_listpack().unwrap().len(), 2);
}

#[test]
fn score_texts() {
    let cases = [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.5, "1.5"),
        (-3.0, "-3"),
        (1e18, "1000000000000000000"),
        (4e18, "4000000000000000000"),
        (5e18, "5e+18"),
        (12345678901234567890.0, "12345678901234567000"),
        (1e-7, "1e-7"),
        (0.0001, "0.0001"),
        (1.5e-10, "1.5e-10"),
        (483063.0681662313, "4.8306306816623133e+5"),
        (1234.5, "1234.5"),
        (f64::MAX, "1.7976931348623157e+308"),
        (-f64::MIN_POSITIVE, "-2.2250738585072014e-308"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
        (f64::NAN, "nan"),
    ];
    for (score, text) in cases {
        assert_eq!(score_text(score, &mut ScoreText::default()), text.as_bytes());
    }
}
