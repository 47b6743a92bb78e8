//! The users of the process: one set for all its cores, replaced as a whole.
//!
//! Two administrators may change users at two cores at the same time, so a change is made under a lock, on the newest
//! set. A core never takes that lock to check a command: it has a reference to the set, and looks once a round at a
//! version number whether there is a newer one. It does so before it runs the requests of that round; and what a
//! client sends after it saw the answer to a change can only come in a later round than the change. So who got an
//! OK from ACL SETUSER finds it done on every core.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use acl::{Defaults, Users};

use crate::config::{AclPubsubDefault, Config, Disk, Files, reason};
use crate::log::notice;

/// The set of users, and its version.
pub struct SharedUsers {
    newest: Mutex<Arc<Users>>,
    version: AtomicU64,
}

impl SharedUsers {
    /// The first set.
    pub fn new(users: Users) -> SharedUsers {
        SharedUsers { newest: Mutex::new(Arc::new(users)), version: AtomicU64::new(0) }
    }

    /// The version of the newest set.
    #[inline]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The newest set, and a version that is not newer than it.
    pub fn newest(&self) -> (Arc<Users>, u64) {
        let version = self.version();
        (self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone(), version)
    }

    /// Changes the newest set, unless the change fails; the set stays as it was then.
    pub fn change<T, E>(&self, change: impl FnOnce(&mut Users) -> Result<T, E>) -> Result<T, E> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let mut users = Users::clone(&newest);
        let done = change(&mut users)?;
        *newest = Arc::new(users);
        self.version.fetch_add(1, Ordering::Release);
        Ok(done)
    }
}

/// The users to start with: those of the `aclfile`, else those of the configuration; `named` tells whether that has any.
///
/// # Errors
/// All that is wrong with the file, or that there are both.
pub fn at_start(config: &Config, users: Users, named: bool) -> Result<Users, String> {
    let file = &config.security.aclfile;
    if file.is_empty() {
        for user in users.iter().filter(|user| named && !user.is_enabled()) {
            notice!(
                "The user '{}' is disabled (there is no 'on' modifier in the user description). Make sure this is \
                 not a configuration error.",
                String::from_utf8_lossy(user.name())
            );
        }
        return Ok(users);
    }
    if named {
        return Err(
            "Configuring Ringmaster with users defined in its configuration file and at the same setting an \
                    ACL file path is invalid. This setup is very likely to lead to configuration errors and \
                    security holes, please define either an ACL file or declare users directly in the \
                    configuration file, but not both."
                .to_owned(),
        );
    }
    let all_channels = config.security.acl_pubsub_default == AclPubsubDefault::AllChannels;
    let content = Disk.read(file).map_err(|e| format!("opening file '{file}': {}", reason(&e)));
    let loaded = content.and_then(|content| users.load(&content, file, Defaults { all_channels }));
    loaded.map_err(|errors| format!("Aborting Ringmaster startup because of ACL errors: {errors}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_change_changes_nothing() {
        let shared = SharedUsers::new(Users::default());
        let failed = shared.change(|users| {
            users.set_default_password(b"pw");
            Err::<(), _>("no")
        });
        assert_eq!((failed, shared.version()), (Err("no"), 0));
        assert!(!shared.newest().0.ask_password());
        let done = shared.change(|users| {
            users.set_default_password(b"pw");
            Ok::<_, ()>(1)
        });
        assert_eq!(done, Ok(1));
        assert!(shared.newest().0.ask_password() && shared.newest().1 == 1);
    }
}
