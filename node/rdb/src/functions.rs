//! FUNCTION DUMP payloads: the code of all libraries.
//!
//! ```text
//! ([245][code])*[version: u16][checksum of all before: u64]       little-endian
//! ```

use crate::dump::{FOOTER, check_footer, finish};
use crate::format::{VERSION, op};
use crate::reader::Reader;
use crate::writer::Writer;

/// Why a payload is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The version is unknown, or the checksum wrong.
    Footer,
    /// Something else than a library is in it.
    NotFunction,
    /// A library in the form of a release candidate.
    PreGa,
    /// The code of a library is malformed.
    Code,
}

/// The payload of these libraries; their code is compressed if `compress`.
pub fn dump<'a>(codes: impl Iterator<Item = &'a [u8]>, compress: bool) -> Vec<u8> {
    let mut out = Writer::new(compress);
    for code in codes {
        out.byte(op::FUNCTION2);
        out.string(code);
    }
    finish(out.into_vec(), VERSION)
}

/// The code of each library in a payload.
///
/// # Errors
/// [`Refused`].
pub fn restore(payload: &[u8]) -> Result<Vec<Vec<u8>>, Refused> {
    check_footer(payload).map_err(|_| Refused::Footer)?;
    let mut reader = Reader::new(&payload[..payload.len() - FOOTER]);
    let mut codes = Vec::new();
    while let Ok(kind) = reader.byte() {
        match kind {
            op::FUNCTION2 => codes.push(reader.text().map_err(|_| Refused::Code)?.into_vec()),
            op::FUNCTION_PRE_GA => return Err(Refused::PreGa),
            _ => return Err(Refused::NotFunction),
        }
    }
    Ok(codes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dumped_comes_back() {
        let codes: [&[u8]; 3] = [b"#!lua name=a\n", b"", &[b'x'; 300]];
        let payload = dump(codes.into_iter(), true);
        assert!(payload.len() < 100);
        assert_eq!(restore(&payload).unwrap(), codes);
        assert_eq!(restore(&dump(std::iter::empty(), true)), Ok(Vec::new()));
    }

    #[test]
    fn other_payloads_are_refused() {
        let whole = dump(std::iter::once(b"code".as_slice()), false);
        assert_eq!(restore(b""), Err(Refused::Footer));
        assert_eq!(restore(&whole[..whole.len() - 1]), Err(Refused::Footer));
        assert_eq!(restore(&finish(vec![op::FUNCTION_PRE_GA], VERSION)), Err(Refused::PreGa));
        assert_eq!(restore(&finish(vec![0, 0], VERSION)), Err(Refused::NotFunction));
        assert_eq!(restore(&finish(vec![op::FUNCTION2, 9, b'x'], VERSION)), Err(Refused::Code));
    }
}
