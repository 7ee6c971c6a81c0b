//! Expectations over a correlated pair.

use std::cell::Cell;

use super::super::Activation;
use super::panels::{Landmarks, Transition};
use super::{CUTOFF, ExpectationError, GaussianPair, INV_SQRT_2PI, PairMoments, TOLERANCE, density};
use crate::numeric::{Integral, NODES, Tolerance, adapt, panel_integral, panel_nodes, panel_weights};

/// A function of one variable, with what a quadrature needs to know about it.
#[derive(Clone, Copy)]
pub struct ScalarFunction<'a> {
    /// f(x).
    pub evaluate: &'a dyn Fn(f64) -> f64,
    /// Places where f or one of its derivatives jumps, in increasing order.
    pub seams: &'a [f64],
    /// Places where f changes sharply.
    pub transitions: &'a [Transition],
}

/// E f(u) g(v) with its error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairExpectation {
    /// The expectation.
    pub value: f64,
    /// Estimated absolute error.
    pub error: f64,
    /// sqrt(E f(u)^2 E g(v)^2), the largest value that the expectation can have.
    pub scale: f64,
}

/// E f(u) g(v) over a centred Gaussian pair.
///
/// # Formula
///
/// ```text
/// E f(u) g(v) = int int f(sqrt(q1) x) g(sqrt(q2) y) e^(-(y - c x)^2 / 2 s^2) e^(-x^2/2) dx dy / (2 pi s)        s = sqrt(1 - c^2)
/// ```
///
/// For s above 0.25 (0.12 if there are seams) on a grid of panels in x and y that ends at the seams of both and resolves f, g and the kernel: f and g are evaluated
/// on its axes only. For stronger correlations adaptively in x, with `y = c x + s z` and, inside, the trapezoidal rule in z, which
/// is accurate to rounding wherever g has no seam within nine s and is smooth over s, or panels where it is not. At c = ±1 the inner
/// expectation is `g(±sqrt(q2) x)`.
///
/// # Domain and accuracy
///
/// Variances in [0, 1e6], any c, up to c = ±1 and 1 - 1e-15; error at most 1e-12 of sqrt(E f(u)^2 E g(v)^2) where that
/// is above 1e-270, estimated in [`PairExpectation::error`]. A fraction of a millisecond at variances of 1 (see `benches/gaussian.rs`); many pairs are better
/// served by a [`super::super::HermiteSeries`].
///
/// # Errors
///
/// As [`Activation::moments`].
///
/// # Example
///
/// ```
/// use gradspectra::activation::gaussian::{GaussianPair, ScalarFunction, pair_expectation};
///
/// let absolute = |x: f64| x.abs();
/// let f = ScalarFunction { evaluate: &absolute, seams: &[0.0], transitions: &[] };
/// let cube = |x: f64| x.powi(4);
/// let g = ScalarFunction { evaluate: &cube, seams: &[], transitions: &[] };
/// let pair = GaussianPair { q1: 1.0, q2: 1.0, covariance: 1.0 };
/// // E |x|^5 = 16 / sqrt(2 pi).
/// let exact = 16.0 / (2.0 * std::f64::consts::PI).sqrt();
/// assert!((pair_expectation(f, g, pair)?.value / exact - 1.0).abs() < 1e-12);
/// # Ok::<(), gradspectra::activation::ExpectationError>(())
/// ```
pub fn pair_expectation(
    f: ScalarFunction<'_>,
    g: ScalarFunction<'_>,
    pair: GaussianPair,
) -> Result<PairExpectation, ExpectationError> {
    let found = expectation(
        &Side {
            evaluate: &|x| [(f.evaluate)(x)],
            landmarks: Landmarks { seams: f.seams, transitions: f.transitions },
            sigma: pair.q1.sqrt(),
        },
        &Side {
            evaluate: &|x| [(g.evaluate)(x)],
            landmarks: Landmarks { seams: g.seams, transitions: g.transitions },
            sigma: pair.q2.sqrt(),
        },
        pair,
        None,
    );
    let found = found.and_then(Found::promised).map_err(|failure| failure.explain("a pair of functions", pair))?;
    Ok(PairExpectation { value: found.value[0], error: found.error[0], scale: found.scale[0] })
}

