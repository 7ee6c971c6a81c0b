//! Gaussian expectations of an activation by quadrature.
//!
//! | file | what it does |
//! |---|---|
//! | [`moments_by_quadrature`] | E f(u) by adaptive panels within 12 standard deviations |
//! | `trapezoid` | the same for smooth activations whose transitions are wide against the step |
//! | `tails` | the same where the integrand lives elsewhere: dead zones, fast growth, divergence; in logarithms |
//! | [`pair_moments_by_quadrature`], [`pair_expectation`] | E f(u) g(v) over a correlated pair |
//! | `panels` | where panels end |

mod bivariate;
mod panels;
mod tails;
mod trapezoid;
mod univariate;

use serde::{Deserialize, Serialize};

pub use bivariate::{PairExpectation, ScalarFunction, pair_expectation, pair_moments_by_quadrature};
pub use panels::Transition;
pub(super) use panels::default_transitions;
pub use univariate::moments_by_quadrature;

/// Expectations over `u = sqrt(q) z`, z standard normal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GaussianMoments {
    /// Variance of u.
    pub q: f64,
    /// E phi(u).
    pub phi: f64,
    /// E phi(u)^2.
    pub phi2: f64,
    /// E phi'(u).
    pub dphi: f64,
    /// E phi'(u)^2.
    pub dphi2: f64,
    /// E phi'(u)^4; infinite if it does not exist or is beyond the largest double.
    pub dphi4: f64,
    /// E phi(u)^2 phi'(u)^2; infinite likewise.
    pub phi2_dphi2: f64,
    /// E phi''(u), defined through Stein's identity as E u phi'(u) / q, so that kinks count; `None` at q = 0.
    pub ddphi: Option<f64>,
    /// `d E phi(u)^2 / dq = E u phi(u) phi'(u) / q = E phi'^2 + E phi phi''`: the slope of the variance map; `None` at q = 0.
    pub phi2_slope: Option<f64>,
    /// ln E phi^2, also where E phi^2 itself leaves the range of doubles; -inf if phi vanishes everywhere.
    pub ln_phi2: f64,
    /// ln E phi'^2, likewise.
    pub ln_dphi2: f64,
    /// ln E phi'^4, likewise; infinite if the expectation is (that of phi'^2 may yet exist).
    pub ln_dphi4: f64,
    /// Largest error of the expectations above but the Stein forms, relative to the expectation of the absolute value (to its
    /// logarithm where it leaves the range of doubles): an estimate for quadrature, a rounding bound for closed forms.
    pub error: f64,
}

impl GaussianMoments {
    /// No moments: what closed forms fill in.
    pub(super) const ZERO: Self = Self {
        q: 0.0,
        phi: 0.0,
        phi2: 0.0,
        dphi: 0.0,
        dphi2: 0.0,
        dphi4: 0.0,
        phi2_dphi2: 0.0,
        ddphi: None,
        phi2_slope: None,
        ln_phi2: f64::NEG_INFINITY,
        ln_dphi2: f64::NEG_INFINITY,
        ln_dphi4: f64::NEG_INFINITY,
        error: 0.0,
    };

    /// With the logarithms of the expectations that it has, for closed forms that stay within the range of doubles.
    pub(super) fn with_logarithms(self) -> Self {
        Self { ln_phi2: self.phi2.ln(), ln_dphi2: self.dphi2.ln(), ln_dphi4: self.dphi4.ln(), ..self }
    }
}

/// A centred Gaussian pair (u, v) with Var u = `q1`, Var v = `q2`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GaussianPair {
    /// Var u.
    pub q1: f64,
    /// Var v.
    pub q2: f64,
    /// Cov(u, v), at most sqrt(q1 q2) in absolute value up to rounding.
    pub covariance: f64,
}

impl GaussianPair {
    /// Correlation c, clamped to \[-1, 1\], and sqrt(1 - c^2); (0, 1) if a variance is zero.
    pub fn cosine_and_sine(self) -> (f64, f64) {
        // The root of the product makes equal samples exactly correlated, and kinks feel c = 1 - eps; the product of the roots
        // takes over where the product leaves the range.
        let product = self.q1 * self.q2;
        let scale = if product.is_normal() { product.sqrt() } else { self.q1.sqrt() * self.q2.sqrt() };
        if scale == 0.0 {
            return (0.0, 1.0);
        }
        let c = (self.covariance / scale).clamp(-1.0, 1.0);
        (c, ((1.0 - c) * (1.0 + c)).sqrt())
    }
}

/// An expectation that cannot be given.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ExpectationError {
    /// phi grows so fast that the integral is infinite, or beyond the largest double.
    #[error(
        "the Gaussian expectations of {activation} at variance {q} are infinite, or beyond the range of doubles: it grows too fast"
    )]
    Diverges {
        /// The activation.
        activation: String,
        /// The variance.
        q: f64,
    },
    /// The quadrature stopped short of its tolerance.
    #[error(
        "the Gaussian expectations of {activation} at variance {q} are only known to a relative error of {error:.1e}"
    )]
    Inaccurate {
        /// The activation.
        activation: String,
        /// The variance.
        q: f64,
        /// Relative to E|f|.
        error: f64,
    },
}

/// Relative to E|f|: what the expectations promise.
const PROMISED: f64 = 1e-12;

impl ExpectationError {
    fn diverges(phi: &str, q: f64) -> Self {
        Self::Diverges { activation: phi.to_owned(), q }
    }

    fn check(phi: &str, q: f64, error: f64) -> Result<(), Self> {
        // NaN is no accuracy either.
        if error <= PROMISED { Ok(()) } else { Err(Self::Inaccurate { activation: phi.to_owned(), q, error }) }
    }
}

/// Expectations over a Gaussian pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairMoments {
    /// E phi(u) phi(v).
    pub phi: f64,
    /// E phi'(u) phi'(v).
    pub dphi: f64,
    /// E phi(u) phi'(u) phi(v) phi'(v).
    pub aligned: f64,
    /// Largest error of the expectations above, relative to sqrt(E f(u)^2 E f(v)^2): an estimate for quadrature, a bound for series
    /// and closed forms.
    pub error: f64,
}

/// Relative to E|f|; quadrature stops here or at its rounding floor of about 1e-14.
const TOLERANCE: f64 = 1e-13;

/// The normal density at 12 is 1e-32: what lies beyond cannot be seen in a double, for any function of polynomial growth.
const CUTOFF: f64 = 12.0;

const INV_SQRT_2PI: f64 = 0.398_942_280_401_432_7;

fn density(z: f64) -> f64 {
    INV_SQRT_2PI * (-0.5 * z * z).exp()
}

#[cfg(test)]
pub(super) mod test_functions;
#[cfg(test)]
mod tests;
