//! The syntax of a command as text, and random commands that follow it.
//!
//! ```text
//! ZADD zset [NX|XX] [GT|LT] [CH] (score value)+
//! ```
//!
//! Upper case and punctuation stand for themselves, lower case for a word of that kind (`words`). `[...]` is there
//! or not, `(...)` always, `|` separates alternatives, and a `+` behind a bracket repeats it up to four times.

use base::Random;

use crate::words;

/// The most times a `+` repeats.
const REPEATS_MAX: u64 = 4;

/// A piece of syntax.
#[derive(Debug, Clone)]
enum Piece {
    /// A word as it is.
    Literal(String),
    /// A kind of word.
    Word(String),
    /// One of several, or none.
    Group { alternatives: Vec<Syntax>, optional: bool, repeated: bool },
}

/// The syntax of a command, or of a part of one.
#[derive(Debug, Clone)]
pub struct Syntax(Vec<Piece>);

impl Syntax {
    /// Reads a syntax.
    pub fn parse(text: &str) -> Syntax {
        let spaced: String = text
            .chars()
            .flat_map(|c| if "[]()|+".contains(c) { vec![' ', c, ' '] } else { vec![c] })
            .collect();
        let mut tokens = spaced.split_whitespace().peekable();
        let mut alternatives = parse_alternatives(&mut tokens);
        assert!(alternatives.len() == 1 && tokens.next().is_none(), "brackets do not pair in {text:?}");
        alternatives.remove(0)
    }

    /// A random command of this syntax.
    pub fn expand(&self, random: &mut Random) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        self.expand_into(&mut out, random);
        out
    }

    fn expand_into(&self, out: &mut Vec<Vec<u8>>, random: &mut Random) {
        for piece in &self.0 {
            match piece {
                Piece::Literal(word) => out.push(word.as_bytes().to_vec()),
                Piece::Word(kind) => words::push(kind, out, random),
                Piece::Group { alternatives, optional, repeated } => {
                    if *optional && random.below(3) > 0 {
                        continue;
                    }
                    let times = if *repeated { 1 + random.below(REPEATS_MAX) } else { 1 };
                    for _ in 0..times {
                        alternatives[random.below(alternatives.len() as u64) as usize]
                            .expand_into(out, random);
                    }
                }
            }
        }
    }
}

/// Everything up to the bracket that closes, in alternatives.
fn parse_alternatives<'a>(tokens: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> Vec<Syntax> {
    let mut alternatives = vec![Syntax(Vec::new())];
    while let Some(token) = tokens.next_if(|token| !matches!(*token, "]" | ")")) {
        let piece = match token {
            "|" => {
                alternatives.push(Syntax(Vec::new()));
                continue;
            }
            "[" | "(" => {
                let inner = parse_alternatives(tokens);
                let closing = tokens.next().expect("brackets pair");
                assert_eq!(closing, if token == "[" { "]" } else { ")" });
                let repeated = tokens.next_if_eq(&"+").is_some();
                Piece::Group { alternatives: inner, optional: token == "[", repeated }
            }
            word if words::is_kind(word) => Piece::Word(word.to_owned()),
            word => {
                assert!(!word.contains(|c: char| c.is_lowercase()), "{word:?} is no kind of word");
                Piece::Literal(word.to_owned())
            }
        };
        alternatives.last_mut().expect("there is always one").0.push(piece);
    }
    alternatives
}

#[test]
fn a_syntax_expands_to_its_forms() {
    let syntax = Syntax::parse("ZADD zset [NX|XX] (score value)+");
    let mut random = Random::new(1);
    for _ in 0..100 {
        let words = syntax.expand(&mut random);
        assert_eq!(words[0], b"ZADD");
        let option = usize::from(words[2] == b"NX" || words[2] == b"XX");
        assert_eq!((words.len() - option) % 2, 0, "{words:?}");
    }
}