/// The bivariate expectations of an activation by quadrature, as [`pair_expectation`]; with the activation's
/// [`Activation::smoothed`] closed form, where it has one, in place of the inner integral.
///
/// # Errors
///
/// As [`Activation::moments`].
pub fn pair_moments_by_quadrature(phi: &dyn Activation, pair: GaussianPair) -> Result<PairMoments, ExpectationError> {
    let transitions = phi.transitions();
    let landmarks = Landmarks { seams: phi.seams(), transitions: &transitions };
    let evaluate = |x: f64| {
        let (value, slope) = phi.value_and_derivative(x);
        [value, slope, value * slope]
    };
    let smoothed = |mean: f64, spread: f64| phi.smoothed(mean, spread);
    let closed = phi.smoothed(0.0, 1.0).is_some().then_some(&smoothed as &Smoothed<'_, 3>);
    let side = |q: f64| Side { evaluate: &evaluate, landmarks, sigma: q.sqrt() };
    let found = expectation(&side(pair.q1), &side(pair.q2), pair, closed)
        .and_then(Found::promised)
        .map_err(|failure| failure.explain(phi.name(), pair))?;
    Ok(PairMoments {
        phi: found.value[0],
        dphi: found.value[1],
        aligned: found.value[2],
        error: found.relative_error(),
    })
}

/// E of each function over N(mean, spread^2), in closed form.
type Smoothed<'a, const N: usize> = dyn Fn(f64, f64) -> Option<[f64; N]> + 'a;

/// N functions of one of the two variables.
struct Side<'a, const N: usize> {
    evaluate: &'a dyn Fn(f64) -> [f64; N],
    landmarks: Landmarks<'a>,
    sigma: f64,
}

#[derive(Debug, Clone, Copy)]
enum Failure {
    Diverges,
    Inaccurate { error: f64 },
}

impl Failure {
    fn explain(self, name: &str, pair: GaussianPair) -> ExpectationError {
        let q = pair.q1.max(pair.q2);
        match self {
            Self::Diverges => ExpectationError::diverges(name, q),
            Self::Inaccurate { error } => ExpectationError::Inaccurate { activation: name.to_owned(), q, error },
        }
    }
}

struct Found<const N: usize> {
    value: [f64; N],
    error: [f64; N],
    scale: [f64; N],
}

impl<const N: usize> Found<N> {
    fn relative_error(&self) -> f64 {
        let one = |i: usize| match self.scale[i] {
            scale if scale < UNDERFLOW => 0.0,
            scale => self.error[i] / scale,
        };
        (0..N).map(one).fold(0.0, f64::max)
    }

    fn promised(self) -> Result<Self, Failure> {
        if self.value.iter().any(|value| !value.is_finite()) {
            return Err(Failure::Inaccurate { error: f64::INFINITY });
        }
        let error = self.relative_error();
        if error <= super::PROMISED { Ok(self) } else { Err(Failure::Inaccurate { error }) }
    }
}

/// Expectations of this size are next to underflow, and lose their digits with it.
const UNDERFLOW: f64 = 1e-270;

/// A side with the range and the panels on which its functions live.
struct Prepared<const N: usize> {
    cutoff: f64,
    panels: Vec<[f64; 2]>,
    /// sqrt(E f^2).
    norm: [f64; N],
}

/// Ranges in standard deviations; the weight underflows at 38.
const CUTOFFS: [f64; 5] = [9.0, CUTOFF, 17.0, 25.0, 35.0];

/// An integrand that is smaller than this share of the integral at the ends is left out beyond.
const NEGLIGIBLE: f64 = 1e-15;

