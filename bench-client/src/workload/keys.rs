//! Which key a request names: how often each key is asked for, and what the keys look like.
//!
//! Keys are numbers `0..count`; a distribution picks one, and [`Keys::name`] writes it. The name is a function
//! of the number alone, so a preload, a run and a check afterwards agree without sharing anything.

use std::str::FromStr;

use crate::random::Random;
use crate::workload::sizes::Sizes;

/// How requests spread over the keys.
#[derive(Debug, Clone, PartialEq)]
pub enum Distribution {
    /// Every key alike.
    Uniform,
    /// Key `k` (from 0) in proportion to `1 / (k + 1)^exponent`.
    Zipf(Zipf),
    /// A bell around the middle key; the width (standard deviation) is a share of all keys.
    Gaussian(f64),
    /// One after the other, and from the start again.
    Sequential,
    /// This share of the requests goes to keys of a single slot, the rest evenly to all keys.
    HotSlot(f64),
}

/// Every this many keys, one lies in the hot slot.
const HOT_EVERY: u64 = 100;
/// The hash tag that holds the hot keys together.
const HOT_TAG: &[u8] = b"{hot}";

impl Distribution {
    /// Reads `uniform`, `zipf[:EXPONENT]`, `gaussian[:WIDTH]`, `sequential` or `hotslot[:SHARE]` for `count` keys.
    pub fn parse(text: &str, count: u64) -> Result<Distribution, String> {
        let (name, parameter) = text.split_once(':').map_or((text, None), |(name, p)| (name, Some(p)));
        let number = |default: f64, low: f64, high: f64| -> Result<f64, String> {
            let Some(parameter) = parameter else { return Ok(default) };
            match f64::from_str(parameter) {
                Ok(value) if value > low && value <= high => Ok(value),
                _ => Err(format!("'{text}': the parameter must be a number above {low}, at most {high}")),
            }
        };
        match name {
            "uniform" | "sequential" if parameter.is_some() => Err(format!("'{name}' takes no parameter")),
            "uniform" => Ok(Distribution::Uniform),
            "sequential" => Ok(Distribution::Sequential),
            "zipf" => Ok(Distribution::Zipf(Zipf::new(count, number(0.99, 0.0, 10.0)?))),
            "gaussian" => Ok(Distribution::Gaussian(number(0.1, 0.0, 10.0)?)),
            "hotslot" => Ok(Distribution::HotSlot(number(0.5, 0.0, 1.0)?)),
            _ => {
                Err(format!("unknown distribution '{name}': uniform, zipf, gaussian, sequential or hotslot"))
            }
        }
    }

    /// The key, below `count`, that request `number` names.
    pub fn pick(&self, count: u64, number: u64, random: &mut Random) -> u64 {
        match self {
            Distribution::Uniform => random.below(count),
            Distribution::Sequential => number % count,
            Distribution::Zipf(zipf) => zipf.pick(random),
            Distribution::Gaussian(width) => gaussian(count, *width, random),
            Distribution::HotSlot(share) if random.unit() < *share => {
                random.below(count.div_ceil(HOT_EVERY)) * HOT_EVERY
            }
            Distribution::HotSlot(_) => random.below(count),
        }
    }
}

/// Box and Muller's transform around the middle; what falls outside is drawn again.
fn gaussian(count: u64, width: f64, random: &mut Random) -> u64 {
    let (mean, deviation) = (count as f64 / 2.0, count as f64 * width);
    loop {
        let radius = (-2.0 * (1.0 - random.unit()).ln()).sqrt();
        let key = mean + deviation * radius * (std::f64::consts::TAU * random.unit()).cos();
        if key >= 0.0 && key < count as f64 {
            return key as u64;
        }
    }
}

/// Zipf's law by rejection-inversion (Hörmann and Derflinger, "Rejection-inversion to generate variates from
/// monotone discrete distributions", 1996): no table, the same cost for any number of keys.
#[derive(Debug, Clone, PartialEq)]
pub struct Zipf {
    count: f64,
    exponent: f64,
    integral_first: f64,
    integral_last: f64,
    shortcut: f64,
}

impl Zipf {
    /// The law over `count` keys; `exponent` is above 0.
    pub fn new(count: u64, exponent: f64) -> Zipf {
        let mut zipf =
            Zipf { count: count as f64, exponent, integral_first: 0.0, integral_last: 0.0, shortcut: 0.0 };
        zipf.integral_first = zipf.integral(1.5) - 1.0;
        zipf.integral_last = zipf.integral(zipf.count + 0.5);
        zipf.shortcut = 2.0 - zipf.inverse(zipf.integral(2.5) - zipf.density(2.0));
        zipf
    }

