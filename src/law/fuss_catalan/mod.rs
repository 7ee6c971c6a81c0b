//! A product of square matrices.

#[cfg(test)]
mod tests;

use std::f64::consts::PI;

use super::finite_size::gaussian_second_moment;
use super::{Fact, Law, LawError, Parameters, Scaling, Support, Variable};

/// The Fuss-Catalan law: squared singular values of a product of L large square matrices.
///
/// # Formula
///
/// L independent n x n matrices of independent entries of mean 0 and variance 1/n, n to infinity at fixed L. With `0 < beta < pi`,
/// `phi = beta / (L + 1)` and `b = L phi`,
///
/// ```text
/// x(beta)  = sin(beta)^(L+1) / (sin(phi) sin(b)^L)                       decreasing from (L+1)^(L+1) / L^L to 0
/// x rho(x) = sin(phi) sin(beta) / (pi sin(b))
/// F(x)     = 1 - [beta - L sin(phi) sin(beta) / sin(b)] / pi
/// E x^k    = C((L+1) k, k) / (L k + 1),    E ln x = -L
/// ```
///
/// # Accuracy
///
/// 1e-13 relative: of density, distribution function and survival, down to `F = 1e-300` in the lower tail (`F ~ x^(1/(L+1))`), and at the
/// upper edge as far as x itself says how near it is. Logarithms of x are the native scale: x may leave the range of doubles.
///
/// # Source
///
/// Density: Penson and Zyczkowski, Phys. Rev. E 83, 061118 (2011); Haagerup and Moller 2013. The distribution function is the integral of
/// it, checked by quadrature in the tests.
///
/// # Example
///
/// ```
/// use gradspectra::law::{FussCatalan, Law};
/// let law = FussCatalan::new(5)?;
/// assert!((law.quantile(0.5) - 0.0372019210194432497).abs() < 1e-15);
/// assert!((law.moment(2).expect("known") - 6.0).abs() < 1e-13);
/// # Ok::<(), gradspectra::law::LawError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FussCatalan {
    factors: usize,
    /// n, where exact numbers of finite matrices are wanted.
    width: Option<usize>,
}

/// A point of the parametric curve; `beta + gamma = pi`, each to relative accuracy.
#[derive(Debug, Clone, Copy)]
struct Point {
    beta: f64,
    gamma: f64,
}

impl Point {
    /// `ln(gamma / beta) = logit`.
    fn new(logit: f64) -> Self {
        Self { beta: PI / (1.0 + logit.exp()), gamma: PI / (1.0 + (-logit).exp()) }
    }
}

/// Below this beta power series replace differences that cancel.
const SERIES: f64 = 0.5;

/// `-ln(sin(u) / u) = sum_n c_n u^(2n)`: zeta(2n) / (n pi^(2n)).
const LOG_SINC: [f64; 10] = [
    1.0 / 6.0,
    1.0 / 180.0,
    1.0 / 2835.0,
    1.0 / 37_800.0,
    1.0 / 467_775.0,
    691.0 / 3_831_077_250.0,
    2.0 / 127_702_575.0,
    3617.0 / 2_605_132_530_000.0,
    43_867.0 / 350_813_659_321_125.0,
    174_611.0 / 15_313_294_652_906_250.0,
];

impl FussCatalan {
    /// The law of a product of `factors` matrices.
    ///
    /// # Errors
    ///
    /// [`LawError::Value`] unless `1 <= factors <= 10^6`.
    pub fn new(factors: usize) -> Result<Self, LawError> {
        if (1..=1_000_000).contains(&factors) {
            Ok(Self { factors, width: None })
        } else {
            Err(LawError::value("factors", factors, "from 1 to 1000000"))
        }
    }

    pub(super) fn from_parameters(given: &Parameters) -> Result<Self, LawError> {
        let factors = given.factors.ok_or(LawError::Missing {
            law: "fuss_catalan",
            parameter: "factors",
            what: "the number L of square matrices in the product",
            example: "10",
        })?;
        let width = match given.widths[..] {
            [] => None,
            [width] if width > 0 => Some(width),
            _ => {
                let widths = super::marchenko_pastur::join(&given.widths);
                return Err(LawError::value("widths", widths, "one number above 0, the size n of the square matrices"));
            }
        };
        Ok(Self { width, ..Self::new(factors)? })
    }

    fn l(&self) -> f64 {
        self.factors as f64
    }

    /// ln of the upper edge.
    fn ln_edge(&self) -> f64 {
        let l = self.l();
        (l + 1.0).ln() + l * (1.0 / l).ln_1p()
    }

    /// The upper edge itself to the last places.
    fn edge(&self) -> f64 {
        let l = self.l();
        if self.factors <= 100 { (l + 1.0) * ((l + 1.0) / l).powi(self.factors as i32) } else { self.ln_edge().exp() }
    }

