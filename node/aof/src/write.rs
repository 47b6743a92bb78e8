//! Notes as they stand in a file.

use resp::IntegerText;

/// Appends a note of the time, in unix seconds (`aof-timestamp-enabled`): what follows was run then or later.
pub fn write_timestamp(out: &mut Vec<u8>, unix_s: u64) {
    out.extend_from_slice(b"#TS:");
    out.extend_from_slice(IntegerText::new(unix_s as i64).as_bytes());
    out.extend_from_slice(b"\r\n");
}
