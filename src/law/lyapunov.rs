//! Lyapunov exponents of products of Gaussian matrices.

use super::growth::Growth;
use super::widths::Widths;
use super::{Atom, Fact, Law, LawError, Parameters, Scaling, Support, Variable, outside};
use crate::numeric::{digamma_minus_ln, polygamma};

/// The Lyapunov exponents of a product of independent real Gaussian matrices, with their fluctuations, and the exact law of the product's
/// triangular factor at any depth. As a law: an atom of the same mass at each exponent.
///
/// # Formula
///
/// W_l is n_l x n_{l-1} with independent entries N(0, 1/n_{l-1}); `J = W_L ... W_1 = Q R`. The diagonal entries of R are independent of each other,
/// and with independent chi-square variables
///
/// ```text
/// ln R_kk = sum_l (1/2) [ln(1/n_{l-1}) + ln chi^2_{n_l - k + 1}]
/// mu_k    = E ln R_kk / L     = (1/L) sum_l (1/2) [ln(2/n_{l-1}) + psi((n_l - k + 1)/2)]
/// rate_k  = Var ln R_kk / L   = (1/L) sum_l psi'((n_l - k + 1)/2) / 4
/// ```
///
/// for k from 1 to the smallest width. For equal widths n, `mu_k = (1/2) [ln(2/n) + psi((n - k + 1)/2)]`. As L grows with the widths fixed, the
/// singular values `s_1 >= s_2 >= ...` of J follow:
///
/// ```text
/// E sum_{i<=k} ln s_i   -> L sum_{i<=k} mu_i   + (1/2) sum_{i<=k} [psi((n_0-i+1)/2) - psi((k-i+1)/2)]
/// Var sum_{i<=k} ln s_i -> L sum_{i<=k} rate_i - (1/4) sum_{i<=k} [psi'((k-i+1)/2) - psi'((n_0-i+1)/2)]
/// ```
///
/// because the volume that k fixed directions span is that of the k largest singular directions times a minor of their Haar-distributed frame.
/// These two need L well above the widths; nothing else does.
///
/// # Domain and accuracy
///
/// Widths from 1 to 10^12, up to 10^9 factors, the smallest width at most 10^6. Exponents to 1e-15 (the first of wide layers relative to its own
/// size, 1/(2n)), rates relative.
///
/// # Source
///
/// Newman, Commun. Math. Phys. 103, 121 (1986). The offsets are derived here.
///
/// # Example
///
/// ```
/// use gradspectra::law::LyapunovSpectrum;
/// let spectrum = LyapunovSpectrum::square(50, 1)?;
/// assert!((spectrum.exponents()[0] + 0.0100666560081133703).abs() < 1e-17);
/// assert!((spectrum.log_largest_offset() - 2.58112626943669874).abs() < 1e-14);
/// # Ok::<(), gradspectra::law::LawError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LyapunovSpectrum {
    widths: Widths,
    /// Descending.
    exponents: Vec<f64>,
    /// Whether the number of factors was given, and with it the numbers of finite products.
    finite: bool,
}

/// A sum over the largest singular values at a depth well above the widths.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LargestSum {
    /// Mean of `ln s_1 + ... + ln s_k`, nats.
    pub mean: f64,
    /// Its variance.
    pub variance: f64,
}

/// Exponents that are kept as a list.
const MOST: usize = 1_000_000;
/// Exponents times different widths: some seconds of work.
const MOST_TERMS: usize = 30_000_000;

impl LyapunovSpectrum {
    /// The spectrum for widths n_0, ..., n_L, layer averages if they differ.
    ///
    /// # Errors
    ///
    /// [`LawError::Value`] for fewer than two widths or one outside the domain.
    pub fn new(widths: &[usize]) -> Result<Self, LawError> {
        Self::from_widths(Widths::of(widths)?, true)
    }

    /// The spectrum of `factors` square matrices of size n.
    ///
    /// # Errors
    ///
    /// [`LawError::Value`] for numbers outside the domain.
    pub fn square(n: usize, factors: usize) -> Result<Self, LawError> {
        Self::from_widths(Widths::equal(n, factors)?, true)
    }

