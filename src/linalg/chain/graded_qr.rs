//! QR decomposition of `M D` with a diagonal D of any range, in three ways of rising robustness and cost.

use nalgebra::DMatrix;

use super::super::{LinalgError, dimension};
use super::banded::Banded;
use super::grading::RowScaled;
use super::householder::{Field, Guide, PivotedQr};
use super::wide::{Wide, power_of_two};

/// Largest entry of U that the decomposition without pivoting may leave. Rows of U that are nearly multiples of others
/// cost about their size in accuracy; Gaussian matrices exceed 64 about once in 10^4 decompositions.
const LARGEST_ENTRY: f64 = 64.0;

/// Largest growth of the entries of a row during the decomposition without pivoting, which is the loss of accuracy of
/// that row. Without grading it is at most sqrt(m).
const LARGEST_GROWTH: f64 = 1e3;

/// Smallest diagonal entry of R accepted from arithmetic in `f64`, for entries of M near 1: its square has not underflowed.
const SMALLEST_PIVOT: f64 = 1e-100;

/// Columns and rows that descend but for this factor stay as they are: U then stays triangular, and its entries below the limit.
const DISORDER: f64 = 4.0;
const ROW_DISORDER: f64 = 16.0;

/// Entries of an n x n factor, or pivots, that are this share of their row size have errors of more than a percent: sums of n rounding
/// errors of random sign.
fn undetermined(n: usize) -> f64 {
    100.0 * f64::EPSILON * (n as f64).sqrt()
}

/// What is known about the rank of the product that a matrix M belongs to.
pub(super) struct Rank<'a> {
    /// Sizes of the rows of the factor of which M is the product with orthonormal columns, in the units of its [`RowScaled`] rows: M has
    /// errors of eps times them. Zero for rows that are exactly zero.
    pub(super) row_sizes: Vec<f64>,
    pub(super) exact: Exact<'a>,
}

/// The rank by exact arithmetic, for matrices whose rank is in doubt: it takes as long as some decompositions.
#[derive(Clone, Copy)]
pub(super) struct Exact<'a> {
    pub(super) rank: &'a dyn Fn() -> usize,
    /// In doubt is a rank for which a pivot or a singular value is below this share of the row sizes.
    pub(super) below: f64,
}

impl<'a> Exact<'a> {
    /// For one factor: only speed depends on it, as few random matrices are below, and rounding errors by far.
    pub(super) fn of_factor(rank: &'a dyn Fn() -> usize) -> Self {
        Self { rank, below: 1e-8 }
    }

    /// For an explicit product of some, which may be ill conditioned.
    pub(super) fn of_group(rank: &'a dyn Fn() -> usize) -> Self {
        Self { rank, below: 1e-12 }
    }
}

impl Rank<'_> {
    /// The rank that M has without dependences.
    fn full(&self, columns: usize) -> usize {
        self.row_sizes.iter().filter(|&&size| size > 0.0).count().min(columns)
    }
}

/// `M D = Q D' U` with k = rank of M: orthonormal columns in Q (m x k), sizes D', and U (k x r) with entries of
/// order 1, upper triangular with a diagonal of 1 or -1 but for the order of its columns.
pub(super) struct GradedQr {
    pub(super) q: DMatrix<f64>,
    pub(super) scales: Vec<Wide>,
    pub(super) u: Banded,
    pub(super) condition: Condition,
    /// How many of the sizes, from the first, are more than rounding errors.
    pub(super) determined: usize,
    /// Whether the rank is min(r, rows that are not zero), beyond doubt.
    pub(super) full: bool,
}

/// How ill conditioned M is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Condition {
    /// `|M|_F / (sqrt(n) s_min)`, the smallest singular value by an upper bound of the norm of the inverse.
    /// Infinite if M is not square, is singular, or took pivots.
    pub(super) of_square: f64,
}

impl Condition {
    const UNKNOWN: Self = Self { of_square: f64::INFINITY };

