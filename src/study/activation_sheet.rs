//! An activation, sampled for its figure.

use serde::{Deserialize, Serialize};

use crate::activation::{Activation, Regions};
use crate::mean_field::MeanFieldError;

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

/// What an activation does to a signal and its gradient: for its own figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GainSheet {
    /// phi and phi' around 0.
    pub sheet: ActivationSheet,
    /// phi'' on the grid.
    pub second_derivative: Vec<f64>,
    /// Intervals of the grid in which units are saturated or inactive.
    pub flat: Vec<(f64, f64)>,
    /// (log10 q, `E phi^2 / q`, `E phi'^2`): what a layer with sigma_w = 1 keeps of a variance and of a mean-square gradient.
    pub gains: Vec<(f64, f64, f64)>,
}

impl GainSheet {
    /// The numbers for variances from 1e-3 to 1e3, as far as the expectations exist.
    ///
    /// # Errors
    ///
    /// [`MeanFieldError::Expectation`] if they do not exist at the smallest variance.
    pub fn new(phi: &dyn Activation) -> Result<Self, MeanFieldError> {
        let far = phi.kinks().iter().fold(0.0_f64, |far, kink| far.max(kink.abs()));
        let sheet = ActivationSheet::new(phi, (far + 2.0).max(5.0));
        let (left, right) = (sheet.x[0], sheet.x[POINTS - 1]);
        let regions = Regions::of(phi);
        let cut = |interval: &crate::activation::Interval| {
            (interval.from.unwrap_or(left).max(left), interval.to.unwrap_or(right).min(right))
        };
        let flat = regions.saturated.iter().chain(&regions.inactive).map(cut).filter(|(from, to)| from < to);
        let mut gains = Vec::new();
        for k in 0..=120 {
            let log10_q = -3.0 + 0.05 * f64::from(k);
            let q = 10f64.powf(log10_q);
            match phi.moments(q) {
                Ok(m) => gains.push((log10_q, m.phi2 / q, m.dphi2)),
                Err(error) if gains.is_empty() => return Err(error.into()),
                Err(_) => break,
            }
        }
        Ok(Self {
            second_derivative: sheet.x.iter().map(|&x| phi.second_derivative(x)).collect(),
            flat: flat.collect(),
            gains,
            sheet,
        })
    }
}
