//! Products of matrices of which only the triangular factors are known.

use nalgebra::DMatrix;

use super::super::LinalgError;
use super::banded::Banded;
use super::graded_qr::nearly_descending;
use super::product::Sizes;
use super::spectrum::LogSingularValues;
use super::wide::{Wide, power_of_two};

/// The singular values of a product `W_L ... W_1` of independent random matrices whose law does not change under rotations from the right,
/// from their triangular factors alone.
///
/// # Formula
///
/// With `W_{l-1} ... W_1 = Q D T` as in [`super::Chain`], `W_l Q P` has the law of k columns of `W_l`, whatever the orthonormal Q (which
/// depends on the factors before) and the order P of its columns (that in which D descends). So its QR decomposition `Q' R` has an R that
/// can be drawn without a matrix to decompose, and Q' is never asked for:
///
/// ```text
/// D' = diag(R) P^T D P,    T' = D'^-1 R (P^T D P) (P^T T)
/// ```
///
/// Products over all depths have the right joint law, too. A step costs n^3/3 multiplications of triangular matrices, where
/// [`super::Chain`] takes about 7 n^3 for multiplications and decompositions.
///
/// # Accuracy
///
/// That of [`super::Chain`] for the same grading: D enters no sum.
#[derive(Debug, Clone)]
pub struct TriangularChain {
    rows: usize,
    columns: usize,
    /// `None` stands for the identity.
    sizes: Option<Sizes>,
    steps: usize,
}

/// Steps after which the rows of T are brought back to order 1: they grow by a factor of order 1 a step.
const NORMALISE: usize = 8;

impl TriangularChain {
    /// The empty product: the identity of size `columns`.
    pub fn new(columns: usize) -> Self {
        Self { rows: columns, columns, sizes: None, steps: 0 }
    }

    /// Columns of the next factor that are in use, k: the rank so far.
    pub fn rank(&self) -> usize {
        self.sizes.as_ref().map_or(self.columns, |sizes| sizes.d.len())
    }

    /// Multiplies by a factor of `rows` rows, given by the R of its first [`rank`](Self::rank) columns: min(rows, k) x k, upper triangular
    /// with a positive diagonal.
    ///
    /// # Errors
    ///
    /// [`LinalgError::NotChained`] for another shape; [`LinalgError::NotFinite`] for NaN, infinities, or a diagonal that is not positive.
    pub fn push(&mut self, rows: usize, r: DMatrix<f64>) -> Result<(), LinalgError> {
        let (height, width) = r.shape();
        let rank = self.rank();
        if width != rank || height != rows.min(rank) {
            return Err(LinalgError::NotChained { rows: height, columns: width, expected: rank });
        }
        let regular = r.iter().map(|entry| entry * 0.0).sum::<f64>() == 0.0 && (0..height).all(|i| r[(i, i)] > 0.0);
        if !regular {
            return Err(LinalgError::NotFinite { rows: height, columns: width });
        }
        let Sizes { d: mut before, mut t } = match self.sizes.take() {
            Some(sizes) => sizes,
            None => Sizes { d: vec![Wide::ONE; rank], t: Banded::upper_triangular(DMatrix::identity(rank, rank)) },
        };
        // `R P^T D T = R (P^T D P) (P^T T)`: with its rows in the order of D, T takes a triangular factor.
        let order = nearly_descending(&before);
        if !order.is_sorted() {
            before = order.iter().map(|&i| before[i]).collect();
            t.permute_rows(&order);
        }
        let d: Vec<Wide> =
            before.iter().enumerate().take(height).map(|(i, &size)| Wide::new(r[(i, i)]) * size).collect();
        let mut u = r;
        let inverse: Vec<(f64, i64)> = d.iter().map(|d| (1.0 / d.mantissa(), d.exponent())).collect();
        for (j, mut column) in u.column_iter_mut().enumerate() {
            let (mantissa, exponent) = (before[j].mantissa(), before[j].exponent());
            for (entry, (inverse, own)) in column.iter_mut().zip(&inverse).take(j + 1) {
                *entry *= mantissa * inverse * power_of_two(exponent - own);
            }
        }
        let mut sizes = if height == width {
            t.multiply_by_triangular(&u);
            Sizes { d, t }
        } else {
            Sizes { d, t: Banded::upper_triangular(u).times(&t) }
        };
        self.steps += 1;
        if self.steps.is_multiple_of(NORMALISE) {
            sizes = Sizes::new(sizes.d, sizes.t);
        }
        self.sizes = Some(sizes);
        self.rows = rows;
        Ok(())
    }

    /// All singular values of the product so far.
    ///
    /// # Errors
    ///
    /// As [`super::Chain::log_singular_values`].
    pub fn log_singular_values(&self) -> Result<LogSingularValues, LinalgError> {
        let values = match &self.sizes {
            None => vec![0.0; self.columns],
            Some(sizes) => {
                let sizes = Sizes::new(sizes.d.clone(), sizes.t.clone());
                sizes.singular_values()?.into_iter().map(Wide::ln).collect()
            }
        };
        Ok(LogSingularValues::padded(values, self.rows.min(self.columns)))
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::dmatrix;

    use super::super::tests::{Draws, spectrum};
    use super::*;

    /// Of triangular factors that descend, the order of columns never changes, and the product is that of the matrices themselves.
    #[test]
    fn descending_factors_are_multiplied_as_they_are() {
        let mut draws = Draws(70);
        let factors: Vec<DMatrix<f64>> = (0..40)
            .map(|_| {
                let full = draws.matrix(9, 9);
                DMatrix::from_fn(9, 9, |i, j| match i.cmp(&j) {
                    std::cmp::Ordering::Less => full[(i, j)] * 0.1 * 2f64.powi(-(i as i32)),
                    std::cmp::Ordering::Equal => (1.0 + 0.1 * full[(i, j)].abs().min(1.0)) * 2f64.powi(-(i as i32)),
                    std::cmp::Ordering::Greater => 0.0,
                })
            })
            .collect();
        let mut chain = TriangularChain::new(9);
        factors.iter().for_each(|r| chain.push(9, r.clone()).expect("upper triangular"));
        let (got, expected) = (chain.log_singular_values().expect("converges"), spectrum(&factors));
        assert!(got.values().iter().zip(expected.values()).all(|(a, b)| (a - b).abs() < 1e-11), "{got:?} {expected:?}");
    }

    #[test]
    fn shapes_and_diagonals_are_checked() {
        let mut chain = TriangularChain::new(3);
        assert_eq!(chain.log_singular_values().expect("identity").values(), [0.0; 3]);
        chain.push(2, dmatrix![3.0, 0.0, 0.0; 0.0, 2.0, 0.0]).expect("wide");
        assert_eq!((chain.rank(), chain.log_singular_values().expect("diagonal").values().len()), (2, 2));
        assert!(matches!(chain.push(2, DMatrix::identity(3, 3)), Err(LinalgError::NotChained { expected: 2, .. })));
        assert!(matches!(chain.push(2, dmatrix![1.0, 0.0; 0.0, -1.0]), Err(LinalgError::NotFinite { .. })));
        chain.push(5, DMatrix::identity(2, 2)).expect("tall");
        let values = chain.log_singular_values().expect("diagonal");
        assert_eq!((values.values().len(), values.rank()), (3, 2));
        assert!((values.values()[0] - 3f64.ln()).abs() < 1e-15);
    }
}