    /// phi, sin(beta) and sin(b) = sin(gamma + phi).
    fn sines(&self, point: Point) -> (f64, f64, f64) {
        let phi = point.beta / (self.l() + 1.0);
        let sine = if point.beta < point.gamma { point.beta.sin() } else { point.gamma.sin() };
        let inner = if point.beta < point.gamma { (phi * self.l()).sin() } else { (point.gamma + phi).sin() };
        (phi, sine, inner)
    }

    /// `ln(edge) - ln x`.
    fn depth(&self, point: Point) -> f64 {
        let (l, beta) = (self.l(), point.beta);
        if beta < SERIES {
            let q = 1.0 / (l + 1.0);
            let square = beta * beta;
            return sum(|k| -((2.0 * k + 1.0) * (-q).ln_1p()).exp_m1() / q - q.powf(2.0 * k), square);
        }
        let (phi, sine, _) = self.sines(point);
        // sin(b) / sin(beta) = cos(phi) - cot(beta) sin(phi): near 1 where L is large.
        let cotangent = if point.beta < point.gamma { beta.cos() / sine } else { -point.gamma.cos() / sine };
        let ratio = -2.0 * (0.5 * phi).sin().powi(2) - cotangent * phi.sin();
        self.ln_edge() - (sine.ln() - phi.sin().ln() - l * ratio.ln_1p())
    }

    /// Derivative of [`Self::depth`] by beta.
    fn depth_slope(&self, point: Point) -> f64 {
        let (l, beta) = (self.l(), point.beta);
        let q = 1.0 / (l + 1.0);
        if beta < 0.1 {
            return l * q * beta;
        }
        let (phi, sine, inner) = self.sines(point);
        let cosine = if point.beta < point.gamma { beta.cos() } else { -point.gamma.cos() };
        let b_cosine = if point.beta < point.gamma { (l * phi).cos() } else { -(point.gamma + phi).cos() };
        -((l + 1.0) * cosine / sine - phi.cos() / phi.sin() * q - l * l * q * b_cosine / inner)
    }

    /// The point at `ln(edge) - ln x = depth > 0`: Newton's steps in the logit within a bracket that halves.
    fn point(&self, depth: f64) -> Point {
        let (mut low, mut high) = (-705.0, 705.0);
        // At the upper edge depth = L beta^2 / (2 (L + 1)), in the lower tail (L + 1) ln(1/gamma).
        let l = self.l();
        let near = (2.0 * depth * (l + 1.0) / l).sqrt();
        let mut logit = if near < 1.0 { (PI / near - 1.0).ln() } else { -(depth - self.ln_edge()) / (l + 1.0) };
        for step in 1..200 {
            if !(logit > low && logit < high) || step % 16 == 0 {
                logit = 0.5 * (low + high);
            }
            let point = Point::new(logit);
            let excess = self.depth(point) - depth;
            // The depth grows with beta, and falls with the logit.
            if excess > 0.0 {
                low = logit;
            } else {
                high = logit;
            }
            let slope = -self.depth_slope(point) * point.beta * point.gamma / PI;
            let newton = logit - excess / slope;
            // What rounding of the depth leaves open is not pursued: the bracket would throw a converged step out again.
            let rounding = 4.0 * f64::EPSILON * (depth + if depth > 0.1 { self.ln_edge() } else { 0.0 });
            if excess.abs() <= rounding || high - low < 1e-15 * logit.abs().max(1e-3) {
                return Point::new(if newton > low && newton < high { newton } else { logit });
            }
            logit = newton;
        }
        Point::new(logit)
    }

    fn depth_of(&self, x: f64) -> f64 {
        let edge = self.edge();
        if x > 0.5 * edge { -((x - edge) / edge).ln_1p() } else { self.ln_edge() - x.ln() }
    }

    fn density_of_ln(&self, point: Point) -> f64 {
        let (phi, sine, inner) = self.sines(point);
        phi.sin() * sine / (PI * inner)
    }

    fn below(&self, point: Point) -> f64 {
        let (phi, sine, inner) = self.sines(point);
        if point.gamma < point.beta {
            (point.gamma + self.l() * phi.sin() * sine / inner) / PI
        } else {
            1.0 - self.above(point)
        }
    }

    fn above(&self, point: Point) -> f64 {
        let (l, beta) = (self.l(), point.beta);
        if beta < SERIES {
            // 1 - sinc(phi) sinc(beta) / sinc(b), of which the logarithm has no cancelling terms.
            let q = 1.0 / (l + 1.0);
            let log = sum(|k| q.powf(2.0 * k) - (2.0 * k * (-q).ln_1p()).exp_m1(), beta * beta);
            return -beta * (-log).exp_m1() / PI;
        }
        if point.gamma < point.beta {
            return 1.0 - self.below(point);
        }
        let (phi, sine, inner) = self.sines(point);
        (beta - l * phi.sin() * sine / inner) / PI
    }

