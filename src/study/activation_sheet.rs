//! An activation, sampled for its figure.

use serde::{Deserialize, Serialize};

use crate::activation::Activation;

/// phi and phi' on a grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActivationSheet {
    /// Registry name.
    pub name: String,
    /// Formula in plain text.
    pub formula: String,
    /// sup |phi'|; `null` if phi' has no bound.
    pub derivative_sup: Option<f64>,
    /// The grid.
    pub x: Vec<f64>,
    /// phi on it.
    pub value: Vec<f64>,
    /// phi' on it.
    pub derivative: Vec<f64>,
}

/// Points of the grid: odd, so that zero is one of them.
const POINTS: usize = 801;

impl ActivationSheet {
    pub(super) fn new(phi: &dyn Activation, reach: f64) -> Self {
        let at = |k: usize| reach * (2.0 * k as f64 / (POINTS - 1) as f64 - 1.0);
        let x: Vec<f64> = (0..POINTS).map(at).collect();
        Self {
            name: phi.name().to_owned(),
            formula: phi.formula().to_owned(),
            derivative_sup: Some(phi.derivative_bounds().sup_abs).filter(|sup| sup.is_finite()),
            value: x.iter().map(|&x| phi.value(x)).collect(),
            derivative: x.iter().map(|&x| phi.derivative(x)).collect(),
            x,
        }
    }
}
