//! Gaussian expectations of an activation by quadrature.

use serde::{Deserialize, Serialize};

use super::Activation;
use crate::numeric::{Integral, integrate};

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
    /// E phi'(u)^4.
    pub dphi4: f64,
    /// E phi(u)^2 phi'(u)^2.
    pub phi2_dphi2: f64,
    /// E phi''(u), defined through Stein's identity as E u phi'(u) / q, so that kinks count; `None` at q = 0.
    pub ddphi: Option<f64>,
    /// `d E phi(u)^2 / dq = E u phi(u) phi'(u) / q = E phi'^2 + E phi phi''`: the slope of the variance map; `None` at q = 0.
    pub phi2_slope: Option<f64>,
    /// Largest error of the expectations above but the last two, relative to the expectation of the absolute value: an estimate for
    /// quadrature, a rounding bound for closed forms.
    pub error: f64,
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
    #[error("the Gaussian expectations of {activation} at variance {q} are infinite: it grows too fast")]
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
    fn check<const N: usize>(phi: &dyn Activation, q: f64, values: [f64; N], error: f64) -> Result<(), Self> {
        if values.iter().any(|value| !value.is_finite()) {
            return Err(Self::Diverges { activation: phi.name().to_owned(), q });
        }
        if error > PROMISED {
            return Err(Self::Inaccurate { activation: phi.name().to_owned(), q, error });
        }
        Ok(())
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
}

/// Relative to E|f|; quadrature stops here or at its rounding floor of about 1e-14.
const TOLERANCE: f64 = 1e-13;

/// The normal density at 12 is 1e-32: what lies beyond cannot be seen in a double, for any function of polynomial growth.
const CUTOFF: f64 = 12.0;

/// Distances from a centre of the activation (in units of x) at which panels end: every smooth activation of the registry
/// passes through its transition within a few of these.
const LADDER: [f64; 4] = [1.0, 4.0, 16.0, 64.0];

const INV_SQRT_2PI: f64 = 0.398_942_280_401_432_7;

/// The univariate expectations by adaptive quadrature.
///
/// # Formula
///
/// `E f(sqrt(q) z) = int f(sqrt(q) z) e^(-z^2/2) dz / sqrt(2 pi)` over |z| < 12 by [`integrate`], panels split at kinks and at
/// distances 1, 4, 16, 64 (in units of the activation's argument) around its transition.
///
/// # Domain and accuracy
///
/// q in [0, 1e6]; error at most 1e-12 of the expectation of |f|, estimated in [`GaussianMoments::error`] (of E phi'' it is set to
/// zero within its error; d E phi^2 / dq likewise).
pub fn moments_by_quadrature(phi: &dyn Activation, q: f64) -> Result<GaussianMoments, ExpectationError> {
    let sigma = q.sqrt();
    if sigma == 0.0 {
        let (value, slope) = phi.value_and_derivative(0.0);
        return Ok(GaussianMoments {
            q,
            phi: value,
            phi2: value * value,
            dphi: slope,
            dphi2: slope * slope,
            dphi4: slope.powi(4),
            phi2_dphi2: (value * slope).powi(2),
            ddphi: None,
            phi2_slope: None,
            error: f64::EPSILON,
        });
    }
    let Integral { value, error, absolute } = integrate(
        |z| {
            let (value, slope) = phi.value_and_derivative(sigma * z);
            let weight = INV_SQRT_2PI * (-0.5 * z * z).exp();
            let (square, both) = (slope * slope, value * slope);
            let stein = z / sigma;
            [value, value * value, slope, square, square * square, both * both, slope * stein, both * stein]
                .map(|f| f * weight)
        },
        &breakpoints(phi, sigma, 0.0),
        TOLERANCE,
    );
    let relative = (0..6).map(|i| if absolute[i] > 0.0 { error[i] / absolute[i] } else { 0.0 }).fold(0.0, f64::max);
    // An odd integrand leaves rounding: below the error it is zero.
    let stein = |i: usize| if value[i].abs() <= 4.0 * error[i] { 0.0 } else { value[i] };
    ExpectationError::check(phi, q, value, relative)?;
    Ok(GaussianMoments {
        q,
        phi: value[0],
        phi2: value[1],
        dphi: value[2],
        dphi2: value[3],
        dphi4: value[4],
        phi2_dphi2: value[5],
        ddphi: Some(stein(6)),
        phi2_slope: Some(stein(7)),
        error: relative,
    })
}

