//! The control group of a process: version 2 where it is, else version 1.

use crate::root::Root;

const MOUNT: &str = "/sys/fs/cgroup";

/// The folders of a controller's files that hold for a process, its own first and the root last.
///
/// In a container the path in `/proc/PID/cgroup` may be the host's, while only the container's part is mounted: then the
/// mount itself is the one that counts, and it is in the list anyway.
pub fn folders(root: &Root, process: &str, controller: &str) -> Vec<String> {
    let text = root.read(&format!("{process}/cgroup")).unwrap_or_default();
    let path_of = |wanted: &dyn Fn(&str) -> bool| {
        text.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':');
            let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
            wanted(controllers).then(|| path.to_owned())
        })
    };
    let first = path_of(&|controllers| controllers.split(',').any(|name| name == controller));
    let (mount, path) = match first {
        Some(path) => (format!("{MOUNT}/{controller}"), path),
        None => (MOUNT.to_owned(), path_of(&str::is_empty).unwrap_or_default()),
    };
    let mut folders = Vec::new();
    let mut rest = path.trim_end_matches('/');
    while !rest.is_empty() {
        folders.push(format!("{mount}{rest}"));
        rest = rest.rsplit_once('/').map_or("", |(parent, _)| parent);
    }
    folders.push(mount);
    folders
}

/// The lowest memory limit that holds for a process.
pub fn memory_limit(root: &Root, process: &str) -> Option<u64> {
    let limit = |folder: &String| {
        let value = root.read(&format!("{folder}/memory.max"));
        let value = value.or_else(|_| root.read(&format!("{folder}/memory.limit_in_bytes"))).ok()?;
        // Version 1 says "no limit" by a number near the largest.
        value.parse::<u64>().ok().filter(|bytes| *bytes < 1 << 60)
    };
    folders(root, process, "memory").iter().filter_map(limit).min()
}
