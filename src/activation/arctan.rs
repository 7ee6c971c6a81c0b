//! Arc tangent.

use super::{Activation, Attained, DerivativeBounds};

/// `arctan(x)`: derivative `1 / (1 + x^2)`, at most 1, at 0.
#[derive(Debug, Clone, Copy)]
pub struct Arctan;

impl Activation for Arctan {
    fn name(&self) -> &str {
        "arctan"
    }

    fn formula(&self) -> &str {
        "arctan(x)"
    }

    fn value(&self, x: f64) -> f64 {
        x.atan()
    }

    fn derivative(&self, x: f64) -> f64 {
        (1.0 + x * x).recip()
    }

    fn second_derivative(&self, x: f64) -> f64 {
        // The square of 1 + x^2 would overflow long before the value underflows.
        let slope = self.derivative(x);
        -2.0 * (x * slope) * slope
    }

    fn kinks(&self) -> &[f64] {
        &[]
    }

    fn derivative_bounds(&self) -> DerivativeBounds {
        let place = 1.0 / 3f64.sqrt();
        DerivativeBounds {
            sup_abs: 1.0,
            sup_at: Attained::At(vec![0.0]),
            inf: 0.0,
            inf_at: Attained::Nowhere,
            second_sup_abs: 0.375 * 3f64.sqrt(),
            second_sup_at: Attained::At(vec![-place, place]),
        }
    }

    fn as_dyn(&self) -> &dyn Activation {
        self
    }
}
