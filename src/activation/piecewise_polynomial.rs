//! Activations that are polynomials between knots.

use std::sync::OnceLock;

use super::{Activation, DerivativeBounds, ExpectationError, GaussianMoments};
use crate::numeric::{gauss_legendre, normal_density, normal_tail_moments, upper_tail_moments};

/// A continuous activation that is a polynomial of degree at most two between its knots: all its Gaussian expectations are exact.
///
/// # Formula
///
/// Over `u = mean + spread z` an expectation is the sum over the pieces of `int_a^b P(u) f(z) dz`, P a polynomial of degree at most
/// six in the distance from a knot, f the normal density. A piece that reaches infinity is a combination of
/// [`normal_tail_moments`]; a wide finite one is the difference of two such, or of the whole line and two; a narrow one, where the
/// difference would cancel, is integrated by a 32-point Gauss-Legendre rule, which is exact to rounding there.
///
/// # Accuracy
///
/// 1e-13 of E|f| for means and spreads of any size.
#[derive(Debug, Clone)]
pub struct PiecewisePolynomial {
    pub(super) name: String,
    pub(super) formula: String,
    /// Where the pieces meet, in increasing order.
    pub(super) knots: Vec<f64>,
    /// Coefficients in increasing powers of x, one piece more than knots.
    pub(super) pieces: Vec<[f64; 3]>,
    /// What backprop takes for phi' at the knots.
    pub(super) slopes_at_knots: Vec<f64>,
    /// The knots at which phi' jumps.
    pub(super) kinks: Vec<f64>,
    pub(super) bounds: DerivativeBounds,
}

impl PiecewisePolynomial {
    /// The piece to the right of the last knot at or below x.
    fn piece(&self, x: f64) -> [f64; 3] {
        self.pieces[self.knots.iter().take_while(|knot| **knot <= x).count()]
    }
}

impl Activation for PiecewisePolynomial {
    fn name(&self) -> &str {
        &self.name
    }

    fn formula(&self) -> &str {
        &self.formula
    }

    fn value(&self, x: f64) -> f64 {
        if x.is_nan() {
            return x;
        }
        // A zero coefficient times an infinite power must not count.
        match self.piece(x) {
            [c0, 0.0, 0.0] => c0,
            [c0, c1, 0.0] => c0 + c1 * x,
            [c0, c1, c2] => c0 + x * (c1 + c2 * x),
        }
    }

    fn derivative(&self, x: f64) -> f64 {
        if x.is_nan() {
            return x;
        }
        if let Some(knot) = self.knots.iter().position(|knot| *knot == x) {
            return self.slopes_at_knots[knot];
        }
        match self.piece(x) {
            [_, c1, 0.0] => c1,
            [_, c1, c2] => c1 + 2.0 * c2 * x,
        }
    }

    fn second_derivative(&self, x: f64) -> f64 {
        if x.is_nan() { x } else { 2.0 * self.piece(x)[2] }
    }

    fn kinks(&self) -> &[f64] {
        &self.kinks
    }

    fn seams(&self) -> &[f64] {
        &self.knots
    }

    fn derivative_bounds(&self) -> DerivativeBounds {
        self.bounds.clone()
    }

    fn moments(&self, q: f64) -> Result<GaussianMoments, ExpectationError> {
        if q == 0.0 {
            return super::gaussian::moments_by_quadrature(self, q);
        }
        let products = |phi: Polynomial, slope: Polynomial, u: Polynomial| {
            let (square, both) = (slope * slope, phi * slope);
            [phi, phi * phi, slope, square, square * square, both * both, u * slope, u * both]
        };
        let [phi, phi2, dphi, dphi2, dphi4, phi2_dphi2, stein, slope] =
            self.expectations(0.0, q.sqrt(), Weight::NORMAL, products);
        if [phi2, dphi2, dphi4].iter().any(|m| *m < SMALLEST) {
            let dead = !self.knots.contains(&0.0) && self.value(0.0) == 0.0 && self.derivative(0.0) == 0.0;
            return if dead {
                Ok(self.beyond_the_dead_zone(q, products))
            } else {
                super::gaussian::moments_by_quadrature(self, q)
            };
        }
        // An odd activation leaves rounding.
        let odd = stein.abs() <= 1e-14 * (q * dphi2).sqrt();
        Ok(GaussianMoments {
            q,
            phi,
            phi2,
            dphi,
            dphi2,
            dphi4,
            phi2_dphi2,
            ddphi: Some(if odd { 0.0 } else { stein / q }),
            phi2_slope: Some(slope / q),
            error: 1e-13,
            ..GaussianMoments::ZERO
        }
        .with_logarithms())
    }

