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

    fn of(value: f64) -> Self;
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

    fn of(value: f64) -> Self {
        value
    }

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

    fn of(value: f64) -> Self {
        Self::new(value)
    }

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

/// What is known about the rows and the rank of a matrix `A`, which is a factor times orthonormal columns.
pub(super) struct Guide<F> {
    /// Sizes of the rows of the factor: the entries of A carry errors of eps times them. Zero for rows that are exactly zero.
    pub(super) row_sizes: Vec<F>,
    /// The rank of the product with A, if it has been found by exact arithmetic.
    pub(super) rank: Option<usize>,
}

/// Where the rank falls, columns whose remains are below this share of the row sizes are taken for the rounding errors of zero.
const NOISE: f64 = 1e-11;

/// Share of the row size that stands for what is not zero but has been rounded away: half an ulp.
const HALF_ULP: f64 = 0.5 * f64::EPSILON;

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
    /// What each step found: the largest remaining entry of its column, in units of the row size. Empty without a guide.
    pub(super) shares: Vec<f64>,
}

impl<F: Field> PivotedQr<F> {
    /// Decomposes the matrix whose columns are given, all of length m.
    ///
    /// Every step takes the column for which `(norm of what remains) * weight` is largest, and brings the largest
    /// entry of that column to the top (Powell and Reid 1969): rows of very different size then keep an error of their
    /// own size each (Cox and Higham 1998). Weights enter no other arithmetic: scaling a column commutes with QR.
    ///
    /// It ends when what remains is exactly zero, and fails (`None`) when the squares of what remains underflow. With a guide that knows
    /// the rank it ends there: what remains of columns that depend on others is taken for zero, and where rounding has left less than the
    /// rank, half an ulp takes its place.
    pub(super) fn new(m: usize, mut columns: Vec<Vec<F>>, weights: &[Wide], guide: Option<&Guide<F>>) -> Option<Self> {
        let n = columns.len();
        let mut column_order: Vec<usize> = (0..n).collect();
        let mut row_order: Vec<usize> = (0..m).collect();
        let (mut heads, mut factors, mut shares) = (Vec::new(), Vec::new(), Vec::new());
        let known = guide.and_then(|guide| guide.rank).map(|rank| rank.min(m).min(n));
        let mut dependent = known.map_or(0, |rank| n - rank);
        let mut k = 0;
        while k < known.unwrap_or(m.min(n)) {
            // Computed afresh at each step: downdated norms lose their digits where columns cancel.
            let squares: Vec<F> = columns[k..].iter().map(|column| F::dot(&column[k..], &column[k..])).collect();
            let size = |j: usize| squares[j - k].root().wide() * weights[column_order[j]];
            let pivot = (k..n).max_by(|&i, &j| size(i).compare_sizes(size(j)).then(j.cmp(&i)))?;
            let square = squares[pivot - k];
            if square.wide().is_zero() || square.narrow() < F::SMALLEST_SQUARE {
                let nothing_left = columns[k..].iter().all(|column| column[k..].iter().all(|x| x.wide().is_zero()));
                match (nothing_left, guide.filter(|_| known.is_some())) {
                    (true, None) => break,
                    (true, Some(guide)) => {
                        let weight = |j: usize| weights[column_order[j]];
                        let column = (k..n).max_by(|&i, &j| weight(i).compare_sizes(weight(j)).then(j.cmp(&i)))?;
                        let row_size = |i: usize| guide.row_sizes[row_order[i]];
                        let row = (k..m).max_by(|&i, &j| row_size(i).compare_sizes(row_size(j)).then(j.cmp(&i)))?;
                        if row_size(row).wide().is_zero() {
                            break;
                        }
                        columns[column][row] = row_size(row) * F::of(HALF_ULP);
                        dependent = 0;
                        continue;
                    }
                    (false, _) if F::SMALLEST_SQUARE > 0.0 => return None,
                    (false, _) => {}
                }
            }
            if let Some(guide) = guide {
                let share = largest_share(&columns[pivot][k..], &row_order[k..], &guide.row_sizes);
                if dependent > 0 && share <= NOISE {
                    columns[pivot][k..].fill(F::ZERO);
                    dependent -= 1;
                    continue;
                }
                shares.push(share);
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
            k += 1;
        }
        Some(Self { columns, heads, factors, column_order, row_order, shares })
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

/// The largest entry in units of the size of its row.
fn largest_share<F: Field>(column: &[F], rows: &[usize], sizes: &[F]) -> f64 {
    let shares = column.iter().zip(rows).map(|(&entry, &row)| {
        if sizes[row].wide().is_zero() { 0.0 } else { (entry.wide().abs() / sizes[row].wide()).to_f64() }
    });
    shares.fold(0.0, f64::max)
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
            let qr = PivotedQr::new(m, columns(m, n, |i, j| field(at(i, j))), &weights, None).expect("in range");
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
        let qr = PivotedQr::new(4, columns(4, 3, entry), &weights, None).expect("in range");
        assert_eq!(qr.column_order, [1, 0, 2]);
    }

    #[test]
    fn underflow_is_noticed() {
        let tiny = |i, j| entry(i, j) * if j == 0 { 1.0 } else { 1e-180 };
        assert!(PivotedQr::new(3, columns(3, 2, tiny), &[Wide::ONE; 2], None).is_none());
        let wide = PivotedQr::new(3, columns(3, 2, |i, j| Wide::new(tiny(i, j))), &[Wide::ONE; 2], None);
        assert_eq!(wide.expect("no underflow").rank(), 2);
    }

    /// Column 1 is twice column 0 but for rounding; the smaller weight of column 2 does not make it the one that depends.
    #[test]
    fn a_known_rank_leaves_out_what_depends_on_others() {
        let entries = |i: usize, j: usize| match j {
            0 => (i + 1) as f64 * 0.1,
            1 => (i + 1) as f64 * 0.2 + if i == 2 { 1e-16 } else { 0.0 },
            _ => (i * i) as f64,
        };
        let weights = [100, 90, 0].map(|exponent| Wide::ONE.shifted(exponent));
        let guide = |rank| Guide { row_sizes: vec![1.0; 3], rank };
        let free = PivotedQr::new(3, columns(3, 3, entries), &weights, Some(&guide(None))).expect("in range");
        assert!(free.rank() == 3 && free.shares[1] < NOISE && free.column_order == [0, 1, 2]);
        let known = PivotedQr::new(3, columns(3, 3, entries), &weights, Some(&guide(Some(2)))).expect("in range");
        assert!(known.rank() == 2 && known.shares[1] > 0.1 && known.column_order[1] == 2);
    }

    #[test]
    fn half_an_ulp_stands_for_what_was_rounded_away() {
        let ones = || columns(2, 2, |_, _| 1.0);
        let guide = |rank| Guide { row_sizes: vec![1.0; 2], rank };
        let free = PivotedQr::new(2, ones(), &[Wide::ONE; 2], Some(&guide(None))).expect("in range");
        let known = PivotedQr::new(2, ones(), &[Wide::ONE; 2], Some(&guide(Some(2)))).expect("in range");
        assert!(free.rank() == 1 || free.shares[1] < NOISE);
        assert!(known.rank() == 2 && (HALF_ULP..NOISE).contains(&known.shares[1]));
    }
}
