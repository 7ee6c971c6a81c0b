//! QR decomposition of `M D` with a diagonal D of any range, in three ways of rising robustness and cost.

use nalgebra::DMatrix;

use super::super::{LinalgError, dimension};
use super::grading::RowScaled;
use super::householder::{Field, PivotedQr};
use super::wide::Wide;

/// Largest entry of U that the decomposition without pivoting may leave. Rows of U that are nearly multiples of others
/// cost about their size in accuracy; Gaussian matrices exceed 64 about once in 10^4 decompositions.
const LARGEST_ENTRY: f64 = 64.0;

/// Largest growth of the entries of a row during the decomposition without pivoting, which is the loss of accuracy of
/// that row. Without grading it is at most sqrt(m).
const LARGEST_GROWTH: f64 = 1e3;

/// Smallest diagonal entry of R accepted from arithmetic in `f64`, for entries of M near 1: its square has not underflowed.
const SMALLEST_PIVOT: f64 = 1e-100;

/// `M D = Q D' U` with k = rank of M: orthonormal columns in Q (m x k), sizes D', and U (k x r) with entries of
/// order 1, upper triangular with a diagonal of 1 or -1 but for the order of its columns.
pub(super) struct GradedQr {
    pub(super) q: DMatrix<f64>,
    pub(super) scales: Vec<Wide>,
    pub(super) u: DMatrix<f64>,
}

/// Decomposes `M D`, with M given as `S B` and D by `weights`; `q` is left empty unless `with_q`.
///
/// First by LAPACK, with rows and columns sorted by size; its result is checked for growth, and if it fails, the
/// decomposition is repeated with pivoting, and if the range of `f64` is too small, in [`Wide`] arithmetic.
pub(super) fn graded_qr(matrix: &RowScaled, weights: &[Wide], with_q: bool) -> Result<GradedQr, LinalgError> {
    if matrix.is_plain() {
        let shift = matrix.exponents.first().copied().unwrap_or(0);
        if let Some(decomposition) = sorted(&matrix.rows, shift, weights, with_q)? {
            return Ok(decomposition);
        }
        let columns = matrix.rows.column_iter().map(|column| column.iter().copied().collect()).collect();
        if let Some(qr) = PivotedQr::<f64>::new(matrix.rows.nrows(), columns, weights) {
            return Ok(assemble(&qr, shift, weights, with_q));
        }
    }
    let columns = matrix.rows.column_iter().map(|column| {
        column.iter().zip(&matrix.exponents).map(|(&entry, &exponent)| Wide::new(entry).shifted(exponent)).collect()
    });
    match PivotedQr::<Wide>::new(matrix.rows.nrows(), columns.collect(), weights) {
        Some(qr) => Ok(assemble(&qr, 0, weights, with_q)),
        None => Err(LinalgError::NotFinite { rows: matrix.rows.nrows(), columns: matrix.rows.ncols() }),
    }
}

/// `U = D'^-1 R D P^T` and D' from a pivoted decomposition of `2^-shift M`.
fn assemble<F: Field>(qr: &PivotedQr<F>, shift: i64, weights: &[Wide], with_q: bool) -> GradedQr {
    let mut u = DMatrix::zeros(qr.rank(), weights.len());
    let mut scales = Vec::with_capacity(qr.rank());
    for i in 0..qr.rank() {
        let scale = qr.r(i, i).wide().abs() * weights[qr.column_order[i]];
        for j in i..weights.len() {
            let column = qr.column_order[j];
            u[(i, column)] = (qr.r(i, j).wide() * weights[column] / scale).to_f64();
        }
        scales.push(scale.shifted(shift));
    }
    GradedQr { q: if with_q { qr.q() } else { DMatrix::zeros(0, 0) }, scales, u }
}

/// The order in which `size` descends.
fn descending(count: usize, size: impl Fn(usize) -> Wide) -> Vec<usize> {
    let sizes: Vec<Wide> = (0..count).map(size).collect();
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&i, &j| sizes[j].compare_sizes(sizes[i]));
    order
}

