//! Is the predicted profile over the layers what networks show?

use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::verdict::power;
use super::{ClaimError, ControlResult, Verdict, decide};
use crate::measure::{Measurements, Progress, measure};
use crate::predict::{Predictions, predict, predict_without_correlations};
use crate::spec::{Quantity, Spec};
use crate::stats::{Estimate, Extrapolation, Interval, extrapolate, student_quantile};

/// The nearest mistake in sigma_w: this many times too large.
pub(super) const SIGMA_W_MISTAKE: f64 = 1.03;

/// The error that a confirmed prediction may have at most: 5 % in a norm, 0.05 in a correlation or a fraction.
const LARGEST_ERROR: f64 = 0.05;

/// The smallest error that is asked for: 2 % in a norm, 0.02 in a correlation or a fraction.
const SMALLEST_ERROR: f64 = 0.02;

/// A mistake that shifts no layer by this many allowed errors cannot be told from the truth, and is no control.
const TELLING_SHIFT: f64 = 1.5;

/// The mistake of a factor that all layers share: 10 % in a norm, 0.1 in a correlation or a fraction.
const FACTOR_MISTAKE: f64 = 0.1;

/// Networks at least this wide are compared with narrower ones, since wider ones cost more than they tell.
const WIDE: usize = 200;

/// Nothing is decided when fewer networks than this carry the mean square: see [`effective_size`].
const LEAST_EFFECTIVE_SIZE: f64 = 30.0;

/// Probability below which the fit of `limit + slope / width` is rejected, over all layers.
const LACK_OF_FIT: f64 = 1e-3;

/// Power with which every control must be refuted, or nothing is confirmed.
const LEAST_POWER: f64 = 0.95;

/// The verdict on a predicted profile; see [`judge`] for how it is reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProfileVerdict {
    /// The quantity.
    pub quantity: Quantity,
    /// Over all layers.
    pub verdict: Verdict,
    /// Why the verdict is open, if it is.
    pub open: Option<String>,
    /// Confidence level over all layers together (Bonferroni).
    pub level: f64,
    /// The error that the prediction may have in the limit, in every layer, in the unit of the quantity (log10 where it is
    /// logarithmic). It follows from predictions alone.
    pub stated_error: f64,
    /// What sets it.
    pub resolution: String,
    /// The widths measured.
    pub widths: Vec<MeasuredWidth>,
    /// Layer by layer; layers whose prediction is withheld are absent.
    pub layers: Vec<LayerVerdict>,
    /// Nearest mistakes, each to be refuted.
    pub controls: Vec<ControlResult>,
    /// Smallest p-value of the fits, times the number of layers; small: the approach to the limit is not 1/width.
    pub lack_of_fit_p: f64,
}

/// One width of a [`ProfileVerdict`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MeasuredWidth {
    /// Relative to the specification's own width.
    pub factor: f64,
    /// Networks measured.
    pub trials: usize,
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
    /// Its confidence interval at the corrected level, with room for the curvature that the fit leaves out.
    pub interval: Interval,
    /// The verdict on the layer.
    pub verdict: Verdict,
}

impl ProfileVerdict {
    /// Whether the prediction is confirmed.
    pub fn is_confirmed(&self) -> bool {
        self.verdict == Verdict::Confirmed
    }

    /// Whether there are negative controls and every one was refuted.
    pub fn controls_refuted(&self) -> bool {
        !self.controls.is_empty() && self.controls.iter().all(|control| control.verdict == Verdict::Refuted)
    }

    /// The layer whose limit is farthest from zero.
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
                ": farthest in layer {}, {:+.4} (interval {:+.4} to {:+.4}) against an allowed +-{:.4}{} ({} % level over {} layers)",
                worst.layer,
                worst.limit.value,
                worst.interval.low,
                worst.interval.high,
                self.stated_error,
                if self.quantity.is_logarithmic() { " in log10" } else { "" },
                100.0 * self.level,
                self.layers.len()
            )?;
        }
        match &self.open {
            Some(reason) => write!(formatter, "; open: {reason}"),
            None => Ok(()),
        }
    }
}

