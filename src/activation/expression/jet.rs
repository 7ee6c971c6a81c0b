//! A value with its first and second derivative: forward-mode differentiation.

use std::cmp::Ordering;

use super::scalar::Scalar;

/// `v = f(x)`, `d1 = f'(x)`, `d2 = f''(x)`. The operations take the order up to which derivatives are wanted as `N`; beyond it they
/// are not computed and mean nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Jet<T> {
    pub(super) v: T,
    pub(super) d1: T,
    pub(super) d2: T,
}

/// What a maximum's slope is where its operands are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tie {
    /// The mean of both, as `torch.maximum` has it.
    Half,
    /// That of the first operand, as `torch.clamp` has it.
    First,
}

impl<T: Scalar> Jet<T> {
    #[inline]
    pub(super) fn constant(value: f64) -> Self {
        Self { v: T::constant(value), d1: T::constant(0.0), d2: T::constant(0.0) }
    }

    #[inline]
    pub(super) fn variable(x: T) -> Self {
        Self { v: x, d1: T::constant(1.0), d2: T::constant(0.0) }
    }

    /// `f(u)` from `f`, `f'` and `f''` at u; the derivatives are computed if they are wanted.
    #[inline]
    fn chain<const N: usize>(self, f: T, first: impl Fn() -> T, second: impl Fn() -> T) -> Self {
        let zero = T::constant(0.0);
        if N == 0 {
            return Self { v: f, d1: zero, d2: zero };
        }
        let f1 = first();
        let d2 = if N < 2 { zero } else { second() * self.d1.square() + f1 * self.d2 };
        Self { v: f, d1: f1 * self.d1, d2 }
    }

    #[inline]
    pub(super) fn negate(self) -> Self {
        Self { v: -self.v, d1: -self.d1, d2: -self.d2 }
    }

    #[inline]
    pub(super) fn add(self, other: Self) -> Self {
        Self { v: self.v + other.v, d1: self.d1 + other.d1, d2: self.d2 + other.d2 }
    }

    #[inline]
    pub(super) fn subtract(self, other: Self) -> Self {
        Self { v: self.v - other.v, d1: self.d1 - other.d1, d2: self.d2 - other.d2 }
    }

    #[inline]
    pub(super) fn shift(self, by: f64) -> Self {
        Self { v: self.v + T::constant(by), ..self }
    }

    #[inline]
    pub(super) fn scale(self, by: f64) -> Self {
        let by = T::constant(by);
        Self { v: self.v * by, d1: self.d1 * by, d2: self.d2 * by }
    }

    #[inline]
    pub(super) fn quotient(self, by: f64) -> Self {
        let by = T::constant(by);
        Self { v: self.v / by, d1: self.d1 / by, d2: self.d2 / by }
    }

    #[inline]
    pub(super) fn multiply<const N: usize>(self, other: Self) -> Self {
        let zero = T::constant(0.0);
        let (a, b) = (self, other);
        let d1 = if N < 1 { zero } else { a.d1 * b.v + a.v * b.d1 };
        let d2 = if N < 2 { zero } else { a.d2 * b.v + T::constant(2.0) * (a.d1 * b.d1) + a.v * b.d2 };
        Self { v: a.v * b.v, d1, d2 }
    }

    #[inline]
    pub(super) fn divide<const N: usize>(self, other: Self) -> Self {
        let zero = T::constant(0.0);
        let (a, b) = (self, other);
        let q = a.v / b.v;
        if N == 0 {
            return Self { v: q, d1: zero, d2: zero };
        }
        let d1 = (a.d1 - q * b.d1) / b.v;
        let d2 = if N < 2 { zero } else { (a.d2 - T::constant(2.0) * (d1 * b.d1) - q * b.d2) / b.v };
        Self { v: q, d1, d2 }
    }

    /// `dividend / self`.
    #[inline]
    pub(super) fn divide_constant<const N: usize>(self, dividend: f64) -> Self {
        let q = T::constant(dividend) / self.v;
        self.chain::<N>(q, || -q / self.v, || T::constant(2.0) * q / self.v.square())
    }

    #[inline]
    pub(super) fn powi<const N: usize>(self, power: i32) -> Self {
        let c = f64::from(power);
        let u = self.v;
        self.chain::<N>(
            u.powi(power),
            || T::constant(c) * u.powi(power - 1),
            || {
                let factor = c * (c - 1.0);
                if factor == 0.0 { T::constant(0.0) } else { T::constant(factor) * u.powi(power - 2) }
            },
        )
    }

    #[inline]
    pub(super) fn powf<const N: usize>(self, power: f64) -> Self {
        let u = self.v;
        self.chain::<N>(
            u.powf(power),
            || T::constant(power) * u.powf(power - 1.0),
            || T::constant(power) * T::constant(power - 1.0) * u.powf(power - 2.0),
        )
    }

    #[inline]
    pub(super) fn exp<const N: usize>(self) -> Self {
        let f = self.v.exp();
        self.chain::<N>(f, || f, || f)
    }

    #[inline]
    pub(super) fn exp_m1<const N: usize>(self) -> Self {
        let slope = || self.v.exp();
        self.chain::<N>(self.v.exp_m1(), slope, slope)
    }

    #[inline]
    pub(super) fn ln<const N: usize>(self) -> Self {
        let one = T::constant(1.0);
        self.chain::<N>(self.v.ln(), || one / self.v, || -one / self.v.square())
    }

