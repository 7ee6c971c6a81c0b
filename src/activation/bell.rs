//! Gaussian bell.

use std::f64::consts::FRAC_1_SQRT_2;

use super::{Activation, Attained, DerivativeBounds, ExpectationError, GaussianMoments, GaussianPair, PairMoments};
use crate::numeric::exp_minus_square;

/// `e^(-x^2)`: derivative `-2 x e^(-x^2)`, at most sqrt(2/e) in absolute value, at +- 1/sqrt 2.
#[derive(Debug, Clone, Copy)]
pub struct Bell;

/// Beyond this the exponential is 0, and squares of x stay finite.
const REACH: f64 = 1e3;

impl Activation for Bell {
    fn name(&self) -> &str {
        "gaussian"
    }

    fn formula(&self) -> &str {
        "exp(-x^2)"
    }

    fn value(&self, x: f64) -> f64 {
        exp_minus_square(x)
    }

    fn derivative(&self, x: f64) -> f64 {
        self.value_and_derivative(x).1
    }

    fn value_and_derivative(&self, x: f64) -> (f64, f64) {
        let value = exp_minus_square(x);
        (value, -2.0 * x * value)
    }

    fn second_derivative(&self, x: f64) -> f64 {
        let near = x.clamp(-REACH, REACH);
        (4.0 * near * near - 2.0) * exp_minus_square(x)
    }

    fn kinks(&self) -> &[f64] {
        &[]
    }

    fn derivative_bounds(&self) -> DerivativeBounds {
        let sup = 0.857_763_884_960_706_8;
        DerivativeBounds {
            sup_abs: sup,
            sup_at: Attained::At(vec![-FRAC_1_SQRT_2, FRAC_1_SQRT_2]),
            inf: -sup,
            inf_at: Attained::At(vec![FRAC_1_SQRT_2]),
            second_sup_abs: 2.0,
            second_sup_at: Attained::At(vec![0.0]),
        }
    }

    /// `E phi^2 = (1 + 4q)^(-1/2)`, `E phi'^2 = 4q (1 + 4q)^(-3/2)`, `E phi'^4 = 48 q^2 (1 + 8q)^(-5/2)`: each is an integral of a
    /// monomial against a narrower Gaussian.
    fn moments(&self, q: f64) -> Result<GaussianMoments, ExpectationError> {
        let power = |a: f64, k: i32| (1.0 + a * q).sqrt().powi(-k);
        Ok(GaussianMoments {
            q,
            phi: power(2.0, 1),
            phi2: power(4.0, 1),
            dphi: 0.0,
            dphi2: 4.0 * q * power(4.0, 3),
            dphi4: 48.0 * q * q * power(8.0, 5),
            phi2_dphi2: 4.0 * q * power(8.0, 3),
            ddphi: (q > 0.0).then(|| -2.0 * power(2.0, 3)),
            phi2_slope: (q > 0.0).then(|| -2.0 * power(4.0, 3)),
            error: 16.0 * f64::EPSILON,
            ..GaussianMoments::ZERO
        }
        .with_logarithms())
    }

    /// With covariance k and `D_a = (1 + 2a q1)(1 + 2a q2) - 4 a^2 k^2`: `E phi phi = D_1^(-1/2)`, `E phi' phi' = 4 k D_1^(-3/2)`,
    /// `E phi phi' phi phi' = 4 k D_2^(-3/2)`.
    fn pair_moments(&self, pair: GaussianPair) -> Result<PairMoments, ExpectationError> {
        let (c, s) = pair.cosine_and_sine();
        let k = c * (pair.q1.sqrt() * pair.q2.sqrt());
        // Without the cancellation at c = 1.
        let root = |a: f64| {
            let (x, y) = (2.0 * a * pair.q1, 2.0 * a * pair.q2);
            (1.0 + x + y + x * y * s * s).sqrt()
        };
        let (one, two) = (root(1.0), root(2.0));
        Ok(PairMoments {
            phi: one.recip(),
            dphi: 4.0 * k * one.powi(-3),
            aligned: 4.0 * k * two.powi(-3),
            error: 16.0 * f64::EPSILON,
        })
    }

    fn has_closed_form_pairs(&self) -> bool {
        true
    }

    fn smoothed(&self, mean: f64, spread: f64) -> Option<[f64; 3]> {
        let q = spread * spread;
        // E e^(-a x^2) and its derivative in the mean.
        let bell = |a: f64| {
            let width = 1.0 + 2.0 * a * q;
            let value = exp_minus_square(mean * (a / width).sqrt()) / width.sqrt();
            (value, -2.0 * a * mean / width * value)
        };
        let ((phi, slope), (_, square)) = (bell(1.0), bell(2.0));
        Some([phi, slope, 0.5 * square])
    }

    fn as_dyn(&self) -> &dyn Activation {
        self
    }
}