/// Decides whether a predicted quantity of a specification is what networks show, at a confidence level over all layers.
///
/// # Formula
///
/// The prediction is the limit of infinite width, so what is judged is the limit. In layer l the difference
/// `d_l(n) = measured - predicted` (of log10 for a logarithmic quantity) is measured at three widths n of the same sigma_w and
/// sigma_b, from independent random numbers, and fitted by weighted least squares:
///
/// ```text
/// d_l(n) = limit_l + gap_l (n_0 / n)          interval_l = limit_l +- (t se(limit_l) + ln(10) gap_l^2 / 2)
/// ```
///
/// n_0 is the specification's own width; t the Student quantile at level `1 - (1 - level) / layers`, with the degrees of freedom
/// of the effective sample size; the last term is the natural size of the curvature that the fit leaves out. With a stated error
/// E the layer is confirmed if the interval lies in \[-E, E\], refuted if wholly outside. The whole is confirmed if all layers are,
/// refuted if one is.
///
/// E is 5 % of a norm, or half of the largest shift over the layers that sigma_w 3 % too large would make in the prediction,
/// where that is smaller (but above 2 %): it is fixed before anything is drawn, and the same in every layer, however deep.
///
/// # When it stays open
///
/// `inconclusive`, with the reason in [`ProfileVerdict::open`]: when the interval straddles E; when fewer than 30 networks carry
/// the mean square (their effective number, `(sum g^2)^2 / sum g^4`: standard errors mean nothing below that); when the three
/// widths do not lie on a line (p < 0.001); or when a control (sigma_w 3 % off, correlations of the batch left out, a common
/// factor of 10 %; each where it shifts some layer by 1.5 E or more) would not be refuted with power 0.95 at the standard errors
/// reached.
///
/// # Errors
///
/// [`ClaimError::NotPredicted`] with the reason if theory withholds the quantity, [`ClaimError::NotMeasured`] if there is no
/// estimate or some trials overflowed, [`ClaimError::Measure`] if the measurement fails or is interrupted.
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
///     measure = { trials = 4000 }
///     "#,
///     "my_network".as_ref(),
/// )?;
/// let verdict = judge(&spec, Quantity::GradientNorms, 0.99, &Silent)?;
/// assert!(verdict.is_confirmed(), "{verdict}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Source
///
/// Equivalence by interval inclusion: Schuirmann, J. Pharmacokinet. Biopharm. 15, 657 (1987).
pub fn judge(
    spec: &Spec,
    quantity: Quantity,
    level: f64,
    progress: &dyn Progress,
) -> Result<ProfileVerdict, ClaimError> {
    judge_networks(spec, spec, quantity, level, None, progress)
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
    own: &Measurements,
    progress: &dyn Progress,
) -> Result<ProfileVerdict, ClaimError> {
    judge_networks(spec, spec, quantity, level, Some(own), progress)
}

