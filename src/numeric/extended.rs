//! Real numbers whose exponent is itself a double.

use std::cmp::Ordering;
use std::f64::consts::{FRAC_2_SQRT_PI, LN_2, PI};
use std::ops::{Add, Div, Mul, Neg, Sub};

/// `mantissa * 2^exponent` with `1 <= |mantissa| < 2`; zero, the infinities and NaN are mantissas with exponent 0.
///
/// `e^(1e300)` is a number here, and its ratio with `1 + e^(1e300)` is 1. Infinite is only what divides by zero; beyond an
/// exponent of 1.8e308 the numbers saturate, and below its opposite they are zero. Zero times infinity is zero: in a
/// derivative such a factor belongs to a branch that is not taken.
///
/// # Accuracy
///
/// Arithmetic: half an ulp of the mantissa while exponents are below 2^53. Functions: a few ulp, for arguments of any size that
/// determines the result. Where two terms of a sum differ by more than 2^200 the smaller one is dropped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extended {
    mantissa: f64,
    exponent: f64,
}

/// `ln 2 - LN_2`.
const LN_2_LOW: f64 = 2.319_046_813_846_299_6e-17;

/// Beyond this distance of the exponents, the smaller term of a sum is far below half an ulp of the larger.
const NEGLIGIBLE: f64 = 200.0;

/// `f(u) = u + O(u^2)` equals u, to rounding, below 2^SMALL; so does `f(u) = u + O(u^3)` below 2^(SMALL / 2).
const SMALL: f64 = -56.0;

/// Above it, `e^u` swallows 1.
const LARGE: f64 = 40.0;

impl Extended {
    /// 0.
    pub const ZERO: Self = Self { mantissa: 0.0, exponent: 0.0 };
    /// 1.
    pub const ONE: Self = Self { mantissa: 1.0, exponent: 0.0 };

    /// The same number, exact.
    pub fn new(value: f64) -> Self {
        Self::normalised(value, 0.0)
    }

    /// The nearest double; infinite or zero beyond the doubles.
    pub fn to_f64(self) -> f64 {
        // In two steps: 2^-1074 is a double, its reciprocal is not.
        let half = (0.5 * self.exponent.clamp(-2400.0, 2400.0)).trunc();
        self.mantissa * power_of_two(half) * power_of_two(self.exponent.clamp(-2400.0, 2400.0) - half)
    }

    /// Neither infinite nor NaN, whatever its size.
    pub fn is_finite(self) -> bool {
        self.mantissa.is_finite()
    }

    /// Not a number.
    pub fn is_nan(self) -> bool {
        self.mantissa.is_nan()
    }

    /// Exactly zero.
    pub fn is_zero(self) -> bool {
        self.mantissa == 0.0
    }

    /// Absolute value.
    pub fn abs(self) -> Self {
        Self { mantissa: self.mantissa.abs(), ..self }
    }

    /// Square root; NaN for negative numbers.
    pub fn sqrt(self) -> Self {
        let odd = self.exponent.rem_euclid(2.0);
        let mantissa = if odd == 1.0 { 2.0 * self.mantissa } else { self.mantissa };
        Self::normalised(mantissa.sqrt(), 0.5 * (self.exponent - odd))
    }

    /// Integer power.
    pub fn powi(self, power: i32) -> Self {
        let (mut base, mut rest, mut product) = (self, power.unsigned_abs(), Self::ONE);
        while rest > 0 {
            if rest & 1 == 1 {
                product = product * base;
            }
            base = base * base;
            rest >>= 1;
        }
        if power < 0 { Self::ONE / product } else { product }
    }

    /// Real power of a number that is not negative.
    pub fn powf(self, power: f64) -> Self {
        let exponent = self.exponent * power;
        let whole = exponent.round();
        let mantissa = self.mantissa.powf(power);
        // Beyond 2^53 the exponent has no fraction to hand over.
        if self.is_zero() || !self.is_finite() {
            Self::new(mantissa)
        } else {
            scaled(mantissa, exponent - whole, whole)
        }
    }

