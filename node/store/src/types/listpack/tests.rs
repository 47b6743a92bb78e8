//! Listpacks against a vector of strings, and against bytes that Redis writes.

use base::Random;

use super::*;

fn random_text(random: &mut Random) -> Vec<u8> {
    let shift = random.below(64);
    match random.below(8) {
        0..4 => ((random.bits() as i64) >> shift).to_string().into_bytes(),
        4 => vec![b'x'; [62, 63, 64, 65, 4095, 4096, 16_378][random.below(7) as usize]],
        _ => (0..random.below(30)).map(|_| random.bits() as u8).collect(),
    }
}

fn texts(listpack: &Listpack) -> Vec<Vec<u8>> {
    listpack.iter().map(|(_, item)| item.to_vec()).collect()
}

fn assert_same(listpack: &Listpack, model: &[Vec<u8>]) {
    assert_eq!(texts(listpack), model);
    assert_eq!(listpack.len(), model.len());
    let mut backwards: Vec<_> = listpack.iter().rev().map(|(_, item)| item.to_vec()).collect();
    backwards.reverse();
    assert_eq!(backwards, model);
    assert_eq!(Listpack::from_bytes(listpack.as_bytes(), true).as_ref(), Ok(listpack));
}

#[test]
fn strips_are_listpacks_without_back_lengths() {
    let (mut random, mut strip, mut listpack) = (Random::new(2), Strip::new(), Listpack::new());
    for _ in 0..200 {
        let text = random_text(&mut random);
        match strip.seek(random.below(strip.len() as u64 + 1) as usize) {
            Some(pos) if random.below(3) == 0 => {
                let index = strip.iter().position(|(at, _)| at == pos).unwrap();
                strip.replace(pos, &text);
                listpack.replace(listpack.seek(index as isize).unwrap(), &text);
            }
            Some(pos) if random.below(3) == 0 => {
                let index = strip.iter().position(|(at, _)| at == pos).unwrap();
                assert_eq!(strip.remove_run(pos, 2).is_some(), index + 2 < listpack.len());
                listpack.remove_range(index as isize, 2);
            }
            _ => {
                strip.push_back(&text);
                listpack.push_back(&text);
            }
        }
        assert_eq!(strip.find(&text, 0).is_some(), listpack.find(&text, 0).is_some());
    }
    assert_eq!((strip.repack(), strip.len()), (listpack.clone(), listpack.len()));
    assert!(strip.byte_len() < listpack.byte_len());
    assert_eq!(listpack.repack(), strip);
}

#[test]
fn bytes_as_redis_writes_them() {
    let mut listpack = Listpack::new();
    assert_eq!(listpack.as_bytes(), [7, 0, 0, 0, 0, 0, 0xFF]);
    for text in ["127", "128", "-1", "4096", "-32769", "8388608", "2147483648", "ab"] {
        listpack.push_back(text.as_bytes());
    }
    let mut want = vec![48, 0, 0, 0, 8, 0, 127, 1, 0xC0, 128, 2, 0xDF, 0xFF, 2, 0xF1, 0, 0x10, 3];
    want.extend([0xF2, 0xFF, 0x7F, 0xFF, 4, 0xF3, 0, 0, 0x80, 0, 5, 0xF4, 0, 0, 0, 0x80, 0, 0, 0, 0, 9]);
    want.extend([0x82, b'a', b'b', 3, 0xFF]);
    want[0] = want.len() as u8;
    assert_eq!(listpack.as_bytes(), want);
}

#[test]
fn back_lengths() {
    for (len, width) in [(126, 2), (125, 1), (16_377, 2), (16_378, 3), (2_097_146, 4)] {
        let mut listpack = Listpack::new();
        listpack.push_back(&vec![b'x'; len]);
        listpack.push_back(b"1");
        let head = if len < 4096 { 2 } else { 5 };
        let head = if len == 125 || len == 126 { 2 } else { head };
        assert_eq!(listpack.byte_len(), HEADER + head + len + width + 2 + 1, "{len}");
        assert_eq!(listpack.prev(listpack.last().unwrap()), listpack.first());
    }
}

