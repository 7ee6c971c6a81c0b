//! Matrices with the same number of zeros in every column.

use nalgebra::DMatrix;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::{Ensemble, EnsembleError};
use crate::linalg::LinalgError;

/// Gaussian entries of which `k = ceil(s rows)` in every column are zero, at random places; of mean square `std^2`.
///
/// # Formula
///
/// `W_ij = std / sqrt(1 - k/rows) B_ij Z_ij`: every column of B has k zeros, uniformly placed, and the columns are independent. A column
/// keeps at least one entry, so that a mean square exists.
///
/// Entries of a row are independent; those of a column share their number of zeros, and their squares are correlated by O(1/rows). The
/// kernels of a wide network notice neither that nor its fluctuations to leading order, and the ensemble counts as one of independent
/// entries. Excess kurtosis `3/(1 - s) - 3` for many rows. Singular values: Marchenko-Pastur.
///
/// # Domain
///
/// `0 <= s < 1`.
///
/// # Source
///
/// `torch.nn.init.sparse_`; Martens, Deep learning via Hessian-free optimization, ICML 2010.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SparseColumns {
    sparsity: f64,
}

impl SparseColumns {
    /// With the given share of zeros in every column.
    ///
    /// # Errors
    ///
    /// [`EnsembleError::OutOfRange`] outside [0, 1).
    pub fn new(sparsity: f64) -> Result<Self, EnsembleError> {
        if (0.0..1.0).contains(&sparsity) {
            return Ok(Self { sparsity });
        }
        Err(EnsembleError::OutOfRange {
            name: "sparse_columns",
            parameter: "sparsity",
            value: sparsity,
            range: "from 0 and below 1: the share of zeros in every column",
        })
    }

    /// Zeros in a column of `rows` entries: `ceil(sparsity rows)`, which may be all of them.
    pub fn zeros(&self, rows: usize) -> usize {
        (self.sparsity * rows as f64).ceil() as usize
    }
}

impl Ensemble for SparseColumns {
    fn name(&self) -> &'static str {
        "sparse_columns"
    }

    fn spelling(&self) -> String {
        format!("sparse_columns({})", self.sparsity)
    }

    fn limiting_law(&self) -> &'static str {
        "Marchenko-Pastur"
    }

    fn excess_kurtosis(&self) -> f64 {
        3.0 / (1.0 - self.sparsity) - 3.0
    }

    fn independent_entries(&self) -> bool {
        true
    }

    fn quantile(&self, probability: f64) -> Option<f64> {
        Some(super::sparse::quantile(probability, 1.0 - self.sparsity))
    }

    fn quantile_breaks(&self) -> Vec<f64> {
        super::decades_of(0.5 * (1.0 - self.sparsity))
    }

    fn fill(&self, matrix: &mut DMatrix<f64>, std: f64, generator: &mut ChaCha8Rng) -> Result<(), LinalgError> {
        let rows = matrix.nrows();
        let zeros = self.zeros(rows).min(rows.saturating_sub(1));
        let scale = std / (1.0 - zeros as f64 / rows.max(1) as f64).sqrt();
        for mut column in matrix.column_iter_mut() {
            for entry in column.iter_mut() {
                let standard: f64 = StandardNormal.sample(generator);
                *entry = scale * standard;
            }
            for row in index::sample(generator, rows, zeros) {
                column[row] = 0.0;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{critical_distance, distance, z_of_count};
    use super::*;
    use crate::stats::{Stream, normal_tail};

    #[test]
    fn the_sparsity_is_checked() {
        for sparsity in [f64::NAN, 1.0, -0.1] {
            let message = SparseColumns::new(sparsity).expect_err("out of range").to_string();
            assert!(message.contains("it must be from 0 and below 1"), "{message}");
        }
    }

    /// `torch.nn.init.sparse_` (PyTorch 2.15) leaves ceil(0.1 30) = 3, ceil(0.25 30) = 8 and ceil(0.9 7) = 7 zeros in a column.
    #[test]
    fn every_column_has_as_many_zeros_as_pytorch_makes() {
        let zeros = |sparsity, rows| SparseColumns::new(sparsity).expect("in range").zeros(rows);
        assert_eq!([zeros(0.1, 30), zeros(0.25, 30), zeros(0.9, 7), zeros(0.0, 7)], [3, 8, 7, 0]);
        let draw = |rows| {
            let law = SparseColumns::new(0.9).expect("in range");
            law.sample(rows, 20, 1.0, &mut Stream::new(25, "columns").layer(0)).expect("no LAPACK involved")
        };
        // Seven zeros in seven rows would leave nothing.
        for (rows, expected) in [(30, 27), (7, 6), (1, 0)] {
            for column in draw(rows).column_iter() {
                assert_eq!(column.iter().filter(|entry| **entry == 0.0).count(), expected);
            }
        }
    }

    /// n = 20,000 entries in columns of 50, half of them zero, alpha = 1e-4, seed 25: a z-test of the zeros in the first row, n = 400
    /// columns (control: probability 0.62), and Kolmogorov-Smirnov of the others against N(0, 2) (control: scaled by 1.2).
    #[test]
    fn zeros_are_anywhere_and_the_rest_is_gaussian() {
        let law = SparseColumns::new(0.5).expect("in range");
        let w = law.sample(50, 400, 1.0, &mut Stream::new(25, "columns").layer(0)).expect("no LAPACK involved");
        let in_the_first_row = w.row(0).iter().filter(|entry| **entry == 0.0).count();
        assert!(z_of_count(in_the_first_row, 400, 0.5).abs() < 3.89);
        assert!(z_of_count(in_the_first_row, 400, 0.62).abs() > 3.89, "control");
        let others: Vec<f64> = w.iter().copied().filter(|entry| *entry != 0.0).collect();
        let normal = |scale: f64| move |x: f64| 1.0 - normal_tail(scale * x * 0.5_f64.sqrt());
        assert!(distance(&others, normal(1.0)) < critical_distance(others.len()));
        assert!(distance(&others, normal(1.2)) > critical_distance(others.len()), "control");
    }
}