/// The prediction for one specification against networks drawn from another: the same one, or the nearest mistake.
pub(super) fn judge_networks(
    theory: &Spec,
    drawn: &Spec,
    quantity: Quantity,
    level: f64,
    own: Option<&Measurements>,
    progress: &dyn Progress,
) -> Result<ProfileVerdict, ClaimError> {
    if !(level > 0.0 && level < 1.0) {
        return Err(ClaimError::Level(level));
    }
    let only = |spec: &Spec| {
        let mut spec = spec.clone();
        spec.measure.quantities = vec![quantity];
        spec
    };
    let (theory, drawn) = (only(theory), only(drawn));
    let predictions = predict(&theory);
    let layers: Vec<usize> = predictions.of(quantity).map(|prediction| prediction.layer).collect();
    if layers.is_empty() {
        let reason = predictions.not_predicted.first().map_or("no layer has it", |withheld| &withheld.reason);
        return Err(ClaimError::NotPredicted { quantity, reason: reason.to_owned() });
    }
    let mistakes = mistakes(&theory, quantity, &predictions, &layers);
    let (stated_error, resolution) = stated_error(quantity, &mistakes[0]);

    let mut widths = Vec::new();
    let mut points: Vec<Vec<(f64, Estimate)>> = vec![Vec::new(); layers.len()];
    let mut smallest_size = f64::INFINITY;
    let factors = if hidden_width(&theory) >= WIDE { [1.0, 0.5, 0.25] } else { [1.0, 2.0, 4.0] };
    for factor in factors {
        let limit = predict(&theory.resized(factor));
        // Independent random numbers at every width: the extrapolation takes the estimates for independent.
        let fresh;
        let measured = match own {
            Some(own) if factor == 1.0 => own,
            _ => {
                fresh = measure(&drawn.resized(factor), &format!("profile at width factor {factor}"), progress)?;
                &fresh
            }
        };
        let mut trials = 0;
        for (index, &layer) in layers.iter().enumerate() {
            let measured = Measured::of(measured, quantity, layer)?;
            points[index].push((factor, measured.estimate.minus_exact(number(&limit, quantity, layer))));
            smallest_size = smallest_size.min(measured.effective_size);
            trials = measured.trials;
        }
        widths.push(MeasuredWidth { factor, trials });
    }

    let corrected = 1.0 - (1.0 - level) / layers.len() as f64;
    let quantile = student_quantile(0.5 + 0.5 * corrected, (smallest_size - 1.0).max(1.0));
    let mut verdicts = Vec::new();
    let mut smallest_p = 1.0_f64;
    for (points, &layer) in points.iter().zip(&layers) {
        let fit = extrapolate(points)?;
        smallest_p = smallest_p.min(lack_of_fit(&fit));
        let interval = interval(&fit, quantile);
        let predicted = number(&predictions, quantity, layer);
        let own = points[0].1;
        verdicts.push(LayerVerdict {
            layer,
            predicted,
            measured: Estimate { value: own.value + predicted, ..own },
            differences: points.iter().map(|(_, difference)| *difference).collect(),
            gap: fit.slope,
            limit: fit.limit,
            interval,
            verdict: decide(interval, stated_error),
        });
    }
    let lack_of_fit_p = (smallest_p * layers.len() as f64).min(1.0);
    let controls: Vec<ControlResult> =
        mistakes.iter().filter_map(|mistake| control(mistake, &verdicts, stated_error)).collect();
    let mut verdict = Verdict::all(verdicts.iter().map(|layer| layer.verdict));
    let open = open_reason(verdict, smallest_size, lack_of_fit_p, &controls);
    if open.is_some() {
        verdict = Verdict::Inconclusive;
    }
    Ok(ProfileVerdict {
        quantity,
        verdict,
        open,
        level,
        stated_error,
        resolution,
        widths,
        layers: verdicts,
        controls,
        lack_of_fit_p,
    })
}

/// Why nothing may be decided, if so.
fn open_reason(
    verdict: Verdict,
    effective_size: f64,
    lack_of_fit_p: f64,
    controls: &[ControlResult],
) -> Option<String> {
    if effective_size < LEAST_EFFECTIVE_SIZE {
        return Some(format!(
            "the mean square of a layer is carried by {effective_size:.0} networks only, and standard errors mean something from \
             {LEAST_EFFECTIVE_SIZE} on: more trials, or a less deep or wider network"
        ));
    }
    if lack_of_fit_p < LACK_OF_FIT {
        return Some(format!(
            "the approach to the limit is not linear in 1/width at these widths (p = {lack_of_fit_p:.1e}): wider networks would \
             tell"
        ));
    }
    if verdict == Verdict::Inconclusive {
        return Some("the interval straddles the allowed error: more trials would decide".to_owned());
    }
    let weak = controls.iter().find(|control| control.verdict != Verdict::Refuted || control.power < LEAST_POWER);
    match (verdict, weak) {
        (Verdict::Confirmed, Some(weak)) => Some(format!(
            "the mistake \u{201c}{}\u{201d} could not be told from the truth with power {LEAST_POWER}: more trials would",
            weak.mistake
        )),
        _ => None,
    }
}

