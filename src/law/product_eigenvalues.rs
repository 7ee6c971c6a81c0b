//! Eigenvalues of products of square matrices.

use std::f64::consts::LN_2;

use super::log_gamma_sum::{Group, LogGammaSum};
use super::{Fact, Law, LawError, Parameters, Scaling, Support, Variable};

/// The modulus of an eigenvalue of a product of L independent large square matrices: `|lambda|^(2/L)` is uniform on \[0, 1\].
///
/// # Formula
///
/// W_l is n x n with independent entries of mean 0 and variance 1/n, n -> oo at fixed L = `factors`:
///
/// ```text
/// P(|lambda| <= r) = r^(2/L),   density (2/L) r^(2/L - 1)   on [0, 1];   E |lambda|^k = 2 / (2 + k L),   E ln |lambda| = -L/2
/// ```
///
/// The singular values of the same product reach `sqrt((L+1)^(L+1) / L^L)`, the eigenvalues 1.
///
/// With a width n, the facts hold the spectral radius of **complex** Gaussian products of that size, exactly: the moduli have the law of
/// independent variables
///
/// ```text
/// |lambda_k|^2 = prod_l G_{l,k} / n,   G_{l,k} a gamma variable of shape k;   k = 1, ..., n
/// ```
///
/// so that `P(ln rho <= x) = prod_k P(ln |lambda_k| <= x)`. Real products, whose eigenvalues come in pairs and on the axis, differ at finite n.
///
/// # Domain and accuracy
///
/// 1 to 10^9 factors: values below 1e-308 through `pdf_of_ln`, `cdf_of_ln` and `ln_quantile`. A few ulp. The radius: widths up to 1000,
/// `L` up to 1000, 1e-12.
///
/// # Source
///
/// Burda, Janik and Waclaw, Phys. Rev. E 81, 041132 (2010); Gotze and Tikhomirov 2010; O'Rourke and Soshnikov 2011. Finite n: Akemann and
/// Burda, J. Phys. A 45, 465201 (2012); one factor: Kostlan 1992.
///
/// # Example
///
/// ```
/// use gradspectra::law::{Law, ProductEigenvalues};
/// let law = ProductEigenvalues::new(10)?;
/// assert!((law.quantile(0.5) - 1.0 / 32.0).abs() < 1e-16);
/// assert_eq!(law.mean_log(), Some(-5.0));
/// # Ok::<(), gradspectra::law::LawError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductEigenvalues {
    factors: usize,
    width: Option<usize>,
}

const MOST_FACTORS: usize = 1_000_000_000;
const WIDEST: usize = 1000;
/// Beyond it the law of the radius takes seconds.
const MOST_FACTORS_OF_RADIUS: usize = 1000;

/// The spectral radius rho of a product of complex Gaussian matrices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogRadius {
    /// `E ln rho`.
    pub mean: f64,
    /// `Var ln rho`.
    pub variance: f64,
}

impl ProductEigenvalues {
    /// The law for the given number of factors.
    ///
    /// # Errors
    ///
    /// [`LawError::Value`] for numbers outside the domain.
    pub fn new(factors: usize) -> Result<Self, LawError> {
        if (1..=MOST_FACTORS).contains(&factors) {
            Ok(Self { factors, width: None })
        } else {
            Err(LawError::value("factors", factors, format!("from 1 to {MOST_FACTORS}")))
        }
    }

    /// The same with the exact radius of complex n x n matrices among its facts.
    ///
    /// # Errors
    ///
    /// [`LawError::Value`] for numbers outside the domain of the radius.
    pub fn with_width(factors: usize, n: usize) -> Result<Self, LawError> {
        if !(1..=WIDEST).contains(&n) {
            return Err(LawError::value("widths", n, format!("one width from 1 to {WIDEST}")));
        }
        if factors > MOST_FACTORS_OF_RADIUS {
            return Err(LawError::value("factors", factors, format!("at most {MOST_FACTORS_OF_RADIUS} with --widths")));
        }
        Ok(Self { width: Some(n), ..Self::new(factors)? })
    }

    pub(super) fn from_parameters(given: &Parameters) -> Result<Self, LawError> {
        let factors = given.factors.ok_or(LawError::Missing {
            law: "product_eigenvalues",
            parameter: "factors",
            what: "the number of matrices",
            example: "10",
        })?;
        match given.widths[..] {
            [] => Self::new(factors),
            [n] => Self::with_width(factors, n),
            _ => {
                Err(LawError::value("widths", super::marchenko_pastur::join(&given.widths), "one, for square matrices"))
            }
        }
    }

    fn exponent(&self) -> f64 {
        2.0 / self.factors as f64
    }

    /// `ln` of the largest singular value over the spectral radius, n -> oo.
    pub fn ln_norm_over_radius(&self) -> f64 {
        let l = self.factors as f64;
        0.5 * ((l + 1.0).ln() + l * (1.0 / l).ln_1p())
    }

