//! What is stored under a key, as both servers tell it: type, encoding, expiry, and a digest of the content that
//! knows no order where the type has none. What the digest leaves out (groups of streams) is asked for as well.

use crate::compare::Compare::{self, Encoding, Exact, Near};
use crate::words;

/// The questions that tell all of a key. The digest is a core's own to tell, so not asked `through_ingress`.
pub fn questions(key: &str, through_ingress: bool) -> Vec<(Vec<Vec<u8>>, [Compare; 1])> {
    let ask = |words: &[&[u8]], compare| (words.iter().map(|word| word.to_vec()).collect(), [compare]);
    let name = key.as_bytes();
    let mut questions = vec![
        ask(&[b"TYPE", name], Exact),
        ask(&[b"OBJECT", b"ENCODING", name], Encoding),
        ask(&[b"PEXPIRETIME", name], Near),
    ];
    if !through_ingress {
        questions.push(ask(&[b"DEBUG", b"DIGEST-VALUE", name], Exact));
    }
    if key.contains("hash") {
        let count = words::fields().len().to_string();
        let command: [&[u8]; 4] = [b"HPEXPIRETIME", name, b"FIELDS", count.as_bytes()];
        questions.push(ask(&[&command[..], words::fields()].concat(), Near));
    }
    if key.contains("stream") {
        questions.push(ask(&[b"XINFO", b"STREAM", name, b"FULL", b"COUNT", b"0"], Near));
    }
    questions
}
