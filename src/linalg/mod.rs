//! Dense linear algebra: the only home of `unsafe`, thin calls of BLAS and LAPACK over nalgebra matrices.
//!
//! - [`Real`]: the two scalar types of the engine, `f64` and `f32`, each with its GEMM.
//! - [`gemm`]: `C = alpha op(A) op(B) + beta C`.
//! - [`singular_values`]: all singular values of one matrix, no vectors, INFO kept.
//! - [`orthonormal_columns`]: the orthonormal factor of a QR decomposition with positive diagonal of R.
//! - [`ln_norm`]: logarithm of a Frobenius norm that neither overflows nor underflows.
//! - [`single_threaded_blas`]: keeps BLAS on one thread while rayon runs trials.

// The crate denies `unsafe`; foreign calls need it, and they live here.
#![allow(unsafe_code)]

mod back_end;
mod gemm;
mod norm;
mod orthonormal;
mod real;
mod singular_values;
mod threads;

pub use gemm::{Transpose, gemm};
pub use norm::ln_norm;
pub use orthonormal::orthonormal_columns;
pub use real::Real;
pub use singular_values::singular_values;
pub use threads::{blas_core, blas_threads, single_threaded_blas};

/// A failed LAPACK call.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LinalgError {
    /// LAPACK returned a non-zero INFO.
    #[error("LAPACK {routine} failed with INFO = {info} on a {rows} x {columns} matrix")]
    Info {
        /// LAPACK name of the routine.
        routine: &'static str,
        /// Its INFO: negative for an invalid argument, positive for a failure to converge.
        info: i32,
        /// Rows of the matrix.
        rows: usize,
        /// Columns of the matrix.
        columns: usize,
    },
    /// A failed QR decomposition.
    #[error("the QR decomposition of a {rows} x {columns} matrix failed: {message}")]
    Qr {
        /// What LAPACK reported, with its INFO.
        message: String,
        /// Rows of the matrix.
        rows: usize,
        /// Columns of the matrix.
        columns: usize,
    },
    /// The matrix holds NaN or an infinity, on which LAPACK may not return.
    #[error("a {rows} x {columns} matrix with NaN or infinite entries has no singular values")]
    NotFinite {
        /// Rows of the matrix.
        rows: usize,
        /// Columns of the matrix.
        columns: usize,
    },
    /// An orthonormal factor needs at least as many rows as columns.
    #[error("a {rows} x {columns} matrix has more columns than rows: its columns cannot be orthonormal")]
    TooWide {
        /// Rows of the matrix.
        rows: usize,
        /// Columns of the matrix.
        columns: usize,
    },
    /// A dimension does not fit LAPACK's 32-bit integers.
    #[error("a {rows} x {columns} matrix is too large for LAPACK's 32-bit dimensions")]
    TooLarge {
        /// Rows of the matrix.
        rows: usize,
        /// Columns of the matrix.
        columns: usize,
    },
}

/// A dimension as LAPACK wants it.
fn dimension(rows: usize, columns: usize, value: usize) -> Result<i32, LinalgError> {
    i32::try_from(value).map_err(|_| LinalgError::TooLarge { rows, columns })
}
