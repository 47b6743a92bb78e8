//! Two servers that are sent the same.

use kit::{Client, Value, encode};

use crate::commands::{Command, Request};
use crate::compare::{Compare, same};
use crate::{keys, words};

/// A connection to each.
pub struct Pair {
    theirs: Client,
    ours: Client,
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
    /// Connects to both, on our side where the keys are.
    pub fn connect(theirs: u16, ours: u16) -> Pair {
        Pair { theirs: Client::connect(theirs), ours: at_owner(ours) }
    }

    /// Runs a round, and looks at the keys in the end.
    pub fn run(&mut self, round: &Round) -> Option<Difference> {
        let all: Vec<_> =
            round.commands().map(|command| (&command.words[..], &command.compare[..])).collect();
        let found = self.ask(&all);
        let questions: Vec<_> = words::keys().flat_map(keys::questions).collect();
        let questions: Vec<_> = questions.iter().map(|(words, compare)| (&words[..], &compare[..])).collect();
        let stored = self.ask(&questions);
        found.or(stored)
    }

    /// Sends both the same in one piece; the first difference of their replies.
    fn ask(&mut self, commands: &[(&[Vec<u8>], &[Compare])]) -> Option<Difference> {
        let bytes: Vec<u8> = commands.iter().flat_map(|(words, _)| encode(words)).collect();
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
        found
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
