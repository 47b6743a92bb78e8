//! DEBUG PROTOCOL and DEBUG ERROR: a reply of each type, for tests of clients.

use commands::{Error, Outcome};
use resp::Proto;

use crate::admin::Call;

/// What HELP says of PROTOCOL.
pub(super) const SUMMARY: &str = "A reply of this type: string, integer, double, bignum, null, array, set, map, \
                                  attrib, push, verbatim, true, false.";
const BAD_TYPE: Error = Error::new(
    "ERR Wrong protocol type name. Please use one of the following: \
     string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
);
const NO_PUSH: Error = Error::new("ERR RESP2 is not supported by this command");

/// DEBUG PROTOCOL type
#[expect(clippy::approx_constant, reason = "what clients' tests expect, and not meant to be pi")]
pub(super) fn protocol(call: &mut Call<'_>) -> Outcome {
    let kind = call.args[2].to_ascii_lowercase();
    let reply = &mut call.client.reply;
    match kind.as_slice() {
        b"string" => reply.bulk(b"Hello World"),
        b"integer" => reply.integer(12345),
        b"double" => reply.double(3.141),
        b"bignum" => reply.big_number("1234567999999999999999999999999999999"),
        b"null" => reply.null(),
        b"array" => {
            reply.array(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        b"set" => {
            reply.set(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        b"map" => {
            reply.map(3);
            for number in 0..3 {
                reply.integer(number);
                reply.boolean(number == 1);
            }
        }
        b"attrib" => {
            if reply.proto == Proto::Resp3 {
                reply.attribute(1);
                reply.bulk(b"key-popularity");
                reply.array(2);
                reply.bulk(b"key:123");
                reply.integer(90);
            }
            reply.bulk(b"Some real reply following the attribute");
        }
        b"push" => {
            if reply.proto == Proto::Resp2 {
                return Err(NO_PUSH);
            }
            // A push is no answer, so there is one too; and it waits until the command is answered.
            reply.bulk(b"Some real reply following the push reply");
            reply.push(2);
            reply.bulk(b"server-cpu-usage");
            reply.integer(42);
        }
        b"true" => reply.boolean(true),
        b"false" => reply.boolean(false),
        b"verbatim" => reply.verbatim("txt", "This is a verbatim\nstring"),
        _ => return Err(BAD_TYPE),
    }
    Ok(())
}

/// DEBUG ERROR text: the error, code included, is what the client says.
pub(super) fn error(call: &mut Call<'_>) -> Outcome {
    let text = String::from_utf8_lossy(call.args[2]).into_owned();
    call.client.reply.error(&text);
    Ok(())
}
