//! Expansion of an activation in Hermite polynomials: Gaussian pairs by the thousand.

use super::{Activation, GaussianPair, PairMoments};
use crate::numeric::gauss_legendre;

/// phi(sqrt(q) z), phi'(sqrt(q) z) and their product in normalised Hermite polynomials `h_k = He_k / sqrt(k!)`.
///
/// # Formula
///
/// Mehler: for a Gaussian pair (u, v) with variances q1, q2 and correlation c,
///
/// ```text
/// E phi(u) phi(v) = sum_k a_k(q1) a_k(q2) c^k        a_k(q) = E phi(sqrt(q) z) h_k(z)
/// ```
///
/// and what is left out after K terms is at most `|c|^K sqrt(r1 r2)` with `r = E phi^2 - sum_{k<K} a_k^2` (Parseval): the error
/// is known, not estimated. One expansion a sample serves all its pairs, where the quadrature costs up to milliseconds a pair.
///
/// The coefficients of a smooth activation fall like a power of its analyticity, and the series ends where nothing is left out at
/// any c. Those of an activation with seams fall like a power of k; 400 of them leave nothing out for |c| below about 0.93, and
/// [`HermiteSeries::pair`] declines stronger correlations.
///
/// # Source
///
/// Mehler 1866; as dual activations in Daniely, Frostig and Singer, NeurIPS 2016.
#[derive(Debug, Clone)]
pub struct HermiteSeries {
    value: Expansion,
    slope: Expansion,
    product: Expansion,
}

#[derive(Debug, Clone)]
struct Expansion {
    coefficients: Vec<f64>,
    /// E f^2.
    square: f64,
    /// E f^2 minus the squares of the coefficients.
    rest: f64,
}

/// The weight exp(-z^2/4) is 1e-32 at the ends.
const REACH: f64 = 17.0;

/// Trapezoidal step: resolves the oscillation sqrt(K) of the last polynomial and functions that are analytic in a strip of
/// half-width 0.1; whether that is so is checked on E f^2.
const STEP: f64 = 1.0 / 64.0;

const MAX_TERMS: usize = 1500;

/// Terms of an activation with seams: |c|^400 is 1e-13 at c = 0.93.
const SEAMED_TERMS: usize = 400;

/// Between seams, panels of this length with this many Gauss-Legendre nodes resolve the last polynomial, of wavelength
/// `pi / sqrt(400)`, and the transitions that [`STEP`] resolves.
const PANEL: f64 = 0.5;
const PANEL_NODES: usize = 16;

/// Relative to sqrt(E f(u)^2 E f(v)^2).
const TOLERANCE: f64 = 2e-13;

/// How finely an expansion is computed.
struct Resolution {
    reach: f64,
    /// Of the trapezoidal rule.
    step: f64,
    /// Of E f^2, relative: what may be wrong with it, and half of it what may be left out.
    tolerance: f64,
    max_terms: usize,
    seamed_terms: usize,
}

const FINE: Resolution =
    Resolution { reach: REACH, step: STEP, tolerance: TOLERANCE, max_terms: MAX_TERMS, seamed_terms: SEAMED_TERMS };

/// The weight exp(-z^2/4) is 1e-9 at the ends.
const ROUGH: Resolution =
    Resolution { reach: 9.0, step: 1.0 / 12.0, tolerance: 1e-6, max_terms: 300, seamed_terms: 128 };

/// Shares of the Hermite polynomials in phi, phi' and phi phi' at one variance: the normalised correlation maps as power series.
///
/// # Formula
///
/// ```text
/// E f(u) f(v) / E f(u)^2 = sum_k s_k c^k        s_k = a_k^2 / E f^2        f = phi, phi', phi phi'
/// ```
///
/// for u and v of the same variance with correlation c. What is left out after K terms is added to the last power: the series is 1 at c = 1.
///
/// # Accuracy
///
/// 1e-6 for smooth activations. Of those with seams 128 terms are kept: 1e-6 up to |c| of 0.9, and beyond it an error below one percent (of phi', which
/// jumps; a tenth of that of phi).
#[derive(Debug, Clone, PartialEq)]
pub struct CorrelationShares {
    /// Of phi.
    pub value: Vec<f64>,
    /// Of phi'.
    pub slope: Vec<f64>,
    /// Of phi phi'.
    pub product: Vec<f64>,
}

impl CorrelationShares {
    /// At variance q; `None` where phi has a transition that is too sharp for the expansion.
    pub fn new(phi: &dyn Activation, q: f64) -> Option<Self> {
        let series =
            HermiteSeries::resolved(phi, q, 0, &ROUGH).or_else(|| HermiteSeries::resolved(phi, q, 0, &FINE))?;
        let shares = |expansion: Expansion| {
            let mut shares: Vec<f64> = expansion.coefficients.iter().map(|a| a * a / expansion.square).collect();
            // All three expansions have as many terms as the slowest needs.
            let mut last = (expansion.rest / expansion.square).max(0.0);
            while let Some(share) = shares.pop_if(|share| last + *share < ROUGH.tolerance) {
                last += share;
            }
            shares.push(last);
            shares
        };
        Some(Self { value: shares(series.value), slope: shares(series.slope), product: shares(series.product) })
    }
}

