//! What is wrong with a rule, in Redis's words; and rules that were torn apart at their spaces.

use std::fmt;

/// Why a rule is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleError {
    /// No command or category of this name.
    Unknown,
    /// No rule looks like this.
    Syntax,
    /// A key pattern where all keys are allowed already.
    KeysAfterAll,
    /// A channel pattern where all channels are allowed already.
    ChannelsAfterAll,
    /// A password to remove that the user does not have.
    NoSuchPassword,
    /// Not 64 lower-case hexadecimal digits.
    BadHash,
    /// `+config|get|word`.
    FirstWordOfSubcommand,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RuleError::Unknown => "Unknown command or category name in ACL",
            RuleError::Syntax => "Syntax error",
            RuleError::KeysAfterAll => {
                "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any \
                 effect. Try 'resetkeys' to start with an empty list of patterns"
            }
            RuleError::ChannelsAfterAll => {
                "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any \
                 effect. Try 'resetchannels' to start with an empty list of channels"
            }
            RuleError::NoSuchPassword => {
                "The password you are trying to remove from the user does not exist"
            }
            RuleError::BadHash => {
                "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
            }
            RuleError::FirstWordOfSubcommand => "Allowing first-arg of a subcommand is not supported",
        })
    }
}

impl std::error::Error for RuleError {}

/// Why the rules of a user are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetError {
    /// This rule, for this reason.
    Rule(Vec<u8>, RuleError),
    /// A parenthesis in this word is not closed.
    Unmatched(Vec<u8>),
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetError::Rule(rule, error) => {
                let rule = String::from_utf8_lossy(rule);
                write!(f, "Error in ACL SETUSER modifier '{rule}': {error}")
            }
            SetError::Unmatched(word) => {
                let word = String::from_utf8_lossy(word);
                write!(f, "Unmatched parenthesis in acl selector starting at '{word}'.")
            }
        }
    }
}

impl std::error::Error for SetError {}

/// Puts selectors together again whose parts came as words of their own: `(+get` `~a)`.
pub fn join_selectors(words: &[&[u8]]) -> Result<Vec<Vec<u8>>, SetError> {
    let mut rules = Vec::with_capacity(words.len());
    // The selector that is open, and the word that opened it.
    let mut open: Option<(Vec<u8>, &[u8])> = None;
    for word in words {
        let closes = word.ends_with(b")");
        match open.take() {
            Some((mut rule, first)) => {
                rule.push(b' ');
                rule.extend_from_slice(word);
                if closes {
                    rules.push(rule);
                } else {
                    open = Some((rule, first));
                }
            }
            None if word.starts_with(b"(") && !closes => open = Some((word.to_vec(), word)),
            None => rules.push(word.to_vec()),
        }
    }
    match open {
        None => Ok(rules),
        Some((_, first)) => Err(SetError::Unmatched(first.to_vec())),
    }
}

/// Whether a name or pattern has what would break a line of rules.
pub fn has_space(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, 0 | b'\t'..=b'\r' | b' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_in_parts() {
        let joined = |line: &str| {
            let words: Vec<&[u8]> = line.split('|').map(str::as_bytes).collect();
            let rules = join_selectors(&words).map_err(|e| e.to_string())?;
            Ok::<_, String>(String::from_utf8(rules.join(&b'|')).unwrap())
        };
        assert_eq!(joined("on|(+get|~a)|off").unwrap(), "on|(+get ~a)|off");
        assert_eq!(joined("(|+get|)|()").unwrap(), "( +get )|()");
        assert_eq!(joined("(+a|(+b|)|)").unwrap(), "(+a (+b )|)");
        let error = joined("on|(+PING|(+SELECT").unwrap_err();
        assert_eq!(error, "Unmatched parenthesis in acl selector starting at '(+PING'.");
    }
}
