//! From received bytes to run commands: the loop over a client's requests.
//!
//! Requests that came whole, as nearly all do, are read and run where the kernel put them, some of them ahead of those
//! that run, to fetch what they need (`foresight`). What has another form, is not all there, or is a client's that must
//! wait (blocked, paused, closing) goes to the client's `input`.

use commands::Args;
use commands::table::Found;
use resp::{Limits, ProtocolError};
use smallvec::SmallVec;

use crate::client::{Client, Closing, Input, Next, Role, Secure};
use crate::core::Core;
use crate::core::access::Access;
use crate::core::foresight::{self, Need, Needs};
use crate::log::verbose;
use crate::route::{self, Keys};

/// Most requests read ahead.
const READ_AHEAD: usize = foresight::REQUESTS;

/// Arguments of nearly all requests fit without an allocation.
type Words<'a> = SmallVec<[&'a [u8]; 6]>;

/// What is known of a request's row and keys before it runs.
pub type Read = Option<(Found, Keys)>;

/// A request read ahead of its turn.
struct Ahead {
    /// Where its words end, among those of all.
    words: usize,
    /// Where its bytes end.
    bytes: usize,
    read: Read,
}

/// Whole requests at the beginning of some bytes.
#[derive(Default)]
struct Batch<'a> {
    /// The words of all, one after the other.
    words: SmallVec<[&'a [u8]; 4 * READ_AHEAD]>,
    requests: SmallVec<[Ahead; READ_AHEAD]>,
}

impl<'a> Batch<'a> {
    /// The words of request `i`.
    #[inline]
    fn args(&self, i: usize) -> Args<'_> {
        let start = i.checked_sub(1).map_or(0, |before| self.requests[before].words);
        Args::new(&self.words[start..self.requests[i].words])
    }
}

impl Core {
    /// Takes bytes that arrived for `client` and runs what is whole.
    pub fn receive(&mut self, client: &mut Client, data: &[u8]) {
        if client.role == Role::Master {
            return self.receive_stream(client, data);
        }
        self.company.received(client.active_ms != self.now_ms);
        client.active_ms = self.now_ms;
        client.bytes_in += data.len() as u64;
        self.stats.net_input_bytes += data.len() as u64;
        if client.input.is_none() && client.may_run() {
            self.run_in_place(client, data);
        } else if client.closing == Closing::No {
            client.input.get_or_insert_default().append(data);
            self.check_query_buffer(client);
            self.run_input(client);
        }
    }

    /// As [`Core::receive`], for bytes of a TLS session.
    pub fn receive_secure(&mut self, client: &mut Client, mut secure: Box<Secure>, data: &[u8]) {
        let fed = secure.feed(data, &mut |plain| self.receive(client, plain));
        client.secure = Some(secure);
        match fed {
            Ok(true) => {}
            Ok(false) => client.shut(),
            Err(error) => {
                verbose!("Error accepting a client connection: {error} (addr={})", client.peer);
                // The alert that says so is still to be sent.
                client.closing = client.closing.max(Closing::AfterReply);
            }
        }
    }

    fn limits(&self, client: &Client) -> Limits {
        let bulk_max = self.config.limits.proto_max_bulk_len as i64;
        Limits { bulk_max, authenticated: client.access != Access::Unknown }
    }

    /// Runs the requests in `data`; what is left becomes the client's input.
    fn run_in_place(&mut self, client: &mut Client, data: &[u8]) {
        let mut rest = data;
        while client.may_run() {
            let batch = self.read_ahead(client, rest);
            rest = &rest[self.run_batch(client, &batch)..];
            if batch.requests.len() < READ_AHEAD {
                break;
            }
        }
        if client.closing == Closing::No && !rest.is_empty() {
            client.input = Some(Box::new(Input::with_rest(rest)));
            self.run_input(client);
        }
    }

