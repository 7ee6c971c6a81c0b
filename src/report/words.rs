//! Numbers and findings in words, for titles, captions and the page.

use crate::measure::Measurement;
use crate::spec::Quantity;
use crate::study::{Regime, Study};

/// A ratio given by its log10: as a percentage or a factor near one, as a power of ten far from it.
pub(super) fn ratio(log10: f64) -> String {
    let value = 10f64.powf(log10);
    if (-3.0..0.0).contains(&log10) {
        format!("{} %", significant(100.0 * value))
    } else if (0.0..4.0).contains(&log10) {
        format!("{} times", significant(value))
    } else {
        let exponent = log10.floor();
        format!("{:.1}\u{b7}{}", 10f64.powf(log10 - exponent), super::theme::power_of_ten(exponent as i64))
    }
}

/// The same, to be followed by \u201cthat of\u201d.
pub(super) fn share(log10: f64) -> String {
    let text = ratio(log10);
    if text.ends_with("times") { text } else { format!("{text} of") }
}

/// Three significant digits.
pub(super) fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let decimals = (2.0 - value.abs().log10().floor()).clamp(0.0, 12.0) as usize;
    format!("{value:.decimals$}")
}

/// What happens to the gradient, in one sentence.
pub fn finding(study: &Study) -> String {
    let depth = study.depth();
    let signal = study.signal();
    let name = if signal == Quantity::GradientNorms { "dL/dW" } else { "dL/dh" };
    let log10 = study.measured_log10_ratio(signal).unwrap_or(0.0);
    match study.regime() {
        Regime::NotMeasured => "No gradient was measured".to_owned(),
        Regime::Lost => lost(study, signal),
        _ if depth == 1 => "A single layer: there is no way back on which a gradient could change".to_owned(),
        Regime::Vanishes => {
            format!("The gradient vanishes: {name} reaches layer 1 with {} of its size in layer {depth}", ratio(log10))
        }
        Regime::Explodes => {
            format!("The gradient explodes: {name} reaches layer 1 with {} its size in layer {depth}", ratio(log10))
        }
        Regime::Holds => {
            let times = significant(10f64.powf(log10));
            format!("The gradient holds: {name} reaches layer 1 with {times} times its size in layer {depth}")
        }
    }
}

/// Where the gradient has left the number format.
fn lost(study: &Study, signal: Quantity) -> String {
    let format = study.precision.name();
    let layers = |count: fn(&Measurement) -> usize| {
        let hit: Vec<usize> =
            study.measurements.of(signal).filter(|m| 2 * count(m) > m.trials).map(|m| m.layer).collect();
        match hit[..] {
            [] => None,
            [only] => Some(format!("in layer {only}")),
            [first, .., last] => Some(format!("in layers {first} to {last}")),
        }
    };
    let overflow = layers(|m| m.non_finite);
    let underflow = layers(|m| m.zeros);
    match (overflow, underflow) {
        (Some(place), _) => format!("The gradient overflows {format}: it is not finite {place}"),
        (None, Some(place)) => format!("The gradient underflows {format}: it is exactly zero {place}"),
        (None, None) => format!("The gradient is lost in {format}: too few networks keep a finite, non-zero one"),
    }
}
