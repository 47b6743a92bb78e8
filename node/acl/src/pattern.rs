//! Patterns of keys and channels.
//!
//! Nearly every pattern is a prefix and a star, or a name: those are compared, not matched.

use commands::glob::{self, Case};

/// A glob pattern that was looked at once, so that most texts need no matcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: Box<[u8]>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Only the text itself.
    Name,
    /// All that begins as the text does before its last byte, a star.
    Prefix,
    Glob,
}

impl Pattern {
    /// The pattern written as `text`.
    pub fn new(text: &[u8]) -> Pattern {
        let kind = match text.iter().position(|byte| b"*?[\\".contains(byte)) {
            None => Kind::Name,
            Some(at) if text[at] == b'*' && at + 1 == text.len() => Kind::Prefix,
            Some(_) => Kind::Glob,
        };
        Pattern { text: text.into(), kind }
    }

    /// As it was written.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Whether it takes `text`.
    #[inline]
    pub fn matches(&self, text: &[u8]) -> bool {
        match self.kind {
            Kind::Name => *self.text == *text,
            Kind::Prefix => text.starts_with(&self.text[..self.text.len() - 1]),
            Kind::Glob => glob::matches(&self.text, text, Case::Sensitive),
        }
    }
}

/// What may be done with keys that match.
pub type Access = u8;
/// Their values may be read.
pub const READ: Access = 1;
/// They may be written.
pub const WRITE: Access = 2;

/// A pattern of keys, and what may be done with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPattern {
    /// The keys.
    pub pattern: Pattern,
    /// What may be done.
    pub access: Access,
}

impl KeyPattern {
    /// Writes the rule that makes this pattern.
    pub fn describe(&self, out: &mut Vec<u8>) {
        let sign: &[u8] = match self.access {
            READ => b"%R~",
            WRITE => b"%W~",
            _ => b"~",
        };
        out.extend_from_slice(sign);
        out.extend_from_slice(self.pattern.text());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_agree_with_the_matcher() {
        for pattern in ["", "*", "**", "a", "a*", "a*b", "a?", "[ab]", r"a\*", "a[*"] {
            for text in ["", "a", "ab", "a*", "b", "ba", "acb"] {
                let expect = glob::matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive);
                assert_eq!(
                    Pattern::new(pattern.as_bytes()).matches(text.as_bytes()),
                    expect,
                    "{pattern} {text}"
                );
            }
        }
    }
}
