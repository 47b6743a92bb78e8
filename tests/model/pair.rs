//! Two servers that are sent the same.

use kit::{Client, Value, encode};

use crate::commands::{Command, Request};
use crate::compare::{Compare, same};
use crate::{keys, words};

/// The last thing a piece asks for.
const END: &[u8] = b"end of the piece";

/// Commands that the ingress takes apart when their keys are in several slots.
const SCATTERED: &[&[u8]] = &[b"mset", b"mget", b"del", b"unlink", b"exists", b"touch"];

/// A connection to each.
pub struct Pair {
    theirs: Client,
    ours: Client,
    /// Whether our side is the port of a whole process.
    ingress: bool,
}

/// What is run on empty servers.
#[derive(Debug, Clone)]
pub struct Round {
    /// What comes first, and is never left out.
    pub settings: Vec<Command>,
    /// The requests.
    pub requests: Vec<Request>,
}

impl Round {
    /// All commands in order.
    pub fn commands(&self) -> impl Iterator<Item = &Command> {
        self.settings.iter().chain(self.requests.iter().flatten())
    }
}

/// The first thing that differs in a round.
#[derive(Debug)]
pub struct Difference {
    /// What was asked: a command of the round, or a question of `keys`.
    pub asked: Vec<Vec<u8>>,
    /// Valkey's reply.
    pub theirs: Value,
    /// Ours.
    pub ours: Value,
}

/// Moves to the core that owns the keys of the run.
fn at_owner(port: u16) -> Client {
    let key = words::keys().next().expect("there are keys");
    let reply = Client::connect(port).call(&["TYPE", key]).text();
    let owner = reply.strip_prefix("MOVED ").and_then(|rest| rest.rsplit(':').next());
    Client::connect(owner.map_or(port, |owner| owner.parse().expect("MOVED names a port")))
}

impl Pair {
    /// Connects to both, on our side to the core that has the keys.
    pub fn connect(theirs: u16, ours: u16) -> Pair {
        Pair { theirs: Client::connect(theirs), ours: at_owner(ours), ingress: false }
    }

    /// Connects to both, on our side to the ingress.
    pub fn connect_to_ingress(theirs: u16, ours: u16) -> Pair {
        Pair { theirs: Client::connect(theirs), ours: Client::connect(ours), ingress: true }
    }

    /// Whether a request can be compared: through the ingress, keys may be in several slots, and a transaction is one
    /// core's.
    pub fn compares(&self, request: &Request) -> bool {
        let crosses = |command: &Command| {
            let name = command.words[0].to_ascii_lowercase();
            SCATTERED.contains(&&name[..])
                && command.words.iter().skip(1).any(|word| !word.starts_with(b"{m}"))
        };
        let counts = |command: &Command| command.words[0].eq_ignore_ascii_case(b"dbsize");
        !self.ingress
            || !request.iter().any(|command| crosses(command) || request.len() > 1 && counts(command))
    }

    /// Runs a round, and looks at the keys in the end.
    pub fn run(&mut self, round: &Round) -> Option<Difference> {
        let all: Vec<_> =
            round.commands().map(|command| (&command.words[..], &command.compare[..])).collect();
        let found = self.ask(&all);
        let questions: Vec<_> = words::keys().flat_map(|key| keys::questions(key, self.ingress)).collect();
        let questions: Vec<_> = questions.iter().map(|(words, compare)| (&words[..], &compare[..])).collect();
        let stored = self.ask(&questions);
        found.or(stored)
    }

    /// Sends both the same in one piece; the first difference of their replies.
    fn ask(&mut self, commands: &[(&[Vec<u8>], &[Compare])]) -> Option<Difference> {
        let mut bytes: Vec<u8> = commands.iter().flat_map(|(words, _)| encode(words)).collect();
        bytes.extend(encode(&[b"ECHO", END]));
        self.theirs.send(&bytes);
        self.ours.send(&bytes);
        let mut found = None;
        // All replies are read, also behind a difference: the connections are used again.
        for (words, compare) in commands {
            let theirs = self.theirs.read().expect("Valkey answers");
            let ours = self.ours.read().expect("the server answers");
            if found.is_none() && !agree(words, compare, &theirs, &ours) {
                found = Some(Difference { asked: words.to_vec(), theirs, ours });
            }
        }
        self.read_end(found)
    }

    /// Reads what ends a piece: a reply too many is a difference too, and must not be taken for the next one.
    fn read_end(&mut self, mut found: Option<Difference>) -> Option<Difference> {
        let end = Value::Bulk(END.into());
        assert_eq!(self.theirs.read().as_ref(), Some(&end), "Valkey answers each command once");
        loop {
            let ours = self.ours.read().expect("the server answers");
            if ours == end {
                return found;
            }
            let asked = vec![b"ECHO".to_vec(), END.to_vec()];
            found = found.or(Some(Difference { asked, theirs: end.clone(), ours }));
        }
    }
}

/// Whether both answered the same; EXEC's replies each by its own command.
fn agree(words: &[Vec<u8>], compare: &[Compare], theirs: &Value, ours: &Value) -> bool {
    match (theirs, ours) {
        (Value::Array(theirs), Value::Array(ours)) if words == [b"EXEC"] => {
            theirs.len() == ours.len()
                && theirs.iter().zip(ours).zip(compare).all(|((a, b), how)| same(*how, a, b))
        }
        (theirs, ours) => same(compare.first().copied().unwrap_or(Compare::Exact), theirs, ours),
    }
}
