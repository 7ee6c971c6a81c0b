//! Expansion of an activation in Hermite polynomials: Gaussian pairs by the thousand.

mod grid;

use std::sync::LazyLock;

use super::{Activation, GaussianMoments, GaussianPair, PairMoments};
use grid::{Grid, OUTPOSTS, REACH, STEPS};

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

const MAX_TERMS: usize = 1500;

/// Terms of an activation with seams: |c|^400 is 1e-13 at c = 0.93.
const SEAMED_TERMS: usize = 400;

/// Relative to sqrt(E f(u)^2 E f(v)^2).
const TOLERANCE: f64 = 2e-13;

/// The mean square of what the series leaves out at the outposts is about what it leaves out in all, a few times as much at worst (a kink
/// beside one). A series of aliases misses by the whole of what was taken for something else.
const OUTPOST_LEEWAY: f64 = 100.0;

/// How finely an expansion is computed.
struct Resolution {
    reach: f64,
    /// Of smooth activations, tried in order.
    grids: Vec<Grid>,
    /// Of E f^2, relative: what may be wrong with it, and half of it what may be left out.
    tolerance: f64,
    max_terms: usize,
    seamed_terms: usize,
}

static FINE: LazyLock<Resolution> = LazyLock::new(|| Resolution {
    reach: REACH,
    grids: STEPS.map(|step| Grid::trapezoid(REACH, step)).into(),
    tolerance: TOLERANCE,
    max_terms: MAX_TERMS,
    seamed_terms: SEAMED_TERMS,
});

/// The weight exp(-z^2/4) is 1e-9 at the ends.
static ROUGH: LazyLock<Resolution> = LazyLock::new(|| Resolution {
    reach: 9.0,
    grids: [1.0 / 4.0, 1.0 / 12.0].map(|step| Grid::trapezoid(9.0, step)).into(),
    tolerance: ROUGH_TOLERANCE,
    max_terms: 300,
    seamed_terms: 128,
});

