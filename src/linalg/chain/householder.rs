//! Householder QR with pivoting of rows and columns, for matrices whose columns carry weights of any size.

use std::cmp::Ordering;
use std::ops::{Add, Div, Mul, Sub};

use nalgebra::DMatrix;

use super::wide::Wide;

/// The arithmetic in which a decomposition runs: `f64`, or [`Wide`] when its range is too small.
pub(super) trait Field:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    const ZERO: Self;
    const ONE: Self;
    /// Smallest sum of squares in which nothing that matters has underflowed.
    const SMALLEST_SQUARE: f64;

    fn wide(self) -> Wide;
    fn narrow(self) -> f64;
    fn root(self) -> Self;
    fn compare_sizes(self, other: Self) -> Ordering;
    fn is_negative(self) -> bool;

    fn dot(left: &[Self], right: &[Self]) -> Self {
        left.iter().zip(right).fold(Self::ZERO, |sum, (&a, &b)| sum + a * b)
    }
}

impl Field for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const SMALLEST_SQUARE: f64 = 1e-200;

    fn wide(self) -> Wide {
        Wide::new(self)
    }

    fn narrow(self) -> f64 {
        self
    }

    fn root(self) -> Self {
        self.sqrt()
    }

    fn compare_sizes(self, other: Self) -> Ordering {
        self.abs().total_cmp(&other.abs())
    }

    fn is_negative(self) -> bool {
        self < 0.0
    }

    fn dot(left: &[Self], right: &[Self]) -> Self {
        dot(left, right)
    }
}

impl Field for Wide {
    const ZERO: Self = Self::ZERO;
    const ONE: Self = Self::ONE;
    const SMALLEST_SQUARE: f64 = 0.0;

    fn wide(self) -> Wide {
        self
    }

    fn narrow(self) -> f64 {
        self.to_f64()
    }

    fn root(self) -> Self {
        self.sqrt()
    }

    fn compare_sizes(self, other: Self) -> Ordering {
        Self::compare_sizes(self, other)
    }

    fn is_negative(self) -> bool {
        Self::is_negative(self)
    }
}

/// Eight partial sums: one would wait for the latency of every addition. Inlined, so that it takes the instructions of the caller.
#[inline(always)]
pub(super) fn dot(left: &[f64], right: &[f64]) -> f64 {
    let ((left, left_rest), (right, right_rest)) = (left.as_chunks::<8>(), right.as_chunks::<8>());
    let mut lanes = [0.0; 8];
    for (a, b) in left.iter().zip(right) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    let rest: f64 = left_rest.iter().zip(right_rest).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f64>() + rest
}

/// `A P = Q R` of an m x n matrix given by its columns, with the reflectors of Q and R in the place of A.
pub(super) struct PivotedQr<F> {
    /// Row i < rank of column j holds `R_ij` for i <= j; the reflector of column j starts at its row j + 1.
    columns: Vec<Vec<F>>,
    /// First entry of each reflector.
    heads: Vec<F>,
    /// `2 / |v|^2` of each reflector v.
    factors: Vec<F>,
    /// Column j of `A P` is column `column_order[j]` of A.
    pub(super) column_order: Vec<usize>,
    /// Row i of what Q R approximates is row `row_order[i]` of A.
    row_order: Vec<usize>,
}

impl<F: Field> PivotedQr<F> {
    /// Decomposes the matrix whose columns are given, all of length m.
    ///
    /// Every step takes the column for which `(norm of what remains) * weight` is largest, and brings the largest
    /// entry of that column to the top (Powell and Reid 1969): rows of very different size then keep an error of their
    /// own size each (Cox and Higham 1998). Weights enter no other arithmetic: scaling a column commutes with QR.
    ///
    /// It ends when what remains is exactly zero, and fails (`None`) when the squares of what remains underflow.
    pub(super) fn new(m: usize, mut columns: Vec<Vec<F>>, weights: &[Wide]) -> Option<Self> {
        let n = columns.len();
        let mut column_order: Vec<usize> = (0..n).collect();
        let mut row_order: Vec<usize> = (0..m).collect();
        let (mut heads, mut factors) = (Vec::new(), Vec::new());
        for k in 0..m.min(n) {
            // Computed afresh at each step: downdated norms lose their digits where columns cancel.
            let squares: Vec<F> = columns[k..].iter().map(|column| F::dot(&column[k..], &column[k..])).collect();
            let size = |j: usize| squares[j - k].root().wide() * weights[column_order[j]];
            let pivot = (k..n).max_by(|&i, &j| size(i).compare_sizes(size(j)).then(j.cmp(&i)))?;
            let square = squares[pivot - k];
            if square.wide().is_zero() || square.narrow() < F::SMALLEST_SQUARE {
                let nothing_left = columns[k..].iter().all(|column| column[k..].iter().all(|x| x.wide().is_zero()));
                if nothing_left {
                    break;
                }
                if F::SMALLEST_SQUARE > 0.0 {
                    return None;
                }
            }
            columns.swap(k, pivot);
            column_order.swap(k, pivot);
            let top = (k..m).max_by(|&i, &j| columns[k][i].compare_sizes(columns[k][j]).then(j.cmp(&i)))?;
            row_order.swap(k, top);
            columns.iter_mut().for_each(|column| column.swap(k, top));

            let (before, after) = columns.split_at_mut(k + 1);
            let reflector = &mut before[k][k..];
            let norm = square.root();
            let entry = reflector[0];
            // Of the two signs, the one that adds: the other cancels, and breaks the stability by rows.
            let (head, diagonal) =
                if entry.is_negative() { (entry - norm, norm) } else { (entry + norm, F::ZERO - norm) };
            // |v|^2 = 2 norm (norm + |entry|) = 2 norm |head|
            let factor = F::ONE / (norm * if head.is_negative() { F::ZERO - head } else { head });
            reflector[0] = head;
            for column in after {
                let column = &mut column[k..];
                reflect(reflector, factor, column);
            }
            reflector[0] = diagonal;
            heads.push(head);
            factors.push(factor);
        }
        Some(Self { columns, heads, factors, column_order, row_order })
    }

