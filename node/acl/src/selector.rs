//! A selector: commands, keys and channels that go together.

use commands::Args;
use commands::table::{self, Channels, Found, KeyFlags};

use crate::check::{Denial, Reason};
use crate::command_rules::CommandRules;
use crate::pattern::{Access, KeyPattern, Pattern, READ, WRITE};
use crate::rule::{RuleError, has_space};

/// What new users and selectors have.
#[derive(Debug, Clone, Copy, Default)]
pub struct Defaults {
    /// All channels (`acl-pubsub-default allchannels`).
    pub all_channels: bool,
}

/// A list of patterns, or everything.
#[derive(Debug, Clone)]
enum Only<T> {
    All,
    These(Vec<T>),
}

/// Which commands may be run on which keys and channels.
#[derive(Debug, Clone)]
pub struct Selector {
    commands: CommandRules,
    keys: Only<KeyPattern>,
    channels: Only<Pattern>,
}

impl Selector {
    /// A selector that allows nothing, but what `defaults` give.
    pub fn new(defaults: Defaults) -> Selector {
        let channels = if defaults.all_channels { Only::All } else { Only::These(Vec::new()) };
        Selector { commands: CommandRules::all_or_none(false), keys: Only::These(Vec::new()), channels }
    }

    /// The selector between the parentheses of `rule`.
    pub fn parse(rule: &[u8], defaults: Defaults) -> Result<Selector, RuleError> {
        let inside =
            rule.strip_prefix(b"(").and_then(|rest| rest.strip_suffix(b")")).ok_or(RuleError::Syntax)?;
        let mut selector = Selector::new(defaults);
        for rule in resp::split_line(inside).ok_or(RuleError::Syntax)? {
            selector.apply(&rule)?;
        }
        Ok(selector)
    }

    /// Takes one rule about commands, keys or channels.
    pub fn apply(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        match rule.to_ascii_lowercase().as_slice() {
            b"allkeys" | b"~*" => self.keys = Only::All,
            b"resetkeys" => self.keys = Only::These(Vec::new()),
            b"allchannels" | b"&*" => self.channels = Only::All,
            b"resetchannels" => self.channels = Only::These(Vec::new()),
            b"allcommands" => self.commands = CommandRules::all_or_none(true),
            b"nocommands" => self.commands = CommandRules::all_or_none(false),
            [b'~' | b'%', ..] => return self.add_keys(rule),
            [b'&', ..] => return self.add_channels(&rule[1..]),
            [sign @ (b'+' | b'-'), b'@', category @ ..] => {
                return self.commands.set_category(*sign == b'+', category);
            }
            [sign @ (b'+' | b'-'), command @ ..] => return self.commands.set_command(*sign == b'+', command),
            _ => return Err(RuleError::Syntax),
        }
        Ok(())
    }

    /// `~pattern`, `%R~pattern`, `%W~pattern`, `%RW~pattern`.
    fn add_keys(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        let Only::These(keys) = &mut self.keys else { return Err(RuleError::KeysAfterAll) };
        let tilde = rule.iter().position(|byte| *byte == b'~').ok_or(RuleError::Syntax)?;
        let (sign, text) = (&rule[..tilde], &rule[tilde + 1..]);
        let access = match sign.to_ascii_uppercase().as_slice() {
            b"%R" => READ,
            b"%W" => WRITE,
            b"" | b"%RW" | b"%WR" => READ | WRITE,
            _ => return Err(RuleError::Syntax),
        };
        if has_space(text) {
            return Err(RuleError::Syntax);
        }
        match keys.iter_mut().find(|key| key.pattern.text() == text) {
            Some(known) => known.access |= access,
            None => keys.push(KeyPattern { pattern: Pattern::new(text), access }),
        }
        Ok(())
    }

    fn add_channels(&mut self, text: &[u8]) -> Result<(), RuleError> {
        let Only::These(channels) = &mut self.channels else { return Err(RuleError::ChannelsAfterAll) };
        if has_space(text) {
            return Err(RuleError::Syntax);
        }
        if !channels.iter().any(|known| known.text() == text) {
            channels.push(Pattern::new(text));
        }
        Ok(())
    }

    /// Whether it allows everything there is.
    pub fn allows_everything(&self) -> bool {
        let all = matches!((&self.keys, &self.channels), (Only::All, Only::All));
        all && self.commands.allows_everything()
    }

