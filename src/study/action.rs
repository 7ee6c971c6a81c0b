//! What one change would do: the network's sigma_w beside the critical one, and the profile after the best single change.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::activation::{Activation, Relu, Tanh};
use crate::ensemble::{Ensemble, Gaussian, Orthogonal};
use crate::mean_field::critical_sigma_w;
use crate::measure::{MeasureError, Measurement, Measurements, Progress, measure};
use crate::predict::{Prediction, predict};
use crate::spec::{FORMATS, FormatDepths, Quantity, Spec};

/// The signal whose profile is to hold: what backprop carries from layer to layer.
const SIGNAL: Quantity = Quantity::PreActivationGradientNorms;

/// A profile within a factor of two needs no change.
const HOLDS: f64 = std::f64::consts::LOG10_2;

/// Networks drawn for the profile after the change.
const TRIALS: usize = 500;

/// What to do about a network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// sigma_w of the first layer.
    pub sigma_w: f64,
    /// The critical one for its activation and biases, or why there is none.
    pub critical: Critical,
    /// The predicted profile as it is.
    pub own: Option<ProfileSummary>,
    /// Changes that were considered, with what is predicted for each; fewest changes first.
    pub candidates: Vec<Candidate>,
    /// The one that is advised; `null` if the network needs none, or none helps.
    pub advised: Option<usize>,
    /// The gradient after the advised change.
    pub after: Option<After>,
    /// Depths at which the formats end, at the rate that the network shows.
    pub formats: Vec<FormatDepths>,
    /// log10 of the factor a layer, as measured from the last to the first.
    pub log10_rate: Option<f64>,
}

/// A critical sigma_w, or the reason why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Critical {
    /// The value.
    SigmaW(f64),
    /// The reason.
    None(String),
}

/// A change and what it is predicted to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// In words.
    pub change: String,
    /// The lines to write in the `[network]` table.
    pub lines: Vec<String>,
    /// The predicted profile.
    pub profile: ProfileSummary,
}

/// What a predicted profile comes to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ProfileSummary {
    /// log10 of the first layer's root mean square over the last layer's.
    pub log10_range: f64,
    /// The same for the typical value (mean of log10), where it is predicted.
    pub log10_typical_range: Option<f64>,
    /// The largest departure of any layer from the last one, log10: of the typical value where it is predicted, else of the root mean
    /// square.
    pub departure: f64,
}

impl ProfileSummary {
    /// The range by which it is judged: typical where it is predicted.
    pub fn range(&self) -> f64 {
        self.log10_typical_range.unwrap_or(self.log10_range)
    }
}

/// The gradient after a change, layer by layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct After {
    /// Predicted, with mean and spread where they are.
    pub predicted: Vec<Prediction>,
    /// Measured.
    pub measured: Vec<Measurement>,
}

impl Action {
    pub(super) fn find(spec: &Spec, measured: &Measurements, progress: &dyn Progress) -> Result<Self, MeasureError> {
        let block = &spec.network.blocks[0];
        let critical = match critical_sigma_w(&*block.activation, block.sigma_b()) {
            Ok(critical) => Critical::SigmaW(critical.sigma_w),
            Err(reason) => Critical::None(reason.to_string()),
        };
        let own = profile(spec);
        let own_departure = own.map(|profile| profile.departure);
        let mut changed = Vec::new();
        if spec.network.blocks.len() > 1 {
            for (activation, ensemble) in changes(&block.activation) {
                if let Some((candidate, spec)) = candidate(spec, &activation, &ensemble) {
                    changed.push((candidate, spec));
                }
            }
        }
        let needs_change = own_departure.is_none_or(|own| own > HOLDS);
        let departures: Vec<f64> = changed.iter().map(|(candidate, _)| candidate.profile.departure).collect();
        let advised = if needs_change {
            best(&departures).filter(|&k| own_departure.is_none_or(|own| departures[k] < own))
        } else {
            None
        };
        let after = match advised {
            Some(k) => {
                let mut spec = changed[k].1.clone();
                spec.measure.trials = spec.measure.trials.min(TRIALS);
                let predicted = predict(&spec).of(SIGNAL).cloned().collect();
                let measured = measure(&spec, "after the change", progress)?.of(SIGNAL).cloned().collect();
                Some(After { predicted, measured })
            }
            None => None,
        };
        let (log10_rate, formats) = formats(spec, measured).unzip();
        Ok(Self {
            sigma_w: block.sigma_w(),
            critical,
            own,
            candidates: changed.into_iter().map(|(candidate, _)| candidate).collect(),
            advised,
            after,
            formats: formats.unwrap_or_default(),
            log10_rate,
        })
    }
}

