//! The image a full synchronisation begins with, as bytes between a header and the stream.
//!
//! ```text
//! $1234\r\n  <1234 bytes>                        the length is known: it comes from a file
//! $EOF:<40 characters>\r\n  <bytes>  <the 40 characters again>
//! ```
//!
//! Line ends before the header mean that the master is alive and still busy.

/// Length of the mark in characters.
pub const MARK_LEN: usize = 40;

/// How the end of the image is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Framing {
    /// By its length in bytes.
    Length(u64),
    /// By the mark that follows it.
    Mark([u8; MARK_LEN]),
}

impl Framing {
    /// The framing that a header line (without its end) announces.
    pub fn parse(line: &[u8]) -> Option<Framing> {
        let text = line.strip_prefix(b"$")?;
        if let Some(mark) = text.strip_prefix(b"EOF:") {
            return Some(Framing::Mark(*mark.first_chunk::<MARK_LEN>()?));
        }
        std::str::from_utf8(text).ok()?.parse().ok().map(Framing::Length)
    }

    /// The header that announces it, with its end.
    pub fn header(&self) -> Vec<u8> {
        match self {
            Framing::Length(length) => format!("${length}\r\n").into_bytes(),
            Framing::Mark(mark) => [b"$EOF:", &mark[..], b"\r\n"].concat(),
        }
    }
}

/// An image that comes in.
#[derive(Debug)]
pub struct Payload {
    framing: Framing,
    /// Bytes of the image so far.
    received: u64,
    /// Bytes that may be the beginning of the mark.
    held: Vec<u8>,
}

impl Payload {
    /// An image of which nothing came yet.
    pub fn new(framing: Framing) -> Payload {
        Payload { framing, received: 0, held: Vec::new() }
    }

    /// Its length in bytes, when that was announced.
    pub fn length(&self) -> Option<u64> {
        if let Framing::Length(length) = self.framing { Some(length) } else { None }
    }

    /// Bytes of it so far.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Takes what came and appends what is the image's to `image`. When the image is whole: how much of `data` was
    /// used; what follows is the stream's.
    pub fn take(&mut self, data: &[u8], image: &mut Vec<u8>) -> Option<usize> {
        match &self.framing {
            Framing::Length(length) => {
                let missing = length - self.received;
                let used = missing.min(data.len() as u64) as usize;
                image.extend_from_slice(&data[..used]);
                self.received += used as u64;
                (used as u64 == missing).then_some(used)
            }
            Framing::Mark(mark) => {
                let mark = *mark;
                let before = self.held.len();
                self.held.extend_from_slice(data);
                let end = find(&self.held, &mark);
                // Without the mark, all but its possible beginning is image.
                let certain = end.unwrap_or((self.held.len() + 1).saturating_sub(MARK_LEN));
                image.extend(self.held.drain(..certain));
                self.received += certain as u64;
                end.map(|end| end + MARK_LEN - before)
            }
        }
    }
}

fn find(bytes: &[u8], mark: &[u8; MARK_LEN]) -> Option<usize> {
    memchr::memmem::find(bytes, mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes out when `data` arrives in pieces of `piece` bytes: the image, and what follows it.
    fn receive(framing: &Framing, data: &[u8], piece: usize) -> Option<(Vec<u8>, Vec<u8>)> {
        let (mut payload, mut image) = (Payload::new(framing.clone()), Vec::new());
        for (i, part) in data.chunks(piece).enumerate() {
            if let Some(used) = payload.take(part, &mut image) {
                assert_eq!(payload.received(), image.len() as u64);
                return Some((image, data[i * piece + used..].to_vec()));
            }
        }
        None
    }

    #[test]
    fn headers() {
        let mark = Framing::Mark([b'x'; MARK_LEN]);
        for framing in [Framing::Length(0), Framing::Length(1 << 40), mark] {
            let header = framing.header();
            assert_eq!(Framing::parse(&header[..header.len() - 2]), Some(framing));
        }
        for line in [&b"$"[..], b"$-1", b"$EOF:short", b"+OK", b""] {
            assert_eq!(Framing::parse(line), None);
        }
    }

    #[test]
    fn the_end_is_found_in_any_pieces() {
        let mark: [u8; MARK_LEN] = std::array::from_fn(|i| b'a' + (i % 7) as u8);
        // An image that ends with most of the mark, and a stream that begins with some of it.
        let image = [&b"REDIS"[..], &mark[..39], b"data", &mark[..30]].concat();
        let stream = b"abcd*1\r\n";
        let marked = [&image[..], &mark, stream].concat();
        let counted = [&image[..], stream].concat();
        for piece in 1..marked.len() {
            for (framing, data) in
                [(Framing::Mark(mark), &marked), (Framing::Length(image.len() as u64), &counted)]
            {
                let (got, rest) = receive(&framing, data, piece).unwrap();
                assert_eq!((&got[..], &rest[..]), (&image[..], &stream[..]), "pieces of {piece}");
            }
        }
        assert_eq!(receive(&Framing::Mark(mark), &marked[..image.len() + 39], 10), None);
    }
}
