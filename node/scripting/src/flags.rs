//! What scripts say about themselves: flags, and the line that begins with `#!`.
//!
//! Source: the manuals of scripts and of functions, "Script flags".

/// Flags of a script or a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(u8);

impl Flags {
    /// It writes nothing.
    pub const NO_WRITES: Flags = Flags(1 << 0);
    /// It may run, and write, when memory is over its limit.
    pub const ALLOW_OOM: Flags = Flags(1 << 1);
    /// It may run on a replica whose data is stale.
    pub const ALLOW_STALE: Flags = Flags(1 << 2);
    /// It does not run in a cluster.
    pub const NO_CLUSTER: Flags = Flags(1 << 3);
    /// It may access keys of several slots.
    pub const ALLOW_CROSS_SLOT: Flags = Flags(1 << 4);

    const NAMES: [(Flags, &str); 5] = [
        (Flags::NO_WRITES, "no-writes"),
        (Flags::ALLOW_OOM, "allow-oom"),
        (Flags::ALLOW_STALE, "allow-stale"),
        (Flags::NO_CLUSTER, "no-cluster"),
        (Flags::ALLOW_CROSS_SLOT, "allow-cross-slot-keys"),
    ];

    /// Whether all of `flags` are set.
    pub fn has(self, flags: Flags) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// The names of those that are set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Flags::NAMES.into_iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, name)| name)
    }

    /// The flags that a script's first line gives; `None` where it gives none, or is not right.
    pub fn declared_by(body: &[u8]) -> Option<Flags> {
        read_shebang(body).ok().flatten().map(|(flags, _)| flags)
    }

    /// Adds the flag of this name; whether there is one.
    pub(crate) fn add(&mut self, is_name: impl Fn(&str) -> bool) -> bool {
        let Some((flag, _)) = Flags::NAMES.into_iter().find(|(_, name)| is_name(name)) else { return false };
        self.0 |= flag.0;
        true
    }
}

/// The flags that a script's first line gives, and where its code begins: at the end of that line, so that the lines of
/// errors are those of the script. `None` when it has no such line: the script is of the old kind, which may do
/// anything.
///
/// # Errors
/// What is wrong with the line.
pub(crate) fn read_shebang(body: &[u8]) -> Result<Option<(Flags, usize)>, String> {
    if !body.starts_with(b"#!") {
        return Ok(None);
    }
    let Some(end) = body.iter().position(|b| *b == b'\n') else {
        return Err("Invalid script shebang".to_owned());
    };
    let words = resp::split_line(&body[..end]).unwrap_or_default();
    let Some((engine, options)) = words.split_first() else {
        return Err("Invalid engine in script shebang".to_owned());
    };
    if engine != b"#!lua" {
        return Err(format!("Unexpected engine in script shebang: {}", String::from_utf8_lossy(engine)));
    }
    let mut flags = Flags::default();
    for option in options {
        let Some(names) = option.strip_prefix(b"flags=") else {
            return Err(format!("Unknown lua shebang option: {}", String::from_utf8_lossy(option)));
        };
        for name in names.split(|b| *b == b',').filter(|_| !names.is_empty()) {
            if !flags.add(|known| known.as_bytes() == name) {
                return Err(format!("Unexpected flag in script shebang: {}", String::from_utf8_lossy(name)));
            }
        }
    }
    Ok(Some((flags, end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shebangs() {
        assert_eq!(read_shebang(b"return 1"), Ok(None));
        let (flags, at) = read_shebang(b"#!lua flags=no-writes,allow-oom\nreturn 1").unwrap().unwrap();
        assert_eq!((flags.names().collect::<Vec<_>>(), at), (vec!["no-writes", "allow-oom"], 31));
        assert_eq!(read_shebang(b"#!lua flags=\n").unwrap().unwrap().0, Flags::default());
        let cases: [(&[u8], &str); 5] = [
            (b"#!lua", "Invalid script shebang"),
            (b"#!not-lua\n", "Unexpected engine in script shebang: #!not-lua"),
            (b"#!lua badger=data\n", "Unknown lua shebang option: badger=data"),
            (b"#!lua flags=allow-oom,what?\n", "Unexpected flag in script shebang: what?"),
            (b"#!lua \"\n", "Invalid engine in script shebang"),
        ];
        for (body, error) in cases {
            assert_eq!(read_shebang(body), Err(error.to_owned()));
        }
    }
}