/// limit +- (quantile se + natural size of the quadratic term).
fn interval(fit: &Extrapolation, quantile: f64) -> Interval {
    let curvature = 0.5 * std::f64::consts::LN_10 * fit.slope.value.powi(2);
    let half = quantile * fit.limit.standard_error + curvature;
    Interval { low: fit.limit.value - half, high: fit.limit.value + half }
}

/// A plausible mistake and what it does to the prediction of each layer.
struct Mistake {
    what: String,
    shifts: Vec<f64>,
}

/// sigma_w off (always the first); a factor common to all layers; the correlations of the batch left out.
fn mistakes(spec: &Spec, quantity: Quantity, right: &Predictions, layers: &[usize]) -> Vec<Mistake> {
    let shifts = |wrong: &Predictions| -> Vec<f64> {
        let shift = |&layer: &usize| {
            let wrong = wrong.get(quantity, layer).and_then(|prediction| prediction.number());
            wrong.map_or(0.0, |wrong| wrong - number(right, quantity, layer))
        };
        layers.iter().map(shift).collect()
    };
    let (factor, size) = if quantity.is_logarithmic() {
        ("every norm 10 % too large", (1.0 + FACTOR_MISTAKE).log10())
    } else {
        ("every value too large by 0.1", FACTOR_MISTAKE)
    };
    let mut mistakes = vec![
        Mistake {
            what: format!("sigma_w {:.0} % too large", 100.0 * (SIGMA_W_MISTAKE - 1.0)),
            shifts: shifts(&predict(&spec.with_sigma_w_scaled(SIGMA_W_MISTAKE))),
        },
        Mistake { what: factor.to_owned(), shifts: vec![size; layers.len()] },
    ];
    let gradients = matches!(quantity, Quantity::GradientNorms | Quantity::BiasGradientNorms);
    if gradients && spec.data.batch > 1 {
        mistakes.push(Mistake {
            what: "correlations between samples (c-map) left out".to_owned(),
            shifts: shifts(&predict_without_correlations(spec)),
        });
    }
    mistakes
}

/// The allowed error and what sets it, from predictions alone.
fn stated_error(quantity: Quantity, sigma_w_mistake: &Mistake) -> (f64, String) {
    let unit = |error: f64| if quantity.is_logarithmic() { (1.0 + error).log10() } else { error };
    let (smallest, largest) = (unit(SMALLEST_ERROR), unit(LARGEST_ERROR));
    let half_shift = 0.5 * sigma_w_mistake.shifts.iter().map(|shift| shift.abs()).fold(0.0, f64::max);
    // A quantity that hardly depends on sigma_w cannot tell it: then the other controls remain.
    if (smallest..largest).contains(&half_shift) {
        (half_shift, format!("half of what {} would shift", sigma_w_mistake.what))
    } else if quantity.is_logarithmic() {
        (largest, "5 % of the norm".to_owned())
    } else {
        (largest, format!("{LARGEST_ERROR}"))
    }
}

/// The verdict on a mistaken prediction; `None` for a mistake that makes no difference to speak of here.
fn control(mistake: &Mistake, layers: &[LayerVerdict], stated_error: f64) -> Option<ControlResult> {
    let largest = mistake.shifts.iter().map(|shift| shift.abs()).fold(0.0, f64::max);
    if largest < TELLING_SHIFT * stated_error {
        return None;
    }
    let shifted = layers.iter().zip(&mistake.shifts).map(|(layer, shift)| {
        let Interval { low, high } = layer.interval;
        (layer, *shift, Interval { low: low - shift, high: high - shift })
    });
    let verdicts: Vec<Verdict> = shifted.clone().map(|(_, _, interval)| decide(interval, stated_error)).collect();
    let power = shifted
        .map(|(layer, shift, interval)| {
            power(shift, 0.5 * (interval.high - interval.low), layer.limit.standard_error, stated_error)
        })
        .fold(0.0, f64::max);
    let first = layers.first().zip(mistake.shifts.first());
    Some(ControlResult {
        mistake: mistake.what.clone(),
        predicted: first.map_or(f64::NAN, |(layer, shift)| layer.predicted + shift),
        verdict: Verdict::all(verdicts),
        power,
    })
}

