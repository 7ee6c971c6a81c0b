//! The 16-bit formats, emulated.
//!
//! Storage is 16 bits; a matrix product widens its operands to f32, multiplies and accumulates there, and rounds the result once: what
//! tensor cores and AMX do with 16-bit operands and f32 accumulators. The order of the sums is the BLAS's.

use half::{bf16, f16};

use super::real::{GemmCall, Real};

/// f64 to f32, rounded to odd: towards zero, with the last bit set where anything was lost.
///
/// A second rounding to a shorter format (by at least two bits) then gives the nearest value of the f64, ties included. Rounding to
/// nearest twice does not: 1 + 2^-11 + 2^-40 is above the middle of its f16 neighbours, its nearest f32 is the middle, which goes to even.
fn to_odd(value: f64) -> f32 {
    let nearest = value as f32;
    if f64::from(nearest) == value {
        return nearest;
    }
    // One step towards zero where it was rounded away; from infinity that is the largest number. A NaN stays one.
    let away = u32::from(f64::from(nearest).abs() > value.abs());
    f32::from_bits((nearest.to_bits() - away) | 1)
}

/// GEMM in f32 on widened operands.
fn widened_gemm<T: Real>(call: GemmCall<'_, T>, wide: impl Fn(T) -> f32, round: impl Fn(f32) -> T) {
    let widen = |values: &[T]| values.iter().map(|&value| wide(value)).collect::<Vec<f32>>();
    let (a, b) = (widen(call.a), widen(call.b));
    // With beta = 0 the BLAS does not read C, NaN included.
    let mut c = if call.beta == T::default() { vec![0.0; call.c.len()] } else { widen(call.c) };
    f32::raw_gemm(GemmCall {
        transpose: call.transpose,
        shape: call.shape,
        alpha: wide(call.alpha),
        beta: wide(call.beta),
        a: &a,
        leading_a: call.leading_a,
        b: &b,
        leading_b: call.leading_b,
        c: &mut c,
        leading_c: call.leading_c,
    });
    for (target, value) in call.c.iter_mut().zip(c) {
        *target = round(value);
    }
}

macro_rules! half_real {
    ($float:ty) => {
        impl Real for $float {
            fn to_f64(self) -> f64 {
                f64::from(self)
            }

            // `half`'s own `from_f64` rounds twice where the processor converts, and drops the low half of the f64 where it does not.
            fn from_f64(value: f64) -> Self {
                Self::from_f32(to_odd(value))
            }

            fn raw_gemm(call: GemmCall<'_, Self>) {
                widened_gemm(call, Self::to_f32, Self::from_f32);
            }
        }
    };
}

half_real!(bf16);
half_real!(f16);

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;

    use super::*;
    use crate::linalg::{Transpose, gemm};

    /// Every middle of two neighbours goes to the even one, and the next f64 on either side to its own: over the whole format, subnormals
    /// and the step to infinity included.
    fn rounds_once<T: Real>(positive: impl Fn(u16) -> T, infinity: u16) {
        for bits in 0..infinity {
            let (low, high) = (positive(bits).to_f64(), positive(bits + 1).to_f64());
            // Infinity stands where the next number would.
            let high = if high.is_finite() { high } else { low + (low - positive(bits - 1).to_f64()) };
            let middle = 0.5 * (low + high);
            let even = positive(bits + (bits & 1));
            for sign in [1.0, -1.0] {
                let signed = |value: T| sign * value.to_f64();
                let rounded = |value: f64| T::from_f64(sign * value).to_f64();
                assert_eq!(rounded(low), signed(positive(bits)), "{low}");
                assert_eq!(rounded(middle), signed(even), "{middle}");
                assert_eq!(rounded(middle.next_down()), signed(positive(bits)), "below {middle}");
                assert_eq!(rounded(middle.next_up()), signed(positive(bits + 1)), "above {middle}");
            }
        }
        assert!(T::from_f64(f64::NAN).to_f64().is_nan());
        assert_eq!(T::from_f64(f64::INFINITY).to_f64(), f64::INFINITY);
        assert_eq!(T::from_f64(1e300).to_f64(), f64::INFINITY);
        assert_eq!(T::from_f64(-1e-300).to_f64(), 0.0);
    }

    #[test]
    fn f16_is_rounded_once() {
        rounds_once(f16::from_bits, f16::INFINITY.to_bits());
        let above_the_middle = 1.0 + 2f64.powi(-11) + 2f64.powi(-40);
        assert_eq!(<f16 as Real>::from_f64(above_the_middle).to_bits(), 0x3c01);
        assert_eq!(f16::from_f32(above_the_middle as f32).to_bits(), 0x3c00, "by f32 it would be the lower one");
        // Overflow begins half an ulp above the largest number.
        assert_eq!(<f16 as Real>::from_f64(65_520f64.next_down()), f16::MAX);
        assert_eq!(<f16 as Real>::from_f64(65_520.0), f16::INFINITY);
    }

    #[test]
    fn bf16_is_rounded_once() {
        rounds_once(bf16::from_bits, bf16::INFINITY.to_bits());
    }

    /// 4,096 ones: in f16 itself the sum would stop at 2,048, where the next number is two away.
    #[test]
    fn products_accumulate_in_single_precision() {
        let ones = |rows, columns| DMatrix::from_element(rows, columns, f16::ONE);
        let mut c = DMatrix::from_element(1, 1, f16::NAN);
        gemm(f16::ONE, (Transpose::No, &ones(1, 4096)), (Transpose::No, &ones(4096, 1)), f16::ZERO, &mut c);
        assert_eq!(c[(0, 0)].to_f64(), 4096.0);
        // And the result is rounded to the format: 70,000 is infinite.
        gemm(f16::ONE, (Transpose::No, &ones(1, 70_000)), (Transpose::No, &ones(70_000, 1)), f16::ZERO, &mut c);
        assert_eq!(c[(0, 0)], f16::INFINITY);
    }
}
