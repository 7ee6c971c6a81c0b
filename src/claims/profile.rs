//! Is the predicted profile over the layers what networks show?

use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::verdict::power;
use super::{ClaimError, ControlResult, Verdict, decide};
use crate::measure::{Measurements, Progress, measure};
use crate::predict::{Predictions, predict};
use crate::spec::{Quantity, Spec};
use crate::stats::{Estimate, Interval, extrapolate};

/// The relative size of the nearest mistake: sigma_w this much too large.
const MISTAKE: f64 = 1.03;

/// Networks at least this wide are compared with narrower ones, since wider ones cost more than they tell.
const WIDE: usize = 200;

/// Probability below which the fit of `limit + slope / width` is rejected, over all layers.
const LACK_OF_FIT: f64 = 1e-3;

/// The verdict on a predicted profile.
///
/// The prediction is the limit of infinite width, so what is judged is the limit: the difference measured - predicted is
/// measured at several widths (same sigma_w and sigma_b) and extrapolated linearly in 1/width, layer by layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProfileVerdict {
    /// The quantity.
    pub quantity: Quantity,
    /// Over all layers.
    pub verdict: Verdict,
    /// Confidence level over all layers together (Bonferroni).
    pub level: f64,
    /// The error of the prediction in the limit that the claim allows, in the unit of the quantity (log10 where it is
    /// logarithmic): half of what the nearest mistake shifts. It follows from predictions alone.
    pub stated_error: f64,
    /// The mistake that sets it.
    pub resolution: String,
    /// The widths measured, relative to the specification's, with their trials.
    pub widths: Vec<(f64, usize)>,
    /// Layer by layer; layers whose prediction is withheld are absent.
    pub layers: Vec<LayerVerdict>,
    /// Nearest mistakes, each to be refuted.
    pub controls: Vec<ControlResult>,
    /// Smallest p-value of the fits, times the number of layers; small: the approach to the limit is not 1/width.
    pub lack_of_fit_p: f64,
}

/// One layer of a [`ProfileVerdict`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerVerdict {
    /// Number of the layer, from 1.
    pub layer: usize,
    /// The prediction.
    pub predicted: f64,
    /// The measurement at the specification's own width.
    pub measured: Estimate,
    /// measured - predicted at each of the widths.
    pub differences: Vec<Estimate>,
    /// measured - predicted at the specification's own width, by the fit.
    pub gap: Estimate,
    /// measured - predicted in the limit of infinite width.
    pub limit: Estimate,
    /// Its confidence interval at the corrected level.
    pub interval: Interval,
    /// The verdict on the layer.
    pub verdict: Verdict,
}

impl ProfileVerdict {
    /// Whether the prediction is confirmed.
    pub fn is_confirmed(&self) -> bool {
        self.verdict == Verdict::Confirmed
    }

    /// Whether every negative control was refuted.
    pub fn controls_refuted(&self) -> bool {
        self.controls.iter().all(|control| control.verdict == Verdict::Refuted)
    }

    /// The layer whose limit is farthest from zero, in units of the stated error.
    pub fn worst(&self) -> Option<&LayerVerdict> {
        self.layers.iter().max_by(|a, b| a.limit.value.abs().total_cmp(&b.limit.value.abs()))
    }
}

impl std::fmt::Display for ProfileVerdict {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.quantity.name(), self.verdict)?;
        if let Some(worst) = self.worst() {
            write!(
                formatter,
                ": farthest in layer {}, {:+.4} +- {:.4} against an allowed {:.4}{} ({:.0} % level over {} layers)",
                worst.layer,
                worst.limit.value,
                worst.limit.standard_error,
                self.stated_error,
                if self.quantity.is_logarithmic() { " in log10" } else { "" },
                100.0 * self.level,
                self.layers.len()
            )?;
        }
        Ok(())
    }
}

