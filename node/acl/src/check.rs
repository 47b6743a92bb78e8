//! Why a command was not permitted, and the choice of one reason out of several selectors'.

use commands::Args;
use commands::table::Found;

use crate::user::User;

/// What a user lacks, in the order in which one reason outdoes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The command.
    Command,
    /// A key, or a permission on it.
    Key,
    /// The right password.
    Auth,
    /// A channel.
    Channel,
}

impl Reason {
    /// Its name in ACL LOG.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Command => "command",
            Reason::Key => "key",
            Reason::Auth => "auth",
            Reason::Channel => "channel",
        }
    }
}

/// Why a command was not permitted. The greater of two is the one to tell: the command when no selector has it,
/// else the last key or channel that none has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Denial {
    /// What is missing.
    pub reason: Reason,
    /// The word it is about; 0 is the command.
    pub index: usize,
}

impl Denial {
    /// What a client is told, behind the error's code.
    pub fn message(&self, user: &User, found: &Found) -> String {
        match self.reason {
            Reason::Key => "No permissions to access a key".to_owned(),
            Reason::Channel => "No permissions to access a channel".to_owned(),
            Reason::Command | Reason::Auth => {
                let user = String::from_utf8_lossy(user.name());
                format!("User {user} has no permissions to run the '{}' command", found.full_name())
            }
        }
    }

    /// What an administrator is told by ACL DRYRUN, the key or channel included.
    pub fn full_message(&self, user: &User, found: &Found, args: &Args<'_>) -> String {
        let what = match self.reason {
            Reason::Key => "key",
            Reason::Channel => "channel",
            Reason::Command | Reason::Auth => return self.message(user, found),
        };
        let (user, word) = (String::from_utf8_lossy(user.name()), String::from_utf8_lossy(args[self.index]));
        format!("User {user} has no permissions to access the '{word}' {what}")
    }
}
