//! Singular values of `D U` by rotations, for a diagonal D of any range.

use nalgebra::DMatrix;

use super::super::LinalgError;
use super::householder::dot;
use super::wide::Wide;

/// Far more than needed: graded matrices take 3 to 6 sweeps.
const MAX_SWEEPS: usize = 60;

/// A sweep whose rotations all changed the squared singular values by less than `CONVERGED sqrt(r)`, relatively, was
/// the last. Below the rounding of a cosine, clusters of equal values would never satisfy it.
const CONVERGED: f64 = 4.0 * f64::EPSILON;

/// A row of `D U`, which is a column to Jacobi's method.
struct Vector {
    /// Entries, of order 1 after each normalisation.
    entries: Vec<f64>,
    /// The vector is `2^exponent` times its entries.
    exponent: i64,
    /// Norm of the entries: exact at the start of a sweep, then updated. Only angles depend on it, not accuracy.
    norm: f64,
}

impl Vector {
    fn normalise(&mut self) {
        self.norm = dot(&self.entries, &self.entries).sqrt();
        if self.norm == 0.0 {
            return;
        }
        let exponent = Wide::new(self.norm).exponent();
        if exponent != 0 {
            let factor = super::wide::power_of_two(-exponent);
            self.entries.iter_mut().for_each(|entry| *entry *= factor);
            self.norm *= factor;
            self.exponent += exponent;
        }
    }

    fn size(&self) -> Wide {
        Wide::new(self.norm).shifted(self.exponent)
    }
}

/// The k singular values of `D U`, with D given by `scales` and U (k x r, k <= r, rows of order 1), in descending order.
///
/// One-sided Jacobi (Hestenes): plane rotations of the rows of `D U` until they are orthogonal; their norms are the
/// singular values. With lengths `s_p >= s_q`, `rho = s_q / s_p` and cosine c, the rotation has
///
/// ```text
/// tau = tan(theta) / rho = 2 c / (1 - rho^2 + sqrt((1 - rho^2)^2 + 4 rho^2 c^2))
/// p' = cos(theta) (p + rho tau q),    q' = cos(theta) (q - tau p / rho)
/// ```
///
/// in which nothing overflows for rho -> 0, where the rotation becomes the Gram-Schmidt step. The relative error of
/// every value is a modest multiple of `eps * kappa(U)` with the rows of U scaled to norm 1, whatever D is (Demmel and
/// Veselic 1992).
pub(super) fn scaled_singular_values(u: &DMatrix<f64>, scales: &[Wide]) -> Result<Vec<Wide>, LinalgError> {
    let mut vectors: Vec<Vector> = u
        .row_iter()
        .zip(scales)
        .map(|(row, scale)| {
            let entries = row.iter().map(|entry| entry * scale.mantissa()).collect();
            Vector { entries, exponent: scale.exponent(), norm: 0.0 }
        })
        .collect();
    let converged = CONVERGED * (u.ncols() as f64).sqrt();
    for _ in 0..MAX_SWEEPS {
        vectors.iter_mut().for_each(Vector::normalise);
        vectors.sort_by(|p, q| q.size().compare_sizes(p.size()));
        let mut largest_change = 0.0_f64;
        for first in 0..vectors.len() {
            let (before, after) = vectors.split_at_mut(first + 1);
            let one = &mut before[first];
            for other in after {
                let larger_first = one.size().compare_sizes(other.size()).is_ge();
                let change = if larger_first { rotate(one, other) } else { rotate(other, one) };
                largest_change = largest_change.max(change);
            }
        }
        if largest_change <= converged {
            let mut values: Vec<Wide> = vectors
                .iter_mut()
                .map(|vector| {
                    vector.normalise();
                    vector.size()
                })
                .collect();
            values.sort_by(|p, q| q.compare_sizes(*p));
            return Ok(values);
        }
    }
    Err(LinalgError::Rotations { sweeps: MAX_SWEEPS, size: scales.len() })
}

