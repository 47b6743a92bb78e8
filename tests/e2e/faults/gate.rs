//! A door in front of a node that stops the bytes at a word: what is under way is there for as long as a test wants it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use kit::free_ports;

/// From whom bytes come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// Whoever connected.
    Outside,
    /// The node behind the door.
    Node,
}

#[derive(Default)]
struct State {
    /// What is not let through.
    stop: Option<(From, Vec<u8>)>,
    held: bool,
}

type Shared = Arc<(Mutex<State>, Condvar)>;

/// Listens on its port and passes all on to a node.
pub struct Gate {
    /// The node announces it as its own.
    pub port: u16,
    listener: Option<TcpListener>,
    shared: Shared,
}

impl Gate {
    /// A closed door: nobody connects before [`Gate::open`].
    pub fn new() -> Gate {
        let port = free_ports(1);
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
        Gate { port, listener: Some(listener), shared: Shared::default() }
    }

    /// Whoever connects talks to the node on `port`, when it is up.
    pub fn open(&mut self, port: u16) {
        let (listener, shared) = (self.listener.take().expect("it is opened once"), self.shared.clone());
        thread::spawn(move || {
            for outside in listener.incoming().flatten() {
                let Ok(node) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let copies = (outside.try_clone().expect("a socket"), node.try_clone().expect("a socket"));
                let (one, other) = (shared.clone(), shared.clone());
                thread::spawn(move || pass(outside, copies.1, From::Outside, &one));
                thread::spawn(move || pass(node, copies.0, From::Node, &other));
            }
        });
    }

    /// From now on, what has `word` in it is kept here, and all behind it.
    pub fn stop_at(&self, from: From, word: &str) {
        *self.shared.0.lock().expect("nobody panics") =
            State { stop: Some((from, word.as_bytes().to_vec())), held: false };
    }

    /// Whether something is kept here.
    pub fn holds(&self) -> bool {
        self.shared.0.lock().expect("nobody panics").held
    }

    /// Lets all go on its way.
    pub fn release(&self) {
        *self.shared.0.lock().expect("nobody panics") = State::default();
        self.shared.1.notify_all();
    }
}

/// Passes on what comes from one end, until either is gone.
fn pass(mut source: TcpStream, mut target: TcpStream, from: From, shared: &Shared) {
    let (mut buffer, mut seen) = ([0; 16 * 1024], Vec::new());
    while let Ok(count @ 1..) = source.read(&mut buffer) {
        seen.extend_from_slice(&buffer[..count]);
        let mut state = shared.0.lock().expect("nobody panics");
        let word = state.stop.clone().filter(|(end, _)| *end == from).map(|(_, word)| word);
        if word.is_some_and(|word| seen.windows(word.len()).any(|part| part == word)) {
            state.held = true;
            let _free = shared.1.wait_while(state, |state| state.held).expect("nobody panics");
        } else {
            drop(state);
        }
        // A word may come in two parts.
        seen.drain(..seen.len().saturating_sub(32));
        if target.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = (source.shutdown(Shutdown::Both), target.shutdown(Shutdown::Both));
}