/// The width that decides how fast mean field is approached: of the narrowest layer, the last one aside where there are others
/// (a readout may be as narrow as it likes).
fn hidden_width(spec: &Spec) -> usize {
    let widths: Vec<usize> = spec.network.blocks.iter().map(|block| block.fan_out).collect();
    let hidden = if widths.len() > 1 { &widths[..widths.len() - 1] } else { &widths[..] };
    hidden.iter().copied().min().unwrap_or(1)
}

fn number(predictions: &Predictions, quantity: Quantity, layer: usize) -> f64 {
    predictions.get(quantity, layer).and_then(|prediction| prediction.number()).unwrap_or(f64::NAN)
}

/// A measured number that can be compared.
struct Measured {
    estimate: Estimate,
    trials: usize,
    effective_size: f64,
}

impl Measured {
    fn of(measurements: &Measurements, quantity: Quantity, layer: usize) -> Result<Self, ClaimError> {
        let measurement = measurements.get(quantity, layer);
        let estimate = measurement.filter(|m| m.non_finite == 0).and_then(|m| m.estimate());
        match (measurement, estimate) {
            (Some(measurement), Some(estimate)) => Ok(Self {
                estimate,
                trials: measurement.trials,
                effective_size: effective_size(quantity, measurement.trials, estimate),
            }),
            _ => Err(ClaimError::NotMeasured {
                quantity,
                layer,
                zeros: measurement.map_or(0, |m| m.zeros),
                non_finite: measurement.map_or(0, |m| m.non_finite),
                trials: measurement.map_or(0, |m| m.trials),
            }),
        }
    }
}

/// `(sum g^2)^2 / sum g^4` of a logarithmic quantity, recovered from its standard error: with the relative variance r^2 of the
/// mean square it is `N / (1 + N r^2)`. The number of trials for any other.
fn effective_size(quantity: Quantity, trials: usize, estimate: Estimate) -> f64 {
    let trials = trials as f64;
    if !quantity.is_logarithmic() {
        return trials;
    }
    let relative = 2.0 * std::f64::consts::LN_10 * estimate.standard_error;
    trials / (1.0 + trials * relative * relative)
}

fn lack_of_fit(fit: &Extrapolation) -> f64 {
    ChiSquared::new(fit.degrees_of_freedom as f64).map_or(1.0, |law| law.sf(fit.chi_square))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_effective_size_is_that_of_the_weights() {
        // Squares 1, 1, 1, 9: (sum)^2 / sum of squares = 144 / 84.
        let squares = [1.0, 1.0, 1.0, 9.0_f64];
        let sample = crate::stats::LogSample::new(squares.iter().map(|square| 0.5 * square.ln()).collect());
        let estimate = sample.summary().log10_rms.expect("four values");
        let size = effective_size(Quantity::GradientNorms, 4, estimate);
        // The standard error divides by n - 1, the definition by n.
        assert!((size - 144.0 / 84.0).abs() < 0.4, "{size}");
    }

    #[test]
    fn the_allowed_error_does_not_grow_with_depth() {
        let mistake = |shift: f64| Mistake { what: "sigma_w off".to_owned(), shifts: vec![0.0, shift] };
        let error = |shift| stated_error(Quantity::GradientNorms, &mistake(shift)).0;
        assert_eq!(error(1.0), 1.05f64.log10());
        assert_eq!(error(-0.02), 0.01);
        assert_eq!(error(0.01), 1.05f64.log10());
        assert_eq!(error(1e-6), 1.05f64.log10());
    }
}
