//! Error function.

use std::f64::consts::{FRAC_2_SQRT_PI, PI};

use super::{Activation, Attained, DerivativeBounds, ExpectationError, GaussianMoments, GaussianPair, PairMoments};

/// `erf(x)`: derivative `(2 / sqrt pi) e^(-x^2)`, at most 1.128..., at 0.
#[derive(Debug, Clone, Copy)]
pub struct Erf;

impl Activation for Erf {
    fn name(&self) -> &str {
        "erf"
    }

    fn formula(&self) -> &str {
        "erf(x)"
    }

    fn value(&self, x: f64) -> f64 {
        libm::erf(x)
    }

    fn derivative(&self, x: f64) -> f64 {
        FRAC_2_SQRT_PI * (-x * x).exp()
    }

    fn second_derivative(&self, x: f64) -> f64 {
        // The product underflows before x overflows.
        -2.0 * x.clamp(-1e3, 1e3) * self.derivative(x)
    }

    fn kinks(&self) -> &[f64] {
        &[]
    }

    fn derivative_bounds(&self) -> DerivativeBounds {
        DerivativeBounds {
            sup_abs: FRAC_2_SQRT_PI,
            sup_at: Attained::At(vec![0.0]),
            inf: 0.0,
            inf_at: Attained::Nowhere,
            second_sup_abs: 4.0 / (2.0 * std::f64::consts::E * PI).sqrt(),
            second_sup_at: Attained::At(vec![-std::f64::consts::FRAC_1_SQRT_2, std::f64::consts::FRAC_1_SQRT_2]),
        }
    }

    /// `E phi^2 = (2/pi) asin(2q / (1 + 2q))`, `E phi'^2 = (4/pi) / sqrt(1 + 4q)`, `E phi'^4 = (16/pi^2) / sqrt(1 + 8q)`.
    fn moments(&self, q: f64) -> Result<GaussianMoments, ExpectationError> {
        let equal = self.pair_moments(GaussianPair { q1: q, q2: q, covariance: q })?;
        Ok(GaussianMoments {
            q,
            phi: 0.0,
            phi2: equal.phi,
            dphi: FRAC_2_SQRT_PI / (1.0 + 2.0 * q).sqrt(),
            dphi2: 4.0 / PI / (1.0 + 4.0 * q).sqrt(),
            dphi4: 16.0 / (PI * PI) / (1.0 + 8.0 * q).sqrt(),
            phi2_dphi2: equal.aligned,
            ddphi: Some(0.0),
            phi2_slope: (q > 0.0).then(|| 4.0 / PI / ((1.0 + 2.0 * q) * (1.0 + 4.0 * q).sqrt())),
            ln_phi2: equal.phi.ln(),
            ln_dphi2: (4.0 / PI).ln() - 0.5 * (4.0 * q).ln_1p(),
            ln_dphi4: (16.0 / (PI * PI)).ln() - 0.5 * (8.0 * q).ln_1p(),
            error: 8.0 * f64::EPSILON,
        })
    }

    /// `E phi phi = (2/pi) asin(2k / sqrt((1 + 2 q1)(1 + 2 q2)))`,
    /// `E phi' phi' = (4/pi) / sqrt((1 + 2 q1)(1 + 2 q2) - 4 k^2)` with covariance k (Williams 1997).
    fn pair_moments(&self, pair: GaussianPair) -> Result<PairMoments, ExpectationError> {
        let (c, s) = pair.cosine_and_sine();
        let product = pair.q1 * pair.q2;
        let k = c * (pair.q1.sqrt() * pair.q2.sqrt());
        // (1 + 2 q1)(1 + 2 q2) - 4 k^2, without the cancellation at c = 1.
        let remainder = 1.0 + 2.0 * (pair.q1 + pair.q2) + 4.0 * product * s * s;
        // asin(x / sqrt(x^2 + y^2)) = atan2(x, y): accurate where asin is steep.
        let arcsine = |k: f64, remainder: f64| 2.0 / PI * (2.0 * k).atan2(remainder.sqrt());
        // phi' is itself a Gaussian: under its weight the pair has covariance (q1 + 2 d, k; k, q2 + 2 d) / remainder.
        let d = product * s * s;
        let weighted = |q: f64| remainder + 2.0 * q + 4.0 * d;
        let weighted_remainder = weighted(pair.q1) * weighted(pair.q2) - 4.0 * k * k;
        Ok(PairMoments {
            phi: arcsine(k, remainder),
            dphi: 4.0 / PI / remainder.sqrt(),
            aligned: 4.0 / PI / remainder.sqrt() * arcsine(k, weighted_remainder),
            error: 8.0 * f64::EPSILON,
        })
    }

    fn has_closed_form_pairs(&self) -> bool {
        true
    }

    fn as_dyn(&self) -> &dyn Activation {
        self
    }
}
