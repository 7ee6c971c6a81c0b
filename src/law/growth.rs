//! The growth of one direction.

use super::log_gamma_sum::LogGammaSum;
use super::widths::Widths;
use super::{Fact, Law, LawError, Parameters, Scaling, Support, Variable};

/// The exact law of `ln (|J v| / |v|)` for a fixed vector v and a product J of independent real Gaussian matrices of any widths.
///
/// It is also that of the first diagonal entry `ln R_11` of the QR-accumulated product; [`Growth::of_diagonal`] gives those of the others.
///
/// # Formula
///
/// W_l is n_l x n_{l-1} with independent entries N(0, 1/n_{l-1}), `J = W_L ... W_1`:
///
/// ```text
/// ln (|J v| / |v|) = sum_l (1/2) [ln(1/n_{l-1}) + ln chi^2_{n_l}]
/// mean      sum_l (1/2) [ln(2/n_{l-1}) + psi(n_l/2)]
/// variance  sum_l psi'(n_l/2) / 4,   third cumulant  sum_l psi''(n_l/2) / 8
/// E (|J v| / |v|)^(2p) = prod_l (2/n_{l-1})^p Gamma(n_l/2 + p) / Gamma(n_l/2),   p > -min n_l / 2
/// ```
///
/// with independent chi-square variables and the digamma function psi. Density and distribution function are the inverted characteristic function
/// on a contour through the saddle point.
///
/// # Domain and accuracy
///
/// Widths from 1 to 10^12, up to 10^9 factors. Densities and either tail to 1e-12 relative, down to probabilities of 1e-100; below, the
/// relative error is 1e-15 times the logarithm's modulus or ten times that. The cost of a value is proportional to the number of different widths,
/// 5 to 20 microseconds each.
///
/// # Source
///
/// Cohen and Newman, Ann. Probab. 12, 283 (1984); Newman, Commun. Math. Phys. 103, 121 (1986). Inversion: the saddle-point contour of
/// Daniels, Ann. Math. Statist. 25, 631 (1954).
///
/// # Example
///
/// ```
/// use gradspectra::law::{Growth, Law};
/// let law = Growth::new(&[20, 40, 10, 30])?;
/// assert!((law.mean() - 0.121616521676303087).abs() < 1e-15);
/// assert!((law.cdf(law.quantile(0.01)) - 0.01).abs() < 1e-14);
/// # Ok::<(), gradspectra::law::LawError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Growth {
    widths: Widths,
    order: usize,
    sum: LogGammaSum,
}

impl Growth {
    /// The law for widths n_0, ..., n_L.
    ///
    /// # Errors
    ///
    /// [`LawError::Value`] for fewer than two widths or one outside the domain.
    pub fn new(widths: &[usize]) -> Result<Self, LawError> {
        Ok(Self::from_widths(Widths::of(widths)?, 1))
    }

    /// The law for `factors` square matrices of size n.
    ///
    /// # Errors
    ///
    /// [`LawError::Value`] for numbers outside the domain.
    pub fn square(n: usize, factors: usize) -> Result<Self, LawError> {
        Ok(Self::from_widths(Widths::equal(n, factors)?, 1))
    }

    /// The law of `ln R_kk`, k from 1 to the smallest width, R the triangular factor of `J = Q R`: chi-square variables of `n_l - k + 1`
    /// degrees of freedom.
    ///
    /// # Errors
    ///
    /// [`LawError::Value`] for k or widths outside the domain.
    pub fn of_diagonal(widths: &[usize], k: usize) -> Result<Self, LawError> {
        Self::of_diagonal_of(Widths::of(widths)?, k)
    }

    pub(super) fn of_diagonal_of(widths: Widths, k: usize) -> Result<Self, LawError> {
        if !(1..=widths.smallest).contains(&k) {
            return Err(LawError::value("k", k, format!("from 1 to the smallest width, {}", widths.smallest)));
        }
        Ok(Self::from_widths(widths, k))
    }

    pub(super) fn from_parameters(given: &Parameters) -> Result<Self, LawError> {
        Ok(Self::from_widths(Widths::from_parameters("growth", given, None)?, 1))
    }

    fn from_widths(widths: Widths, order: usize) -> Self {
        let sum = widths.diagonal(order);
        Self { widths, order, sum }
    }

    /// Mean, nats.
    pub fn mean(&self) -> f64 {
        self.sum.cumulant(1)
    }

    /// Variance.
    pub fn variance(&self) -> f64 {
        self.sum.cumulant(2)
    }

    /// Third cumulant over the third power of the standard deviation.
    pub fn skewness(&self) -> f64 {
        self.sum.cumulant(3) / self.variance().powf(1.5)
    }

    /// The k-th cumulant, k from 1 to 30; `None` for others.
    pub fn cumulant(&self, k: u32) -> Option<f64> {
        (1..=30).contains(&k).then(|| self.sum.cumulant(k))
    }

    /// `ln E (|J v| / |v|)^power`; `None` where it does not exist, for powers of `-min n_l` and below.
    pub fn ln_norm_moment(&self, power: f64) -> Option<f64> {
        Some(self.sum.ln_mgf(power)).filter(|moment| moment.is_finite())
    }

