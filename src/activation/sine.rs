//! Sine.

use std::f64::consts::PI;

use super::{
    Activation, Attained, DerivativeBounds, ExpectationError, Extreme, GaussianMoments, GaussianPair, PairMoments,
};

/// `sin(x)`: derivative `cos(x)`, at most 1 in absolute value, at the multiples of pi.
#[derive(Debug, Clone, Copy)]
pub struct Sine;

/// `e^(-(a + b) / 2) (sinh k, cosh k)` for a covariance k, |k| <= sqrt(a b): E sin sin and E cos cos.
fn hyperbolic(a: f64, b: f64, k: f64) -> [f64; 2] {
    // (a + b)/2 - |k| >= 0: neither exponential overflows.
    let near = (k.abs() - 0.5 * (a + b)).min(0.0).exp();
    let far = (-2.0 * k.abs()).exp();
    let sinh = -0.5 * near * (-2.0 * k.abs()).exp_m1();
    [sinh.copysign(k), 0.5 * near * (1.0 + far)]
}

impl Activation for Sine {
    fn name(&self) -> &str {
        "sin"
    }

    fn formula(&self) -> &str {
        "sin(x)"
    }

    fn value(&self, x: f64) -> f64 {
        x.sin()
    }

    fn derivative(&self, x: f64) -> f64 {
        x.cos()
    }

    fn value_and_derivative(&self, x: f64) -> (f64, f64) {
        x.sin_cos()
    }

    fn second_derivative(&self, x: f64) -> f64 {
        -x.sin()
    }

    fn kinks(&self) -> &[f64] {
        &[]
    }

    fn slope_period(&self) -> Option<f64> {
        Some(PI)
    }

    fn derivative_bounds(&self) -> DerivativeBounds {
        DerivativeBounds {
            sup_abs: 1.0,
            sup_at: Attained::on(0.0, "the multiples of pi"),
            inf: -1.0,
            inf_at: Attained::on(PI, "the odd multiples of pi"),
            second_sup_abs: 1.0,
            second_sup_at: Attained::on(0.5 * PI, "the odd multiples of pi/2"),
        }
    }

    fn largest_derivative(&self) -> Extreme {
        Extreme { value: 1.0, at: Attained::on(0.0, "the even multiples of pi") }
    }

    /// `E phi^2 = (1 - e^(-2q)) / 2`, `E phi'^2 = (1 + e^(-2q)) / 2`, `E phi'^4 = (3 + 4 e^(-2q) + e^(-8q)) / 8`.
    fn moments(&self, q: f64) -> Result<GaussianMoments, ExpectationError> {
        let second = (-2.0 * q).exp();
        Ok(GaussianMoments {
            q,
            phi: 0.0,
            phi2: -0.5 * (-2.0 * q).exp_m1(),
            dphi: (-0.5 * q).exp(),
            dphi2: 0.5 * (1.0 + second),
            dphi4: 0.125 * (3.0 + 4.0 * second + (-8.0 * q).exp()),
            phi2_dphi2: -0.125 * (-8.0 * q).exp_m1(),
            ddphi: (q > 0.0).then_some(0.0),
            phi2_slope: (q > 0.0).then_some(second),
            error: 4.0 * f64::EPSILON,
            ..GaussianMoments::ZERO
        }
        .with_logarithms())
    }

    /// `E phi phi = e^(-(q1 + q2) / 2) sinh k`, `E phi' phi' = e^(-(q1 + q2) / 2) cosh k` with covariance k; `phi phi' = sin(2x) / 2`.
    fn pair_moments(&self, pair: GaussianPair) -> Result<PairMoments, ExpectationError> {
        let GaussianPair { q1, q2, covariance: k } = pair;
        let [phi, dphi] = hyperbolic(q1, q2, k);
        let [aligned, _] = hyperbolic(4.0 * q1, 4.0 * q2, 4.0 * k);
        Ok(PairMoments { phi, dphi, aligned: 0.25 * aligned, error: 8.0 * f64::EPSILON })
    }

    fn has_closed_form_pairs(&self) -> bool {
        true
    }

    fn smoothed(&self, mean: f64, spread: f64) -> Option<[f64; 3]> {
        let q = spread * spread;
        let (sin, cos) = mean.sin_cos();
        let shrink = (-0.5 * q).exp();
        Some([shrink * sin, shrink * cos, (-2.0 * q).exp() * sin * cos])
    }

    fn as_dyn(&self) -> &dyn Activation {
        self
    }
}
