//! From received bytes to run commands: the loop over a client's requests.
//!
//! Bytes are parsed where the kernel put them while requests are whole; the rest goes to the client's
//! `input`. A client that must wait (blocked, paused, closing) keeps its further requests there.

use commands::Args;
use resp::{Limits, Parsed, Parser, ProtocolError};
use smallvec::SmallVec;

use crate::client::{Client, Closing, Input, Next};
use crate::core::Core;
use crate::log::verbose;

/// Arguments of nearly all requests fit without an allocation.
type Words<'a> = SmallVec<[&'a [u8]; 12]>;

impl Core {
    /// Takes bytes that arrived for `client` and runs what is whole.
    pub fn receive(&mut self, client: &mut Client, data: &[u8]) {
        client.active_ms = self.now_ms;
        client.bytes_in += data.len() as u64;
        self.stats.net_input_bytes += data.len() as u64;
        if client.input.is_none() && client.may_run() {
            self.run_in_place(client, data);
        } else if client.closing == Closing::No {
            client.input.get_or_insert_default().append(data);
            self.run_input(client);
        }
    }

    fn limits(&self, client: &Client) -> Limits {
        let authenticated = client.authenticated || !self.asks_password();
        Limits { bulk_max: self.config.limits.proto_max_bulk_len as i64, authenticated }
    }

    /// Runs the whole requests in `data`; what is left becomes the client's input.
    fn run_in_place(&mut self, client: &mut Client, data: &[u8]) {
        let mut parser = std::mem::take(&mut self.parser);
        let mut rest = data;
        while !rest.is_empty() && client.may_run() {
            match parser.parse(rest, &self.limits(client)) {
                Ok(Parsed::Request { consumed }) => {
                    self.run_parsed(client, rest, &parser);
                    rest = &rest[consumed..];
                }
                Ok(Parsed::Nothing { consumed }) => rest = &rest[consumed..],
                Ok(Parsed::Incomplete) => break,
                Err(error) => {
                    self.protocol_error(client, error);
                    rest = &[];
                }
            }
            parser.reset();
        }
        if !rest.is_empty() && client.closing == Closing::No {
            client.input = Some(Box::new(Input::with_rest(rest, std::mem::take(&mut parser))));
            self.check_query_buffer(client);
        }
        parser.reset();
        self.parser = parser;
    }

    /// Runs the whole requests that the client's input holds.
    pub fn run_input(&mut self, client: &mut Client) {
        let Some(mut input) = client.input.take() else { return };
        while client.may_run() {
            match input.next(&self.limits(client)) {
                Ok(Next::Request) => {
                    let (bytes, parser) = input.request();
                    self.run_parsed(client, bytes, parser);
                    // A request that is held back is looked at again, from its first byte.
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

    fn run_parsed(&mut self, client: &mut Client, bytes: &[u8], parser: &Parser) {
        let words: Words<'_> = parser.args(bytes).collect();
        self.run_request(client, &Args::from_parser(&words, parser));
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
