//! The eigenvalues of one matrix.

use std::f64::consts::{PI, SQRT_2};

use super::marchenko_pastur::join;
use super::{Fact, GinibreRadius, Law, LawError, Parameters, Scaling, Support, Variable};

/// The circular law: moduli of the eigenvalues of one large square matrix.
///
/// # Formula
///
/// Entries of mean 0 and variance 1/n: eigenvalues are uniform in the unit disc, so that `r = |lambda|` has the density `2 r` on \[0, 1\] and
/// `E r^k = 2 / (k + 2)`.
///
/// # Domain and accuracy
///
/// Exact to rounding as a limit. Finite matrices have eigenvalues outside the disc: the spectral radius comes to 1, but slowly
/// ([`GinibreRadius`]: 1.07 at n = 50), and the Gumbel asymptotics known for it are of no use at the widths of networks.
///
/// # Source
///
/// Girko 1984; Bai 1997; Tao and Vu 2010.
///
/// # Example
///
/// ```
/// use gradspectra::law::{Circular, Law};
/// let law = Circular::of_size(50)?;
/// assert!((law.cdf(0.7) - 0.49).abs() < 1e-15);
/// let real = law.facts().into_iter().find(|fact| fact.name == "expected_real_eigenvalues").expect("a fact");
/// assert!((real.value - 6.099_529_927_391_1).abs() < 1e-12);
/// # Ok::<(), gradspectra::law::LawError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Circular {
    /// The size, where exact numbers of finite matrices are wanted.
    n: Option<usize>,
}

impl Circular {
    /// The limit.
    pub fn new() -> Self {
        Self { n: None }
    }

    /// The limit, with exact numbers of n x n matrices among its [facts](Law::facts).
    ///
    /// # Errors
    ///
    /// [`LawError::Value`] for n = 0.
    pub fn of_size(n: usize) -> Result<Self, LawError> {
        if n == 0 {
            Err(LawError::value("widths", n, "the size of a square matrix, above 0"))
        } else {
            Ok(Self { n: Some(n) })
        }
    }

    pub(super) fn from_parameters(given: &Parameters) -> Result<Self, LawError> {
        match given.widths[..] {
            [] => Ok(Self::new()),
            [n] => Self::of_size(n),
            [fan_in, fan_out] if fan_in == fan_out => Self::of_size(fan_in),
            _ => {
                Err(LawError::value("widths", join(&given.widths), "one number: only square matrices have eigenvalues"))
            }
        }
    }
}

/// Expected number of real eigenvalues of an n x n matrix of independent real Gaussian entries.
///
/// # Formula
///
/// ```text
/// n even: sqrt 2 sum_{k=0}^{n/2-1} (4k-1)!! / (4k)!!;     n odd: 1 + sqrt 2 sum_{k=1}^{(n-1)/2} (4k-3)!! / (4k-2)!!
/// ```
///
/// `(-1)!! = 0!! = 1`. For n above 10,000 the asymptotic series `1/2 + sqrt(2n/pi) (1 - 3/(8n) - 3/(128 n^2) + 27/(1024 n^3) + ...)`.
///
/// # Accuracy
///
/// Relative 1e-13.
///
/// # Source
///
/// Edelman, Kostlan and Shub 1994.
pub fn expected_real_eigenvalues(n: usize) -> f64 {
    let size = n as f64;
    if n > 10_000 {
        let series = 1.0 - 3.0 / (8.0 * size) - 3.0 / (128.0 * size * size) + 27.0 / (1024.0 * size.powi(3));
        return 0.5 + (2.0 * size / PI).sqrt() * series;
    }
    // (2j-1)!! / (2j)!! over j = 0, 2, 4, ... for n even, over j = 1, 3, 5, ... for n odd.
    let (mut term, mut sum) = (1.0, 0.0);
    for j in 0..n.saturating_sub(1) {
        if (j + n).is_multiple_of(2) {
            sum += term;
        }
        term *= (2 * j + 1) as f64 / (2 * j + 2) as f64;
    }
    SQRT_2 * sum + if n.is_multiple_of(2) { 0.0 } else { 1.0 }
}

impl Law for Circular {
    fn title(&self) -> String {
        match self.n {
            Some(n) => format!("Circular law, with numbers of {n} x {n} matrices"),
            None => "Circular law".to_owned(),
        }
    }

