//! Moduli of the eigenvalues of one matrix.

use nalgebra::DMatrix;

use super::{LinalgError, dimension};

/// Moduli of all n eigenvalues of an n x n matrix with their multiplicities, in descending order; the first is the
/// spectral radius.
///
/// LAPACK `dgeev` without vectors: balancing, Hessenberg form, QR iteration, about 10 n^3 operations.
///
/// # Accuracy
///
/// The computed values are those of `A + E` with `||E||` a modest multiple of `eps ||A||`. An eigenvalue of a normal matrix
/// moves by at most `||E||`: moduli below `1e-16 ||A||` carry no digits. Of a non-normal matrix it moves by up to
/// `||E||` times its condition number, and an eigenvalue in a Jordan block of size k by the order of
/// `||A|| (||E|| / ||A||)^(1/k)`: a nilpotent n x n block, whose eigenvalues are all 0, may show moduli of `eps^(1/n) ||A||`.
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
pub fn eigenvalue_moduli(mut matrix: DMatrix<f64>) -> Result<Vec<f64>, LinalgError> {
    let (rows, columns) = matrix.shape();
    if rows != columns {
        return Err(LinalgError::NotSquare { rows, columns });
    }
    if !matrix.iter().all(|entry| entry.is_finite()) {
        return Err(LinalgError::NotFinite { rows, columns });
    }
    if rows == 0 {
        return Ok(Vec::new());
    }
    let n = dimension(rows, columns, rows)?;
    let (mut real, mut imaginary) = (vec![0.0; rows], vec![0.0; rows]);
    let mut no_vectors = [[0.0]; 2];
    let mut call = |work: &mut [f64], work_length: i32| {
        let mut info = 0;
        let [left, right] = &mut no_vectors;
        // SAFETY: the matrix is column-major with leading dimension n, `real` and `imaginary` hold n entries; with
        // 'N' twice the vector arguments are not referenced.
        unsafe {
            lapack::dgeev(
                b'N',
                b'N',
                n,
                matrix.as_mut_slice(),
                n,
                &mut real,
                &mut imaginary,
                left,
                1,
                right,
                1,
                work,
                work_length,
                &mut info,
            );
        }
        if info == 0 { Ok(()) } else { Err(LinalgError::Info { routine: "dgeev", info, rows, columns }) }
    };
    let mut optimal = [0.0];
    call(&mut optimal, -1)?;
    let work_length = optimal[0] as usize;
    call(&mut vec![0.0; work_length], dimension(rows, columns, work_length)?)?;
    let mut moduli: Vec<f64> = real.iter().zip(&imaginary).map(|(re, im)| re.hypot(*im)).collect();
    moduli.sort_by(|a, b| b.total_cmp(a));
    Ok(moduli)
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
