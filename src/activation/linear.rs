//! Identity.

use super::{Activation, Attained, DerivativeBounds, GaussianMoments, GaussianPair, PairMoments};

/// `x`: a deep linear network, in which the weights alone decide.
#[derive(Debug, Clone, Copy)]
pub struct Linear;

impl Activation for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn formula(&self) -> &'static str {
        "x"
    }

    fn value(&self, x: f64) -> f64 {
        x
    }

    fn derivative(&self, x: f64) -> f64 {
        // A NaN must stay visible in the gradient as it does through every other activation.
        if x.is_nan() { x } else { 1.0 }
    }

    fn kinks(&self) -> &[f64] {
        &[]
    }

    fn is_homogeneous(&self) -> bool {
        true
    }

    fn derivative_bounds(&self) -> DerivativeBounds {
        DerivativeBounds { sup_abs: 1.0, sup_at: Attained::On { point: 0.0, set: "all x" }, inf: 1.0 }
    }

    fn moments(&self, q: f64) -> GaussianMoments {
        GaussianMoments {
            q,
            phi: 0.0,
            phi2: q,
            dphi: 1.0,
            dphi2: 1.0,
            dphi4: 1.0,
            phi2_dphi2: q,
            ddphi: Some(0.0),
            phi2_slope: Some(1.0),
            error: 0.0,
        }
    }

    fn pair_moments(&self, pair: GaussianPair) -> PairMoments {
        PairMoments { phi: pair.covariance, dphi: 1.0, aligned: pair.covariance }
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
