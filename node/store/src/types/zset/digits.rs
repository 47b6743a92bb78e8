//! The decimal digits of a double: Grisu2 (Florian Loitsch, "Printing Floating-Point Numbers Quickly and
//! Accurately with Integers", PLDI 2010).
//!
//! Rust prints the shortest digits that read back the same, always. Redis and Valkey print by Grisu2, which
//! finds them for 99.9 of 100 doubles and one digit more, or a neighbour as good, for the rest. Replies and
//! dump files must have the same bytes, so this is Grisu2 with the paper's parameters (alpha -60, gamma
//! -32), its powers of ten eight decimal places apart. No allocation, no division but by constants.
//!
//! The idea: every number between the middles to the two neighbouring doubles reads back the same. Scale
//! that interval by a power of ten to where its whole part fits 32 bits, and write the upper end's digits
//! until what is left is smaller than the interval; then step the last digit down towards the number itself.

/// Most digits of a double.
const DIGITS_MAX: usize = 18;
/// Decimal exponent of the first of [`POWERS`], and from one to the next.
const FIRST_POWER: i32 = -348;
const POWER_STEP: i32 = 8;
/// The binary exponents a scaled number may have.
const ALPHA: i32 = -60;
const GAMMA: i32 = -32;
/// Bits of a double's fraction, and the bit it leaves out.
const FRACTION_BITS: u32 = f64::MANTISSA_DIGITS - 1;
const HIDDEN_BIT: u64 = 1 << FRACTION_BITS;

/// The upper 64 bits of 10^-348, 10^-340, ... 10^340, rounded to nearest.
#[rustfmt::skip]
const POWERS: [u64; 87] = [
    0xFA8FD5A0081C0288, 0xBAAEE17FA23EBF76, 0x8B16FB203055AC76, 0xCF42894A5DCE35EA, 0x9A6BB0AA55653B2D,
    0xE61ACF033D1A45DF, 0xAB70FE17C79AC6CA, 0xFF77B1FCBEBCDC4F, 0xBE5691EF416BD60C, 0x8DD01FAD907FFC3C,
    0xD3515C2831559A83, 0x9D71AC8FADA6C9B5, 0xEA9C227723EE8BCB, 0xAECC49914078536D, 0x823C12795DB6CE57,
    0xC21094364DFB5637, 0x9096EA6F3848984F, 0xD77485CB25823AC7, 0xA086CFCD97BF97F4, 0xEF340A98172AACE5,
    0xB23867FB2A35B28E, 0x84C8D4DFD2C63F3B, 0xC5DD44271AD3CDBA, 0x936B9FCEBB25C996, 0xDBAC6C247D62A584,
    0xA3AB66580D5FDAF6, 0xF3E2F893DEC3F126, 0xB5B5ADA8AAFF80B8, 0x87625F056C7C4A8B, 0xC9BCFF6034C13053,
    0x964E858C91BA2655, 0xDFF9772470297EBD, 0xA6DFBD9FB8E5B88F, 0xF8A95FCF88747D94, 0xB94470938FA89BCF,
    0x8A08F0F8BF0F156B, 0xCDB02555653131B6, 0x993FE2C6D07B7FAC, 0xE45C10C42A2B3B06, 0xAA242499697392D3,
    0xFD87B5F28300CA0E, 0xBCE5086492111AEB, 0x8CBCCC096F5088CC, 0xD1B71758E219652C, 0x9C40000000000000,
    0xE8D4A51000000000, 0xAD78EBC5AC620000, 0x813F3978F8940984, 0xC097CE7BC90715B3, 0x8F7E32CE7BEA5C70,
    0xD5D238A4ABE98068, 0x9F4F2726179A2245, 0xED63A231D4C4FB27, 0xB0DE65388CC8ADA8, 0x83C7088E1AAB65DB,
    0xC45D1DF942711D9A, 0x924D692CA61BE758, 0xDA01EE641A708DEA, 0xA26DA3999AEF774A, 0xF209787BB47D6B85,
    0xB454E4A179DD1877, 0x865B86925B9BC5C2, 0xC83553C5C8965D3D, 0x952AB45CFA97A0B3, 0xDE469FBD99A05FE3,
    0xA59BC234DB398C25, 0xF6C69A72A3989F5C, 0xB7DCBF5354E9BECE, 0x88FCF317F22241E2, 0xCC20CE9BD35C78A5,
    0x98165AF37B2153DF, 0xE2A0B5DC971F303A, 0xA8D9D1535CE3B396, 0xFB9B7CD9A4A7443C, 0xBB764C4CA7A44410,
    0x8BAB8EEFB6409C1A, 0xD01FEF10A657842C, 0x9B10A4E5E9913129, 0xE7109BFBA19C0C9D, 0xAC2820D9623BF429,
    0x80444B5E7AA7CF85, 0xBF21E44003ACDD2D, 0x8E679C2F5E44FF8F, 0xD433179D9C8CB841, 0x9E19DB92B4E31BA9,
    0xEB96BF6EBADF77D9, 0xAF87023B9BF0EE6B,
];

