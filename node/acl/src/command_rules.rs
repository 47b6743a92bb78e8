//! Which commands a selector allows.
//!
//! Two things are kept: the outcome, a bit a row of the command table, for the check; and the rules that led to it,
//! in order, since they cannot be told from the bits and users want theirs back from ACL LIST. A rule that a later
//! one makes void is dropped, so that the list does not grow with every ACL SETUSER.

use std::collections::BTreeMap;

use commands::Args;
use commands::table::{self, Acl, Found};

use crate::rule::RuleError;

/// Rows in a word of bits.
const BITS: usize = u64::BITS as usize;

/// The commands of one selector.
#[derive(Debug, Clone)]
pub struct CommandRules {
    /// `+@all` came after `-@all`: the rules narrow, else they widen.
    all: bool,
    /// By row.
    allowed: Box<[u64]>,
    /// Words that a command which is not allowed may still have behind its name, by row.
    first_words: BTreeMap<u16, Vec<Box<[u8]>>>,
    rules: Vec<Kept>,
}

/// A rule as it is shown again.
#[derive(Debug, Clone)]
struct Kept {
    allows: bool,
    /// `get`, `config|get`, `select|0`, `@read`, in lower case.
    what: String,
}

impl CommandRules {
    /// No command, or all.
    pub fn all_or_none(all: bool) -> CommandRules {
        let words = table::row_count().div_ceil(BITS);
        CommandRules {
            all,
            allowed: vec![if all { u64::MAX } else { 0 }; words].into(),
            first_words: BTreeMap::new(),
            rules: Vec::new(),
        }
    }

    /// Whether every command is allowed.
    pub fn allows_everything(&self) -> bool {
        (0..table::row_count()).all(|id| self.has(id as u16))
    }

    /// Whether a command with these words is allowed.
    #[inline]
    pub fn allows(&self, found: &Found, args: &Args<'_>) -> bool {
        self.has(found.id) || found.command.has(table::NO_AUTH) || self.allows_first_word(found, args)
    }

    fn allows_first_word(&self, found: &Found, args: &Args<'_>) -> bool {
        let (Some(words), Some(word)) = (self.first_words.get(&found.id), args.get(1)) else { return false };
        words.iter().any(|allowed| allowed.eq_ignore_ascii_case(word))
    }

    #[inline]
    fn has(&self, id: u16) -> bool {
        let id = usize::from(id);
        self.allowed[id / BITS] >> (id % BITS) & 1 == 1
    }

    /// Takes the rule `sign` `what`: a command, a subcommand, or a command and its first word.
    pub fn set_command(&mut self, allows: bool, what: &[u8]) -> Result<(), RuleError> {
        if let Some(found) = Found::by_full_name(what) {
            self.set(&found, allows);
            self.keep(allows, found.full_name().as_bytes());
            return Ok(());
        }
        let bar = what.iter().rposition(|byte| *byte == b'|').filter(|_| allows).ok_or(RuleError::Unknown)?;
        let (command, word) = (&what[..bar], &what[bar + 1..]);
        let found = Found::by_full_name(command).ok_or(RuleError::Unknown)?;
        match () {
            () if found.container.is_some() => return Err(RuleError::FirstWordOfSubcommand),
            () if word.is_empty() => return Err(RuleError::Syntax),
            () if !found.command.subcommands.is_empty() => return Err(RuleError::Unknown),
            () => {}
        }
        let words = self.first_words.entry(found.id).or_default();
        if !words.iter().any(|known| known.eq_ignore_ascii_case(word)) {
            words.push(word.into());
        }
        self.keep(true, what);
        Ok(())
    }

    /// Takes the rule `sign` `@category`; `what` is the category without `@`.
    pub fn set_category(&mut self, allows: bool, what: &[u8]) -> Result<(), RuleError> {
        if what.eq_ignore_ascii_case(b"all") {
            *self = CommandRules::all_or_none(allows);
            return Ok(());
        }
        let category: Acl = table::category(what).ok_or(RuleError::Unknown)?;
        for found in (0..table::row_count()).filter_map(|id| Found::by_id(id as u16)) {
            if table::categories(found.command) & category != 0 {
                self.set(&found, allows);
            }
        }
        self.keep(allows, &[b"@", what].concat());
        Ok(())
    }

    /// Allows or forbids a command and all its subcommands.
    fn set(&mut self, found: &Found, allows: bool) {
        self.first_words.remove(&found.id);
        for id in found.id..=found.id + found.command.subcommands.len() as u16 {
            let (word, bit) = (usize::from(id) / BITS, 1 << (usize::from(id) % BITS));
            if allows {
                self.allowed[word] |= bit;
            } else {
                self.allowed[word] &= !bit;
            }
        }
    }