/// Panels of one side; thousands of oscillations.
const MAX_PANELS: usize = 1 << 13;

impl<const N: usize> Side<'_, N> {
    fn prepare(&self) -> Result<Prepared<N>, Failure> {
        if self.sigma == 0.0 {
            return Ok(Prepared { cutoff: CUTOFF, panels: Vec::new(), norm: (self.evaluate)(0.0).map(f64::abs) });
        }
        let squares = |z: f64| (self.evaluate)(self.sigma * z).map(|f| f * f * density(z));
        let mut failure = Failure::Diverges;
        for cutoff in CUTOFFS {
            let ends = self.landmarks.panel_ends(self.sigma, 0.0, cutoff);
            let tolerance = Tolerance { max_panels: MAX_PANELS, ..Tolerance::relative(TOLERANCE) };
            let adapted = adapt(squares, &ends, tolerance);
            let total = adapted.integral;
            let outermost = [-cutoff, cutoff].map(squares);
            let inside = |i: usize| outermost.iter().all(|end| end[i] <= NEGLIGIBLE * total.absolute[i]);
            if (0..N).all(inside) && total.absolute.iter().all(|square| square.is_finite()) {
                return Ok(Prepared { cutoff, panels: adapted.panels, norm: total.absolute.map(f64::sqrt) });
            }
            if total.absolute.iter().any(|square| !square.is_finite()) {
                return Err(Failure::Diverges);
            }
            // Still rising, or falling too slowly to be followed to its end?
            let before = [-0.98 * cutoff, 0.98 * cutoff].map(squares);
            let rising = (0..N).any(|i| (0..2).any(|side| outermost[side][i] > before[side][i]));
            failure = if rising { Failure::Diverges } else { Failure::Inaccurate { error: 1.0 } };
        }
        Err(failure)
    }

    /// E f of a single variable.
    fn expectation(&self, prepared: &Prepared<N>) -> Integral<N> {
        if self.sigma == 0.0 {
            let value = (self.evaluate)(0.0);
            return Integral { value, error: [0.0; N], absolute: value.map(f64::abs) };
        }
        let ends = self.landmarks.panel_ends(self.sigma, 0.0, prepared.cutoff);
        let tolerance = Tolerance { max_panels: MAX_PANELS, ..Tolerance::relative(TOLERANCE) };
        adapt(|z| (self.evaluate)(self.sigma * z).map(|f| f * density(z)), &ends, tolerance).integral
    }
}

/// Above this sqrt(1 - c^2) the grid is cheaper than the nested integral, for smooth functions and for those with seams.
const GRID_SINE: [f64; 2] = [0.25, 0.12];

fn expectation<const N: usize>(
    f: &Side<'_, N>,
    g: &Side<'_, N>,
    pair: GaussianPair,
    smoothed: Option<&Smoothed<'_, N>>,
) -> Result<Found<N>, Failure> {
    let (c, s) = pair.cosine_and_sine();
    let (first, second) = (f.prepare()?, g.prepare()?);
    let scale: [f64; N] = std::array::from_fn(|i| first.norm[i] * second.norm[i]);
    if c == 0.0 || f.sigma == 0.0 || g.sigma == 0.0 {
        let (a, b) = (f.expectation(&first), g.expectation(&second));
        let value = std::array::from_fn(|i| a.value[i] * b.value[i]);
        let error = std::array::from_fn(|i| a.error[i] * b.value[i].abs() + b.error[i] * a.value[i].abs());
        return Ok(Found { value, error, scale });
    }
    let seams = !g.landmarks.seams.is_empty();
    if s > GRID_SINE[usize::from(seams)] && smoothed.is_none() {
        return on_grid(f, g, first, second, scale, c, s);
    }
    Ok(nested(f, g, &first, &second, scale, (c, s), smoothed))
}

/// Panels of one side with the functions at their nodes.
struct Grid<const N: usize> {
    panels: Vec<[f64; 2]>,
    nodes: Vec<[f64; NODES]>,
    weights: Vec<[f64; NODES]>,
    values: Vec<[[f64; N]; NODES]>,
}