    fn new(of_square: f64) -> Self {
        if of_square.is_nan() { Self::UNKNOWN } else { Self { of_square } }
    }
}

/// Decomposes `M D`, with M given as `S B` and D by `weights`; `q` is left empty unless `with_q`.
///
/// First by LAPACK, with rows and columns sorted by size; its result is checked for growth, and if it fails, the
/// decomposition is repeated with pivoting, and if the range of `f64` is too small, in [`Wide`] arithmetic.
pub(super) fn graded_qr(matrix: &RowScaled, weights: &[Wide], with_q: bool) -> Result<GradedQr, LinalgError> {
    decompose(matrix, weights, with_q, None)
}

/// As [`graded_qr`] with Q, and with the rank of the product that M belongs to: pivots of the size of rounding errors are exact zeros, or
/// are told to be not determined.
pub(super) fn graded_qr_of_rank(
    matrix: &RowScaled,
    weights: &[Wide],
    rank: &Rank<'_>,
) -> Result<GradedQr, LinalgError> {
    decompose(matrix, weights, true, Some(rank))
}

fn decompose(
    matrix: &RowScaled,
    weights: &[Wide],
    with_q: bool,
    rank: Option<&Rank<'_>>,
) -> Result<GradedQr, LinalgError> {
    let mut known = None;
    if matrix.is_plain() {
        let shift = matrix.exponents.first().copied().unwrap_or(0);
        if let Some((decomposition, confidence)) = sorted(&matrix.rows, shift, weights, with_q, rank)? {
            let Some(rank) = rank.filter(|rank| confidence <= rank.exact.below) else { return Ok(decomposition) };
            let exact = (rank.exact.rank)();
            if exact == decomposition.scales.len() && confidence > undetermined(weights.len()) {
                let full = exact == rank.full(weights.len());
                return Ok(GradedQr { full, ..decomposition });
            }
            known = Some(exact);
        }
        let sizes = |rank: &Rank<'_>| rank.row_sizes.clone();
        let columns = || matrix.rows.column_iter().map(|column| column.iter().copied().collect()).collect();
        if let Some(qr) = pivoted::<f64>(matrix.rows.nrows(), columns, weights, rank.map(|r| (r, sizes(r))), &mut known)
        {
            return Ok(assemble(&qr, shift, weights, with_q, rank));
        }
    }
    let exponents = &matrix.exponents;
    let wide = |(&entry, &exponent): (&f64, &i64)| Wide::new(entry).shifted(exponent);
    let columns = || matrix.rows.column_iter().map(|column| column.iter().zip(exponents).map(wide).collect()).collect();
    let sizes = |rank: &Rank<'_>| rank.row_sizes.iter().zip(exponents).map(wide).collect();
    match pivoted::<Wide>(matrix.rows.nrows(), columns, weights, rank.map(|r| (r, sizes(r))), &mut known) {
        Some(qr) => Ok(assemble(&qr, 0, weights, with_q, rank)),
        None => Err(LinalgError::NotFinite { rows: matrix.rows.nrows(), columns: matrix.rows.ncols() }),
    }
}

