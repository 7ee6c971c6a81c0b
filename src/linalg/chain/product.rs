//! What a chain has accumulated: orthonormal columns, sizes, and rows of order 1.

use nalgebra::DMatrix;

use super::super::{LinalgError, Transpose, gemm, singular_values};
use super::banded::Banded;
use super::graded_qr::{Condition, Exact, GradedQr, Rank, graded_qr, graded_qr_of_rank, row_sizes};
use super::grading::RowScaled;
use super::jacobi::scaled_singular_values;
use super::wide::{Wide, power_of_two};

/// Smallest over largest singular value from which on LAPACK's bidiagonalisation gives all of them to 1e-12.
const LAPACK_CONDITION: f64 = 2e-4;

/// Binary exponents of D that such a matrix can have.
const LAPACK_RANGE: i64 = 12;

/// Below it rotations are as fast.
const SMALLEST_FOR_LAPACK: usize = 64;

/// Further decompositions, each of the transposed factor of the last: they make distant sizes orthogonal, and so save rotations. At
/// n = 400 and 50 decades two of them halve the rotations, and the third gains nothing.
const PRECONDITIONING: usize = 2;

/// `Q D T`.
#[derive(Debug, Clone)]
pub(super) struct Product {
    pub(super) q: DMatrix<f64>,
    pub(super) sizes: Sizes,
    /// How many of the sizes, from the largest, are more than rounding errors.
    pub(super) determined: usize,
}

/// A product with one more factor.
pub(super) struct Extended {
    pub(super) product: Product,
    pub(super) condition: Condition,
    /// Whether its rank is as large as that of the product before and the number of rows that are not zero allow.
    pub(super) full: bool,
}

/// `D T`: all that singular values depend on.
#[derive(Debug, Clone)]
pub(super) struct Sizes {
    pub(super) d: Vec<Wide>,
    pub(super) t: Banded,
}

impl Sizes {
    /// Moves the size of the rows of T into D, by powers of two: with rows of order 1, D shows the size of `D T`.
    pub(super) fn new(mut d: Vec<Wide>, mut t: Banded) -> Self {
        let squares = t.row_squares();
        let factors: Vec<f64> = squares
            .into_iter()
            .zip(&mut d)
            .map(|(square, d)| {
                let exponent = Wide::new(square.sqrt()).exponent();
                *d = d.shifted(exponent);
                power_of_two(-exponent)
            })
            .collect();
        if factors.iter().any(|&factor| factor != 1.0) {
            t.scale_rows(&factors);
        }
        Self { d, t }
    }

    /// Singular values of `D T`, descending.
    pub(super) fn singular_values(&self) -> Result<Vec<Wide>, LinalgError> {
        if let Some(values) = self.within_reach_of_lapack()? {
            return Ok(values);
        }
        let transposed = RowScaled::of_order_one(self.t.matrix().transpose());
        let mut compressed = graded_qr(&transposed, &self.d, false)?;
        for _ in 0..PRECONDITIONING {
            let transposed = RowScaled::of_order_one(compressed.u.matrix().transpose());
            compressed = graded_qr(&transposed, &compressed.scales, false)?;
        }
        scaled_singular_values(compressed.u.matrix(), &compressed.scales)
    }

    /// By bidiagonalisation, whose error is about `eps s_max`, where that is small enough for the smallest value, too.
    fn within_reach_of_lapack(&self) -> Result<Option<Vec<Wide>>, LinalgError> {
        let exponents = || self.d.iter().map(|d| d.exponent());
        let (Some(largest), Some(smallest)) = (exponents().max(), exponents().min()) else { return Ok(None) };
        if self.d.len() < SMALLEST_FOR_LAPACK || largest - smallest > LAPACK_RANGE {
            return Ok(None);
        }
        let mut matrix = self.t.matrix().clone();
        for mut column in matrix.column_iter_mut() {
            column.iter_mut().zip(&self.d).for_each(|(entry, d)| *entry *= d.shifted(-largest).to_f64());
        }
        let values = singular_values(matrix)?;
        let [first, .., last] = values[..] else { return Ok(None) };
        let reached = last > LAPACK_CONDITION * first;
        Ok(reached.then(|| values.into_iter().map(|value| Wide::new(value).shifted(largest)).collect()))
    }
}

impl Product {
    /// From the first factor, with the rank that it has by exact arithmetic.
    pub(super) fn first(factor: &RowScaled, exact: Exact<'_>) -> Result<Extended, LinalgError> {
        let columns = factor.rows.ncols();
        let rank = Rank { row_sizes: row_sizes(&factor.rows), exact };
        let GradedQr { q, scales, u, condition, determined, full } =
            graded_qr_of_rank(factor, &vec![Wide::ONE; columns], &rank)?;
        Ok(Extended { product: Self { q, sizes: Sizes::new(scales, u), determined }, condition, full })
    }

    /// `C = diag(2^exponents)`, with zeros for `None`.
    pub(super) fn diagonal(exponents: &[Option<i64>]) -> Self {
        let n = exponents.len();
        let kept: Vec<usize> = (0..n).filter(|&i| exponents[i].is_some()).collect();
        let q = DMatrix::identity(n, n).select_columns(&kept);
        let d = exponents.iter().flatten().map(|&exponent| Wide::ONE.shifted(exponent)).collect();
        Self { sizes: Sizes { d, t: Banded::new(q.transpose()) }, determined: kept.len(), q }
    }

    /// `C Q D T` as a new product, with C as in [`diagonal`](Self::diagonal), and the rank of `C J` by exact arithmetic.
    pub(super) fn scaled(&self, exponents: &[Option<i64>], exact: Exact<'_>) -> Result<Extended, LinalgError> {
        let mut q = self.q.clone();
        for (mut row, exponent) in q.row_iter_mut().zip(exponents) {
            if exponent.is_none() {
                row.fill(0.0);
            }
        }
        let of_rows: Vec<i64> = exponents.iter().map(|exponent| exponent.unwrap_or(0)).collect();
        let scaled = RowScaled::new(&q, &of_rows, &vec![0; q.ncols()]);
        let size = |(exponent, scaled): (&Option<i64>, &i64)| {
            exponent.map_or(0.0, |exponent| power_of_two(exponent - scaled).max(f64::MIN_POSITIVE))
        };
        let row_sizes = exponents.iter().zip(&scaled.exponents).map(size).collect();
        self.followed_by(&scaled, &Rank { row_sizes, exact })
    }

    /// `F Q D T` as a new product, from F and the rank of `F J` by exact arithmetic.
    pub(super) fn multiplied(&self, mut factor: RowScaled, exact: Exact<'_>) -> Result<Extended, LinalgError> {
        let rank = Rank { row_sizes: row_sizes(&factor.rows), exact };
        let mut rows = DMatrix::zeros(factor.rows.nrows(), self.q.ncols());
        gemm(1.0, (Transpose::No, &factor.rows), (Transpose::No, &self.q), 0.0, &mut rows);
        factor.rows = rows;
        self.followed_by(&factor, &rank)
    }

    /// `F Q D T` as a new product, from `F Q`.
    fn followed_by(&self, factor_q: &RowScaled, rank: &Rank<'_>) -> Result<Extended, LinalgError> {
        let GradedQr { q, scales, u, condition, determined, full } = graded_qr_of_rank(factor_q, &self.sizes.d, rank)?;
        let determined = determined.min(self.determined);
        let sizes = Sizes::new(scales, u.times(&self.sizes.t));
        Ok(Extended { product: Self { q, sizes, determined }, condition, full })
    }
}