    #[inline]
    pub(super) fn ln_1p<const N: usize>(self) -> Self {
        let one = T::constant(1.0);
        self.chain::<N>(self.v.ln_1p(), || one / (one + self.v), || -one / (one + self.v).square())
    }

    #[inline]
    pub(super) fn sqrt<const N: usize>(self) -> Self {
        let f = self.v.sqrt();
        self.chain::<N>(f, || T::constant(0.5) / f, || T::constant(-0.25) / (self.v * f))
    }

    #[inline]
    pub(super) fn sin<const N: usize>(self) -> Self {
        let f = self.v.sin();
        self.chain::<N>(f, || self.v.cos(), || -f)
    }

    #[inline]
    pub(super) fn cos<const N: usize>(self) -> Self {
        let f = self.v.cos();
        self.chain::<N>(f, || -self.v.sin(), || -f)
    }

    #[inline]
    pub(super) fn tan<const N: usize>(self) -> Self {
        let f = self.v.tan();
        let slope = T::constant(1.0) + f.square();
        self.chain::<N>(f, || slope, || T::constant(2.0) * f * slope)
    }

    #[inline]
    pub(super) fn atan<const N: usize>(self) -> Self {
        let slope = || T::constant(1.0) / (T::constant(1.0) + self.v.square());
        self.chain::<N>(self.v.atan(), slope, || T::constant(-2.0) * self.v * slope().square())
    }

    #[inline]
    pub(super) fn sinh<const N: usize>(self) -> Self {
        let f = self.v.sinh();
        self.chain::<N>(f, || self.v.cosh(), || f)
    }

    #[inline]
    pub(super) fn cosh<const N: usize>(self) -> Self {
        let f = self.v.cosh();
        self.chain::<N>(f, || self.v.sinh(), || f)
    }

    #[inline]
    pub(super) fn tanh<const N: usize>(self) -> Self {
        let (f, slope) = self.v.tanh_and_slope();
        self.chain::<N>(f, || slope, || T::constant(-2.0) * f * slope)
    }

    #[inline]
    pub(super) fn sigmoid<const N: usize>(self) -> Self {
        let (f, slope) = self.v.logistic_and_slope();
        self.chain::<N>(f, || slope, || -slope * (T::constant(0.5) * self.v).tanh_and_slope().0)
    }

    #[inline]
    pub(super) fn softplus<const N: usize>(self) -> Self {
        let [f, slope, curvature] = self.v.softplus_and_slopes();
        self.chain::<N>(f, || slope, || curvature)
    }

    #[inline]
    pub(super) fn erf<const N: usize>(self) -> Self {
        let slope = || T::two_over_root_pi() * self.v.gaussian();
        self.chain::<N>(self.v.erf(), slope, || T::constant(-2.0) * self.v * slope())
    }

    #[inline]
    pub(super) fn erfc<const N: usize>(self) -> Self {
        let slope = || -T::two_over_root_pi() * self.v.gaussian();
        self.chain::<N>(self.v.erfc(), slope, || T::constant(-2.0) * self.v * slope())
    }

    /// The normal distribution function `erfc(-u / sqrt 2) / 2`.
    #[inline]
    pub(super) fn phi<const N: usize>(self) -> Self {
        let t = T::half_root() * self.v;
        // 1 / sqrt(2 pi) = (2 / sqrt pi) / (2 sqrt 2).
        let slope = || T::constant(0.5) * T::half_root() * T::two_over_root_pi() * t.gaussian();
        self.chain::<N>(T::constant(0.5) * (-t).erfc(), slope, || -self.v * slope())
    }

    /// The larger operand.
    #[inline]
    pub(super) fn max(self, other: Self, tie: Tie) -> Self {
        match self.v.order(other.v) {
            Some(Ordering::Greater) => self,
            Some(Ordering::Less) => other,
            Some(Ordering::Equal) if tie == Tie::First => self,
            Some(Ordering::Equal) => Self { v: self.v, ..self.add(other).scale(0.5) },
            None => T::merge(self.v.max(other.v), self, other),
        }
    }

    /// The smaller operand.
    #[inline]
    pub(super) fn min(self, other: Self, tie: Tie) -> Self {
        self.negate().max(other.negate(), tie).negate()
    }

    /// Absolute value, with slope 0 at 0.
    #[inline]
    pub(super) fn abs(self) -> Self {
        let zero = T::constant(0.0);
        match self.v.order(zero) {
            Some(Ordering::Greater) => self,
            Some(Ordering::Less) => self.negate(),
            Some(Ordering::Equal) => Self::constant(0.0),
            None => T::merge(self.v.max(-self.v).max(zero), self, self.negate()),
        }
    }

    /// `max(u, 0)`, with slope 0 at 0.
    #[inline]
    pub(super) fn relu(self) -> Self {
        Self::constant(0.0).max(self, Tie::First)
    }

    /// -1, 0 or 1.
    #[inline]
    pub(super) fn sign(self) -> Self {
        self.select(-1.0, 0.0, 1.0)
    }

    /// 1 for positive numbers, else 0.
    #[inline]
    pub(super) fn step(self) -> Self {
        self.select(0.0, 0.0, 1.0)
    }

    fn select(self, below: f64, at: f64, above: f64) -> Self {
        match self.v.order(T::constant(0.0)) {
            Some(Ordering::Less) => Self::constant(below),
            Some(Ordering::Equal) => Self::constant(at),
            Some(Ordering::Greater) => Self::constant(above),
            None => {
                let (low, high) = (Self::constant(below), Self::constant(above));
                T::merge(T::span(low.v, high.v), low, high)
            }
        }
    }
}
