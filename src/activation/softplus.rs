//! Softplus and the logarithm of the sigmoid.

use super::registry::spelling;
use super::{Activation, Attained, DerivativeBounds, Sigmoid};

/// `ln(1 + e^(b x)) / b`, b > 0: derivative the sigmoid of b x, below 1 everywhere.
///
/// PyTorch replaces it by x where `b x > 20`, which is off by up to 2e-9 / b; here it is the formula.
#[derive(Debug, Clone)]
pub struct Softplus {
    beta: f64,
    name: String,
    formula: String,
}

impl Softplus {
    /// With steepness `beta` > 0.
    pub fn new(beta: f64) -> Self {
        let formula = if beta == 1.0 { "log(1 + exp(x))".to_owned() } else { format!("log(1 + exp({beta}*x))/{beta}") };
        Self { beta, name: spelling("softplus", &[beta]), formula }
    }
}

impl Activation for Softplus {
    fn name(&self) -> &str {
        &self.name
    }

    fn formula(&self) -> &str {
        &self.formula
    }

    /// NaN passes: `f64::max` would hide it.
    fn value(&self, x: f64) -> f64 {
        let y = self.beta * x;
        let tail = (-y.abs()).exp().ln_1p() / self.beta;
        if x <= 0.0 { tail } else { x + tail }
    }

    fn derivative(&self, x: f64) -> f64 {
        Sigmoid.value(self.beta * x)
    }

    fn second_derivative(&self, x: f64) -> f64 {
        self.beta * Sigmoid.derivative(self.beta * x)
    }

    fn kinks(&self) -> &[f64] {
        &[]
    }

    fn derivative_bounds(&self) -> DerivativeBounds {
        DerivativeBounds {
            sup_abs: 1.0,
            sup_at: Attained::Nowhere,
            inf: 0.0,
            inf_at: Attained::Nowhere,
            second_sup_abs: 0.25 * self.beta,
            second_sup_at: Attained::At(vec![0.0]),
        }
    }

    fn as_dyn(&self) -> &dyn Activation {
        self
    }
}

/// `-ln(1 + e^-x)`: derivative the sigmoid of -x, below 1 everywhere.
#[derive(Debug, Clone, Copy)]
pub struct LogSigmoid;

impl Activation for LogSigmoid {
    fn name(&self) -> &str {
        "logsigmoid"
    }

    fn formula(&self) -> &str {
        "-log(1 + exp(-x))"
    }

    fn value(&self, x: f64) -> f64 {
        let tail = (-x.abs()).exp().ln_1p();
        if x >= 0.0 { -tail } else { x - tail }
    }

    fn derivative(&self, x: f64) -> f64 {
        Sigmoid.value(-x)
    }

    fn second_derivative(&self, x: f64) -> f64 {
        -Sigmoid.derivative(x)
    }

    fn kinks(&self) -> &[f64] {
        &[]
    }

    fn derivative_bounds(&self) -> DerivativeBounds {
        DerivativeBounds {
            sup_abs: 1.0,
            sup_at: Attained::Nowhere,
            inf: 0.0,
            inf_at: Attained::Nowhere,
            second_sup_abs: 0.25,
            second_sup_at: Attained::At(vec![0.0]),
        }
    }

    fn as_dyn(&self) -> &dyn Activation {
        self
    }
}