    fn variable(&self) -> Variable {
        Variable::EigenvalueModulus
    }

    fn hypotheses(&self) -> &'static str {
        "limit of large square matrices; independent entries of mean 0 and finite variance 1/n"
    }

    fn source(&self) -> &'static str {
        "Girko 1984; Bai 1997; Tao and Vu 2010"
    }

    fn scaling(&self) -> Scaling {
        Scaling::Power(1.0)
    }

    fn support(&self) -> Support {
        Support { low: 0.0, high: 1.0 }
    }

    fn pdf(&self, x: f64) -> f64 {
        if x.is_nan() || (0.0..=1.0).contains(&x) { 2.0 * x } else { 0.0 }
    }

    fn cdf(&self, x: f64) -> f64 {
        let inside = x.clamp(0.0, 1.0);
        inside * inside
    }

    fn survival(&self, x: f64) -> f64 {
        let inside = x.clamp(0.0, 1.0);
        (1.0 - inside) * (1.0 + inside)
    }

    fn quantile(&self, p: f64) -> f64 {
        if (0.0..=1.0).contains(&p) { p.sqrt() } else { f64::NAN }
    }

    fn moment(&self, k: u32) -> Option<f64> {
        Some(2.0 / (f64::from(k) + 2.0))
    }

    fn mean_log(&self) -> Option<f64> {
        Some(-0.5)
    }

    fn facts(&self) -> Vec<Fact> {
        let mut facts = Vec::new();
        if let Some(n) = self.n {
            let meaning = "expected number of real eigenvalues of a real Gaussian matrix of this size, exact";
            facts.push(Fact::new("expected_real_eigenvalues", expected_real_eigenvalues(n), meaning));
            if let Some(radius) = GinibreRadius::new(n).ok().and_then(|law| law.moment(1)) {
                let meaning = "mean spectral radius of a complex Gaussian matrix of this size, exact: 1 in the limit";
                facts.push(Fact::new("complex_ginibre_mean_spectral_radius", radius, meaning));
            }
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Closed forms of small matrices: 1, sqrt 2, 1 + sqrt(2)/2, 11 sqrt(2)/8, 1 + 13 sqrt(2)/16.
    #[test]
    fn small_matrices_have_known_numbers_of_real_eigenvalues() {
        let exact = [0.0, 1.0, SQRT_2, 1.0 + SQRT_2 / 2.0, 11.0 * SQRT_2 / 8.0, 1.0 + 13.0 * SQRT_2 / 16.0];
        for (n, exact) in exact.into_iter().enumerate() {
            assert!((expected_real_eigenvalues(n) - exact).abs() < 1e-15, "{n}");
        }
    }

    #[test]
    fn the_series_takes_over_where_it_is_exact() {
        for n in [9_999, 10_000] {
            let size = n as f64;
            let series = 0.5 + (2.0 * size / PI).sqrt() * (1.0 - 3.0 / (8.0 * size) - 3.0 / (128.0 * size * size));
            assert!((expected_real_eigenvalues(n) / series - 1.0).abs() < 2e-13);
        }
        // Beyond rounding: at n = 40 the next term is of order n^-4.
        let size = 40.0;
        let series = 1.0 - 3.0 / (8.0 * size) - 3.0 / (128.0 * size * size) + 27.0 / (1024.0 * size * size * size);
        assert!((expected_real_eigenvalues(40) - 0.5 - (2.0 * size / PI).sqrt() * series).abs() < 1e-6);
    }

    #[test]
    fn ends_and_nonsense() {
        let law = Circular::new();
        assert_eq!((law.pdf(-0.1), law.pdf(1.1), law.cdf(-0.1), law.cdf(1.1)), (0.0, 0.0, 0.0, 1.0));
        assert_eq!((law.survival(2.0), law.survival(-2.0), law.quantile(0.25)), (0.0, 1.0, 0.5));
        assert!(law.pdf(f64::NAN).is_nan() && law.cdf(f64::NAN).is_nan() && law.quantile(f64::NAN).is_nan());
        assert!(Circular::of_size(0).is_err() && law.facts().is_empty());
        assert_eq!(Circular::of_size(7).expect("allowed").facts().len(), 2);
        // Too large for the exact radius, not for the rest.
        assert_eq!(Circular::of_size(usize::MAX).expect("allowed").facts().len(), 1);
    }
}
