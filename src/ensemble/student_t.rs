//! Independent entries with power-law tails.

use nalgebra::DMatrix;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StudentT as Standard};

use super::{Ensemble, EnsembleError};
use crate::linalg::LinalgError;
use crate::stats::student_quantile;

/// Independent entries from Student's t distribution with nu degrees of freedom, scaled to variance `std^2`.
///
/// # Formula
///
/// ```text
/// W = std sqrt((nu - 2) / nu) T
/// density of T   Gamma((nu + 1)/2) / (sqrt(nu pi) Gamma(nu/2)) (1 + t^2/nu)^(-(nu + 1)/2)
/// ```
///
/// `P(|T| > t)` falls like `t^(-nu)`: moments of order nu and above do not exist. Excess kurtosis `6 / (nu - 4)` above nu = 4, infinite
/// up to there. Singular values: the Marchenko-Pastur law needs the variance only; the largest one converges to its edge above
/// nu = 4 and leaves any bound below.
///
/// # Domain
///
/// `nu > 2`: up to there the variance is infinite.
///
/// # Source
///
/// Student (1908). Largest singular value and fourth moment: Bai, Silverstein and Yin, J. Multivariate Anal. 26 (1988), 166-168.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StudentT {
    nu: f64,
    standard: Standard<f64>,
}

impl StudentT {
    /// With `nu` degrees of freedom.
    ///
    /// # Errors
    ///
    /// [`EnsembleError::OutOfRange`] unless `2 < nu`, finite.
    pub fn new(nu: f64) -> Result<Self, EnsembleError> {
        let out_of_range = EnsembleError::OutOfRange {
            name: "student_t",
            parameter: "nu",
            value: nu,
            range: "finite and above 2, where the variance exists",
        };
        if !(nu.is_finite() && nu > 2.0) {
            return Err(out_of_range);
        }
        Standard::new(nu).map(|standard| Self { nu, standard }).map_err(|_| out_of_range)
    }

    /// Standard deviation 1.
    fn scale(&self) -> f64 {
        ((self.nu - 2.0) / self.nu).sqrt()
    }
}

impl Ensemble for StudentT {
    fn name(&self) -> &'static str {
        "student_t"
    }

    fn spelling(&self) -> String {
        format!("student_t({})", self.nu)
    }

    fn limiting_law(&self) -> &'static str {
        "Marchenko-Pastur"
    }

    fn excess_kurtosis(&self) -> f64 {
        if self.nu > 4.0 { 6.0 / (self.nu - 4.0) } else { f64::INFINITY }
    }

    fn independent_entries(&self) -> bool {
        true
    }

    fn quantile(&self, probability: f64) -> Option<f64> {
        Some(self.scale() * student_quantile(probability, self.nu))
    }

    fn quantile_breaks(&self) -> Vec<f64> {
        super::decades_of(0.5)
    }

    fn fill(&self, matrix: &mut DMatrix<f64>, std: f64, generator: &mut ChaCha8Rng) -> Result<(), LinalgError> {
        let scale = std * self.scale();
        for entry in matrix.as_mut_slice() {
            *entry = scale * self.standard.sample(generator);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use statrs::distribution::{ContinuousCDF, StudentsT};

    use super::super::test_support::{critical_distance, distance, entries};
    use super::*;

    #[test]
    fn nu_is_checked() {
        for nu in [f64::NAN, f64::INFINITY, 2.0, 0.0, -5.0] {
            let message = StudentT::new(nu).expect_err("out of range").to_string();
            assert!(message.contains("it must be finite and above 2"), "{message}");
        }
        assert_eq!(StudentT::new(4.0).expect("in range").excess_kurtosis(), f64::INFINITY);
        assert_eq!(StudentT::new(5.0).expect("in range").excess_kurtosis(), 6.0);
        assert_eq!(StudentT::new(5.0).expect("in range").spelling(), "student_t(5)");
    }

    /// t table: the 0.975 quantile at 5 degrees of freedom is 2.570582, of unit variance 2.570582 sqrt(3/5). Far out, t^(-5) with the
    /// density's constant: P(T > t) = 5^(3/2) 8 / (3 pi) / t^5 (1 + O(t^-2)).
    #[test]
    fn quantiles_are_those_of_the_table_and_of_the_tail() {
        let law = StudentT::new(5.0).expect("in range");
        let quantile = |p| law.quantile(p).expect("independent entries") / 0.6_f64.sqrt();
        assert!((quantile(0.975) - 2.570_581_836).abs() < 1e-8);
        for p in [1e-12_f64, 1e-24] {
            let tail = (8.0 / (3.0 * std::f64::consts::PI) * 5f64.powf(1.5) / p).powf(0.2);
            assert!((quantile(p) / -tail - 1.0).abs() < 10.0 / (tail * tail) + 1e-9, "{p}: {} {tail}", quantile(p));
        }
    }

    /// Kolmogorov-Smirnov at 3 and 5 degrees of freedom: n = 20,000, alpha = 1e-4, seed 23; against a normal distribution of the same
    /// variance they are refuted.
    #[test]
    fn entries_have_students_distribution() {
        for nu in [3.0, 5.0] {
            let law = StudentT::new(nu).expect("in range");
            let w = entries(&law, 23);
            let known = StudentsT::new(0.0, 1.0, nu).expect("in range");
            assert!(distance(&w, |x| known.cdf(x / law.scale())) < critical_distance(w.len()));
            assert!(distance(&w, |x| 1.0 - crate::stats::normal_tail(x)) > critical_distance(w.len()), "control");
        }
    }
}