    /// Keeps a rule; earlier ones about the same, or about a part of it, do nothing any more.
    fn keep(&mut self, allows: bool, what: &[u8]) {
        let what = String::from_utf8_lossy(what).to_ascii_lowercase();
        self.rules.retain(|old| {
            let rest = old.what.strip_prefix(&what);
            !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('|'))
        });
        self.rules.push(Kept { allows, what });
    }

    /// The rules that make this set from nothing: `-@all +get`.
    pub fn describe(&self) -> String {
        let sign = |allows| if allows { '+' } else { '-' };
        let mut text = format!("{}@all", sign(self.all));
        for rule in &self.rules {
            text.push(' ');
            text.push(sign(rule.allows));
            text.push_str(&rule.what);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(line: &str) -> CommandRules {
        let mut rules = CommandRules::all_or_none(false);
        for word in line.split(' ') {
            let (sign, what) = word.split_at(1);
            let done = match what.strip_prefix('@') {
                Some(category) => rules.set_category(sign == "+", category.as_bytes()),
                None => rules.set_command(sign == "+", what.as_bytes()),
            };
            done.unwrap_or_else(|error| panic!("{word}: {error}"));
        }
        rules
    }

    fn allows(rules: &CommandRules, line: &str) -> bool {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let args = Args::new(&words);
        rules.allows(&Found::resolve(&args).unwrap(), &args)
    }

    #[test]
    fn rules_are_kept_as_short_as_they_may_be() {
        let same = [
            "-@all",
            "+@all",
            "-@all +get",
            "+@all -client|kill",
            "+@all -client +client|id +client|setname",
            "-@all +select|0 +debug|object",
            "-@all -@dangerous",
            "+@all -@hash -@slow +hget",
        ];
        for line in same {
            assert_eq!(made(line).describe(), line);
        }
        let shorter = [
            ("+@all -@hash -@slow +hget -@hash", "+@all -@slow +hget -@hash"),
            ("+@all -@slow +hget -@hash +@hash", "+@all -@slow +hget +@hash"),
            ("-@string -@slow +@all", "+@all"),
            ("-@all +@HASH +@hash +@HaSh", "-@all +@hash"),
            ("-@all +HGET +hget +hGeT", "-@all +hget"),
            ("-@all +hget -hset +hset -hget", "-@all +hset -hget"),
            ("-@all +client|list +client|list +config|get +config", "-@all +client|list +config"),
            ("-@all +select|0 +select|0 +debug|segfault +debug", "-@all +select|0 +debug"),
            ("-@all +config +config|get -config|set +config", "-@all +config"),
        ];
        for (line, expect) in shorter {
            assert_eq!(made(line).describe(), expect);
        }
    }

    #[test]
    fn what_is_allowed() {
        let rules = made("-@all +get +client|id +select|0 +@hash -hdel");
        for line in ["get k", "client id", "CLIENT ID", "select 0", "hget k f", "auth pw", "quit"] {
            assert!(allows(&rules, line), "{line}");
        }
        for line in ["set k v", "client list", "select 1", "hdel k f", "ping"] {
            assert!(!allows(&rules, line), "{line}");
        }
        assert!(!rules.allows_everything() && made("+@all").allows_everything());
        assert!(made("-@all +@all -get +get").allows_everything());
        let rules = made("-@all +config -config|set");
        assert!(allows(&rules, "config get x") && !allows(&rules, "config set x y"));
    }

    #[test]
    fn what_is_no_rule() {
        let mut rules = CommandRules::all_or_none(true);
        let mut error = |allows, what: &str| rules.set_command(allows, what.as_bytes()).unwrap_err();
        assert_eq!(error(true, "nosuch"), RuleError::Unknown);
        assert_eq!(error(true, "config|nosuch"), RuleError::Unknown);
        assert_eq!(error(false, "config|nosuch"), RuleError::Unknown);
        assert_eq!(error(true, "get|a|b"), RuleError::Unknown);
        assert_eq!(error(false, "select|0"), RuleError::Unknown);
        assert_eq!(error(true, "select|"), RuleError::Syntax);
        assert_eq!(error(true, "config|get|x"), RuleError::FirstWordOfSubcommand);
        assert_eq!(rules.set_category(true, b"nosuch"), Err(RuleError::Unknown));
    }
}
