//! Singular values of a bidiagonal matrix.

use super::{LinalgError, dimension};

/// All n singular values, descending, of the upper bidiagonal matrix with the given diagonal (n) and superdiagonal (n - 1).
///
/// LAPACK `dbdsqr` without vectors: dqds (Fernando and Parlett 1994), O(n^2) operations, every value to high relative accuracy, the smallest too.
///
/// # Errors
///
/// [`LinalgError::NotFinite`] for NaN or infinite entries, or if the superdiagonal is not one shorter than the diagonal;
/// [`LinalgError::Info`] if the iteration fails.
///
/// # Example
///
/// ```
/// let values = gradspectra::linalg::bidiagonal_singular_values(vec![3.0, 1e-200], vec![4.0])?;
/// assert!((values[0] - 5.0).abs() < 1e-14 && (values[1] / 6e-201 - 1.0).abs() < 1e-13);
/// # Ok::<(), gradspectra::linalg::LinalgError>(())
/// ```
pub fn bidiagonal_singular_values(mut diagonal: Vec<f64>, superdiagonal: Vec<f64>) -> Result<Vec<f64>, LinalgError> {
    let n = diagonal.len();
    if n == 0 {
        return Ok(diagonal);
    }
    let finite = diagonal.iter().chain(&superdiagonal).all(|entry| entry.is_finite());
    if !finite || superdiagonal.len() + 1 != n {
        return Err(LinalgError::NotFinite { rows: n, columns: n });
    }
    let size = dimension(n, n, n)?;
    let mut off = superdiagonal;
    // Without vectors, dbdsqr uses n entries: one more than there are.
    off.push(0.0);
    let mut work = vec![0.0; 4 * n];
    let (mut none, mut info) = ([0.0], 0);
    let (mut none_2, mut none_3) = ([0.0], [0.0]);
    // SAFETY: the arrays hold n, n and 4 n entries; without vectors the others are not referenced, and their leading dimension may be 1.
    unsafe {
        lapack::dbdsqr(
            b'U',
            size,
            &[0],
            &[0],
            &[0],
            &mut diagonal,
            &mut off,
            &mut none,
            1,
            &mut none_2,
            1,
            &mut none_3,
            1,
            &mut work,
            &mut info,
        );
    }
    if info == 0 { Ok(diagonal) } else { Err(LinalgError::Info { routine: "dbdsqr", info, rows: n, columns: n }) }
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;

    use super::*;
    use crate::linalg::singular_values;

    #[test]
    fn values_are_those_of_the_dense_matrix() {
        let n = 30;
        let diagonal: Vec<f64> = (0..n).map(|i| 1.0 + ((i * 7) % 11) as f64).collect();
        let off: Vec<f64> = (0..n - 1).map(|i| 0.5 + ((i * 5) % 7) as f64).collect();
        let dense = DMatrix::from_fn(n, n, |i, j| match j.wrapping_sub(i) {
            0 => diagonal[i],
            1 => off[i],
            _ => 0.0,
        });
        let expected = singular_values(dense).expect("finite");
        let got = bidiagonal_singular_values(diagonal, off).expect("converges");
        assert!(got.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-13 * expected[0]));
    }

    #[test]
    fn broken_input_is_refused() {
        assert!(bidiagonal_singular_values(vec![], vec![]).expect("empty").is_empty());
        assert!(bidiagonal_singular_values(vec![1.0, f64::NAN], vec![0.0]).is_err());
        assert!(bidiagonal_singular_values(vec![1.0, 2.0], vec![]).is_err());
    }
}
