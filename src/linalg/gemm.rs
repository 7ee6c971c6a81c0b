//! Matrix product by the BLAS.

use std::ops::Range;

use nalgebra::DMatrix;

use super::real::{GemmCall, Real};

/// Whether a factor of a product enters as it is or transposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transpose {
    /// `A`.
    No,
    /// `A^T`.
    Yes,
}

impl Transpose {
    fn letter(self) -> u8 {
        match self {
            Self::No => b'N',
            Self::Yes => b'T',
        }
    }

    fn shape<T>(self, matrix: &DMatrix<T>) -> (usize, usize) {
        match self {
            Self::No => (matrix.nrows(), matrix.ncols()),
            Self::Yes => (matrix.ncols(), matrix.nrows()),
        }
    }
}

/// General matrix product `C = alpha op(A) op(B) + beta C`.
///
/// `op(A)` is m x k, `op(B)` is k x n, `C` is m x n; 2 m n k floating-point operations. With `beta = 0`, `C` is
/// overwritten whatever it held, NaN included.
///
/// # Panics
///
/// If the shapes do not chain, or a dimension exceeds 2^31 - 1: both are errors of the caller, not of the data.
pub fn gemm<T: Real>(
    alpha: T,
    (op_a, a): (Transpose, &DMatrix<T>),
    (op_b, b): (Transpose, &DMatrix<T>),
    beta: T,
    c: &mut DMatrix<T>,
) {
    let (m, k) = op_a.shape(a);
    let (k_b, n) = op_b.shape(b);
    assert!(k == k_b && c.shape() == (m, n), "product of {m} x {k} and {k_b} x {n} into {} x {}", c.nrows(), c.ncols());
    gemm_columns(alpha, (op_a, a), (op_b, b), beta, 0..n, c.as_mut_slice());
}

/// Some columns of a general matrix product: `C[.., columns] = alpha op(A) op(B)[.., columns] + beta C[.., columns]`, with `c` holding those
/// columns alone. Threads that share a product take a block of columns each.
///
/// # Panics
///
/// As [`gemm`], and if the columns exceed those of `op(B)`.
pub fn gemm_columns<T: Real>(
    alpha: T,
    (op_a, a): (Transpose, &DMatrix<T>),
    (op_b, b): (Transpose, &DMatrix<T>),
    beta: T,
    columns: Range<usize>,
    c: &mut [T],
) {
    let (m, k) = op_a.shape(a);
    let (k_b, n) = op_b.shape(b);
    assert!(
        k == k_b && columns.end <= n && c.len() == m * columns.len(),
        "columns {columns:?} of {m} x {k} and {k_b} x {n}"
    );
    let int = |value: usize| i32::try_from(value.max(1)).expect("callers stay below 2^31 rows: checked by the spec");
    if m == 0 || columns.is_empty() {
        return;
    }
    // The first entry of the block: a column of B further on, or a row where B enters transposed.
    let start = match op_b {
        Transpose::No => columns.start * b.nrows(),
        Transpose::Yes => columns.start,
    };
    T::raw_gemm(GemmCall {
        transpose: [op_a.letter(), op_b.letter()],
        shape: [int(m), int(columns.len()), if k == 0 { 0 } else { int(k) }],
        alpha,
        beta,
        a: a.as_slice(),
        leading_a: int(a.nrows()),
        b: &b.as_slice()[start.min(b.len())..],
        leading_b: int(b.nrows()),
        c,
        leading_c: int(m),
    });
}

/// General matrix product with a block of whole columns: `C = alpha op(A) B + beta C`, where `b` holds columns of B one after the other and
/// `c` those of C. Threads that share a product take a block of columns each.
///
/// # Panics
///
/// As [`gemm`], and if the lengths are no whole numbers of columns.
pub fn gemm_block<T: Real>(alpha: T, (op_a, a): (Transpose, &DMatrix<T>), b: &[T], beta: T, c: &mut [T]) {
    let (m, k) = op_a.shape(a);
    let n = c.len() / m.max(1);
    assert!(b.len() == k * n && c.len() == m * n, "{m} x {k} times {} entries into {}", b.len(), c.len());
    if c.is_empty() {
        return;
    }
    let int = |value: usize| i32::try_from(value.max(1)).expect("callers stay below 2^31 rows: checked by the spec");
    T::raw_gemm(GemmCall {
        transpose: [op_a.letter(), b'N'],
        shape: [int(m), int(n), if k == 0 { 0 } else { int(k) }],
        alpha,
        beta,
        a: a.as_slice(),
        leading_a: int(a.nrows()),
        b,
        leading_b: int(k),
        c,
        leading_c: int(m),
    });
}

