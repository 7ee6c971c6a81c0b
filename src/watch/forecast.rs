//! What theory says of a network in training: at its start, and from its weights as they are.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::record::{Basis, LayerRecord, PredictionRecord};
use super::recorder::Boundary;
use crate::linalg::{Real, ln_norm};
use crate::mean_field::critical_sigma_w as critical;
use crate::network::{BoundLoss, Network, Trainer};
use crate::predict::{
    BiasStatistics, LayerStatistics, NetworkStatistics, PairDetail, Predictions, predict, predict_from_statistics,
    predict_values,
};
use crate::spec::{BlockSpec, DataSource, Precision, Quantity, RecordSchedule, Spec};

/// Predictions from the weights are made at these steps, three a decade: each takes as long as several steps.
const SCHEDULE: RecordSchedule = RecordSchedule::PerDecade(3);

/// Samples up to which the spread over networks is predicted too, which takes most of the time.
const SPREAD_SAMPLES: usize = 16;

/// Samples that the kernels of a start are computed for at most; more are represented by the first of them.
const MOST_SAMPLES: usize = 48;

/// Whether a prediction from the weights is made at a step.
pub(super) fn is_due(step: u64) -> bool {
    SCHEDULE.contains(step)
}

/// Pre-activations up to this size are integrated in milliseconds; over wider Gaussians an activation that is not homogeneous is a sharp edge.
const WIDEST: f64 = 12.0;

/// Samples up to which a prediction from the weights takes no longer than several steps.
const LARGEST_BATCH: usize = 256;

/// Whether a prediction is a matter of milliseconds for a network whose layers are as recorded. Where it is not, it is left out.
pub(super) fn is_quick(spec: &Spec, layers: &[LayerRecord]) -> bool {
    let narrow = |(block, layer): (&BlockSpec, &LayerRecord)| {
        block.activation.is_homogeneous() || layer.pre_activation_rms.is_some_and(|rms| rms <= WIDEST)
    };
    spec.data.batch <= LARGEST_BATCH && spec.network.blocks.iter().zip(layers).all(narrow)
}

/// Whether the prediction of the start is quick: as [`is_quick`], from the scales of the weights and of the inputs.
fn starts_quick(spec: &Spec, input_rms: f64) -> bool {
    let narrow = |(index, block): (usize, &BlockSpec)| {
        let input = if index == 0 { input_rms } else { 1.0 };
        block.activation.is_homogeneous() || block.sigma_w() * input <= WIDEST
    };
    spec.network.blocks.iter().enumerate().all(narrow)
}

/// The critical sigma_w of every layer, where there is one.
pub(super) fn critical_sigma_w(blocks: &[BlockSpec]) -> Vec<Option<f64>> {
    // It takes milliseconds, and most layers are alike.
    let mut known: BTreeMap<(&str, u64), Option<f64>> = BTreeMap::new();
    let of = |block: &BlockSpec| critical(&*block.activation, block.sigma_b()).ok().map(|critical| critical.sigma_w);
    let scales = blocks
        .iter()
        .map(|block| *known.entry((block.activation.name(), block.sigma_b().to_bits())).or_insert_with(|| of(block)));
    scales.collect()
}

