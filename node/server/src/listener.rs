//! Where clients come in: the core's port, the ingress port, the unix socket.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, TcpKeepalive, Type};

use crate::client::{Client, Door, Secure};
use crate::config::Config;
use crate::core::Core;
use crate::doors::{Doors, Entrance, PATIENCE};
use crate::log::{verbose, warning};
use crate::ring::{ClientRing, Completion, Op, Token};

/// Its first sentences are Redis's, which people look for.
const DENIED: &str = "-DENIED Redis is running in protected mode because protected mode is enabled and no password is \
    set for the default user. In this mode connections are only accepted from the loopback interface. To accept \
    others: 1) set a password for the default user, with CONFIG SET requirepass; 2) or, once the port is not reachable \
    from outside, turn the mode off with CONFIG SET protected-mode no sent from the same host; 3) or restart with \
    'protected-mode no' in the configuration file or as an option.\r\n";
const TOO_MANY: &str = "-ERR max number of clients reached\r\n";

/// What a listener needs to know of the configuration.
pub struct Options<'a> {
    /// `bind`: addresses; a leading `-` means "if there is one".
    pub bind: &'a [String],
    /// `tcp-backlog`.
    pub backlog: i32,
    /// `tcp-keepalive`, seconds; 0 for none.
    pub keepalive_s: u64,
    /// Whether other sockets may share the port (the ingress).
    pub share_port: bool,
    /// How long a port that is in use is tried again. A process that was killed is gone before its ring is: the kernel
    /// tears that down, and with it the last reference to the listener, a moment later. A restart must not fail for that.
    pub patience: Duration,
}

impl Options<'_> {
    /// As the configuration says, for a port of its own.
    pub fn new(config: &Config) -> Options<'_> {
        Options {
            bind: &config.network.bind,
            backlog: config.network.tcp_backlog as i32,
            keepalive_s: u64::from(config.network.tcp_keepalive),
            share_port: false,
            patience: PATIENCE,
        }
    }
}

/// Listens on `port` of all addresses; nowhere where there are none.
///
/// # Errors
/// One sentence: which address, and why.
pub fn listen_tcp(port: u16, options: &Options<'_>) -> Result<Vec<OwnedFd>, String> {
    let mut listeners = Vec::new();
    for address in options.bind {
        let (name, optional) =
            address.strip_prefix('-').map_or((address.as_str(), false), |rest| (rest, true));
        match listen_address(name, port, options) {
            Ok(listener) => listeners.push(listener.into()),
            Err(e) if optional && absent(&e) => {}
            Err(e) => {
                return Err(format!(
                    "Failed listening on port {port} (tcp), aborting: could not create server TCP listening socket {name}:{port}: {e}"
                ));
            }
        }
    }
    if listeners.is_empty() && !options.bind.is_empty() {
        return Err(format!("Failed listening on port {port} (tcp), aborting."));
    }
    Ok(listeners)
}

/// Whether an address cannot be had on this machine at all.
fn absent(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EADDRNOTAVAIL | libc::EAFNOSUPPORT | libc::ENOPROTOOPT | libc::EPROTONOSUPPORT)
    )
}

fn resolve(name: &str, port: u16) -> io::Result<SocketAddr> {
    match name {
        "*" => Ok(SocketAddr::from(([0, 0, 0, 0], port))),
        "::*" => Ok(SocketAddr::from(([0u16; 8], port))),
        _ => (name, port).to_socket_addrs()?.next().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound)),
    }
}

fn listen_address(name: &str, port: u16, options: &Options<'_>) -> io::Result<Socket> {
    let address = resolve(name, port)?;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    if options.share_port {
        socket.set_reuse_port(true)?;
    }
    // Accepted sockets inherit both.
    socket.set_tcp_nodelay(true)?;
    if options.keepalive_s > 0 {
        let idle = Duration::from_secs(options.keepalive_s);
        let keepalive =
            TcpKeepalive::new().with_time(idle).with_interval((idle / 3).max(Duration::from_secs(1)));
        socket.set_tcp_keepalive(&keepalive.with_retries(3))?;
    }
    patiently(options.patience, || socket.bind(&SockAddr::from(address)))?;
    patiently(options.patience, || socket.listen(options.backlog))?;
    Ok(socket)
}

fn patiently(patience: Duration, attempt: impl Fn() -> io::Result<()>) -> io::Result<()> {
    let start = Instant::now();
    loop {
        match attempt() {
            Err(e) if e.kind() == io::ErrorKind::AddrInUse && start.elapsed() < patience => {
                std::thread::sleep(Duration::from_millis(20));
            }
            result => return result,
        }
    }
}

/// Listens on a unix socket, replacing one that a former run left.
///
/// # Errors
/// One sentence.
pub fn listen_unix(path: &Path, permissions: u32, backlog: i32) -> Result<OwnedFd, String> {
    let listen = || -> io::Result<Socket> {
        let _ = std::fs::remove_file(path);
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&SockAddr::unix(path)?)?;
        if permissions != 0 {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(permissions))?;
        }
        socket.listen(backlog)?;
        Ok(socket)
    };
    listen().map(OwnedFd::from).map_err(|e| format!("Failed opening Unix socket {}: {e}", path.display()))
}

