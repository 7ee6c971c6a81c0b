//! Singular values of one matrix.

use nalgebra::DMatrix;

use super::{LinalgError, dimension};

/// All min(m, n) singular values of an m x n matrix, in descending order.
///
/// LAPACK `dgesdd` with `JOBZ = 'N'`: bidiagonalisation, 8/3 n^3 operations for a square matrix, no vectors. The error
/// of each value is a modest multiple of `eps * sigma_max`: values far below `1e-16 sigma_max` carry no digits.
///
/// # Errors
///
/// [`LinalgError::NotFinite`] for NaN or infinite entries (LAPACK may loop on them), [`LinalgError::Info`] otherwise.
///
/// # Example
///
/// ```
/// use nalgebra::dmatrix;
/// let values = gradspectra::linalg::singular_values(dmatrix![0.0, 3.0; 4.0, 0.0])?;
/// assert_eq!(values, [4.0, 3.0]);
/// # Ok::<(), gradspectra::linalg::LinalgError>(())
/// ```
pub fn singular_values(mut matrix: DMatrix<f64>) -> Result<Vec<f64>, LinalgError> {
    let (rows, columns) = matrix.shape();
    if !matrix.iter().all(|entry| entry.is_finite()) {
        return Err(LinalgError::NotFinite { rows, columns });
    }
    let smaller = rows.min(columns);
    let mut values = vec![0.0; smaller];
    if smaller == 0 {
        return Ok(values);
    }
    let m = dimension(rows, columns, rows)?;
    let n = dimension(rows, columns, columns)?;
    let mut integer_work = vec![0; 8 * smaller];
    let mut no_vectors = [0.0];
    let mut call = |work: &mut [f64], work_length: i32| {
        let mut info = 0;
        // SAFETY: the matrix is column-major with leading dimension m, `values` holds min(m, n) and `integer_work`
        // 8 min(m, n) entries as dgesdd asks; with JOBZ = 'N' the vector arguments are not referenced.
        unsafe {
            lapack::dgesdd(
                b'N',
                m,
                n,
                matrix.as_mut_slice(),
                m,
                &mut values,
                &mut no_vectors,
                1,
                &mut [0.0],
                1,
                work,
                work_length,
                &mut integer_work,
                &mut info,
            );
        }
        if info == 0 { Ok(()) } else { Err(LinalgError::Info { routine: "dgesdd", info, rows, columns }) }
    };
    let mut optimal = [0.0];
    call(&mut optimal, -1)?;
    let work_length = optimal[0] as usize;
    call(&mut vec![0.0; work_length], dimension(rows, columns, work_length)?)?;
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_of_the_spectrum_hold() {
        for (rows, columns) in [(1, 1), (5, 5), (8, 3), (3, 8)] {
            let a = DMatrix::from_fn(rows, columns, |i, j| ((i * 13 + j * 29) % 11) as f64 - 5.0);
            let values = singular_values(a.clone()).expect("finite entries");
            assert_eq!(values.len(), rows.min(columns));
            assert!(values.windows(2).all(|pair| pair[0] >= pair[1]));
            let sum_of_squares: f64 = values.iter().map(|value| value * value).sum();
            assert!((sum_of_squares - a.norm_squared()).abs() < 1e-13 * a.norm_squared());
        }
    }

    #[test]
    fn empty_and_broken_matrices() {
        assert!(singular_values(DMatrix::zeros(0, 3)).expect("nothing to do").is_empty());
        let broken = DMatrix::from_element(2, 2, f64::NAN);
        assert_eq!(singular_values(broken), Err(LinalgError::NotFinite { rows: 2, columns: 2 }));
    }
}