/// LAPACK `dgeqrf` and `dorgqr` after sorting; `None` if the result is not as good as one with pivoting.
fn sorted(matrix: &DMatrix<f64>, shift: i64, weights: &[Wide], with_q: bool) -> Result<Option<GradedQr>, LinalgError> {
    let columns = matrix.ncols();
    let row_sizes: Vec<f64> = (0..matrix.nrows()).map(|i| matrix.row(i).amax()).collect();
    let mut row_order = descending(matrix.nrows(), |i| Wide::new(row_sizes[i]));
    // Rows of zeros (dead units) bound the rank; without them R shows it.
    row_order.retain(|&i| row_sizes[i] > 0.0);
    let rows = row_order.len();
    let column_order = descending(columns, |j| Wide::new(matrix.column(j).norm()) * weights[j]);
    let mut a = DMatrix::from_fn(rows, columns, |i, j| matrix[(row_order[i], column_order[j])]);
    let tau = dgeqrf(&mut a)?;
    let full = rows.min(columns);
    let nothing_from = |k: usize| (k..columns).all(|j| (k..rows).all(|i| a[(i, j)] == 0.0));
    let rank = (0..full).find(|&k| a[(k, k)] == 0.0).unwrap_or(full);
    if rank < full && !nothing_from(rank) {
        return Ok(None);
    }

    let mut u = DMatrix::zeros(rank, columns);
    let mut scales = Vec::with_capacity(rank);
    for k in 0..rank {
        let pivot = a[(k, k)];
        let largest = (k..columns).map(|j| a[(k, j)].abs()).fold(0.0, f64::max);
        let growth = |i: usize| a[(i, k)].abs() * largest / row_sizes[row_order[i]];
        if pivot.abs() < SMALLEST_PIVOT || (k + 1..rows).any(|i| growth(i) > LARGEST_GROWTH) {
            return Ok(None);
        }
        let scale = Wide::new(pivot.abs()) * weights[column_order[k]];
        for (j, &column) in column_order.iter().enumerate().skip(k) {
            let entry = (weights[column] / scale).to_f64() * a[(k, j)];
            // NaN: an infinite ratio of the scales met a zero.
            if entry.is_nan() || entry.abs() > LARGEST_ENTRY {
                return Ok(None);
            }
            u[(k, column)] = entry;
        }
        scales.push(scale.shifted(shift));
    }
    if !with_q {
        return Ok(Some(GradedQr { q: DMatrix::zeros(0, 0), scales, u }));
    }
    let reflectors = a.columns(0, rank).into_owned();
    let sorted_q = dorgqr(reflectors, &tau[..rank])?;
    let mut q = DMatrix::zeros(matrix.nrows(), rank);
    for j in 0..rank {
        for (i, &row) in row_order.iter().enumerate() {
            q[(row, j)] = sorted_q[(i, j)];
        }
    }
    Ok(Some(GradedQr { q, scales, u }))
}

/// QR decomposition in place: R above, reflectors below the diagonal; returns their factors.
fn dgeqrf(matrix: &mut DMatrix<f64>) -> Result<Vec<f64>, LinalgError> {
    let (rows, columns) = matrix.shape();
    let mut tau = vec![0.0; rows.min(columns)];
    if tau.is_empty() {
        return Ok(tau);
    }
    let m = dimension(rows, columns, rows)?;
    let n = dimension(rows, columns, columns)?;
    with_workspace("dgeqrf", (rows, columns), |work, length, info| {
        // SAFETY: the matrix is column-major with leading dimension m, `tau` holds min(m, n) entries, and `length` is
        // that of `work`, or -1 to ask for it.
        unsafe { lapack::dgeqrf(m, n, matrix.as_mut_slice(), m, &mut tau, work, length, info) }
    })?;
    Ok(tau)
}

/// The orthonormal columns from the reflectors of [`dgeqrf`], m x k with m >= k.
fn dorgqr(mut reflectors: DMatrix<f64>, tau: &[f64]) -> Result<DMatrix<f64>, LinalgError> {
    let (rows, columns) = reflectors.shape();
    if columns == 0 {
        return Ok(reflectors);
    }
    let m = dimension(rows, columns, rows)?;
    let k = dimension(rows, columns, columns)?;
    with_workspace("dorgqr", (rows, columns), |work, length, info| {
        // SAFETY: as for dgeqrf; `tau` holds the k factors of the k columns, and m >= k because k is a rank.
        unsafe { lapack::dorgqr(m, k, k, reflectors.as_mut_slice(), m, tau, work, length, info) }
    })?;
    Ok(reflectors)
}