/// The bivariate expectations by nested adaptive quadrature.
///
/// # Formula
///
/// `u = sqrt(q1) z1`, `v = sqrt(q2) (c z1 + s z2)` with `s = sqrt(1 - c^2)`; z2 inside, both as [`moments_by_quadrature`].
///
/// # Domain and accuracy
///
/// Variances in [0, 1e6], any c; error at most 1e-12 of sqrt(E f(u)^2 E f(v)^2). Some milliseconds: thousands of pairs are a case
/// for [`super::HermiteSeries`].
pub fn pair_moments_by_quadrature(phi: &dyn Activation, pair: GaussianPair) -> Result<PairMoments, ExpectationError> {
    let (c, s) = pair.cosine_and_sine();
    let (sigma1, sigma2) = (pair.q1.sqrt(), pair.q2.sqrt());
    let evaluate = |x: f64, weight: f64| {
        let (value, slope) = phi.value_and_derivative(x);
        [value * weight, slope * weight, value * slope * weight]
    };
    let density = |z: f64| INV_SQRT_2PI * (-0.5 * z * z).exp();
    let conditional = |z1: f64| -> [f64; 3] {
        let mean = sigma2 * c * z1;
        let spread = sigma2 * s;
        if spread == 0.0 {
            return evaluate(mean, 1.0);
        }
        if let Some(closed) = phi.smoothed(mean, spread) {
            return closed;
        }
        integrate(|z2| evaluate(mean + spread * z2, density(z2)), &breakpoints(phi, spread, mean), TOLERANCE).value
    };
    if sigma1 == 0.0 {
        let (here, there) = (evaluate(0.0, 1.0), conditional(0.0));
        return Ok(PairMoments { phi: here[0] * there[0], dphi: here[1] * there[1], aligned: here[2] * there[2] });
    }
    // The inner expectation has its own transition where c sigma2 z1 meets a centre.
    let mut outer = breakpoints(phi, sigma1, 0.0);
    if c != 0.0 && sigma2 > 0.0 {
        outer.extend(breakpoints(phi, sigma2 * c, 0.0));
        outer.sort_by(f64::total_cmp);
        outer.dedup();
    }
    let integral = integrate(
        |z1| {
            let here = evaluate(sigma1 * z1, density(z1));
            let there = conditional(z1);
            [here[0] * there[0], here[1] * there[1], here[2] * there[2]]
        },
        &outer,
        TOLERANCE,
    );
    ExpectationError::check(phi, pair.q1.max(pair.q2), integral.value, 0.0)?;
    Ok(PairMoments { phi: integral.value[0], dphi: integral.value[1], aligned: integral.value[2] })
}

/// Panel ends in z, for the argument `mean + scale z` of the activation.
fn breakpoints(phi: &dyn Activation, scale: f64, mean: f64) -> Vec<f64> {
    let centre = [phi.centre()];
    let centres: &[f64] = if phi.seams().is_empty() { &centre } else { phi.seams() };
    let mut points = vec![-CUTOFF, CUTOFF];
    for centre in centres {
        let offsets = std::iter::once(0.0).chain(LADDER.iter().flat_map(|step| [-step, *step]));
        points.extend(offsets.map(|offset| (centre + offset - mean) / scale).filter(|z| z.abs() < CUTOFF));
    }
    points.sort_by(f64::total_cmp);
    points
}

#[cfg(test)]
mod tests {
    use super::super::{Erf, Linear, Relu, Sigmoid, Tanh};
    use super::*;

    /// Relative to E|f|, for each of the five expectations and E phi''.
    fn assert_close(name: &str, q: f64, a: &GaussianMoments, b: &GaussianMoments) {
        let scale = |square: f64| square.sqrt();
        for (label, x, y, size) in [
            ("phi", a.phi, b.phi, scale(b.phi2)),
            ("phi2", a.phi2, b.phi2, b.phi2),
            ("dphi", a.dphi, b.dphi, b.dphi),
            ("dphi2", a.dphi2, b.dphi2, b.dphi2),
            ("dphi4", a.dphi4, b.dphi4, b.dphi4),
            ("phi2_dphi2", a.phi2_dphi2, b.phi2_dphi2, b.phi2_dphi2),
            ("ddphi", a.ddphi.expect("q > 0"), b.ddphi.expect("q > 0"), (b.dphi2 / q).sqrt()),
            ("phi2_slope", a.phi2_slope.expect("q > 0"), b.phi2_slope.expect("q > 0"), (b.phi2_dphi2 / q).sqrt()),
        ] {
            assert!((x - y).abs() <= 1e-12 * size, "{name} {label} at q = {q}: {x:e} against {y:e}");
        }
    }

