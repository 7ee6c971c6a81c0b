//! Intervals that contain the exact result.

use std::f64::consts::{FRAC_2_SQRT_PI, FRAC_PI_2, PI, TAU};
use std::ops::{Add, Div, Mul, Neg, Sub};

/// The real numbers from `low` to `high`; an infinite end means that there is no bound.
///
/// Every operation contains the results for all numbers in its operands. Sums and products round outward unless they are exact;
/// functions of the mathematics library are widened by 4 ulp. Where a function is not defined on all of an
/// operand, the result is that for the rest: callers know that their function is defined.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// What the mathematics library may be wrong by: glibc and musl document at most 2 ulp for the functions used here.
const LIBRARY_ULPS: u32 = 4;

impl Interval {
    /// All real numbers.
    pub const ENTIRE: Self = Self { low: f64::NEG_INFINITY, high: f64::INFINITY };

    /// From `low` to `high`; an end that is not a number is no bound.
    pub fn new(low: f64, high: f64) -> Self {
        let low = if low.is_nan() { f64::NEG_INFINITY } else { low.min(f64::MAX) };
        let high = if high.is_nan() { f64::INFINITY } else { high.max(-f64::MAX) };
        Self { low, high }
    }

    /// One number.
    pub fn point(value: f64) -> Self {
        Self::new(value, value)
    }

