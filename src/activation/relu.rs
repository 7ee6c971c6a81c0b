//! Rectified linear unit.

use std::f64::consts::PI;

use super::{Activation, Attained, DerivativeBounds, ExpectationError, GaussianMoments, GaussianPair, PairMoments};

/// `max(x, 0)`: derivative 1 for x > 0, else 0 (0 at the kink, as PyTorch has it).
#[derive(Debug, Clone, Copy)]
pub struct Relu;

impl Activation for Relu {
    fn name(&self) -> &str {
        "relu"
    }

    fn formula(&self) -> &str {
        "max(x, 0)"
    }

    /// NaN passes, as a diverging network must stay visible; `f64::max` would hide it.
    fn value(&self, x: f64) -> f64 {
        if x <= 0.0 { 0.0 } else { x }
    }

    fn derivative(&self, x: f64) -> f64 {
        if x <= 0.0 {
            0.0
        } else if x.is_nan() {
            x
        } else {
            1.0
        }
    }

    fn second_derivative(&self, x: f64) -> f64 {
        if x.is_nan() { x } else { 0.0 }
    }

    fn kinks(&self) -> &[f64] {
        &[0.0]
    }

    fn is_homogeneous(&self) -> bool {
        true
    }

    fn derivative_bounds(&self) -> DerivativeBounds {
        DerivativeBounds {
            sup_abs: 1.0,
            sup_at: Attained::On { point: 1.0, set: "x > 0".into() },
            inf: 0.0,
            inf_at: Attained::On { point: 0.0, set: "x <= 0".into() },
            second_sup_abs: 0.0,
            second_sup_at: Attained::On { point: 1.0, set: "x != 0".into() },
        }
    }

    /// `E phi = sqrt(q / 2 pi)`, `E phi^2 = q/2`, `E phi'^k = 1/2`, `E phi'' = 1 / sqrt(2 pi q)` (the delta at the kink).
    fn moments(&self, q: f64) -> Result<GaussianMoments, ExpectationError> {
        let half = if q > 0.0 { 0.5 } else { 0.0 };
        Ok(GaussianMoments {
            q,
            phi: (q / (2.0 * PI)).sqrt(),
            phi2: 0.5 * q,
            dphi: half,
            dphi2: half,
            dphi4: half,
            phi2_dphi2: 0.5 * q,
            ddphi: (q > 0.0).then(|| 1.0 / (2.0 * PI * q).sqrt()),
            phi2_slope: (q > 0.0).then_some(0.5),
            ln_phi2: q.ln() - std::f64::consts::LN_2,
            ln_dphi2: half.ln(),
            ln_dphi4: half.ln(),
            error: 4.0 * f64::EPSILON,
        })
    }

    /// Arc-cosine kernels of order 1 and 0 (Cho and Saul 2009): with `theta = acos c`,
    /// `E phi phi = sqrt(q1 q2) (sin theta + (pi - theta) cos theta) / 2 pi`, `E phi' phi' = (pi - theta) / 2 pi`.
    fn pair_moments(&self, pair: GaussianPair) -> Result<PairMoments, ExpectationError> {
        if pair.q1 == 0.0 || pair.q2 == 0.0 {
            return Ok(PairMoments { phi: 0.0, dphi: 0.0, aligned: 0.0, error: 0.0 });
        }
        let (c, s) = pair.cosine_and_sine();
        let supplement = PI - s.atan2(c);
        // phi phi' = phi.
        let phi = pair.q1.sqrt() * pair.q2.sqrt() * (s + supplement * c) / (2.0 * PI);
        Ok(PairMoments { phi, dphi: supplement / (2.0 * PI), aligned: phi, error: 4.0 * f64::EPSILON })
    }

    /// With `t = mean / spread` and the normal distribution function F and density f: `E phi = mean F(t) + spread f(t)`,
    /// `E phi' = F(t)`, and phi phi' = phi.
    fn smoothed(&self, mean: f64, spread: f64) -> Option<[f64; 3]> {
        let t = mean / spread;
        let below = 0.5 * libm::erfc(-t * std::f64::consts::FRAC_1_SQRT_2);
        let phi = mean * below + spread * (-0.5 * t * t).exp() / (2.0 * PI).sqrt();
        Some([phi, below, phi])
    }

    fn has_closed_form_pairs(&self) -> bool {
        true
    }

    fn as_dyn(&self) -> &dyn Activation {
        self
    }
}