/// `fraction * 2^exponent`.
#[derive(Clone, Copy)]
struct Scaled {
    fraction: u64,
    exponent: i32,
}

/// The digits of a number, without point, and the power of ten of the last one.
pub(super) struct Decimal {
    digits: [u8; DIGITS_MAX],
    len: usize,
    /// The power of ten of the last digit.
    pub(super) scale: i32,
}

impl Decimal {
    /// The digits of `number`, which is finite and above 0.
    pub(super) fn of(number: f64) -> Decimal {
        let (number, lower, upper) = boundaries(number);
        let (power, decimal_exponent) = power_for(upper.exponent);
        let (number, lower, upper) = (number.times(power), lower.times(power), upper.times(power));
        // The products are off by up to one unit; the interval taken is the one that is surely inside.
        let mut decimal = Decimal { digits: [0; DIGITS_MAX], len: 0, scale: -decimal_exponent };
        decimal.generate(number.fraction, lower.fraction + 1, upper.fraction - 1, -upper.exponent as u32);
        decimal
    }

    /// The digits as text, no zero in front.
    pub(super) fn digits(&self) -> &[u8] {
        &self.digits[..self.len]
    }

    fn push(&mut self, digit: u64) {
        if digit > 0 || self.len > 0 {
            self.digits[self.len] = b'0' + digit as u8;
            self.len += 1;
        }
    }

    /// Writes digits of `upper` until what is left would keep the number above `lower`. All three have their
    /// point `point` bits from the right.
    fn generate(&mut self, number: u64, lower: u64, upper: u64, point: u32) {
        let one = 1u64 << point;
        let (mut delta, mut target) = (upper - lower, upper - number);
        let (mut whole, mut part) = (upper >> point, upper & (one - 1));
        for kappa in (0..10).rev() {
            let unit = 10u64.pow(kappa);
            self.push(whole / unit);
            whole %= unit;
            let rest = (whole << point) + part;
            if rest <= delta {
                self.scale += kappa as i32;
                return self.round(delta, rest, unit << point, target);
            }
        }
        loop {
            part *= 10;
            delta *= 10;
            target = target.wrapping_mul(10);
            self.scale -= 1;
            self.push(part >> point);
            part &= one - 1;
            if part < delta {
                return self.round(delta, part, one, target);
            }
        }
    }

    /// Steps the last digit down, `unit` each, while that comes nearer to the number, which is `target`
    /// below the upper end, and stays within `delta` of that end; `rest` is how far below it the digits are.
    fn round(&mut self, delta: u64, mut rest: u64, unit: u64, target: u64) {
        while rest < target
            && delta - rest >= unit
            && (rest + unit < target || target - rest > rest + unit - target)
        {
            self.digits[self.len - 1] -= 1;
            rest += unit;
        }
    }
}

impl Scaled {
    /// The same number with the highest bit of the fraction set.
    fn normalized(self) -> Scaled {
        let shift = self.fraction.leading_zeros();
        Scaled { fraction: self.fraction << shift, exponent: self.exponent - shift as i32 }
    }