    /// `e^u`.
    pub fn exp(self) -> Self {
        let u = self.to_f64();
        if u.is_nan() || self.mantissa.is_infinite() {
            return Self::new(u.exp());
        }
        if u.abs() < 700.0 {
            return Self::new(u.exp());
        }
        let count = (u / LN_2).clamp(-f64::MAX, f64::MAX).round();
        if u.is_infinite() || count.abs() > 1e307 {
            return if u > 0.0 { Self { mantissa: 1.0, exponent: f64::MAX } } else { Self::ZERO };
        }
        // The fused product leaves no error but that of ln 2 itself; beyond 2^52 every remainder is noise.
        let rest = if count.abs() < 4e15 { (-count).mul_add(LN_2_LOW, (-count).mul_add(LN_2, u)) } else { 0.0 };
        Self::normalised(rest.exp(), count)
    }

    /// `e^u - 1`.
    pub fn exp_m1(self) -> Self {
        match self.region() {
            Region::Small => self,
            Region::Large if self.mantissa > 0.0 => self.exp(),
            _ => Self::new(self.to_f64().exp_m1()),
        }
    }

    /// Natural logarithm.
    pub fn ln(self) -> Self {
        if self.is_zero() || !self.is_finite() || self.exponent.abs() < 1000.0 {
            return Self::new(self.to_f64().ln());
        }
        let rest = self.mantissa.ln() + self.exponent * LN_2_LOW;
        Self::new(self.exponent.mul_add(LN_2, rest))
    }

    /// `ln(1 + u)`.
    pub fn ln_1p(self) -> Self {
        match self.region() {
            Region::Small => self,
            Region::Large if self.exponent > 60.0 => self.ln(),
            _ => Self::new(self.to_f64().ln_1p()),
        }
    }

    /// Sine.
    pub fn sin(self) -> Self {
        if self.is_tiny() { self } else { Self::new(self.to_f64().clamp(-f64::MAX, f64::MAX).sin()) }
    }

    /// Cosine.
    pub fn cos(self) -> Self {
        Self::new(self.to_f64().clamp(-f64::MAX, f64::MAX).cos())
    }

    /// Arc tangent.
    pub fn atan(self) -> Self {
        if self.is_tiny() { self } else { Self::new(self.to_f64().atan()) }
    }

    /// Hyperbolic sine.
    pub fn sinh(self) -> Self {
        match self.region() {
            Region::Large => {
                let half = Self::new(0.5) * self.abs().exp();
                if self.mantissa < 0.0 { -half } else { half }
            }
            _ if self.is_tiny() => self,
            _ => Self::new(self.to_f64().sinh()),
        }
    }

    /// Hyperbolic cosine.
    pub fn cosh(self) -> Self {
        match self.region() {
            Region::Large => Self::new(0.5) * self.abs().exp(),
            _ => Self::new(self.to_f64().cosh()),
        }
    }

    /// Hyperbolic tangent.
    pub fn tanh(self) -> Self {
        if self.is_tiny() { self } else { Self::new(self.to_f64().tanh()) }
    }

    /// `1 / cosh^2 u`.
    pub fn sech_squared(self) -> Self {
        match self.region() {
            Region::Large => Self::new(4.0) * (Self::new(-2.0) * self.abs()).exp(),
            _ => Self::new(self.to_f64().cosh().powi(-2)),
        }
    }

    /// `1 / (1 + e^-u)`.
    pub fn logistic(self) -> Self {
        match self.region() {
            Region::Large if self.mantissa > 0.0 => Self::ONE,
            Region::Large => self.exp(),
            _ => Self::new(1.0 / (1.0 + (-self.to_f64()).exp())),
        }
    }