const ROUGH_TOLERANCE: f64 = 1e-6;

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
            while let Some(share) = shares.pop_if(|share| last + *share < ROUGH_TOLERANCE) {
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
        let &Resolution { reach, ref grids, tolerance, max_terms, seamed_terms } = resolution;
        let sigma = q.sqrt();
        let exact = phi.moments(q).ok()?;
        // A seam beyond reach may hide all of phi.
        if !exact.dphi4.is_normal() || !exact.phi2_dphi2.is_normal() {
            return None;
        }
        let on = |grid: &Grid, max_terms: usize| {
            let terms = [least_terms, max_terms.min(grid.terms)];
            // What a grid leaves out for want of terms, a finer one has.
            let complete = |series: &Self| terms[1] == max_terms || series.ends(tolerance);
            Self::on(phi, sigma, &exact, grid, terms, tolerance).filter(complete)
        };
        if phi.seams().is_empty() {
            grids.iter().filter(|grid| grid.terms >= least_terms.min(max_terms)).find_map(|grid| on(grid, max_terms))
        } else {
            let seams = phi.seams().iter().map(|seam| seam / sigma);
            on(&Grid::panels(seams, reach, seamed_terms), seamed_terms)
        }
    }

    /// The expansion on one grid, of at least and at most so many terms; `None` if the grid does not resolve it.
    fn on(
        phi: &dyn Activation,
        sigma: f64,
        exact: &GaussianMoments,
        grid: &Grid,
        [least_terms, max_terms]: [usize; 2],
        tolerance: f64,
    ) -> Option<Self> {
        let squares = [exact.phi2, exact.dphi2, exact.phi2_dphi2];
        let count = grid.nodes.len();
        let places = || grid.nodes.iter().chain(&OUTPOSTS).map(|z| sigma * z);
        let arguments: Vec<f64> = places().chain(places().map(|x| -x)).collect();
        let (mut values, mut slopes) = (vec![0.0; arguments.len()], vec![0.0; arguments.len()]);
        phi.sweep(&arguments, &mut values, &mut slopes);
        let folded = |f: &dyn Fn(usize) -> f64| {
            let mirrored = count + OUTPOSTS.len();
            let fold = |j: usize, weight: f64| [weight * (f(j) + f(mirrored + j)), weight * (f(j) - f(mirrored + j))];
            let weights = grid.first.iter().zip(&grid.weights).map(|(first, weight)| first * weight);
            let parts: Vec<[f64; 2]> = weights.enumerate().map(|(j, weight)| fold(j, weight)).collect();
            let square = |([even, odd], weight): (&[f64; 2], &f64)| 0.5 * (even * even + odd * odd) / weight;
            let outposts = std::array::from_fn(|j| fold(count + j, 0.5 * grid.first_at_outposts[j]));
            Folded {
                square: parts.iter().zip(&grid.weights).map(square).sum(),
                parts: [0, 1].map(|parity| parts.iter().map(|part| part[parity]).collect()),
                outposts: [0, 1].map(|parity| outposts.map(|part: [f64; 2]| part[parity])),
            }
        };
        let product = |j: usize| values[j] * slopes[j];
        let mut functions = [folded(&|j| values[j]), folded(&|j| slopes[j]), folded(&product)];
        let near = |(function, square): (&Folded, &f64)| (function.square - square).abs() <= tolerance * square;
        // NaN is not near.
        if !functions.iter().zip(&squares).all(near) {
            return None;
        }
        let projection = Projection { grid, functions: &mut functions, squares, least_terms, max_terms, tolerance };
        let [value, slope, product] = pulp::Arch::new().dispatch(projection);
        let series = Self { value, slope, product };
        let faithful = |(expansion, function): (&Expansion, &Folded)| {
            let left_out = function.outposts.as_flattened().iter().map(|rest| rest * rest).sum::<f64>();
            let bound = expansion.rest.max(tolerance * expansion.square);
            // Parseval: no more than there is.
            expansion.rest >= -2.0 * tolerance * expansion.square
                && left_out <= OUTPOST_LEEWAY * OUTPOSTS.len() as f64 * bound
        };
        let expansions = [&series.value, &series.slope, &series.product];
        let all = expansions.into_iter().zip(&functions).all(faithful);
        all.then_some(series)
    }

    /// Whether nothing is left out at any c.
    fn ends(&self, tolerance: f64) -> bool {
        [&self.value, &self.slope, &self.product].iter().all(|expansion| expansion.ends(tolerance))
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

/// A function on a grid, split into its even and its odd part.
struct Folded {
    /// E f^2 by the grid.
    square: f64,
    /// Against the weights and psi_0, and twice: the rule is over z > 0.
    parts: [Vec<f64>; 2],
    /// Against psi_0, at the outposts; less what the series has of it.
    outposts: [[f64; OUTPOSTS.len()]; 2],
}

/// The coefficients of three functions at once; a type of its own for vector instructions.
struct Projection<'a> {
    grid: &'a Grid,
    functions: &'a mut [Folded; 3],
    squares: [f64; 3],
    least_terms: usize,
    max_terms: usize,
    tolerance: f64,
}

impl pulp::NullaryFnOnce for Projection<'_> {
    type Output = [Expansion; 3];

    #[inline(always)]
    fn call(self) -> [Expansion; 3] {
        let Self { grid, functions, squares, least_terms, max_terms, tolerance } = self;
        let mut expansions = squares.map(|square| Expansion { coefficients: Vec::new(), square, rest: square });
        let (mut current, mut previous) = (grid.first.clone(), vec![0.0; grid.first.len()]);
        let (mut at_outposts, mut before) = (grid.first_at_outposts, [0.0; OUTPOSTS.len()]);
        for k in 0..max_terms {
            for (expansion, function) in expansions.iter_mut().zip(functions.iter_mut()) {
                let coefficient = dot(&function.parts[k % 2], &current);
                expansion.rest -= coefficient * coefficient;
                expansion.coefficients.push(coefficient);
                let left = &mut function.outposts[k % 2];
                left.iter_mut().zip(&at_outposts).for_each(|(left, now)| *left -= coefficient * now);
            }
            if k + 1 >= least_terms && expansions.iter().all(|expansion| expansion.ends(tolerance)) {
                break;
            }
            climb(k as f64, &mut previous, &current, &grid.nodes);
            climb(k as f64, &mut before, &at_outposts, &OUTPOSTS);
            std::mem::swap(&mut previous, &mut current);
            std::mem::swap(&mut before, &mut at_outposts);
        }
        expansions
    }
}

