//! Sigmoid linear unit.

use super::{Activation, Attained, DerivativeBounds, Sigmoid};

/// `x / (1 + e^-x)`, also called swish: derivative at most 1.0998..., at 2.399....
#[derive(Debug, Clone, Copy)]
pub struct Silu;

impl Activation for Silu {
    fn name(&self) -> &str {
        "silu"
    }

    fn formula(&self) -> &str {
        "x / (1 + exp(-x))"
    }

    fn value(&self, x: f64) -> f64 {
        x * Sigmoid.value(x)
    }

    fn derivative(&self, x: f64) -> f64 {
        self.value_and_derivative(x).1
    }

    fn value_and_derivative(&self, x: f64) -> (f64, f64) {
        let (gate, slope) = Sigmoid.value_and_derivative(x);
        (x * gate, gate + x * slope)
    }

    /// `s'(x) (2 - x tanh(x / 2))` with the logistic sigmoid s.
    fn second_derivative(&self, x: f64) -> f64 {
        Sigmoid.derivative(x) * (2.0 - x * (0.5 * x).tanh())
    }

    fn kinks(&self) -> &[f64] {
        &[]
    }

    fn derivative_bounds(&self) -> DerivativeBounds {
        DerivativeBounds {
            sup_abs: 1.099_839_320_128_867,
            sup_at: Attained::At(vec![2.399_357_280_515_468]),
            inf: -0.099_839_320_128_866_91,
            inf_at: Attained::At(vec![-2.399_357_280_515_468]),
            second_sup_abs: 0.5,
            second_sup_at: Attained::At(vec![0.0]),
        }
    }

    fn as_dyn(&self) -> &dyn Activation {
        self
    }
}
