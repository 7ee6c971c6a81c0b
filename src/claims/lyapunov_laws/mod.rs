//! Products of random matrices at finite width and depth, against matrices that are drawn and multiplied.
//!
//! The laws come from chi-square variables; the measurements draw whole matrices, so that they are not the theory in other words, but for both ends
//! of the largest singular value: those take its spectrum from triangular factors, whose entries have the law that QR gives them.

mod direction;
mod eigenvalues;
mod exponents;
mod largest;

use std::sync::Arc;

use super::Claim;
use crate::ensemble::Gaussian;
use crate::measure::DeepProducts;
use crate::stats::Estimate;

/// All claims of this topic.
pub(super) fn claims() -> Vec<Box<dyn Claim>> {
    vec![
        Box::new(exponents::Newman),
        Box::new(exponents::Rates),
        Box::new(exponents::Triangle),
        Box::new(direction::GrowthExact),
        Box::new(direction::Tied),
        Box::new(largest::Offset),
        Box::new(largest::Ends),
        Box::new(eigenvalues::Moduli),
        Box::new(eigenvalues::ComplexRadius),
    ]
}

const SEED: u64 = 1;

/// `factors` Gaussian n x n matrices.
fn gaussian(n: usize, factors: usize, trials: usize, experiment: &str) -> DeepProducts {
    DeepProducts {
        ensemble: Arc::new(Gaussian),
        widths: vec![n; factors + 1],
        sigma_w: 1.0,
        trials,
        seed: SEED,
        experiment: format!("{experiment} {n} {factors}"),
    }
}

/// What was not measured decides nothing.
fn or_nan(estimate: Option<Estimate>) -> Estimate {
    estimate.unwrap_or(Estimate { value: f64::NAN, standard_error: f64::NAN })
}

fn mean(values: &[f64]) -> Estimate {
    or_nan(Estimate::of_mean(values))
}

/// Sample variance with its standard error `sqrt((m_4 - s^4) / n)`.
fn variance(values: &[f64]) -> Estimate {
    let centre = mean(values).value;
    let squares: Vec<f64> = values.iter().map(|value| (value - centre).powi(2)).collect();
    mean(&squares)
}