/// From psi_{k-1} and psi_k to psi_{k+1}, in place of psi_{k-1}.
#[inline(always)]
fn climb(k: f64, previous: &mut [f64], current: &[f64], nodes: &[f64]) {
    // h_{k+1} = (z h_k - sqrt(k) h_{k-1}) / sqrt(k + 1): stable upward, as h is the dominant solution.
    let (shrink, back) = (1.0 / (k + 1.0).sqrt(), k.sqrt());
    for ((next, now), z) in previous.iter_mut().zip(current).zip(nodes) {
        *next = (z * now - back * *next) * shrink;
    }
}

impl Expansion {
    /// Whether nothing is left out at any c.
    fn ends(&self, tolerance: f64) -> bool {
        self.rest <= 0.5 * tolerance * self.square
    }

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

#[inline(always)]
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

    /// The coarsest grid that takes an expansion against the finest.
    #[test]
    fn coarse_grids_give_the_coefficients_of_the_finest() {
        let finest = Resolution { grids: vec![Grid::trapezoid(17.0, 1.0 / 64.0)], ..reference() };
        for name in ["tanh", "sigmoid", "gelu", "silu", "mish", "softplus", "sin", "arctan", "erf", "tanhshrink"] {
            let phi = super::super::by_name(name).expect("registered");
            for shift in [0.0, 0.7, -3.0] {
                let phi = super::super::Shifted::new(&*phi, shift);
                for q in [1e-6, 1e-3, 0.04, 0.3, 1.0, 4.0, 25.0, 100.0] {
                    let Some(exact) = HermiteSeries::resolved(&phi, q, 0, &finest) else { continue };
                    let got = HermiteSeries::new(&phi, q, 0).expect("a grid takes it");
                    for (got, exact) in
                        [(got.value, exact.value), (got.slope, exact.slope), (got.product, exact.product)]
                    {
                        let unit = exact.square.sqrt();
                        let pairs = got.coefficients.iter().zip(&exact.coefficients);
                        let off = pairs.map(|(a, b)| (a * a - b * b).abs()).sum::<f64>() / exact.square;
                        assert!(off < 4e-13, "{name} shifted by {shift} at {q}: shares differ by {off:e}");
                        let pairs = got.coefficients.iter().zip(&exact.coefficients);
                        let off = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / unit;
                        assert!(off < 1e-9, "{name} shifted by {shift} at {q}: coefficients differ by {off:e}");
                        assert!((got.rest - exact.rest).abs() < 1e-12 * exact.square, "{name} at {q}");
                    }
                }
            }
        }
    }

    fn reference() -> Resolution {
        Resolution {
            reach: REACH,
            grids: Vec::new(),
            tolerance: TOLERANCE,
            max_terms: MAX_TERMS,
            seamed_terms: SEAMED_TERMS,
        }
    }

    /// Ripples that some grid takes for one of lower frequency: of the two faster ones f^2 has the right mean on the finest grids, to 1e-14, and only
    /// the places off the grid tell. Where no grid resolves the ripple there is no series.
    #[test]
    fn aliases_are_not_taken_for_the_function() {
        for (amplitude, frequency) in [(1e-2, 34.0), (1e-4, 60.0), (1.0, 430.0), (1e-3, 430.0)] {
            let text = format!("expr: tanh(x) + {amplitude}*sin({frequency}*x)");
            let phi = super::super::by_name(&text).expect("an expression");
            let Some(series) = HermiteSeries::new(&*phi, 1.0, 0) else {
                assert!(frequency > 100.0, "{text} is resolved by some grid");
                continue;
            };
            // The ripple's shares sit at k of about its frequency squared; an alias of it comes much earlier.
            assert!(frequency < 100.0, "{text}");
            let half = (0.25 * frequency * frequency) as usize;
            let late: f64 = series.value.coefficients.iter().skip(half).map(|a| a * a).sum();
            let ripple = 0.5 * amplitude * amplitude;
            let late = late + series.value.rest;
            assert!((late - ripple).abs() < 1e-3 * ripple, "{text}: {late:e} not {ripple:e}");
        }
    }
}
