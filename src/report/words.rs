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
        let times = if log10 > 0.0 { " times" } else { "" };
        format!("{}{times}", scientific(log10))
    }
}

/// A number given by its log10: plain near one, with a power of ten far from it.
pub(super) fn power(log10: f64) -> String {
    if (-2.0..5.0).contains(&log10) {
        return significant(10f64.powf(log10));
    }
    scientific(log10)
}

/// A number given by its log10, as two digits times a power of ten.
pub(super) fn scientific(log10: f64) -> String {
    let exponent = log10.floor();
    let mantissa = 10f64.powf(log10 - exponent);
    // 9.97 is written as 1.0 of the next power, not as 10.0.
    let (mantissa, exponent) = if mantissa >= 9.95 { (1.0, exponent + 1.0) } else { (mantissa, exponent) };
    format!("{mantissa:.1}\u{b7}{}", super::theme::power_of_ten(exponent as i64))
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
    let name = symbol(signal);
    let log10 = study.typical_log10_ratio(signal).unwrap_or(0.0);
    match study.regime() {
        Regime::NotMeasured => "No gradient was measured".to_owned(),
        Regime::Lost => lost(study, signal),
        _ if depth == 1 => "A single layer: there is no way back on which a gradient could change".to_owned(),
        Regime::Vanishes => {
            format!(
                "The gradient vanishes: {name} typically reaches layer 1 with {} of its size in layer {depth}",
                ratio(log10)
            )
        }
        Regime::Explodes => {
            format!(
                "The gradient explodes: {name} typically reaches layer 1 with {} its size in layer {depth}",
                ratio(log10)
            )
        }
        Regime::Holds => {
            let times = significant(10f64.powf(log10));
            format!("The gradient holds: {name} typically reaches layer 1 with {times} times its size in layer {depth}")
        }
    }
}

/// Where the gradient has left the number format.
fn lost(study: &Study, signal: Quantity) -> String {
    let format = study.precision.name();
    let lost = |count: fn(&Measurement) -> usize| {
        let hit: Vec<usize> =
            study.measurements.of(signal).filter(|m| 2 * count(m) > m.trials).map(|m| m.layer).collect();
        (!hit.is_empty()).then(|| format!("in {}", layers(&hit)))
    };
    let h = |count: fn(&Measurement) -> usize| {
        study.measurements.of(Quantity::PreActivations).find(|m| 2 * count(m) > m.trials).map(|m| m.layer)
    };
    let forward = match h(|m| m.non_finite) {
        Some(layer) => format!("; on the way forward the pre-activations overflow in layer {layer}"),
        None => String::new(),
    };
    let overflow = lost(|m| m.non_finite);
    let underflow = lost(|m| m.zeros);
    match (overflow, underflow) {
        (Some(place), _) => format!("The gradient overflows {format}: it is not finite {place}{forward}"),
        (None, Some(place)) => format!("The gradient underflows {format}: it is exactly zero {place}"),
        (None, None) => format!("The gradient is lost in {format}: too few networks keep a finite, non-zero one"),
    }
}

/// The symbol of a gradient.
pub(super) fn symbol(quantity: Quantity) -> &'static str {
    if quantity == Quantity::GradientNorms { "dL/dW" } else { "dL/dh" }
}

/// Increasing layer numbers in words, runs drawn together: `layers 1 to 3, 9`.
pub(super) fn layers(numbers: &[usize]) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, end)) if *end + 1 == number => *end = number,
            _ => runs.push((number, number)),
        }
    }
    let runs: Vec<String> = runs
        .into_iter()
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first} to {last}") })
        .collect();
    format!("{} {}", if numbers.len() == 1 { "layer" } else { "layers" }, runs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_layers() {
        assert_eq!(layers(&[4]), "layer 4");
        assert_eq!(layers(&[1, 2, 3, 9]), "layers 1 to 3, 9");
    }

    #[test]
    fn ratios_of_every_size() {
        assert_eq!(ratio(-1.0), "10.0 %");
        assert_eq!(ratio(0.5), "3.16 times");
        assert_eq!(ratio(299.9999), "1.0\u{b7}10\u{b3}\u{2070}\u{2070} times");
        assert_eq!(ratio(-60.05), "8.9\u{b7}10\u{207b}\u{2076}\u{b9}");
    }
}
