//! Correlation between the samples of a batch: the c-map.

use super::forward::ForwardKernels;
use super::setting::Setting;
use super::{Prediction, Predictions, Statistic};
use crate::spec::Quantity;

pub(super) fn predict(setting: &Setting<'_>, forward: &ForwardKernels, predictions: &mut Predictions) {
    let quantity = Quantity::BatchCorrelations;
    if setting.batch < 2 {
        predictions.withhold(quantity, Statistic::Value, 1..=forward.depth, "a batch of one sample has no pairs");
        return;
    }
    for (index, layer) in forward.layers.iter().enumerate() {
        let kernel = &layer.q.kernel;
        let correlation = kernel.mean_off_diagonal().map(|off| off / kernel.mean_diagonal());
        match correlation.filter(|c| c.is_finite()) {
            Some(c) => predictions.predictions.push(Prediction {
                numerical_error: forward.relative_error(index + 1),
                hypotheses: forward.hypotheses.clone(),
                source: "correlation map (c-map): Poole et al. 2016".to_owned(),
                ..Prediction::plain(quantity, index + 1, Some(c))
            }),
            None => {
                let reason = "the pre-activations vanish: no correlation exists";
                predictions.withhold(quantity, Statistic::Value, [index + 1], reason);
            }
        }
    }
    if let Some((layers, reason)) = forward.beyond() {
        predictions.withhold(quantity, Statistic::Value, layers.skip(1), reason);
    }
}