    pub(super) fn from_parameters(given: &Parameters) -> Result<Self, LawError> {
        let widths = Widths::from_parameters("lyapunov", given, Some(1))?;
        Self::from_widths(widths, given.factors.is_some() || given.widths.len() > 1)
    }

    fn from_widths(widths: Widths, finite: bool) -> Result<Self, LawError> {
        let count = widths.smallest;
        if count > MOST || count.saturating_mul(widths.different()) > MOST_TERMS {
            let allowed = format!("at most {MOST} at the narrowest layer, and {MOST_TERMS} in all different layers");
            return Err(LawError::value("widths", count, allowed));
        }
        let layers = widths.factors as f64;
        let exponent = |k: usize| {
            let excess: f64 =
                widths.degrees(k).map(|(degrees, count)| 0.5 * count * digamma_minus_ln(0.5 * degrees)).sum();
            (widths.deterministic(k) + excess) / layers
        };
        let exponents = (1..=count).map(exponent).collect();
        Ok(Self { widths, exponents, finite })
    }

    /// Number of factors L.
    pub fn factors(&self) -> usize {
        self.widths.factors
    }

    /// mu_1, mu_2, ..., in nats a layer, descending.
    pub fn exponents(&self) -> &[f64] {
        &self.exponents
    }

    /// `Var ln R_kk / L`, k from 1; NaN beyond the number of exponents.
    pub fn rate(&self, k: usize) -> f64 {
        if !(1..=self.exponents.len()).contains(&k) {
            return f64::NAN;
        }
        let sum: f64 = self.widths.degrees(k).map(|(degrees, count)| count * polygamma(1, 0.5 * degrees)).sum();
        0.25 * sum / self.widths.factors as f64
    }

    /// The exact law of `ln R_kk`.
    ///
    /// # Errors
    ///
    /// [`LawError::Value`] for k beyond the number of exponents.
    pub fn diagonal(&self, k: usize) -> Result<Growth, LawError> {
        Growth::of_diagonal_of(self.widths.clone(), k)
    }

    /// `(1/n) sum_k mu_k`, the mean of the exponents.
    pub fn mean_exponent(&self) -> f64 {
        self.exponents.iter().sum::<f64>() / self.exponents.len() as f64
    }

    /// `E ln s_1 - L mu_1` as L grows: `(1/2) [psi(n_0/2) - psi(1/2)]`.
    pub fn log_largest_offset(&self) -> f64 {
        self.offset(1)
    }

    /// `L rate_1 - Var ln s_1` as L grows: `(1/4) [psi'(1/2) - psi'(n_0/2)]`.
    pub fn log_largest_variance_offset(&self) -> f64 {
        self.variance_offset(1)
    }

    /// `E sum_{i<=k} ln s_i - L sum_{i<=k} mu_i` as L grows; NaN for k beyond the number of exponents.
    pub fn offset(&self, k: usize) -> f64 {
        let psi = |x: f64| digamma_minus_ln(x) + x.ln();
        self.over_minors(k, |whole, minor| 0.5 * (psi(whole) - psi(minor)))
    }

    /// `L sum_{i<=k} rate_i - Var sum_{i<=k} ln s_i` as L grows; NaN for k beyond the number of exponents.
    pub fn variance_offset(&self, k: usize) -> f64 {
        self.over_minors(k, |whole, minor| 0.25 * (polygamma(1, minor) - polygamma(1, whole)))
    }

    /// Sum over `i <= k` of a function of `(n_0 - i + 1)/2` and `(k - i + 1)/2`.
    fn over_minors(&self, k: usize, term: impl Fn(f64, f64) -> f64) -> f64 {
        if !(1..=self.exponents.len()).contains(&k) {
            return f64::NAN;
        }
        (0..k).map(|i| term(0.5 * (self.widths.first - i) as f64, 0.5 * (k - i) as f64)).sum()
    }

