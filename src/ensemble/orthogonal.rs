//! Haar orthogonal matrices.

use nalgebra::DMatrix;
use rand_chacha::ChaCha8Rng;

use super::{Ensemble, Gaussian};
use crate::linalg::{LinalgError, orthonormal_columns};

/// A Haar distributed orthogonal matrix times a scale; rectangular ones have orthonormal columns (tall) or rows (wide).
///
/// # Formula
///
/// `W = std sqrt(max(m, n)) Q` for an m x n matrix, Q from the sign-corrected QR decomposition of a Gaussian matrix (of its
/// transpose if m < n). Every entry has mean square `std^2`; with `std = sigma_w / sqrt(n)` a square W is `sigma_w Q`, and
/// all singular values are equal.
#[derive(Debug, Clone, Copy)]
pub struct Orthogonal;

impl Ensemble for Orthogonal {
    fn name(&self) -> &'static str {
        "orthogonal"
    }

    fn limiting_law(&self) -> &'static str {
        "one point"
    }

    fn excess_kurtosis(&self) -> f64 {
        0.0
    }

    fn independent_entries(&self) -> bool {
        false
    }

    fn quantile(&self, _probability: f64) -> Option<f64> {
        None
    }

    fn fill(&self, matrix: &mut DMatrix<f64>, std: f64, generator: &mut ChaCha8Rng) -> Result<(), LinalgError> {
        let (rows, columns) = matrix.shape();
        let (long, short) = (rows.max(columns), rows.min(columns));
        let q = orthonormal_columns(Gaussian.sample(long, short, 1.0, generator)?)?;
        let scaled = q * (std * (long as f64).sqrt());
        if rows < columns {
            scaled.transpose_to(matrix);
        } else {
            matrix.copy_from(&scaled);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::singular_values;
    use crate::stats::{Estimate, Stream};

    #[test]
    fn singular_values_are_all_equal() {
        for (rows, columns) in [(6, 6), (9, 4), (4, 9)] {
            let mut generator = Stream::new(5, "orthogonal").layer(0);
            let std = 1.3 / (rows.max(columns) as f64).sqrt();
            let w = Orthogonal.sample(rows, columns, std, &mut generator).expect("small");
            for value in singular_values(w).expect("finite") {
                assert!((value - 1.3).abs() < 1e-14);
            }
        }
    }

    /// The sign correction makes the trace of a 3 x 3 Haar matrix centred: E tr Q = 0, and E (tr Q)^2 = 1. n = 4,000,
    /// z-tests at alpha = 1e-4, seed 6. Control: LAPACK's own signs are refuted.
    #[test]
    fn the_signs_are_haar() {
        let traces = |undo: bool| -> Vec<f64> {
            (0..4000)
                .map(|trial| {
                    let mut generator = Stream::new(6, "haar").trial(trial).layer(0);
                    let gaussian = Gaussian.sample(3, 3, 1.0, &mut generator).expect("no LAPACK involved");
                    if undo {
                        use nalgebra_lapack::{QR, QrDecomposition};
                        QR::new(gaussian).expect("square").q().trace()
                    } else {
                        orthonormal_columns(gaussian).expect("square").trace()
                    }
                })
                .collect()
        };
        let z = |values: &[f64], expected: f64| {
            let estimate = Estimate::of_mean(values).expect("4000 values");
            (estimate.value - expected) / estimate.standard_error
        };
        let haar = traces(false);
        assert!(z(&haar, 0.0).abs() < 3.9);
        assert!(z(&haar.iter().map(|trace| trace * trace).collect::<Vec<_>>(), 1.0).abs() < 3.9);
        assert!(z(&traces(true), 0.0).abs() > 3.9, "control");
    }
}
