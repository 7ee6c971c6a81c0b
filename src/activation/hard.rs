//! Activations made of straight and quadratic pieces: the cheap stand-ins for smooth ones.

use super::{Attained, DerivativeBounds, PiecewisePolynomial};

const ZERO: [f64; 3] = [0.0; 3];
const IDENTITY: [f64; 3] = [0.0, 1.0, 0.0];

/// Bounds of an activation whose slope is either 0 or `slope`.
fn flat_or(slope: f64, steep: Attained, flat: Attained) -> DerivativeBounds {
    let second_sup_at = steep.clone();
    DerivativeBounds { sup_abs: slope, sup_at: steep, inf: 0.0, inf_at: flat, second_sup_abs: 0.0, second_sup_at }
}

impl PiecewisePolynomial {
    /// `min(max(x, 0), 6)`; derivative 0 at both kinks.
    pub fn relu6() -> Self {
        Self {
            name: "relu6".to_owned(),
            formula: "min(max(x, 0), 6)".to_owned(),
            knots: vec![0.0, 6.0],
            pieces: vec![ZERO, IDENTITY, [6.0, 0.0, 0.0]],
            slopes_at_knots: vec![0.0; 2],
            kinks: vec![0.0, 6.0],
            bounds: flat_or(1.0, Attained::on(3.0, "0 < x < 6"), Attained::on(0.0, "x <= 0 and x >= 6")),
        }
    }

    /// `min(max(x, -1), 1)`; derivative 0 at both kinks.
    pub fn hard_tanh() -> Self {
        Self {
            name: "hard_tanh".to_owned(),
            formula: "min(max(x, -1), 1)".to_owned(),
            knots: vec![-1.0, 1.0],
            pieces: vec![[-1.0, 0.0, 0.0], IDENTITY, [1.0, 0.0, 0.0]],
            slopes_at_knots: vec![0.0; 2],
            kinks: vec![-1.0, 1.0],
            bounds: flat_or(1.0, Attained::on(0.0, "|x| < 1"), Attained::on(1.0, "|x| >= 1")),
        }
    }

    /// `relu6(x + 3) / 6`; derivative 0 at both kinks.
    pub fn hard_sigmoid() -> Self {
        Self {
            name: "hard_sigmoid".to_owned(),
            formula: "min(max(x + 3, 0), 6)/6".to_owned(),
            knots: vec![-3.0, 3.0],
            pieces: vec![ZERO, [0.5, 1.0 / 6.0, 0.0], [1.0, 0.0, 0.0]],
            slopes_at_knots: vec![0.0; 2],
            kinks: vec![-3.0, 3.0],
            bounds: flat_or(1.0 / 6.0, Attained::on(0.0, "|x| < 3"), Attained::on(3.0, "|x| >= 3")),
        }
    }

    /// `x relu6(x + 3) / 6`: derivative between -1/2, approached at -3 from the right, and 3/2, approached at 3 from the left; 0 at -3
    /// and 1 at 3, as PyTorch has it.
    pub fn hard_swish() -> Self {
        Self {
            name: "hard_swish".to_owned(),
            formula: "x*min(max(x + 3, 0), 6)/6".to_owned(),
            knots: vec![-3.0, 3.0],
            pieces: vec![ZERO, [0.0, 0.5, 1.0 / 6.0], IDENTITY],
            slopes_at_knots: vec![0.0, 1.0],
            kinks: vec![-3.0, 3.0],
            bounds: DerivativeBounds {
                sup_abs: 1.5,
                sup_at: Attained::Nowhere,
                inf: -0.5,
                inf_at: Attained::Nowhere,
                second_sup_abs: 1.0 / 3.0,
                second_sup_at: Attained::on(0.0, "|x| < 3"),
            },
        }
    }

    /// `x - l` above l > 0, `x + l` below -l, else 0; derivative 0 at both kinks.
    pub fn soft_shrink(threshold: f64) -> Self {
        let l = threshold;
        Self {
            name: super::registry::spelling("softshrink", &[l]),
            formula: format!("max(x - {l}, 0) + min(x + {l}, 0)"),
            knots: vec![-l, l],
            pieces: vec![[l, 1.0, 0.0], ZERO, [-l, 1.0, 0.0]],
            slopes_at_knots: vec![0.0; 2],
            kinks: vec![-l, l],
            bounds: flat_or(1.0, Attained::on(2.0 * l, format!("|x| > {l}")), Attained::on(0.0, format!("|x| <= {l}"))),
        }
    }

    /// `max(x, 0)^2`: its derivative `2 max(x, 0)` has no bound.
    pub fn squared_relu() -> Self {
        Self {
            name: "squared_relu".to_owned(),
            formula: "max(x, 0)^2".to_owned(),
            knots: vec![0.0],
            pieces: vec![ZERO, [0.0, 0.0, 1.0]],
            slopes_at_knots: vec![0.0],
            kinks: Vec::new(),
            bounds: DerivativeBounds {
                sup_abs: f64::INFINITY,
                sup_at: Attained::Nowhere,
                inf: 0.0,
                inf_at: Attained::on(0.0, "x <= 0"),
                second_sup_abs: 2.0,
                second_sup_at: Attained::on(1.0, "x > 0"),
            },
        }
    }
}
