//! Identity.

use super::{Activation, Attained, DerivativeBounds, ExpectationError, GaussianMoments, GaussianPair, PairMoments};

/// `x`: a deep linear network, in which the weights alone decide.
#[derive(Debug, Clone, Copy)]
pub struct Linear;

impl Activation for Linear {
    fn name(&self) -> &str {
        "linear"
    }

    fn formula(&self) -> &str {
        "x"
    }

    fn value(&self, x: f64) -> f64 {
        x
    }

    fn derivative(&self, x: f64) -> f64 {
        // A NaN must stay visible in the gradient as it does through every other activation.
        if x.is_nan() { x } else { 1.0 }
    }

    fn second_derivative(&self, x: f64) -> f64 {
        if x.is_nan() { x } else { 0.0 }
    }

    fn kinks(&self) -> &[f64] {
        &[]
    }

    fn is_homogeneous(&self) -> bool {
        true
    }

    fn derivative_bounds(&self) -> DerivativeBounds {
        DerivativeBounds {
            sup_abs: 1.0,
            sup_at: Attained::On { point: 0.0, set: "all x".into() },
            inf: 1.0,
            inf_at: Attained::On { point: 0.0, set: "all x".into() },
            second_sup_abs: 0.0,
            second_sup_at: Attained::On { point: 0.0, set: "all x".into() },
        }
    }

    fn moments(&self, q: f64) -> Result<GaussianMoments, ExpectationError> {
        Ok(GaussianMoments {
            q,
            phi: 0.0,
            phi2: q,
            dphi: 1.0,
            dphi2: 1.0,
            dphi4: 1.0,
            phi2_dphi2: q,
            ddphi: Some(0.0),
            phi2_slope: Some(1.0),
            ln_phi2: q.ln(),
            ln_dphi2: 0.0,
            ln_dphi4: 0.0,
            error: 0.0,
        })
    }

    fn pair_moments(&self, pair: GaussianPair) -> Result<PairMoments, ExpectationError> {
        Ok(PairMoments { phi: pair.covariance, dphi: 1.0, aligned: pair.covariance, error: 0.0 })
    }

    fn smoothed(&self, mean: f64, _spread: f64) -> Option<[f64; 3]> {
        Some([mean, 1.0, mean])
    }

    fn has_closed_form_pairs(&self) -> bool {
        true
    }

    fn as_dyn(&self) -> &dyn Activation {
        self
    }
}
