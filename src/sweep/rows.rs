//! What is recorded of a point: its numbers in rows.
//!
//! | side | quantity | statistics | layer |
//! |---|---|---|---|
//! | predicted, measured | every quantity of the specification | `log10_rms`, `log10_mean`, `log10_standard_deviation`; `value` of one that is no size | each |
//! | compared | the same | `log10_rms`, or `value`: measured minus predicted | each |
//! | predicted | `q_star`, `chi_1`, `c_star`, `xi_q`, `xi_c`: where infinitely deep networks of these layers come to; biases enter by their variance | `value` | none |
//! | predicted, measured, compared | `gradient_ratio`: the first layer's weight gradient over the last layer's | `log10_rms`; `log10_mean`, `log10_standard_deviation` | none |
//! | predicted, measured | `log_gradient_variance`: variance between networks of ln of the first layer's weight gradient norm | `value` | none |
//! | trained | `final_loss` (last mini-batch), `train_loss`, `train_accuracy`, `test_loss`, `test_accuracy`, `steps`, `alerts`, `first_alert_step`, `ending_finished`, `ending_stopped`, `ending_not_finite` (0 or 1) | `value` | none |

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::grid::Runs;
use super::result::{Row, Side, Statistic};
use crate::activation::{Activation, ExpectationError};
use crate::linalg::Real;
use crate::mean_field::{PhasePoint, PhaseTable, Scales};
use crate::measure::{DynamicRange, MeasureError, Measurement, Measurements, Progress, measure};
use crate::network::{TrainError, Trainer};
use crate::predict::{Prediction, Predictions, predict, predict_values};
use crate::spec::{DataSource, Quantity, Spec, with_real};
use crate::stats::Estimate;
use crate::watch::alarm::Alarm;
use crate::watch::checkpoint::CheckpointError;
use crate::watch::{Companion, Ending, Outcome, Record, Session, SessionError};

/// Why a point has no rows.
#[derive(Debug, thiserror::Error)]
pub enum PointError {
    /// The user interrupted the sweep: it is nobody's fault, and not recorded.
    #[error("interrupted")]
    Interrupted,
    /// It failed.
    #[error("{0}")]
    Failed(String),
}

impl PointError {
    fn failed(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }
}

/// The activations of a sweep, by name.
#[derive(Debug, Default)]
pub struct Activations(BTreeMap<String, Arc<dyn Activation>>);

impl Activations {
    /// Those of some specifications.
    pub fn add(&mut self, spec: &Spec) {
        for block in &spec.network.blocks {
            if !self.0.contains_key(block.activation.name()) {
                self.0.insert(block.activation.name().to_owned(), Arc::clone(&block.activation));
            }
        }
    }

    /// Those of both.
    pub fn join(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}

/// The phases of a sweep's activations, each made when it is first asked for: its tables serve all points.
#[derive(Debug)]
pub struct Maps<'a> {
    maps: BTreeMap<&'a str, (&'a dyn Activation, Table<'a>)>,
}

type Table<'a> = OnceLock<Result<PhaseTable<'a>, ExpectationError>>;

impl<'a> Maps<'a> {
    /// Of these activations.
    pub fn new(activations: &'a Activations) -> Self {
        let maps = activations.0.iter().map(|(name, phi)| (name.as_str(), (&**phi, OnceLock::new())));
        Self { maps: maps.collect() }
    }

    fn of(&self, name: &str) -> Result<&PhaseTable<'a>, String> {
        let (phi, map) = self.maps.get(name).ok_or_else(|| format!("`{name}` is no activation of this sweep"))?;
        map.get_or_init(|| PhaseTable::new(*phi)).as_ref().map_err(ToString::to_string)
    }
}

