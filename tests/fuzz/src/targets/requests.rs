//! Requests of clients: parsed whole, in pieces, and with big values collected apart, they are the same.

use bytes::Bytes;
use resp::{Limits, Parsed, Parser, ProtocolError};

use super::Target;
use crate::answer;

pub(super) const TARGET: Target = Target {
    name: "requests",
    about: "RESP requests and inline commands, whole and in pieces",
    words: &[
        "\r\n",
        "*3\r\n",
        "$3\r\n",
        "*",
        "$",
        "\r",
        "\n",
        "\"",
        "'",
        "\\x41",
        "$5000\r\n",
        "*1048577\r\n",
    ],
    seeds,
    run,
    brief_runs: 5_000,
};

fn seeds() -> Vec<Vec<u8>> {
    let big = [b"*2\r\n$3\r\nGET\r\n$5000\r\n".to_vec(), vec![b'x'; 5000], b"\r\nPING\r\n".to_vec()].concat();
    let plain: [&[u8]; 8] = [
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n",
        b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n",
        b"SET k \"a\\x00b\" 'c\\'d'\r\n",
        b"\r\n\r\nPING\r\n",
        b"*0\r\n*-1\r\n*2\r\n$0\r\n\r\n$0\r\n\r\n",
        b"*1\r\n$-1\r\n",
        b"*1\r\n:1\r\n",
        b"GET \"a\n",
    ];
    plain.iter().map(|seed| seed.to_vec()).chain([big]).collect()
}

type Request = Vec<Vec<u8>>;
/// The requests of an input, how many of its bytes they took, and why there are no more.
type Outcome = (Vec<Request>, usize, Option<ProtocolError>);

fn limits(input: &[u8]) -> Limits {
    // Both kinds of clients, by what the input happens to be.
    Limits { bulk_max: 16 * 1024, authenticated: !input.len().is_multiple_of(4) }
}

fn run(input: &[u8]) -> u64 {
    let whole = whole(input);
    for piece in [1, 7, 4096] {
        assert_eq!(in_pieces(input, piece), whole, "pieces of {piece}");
    }
    assert_eq!(big_apart(input), whole, "big values apart");
    let shape: Vec<usize> = whole.0.iter().map(Vec::len).collect();
    answer((shape, whole.2.map(|error| error.to_string()), whole.1 == input.len()))
}

/// As they come when all is there.
fn whole(input: &[u8]) -> Outcome {
    let (mut parser, mut requests, mut at) = (Parser::default(), Vec::new(), 0);
    loop {
        parser.reset();
        let mut words: Request = Vec::new();
        let at_once = resp::read_whole(&input[at..], &limits(input), |word| words.push(word.to_vec()));
        let parsed = parser.parse(&input[at..], &limits(input));
        assert!(at_once.is_none_or(|consumed| parsed == Ok(Parsed::Request { consumed })));
        match parsed {
            Ok(Parsed::Request { consumed }) => {
                requests.push(parser.args(&input[at..]).map(<[u8]>::to_vec).collect());
                let is_array = input[at] == b'*' && limits(input).authenticated;
                assert_eq!(at_once.map(|_| &words), requests.last().filter(|_| is_array));
                at += consumed;
            }
            Ok(Parsed::Nothing { consumed }) => at += consumed,
            Ok(Parsed::Incomplete) => return (requests, at, None),
            Err(error) => return (requests, at, Some(error)),
        }
        assert!(at <= input.len());
    }
}

/// As they come when `piece` bytes arrive at a time.
fn in_pieces(input: &[u8], piece: usize) -> Outcome {
    let (mut parser, mut requests, mut at, mut there) = (Parser::default(), Vec::new(), 0, 0);
    loop {
        match parser.parse(&input[at..there], &limits(input)) {
            Ok(Parsed::Request { consumed }) => {
                requests.push(parser.args(&input[at..there]).map(<[u8]>::to_vec).collect());
                at += consumed;
                parser.reset();
            }
            Ok(Parsed::Nothing { consumed }) => {
                at += consumed;
                parser.reset();
            }
            Ok(Parsed::Incomplete) if there == input.len() => return (requests, at, None),
            Ok(Parsed::Incomplete) => there = (there + piece).min(input.len()),
            Err(error) => return (requests, at, Some(error)),
        }
    }
}

/// As the server reads them: the payload of a big string that is not all there goes to a buffer of its own.
fn big_apart(input: &[u8]) -> Outcome {
    const PIECE: usize = 1000;
    let (mut parser, mut requests, mut consumed_all) = (Parser::default(), Vec::new(), 0);
    let (mut buffer, mut fed) = (Vec::new(), 0);
    // Bytes of the present request that are no longer in the buffer.
    let mut apart = 0;
    loop {
        match parser.parse(&buffer, &limits(input)) {
            Ok(Parsed::Request { consumed }) => {
                requests.push(parser.args(&buffer).map(<[u8]>::to_vec).collect());
                buffer.drain(..consumed);
                consumed_all += consumed + std::mem::take(&mut apart);
                parser.reset();
            }
            Ok(Parsed::Nothing { consumed }) => {
                buffer.drain(..consumed);
                consumed_all += consumed;
                parser.reset();
            }
            Ok(Parsed::Incomplete) => {
                if let Some((at, len)) = parser.big_bulk() {
                    let had = buffer.len() - at;
                    let rest = input.len() - fed;
                    if had < len && had + rest >= len + 2 {
                        let from_input = len - had;
                        let mut payload = buffer.split_off(at);
                        payload.extend_from_slice(&input[fed..fed + from_input]);
                        // The line end behind the payload is skipped unread.
                        fed += from_input + 2;
                        apart += len + 2;
                        parser.finish_big_bulk(Bytes::from(payload));
                        continue;
                    }
                }
                if fed == input.len() {
                    return (requests, consumed_all, None);
                }
                let end = (fed + PIECE).min(input.len());
                buffer.extend_from_slice(&input[fed..end]);
                fed = end;
            }
            Err(error) => return (requests, consumed_all, Some(error)),
        }
    }
}