    /// The point below which the mass is p, for 0 < p < 1.
    fn point_at(&self, p: f64) -> Point {
        let turn = crate::numeric::bisect(-705.0, 705.0, |logit| {
            let point = Point::new(logit);
            if p < 0.5 { self.below(point) > p } else { self.above(point) < 1.0 - p }
        });
        Point::new(turn)
    }
}

/// `sum_n c_n factor(n) square^n`.
fn sum(factor: impl Fn(f64) -> f64, square: f64) -> f64 {
    let (mut sum, mut power) = (0.0, 1.0);
    for (n, coefficient) in LOG_SINC.iter().enumerate() {
        power *= square;
        sum += coefficient * factor((n + 1) as f64) * power;
    }
    sum
}

impl Law for FussCatalan {
    fn title(&self) -> String {
        format!("Fuss-Catalan law, {} square factor{}", self.factors, if self.factors == 1 { "" } else { "s" })
    }

    fn variable(&self) -> Variable {
        Variable::SquaredSingularValue
    }

    fn hypotheses(&self) -> &'static str {
        "limit of large matrices at a fixed number of factors; independent entries of mean 0 and finite variance 1/n"
    }

    fn source(&self) -> &'static str {
        "Penson and Zyczkowski 2011; Haagerup and Moller 2013"
    }

    fn scaling(&self) -> Scaling {
        Scaling::Power(2.0 * self.l())
    }

    fn support(&self) -> Support {
        Support { low: 0.0, high: self.edge() }
    }

    fn pdf(&self, x: f64) -> f64 {
        if x.is_nan() {
            return x;
        }
        if x < 0.0 || x > self.edge() {
            return 0.0;
        }
        if x == 0.0 {
            return f64::INFINITY;
        }
        let depth = self.depth_of(x);
        if depth <= 0.0 { 0.0 } else { self.density_of_ln(self.point(depth)) / x }
    }

    fn cdf(&self, x: f64) -> f64 {
        if x.is_nan() {
            return x;
        }
        if x <= 0.0 {
            return 0.0;
        }
        let depth = self.depth_of(x.min(self.edge()));
        if depth <= 0.0 { 1.0 } else { self.below(self.point(depth)) }
    }

    fn survival(&self, x: f64) -> f64 {
        if x.is_nan() {
            return x;
        }
        if x <= 0.0 {
            return 1.0;
        }
        let depth = self.depth_of(x.min(self.edge()));
        if depth <= 0.0 { 0.0 } else { self.above(self.point(depth)) }
    }

    fn quantile(&self, p: f64) -> f64 {
        if p == 1.0 { self.edge() } else { self.ln_quantile(p).exp() }
    }

    fn moment(&self, k: u32) -> Option<f64> {
        let (l, k) = (self.l(), f64::from(k));
        if k <= 64.0 {
            // C((L+1) k, k) / (L k + 1) = prod_{i=2}^k (L k + i) / i
            let (mut product, mut i) = (1.0, 2.0);
            while i <= k {
                product *= (l * k + i) / i;
                i += 1.0;
            }
            return Some(product);
        }
        let ln_factorial = |n: f64| libm::lgamma(n + 1.0);
        Some((ln_factorial((l + 1.0) * k) - ln_factorial(k) - ln_factorial(l * k) - (l * k).ln_1p()).exp())
    }

    fn mean_log(&self) -> Option<f64> {
        Some(-self.l())
    }

    fn pdf_of_ln(&self, ln_x: f64) -> f64 {
        if ln_x.is_nan() {
            return ln_x;
        }
        let depth = self.ln_edge() - ln_x;
        if depth <= 0.0 || depth == f64::INFINITY { 0.0 } else { self.density_of_ln(self.point(depth)) }
    }

    fn cdf_of_ln(&self, ln_x: f64) -> f64 {
        if ln_x.is_nan() {
            return ln_x;
        }
        match self.ln_edge() - ln_x {
            depth if depth <= 0.0 => 1.0,
            f64::INFINITY => 0.0,
            depth => self.below(self.point(depth)),
        }
    }

    fn ln_quantile(&self, p: f64) -> f64 {
        if !(0.0..=1.0).contains(&p) {
            f64::NAN
        } else if p == 0.0 {
            f64::NEG_INFINITY
        } else if p == 1.0 {
            self.ln_edge()
        } else {
            self.ln_edge() - self.depth(self.point_at(p))
        }
    }

    fn ln_upper_edge(&self) -> f64 {
        self.ln_edge()
    }

    fn facts(&self) -> Vec<Fact> {
        let largest = "square root of the upper edge: the limit of the largest singular value at sigma_w = 1";
        let mut facts = vec![Fact::new("largest_singular_value", self.edge().sqrt(), largest)];
        if let Some(width) = self.width {
            let second = gaussian_second_moment(std::iter::repeat_n(width, self.factors + 1));
            let meaning = "E tr (J^T J)^2 / n of real Gaussian matrices of this size, exact, at sigma_w = 1";
            facts.push(Fact::new("finite_size_moment_2", second, meaning));
        }
        facts
    }
}