/// The listeners at which one core accepts.
#[derive(Default)]
pub struct Listeners {
    /// By the number that their operations carry; those that were shut stay until the ring has let go of them.
    armed: HashMap<u32, Entrance>,
    next: u32,
    /// The version of [`Doors`] that they are of.
    version: u64,
}

impl Listeners {
    /// Accepts at all doors of `core` from now on, should they have changed.
    #[inline]
    pub fn follow(&mut self, doors: &Doors, core: u16, ring: &mut ClientRing) {
        if self.version != doors.version() {
            let (entrances, version) = doors.of(core);
            self.version = version;
            entrances.into_iter().for_each(|entrance| self.add(entrance, ring));
        }
    }

    fn add(&mut self, entrance: Entrance, ring: &mut ClientRing) {
        if self.armed.values().any(|armed| Arc::ptr_eq(&armed.listener, &entrance.listener)) {
            return;
        }
        arm(self.next, &entrance, ring);
        self.armed.insert(self.next, entrance);
        self.next = self.next.wrapping_add(1);
    }

    /// Stops accepting and frees the ports at once, whatever the ring still holds.
    pub fn shut(&self) {
        for entrance in self.armed.values() {
            // SAFETY: takes no pointers; the descriptor is ours.
            unsafe { libc::shutdown(entrance.listener.as_raw_fd(), libc::SHUT_RDWR) };
        }
    }

    /// Takes a connection in, or turns it away.
    pub fn accepted(&mut self, core: &mut Core, ring: &mut ClientRing, completion: &Completion) {
        let number = completion.token.index;
        let Some(entrance) = self.armed.get(&number) else { return };
        match completion.result {
            socket if socket >= 0 => {
                // SAFETY: the kernel just made this descriptor for us; nobody else has it.
                let socket = unsafe { OwnedFd::from_raw_fd(socket) };
                admit(core, ring, entrance.door, socket);
            }
            // It was shut.
            error if error == -libc::EINVAL => {
                self.armed.remove(&number);
                return;
            }
            error => {
                warning!("Error accepting a client connection: {}", io::Error::from_raw_os_error(-error));
            }
        }
        if !completion.more {
            arm(number, entrance, ring);
        }
    }
}

fn arm(number: u32, entrance: &Entrance, ring: &mut ClientRing) {
    ring.accept(Token::of(Op::Accept, number), entrance.listener.as_raw_fd());
}

fn admit(core: &mut Core, ring: &mut ClientRing, door: Door, socket: OwnedFd) {
    let (peer, local, outside) = addresses(&socket, door);
    if core.clients.len() >= core.config.limits.maxclients as usize {
        core.stats.rejected_connections += 1;
        return turn_away(&socket, TOO_MANY);
    }
    if outside && core.config.network.protected_mode && core.users.default_user().needs_no_password() {
        core.stats.rejected_connections += 1;
        return turn_away(&socket, DENIED);
    }
    core.stats.connections += 1;
    verbose!("Accepted {peer}");
    let user = core.users.default_user().clone();
    let mut client = Client::new(socket, door, peer.into(), local.into(), user, core.now_ms);
    if door == Door::Tls {
        let Some(secure) = core.tls.clients.clone().and_then(|tls| Secure::accept(tls).ok()) else {
            return;
        };
        client.secure = Some(Box::new(secure));
    }
    core.welcome(&mut client);
    let index = core.clients.insert(Box::new(client));
    if let Some(client) = core.clients.get(index) {
        client.receiving = true;
        ring.recv(client.token(Op::Recv), client.fd());
    }
}

/// The addresses of both ends as CLIENT LIST shows them, and whether the peer is another machine.
pub fn addresses(socket: &OwnedFd, door: Door) -> (String, String, bool) {
    let socket = SockRef::from(socket);
    let text = |address: io::Result<SockAddr>| {
        let address = address.ok().and_then(|a| a.as_socket());
        let ip = address.map(|a| a.ip().to_canonical());
        let text = match (address, ip) {
            (Some(a), Some(IpAddr::V6(ip))) => format!("[{ip}]:{}", a.port()),
            (Some(a), Some(ip)) => format!("{ip}:{}", a.port()),
            _ => "?:0".to_owned(),
        };
        (text, ip.is_some_and(|ip| !ip.is_loopback()))
    };
    if door == Door::Unix {
        let path = socket.local_addr().ok().and_then(|a| a.as_pathname().map(|p| p.display().to_string()));
        let path = format!("{}:0", path.unwrap_or_default());
        return (path.clone(), path, false);
    }
    let ((peer, outside), (local, _)) = (text(socket.peer_addr()), text(socket.local_addr()));
    (peer, local, outside)
}

/// Says why, and closes. A peer that does not read it is no reason to wait.
fn turn_away(socket: &OwnedFd, why: &str) {
    let socket = SockRef::from(socket);
    let _ = socket.set_nonblocking(true);
    let _ = socket.send(why.as_bytes());
}
