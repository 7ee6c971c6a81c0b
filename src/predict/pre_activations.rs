//! Root mean square of the pre-activations: the q-map.

use std::f64::consts::LN_10;

use super::forward::ForwardKernels;
use super::{Prediction, Predictions};
use crate::spec::Quantity;

pub(super) fn predict(forward: &ForwardKernels, predictions: &mut Predictions) {
    let quantity = Quantity::PreActivations;
    for (index, layer) in forward.layers.iter().enumerate() {
        let log10_rms = 0.5 * layer.q.ln_mean_diagonal() / LN_10;
        if !log10_rms.is_finite() {
            predictions.withhold(quantity, [index + 1], "the limit is exactly zero: the logarithm does not exist");
            continue;
        }
        predictions.predictions.push(Prediction {
            quantity,
            layer: index + 1,
            value: Some(10f64.powf(log10_rms)).filter(|value| value.is_finite() && *value > 0.0),
            log10_rms: Some(log10_rms),
            log10_mean: None,
            error: None,
            numerical_error: forward.relative_error(index + 1) / LN_10,
            hypotheses: forward.hypotheses.clone(),
            source: "variance map (q-map): Poole et al. 2016".to_owned(),
        });
    }
    // The layer whose maps failed still has its variance; those behind it do not.
    if let Some((layers, reason)) = forward.beyond() {
        predictions.withhold(quantity, layers.skip(1), reason);
    }
}
