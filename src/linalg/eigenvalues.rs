//! Eigenvalues of one matrix.

use nalgebra::DMatrix;

use super::{LinalgError, dimension};

/// One eigenvalue of a real matrix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Eigenvalue {
    /// Real part.
    pub re: f64,
    /// Imaginary part; exactly 0 of a real eigenvalue.
    pub im: f64,
}

impl Eigenvalue {
    /// `|re + i im|`.
    pub fn modulus(self) -> f64 {
        self.re.hypot(self.im)
    }

    /// Whether it is real: others come in conjugate pairs.
    pub fn is_real(self) -> bool {
        self.im == 0.0
    }
}

/// All n eigenvalues of an n x n matrix with their multiplicities, in descending order of their moduli; of a conjugate pair the one with the positive
/// imaginary part comes first.
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
/// let values = gradspectra::linalg::eigenvalues(dmatrix![3.0, 0.0, 0.0; 0.0, 0.0, -4.0; 0.0, 1.0, 0.0])?;
/// // 3, 2i and -2i.
/// assert!(values[0].is_real() && (values[0].re - 3.0).abs() < 1e-14);
/// assert!(values[1].im > 0.0 && (values[1].modulus() - 2.0).abs() < 1e-14);
/// # Ok::<(), gradspectra::linalg::LinalgError>(())
/// ```
pub fn eigenvalues(mut matrix: DMatrix<f64>) -> Result<Vec<Eigenvalue>, LinalgError> {
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
    let mut values: Vec<Eigenvalue> = real.into_iter().zip(imaginary).map(|(re, im)| Eigenvalue { re, im }).collect();
    // Stable: LAPACK puts the positive imaginary part of a pair first, and both moduli are equal to the last bit.
    values.sort_by(|a, b| b.modulus().total_cmp(&a.modulus()));
    Ok(values)
}

#[cfg(test)]
mod tests {
    use nalgebra::dmatrix;

    use super::*;

    #[test]
    fn sum_and_sum_of_squares_are_traces() {
        for n in [1, 2, 7, 12] {
            let a = DMatrix::from_fn(n, n, |i, j| ((i * 13 + j * 29 + i * j) % 11) as f64 - 4.5);
            let values = eigenvalues(a.clone()).expect("finite and square");
            assert_eq!(values.len(), n);
            let sum: f64 = values.iter().map(|value| value.re).sum();
            let squares: f64 = values.iter().map(|value| value.re * value.re - value.im * value.im).sum();
            assert!((sum - a.trace()).abs() < 1e-13 * a.norm() && values.iter().map(|v| v.im).sum::<f64>() == 0.0);
            assert!((squares - (&a * &a).trace()).abs() < 1e-13 * a.norm_squared());
            assert!(values.windows(2).all(|pair| pair[0].modulus() >= pair[1].modulus()));
            assert_eq!(values.iter().filter(|value| !value.is_real()).count() % 2, 0);
        }
    }

    #[test]
    fn real_eigenvalues_are_exactly_real() {
        let values = eigenvalues(dmatrix![2.0, 1.0; 1.0, -5.0]).expect("finite and square");
        assert!(values.iter().all(|value| value.is_real()) && values[0].re < 0.0);
    }
}
