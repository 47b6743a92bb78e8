//! Commands and notes as they stand in a file.

use resp::IntegerText;

/// Appends a command.
pub fn write_command(out: &mut Vec<u8>, words: &[impl AsRef<[u8]>]) {
    let payload: usize = words.iter().map(|word| word.as_ref().len()).sum();
    // A header of a word takes five bytes at least, and seldom more than eight.
    out.reserve(payload + 8 * (words.len() + 1));
    write_header(out, b'*', words.len());
    for word in words {
        let word = word.as_ref();
        write_header(out, b'$', word.len());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// Appends a note of the time, in unix seconds (`aof-timestamp-enabled`): what follows was run then or later.
pub fn write_timestamp(out: &mut Vec<u8>, unix_s: u64) {
    out.extend_from_slice(b"#TS:");
    out.extend_from_slice(IntegerText::new(unix_s as i64).as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn write_header(out: &mut Vec<u8>, mark: u8, number: usize) {
    out.push(mark);
    out.extend_from_slice(IntegerText::new(number as i64).as_bytes());
    out.extend_from_slice(b"\r\n");
}