    fn smoothed(&self, mean: f64, spread: f64) -> Option<[f64; 3]> {
        Some(self.expectations(mean, spread, Weight::NORMAL, |phi, slope, _| [phi, slope, phi * slope]))
    }

    fn as_dyn(&self) -> &dyn Activation {
        self
    }
}

/// Below this, expectations may have lost digits to underflow.
const SMALLEST: f64 = 1e-290;

/// The normal density, or the multiple of it that is 1/sqrt(2 pi) at `unit`, where the density itself underflows.
#[derive(Debug, Clone, Copy)]
struct Weight {
    unit: f64,
}

impl Weight {
    const NORMAL: Self = Self { unit: 0.0 };

    fn density(self, x: f64) -> f64 {
        if self.unit == 0.0 {
            return normal_density(x);
        }
        (-0.5 * (x - self.unit) * (x + self.unit)).exp() * normal_density(0.0)
    }

    fn tail_moments(self, t: f64) -> [f64; DEGREES] {
        if self.unit == 0.0 { normal_tail_moments(t) } else { upper_tail_moments(t, self.density(t)) }
    }
}

/// Coefficients in increasing powers of the distance from a knot: (phi phi')^2 has degree six.
#[derive(Debug, Clone, Copy)]
struct Polynomial([f64; DEGREES]);

const DEGREES: usize = 7;

impl std::ops::Mul for Polynomial {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let mut product = [0.0; DEGREES];
        for (i, a) in self.0.iter().enumerate().filter(|(_, a)| **a != 0.0) {
            for (product, b) in product[i..].iter_mut().zip(other.0) {
                *product += a * b;
            }
        }
        Self(product)
    }
}

impl Polynomial {
    fn new(coefficients: &[f64]) -> Self {
        let mut all = [0.0; DEGREES];
        all[..coefficients.len()].copy_from_slice(coefficients);
        Self(all)
    }

    fn at(&self, y: f64) -> f64 {
        self.0.iter().rev().fold(0.0, |sum, c| sum * y + c)
    }

    /// Sum of `c_k scale^k moment_k`.
    fn expectation(&self, scale: f64, moments: &[f64; DEGREES]) -> f64 {
        let mut power = 1.0;
        let mut sum = 0.0;
        for (c, moment) in self.0.iter().zip(moments) {
            if *c != 0.0 && *moment != 0.0 {
                sum += c * power * moment;
            }
            power *= scale;
        }
        sum
    }
}

/// A piece narrower than this in standard deviations is integrated by its rule, unless the density falls by more than
/// e^`STEEPEST` across it.
const NARROW: f64 = 4.0;
const STEEPEST: f64 = 40.0;

/// Nodes and weights on \[0, 1\].
fn rule() -> &'static [(f64, f64)] {
    static RULE: OnceLock<Vec<(f64, f64)>> = OnceLock::new();
    RULE.get_or_init(|| gauss_legendre(32))
}

