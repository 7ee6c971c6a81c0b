//! What one change would do: the network's sigma_w beside the critical one, and the profile after the best single change.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::activation::{Activation, Relu, Tanh};
use crate::ensemble::{Ensemble, Gaussian, Orthogonal};
use crate::mean_field::critical_sigma_w;
use crate::measure::{MeasureError, Measurement, Measurements, Progress, measure};
use crate::predict::{Prediction, Predictions, predict};
use crate::spec::{BlockSpec, FORMATS, FormatDepths, Quantity, Spec};

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
    /// Whether profiles are judged by the typical value (mean of log10), as they are where it is predicted for the network itself (changes
    /// for which it is not are then not advised); else by the root mean square.
    pub typical: bool,
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

/// What a predicted profile comes to, in decimal logarithms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ProfileSummary {
    /// Of the root mean square.
    pub rms: Departure,
    /// Of the typical value (mean of log10), where it is predicted.
    pub typical: Option<Departure>,
}

/// How far a profile is from level.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Departure {
    /// First layer over last layer.
    pub range: f64,
    /// The largest distance of any layer from the last one.
    pub largest: f64,
}

impl ProfileSummary {
    /// The one that profiles are judged by.
    pub fn judged(&self, typical: bool) -> Departure {
        self.typical.filter(|_| typical).unwrap_or(self.rms)
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
    pub(super) fn find(
        spec: &Spec,
        predictions: &Predictions,
        measured: &Measurements,
        progress: &dyn Progress,
    ) -> Result<Self, MeasureError> {
        let block = &spec.network.blocks[0];
        let critical = match critical_sigma_w(&*block.activation, block.sigma_b()) {
            Ok(critical) => Critical::SigmaW(critical.sigma_w),
            Err(reason) => Critical::None(reason.to_string()),
        };
        let own = profile(predictions, spec.network.blocks.len());
        let mut changed = Vec::new();
        if spec.network.blocks.len() > 1 {
            for (activation, ensemble) in changes(block) {
                if progress.interrupted() {
                    return Err(MeasureError::Interrupted);
                }
                changed.extend(candidate(spec, &activation, &ensemble));
            }
        }
        let typical =
            own.is_none_or(|own| own.typical.is_some()) && changed.iter().any(|(c, _)| c.profile.typical.is_some());
        let own_largest = own.map(|own| own.judged(typical).largest);
        // Unlike numbers are not compared: where the network is judged by its typical value, so is every change.
        let judged = |(candidate, _): &(Candidate, Spec)| match (typical, candidate.profile.typical) {
            (true, None) => f64::INFINITY,
            _ => candidate.profile.judged(typical).largest,
        };
        let departures: Vec<f64> = changed.iter().map(judged).collect();
        let needs_change = own_largest.is_none_or(|own| own > HOLDS);
        let helps = |&k: &usize| own_largest.is_none_or(|own| departures[k] < own);
        let advised = if needs_change { best(&departures).filter(helps) } else { None };
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
            typical,
            candidates: changed.into_iter().map(|(candidate, _)| candidate).collect(),
            advised,
            after,
            formats: formats.unwrap_or_default(),
            log10_rate,
        })
    }
}