/// Makes two vectors orthogonal, the longer one first; returns the relative change of the squared length of the shorter.
fn rotate(p: &mut Vector, q: &mut Vector) -> f64 {
    if q.norm == 0.0 {
        return 0.0;
    }
    let c = dot(&p.entries, &q.entries) / (p.norm * q.norm);
    if c.abs() <= f64::EPSILON {
        return 0.0;
    }
    let rho = super::wide::power_of_two(q.exponent - p.exponent) * (q.norm / p.norm);
    let gap = (1.0 - rho) * (1.0 + rho);
    let tau = 2.0 * c / (gap + (gap * gap + 4.0 * rho * rho * c * c).sqrt());
    let tangent = rho * tau;
    let cosine = 1.0 / (1.0 + tangent * tangent).sqrt();
    // In units of the entries: q = rho (p.norm / q.norm) times its entries in the scale of p.
    let into_p = cosine * tangent * rho * (p.norm / q.norm);
    let into_q = -cosine * tau * (q.norm / p.norm);
    for (x, y) in p.entries.iter_mut().zip(&mut q.entries) {
        let (old_x, old_y) = (*x, *y);
        *x = cosine * old_x + into_p * old_y;
        *y = cosine * old_y + into_q * old_x;
    }
    p.norm *= (1.0 + tangent * rho * c).sqrt();
    let change = (tau * c).abs();
    // Nearly parallel vectors: the updated norm would be all rounding.
    q.norm = if change < 0.5 { q.norm * (1.0 - change).sqrt() } else { dot(&q.entries, &q.entries).sqrt() };
    change
}

#[cfg(test)]
mod tests {
    use super::super::tests::Draws;
    use super::*;
    use crate::linalg::singular_values;

    #[test]
    fn values_agree_with_lapack_without_grading() {
        for (rows, columns) in [(1, 1), (4, 4), (3, 9), (30, 30)] {
            let u = Draws(rows as u64).matrix(rows, columns);
            let got = scaled_singular_values(&u, &vec![Wide::ONE; rows]).expect("converges");
            let expected = singular_values(u).expect("finite");
            assert!(got.iter().zip(&expected).all(|(a, b)| (a.to_f64() - b).abs() < 1e-14 * 10.0 * expected[0]));
        }
    }

    /// `D U` with `U = [1 a; 0 1]` and `D = diag(1, 2^-e)`: `s_1 s_2 = 2^-e` and `s_1^2 + s_2^2 = 1 + a^2 + 4^-e`.
    #[test]
    fn two_by_two_values_follow_from_determinant_and_norm() {
        for exponent in [0, 1, 30, 500, 100_000] {
            let scales = [Wide::ONE, Wide::ONE.shifted(-exponent)];
            let got = scaled_singular_values(&nalgebra::dmatrix![1.0, 0.75; 0.0, 1.0], &scales).expect("converges");
            assert!(((got[0] * got[1]).ln() - scales[1].ln()).abs() < 1e-15 * f64::max(1.0, exponent as f64));
            let squares = got[0] * got[0] + got[1] * got[1];
            let expected = Wide::new(1.5625) + scales[1] * scales[1];
            assert!((squares.to_f64() - expected.to_f64()).abs() < 1e-14);
        }
    }

    #[test]
    fn equal_and_vanishing_values_converge() {
        let equal = scaled_singular_values(&DMatrix::from_diagonal_element(5, 5, -1.0), &[Wide::ONE; 5]);
        assert_eq!(equal.expect("converges"), [Wide::ONE; 5]);
        let parallel = nalgebra::dmatrix![1.0, 1.0; 1.0, 1.0];
        let values = scaled_singular_values(&parallel, &[Wide::ONE; 2]).expect("converges");
        assert!((values[0].to_f64() - 2.0).abs() < 1e-15 && values[1].to_f64() < 1e-15);
    }
}
