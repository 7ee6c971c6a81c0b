//! The causes of a change of the gradient, layer by layer, from trials.

use super::trial::LayerRecord;
use crate::spec::{Gain, Quantity, Spec};
use crate::stats::{Estimate, log10_rms_contrast};

/// The gains of every step back over the trials; see [`Gain`] for the formula. Steps with a zero or a non-finite norm are left out.
pub(super) fn gains(spec: &Spec, records: &[Vec<LayerRecord>]) -> Vec<Gain<Estimate>> {
    let column = |quantity: Quantity, layer: usize| -> Vec<f64> {
        let shift = if quantity == Quantity::LayerInputs {
            0.5 * (spec.network.blocks[layer - 1].fan_in as f64).ln()
        } else {
            0.0
        };
        records.iter().map(|layers| layers[layer - 1].get(quantity) + shift).collect()
    };
    let step = |layer: usize| {
        let quantities = [
            (Quantity::ActivationGradientNorms, layer),
            (Quantity::PreActivationGradientNorms, layer),
            (Quantity::PreActivationGradientNorms, layer + 1),
            (Quantity::LayerInputs, layer),
            (Quantity::LayerInputs, layer + 1),
            (Quantity::GradientNorms, layer),
            (Quantity::GradientNorms, layer + 1),
        ];
        let columns = quantities.map(|(quantity, layer)| column(quantity, layer));
        let [arriving, delta, delta_above, input, input_above, gradient, gradient_above] = &columns;
        let contrast = |plus: &[&Vec<f64>], minus: &[&Vec<f64>]| {
            let signed = plus.iter().map(|c| (1.0, c.as_slice())).chain(minus.iter().map(|c| (-1.0, c.as_slice())));
            log10_rms_contrast(&signed.collect::<Vec<_>>())
        };
        Some(Gain {
            layer,
            weights: contrast(&[arriving], &[delta_above])?,
            saturation: contrast(&[delta], &[arriving])?,
            input: contrast(&[input], &[input_above])?,
            alignment: contrast(&[gradient, delta_above, input_above], &[gradient_above, delta, input])?,
            total: contrast(&[gradient], &[gradient_above])?,
        })
    };
    (1..spec.network.blocks.len()).filter_map(step).collect()
}