/// Calls a LAPACK routine twice: for the length of its workspace, and to do its work.
fn with_workspace(
    routine: &'static str,
    (rows, columns): (usize, usize),
    mut call: impl FnMut(&mut [f64], i32, &mut i32),
) -> Result<(), LinalgError> {
    let check = |info| if info == 0 { Ok(()) } else { Err(LinalgError::Info { routine, info, rows, columns }) };
    let (mut optimal, mut info) = ([0.0], 0);
    call(&mut optimal, -1, &mut info);
    check(info)?;
    let length = optimal[0] as usize;
    call(&mut vec![0.0; length], dimension(rows, columns, length)?, &mut info);
    check(info)
}

#[cfg(test)]
mod tests {
    use super::super::tests::Draws;
    use super::*;

    fn scaled(matrix: &DMatrix<f64>) -> RowScaled {
        RowScaled::new(matrix, &vec![0; matrix.nrows()], &vec![0; matrix.ncols()])
    }

    fn assert_reconstructs(matrix: &DMatrix<f64>, weights: &[Wide], decomposition: &GradedQr) {
        let GradedQr { q, scales, u } = decomposition;
        let k = scales.len();
        assert!((q.transpose() * q - DMatrix::identity(k, k)).norm() < 1e-13);
        for j in 0..matrix.ncols() {
            // Column j of `Q D' U D^-1`, whose error is relative to the column.
            let inverse = Wide::ONE / weights[j];
            let r = DMatrix::from_fn(k, 1, |i, _| (Wide::new(u[(i, j)]) * scales[i] * inverse).to_f64());
            let difference = (q * r - matrix.columns(j, 1)).norm();
            assert!(difference <= 1e-13 * matrix.column(j).norm(), "column {j} is off by {difference:e}");
        }
    }

    #[test]
    fn sorting_is_enough_for_random_matrices() {
        let weights: Vec<Wide> = (0..9).map(|j| Wide::ONE.shifted(-(j * 7 % 9) * 40)).collect();
        for rows in [5, 9, 14] {
            let matrix = Draws(1).matrix(rows, 9);
            let decomposition = sorted(&scaled(&matrix).rows, 0, &weights, true).expect("LAPACK works");
            assert!(decomposition.is_some());
            assert_reconstructs(&matrix, &weights, &graded_qr(&scaled(&matrix), &weights, true).expect("works"));
        }
    }

    #[test]
    fn columns_that_need_pivots_are_noticed() {
        // The two first columns by size are almost equal: without a pivot, R_22 is far below R_23.
        let mut matrix = Draws(2).matrix(6, 5);
        for i in 0..6 {
            matrix[(i, 1)] = matrix[(i, 0)] * (1.0 + 1e-9 * i as f64);
        }
        let weights = [100, 99, 90, 0, 0].map(|exponent| Wide::ONE.shifted(exponent));
        assert!(sorted(&scaled(&matrix).rows, 0, &weights, true).expect("LAPACK works").is_none());
        let decomposition = graded_qr(&scaled(&matrix), &weights, true).expect("works");
        assert!(decomposition.u.amax() < 2.0);
        assert_reconstructs(&matrix, &weights, &decomposition);
    }

    #[test]
    fn rows_beyond_the_range_of_squares_are_kept() {
        let matrix = DMatrix::from_diagonal_element(3, 3, 1.0) + Draws(3).matrix(3, 3);
        let graded = DMatrix::from_fn(3, 3, |i, j| matrix[(i, j)] * [1.0, 1e-250, 1e200][i]);
        let decomposition = graded_qr(&scaled(&graded), &[Wide::ONE; 3], true).expect("works");
        let product = decomposition.scales.iter().fold(Wide::ONE, |product, &scale| product * scale);
        let expected = Wide::new(matrix.determinant().abs()) * Wide::new(1e-250) * Wide::new(1e200);
        assert!((product.ln() - expected.ln()).abs() < 1e-13);
    }
}