impl HermiteSeries {
    /// The expansion at variance q, of at least `least_terms` terms: expansions that are to be paired need about as many as
    /// the longer one, or the bound on what is left out is that of the shorter. `None` if phi has a transition that is too sharp against
    /// the spread of z for the expansion to be accurate: the quadrature serves those.
    pub fn new(phi: &dyn Activation, q: f64, least_terms: usize) -> Option<Self> {
        Self::resolved(phi, q, least_terms, &FINE)
    }

    fn resolved(phi: &dyn Activation, q: f64, least_terms: usize, resolution: &Resolution) -> Option<Self> {
        let &Resolution { reach, step, tolerance, max_terms, seamed_terms } = resolution;
        let sigma = q.sqrt();
        let exact = phi.moments(q).ok()?;
        let seams: Vec<f64> = phi.seams().iter().map(|seam| seam / sigma).filter(|z| z.abs() < reach).collect();
        let smooth = phi.seams().is_empty();
        // A seam beyond reach may hide all of phi.
        if !exact.dphi4.is_normal() || !exact.phi2_dphi2.is_normal() {
            return None;
        }
        let (nodes, steps): (Vec<f64>, Vec<f64>) = if smooth { trapezoid(reach, step) } else { panels(&seams, reach) };
        let count = nodes.len();
        let max_terms = if smooth { max_terms } else { seamed_terms };
        // psi_0 = sqrt(density): the orthonormal functions are psi_k = h_k psi_0.
        let weight = |z: f64| (2.0 * std::f64::consts::PI).powf(-0.25) * (-0.25 * z * z).exp();
        let mut current: Vec<f64> = nodes.iter().map(|&z| weight(z)).collect();
        let mut samples = [exact.phi2, exact.dphi2, exact.phi2_dphi2].map(|square| (square, Vec::with_capacity(count)));
        for ((&z, weight), step) in nodes.iter().zip(&current).zip(&steps) {
            let (value, slope) = phi.value_and_derivative(sigma * z);
            for ((_, samples), f) in samples.iter_mut().zip([value, slope, value * slope]) {
                samples.push(step * weight * f);
            }
        }
        let mut expansions = samples.map(|(square, samples)| {
            let expansion = Expansion { coefficients: Vec::new(), square, rest: square };
            (expansion, samples)
        });
        for (expansion, samples) in &expansions {
            let square = samples.iter().zip(&steps).map(|(f, step)| f * f / step).sum::<f64>();
            let difference = (square - expansion.square).abs();
            if difference.is_nan() || difference > tolerance * expansion.square {
                return None;
            }
        }
        let mut previous = vec![0.0; count];
        for k in 0..max_terms {
            for (expansion, samples) in &mut expansions {
                let coefficient = dot(samples, &current);
                expansion.rest -= coefficient * coefficient;
                expansion.coefficients.push(coefficient);
            }
            let enough = k + 1 >= least_terms;
            if enough && expansions.iter().all(|(expansion, _)| expansion.rest <= 0.5 * tolerance * expansion.square) {
                break;
            }
            // h_{k+1} = (z h_k - sqrt(k) h_{k-1}) / sqrt(k + 1): stable upward, as h is the dominant solution.
            let (shrink, back) = (1.0 / (k as f64 + 1.0).sqrt(), (k as f64).sqrt());
            for ((next, now), z) in previous.iter_mut().zip(&current).zip(&nodes) {
                *next = (z * now - back * *next) * shrink;
            }
            std::mem::swap(&mut previous, &mut current);
        }
        let [(value, _), (slope, _), (product, _)] = expansions;
        Some(Self { value, slope, product })
    }

    /// Number of terms.
    pub fn terms(&self) -> usize {
        self.value.coefficients.len()
    }

    /// The expectations over a pair of the two expansions' variances at correlation c; `None` if the bound on what is left
    /// out exceeds the tolerance.
    pub fn pair(&self, other: &Self, pair: GaussianPair) -> Option<PairMoments> {
        let (c, _) = pair.cosine_and_sine();
        Some(PairMoments {
            phi: self.value.pair(&other.value, c)?,
            dphi: self.slope.pair(&other.slope, c)?,
            aligned: self.product.pair(&other.product, c)?,
            error: TOLERANCE,
        })
    }
}

impl Expansion {
    fn pair(&self, other: &Self, c: f64) -> Option<f64> {
        let terms = self.coefficients.len().min(other.coefficients.len());
        // Horner in c from the highest term down. The shorter expansion's rest bounds its missing terms; the longer one's
        // share of them is at most its whole square.
        let rest = |expansion: &Self| {
            let missing: f64 = expansion.coefficients[terms..].iter().map(|a| a * a).sum();
            (expansion.rest.max(0.0) + missing).max(0.0)
        };
        let left_out = c.abs().powi(terms as i32) * (rest(self) * rest(other)).sqrt();
        if left_out > TOLERANCE * (self.square * other.square).sqrt() {
            return None;
        }
        let pairs = self.coefficients[..terms].iter().zip(&other.coefficients[..terms]).rev();
        Some(pairs.fold(0.0, |sum, (a, b)| sum * c + a * b))
    }
}

