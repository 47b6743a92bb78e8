//! Commands as a client would send them: what replicas and the append-only file take.

use crate::integer::IntegerText;

/// Appends a command to `out`.
pub fn write_command<W: AsRef<[u8]>>(out: &mut Vec<u8>, words: impl ExactSizeIterator<Item = W>) {
    write_header(out, b'*', words.len());
    write_words(out, words);
}

/// Adds words of a command whose header (`*`, their number) is there.
pub fn write_words<W: AsRef<[u8]>>(out: &mut Vec<u8>, words: impl Iterator<Item = W>) {
    for word in words {
        let word = word.as_ref();
        write_header(out, b'$', word.len());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// Adds the first line of a command (`*`, how many words) or of a word (`$`, how many bytes).
pub fn write_header(out: &mut Vec<u8>, mark: u8, number: usize) {
    out.push(mark);
    out.extend_from_slice(IntegerText::new(number as i64).as_bytes());
    out.extend_from_slice(b"\r\n");
}
