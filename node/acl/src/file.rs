//! Files of users: `aclfile`, and `user` lines of the configuration.
//!
//! A file is taken whole or not at all, and all that is wrong with it is told at once: whoever has locked himself
//! out by a typing error wants to mend it in one go.

use std::fmt::Write as _;

use crate::rule::{RuleError, SetError, join_selectors};
use crate::selector::Defaults;
use crate::user::{User, UserId};
use crate::users::{Users, check_name};

const NOTHING_CHANGED: &str =
    "WARNING: ACL errors detected, no change to the previously active ACL rules was performed";

impl Users {
    /// The set that an `aclfile` of this content describes; users who are in both sets stay who they are. `file` is
    /// its name, for errors.
    ///
    /// # Errors
    /// One line that tells all that is wrong.
    pub fn load(&self, content: &[u8], file: &str, defaults: Defaults) -> Result<Users, String> {
        let mut users = self.clone();
        let (mut names, mut errors): (Vec<&[u8]>, String) = Default::default();
        for (i, line) in content.split(|byte| *byte == b'\n').enumerate() {
            let (line, number) = (line.trim_ascii(), i + 1);
            let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
            match words.as_slice() {
                [[]] => {}
                [b"user", name, ..] if !check_name(name) => {
                    let name = String::from_utf8_lossy(name);
                    let _ =
                        write!(errors, "'{file}:{number}: username '{name}' contains invalid characters. ");
                }
                [b"user", name, ..] if names.contains(name) => {
                    let name = String::from_utf8_lossy(name);
                    let _ = write!(errors, "WARNING: Duplicate user '{name}' found on line {number}. ");
                }
                [b"user", name, rules @ ..] => {
                    names.push(name);
                    if users.define(name, rules, defaults).is_err() {
                        explain(&mut errors, rules, &format!("{file}:{number}"), defaults);
                    }
                }
                _ => {
                    let _ = write!(
                        errors,
                        "{file}:{number} should start with user keyword followed by the username. "
                    );
                }
            }
        }
        if !errors.is_empty() {
            return Err(errors + NOTHING_CHANGED);
        }
        users.keep(&names);
        Ok(users)
    }

    /// Adds the user of a `user` line of the configuration; `names` are those of the lines before.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn add_line<'a>(
        &mut self,
        words: &[&'a [u8]],
        names: &mut Vec<&'a [u8]>,
        defaults: Defaults,
    ) -> Result<(), String> {
        let [name, rules @ ..] = words else { return Err("a user needs a name".to_owned()) };
        let shown = String::from_utf8_lossy(name);
        if !check_name(name) {
            return Err("Spaces not allowed in ACL usernames".to_owned());
        }
        if names.contains(name) {
            return Err(format!(
                "Error in user declaration '{shown}': Duplicate user found. A user can only be defined once in config \
                 files"
            ));
        }
        names.push(name);
        self.define(name, rules, defaults).map_err(|error| match error {
            SetError::Rule(rule, error) => {
                format!("Error in user declaration '{}': {error}", String::from_utf8_lossy(&rule))
            }
            SetError::Unmatched(_) => error.to_string(),
        })
    }

    /// The content of a file that holds this set: a line a user.
    pub fn save(&self) -> Vec<u8> {
        self.iter().flat_map(|user| [user.describe(), b"\n".to_vec()]).flatten().collect()
    }
}

/// Adds what is wrong with the rules of a line: every unknown name, which is no secret, and the first other error.
fn explain(errors: &mut String, words: &[&[u8]], place: &str, defaults: Defaults) {
    let Ok(rules) = join_selectors(words) else {
        let _ = write!(errors, "{place}: Unmatched parenthesis in selector definition.");
        return;
    };
    let mut user = User::new(UserId::DEFAULT, b"", defaults);
    let mut told = false;
    for (rule, error) in rules.iter().filter_map(|rule| Some((rule, user.apply(rule, defaults).err()?))) {
        if error == RuleError::Unknown {
            let rule = String::from_utf8_lossy(rule);
            let _ = write!(errors, "{place}: Error in applying operation '{rule}': {error}. ");
        } else if !told {
            let _ = write!(errors, "{place}: {error}. ");
            told = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(content: &str) -> Result<Users, String> {
        Users::default().load(content.as_bytes(), "f.acl", Defaults::default())
    }

    #[test]
    fn a_file_is_taken_whole() {
        let users = load("user alice on >pw ~a* +@all\n\r\n  user bob on nopass (+get ~b)\n").unwrap();
        let names: Vec<&[u8]> = users.iter().map(|user| user.name()).collect();
        assert_eq!(names, [&b"alice"[..], b"bob", b"default"]);
        let again = load(&String::from_utf8(users.save()).unwrap()).unwrap();
        assert_eq!(again.save(), users.save());
        assert_eq!(users.default_user().id(), Users::default().default_user().id());
    }

    #[test]
    fn all_errors_are_told() {
        let error = load("user a +nosuch +@none oops %x\nuser a\nuse b\nuser\nuser d (").unwrap_err();
        let expect = [
            "f.acl:1: Error in applying operation '+nosuch': Unknown command or category name in ACL. ",
            "f.acl:1: Error in applying operation '+@none': Unknown command or category name in ACL. ",
            "f.acl:1: Syntax error. ",
            "WARNING: Duplicate user 'a' found on line 2. ",
            "f.acl:3 should start with user keyword followed by the username. ",
            "f.acl:4 should start with user keyword followed by the username. ",
            "f.acl:5: Unmatched parenthesis in selector definition.",
            NOTHING_CHANGED,
        ];
        assert_eq!(error, expect.concat());
    }

    #[test]
    fn who_is_in_both_sets_stays_who_he_is() {
        let mut old = Users::default();
        old.set(b"alice", &[b"on"], Defaults::default()).unwrap();
        old.set(b"bob", &[b"on"], Defaults::default()).unwrap();
        let new = old.load(b"user alice off\nuser carol on", "f", Defaults::default()).unwrap();
        assert_eq!(new.get(b"alice").unwrap().id(), old.get(b"alice").unwrap().id());
        assert!(new.get(b"bob").is_none() && !new.get(b"alice").unwrap().is_enabled());
        assert!(old.iter().all(|user| user.id() != new.get(b"carol").unwrap().id()));
    }

    #[test]
    fn lines_of_the_configuration() {
        let (mut users, mut names) = (Users::default(), Vec::new());
        let mut add = |line: &'static str| {
            let words: Vec<&'static [u8]> = line.split(' ').map(str::as_bytes).collect();
            users.add_line(&words, &mut names, Defaults::default())
        };
        add("default on nopass ~* +@all -flushdb").unwrap();
        assert!(add("default").unwrap_err().contains("Duplicate user"));
        assert_eq!(add("eve oops").unwrap_err(), "Error in user declaration 'oops': Syntax error");
        assert!(!users.default_user().allows_everything());
    }
}
