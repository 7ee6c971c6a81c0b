//! Dense linear algebra: the only home of `unsafe`, thin calls of BLAS and LAPACK over nalgebra matrices.
//!
//! - [`Real`]: the scalar types of the engine, `f64`, `f32` and the emulated `bf16` and `f16`, each with its GEMM.
//! - [`gemm`]: `C = alpha op(A) op(B) + beta C`.
//! - [`singular_values`]: all singular values of one matrix, no vectors, INFO kept.
//! - [`Chain`]: the logarithms of all singular values of a product of matrices, however deep.
//! - [`TriangularChain`]: the same of random products, from their triangular factors.
//! - [`bidiagonal_singular_values`]: O(n^2), to high relative accuracy.
//! - [`ScaledProduct`]: the explicit product in range: eigenvalues of largest modulus, and what it loses.
//! - [`one_ulp_off`]: the smallest change of a matrix, for conditioning.
//! - [`eigenvalues`]: all eigenvalues of one matrix, no vectors.
//! - [`eigenvalue_moduli`]: the moduli of all eigenvalues of one matrix, no vectors.
//! - [`orthonormal_columns`]: the orthonormal factor of a QR decomposition with positive diagonal of R.
//! - [`ln_norm`]: logarithm of a Frobenius norm that neither overflows nor underflows.
//! - [`single_threaded_blas`]: keeps BLAS on one thread while rayon runs trials.

// The crate denies `unsafe`; foreign calls need it, and they live here.
#![allow(unsafe_code)]

mod back_end;
mod bidiagonal;
mod chain;
mod eigenvalue_moduli;
mod eigenvalues;
mod gemm;
mod half_precision;
mod norm;
mod orthonormal;
mod perturbation;
mod real;
mod scaled_product;
mod singular_values;
mod threads;

pub use bidiagonal::bidiagonal_singular_values;
pub use chain::{Chain, LogSingularValues, TriangularChain};
pub use eigenvalue_moduli::eigenvalue_moduli;
pub use eigenvalues::{Eigenvalue, eigenvalues};
pub use gemm::{Transpose, gemm, gemm_block, gemm_columns};
use gemm::{gemm_blocks, triangular_multiply};
pub use norm::{LnNorm, ln_hypot, ln_norm};
pub use orthonormal::orthonormal_columns;
pub use perturbation::one_ulp_off;
pub use real::Real;
pub use scaled_product::ScaledProduct;
pub use singular_values::singular_values;
pub use threads::{SingleThreadedBlas, blas_core, blas_threads, single_threaded_blas};

/// A matrix that cannot be decomposed, or a decomposition that failed.
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
    #[error("a {rows} x {columns} matrix with NaN or infinite entries has neither singular values nor eigenvalues")]
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
    /// A factor of a product has not as many columns as the product so far has rows.
    #[error("a {rows} x {columns} factor cannot follow a product with {expected} rows: it needs {expected} columns")]
    NotChained {
        /// Rows of the factor.
        rows: usize,
        /// Columns of the factor.
        columns: usize,
        /// Rows of the product so far.
        expected: usize,
    },
    /// Only square matrices have eigenvalues.
    #[error("a {rows} x {columns} matrix is not square and has no eigenvalues")]
    NotSquare {
        /// Rows of the matrix.
        rows: usize,
        /// Columns of the matrix.
        columns: usize,
    },
    /// Jacobi rotations did not converge.
    #[error("the singular values of a product of rank {size} did not converge in {sweeps} sweeps of rotations")]
    Rotations {
        /// Sweeps done.
        sweeps: usize,
        /// Number of singular values.
        size: usize,
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