#[test]
fn behaves_like_a_vector() {
    let mut random = Random::new(7);
    for _ in 0..60 {
        let (mut listpack, mut model) = (Listpack::new(), Vec::<Vec<u8>>::new());
        for _ in 0..80 {
            let text = random_text(&mut random);
            let index = random.below(model.len() as u64 + 1) as usize;
            let pos = listpack.seek(index as isize);
            assert_eq!(pos.is_some(), index < model.len());
            match (random.below(9), pos) {
                (0, _) => (listpack.push_front(&text), model.insert(0, text)).1,
                (1, Some(pos)) => (listpack.insert_before(pos, &text), model.insert(index, text)).1,
                (2, Some(pos)) => (listpack.insert_after(pos, &text), model.insert(index + 1, text)).1,
                (3, Some(pos)) => (listpack.replace(pos, &text), model[index] = text).1,
                (4, Some(pos)) => {
                    let next = listpack.remove(pos).map(|next| listpack.get(next).to_vec());
                    model.remove(index);
                    assert_eq!(next.as_ref(), model.get(index));
                }
                (5, Some(_)) => {
                    let count = random.below(3) as usize;
                    listpack.remove_range(index as isize - model.len() as isize, count);
                    model.drain(index..(index + count).min(model.len()));
                }
                (6, Some(pos)) => {
                    let tail = listpack.split_off(pos);
                    assert_same(&listpack, &model[..index]);
                    listpack.append(&tail);
                }
                _ => (listpack.push_back(&text), model.push(text)).1,
            }
            assert_same(&listpack, &model);
        }
    }
}

#[test]
fn finds_with_and_without_skips() {
    let mut listpack = Listpack::new();
    for text in ["a", "b", "b", "1", "12", "b", "c"] {
        listpack.push_back(text.as_bytes());
    }
    let index = |pos: Option<Pos>| pos.map(|pos| listpack.iter().position(|(at, _)| at == pos).unwrap());
    assert_eq!(index(listpack.find(b"b", 0)), Some(1));
    assert_eq!(index(listpack.find(b"b", 1)), Some(2));
    assert_eq!(index(listpack.find(b"12", 1)), Some(4));
    assert_eq!(index(listpack.find(b"1", 1)), None);
    assert_eq!(index(listpack.find(b"012", 0)), None);
    assert_eq!(index(listpack.find(b"c", 2)), Some(6));
    assert_eq!(Listpack::new().find(b"", 0), None);
}

#[test]
fn more_entries_than_the_header_counts() {
    let mut listpack = Listpack::new();
    for value in 0..65_600 {
        listpack.push_back_int(value % 100);
    }
    assert_eq!((listpack.count(), listpack.len()), (UNKNOWN, 65_600));
    assert_eq!(listpack.seek(-1), listpack.last());
    listpack.remove_range(0, 66);
    assert_eq!((listpack.count(), listpack.len()), (65_534, 65_534));
}

#[test]
fn strings_that_are_numbers_are_found() {
    // An integer kept as a string, which this code never writes but must read.
    let bytes = [11, 0, 0, 0, 1, 0, 0x82, b'4', b'2', 3, 0xFF];
    let listpack = Listpack::from_bytes(&bytes, true).unwrap();
    assert!(listpack.find(b"42", 0).is_some());
    assert!(listpack.get(listpack.first().unwrap()).eq_bytes(b"42"));
}

#[test]
fn refuses_corrupt_bytes() {
    let mut listpack = Listpack::new();
    for text in ["hello", "1024", "70000", "x"] {
        listpack.push_back(text.as_bytes());
    }
    let good = listpack.as_bytes();
    for cut in 0..good.len() {
        assert_eq!(Listpack::from_bytes(&good[..cut], true), Err(Corrupt));
    }
    let mut random = Random::new(3);
    for _ in 0..20_000 {
        let mut bad = good.to_vec();
        for _ in 0..1 + random.below(3) {
            let at = random.below(bad.len() as u64) as usize;
            bad[at] = random.bits() as u8;
        }
        // Whatever passes the check can be walked, changed and written.
        if let Ok(mut listpack) = Listpack::from_bytes(&bad, true) {
            let model = texts(&listpack);
            assert_eq!(listpack.iter().rev().count(), model.len());
            listpack.push_back(b"end");
            assert_eq!(listpack.len(), model.len() + 1);
        }
    }
    let long = [14, 0, 0, 0, 1, 0, 0xF0, 0xFF, 0xFF, 0xFF, 0xFF, 1, 1, 0xFF];
    assert_eq!(Listpack::from_bytes(&long, true), Err(Corrupt));
}