    /// Logarithm of the density; `-inf` where the density is 0 in double precision.
    pub fn ln_pdf(&self, x: f64) -> f64 {
        self.sum.ln_pdf(x)
    }
}

impl Law for Growth {
    fn title(&self) -> String {
        match self.order {
            1 => format!("Growth of one direction, {}", self.widths.describe()),
            k => format!("Diagonal entry {k} of the triangular factor, {}", self.widths.describe()),
        }
    }

    fn variable(&self) -> Variable {
        Variable::LogNorm
    }

    fn hypotheses(&self) -> &'static str {
        "exact at any width and depth; independent real Gaussian entries of mean 0 and variance 1/fan_in"
    }

    fn source(&self) -> &'static str {
        "Cohen and Newman 1984; Newman 1986"
    }

    fn scaling(&self) -> Scaling {
        Scaling::Shift(self.widths.factors as f64)
    }

    fn support(&self) -> Support {
        Support { low: f64::NEG_INFINITY, high: f64::INFINITY }
    }

    fn pdf(&self, x: f64) -> f64 {
        self.sum.pdf(x)
    }

    fn cdf(&self, x: f64) -> f64 {
        self.sum.tails(x)[0]
    }

    fn survival(&self, x: f64) -> f64 {
        self.sum.tails(x)[1]
    }

    fn quantile(&self, p: f64) -> f64 {
        self.sum.quantile(p)
    }

    fn moment(&self, k: u32) -> Option<f64> {
        self.sum.moment(k)
    }

    fn facts(&self) -> Vec<Fact> {
        let mut facts = vec![
            Fact::new("mean", self.mean(), "E ln (|J v| / |v|), exact"),
            Fact::new("variance", self.variance(), "Var ln (|J v| / |v|), exact"),
            Fact::new(
                "skewness",
                self.skewness(),
                "third cumulant over the third power of the standard deviation, exact",
            ),
        ];
        for (name, power) in [("mean_square", 2.0), ("fourth_moment", 4.0)] {
            if let Some(moment) = self.ln_norm_moment(power) {
                facts.push(Fact::new(name, moment, format!("ln E (|J v| / |v|)^{power}, exact")));
            }
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The recurrence of the gamma function: E |J v|^2 = n_L/n_0 and E |J v|^4 = prod (n_l/n_{l-1})^2 (1 + 2/n_l).
    #[test]
    fn even_moments_are_rational() {
        let widths = [7, 3, 1, 40];
        let law = Growth::new(&widths).expect("allowed");
        let square = (40.0 / 7.0f64).ln();
        let fourth = 2.0 * square + widths[1..].iter().map(|&n| (2.0 / n as f64).ln_1p()).sum::<f64>();
        assert!((law.ln_norm_moment(2.0).expect("exists") - square).abs() < 2e-15);
        assert!((law.ln_norm_moment(4.0).expect("exists") - fourth).abs() < 4e-15);
        assert!(law.ln_norm_moment(-0.99).is_some() && law.ln_norm_moment(-1.0).is_none());
        let deep = Growth::square(50, 1_000_000).expect("allowed");
        assert!(deep.ln_norm_moment(2.0).expect("exists").abs() < 1e-9);
        assert!((deep.ln_norm_moment(4.0).expect("exists") / (1e6 * 0.04f64.ln_1p()) - 1.0).abs() < 1e-13);
    }

    #[test]
    fn moments_of_the_logarithm_are_those_of_the_density() {
        let law = Growth::of_diagonal(&[6, 5, 4], 3).expect("allowed");
        let step = 0.02;
        for k in 0..6 {
            let sum: f64 = (-3000..500).map(|i| f64::from(i) * step).map(|x| x.powi(k) * law.pdf(x) * step).sum();
            let exact = law.moment(k as u32).expect("known");
            assert!((sum / exact - 1.0).abs() < 1e-11, "k = {k}: {sum} {exact}");
        }
        assert!((law.moment(2).expect("known") - law.variance() - law.mean().powi(2)).abs() < 1e-15);
    }

    #[test]
    fn what_has_no_law_is_refused() {
        assert!(Growth::new(&[]).is_err() && Growth::new(&[3]).is_err() && Growth::new(&[3, 0, 3]).is_err());
        assert!(Growth::square(5, 0).is_err() && Growth::of_diagonal(&[4, 3], 4).is_err());
        let given =
            |widths: &[usize], factors| Parameters { widths: widths.to_vec(), factors, ..Parameters::default() };
        let message = |widths: &[usize], factors| {
            Growth::from_parameters(&given(widths, factors)).expect_err("not allowed").to_string()
        };
        assert!(message(&[], None).contains("--widths 50 --factors 10"));
        assert!(message(&[9], None).contains("--factors"));
        assert!(message(&[9, 9, 9], Some(3)).contains("left out"));
        assert!(Growth::from_parameters(&given(&[9, 9, 9], Some(2))).is_ok());
    }
}
