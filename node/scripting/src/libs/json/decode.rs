//! JSON to Lua's values.
//!
//! `null` becomes the null pointer, `cjson.null`, for a table cannot hold nil. Numbers may also be what JSON forbids and
//! C's `strtod` takes (`0x10`, `inf`, `nan`), unless `decode_invalid_numbers` is off.

use super::{Settings, settings};
use crate::lua::{Fail, Stack};

/// cjson.decode(text)
pub(super) fn decode(stack: &mut Stack<'_>) -> Result<usize, Fail> {
    if stack.top() != 1 {
        return Err(Fail::Argument(1, "expected 1 argument".to_owned()));
    }
    let settings = settings(stack);
    let text = stack.text_argument(1)?.to_vec();
    if text.len() >= 2 && (text[0] == 0 || text[1] == 0) {
        return Err(Fail::Text("JSON parser does not support UTF-16 or UTF-32".to_owned()));
    }
    let mut decoder = Decoder { text: &text, at: 0, depth: 0, settings };
    let token = decoder.token();
    decoder.value(stack, token)?;
    let (token, at) = decoder.token();
    match token {
        Token::End => Ok(1),
        other => Err(unexpected("the end", &other, at)),
    }
}

/// A token; errors say what is wrong with the text.
#[derive(Debug, PartialEq)]
enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    String(Vec<u8>),
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Error(&'static str),
}

impl Token {
    fn name(&self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::String(_) => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Error(what) => what,
        }
    }
}

/// A token and where it stands.
type Placed = (Token, usize);

fn unexpected(expected: &str, found: &Token, at: usize) -> Fail {
    Fail::Text(format!("Expected {expected} but found {} at character {}", found.name(), at + 1))
}

struct Decoder<'t> {
    text: &'t [u8],
    at: usize,
    depth: i32,
    settings: Settings,
}

