//! Permissions: what a client's user may do, asked before its commands run.
//!
//! Nearly all clients may do everything. So each client keeps the answer to that one question ([`Access`]), made
//! anew when it logs in or when the users change, and only the others' commands are looked at more closely.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use acl::{Context, Denial, Event, Reason, User, UserId, Users};
use commands::table::{self, Found, Host, Run};
use commands::{Args, Error, Outcome};

use crate::client::{Client, Closing, describe};
use crate::config::Allowed;
use crate::core::Core;
use crate::core::blocking::SessionId;
use crate::pubsub::{Kind, Subscriptions};

const NO_AUTH: Error = Error::new("NOAUTH Authentication required.");
const NOT_IN_MULTI: Error = Error::new("ERR Command not allowed inside a transaction");
const DEBUG_NOT_ALLOWED: Error = Error::new(
    "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a \
     local connection, otherwise you need to set this option in the configuration file, and then restart the \
     server.",
);

/// What has to be asked before a client's command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing: its user may do everything.
    Everything,
    /// Its user's rules.
    ByRules,
    /// It has not said who it is, and must.
    Unknown,
}

impl Core {
    /// A client that just came in is the default user.
    pub fn welcome(&self, client: &mut Client) {
        client.user = self.users.default_user().clone();
        client.authenticated = !self.users.ask_password();
        client.access = access(client, &self.users);
    }

    /// Lets a client be `user` if the password is right.
    pub fn log_in(&mut self, client: &mut Client, args: &Args<'_>, user: &[u8], password: &[u8]) -> bool {
        let Some(known) = self.users.authenticate(user, password) else {
            let event = Event {
                reason: Reason::Auth,
                context: context(client),
                object: args[0].to_vec(),
                username: user.to_vec(),
                client: describe(client, self),
            };
            self.note_refusal(event);
            return false;
        };
        client.user = known.clone();
        client.authenticated = true;
        client.access = access(client, &self.users);
        true
    }

    /// The checks of a command that few commands or few clients need; called where one of them may fail.
    pub fn admit(&mut self, client: &Client, found: Found, args: &Args<'_>) -> Outcome {
        let command = found.command;
        if command.has(table::PROTECTED) && !self.allows(client, self.config.security.enable_debug_command) {
            return self.refuse(found, DEBUG_NOT_ALLOWED);
        }
        if client.access == Access::Unknown && !command.has(table::NO_AUTH) {
            return self.refuse(found, NO_AUTH);
        }
        let is_own = matches!(command.run, Run::Host(Host::Watch | Host::Multi));
        if client.in_multi() && command.has(table::NO_MULTI) && !is_own {
            return self.refuse(found, NOT_IN_MULTI);
        }
        if client.access != Access::Everything
            && let Err(denial) = self.permit(client, found, args, context(client))
        {
            return self
                .refuse(found, Error::text(format!("NOPERM {}", denial.message(&client.user, &found))));
        }
        Ok(())
    }

    /// Whether a directive that opens something to some opens it to this client.
    pub fn allows(&self, client: &Client, directive: Allowed) -> bool {
        match directive {
            Allowed::Yes => true,
            Allowed::Local => client.is_local(),
            Allowed::No => false,
        }
    }

    /// Whether the rules of a client's user permit a command; a refusal is counted and logged.
    pub fn permit(
        &mut self,
        client: &Client,
        found: Found,
        args: &Args<'_>,
        context: Context,
    ) -> Result<(), Denial> {
        let Err(denial) = client.user.check(&found, args) else { return Ok(()) };
        let line = describe(client, self);
        self.note_denial(denial, &client.user, found, args, context, line);
        Err(denial)
    }

    /// As [`Core::permit`] for a session whose command waited; `user` is that of a sibling's client.
    pub fn permit_session(
        &mut self,
        session: SessionId,
        user: Option<UserId>,
        found: Found,
        args: &Args<'_>,
    ) -> Result<(), Error> {
        let Some(user) = self.user_of(session, user) else { return Err(NO_AUTH) };
        let Err(denial) = user.check(&found, args) else { return Ok(()) };
        let line = self.session_line(session);
        self.note_denial(denial, &user, found, args, Context::TopLevel, line);
        Err(Error::text(format!("NOPERM {}", denial.message(&user, &found))))
    }

    /// As [`Core::permit`] for a queued command when EXEC comes to it: the rules may have changed since.
    pub fn permit_in_exec(&mut self, client: &Client, found: Found, args: &Args<'_>) -> Outcome {
        if client.access == Access::Everything {
            return Ok(());
        }
        self.permit(client, found, args, Context::Multi).map_err(|denial| {
            let reason = match denial.reason {
                Reason::Command | Reason::Auth => "no permission to execute the command or subcommand",
                Reason::Key => "no permission to touch the specified keys",
                Reason::Channel => "no permission to access one of the channels used as arguments",
            };
            Error::text(format!(
                "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. \
                 This command is no longer allowed for the following reason: {reason}"
            ))
        })
    }