/// Computes the rows of a specification.
///
/// # Errors
///
/// [`PointError`]: interrupted, or why the measurement or the training failed.
pub fn rows(spec: &Spec, runs: Runs, maps: &Maps<'_>, progress: &dyn Progress) -> Result<Vec<Row>, PointError> {
    let mut rows = Rows(Vec::new());
    let predictions = runs.predict.then(|| if runs.spread { predict(spec) } else { predict_values(spec) });
    if runs.phase {
        let silent = rows.mean_field(spec, maps);
        // Where other numbers follow, they stand without these.
        silent.or_else(|reason| if runs.phase_alone() { Err(PointError::Failed(reason)) } else { Ok(()) })?;
    }
    if let Some(predictions) = &predictions {
        rows.predicted(spec, predictions);
    }
    if progress.interrupted() {
        return Err(PointError::Interrupted);
    }
    if runs.measure {
        let measurements = measure(spec, EXPERIMENT, progress).map_err(|error| match error {
            MeasureError::Interrupted => PointError::Interrupted,
            error => PointError::failed(error),
        })?;
        rows.measured(spec, &measurements);
        if let Some(predictions) = &predictions {
            rows.compared(spec, predictions, &measurements);
        }
    }
    if runs.train {
        let outcome = with_real!(spec.network.precision, T => train::<T>(spec, progress))?;
        rows.trained(&outcome);
    }
    Ok(rows.0)
}

/// The random streams of `gradspectra measure`: a point's numbers are those that it prints for the point's seed.
const EXPERIMENT: &str = "study";

struct Rows(Vec<Row>);

/// Quantities of the whole network.
const GRADIENT_RATIO: &str = "gradient_ratio";
const LOG_VARIANCE: &str = "log_gradient_variance";

fn finite(value: f64) -> Option<f64> {
    Some(value).filter(|value| value.is_finite())
}

fn row(side: Side, quantity: &str, statistic: Statistic, layer: Option<usize>, value: Option<f64>) -> Row {
    Row {
        side,
        quantity: quantity.to_owned(),
        statistic,
        layer,
        value: value.filter(|value| value.is_finite()),
        standard_error: None,
        stated_error: None,
        trials: None,
        zeros: None,
        non_finite: None,
    }
}

/// The variance of a natural logarithm from the standard deviation of the decimal one.
fn natural_variance(log10_standard_deviation: f64) -> f64 {
    (log10_standard_deviation * std::f64::consts::LN_10).powi(2)
}

impl Rows {
    fn mean_field(&mut self, spec: &Spec, maps: &Maps<'_>) -> Result<(), String> {
        let point = homogeneous_phase(spec, maps)?;
        let numbers = [
            ("q_star", point.q_star),
            ("chi_1", point.chi_1),
            ("c_star", point.c_star),
            ("xi_q", point.xi_q),
            ("xi_c", point.xi_c),
        ];
        self.0.extend(numbers.map(|(name, value)| row(Side::Predicted, name, Statistic::Value, None, value)));
        Ok(())
    }

    fn predicted(&mut self, spec: &Spec, predictions: &Predictions) {
        type Of = fn(&Prediction) -> Option<f64>;
        let sizes: [(Statistic, Of); 3] = [
            (Statistic::Log10Rms, |p| p.log10_rms),
            (Statistic::Log10Mean, |p| p.log10_mean),
            (Statistic::Log10StandardDeviation, |p| p.log10_standard_deviation),
        ];
        let values: [(Statistic, Of); 1] = [(Statistic::Value, |p| p.value)];
        for &quantity in &spec.measure.quantities {
            let statistics: &[_] = if quantity.is_logarithmic() { &sizes } else { &values };
            for (statistic, of) in statistics {
                for prediction in predictions.of(quantity).filter(|prediction| of(prediction).is_some()) {
                    let stated = matches!(statistic, Statistic::Log10Rms | Statistic::Value);
                    self.0.push(Row {
                        stated_error: prediction.error.filter(|_| stated),
                        ..row(Side::Predicted, quantity.name(), *statistic, Some(prediction.layer), of(prediction))
                    });
                }
            }
        }
        let at = |layer: usize| predictions.get(Quantity::GradientNorms, layer);
        let (Some(first), Some(last)) = (at(1), at(spec.network.blocks.len())) else { return };
        let range = |statistic, value: Option<f64>| row(Side::Predicted, GRADIENT_RATIO, statistic, None, value);
        let difference = |of: Of| Some(of(first)? - of(last)?);
        self.0.push(Row {
            stated_error: first.error.zip(last.error).map(|(first, last)| first + last),
            ..range(Statistic::Log10Rms, difference(|p| p.log10_rms))
        });
        if let Some(mean) = difference(|p| p.log10_mean) {
            self.0.push(range(Statistic::Log10Mean, Some(mean)));
        }
        if let Some(spread) = first.log10_ratio_standard_deviation {
            self.0.push(range(Statistic::Log10StandardDeviation, Some(spread)));
        }
        if let Some(spread) = first.log10_standard_deviation {
            self.0.push(row(Side::Predicted, LOG_VARIANCE, Statistic::Value, None, Some(natural_variance(spread))));
        }
    }

