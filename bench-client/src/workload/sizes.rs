//! How long keys and values are: one size, a range, or a histogram.

use std::str::FromStr;

use crate::random::Random;

/// Largest key or value that is made, the server's own default limit (`proto-max-bulk-len`).
pub const SIZE_MAX: usize = 512 * 1024 * 1024;

/// Sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sizes {
    /// Always the same.
    Fixed(usize),
    /// Every size from the first to the second alike.
    Range(usize, usize),
    /// Sizes with the running sum of their weights.
    Histogram(Vec<(u64, usize)>),
}

impl Sizes {
    /// The size, when there is only one.
    pub fn fixed(&self) -> Option<usize> {
        if let Sizes::Fixed(size) = self { Some(*size) } else { None }
    }

    /// The largest size.
    pub fn max(&self) -> usize {
        match self {
            Sizes::Fixed(size) | Sizes::Range(_, size) => *size,
            Sizes::Histogram(steps) => steps.iter().map(|step| step.1).max().unwrap_or(0),
        }
    }

    /// One size.
    pub fn pick(&self, random: &mut Random) -> usize {
        match self {
            Sizes::Fixed(size) => *size,
            Sizes::Range(low, high) => random.between(*low as u64, *high as u64) as usize,
            Sizes::Histogram(steps) => {
                let total = steps.last().map_or(0, |step| step.0);
                let at = random.below(total);
                steps[steps.partition_point(|step| step.0 <= at)].1
            }
        }
    }
}

impl FromStr for Sizes {
    type Err = String;

    /// Reads `64`, `16-1024`, or `64:80,1024:15,16kb:5` (size:weight); sizes may end in `kb` or `mb`.
    fn from_str(text: &str) -> Result<Sizes, String> {
        let wrong = || format!("'{text}' is no size: write 64, 16-1024 or 64:80,1kb:20 (size:weight)");
        if text.contains(':') {
            let mut sum = 0u64;
            let mut steps = Vec::new();
            for step in text.split(',') {
                let (step_size, weight) = step.split_once(':').ok_or_else(wrong)?;
                let weight: u32 = weight.trim().parse().map_err(|_| wrong())?;
                sum += u64::from(weight);
                if weight > 0 {
                    steps.push((sum, size(step_size)?));
                }
            }
            return if steps.is_empty() { Err(wrong()) } else { Ok(Sizes::Histogram(steps)) };
        }
        if let Some((low, high)) = text.split_once('-') {
            let (low, high) = (size(low)?, size(high)?);
            return if low <= high { Ok(Sizes::Range(low, high)) } else { Err(wrong()) };
        }
        size(text).map(Sizes::Fixed)
    }
}

fn size(text: &str) -> Result<usize, String> {
    let lower = text.trim().to_ascii_lowercase();
    let (digits, unit) = match lower.strip_suffix("kb") {
        Some(digits) => (digits, 1024),
        None => lower.strip_suffix("mb").map_or((&lower[..], 1), |digits| (digits, 1024 * 1024)),
    };
    let bytes = digits.parse::<usize>().ok().and_then(|n| n.checked_mul(unit));
    bytes.filter(|&n| n <= SIZE_MAX).ok_or_else(|| format!("'{text}' is no size of at most 512mb"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text() {
        assert_eq!("64".parse(), Ok(Sizes::Fixed(64)));
        assert_eq!("16-2kb".parse(), Ok(Sizes::Range(16, 2048)));
        assert_eq!("64:80,1mb:20,5:0".parse(), Ok(Sizes::Histogram(vec![(80, 64), (100, 1 << 20)])));
        for wrong in ["", "x", "9-1", "64:x", "64:0", "600mb", "1:2,3"] {
            assert!(wrong.parse::<Sizes>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_histogram_keeps_its_weights() {
        let sizes: Sizes = "10:80,20:20".parse().unwrap();
        let mut random = Random::of(9, 9);
        let tens = (0..100_000).filter(|_| sizes.pick(&mut random) == 10).count();
        // Five standard deviations (126 each) around 80,000.
        assert!((79_370..80_630).contains(&tens), "{tens}");
    }

    #[test]
    fn a_range_reaches_both_ends() {
        let mut random = Random::of(9, 9);
        let sizes = Sizes::Range(3, 5);
        let seen: Vec<usize> = (0..100).map(|_| sizes.pick(&mut random)).collect();
        assert!(seen.contains(&3) && seen.contains(&5) && seen.iter().all(|s| (3..=5).contains(s)));
    }
}