    /// Number of steps until nothing was left.
    pub(super) fn rank(&self) -> usize {
        self.heads.len()
    }

    /// `R_ij`, for `i < rank` and `i <= j`.
    pub(super) fn r(&self, i: usize, j: usize) -> F {
        self.columns[j][i]
    }

    /// The first `rank` columns of Q, with the rows of A in their original order.
    pub(super) fn q(&self) -> DMatrix<f64> {
        let m = self.row_order.len();
        let mut q = DMatrix::zeros(m, self.rank());
        for j in 0..self.rank() {
            let mut column = vec![F::ZERO; m];
            column[j] = F::ONE;
            for k in (0..=j).rev() {
                let mut reflector = self.columns[k][k..].to_vec();
                reflector[0] = self.heads[k];
                reflect(&reflector, self.factors[k], &mut column[k..]);
            }
            for (&row, value) in self.row_order.iter().zip(column) {
                q[(row, j)] = value.narrow();
            }
        }
        q
    }
}

/// `x - factor (v . x) v`
fn reflect<F: Field>(v: &[F], factor: F, x: &mut [F]) {
    let amount = factor * F::dot(v, x);
    for (x, &v) in x.iter_mut().zip(v) {
        *x = *x - amount * v;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns<F: Field>(m: usize, n: usize, entry: impl Fn(usize, usize) -> F) -> Vec<Vec<F>> {
        (0..n).map(|j| (0..m).map(|i| entry(i, j)).collect()).collect()
    }

    fn entry(i: usize, j: usize) -> f64 {
        ((i * 7 + j * 11 + i * j) % 13) as f64 - 6.0
    }

    /// `Q^T Q = I` and `Q R = A P`, for full, tall, wide and rank-deficient shapes.
    fn reconstructs<F: Field>(field: impl Fn(f64) -> F) {
        for (m, n, zero_rows) in [(5, 5, 0), (7, 3, 0), (3, 7, 0), (6, 5, 2), (6, 5, 4), (4, 4, 4)] {
            let at = |i, j| if i < zero_rows { 0.0 } else { entry(i, j) };
            let weights: Vec<Wide> = (0..n).map(|j| Wide::ONE.shifted(j as i64 * 2)).collect();
            let qr = PivotedQr::new(m, columns(m, n, |i, j| field(at(i, j))), &weights).expect("in range");
            let k = qr.rank();
            assert_eq!(k, n.min(m - zero_rows));
            let q = qr.q();
            assert!((q.transpose() * &q - DMatrix::identity(k, k)).norm() < 1e-14);
            let r = DMatrix::from_fn(k, n, |i, j| if i <= j { qr.r(i, j).narrow() } else { 0.0 });
            let permuted = DMatrix::from_fn(m, n, |i, j| at(i, qr.column_order[j]));
            assert!((q * r - permuted).norm() < 1e-13);
        }
    }

    #[test]
    fn both_arithmetics_reconstruct_the_matrix() {
        reconstructs::<f64>(|x| x);
        reconstructs::<Wide>(Wide::new);
    }

    #[test]
    fn the_weights_choose_the_pivots() {
        let weights = [Wide::ONE, Wide::ONE.shifted(100_000), Wide::ONE.shifted(-100_000)];
        let qr = PivotedQr::new(4, columns(4, 3, entry), &weights).expect("in range");
        assert_eq!(qr.column_order, [1, 0, 2]);
    }

    #[test]
    fn underflow_is_noticed() {
        let tiny = |i, j| entry(i, j) * if j == 0 { 1.0 } else { 1e-180 };
        assert!(PivotedQr::new(3, columns(3, 2, tiny), &[Wide::ONE; 2]).is_none());
        let wide = PivotedQr::new(3, columns(3, 2, |i, j| Wide::new(tiny(i, j))), &[Wide::ONE; 2]);
        assert_eq!(wide.expect("no underflow").rank(), 2);
    }
}