impl PiecewisePolynomial {
    /// The moments where phi vanishes around 0 on an interval far wider than sqrt(q): all weight is in tails that underflow, and only their
    /// logarithms are known.
    fn beyond_the_dead_zone(
        &self,
        q: f64,
        products: impl Fn(Polynomial, Polynomial, Polynomial) -> [Polynomial; 8],
    ) -> GaussianMoments {
        let sigma = q.sqrt();
        let nearest = self.knots.iter().fold(f64::INFINITY, |nearest, knot| nearest.min(knot.abs()));
        let unit = nearest / sigma;
        let [_, phi2, dphi, dphi2, dphi4, phi2_dphi2, _, slope] =
            self.expectations(0.0, sigma, Weight { unit }, products);
        let ln = |scaled: f64| scaled.ln() - 0.5 * unit * unit;
        GaussianMoments {
            q,
            phi2: ln(phi2).exp(),
            dphi: ln(dphi.abs()).exp().copysign(dphi),
            dphi2: ln(dphi2).exp(),
            dphi4: ln(dphi4).exp(),
            phi2_dphi2: ln(phi2_dphi2).exp(),
            ddphi: Some(0.0),
            phi2_slope: Some(ln(slope).exp() / q),
            ln_phi2: ln(phi2),
            ln_dphi2: ln(dphi2),
            ln_dphi4: ln(dphi4),
            error: 1e-13,
            ..GaussianMoments::ZERO
        }
    }

    /// Expectations over N(mean, spread^2) of `functionals(phi, phi', u)`.
    fn expectations<const N: usize>(
        &self,
        mean: f64,
        spread: f64,
        weight: Weight,
        functionals: impl Fn(Polynomial, Polynomial, Polynomial) -> [Polynomial; N],
    ) -> [f64; N] {
        let mut sums = [0.0; N];
        let mut add = |sign: f64, values: [f64; N]| {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += sign * value;
            }
        };
        for (k, &[c0, c1, c2]) in self.pieces.iter().enumerate() {
            let about = |x: f64| {
                let (value, slope) = (c0 + x * (c1 + c2 * x), c1 + 2.0 * c2 * x);
                functionals(
                    Polynomial::new(&[value, slope, c2]),
                    Polynomial::new(&[slope, 2.0 * c2]),
                    Polynomial::new(&[x, 1.0]),
                )
            };
            let upper = |knot: f64| {
                let moments = weight.tail_moments((knot - mean) / spread);
                about(knot).map(|p| p.expectation(spread, &moments))
            };
            // Mirrored: the distance from the knot is negative.
            let lower = |knot: f64| {
                let moments = weight.tail_moments((mean - knot) / spread);
                about(knot).map(|p| p.expectation(-spread, &moments))
            };
            let low = k.checked_sub(1).map(|below| self.knots[below]);
            let Some((low, high)) = low.zip(self.knots.get(k).copied()) else {
                match (low, self.knots.get(k)) {
                    (Some(low), _) => add(1.0, upper(low)),
                    (None, Some(high)) => add(1.0, lower(*high)),
                    (None, None) => add(1.0, about(mean).map(|p| p.expectation(spread, &WHOLE))),
                }
                continue;
            };
            let (a, b) = ((low - mean) / spread, (high - mean) / spread);
            let nearest = if a > 0.0 { a } else { (-b).max(0.0) };
            if b - a <= NARROW && (b - a) * nearest <= STEEPEST {
                let polynomials = about(low);
                let mut values = [0.0; N];
                for (t, share) in rule() {
                    let density = share * (b - a) * weight.density(a + (b - a) * t);
                    for (value, p) in values.iter_mut().zip(&polynomials) {
                        *value += density * p.at((high - low) * t);
                    }
                }
                add(1.0, values);
            } else if a >= 0.0 {
                add(1.0, upper(low));
                add(-1.0, upper(high));
            } else if b <= 0.0 {
                add(1.0, lower(high));
                add(-1.0, lower(low));
            } else {
                add(1.0, about(mean).map(|p| p.expectation(spread, &WHOLE)));
                add(-1.0, lower(low));
                add(-1.0, upper(high));
            }
        }
        sums
    }
}

/// E z^k.
const WHOLE: [f64; DEGREES] = [1.0, 0.0, 1.0, 0.0, 3.0, 0.0, 15.0];
