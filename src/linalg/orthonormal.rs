//! Orthonormal factors.

use nalgebra::DMatrix;
use nalgebra_lapack::{QR, QrDecomposition};

use super::LinalgError;

/// The orthonormal factor Q of `A = Q R` with every diagonal entry of R positive.
///
/// # Formula
///
/// Householder QR (LAPACK `dgeqrf`, `dorgqr`), then column j of Q times sign(R_jj). `A` is m x n with m >= n, Q is
/// m x n, `Q^T Q = I` to a few ulp.
///
/// The sign makes the decomposition unique: for `A` with independent standard normal entries, Q is then exactly Haar
/// distributed. LAPACK's own signs are not (its Householder vectors always reflect to one side).
///
/// # Errors
///
/// [`LinalgError::TooWide`] if n > m; [`LinalgError::Qr`] with LAPACK's message and INFO.
///
/// # Source
///
/// Mezzadri, Notices AMS 54, 592 (2007).
pub fn orthonormal_columns(matrix: DMatrix<f64>) -> Result<DMatrix<f64>, LinalgError> {
    let (rows, columns) = matrix.shape();
    if columns > rows {
        return Err(LinalgError::TooWide { rows, columns });
    }
    super::dimension(rows, columns, rows)?;
    // nalgebra-lapack keeps INFO in the text of its error only.
    let decomposition =
        QR::new(matrix).map_err(|error| LinalgError::Qr { message: error.to_string(), rows, columns })?;
    let mut q = decomposition.q();
    let r = decomposition.r();
    for j in 0..columns {
        if r[(j, j)] < 0.0 {
            q.column_mut(j).neg_mut();
        }
    }
    Ok(q)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_orthonormal_and_signs_positive() {
        let a = DMatrix::from_fn(7, 4, |i, j| ((i * 5 + j * 11) % 7) as f64 - 3.0 + 0.1 * i as f64);
        let q = orthonormal_columns(a.clone()).expect("a tall matrix has a QR decomposition");
        assert!((q.transpose() * &q - DMatrix::identity(4, 4)).norm() < 1e-14);
        let r = q.transpose() * &a;
        assert!((0..4).all(|j| r[(j, j)] > 0.0));
        assert!((q * r - &a).norm() < 1e-13 * a.norm());
    }

    #[test]
    fn wide_matrices_are_refused() {
        let error = orthonormal_columns(DMatrix::zeros(2, 3)).expect_err("three orthonormal columns of length two");
        assert_eq!(error, LinalgError::TooWide { rows: 2, columns: 3 });
    }
}
