//! Numbers and findings in words, for titles, captions and the page.

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
    if depth == 1 {
        return "A single layer: there is no way back on which a gradient could change".to_owned();
    }
    let log10 = study.measured_log10_ratio();
    match (study.regime(), log10) {
        (Regime::Vanishes, Some(log10)) => {
            format!("The gradient vanishes: layer 1 keeps {} of layer {depth}\u{2019}s", ratio(log10))
        }
        (Regime::Explodes, Some(log10)) => {
            format!("The gradient explodes: layer 1 has {} layer {depth}\u{2019}s", ratio(log10))
        }
        (Regime::Holds, Some(log10)) => {
            format!("The gradient holds: layer 1 has {} layer {depth}\u{2019}s", factor(log10))
        }
        _ => "The gradient is lost: no finite, non-zero norm was measured at one end".to_owned(),
    }
}

fn factor(log10: f64) -> String {
    format!("{} times", significant(10f64.powf(log10)))
}
