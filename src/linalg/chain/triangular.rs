//! Products of matrices of which only the triangular factors are known.

use nalgebra::DMatrix;

use super::super::LinalgError;
use super::banded::Banded;
use super::graded_qr::descending;
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
/// D' = diag(R) P^T D P,    T' = D'^-1 R P^T D T
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
}

impl TriangularChain {
    /// The empty product: the identity of size `columns`.
    pub fn new(columns: usize) -> Self {
        Self { rows: columns, columns, sizes: None }
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
        let regular = r.iter().all(|entry| entry.is_finite()) && (0..height).all(|i| r[(i, i)] > 0.0);
        if !regular {
            return Err(LinalgError::NotFinite { rows: height, columns: width });
        }
        let before = match &self.sizes {
            Some(sizes) => sizes.d.as_slice(),
            None => &vec![Wide::ONE; rank],
        };
        let order = descending(before, 1.0);
        let d: Vec<Wide> = (0..height).map(|i| Wide::new(r[(i, i)]) * before[order[i]]).collect();
        let mut u = DMatrix::zeros(height, width);
        for (j, &column) in order.iter().enumerate() {
            let weight = before[column];
            let (from, mut to) = (r.column(j), u.column_mut(column));
            for (i, d) in d.iter().enumerate().take(j + 1) {
                to[i] = weight.mantissa() / d.mantissa() * from[i] * power_of_two(weight.exponent() - d.exponent());
            }
        }
        let u = if order.is_sorted() { Banded::upper_triangular(u) } else { Banded::new(u) };
        self.sizes = Some(match &self.sizes {
            None => Sizes::new(d, u),
            Some(sizes) => Sizes::new(d, u.times(&sizes.t)),
        });
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
            Some(sizes) => sizes.singular_values()?.into_iter().map(Wide::ln).collect(),
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
