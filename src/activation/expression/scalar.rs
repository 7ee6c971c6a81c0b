//! The numbers on which a program runs: doubles, [`Extended`] where they do not reach, [`Interval`]s for proofs.

use std::cmp::Ordering;
use std::f64::consts::FRAC_2_SQRT_PI;
use std::fmt::Debug;
use std::ops::{Add, Div, Mul, Neg, Sub};

use super::jet::Jet;
use crate::numeric::{Extended, Interval};

/// A kind of number.
pub(super) trait Scalar:
    Copy + Debug + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    fn constant(value: f64) -> Self;
    fn square(self) -> Self;
    fn powi(self, power: i32) -> Self;
    fn powf(self, power: f64) -> Self;
    fn exp(self) -> Self;
    fn exp_m1(self) -> Self;
    fn ln(self) -> Self;
    fn ln_1p(self) -> Self;
    fn sqrt(self) -> Self;
    fn sin(self) -> Self;
    fn cos(self) -> Self;
    fn tan(self) -> Self;
    fn atan(self) -> Self;
    fn sinh(self) -> Self;
    fn cosh(self) -> Self;
    /// tanh and its derivative.
    fn tanh_and_slope(self) -> (Self, Self);
    /// `1 / (1 + e^-u)` and its derivative.
    fn logistic_and_slope(self) -> (Self, Self);
    /// `ln(1 + e^u)` and its first and second derivative.
    fn softplus_and_slopes(self) -> [Self; 3];
    fn erf(self) -> Self;
    fn erfc(self) -> Self;
    /// `e^(-u^2)`.
    fn gaussian(self) -> Self;
    /// `2 / sqrt(pi)`.
    fn two_over_root_pi() -> Self;
    /// 1 / sqrt(2).
    fn half_root() -> Self;
    /// Which of two numbers is larger; `None` if that depends on the member of an interval, or on NaN.
    fn order(self, other: Self) -> Option<Ordering>;
    /// The jet of max(a, b) or min(a, b) where the order is not known. Without NaN, only intervals come here.
    fn merge(values: Self, a: Jet<Self>, b: Jet<Self>) -> Jet<Self>;
    fn max(self, other: Self) -> Self;
    /// All numbers from `low` to `high`; NaN for numbers that are not intervals.
    fn span(low: Self, high: Self) -> Self;
}

impl Scalar for f64 {
    #[inline]
    fn constant(value: f64) -> Self {
        value
    }

    #[inline]
    fn square(self) -> Self {
        self * self
    }

    #[inline]
    fn powi(self, power: i32) -> Self {
        // Repeated products lose half an ulp each; the library's power does not.
        if power.abs() <= 8 { self.powi(power) } else { self.powf(f64::from(power)) }
    }

    #[inline]
    fn powf(self, power: f64) -> Self {
        self.powf(power)
    }

    #[inline]
    fn exp(self) -> Self {
        self.exp()
    }

    #[inline]
    fn exp_m1(self) -> Self {
        self.exp_m1()
    }

    #[inline]
    fn ln(self) -> Self {
        self.ln()
    }

    #[inline]
    fn ln_1p(self) -> Self {
        self.ln_1p()
    }

    #[inline]
    fn sqrt(self) -> Self {
        self.sqrt()
    }

    #[inline]
    fn sin(self) -> Self {
        self.sin()
    }

    #[inline]
    fn cos(self) -> Self {
        self.cos()
    }

    #[inline]
    fn tan(self) -> Self {
        self.tan()
    }

    #[inline]
    fn atan(self) -> Self {
        self.atan()
    }

    #[inline]
    fn sinh(self) -> Self {
        self.sinh()
    }

    #[inline]
    fn cosh(self) -> Self {
        self.cosh()
    }

    /// One exponential for both; see [`super::super::Tanh`].
    #[inline]
    fn tanh_and_slope(self) -> (Self, Self) {
        use super::super::Activation;
        super::super::Tanh.value_and_derivative(self)
    }

    #[inline]
    fn logistic_and_slope(self) -> (Self, Self) {
        use super::super::Activation;
        super::super::Sigmoid.value_and_derivative(self)
    }

    /// One exponential for all.
    #[inline]
    fn softplus_and_slopes(self) -> [Self; 3] {
        let t = (-self.abs()).exp();
        let larger = 1.0 / (1.0 + t);
        let smaller = t * larger;
        let (ramp, slope) = if self > 0.0 { (self, larger) } else { (0.0, smaller) };
        [ramp + t.ln_1p(), slope, smaller * larger]
    }

    #[inline]
    fn erf(self) -> Self {
        libm::erf(self)
    }

    #[inline]
    fn erfc(self) -> Self {
        libm::erfc(self)
    }

    /// The square's rounding error would be amplified by the square.
    #[inline]
    fn gaussian(self) -> Self {
        let square = self * self;
        let rest = self.mul_add(self, -square);
        let leading = (-square).exp();
        // The square overflows long after the exponential is zero.
        if leading == 0.0 { leading } else { leading - leading * rest }
    }

    #[inline]
    fn two_over_root_pi() -> Self {
        FRAC_2_SQRT_PI
    }

    #[inline]
    fn half_root() -> Self {
        std::f64::consts::FRAC_1_SQRT_2
    }

    #[inline]
    fn order(self, other: Self) -> Option<Ordering> {
        self.partial_cmp(&other)
    }

    fn merge(_: Self, _: Jet<Self>, _: Jet<Self>) -> Jet<Self> {
        Jet { v: f64::NAN, d1: f64::NAN, d2: f64::NAN }
    }