    fn measured(&mut self, spec: &Spec, measurements: &Measurements) {
        type Of = fn(&Measurement) -> (Option<f64>, Option<f64>);
        let sizes: [(Statistic, Of); 3] = [
            (Statistic::Log10Rms, |m| (m.log10_rms, m.standard_error)),
            (Statistic::Log10Mean, |m| (m.log10_mean, m.log10_mean_standard_error)),
            (Statistic::Log10StandardDeviation, |m| (m.log10_standard_deviation, None)),
        ];
        let values: [(Statistic, Of); 1] = [(Statistic::Value, |m| (m.value, m.standard_error))];
        for &quantity in &spec.measure.quantities {
            let statistics: &[_] = if quantity.is_logarithmic() { &sizes } else { &values };
            for (statistic, of) in statistics {
                for measurement in measurements.of(quantity) {
                    let (value, error) = of(measurement);
                    self.0.push(Row {
                        standard_error: error.and_then(finite),
                        ..counted(quantity.name(), *statistic, Some(measurement.layer), value, measurement)
                    });
                }
            }
        }
        let Some(first) = measurements.get(Quantity::GradientNorms, 1) else { return };
        let trials = Some(spec.measure.trials as u64);
        if let Some(range) = measurements.range(Quantity::GradientNorms) {
            let estimates = [
                (Statistic::Log10Rms, range.log10_rms_ratio.map(|e| (e.value, Some(e.standard_error)))),
                (Statistic::Log10Mean, range.log10_mean.map(|e| (e.value, Some(e.standard_error)))),
                (Statistic::Log10StandardDeviation, range.log10_standard_deviation.map(|value| (value, None))),
            ];
            self.0.extend(estimates.map(|(statistic, estimate)| Row {
                standard_error: estimate.and_then(|(_, error)| error).and_then(finite),
                trials,
                non_finite: lost(spec, range),
                ..row(Side::Measured, GRADIENT_RATIO, statistic, None, estimate.map(|(value, _)| value))
            }));
        }
        // The logarithm of a product of many factors is nearly normal: then its sample variance has this standard error.
        let variance = first.log10_standard_deviation.map(natural_variance);
        let survivors = first.trials.saturating_sub(first.zeros + first.non_finite);
        let error = variance.filter(|_| survivors >= 2).map(|v| v * (2.0 / (survivors - 1) as f64).sqrt());
        self.0.push(Row {
            standard_error: error.and_then(finite),
            ..counted(LOG_VARIANCE, Statistic::Value, None, variance, first)
        });
    }

    fn compared(&mut self, spec: &Spec, predictions: &Predictions, measurements: &Measurements) {
        for &quantity in &spec.measure.quantities {
            let statistic = if quantity.is_logarithmic() { Statistic::Log10Rms } else { Statistic::Value };
            for measurement in measurements.of(quantity) {
                let Some(prediction) = predictions.get(quantity, measurement.layer) else { continue };
                let Some(difference) = difference(measurement.estimate(), prediction.number()) else { continue };
                self.0.push(Row {
                    standard_error: finite(difference.standard_error),
                    stated_error: prediction.error,
                    ..counted(quantity.name(), statistic, Some(measurement.layer), Some(difference.value), measurement)
                });
                if let Some(last) = self.0.last_mut() {
                    last.side = Side::Compared;
                }
            }
        }
        let depth = spec.network.blocks.len();
        let at = |layer: usize| predictions.get(Quantity::GradientNorms, layer);
        if let (Some(first), Some(last)) = (at(1), at(depth))
            && let Some(range) = measurements.range(Quantity::GradientNorms)
        {
            let predicted = first.log10_rms.zip(last.log10_rms).map(|(first, last)| first - last);
            if let Some(difference) = difference(range.log10_rms_ratio, predicted) {
                self.0.push(Row {
                    standard_error: finite(difference.standard_error),
                    stated_error: first.error.zip(last.error).map(|(first, last)| first + last),
                    trials: Some(spec.measure.trials as u64),
                    non_finite: lost(spec, range),
                    ..row(Side::Compared, GRADIENT_RATIO, Statistic::Log10Rms, None, Some(difference.value))
                });
            }
        }
    }

