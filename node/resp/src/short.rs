//! Copying few bytes: keys, small values and replies are mostly shorter than a call of `memcpy` takes.

/// Appends `bytes` to `out`. Up to 32 bytes are copied as two halves that may overlap, without a call and without a loop.
#[inline]
pub fn append_short(out: &mut Vec<u8>, bytes: &[u8]) {
    match bytes.len() {
        17..=32 => halves::<16>(out, bytes),
        8..=16 => halves::<8>(out, bytes),
        4..=7 => halves::<4>(out, bytes),
        2..=3 => halves::<2>(out, bytes),
        _ => out.extend_from_slice(bytes),
    }
}

/// `bytes` has between `HALF` and twice as many.
#[inline]
fn halves<const HALF: usize>(out: &mut Vec<u8>, bytes: &[u8]) {
    let (Some(first), Some(last)) = (bytes.first_chunk::<HALF>(), bytes.last_chunk::<HALF>()) else { return };
    let start = out.len();
    out.reserve(2 * HALF);
    out.extend_from_slice(first);
    out.truncate(start + bytes.len() - HALF);
    out.extend_from_slice(last);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appends_any_length() {
        let text: Vec<u8> = (0..100).collect();
        for len in 0..text.len() {
            let mut out = b"front".to_vec();
            append_short(&mut out, &text[..len]);
            assert_eq!(out, [b"front", &text[..len]].concat());
        }
    }
}
