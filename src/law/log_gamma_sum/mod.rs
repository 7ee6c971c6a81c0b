//! The law of a sum of logarithms of independent gamma variables, by inversion of its characteristic function.

#[cfg(test)]
mod tests;

use std::f64::consts::PI;

use nalgebra::Complex;

use crate::numeric::{digamma_minus_ln, ln_gamma_beyond_linear, polygamma};

/// `X = shift + sum_i (1/2) ln(G_i / a_i)` with independent gamma variables G_i of shapes a_i and scale 1.
///
/// # Formula
///
/// With m the mean and `d(a, z) = ln Gamma(a + z) - ln Gamma(a) - z psi(a)`,
///
/// ```text
/// ln E e^(s (X - x)) = s (m - x) + sum_i d(a_i, s/2) = E(s)        Re s > -2 min a_i
/// density  (1 / 2 pi i) int e^E(s) ds;    P(X <= x) = -(1 / 2 pi i) int_(Re s < 0) e^E(s) ds/s;    P(X > x) the same with Re s > 0
/// ```
///
/// The contour passes through the saddle point of the integrand and bends as the path of steepest descent does to leading order, so that
/// either tail keeps relative accuracy; the trapezoid rule converges on it like `e^(-35)` at the step used.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LogGammaSum {
    shift: f64,
    groups: Vec<Group>,
    mean: f64,
    variance: f64,
}

/// Equal shapes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Group {
    pub shape: f64,
    /// A whole number: the logarithm of the gamma function is known up to multiples of `2 pi i`.
    pub count: f64,
}

/// Where the contour passes the pole at 0 of a distribution function.
#[derive(Clone, Copy, PartialEq)]
enum Pole {
    /// There is none: a density.
    None,
    /// On its right: the lower tail.
    Right,
    /// On its left: the upper tail.
    Left,
}

/// The contour `s = saddle + i t + bend t^2` with the unit of t that makes the integrand fall like `e^(-u^2 / 2)`.
struct Contour {
    saddle: f64,
    bend: f64,
    unit: f64,
    step: f64,
}

/// A probability or a density as `e^ln_scale * factor`.
struct Scaled {
    ln_scale: f64,
    factor: f64,
}

impl Scaled {
    const ZERO: Self = Self { ln_scale: f64::NEG_INFINITY, factor: 0.0 };

    fn value(&self) -> f64 {
        if self.factor == 0.0 { 0.0 } else { self.ln_scale.exp() * self.factor }
    }

    fn ln(&self) -> f64 {
        self.ln_scale + self.factor.ln()
    }
}

/// Terms below this share of the first one are left out.
const NEGLIGIBLE: f64 = 1e-18;
const MOST_TERMS: usize = 5000;

/// Logarithms of probabilities below this are 0 in double precision.
const LEAST: f64 = -800.0;

impl LogGammaSum {
    /// The sum over groups of equal shapes above 0, with counts above 0.
    pub fn new(shift: f64, groups: Vec<Group>) -> Self {
        let mean = shift + groups.iter().map(|g| 0.5 * g.count * digamma_minus_ln(g.shape)).sum::<f64>();
        let mut sum = Self { shift, groups, mean, variance: 0.0 };
        sum.variance = sum.cumulant(2);
        sum
    }

    /// The k-th cumulant, k from 1 to 30.
    pub fn cumulant(&self, k: u32) -> f64 {
        match k {
            1 => self.mean,
            _ => {
                let sum: f64 = self.groups.iter().map(|g| g.count * polygamma(k - 1, g.shape)).sum();
                sum / 2f64.powi(k as i32)
            }
        }
    }

    /// `E X^k` from the cumulants, `m_k = sum_j C(k-1, j-1) kappa_j m_(k-j)`.
    pub fn moment(&self, k: u32) -> Option<f64> {
        if k > 30 {
            return None;
        }
        let cumulants: Vec<f64> = (1..=k).map(|j| self.cumulant(j)).collect();
        let mut moments = vec![1.0];
        for k in 1..=k as usize {
            let (mut binomial, mut moment) = (1.0, 0.0);
            for j in 1..=k {
                moment += binomial * cumulants[j - 1] * moments[k - j];
                binomial *= (k - j) as f64 / j as f64;
            }
            moments.push(moment);
        }
        moments.last().copied()
    }