    /// Mean and variance of `ln rho` for complex Gaussian matrices of the given width; `None` without one.
    pub fn complex_log_radius(&self) -> Option<LogRadius> {
        let grid = self.radius_on_grid(self.width?)?;
        let mean = grid.mean(|x| x);
        let variance = grid.mean(|x| (x - mean).powi(2)) - grid.step * grid.step / 12.0;
        Some(LogRadius { mean, variance })
    }

    /// The law of `ln rho` on a grid over all of its mass.
    fn radius_on_grid(&self, n: usize) -> Option<Grid> {
        let laws: Vec<LogGammaSum> = (1..=n)
            .map(|k| {
                let shift = 0.5 * self.factors as f64 * (k as f64 / n as f64).ln();
                LogGammaSum::new(shift, vec![Group { shape: k as f64, count: self.factors as f64 }])
            })
            .collect();
        // Beyond nine standard deviations the upper tail of every one, lighter than a normal one, is below 1e-18.
        let reach = |law: &LogGammaSum| {
            let [mean, width] = law.centre_and_width();
            mean + 9.0 * width
        };
        let high = laws.iter().map(reach).fold(f64::NEG_INFINITY, f64::max);
        let [_, width] = laws.last()?.centre_and_width();
        // The maximum of many is narrower than each of them.
        let step = 0.25 * width / (1.0 + (n as f64).ln().sqrt());
        let mut grid = Grid { high, step, probabilities: Vec::new() };
        loop {
            let x = high - grid.probabilities.len() as f64 * step;
            let p: f64 = laws.iter().filter(|law| x < reach(law)).map(|law| law.tails(x)[0]).product();
            grid.probabilities.push(p);
            if p < 1e-17 {
                return Some(grid);
            }
        }
    }
}

/// `P(X <= x)` at `high, high - step, ...`, from 1 down to 0.
struct Grid {
    high: f64,
    step: f64,
    probabilities: Vec<f64>,
}

impl Grid {
    /// The mean of a function of `X + U`, U uniform on a cell of the grid: exact faster than any power of the step, because the probability is smooth
    /// and flat at both ends.
    fn mean(&self, of: impl Fn(f64) -> f64) -> f64 {
        let cells = self.probabilities.windows(2).enumerate();
        cells.map(|(k, p)| of(self.high - (k as f64 + 0.5) * self.step) * (p[0] - p[1])).sum()
    }
}

impl Law for ProductEigenvalues {
    fn title(&self) -> String {
        match self.width {
            None => format!("Eigenvalues of a product of {} square matrices", self.factors),
            Some(n) => format!("Eigenvalues of a product of {} square matrices, width {n}", self.factors),
        }
    }

    fn variable(&self) -> Variable {
        Variable::EigenvalueModulus
    }

