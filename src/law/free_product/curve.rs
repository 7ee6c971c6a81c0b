//! The curve of complex v over the support, followed from the upper edge.

use nalgebra::Complex;

use super::transform::{Edge, Transform};
use crate::numeric::gauss_legendre;

/// A point of the curve.
#[derive(Debug, Clone, Copy)]
struct Node {
    /// The parameter, from 0 at the upper edge.
    s: f64,
    /// `ln(v + a_1)`.
    w: Complex<f64>,
    /// Its derivative by s.
    slope: Complex<f64>,
    /// Continuous mass below.
    below: f64,
}

/// The solution of `ln x(v) = t` in the upper half-plane for all t of the support, as nodes between which cubic interpolation starts Newton's
/// steps.
///
/// # Formula
///
/// The parameter s undoes the square roots at the edges, so that v is analytic in it:
///
/// ```text
/// lower edge above 0:   t = (t_+ + t_-)/2 + (t_+ - t_-)/2 cos s,   0 <= s <= pi
/// lower edge 0:         t = t_+ - (sqrt(1 + s^2) - 1),             0 <= s;   ln(v + a_1) -> (t - const)/k_1 + i pi (1 - 1/k_1)
/// ```
#[derive(Debug, Clone)]
pub(super) struct Curve {
    pub upper: Edge,
    pub lower: Option<Edge>,
    nodes: Vec<Node>,
}

/// Why a curve is not what it should be: which check fails, and by how much.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failure {
    pub check: &'static str,
    pub found: f64,
}

/// Error of Euler's step that sets the distance of nodes.
const STEP_ERROR: f64 = 2e-3;
/// Nodes at most: a hundredth of them is usual.
const MOST_NODES: usize = 20_000;
/// Steps in ln x near the upper edge, where moments live.
const LARGEST_STEP: f64 = 1.0;
/// Nats below the upper edge beyond which nothing adds to a moment.
const REACH: f64 = 40.0;
/// Below this distance from an edge, in s, rounding of ln x is worse than interpolation.
const UNPOLISHED: f64 = 1e-5;

impl Curve {
    /// # Errors
    ///
    /// [`Failure`] where the curve is lost.
    pub fn follow(transform: &Transform) -> Result<Self, Failure> {
        let mut curve = Self { upper: transform.upper_edge(), lower: transform.lower_edge(), nodes: Vec::new() };
        let Edge { delta, curvature, ln_x } = curve.upper;
        let sound = delta > 0.0 && curvature > 0.0 && (delta + curvature + ln_x).is_finite();
        let sound =
            sound && curve.lower.is_none_or(|lower| lower.delta > 0.0 && lower.curvature < 0.0 && lower.ln_x < ln_x);
        if !sound {
            return Err(Failure { check: "the sign of the curvature at an edge", found: curvature });
        }
        let rate = Complex::new(0.0, (curve.second_derivative() / curvature).sqrt() / delta);
        let mut node = Node { s: 0.0, w: Complex::from(delta.ln()), slope: rate, below: transform.rank() };
        node.below -= transform.norm_mass();
        curve.nodes.push(node);
        let mut step = 0.01_f64.min(0.01 / rate.norm());
        let end = curve.lower.map_or(f64::INFINITY, |_| std::f64::consts::PI);
        while curve.nodes.len() < MOST_NODES {
            let t = curve.ln_x(node.s);
            if curve.lower.is_none() && node.w.re < -680.0 {
                return Ok(curve);
            }
            if let (Some(lower), true) = (curve.lower, end - node.s < step) {
                let rate = (curve.second_derivative() / -lower.curvature).sqrt() / lower.delta;
                curve.nodes.push(Node {
                    s: end,
                    w: Complex::from(lower.delta.ln()),
                    slope: Complex::new(0.0, -rate),
                    below: 0.0,
                });
                return Ok(curve);
            }
            let s = node.s + step;
            let near = curve.upper.ln_x - t < REACH;
            if near && (curve.ln_x(s) - t).abs() > LARGEST_STEP {
                step *= 0.5;
                continue;
            }
            let guess = node.w + node.slope * step;
            let found = newton(transform, guess, curve.ln_x(s)).filter(|w| w.im > 0.0 && w.im < std::f64::consts::PI);
            let error = found.map_or(f64::INFINITY, |w| (w - guess).norm());
            if error > 2.0 * STEP_ERROR {
                step *= 0.5;
                if step < 1e-12 {
                    return Err(Failure { check: "continuation from the upper edge", found: error });
                }
                continue;
            }
            let Some(w) = found else { continue };
            let (_, derivative) = transform.ln_x(w);
            node =
                Node { s, w, slope: Complex::from(curve.derivative(s)) / derivative, below: transform.below(w.exp()) };
            curve.nodes.push(node);
            step *= (STEP_ERROR / error.max(1e-12)).sqrt().clamp(0.5, 2.0);
        }
        Err(Failure { check: "the number of points of continuation", found: MOST_NODES as f64 })
    }

