//! The lesson's variants, side by side.

use serde::{Deserialize, Serialize};

use super::Regime;
use crate::measure::{DynamicRange, MeasureError, Progress, measure};
use crate::predict::{Predictions, predict};
use crate::spec::{BUILTIN_SPECS, Precision, Quantity, Spec, VARIANTS};

/// One variant of the lesson: what happens to its gradient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// Name of the built-in specification.
    pub name: String,
    /// What it is.
    pub summary: String,
    /// sigma_w of its layers.
    pub sigma_w: f64,
    /// Number format.
    pub precision: Precision,
    /// Networks drawn.
    pub trials: usize,
    /// What happens.
    pub regime: Regime,
    /// Layer by layer, first to last.
    pub layers: Vec<VariantLayer>,
    /// First layer against last: the weight gradient and the signal dL/dH.
    pub ranges: Vec<Range>,
}

/// One layer of a variant: log10 of the root mean square of dL/dH and what was lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VariantLayer {
    /// Predicted.
    pub predicted: Option<f64>,
    /// Measured.
    pub measured: Option<f64>,
    /// Networks in which the norm is exactly zero.
    pub zeros: usize,
    /// Networks in which it is infinite.
    pub infinite: usize,
    /// Networks in which it is NaN.
    pub nan: usize,
    /// Networks in which a pre-activation on the way forward is infinite and none is NaN.
    pub forward_infinite: usize,
    /// Networks in which one is NaN.
    pub forward_nan: usize,
}

/// First layer over last layer: predicted and measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// The quantity.
    pub quantity: Quantity,
    /// Predicted log10 of the ratio of root mean squares.
    pub predicted: Option<f64>,
    /// Predicted mean of log10 of the ratio.
    pub predicted_mean: Option<f64>,
    /// Predicted standard deviation of log10 of the ratio.
    pub predicted_standard_deviation: Option<f64>,
    /// Measured.
    pub measured: Option<DynamicRange>,
}

/// The variants, one after the other: their trials run in parallel.
///
/// # Errors
///
/// As [`measure`].
pub(super) fn variants(progress: &dyn Progress) -> Result<Vec<Variant>, MeasureError> {
    let builtin = |name: &&str| BUILTIN_SPECS.iter().find(|builtin| builtin.name == *name);
    VARIANTS
        .iter()
        .filter_map(builtin)
        .map(|builtin| {
            let mut spec = builtin.spec();
            spec.measure.trials = spec.measure.trials.min(500);
            spec.measure.quantities =
                vec![Quantity::GradientNorms, Quantity::PreActivationGradientNorms, Quantity::PreActivations];
            variant(&spec, builtin.summary, progress)
        })
        .collect()
}

fn variant(spec: &Spec, summary: &str, progress: &dyn Progress) -> Result<Variant, MeasureError> {
    let predictions = predict(spec);
    let measured = measure(spec, "variants", progress)?;
    let depth = spec.network.blocks.len();
    let signal = Quantity::PreActivationGradientNorms;
    let layer = |layer: usize| {
        let m = measured.get(signal, layer);
        let h = measured.get(Quantity::PreActivations, layer);
        VariantLayer {
            predicted: predictions.get(signal, layer).and_then(|p| p.log10_rms),
            measured: m.and_then(|m| m.log10_rms),
            zeros: m.map_or(0, |m| m.zeros),
            infinite: m.map_or(0, |m| m.non_finite - m.nan),
            nan: m.map_or(0, |m| m.nan),
            forward_infinite: h.map_or(0, |m| m.non_finite - m.nan),
            forward_nan: h.map_or(0, |m| m.nan),
        }
    };
    let range = |quantity: Quantity| Range {
        quantity,
        predicted: ratio(&predictions, quantity, depth, |p| p.log10_rms),
        predicted_mean: ratio(&predictions, quantity, depth, |p| p.log10_mean),
        predicted_standard_deviation: predictions.get(quantity, 1).and_then(|p| p.log10_ratio_standard_deviation),
        measured: measured.range(quantity).cloned(),
    };
    Ok(Variant {
        name: spec.name.clone(),
        summary: summary.to_owned(),
        sigma_w: spec.network.blocks[0].sigma_w(),
        precision: spec.network.precision,
        trials: spec.measure.trials,
        regime: Regime::of(&measured, signal, depth),
        layers: (1..=depth).map(layer).collect(),
        ranges: [Quantity::GradientNorms, signal].map(range).to_vec(),
    })
}

fn ratio(
    predictions: &Predictions,
    quantity: Quantity,
    depth: usize,
    of: impl Fn(&crate::predict::Prediction) -> Option<f64>,
) -> Option<f64> {
    let at = |layer| predictions.get(quantity, layer).and_then(&of);
    Some(at(1)? - at(depth)?)
}
