//! The configuration of the process, which its cores hold copies of.
//!
//! Two administrators may set directives at two cores at the same time. So a change is made under a lock, on the newest
//! configuration, and has a version: a core that hears of changes in another order obeys the newest, and all end with the
//! same.

use std::sync::{Mutex, PoisonError};

use super::Config;

/// The newest configuration, and its version.
pub struct SharedConfig(Mutex<(u64, Config)>);

impl SharedConfig {
    /// What the process starts with, version 0.
    pub fn new(config: Config) -> SharedConfig {
        SharedConfig(Mutex::new((0, config)))
    }

    /// Puts what `change` makes of the newest configuration in its place, unless it fails; that, and its version.
    pub fn change<E>(&self, change: impl FnOnce(&Config) -> Result<Config, E>) -> Result<(u64, Config), E> {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let config = change(&newest.1)?;
        *newest = (newest.0 + 1, config);
        Ok(newest.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_follow_each_other() {
        let shared = SharedConfig::new(Config::default());
        let set = |timeout| shared.change(|config| change(config, timeout));
        fn change(config: &Config, timeout: u32) -> Result<Config, &'static str> {
            let mut config = config.clone();
            config.network.timeout += timeout;
            if timeout > 0 { Ok(config) } else { Err("no") }
        }
        assert_eq!(set(1).map(|(version, config)| (version, config.network.timeout)), Ok((1, 1)));
        assert_eq!(set(0).map(|_| ()), Err("no"));
        assert_eq!(set(2).map(|(version, config)| (version, config.network.timeout)), Ok((2, 3)));
    }
}
