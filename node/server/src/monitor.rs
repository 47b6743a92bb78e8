//! MONITOR: every command, told to whoever watches, after it ran.
//!
//! A monitor on a core's own port sees the commands that this core runs; one that came in at the ingress sees
//! those of the whole process. A command that is forwarded is told by the core that took it in, which alone knows
//! its client. So siblings let each other know whether they have monitors ([`crate::pubsub::Wants`]), and lines go
//! only where somebody reads them. While nobody does, all of this is one branch.
//!
//! Source: the command page of MONITOR.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytes::Bytes;
use commands::Args;
use commands::table::{self, Found};

use crate::admin::without_secrets;
use crate::client::{Client, Door};
use crate::clock;
use crate::core::Core;
use crate::mesh::Message;

/// The monitors of a core.
#[derive(Default)]
pub struct Monitors {
    /// By client index: whether it came in at the ingress.
    clients: BTreeMap<u32, bool>,
    /// Whether anybody reads lines of this core, here or at a sibling.
    pub fed: bool,
}

impl Monitors {
    /// Takes a client in.
    pub fn add(&mut self, client: &Client) {
        self.clients.insert(client.index, client.door == Door::Ingress);
    }

    /// Whether there are any that came in at the ingress, or at the core's own port.
    pub fn any(&self, ingress: bool) -> bool {
        self.clients.values().any(|i| *i == ingress)
    }
}

impl Core {
    /// Tells the monitors of a client's command that runs, or ran, on `core`.
    #[inline]
    pub fn tell_monitors(&mut self, client: &Client, found: Found, args: &Args<'_>, core: u16) {
        if self.monitors.fed && is_shown(found) {
            self.feed_monitors(&sender(client), found, args, core);
        }
    }

    /// As [`Core::tell_monitors`] of a command that runs a script: it is told before the commands that the script calls.
    pub fn tell_monitors_first(&mut self, client: &Client, found: Found, args: &Args<'_>, core: u16) {
        if self.monitors.fed {
            self.feed_monitors(&sender(client), found, args, core);
        }
    }

    /// Tells the monitors of a command that a script called.
    pub fn tell_monitors_of_call(&mut self, found: Found, args: &Args<'_>) {
        if self.monitors.fed && is_shown(found) {
            self.feed_monitors("lua", found, args, self.index);
        }
    }

    /// Tells the monitors of a command of `sender` that runs, or ran, on `core`.
    fn feed_monitors(&mut self, sender: &str, found: Found, args: &Args<'_>, core: u16) {
        let line = Bytes::from(line(sender, found, args));
        self.show_line(&line, core == self.index);
        for sibling in self.mesh.siblings() {
            let wants = self.siblings_want[usize::from(sibling)];
            if wants.all_commands || (wants.commands && sibling == core) {
                let message = Message::Monitored { line: line.clone(), here: sibling == core };
                self.mesh.send(sibling, message);
            }
        }
    }

    /// A client monitors no more.
    pub fn forget_monitor(&mut self, client: &mut Client) {
        if std::mem::take(&mut client.monitor) {
            self.monitors.clients.remove(&client.index);
            self.wants_changed();
        }
    }

    /// Shows a line to this core's monitors; `here` tells that the command ran on this core.
    pub fn show_line(&mut self, line: &Bytes, here: bool) {
        let clients: Vec<u32> = (self.monitors.clients.iter())
            .filter(|(_, ingress)| here || **ingress)
            .map(|(client, _)| *client)
            .collect();
        for client in clients {
            self.push_to_client(self.session_at(client), |reply| reply.raw(line));
        }
    }

    /// Whether lines have to be made, after monitors came or went.
    pub fn update_monitors(&mut self) {
        let wanted = self.siblings_want.iter().any(|wants| wants.commands || wants.all_commands);
        self.monitors.fed = wanted || !self.monitors.clients.is_empty();
    }
}

fn is_shown(found: Found) -> bool {
    found.command.flags & (table::ADMIN | table::SKIP_MONITOR) == 0
}

/// A client as MONITOR names it.
fn sender(client: &Client) -> Cow<'_, str> {
    match client.door {
        Door::Unix => format!("unix:{}", client.peer.trim_end_matches(":0")).into(),
        Door::Node | Door::Tls | Door::Ingress => (&*client.peer).into(),
    }
}

/// `+TIME [DB SENDER] "word" ...`
fn line(sender: &str, found: Found, args: &Args<'_>) -> String {
    let us = clock::unix_us();
    let mut line = format!("+{}.{:06} [0 {sender}]", us / 1_000_000, us % 1_000_000);
    for word in without_secrets(found, args) {
        line.push(' ');
        quote(&mut line, word);
    }
    line.push_str("\r\n");
    line
}

/// A word in double quotes, with what is not printable escaped.
pub fn quote(line: &mut String, word: &[u8]) {
    line.push('"');
    for byte in word {
        match byte {
            b'\\' | b'"' => line.extend(['\\', char::from(*byte)]),
            b'\n' => line.push_str("\\n"),
            b'\r' => line.push_str("\\r"),
            b'\t' => line.push_str("\\t"),
            0x07 => line.push_str("\\a"),
            0x08 => line.push_str("\\b"),
            b' '..=b'~' => line.push(char::from(*byte)),
            _ => drop(write!(line, "\\x{byte:02x}")),
        }
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted() {
        let mut line = String::new();
        quote(&mut line, b"a \"b\"\\\r\n\t\x07\x08\x00\xff~");
        assert_eq!(line, r#""a \"b\"\\\r\n\t\a\b\x00\xff~""#);
    }

    #[test]
    fn a_line() {
        let words: [&[u8]; 3] = [b"auth", b"user", b"secret"];
        let args = Args::new(&words);
        let line = line("lua", Found::resolve(&args).unwrap(), &args);
        let (time, rest) = line.split_once(' ').unwrap();
        assert!(time.starts_with('+') && time.split_once('.').unwrap().1.len() == 6);
        assert_eq!(rest, "[0 lua] \"auth\" \"(redacted)\" \"(redacted)\"\r\n");
    }
}