    /// Whether a command with these words may run.
    pub fn check(&self, found: &Found, args: &Args<'_>) -> Result<(), Denial> {
        if !self.commands.allows(found, args) {
            return Err(Denial { reason: Reason::Command, index: 0 });
        }
        if let (Only::These(patterns), [_, ..]) = (&self.keys, found.command.keys) {
            check_keys(patterns, found, args)?;
        }
        if let (Only::These(patterns), true) = (&self.channels, found.command.channels != Channels::None) {
            check_channels(patterns, found.command.channels, args)?;
        }
        Ok(())
    }

    /// Whether every key may be read.
    pub fn reads_every_key(&self) -> bool {
        match &self.keys {
            Only::All => true,
            Only::These(keys) => keys.iter().any(|key| key.access & READ != 0 && key.pattern.text() == b"*"),
        }
    }

    /// Whether `channel` may be used; as a pattern it must be one of the selector's, letter by letter.
    pub fn allows_channel(&self, channel: &[u8], is_pattern: bool) -> bool {
        match &self.channels {
            Only::All => true,
            Only::These(patterns) => channel_is_among(patterns, channel, is_pattern),
        }
    }

    /// Its channel patterns; `None` for all channels.
    pub fn channel_patterns(&self) -> Option<&[Pattern]> {
        match &self.channels {
            Only::All => None,
            Only::These(patterns) => Some(patterns),
        }
    }

    /// Its rules about commands: `-@all +get`.
    pub fn describe_commands(&self) -> String {
        self.commands.describe()
    }

    /// Its rules about keys: `~a %R~b*`.
    pub fn describe_keys(&self) -> Vec<u8> {
        match &self.keys {
            Only::All => b"~*".to_vec(),
            Only::These(keys) => joined(keys, |key, out| key.describe(out)),
        }
    }

    /// Its rules about channels: `&news.*`.
    pub fn describe_channels(&self) -> Vec<u8> {
        match &self.channels {
            Only::All => b"&*".to_vec(),
            Only::These(channels) => joined(channels, |channel, out| {
                out.push(b'&');
                out.extend_from_slice(channel.text());
            }),
        }
    }

    /// All its rules, as they would make it again.
    pub fn describe(&self) -> Vec<u8> {
        let mut text = self.describe_keys();
        let mut part = |part: &[u8]| {
            if !text.is_empty() && !part.is_empty() {
                text.push(b' ');
            }
            text.extend_from_slice(part);
        };
        if matches!(self.channels, Only::These(_)) {
            part(b"resetchannels");
        }
        part(&self.describe_channels());
        part(self.describe_commands().as_bytes());
        text
    }
}

fn joined<T>(items: &[T], write: impl Fn(&T, &mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    for item in items {
        if !out.is_empty() {
            out.push(b' ');
        }
        write(item, &mut out);
    }
    out
}

/// What a pattern must allow for a key that is used like this.
fn needed(flags: KeyFlags) -> Access {
    let reads = flags & table::ACCESS != 0;
    let writes = flags & (table::INSERT | table::DELETE | table::UPDATE) != 0;
    (u8::from(reads) * READ) | (u8::from(writes) * WRITE)
}

fn check_keys(patterns: &[KeyPattern], found: &Found, args: &Args<'_>) -> Result<(), Denial> {
    let check = |index: usize, flags| {
        let (key, needed) = (args[index], needed(flags));
        let takes = |key_pattern: &KeyPattern| {
            key_pattern.access & needed == needed && key_pattern.pattern.matches(key)
        };
        match patterns.iter().any(takes) {
            true => Ok(()),
            false => Err(Denial { reason: Reason::Key, index }),
        }
    };
    if let Some((index, flags)) = found.command.lone_key(args) {
        return check(index, flags);
    }
    let mut denied = None;
    let all = found.command.each_key_use(args, &mut |index, flags| {
        denied = denied.or_else(|| check(index, flags).err());
    });
    // With a count of keys that is none, no key is known: the command itself says what is wrong.
    match (all, denied) {
        (Ok(()), Some(denial)) => Err(denial),
        _ => Ok(()),
    }
}

fn check_channels(patterns: &[Pattern], channels: Channels, args: &Args<'_>) -> Result<(), Denial> {
    let count = if channels == Channels::First { 2 } else { args.len() };
    let is_pattern = channels == Channels::Patterns;
    let denied =
        (1..count.min(args.len())).find(|index| !channel_is_among(patterns, args[*index], is_pattern));
    denied.map_or(Ok(()), |index| Err(Denial { reason: Reason::Channel, index }))
}

fn channel_is_among(patterns: &[Pattern], channel: &[u8], is_pattern: bool) -> bool {
    patterns.iter().any(|known| if is_pattern { known.text() == channel } else { known.matches(channel) })
}
