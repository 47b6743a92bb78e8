//! Each command's transcript, run against a live Valkey and against us on one core and on three: the replies
//! are the same.
//!
//! A transcript is a text file: a command a line, in the syntax of inline commands. A line may begin with
//! - `#`: a comment;
//! - `~`: only the kind of the reply is compared (times, random members, memory);
//! - `=`: the elements of the reply are compared in any order.
//!
//! Every transcript runs in RESP2 and in RESP3, each on a flushed data set, and each time on a connection of its
//! own. On several cores the client follows MOVED, as a cluster client does.

mod coverage;

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use kit::{Client, Process, Value, peer, ringmaster};

/// What a line may begin with to say how its reply is compared.
const MARKS: [char; 2] = ['~', '='];

/// A client that goes where the keys are.
struct ClusterClient {
    clients: HashMap<u16, Client>,
    port: u16,
    proto: &'static str,
}

impl ClusterClient {
    fn new(port: u16, proto: &'static str) -> ClusterClient {
        ClusterClient { clients: HashMap::new(), port, proto }
    }

    fn at(&mut self, port: u16) -> &mut Client {
        let proto = self.proto;
        self.clients.entry(port).or_insert_with(|| {
            let mut client = Client::connect(port);
            client.call(&["HELLO", proto]);
            client
        })
    }

    /// Runs a command where its keys are; one that is redirected stays there, as MULTI needs it.
    fn call(&mut self, words: &[Vec<u8>]) -> Value {
        let port = self.port;
        let reply = self.at(port).call(words);
        let Value::Error(text) = &reply else { return reply };
        let Some(target) = text.strip_prefix("MOVED ").and_then(|rest| rest.rsplit(':').next()) else {
            return reply;
        };
        self.port = target.parse().expect("MOVED names a port");
        let port = self.port;
        self.at(port).call(words)
    }
}

/// The words of a line, with quotes as inline commands have them.
fn words(line: &str) -> Vec<Vec<u8>> {
    let (mut words, mut rest) = (Vec::new(), line.trim());
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let end = quoted.find('"').expect("quotes pair");
                (unescape(&quoted[..end]), &quoted[end + 1..])
            }
            None => {
                let end = rest.find(' ').unwrap_or(rest.len());
                (rest.as_bytes()[..end].to_vec(), &rest[end..])
            }
        };
        words.push(word);
        rest = after.trim_start();
    }
    words
}

/// `\xHH` and `\n` in a quoted word.
fn unescape(text: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, tail @ ..] = rest {
        match rest {
            [b'\\', b'x', high, low, after @ ..] => {
                let digit = |b: &u8| (*b as char).to_digit(16).expect("a hex digit") as u8;
                out.push(digit(high) << 4 | digit(low));
                rest = after;
            }
            [b'\\', b'n', after @ ..] => {
                out.push(b'\n');
                rest = after;
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}

/// A reply reduced to what a line's mark says is to be compared.
fn reduce(mark: char, reply: Value) -> Value {
    match (mark, reply) {
        ('~', reply) => Value::Simple(kind(&reply).to_owned()),
        ('=', Value::Array(mut items)) => {
            items.sort_by_key(|item| item.to_string());
            Value::Array(items)
        }
        ('=', Value::Typed('%', items)) => {
            let mut pairs: Vec<Value> = items.chunks(2).map(|pair| Value::Array(pair.to_vec())).collect();
            pairs.sort_by_key(|pair| pair.to_string());
            Value::Typed('%', pairs)
        }
        ('=', Value::Typed(kind, mut items)) => {
            items.sort_by_key(|item| item.to_string());
            Value::Typed(kind, items)
        }
        (_, reply) => reply,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Simple(_) => "simple",
        Value::Error(_) => "error",
        Value::Integer(_) => "integer",
        Value::Bulk(_) => "bulk",
        Value::Null => "null",
        Value::Array(_) => "array",
        Value::Typed(..) => "typed",
        Value::Scalar(..) => "scalar",
    }
}

/// The lines of a transcript that are commands.
fn commands(transcript: &str) -> impl Iterator<Item = &str> {
    transcript.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
}

/// All transcripts: their names and their text, in order.
fn transcripts() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/transcripts");
    let files =
        fs::read_dir(folder).expect("transcripts").map(|file| file.expect("a readable folder").path());
    let mut found: Vec<_> = files
        .map(|file| {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (name, fs::read_to_string(&file).expect("a text file"))
        })
        .collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

/// Every reply of a transcript, reduced, with its line.
fn replay(transcript: &str, port: u16, proto: &'static str, cores: u16) -> Vec<(String, Value)> {
    for core in 0..cores {
        Client::connect(port + core).call(&["FLUSHALL"]);
    }
    let mut client = ClusterClient::new(port, proto);
    commands(transcript)
        .map(|line| {
            let mark = line.chars().next().filter(|c| MARKS.contains(c));
            let command = line.trim_start_matches(MARKS);
            (line.to_owned(), reduce(mark.unwrap_or(' '), client.call(&words(command))))
        })
        .collect()
}

/// The transcripts in which `ours` answers otherwise than `theirs`, line by line.
fn differences(theirs: &Process, ours: &Process, cores: u16) -> Vec<String> {
    let (mut found, mut compared) = (Vec::new(), 0);
    for (name, transcript) in transcripts() {
        for proto in ["2", "3"] {
            let expected = replay(&transcript, theirs.port, proto, 1);
            let given = replay(&transcript, ours.port, proto, cores);
            compared += given.len();
            for ((line, expected), (_, given)) in expected.into_iter().zip(given) {
                if expected != given {
                    found.push(format!(
                        "{name} (RESP{proto}): {line}\n  valkey: {expected}\n  ours:   {given}"
                    ));
                }
            }
        }
    }
    println!("{compared} replies compared on {cores} core(s)");
    found
}

fn conforms(cores: u16) {
    let theirs = peer("VALKEY_SERVER");
    let ours = ringmaster(cores, &["--bootstrap", "yes", "--enable-debug-command", "yes"]);
    let found = differences(&theirs, &ours, cores);
    assert!(found.is_empty(), "{} replies differ:\n{}", found.len(), found.join("\n"));
}

#[test]
fn one_core_answers_as_valkey() {
    conforms(1);
}

#[test]
fn three_cores_answer_as_valkey() {
    conforms(3);
}
