//! Matrices that are zero below some subdiagonal, and their products.

use nalgebra::DMatrix;

use super::super::{gemm_blocks, triangular_multiply};

/// Most rows and columns of the blocks that are multiplied or left out: smaller ones leave out more, and GEMM is slower on them.
const BLOCK: usize = 128;

/// The size of equal blocks of an extent.
fn block(extent: usize) -> usize {
    extent.div_ceil(extent.div_ceil(BLOCK).max(1)).max(1)
}

/// A matrix with `a_ij = 0` for `i > j + band`: upper triangular for `band = 0`.
#[derive(Debug, Clone)]
pub(super) struct Banded {
    matrix: DMatrix<f64>,
    band: usize,
}

impl Banded {
    /// Any matrix; its zeros tell the band.
    pub(super) fn new(matrix: DMatrix<f64>) -> Self {
        let last = |column: &[f64]| column.iter().rposition(|&entry| entry != 0.0).unwrap_or(0);
        let rows = matrix.nrows().max(1);
        let band = matrix
            .as_slice()
            .chunks(rows)
            .enumerate()
            .map(|(j, column)| last(column).saturating_sub(j))
            .max()
            .unwrap_or(0);
        Self { matrix, band }
    }

    /// A matrix that is known to be upper triangular.
    pub(super) fn upper_triangular(matrix: DMatrix<f64>) -> Self {
        Self { matrix, band: 0 }
    }

    pub(super) fn matrix(&self) -> &DMatrix<f64> {
        &self.matrix
    }

    /// `self * right`, without the blocks that are zero: n^3/3 multiplications of triangular matrices instead of n^3.
    pub(super) fn times(&self, right: &Self) -> Self {
        let (rows, inner, columns) = (self.matrix.nrows(), self.matrix.ncols(), right.matrix.ncols());
        let mut matrix = DMatrix::zeros(rows, columns);
        for column in (0..columns).step_by(block(columns)) {
            let width = block(columns).min(columns - column);
            let filled = inner.min(column + width + right.band);
            for row in (0..rows).step_by(block(rows)) {
                let height = block(rows).min(rows - row);
                let first = row.saturating_sub(self.band);
                if first < filled {
                    let inner = first..filled;
                    gemm_blocks(
                        &self.matrix,
                        &right.matrix,
                        &mut matrix,
                        row..row + height,
                        inner,
                        column..column + width,
                    );
                }
            }
        }
        Self { matrix, band: self.band + right.band }
    }

    /// `u * self` in place, for an upper triangular u of the same height.
    pub(super) fn multiply_by_triangular(&mut self, u: &DMatrix<f64>) {
        let (rows, columns) = self.matrix.shape();
        for column in (0..columns).step_by(block(columns)) {
            let width = block(columns).min(columns - column);
            let filled = rows.min(column + width + self.band);
            triangular_multiply(u, &mut self.matrix, filled, column..column + width);
        }
    }

    /// Row i of the result is row `order[i]`.
    pub(super) fn permute_rows(&mut self, order: &[usize]) {
        let (Some(first), Some(last)) = (
            order.iter().enumerate().position(|(i, &row)| i != row),
            order.iter().enumerate().rposition(|(i, &row)| i != row),
        ) else {
            return;
        };
        let moved = order.iter().enumerate().map(|(i, &row)| i.saturating_sub(row)).max().unwrap_or(0);
        self.band += moved;
        let mut rows = vec![0.0; last + 1 - first];
        for mut column in self.matrix.column_iter_mut() {
            rows.iter_mut().zip(&order[first..=last]).for_each(|(to, &row)| *to = column[row]);
            column.rows_mut(first, rows.len()).copy_from_slice(&rows);
        }
    }

    /// The squared norms of the rows.
    pub(super) fn row_squares(&self) -> Vec<f64> {
        let mut squares = vec![0.0; self.matrix.nrows()];
        for column in self.matrix.column_iter() {
            squares.iter_mut().zip(column.iter()).for_each(|(square, entry)| *square += entry * entry);
        }
        squares
    }

    pub(super) fn scale_rows(&mut self, factors: &[f64]) {
        for mut column in self.matrix.column_iter_mut() {
            column.iter_mut().zip(factors).for_each(|(entry, factor)| *entry *= factor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Draws;
    use super::*;

    #[test]
    fn triangular_products_and_permutations_are_those_of_full_matrices() {
        let (n, mut draws) = (230, Draws(11));
        let mut upper = |n: usize, columns| {
            let full = draws.matrix(n, columns);
            DMatrix::from_fn(n, columns, |i, j| if i > j { 0.0 } else { full[(i, j)] })
        };
        let (u, t) = (upper(n, n), upper(n, 300));
        let mut order: Vec<usize> = (0..n).collect();
        order.swap(40, 43);
        order[200..].rotate_left(7);
        let mut got = Banded::new(t.clone());
        got.permute_rows(&order);
        let permuted = DMatrix::from_fn(n, 300, |i, j| t[(order[i], j)]);
        assert_eq!(got.matrix(), &permuted);
        got.multiply_by_triangular(&u);
        assert!((got.matrix() - &u * permuted).amax() < 1e-12);
    }

    #[test]
    fn products_are_those_of_full_matrices() {
        for (rows, inner, columns) in [(250, 250, 250), (100, 230, 330), (3, 2, 5), (7, 1, 1), (120, 97, 96)] {
            for (left, right) in [(0, 0), (3, 1), (40, 200), (500, 0)] {
                let mut draws = Draws(9);
                let mut cut = |rows, columns, band| {
                    let full = draws.matrix(rows, columns);
                    DMatrix::from_fn(rows, columns, |i, j| if i > j + band { 0.0 } else { full[(i, j)] })
                };
                let (a, b) = (cut(rows, inner, left), cut(inner, columns, right));
                let product = Banded::new(a.clone()).times(&Banded::new(b.clone()));
                assert!((product.matrix() - &a * &b).amax() < 1e-12);
                assert!(product.matrix().nrows() == rows && Banded::new(product.matrix().clone()).band <= product.band);
            }
        }
    }
}
