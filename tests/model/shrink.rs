//! From a round in which something differs to the few commands that show it.

use crate::pair::{Difference, Pair, Round};

/// Commands shown of a round that is still long.
const SHOWN: usize = 40;

/// Cuts the round down while it still shows a difference, and tells what is left.
pub fn report(pair: &mut Pair, mut round: Round, mut found: Difference) -> String {
    let mut piece = round.requests.len() / 2;
    while piece > 0 {
        let mut from = 0;
        while from < round.requests.len() {
            let mut shorter = round.clone();
            shorter.requests.drain(from..(from + piece).min(round.requests.len()));
            match pair.run(&shorter) {
                Some(difference) => (round, found) = (shorter, difference),
                None => from += piece,
            }
        }
        piece /= 2;
    }
    tell(&round, &found)
}

fn tell(round: &Round, found: &Difference) -> String {
    let lines: Vec<String> = round.requests.iter().flatten().map(|command| line(&command.words)).collect();
    let skipped = lines.len().saturating_sub(SHOWN);
    let left_out = if skipped > 0 { format!("({skipped} commands before)\n") } else { String::new() };
    format!(
        "after\n{left_out}{}\nto {}\n  valkey: {}\n  ours:   {}",
        lines[skipped..].join("\n"),
        line(&found.asked),
        found.theirs,
        found.ours
    )
}

/// A command as a transcript has it.
fn line(words: &[Vec<u8>]) -> String {
    let word = |word: &Vec<u8>| match word.is_empty() || word.iter().any(|b| !b.is_ascii_graphic()) {
        true => format!("\"{}\"", word.escape_ascii()),
        false => String::from_utf8_lossy(word).into_owned(),
    };
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}
