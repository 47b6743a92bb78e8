//! New inputs from old ones.

use base::Random;

/// Longest input made, in bytes; seeds may be longer.
const INPUT_MAX: usize = 64 * 1024;
/// Most changes to one input.
const CHANGES_MAX: u64 = 8;
/// Numbers at which code goes wrong, as text.
const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1",
    "-1",
    "2",
    "9",
    "10",
    "00",
    "+1",
    "127",
    "128",
    "255",
    "256",
    "1023",
    "1024",
    "4095",
    "4096",
    "32767",
    "32768",
    "65535",
    "65536",
    "1048576",
    "1048577",
    "536870912",
    "2147483647",
    "2147483648",
    "-2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999",
    "1e308",
    "inf",
    "-inf",
    "nan",
    "0x10",
    "1.5",
    "",
];

/// Makes inputs for one target.
pub struct Mutator {
    words: Vec<Vec<u8>>,
}

impl Mutator {
    /// A mutator that knows a target's words, and what its seeds are made of.
    pub fn new(words: &[&str], seeds: &[Vec<u8>]) -> Mutator {
        let mut all: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        all.extend(NUMBERS.iter().map(|number| number.as_bytes().to_vec()));
        let pieces = seeds.iter().flat_map(|seed| seed.split(|b| b.is_ascii_whitespace()));
        all.extend(pieces.filter(|piece| (1..=64).contains(&piece.len())).take(1000).map(<[u8]>::to_vec));
        Mutator { words: all }
    }

    /// A new input.
    pub fn make(&self, corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
        let mut input = match corpus {
            [] => Vec::new(),
            _ => corpus[random.below(corpus.len() as u64) as usize].clone(),
        };
        for _ in 0..=random.below(CHANGES_MAX) {
            self.change(&mut input, corpus, random);
        }
        input.truncate(INPUT_MAX);
        input
    }

    fn change(&self, input: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Random) {
        let len = input.len();
        let at = random.below(len as u64 + 1) as usize;
        let span = random.below(((len - at) as u64).min(64) + 1) as usize;
        match random.below(12) {
            0 if at < len => input[at] ^= 1 << random.below(8),
            1 if at < len => input[at] = random.bits() as u8,
            2 => input.insert(at, random.bits() as u8),
            3 => drop(input.drain(at..at + span)),
            4 => input.truncate(at),
            5 => {
                let copy = input[at..at + span].to_vec();
                put(input, random.below(len as u64 + 1) as usize, &copy);
            }
            6 if !corpus.is_empty() => {
                let other = &corpus[random.below(corpus.len() as u64) as usize];
                let from = random.below(other.len() as u64 + 1) as usize;
                let count = random.below(((other.len() - from) as u64).min(4096) + 1) as usize;
                put(input, at, &other[from..from + count]);
            }
            7 | 8 if !self.words.is_empty() => {
                let word = &self.words[random.below(self.words.len() as u64) as usize];
                put(input, at, word);
            }
            9 => self.replace_number(input, at, random),
            10 if len - at >= 8 => {
                // A length or a count in binary, at its bounds.
                let width = 1 << random.below(4);
                let value =
                    [0, 1, u64::MAX, i64::MAX as u64, u64::from(u32::MAX), 1 << 31][random.below(6) as usize];
                let bytes = if random.below(2) == 0 { value.to_be_bytes() } else { value.to_le_bytes() };
                input[at..at + width].copy_from_slice(&bytes[..width]);
            }
            _ => {
                let times = random.below(64) as usize + 1;
                let byte = input.get(at).copied().unwrap_or(b' ');
                put(input, at, &vec![byte; times]);
            }
        }
    }

    /// Puts another number in the place of the first one behind `at`.
    fn replace_number(&self, input: &mut Vec<u8>, at: usize, random: &mut Random) {
        let Some(from) = input[at..].iter().position(u8::is_ascii_digit).map(|from| at + from) else {
            return;
        };
        let len = input[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        let number = NUMBERS[random.below(NUMBERS.len() as u64) as usize];
        input.splice(from..from + len, number.bytes());
    }
}

fn put(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    input.splice(at..at, bytes.iter().copied());
}