    /// The smallest interval that contains both.
    pub fn hull(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    /// What both contain; both must contain the number in question.
    pub fn intersection(self, other: Self) -> Self {
        let both = Self { low: self.low.max(other.low), high: self.high.min(other.high) };
        if both.low <= both.high { both } else { self }
    }

    /// Whether a number lies in it.
    pub fn contains(self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Both ends are finite.
    pub fn is_bounded(self) -> bool {
        self.low.is_finite() && self.high.is_finite()
    }

    /// Absolute values.
    pub fn abs(self) -> Self {
        if self.low >= 0.0 {
            self
        } else if self.high <= 0.0 {
            -self
        } else {
            Self { low: 0.0, high: self.high.max(-self.low) }
        }
    }

    /// Squares.
    pub fn square(self) -> Self {
        let size = self.abs();
        Self::new(product(size.low, size.low).low.max(0.0), product(size.high, size.high).high)
    }

    /// Integer powers.
    pub fn powi(self, power: i32) -> Self {
        if power < 0 {
            return Self::point(1.0) / self.powi(-power);
        }
        let raise = |base: Self| {
            let (mut base, mut rest, mut result) = (base, power, Self::point(1.0));
            while rest > 0 {
                if rest & 1 == 1 {
                    result = result * base;
                }
                base = base.square_of_point();
                rest >>= 1;
            }
            result
        };
        if power % 2 == 0 {
            let size = self.abs();
            Self::new(raise(Self::point(size.low)).low.max(0.0), raise(Self::point(size.high)).high)
        } else {
            Self::new(raise(Self::point(self.low)).low, raise(Self::point(self.high)).high)
        }
    }

    /// The square of an interval that is a rounded point.
    fn square_of_point(self) -> Self {
        self * self
    }

    /// Real powers of the part that is not negative.
    pub fn powf(self, power: f64) -> Self {
        let (low, high) = (self.low.max(0.0), self.high.max(0.0));
        let (low, high) = (low.powf(power), high.powf(power));
        Self::new(library_down(low.min(high)).max(0.0), library_up(low.max(high)))
    }

    /// Square roots of the part that is not negative.
    pub fn sqrt(self) -> Self {
        Self::new(
            self.low.max(0.0).sqrt().next_down().max(0.0),
            if self.high > 0.0 { self.high.sqrt().next_up() } else { 0.0 },
        )
    }

    /// Of an increasing function of the mathematics library with values between `floor` and `ceiling`; at 0 the library is exact.
    fn increasing(self, function: impl Fn(f64) -> f64, floor: f64, ceiling: f64) -> Self {
        let (low, high) = (function(self.low), function(self.high));
        let low = if self.low == 0.0 { low } else { library_down(low) };
        let high = if self.high == 0.0 { high } else { library_up(high) };
        Self::new(low.max(floor), high.min(ceiling))
    }

    /// `e^u`.
    pub fn exp(self) -> Self {
        self.increasing(f64::exp, 0.0, f64::INFINITY)
    }

    /// `e^u - 1`.
    pub fn exp_m1(self) -> Self {
        self.increasing(f64::exp_m1, -1.0, f64::INFINITY)
    }

    /// Natural logarithms of the positive part.
    pub fn ln(self) -> Self {
        let positive = Self { low: self.low.max(0.0), high: self.high.max(0.0) };
        positive.increasing(f64::ln, f64::NEG_INFINITY, f64::INFINITY)
    }

    /// `ln(1 + u)` where `u > -1`.
    pub fn ln_1p(self) -> Self {
        let domain = Self { low: self.low.max(-1.0), high: self.high.max(-1.0) };
        domain.increasing(f64::ln_1p, f64::NEG_INFINITY, f64::INFINITY)
    }

    /// Sine.
    pub fn sin(self) -> Self {
        (self - Self::new(FRAC_PI_2, FRAC_PI_2.next_up())).cos_of_moved(f64::sin, self)
    }

    /// Cosine.
    pub fn cos(self) -> Self {
        self.cos_of_moved(f64::cos, self)
    }

    /// Cosine of `self`, which the library computes as `function` of `original`: extrema at the multiples of pi.
    fn cos_of_moved(self, function: impl Fn(f64) -> f64, original: Self) -> Self {
        // Beyond 1e8 the reduction below loses the extrema.
        if self.high - self.low >= TAU || self.abs().high > 1e8 {
            return Self::new(-1.0, 1.0);
        }
        let (a, b) = (function(original.low), function(original.high));
        let mut result = Self::new(library_down(a.min(b)).max(-1.0), library_up(a.max(b)).min(1.0));
        // Widened by what the quotient may be wrong by: an extremum too many costs width only.
        let slack = 1e-15 * (1.0 + self.abs().high);
        let (first, last) = ((self.low / PI - slack).ceil() as i64, (self.high / PI + slack).floor() as i64);
        for k in first..=last {
            if k.rem_euclid(2) == 0 { result.high = 1.0 } else { result.low = -1.0 }
        }
        result
    }

    /// Tangent: no bound if a pole may lie inside.
    pub fn tan(self) -> Self {
        let slack = 1e-15 * (1.0 + self.abs().high);
        let branch = |u: f64| (u / PI + 0.5).floor();
        if self.abs().high > 1e8 || branch(self.low - slack) != branch(self.high + slack) {
            return Self::ENTIRE;
        }
        self.increasing(f64::tan, f64::NEG_INFINITY, f64::INFINITY)
    }

    /// Arc tangent.
    pub fn atan(self) -> Self {
        self.increasing(f64::atan, -FRAC_PI_2.next_up(), FRAC_PI_2.next_up())
    }

    /// Hyperbolic sine.
    pub fn sinh(self) -> Self {
        self.increasing(f64::sinh, f64::NEG_INFINITY, f64::INFINITY)
    }

    /// Hyperbolic cosine.
    pub fn cosh(self) -> Self {
        self.abs().increasing(f64::cosh, 1.0, f64::INFINITY)
    }

    /// Hyperbolic tangent.
    pub fn tanh(self) -> Self {
        self.increasing(f64::tanh, -1.0, 1.0)
    }

    /// `1 / cosh^2 u`.
    pub fn sech_squared(self) -> Self {
        let small = Self::point(1.0) / Self::point(self.abs().low).cosh().square();
        let large = Self::point(1.0) / Self::point(self.abs().high).cosh().square();
        // Below 4 e^(-2 |u|), which goes on where the hyperbolic cosine overflows.
        let tail = Self::point(4.0) * Self::point(-2.0 * self.abs().low).exp();
        Self::new(large.low.max(0.0), small.high.min(1.0).min(tail.high))
    }

    /// `1 / (1 + e^-u)`.
    pub fn logistic(self) -> Self {
        let at = |u: f64| {
            // Of e^-|u|, which does not overflow, so that the tail keeps its relative accuracy.
            let t = Self::point(-u.abs()).exp();
            let larger = Self::point(1.0) / (Self::point(1.0) + t);
            if u >= 0.0 { larger } else { t * larger }
        };
        Self::new(at(self.low).low.max(0.0), at(self.high).high.min(1.0))
    }

    /// `e^-u / (1 + e^-u)^2`.
    pub fn logistic_slope(self) -> Self {
        let at = |u: f64| {
            let t = Self::point(-u).exp();
            t / (Self::point(1.0) + t).square()
        };
        let size = self.abs();
        Self::new(at(size.high).low.max(0.0), at(size.low).high.min(0.25))
    }

    /// `ln(1 + e^u)`.
    pub fn softplus(self) -> Self {
        let at = |u: f64| Self::point(u.max(0.0)) + Self::point(-u.abs()).exp().ln_1p();
        Self::new(at(self.low).low.max(0.0), at(self.high).high)
    }

    /// `e^(-u^2)`.
    pub fn gaussian(self) -> Self {
        let at = |u: f64| (-Self::point(u).square()).exp();
        let size = self.abs();
        Self::new(at(size.high).low.max(0.0), at(size.low).high.min(1.0))
    }

    /// Error function.
    pub fn erf(self) -> Self {
        self.increasing(libm::erf, -1.0, 1.0)
    }

    /// `1 - erf(u)`.
    pub fn erfc(self) -> Self {
        -self.increasing(|u| -libm::erfc(u), -2.0, 0.0)
    }

    /// `2 / sqrt(pi)`.
    pub fn two_over_root_pi() -> Self {
        Self::new(FRAC_2_SQRT_PI.next_down(), FRAC_2_SQRT_PI.next_up())
    }
}

fn library_down(value: f64) -> f64 {
    (0..LIBRARY_ULPS).fold(value, |value, _| value.next_down())
}

fn library_up(value: f64) -> f64 {
    (0..LIBRARY_ULPS).fold(value, |value, _| value.next_up())
}

/// The sum of two numbers.
fn sum(a: f64, b: f64) -> Interval {
    let s = a + b;
    // Knuth's two-sum: zero if the sum is exact.
    let c = s - a;
    let error = (a - (s - c)) + (b - c);
    if error == 0.0 || s.is_infinite() && (a.is_infinite() || b.is_infinite()) {
        return Interval { low: s, high: s };
    }
    Interval::new(s.next_down(), s.next_up())
}

/// The product of two numbers; zero times infinity is zero, as the infinite end is not a member.
fn product(a: f64, b: f64) -> Interval {
    if a == 0.0 || b == 0.0 {
        return Interval { low: 0.0, high: 0.0 };
    }
    let p = a * b;
    // Below 1e-290 the residual may itself underflow.
    let exact = p.is_infinite() && (a.is_infinite() || b.is_infinite()) || p.abs() > 1e-290 && a.mul_add(b, -p) == 0.0;
    if exact { Interval { low: p, high: p } } else { Interval { low: p.next_down(), high: p.next_up() } }
}

impl Neg for Interval {
    type Output = Self;

    fn neg(self) -> Self {
        Self { low: -self.high, high: -self.low }
    }
}

impl Add for Interval {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self::new(sum(self.low, other.low).low, sum(self.high, other.high).high)
    }
}

impl Sub for Interval {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for Interval {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let corners = [(self.low, other.low), (self.low, other.high), (self.high, other.low), (self.high, other.high)];
        let all = corners.map(|(a, b)| product(a, b));
        all.into_iter().fold(all[0], Self::hull)
    }
}

impl Div for Interval {
    type Output = Self;

