//! Expectations whose integrand does not live within some standard deviations of 0.

use super::super::Activation;
use super::panels::Landmarks;
use super::{INV_SQRT_2PI, TOLERANCE};
use crate::numeric::{Tolerance, adapt, maximize};

/// `phi^value phi'^slope (z / sigma)^stein`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Monomial {
    value: i32,
    slope: i32,
    stein: i32,
}

/// The integrands of the univariate expectations, in their order.
pub(super) const MONOMIALS: [Monomial; 8] = [
    Monomial { value: 1, slope: 0, stein: 0 },
    Monomial { value: 2, slope: 0, stein: 0 },
    Monomial { value: 0, slope: 1, stein: 0 },
    Monomial { value: 0, slope: 2, stein: 0 },
    Monomial { value: 0, slope: 4, stein: 0 },
    Monomial { value: 2, slope: 2, stein: 0 },
    Monomial { value: 0, slope: 1, stein: 1 },
    Monomial { value: 1, slope: 1, stein: 1 },
];

/// An expectation, also where it leaves the range of doubles.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expectation {
    pub value: f64,
    /// ln |value|.
    pub ln_absolute: f64,
    /// Error relative to E|f|, or of the logarithm relative to itself where E|f| leaves the range of doubles.
    pub relative: f64,
}

impl Expectation {
    pub const ZERO: Self = Self { value: 0.0, ln_absolute: f64::NEG_INFINITY, relative: 0.0 };
    pub const INFINITE: Self = Self { value: f64::INFINITY, ln_absolute: f64::INFINITY, relative: 0.0 };
}

/// An expectation that cannot be had.
#[derive(Debug, Clone, Copy)]
pub(super) enum Failure {
    /// The integrand rises against the weight as far as it can be followed.
    Diverges,
    /// It falls there, but what lies beyond may be this share of the whole.
    Unresolved { error: f64 },
}

/// Where the integrand is below its largest value by this factor's logarithm, it is left out.
const LN_NEGLIGIBLE: f64 = 80.0;

/// Doubles end at e^-745 and e^709; an integral with this much height is beyond.
const LN_RANGE: f64 = 800.0;

/// A phi or phi' below this is zero: it is about to underflow.
const SMALLEST: f64 = 1e-300;

/// The integrand is looked for at these standard deviations: 12 * 2^(k/4).
const OUTWARD: std::ops::RangeInclusive<i32> = -40..=40;