    /// `ln(1 + e^u)`.
    pub fn softplus(self) -> Self {
        match self.region() {
            Region::Large if self.mantissa > 0.0 => self,
            Region::Large => self.exp(),
            _ => Self::new(self.to_f64().exp().ln_1p()),
        }
    }

    /// `e^(-u^2)`: the square is exact, so that the result keeps its digits.
    pub fn gaussian(self) -> Self {
        let u = self.to_f64();
        let square = u * u;
        if !(1e-100..1e300).contains(&square) {
            return (-(self * self)).exp();
        }
        let rest = u.mul_add(u, -square);
        Self::new(-square).exp() * Self::new(-rest).exp()
    }

    /// Error function.
    pub fn erf(self) -> Self {
        if self.is_tiny() { Self::new(FRAC_2_SQRT_PI) * self } else { Self::new(libm::erf(self.to_f64())) }
    }

    /// `1 - erf(u)`, with its relative accuracy in the tail.
    pub fn erfc(self) -> Self {
        let u = self.to_f64();
        if u < 25.0 || self.mantissa.is_infinite() {
            return Self::new(libm::erfc(u));
        }
        // The asymptotic series: at 25 its terms decay by a factor 800 each at first.
        let inverse = (u * u).recip();
        let mut series = 1.0;
        for k in (1..=6).rev() {
            series = 1.0 - (f64::from(k) - 0.5) * inverse * series;
        }
        self.gaussian() * Self::new(series) / (self * Self::new(PI.sqrt()))
    }

    fn is_tiny(self) -> bool {
        self.is_zero() || self.exponent < 0.5 * SMALL
    }

    fn region(self) -> Region {
        if self.is_zero() || self.exponent < SMALL {
            Region::Small
        } else if self.exponent > 5.0 && self.to_f64().abs() > LARGE {
            Region::Large
        } else {
            Region::Middle
        }
    }

    fn normalised(mantissa: f64, exponent: f64) -> Self {
        if mantissa == 0.0 || !mantissa.is_finite() {
            return Self { mantissa, exponent: 0.0 };
        }
        if mantissa.is_subnormal() {
            return Self::normalised(mantissa * power_of_two(200.0), exponent - 200.0);
        }
        let excess = ((mantissa.to_bits() >> 52) & 0x7ff) as i64 - 1023;
        // The exponent's field is replaced by that of 1.
        let mantissa = f64::from_bits(mantissa.to_bits() & !(0x7ff << 52) | 1023 << 52);
        let exponent = exponent + excess as f64;
        if exponent < -f64::MAX {
            return Self::ZERO;
        }
        Self { mantissa, exponent: exponent.min(f64::MAX) }
    }
}

enum Region {
    Small,
    Middle,
    Large,
}

/// `mantissa * 2^(fraction + whole)`.
fn scaled(mantissa: f64, fraction: f64, whole: f64) -> Extended {
    Extended::normalised(mantissa * fraction.exp2(), whole)
}

/// `2^exponent` for a whole exponent of at most 1200 in absolute value.
fn power_of_two(exponent: f64) -> f64 {
    exponent.exp2()
}

impl Neg for Extended {
    type Output = Self;

    fn neg(self) -> Self {
        Self { mantissa: -self.mantissa, ..self }
    }
}

impl Mul for Extended {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        if self.is_zero() && !other.is_nan() || other.is_zero() && !self.is_nan() {
            return Self::ZERO;
        }
        Self::normalised(self.mantissa * other.mantissa, self.exponent + other.exponent)
    }
}

impl Div for Extended {
    type Output = Self;

    fn div(self, other: Self) -> Self {
        Self::normalised(self.mantissa / other.mantissa, self.exponent - other.exponent)
    }
}