    #[inline]
    fn max(self, other: Self) -> Self {
        self.max(other)
    }

    fn span(_: Self, _: Self) -> Self {
        f64::NAN
    }
}

impl Scalar for Extended {
    fn constant(value: f64) -> Self {
        Self::new(value)
    }

    fn square(self) -> Self {
        self * self
    }

    fn powi(self, power: i32) -> Self {
        self.powi(power)
    }

    fn powf(self, power: f64) -> Self {
        self.powf(power)
    }

    fn exp(self) -> Self {
        self.exp()
    }

    fn exp_m1(self) -> Self {
        self.exp_m1()
    }

    fn ln(self) -> Self {
        self.ln()
    }

    fn ln_1p(self) -> Self {
        self.ln_1p()
    }

    fn sqrt(self) -> Self {
        self.sqrt()
    }

    fn sin(self) -> Self {
        self.sin()
    }

    fn cos(self) -> Self {
        self.cos()
    }

    fn tan(self) -> Self {
        self.sin() / self.cos()
    }

    fn atan(self) -> Self {
        self.atan()
    }

    fn sinh(self) -> Self {
        self.sinh()
    }

    fn cosh(self) -> Self {
        self.cosh()
    }

    fn tanh_and_slope(self) -> (Self, Self) {
        (self.tanh(), self.sech_squared())
    }

    fn logistic_and_slope(self) -> (Self, Self) {
        (self.logistic(), self.logistic() * (-self).logistic())
    }

    fn softplus_and_slopes(self) -> [Self; 3] {
        let (slope, curvature) = self.logistic_and_slope();
        [self.softplus(), slope, curvature]
    }

    fn erf(self) -> Self {
        self.erf()
    }

    fn erfc(self) -> Self {
        self.erfc()
    }

    fn gaussian(self) -> Self {
        self.gaussian()
    }

    fn two_over_root_pi() -> Self {
        Self::new(FRAC_2_SQRT_PI)
    }

    fn half_root() -> Self {
        Self::new(std::f64::consts::FRAC_1_SQRT_2)
    }

    fn order(self, other: Self) -> Option<Ordering> {
        self.partial_cmp(&other)
    }

    fn merge(_: Self, _: Jet<Self>, _: Jet<Self>) -> Jet<Self> {
        let nan = Self::new(f64::NAN);
        Jet { v: nan, d1: nan, d2: nan }
    }

    fn max(self, other: Self) -> Self {
        if self < other { other } else { self }
    }

    fn span(_: Self, _: Self) -> Self {
        Self::new(f64::NAN)
    }
}

impl Scalar for Interval {
    fn constant(value: f64) -> Self {
        Self::point(value)
    }

    fn square(self) -> Self {
        self.square()
    }

    fn powi(self, power: i32) -> Self {
        self.powi(power)
    }

    fn powf(self, power: f64) -> Self {
        if power < 0.0 { Self::point(1.0) / self.powf(-power) } else { self.powf(power) }
    }

    fn exp(self) -> Self {
        self.exp()
    }

    fn exp_m1(self) -> Self {
        self.exp_m1()
    }

    fn ln(self) -> Self {
        self.ln()
    }

    fn ln_1p(self) -> Self {
        self.ln_1p()
    }

    fn sqrt(self) -> Self {
        self.sqrt()
    }

    fn sin(self) -> Self {
        self.sin()
    }

    fn cos(self) -> Self {
        self.cos()
    }

    fn tan(self) -> Self {
        self.tan()
    }

    fn atan(self) -> Self {
        self.atan()
    }

    fn sinh(self) -> Self {
        self.sinh()
    }

    fn cosh(self) -> Self {
        self.cosh()
    }

    fn tanh_and_slope(self) -> (Self, Self) {
        (self.tanh(), self.sech_squared())
    }

    fn logistic_and_slope(self) -> (Self, Self) {
        (self.logistic(), self.logistic_slope())
    }

    fn softplus_and_slopes(self) -> [Self; 3] {
        let (slope, curvature) = self.logistic_and_slope();
        [self.softplus(), slope, curvature]
    }

    fn erf(self) -> Self {
        self.erf()
    }

    fn erfc(self) -> Self {
        self.erfc()
    }

    fn gaussian(self) -> Self {
        self.gaussian()
    }

    fn two_over_root_pi() -> Self {
        Self::two_over_root_pi()
    }

    fn half_root() -> Self {
        let nearest = std::f64::consts::FRAC_1_SQRT_2;
        Self::new(nearest.next_down(), nearest.next_up())
    }

    /// Where the operands only touch, the larger one is the maximum on the whole cell, up to a set on which both have the same
    /// slope. Two equal points say nothing about their neighbourhood.
    fn order(self, other: Self) -> Option<Ordering> {
        if self.low == self.high && self == other {
            None
        } else if self.low >= other.high {
            Some(Ordering::Greater)
        } else if self.high <= other.low {
            Some(Ordering::Less)
        } else {
            None
        }
    }

    /// The slope jumps inside: its own slope has no bound, which keeps mean values from being taken across the kink.
    fn merge(values: Self, a: Jet<Self>, b: Jet<Self>) -> Jet<Self> {
        Jet { v: values, d1: a.d1.hull(b.d1), d2: Self::ENTIRE }
    }

    fn max(self, other: Self) -> Self {
        Self { low: self.low.max(other.low), high: self.high.max(other.high) }
    }

    fn span(low: Self, high: Self) -> Self {
        low.hull(high)
    }
}
