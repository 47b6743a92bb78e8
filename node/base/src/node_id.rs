//! A node's name in the cluster: 40 lower-case hex digits, kept for life in its `nodes.conf`.

use std::fmt;
use std::str::FromStr;

/// Length of a node's name in bytes, on the wire and in text alike.
pub const NODE_ID_LEN: usize = 40;

/// A node's name: 160 random bits written as 40 lower-case hex digits (cluster specification, "Nodes
/// handshake").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId([u8; NODE_ID_LEN]);

/// The text is not 40 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParseNodeIdError;

impl fmt::Display for ParseNodeIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a node ID is 40 lower-case hex digits")
    }
}

impl std::error::Error for ParseNodeIdError {}

impl NodeId {
    /// The name made of 20 random bytes.
    pub fn from_random(random: [u8; NODE_ID_LEN / 2]) -> NodeId {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; NODE_ID_LEN];
        for (pair, byte) in text.chunks_exact_mut(2).zip(random) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        NodeId(text)
    }

    /// The name in `bytes`, as packets carry it.
    pub fn from_bytes(bytes: &[u8]) -> Result<NodeId, ParseNodeIdError> {
        let text: [u8; NODE_ID_LEN] = bytes.try_into().map_err(|_| ParseNodeIdError)?;
        let hex = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if text.iter().all(hex) { Ok(NodeId(text)) } else { Err(ParseNodeIdError) }
    }

    /// The 40 digits as bytes.
    pub fn as_bytes(&self) -> &[u8; NODE_ID_LEN] {
        &self.0
    }

    /// The 40 digits as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hex digits are UTF-8")
    }
}

impl FromStr for NodeId {
    type Err = ParseNodeIdError;

    fn from_str(text: &str) -> Result<NodeId, ParseNodeIdError> {
        NodeId::from_bytes(text.as_bytes())
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let id = NodeId::from_random(std::array::from_fn(|i| (i * 13) as u8));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.as_str().starts_with("000d1a"));
    }

    #[test]
    fn bad_text() {
        assert_eq!("abc".parse::<NodeId>(), Err(ParseNodeIdError));
        assert_eq!("G".repeat(40).parse::<NodeId>(), Err(ParseNodeIdError));
        assert_eq!("A".repeat(40).parse::<NodeId>(), Err(ParseNodeIdError));
    }
}
