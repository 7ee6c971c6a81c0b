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
    let plain = sum_of_squares(entries);
    if plain.is_finite() && plain > LEAST_PLAIN { 0.5 * plain.ln() } else { scaled_ln_norm(entries) }
}

/// As [`ln_norm`], by the largest entry in any case.
fn scaled_ln_norm<T: Real>(entries: &[T]) -> f64 {
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

/// The logarithm of a norm whose entries come block by block, as [`ln_norm`] of all of them would be.
#[derive(Debug, Clone, Copy, Default)]
pub struct LnNorm {
    squares: f64,
    /// ln of the norm over the blocks whose squares leave the range of f64, if there are any.
    extreme: Option<f64>,
}

impl LnNorm {
    /// Adds a block.
    #[inline(always)]
    pub fn add(&mut self, block: &[f64]) {
        let mut sum = Lanes::default();
        sum.add_products(block, block);
        let plain = sum.pairwise_total();
        if plain > LEAST_PLAIN && plain < 1.0 / LEAST_PLAIN || plain.is_nan() {
            self.squares += plain;
        } else {
            self.add_extreme(block);
        }
    }

    #[cold]
    #[inline(never)]
    fn add_extreme(&mut self, block: &[f64]) {
        let ln = scaled_ln_norm(block);
        if ln > f64::NEG_INFINITY || ln.is_nan() {
            self.extreme = Some(self.extreme.map_or(ln, |extreme| ln_hypot(extreme, ln)));
        }
    }

    /// `ln ||v||` of all blocks: negative infinity where every entry is zero, NaN where one is NaN.
    #[inline(always)]
    pub fn total(&self) -> f64 {
        let plain = 0.5 * self.squares.ln();
        self.extreme.map_or(plain, |extreme| ln_hypot(extreme, plain))
    }
}

/// `ln sqrt(e^2a + e^2b)`: the norm of what has two parts with the norms e^a and e^b.
pub fn ln_hypot(a: f64, b: f64) -> f64 {
    let (large, small) = if a >= b { (a, b) } else { (b, a) };
    if a.is_nan() || b.is_nan() {
        return f64::NAN;
    }
    if large.is_infinite() { large } else { large + 0.5 * (2.0 * (small - large)).exp().ln_1p() }
}

/// The plain sum of squares is right above it: no square was rounded to a subnormal.
const LEAST_PLAIN: f64 = 1e-280;

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

    /// Blocks of every size in every order, against all entries at once.
    #[test]
    fn blocks_make_up_the_norm() {
        let sizes = [0.0, 1e-320, 1e-200, 1e-150, 1.0, 1e150, 1e200, f64::INFINITY, f64::NAN];
        for first in sizes {
            for second in sizes {
                for third in sizes {
                    let blocks = [first, second, third].map(|size| [size, -2.0 * size, 0.5 * size]);
                    let mut norm = LnNorm::default();
                    blocks.iter().for_each(|block| norm.add(block));
                    let (got, expected) = (norm.total(), ln_norm(blocks.as_flattened()));
                    let same = got == expected || (got.is_nan() && expected.is_nan());
                    assert!(
                        same || (got - expected).abs() <= 1e-13 * expected.abs(),
                        "{blocks:?}: {got} not {expected}"
                    );
                }
            }
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
