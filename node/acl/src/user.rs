//! A user: a name, passwords, selectors. It never changes; a rule makes another one.

use std::num::NonZeroU32;

use commands::Args;
use commands::table::Found;

use crate::check::{Denial, Reason};
use crate::password::Password;
use crate::pattern::Pattern;
use crate::rule::{RuleError, SetError, join_selectors};
use crate::selector::{Defaults, Selector};

/// Which user: the same through all its rules, and never used again after it was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserId(NonZeroU32);

impl UserId {
    /// The default user.
    pub const DEFAULT: UserId = UserId(NonZeroU32::MIN);

    /// The user of this number; 0 is none.
    pub fn new(number: u32) -> Option<UserId> {
        NonZeroU32::new(number).map(UserId)
    }

    /// Its number.
    pub fn number(self) -> u32 {
        self.0.get()
    }
}

/// A user.
#[derive(Debug, Clone)]
pub struct User {
    id: UserId,
    name: Box<[u8]>,
    enabled: bool,
    no_password: bool,
    checks_payload: bool,
    passwords: Vec<Password>,
    own: Selector,
    more: Vec<Selector>,
    /// Nothing has to be asked of it; worked out once.
    allows_everything: bool,
}

impl User {
    /// A user that may do nothing and cannot log in.
    pub fn new(id: UserId, name: &[u8], defaults: Defaults) -> User {
        User {
            id,
            name: name.into(),
            enabled: false,
            no_password: false,
            checks_payload: true,
            passwords: Vec::new(),
            own: Selector::new(defaults),
            more: Vec::new(),
            allows_everything: false,
        }
    }

    /// The user that this one becomes by `rules`, or the first rule that does not hold.
    pub fn with_rules(&self, words: &[&[u8]], defaults: Defaults) -> Result<User, SetError> {
        let mut user = self.clone();
        for rule in join_selectors(words)? {
            user.apply(&rule, defaults).map_err(|error| SetError::Rule(rule, error))?;
        }
        let allows_everything = user.selectors().any(Selector::allows_everything);
        Ok(User { allows_everything, ..user })
    }

    /// Takes one rule.
    pub(crate) fn apply(&mut self, rule: &[u8], defaults: Defaults) -> Result<(), RuleError> {
        match rule.to_ascii_lowercase().as_slice() {
            b"" => {}
            b"on" => self.enabled = true,
            b"off" => self.enabled = false,
            b"sanitize-payload" => self.checks_payload = true,
            b"skip-sanitize-payload" => self.checks_payload = false,
            b"nopass" => (self.no_password, self.passwords) = (true, Vec::new()),
            b"resetpass" => (self.no_password, self.passwords) = (false, Vec::new()),
            b"clearselectors" => self.more.clear(),
            b"reset" => *self = User::new(self.id, &self.name, defaults),
            [b'>', ..] => self.add_password(Password::of(&rule[1..])),
            [b'#', ..] => self.add_password(Password::from_hex(&rule[1..]).ok_or(RuleError::BadHash)?),
            [b'<', ..] => self.remove_password(Password::of(&rule[1..]))?,
            [b'!', ..] => self.remove_password(Password::from_hex(&rule[1..]).ok_or(RuleError::BadHash)?)?,
            [b'(', .., b')'] => self.more.push(Selector::parse(rule, defaults)?),
            _ => self.own.apply(rule)?,
        }
        Ok(())
    }

    fn add_password(&mut self, password: Password) {
        if !self.passwords.contains(&password) {
            self.passwords.push(password);
        }
        self.no_password = false;
    }

    fn remove_password(&mut self, password: Password) -> Result<(), RuleError> {
        let at = self.passwords.iter().position(|known| *known == password);
        self.passwords.remove(at.ok_or(RuleError::NoSuchPassword)?);
        Ok(())
    }

    /// Which user it is.
    pub fn id(&self) -> UserId {
        self.id
    }

    /// Its name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Whether it may log in.
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Whether any password will do.
    pub fn needs_no_password(&self) -> bool {
        self.no_password
    }

    /// Whether the payloads of its RESTORE are checked in depth under `sanitize-dump-payload clients`.
    pub fn checks_payload(&self) -> bool {
        self.checks_payload
    }

    /// Whether it may do everything, so that nothing has to be asked.
    pub fn allows_everything(&self) -> bool {
        self.allows_everything
    }

