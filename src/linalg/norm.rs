//! Norms on a logarithmic scale.

use super::Real;
use crate::numeric::Lanes;

/// Natural logarithm of the Euclidean norm of a vector, or of the Frobenius norm of a matrix given by its entries.
///
/// # Formula
///
/// ```text
/// ln ||v|| = ln m + (1/2) ln sum_i (v_i / m)^2,    m = max_i |v_i|
/// ```
///
/// Scaled by the largest entry, so that entries of 1e-300 or 1e300 are as accurate as entries of 1. Relative error of
/// the norm below n/2 ulp for n entries.
///
/// Returns `-inf` when every entry is exactly zero (or there is none), NaN when one is NaN, and `+inf` when one is
/// infinite and none is NaN.
///
/// # Example
///
/// ```
/// use gradspectra::linalg::ln_norm;
/// let tiny = [3e-200_f64, 4e-200];
/// assert!((ln_norm(&tiny) - (5e-200_f64).ln()).abs() < 1e-12);
/// ```
pub fn ln_norm<T: Real>(entries: &[T]) -> f64 {
    // The plain sum of squares is right unless it leaves the range in which no square was rounded to a subnormal.
    let plain = sum_of_squares(entries);
    if plain.is_finite() && plain > 1e-280 {
        return 0.5 * plain.ln();
    }
    let mut largest = 0.0_f64;
    for entry in entries {
        let magnitude = entry.to_f64().abs();
        if magnitude.is_nan() {
            return f64::NAN;
        }
        largest = largest.max(magnitude);
    }
    if largest == 0.0 {
        return f64::NEG_INFINITY;
    }
    if largest.is_infinite() {
        return f64::INFINITY;
    }
    let scaled: f64 = entries.iter().map(|entry| (entry.to_f64() / largest).powi(2)).sum();
    largest.ln() + 0.5 * scaled.ln()
}

/// The plain sum of squares in f64, in vector registers.
fn sum_of_squares<T: Real>(entries: &[T]) -> f64 {
    pulp::Arch::new().dispatch(Squares(entries))
}

/// A type of its own: the body of a closure of this size is not inlined where the vector instructions are.
struct Squares<'a, T>(&'a [T]);

impl<T: Real> pulp::NullaryFnOnce for Squares<'_, T> {
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        let mut sums = [Lanes::default(); 2];
        let mut wide = [0.0; BLOCK];
        for block in self.0.chunks(BLOCK) {
            let wide = &mut wide[..block.len()];
            wide.iter_mut().zip(block).for_each(|(wide, entry)| *wide = entry.to_f64());
            let (first, second) = wide.split_at(block.len() / 2);
            sums[0].add_products(first, first);
            sums[1].add_products(second, second);
        }
        sums[0].total() + sums[1].total()
    }
}

/// Numbers that are widened at once.
const BLOCK: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extreme_entries_keep_their_digits() {
        for exponent in [-320, -308, -200, -150, 0, 150, 200, 307] {
            let unit = 10f64.powf(f64::from(exponent));
            let expected = unit.ln() + 0.5 * 14f64.ln();
            let got = ln_norm(&[unit, 2.0 * unit, -3.0 * unit]);
            // 1e-320 is subnormal with three decimal digits: compare with what it holds.
            let tolerance = if exponent < -308 { 1e-3 } else { 1e-13 * expected.abs().max(1.0) };
            assert!((got - expected).abs() < tolerance, "10^{exponent}: {got} against {expected}");
        }
    }

    #[test]
    fn special_values_are_told_apart() {
        assert_eq!(ln_norm::<f64>(&[]), f64::NEG_INFINITY);
        assert_eq!(ln_norm(&[0.0_f32, -0.0]), f64::NEG_INFINITY);
        assert_eq!(ln_norm(&[1.0_f32, f32::INFINITY]), f64::INFINITY);
        assert!(ln_norm(&[f64::NAN, f64::INFINITY]).is_nan());
        assert!(ln_norm(&[f64::INFINITY, f64::NAN]).is_nan());
    }
}