/// Widest panel in units of s: there the Gauss rule on the kernel is accurate to 1e-11, the Kronrod rule to rounding.
const PANEL_WIDTH: f64 = 3.2;

impl<const N: usize> Grid<N> {
    fn new(side: &Side<'_, N>, panels: &[[f64; 2]], s: f64) -> Self {
        let mut grid = Self { panels: Vec::new(), nodes: Vec::new(), weights: Vec::new(), values: Vec::new() };
        for &[left, right] in panels {
            let parts = ((right - left) / (PANEL_WIDTH * s)).ceil().max(1.0);
            let step = (right - left) / parts;
            for k in 0..parts as usize {
                let end = if k + 1 == parts as usize { right } else { left + step * (k + 1) as f64 };
                grid.push(side, [left + step * k as f64, end]);
            }
        }
        grid
    }

    fn push(&mut self, side: &Side<'_, N>, [left, right]: [f64; 2]) {
        let nodes = panel_nodes(left, right);
        self.panels.push([left, right]);
        self.weights.push(panel_weights(right - left));
        self.values.push(nodes.map(|z| (side.evaluate)(side.sigma * z)));
        self.nodes.push(nodes);
    }

    /// Bisects the panels whose error is more than their part of what is allowed.
    fn refine(&mut self, side: &Side<'_, N>, errors: &[[f64; N]], allowed: &[f64; N]) {
        let part = 0.25 / self.panels.len() as f64;
        let bad: Vec<usize> = (0..errors.len()).filter(|&k| (0..N).any(|i| errors[k][i] > part * allowed[i])).collect();
        for &k in bad.iter().rev() {
            let [left, right] = self.panels.swap_remove(k);
            self.nodes.swap_remove(k);
            self.weights.swap_remove(k);
            self.values.swap_remove(k);
            let middle = 0.5 * (left + right);
            self.push(side, [left, middle]);
            self.push(side, [middle, right]);
        }
    }
}

/// Kernel evaluations of a pair after which it is given up: a quarter of a second.
const MAX_KERNEL: f64 = 5e7;

