//! Independent Gaussian entries.

use nalgebra::DMatrix;
use rand_chacha::ChaCha8Rng;
use rand_distr::{ChiSquared, Distribution, StandardNormal};

use super::Ensemble;
use crate::linalg::{LinalgError, bidiagonal_singular_values};

/// Independent entries N(0, std^2): the real Ginibre ensemble. Singular values: Marchenko-Pastur; eigenvalues: circular law.
#[derive(Debug, Clone, Copy)]
pub struct Gaussian;

impl Ensemble for Gaussian {
    fn name(&self) -> &'static str {
        "gaussian"
    }

    fn limiting_law(&self) -> &'static str {
        "Marchenko-Pastur"
    }

    fn excess_kurtosis(&self) -> f64 {
        0.0
    }

    fn independent_entries(&self) -> bool {
        true
    }

    fn quantile(&self, probability: f64) -> Option<f64> {
        Some(crate::stats::normal_quantile(probability))
    }

    fn fill(&self, matrix: &mut DMatrix<f64>, std: f64, generator: &mut ChaCha8Rng) -> Result<(), LinalgError> {
        for entry in matrix.as_mut_slice() {
            let standard: f64 = StandardNormal.sample(generator);
            *entry = std * standard;
        }
        Ok(())
    }

    fn triangular_factor(
        &self,
        rows: usize,
        columns: usize,
        std: f64,
        generator: &mut ChaCha8Rng,
    ) -> Option<DMatrix<f64>> {
        Some(bartlett_factor(rows, columns, std, generator))
    }
}

/// Triangular factor R of the QR decomposition of a `rows x columns` matrix with independent entries N(0, std^2), without the matrix.
///
/// # Formula
///
/// R is min(rows, columns) x columns, all entries independent: `R_ii / std ~ chi_{rows - i + 1}` (i from 1), `R_ij / std ~ N(0, 1)` for
/// `i < j`, zero below the diagonal. `R^T R` is a Wishart matrix.
///
/// # Source
///
/// Bartlett, Proc. R. Soc. Edinburgh 53, 260 (1933).
pub fn bartlett_factor(rows: usize, columns: usize, std: f64, generator: &mut ChaCha8Rng) -> DMatrix<f64> {
    let height = rows.min(columns);
    let mut r = DMatrix::zeros(height, columns);
    for (j, column) in r.as_mut_slice().chunks_mut(height.max(1)).enumerate() {
        for entry in &mut column[..j.min(height)] {
            let standard: f64 = StandardNormal.sample(generator);
            *entry = std * standard;
        }
        if j < height {
            column[j] = std * chi(rows - j, generator);
        }
    }
    r
}

/// A chi variable: the norm of `degrees` (at least 1) independent standard normals.
fn chi(degrees: usize, generator: &mut ChaCha8Rng) -> f64 {
    let law = ChiSquared::new(degrees as f64).expect("callers have at least one degree of freedom");
    law.sample(generator).sqrt()
}

/// The singular values of one `rows x columns` matrix with independent entries N(0, std^2), drawn in O(n^2) operations, n = min(rows, columns).
///
/// # Formula
///
/// With m >= n the two sizes, they have the law of the singular values of the n x n bidiagonal matrix
///
/// ```text
/// diagonal std chi_m, std chi_{m-1}, ..., std chi_{m-n+1};    superdiagonal std chi_{n-1}, ..., std chi_1
/// ```
///
/// with independent chi variables. Descending; every value to high relative accuracy.
///
/// # Errors
///
/// [`LinalgError::Info`] if LAPACK fails.
///
/// # Source
///
/// Silverstein, Ann. Probab. 13, 1364 (1985); Dumitriu and Edelman, J. Math. Phys. 43, 5830 (2002), beta = 1.
pub fn gaussian_singular_values(
    rows: usize,
    columns: usize,
    std: f64,
    generator: &mut ChaCha8Rng,
) -> Result<Vec<f64>, LinalgError> {
    let (m, n) = (rows.max(columns), rows.min(columns));
    let diagonal = (0..n).map(|i| std * chi(m - i, generator)).collect();
    let superdiagonal = (1..n).rev().map(|degrees| std * chi(degrees, generator)).collect();
    bidiagonal_singular_values(diagonal, superdiagonal)
}

/// `ln |W_L ... W_1 x|^2` for a unit vector x and Gaussian factors, drawn without a matrix: O(L) operations whatever the widths.
///
/// # Formula
///
/// `widths` are n_0, n_1, ..., n_L; W_l has entries N(0, sigma_w^2 / n_{l-1}). Exactly, for any L and widths,
///
/// ```text
/// |W_L ... W_1 x|^2 = prod_l (sigma_w^2 / n_{l-1}) chi^2_{n_l}
/// ```
///
/// with independent chi-square variables; the logarithm does not leave the range of f64 at any depth. A width of 0 gives `-inf`.
///
/// # Source
///
/// Newman, Commun. Math. Phys. 103, 121 (1986); Cohen and Newman, Ann. Probab. 12, 283 (1984).
pub fn gaussian_log_square(widths: &[usize], sigma_w: f64, generator: &mut ChaCha8Rng) -> f64 {
    let factor = |pair: &[usize]| match ChiSquared::new(pair[1] as f64) {
        Ok(law) if pair[0] > 0 => (sigma_w * sigma_w / pair[0] as f64).ln() + law.sample(generator).ln(),
        _ => f64::NEG_INFINITY,
    };
    widths.windows(2).map(factor).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{Stream, normal_tail};

    /// Kolmogorov-Smirnov against N(0, 1): n = 20,000 independent entries, alpha = 1e-4, seed 3; the same entries scaled by
    /// 1.10 (KS distance 0.023 against a critical 0.0157) are refuted.
    #[test]
    fn entries_are_standard_normal() {
        let mut generator = Stream::new(3, "gaussian entries").layer(0);
        let w = Gaussian.sample(200, 100, 1.0, &mut generator).expect("no LAPACK involved");
        let distance = |scale: f64| {
            let mut entries: Vec<f64> = w.iter().map(|entry| scale * entry).collect();
            entries.sort_by(f64::total_cmp);
            let n = entries.len() as f64;
            entries
                .iter()
                .enumerate()
                .map(|(i, x)| {
                    let cdf = 1.0 - normal_tail(*x);
                    (cdf - i as f64 / n).abs().max((cdf - (i + 1) as f64 / n).abs())
                })
                .fold(0.0, f64::max)
        };
        let critical = (0.5 * (2.0 / 1e-4_f64).ln() / 20_000.0).sqrt();
        assert!(distance(1.0) < critical);
        assert!(distance(1.10) > critical, "control");
    }

    #[test]
    fn first_entries_are_pinned() {
        let mut generator = Stream::new(1, "pinned").layer(0);
        let w = Gaussian.sample(2, 1, 1.0, &mut generator).expect("no LAPACK involved");
        assert_eq!(w.as_slice(), [-0.371_253_897_251_392_6, -1.339_214_021_017_736_8]);
    }
}
