//! Passwords: kept as their SHA-256, never as they are.

use sha2::{Digest, Sha256};

/// Hexadecimal digits of a hash.
const HEX_LEN: usize = 64;

/// The SHA-256 of a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Password([u8; HEX_LEN / 2]);

impl Password {
    /// The hash of a password in clear.
    pub fn of(clear: &[u8]) -> Password {
        Password(Sha256::digest(clear).into())
    }

    /// A hash written as 64 lower-case hexadecimal digits.
    pub fn from_hex(hex: &[u8]) -> Option<Password> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        if hex.len() != HEX_LEN {
            return None;
        }
        let mut hash = [0; HEX_LEN / 2];
        for (byte, pair) in hash.iter_mut().zip(hex.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Password(hash))
    }

    /// The hash as hexadecimal digits.
    pub fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether two hashes are the same, in a time that does not tell where they differ.
    pub fn matches(&self, other: &Password) -> bool {
        self.0.iter().zip(other.0).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_and_digits() {
        let hex = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        let password = Password::of(b"test");
        assert_eq!(password.to_hex(), hex);
        assert_eq!(Password::from_hex(hex.as_bytes()), Some(password));
        assert!(password.matches(&Password::of(b"test")) && !password.matches(&Password::of(b"tesT")));
        for bad in [&hex[1..], &hex.to_uppercase(), &hex.replace('9', "g"), ""] {
            assert_eq!(Password::from_hex(bad.as_bytes()), None, "{bad}");
        }
    }
}