    fn div(self, other: Self) -> Self {
        if other.low < 0.0 && other.high > 0.0 || other.low == 0.0 && other.high == 0.0 {
            return Self::ENTIRE;
        }
        let reciprocal = |u: f64, infinite: f64| {
            if u == 0.0 {
                return Self { low: infinite, high: infinite };
            }
            let r = 1.0 / u;
            // Exact for powers of two, which are frequent.
            if u.is_infinite() || r.is_normal() && r.mul_add(u, -1.0) == 0.0 {
                return Self { low: r, high: r };
            }
            Self { low: r.next_down(), high: r.next_up() }
        };
        let sign = if other.high > 0.0 { 1.0 } else { -1.0 };
        let infinite = sign * f64::INFINITY;
        if self.low == self.high && other.low == other.high && other.low != 0.0 && other.low.is_finite() {
            // Points: one rounding instead of two.
            let q = self.low / other.low;
            let exact = q == 0.0 && self.low == 0.0
                || q.is_normal() && q.abs() > 1e-290 && q.mul_add(other.low, -self.low) == 0.0;
            return if exact { Self::point(q) } else { Self::new(q.next_down(), q.next_up()) };
        }
        self * Self { low: reciprocal(other.high, infinite).low, high: reciprocal(other.low, infinite).high }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A function on intervals and the same function on numbers.
    type Pair = (fn(Interval) -> Interval, fn(f64) -> f64);

    const FUNCTIONS: &[Pair] = &[
        (Interval::abs, f64::abs),
        (Interval::square, |u| u * u),
        (Interval::exp, f64::exp),
        (Interval::exp_m1, f64::exp_m1),
        (Interval::sin, f64::sin),
        (Interval::cos, f64::cos),
        (Interval::atan, f64::atan),
        (Interval::sinh, f64::sinh),
        (Interval::cosh, f64::cosh),
        (Interval::tanh, f64::tanh),
        (Interval::sech_squared, |u| u.cosh().powi(-2)),
        (Interval::logistic, |u| 1.0 / (1.0 + (-u).exp())),
        (Interval::logistic_slope, |u| (-u).exp() / (1.0 + (-u).exp()).powi(2)),
        (Interval::softplus, |u| u.exp().ln_1p()),
        (Interval::gaussian, |u| (-u * u).exp()),
        (Interval::erf, libm::erf),
        (Interval::erfc, libm::erfc),
        (|u| u.powi(3), |u| u * u * u),
        (|u| u.powi(-2), |u| (u * u).recip()),
    ];

    proptest! {
        #[test]
        fn every_member_maps_into_the_image(low in -30.0..30.0f64, width in 0.0..8.0f64, part in 0.0..=1.0f64) {
            let interval = Interval::new(low, low + width);
            let member = (low + part * width).clamp(interval.low, interval.high);
            for (k, (image, function)) in FUNCTIONS.iter().enumerate() {
                let (image, exact) = (image(interval), function(member));
                // The oracle itself rounds, and overflows where the interval only loses its bound.
                let slack = 1e-14 * exact.abs();
                prop_assert!(exact.is_infinite() || image.low <= exact + slack && exact - slack <= image.high, "{k}: {image:?} {member} {exact}");
            }
        }

        #[test]
        fn arithmetic_contains_its_members(a in -9.0..9.0f64, b in 0.0..3.0f64, c in -9.0..9.0f64, d in 0.0..3.0f64, t in 0.0..=1.0f64) {
            let (u, v) = (Interval::new(a, a + b), Interval::new(c, c + d));
            let (x, y) = ((a + t * b).min(u.high), (c + t * d).min(v.high));
            for (image, exact) in [(u + v, x + y), (u - v, x - y), (u * v, x * y), (u / v, x / y)] {
                prop_assert!(image.contains(exact), "{image:?} {exact}");
            }
        }
    }

    #[test]
    fn exact_results_are_points_and_inexact_ones_are_not() {
        let point = Interval::point;
        assert_eq!(point(1.5) + point(2.0), point(3.5));
        assert_eq!(point(3.0) / point(4.0), point(0.75));
        let third = point(1.0) / point(3.0);
        assert!(third.low < third.high && third.contains(1.0 / 3.0));
        assert_eq!(Interval::new(0.0, f64::INFINITY) * point(0.0), point(0.0));
        assert_eq!(Interval::new(-1.0, 1.0).powi(2), Interval::new(0.0, 1.0));
        assert_eq!(point(1.0) / Interval::new(-1.0, 1.0), Interval::ENTIRE);
        assert!(Interval::new(1.5, 1.6).tan() == Interval::ENTIRE && Interval::new(-1.5, 1.5).tan().is_bounded());
    }
}