    /// The product, rounded to 64 bits.
    fn times(self, other: Scaled) -> Scaled {
        let product = u128::from(self.fraction) * u128::from(other.fraction);
        Scaled {
            fraction: ((product + (1 << 63)) >> 64) as u64,
            exponent: self.exponent + other.exponent + 64,
        }
    }
}

/// The number, and the middles to the doubles below and above it, at one exponent.
fn boundaries(number: f64) -> (Scaled, Scaled, Scaled) {
    let bits = number.to_bits();
    let (fraction, biased) = (bits & (HIDDEN_BIT - 1), (bits >> FRACTION_BITS) as i32);
    let lowest = f64::MIN_EXP - f64::MANTISSA_DIGITS as i32;
    let exact = match biased {
        0 => Scaled { fraction, exponent: lowest },
        _ => Scaled { fraction: fraction | HIDDEN_BIT, exponent: lowest + biased - 1 },
    };
    let upper = Scaled { fraction: 2 * exact.fraction + 1, exponent: exact.exponent - 1 }.normalized();
    // Below a power of two, doubles are twice as dense.
    let shift = if exact.fraction == HIDDEN_BIT { 2 } else { 1 };
    let lower = (exact.fraction << shift) - 1;
    let lower = lower << (exact.exponent - shift - upper.exponent);
    (exact.normalized(), Scaled { fraction: lower, exponent: upper.exponent }, upper)
}

/// A power of ten that brings a number of this binary exponent between alpha and gamma, and its own decimal
/// exponent.
fn power_for(exponent: i32) -> (Scaled, i32) {
    // Where it would be if logarithms were exact; the search below then takes a step or none.
    let estimate = -f64::from(exponent + POWERS.len() as i32) * std::f64::consts::LOG10_2;
    let mut index = ((estimate - f64::from(FIRST_POWER)) / f64::from(POWER_STEP)) as i32;
    loop {
        let decimal = FIRST_POWER + index * POWER_STEP;
        // log2(10) as a fixed-point number; exact over the range of the table.
        let power = Scaled { fraction: POWERS[index as usize], exponent: ((decimal * 1_741_647) >> 19) - 63 };
        let reached = exponent + power.exponent + 64;
        if reached < ALPHA {
            index += 1;
        } else if reached > GAMMA {
            index -= 1;
        } else {
            return (power, decimal);
        }
    }
}

#[cfg(test)]
mod tests {
    use base::Random;

    use super::*;

    fn text(number: f64) -> (String, i32) {
        let decimal = Decimal::of(number);
        (String::from_utf8(decimal.digits().to_vec()).unwrap(), decimal.scale)
    }

    #[test]
    fn known_digits() {
        assert_eq!(text(0.1), ("1".into(), -1));
        assert_eq!(text(1.5), ("15".into(), -1));
        assert_eq!(text(f64::MAX), ("17976931348623157".into(), 292));
        assert_eq!(text(5e-324), ("5".into(), -324));
        assert_eq!(text(f64::MIN_POSITIVE), ("22250738585072014".into(), -324));
        assert_eq!(text(0.1 + 0.2), ("30000000000000004".into(), -17));
    }

    /// Where Valkey 9.1 prints other digits than the shortest and nearest ones.
    #[test]
    fn not_always_the_shortest() {
        assert_eq!(text(0.4791908048527663), ("47919080485276633".into(), -17));
        assert_eq!(text(1223383794756801.2), ("12233837947568013".into(), -1));
        assert_eq!(text(483063.0681662313), ("48306306816623133".into(), -11));
        assert_eq!(text(32.77142857142859), ("32771428571428586".into(), -15));
    }

    #[test]
    fn reads_back_the_same() {
        let mut random = Random::new(3);
        for _ in 0..200_000 {
            let number = f64::from_bits(random.bits() >> 1);
            if number.is_finite() && number > 0.0 {
                let (digits, scale) = text(number);
                assert_eq!(format!("{digits}e{scale}").parse(), Ok(number));
            }
        }
    }
}