    /// `ln E e^(s X)` for `s > -2 min a_i`; NaN elsewhere, where it does not exist.
    pub fn ln_mgf(&self, s: f64) -> f64 {
        if s > self.left_end() { s * self.mean + self.beyond_linear(s.into()).re } else { f64::NAN }
    }

    fn left_end(&self) -> f64 {
        -2.0 * self.groups.iter().map(|g| g.shape).fold(f64::INFINITY, f64::min)
    }

    fn beyond_linear(&self, s: Complex<f64>) -> Complex<f64> {
        self.groups.iter().map(|g| ln_gamma_beyond_linear(g.shape, s * 0.5) * g.count).sum()
    }

    /// First three derivatives of `ln E e^(s X)`.
    fn derivatives(&self, s: f64) -> [f64; 3] {
        let mut all = [self.shift, 0.0, 0.0];
        for g in &self.groups {
            let a = g.shape + 0.5 * s;
            all[0] += 0.5 * g.count * (digamma_minus_ln(a) + (a / g.shape).ln());
            all[1] += 0.25 * g.count * polygamma(1, a);
            all[2] += 0.125 * g.count * polygamma(2, a);
        }
        all
    }

    /// Whether nothing that a double can hold is left at x, in the lower or the upper tail.
    fn vanishes(&self, x: f64) -> bool {
        // Chernoff's bound half way to the end of the strip.
        let s = 0.5 * self.left_end();
        let lower = s * (self.mean - x) + self.beyond_linear(s.into()).re < LEAST;
        // All gamma variables e^(2 (x - shift) / count) times their means, which is the cheapest way to get there.
        let count: f64 = self.groups.iter().map(|g| g.count).sum();
        lower || 2.0 * (x - self.shift) / count > 50.0
    }

    /// The saddle point of the integrand, to a small part of its width, with the second derivative of the integrand's logarithm there, and the
    /// second and third derivatives without the pole.
    fn saddle(&self, x: f64, pole: Pole) -> (f64, f64, [f64; 2]) {
        let end = self.left_end();
        let (mut low, mut high) = match pole {
            Pole::None => (end, f64::INFINITY),
            Pole::Right => (end, 0.0),
            Pole::Left => (0.0, f64::INFINITY),
        };
        // That of a normal law; too far on the left, that of the pole at the end of the strip.
        let distance = x - self.mean;
        let root = (distance * distance + 4.0 * self.variance).sqrt();
        let normal = match pole {
            Pole::None => distance / self.variance,
            Pole::Right => -2.0 / (root - distance),
            Pole::Left => 2.0 / (root - distance),
        };
        let nearest = self.groups.iter().filter(|g| -2.0 * g.shape == end).map(|g| g.count).sum::<f64>();
        let start = nearest / (nearest / -end - distance.min(0.0));
        let mut s = if normal > end { normal } else { end + start.min(-0.5 * end) };
        loop {
            let [first, second, third] = self.derivatives(s);
            let (mut slope, mut curvature) = (first - x, second);
            if pole != Pole::None {
                slope -= 1.0 / s;
                curvature += 1.0 / (s * s);
            }
            if slope.abs() < 0.02 * curvature.sqrt() {
                return (s, curvature, [second, third]);
            }
            if slope < 0.0 {
                low = s
            } else {
                high = s
            }
            let newton = s - slope / curvature;
            let next = if newton > low && newton < high {
                newton
            } else if high.is_finite() {
                0.5 * (low + high)
            } else {
                s + (s - end)
            };
            // Any point of the bracket will do for a contour; this one has no better neighbour.
            if next == s || !next.is_finite() {
                return (s, curvature, [second, third]);
            }
            s = next;
        }
    }

    fn contour(&self, x: f64, pole: Pole) -> Contour {
        let (saddle, curvature, [own_curvature, own_third]) = self.saddle(x, pole);
        // Shape of the gamma law with this skewness: 1 for an exponential tail, large near a normal law.
        let shape = 4.0 * own_curvature.powi(3) / (own_third * own_third);
        let to_end = (saddle - self.left_end()) * curvature.sqrt();
        let mut step = (0.2 * shape.sqrt().clamp(1.0, 2.4)).min(0.2 * to_end);
        // The bend of the gamma functions alone: the pole would turn the contour to where the integrand grows.
        let bend = own_third / (6.0 * own_curvature);
        if pole != Pole::None {
            // The pole at 0 is that far away, in units of t.
            step = step.min(0.15 * saddle.abs() * curvature.sqrt());
        }
        Contour { saddle, bend, unit: 1.0 / curvature.sqrt(), step }
    }