/// Activation and ensemble to try, fewest changes first.
fn changes(own: &Arc<dyn Activation>) -> Vec<(Arc<dyn Activation>, Arc<dyn Ensemble>)> {
    let gaussian: Arc<dyn Ensemble> = Arc::new(Gaussian);
    let orthogonal: Arc<dyn Ensemble> = Arc::new(Orthogonal);
    let mut changes = vec![(Arc::clone(own), Arc::clone(&gaussian)), (Arc::clone(own), Arc::clone(&orthogonal))];
    let tanh: Arc<dyn Activation> = Arc::new(Tanh);
    let relu: Arc<dyn Activation> = Arc::new(Relu);
    let others = [(Arc::clone(&tanh), &gaussian), (relu, &gaussian), (tanh, &orthogonal)];
    for (other, ensemble) in others {
        // A linear network is a question about products of matrices, not one that wants an activation.
        if other.name() != own.name() && own.name() != "linear" {
            changes.push((other, Arc::clone(ensemble)));
        }
    }
    changes
}

/// The changed specification with its prediction; `None` if there is no critical scale or no prediction.
fn candidate(spec: &Spec, activation: &Arc<dyn Activation>, ensemble: &Arc<dyn Ensemble>) -> Option<(Candidate, Spec)> {
    let own = &spec.network.blocks[0].activation;
    let mut changed = spec.clone();
    changed.measure.quantities = vec![SIGNAL];
    let last = changed.network.blocks.len() - 1;
    for (index, block) in changed.network.blocks.iter_mut().enumerate() {
        // A linear readout stays what it is.
        let readout = index == last && block.activation.name() != own.name();
        if readout {
            continue;
        }
        let critical = critical_sigma_w(&**activation, block.sigma_b()).ok()?;
        block.activation = Arc::clone(activation);
        block.weights.ensemble = Arc::clone(ensemble);
        block.weights.std = critical.sigma_w / (block.fan_in as f64).sqrt();
    }
    let sigma_w = changed.network.blocks[0].sigma_w();
    let profile = profile(&changed)?;
    let kind = if ensemble.independent_entries() { "" } else { "orthogonal weights, " };
    let mut change = format!("{kind}sigma_w = {sigma_w:.4}");
    let mut lines = vec![format!("weights = {{ ensemble = \"{}\", sigma_w = {sigma_w:.6} }}", ensemble.name())];
    if activation.name() != own.name() {
        change = format!("{} instead of {}, {change}", activation.name(), own.name());
        lines.insert(0, format!("activation = \"{}\"", activation.name()));
    }
    Some((Candidate { change, lines, profile }, changed))
}

/// The predicted signal, if it is predicted in every layer.
fn profile(spec: &Spec) -> Option<ProfileSummary> {
    let mut spec = spec.clone();
    spec.measure.quantities = vec![SIGNAL];
    let predictions = predict(&spec);
    let depth = spec.network.blocks.len();
    let column = |of: fn(&Prediction) -> Option<f64>| -> Option<Vec<f64>> {
        let column: Vec<f64> = predictions.of(SIGNAL).filter_map(of).collect();
        (column.len() == depth).then_some(column)
    };
    let rms = column(|prediction| prediction.log10_rms)?;
    let typical = column(|prediction| prediction.log10_mean);
    Some(ProfileSummary {
        log10_range: rms[0] - rms[depth - 1],
        log10_typical_range: typical.as_ref().map(|typical| typical[0] - typical[depth - 1]),
        departure: departure(typical.as_ref().unwrap_or(&rms)),
    })
}

fn departure(profile: &[f64]) -> f64 {
    let last = profile[profile.len() - 1];
    profile.iter().map(|value| (value - last).abs()).fold(0.0, f64::max)
}

/// The first that holds; the smallest departure if none does.
fn best(departures: &[f64]) -> Option<usize> {
    let holds = departures.iter().position(|&departure| departure <= HOLDS);
    holds.or_else(|| (0..departures.len()).min_by(|&a, &b| departures[a].total_cmp(&departures[b])))
}

/// Rate and depths from the measured signal; `None` below two layers or if it is lost.
fn formats(spec: &Spec, measured: &Measurements) -> Option<(f64, Vec<FormatDepths>)> {
    let depth = spec.network.blocks.len();
    let at = |layer| measured.get(SIGNAL, layer)?.log10_rms;
    let (first, last) = (at(1)?, at(depth)?);
    if depth < 2 {
        return None;
    }
    let rate = (first - last) / (depth - 1) as f64;
    let entries = spec.network.blocks[depth - 1].fan_out as f64 * spec.data.batch as f64;
    let entry = last - 0.5 * entries.log10();
    Some((rate, FORMATS.iter().map(|format| format.depths(entry, rate)).collect()))
}
