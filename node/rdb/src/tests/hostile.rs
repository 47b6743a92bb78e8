//! Whatever bytes come, they are a value or refused: never a panic, never more memory than they are worth.

use base::Random;
use store::types::Limits;

use super::{any_value, entry_of, text};
use crate::crc64;
use crate::dump::{dump, restore};
use crate::format::{VERSION_VALKEY, kind};
use crate::load::{Event, Loader};
use crate::writer::Writer;

/// A payload around `body`, whose version and checksum are right.
fn sealed(body: &[u8], version: u16) -> Vec<u8> {
    let mut payload = [body, &version.to_le_bytes()].concat();
    payload.extend_from_slice(&crc64::update(0, &payload).to_le_bytes());
    payload
}

/// Restores, and if that makes a value, uses all of it.
fn try_restore(body: &[u8], version: u16) {
    if let Ok(value) = restore(&sealed(body, version), &Limits::default()) {
        let entry = entry_of(value);
        let again = dump(entry.view(), false);
        let value = restore(&again, &Limits::default());
        assert!(value.is_ok(), "what was taken can be given: {body:?}");
    }
}

fn spoil(random: &mut Random, body: &mut Vec<u8>) {
    for _ in 0..1 + random.below(3) {
        let at = random.below(body.len() as u64) as usize;
        match random.below(6) {
            0 => body[at] ^= 1 << random.below(8),
            1 => body[at] = [0, 1, 0x3F, 0x7F, 0x80, 0xC0, 0xFE, 0xFF][random.below(8) as usize],
            2 => body.insert(at, random.bits() as u8),
            3 if body.len() > 1 => drop(body.remove(at)),
            4 => body.truncate(at.max(1)),
            _ => body[at] = random.bits() as u8,
        }
    }
}

#[test]
fn spoilt_payloads() {
    let mut random = Random::new(21);
    for _ in 0..3_000 {
        let payload = dump(entry_of(any_value(&mut random)).view(), false);
        let mut body = payload[..payload.len() - 10].to_vec();
        spoil(&mut random, &mut body);
        try_restore(&body, VERSION_VALKEY);
    }
}

#[test]
fn old_packed_forms_and_noise() {
    let mut random = Random::new(22);
    let ziplist: &[u8] = b"\x1b\0\0\0\x12\0\0\0\x04\0\0\x01a\x03\xf2\x02\x01b\x03\xfe\x7f\0\0\0\0\0\xff";
    let zipmap: &[u8] = b"\x02\x01a\x01\x00b\x02cc\x01\x02dX\xff";
    for round in 0..20_000 {
        let kinds = [kind::HASH_ZIPLIST, kind::ZSET_ZIPLIST, kind::LIST_ZIPLIST, kind::HASH_ZIPMAP];
        let kind = kinds[round % 4];
        let mut packed = if kind == kind::HASH_ZIPMAP { zipmap.to_vec() } else { ziplist.to_vec() };
        spoil(&mut random, &mut packed);
        let mut out = Writer::new(false);
        out.byte(kind);
        out.blob(&packed);
        try_restore(&out.into_vec(), 9);
        let mut noise = vec![random.below(26) as u8];
        noise.extend(text(&mut random, 60));
        try_restore(&noise, [6, 9, 11, 12, VERSION_VALKEY][round % 5]);
    }
}

#[test]
fn promises_take_no_memory() {
    for kind in 0..26 {
        for promise in
            [&[0x81, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF][..], &[0x80, 0xFF, 0xFF, 0xFF, 0xFF]]
        {
            let body = [&[kind], promise].concat();
            assert!(restore(&sealed(&body, VERSION_VALKEY), &Limits::default()).is_err());
            let lzf = [&[kind, 0xC3, 5], promise, b"\x04aaaa"].concat();
            assert!(restore(&sealed(&lzf, VERSION_VALKEY), &Limits::default()).is_err());
        }
    }
}

#[test]
fn spoilt_files() {
    let mut random = Random::new(23);
    let mut file = b"REDIS0012\xfa\x03abc\x03def\xfe\x00\xfb\x02\x01\xf4\x01\x02\x03".to_vec();
    file.extend_from_slice(b"\xfc\x01\0\0\0\0\0\0\0\xf8\x05\x00\x01k\x01v\xfd\0\0\0\0\xf9\x07\x01\x01l\x02\x01a\x01b\xf5\x02xx\xff");
    let sum = crc64::update(0, &file).to_le_bytes();
    file.extend_from_slice(&sum);
    let read = |file: &[u8], step: usize| {
        let mut loader = Loader::new(true);
        let (mut events, mut ended) = (0, false);
        for chunk in file.chunks(step) {
            loader.feed(chunk);
            while let Some(event) = loader.next(&Limits::default())? {
                ended |= matches!(event, Event::End);
                events += 1;
            }
        }
        Ok::<_, crate::load::LoadError>((events, ended))
    };
    assert_eq!(read(&file, 1), Ok((7, true)));
    assert_eq!(read(&file, 1000), Ok((7, true)));
    for _ in 0..20_000 {
        let mut spoilt = file.clone();
        spoil(&mut random, &mut spoilt);
        let whole = read(&spoilt, 1000);
        assert_eq!(read(&spoilt, 1 + random.below(5) as usize), whole);
        // Versions of old had no checksum.
        let is_old = !spoilt.starts_with(b"REDIS0012");
        assert!(is_old || !matches!(whole, Ok((_, true))) || spoilt.starts_with(&file), "unnoticed");
    }
}