/// Decides whether a predicted quantity of a specification is what networks show, at a confidence level over all layers.
///
/// Measures at three widths, so it takes some ten times as long as the specification's own trials. Too few trials give
/// `inconclusive`, never `confirmed`.
///
/// # Errors
///
/// [`ClaimError::NotPredicted`] with the reason if theory withholds the quantity, [`ClaimError::NotMeasured`] if no trial
/// survives, [`ClaimError::Measure`] if the measurement fails or is interrupted.
///
/// # Example
///
/// In a test of your own:
///
/// ```
/// use gradspectra::{claims::judge, measure::Silent, spec::{Quantity, Spec}};
///
/// let spec = Spec::parse(
///     r#"
///     seed = 3
///     network = { input = 40, depth = 5, width = 40, activation = "tanh", weights = { sigma_w = 1.0 } }
///     loss = { kind = "random" }
///     measure = { trials = 1500 }
///     "#,
///     "my_network".as_ref(),
/// )?;
/// let verdict = judge(&spec, Quantity::GradientNorms, 0.99, &Silent)?;
/// assert!(verdict.is_confirmed(), "{verdict}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn judge(
    spec: &Spec,
    quantity: Quantity,
    level: f64,
    progress: &dyn Progress,
) -> Result<ProfileVerdict, ClaimError> {
    judge_measured(spec, quantity, level, None, progress)
}

/// As [`judge`], with the measurement at the specification's own width taken from the caller who already has it.
///
/// # Errors
///
/// As [`judge`].
pub fn judge_measured(
    spec: &Spec,
    quantity: Quantity,
    level: f64,
    own: Option<&Measurements>,
    progress: &dyn Progress,
) -> Result<ProfileVerdict, ClaimError> {
    if !(level > 0.0 && level < 1.0) {
        return Err(ClaimError::Level(level));
    }
    let mut spec = spec.clone();
    spec.measure.quantities = vec![quantity];
    let predictions = predict(&spec);
    let layers: Vec<usize> = predictions.of(quantity).map(|prediction| prediction.layer).collect();
    if layers.is_empty() {
        let reason = predictions.not_predicted.first().map_or("no layer has it", |withheld| &withheld.reason);
        return Err(ClaimError::NotPredicted { quantity, reason: reason.to_owned() });
    }

    let mistakes = mistakes(&spec, quantity, &predictions, &layers);
    let floor = if quantity.is_logarithmic() { MISTAKE.log10() } else { MISTAKE - 1.0 };
    let largest = |shifts: &[f64]| shifts.iter().map(|shift| shift.abs()).fold(0.0, f64::max);
    let sigma_w_shift = largest(&mistakes[0].shifts);
    let percent = (100.0 * (MISTAKE - 1.0)).round();
    let (stated_error, resolution) = if sigma_w_shift > floor {
        (0.5 * sigma_w_shift, format!("half of the largest shift over the layers when sigma_w is {percent} % off"))
    } else {
        (0.5 * floor, format!("half of {percent} % (sigma_w hardly matters for this quantity)"))
    };

    let mut widths = Vec::new();
    let mut differences: Vec<Vec<(f64, Estimate)>> = vec![Vec::new(); layers.len()];
    let mut measured_here = Vec::new();
    let factors = if spec.narrowest() >= WIDE { [1.0, 0.5, 0.25] } else { [1.0, 2.0, 4.0] };
    for factor in factors {
        let resized = spec.resized(factor);
        let limit = if factor == 1.0 { predictions.clone() } else { predict(&resized) };
        // Independent random numbers at every width: the extrapolation takes the estimates for independent.
        let fresh;
        let measured = match own {
            Some(own) if factor == 1.0 => own,
            _ => {
                fresh = measure(&resized, &format!("profile at width factor {factor}"), progress)?;
                &fresh
            }
        };
        for (index, &layer) in layers.iter().enumerate() {
            let estimate = estimate(measured, quantity, layer)?;
            let predicted = number(&limit, quantity, layer);
            differences[index].push((factor, estimate.minus_exact(predicted)));
            if factor == 1.0 {
                measured_here.push(estimate);
            }
        }
        let trials = measured.get(quantity, layers[0]).map_or(0, |measurement| measurement.trials);
        widths.push((factor, trials));
    }

    let corrected = 1.0 - (1.0 - level) / layers.len() as f64;
    let mut verdicts = Vec::new();
    let mut smallest_p = 1.0_f64;
    for (index, &layer) in layers.iter().enumerate() {
        let fit = extrapolate(&differences[index])?;
        smallest_p = smallest_p.min(lack_of_fit(fit.chi_square, fit.degrees_of_freedom));
        verdicts.push(LayerVerdict {
            layer,
            predicted: number(&predictions, quantity, layer),
            measured: measured_here[index],
            differences: differences[index].iter().map(|(_, difference)| *difference).collect(),
            gap: fit.slope,
            limit: fit.limit,
            interval: fit.limit.interval(corrected),
            verdict: decide(fit.limit, stated_error, corrected),
        });
    }
    let lack_of_fit_p = (smallest_p * layers.len() as f64).min(1.0);
    let mut verdict = Verdict::all(verdicts.iter().map(|layer| layer.verdict));
    if lack_of_fit_p < LACK_OF_FIT && verdict == Verdict::Confirmed {
        // The extrapolation itself is not to be trusted then: its limit confirms nothing.
        verdict = Verdict::Inconclusive;
    }
    let controls = mistakes
        .iter()
        .filter(|mistake| largest(&mistake.shifts) > floor)
        .map(|mistake| control(mistake, &verdicts, stated_error, corrected))
        .collect();
    Ok(ProfileVerdict {
        quantity,
        verdict,
        level,
        stated_error,
        resolution,
        widths,
        layers: verdicts,
        controls,
        lack_of_fit_p,
    })
}

