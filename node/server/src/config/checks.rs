//! Checks of string values: each refuses in Redis's words.

/// `Err` says why the text will not do.
pub type Check = fn(&str) -> Result<(), &'static str>;

/// Longest host name, less one (the limit Redis and the bus have).
const HOST_LEN: usize = 256;

/// `dir`.
pub fn dir(text: &str) -> Result<(), &'static str> {
    if text.is_empty() { Err("dir can't be empty") } else { Ok(()) }
}

/// `dbfilename`.
pub fn db_filename(text: &str) -> Result<(), &'static str> {
    base_name(text, "dbfilename can't be empty", "dbfilename can't be a path, just a filename")
}

/// `appendfilename`.
pub fn append_filename(text: &str) -> Result<(), &'static str> {
    base_name(text, "appendfilename can't be empty", "appendfilename can't be a path, just a filename")
}

/// `appenddirname`.
pub fn append_dirname(text: &str) -> Result<(), &'static str> {
    base_name(text, "appenddirname can't be empty", "appenddirname can't be a path, just a dirname")
}

/// `cluster-config-file`.
pub fn cluster_config_file(text: &str) -> Result<(), &'static str> {
    if text.is_empty() { Err("cluster-config-file can't be empty") } else { Ok(()) }
}

/// `cluster-announce-hostname`.
pub fn hostname(text: &str) -> Result<(), &'static str> {
    if text.len() >= HOST_LEN {
        return Err("Hostnames must be less than 256 characters");
    }
    if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.') {
        return Err("Hostnames may only contain alphanumeric characters, hyphens or dots");
    }
    Ok(())
}

/// `cluster-announce-human-nodename`: besides what Redis refuses, what would break a line of nodes.conf.
pub fn node_name(text: &str) -> Result<(), &'static str> {
    let breaks = |b: u8| b.is_ascii_control() || b"!#$%&()*+;<>?@[]^{|}~ ,=".contains(&b);
    if text.bytes().any(breaks) {
        Err("Announced human node name contained invalid character")
    } else {
        Ok(())
    }
}

/// `cluster-announce-client-ipv4`.
pub fn ipv4(text: &str) -> Result<(), &'static str> {
    let fits = text.is_empty() || text.parse::<std::net::Ipv4Addr>().is_ok();
    if fits { Ok(()) } else { Err("Invalid IPv4 address") }
}

/// `cluster-announce-client-ipv6`.
pub fn ipv6(text: &str) -> Result<(), &'static str> {
    let fits = text.is_empty() || text.parse::<std::net::Ipv6Addr>().is_ok();
    if fits { Ok(()) } else { Err("Invalid IPv6 address") }
}

fn base_name(text: &str, empty: &'static str, path: &'static str) -> Result<(), &'static str> {
    match text {
        "" => Err(empty),
        _ if text.contains(['/', '\\']) => Err(path),
        _ => Ok(()),
    }
}
