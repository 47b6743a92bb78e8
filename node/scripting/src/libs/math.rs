//! `math.random` and `math.randomseed`: Lua's interface, a generator that is the same everywhere.

use std::ffi::c_int;

use crate::lua::{Fail, Stack};

/// Replaces both in the table `math`.
pub(crate) fn fill(stack: &mut Stack<'_>, math: c_int) {
    super::fill(stack, math, &[("random", random), ("randomseed", seed)]);
}

/// math.random([low,] high): an integer of the range; without arguments a number in `[0, 1)`.
fn random(stack: &mut Stack<'_>) -> Result<usize, Fail> {
    let unit = stack.host().random.unit();
    let number = match stack.top() {
        0 => unit,
        1 => {
            let high = integer(stack, 1)?;
            if high < 1.0 {
                return Err(Fail::Argument(1, "interval is empty".to_owned()));
            }
            (unit * high).floor() + 1.0
        }
        2 => {
            let (low, high) = (integer(stack, 1)?, integer(stack, 2)?);
            if low > high {
                return Err(Fail::Argument(2, "interval is empty".to_owned()));
            }
            (unit * (high - low + 1.0)).floor() + low
        }
        _ => return Err(Fail::Text("wrong number of arguments".to_owned())),
    };
    stack.push_number(number);
    Ok(1)
}

/// An argument as a C `int`.
fn integer(stack: &Stack<'_>, index: usize) -> Result<f64, Fail> {
    stack.integer_argument(index, None).map(|integer| f64::from(integer as i32))
}

/// math.randomseed(seed)
fn seed(stack: &mut Stack<'_>) -> Result<usize, Fail> {
    let seed = stack.integer_argument(1, None)?;
    stack.host().random.seed(seed as u32);
    Ok(0)
}