    fn pick(&self, random: &mut Random) -> u64 {
        loop {
            let u = self.integral_last + random.unit() * (self.integral_first - self.integral_last);
            let x = self.inverse(u);
            let rank = x.round().clamp(1.0, self.count);
            if rank - x <= self.shortcut || u >= self.integral(rank + 0.5) - self.density(rank) {
                return rank as u64 - 1;
            }
        }
    }

    fn density(&self, x: f64) -> f64 {
        (-self.exponent * x.ln()).exp()
    }

    /// The integral of the density from 1 to `x`.
    fn integral(&self, x: f64) -> f64 {
        let log = x.ln();
        expm1_over((1.0 - self.exponent) * log) * log
    }

    fn inverse(&self, y: f64) -> f64 {
        let t = (y * (1.0 - self.exponent)).max(-1.0);
        (log1p_over(t) * y).exp()
    }
}

/// `(e^x - 1) / x`, also near 0.
fn expm1_over(x: f64) -> f64 {
    if x.abs() > 1e-8 { x.exp_m1() / x } else { 1.0 + x / 2.0 }
}

/// `ln(1 + x) / x`, also near 0.
fn log1p_over(x: f64) -> f64 {
    if x.abs() > 1e-8 { x.ln_1p() / x } else { 1.0 - x / 2.0 }
}

/// The keys of a workload: how many, how they are named, and how requests spread over them.
#[derive(Debug, Clone, PartialEq)]
pub struct Keys {
    count: u64,
    prefix: Vec<u8>,
    sizes: Sizes,
    tags: u64,
    distribution: Distribution,
    digits_min: usize,
    /// Whether some keys carry the hot tag.
    has_hot_slot: bool,
}

impl Keys {
    /// `count` keys that start with `prefix`. `sizes` are whole lengths in bytes; a name that does not fit is
    /// as long as it must be. With `tags` above 0, keys share that many hash tags and so that many slots.
    pub fn new(
        count: u64,
        prefix: &str,
        sizes: Sizes,
        tags: u64,
        distribution: &str,
    ) -> Result<Keys, String> {
        if count == 0 {
            return Err("the number of keys must be at least 1".into());
        }
        let distribution = Distribution::parse(distribution, count)?;
        let digits_min = (count - 1).max(1).ilog10() as usize + 1;
        let has_hot_slot = matches!(distribution, Distribution::HotSlot(_));
        Ok(Keys { count, prefix: prefix.into(), sizes, tags, distribution, digits_min, has_hot_slot })
    }

    /// How many keys there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The same keys, the first `count` of them, asked for one after the other.
    pub fn in_order(&self, count: u64) -> Keys {
        Keys { count, distribution: Distribution::Sequential, ..self.clone() }
    }

    /// The key that request `number` names.
    pub fn pick(&self, number: u64, random: &mut Random) -> u64 {
        self.distribution.pick(self.count, number, random)
    }

    /// Another key for the same request: of the same hash tag as `first` when keys have tags, so that a
    /// command over several keys stays in one slot.
    pub fn pick_beside(&self, first: u64, random: &mut Random) -> u64 {
        let other = self.pick(random.bits(), random);
        if self.tags == 0 {
            return other;
        }
        let same_tag = other - other % self.tags + first % self.tags;
        if same_tag < self.count { same_tag } else { first }
    }

    /// Adds key `key`'s name to `out`: prefix, hash tag if any, then digits up to its size.
    pub fn name(&self, key: u64, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.prefix);
        if self.has_hot_slot && key.is_multiple_of(HOT_EVERY) {
            out.extend_from_slice(HOT_TAG);
        } else if self.tags > 0 {
            out.push(b'{');
            push_digits(key % self.tags, 1, out);
            out.push(b'}');
        }
        let size = self.sizes.fixed().unwrap_or_else(|| self.sizes.pick(&mut Random::of(0x6b65_7973, key)));
        let width = size.saturating_sub(out.len() - start).max(self.digits_min);
        push_digits(key, width, out);
    }
}

/// All pairs of digits, `00` to `99`.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut i = 0;
    while i < 100 {
        pairs[i] = [b'0' + (i / 10) as u8, b'0' + (i % 10) as u8];
        i += 1;
    }
    pairs
};