fn on_grid<const N: usize>(
    f: &Side<'_, N>,
    g: &Side<'_, N>,
    first: Prepared<N>,
    second: Prepared<N>,
    scale: [f64; N],
    c: f64,
    s: f64,
) -> Result<Found<N>, Failure> {
    let mut rows = Grid::new(f, &first.panels, s);
    let mut columns = Grid::new(g, &second.panels, s);
    let allowed = scale.map(|scale| TOLERANCE * scale);
    // Beyond this circle in (x, z) the density is below what the cut-offs of the two sides leave out.
    let radius = first.cutoff.max(second.cutoff);
    let mut spent = 0.0;
    loop {
        spent += (rows.panels.len() * columns.panels.len() * NODES * NODES) as f64;
        if spent > MAX_KERNEL {
            return Err(Failure::Inaccurate { error: 1.0 });
        }
        let mut value = [0.0; N];
        let mut error = [0.0; N];
        let mut row_errors = Vec::with_capacity(rows.panels.len());
        let mut sums = vec![[[0.0; N]; NODES]; columns.panels.len()];
        let per_s = INV_SQRT_2PI / s;
        for p in 0..rows.panels.len() {
            let mut integrand = [[0.0; N]; NODES];
            for (k, integrand) in integrand.iter_mut().enumerate() {
                let x = rows.nodes[p][k];
                let centre = c * x;
                let weight = density(x) * per_s;
                let here = rows.values[p][k].map(|f| f * weight);
                let spread = here.map(|f| f * rows.weights[p][k]);
                let mut inner = [0.0; N];
                let reach = s * (radius * radius - x * x).max(1.0).sqrt();
                for (r, [left, right]) in columns.panels.iter().enumerate() {
                    if left - centre > reach || centre - right > reach {
                        continue;
                    }
                    let (nodes, weights, values) = (&columns.nodes[r], &columns.weights[r], &columns.values[r]);
                    let sums = &mut sums[r];
                    for j in 0..NODES {
                        let t = (nodes[j] - centre) / s;
                        let kernel = (-0.5 * t * t).exp();
                        let weighted = kernel * weights[j];
                        for i in 0..N {
                            inner[i] += weighted * values[j][i];
                            sums[j][i] += kernel * spread[i];
                        }
                    }
                }
                *integrand = std::array::from_fn(|i| here[i] * inner[i]);
            }
            let part = panel_integral(&integrand, rows.panels[p][1] - rows.panels[p][0]);
            for i in 0..N {
                value[i] += part.value[i];
                error[i] += part.error[i];
            }
            row_errors.push(part.error);
        }
        let mut column_errors = Vec::with_capacity(columns.panels.len());
        for ((sums, values), [left, right]) in sums.iter().zip(&columns.values).zip(&columns.panels) {
            let integrand: [[f64; N]; NODES] =
                std::array::from_fn(|j| std::array::from_fn(|i| sums[j][i] * values[j][i]));
            let part = panel_integral(&integrand, right - left);
            error = std::array::from_fn(|i| error[i] + part.error[i]);
            column_errors.push(part.error);
        }
        let panels = rows.panels.len() + columns.panels.len();
        let enough = (0..N).all(|i| error[i] <= allowed[i]);
        if !enough {
            rows.refine(f, &row_errors, &allowed);
            columns.refine(g, &column_errors, &allowed);
        }
        if enough || panels == rows.panels.len() + columns.panels.len() || value.iter().any(|value| value.is_nan()) {
            return Ok(Found { value, error, scale });
        }
    }
}

/// The trapezoidal rule over N(0, 1): exact to 1e-17 for functions that are analytic within 2.5 standard deviations of the real line,
/// and at twice the step to 1e-13 of a smoother one.
const TRAPEZOID_STEP: f64 = 0.4;
const TRAPEZOID_REACH: i32 = 22;

/// Evaluations of g after which the nested integral is given up.
const MAX_EVALUATIONS: usize = 20_000_000;