/// A plausible mistake and what it does to the predictions.
struct Mistake {
    what: String,
    shifts: Vec<f64>,
}

/// sigma_w off, and (with more than one sample) the correlations of the batch left out.
fn mistakes(spec: &Spec, quantity: Quantity, right: &Predictions, layers: &[usize]) -> Vec<Mistake> {
    let shifts = |wrong: &Predictions, offset: f64| -> Vec<f64> {
        layers
            .iter()
            .map(|&layer| {
                wrong
                    .get(quantity, layer)
                    .and_then(|prediction| prediction.number())
                    .map_or(0.0, |wrong| wrong + offset - number(right, quantity, layer))
            })
            .collect()
    };
    let scaled = predict(&spec.with_sigma_w_scaled(MISTAKE));
    let mut mistakes = vec![Mistake {
        what: format!("sigma_w {:.0} % too large", 100.0 * (MISTAKE - 1.0)),
        shifts: shifts(&scaled, 0.0),
    }];
    let gradients = matches!(quantity, Quantity::GradientNorms | Quantity::BiasGradientNorms);
    if gradients && spec.data.batch > 1 {
        // Without cross terms the squared norm of the batch is the sum of the samples' own: that of one, times B.
        let mut single = spec.clone();
        let batch = single.data.batch as f64;
        single.data.batch = 1;
        if let crate::spec::DataSource::Given { inputs, .. } = &mut single.data.source {
            *inputs = std::sync::Arc::new(inputs.columns(0, 1).into_owned());
        }
        let without = predict(&single);
        mistakes.push(Mistake {
            what: "correlations between samples (c-map) left out".to_owned(),
            shifts: shifts(&without, 0.5 * batch.log10()),
        });
    }
    mistakes
}

fn control(mistake: &Mistake, layers: &[LayerVerdict], stated_error: f64, corrected: f64) -> ControlResult {
    let verdicts = layers
        .iter()
        .zip(&mistake.shifts)
        .map(|(layer, shift)| decide(layer.limit.minus_exact(*shift), stated_error, corrected));
    let power = layers
        .iter()
        .zip(&mistake.shifts)
        .map(|(layer, shift)| power(*shift, layer.limit.standard_error, stated_error, corrected))
        .fold(0.0, f64::max);
    let first = layers.first().zip(mistake.shifts.first());
    ControlResult {
        mistake: mistake.what.clone(),
        predicted: first.map_or(f64::NAN, |(layer, shift)| layer.predicted + shift),
        verdict: Verdict::all(verdicts),
        power,
    }
}

fn number(predictions: &Predictions, quantity: Quantity, layer: usize) -> f64 {
    predictions.get(quantity, layer).and_then(|prediction| prediction.number()).unwrap_or(f64::NAN)
}

fn estimate(measured: &Measurements, quantity: Quantity, layer: usize) -> Result<Estimate, ClaimError> {
    let measurement = measured.get(quantity, layer);
    measurement.and_then(|measurement| measurement.estimate()).ok_or_else(|| ClaimError::NotMeasured {
        quantity,
        layer,
        zeros: measurement.map_or(0, |m| m.zeros),
        non_finite: measurement.map_or(0, |m| m.non_finite),
        trials: measurement.map_or(0, |m| m.trials),
    })
}

fn lack_of_fit(chi_square: f64, degrees_of_freedom: usize) -> f64 {
    ChiSquared::new(degrees_of_freedom as f64).map_or(1.0, |law| law.sf(chi_square))
}
