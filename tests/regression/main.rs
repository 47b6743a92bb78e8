//! One test per bug that was found: its name says what went wrong.

use kit::{Client, Value, ringmaster};

/// A value that arrived in several pieces and was the request's last argument was waited for for ever.
#[test]
fn a_big_last_argument_ends_its_request() {
    let server = ringmaster(1, &["--bootstrap", "yes"]);
    let mut client = Client::connect(server.port);
    let big = vec![b'x'; 1_000_000];
    assert_eq!(client.call(&[&b"SET"[..], b"k", &big]), Value::Simple("OK".into()));
    assert_eq!(client.call(&["GET", "k"]), Value::Bulk(big));
}

/// A command refused between MULTI and EXEC for another reason than its syntax let EXEC run the rest.
#[test]
fn a_refused_command_breaks_the_transaction() {
    let server = ringmaster(1, &["--bootstrap", "yes"]);
    let mut client = Client::connect(server.port);
    client.line("MULTI");
    client.line("MULTI");
    assert!(client.line("EXEC").text().starts_with("EXECABORT"));
}
