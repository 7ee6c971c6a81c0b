//! The dynamic range of a gradient: its first layer against its last, network by network.

use serde::{Deserialize, Serialize};

use super::trial::LayerRecord;
use crate::spec::{Quantity, Spec};
use crate::stats::{Estimate, log10_rms_contrast};

/// First layer over last layer, over trials.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DynamicRange {
    /// The quantity.
    pub quantity: Quantity,
    /// log10 of the ratio of the root mean squares; `null` if a norm is zero or not finite in some trial.
    pub log10_rms_ratio: Option<Estimate>,
    /// Mean over trials of log10 of the ratio in one network: the typical one. Conditional on both norms being finite and not zero.
    pub log10_mean: Option<Estimate>,
    /// Its standard deviation over trials.
    pub log10_standard_deviation: Option<f64>,
    /// Networks in which both norms are finite and not zero.
    pub survivors: usize,
}

pub(super) fn ranges(spec: &Spec, records: &[Vec<LayerRecord>]) -> Vec<DynamicRange> {
    let depth = spec.network.blocks.len();
    let has = |quantity: &Quantity| {
        quantity.is_gradient()
            && (*quantity != Quantity::BiasGradientNorms || spec.network.blocks.iter().all(|b| b.biases.is_some()))
    };
    let range = |quantity: Quantity| {
        let column =
            |layer: usize| -> Vec<f64> { records.iter().map(|layers| layers[layer - 1].get(quantity)).collect() };
        let (first, last) = (column(1), column(depth));
        let ratios: Vec<f64> = first
            .iter()
            .zip(&last)
            .map(|(first, last)| (first - last) / std::f64::consts::LN_10)
            .filter(|ratio| ratio.is_finite())
            .collect();
        let mean = Estimate::of_mean(&ratios);
        DynamicRange {
            quantity,
            log10_rms_ratio: log10_rms_contrast(&[(1.0, &first), (-1.0, &last)]),
            log10_mean: mean,
            log10_standard_deviation: mean.map(|mean| mean.standard_error * (ratios.len() as f64).sqrt()),
            survivors: ratios.len(),
        }
    };
    spec.measure.quantities.iter().copied().filter(has).map(range).collect()
}
