//! The scalar types of the engine.

use nalgebra::{ClosedAddAssign, ClosedMulAssign, Scalar};

/// A floating-point format in which networks are run: `f64`, `f32`, and, emulated, `half::bf16` and `half::f16`.
///
/// Elementwise functions are evaluated in `f64` and rounded once to the format, so that a difference between two
/// formats is a matter of range and rounding, never of another algorithm. Matrix products are the BLAS's in `f64` and `f32`; those of the
/// 16-bit formats are computed and accumulated in `f32` and rounded once, as tensor cores do.
pub trait Real:
    Scalar + Copy + Send + Sync + Default + PartialOrd + ClosedAddAssign + ClosedMulAssign + 'static
{
    /// The value as `f64`, exact.
    fn to_f64(self) -> f64;

    /// The nearest value of the format; overflow gives an infinity and underflow a subnormal or zero, as the format does.
    fn from_f64(value: f64) -> Self;

    /// [`Real::to_f64`] of every number, in vector instructions.
    fn widen(from: &[Self], to: &mut [f64]) {
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || from.iter().zip(to).for_each(|(from, to)| *to = from.to_f64()),
        );
    }

    /// [`Real::from_f64`] of every number, in vector instructions.
    fn round(from: &[f64], to: &mut [Self]) {
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || from.iter().zip(to).for_each(|(from, to)| *to = Self::from_f64(*from)),
        );
    }

    /// BLAS GEMM on column-major slices whose extents the caller has checked: [`super::gemm`] is the safe door.
    #[doc(hidden)]
    fn raw_gemm(call: GemmCall<'_, Self>);
}

/// The arguments of one GEMM: `C (m x n) = alpha op(A) (m x k) op(B) (k x n) + beta C`.
#[doc(hidden)]
#[derive(Debug)]
pub struct GemmCall<'a, T> {
    pub transpose: [u8; 2],
    pub shape: [i32; 3],
    pub alpha: T,
    pub beta: T,
    pub a: &'a [T],
    pub leading_a: i32,
    pub b: &'a [T],
    pub leading_b: i32,
    pub c: &'a mut [T],
    pub leading_c: i32,
}

macro_rules! real {
    ($float:ty, $gemm:path) => {
        impl Real for $float {
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }

            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as $float
            }

            fn raw_gemm(call: GemmCall<'_, Self>) {
                let [m, n, k] = call.shape;
                let [ta, tb] = call.transpose;
                // SAFETY: `super::gemm` is the only caller; it takes the extents and leading dimensions from the
                // matrices themselves and asserts that the shapes chain, so BLAS stays inside the three slices.
                unsafe {
                    $gemm(
                        ta,
                        tb,
                        m,
                        n,
                        k,
                        call.alpha,
                        call.a,
                        call.leading_a,
                        call.b,
                        call.leading_b,
                        call.beta,
                        call.c,
                        call.leading_c,
                    );
                }
            }
        }
    };
}

real!(f64, blas::dgemm);
real!(f32, blas::sgemm);
