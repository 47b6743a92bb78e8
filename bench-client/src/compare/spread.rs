//! The ratio of two samples and the range in which it lies: Hodges and Lehmann's estimate with Mann and
//! Whitney's interval.
//!
//! Every value of one side is divided by every value of the other. The middle of these quotients is the ratio;
//! its range leaves out as many quotients at either end as the exact distribution of Mann and Whitney's U
//! allows at [`ERROR_MAX`]. Nothing is assumed of how the values spread, only that those of one side are
//! independent of each other and alike (Hollander and Wolfe, "Nonparametric Statistical Methods", chapter 4).

/// Fewest values of a side with which a difference can be told from chance at all: of the 70 orders of 4 and 4
/// values only two are extreme.
pub const SAMPLES_MIN: usize = 4;
/// Most differences of chance that are taken for real: 5%, over both directions.
const ERROR_MAX: f64 = 0.05;

/// A ratio B/A.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// The estimate.
    pub value: f64,
    /// Lower end of its range.
    pub low: f64,
    /// Upper end of its range.
    pub high: f64,
}

impl Ratio {
    /// Whether chance alone explains it.
    pub fn is_noise(&self) -> bool {
        self.low <= 1.0 && 1.0 <= self.high
    }
}

/// The ratio of `b` to `a`; `None` when there are too few values, or values that are not above zero.
pub fn ratio(a: &[f64], b: &[f64]) -> Option<Ratio> {
    let usable = |side: &[f64]| side.len() >= SAMPLES_MIN && side.iter().all(|value| *value > 0.0);
    if !usable(a) || !usable(b) {
        return None;
    }
    let mut quotients: Vec<f64> = b.iter().flat_map(|b| a.iter().map(move |a| b / a)).collect();
    quotients.sort_by(f64::total_cmp);
    let left_out = left_out(a.len(), b.len());
    let (low, high) = (quotients[left_out], quotients[quotients.len() - 1 - left_out]);
    Some(Ratio { value: median(quotients), low, high })
}

/// The middle value, or the mean of the two in the middle; 0 of nothing.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n.is_multiple_of(2) => (values[n / 2 - 1] + values[n / 2]) / 2.0,
        n => values[n / 2],
    }
}

/// The largest `u` with `P(U <= u) <= ERROR_MAX / 2` for samples of one distribution: as many quotients are left
/// out at each end.
fn left_out(a: usize, b: usize) -> usize {
    let mut up_to_here = 0.0;
    let rare = shares_of_u(a, b).into_iter().take_while(|share| {
        up_to_here += share;
        up_to_here <= ERROR_MAX / 2.0
    });
    rare.count().saturating_sub(1)
}

/// How likely each value of U is, from 0 to `a * b`, for samples of one distribution. The greatest of all
/// values is as likely any of them: if it is of `a`, it lies above all of `b`, which counts `b`; then the rest.
fn shares_of_u(a: usize, b: usize) -> Vec<f64> {
    let mut table: Vec<Vec<Vec<f64>>> = vec![vec![vec![1.0]; b + 1]; a + 1];
    for m in 1..=a {
        for n in 1..=b {
            let (of_a, of_b) = (m as f64 / (m + n) as f64, n as f64 / (m + n) as f64);
            let mut shares = vec![0.0; m * n + 1];
            table[m - 1][n].iter().enumerate().for_each(|(u, share)| shares[u + n] += of_a * share);
            table[m][n - 1].iter().enumerate().for_each(|(u, share)| shares[u] += of_b * share);
            table[m][n] = shares;
        }
    }
    table[a][b].clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn the_distribution_of_u_is_the_tabled_one() {
        // Two values of each: of the six orders, U is 0, 1, 2 (twice), 3, 4.
        let sixths: Vec<f64> = shares_of_u(2, 2).iter().map(|share| (share * 6.0).round()).collect();
        assert_eq!(sixths, [1.0, 1.0, 2.0, 1.0, 1.0]);
        assert!((shares_of_u(7, 9).iter().sum::<f64>() - 1.0).abs() < 1e-12);
        // Critical values of U for 5%, both directions (Mann and Whitney's table, as textbooks print it):
        // reject at or below 0, 2, 8, 23.
        assert_eq!([(4, 4), (5, 5), (7, 7), (10, 10)].map(|(a, b)| left_out(a, b)), [0, 2, 8, 23]);
    }

    /// Normal noise of this share around 1, times a bad luck of one in ten that costs a third.
    fn value(random: &mut Random, noise: f64) -> f64 {
        let radius = (-2.0 * (1.0 - random.unit()).ln()).sqrt();
        let bell = radius * (std::f64::consts::TAU * random.unit()).cos();
        let luck = if random.below(10) == 0 { 0.67 } else { 1.0 };
        (1.0 + noise * bell) * luck
    }

    /// The share of 2000 comparisons of `n` against `n` values that are called a difference.
    fn alarms(n: usize, factor: f64) -> f64 {
        let mut random = Random::of(17, n as u64);
        let mut count = 0;
        for _ in 0..2000 {
            let a: Vec<f64> = (0..n).map(|_| value(&mut random, 0.03)).collect();
            let b: Vec<f64> = (0..n).map(|_| value(&mut random, 0.03) * factor).collect();
            count += u32::from(!ratio(&a, &b).unwrap().is_noise());
        }
        f64::from(count) / 2000.0
    }

    #[test]
    fn false_alarms_stay_within_the_promise() {
        for n in [4, 5, 7, 10] {
            let alarms = alarms(n, 1.0);
            // Five standard deviations of 2000 draws above 5%.
            assert!(alarms < ERROR_MAX + 0.025, "{n} runs: {alarms}");
        }
    }

    #[test]
    fn real_differences_are_found() {
        let found = [(7, 1.2), (10, 1.1)].map(|(n, factor)| alarms(n, factor));
        assert!(found.iter().all(|share| *share > 0.8), "{found:?}");
    }

    #[test]
    fn too_little_is_not_judged() {
        assert_eq!(ratio(&[1.0; 3], &[1.0; 9]), None);
        assert_eq!(ratio(&[0.0; 5], &[1.0; 5]), None);
        assert_eq!(ratio(&[2.0; 4], &[3.0; 4]), Some(Ratio { value: 1.5, low: 1.5, high: 1.5 }));
    }
}
