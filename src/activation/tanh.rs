//! Hyperbolic tangent.

use super::{Activation, Attained, DerivativeBounds};

/// `tanh(x)`: derivative `1 / cosh^2 x`, at most 1, at 0.
#[derive(Debug, Clone, Copy)]
pub struct Tanh;

impl Activation for Tanh {
    fn name(&self) -> &'static str {
        "tanh"
    }

    fn formula(&self) -> &'static str {
        "tanh(x)"
    }

    fn value(&self, x: f64) -> f64 {
        x.tanh()
    }

    /// `4 t / (1 + t)^2` with `t = e^(-2|x|)`: keeps relative accuracy where `1 - tanh^2` cancels.
    fn derivative(&self, x: f64) -> f64 {
        let t = (-2.0 * x.abs()).exp();
        4.0 * t / ((1.0 + t) * (1.0 + t))
    }

    fn kinks(&self) -> &'static [f64] {
        &[]
    }

    fn derivative_bounds(&self) -> DerivativeBounds {
        DerivativeBounds { sup_abs: 1.0, sup_at: Attained::At(vec![0.0]), inf: 0.0 }
    }

    fn as_dyn(&self) -> &dyn Activation {
        self
    }
}
