//! Real numbers whose exponent does not run out.

use std::cmp::Ordering;
use std::ops::{Add, Div, Mul, Sub};

/// `mantissa * 2^exponent` with `1 <= |mantissa| < 2`, or an exact zero with mantissa 0.
///
/// Products of 10^5 factors stay in range, and, unlike a sum of logarithms, keep a relative error of half an ulp for
/// each multiplication whatever the size of the result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Wide {
    mantissa: f64,
    exponent: i64,
}

/// High part of ln 2, with zeros in its last 21 bits, so that its product with an exponent below 2^20 is exact.
const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
/// `ln 2 - LN_2_HIGH`.
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// Beyond this distance of the exponents, the smaller term of a sum is far below half an ulp of the larger.
const NEGLIGIBLE: i64 = 200;

impl Wide {
    pub(super) const ZERO: Self = Self { mantissa: 0.0, exponent: 0 };
    pub(super) const ONE: Self = Self { mantissa: 1.0, exponent: 0 };

    /// A finite `f64`, exact.
    #[inline]
    pub(super) fn new(value: f64) -> Self {
        if value == 0.0 {
            return Self::ZERO;
        }
        if value.is_subnormal() {
            return Self::new(value * power_of_two(100)).shifted(-100);
        }
        let exponent = exponent(value);
        Self { mantissa: value * power_of_two(-exponent / 2) * power_of_two(-exponent + exponent / 2), exponent }
    }

    /// Multiplied by `2^shift`, exact.
    pub(super) fn shifted(self, shift: i64) -> Self {
        if self.is_zero() { self } else { Self { exponent: self.exponent + shift, ..self } }
    }

    pub(super) fn mantissa(self) -> f64 {
        self.mantissa
    }

    pub(super) fn exponent(self) -> i64 {
        self.exponent
    }

    pub(super) fn is_zero(self) -> bool {
        self.mantissa == 0.0
    }

    pub(super) fn is_negative(self) -> bool {
        self.mantissa < 0.0
    }

    pub(super) fn abs(self) -> Self {
        Self { mantissa: self.mantissa.abs(), ..self }
    }

    pub(super) fn sqrt(self) -> Self {
        let odd = self.exponent.rem_euclid(2);
        let mantissa = if odd == 1 { 2.0 * self.mantissa } else { self.mantissa };
        Self { mantissa: mantissa.sqrt(), exponent: (self.exponent - odd) / 2 }
    }

    /// The nearest `f64`, except that anything below 2^-1022 becomes zero, and an overflow infinite.
    pub(super) fn to_f64(self) -> f64 {
        self.mantissa * power_of_two(self.exponent)
    }

    /// Natural logarithm to 1 ulp of the larger of the result and 1; `-inf` for zero.
    pub(super) fn ln(self) -> f64 {
        if self.is_zero() {
            return f64::NEG_INFINITY;
        }
        let exponent = self.exponent as f64;
        exponent * LN_2_HIGH + (self.mantissa.ln() + exponent * LN_2_LOW)
    }

    /// Order of the absolute values.
    pub(super) fn compare_sizes(self, other: Self) -> Ordering {
        match (self.is_zero(), other.is_zero()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => {
                self.exponent.cmp(&other.exponent).then_with(|| self.mantissa.abs().total_cmp(&other.mantissa.abs()))
            }
        }
    }

    /// Brings the mantissa of an arithmetic result, which lies within 2^60 of 1, back to [1, 2).
    fn normalised(mantissa: f64, exponent: i64) -> Self {
        if mantissa == 0.0 {
            return Self::ZERO;
        }
        let excess = self::exponent(mantissa);
        Self { mantissa: mantissa * power_of_two(-excess), exponent: exponent + excess }
    }
}

/// The binary exponent of a normal number.
pub(super) fn exponent(value: f64) -> i64 {
    ((value.to_bits() >> 52) & 0x7ff) as i64 - 1023
}

/// `2^exponent`; zero below 2^-1022 and infinite above 2^1023.
#[inline]
pub(super) fn power_of_two(exponent: i64) -> f64 {
    // Without branches, so that loops over it vectorise: 0 and 2047 are the exponent fields of zero and infinity.
    f64::from_bits(((exponent.clamp(-1023, 1024) + 1023) as u64) << 52)
}

impl Mul for Wide {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Self::normalised(self.mantissa * other.mantissa, self.exponent + other.exponent)
    }
}

impl Div for Wide {
    type Output = Self;

    /// The divisor is not zero: callers divide by pivots and norms that they have tested.
    fn div(self, other: Self) -> Self {
        Self::normalised(self.mantissa / other.mantissa, self.exponent - other.exponent)
    }
}

impl Add for Wide {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let (large, small) = if self.compare_sizes(other).is_ge() { (self, other) } else { (other, self) };
        let distance = large.exponent - small.exponent;
        if small.is_zero() || distance > NEGLIGIBLE {
            return large;
        }
        Self::normalised(large.mantissa + small.mantissa * power_of_two(-distance), large.exponent)
    }
}

impl Sub for Wide {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + Self { mantissa: -other.mantissa, ..other }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_is_that_of_f64_where_both_exist() {
        let values = [1.0, -1.5, 3.25e-7, 7.0e120, -2.0e-130, 0.0, 1.0 / 3.0, f64::MIN_POSITIVE];
        for a in values {
            assert_eq!(Wide::new(a).to_f64(), a);
            assert_eq!(Wide::new(a).abs().sqrt().to_f64(), a.abs().sqrt());
            for b in values {
                assert_eq!((Wide::new(a) + Wide::new(b)).to_f64(), a + b, "{a} + {b}");
                assert_eq!((Wide::new(a) - Wide::new(b)).to_f64(), a - b, "{a} - {b}");
                if a.abs() > 1e-150 && b.abs() > 1e-150 {
                    assert_eq!((Wide::new(a) * Wide::new(b)).to_f64(), a * b, "{a} * {b}");
                    assert_eq!((Wide::new(a) / Wide::new(b)).to_f64(), a / b, "{a} / {b}");
                }
            }
        }
    }

    #[test]
    fn subnormal_and_largest_numbers_are_exact() {
        for value in [5e-324, 3e-310, f64::MAX, -f64::MAX] {
            let wide = Wide::new(value);
            assert!((1.0..2.0).contains(&wide.mantissa.abs()));
            assert_eq!(
                wide.shifted(-wide.exponent).to_f64()
                    * 2f64.powi(wide.exponent as i32 / 2)
                    * 2f64.powi(wide.exponent as i32 - wide.exponent as i32 / 2),
                value
            );
        }
    }

    #[test]
    fn logarithms_of_huge_powers_keep_their_digits() {
        // ln(10^100000), to 20 digits 230258.50929940456840.
        let mut power = Wide::ONE;
        for _ in 0..100_000 {
            power = power * Wide::new(10.0);
        }
        assert!((power.ln() - 230_258.509_299_404_57).abs() < 1e-10);
        assert_eq!(Wide::ZERO.ln(), f64::NEG_INFINITY);
        assert_eq!(Wide::new(0.75).ln(), 1.5f64.ln() - LN_2_HIGH - LN_2_LOW);
    }
}
