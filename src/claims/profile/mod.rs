//! Is the predicted profile over the layers what networks show?

mod mistakes;
mod result;

use statrs::distribution::{ChiSquared, ContinuousCDF};

pub(super) use mistakes::SIGMA_W_MISTAKE;
pub use result::{LayerVerdict, MeasuredWidth, ProfileVerdict};

use super::{ClaimError, ControlResult, Verdict, decide};
use crate::measure::{Measurements, Progress, measure};
use crate::predict::{Predictions, predict_values};
use crate::spec::{Quantity, Spec};
use crate::stats::{Estimate, Extrapolation, Interval, extrapolate, student_quantile};

/// Networks at least this wide are compared with narrower ones, since wider ones cost more than they tell.
const WIDE: usize = 200;

/// With one narrow layer beside very wide ones, networks four times as wide would have more parameters than this: then narrower
/// ones serve, if the narrow layer is at least so wide.
const DEAR_PARAMETERS: usize = 20_000_000;
const STILL_WIDE: usize = 32;

/// Nothing is decided when fewer networks than this carry the mean square: see [`effective_size`].
const LEAST_EFFECTIVE_SIZE: f64 = 30.0;

/// Probability below which the fit of `limit + slope / width` is rejected, over all layers.
const LACK_OF_FIT: f64 = 1e-3;

/// Power with which every control must be refuted, or nothing is confirmed.
const LEAST_POWER: f64 = 0.95;

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
/// E is half of the largest shift over the layers that sigma_w 3 % too large would make in the prediction, but at least 2 % and at
/// most 5 % of a norm: it is fixed before anything is drawn, and the same in every layer, however deep.
///
/// # When it stays open
///
/// `inconclusive`, with the reason in [`ProfileVerdict::open`]: when the interval straddles E; when fewer than 30 networks carry
/// the mean square (their effective number, `(sum g^2)^2 / sum g^4`: standard errors mean nothing below that); when some layers
/// are not predicted (they can be refuted by the others, not confirmed); when the three widths do not lie on a line (p < 0.001); or when a control (sigma_w 3 % off, correlations of the batch left out, a common
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
    let predictions = predict_values(&theory);
    let layers: Vec<usize> = predictions.of(quantity).map(|prediction| prediction.layer).collect();
    if layers.is_empty() {
        let reason = predictions.not_predicted.first().map_or("no layer has it", |withheld| &withheld.reason);
        return Err(ClaimError::NotPredicted { quantity, reason: reason.to_owned() });
    }
    let mistakes = mistakes::mistakes(&theory, quantity, &predictions, &layers);
    let (stated_error, resolution) = mistakes::stated_error(quantity, &mistakes[0]);

    // What the trials agree on exactly (an isometry, a share of zero) is still known to rounding only.
    let rounding = drawn.network.precision.rounding();
    let mut widths = Vec::new();
    let mut points: Vec<Vec<(f64, Estimate)>> = vec![Vec::new(); layers.len()];
    let mut smallest_size = f64::INFINITY;
    let width = hidden_width(&theory);
    let dear = width >= STILL_WIDE && theory.resized(4.0).parameters() > DEAR_PARAMETERS;
    let factors = if width >= WIDE || dear { [1.0, 0.5, 0.25] } else { [1.0, 2.0, 4.0] };
    for factor in factors {
        let limit = predict_values(&theory.resized(factor));
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
            let difference = measured.estimate.minus_exact(number(&limit, quantity, layer));
            points[index].push((factor, difference.at_least(rounding)));
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
        mistakes.iter().filter_map(|mistake| mistakes::control(mistake, &verdicts, stated_error)).collect();
    let mut verdict = Verdict::all(verdicts.iter().map(|layer| layer.verdict));
    let silent: Vec<usize> = predictions.not_predicted.iter().flat_map(|withheld| withheld.layers.clone()).collect();
    let largest_curvature = verdicts.iter().map(|layer| curvature(layer.gap.value)).fold(0.0, f64::max);
    let open = if verdict != Verdict::Refuted && !silent.is_empty() {
        let reason = predictions.not_predicted.first().map_or("", |withheld| &withheld.reason);
        Some(format!("{} of the layers are not predicted: {reason}", silent.len()))
    } else if verdict == Verdict::Inconclusive && largest_curvature > 0.5 * stated_error {
        Some(
            "the network is so narrow for its depth that the approach to the limit is curved by more than the allowed error: wider \
             networks would decide"
                .to_owned(),
        )
    } else {
        open_reason(verdict, smallest_size, lack_of_fit_p, &controls)
    };
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

/// The natural size of the term that is quadratic in 1/width.
fn curvature(gap: f64) -> f64 {
    0.5 * std::f64::consts::LN_10 * gap * gap
}

/// limit +- (quantile se + natural size of the quadratic term).
fn interval(fit: &Extrapolation, quantile: f64) -> Interval {
    let half = quantile * fit.limit.standard_error + curvature(fit.slope.value);
    Interval { low: fit.limit.value - half, high: fit.limit.value + half }
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
}
