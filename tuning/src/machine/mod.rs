//! How the kernel writes things down: CPU lists, limits, cards, the output of ethtool.

pub mod cgroup;
pub mod cpus;
pub mod ethtool;
pub mod limits;
pub mod memory;
pub mod nic;