    fn hypotheses(&self) -> &'static str {
        "limit of large square matrices at a fixed number of factors; independent entries of mean 0 and finite variance 1/fan_in"
    }

    fn source(&self) -> &'static str {
        "Burda, Janik and Waclaw 2010; Gotze and Tikhomirov 2010; O'Rourke and Soshnikov 2011; radius: Akemann and Burda 2012"
    }

    fn scaling(&self) -> Scaling {
        Scaling::Power(self.factors as f64)
    }

    fn support(&self) -> Support {
        Support { low: 0.0, high: 1.0 }
    }

    fn pdf(&self, r: f64) -> f64 {
        if r.is_nan() {
            r
        } else if !(0.0..=1.0).contains(&r) {
            0.0
        } else {
            // powf(0, negative) is the infinity that the density has there.
            self.exponent() * r.powf(self.exponent() - 1.0)
        }
    }

    fn cdf(&self, r: f64) -> f64 {
        if r.is_nan() { r } else { r.clamp(0.0, 1.0).powf(self.exponent()) }
    }

    fn survival(&self, r: f64) -> f64 {
        if r.is_nan() { r } else { -(self.exponent() * r.clamp(0.0, 1.0).ln()).exp_m1() }
    }

    fn quantile(&self, p: f64) -> f64 {
        if (0.0..=1.0).contains(&p) { p.powf(0.5 * self.factors as f64) } else { f64::NAN }
    }

    fn moment(&self, k: u32) -> Option<f64> {
        Some(2.0 / (2.0 + f64::from(k) * self.factors as f64))
    }

    fn mean_log(&self) -> Option<f64> {
        Some(-0.5 * self.factors as f64)
    }

    fn pdf_of_ln(&self, ln_r: f64) -> f64 {
        if ln_r > 0.0 { 0.0 } else { self.exponent() * (self.exponent() * ln_r).exp() }
    }

    fn cdf_of_ln(&self, ln_r: f64) -> f64 {
        if ln_r > 0.0 { 1.0 } else { (self.exponent() * ln_r).exp() }
    }

    fn ln_quantile(&self, p: f64) -> f64 {
        if (0.0..=1.0).contains(&p) { 0.5 * self.factors as f64 * p.ln() } else { f64::NAN }
    }

    fn ln_upper_edge(&self) -> f64 {
        0.0
    }

    fn facts(&self) -> Vec<Fact> {
        let half = 0.5 * self.factors as f64;
        let mut facts = vec![
            Fact::new("median", (-half * LN_2).exp(), "half of the eigenvalues are below"),
            Fact::new("ln_median", -half * LN_2, "its logarithm"),
            Fact::new(
                "norm_over_radius",
                self.ln_norm_over_radius().exp(),
                "largest singular value over largest modulus of an eigenvalue, sqrt((L+1)^(L+1) / L^L)",
            ),
        ];
        if let Some(LogRadius { mean, variance }) = self.complex_log_radius() {
            let of = "of complex Gaussian matrices of this width, exact";
            facts.push(Fact::new("complex_mean_log_radius", mean, format!("E ln rho {of}")));
            facts.push(Fact::new("complex_variance_log_radius", variance, format!("Var ln rho {of}")));
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_factor_is_the_circular_law() {
        let law = ProductEigenvalues::new(1).expect("allowed");
        for r in [0.1, 0.7, 1.0] {
            assert!((law.cdf(r) - r * r).abs() < 1e-16 && (law.pdf(r) - 2.0 * r).abs() < 1e-15);
            assert!((law.survival(r) - (1.0 - r * r)).abs() < 1e-15);
        }
        assert!((law.moment(2).expect("known") - 0.5).abs() < 1e-16);
    }

    /// Mass and moments in `u = r^(2/L)`, where the integrand is a power.
    #[test]
    fn deep_products_live_in_logarithms() {
        for factors in [2, 10, 1000, 1_000_000] {
            let law = ProductEigenvalues::new(factors).expect("allowed");
            for p in [1e-9, 0.3, 0.99] {
                let ln = law.ln_quantile(p);
                assert!((law.cdf_of_ln(ln) / p - 1.0).abs() < 1e-14);
                let step = 1e-4 * factors as f64;
                let slope = (law.cdf_of_ln(ln + step * 1e-2) - law.cdf_of_ln(ln - step * 1e-2)) / (2e-2 * step);
                assert!((law.pdf_of_ln(ln) / slope - 1.0).abs() < 1e-8, "L = {factors}, p = {p}");
            }
            let nodes = crate::numeric::gauss_legendre(30);
            let mean_log: f64 = nodes.iter().map(|(u, weight)| weight * law.ln_quantile(*u)).sum();
            assert!((mean_log / law.mean_log().expect("known") - 1.0).abs() < 2e-3);
        }
    }

    #[test]
    fn ends_and_nonsense() {
        let law = ProductEigenvalues::new(5).expect("allowed");
        assert_eq!((law.pdf(0.0), law.pdf(-0.1), law.pdf(1.1)), (f64::INFINITY, 0.0, 0.0));
        assert_eq!(
            (law.cdf(-1.0), law.cdf(0.0), law.cdf(2.0), law.survival(0.0), law.survival(2.0)),
            (0.0, 0.0, 1.0, 1.0, 0.0)
        );
        assert_eq!((law.quantile(0.0), law.quantile(1.0), law.ln_quantile(0.0)), (0.0, 1.0, f64::NEG_INFINITY));
        assert!(law.pdf(f64::NAN).is_nan() && law.cdf(f64::NAN).is_nan() && law.survival(f64::NAN).is_nan());
        assert!(law.quantile(-0.1).is_nan() && law.ln_quantile(f64::NAN).is_nan() && law.pdf_of_ln(f64::NAN).is_nan());
        assert!(ProductEigenvalues::new(0).is_err() && ProductEigenvalues::with_width(5, 0).is_err());
        assert!(ProductEigenvalues::with_width(5, 2000).is_err());
    }

    /// One 1 x 1 matrix: `rho^2` is exponential, `E ln rho = -gamma/2`, variance pi^2/24. One of size 50: E rho by Kostlan's product.
    #[test]
    fn the_complex_radius_is_exact() {
        let one = ProductEigenvalues::with_width(1, 1).expect("allowed").complex_log_radius().expect("with a width");
        assert!((one.mean + 0.5 * 0.577_215_664_901_532_9).abs() < 1e-12, "{one:?}");
        assert!((one.variance - std::f64::consts::PI.powi(2) / 24.0).abs() < 1e-12, "{one:?}");
        let law = ProductEigenvalues::with_width(1, 50).expect("allowed");
        let grid = law.radius_on_grid(50).expect("with a width");
        // E e^U for U uniform on a cell
        let half = 0.5 * grid.step;
        let radius = grid.mean(f64::exp) * half / half.sinh();
        assert!((radius - 1.072_463_610_243).abs() < 1e-12, "{radius}");
        // By direct inversion of the twenty characteristic functions (6,000 nodes each); 0.0604 +- 0.0036 from matrices.
        let product =
            ProductEigenvalues::with_width(5, 20).expect("allowed").complex_log_radius().expect("with a width");
        assert!((product.mean - 0.060_009_094_529).abs() < 1e-11, "{product:?}");
    }
}
