//! The causes of a change of the gradient, layer by layer, from predicted root mean squares.

use super::Predictions;
use crate::spec::{Gain, Quantity, Spec};

/// The gains of every step back, as far as their quantities are predicted; see [`Gain`] for the formula.
pub fn gains(spec: &Spec, predictions: &Predictions) -> Vec<Gain<f64>> {
    let at = |quantity, layer| predictions.get(quantity, layer)?.log10_rms;
    let step = |layer: usize| {
        let fans = [layer, layer + 1].map(|l| 0.5 * (spec.network.blocks[l - 1].fan_in as f64).log10());
        let weights =
            at(Quantity::ActivationGradientNorms, layer)? - at(Quantity::PreActivationGradientNorms, layer + 1)?;
        let saturation =
            at(Quantity::PreActivationGradientNorms, layer)? - at(Quantity::ActivationGradientNorms, layer)?;
        let input = at(Quantity::LayerInputs, layer)? + fans[0] - at(Quantity::LayerInputs, layer + 1)? - fans[1];
        let total = at(Quantity::GradientNorms, layer)? - at(Quantity::GradientNorms, layer + 1)?;
        Some(Gain { layer, weights, saturation, input, alignment: total - weights - saturation - input, total })
    };
    (1..spec.network.blocks.len()).filter_map(step).collect()
}