    #[test]
    fn quadrature_meets_the_closed_forms() {
        for q in [1e-6, 1e-3, 0.25, 1.0, 4.0, 21.0, 1e3, 1e6] {
            for phi in [&Relu as &dyn Activation, &Erf, &Linear] {
                assert_close(
                    phi.name(),
                    q,
                    &moments_by_quadrature(phi, q).expect("exists"),
                    &phi.moments(q).expect("exists"),
                );
            }
        }
    }

    #[test]
    fn bivariate_quadrature_meets_the_closed_forms() {
        for (q1, q2) in [(1e-4_f64, 1e-4_f64), (1.0, 1.0), (0.3, 25.0), (1e4, 1.0), (1e5, 1e5)] {
            for c in [-1.0, -0.7, 0.0, 0.3, 0.99, 0.999_999, 1.0] {
                let pair = GaussianPair { q1, q2, covariance: c * (q1 * q2).sqrt() };
                for phi in [&Relu as &dyn Activation, &Erf, &Linear] {
                    let (got, exact) = (
                        pair_moments_by_quadrature(phi, pair).expect("exists"),
                        phi.pair_moments(pair).expect("exists"),
                    );
                    let (a, b) = (phi.moments(q1).expect("exists"), phi.moments(q2).expect("exists"));
                    let scales = [a.phi2 * b.phi2, a.dphi2 * b.dphi2, a.phi2_dphi2 * b.phi2_dphi2].map(f64::sqrt);
                    let values = [(got.phi, exact.phi), (got.dphi, exact.dphi), (got.aligned, exact.aligned)];
                    for ((x, y), size) in values.into_iter().zip(scales) {
                        assert!((x - y).abs() <= 1e-12 * size, "{} {pair:?}: {x:e} against {y:e}", phi.name());
                    }
                }
            }
        }
    }

    /// Symmetries of the two activations without closed forms: E sigma = 1/2, and sigma(x) = (1 + tanh(x/2)) / 2 ties
    /// their second moments together across different q.
    #[test]
    fn sigmoid_and_tanh_are_tied_by_their_identity() {
        for q in [1e-6, 0.5, 20.944_603_704_582_4, 1e4, 1e6] {
            let sigmoid = Sigmoid.moments(q).expect("exists");
            let tanh = Tanh.moments(q / 4.0).expect("exists");
            assert!((sigmoid.phi - 0.5).abs() < 1e-13);
            assert!((sigmoid.phi2 - (0.25 + 0.25 * tanh.phi2)).abs() < 1e-13);
            assert!((sigmoid.dphi2 * 16.0 - tanh.dphi2).abs() < 1e-12 * tanh.dphi2);
            assert_eq!((sigmoid.ddphi, tanh.ddphi), (Some(0.0), Some(0.0)));
            assert!(sigmoid.error < 1e-12 && tanh.error < 1e-12);
        }
    }

    #[test]
    fn equal_pairs_reduce_to_the_univariate_moments() {
        for phi in [&Sigmoid as &dyn Activation, &Tanh, &Erf, &Relu, &Linear] {
            for q in [0.01, 1.0, 21.0] {
                let pair = phi.pair_moments(GaussianPair { q1: q, q2: q, covariance: q }).expect("exists");
                let single = phi.moments(q).expect("exists");
                assert!((pair.phi - single.phi2).abs() < 1e-12 * single.phi2, "{}", phi.name());
                assert!((pair.dphi - single.dphi2).abs() < 1e-12 * single.dphi2, "{}", phi.name());
                assert!((pair.aligned - single.phi2_dphi2).abs() < 1e-12 * single.phi2_dphi2, "{}", phi.name());
            }
        }
    }

    #[test]
    fn zero_variance_is_a_constant() {
        let pair = Sigmoid.pair_moments(GaussianPair { q1: 0.0, q2: 2.0, covariance: 0.0 }).expect("exists");
        assert!((pair.phi - 0.25).abs() < 1e-14);
        assert_eq!(Relu.moments(0.0).expect("exists").dphi2, 0.0);
        assert_eq!(Tanh.moments(0.0).expect("exists").dphi2, 1.0);
        assert!((Erf.moments(1e-300).expect("exists").phi2 / (4e-300 / std::f64::consts::PI) - 1.0).abs() < 1e-12);
    }
}
