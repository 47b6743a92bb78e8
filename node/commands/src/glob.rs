//! Glob patterns, as KEYS, SCAN, CONFIG GET and PSUBSCRIBE take them.
//!
//! `*` any bytes, `?` any one byte, `[ab]` `[^a]` `[a-z]` a class, `\` takes the next byte as it is. The obvious
//! matcher tries every length for every `*` and needs exponential time for `a*a*a*b`. But what follows a star
//! up to the next one has a fixed length, so when it fits somewhere, a later place can never do better for
//! what comes behind: only the last star passed is ever worth trying again. That makes the time at most
//! the product of both lengths.
//!
//! The corners are Redis's: an unclosed class ends with the pattern, `[z-a]` is `[a-z]`, a range compares signed
//! bytes, an escaped class member keeps its case, and the empty text matches only `*` and the empty pattern.

use base::{Slot, key_slot};

/// Stars that may have more pattern behind them; a pattern with more matches nothing, as in Redis.
const STARS_MAX: usize = 1000;

/// Whether upper and lower case of ASCII letters differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// They differ: keys, channels.
    Sensitive,
    /// They do not: names of directives and commands.
    Insensitive,
}

/// Whether all of `text` matches `pattern`.
pub fn matches(pattern: &[u8], text: &[u8], case: Case) -> bool {
    if text.is_empty() {
        return matches!(pattern, b"" | b"*");
    }
    let (mut p, mut t) = (0, 0);
    // Behind the last star passed: where the pattern goes on, and where in the text it was tried last.
    let mut retry: Option<(usize, usize)> = None;
    let mut stars = 0;
    loop {
        if pattern.get(p) == Some(&b'*') {
            p += pattern[p..].iter().take_while(|b| **b == b'*').count();
            if p == pattern.len() {
                return true;
            }
            stars += 1;
            if stars > STARS_MAX {
                return false;
            }
            retry = Some((p, t));
            continue;
        }
        if t == text.len() && p == pattern.len() {
            return true;
        }
        if t == text.len() {
            return false;
        }
        match pattern.get(p..).and_then(|rest| one(rest, text[t], case)) {
            Some(width) => (p, t) = (p + width, t + 1),
            None => {
                let Some((behind, tried)) = retry else { return false };
                (p, t) = (behind, tried + 1);
                retry = Some((p, t));
            }
        }
    }
}

/// The slot of every key that `pattern` can match, when its hash tag (or all of it, when it has no wildcard)
/// tells; `None` when keys of any slot may match.
pub fn pattern_slot(pattern: &[u8]) -> Option<Slot> {
    let mut open = None;
    let mut empty_tag = false;
    for (i, byte) in pattern.iter().enumerate() {
        match byte {
            b'*' | b'?' | b'[' | b'\\' => return None,
            b'{' if open.is_none() => open = Some(i),
            b'}' if !empty_tag => match open {
                Some(at) if i == at + 1 => empty_tag = true,
                Some(_) => break,
                None => {}
            },
            _ => {}
        }
    }
    Some(key_slot(pattern))
}

/// Whether the pattern's first element, which is no star, takes `byte`: then the element's length.
fn one(pattern: &[u8], byte: u8, case: Case) -> Option<usize> {
    let (matched, width) = match *pattern {
        [] => return None,
        [b'?', ..] => (true, 1),
        [b'[', ref class @ ..] => {
            let (matched, width) = in_class(class, byte, case);
            (matched, 1 + width)
        }
        [b'\\', escaped, ..] => (same(escaped, byte, case), 2),
        [literal, ..] => (same(literal, byte, case), 1),
    };
    matched.then_some(width)
}

/// Whether the class whose text begins behind its `[` takes `byte`, and the length with the closing `]`.
fn in_class(class: &[u8], byte: u8, case: Case) -> (bool, usize) {
    let negated = class.first() == Some(&b'^');
    let mut at = usize::from(negated);
    let mut found = false;
    loop {
        match class[at..] {
            [] => break,
            [b'\\', escaped, ..] => {
                found |= escaped == byte;
                at += 2;
            }
            [b']', ..] => {
                at += 1;
                break;
            }
            [from, b'-', to, ..] => {
                found |= in_range(from, to, byte, case);
                at += 3;
            }
            [member, ..] => {
                found |= same(member, byte, case);
                at += 1;
            }
        }
    }
    (found != negated, at)
}

fn in_range(from: u8, to: u8, byte: u8, case: Case) -> bool {
    let (low, high) = ((from as i8).min(to as i8), (from as i8).max(to as i8));
    let fold = |value: i8| match case {
        Case::Sensitive => value,
        Case::Insensitive => (value as u8).to_ascii_lowercase() as i8,
    };
    (fold(low)..=fold(high)).contains(&fold(byte as i8))
}

fn same(a: u8, b: u8, case: Case) -> bool {
    a == b || (case == Case::Insensitive && a.eq_ignore_ascii_case(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_match(pattern: &str, text: &str) -> bool {
        matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive)
    }

    #[test]
    fn elements() {
        let yes = [
            ("", ""),
            ("a", "a"),
            ("*", ""),
            ("*", "abc"),
            ("a*", "a"),
            ("a**", "a"),
            ("*c", "abc"),
            ("a*c", "abbc"),
            ("*b*d*", "abcde"),
            ("a?c", "abc"),
            ("[abc]x", "bx"),
            ("[^a]x", "bx"),
            ("[a-c]x", "bx"),
            ("[c-a]x", "bx"),
            (r"\*a", "*a"),
            (r"[\]]", "]"),
            (r"a\", r"a\"),
            ("[a", "a"),
            ("[^", "z"),
            ("[a-]", "_"),
        ];
        for (pattern, text) in yes {
            assert!(is_match(pattern, text), "{pattern} {text}");
        }
        let no = [
            ("", "a"),
            ("a", ""),
            ("**", ""),
            ("a?", "a"),
            ("[^a]", "a"),
            ("[", "a"),
            ("a*c", "abcd"),
            (r"\*", "a"),
        ];
        for (pattern, text) in no {
            assert!(!is_match(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn case() {
        let folded =
            |pattern: &str, text: &str| matches(pattern.as_bytes(), text.as_bytes(), Case::Insensitive);
        assert!(folded("MaxMem*", "maxmemory") && folded("[A-C]x", "bX") && folded("[X]", "x"));
        assert!(!folded(r"[\X]", "x"));
        assert!(!is_match("A", "a"));
    }

    #[test]
    fn hostile_patterns_end_soon() {
        let text = "a".repeat(50_000);
        assert!(!is_match(&("a*".repeat(20) + "b"), &text));
        assert!(!is_match(&"*?".repeat(50_000), &text), "more stars than Redis follows");
        assert!(is_match(&"*?".repeat(1000), &text));
    }

    #[test]
    fn slots() {
        let slot = |pattern: &str| pattern_slot(pattern.as_bytes());
        assert_eq!(slot("{tag}*"), Some(key_slot(b"tag")));
        assert_eq!(slot("a{tag}?"), Some(key_slot(b"tag")));
        assert_eq!(slot("plain"), Some(key_slot(b"plain")));
        assert_eq!(slot("{}plain"), Some(key_slot(b"{}plain")));
        for open in ["*", "a*{tag}", "{t?g}", "{}{tag}*", r"\{tag}"] {
            assert_eq!(slot(open), None, "{open}");
        }
    }
}