/// Adds `number` in decimal, with zeros in front up to `width` digits.
pub fn push_digits(mut number: u64, width: usize, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    while number >= 10 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[(number % 100) as usize]);
        number /= 100;
    }
    if number > 0 || at == digits.len() {
        at -= 1;
        digits[at] = b'0' + number as u8;
    }
    if digits[at] == b'0' && at + 1 < digits.len() {
        at += 1; // the pair in front had one digit only
    }
    let used = digits.len() - at;
    if width > digits.len() {
        out.resize(out.len() + width - digits.len(), b'0');
    }
    out.extend_from_slice(&digits[digits.len() - width.clamp(used, digits.len())..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: u64 = 400_000;

    /// Pearson's statistic of `DRAWS` picks over `expected` shares (one per key), as standard deviations above
    /// its mean; honest generators stay below 4.
    fn misfit(text: &str, expected: &[f64]) -> f64 {
        let count = expected.len() as u64;
        let distribution = Distribution::parse(text, count).unwrap();
        let mut seen = vec![0f64; expected.len()];
        for number in 0..DRAWS {
            seen[distribution.pick(count, number, &mut Random::of(11, number)) as usize] += 1.0;
        }
        let (mut chi2, mut cells) = (0.0, 0.0);
        let total: f64 = expected.iter().sum();
        for (seen, share) in seen.iter().zip(expected) {
            let expected = share / total * DRAWS as f64;
            if expected < 5.0 {
                continue; // too rare for the statistic to mean anything
            }
            chi2 += (seen - expected).powi(2) / expected;
            cells += 1.0;
        }
        (chi2 - (cells - 1.0)) / (2.0 * (cells - 1.0)).sqrt()
    }

    #[test]
    fn uniform_fits() {
        assert!(misfit("uniform", &[1.0; 1000]) < 4.0);
    }

    #[test]
    fn zipf_fits_for_exponents_around_one() {
        for exponent in [0.5, 0.99, 1.0, 1.5] {
            let law: Vec<f64> = (1..=1000).map(|k| f64::from(k).powf(-exponent)).collect();
            let misfit = misfit(&format!("zipf:{exponent}"), &law);
            assert!(misfit < 4.0, "exponent {exponent}: {misfit}");
        }
    }

    #[test]
    fn a_wrong_exponent_is_noticed() {
        let law: Vec<f64> = (1..=1000).map(|k| f64::from(k).powf(-1.03)).collect();
        assert!(misfit("zipf:0.99", &law) > 10.0);
    }

    #[test]
    fn gaussian_fits() {
        let density = |x: f64| (-((x - 500.0) / 100.0).powi(2) / 2.0).exp();
        // Simpson's rule over each key's unit interval.
        let cell = |k: f64| (density(k) + 4.0 * density(k + 0.5) + density(k + 1.0)) / 6.0;
        let law: Vec<f64> = (0..1000).map(|k| cell(f64::from(k))).collect();
        assert!(misfit("gaussian:0.1", &law) < 4.0);
    }

    #[test]
    fn hot_slot_takes_its_share() {
        let keys = Keys::new(1000, "k:", Sizes::Fixed(10), 0, "hotslot:0.5").unwrap();
        let (mut hot, mut name) = (0, Vec::new());
        let slot = base::key_slot(HOT_TAG);
        for number in 0..10_000 {
            name.clear();
            keys.name(keys.pick(number, &mut Random::of(5, number)), &mut name);
            hot += u32::from(base::key_slot(&name) == slot);
        }
        // Half of the requests by design, and one in a hundred of the other half.
        assert!((4_900..5_200).contains(&hot), "{hot}");
    }

    #[test]
    fn names() {
        let name = |keys: &Keys, key| {
            let mut out = Vec::new();
            keys.name(key, &mut out);
            String::from_utf8(out).unwrap()
        };
        let keys = Keys::new(1000, "key:", Sizes::Fixed(16), 0, "sequential").unwrap();
        assert_eq!(name(&keys, 42), "key:000000000042");
        let keys = Keys::new(1000, "key:", Sizes::Fixed(30), 7, "sequential").unwrap();
        assert_eq!(name(&keys, 999), "key:{5}00000000000000000000999");
        let keys = Keys::new(1000, "key:", Sizes::Fixed(1), 0, "sequential").unwrap();
        assert_eq!(name(&keys, 7), "key:007");
    }

    #[test]
    fn digits() {
        for number in (0..2000).chain([99_999, 100_000, 1_000_000, u64::MAX / 10, u64::MAX]) {
            let mut out = Vec::new();
            push_digits(number, 1, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
        let mut out = Vec::new();
        push_digits(7, 25, &mut out);
        assert_eq!(out, [[b'0'; 24].as_slice(), b"7"].concat());
    }

    #[test]
    fn keys_beside_share_the_tag() {
        let keys = Keys::new(1001, "k", Sizes::Fixed(8), 10, "uniform").unwrap();
        let mut random = Random::of(1, 1);
        assert!((0..1000).all(|_| keys.pick_beside(1000, &mut random).is_multiple_of(10)));
    }

    #[test]
    fn bad_text_is_explained() {
        for text in ["zipf:x", "zipf:-1", "hotslot:2", "uniform:3", "pareto"] {
            assert!(Distribution::parse(text, 10).is_err(), "{text}");
        }
        assert!(Keys::new(0, "k", Sizes::Fixed(8), 0, "uniform").is_err());
    }
}