/// `C[rows, columns] = A[rows, inner] B[inner, columns]` on blocks of column-major matrices; the rest of C stays.
///
/// # Panics
///
/// If a range exceeds its matrix, or a dimension 2^31 - 1.
pub(super) fn gemm_blocks(
    a: &DMatrix<f64>,
    b: &DMatrix<f64>,
    c: &mut DMatrix<f64>,
    rows: Range<usize>,
    inner: Range<usize>,
    columns: Range<usize>,
) {
    assert!(rows.end <= a.nrows() && rows.end <= c.nrows() && inner.end <= a.ncols() && inner.end <= b.nrows());
    assert!(columns.end <= b.ncols() && columns.end <= c.ncols());
    if rows.is_empty() || inner.is_empty() || columns.is_empty() {
        return;
    }
    let int =
        |value: usize| i32::try_from(value).expect("dimensions have been checked by LAPACK calls on the same matrices");
    let (lead_a, lead_b, lead_c) = (a.nrows(), b.nrows(), c.nrows());
    f64::raw_gemm(GemmCall {
        transpose: [b'N', b'N'],
        shape: [int(rows.len()), int(columns.len()), int(inner.len())],
        alpha: 1.0,
        beta: 0.0,
        a: &a.as_slice()[inner.start * lead_a + rows.start..],
        leading_a: int(lead_a),
        b: &b.as_slice()[columns.start * lead_b + inner.start..],
        leading_b: int(lead_b),
        c: &mut c.as_mut_slice()[columns.start * lead_c + rows.start..],
        leading_c: int(lead_c),
    });
}

/// `B[..k, columns] = U[..k, ..k] B[..k, columns]` in place, with the leading k x k block of an upper triangular U: k^2 operations a column.
///
/// # Panics
///
/// If a range exceeds its matrix, or a dimension 2^31 - 1.
pub(super) fn triangular_multiply(u: &DMatrix<f64>, b: &mut DMatrix<f64>, k: usize, columns: Range<usize>) {
    assert!(k <= u.nrows() && k <= u.ncols() && k <= b.nrows() && columns.end <= b.ncols());
    if k == 0 || columns.is_empty() {
        return;
    }
    let int =
        |value: usize| i32::try_from(value).expect("dimensions have been checked by LAPACK calls on the same matrices");
    let (lead_u, lead_b) = (u.nrows(), b.nrows());
    let target = &mut b.as_mut_slice()[columns.start * lead_b..];
    // SAFETY: k rows and columns of U and k rows of the columns of B lie inside their slices, as asserted.
    unsafe {
        blas::dtrmm(
            b'L',
            b'U',
            b'N',
            b'N',
            int(k),
            int(columns.len()),
            1.0,
            u.as_slice(),
            int(lead_u),
            target,
            int(lead_b),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting<T: Real>(rows: usize, columns: usize) -> DMatrix<T> {
        DMatrix::from_fn(rows, columns, |i, j| T::from_f64((1 + i * 7 + j * 3) as f64 % 5.0 - 2.0))
    }

    /// Small integers: every sum is exact in every format, so the oracle must be met to the bit.
    fn agrees_with_the_triple_loop<T: Real>() {
        for (op_a, op_b) in [
            (Transpose::No, Transpose::No),
            (Transpose::Yes, Transpose::No),
            (Transpose::No, Transpose::Yes),
            (Transpose::Yes, Transpose::Yes),
        ] {
            let (m, k, n) = (3, 4, 2);
            let a = if op_a == Transpose::No { counting::<T>(m, k) } else { counting::<T>(k, m) };
            let b = if op_b == Transpose::No { counting::<T>(k, n) } else { counting::<T>(n, k) };
            let mut c = counting::<T>(m, n);
            let before = c.clone();
            gemm(T::from_f64(2.0), (op_a, &a), (op_b, &b), T::from_f64(-1.0), &mut c);
            let at = |op: Transpose, x: &DMatrix<T>, i: usize, j: usize| {
                if op == Transpose::No { x[(i, j)].to_f64() } else { x[(j, i)].to_f64() }
            };
            for i in 0..m {
                for j in 0..n {
                    let sum: f64 = (0..k).map(|l| at(op_a, &a, i, l) * at(op_b, &b, l, j)).sum();
                    assert_eq!(c[(i, j)].to_f64(), 2.0 * sum - before[(i, j)].to_f64());
                }
            }
        }
    }

    #[test]
    fn every_format_agrees_with_the_triple_loop() {
        agrees_with_the_triple_loop::<f64>();
        agrees_with_the_triple_loop::<f32>();
        agrees_with_the_triple_loop::<half::bf16>();
        agrees_with_the_triple_loop::<half::f16>();
    }

    #[test]
    fn blocks_of_columns_make_up_the_product() {
        for op_b in [Transpose::No, Transpose::Yes] {
            let a = counting::<f64>(3, 4);
            let b = if op_b == Transpose::No { counting::<f64>(4, 7) } else { counting::<f64>(7, 4) };
            let mut whole = DMatrix::zeros(3, 7);
            gemm(1.0, (Transpose::No, &a), (op_b, &b), 0.0, &mut whole);
            let mut parts = DMatrix::from_element(3, 7, f64::NAN);
            for columns in [0..3, 3..6, 6..7] {
                let block = &mut parts.as_mut_slice()[3 * columns.start..3 * columns.end];
                gemm_columns(1.0, (Transpose::No, &a), (op_b, &b), 0.0, columns, block);
            }
            assert_eq!(parts, whole);
        }
    }

    #[test]
    fn beta_zero_overwrites_nan() {
        let a = counting::<f64>(2, 2);
        let mut c = DMatrix::from_element(2, 2, f64::NAN);
        gemm(1.0, (Transpose::No, &a), (Transpose::No, &a), 0.0, &mut c);
        assert!(c.iter().all(|value| value.is_finite()));
    }
}