/// Nodes and weights of the trapezoidal rule.
fn trapezoid(reach: f64, step: f64) -> (Vec<f64>, Vec<f64>) {
    let count = (2.0 * reach / step) as usize + 1;
    ((0..count).map(|j| step * j as f64 - reach).collect(), vec![step; count])
}

/// Nodes and weights of panels that end at the seams.
fn panels(seams: &[f64], reach: f64) -> (Vec<f64>, Vec<f64>) {
    let rule = gauss_legendre(PANEL_NODES);
    let ends: Vec<f64> = [-reach].into_iter().chain(seams.iter().copied()).chain([reach]).collect();
    let (mut nodes, mut weights) = (Vec::new(), Vec::new());
    for pair in ends.windows(2) {
        let parts = ((pair[1] - pair[0]) / PANEL).ceil().max(1.0);
        let width = (pair[1] - pair[0]) / parts;
        for k in 0..parts as usize {
            for (x, weight) in &rule {
                nodes.push(pair[0] + width * (k as f64 + x));
                weights.push(width * weight);
            }
        }
    }
    (nodes, weights)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a_blocks, a_rest) = a.as_chunks::<8>();
    let (b_blocks, b_rest) = b.as_chunks::<8>();
    let mut lanes = [0.0; 8];
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        for k in 0..8 {
            lanes[k] += a[k] * b[k];
        }
    }
    lanes.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::super::gaussian::test_functions::{ELU, HARD_TANH, SOFTSIGN};
    use super::super::{Erf, Relu, Sigmoid, Tanh};
    use super::*;

    fn assert_agree(phi: &dyn Activation, q1: f64, q2: f64, c: f64) {
        let pair = GaussianPair { q1, q2, covariance: c * (q1 * q2).sqrt() };
        let terms = HermiteSeries::new(phi, q1.max(q2), 0).map_or(0, |series| series.terms());
        let (first, second) = (HermiteSeries::new(phi, q1, terms), HermiteSeries::new(phi, q2, terms));
        let got = first.zip(second).and_then(|(first, second)| first.pair(&second, pair));
        let Some(got) = got else {
            assert!(c == 1.0 && q1.max(q2) > 10.0, "{} {pair:?} is smooth enough", phi.name());
            return;
        };
        // Erf has closed forms, the others the nested quadrature: oracles that share nothing with the series.
        let exact = phi.pair_moments(pair).expect("exists");
        let (a, b) = (phi.moments(q1).expect("exists"), phi.moments(q2).expect("exists"));
        for (x, y, size) in [
            (got.phi, exact.phi, a.phi2 * b.phi2),
            (got.dphi, exact.dphi, a.dphi2 * b.dphi2),
            (got.aligned, exact.aligned, a.phi2_dphi2 * b.phi2_dphi2),
        ] {
            assert!((x - y).abs() <= 1e-12 * size.sqrt(), "{} {pair:?}: {x:e} not {y:e}", phi.name());
        }
    }

    #[test]
    fn the_series_meets_closed_forms_and_quadrature() {
        for (q1, q2) in [(1e-6, 1e-6), (0.04, 1.0), (1.0, 1.0), (21.0, 17.0)] {
            for c in [-0.9, 0.0, 0.5, 0.99, 1.0] {
                assert_agree(&Erf, q1, q2, c);
            }
        }
        for (phi, q1, q2, c) in [(&Tanh as &dyn Activation, 1.3, 0.7, 0.8), (&Sigmoid, 21.0, 50.0, 0.95)] {
            assert_agree(phi, q1, q2, c);
        }
    }

    #[test]
    fn what_is_not_smooth_enough_is_declined() {
        assert!(HermiteSeries::new(&Tanh, 1e6, 0).is_none());
        let relu = HermiteSeries::new(&Relu, 1.0, 0).expect("expands");
        let pair = |c: f64| relu.pair(&relu, GaussianPair { q1: 1.0, q2: 1.0, covariance: c });
        assert!(pair(0.9).is_some() && pair(0.99).is_none() && pair(-1.0).is_none());
    }

    /// Kinks: the arc-cosine kernel in closed form; elu and softsign against the quadrature.
    #[test]
    fn seams_cost_terms_but_no_accuracy() {
        for (phi, q1, q2, c) in [
            (&Relu as &dyn Activation, 1.0, 1.0, 0.9),
            (&Relu, 0.3, 20.0, -0.8),
            (&ELU, 1.0, 2.25, 0.5),
            (&SOFTSIGN, 1.0, 0.2, 0.9),
            (&HARD_TANH, 4.0, 9.0, -0.5),
        ] {
            assert_agree(phi, q1, q2, c);
        }
    }
}
