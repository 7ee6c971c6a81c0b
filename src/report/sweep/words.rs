//! Quantities and numbers of a sweep in words.

use super::super::words;
use super::grid::{Grid, Selector};
use crate::sweep::Statistic;

/// A number with at most four digits and no zeros behind them; a power of ten where it is far from one.
pub(super) fn plain(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}").replace('-', "\u{2212}");
    }
    let sign = if value < 0.0 { "\u{2212}" } else { "" };
    let size = value.abs();
    if !(1e-3..1e6).contains(&size) {
        return format!("{sign}{}", words::scientific(size.log10()));
    }
    let decimals = (3.0 - size.log10().floor()).clamp(0.0, 6.0) as usize;
    let text = format!("{size:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{sign}{text}")
}

/// The value of a quantity: a factor or power for logarithms, a share for accuracies.
pub(super) fn value(selector: &Selector, value: f64) -> String {
    match selector.statistic {
        Statistic::Log10Rms | Statistic::Log10Mean => words::power(value),
        Statistic::Value if selector.quantity.ends_with("accuracy") => format!("{:.1} %", 100.0 * value),
        Statistic::Value | Statistic::Log10StandardDeviation => plain(value),
    }
}

/// Whether its numbers are drawn on an axis of powers of ten.
pub(super) fn is_logarithmic(selector: &Selector) -> bool {
    matches!(selector.statistic, Statistic::Log10Rms | Statistic::Log10Mean)
}

/// Whether it compares two norms: then zero divides vanishing from exploding.
pub(super) fn is_ratio(selector: &Selector) -> bool {
    selector.quantity == "gradient_ratio" && is_logarithmic(selector)
}

/// What a quantity is, for an axis.
pub(super) fn description(selector: &Selector) -> String {
    let statistic = match selector.statistic {
        Statistic::Value => "",
        Statistic::Log10Rms => ", rms",
        Statistic::Log10Mean => ", typical network",
        Statistic::Log10StandardDeviation => ", standard deviation of log10",
    };
    let layer = selector.layer.map_or_else(String::new, |layer| format!(", layer {layer}"));
    format!("{}{layer}{statistic}", quantity(&selector.quantity))
}

/// A quantity by its usual symbol or name.
pub(super) fn quantity(name: &str) -> String {
    match name {
        "gradient_ratio" => "|dL/dW|, first / last layer".to_owned(),
        "gradient_norms" => "|dL/dW|".to_owned(),
        "pre_activation_gradient_norms" => "|dL/dh|".to_owned(),
        "activation_gradient_norms" => "|dL/dx|".to_owned(),
        "bias_gradient_norms" => "|dL/db|".to_owned(),
        "pre_activations" => "pre-activations".to_owned(),
        "chi_1" => "\u{3c7}\u{2081}".to_owned(),
        "q_star" => "q*".to_owned(),
        "c_star" => "c*".to_owned(),
        "xi_c" => "\u{3be}_c, layers".to_owned(),
        "xi_q" => "\u{3be}_q, layers".to_owned(),
        other => other.replace('_', " "),
    }
}

/// `1 place`, `3 places`.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// How far the sweep is: `213 of 900 points done, 3 failed`.
pub(super) fn progress(grid: &Grid<'_>) -> String {
    let failed = if grid.failed > 0 { format!(", {} failed", grid.failed) } else { String::new() };
    format!("{} of {} done{failed}", grid.done(), count(grid.results.planned, "point", "points"))
}

/// A sentence for captions about a slice; empty if nothing is held fixed.
pub(super) fn held(fixed: &str) -> String {
    if fixed.is_empty() { String::new() } else { format!(" Held fixed: {fixed}.") }
}

/// What the marks for places without a number mean, where there are any.
pub(super) fn progress_note(grid: &Grid<'_>) -> String {
    if grid.running() { format!(" The sweep is not finished: {}.", progress(grid)) } else { String::new() }
}