    fn invert(&self, x: f64, pole: Pole) -> Scaled {
        let Contour { saddle, bend, unit, step } = self.contour(x, pole);
        let exponent = |s: Complex<f64>| s * (self.mean - x) + self.beyond_linear(s);
        let ln_scale = exponent(saddle.into()).re;
        if ln_scale < 2.0 * LEAST {
            return Scaled::ZERO;
        }
        // The distribution function is minus the integral on the left of the pole.
        let over = |s: Complex<f64>| match pole {
            Pole::None => Complex::new(1.0, 0.0),
            Pole::Right => -s.inv(),
            Pole::Left => s.inv(),
        };
        let first = over(saddle.into()).re;
        let mut sum = 0.5 * first;
        for k in 1..MOST_TERMS {
            let t = k as f64 * step * unit;
            let s = Complex::new(saddle + bend * t * t, t);
            let term = (exponent(s) - ln_scale).exp() * over(s) * Complex::new(1.0, -2.0 * bend * t);
            sum += term.re;
            if term.norm() < NEGLIGIBLE * first.abs() {
                break;
            }
        }
        Scaled { ln_scale, factor: (sum * step * unit / PI).max(0.0) }
    }

    /// The density.
    pub fn pdf(&self, x: f64) -> f64 {
        self.inverted(x, Pole::None).map_or_else(|nan| nan, |density| density.value())
    }

    /// Logarithm of the density; `-inf` where the density is 0 in double precision.
    pub fn ln_pdf(&self, x: f64) -> f64 {
        self.inverted(x, Pole::None).map_or_else(|nan| nan, |density| density.ln())
    }

    fn inverted(&self, x: f64, pole: Pole) -> Result<Scaled, f64> {
        if x.is_nan() {
            Err(x)
        } else if x.is_infinite() || self.vanishes(x) {
            Ok(Scaled::ZERO)
        } else {
            Ok(self.invert(x, pole))
        }
    }

    /// `[P(X <= x), P(X > x)]`: the smaller one to relative accuracy.
    pub fn tails(&self, x: f64) -> [f64; 2] {
        if x < self.mean {
            let lower = self.inverted(x, Pole::Right).map_or_else(|nan| nan, |p| p.value());
            [lower, 1.0 - lower]
        } else {
            let upper = self.inverted(x, Pole::Left).map_or_else(|nan| nan, |p| p.value());
            [1.0 - upper, upper]
        }
    }

    /// Mean and standard deviation.
    pub fn centre_and_width(&self) -> [f64; 2] {
        [self.mean, self.variance.sqrt()]
    }

    /// The quantile of a probability; NaN outside [0, 1].
    pub fn quantile(&self, p: f64) -> f64 {
        if !(0.0..=1.0).contains(&p) {
            return f64::NAN;
        }
        if p == 0.0 || p == 1.0 {
            return if p == 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
        }
        let [mean, width] = self.centre_and_width();
        let lower = p < self.tails(mean)[0];
        // ln of the tail that keeps relative accuracy is concave: Newton's method from the outside of the root stays there.
        let (target, index) = if lower { (p.ln(), 0) } else { ((-p).ln_1p(), 1) };
        let sign = if lower { -1.0 } else { 1.0 };
        let (mut inner, mut outer) = (mean, f64::INFINITY * sign);
        let mut x = mean;
        for _ in 0..200 {
            let tail = self.tails(x)[index];
            let excess = tail.ln() - target;
            if excess > 0.0 {
                inner = x
            } else {
                outer = x
            }
            let newton = x + sign * excess * tail / self.pdf(x);
            let inside = (newton - inner) * sign >= 0.0 && (outer - newton) * sign >= 0.0;
            let next = if inside {
                newton
            } else if outer.is_finite() {
                0.5 * (inner + outer)
            } else {
                inner + sign * width
            };
            if (next - x).abs() <= 1e-15 * (x.abs() + width) {
                return next;
            }
            x = next;
        }
        x
    }
}