    /// Reads the whole requests that `data` begins with, at most [`READ_AHEAD`], and fetches what they need.
    fn read_ahead<'a>(&self, client: &Client, data: &'a [u8]) -> Batch<'a> {
        let limits = self.limits(client);
        let (mut batch, mut needs, mut at) = (Batch::default(), Needs::default(), 0);
        while batch.requests.len() < READ_AHEAD {
            let start = batch.words.len();
            let Some(length) = resp::read_whole(&data[at..], &limits, |word| batch.words.push(word)) else {
                batch.words.truncate(start);
                break;
            };
            at += length;
            let before = batch.requests.len().checked_sub(1);
            let before = before.map(|before| (batch.args(before)[0], batch.requests[before].read));
            let words = &batch.words[start..];
            let read = read_row(&Args::new(words), before);
            if let Some(need) = read.and_then(|(found, keys)| Need::of(found, keys, words)) {
                self.note_need(&mut needs, need);
            }
            batch.requests.push(Ahead { words: batch.words.len(), bytes: at, read });
        }
        if batch.requests.len() > 1 {
            self.fetch(&needs);
        }
        batch
    }

    /// Runs a batch in order; the bytes of the requests that ran. The rest has to wait, if not all did.
    fn run_batch(&mut self, client: &mut Client, batch: &Batch<'_>) -> usize {
        let mut ran = 0;
        for (i, request) in batch.requests.iter().enumerate() {
            if !client.may_run() {
                break;
            }
            self.slot_stats.begin(request.bytes - ran);
            self.run_request(client, &batch.args(i), request.read);
            self.laps.go_on();
            // A request that is held back is looked at again, from its first byte.
            if client.paused {
                break;
            }
            ran = request.bytes;
        }
        self.laps.cut();
        ran
    }

    /// Runs the whole requests that the client's input holds.
    pub fn run_input(&mut self, client: &mut Client) {
        let Some(mut input) = client.input.take() else { return };
        while client.may_run() {
            match input.next(&self.limits(client)) {
                Ok(Next::Request) => {
                    let (bytes, parser) = input.request();
                    self.slot_stats.begin(input.request_len());
                    {
                        let words: Words<'_> = parser.args(bytes).collect();
                        let args = Args::from_parser(&words, parser);
                        self.run_request(client, &args, read_row(&args, None));
                    }
                    // As above.
                    if !client.paused {
                        input.advance();
                    }
                }
                Ok(Next::Incomplete) => break,
                Err(error) => self.protocol_error(client, error),
            }
        }
        if !input.is_empty() && client.closing == Closing::No {
            client.input = Some(input);
            self.check_query_buffer(client);
        }
    }

    fn protocol_error(&mut self, client: &mut Client, error: ProtocolError) {
        verbose!("Protocol error ({error}) from client: {}", client.peer);
        self.reply_error(client, &commands::Error::text(format!("ERR Protocol error: {error}")));
        client.closing = Closing::AfterReply;
    }

    /// Closes a client whose unfinished request is over `client-query-buffer-limit`.
    fn check_query_buffer(&mut self, client: &mut Client) {
        let len = client.input.as_ref().map_or(0, |input| input.len());
        if len > self.config.limits.client_query_buffer_limit {
            crate::log::warning!("Closing client that reached max query buffer length: {}", client.peer);
            self.stats.query_buffer_disconnections += 1;
            client.shut();
        }
    }
}

/// The row of a request and where its keys are; `None` when it has no row. `before` is the name of the request before it,
/// and what was read of that: the requests of a pipeline are mostly of one kind, and the same name has the same row, if
/// it is no container's.
#[inline(always)]
fn read_row(args: &Args<'_>, before: Option<(&[u8], Read)>) -> Read {
    let same = before.and_then(|(name, read)| {
        let (found, _) = read.filter(|_| name == args[0])?;
        (found.command.subcommands.is_empty() && found.container.is_none()).then_some(found)
    });
    let found = match same {
        Some(found) => found.command.arity_fits(args.len()).then_some(found)?,
        None => Found::resolve(args).ok()?,
    };
    Some((found, route::keys_of(found.command, args)))
}