    /// `-d^2 t / ds^2` at the edges.
    fn second_derivative(&self) -> f64 {
        self.lower.map_or(1.0, |lower| 0.5 * (self.upper.ln_x - lower.ln_x))
    }

    fn ln_x(&self, s: f64) -> f64 {
        match self.lower {
            Some(lower) => self.upper.ln_x - (self.upper.ln_x - lower.ln_x) * (0.5 * s).sin().powi(2),
            None => self.upper.ln_x - s * s / (1.0 + (1.0 + s * s).sqrt()),
        }
    }

    fn derivative(&self, s: f64) -> f64 {
        match self.lower {
            Some(lower) => -0.5 * (self.upper.ln_x - lower.ln_x) * s.sin(),
            None => -s / (1.0 + s * s).sqrt(),
        }
    }

    /// The parameter `below` nats under the upper edge.
    fn parameter(&self, below: f64) -> f64 {
        match self.lower {
            Some(lower) => 2.0 * (below / (self.upper.ln_x - lower.ln_x)).clamp(0.0, 1.0).sqrt().asin(),
            None => (below * (2.0 + below)).sqrt(),
        }
    }

    /// `ln(v + a_1)` strictly between the edges.
    pub fn at(&self, transform: &Transform, ln_x: f64) -> Complex<f64> {
        self.at_parameter(transform, self.parameter(self.upper.ln_x - ln_x), ln_x)
    }

    fn at_parameter(&self, transform: &Transform, s: f64, ln_x: f64) -> Complex<f64> {
        let index = self.nodes.partition_point(|node| node.s <= s);
        let (Some(left), Some(right)) = (self.nodes.get(index.saturating_sub(1)), self.nodes.get(index)) else {
            // Past the last node ln(v + a_1) is linear in ln x.
            let last = self.nodes[self.nodes.len() - 1];
            return last.w + (ln_x - self.ln_x(last.s)) / transform.terms[0].k;
        };
        let guess = hermite(left, right, s);
        if s < UNPOLISHED || right.s - s < UNPOLISHED && index + 1 == self.nodes.len() {
            return guess;
        }
        newton(transform, guess, ln_x).filter(|w| w.im > 0.0 && (w - guess).norm() < 0.1).unwrap_or(guess)
    }

    /// `ln x` below which the continuous mass is `mass`.
    pub fn ln_quantile(&self, transform: &Transform, mass: f64) -> f64 {
        let index = self.nodes.partition_point(|node| node.below > mass).max(1);
        let Some(right) = self.nodes.get(index) else {
            let last = self.nodes[self.nodes.len() - 1];
            // The lower tail is a power of x.
            return self.ln_x(last.s) + transform.terms[0].k * (mass / last.below).ln();
        };
        let left = &self.nodes[index - 1];
        let below = |s: f64| transform.below(self.at_parameter(transform, s, self.ln_x(s)).exp());
        // Illinois in the logarithm, since the mass may fall by many powers within an interval; every third step halves.
        let excess = |below: f64| if below > 0.0 { (below / mass).ln() } else { -1000.0 };
        let (mut low, mut high) = (left.s, right.s);
        let (mut f_low, mut f_high) = (excess(left.below), excess(right.below));
        for round in 0..200 {
            let secant = (low * f_high - high * f_low) / (f_high - f_low);
            let middle = if round % 3 < 2 && secant > low && secant < high { secant } else { 0.5 * (low + high) };
            let f = excess(below(middle));
            if f > 0.0 {
                (low, f_low, f_high) = (middle, f, 0.5 * f_high);
            } else {
                (high, f_high, f_low) = (middle, f, 0.5 * f_low);
            }
            if f.abs() <= 1e-15 || high - low <= 2.0 * f64::EPSILON * high {
                return self.ln_x(middle);
            }
        }
        self.ln_x(0.5 * (low + high))
    }

