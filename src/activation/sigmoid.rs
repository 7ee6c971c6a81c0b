//! Logistic sigmoid.

use super::{Activation, Attained, DerivativeBounds};
use crate::numeric::decay;

/// `1 / (1 + e^-x)`: derivative `phi (1 - phi)`, at most exactly 1/4, at 0.
#[derive(Debug, Clone, Copy)]
pub struct Sigmoid;

impl Activation for Sigmoid {
    fn name(&self) -> &str {
        "sigmoid"
    }

    fn formula(&self) -> &str {
        "1 / (1 + exp(-x))"
    }

    fn value(&self, x: f64) -> f64 {
        self.value_and_derivative(x).0
    }

    fn derivative(&self, x: f64) -> f64 {
        self.value_and_derivative(x).1
    }

    /// With `t = e^-|x|` nothing overflows and the derivative `t / (1 + t)^2` keeps its relative accuracy in both tails,
    /// where `phi (1 - phi)` cancels.
    #[inline(always)]
    fn value_and_derivative(&self, x: f64) -> (f64, f64) {
        let t = decay(-x.abs()).exp;
        let larger = 1.0 / (1.0 + t);
        let smaller = t * larger;
        (if x >= 0.0 { larger } else { smaller }, smaller * larger)
    }

    /// `phi' (1 - 2 phi) = -phi' tanh(x / 2)`.
    fn second_derivative(&self, x: f64) -> f64 {
        -self.derivative(x) * (0.5 * x).tanh()
    }

    fn kinks(&self) -> &[f64] {
        &[]
    }

    fn derivative_bounds(&self) -> DerivativeBounds {
        DerivativeBounds {
            sup_abs: 0.25,
            sup_at: Attained::At(vec![0.0]),
            inf: 0.0,
            inf_at: Attained::Nowhere,
            second_sup_abs: 1.0 / 108f64.sqrt(),
            second_sup_at: Attained::At(vec![-1.316_957_896_924_816_7, 1.316_957_896_924_816_7]),
        }
    }

    fn as_dyn(&self) -> &dyn Activation {
        self
    }
}