fn nested<const N: usize>(
    f: &Side<'_, N>,
    g: &Side<'_, N>,
    first: &Prepared<N>,
    second: &Prepared<N>,
    scale: [f64; N],
    (c, s): (f64, f64),
    smoothed: Option<&Smoothed<'_, N>>,
) -> Found<N> {
    let spread = g.sigma * s;
    let reach = TRAPEZOID_STEP * f64::from(TRAPEZOID_REACH);
    let rule: Vec<(f64, f64)> = (-TRAPEZOID_REACH..=TRAPEZOID_REACH)
        .map(|k| TRAPEZOID_STEP * f64::from(k))
        .map(|z| (z, TRAPEZOID_STEP * density(z)))
        .collect();
    let evaluations = Cell::new(0_usize);
    // Errors of the inner integrals: the largest relative to E|g|, of which the whole is at most that share of its scale; and where
    // that is not needed, per standard deviation of the outer variable.
    let inner_relative = Cell::new([0.0_f64; N]);
    let inner_error = Cell::new([0.0_f64; N]);
    let conditional = |z: f64, here: &[f64; N]| -> [f64; N] {
        let mean = g.sigma * c * z;
        if spread == 0.0 {
            return (g.evaluate)(mean);
        }
        if let Some(closed) = smoothed.and_then(|smoothed| smoothed(mean, spread)) {
            return closed;
        }
        if evaluations.get() > MAX_EVALUATIONS {
            return [f64::NAN; N];
        }
        // The size of the inner expectations that would matter.
        let size: [f64; N] =
            std::array::from_fn(|i| if here[i] == 0.0 { f64::MAX } else { 0.1 * scale[i] / here[i].abs() });
        let note = |error: &[f64; N], absolute: &[f64; N]| {
            let (mut relative, mut excess) = (inner_relative.get(), inner_error.get());
            for i in 0..N {
                if error[i] <= TOLERANCE * absolute[i] {
                    relative[i] = relative[i].max(if absolute[i] > 0.0 { error[i] / absolute[i] } else { 0.0 });
                } else {
                    excess[i] = excess[i].max((error[i] * here[i]).abs());
                }
            }
            inner_relative.set(relative);
            inner_error.set(excess);
        };
        let near = |at: f64| (at - mean).abs() <= reach * spread;
        // A transition between two nodes would not be seen.
        let sharp = |transition: &Transition| transition.width < 0.25 * spread && near(transition.at);
        let obstacle = g.landmarks.seams.iter().any(|&seam| near(seam)) || g.landmarks.transitions.iter().any(sharp);
        if !obstacle {
            evaluations.set(evaluations.get() + rule.len());
            let (mut fine, mut coarse, mut absolute) = ([0.0; N], [0.0; N], [0.0; N]);
            for (k, (t, weight)) in rule.iter().enumerate() {
                let values = (g.evaluate)(mean + spread * t);
                for i in 0..N {
                    fine[i] += weight * values[i];
                    absolute[i] += weight * values[i].abs();
                }
                if k % 2 == 0 {
                    for i in 0..N {
                        coarse[i] += 2.0 * weight * values[i];
                    }
                }
            }
            // Halving the step squares the error.
            let error: [f64; N] = std::array::from_fn(|i| {
                let ratio = (10.0 * (fine[i] - coarse[i]).abs() / absolute[i].max(f64::MIN_POSITIVE)).min(1.0);
                absolute[i] * ratio * ratio.sqrt()
            });
            if (0..N).all(|i| error[i] <= TOLERANCE * absolute[i].max(size[i])) {
                note(&error, &absolute);
                return fine;
            }
        }
        let ends = g.landmarks.panel_ends(spread, mean, reach);
        let tolerance = Tolerance { relative: TOLERANCE, scale: size, max_panels: 1 << 10 };
        let adapted = adapt(|t| (g.evaluate)(mean + spread * t).map(|g| g * density(t)), &ends, tolerance);
        evaluations.set(evaluations.get() + adapted.evaluations);
        note(&adapted.integral.error, &adapted.integral.absolute);
        adapted.integral.value
    };
    let cutoff = first.cutoff.max(if s == 0.0 { second.cutoff } else { 0.0 });
    let mut ends = f.landmarks.panel_ends(f.sigma, 0.0, cutoff);
    // The inner expectation has its own transition where c sigma2 z meets one of g's, smoothed over s.
    ends.extend(g.landmarks.panel_ends(g.sigma * c, 0.0, cutoff));
    for &seam in g.landmarks.seams {
        let at = seam / (g.sigma * c);
        let steps = [0.0, 2.0, 8.0].map(|step| step * s / c.abs());
        ends.extend(steps.iter().flat_map(|step| [at - step, at + step]).filter(|z| z.abs() < cutoff));
    }
    ends.sort_by(f64::total_cmp);
    ends.dedup();
    let tolerance = Tolerance { relative: TOLERANCE, scale, max_panels: 1 << 12 };
    let integrand = |z: f64| {
        let weight = density(z);
        let here = (f.evaluate)(f.sigma * z).map(|f| f * weight);
        let there = conditional(z, &here);
        std::array::from_fn(|i| if here[i] == 0.0 { 0.0 } else { here[i] * there[i] })
    };
    let integral = adapt(integrand, &ends, tolerance).integral;
    let (relative, excess) = (inner_relative.get(), inner_error.get());
    // Six standard deviations hold all of the excess that matters.
    let error = std::array::from_fn(|i| integral.error[i] + relative[i] * scale[i] + 12.0 * excess[i]);
    Found { value: integral.value, error, scale }
}
