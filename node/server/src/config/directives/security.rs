//! Who may do what.

use crate::config::row::{LONG_MAX, group, number, one_of, optional, text, yes_no};
use crate::config::value::{AclPubsubDefault, Allowed, SanitizeDumpPayload};

group! {
    /// Passwords, users and protected actions.
    Security in config.security;

    /// Password that clients must give by AUTH or HELLO; empty is none
    requirepass: String = optional("requirepass").secret();
    /// Who may use DEBUG
    enable_debug_command: Allowed = one_of("enable-debug-command", Allowed::WORDS, "no").fixed();
    /// Who may use CONFIG SET on protected directives (dir, dbfilename)
    enable_protected_configs: Allowed = one_of("enable-protected-configs", Allowed::WORDS, "no").fixed();
    /// Keep keys, values and arguments out of the log
    hide_user_data_from_log: bool = yes_no("hide-user-data-from-log", "yes");
    /// Whose RESTORE payloads are checked in depth (every payload's outline always is)
    sanitize_dump_payload: SanitizeDumpPayload =
        one_of("sanitize-dump-payload", SanitizeDumpPayload::WORDS, "no");
    /// File of users; empty is none
    aclfile: String = text("aclfile", "").fixed();
    /// Which channels a new user may use
    acl_pubsub_default: AclPubsubDefault =
        one_of("acl-pubsub-default", AclPubsubDefault::WORDS, "resetchannels");
    /// Entries ACL LOG keeps
    acllog_max_len: u64 = number("acllog-max-len", 0, LONG_MAX, "128");
}