/// Activation and ensemble to try, fewest changes first.
fn changes(block: &BlockSpec) -> Vec<(Arc<dyn Activation>, Arc<dyn Ensemble>)> {
    let own = &block.activation;
    let gaussian: Arc<dyn Ensemble> = Arc::new(Gaussian);
    let orthogonal: Arc<dyn Ensemble> = Arc::new(Orthogonal);
    let ensemble = &block.weights.ensemble;
    let mut changes = vec![(Arc::clone(own), Arc::clone(ensemble))];
    let others = [&gaussian, &orthogonal].into_iter().filter(|other| other.name() != ensemble.name());
    changes.extend(others.map(|other| (Arc::clone(own), Arc::clone(other))));
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

/// The changed specification with its prediction; `None` if there is no critical scale or no prediction. What the lines say is what is
/// predicted and measured: every block with the activation gets the new one, and every block its own critical scale.
fn candidate(spec: &Spec, activation: &Arc<dyn Activation>, ensemble: &Arc<dyn Ensemble>) -> Option<(Candidate, Spec)> {
    let own = spec.network.blocks[0].activation.name();
    let mut changed = spec.clone();
    changed.measure.quantities = vec![SIGNAL];
    let mut known: Vec<((&str, u64), f64)> = Vec::new();
    for block in &mut changed.network.blocks {
        if block.activation.name() == own {
            block.activation = Arc::clone(activation);
        }
        let key = (block.activation.name(), block.sigma_b().to_bits());
        let sigma_w = match known.iter().find(|(other, _)| *other == key) {
            Some((_, sigma_w)) => *sigma_w,
            None => {
                let sigma_w = critical_sigma_w(&*block.activation, block.sigma_b()).ok()?.sigma_w;
                known.push((key, sigma_w));
                sigma_w
            }
        };
        block.weights.ensemble = Arc::clone(ensemble);
        block.weights.std = sigma_w / (block.fan_in as f64).sqrt();
    }
    // A change that changes nothing is none.
    let unchanged = |(own, new): (&BlockSpec, &BlockSpec)| {
        own.activation.name() == new.activation.name()
            && own.weights.ensemble.name() == new.weights.ensemble.name()
            && (own.weights.std / new.weights.std - 1.0).abs() < 1e-6
    };
    if spec.network.blocks.iter().zip(&changed.network.blocks).all(unchanged) {
        return None;
    }
    let profile = profile(&predict(&changed), changed.network.blocks.len())?;
    let sigma_w = changed.network.blocks[0].sigma_w();
    // The preset is Gaussian unless it is told otherwise.
    let law = match ensemble.name() {
        "gaussian" => String::new(),
        _ => format!(", ensemble = \"{}\"", ensemble.spelling()),
    };
    let kind = match ensemble.name() == spec.network.blocks[0].weights.ensemble.name() {
        true => String::new(),
        false => format!("{} weights, ", ensemble.spelling()),
    };
    let mut change = format!("{kind}sigma_w = {sigma_w:.4}");
    let mut lines = vec![format!("weights = {{ preset = \"critical\"{law} }}")];
    if activation.name() != own {
        change = format!("{} instead of {own}, {change}", activation.name());
        lines.insert(0, format!("activation = \"{}\"", activation.name()));
    }
    Some((Candidate { change, lines, profile }, changed))
}

/// The predicted signal, if it is predicted in every layer.
fn profile(predictions: &Predictions, depth: usize) -> Option<ProfileSummary> {
    let departure = |of: fn(&Prediction) -> Option<f64>| -> Option<Departure> {
        let column: Vec<f64> = predictions.of(SIGNAL).filter_map(of).filter(|value| value.is_finite()).collect();
        let last = *column.last().filter(|_| column.len() == depth)?;
        let largest = column.iter().map(|value| (value - last).abs()).fold(0.0, f64::max);
        Some(Departure { range: column[0] - last, largest })
    };
    Some(ProfileSummary { rms: departure(|p| p.log10_rms)?, typical: departure(|p| p.log10_mean) })
}

/// The first that holds; the smallest departure if none does.
fn best(departures: &[f64]) -> Option<usize> {
    let holds = departures.iter().position(|&departure| departure <= HOLDS);
    holds.or_else(|| {
        let finite = (0..departures.len()).filter(|&k| departures[k].is_finite());
        finite.min_by(|&a, &b| departures[a].total_cmp(&departures[b]))
    })
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::measure::Silent;

    /// Writing the advised lines into the specification gives the network whose profile was predicted: with changing widths, biases that
    /// depend on them, and a readout.
    #[test]
    fn the_lines_make_the_network_that_was_judged() {
        let text = |activation: &str, weights: &str| {
            format!(
                "[network]\ninput = 20\nwidths = [16, 24, 12]\noutput = 4\n{activation}\n{weights}\n\
                 biases = {{ preset = \"torch\" }}\n[measure]\ntrials = 4"
            )
        };
        let own = "activation = \"sigmoid\"";
        let spec = Spec::parse(&text(own, "weights = { sigma_w = 3.0 }"), Path::new("t.toml")).expect("valid");
        let measured = measure(&spec, "test", &Silent).expect("small");
        let action = Action::find(&spec, &predict(&spec), &measured, &Silent).expect("small");
        assert!(action.candidates.len() >= 4 && action.advised.is_some(), "{action:?}");
        for candidate in &action.candidates {
            let (activation, weights) = match &candidate.lines[..] {
                [weights] => (own, weights.as_str()),
                [activation, weights] => (activation.as_str(), weights.as_str()),
                other => panic!("{other:?}"),
            };
            let mut written = Spec::parse(&text(activation, weights), Path::new("t.toml")).expect("valid lines");
            written.measure.quantities = vec![SIGNAL];
            let summary = profile(&predict(&written), 4).expect("predicted");
            assert!((summary.rms.range - candidate.profile.rms.range).abs() < 1e-9, "{candidate:?} {summary:?}");
        }
    }

    #[test]
    fn the_first_that_holds_is_advised() {
        assert_eq!(best(&[0.5, 0.2, 0.1]), Some(1));
        assert_eq!(best(&[0.5, 0.4]), Some(1));
        assert_eq!(best(&[]), None);
    }
}