/// Predictions for the first mini-batch before any weight is drawn; nothing where theory is silent.
pub(super) fn from_specification<T: Real>(spec: &Spec, trainer: &mut Trainer<T>) -> Vec<PredictionRecord> {
    let (inputs, loss) = trainer.next_batch();
    if inputs.ncols() > MOST_SAMPLES {
        return Vec::new();
    }
    let inputs = inputs.map(|x| x.to_f64());
    let input_rms = (ln_norm(inputs.as_slice()) - 0.5 * (inputs.len() as f64).ln()).exp();
    if !starts_quick(spec, input_rms) {
        return Vec::new();
    }
    let mut given = spec.clone();
    let (labels, targets) = match &loss {
        BoundLoss::CrossEntropy { labels } => (Some(Arc::new(labels.clone())), None),
        BoundLoss::Mse { targets } => (None, Some(Arc::new(targets.map(|t| t.to_f64())))),
        BoundLoss::Sum | BoundLoss::Readout(_) => (None, None),
    };
    given.data.batch = inputs.ncols();
    given.data.source =
        DataSource::Given { inputs: Arc::new(inputs), labels, targets, origin: "the first mini-batch".to_owned() };
    given.measure.product_spectrum = false;
    given.measure.quantities = QUANTITIES.to_vec();
    let predictions = if given.data.batch <= SPREAD_SAMPLES { predict(&given) } else { predict_values(&given) };
    records(&predictions, 0, Basis::Specification, spec.network.blocks.len())
}

/// The sizes of the weights and biases as they are.
pub(super) fn statistics<T: Real>(network: &Network<T>) -> Vec<LayerStatistics> {
    let layers = network.blocks().iter().map(|block| {
        let (fan_out, fan_in) = block.weight.shape();
        let biases = block.bias.as_ref().map(|bias| {
            let wide: Vec<f64> = bias.iter().map(|b| b.to_f64()).collect();
            BiasStatistics::of(&wide)
        });
        let sigma_w = (ln_norm(block.weight.as_slice()) - 0.5 * (fan_out as f64).ln()).exp();
        LayerStatistics { fan_in, fan_out, sigma_w, biases, activation: Arc::clone(&block.activation) }
    });
    layers.collect()
}

/// Predictions from sizes of weights and biases, a mini-batch and the gradient at the outputs; nothing where theory is silent.
pub(super) fn from_statistics(
    layers: Vec<LayerStatistics>,
    boundary: Boundary,
    precision: Precision,
    step: u64,
) -> Vec<PredictionRecord> {
    let Boundary { inputs, output_gradient } = boundary;
    let depth = layers.len();
    let statistics = NetworkStatistics { layers, inputs, output_gradient, precision };
    // Numbers that are not finite have their own alert. Shares of saturated units take a scan a layer: they are predicted at the start only.
    let predicted = predict_from_statistics(&statistics, &QUANTITIES[..4], PairDetail::CommonMap);
    predicted.map_or_else(|_| Vec::new(), |p| records(&p, step, Basis::LayerStatistics, depth))
}

/// What is predicted; the norms and sizes come first.
const QUANTITIES: [Quantity; 6] = [
    Quantity::GradientNorms,
    Quantity::BiasGradientNorms,
    Quantity::PreActivationGradientNorms,
    Quantity::PreActivations,
    Quantity::SaturatedFraction,
    Quantity::InactiveFraction,
];

fn records(predictions: &Predictions, step: u64, from: Basis, depth: usize) -> Vec<PredictionRecord> {
    let record = |layer: usize| {
        let get = |quantity| predictions.get(quantity, layer);
        let weight = get(Quantity::GradientNorms);
        let record = PredictionRecord {
            step,
            layer,
            from,
            log10_weight_grad_norm: weight.and_then(|p| p.log10_rms),
            log10_bias_grad_norm: get(Quantity::BiasGradientNorms).and_then(|p| p.log10_rms),
            log10_pre_activation_grad_norm: get(Quantity::PreActivationGradientNorms).and_then(|p| p.log10_rms),
            log10_standard_deviation: weight.and_then(|p| p.log10_standard_deviation),
            pre_activation_rms: get(Quantity::PreActivations).and_then(|p| p.value),
            saturated_fraction: get(Quantity::SaturatedFraction).and_then(|p| p.value),
            inactive_fraction: get(Quantity::InactiveFraction).and_then(|p| p.value),
        };
        let empty = record.log10_weight_grad_norm.is_none() && record.pre_activation_rms.is_none();
        (!empty).then_some(record)
    };
    (1..=depth).filter_map(record).collect()
}
