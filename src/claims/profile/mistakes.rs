//! The nearest mistakes: they set the allowed error, and they are the negative controls.

use super::result::LayerVerdict;
use super::{decide, number};
use crate::claims::verdict::power;
use crate::claims::{ControlResult, Verdict};
use crate::predict::{Predictions, predict_values, predict_without_correlations};
use crate::spec::{Quantity, Spec};
use crate::stats::Interval;

/// The nearest mistake in sigma_w: this many times too large.
pub(in crate::claims) const SIGMA_W_MISTAKE: f64 = 1.03;

/// The error that a confirmed prediction may have at most: 5 % in a norm, 0.05 in a correlation or a fraction.
const LARGEST_ERROR: f64 = 0.05;

/// The smallest error that is asked for: 2 % in a norm, 0.02 in a correlation or a fraction.
const SMALLEST_ERROR: f64 = 0.02;

/// A mistake that shifts no layer by this many allowed errors cannot be told from the truth, and is no control.
const TELLING_SHIFT: f64 = 1.5;

/// The mistake of a factor that all layers share: 10 % in a norm, 0.1 in a correlation or a fraction.
const FACTOR_MISTAKE: f64 = 0.1;

/// A plausible mistake and what it does to the prediction of each layer.
pub(super) struct Mistake {
    what: String,
    shifts: Vec<f64>,
}

/// sigma_w off (always the first); a factor common to all layers; the correlations of the batch left out.
pub(super) fn mistakes(spec: &Spec, quantity: Quantity, right: &Predictions, layers: &[usize]) -> Vec<Mistake> {
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
            shifts: shifts(&predict_values(&spec.with_sigma_w_scaled(SIGMA_W_MISTAKE))),
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
pub(super) fn stated_error(quantity: Quantity, sigma_w_mistake: &Mistake) -> (f64, String) {
    let unit = |error: f64| if quantity.is_logarithmic() { (1.0 + error).log10() } else { error };
    let (smallest, largest) = (unit(SMALLEST_ERROR), unit(LARGEST_ERROR));
    let half_shift = 0.5 * sigma_w_mistake.shifts.iter().map(|shift| shift.abs()).fold(0.0, f64::max);
    let error = half_shift.clamp(smallest, largest);
    let what = match quantity.is_logarithmic() {
        _ if error == half_shift => format!("half of what {} would shift", sigma_w_mistake.what),
        true => format!("{:.0} % of the norm", 100.0 * (10f64.powf(error) - 1.0)),
        false => format!("{error}"),
    };
    (error, what)
}

/// The verdict on a mistaken prediction; `None` for a mistake that makes no difference to speak of here.
pub(super) fn control(mistake: &Mistake, layers: &[LayerVerdict], stated_error: f64) -> Option<ControlResult> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_allowed_error_does_not_grow_with_depth() {
        let mistake = |shift: f64| Mistake { what: "sigma_w off".to_owned(), shifts: vec![0.0, shift] };
        let error = |shift| stated_error(Quantity::GradientNorms, &mistake(shift)).0;
        assert_eq!(error(1.0), 1.05f64.log10());
        assert_eq!(error(-0.02), 0.01);
        assert_eq!(error(0.01), 1.02f64.log10());
        assert_eq!(error(1e-6), 1.02f64.log10());
    }
}
