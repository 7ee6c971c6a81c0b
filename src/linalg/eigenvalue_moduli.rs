//! Moduli of the eigenvalues of one matrix.

use nalgebra::DMatrix;

use super::{Eigenvalue, LinalgError, eigenvalues};

/// Moduli of all n eigenvalues of an n x n matrix with their multiplicities, in descending order; the first is the
/// spectral radius.
///
/// Those of [`eigenvalues`], with its accuracy.
///
/// # Errors
///
/// [`LinalgError::NotSquare`]; [`LinalgError::NotFinite`] for NaN or infinite entries; [`LinalgError::Info`] if the
/// iteration does not converge.
///
/// # Example
///
/// ```
/// use nalgebra::dmatrix;
/// let moduli = gradspectra::linalg::eigenvalue_moduli(dmatrix![0.0, -4.0; 1.0, 0.0])?;
/// // The eigenvalues are 2i and -2i.
/// assert!(moduli.iter().all(|modulus| (modulus - 2.0).abs() < 1e-15));
/// # Ok::<(), gradspectra::linalg::LinalgError>(())
/// ```
pub fn eigenvalue_moduli(matrix: DMatrix<f64>) -> Result<Vec<f64>, LinalgError> {
    Ok(eigenvalues(matrix)?.into_iter().map(Eigenvalue::modulus).collect())
}

#[cfg(test)]
mod tests {
    use nalgebra::dmatrix;

    use super::*;

    #[test]
    fn identities_of_the_eigenvalues_hold() {
        for n in [1, 2, 7, 12] {
            let a = DMatrix::from_fn(n, n, |i, j| ((i * 13 + j * 29 + i * j) % 11) as f64 - 4.5);
            let moduli = eigenvalue_moduli(a.clone()).expect("finite and square");
            assert_eq!(moduli.len(), n);
            assert!(moduli.windows(2).all(|pair| pair[0] >= pair[1]));
            let determinant = a.determinant().abs();
            let product: f64 = moduli.iter().product();
            // The determinant of a singular matrix is all rounding: compare on the scale of the largest possible one.
            assert!((product - determinant).abs() < 1e-13 * a.norm().powi(n as i32), "{product} {determinant}");
            let transposed = eigenvalue_moduli(a.transpose()).expect("finite and square");
            assert!(moduli.iter().zip(&transposed).all(|(x, y)| (x - y).abs() < 1e-12 * a.norm()));
            assert!(moduli[0] <= a.norm());
        }
    }

    #[test]
    fn eigenvalues_are_not_singular_values() {
        let triangular = dmatrix![0.5, 1e3, 7.0; 0.0, -2.0, 1e3; 0.0, 0.0, 0.0];
        let moduli = eigenvalue_moduli(triangular).expect("finite and square");
        assert!(moduli.iter().zip([2.0, 0.5, 0.0]).all(|(got, expected)| (got - expected).abs() < 1e-13), "{moduli:?}");
    }

    #[test]
    fn matrices_without_eigenvalues_are_refused() {
        assert!(eigenvalue_moduli(DMatrix::zeros(0, 0)).expect("nothing to do").is_empty());
        let wide = eigenvalue_moduli(DMatrix::zeros(2, 3));
        assert_eq!(wide, Err(LinalgError::NotSquare { rows: 2, columns: 3 }));
        let broken = eigenvalue_moduli(DMatrix::from_element(2, 2, f64::INFINITY));
        assert_eq!(broken, Err(LinalgError::NotFinite { rows: 2, columns: 2 }));
    }
}
