//! Mish.

use super::{Activation, Attained, DerivativeBounds};

/// `x tanh(ln(1 + e^x))` (Misra 2019): derivative at most 1.0884..., at 1.490....
///
/// The gate is rational in the exponential: `w = n / (n + 2)`, `n = e^x (e^x + 2)`. For x > 0 it is written in `t = e^-x`, so that
/// nothing overflows.
#[derive(Debug, Clone, Copy)]
pub struct Mish;

/// w and its first two derivatives in x.
struct Gate {
    value: f64,
    slope: f64,
    curvature: f64,
}

impl Gate {
    fn new(x: f64) -> Self {
        let t = (-x.abs()).exp();
        if x > 0.0 {
            let d = (1.0 + t * (2.0 + 2.0 * t)).recip();
            let slope = 4.0 * t * t * d * d;
            Self {
                value: (1.0 + 2.0 * t) * d,
                slope: slope * (1.0 + t),
                curvature: slope * d * (-2.0 + t * (-3.0 + t * (2.0 + 2.0 * t))),
            }
        } else {
            let d = (2.0 + t * (2.0 + t)).recip();
            let slope = 4.0 * t * d * d;
            Self {
                value: t * (t + 2.0) * d,
                slope: slope * (1.0 + t),
                curvature: slope * d * (2.0 + t * (2.0 + t * (-3.0 - 2.0 * t))),
            }
        }
    }
}

impl Activation for Mish {
    fn name(&self) -> &str {
        "mish"
    }

    fn formula(&self) -> &str {
        "x*tanh(log(1 + exp(x)))"
    }

    fn value(&self, x: f64) -> f64 {
        x * Gate::new(x).value
    }

    fn derivative(&self, x: f64) -> f64 {
        self.value_and_derivative(x).1
    }

    fn value_and_derivative(&self, x: f64) -> (f64, f64) {
        let gate = Gate::new(x);
        (x * gate.value, gate.value + x * gate.slope)
    }

    fn second_derivative(&self, x: f64) -> f64 {
        let gate = Gate::new(x);
        2.0 * gate.slope + x * gate.curvature
    }

    fn kinks(&self) -> &[f64] {
        &[]
    }

    fn derivative_bounds(&self) -> DerivativeBounds {
        DerivativeBounds {
            sup_abs: 1.088_498_161_251_728,
            sup_at: Attained::At(vec![1.490_571_179_485_428]),
            inf: -0.112_526_122_389_462_55,
            inf_at: Attained::At(vec![-2.256_376_396_360_793]),
            second_sup_abs: 0.644_204_637_236_972_4,
            second_sup_at: Attained::At(vec![-0.087_934_431_314_914_21]),
        }
    }

    fn as_dyn(&self) -> &dyn Activation {
        self
    }
}