    /// Mean and variance of `ln s_1 + ... + ln s_k` for L well above the widths; NaN for k beyond the number of exponents.
    pub fn largest(&self, k: usize) -> LargestSum {
        let layers = self.widths.factors as f64;
        let exponents: f64 = self.exponents.iter().take(k).sum();
        let rates: f64 = (1..=k.min(self.exponents.len())).map(|i| self.rate(i)).sum();
        LargestSum { mean: layers * exponents + self.offset(k), variance: layers * rates - self.variance_offset(k) }
    }

    /// Exponents at most x.
    fn below(&self, x: f64) -> usize {
        self.exponents.len() - self.exponents.partition_point(|&mu| mu > x)
    }
}

impl Law for LyapunovSpectrum {
    fn title(&self) -> String {
        let depth = if self.finite { String::new() } else { format!("width {}", self.widths.first) };
        format!("Newman's Lyapunov exponents, {}", if self.finite { self.widths.describe() } else { depth })
    }

    fn variable(&self) -> Variable {
        Variable::LyapunovExponent
    }

    fn hypotheses(&self) -> &'static str {
        "exact at any width, as the number of factors grows; independent real Gaussian entries of mean 0 and variance 1/fan_in"
    }

    fn source(&self) -> &'static str {
        "Newman 1986"
    }

    fn scaling(&self) -> Scaling {
        Scaling::Shift(1.0)
    }

    fn support(&self) -> Support {
        let ends = (self.exponents.last(), self.exponents.first());
        Support { low: ends.0.copied().unwrap_or(f64::NAN), high: ends.1.copied().unwrap_or(f64::NAN) }
    }

    fn atoms(&self) -> Vec<Atom> {
        let mass = 1.0 / self.exponents.len() as f64;
        self.exponents.iter().rev().map(|&at| Atom { at, mass }).collect()
    }

    fn pdf(&self, x: f64) -> f64 {
        if x.is_nan() { x } else { 0.0 }
    }

    fn cdf(&self, x: f64) -> f64 {
        match outside(x, self.support()) {
            Some(value) => value,
            None => self.below(x) as f64 / self.exponents.len() as f64,
        }
    }

    fn quantile(&self, p: f64) -> f64 {
        if !(0.0..=1.0).contains(&p) {
            return f64::NAN;
        }
        let count = self.exponents.len();
        // The first of the ascending exponents whose share reaches p, in the arithmetic of `cdf`.
        let mut rank = ((p * count as f64).ceil() as usize).clamp(1, count);
        if rank > 1 && (rank - 1) as f64 / count as f64 >= p {
            rank -= 1;
        }
        self.exponents[count - rank]
    }

    fn moment(&self, k: u32) -> Option<f64> {
        Some(self.exponents.iter().map(|mu| mu.powi(k as i32)).sum::<f64>() / self.exponents.len() as f64)
    }

    fn facts(&self) -> Vec<Fact> {
        let count = self.exponents.len();
        let Support { low, high } = self.support();
        let mut facts = vec![
            Fact::new("top_exponent", high, "mu_1: the typical growth of a direction, nats a layer"),
            Fact::new("bottom_exponent", low, format!("mu_{count}")),
            Fact::new("mean_exponent", self.mean_exponent(), "(1/n) sum mu_k, that of ln |det| for square matrices"),
            Fact::new("top_variance_rate", self.rate(1), "Var ln R_11 / L, exact at any depth for one direction"),
            Fact::new("bottom_variance_rate", self.rate(count), format!("Var ln R_kk / L, k = {count}")),
            Fact::new("log_largest_offset", self.log_largest_offset(), "E ln s_1 - L mu_1 as L grows"),
            Fact::new(
                "log_largest_variance_offset",
                self.log_largest_variance_offset(),
                "L times the variance rate less Var ln s_1 as L grows",
            ),
        ];
        if self.finite {
            let LargestSum { mean, variance } = self.largest(1);
            facts.push(Fact::new("mean_log_largest", mean, "E ln s_1 = L mu_1 + offset, for L well above the widths"));
            facts.push(Fact::new("variance_log_largest", variance, "Var ln s_1, for L well above the widths"));
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `mu_1 = -1/(2n) - 1/(6 n^2) + O(n^-4)`, `rate_1 = 1/(2n) + 1/(2 n^2) + 1/(3 n^3) + O(n^-5)`.
    #[test]
    fn large_widths_have_their_expansions() {
        for n in [1000_usize, 1_000_000] {
            let spectrum = LyapunovSpectrum::square(n, 1).expect("allowed");
            let x = n as f64;
            let exponent = -0.5 / x - 1.0 / (6.0 * x * x);
            assert!((spectrum.exponents()[0] / exponent - 1.0).abs() < 2e-10 / (x / 1e3).powi(2) + 1e-15);
            let rate = 0.5 / x + 0.5 / (x * x) + 1.0 / (3.0 * x * x * x);
            assert!((spectrum.rate(1) / rate - 1.0).abs() < 1e-12);
        }
    }

    /// The determinant of a square product has no offset: all singular directions are one volume.
    #[test]
    fn the_whole_volume_has_no_offset() {
        let spectrum = LyapunovSpectrum::square(7, 20).expect("allowed");
        assert!(spectrum.offset(7).abs() < 1e-14 && spectrum.variance_offset(7).abs() < 1e-14);
        let whole = spectrum.largest(7);
        assert!((whole.mean - 140.0 * spectrum.mean_exponent()).abs() < 1e-12);
        assert!(spectrum.offset(8).is_nan() && spectrum.offset(0).is_nan() && spectrum.rate(8).is_nan());
        assert!(spectrum.largest(9).mean.is_nan());
    }

    #[test]
    fn diagonal_laws_have_the_exponents_and_rates() {
        let widths = [6, 9, 4, 30];
        let spectrum = LyapunovSpectrum::new(&widths).expect("allowed");
        assert_eq!(spectrum.exponents().len(), 4);
        for k in 1..=4 {
            let law = spectrum.diagonal(k).expect("allowed");
            assert_eq!(law, Growth::of_diagonal(&widths, k).expect("allowed"));
            assert!((law.mean() - 3.0 * spectrum.exponents()[k - 1]).abs() < 1e-14);
            assert!((law.variance() - 3.0 * spectrum.rate(k)).abs() < 1e-14);
        }
        assert!(spectrum.diagonal(5).is_err());
    }

    #[test]
    fn the_distribution_steps_at_the_exponents() {
        let spectrum = LyapunovSpectrum::square(49, 1).expect("allowed");
        let atoms = spectrum.atoms();
        assert!((atoms.iter().map(|atom| atom.mass).sum::<f64>() - 1.0).abs() < 1e-14);
        for (i, atom) in atoms.iter().enumerate() {
            let p = (i + 1) as f64 / 49.0;
            assert_eq!((spectrum.cdf(atom.at), spectrum.quantile(p)), (p, atom.at), "{i}");
            assert!(spectrum.cdf(atom.at.next_down()) < p);
        }
        assert_eq!((spectrum.cdf(-9.0), spectrum.cdf(1.0), spectrum.quantile(0.0)), (0.0, 1.0, atoms[0].at));
        assert!(spectrum.cdf(f64::NAN).is_nan() && spectrum.pdf(f64::NAN).is_nan() && spectrum.quantile(2.0).is_nan());
        // The triangular law has its quantile 1 - k/n within e^(-gamma)/(2n).
        let gap = |i: usize| (2.0 * atoms[i].at).exp() * 49.0 - i as f64;
        let farthest = (0..49).map(gap).fold(0.0, f64::max);
        assert!((farthest - 0.5 * (-0.577_215_664_901_532_9f64).exp()).abs() < 1e-13 && (0..49).all(|i| gap(i) > 0.0));
        assert!(LyapunovSpectrum::square(2_000_000, 1).is_err());
    }
}