    fn trained(&mut self, outcome: &Outcome) {
        let evaluation = &outcome.evaluation;
        let ended = |ending: Ending| Some(f64::from(u8::from(outcome.ending == ending)));
        let numbers = [
            ("final_loss", finite(outcome.final_loss)),
            ("train_loss", evaluation.train_loss),
            ("train_accuracy", evaluation.train_accuracy),
            ("test_loss", evaluation.test_loss),
            ("test_accuracy", evaluation.test_accuracy),
            ("steps", Some(outcome.steps as f64)),
            ("alerts", Some(outcome.alerts.len() as f64)),
            ("first_alert_step", outcome.alerts.iter().map(|alert| alert.step as f64).reduce(f64::min)),
            ("ending_finished", ended(Ending::Finished)),
            ("ending_stopped", ended(Ending::Stopped)),
            ("ending_not_finite", ended(Ending::NotFinite)),
        ];
        self.0.extend(numbers.map(|(name, value)| row(Side::Trained, name, Statistic::Value, None, value)));
    }
}

/// Networks in which the ratio has no logarithm: one of its norms is zero or not finite.
fn lost(spec: &Spec, range: &DynamicRange) -> Option<u64> {
    Some(spec.measure.trials.saturating_sub(range.survivors) as u64)
}

fn counted(
    quantity: &str,
    statistic: Statistic,
    layer: Option<usize>,
    value: Option<f64>,
    measurement: &Measurement,
) -> Row {
    Row {
        trials: Some(measurement.trials as u64),
        zeros: Some(measurement.zeros as u64),
        non_finite: Some(measurement.non_finite as u64),
        ..row(Side::Measured, quantity, statistic, layer, value)
    }
}

fn difference(measured: Option<Estimate>, predicted: Option<f64>) -> Option<Estimate> {
    Some(measured?.minus_exact(predicted?)).filter(|difference| difference.value.is_finite())
}

/// Where the maps of a network lead whose layers are all alike. The first may have another scale of the weights, which sets the variance to start
/// from, and a linear readout may follow.
///
/// The error is the reason why there is no such point.
fn homogeneous_phase(spec: &Spec, maps: &Maps<'_>) -> Result<PhasePoint, String> {
    let no_layers = || "the network has no layers that are alike: a phase is one of many".to_owned();
    let blocks = &spec.network.blocks;
    let hidden = match blocks.split_last() {
        Some((last, hidden)) if !hidden.is_empty() && last.activation.name() != hidden[0].activation.name() => hidden,
        _ => &blocks[..],
    };
    let first = hidden.first().ok_or_else(no_layers)?;
    let typical = hidden.get(1).unwrap_or(first);
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-12 * a.abs().max(b.abs());
    let alike = hidden[1..].iter().all(|block| {
        close(block.sigma_w(), typical.sigma_w())
            && close(block.sigma_b(), typical.sigma_b())
            && block.activation.name() == first.activation.name()
    });
    if !alike {
        return Err(no_layers());
    }
    let inputs = match &spec.data.source {
        DataSource::Gaussian => 1.0,
        DataSource::Given { inputs, .. } => inputs.norm_squared() / inputs.len() as f64,
    };
    let start = first.sigma_w().powi(2) * inputs + first.sigma_b().powi(2);
    let scales = Scales::new(typical.sigma_w(), typical.sigma_b()).map_err(|error| error.to_string())?;
    maps.of(first.activation.name())?.point(scales, start).map_err(|error| error.to_string())
}

fn train<T: Real>(spec: &Spec, progress: &dyn Progress) -> Result<Outcome, PointError> {
    let mut session = Session::<T>::new(spec).map_err(|error: TrainError| PointError::failed(error))?;
    let mut companion = Quiet { progress };
    let outcome = session.run(&mut companion).map_err(|error: SessionError| PointError::failed(error))?;
    if outcome.ending == Ending::Interrupted { Err(PointError::Interrupted) } else { Ok(outcome) }
}

/// Writes nothing and saves nothing.
struct Quiet<'a> {
    progress: &'a dyn Progress,
}

impl<T: Real> Companion<T> for Quiet<'_> {
    fn record(&mut self, _record: &Record) -> std::io::Result<()> {
        Ok(())
    }

    fn after_step(&mut self, _trainer: &Trainer<T>, _alarm: &Alarm) -> Result<(), CheckpointError> {
        Ok(())
    }

    fn wants_to_end(&self) -> bool {
        self.progress.interrupted()
    }
}
