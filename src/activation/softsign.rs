//! Softsign.

use super::{Activation, Attained, DerivativeBounds};

/// `x / (1 + |x|)`: derivative `1 / (1 + |x|)^2`, at most 1, at 0, where phi'' jumps from 2 to -2.
#[derive(Debug, Clone, Copy)]
pub struct Softsign;

impl Activation for Softsign {
    fn name(&self) -> &str {
        "softsign"
    }

    fn formula(&self) -> &str {
        "x / (1 + abs(x))"
    }

    fn value(&self, x: f64) -> f64 {
        x / (1.0 + x.abs())
    }

    fn derivative(&self, x: f64) -> f64 {
        let shrink = (1.0 + x.abs()).recip();
        shrink * shrink
    }

    fn second_derivative(&self, x: f64) -> f64 {
        let shrink = (1.0 + x.abs()).recip();
        let size = 2.0 * shrink * shrink * shrink;
        if x >= 0.0 { -size } else { size }
    }

    fn kinks(&self) -> &[f64] {
        &[]
    }

    fn seams(&self) -> &[f64] {
        &[0.0]
    }

    fn derivative_bounds(&self) -> DerivativeBounds {
        DerivativeBounds {
            sup_abs: 1.0,
            sup_at: Attained::At(vec![0.0]),
            inf: 0.0,
            inf_at: Attained::Nowhere,
            second_sup_abs: 2.0,
            second_sup_at: Attained::Nowhere,
        }
    }

    fn as_dyn(&self) -> &dyn Activation {
        self
    }
}