    /// Whether it may log in with this password.
    pub fn accepts(&self, password: &[u8]) -> bool {
        let given = Password::of(password);
        self.enabled && (self.no_password || self.passwords.iter().any(|known| known.matches(&given)))
    }

    /// Its own selector.
    pub fn own_selector(&self) -> &Selector {
        &self.own
    }

    /// The selectors in parentheses.
    pub fn further_selectors(&self) -> &[Selector] {
        &self.more
    }

    fn selectors(&self) -> impl Iterator<Item = &Selector> {
        std::iter::once(&self.own).chain(&self.more)
    }

    /// Whether it may run a command with these words.
    pub fn check(&self, found: &Found, args: &Args<'_>) -> Result<(), Denial> {
        let mut worst = Denial { reason: Reason::Command, index: 0 };
        for selector in self.selectors() {
            match selector.check(found, args) {
                Ok(()) => return Ok(()),
                Err(denial) => worst = worst.max(denial),
            }
        }
        Err(worst)
    }

    /// Whether it may run a command that goes on to read keys of any name (SORT's BY and GET).
    pub fn check_reading_every_key(&self, found: &Found, args: &Args<'_>) -> bool {
        let mut selectors = self.selectors();
        selectors.any(|selector| selector.check(found, args).is_ok() && selector.reads_every_key())
    }

    /// Whether it may use a channel; a pattern must be one of its own, letter by letter.
    pub fn allows_channel(&self, channel: &[u8], is_pattern: bool) -> bool {
        self.selectors().any(|selector| selector.allows_channel(channel, is_pattern))
    }

