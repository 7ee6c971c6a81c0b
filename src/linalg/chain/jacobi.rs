//! Singular values of `D U` by rotations, for a diagonal D of any range.

use nalgebra::DMatrix;

use pulp::Arch;

use super::super::{LinalgError, Transpose, gemm};
use super::householder::dot;
use super::wide::{Wide, power_of_two};

/// Far more than needed: graded matrices take 3 to 6 sweeps.
const MAX_SWEEPS: usize = 60;

/// Rotations that are left undone may change a squared singular value by `CONVERGED sqrt(r)` in all, relatively. Below the rounding
/// of a cosine, clusters of equal values would never satisfy it.
const CONVERGED: f64 = 8.0 * f64::EPSILON;

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
            let factor = power_of_two(-exponent);
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
    let arch = Arch::new();
    let tolerance = CONVERGED * (u.ncols() as f64).sqrt();
    for _ in 0..MAX_SWEEPS {
        vectors.iter_mut().for_each(Vector::normalise);
        vectors.sort_by(|p, q| q.size().compare_sizes(p.size()));
        let pending = pending(&vectors, tolerance);
        if pending.is_empty() {
            return Ok(vectors.iter().map(Vector::size).collect());
        }
        for (first, others) in pending {
            let (before, after) = vectors.split_at_mut(first + 1);
            let one = &mut before[first];
            for other in others {
                let other = &mut after[other - first - 1];
                let larger_first = one.size().compare_sizes(other.size()).is_ge();
                if larger_first { rotate(arch, one, other) } else { rotate(arch, other, one) }
            }
        }
    }
    Err(LinalgError::Rotations { sweeps: MAX_SWEEPS, size: scales.len() })
}

/// The pairs to rotate in one sweep, in order: all that change a squared singular value by more than `1/r` of the tolerance; none if the
/// changes of each value add up to less than the tolerance.
///
/// The cosines of all pairs come from one matrix product, at ten times the rate of single dot products. In a graded product all but
/// those of neighbouring sizes soon vanish.
fn pending(vectors: &[Vector], tolerance: f64) -> Vec<(usize, Vec<usize>)> {
    let Some(first) = vectors.first() else { return Vec::new() };
    let length = first.entries.len();
    let units = DMatrix::from_iterator(
        length,
        vectors.len(),
        vectors.iter().flat_map(|vector| {
            let inverse = if vector.norm == 0.0 { 0.0 } else { 1.0 / vector.norm };
            vector.entries.iter().map(move |entry| entry * inverse)
        }),
    );
    let mut cosines = DMatrix::zeros(vectors.len(), vectors.len());
    gemm(1.0, (Transpose::Yes, &units), (Transpose::No, &units), 0.0, &mut cosines);
    let negligible = tolerance / length as f64;
    let mut changes = vec![0.0; vectors.len()];
    let mut pairs = Vec::new();
    for first in 0..vectors.len() {
        let mut others = Vec::new();
        // The lower triangle: a column is contiguous.
        for (other, &c) in cosines.column(first).iter().enumerate().skip(first + 1) {
            // Without a gap the change is the cosine itself, and with one it is smaller.
            if c.abs() <= negligible {
                continue;
            }
            let rotation = Rotation::new(c, ratio(&vectors[first], &vectors[other]));
            let change = (rotation.tau * c).abs();
            changes[other] += change;
            if change > negligible {
                others.push(other);
            }
        }
        if !others.is_empty() {
            pairs.push((first, others));
        }
    }
    if changes.iter().all(|&change| change <= tolerance) { Vec::new() } else { pairs }
}

/// Length of the shorter vector over that of the longer.
fn ratio(longer: &Vector, shorter: &Vector) -> f64 {
    power_of_two(shorter.exponent - longer.exponent) * (shorter.norm / longer.norm)
}

/// The rotation that makes two vectors of length ratio `rho <= 1` orthogonal.
struct Rotation {
    tau: f64,
    tangent: f64,
    cosine: f64,
}

impl Rotation {
    fn new(c: f64, rho: f64) -> Self {
        let gap = (1.0 - rho) * (1.0 + rho);
        let tau = 2.0 * c / (gap + (gap * gap + 4.0 * rho * rho * c * c).sqrt());
        let tangent = rho * tau;
        Self { tau, tangent, cosine: 1.0 / (1.0 + tangent * tangent).sqrt() }
    }
}

/// Makes two vectors orthogonal, the longer one first.
fn rotate(arch: Arch, p: &mut Vector, q: &mut Vector) {
    if q.norm == 0.0 {
        return;
    }
    let c = arch.dispatch(|| dot(&p.entries, &q.entries)) / (p.norm * q.norm);
    if c.abs() <= 0.25 * f64::EPSILON {
        return;
    }
    let rho = ratio(p, q);
    let Rotation { tau, tangent, cosine } = Rotation::new(c, rho);
    // In units of the entries: q = rho (p.norm / q.norm) times its entries in the scale of p.
    let into_p = cosine * tangent * rho * (p.norm / q.norm);
    let into_q = -cosine * tau * (q.norm / p.norm);
    let (x, y) = (&mut p.entries, &mut q.entries);
    arch.dispatch(|| {
        for (x, y) in x.iter_mut().zip(y) {
            let (old_x, old_y) = (*x, *y);
            *x = cosine * old_x + into_p * old_y;
            *y = cosine * old_y + into_q * old_x;
        }
    });
    p.norm *= (1.0 + tangent * rho * c).sqrt();
    let change = (tau * c).abs();
    // Nearly parallel vectors: the updated norm would be all rounding.
    q.norm = if change < 0.5 { q.norm * (1.0 - change).sqrt() } else { dot(&q.entries, &q.entries).sqrt() };
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
