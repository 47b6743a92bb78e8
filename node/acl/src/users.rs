//! The set of users.
//!
//! A set is a value: it is copied (a reference a user), changed, and put in the place of the old one when all
//! went well.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::rule::{SetError, has_space};
use crate::selector::Defaults;
use crate::user::{User, UserId};

/// The user that connections have before they say otherwise. It always exists.
pub const DEFAULT: &[u8] = b"default";

/// What the default user may do unless somebody says otherwise.
const DEFAULT_RULES: [&[u8]; 5] = [b"+@all", b"~*", b"&*", b"on", b"nopass"];

/// All users, by name.
#[derive(Debug, Clone)]
pub struct Users {
    by_name: BTreeMap<Arc<[u8]>, Arc<User>>,
    default: Arc<User>,
    last_id: u32,
}

/// Whether a user may have this name.
pub fn check_name(name: &[u8]) -> bool {
    !has_space(name)
}

impl Default for Users {
    /// Only the default user, who may do everything without a password.
    fn default() -> Users {
        let user = User::new(UserId::DEFAULT, DEFAULT, Defaults::default());
        let user = user.with_rules(&DEFAULT_RULES, Defaults::default()).expect("these rules hold");
        let default = Arc::new(user);
        let by_name = BTreeMap::from([(Arc::from(DEFAULT), default.clone())]);
        Users { by_name, default, last_id: UserId::DEFAULT.number() }
    }
}

impl Users {
    /// The user of this name.
    pub fn get(&self, name: &[u8]) -> Option<&Arc<User>> {
        self.by_name.get(name)
    }

    /// The user of this number.
    pub fn by_id(&self, id: UserId) -> Option<&Arc<User>> {
        self.iter().find(|user| user.id() == id)
    }

    /// The user `default`.
    pub fn default_user(&self) -> &Arc<User> {
        &self.default
    }

    /// Whether connections must say who they are before they may do anything.
    pub fn ask_password(&self) -> bool {
        !self.default.needs_no_password() || !self.default.is_enabled()
    }

    /// The user of this name if it may log in with this password.
    pub fn authenticate(&self, name: &[u8], password: &[u8]) -> Option<&Arc<User>> {
        self.get(name).filter(|user| user.accepts(password))
    }

    /// All users, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<User>> {
        self.by_name.values()
    }

    /// Changes a user by rules, or makes it. On an error nothing is changed.
    pub fn set(&mut self, name: &[u8], rules: &[&[u8]], defaults: Defaults) -> Result<(), SetError> {
        let user = match self.get(name) {
            Some(user) => user.with_rules(rules, defaults)?,
            None => User::new(self.next_id(), name, defaults).with_rules(rules, defaults)?,
        };
        self.put(user);
        Ok(())
    }

    /// Makes a user by a line of a file; one of this name is replaced, as the default user may be.
    pub(crate) fn define(
        &mut self,
        name: &[u8],
        rules: &[&[u8]],
        defaults: Defaults,
    ) -> Result<(), SetError> {
        let id = self.get(name).map_or_else(|| self.next_id(), |user| user.id());
        self.put(User::new(id, name, defaults).with_rules(rules, defaults)?);
        Ok(())
    }

    /// Takes a user out of the set; whether it was in it. The default user stays.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        name != DEFAULT && self.by_name.remove(name).is_some()
    }

    /// The default user's only password from now on; none for no password at all (`requirepass`).
    pub fn set_default_password(&mut self, password: &[u8]) {
        let add = [b">", password].concat();
        let rule: &[u8] = if password.is_empty() { b"nopass" } else { &add };
        let user = self.default.with_rules(&[b"resetpass", rule], Defaults::default());
        self.put(user.expect("these rules hold"));
    }

    /// A number that no user has had yet.
    fn next_id(&self) -> UserId {
        UserId::new(self.last_id.wrapping_add(1)).expect("fewer users are made than 32 bits count")
    }

    fn put(&mut self, user: User) {
        let user = Arc::new(user);
        self.last_id = self.last_id.max(user.id().number());
        if user.name() == DEFAULT {
            self.default = user.clone();
        }
        self.by_name.insert(user.name().into(), user);
    }

    /// The users of `names` alone, and the default user as it is at first where it is not among them.
    pub(crate) fn keep(&mut self, names: &[&[u8]]) {
        self.by_name.retain(|name, _| names.contains(&&name[..]));
        if !names.contains(&DEFAULT) {
            let fresh = Users::default();
            self.put((**fresh.default_user()).clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_changes_as_a_whole() {
        let mut users = Users::default();
        assert!(!users.ask_password() && users.default_user().allows_everything());
        let before = users.clone();
        users.set(b"alice", &[b"on", b">pw"], Defaults::default()).unwrap();
        users.set(b"alice", &[b"+get"], Defaults::default()).unwrap();
        assert!(users.set(b"bob", &[b"+get", b"nonsense"], Defaults::default()).is_err());
        assert!(users.get(b"bob").is_none() && before.get(b"alice").is_none());
        assert!(users.authenticate(b"alice", b"pw").is_some() && users.authenticate(b"bob", b"").is_none());
        let id = users.get(b"alice").unwrap().id();
        assert!(users.remove(b"alice") && !users.remove(b"alice") && !users.remove(DEFAULT));
        users.set(b"alice", &[], Defaults::default()).unwrap();
        assert_ne!(users.get(b"alice").unwrap().id(), id, "a new user of an old name");
    }

    #[test]
    fn the_password_of_the_default_user() {
        let mut users = Users::default();
        users.set_default_password(b"pw");
        assert!(users.ask_password());
        assert!(users.authenticate(DEFAULT, b"pw").is_some() && users.authenticate(DEFAULT, b"").is_none());
        users.set_default_password(b"");
        assert!(!users.ask_password() && users.authenticate(DEFAULT, b"any").is_some());
        users.set(DEFAULT, &[b"off"], Defaults::default()).unwrap();
        assert!(users.ask_password());
    }
}
