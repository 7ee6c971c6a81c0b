//! Root mean squares of pre-activations and of the layers' inputs: the q-map.

use std::f64::consts::LN_10;

use super::forward::ForwardKernels;
use super::{Prediction, Predictions, Statistic};
use crate::spec::Quantity;

pub(super) fn predict(quantity: Quantity, forward: &ForwardKernels, predictions: &mut Predictions) {
    for (index, layer) in forward.layers.iter().enumerate() {
        let kernel = if quantity == Quantity::LayerInputs { &layer.input } else { &layer.q };
        let log10_rms = 0.5 * kernel.ln_mean_diagonal() / LN_10;
        if !log10_rms.is_finite() {
            let reason = "the limit is exactly zero: the logarithm does not exist";
            predictions.withhold(quantity, Statistic::Value, [index + 1], reason);
            continue;
        }
        predictions.predictions.push(Prediction {
            numerical_error: forward.relative_error(index + 1) / LN_10,
            hypotheses: forward.hypotheses.clone(),
            source: "variance map (q-map): Poole et al. 2016".to_owned(),
            ..Prediction::logarithmic(quantity, index + 1, log10_rms)
        });
    }
    // The layer whose maps failed still has its variance; those behind it do not.
    if let Some((layers, reason)) = forward.beyond() {
        predictions.withhold(quantity, Statistic::Value, layers.skip(1), reason);
    }
}
