//! PFSELFTEST: checks the registers and the estimate from inside, on the machine that asks.
//!
//! It runs ten million additions in one go, as in Redis: a debugging command, not one for production.

use base::Random;

use super::{Encoding, REGISTERS, dense};

const REGISTER_CYCLES: usize = 1000;
const ADDITIONS: u64 = 10_000_000;

/// Runs the test with pseudo-random numbers grown from `seed`.
///
/// # Errors
/// The error reply, with its code word, that names what failed.
pub fn self_test(seed: u64, sparse_max_bytes: usize) -> Result<(), String> {
    check_registers(seed, REGISTER_CYCLES)?;
    check_estimates(seed, sparse_max_bytes, ADDITIONS)
}

/// Every register keeps its own value.
fn check_registers(seed: u64, cycles: usize) -> Result<(), String> {
    let mut random = Random::new(seed);
    for _ in 0..cycles {
        let mut registers = vec![0; dense::LEN];
        let expected: Vec<u8> = (0..REGISTERS).map(|_| random.below(64) as u8).collect();
        for (index, &rank) in expected.iter().enumerate() {
            dense::raise(&mut registers, index, rank);
        }
        let mut fault = None;
        dense::each(&registers, |index, rank| {
            if rank != expected[index] {
                fault = Some(format!(
                    "ERR TESTFAILED Register {index} should be {} but is {rank}",
                    expected[index]
                ));
            }
        });
        fault.map_or(Ok(()), Err)?;
    }
    Ok(())
}

/// Dense and sparse agree at every power of ten, and the error is within six standard errors.
fn check_estimates(seed: u64, sparse_max_bytes: usize, additions: u64) -> Result<(), String> {
    let mut any = super::new();
    let mut dense = super::new();
    super::to_dense(&mut dense).map_err(|error| error.message().to_owned())?;
    let mut checkpoint = 1;
    for count in 1..=additions {
        let element = (count ^ seed).to_le_bytes();
        for value in [&mut any, &mut dense] {
            super::add(value, &element, sparse_max_bytes).map_err(|error| error.message().to_owned())?;
        }
        if count == checkpoint {
            check_checkpoint(count, &any, &dense, sparse_max_bytes)?;
            checkpoint *= 10;
        }
    }
    Ok(())
}

fn check_checkpoint(count: u64, any: &[u8], dense: &[u8], sparse_max_bytes: usize) -> Result<(), String> {
    let fail = |error: super::HllError| error.message().to_owned();
    if count < sparse_max_bytes as u64 / 2 && super::encoding(any).map_err(fail)? != Encoding::Sparse {
        return Err("ERR TESTFAILED sparse encoding not used".to_owned());
    }
    let estimate = super::estimate(dense).map_err(fail)?;
    if super::estimate(any).map_err(fail)? != estimate {
        return Err("ERR TESTFAILED dense/sparse disagree".to_owned());
    }
    let standard_error = 1.04 / (REGISTERS as f64).sqrt();
    // Ten elements collide more often than the formula allows for.
    let allowed = if count == 10 { 1 } else { (standard_error * 6.0 * count as f64).ceil() as u64 };
    let error = count.abs_diff(estimate);
    if error > allowed {
        return Err(format!("ERR TESTFAILED Too big error. card:{count} abserr:{error}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_run_passes() {
        for seed in [1, 77, u64::MAX] {
            assert_eq!(check_registers(seed, 3), Ok(()));
            assert_eq!(check_estimates(seed, 3000, 10_000), Ok(()));
        }
    }
}
