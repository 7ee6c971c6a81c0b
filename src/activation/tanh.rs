//! Hyperbolic tangent.

use super::{Activation, Attained, DerivativeBounds};
use crate::numeric::{Decay, decay};

/// `tanh(x)`: derivative `1 / cosh^2 x`, at most 1, at 0.
#[derive(Debug, Clone, Copy)]
pub struct Tanh;

impl Activation for Tanh {
    fn name(&self) -> &str {
        "tanh"
    }

    fn formula(&self) -> &str {
        "tanh(x)"
    }

    fn value(&self, x: f64) -> f64 {
        self.value_and_derivative(x).0
    }

    fn derivative(&self, x: f64) -> f64 {
        self.value_and_derivative(x).1
    }

    /// With `t = e^(-2|x|)`: `tanh |x| = (1 - t) / (1 + t)` and the derivative `4 t / (1 + t)^2`, which keeps its relative accuracy
    /// where `1 - tanh^2` cancels. Both to 4 ulp, for one exponential.
    #[inline(always)]
    fn value_and_derivative(&self, x: f64) -> (f64, f64) {
        let Decay { exp: t, complement } = decay(-2.0 * x.abs());
        let plus = (1.0 + t).recip();
        ((complement * plus).copysign(x), 4.0 * t * plus * plus)
    }

    /// `-2 tanh(x) / cosh^2 x`.
    fn second_derivative(&self, x: f64) -> f64 {
        let (value, derivative) = self.value_and_derivative(x);
        -2.0 * value * derivative
    }

    fn kinks(&self) -> &[f64] {
        &[]
    }

    fn derivative_bounds(&self) -> DerivativeBounds {
        DerivativeBounds {
            sup_abs: 1.0,
            sup_at: Attained::At(vec![0.0]),
            inf: 0.0,
            inf_at: Attained::Nowhere,
            second_sup_abs: 4.0 / 27f64.sqrt(),
            second_sup_at: Attained::At(vec![-0.658_478_948_462_408_4, 0.658_478_948_462_408_4]),
        }
    }

    fn as_dyn(&self) -> &dyn Activation {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shared_exponential_keeps_all_but_the_last_digits() {
        for k in -4000..=4000 {
            let x = f64::from(k) * 0.005 + 1e-4;
            let (value, derivative) = Tanh.value_and_derivative(x);
            assert!((value - x.tanh()).abs() <= 6.0 * f64::EPSILON * x.tanh().abs(), "value at {x}");
            let exact = x.cosh().powi(-2);
            assert!((derivative - exact).abs() <= 2e-15 * exact * (1.0 + x.abs()), "derivative at {x}");
        }
        assert!(Tanh.value(f64::NAN).is_nan() && Tanh.derivative(f64::NAN).is_nan());
        assert_eq!((Tanh.value(-0.0), Tanh.value(-1e300)), (0.0, -1.0));
    }
}