    /// Continuous mass above x by quadrature from the upper edge, where differences of the closed form cancel.
    pub fn above_by_quadrature(&self, transform: &Transform, ln_x: f64) -> f64 {
        let end = self.parameter(self.upper.ln_x - ln_x);
        let density = |s: f64| {
            let w = self.at_parameter(transform, s, self.ln_x(s));
            transform.density_of_ln(w.exp()) * -self.derivative(s)
        };
        gauss_legendre(12).iter().map(|(x, weight)| weight * end * density(end * x)).sum()
    }

    /// The checks: mass above and below x belong together at every node, and moments 1, 2, 3 are those of the closed form.
    pub fn certify(&self, transform: &Transform) -> Option<Failure> {
        let rank = transform.rank();
        let mut worst = Failure { check: "the total mass", found: 0.0 };
        let mut note = |check: &'static str, found: f64| {
            // NaN is the worst and stays.
            if found > worst.found || found.is_nan() {
                worst = Failure { check, found };
            }
        };
        for pair in self.nodes[1..].windows(2) {
            let delta = pair[0].w.exp();
            note("the total mass", (transform.above(delta) + pair[0].below - rank).abs() / rank);
            note("the order of the distribution function", (pair[1].below - pair[0].below).max(0.0));
        }
        let rule = gauss_legendre(6);
        let top = self.upper.ln_x;
        let mut sums = [0.0; 3];
        for pair in self.nodes.windows(2).take_while(|pair| top - self.ln_x(pair[0].s) < REACH) {
            let length = pair[1].s - pair[0].s;
            for (x, weight) in &rule {
                let s = pair[0].s + length * x;
                let t = self.ln_x(s);
                let w = self.at_parameter(transform, s, t);
                let above = transform.above(w.exp()) * weight * length * -self.derivative(s);
                for (k, sum) in sums.iter_mut().enumerate() {
                    let power = (k + 1) as f64;
                    *sum += power * (power * (t - top)).exp() * above;
                }
            }
        }
        for (k, sum) in sums.iter_mut().enumerate() {
            let power = (k + 1) as f64;
            // E x^k = int k x^(k-1) P(X > x) dx: below the lower edge P is the rank, between the upper edge and the atom at the top its mass.
            let low = self.lower.map_or(0.0, |lower| rank * (power * (lower.ln_x - top)).exp());
            let atom = transform.norm_mass();
            let high = if atom > 0.0 { atom * (power * (transform.ln_norm - top)).exp_m1() } else { 0.0 };
            *sum += low + high;
            if let Some(exact) = transform.ln_moment(k as u32 + 1) {
                let check = ["the mean", "the second moment", "the third moment"][k];
                note(check, (*sum * (power * top - exact).exp() - 1.0).abs());
            }
        }
        (worst.found > CERTIFIED || worst.found.is_nan()).then_some(worst)
    }
}

/// Relative error that the checks allow.
pub(super) const CERTIFIED: f64 = 1e-9;

fn hermite(left: &Node, right: &Node, s: f64) -> Complex<f64> {
    let length = right.s - left.s;
    let x = (s - left.s) / length;
    let y = 1.0 - x;
    left.w * (y * y * (1.0 + 2.0 * x))
        + right.w * (x * x * (1.0 + 2.0 * y))
        + (left.slope * y - right.slope * x) * (x * y * length)
}

/// `ln x(v) = t` by Newton's steps in `w = ln(v + a_1)`, to rounding.
fn newton(transform: &Transform, mut w: Complex<f64>, t: f64) -> Option<Complex<f64>> {
    let mut last = f64::INFINITY;
    for _ in 0..12 {
        let (value, slope) = transform.ln_x(w);
        let step = (value - t) / slope;
        let size = step.norm();
        w -= step;
        // Quadratic convergence: after a step of 1e-8 the next is rounding.
        if size < 1e-8 * (1.0 + w.norm()) || (size >= last && size < 1e-6) {
            return Some(w);
        }
        if size >= 2.0 || size.is_nan() {
            return None;
        }
        last = size;
    }
    None
}
