//! Expectations over one Gaussian variable.

use super::super::Activation;
use super::panels::Landmarks;
use super::tails::{Expectation, Failure, MONOMIALS, tail_expectation};
use super::trapezoid::{by_trapezoid, integrands};
use super::{CUTOFF, ExpectationError, GaussianMoments, TOLERANCE, density};
use crate::numeric::{Tolerance, adapt};

/// What lies beyond the cut-off is below this share of E|f| for every integrand that is this small at the cut-off.
const NEGLIGIBLE: f64 = 1e-16;

/// Below this the weights of the tails underflow.
const SMALLEST: f64 = 1e-270;

/// The univariate expectations by adaptive quadrature.
///
/// # Formula
///
/// ```text
/// E f(sqrt(q) z) = int f(sqrt(q) z) e^(-z^2/2) dz / sqrt(2 pi)
/// ```
///
/// over |z| < 12, by the trapezoidal rule if phi is smooth and two grids of one step agree, else by [`adapt`], panels split at the activation's seams and on a ladder around its transitions
/// ([`Activation::transitions`]): at distances 2, 8, 32, … widths. An integrand that is not negligible at the ends (an activation
/// that grows like an exponential, or one that vanishes in a zone of many standard deviations) is integrated again wherever it lies,
/// against its own largest value, so that nothing under- or overflows on the way.
///
/// # Domain and accuracy
///
/// q in [0, 1e6]; error at most 1e-12 of the expectation of |f|, estimated in [`GaussianMoments::error`] (what is zero within its
/// error, as the mean of an odd activation, is exactly zero). The logarithms are as accurate as the expectations, and to 4 ulp where those
/// leave the range of doubles. A phi or phi' below 1e-300 counts as zero. About a
/// microsecond for a smooth activation at q = 1, some 10 to 30 for one with seams; sin(50 x) at q = 1e4, with its twenty
/// thousand periods, takes tens of milliseconds.
///
/// A feature that no seam and no transition announces and that falls between the nodes (a spike narrower than about a hundredth
/// of sqrt(q)) is missed.
///
/// # Errors
///
/// [`ExpectationError::Diverges`] if E phi^2, E phi'^2 or their Stein forms are infinite or beyond the largest double: the
/// integrand still rises against the weight where phi leaves the range of doubles, or 12288 standard deviations out.
/// [`ExpectationError::Inaccurate`] if the panels do not suffice, or the integrand falls there but not far enough.
pub fn moments_by_quadrature(phi: &dyn Activation, q: f64) -> Result<GaussianMoments, ExpectationError> {
    let sigma = q.sqrt();
    if sigma == 0.0 {
        return Ok(at_zero_variance(phi));
    }
    let integrand = |z: f64| {
        let (value, slope) = phi.value_and_derivative(sigma * z);
        integrands(z, sigma, density(z), value, slope)
    };
    let transitions = phi.transitions();
    let landmarks = Landmarks { seams: phi.seams(), transitions: &transitions };
    let smooth = if phi.seams().is_empty() { by_trapezoid(phi, sigma, &transitions) } else { None };
    let integral = smooth.unwrap_or_else(|| {
        adapt(integrand, &landmarks.panel_ends(sigma, 0.0, CUTOFF), Tolerance::relative(TOLERANCE)).integral
    });
    let (left, right) = (integrand(-CUTOFF), integrand(CUTOFF));
    let mut parts = [Expectation::ZERO; 8];
    for i in 0..8 {
        let absolute = integral.absolute[i];
        // Not `<=` the other way round: NaN must fail.
        let inside = left[i].abs() <= NEGLIGIBLE * absolute && right[i].abs() <= NEGLIGIBLE * absolute;
        parts[i] = if inside && absolute.is_finite() && absolute > SMALLEST {
            let relative = integral.error[i] / absolute;
            Expectation { value: integral.value[i], ln_absolute: integral.value[i].abs().ln(), relative }
        } else {
            match tail_expectation(phi, sigma, landmarks, MONOMIALS[i]) {
                Ok(part) => part,
                // Fourth moments may be infinite where the second exist.
                Err(Failure::Diverges) if i == 4 || i == 5 => Expectation::INFINITE,
                Err(Failure::Diverges) => return Err(ExpectationError::diverges(phi.name(), q)),
                Err(Failure::Unresolved { error }) => {
                    ExpectationError::check(phi.name(), q, error)?;
                    return Err(ExpectationError::diverges(phi.name(), q));
                }
            }
        };
        if !parts[i].value.is_finite() && i != 4 && i != 5 {
            return Err(ExpectationError::diverges(phi.name(), q));
        }
    }
    let relative = parts[..6].iter().map(|part| part.relative).fold(0.0, f64::max);
    ExpectationError::check(phi.name(), q, relative)?;
    // An odd integrand leaves rounding: below the error it is zero.
    let signed = |i: usize| {
        let absolute = if integral.absolute[i].is_finite() { integral.absolute[i] } else { parts[i].value.abs() };
        if parts[i].value.abs() <= 4.0 * parts[i].relative * absolute { 0.0 } else { parts[i].value }
    };
    Ok(GaussianMoments {
        q,
        phi: signed(0),
        phi2: parts[1].value,
        dphi: signed(2),
        dphi2: parts[3].value,
        dphi4: parts[4].value,
        phi2_dphi2: parts[5].value,
        ddphi: Some(signed(6)),
        phi2_slope: Some(signed(7)),
        ln_phi2: parts[1].ln_absolute,
        ln_dphi2: parts[3].ln_absolute,
        ln_dphi4: parts[4].ln_absolute,
        error: relative,
    })
}

fn at_zero_variance(phi: &dyn Activation) -> GaussianMoments {
    let (value, slope) = phi.value_and_derivative(0.0);
    GaussianMoments {
        q: 0.0,
        phi: value,
        phi2: value * value,
        dphi: slope,
        dphi2: slope * slope,
        dphi4: slope.powi(4),
        phi2_dphi2: (value * slope).powi(2),
        ddphi: None,
        phi2_slope: None,
        ln_phi2: 2.0 * value.abs().ln(),
        ln_dphi2: 2.0 * slope.abs().ln(),
        ln_dphi4: 4.0 * slope.abs().ln(),
        error: f64::EPSILON,
    }
}