/// The decomposition with pivots, once more with the exact rank if that is in doubt.
fn pivoted<F: Field>(
    m: usize,
    columns: impl Fn() -> Vec<Vec<F>>,
    weights: &[Wide],
    rank: Option<(&Rank<'_>, Vec<F>)>,
    known: &mut Option<usize>,
) -> Option<PivotedQr<F>> {
    let Some((rank, row_sizes)) = rank else { return PivotedQr::new(m, columns(), weights, None) };
    let mut guide = Guide { row_sizes, rank: *known };
    let qr = PivotedQr::new(m, columns(), weights, Some(&guide))?;
    let smallest = qr.shares.iter().copied().fold(f64::INFINITY, f64::min);
    if known.is_some() || (qr.rank() == rank.full(weights.len()) && smallest > rank.exact.below) {
        return Some(qr);
    }
    guide.rank = Some((rank.exact.rank)());
    *known = guide.rank;
    PivotedQr::new(m, columns(), weights, Some(&guide))
}

/// `U = D'^-1 R D P^T` and D' from a pivoted decomposition of `2^-shift M`.
fn assemble<F: Field>(
    qr: &PivotedQr<F>,
    shift: i64,
    weights: &[Wide],
    with_q: bool,
    rank: Option<&Rank<'_>>,
) -> GradedQr {
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
    let q = if with_q { qr.q() } else { DMatrix::zeros(0, 0) };
    let limit = undetermined(weights.len());
    let determined = qr.shares.iter().position(|&share| share <= limit).unwrap_or(qr.rank());
    let full = rank.is_none_or(|rank| rank.full(weights.len()) == qr.rank());
    GradedQr { q, scales, u: Banded::new(u), condition: Condition::UNKNOWN, determined, full }
}

/// An order in which no size is larger than [`DISORDER`] times one before it. Only those that are move: a triangular matrix whose columns
/// or rows are put in this order stays nearly triangular.
pub(super) fn nearly_descending(sizes: &[Wide]) -> Vec<usize> {
    let mut order: Vec<usize> = Vec::with_capacity(sizes.len());
    let mut smallest: Option<Wide> = None;
    for (j, &size) in sizes.iter().enumerate() {
        let exceeds = |other: Wide| size.compare_sizes(other * Wide::new(DISORDER)).is_gt();
        if smallest.is_some_and(exceeds) {
            let place = order.iter().position(|&i| exceeds(sizes[i])).unwrap_or(order.len());
            order.insert(place, j);
        } else {
            order.push(j);
        }
        if smallest.is_none_or(|smallest| size.compare_sizes(smallest).is_lt()) {
            smallest = Some(size);
        }
    }
    order
}

/// The largest absolute value in every row.
pub(super) fn row_sizes(matrix: &DMatrix<f64>) -> Vec<f64> {
    let mut sizes = vec![0.0_f64; matrix.nrows()];
    for column in matrix.column_iter() {
        // Not `f64::max`, whose care for NaN does not vectorise.
        for (size, entry) in sizes.iter_mut().zip(column.as_slice()) {
            *size = if entry.abs() > *size { entry.abs() } else { *size };
        }
    }
    sizes
}

/// LAPACK `dgeqrf` and `dorgqr` after sorting; `None` if the result is not as good as one with pivoting. With it comes the confidence in its
/// rank: the smallest pivot and singular value, in units of the row sizes; zero if the rank has fallen.
fn sorted(
    matrix: &DMatrix<f64>,
    shift: i64,
    weights: &[Wide],
    with_q: bool,
    of_rank: Option<&Rank<'_>>,
) -> Result<Option<(GradedQr, f64)>, LinalgError> {
    let columns = matrix.ncols();
    let row_sizes = row_sizes(matrix);
    let (largest, smallest) =
        row_sizes.iter().fold((0.0_f64, f64::INFINITY), |(l, s), &size| (l.max(size), s.min(size)));
    let rows_alike = smallest > 0.0 && largest <= ROW_DISORDER * smallest;
    let mut row_order: Vec<usize> = (0..matrix.nrows()).collect();
    if !rows_alike {
        row_order.sort_by(|&i, &j| row_sizes[j].total_cmp(&row_sizes[i]));
        // Rows of zeros (dead units) bound the rank; without them R shows it.
        row_order.retain(|&i| row_sizes[i] > 0.0);
    }
    let rows = row_order.len();
    let column_sizes: Vec<Wide> =
        matrix.column_iter().zip(weights).map(|(column, &weight)| Wide::new(column.norm()) * weight).collect();
    let column_order = nearly_descending(&column_sizes);
    let columns_in_order = column_order.is_sorted();
    let mut a = match (rows_alike, columns_in_order) {
        (true, true) => matrix.clone(),
        (true, false) => matrix.select_columns(&column_order),
        (false, _) => DMatrix::from_fn(rows, columns, |i, j| matrix[(row_order[i], column_order[j])]),
    };
    let tau = dgeqrf(&mut a)?;
    let full = rows.min(columns);
    let nothing_from = |k: usize| (k..columns).all(|j| (k..rows).all(|i| a[(i, j)] == 0.0));
    let rank = (0..full).find(|&k| a[(k, k)] == 0.0).unwrap_or(full);
    if rank < full && !nothing_from(rank) {
        return Ok(None);
    }
    let mut largest_in_row = vec![0.0_f64; rank];
    for (j, column) in a.column_iter().enumerate() {
        let above = column.iter().take((j + 1).min(rank));
        largest_in_row.iter_mut().zip(above).for_each(|(largest, entry)| *largest = largest.max(entry.abs()));
    }
    let mut scales = Vec::with_capacity(rank);
    for (k, &largest) in largest_in_row.iter().enumerate() {
        let pivot = a[(k, k)].abs();
        let grown = |i: usize| a[(i, k)].abs() * largest > LARGEST_GROWTH * row_sizes[row_order[i]];
        if pivot < SMALLEST_PIVOT || (k + 1..rows).any(grown) {
            return Ok(None);
        }
        scales.push(Wide::new(pivot) * weights[column_order[k]]);
    }
    let mut u = DMatrix::zeros(rank, columns);
    for (j, &column) in column_order.iter().enumerate() {
        let weight = weights[column];
        let mut target = u.column_mut(column);
        for (k, scale) in scales.iter().enumerate().take(j + 1) {
            let shift = weight.exponent() - scale.exponent();
            let entry = weight.mantissa() / scale.mantissa() * a[(k, j)] * power_of_two(shift);
            // NaN: an infinite ratio of the scales met a zero.
            if entry.is_nan() || entry.abs() > LARGEST_ENTRY {
                return Ok(None);
            }
            target[k] = entry;
        }
    }
    scales.iter_mut().for_each(|scale| *scale = scale.shifted(shift));
    let u = if columns_in_order { Banded::upper_triangular(u) } else { Banded::new(u) };
    let (condition, determined) = (Condition::UNKNOWN, rank);
    if !with_q {
        let whole = GradedQr { q: DMatrix::zeros(0, 0), scales, u, condition, determined, full: true };
        return Ok(Some((whole, f64::INFINITY)));
    }
    let square = rank == columns && rank == matrix.nrows();
    let inverse = if rows_alike || square { inverse_norm(&a, rank)? } else { 0.0 };
    let condition = if square { Condition::new(matrix.norm() / (columns as f64).sqrt() * inverse) } else { condition };
    let mut confidence = f64::INFINITY;
    if let Some(of_rank) = of_rank {
        // The rows after pivot k are at most as large as the largest of them.
        let mut largest = row_order[rank..].iter().map(|&row| of_rank.row_sizes[row]).fold(0.0, f64::max);
        for k in (0..rank).rev() {
            largest = largest.max(of_rank.row_sizes[row_order[k]]);
            confidence = confidence.min(a[(k, k)].abs() / largest);
        }
        if rows_alike && rank > 0 {
            confidence = confidence.min(1.0 / (inverse * largest));
        }
        if rank < of_rank.full(columns) || confidence.is_nan() {
            confidence = 0.0;
        }
    }
    a.resize_horizontally_mut(rank, 0.0);
    let sorted_q = dorgqr(a, &tau[..rank])?;
    let q = if rows_alike {
        sorted_q
    } else {
        let mut q = DMatrix::zeros(matrix.nrows(), rank);
        for (mut to, from) in q.column_iter_mut().zip(sorted_q.column_iter()) {
            row_order.iter().zip(from.iter()).for_each(|(&row, &entry)| to[row] = entry);
        }
        q
    };
    Ok(Some((GradedQr { q, scales, u, condition, determined, full: true }, confidence)))
}

/// An upper bound of the spectral norm of the inverse of the leading n x n triangle of R: LAPACK `dtrcon`, O(n^2).
///
/// It is the root of the product of the 1- and the infinity-norm; one of them alone may be `sqrt(n)` times larger.
fn inverse_norm(r: &DMatrix<f64>, n: usize) -> Result<f64, LinalgError> {
    let (rows, columns) = r.shape();
    let (order, leading) = (dimension(rows, columns, n)?, dimension(rows, columns, rows.max(1))?);
    let (mut work, mut integer_work) = (vec![0.0; 3 * n], vec![0; n]);
    let mut reciprocal = |norm: u8| {
        let (mut reciprocal, mut info) = (0.0, 0);
        // SAFETY: the n x n upper triangle is column-major with leading dimension `rows`, and the workspaces hold 3 n and n entries.
        unsafe {
            let (work, integer_work) = (&mut work, &mut integer_work);
            let r = r.as_slice();
            lapack::dtrcon(norm, b'U', b'N', order, r, leading, &mut reciprocal, work, integer_work, &mut info);
        }
        if info == 0 { Ok(reciprocal) } else { Err(LinalgError::Info { routine: "dtrcon", info, rows, columns }) }
    };
    let (by_columns, by_rows) = (reciprocal(b'1')?, reciprocal(b'I')?);
    let (mut largest_column, mut row_sums) = (0.0_f64, vec![0.0; n]);
    for (j, column) in r.column_iter().take(n).enumerate() {
        let upper = &column.as_slice()[..=j];
        largest_column = largest_column.max(upper.iter().map(|entry| entry.abs()).sum());
        row_sums.iter_mut().zip(upper).for_each(|(sum, entry)| *sum += entry.abs());
    }
    let largest_row = row_sums.into_iter().fold(0.0, f64::max);
    Ok(1.0 / (by_columns * largest_column).sqrt() / (by_rows * largest_row).sqrt())
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
        let GradedQr { q, scales, u, .. } = decomposition;
        let u = u.matrix();
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
            let decomposition = sorted(&scaled(&matrix).rows, 0, &weights, true, None).expect("LAPACK works");
            assert!(decomposition.is_some());
            assert_reconstructs(&matrix, &weights, &graded_qr(&scaled(&matrix), &weights, true).expect("works"));
        }
    }

    #[test]
    fn only_what_is_out_of_order_moves() {
        let sizes = |values: &[f64]| values.iter().map(|&value| Wide::new(value)).collect::<Vec<_>>();
        assert_eq!(nearly_descending(&sizes(&[3.0, 5.0, 1.0, 3.9, 0.5])), [0, 1, 2, 3, 4]);
        assert_eq!(nearly_descending(&sizes(&[3.0, 5.0, 1.0, 4.5, 0.1, 13.0])), [5, 0, 1, 3, 2, 4]);
        assert_eq!(nearly_descending(&sizes(&[0.0, 1.0, 0.0])), [1, 0, 2]);
    }

    #[test]
    fn columns_that_need_pivots_are_noticed() {
        // The two first columns by size are almost equal: without a pivot, R_22 is far below R_23.
        let mut matrix = Draws(2).matrix(6, 5);
        for i in 0..6 {
            matrix[(i, 1)] = matrix[(i, 0)] * (1.0 + 1e-9 * i as f64);
        }
        let weights = [100, 99, 90, 0, 0].map(|exponent| Wide::ONE.shifted(exponent));
        assert!(sorted(&scaled(&matrix).rows, 0, &weights, true, None).expect("LAPACK works").is_none());
        let decomposition = graded_qr(&scaled(&matrix), &weights, true).expect("works");
        assert!(decomposition.u.matrix().amax() < 2.0);
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
