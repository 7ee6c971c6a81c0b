//! Tanhshrink.

use super::{Activation, Attained, DerivativeBounds, Tanh};

/// `x - tanh(x)`: derivative `tanh(x)^2`, below 1 everywhere, 0 at 0.
#[derive(Debug, Clone, Copy)]
pub struct Tanhshrink;

/// Below this the difference is taken from the continued fraction of tanh.
const NEAR: f64 = 1.0;

impl Activation for Tanhshrink {
    fn name(&self) -> &str {
        "tanhshrink"
    }

    fn formula(&self) -> &str {
        "x - tanh(x)"
    }

    /// Near 0 the difference is x^3 / 3: with Lambert's `tanh x = x / (1 + r)`, `r = x^2 / (3 + x^2 / (5 + ...))`, it is
    /// `x r / (1 + r)`.
    fn value(&self, x: f64) -> f64 {
        if x.abs() > NEAR || x.is_nan() {
            return x - x.tanh();
        }
        let square = x * x;
        let r = (0..10).rev().fold(0.0, |tail, k| square / (f64::from(2 * k + 3) + tail));
        x * r / (1.0 + r)
    }

    fn derivative(&self, x: f64) -> f64 {
        let tanh = x.tanh();
        tanh * tanh
    }

    /// `2 tanh(x) / cosh^2 x`.
    fn second_derivative(&self, x: f64) -> f64 {
        -Tanh.second_derivative(x)
    }

    fn kinks(&self) -> &[f64] {
        &[]
    }

    fn derivative_bounds(&self) -> DerivativeBounds {
        DerivativeBounds {
            sup_abs: 1.0,
            sup_at: Attained::Nowhere,
            inf: 0.0,
            inf_at: Attained::At(vec![0.0]),
            ..Tanh.derivative_bounds()
        }
    }

    fn as_dyn(&self) -> &dyn Activation {
        self
    }
}
