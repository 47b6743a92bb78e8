//! What a completion belongs to, packed into the 64 bits the ring carries along.

/// What was asked of the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Connections arrive at a listener.
    Accept,
    /// Bytes arrive from a client.
    Recv,
    /// A reply was sent.
    Send,
    /// A sibling woke this core.
    Wake,
    /// This core's wake-up reached a sibling.
    WakeSent,
    /// A file's bytes are on the disk.
    Sync,
    /// Another operation was ended.
    Cancel,
    /// What `nodes.conf` is replaced by is on the disk.
    SyncNodes,
}

/// The owner of an operation: a listener's or client's index, and which incarnation of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What was asked.
    pub op: Op,
    /// Index of the listener or client.
    pub index: u32,
    /// Tells a client from a later one of the same index; 24 bits.
    pub generation: u32,
}

const GENERATION_BITS: u32 = 24;

impl Token {
    /// The token of an operation that belongs to no client.
    pub fn of(op: Op, index: u32) -> Token {
        Token { op, index, generation: 0 }
    }

    /// As the ring carries it: op (8 bits), generation (24), index (32).
    pub fn pack(self) -> u64 {
        let generation = u64::from(self.generation & ((1 << GENERATION_BITS) - 1));
        (self.op as u64) << 56 | generation << 32 | u64::from(self.index)
    }

    /// The token that was packed; `None` for bits that never were.
    pub fn unpack(bits: u64) -> Option<Token> {
        let op = match bits >> 56 {
            0 => Op::Accept,
            1 => Op::Recv,
            2 => Op::Send,
            3 => Op::Wake,
            4 => Op::WakeSent,
            5 => Op::Sync,
            6 => Op::Cancel,
            7 => Op::SyncNodes,
            _ => return None,
        };
        Some(Token { op, index: bits as u32, generation: (bits >> 32) as u32 & ((1 << GENERATION_BITS) - 1) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        for op in
            [Op::Accept, Op::Recv, Op::Send, Op::Wake, Op::WakeSent, Op::Sync, Op::Cancel, Op::SyncNodes]
        {
            let token = Token { op, index: u32::MAX - 1, generation: 0xABCDEF };
            assert_eq!(Token::unpack(token.pack()), Some(token));
        }
        assert_eq!(Token::unpack(u64::MAX), None);
    }
}