    /// Whether it may use all channels that `before` may.
    pub fn allows_channels_of(&self, before: &User) -> bool {
        let mine: Option<Vec<&Pattern>> = self.channel_patterns();
        let theirs = before.channel_patterns();
        match (mine, theirs) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(mine), Some(theirs)) => theirs.iter().all(|pattern| mine.contains(pattern)),
        }
    }

    /// The channel patterns of all selectors; `None` for all channels.
    fn channel_patterns(&self) -> Option<Vec<&Pattern>> {
        let each: Option<Vec<&[Pattern]>> = self.selectors().map(Selector::channel_patterns).collect();
        Some(each?.into_iter().flatten().collect())
    }

    /// Its flags, as ACL GETUSER lists them.
    pub fn flags(&self) -> impl Iterator<Item = &'static str> {
        let flags = [
            Some(if self.enabled { "on" } else { "off" }),
            self.no_password.then_some("nopass"),
            Some(if self.checks_payload { "sanitize-payload" } else { "skip-sanitize-payload" }),
        ];
        flags.into_iter().flatten()
    }

    /// Its passwords' hashes.
    pub fn password_hashes(&self) -> impl ExactSizeIterator<Item = String> {
        self.passwords.iter().map(|password| password.to_hex())
    }

    /// The line that makes it again: `user name rules`.
    pub fn describe(&self) -> Vec<u8> {
        let mut line = [b"user ", &self.name[..]].concat();
        let flags = self.flags().map(str::to_owned);
        let hashes = self.password_hashes().map(|hash| format!("#{hash}"));
        for word in flags.chain(hashes) {
            line.push(b' ');
            line.extend_from_slice(word.as_bytes());
        }
        line.push(b' ');
        line.extend_from_slice(&self.own.describe());
        for selector in &self.more {
            line.extend_from_slice(b" (");
            line.extend_from_slice(&selector.describe());
            line.push(b')');
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A user made by these rules.
    fn user(rules: &str) -> Result<User, String> {
        let words: Vec<&[u8]> = rules.split(' ').map(str::as_bytes).collect();
        User::new(UserId::DEFAULT, b"u", Defaults::default())
            .with_rules(&words, Defaults::default())
            .map_err(|e| e.to_string())
    }

    /// `ok`, or the word that is missing.
    fn check(user: &User, line: &str) -> String {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let args = Args::new(&words);
        match user.check(&Found::resolve(&args).unwrap(), &args) {
            Ok(()) => "ok".to_owned(),
            Err(Denial { reason: Reason::Command, .. }) => "command".to_owned(),
            Err(denial) => String::from_utf8_lossy(args[denial.index]).into_owned(),
        }
    }

    #[test]
    fn lines_make_their_users_again() {
        let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        for (rules, line) in [
            ("reset", "off sanitize-payload resetchannels -@all".to_owned()),
            ("on nopass ~* &* +@all", "on nopass sanitize-payload ~* &* +@all".to_owned()),
            (
                "on >test skip-sanitize-payload allkeys +get",
                format!("on skip-sanitize-payload #{hash} ~* resetchannels -@all +get"),
            ),
            (
                "%R~a %W~b %RW~c ~d* %R~e %W~e &x (+@set ~s) ()",
                "off sanitize-payload %R~a %W~b ~c ~d* ~e resetchannels &x -@all (~s resetchannels -@all +@set) \
                 (resetchannels -@all)"
                    .to_owned(),
            ),
        ] {
            let made = user(rules).unwrap();
            let text = String::from_utf8(made.describe()).unwrap();
            assert_eq!(text, format!("user u {line}"));
            let again = user(text.strip_prefix("user u ").unwrap()).unwrap();
            assert_eq!(again.describe(), made.describe());
        }
    }

    #[test]
    fn rules_that_do_not_hold() {
        let error = |rules| user(rules).unwrap_err();
        assert_eq!(error("%~"), "Error in ACL SETUSER modifier '%~': Syntax error");
        assert!(error("~* ~a").contains("'~a': Adding a pattern after the *"));
        assert!(error("&* &a").contains("resetchannels"));
        assert!(error("<pw").ends_with("The password you are trying to remove from the user does not exist"));
        assert!(error("#12").contains("exactly 64 characters"));
        assert!(error("(this-is-invalid)").contains("'(this-is-invalid)': Syntax error"));
        assert!(error("(&* &fail)").contains("'(&* &fail)': Adding a pattern after the *"));
        assert!(error(")").contains("Syntax error") && error("%RR~a").contains("Syntax error"));
    }

    #[test]
    fn passwords() {
        let with = user("on >a >b").unwrap();
        assert!(with.accepts(b"a") && with.accepts(b"b") && !with.accepts(b"c"));
        let without = with.with_rules(&[b"<a"], Defaults::default()).unwrap();
        assert!(!without.accepts(b"a") && without.accepts(b"b") && with.accepts(b"a"));
        assert!(user("on nopass").unwrap().accepts(b"anything") && !user("nopass").unwrap().accepts(b""));
        assert!(!user("on nopass >a").unwrap().accepts(b"b"));
    }

    #[test]
    fn keys_by_what_is_done_with_them() {
        let split = user("+@all %R~r* %W~w* ~rw*").unwrap();
        for line in ["get r1", "lpush w1 x", "copy r1 w1", "exists w1", "set rw x get", "set w1 x", "ping"] {
            assert_eq!(check(&split, line), "ok", "{line}");
        }
        assert_eq!(check(&split, "get w1"), "w1");
        assert_eq!(check(&split, "copy w1 r1"), "w1");
        assert_eq!(check(&split, "set w1 x get"), "w1");
        assert_eq!(check(&split, "exists n"), "n");
        assert_eq!(check(&split, "sort r1 store r2"), "r2");
        assert_eq!(check(&split, "sort r1 by store rw store r2"), "r2");
        assert_eq!(check(&split, "bitfield w1 get u4 0"), "w1");
        assert_eq!(check(&split, "zunion 3 a b"), "ok", "the command itself refuses it");
    }

    #[test]
    fn one_selector_must_allow_all() {
        let two = user("+mget ~key (+mget ~key ~other) (+set %W~*)").unwrap();
        assert_eq!(check(&two, "mget key other"), "ok");
        assert_eq!(check(&two, "mget other some"), "some");
        assert_eq!(check(&two, "mget key other some"), "some");
        assert_eq!(check(&two, "get key"), "command");
        assert_eq!(check(&two, "set x y"), "ok");
        assert_eq!(check(&two, "set x y get"), "x");
        assert!(!two.allows_everything() && user("(+@all ~* &*)").unwrap().allows_everything());
    }

    #[test]
    fn channels() {
        let old = user("&foo:1 &bar:*").unwrap();
        assert!(old.allows_channel(b"bar:2", false) && old.allows_channel(b"bar:*", true));
        assert!(!old.allows_channel(b"bar:2", true) && !old.allows_channel(b"zap", false));
        assert!(user("&bar:* (&foo:1) &more").unwrap().allows_channels_of(&old));
        assert!(user("&*").unwrap().allows_channels_of(&old));
        assert!(!user("&bar:*").unwrap().allows_channels_of(&old));
        assert!(!old.allows_channels_of(&user("&*").unwrap()));
    }
}
