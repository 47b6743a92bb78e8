//! From received bytes to run commands: the loop over a client's requests.
//!
//! Bytes are parsed where the kernel put them while requests are whole; the rest goes to the client's
//! `input`. A client that must wait (blocked, paused, closing) keeps its further requests there.
//!
//! Some requests of a pipeline are read ahead of those that run, to fetch what they need (`foresight`).

use commands::Args;
use commands::table::Found;
use resp::{Limits, Parsed, Parser, ProtocolError};
use smallvec::SmallVec;

use crate::client::{Client, Closing, Input, Next, Role, Secure};
use crate::core::Core;
use crate::core::access::Access;
use crate::core::foresight::{self, Need};
use crate::log::verbose;
use crate::route::{self, Keys};

/// Most requests read ahead.
const READ_AHEAD: usize = foresight::REQUESTS;

/// Arguments of nearly all requests fit without an allocation.
type Words<'a> = SmallVec<[&'a [u8]; 6]>;

/// One request read ahead of its turn.
#[derive(Default)]
pub struct Ahead {
    parser: Parser,
    start: usize,
    end: usize,
}

/// What is known of a request's row and keys before it runs.
pub type Read = Option<(Found, Keys)>;

/// Why reading ahead stopped.
enum End {
    /// Enough was read.
    Full,
    /// The next request is not whole; the parser behind the last request knows its beginning.
    Incomplete,
    /// What follows is no request.
    Broken(ProtocolError),
}

impl Core {
    /// Takes bytes that arrived for `client` and runs what is whole.
    pub fn receive(&mut self, client: &mut Client, data: &[u8]) {
        if client.role == Role::Master {
            return self.receive_stream(client, data);
        }
        client.active_ms = self.now_ms;
        client.bytes_in += data.len() as u64;
        self.stats.net_input_bytes += data.len() as u64;
        if client.input.is_none() && client.may_run() {
            let mut ahead = std::mem::take(&mut self.read_ahead);
            self.run_in_place(client, data, &mut ahead);
            self.read_ahead = ahead;
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

    /// Runs the whole requests in `data`; what is left becomes the client's input.
    fn run_in_place(&mut self, client: &mut Client, data: &[u8], ahead: &mut Vec<Ahead>) {
        let mut rest = data;
        loop {
            let (requests, reached, end) = self.parse_ahead(client, rest, ahead);
            if let Some(stopped_at) = self.run_ahead(client, rest, &ahead[..requests]) {
                // The client must wait before its next request runs.
                return self.keep(client, &rest[stopped_at..], Parser::default());
            }
            rest = &rest[reached..];
            match end {
                End::Full => {}
                End::Incomplete => {
                    return self.keep(client, rest, std::mem::take(&mut ahead[requests].parser));
                }
                End::Broken(error) => return self.protocol_error(client, error),
            }
        }
    }

    /// Keeps `rest` for later, of whose first request `parser` knows the beginning.
    fn keep(&mut self, client: &mut Client, rest: &[u8], parser: Parser) {
        if client.closing == Closing::No && !rest.is_empty() {
            client.input = Some(Box::new(Input::with_rest(rest, parser)));
            self.check_query_buffer(client);
        }
    }

    /// Parses the next requests of `data`; how many, and where the parse stands.
    fn parse_ahead(&self, client: &Client, data: &[u8], ahead: &mut Vec<Ahead>) -> (usize, usize, End) {
        let limits = self.limits(client);
        // What an unauthenticated client may send next depends on what comes before.
        let most = if limits.authenticated { READ_AHEAD } else { 1 };
        let (mut requests, mut at) = (0, 0);
        while requests < most {
            if ahead.len() == requests {
                ahead.push(Ahead::default());
            }
            let request = &mut ahead[requests];
            request.parser.reset();
            match request.parser.parse(&data[at..], &limits) {
                Ok(Parsed::Request { consumed }) => {
                    (request.start, request.end) = (at, at + consumed);
                    at += consumed;
                    requests += 1;
                }
                Ok(Parsed::Nothing { consumed }) => at += consumed,
                Ok(Parsed::Incomplete) => return (requests, at, End::Incomplete),
                Err(error) => return (requests, at, End::Broken(error)),
            }
        }
        (requests, at, End::Full)
    }

    /// Runs parsed requests of `data` in order. `Some` when the client has to wait: where the first request that
    /// did not run begins.
    fn run_ahead(&mut self, client: &mut Client, data: &[u8], requests: &[Ahead]) -> Option<usize> {
        // The words of all requests, one after the other, and where each request's end.
        let mut words: SmallVec<[&[u8]; 4 * READ_AHEAD]> = SmallVec::new();
        let mut ends = [0; READ_AHEAD];
        for (request, end) in requests.iter().zip(&mut ends) {
            words.extend(request.parser.args(&data[request.start..request.end]));
            *end = words.len();
        }
        let args = |i: usize| {
            let start = if i == 0 { 0 } else { ends[i - 1] };
            Args::from_parser(&words[start..ends[i]], &requests[i].parser)
        };
        let read: SmallVec<[Read; READ_AHEAD]> = (0..requests.len()).map(|i| read_row(&args(i))).collect();
        if requests.len() > 1 {
            self.fetch(read.iter().enumerate().filter_map(|(i, read)| {
                let (found, keys) = (*read)?;
                Need::of(found, keys, &args(i))
            }));
        }
        for (i, read) in read.into_iter().enumerate() {
            if !client.may_run() {
                return Some(requests[i].start);
            }
            self.slot_stats.begin(requests[i].end - requests[i].start);
            self.run_request(client, &args(i), read);
            // A request that is held back is looked at again, from its first byte.
            if client.paused {
                return Some(requests[i].start);
            }
        }
        None
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
                        self.run_request(client, &args, read_row(&args));
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

/// The row of a request and where its keys are; `None` when it has no row.
#[inline]
fn read_row(args: &Args<'_>) -> Read {
    let found = Found::resolve(args).ok()?;
    Some((found, route::keys_of(found.command, args)))
}
