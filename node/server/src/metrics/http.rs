//! As much HTTP/1.1 as one needs to be asked for a page: a head comes in, an answer goes out, the connection ends.
//!
//! Pure: bytes in, bytes out. Anything may come in; what is no plain request for a page gets a status that says so.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Longest head of a request, bytes.
pub const HEAD_MAX: usize = 8 << 10;
/// Most header lines of a request.
const HEADERS_MAX: usize = 64;

/// A request for a page.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// What is asked for, without the query.
    pub path: String,
    /// The query, without the question mark.
    pub query: String,
    /// Whether only the head of the answer is wanted.
    pub head_only: bool,
    /// User and password, if any.
    pub login: Option<(Vec<u8>, Vec<u8>)>,
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Response {
    /// Status code and its words.
    pub status: &'static str,
    /// Header lines of its own, each with its end.
    pub headers: &'static str,
    /// Type of the body.
    pub media_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// A page.
    pub fn page(media_type: &'static str, body: impl Into<Vec<u8>>) -> Response {
        Response { status: "200 OK", headers: "", media_type, body: body.into() }
    }

    /// No page: why is in the status, and in the body for people.
    pub fn refusal(status: &'static str) -> Response {
        let body = format!("{status}\n").into_bytes();
        Response { status, headers: "", media_type: "text/plain; charset=utf-8", body }
    }

    /// The same with header lines, each with its end.
    pub fn with(self, headers: &'static str) -> Response {
        Response { headers, ..self }
    }

    /// The bytes to send.
    pub fn encode(&self, head_only: bool) -> Vec<u8> {
        let Response { status, headers, media_type, body } = self;
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
             X-Content-Type-Options: nosniff\r\nConnection: close\r\n{headers}\r\n",
            body.len()
        );
        let mut bytes = head.into_bytes();
        if !head_only {
            bytes.extend_from_slice(body);
        }
        bytes
    }
}

/// The request whose head `bytes` begin with; `None` until it is whole.
///
/// # Errors
/// The answer to what is no request for a page.
pub fn parse(bytes: &[u8]) -> Result<Option<Request>, Response> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut headers);
    match head.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) if bytes.len() < HEAD_MAX => return Ok(None),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Err(Response::refusal("431 Request Header Fields Too Large"));
        }
        Err(httparse::Error::Version) => return Err(Response::refusal("505 HTTP Version Not Supported")),
        Err(_) => return Err(Response::refusal("400 Bad Request")),
    }
    let head_only = match head.method {
        Some("GET") => false,
        Some("HEAD") => true,
        _ => return Err(Response::refusal("405 Method Not Allowed").with("Allow: GET, HEAD\r\n")),
    };
    let target = head.path.unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let login = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case("authorization"));
    let login = login.and_then(|header| basic(header.value));
    Ok(Some(Request { path: path.to_owned(), query: query.to_owned(), head_only, login }))
}

/// User and password of HTTP's Basic authentication (RFC 7617).
fn basic(value: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (scheme, rest) = value.split_at_checked("Basic ".len())?;
    let decoded =
        scheme.eq_ignore_ascii_case(b"Basic ").then(|| STANDARD.decode(rest.trim_ascii()).ok())??;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    Some((decoded[..colon].to_vec(), decoded[colon + 1..].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(bytes: &[u8]) -> &'static str {
        match parse(bytes) {
            Ok(Some(_)) => "request",
            Ok(None) => "more",
            Err(response) => &response.status[..3],
        }
    }

    #[test]
    fn requests_and_what_is_none() {
        let lines = |count: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(count)).into_bytes();
        let long = [b"GET /".to_vec(), vec![b'a'; HEAD_MAX]].concat();
        let cases: &[(&[u8], &str)] = &[
            (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "request"),
            (b"HEAD /metrics HTTP/1.0\r\n\r\n", "request"),
            (b"", "more"),
            (b"GET / HTTP/1.1\r\nHost", "more"),
            (b"POST / HTTP/1.1\r\n\r\n", "405"),
            (b"GET / HTTP/2.0\r\n\r\n", "505"),
            (b"*1\r\n$4\r\nPING\r\n", "400"),
            (b"\x16\x03\x01\x02\x00\x01\x00", "400"),
            (b"GET\r\n\r\n", "400"),
            (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", "400"),
            (&lines(HEADERS_MAX), "request"),
            (&lines(HEADERS_MAX + 1), "431"),
            (&long, "431"),
        ];
        for (bytes, expect) in cases {
            assert_eq!(status(bytes), *expect, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_request_comes_in_pieces() {
        let whole = b"GET /api/slots?by=keys HTTP/1.1\r\nauthorization: basic dTpwOnE=\r\n\r\n";
        assert!((0..whole.len()).all(|len| parse(&whole[..len]) == Ok(None)));
        let request = parse(whole).unwrap().unwrap();
        assert_eq!((request.path.as_str(), request.query.as_str()), ("/api/slots", "by=keys"));
        assert_eq!(request.login, Some((b"u".to_vec(), b"p:q".to_vec())));
    }

    #[test]
    fn log_ins_that_are_none() {
        for value in ["", "Basic", "Basic ", "Basic !", "Basic dQ==", "Bearer dTpw"] {
            assert_eq!(basic(value.as_bytes()), None, "{value}");
        }
        assert_eq!(basic(b"Basic Og=="), Some((vec![], vec![])));
    }

    #[test]
    fn answers() {
        let response = Response::refusal("404 Not Found").with("A: b\r\n");
        let text = String::from_utf8(response.encode(false)).unwrap();
        assert!(
            text.starts_with("HTTP/1.1 404 Not Found\r\n") && text.contains("\r\nContent-Length: 14\r\n")
        );
        assert!(text.ends_with("\r\nA: b\r\n\r\n404 Not Found\n"));
        assert!(response.encode(true).ends_with(b"A: b\r\n\r\n"));
    }
}