impl Decoder<'_> {
    /// The byte `ahead` of here; 0 at the end.
    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// Pushes the value that begins with this token.
    fn value(&mut self, stack: &mut Stack<'_>, (token, at): Placed) -> Result<(), Fail> {
        match token {
            Token::String(text) => stack.push_bytes(&text),
            Token::Number(number) => stack.push_number(number),
            Token::Boolean(value) => stack.push_boolean(value),
            Token::Null => stack.push_null(),
            Token::ObjectBegin => self.object(stack)?,
            Token::ArrayBegin => self.array(stack)?,
            other => return Err(unexpected("value", &other, at)),
        }
        Ok(())
    }

    fn descend(&mut self, stack: &mut Stack<'_>) -> Result<(), Fail> {
        self.depth += 1;
        stack.check_memory(0)?;
        if self.depth > self.settings.decode_max_depth || !stack.has_room(6) {
            return Err(Fail::Text(format!(
                "Found too many nested data structures ({}) at character {}",
                self.depth, self.at
            )));
        }
        Ok(())
    }

    fn object(&mut self, stack: &mut Stack<'_>) -> Result<(), Fail> {
        self.descend(stack)?;
        stack.push_table(0, 0);
        let table = stack.top();
        let mut token = self.token();
        if token.0 != Token::ObjectEnd {
            loop {
                match token.0 {
                    Token::String(key) => stack.push_bytes(&key),
                    other => return Err(unexpected("object key string", &other, token.1)),
                }
                let (colon, at) = self.token();
                if colon != Token::Colon {
                    return Err(unexpected("colon", &colon, at));
                }
                let first = self.token();
                self.value(stack, first)?;
                stack.set(table);
                match self.token() {
                    (Token::ObjectEnd, _) => break,
                    (Token::Comma, _) => token = self.token(),
                    (other, at) => return Err(unexpected("comma or object end", &other, at)),
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn array(&mut self, stack: &mut Stack<'_>) -> Result<(), Fail> {
        self.descend(stack)?;
        stack.push_table(0, 0);
        let table = stack.top();
        let mut token = self.token();
        if token.0 != Token::ArrayEnd {
            for i in 1.. {
                self.value(stack, token)?;
                stack.set_item(table, i);
                match self.token() {
                    (Token::ArrayEnd, _) => break,
                    (Token::Comma, _) => token = self.token(),
                    (other, at) => return Err(unexpected("comma or array end", &other, at)),
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// The next token. An error stands where the text goes wrong, and is not passed.
    fn token(&mut self) -> Placed {
        while matches!(self.peek(0), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        let at = self.at;
        let single = match self.peek(0) {
            0 => return (Token::End, at),
            b'{' => Some(Token::ObjectBegin),
            b'}' => Some(Token::ObjectEnd),
            b'[' => Some(Token::ArrayBegin),
            b']' => Some(Token::ArrayEnd),
            b':' => Some(Token::Colon),
            b',' => Some(Token::Comma),
            _ => None,
        };
        if let Some(token) = single {
            self.at += 1;
            return (token, at);
        }
        match self.word() {
            Token::Error(what) => (Token::Error(what), self.at),
            token => (token, at),
        }
    }

    fn word(&mut self) -> Token {
        let rest = &self.text[self.at..];
        let word =
            [(&b"true"[..], Token::Boolean(true)), (b"false", Token::Boolean(false)), (b"null", Token::Null)];
        match self.peek(0) {
            b'"' => return self.string(),
            b'-' | b'0'..=b'9' => {
                if !self.settings.decode_invalid_numbers && is_invalid_number(rest) {
                    return Token::Error("invalid number");
                }
                return self.number();
            }
            _ => {}
        }
        if let Some((text, token)) = word.into_iter().find(|(text, _)| rest.starts_with(text)) {
            self.at += text.len();
            return token;
        }
        let may_be_number = matches!(self.peek(0), b'+' | b'i' | b'I' | b'n' | b'N');
        if may_be_number && self.settings.decode_invalid_numbers && is_invalid_number(rest) {
            return self.number();
        }
        Token::Error("invalid token")
    }

    /// A number as `strtod` reads it, as long as it goes.
    fn number(&mut self) -> Token {
        match read_number(&self.text[self.at..]) {
            Some((number, len)) => {
                self.at += len;
                Token::Number(number)
            }
            None => Token::Error("invalid number"),
        }
    }

    fn string(&mut self) -> Token {
        self.at += 1;
        let mut text = Vec::new();
        loop {
            match self.peek(0) {
                b'"' => break,
                0 => return Token::Error("unexpected end of string"),
                b'\\' => {
                    if let Err(error) = self.escape(&mut text) {
                        return Token::Error(error);
                    }
                }
                byte => {
                    text.push(byte);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        Token::String(text)
    }

    fn escape(&mut self, text: &mut Vec<u8>) -> Result<(), &'static str> {
        let plain = match self.peek(1) {
            byte @ (b'"' | b'\\' | b'/') => byte,
            b'b' => 0x08,
            b't' => b'\t',
            b'n' => b'\n',
            b'f' => 0x0c,
            b'r' => b'\r',
            b'u' => {
                let (code, len) = self.unicode().ok_or("invalid unicode escape code")?;
                let mut utf8 = [0; 4];
                text.extend_from_slice(code.encode_utf8(&mut utf8).as_bytes());
                self.at += len;
                return Ok(());
            }
            _ => return Err("invalid escape code"),
        };
        text.push(plain);
        self.at += 2;
        Ok(())
    }

    /// The character of an escape (or a pair of them) that begins here, and its length.
    fn unicode(&self) -> Option<(char, usize)> {
        let first = self.hex4(2)?;
        if first & 0xF800 != 0xD800 {
            return char::from_u32(first).map(|code| (code, 6));
        }
        if self.peek(6) != b'\\' || self.peek(7) != b'u' {
            return None;
        }
        let mut pair = char::decode_utf16([first as u16, self.hex4(8)? as u16]);
        pair.next()?.ok().map(|code| (code, 12))
    }

    fn hex4(&self, ahead: usize) -> Option<u32> {
        (0..4).try_fold(0, |code, i| Some(code << 4 | char::from(self.peek(ahead + i)).to_digit(16)?))
    }
}

/// Whether what begins here is a number that JSON forbids.
fn is_invalid_number(text: &[u8]) -> bool {
    let byte = |at: usize| text.get(at).copied().unwrap_or(0);
    if byte(0) == b'+' {
        return true;
    }
    let at = usize::from(byte(0) == b'-');
    match byte(at) {
        b'0' => byte(at + 1) | 0x20 == b'x' || byte(at + 1).is_ascii_digit(),
        0..=b'9' => false,
        _ => text
            .get(at..at + 3)
            .is_some_and(|word| word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"nan")),
    }
}

/// The longest number at the beginning of `text` that C's `strtod` reads, and its length.
fn read_number(text: &[u8]) -> Option<(f64, usize)> {
    let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let negative = text.first() == Some(&b'-');
    let body = &text[sign..];
    let starts = |word: &[u8]| body.get(..word.len()).is_some_and(|b| b.eq_ignore_ascii_case(word));
    let (magnitude, len) = if starts(b"infinity") {
        (f64::INFINITY, 8)
    } else if starts(b"inf") {
        (f64::INFINITY, 3)
    } else if starts(b"nan") {
        (f64::NAN, 3)
    } else if starts(b"0x") && hex_len(&body[2..]) > 0 {
        let len = 2 + hex_len(&body[2..]);
        (resp::parse_double(&body[..len])?, len)
    } else {
        let len = decimal_len(body);
        (std::str::from_utf8(body.get(..len)?).ok()?.parse().ok()?, len)
    };
    Some((if negative { -magnitude } else { magnitude }, sign + len))
}

/// Length of hexadecimal digits with a fraction and a binary exponent.
fn hex_len(text: &[u8]) -> usize {
    let digits = |from: usize| text[from..].iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let mut len = digits(0);
    if text.get(len) == Some(&b'.') && (len > 0 || digits(len + 1) > 0) {
        len += 1 + digits(len + 1);
    }
    len + if len > 0 { exponent_len(&text[len..], b'p') } else { 0 }
}

/// Length of decimal digits with a fraction and an exponent.
fn decimal_len(text: &[u8]) -> usize {
    let digits = |from: usize| text[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut len = digits(0);
    if text.get(len) == Some(&b'.') && (len > 0 || digits(len + 1) > 0) {
        len += 1 + digits(len + 1);
    }
    len + if len > 0 { exponent_len(&text[len..], b'e') } else { 0 }
}

fn exponent_len(text: &[u8], mark: u8) -> usize {
    if text.first().is_none_or(|b| b.to_ascii_lowercase() != mark) {
        return 0;
    }
    let sign = usize::from(matches!(text.get(1), Some(b'+' | b'-')));
    let digits = text[1 + sign..].iter().take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 { 0 } else { 1 + sign + digits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_strtod() {
        let cases = [
            ("0.0,", 0.0, 3),
            ("-5e3]", -5000.0, 4),
            ("1e", 1.0, 1),
            ("1.", 1.0, 2),
            ("0x10 ", 16.0, 4),
            ("0xg", 0.0, 1),
            ("-Infinity", f64::NEG_INFINITY, 9),
            ("1e999", f64::INFINITY, 5),
            ("0123", 123.0, 4),
        ];
        for (text, number, len) in cases {
            assert_eq!(read_number(text.as_bytes()), Some((number, len)), "{text}");
        }
        assert_eq!(read_number(b"-"), None);
    }
}