impl Add for Extended {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        if self.is_zero() {
            return other;
        }
        if other.is_zero() {
            return self;
        }
        if !self.is_finite() || !other.is_finite() {
            return Self::new(self.mantissa + other.mantissa);
        }
        let (large, small) = if self.exponent >= other.exponent { (self, other) } else { (other, self) };
        let distance = large.exponent - small.exponent;
        if distance > NEGLIGIBLE {
            return large;
        }
        Self::normalised(large.mantissa + small.mantissa * power_of_two(-distance), large.exponent)
    }
}

impl Sub for Extended {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl PartialOrd for Extended {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        // Infinities have exponent 0: only their difference knows their place.
        let (a, b) = (self.mantissa, other.mantissa);
        if !self.is_finite() || !other.is_finite() {
            let size = |x: Self| if x.is_finite() { 0.0 } else { x.mantissa };
            return size(*self).partial_cmp(&size(*other));
        }
        if a.signum() != b.signum() || a == 0.0 || b == 0.0 {
            return a.partial_cmp(&b);
        }
        let order = self.exponent.total_cmp(&other.exponent).then(a.abs().total_cmp(&b.abs()));
        Some(if a < 0.0 { order.reverse() } else { order })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_is_that_of_f64_where_both_exist() {
        let values = [1.0, -1.5, 3.25e-7, 7.0e120, -2.0e-130, 0.0, 1.0 / 3.0, f64::MIN_POSITIVE, 5e-324, -f64::MAX];
        for a in values {
            assert_eq!(Extended::new(a).to_f64(), a);
            assert_eq!(Extended::new(a).abs().sqrt().to_f64(), a.abs().sqrt());
            for b in values {
                let (u, v) = (Extended::new(a), Extended::new(b));
                assert_eq!(u.partial_cmp(&v), a.partial_cmp(&b), "{a} and {b}");
                for (got, expected) in [(u + v, a + b), (u - v, a - b), (u * v, a * b)] {
                    if expected.is_normal() {
                        assert_eq!(got.to_f64(), expected, "{a} and {b}");
                    }
                }
                if (a / b).is_normal() {
                    assert_eq!((u / v).to_f64(), a / b, "{a} / {b}");
                }
            }
        }
    }

    #[test]
    fn exponentials_and_logarithms_are_inverse_at_any_size() {
        for u in [701.5, -1234.75, 1e6, -1e6, 123_456_789.25, 1e15, 1e300, -1e300] {
            let back = Extended::new(u).exp().ln().to_f64();
            assert!((back - u).abs() <= 2.0 * f64::EPSILON * u.abs(), "{u}: {back}");
        }
        let huge = Extended::new(1e300).exp();
        assert_eq!((huge / (huge + Extended::ONE)).to_f64(), 1.0);
        assert!((huge * huge).exp().is_finite());
        assert!((-(huge * huge)).exp().is_zero());
        assert!(!(Extended::ONE / Extended::ZERO).is_finite());
    }

    /// mpmath 1.3, 40 digits, as a multiple of the power of ten that is divided out.
    const E_TO_A_MILLION: f64 = 3.033_215_396_802_087_5;
    const ERFC_100: f64 = 6.405_961_424_921_732;
    const ERFC_30: f64 = 2.564_656_203_756_112;

    #[test]
    fn huge_and_tiny_values_keep_their_digits() {
        let log10 = |x: Extended| (x.exponent * std::f64::consts::LOG10_2).floor();
        let digits = |x: Extended, decade: i32| (x * Extended::new(10.0).powi(-decade)).to_f64();
        let large = Extended::new(1e6).exp();
        assert_eq!(log10(large), 434_294.0);
        assert!((digits(large, 434_294) / E_TO_A_MILLION - 1.0).abs() < 1e-11, "{}", digits(large, 434_294));
        for (u, decade, expected) in [(100.0, -4346, ERFC_100), (30.0, -393, ERFC_30)] {
            let got = digits(Extended::new(u).erfc(), decade);
            assert!((got / expected - 1.0).abs() < 2e-12, "erfc({u}): {got}");
        }
    }
}