/// E of one monomial, integrated wherever it is large.
///
/// # Formula
///
/// With `l(z) = ln |f(sigma z)| - z^2/2` and p the place where it is largest among many candidates (around seams, transitions and
/// geometrically outward, polished by golden section),
///
/// ```text
/// E f = e^(l(p)) int sign f e^(l(z) - l(p)) dz / sqrt(2 pi)        over {z : l(z) > l(p) - 80}
/// ```
///
/// `z^2 - p^2` as `(z - p)(z + p)`, which keeps its relative accuracy at p = 500.
pub(super) fn tail_expectation(
    phi: &dyn Activation,
    sigma: f64,
    landmarks: Landmarks<'_>,
    monomial: Monomial,
) -> Result<Expectation, Failure> {
    // ln |f| without the weight, and the sign.
    let function = |z: f64| -> (f64, f64) {
        let (value, slope) = phi.value_and_derivative(sigma * z);
        let (mut ln, mut sign) = (0.0, 1.0);
        for (factor, power) in [(value, monomial.value), (slope, monomial.slope), (z / sigma, monomial.stein)] {
            if power > 0 {
                // Subnormal numbers have no digits left to integrate.
                let magnitude = if factor.abs() < SMALLEST { 0.0 } else { factor.abs() };
                ln += f64::from(power) * magnitude.ln();
                sign *= if power % 2 == 1 { factor.signum() } else { 1.0 };
            }
        }
        (ln, sign)
    };
    let height = |z: f64| function(z).0 - 0.5 * z * z;
    let mut candidates = candidates(sigma, landmarks);
    let mut heights: Vec<f64> = candidates.iter().map(|&z| height(z)).collect();
    // Follow phi outward on either side until it leaves the range of doubles.
    let middle = candidates.iter().position(|&z| z == 0.0).unwrap_or(0);
    let usable = |k: &usize| heights[*k].is_finite() || heights[*k] == f64::NEG_INFINITY;
    let first = (0..=middle).rev().take_while(usable).last().unwrap_or(middle);
    let last = (middle..heights.len()).take_while(usable).last().unwrap_or(middle);
    candidates.truncate(last + 1);
    heights.truncate(last + 1);
    candidates.drain(..first);
    heights.drain(..first);
    let best = (0..heights.len()).max_by(|&a, &b| heights[a].total_cmp(&heights[b])).unwrap_or(0);
    let highest = heights[best];
    if highest == f64::NEG_INFINITY {
        return Ok(Expectation::ZERO);
    }
    if !highest.is_finite() {
        return Err(Failure::Unresolved { error: f64::INFINITY });
    }
    let end = heights.len() - 1;
    for (outermost, inner) in [(0, 1.min(end)), (end, end.saturating_sub(1))] {
        let deficit = highest - heights[outermost];
        if deficit < LN_NEGLIGIBLE {
            return Err(if heights[outermost] >= heights[inner] - 1e-9 {
                Failure::Diverges
            } else {
                Failure::Unresolved { error: (-deficit).exp() }
            });
        }
    }
    let outermost = candidates[0]..=candidates[end];
    let (low, high) = (candidates[best.saturating_sub(1)], candidates[(best + 1).min(end)]);
    let polished = maximize(height, low, high, 16);
    let peak = if polished.value > highest { polished.at } else { candidates[best] };
    let (reference, _) = function(peak);
    let highest = height(peak);
    // The Gaussian falls over 1/|z|, or over 1 near 0.
    let fall = 1.0 / peak.abs().max(1.0);
    candidates.extend((-3..=7).flat_map(|j| [-1.0, 1.0].map(|side| peak + side * fall * 2f64.powi(j))));
    candidates.push(peak);
    // Beyond the outermost phi may overflow.
    candidates.retain(|z| outermost.contains(z));
    candidates.sort_by(f64::total_cmp);
    candidates.dedup();
    let heights: Vec<f64> = candidates.iter().map(|&z| height(z)).collect();
    let scaled = |z: f64| {
        let (ln, sign) = function(z);
        let exponent = ln - reference - 0.5 * (z - peak) * (z + peak);
        [if exponent == f64::NEG_INFINITY { 0.0 } else { sign * exponent.exp() }]
    };
    // Of what leaves the range of doubles only the logarithm is needed.
    let ln_highest = highest.abs();
    let relative = TOLERANCE * if ln_highest > LN_RANGE { ln_highest.min(1e9) } else { 1.0 };
    let tolerance = Tolerance { relative, scale: [0.0], max_panels: 1 << 12 };
    // Runs of candidates between which the integrand counts; a run ends one candidate beyond.
    let counts = |k: usize| heights[k] > highest - LN_NEGLIGIBLE;
    let (mut value, mut error, mut absolute) = (0.0, 0.0, 0.0);
    let mut run: Vec<f64> = Vec::new();
    for k in 0..candidates.len() {
        let joined = k + 1 < candidates.len() && (counts(k) || counts(k + 1));
        if joined && run.is_empty() {
            run.push(candidates[k]);
        }
        if joined {
            run.push(candidates[k + 1]);
        } else if !run.is_empty() {
            let part = adapt(scaled, &run, tolerance).integral;
            value += part.value[0];
            error += part.error[0];
            absolute += part.absolute[0];
            run.clear();
        }
    }
    if !(absolute.is_finite() && absolute > 0.0) {
        return Err(Failure::Unresolved { error: f64::INFINITY });
    }
    let ln_absolute = reference - 0.5 * peak * peak + (value.abs() * INV_SQRT_2PI).ln();
    let magnitude = ln_absolute.exp();
    // Beyond the doubles only the logarithm is left, in which the error is that much smaller.
    let inside = magnitude > 0.0 && magnitude.is_finite();
    let relative = error / absolute / if inside { 1.0 } else { ln_absolute.abs() };
    Ok(Expectation { value: magnitude.copysign(value), ln_absolute, relative })
}

/// Increasing places z at which the integrand is looked for, 0 among them.
fn candidates(sigma: f64, landmarks: Landmarks<'_>) -> Vec<f64> {
    let mut places = vec![0.0];
    for side in [-1.0, 1.0] {
        places.extend(OUTWARD.map(|k| side * 12.0 * 2f64.powf(0.25 * f64::from(k))));
    }
    let mut around = |at: f64, steps: &mut dyn Iterator<Item = f64>| {
        places.push(at);
        for step in steps {
            places.extend([at - step, at + step]);
        }
    };
    for &seam in landmarks.seams {
        let at = seam / sigma;
        // Beyond a seam the weight falls over 1/|z|; the first step only leaves the seam itself.
        let fall = 1.0 / at.abs().max(1.0);
        around(at, &mut (-4..=7).map(|j| fall * 2f64.powi(j)));
    }
    for transition in landmarks.transitions {
        let width = transition.width / sigma;
        if width.is_finite() {
            around(transition.at / sigma, &mut (-2..=12).map(|j| width * 2f64.powi(j)));
        }
    }
    places.retain(|z| z.is_finite());
    places.sort_by(f64::total_cmp);
    places.dedup();
    places
}