    /// As [`Core::permit`] for a command that a script calls; `user` is whose permissions hold.
    pub fn permit_in_script(
        &mut self,
        session: SessionId,
        user: UserId,
        found: Found,
        args: &Args<'_>,
    ) -> Outcome {
        let Some(user) = self.users.by_id(user).cloned() else { return Err(NO_AUTH) };
        let Err(denial) = user.check(&found, args) else { return Ok(()) };
        let line = self.session_line(session);
        self.note_denial(denial, &user, found, args, Context::Script, line);
        Err(Error::text(format!("ERR ACL failure in script: {}", denial.message(&user, &found))))
    }

    /// Whether the rules of `user` permit a command; nobody hears of it.
    pub fn permits_user(&self, user: UserId, found: Found, args: &Args<'_>) -> bool {
        self.users.by_id(user).is_some_and(|user| user.check(&found, args).is_ok())
    }

    /// Whether a command of `user` that reads keys it does not name may read any.
    pub fn may_read_every_key(&self, user: UserId, found: Found, args: &Args<'_>) -> bool {
        let may = |user: &Arc<User>| user.check_reading_every_key(&found, args);
        !found.command.reads_unnamed_keys() || self.users.by_id(user).is_some_and(may)
    }

    /// The user of a session as its rules are now.
    fn user_of(&self, session: SessionId, user: Option<UserId>) -> Option<Arc<User>> {
        match self.client_of(session) {
            Some(client) => Some(client.user.clone()),
            None => self.users.by_id(user?).cloned(),
        }
    }

    /// The client of a session, for the log; empty for the one whose command runs now.
    fn session_line(&self, session: SessionId) -> String {
        match self.client_of(session) {
            Some(client) => describe(client, self),
            None if session.core == self.index => String::new(),
            None => format!("client {} of core {}", session.index, session.core),
        }
    }

    /// The client of a session of this core.
    pub fn client_of(&self, session: SessionId) -> Option<&Client> {
        let own = (session.core == self.index).then_some(session)?;
        self.clients.peek(own.index, own.generation)
    }

    fn note_denial(
        &mut self,
        denial: Denial,
        user: &User,
        found: Found,
        args: &Args<'_>,
        context: Context,
        client: String,
    ) {
        let object = match denial.reason {
            Reason::Command => found.full_name().into_bytes(),
            _ => args[denial.index].to_vec(),
        };
        let username = user.name().to_vec();
        self.note_refusal(Event { reason: denial.reason, context, object, username, client });
    }

    /// Counts a refusal and notes it in ACL LOG.
    pub fn note_refusal(&mut self, event: Event) {
        let stats = &mut self.stats;
        *match event.reason {
            Reason::Command => &mut stats.denied_commands,
            Reason::Key => &mut stats.denied_keys,
            Reason::Auth => &mut stats.denied_log_ins,
            Reason::Channel => &mut stats.denied_channels,
        } += 1;
        let next_id = || self.process.refusal_ids.fetch_add(1, Ordering::Relaxed);
        self.acl_log.add(event, self.now_ms, self.config.security.acllog_max_len as usize, next_id);
    }

    /// Takes over the users of the process if they changed; called before the requests of a round.
    #[inline]
    pub fn follow_users(&mut self) {
        if self.process.users.version() != self.users_version {
            self.adopt_users(None);
        }
    }

    /// Takes over the users of the process. Clients whose user is gone are closed; so are those that listen to
    /// channels their user lost. `running` is the client whose command runs now: it gets its reply first.
    pub fn adopt_users(&mut self, running: Option<&mut Client>) {
        (self.users, self.users_version) = self.process.users.newest();
        for client in self.clients.iter_mut() {
            if !renew(client, &self.users, self.pubsub.of(client.index)) {
                client.shut();
            }
        }
        if let Some(client) = running
            && !renew(client, &self.users, self.pubsub.of(client.index))
        {
            client.closing = Closing::AfterReply;
        }
    }
}

/// Gives a client its user as it is now; whether the client may stay.
fn renew(client: &mut Client, users: &Users, subscriptions: Option<&Subscriptions>) -> bool {
    let known = users.get(client.user.name()).filter(|user| user.id() == client.user.id());
    let stays = known.is_some_and(|user| keeps_channels(user, &client.user, subscriptions));
    match known {
        Some(user) => client.user = user.clone(),
        None => {
            client.user = users.default_user().clone();
            client.authenticated = false;
        }
    }
    client.access = access(client, users);
    stays
}

/// Whether a client's subscriptions are still permitted to its user.
fn keeps_channels(now: &Arc<User>, before: &Arc<User>, subscriptions: Option<&Subscriptions>) -> bool {
    let Some(subscriptions) = subscriptions else { return true };
    let allowed = |kind: Kind| {
        let mut names = subscriptions.names(kind).iter();
        names.all(|name| now.allows_channel(name, kind == Kind::Pattern))
    };
    Arc::ptr_eq(now, before)
        || now.allows_channels_of(before)
        || [Kind::Channel, Kind::Pattern, Kind::Shard].into_iter().all(allowed)
}

/// What has to be asked of a client.
fn access(client: &Client, users: &Users) -> Access {
    match () {
        () if !client.authenticated && users.ask_password() => Access::Unknown,
        () if client.user.allows_everything() => Access::Everything,
        () => Access::ByRules,
    }
}

fn context(client: &Client) -> Context {
    if client.in_multi() { Context::Multi } else { Context::TopLevel }
}
