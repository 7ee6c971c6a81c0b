//! Independent random signs.

use nalgebra::DMatrix;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardUniform};

use super::Ensemble;
use crate::linalg::LinalgError;

/// Independent entries `std` or `-std`, each with probability 1/2.
///
/// Variance `std^2`; the smallest kurtosis there is: excess -2. Singular values: Marchenko-Pastur (Marchenko and Pastur 1967; the law
/// only needs the variance).
#[derive(Debug, Clone, Copy)]
pub struct Rademacher;

impl Ensemble for Rademacher {
    fn name(&self) -> &'static str {
        "rademacher"
    }

    fn limiting_law(&self) -> &'static str {
        "Marchenko-Pastur"
    }

    fn excess_kurtosis(&self) -> f64 {
        -2.0
    }

    fn independent_entries(&self) -> bool {
        true
    }

    fn quantile(&self, probability: f64) -> Option<f64> {
        Some(if probability < 0.5 { -1.0 } else { 1.0 })
    }

    fn fill(&self, matrix: &mut DMatrix<f64>, std: f64, generator: &mut ChaCha8Rng) -> Result<(), LinalgError> {
        for entry in matrix.as_mut_slice() {
            let positive: bool = StandardUniform.sample(generator);
            *entry = if positive { std } else { -std };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{entries, z_of_count};
    use super::*;

    /// z-tests at alpha = 1e-4 (3.89): n = 20,000, seed 22. As many signs of either kind, and of neighbours that agree. Controls: the
    /// same counts against a probability of 0.53.
    #[test]
    fn signs_are_fair_and_independent() {
        let w = entries(&Rademacher, 22);
        assert!(w.iter().all(|entry| entry.abs() == 1.0));
        let positive = w.iter().filter(|entry| **entry > 0.0).count();
        let agree = w.chunks_exact(2).filter(|pair| pair[0] == pair[1]).count();
        for (count, n) in [(positive, w.len()), (agree, w.len() / 2)] {
            assert!(z_of_count(count, n, 0.5).abs() < 3.89);
            assert!(z_of_count(count, n, 0.53).abs() > 3.89, "control");
        }
    }
}
