//! Matrices most of whose entries are zero.

use nalgebra::DMatrix;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Bernoulli, Distribution, StandardNormal};

use super::{Ensemble, EnsembleError};
use crate::linalg::LinalgError;
use crate::stats::normal_quantile;

/// Independent entries, each Gaussian with probability d (the density) and else zero, of variance `std^2`.
///
/// # Formula
///
/// `W = std / sqrt(d) B Z` with B Bernoulli(d) and Z standard normal, independent. Excess kurtosis `3/d - 3`. Singular values:
/// Marchenko-Pastur at fixed density.
///
/// # Domain
///
/// `0 < d <= 1`; `d = 1` is the Gaussian ensemble.
///
/// # Source
///
/// Definition of a sparse random matrix as in Wood, Ann. Appl. Probab. 22 (2012), 1266-1300.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sparse {
    density: f64,
    present: Bernoulli,
}

impl Sparse {
    /// With the given probability of an entry that is not zero.
    ///
    /// # Errors
    ///
    /// [`EnsembleError::OutOfRange`] outside (0, 1].
    pub fn new(density: f64) -> Result<Self, EnsembleError> {
        let out_of_range = EnsembleError::OutOfRange {
            name: "sparse",
            parameter: "density",
            value: density,
            range: "above 0 and at most 1: the share of entries that are not zero",
        };
        if density.is_nan() || density <= 0.0 {
            return Err(out_of_range);
        }
        Bernoulli::new(density).map(|present| Self { density, present }).map_err(|_| out_of_range)
    }
}

impl Ensemble for Sparse {
    fn name(&self) -> &'static str {
        "sparse"
    }

    fn spelling(&self) -> String {
        format!("sparse({})", self.density)
    }

    fn limiting_law(&self) -> &'static str {
        "Marchenko-Pastur"
    }

    fn excess_kurtosis(&self) -> f64 {
        3.0 / self.density - 3.0
    }

    fn independent_entries(&self) -> bool {
        true
    }

    fn quantile(&self, probability: f64) -> Option<f64> {
        Some(quantile(probability, self.density))
    }

    fn quantile_breaks(&self) -> Vec<f64> {
        super::decades_of(0.5 * self.density)
    }

    fn fill(&self, matrix: &mut DMatrix<f64>, std: f64, generator: &mut ChaCha8Rng) -> Result<(), LinalgError> {
        let scale = std / self.density.sqrt();
        for entry in matrix.as_mut_slice() {
            *entry = if self.present.sample(generator) {
                let standard: f64 = StandardNormal.sample(generator);
                scale * standard
            } else {
                0.0
            };
        }
        Ok(())
    }
}

/// Quantile of an entry that is N(0, 1/d) with probability d and else zero.
pub(super) fn quantile(probability: f64, density: f64) -> f64 {
    let half = 0.5 * density;
    if probability < half {
        normal_quantile(probability / density) / density.sqrt()
    } else if probability > 1.0 - half {
        -normal_quantile((1.0 - probability) / density) / density.sqrt()
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{critical_distance, distance, entries, z_of_count};
    use super::*;
    use crate::stats::normal_tail;

    #[test]
    fn the_density_is_checked() {
        for density in [f64::NAN, f64::INFINITY, 0.0, -0.1, 1.1] {
            let message = Sparse::new(density).expect_err("out of range").to_string();
            assert!(message.contains("it must be above 0 and at most 1"), "{message}");
        }
        assert_eq!(Sparse::new(1.0).expect("in range").excess_kurtosis(), 0.0);
        assert_eq!(Sparse::new(0.1).expect("in range").spelling(), "sparse(0.1)");
    }

    #[test]
    fn quantiles_are_zero_in_the_middle_and_gaussian_outside() {
        let quantile = |p| Sparse::new(0.25).expect("in range").quantile(p).expect("independent entries");
        assert_eq!([quantile(0.125), quantile(0.5), quantile(0.875)], [0.0; 3]);
        // P(W < -2) = 0.25 P(Z < -1).
        let p = 0.25 * normal_tail(1.0);
        assert!((quantile(p) + 2.0).abs() < 1e-9 && (quantile(1.0 - p) - 2.0).abs() < 1e-9);
    }

    /// n = 20,000, density 0.3, alpha = 1e-4, seed 24: a z-test of the number of zeros (control: density 0.32) and Kolmogorov-Smirnov
    /// of the others against N(0, 1/0.3) (control: scaled by 1.2).
    #[test]
    fn zeros_are_as_many_as_stated_and_the_rest_is_gaussian() {
        let w = entries(&Sparse::new(0.3).expect("in range"), 24);
        let others: Vec<f64> = w.iter().copied().filter(|entry| *entry != 0.0).collect();
        assert!(z_of_count(others.len(), w.len(), 0.3).abs() < 3.89);
        assert!(z_of_count(others.len(), w.len(), 0.32).abs() > 3.89, "control");
        let normal = |scale: f64| move |x: f64| 1.0 - normal_tail(scale * x * 0.3_f64.sqrt());
        assert!(distance(&others, normal(1.0)) < critical_distance(others.len()));
        assert!(distance(&others, normal(1.2)) > critical_distance(others.len()), "control");
    }
}
