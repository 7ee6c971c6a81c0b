//! What a training shows, in words.

use super::super::words;
use super::series::{Training, Value};
use crate::watch::{Ending, Log};

pub(super) use super::super::words::power;

/// A number of steps, or a tick: plain up to six digits.
pub(super) fn count(value: f64) -> String {
    if value < 1e6 { format!("{value:.0}") } else { quantity(value) }
}

/// Three digits: plain near one, with a power of ten far from it.
pub(super) fn quantity(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}").replace('-', "\u{2212}");
    }
    let sign = if value < 0.0 { "\u{2212}" } else { "" };
    let size = value.abs();
    if (1e-3..1e6).contains(&size) {
        let text = words::significant(size);
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        return format!("{sign}{text}");
    }
    format!("{sign}{}", words::scientific(size.log10()))
}

/// log10 of what the first layer's weight gradient is of the last one's.
pub(super) fn log10_ratio(training: &Training<'_>, step: u64) -> Option<f64> {
    let (first, last) = training.ends()?;
    let norm = |layer| training.weight_gradient(step, layer).finite();
    (first != last).then(|| Some(norm(first)? - norm(last)?))?
}

/// log10 of what the first layer's weight gradient is of the last one's, at one step.
struct Ratio {
    step: u64,
    log10: f64,
}

/// The same at the first and the last step at which it is known.
struct Ratios {
    first: Ratio,
    /// None if there is one such step only.
    last: Option<Ratio>,
}

impl Ratios {
    fn of(training: &Training<'_>) -> Option<Self> {
        let at = |step: &u64| log10_ratio(training, *step).map(|log10| Ratio { step: *step, log10 });
        let first = training.weight_gradients.keys().find_map(at)?;
        let last = training.weight_gradients.keys().rev().find_map(at).filter(|last| last.step != first.step);
        Some(Self { first, last })
    }
}

/// How the gradient of the first layer compares to that of the last, at the beginning and at the end: short enough for a title.
pub(super) fn comparison(training: &Training<'_>) -> String {
    let Some((first, last)) = training.ends() else { return "No layer was recorded".to_owned() };
    let Some(ratios) = Ratios::of(training) else { return without_ratio(training, first, last) };
    let Ratio { step, log10 } = ratios.first;
    let mut text = format!("Layer {first} gets {} layer {last}\u{2019}s gradient at step {step}", words::share(log10));
    if let Some(Ratio { step, log10 }) = ratios.last {
        let end = words::ratio(log10);
        // A percentage is of it; a number of times needs no more.
        let of = if end.ends_with("times") { "it" } else { "of it" };
        text.push_str(&format!(", {end} {of} at step {step}"));
    }
    text
}

/// The same, with what came before the first comparison, or after the last: a gradient that is zero or not finite must not be passed over.
pub(super) fn flow(training: &Training<'_>) -> String {
    let text = comparison(training);
    let (Some((first, _)), Some(ratios)) = (training.ends(), Ratios::of(training)) else { return text };
    let step = ratios.first.step;
    let known = ratios.last.map_or(step, |last| last.step);
    let lost = |step: &u64| match training.weight_gradient(*step, first) {
        Value::Zero => Some(format!("exactly zero at step {step}")),
        Value::NotFinite => Some(format!("not finite at step {step}")),
        Value::Missing | Value::At(_) => None,
    };
    let before = training.weight_gradients.range(..step).find_map(|(at, _)| lost(at));
    let after = training.weight_gradients.range(known.saturating_add(1)..).next_back().and_then(|(at, _)| lost(at));
    let lost: Vec<String> = before.into_iter().chain(after).collect();
    if lost.is_empty() { text } else { format!("{text} ({})", lost.join(", ")) }
}

fn without_ratio(training: &Training<'_>, first: usize, last: usize) -> String {
    let steps = training.gradient_steps();
    let always =
        |layer: usize, what: fn(Value) -> bool| steps.iter().all(|step| what(training.weight_gradient(*step, layer)));
    let zero = |value| value == Value::Zero;
    let lost = |value| value == Value::NotFinite;
    if first == last {
        let at = |step: Option<&u64>| step.and_then(|s| training.weight_gradient(*s, first).finite());
        return match (at(steps.first()), at(steps.last())) {
            (Some(a), Some(b)) if steps.len() > 1 => {
                format!("The gradient of layer {first} goes from {} to {}", power(a), power(b))
            }
            (Some(a), _) => format!("The gradient of layer {first} is {}", power(a)),
            _ if always(first, zero) => format!("The gradient of layer {first} is exactly zero"),
            _ => format!("No gradient of layer {first} was recorded"),
        };
    }
    if always(first, zero) && always(last, zero) {
        "Every recorded gradient of the first and the last layer is exactly zero".to_owned()
    } else if always(first, zero) {
        format!("The gradient of layer {first} is exactly zero at every recorded step")
    } else if !training.has_weight_gradients() {
        "No finite weight gradient was recorded".to_owned()
    } else if always(first, lost) {
        format!("The gradient of layer {first} is not finite at any recorded step")
    } else {
        format!("The gradients of layers {first} and {last} are at no step both recorded, finite and not zero")
    }
}

/// What happened to the gradient of a training, in one sentence.
pub fn finding(log: &Log) -> String {
    flow(&Training::of(log))
}

/// How it ended, and what was in between.
pub(super) fn ending(log: &Log) -> String {
    let mut text = match log.ended {
        Some((step, reason)) => {
            let (how, why) = match reason {
                Ending::Finished => ("finished", ""),
                Ending::Interrupted => ("interrupted by the user", ""),
                Ending::Stopped => ("stopped by an alert", ""),
                Ending::NotFinite => ("stopped", ": the loss is not finite, and further steps change nothing"),
            };
            format!("{how} after {} steps{why}", count(step as f64))
        }
        None => "the log has no end: the run was killed, or is still going on".to_owned(),
    };
    if !log.resumed.is_empty() {
        let mut steps: Vec<String> = log.resumed.iter().map(|step| count(*step as f64)).collect();
        let more = steps.len().saturating_sub(8);
        steps.truncate(8);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        text.push_str(&format!("; resumed from a checkpoint at step {}{more}", steps.join(", ")));
    }
    if log.torn {
        text.push_str("; the last line is cut short and was left out");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::series::tests::log;
    use super::*;

    #[test]
    fn numbers_of_every_size() {
        let cases = [(0.5, "0.5"), (12.0, "12"), (123456.0, "123456"), (-2.5, "\u{2212}2.5"), (0.0, "0")];
        for (value, text) in cases {
            assert_eq!(quantity(value), text);
        }
        assert_eq!(quantity(1e300), "1.0\u{b7}10\u{b3}\u{2070}\u{2070}");
        assert_eq!(count(1.5e9), "1.5\u{b7}10\u{2079}");
    }

    #[test]
    fn the_finding_compares_the_ends() {
        let line = |step: u64, layer: usize, norm: &str| {
            format!("{{\"kind\":\"layer\",\"step\":{step},\"layer\":{layer},\"weight_grad_norm\":{norm}}}\n")
        };
        let text = [line(0, 1, "1e-7"), line(0, 9, "1e-1"), line(8, 1, "1e-2"), line(8, 9, "1e-1")].concat();
        let sentence = finding(&log(&text));
        assert_eq!(
            sentence,
            "Layer 1 gets 1.0\u{b7}10\u{207b}\u{2076} of layer 9\u{2019}s gradient at step 0, 10.0 % of it at step 8"
        );
        let zero = finding(&log(&[line(0, 1, "0"), line(0, 9, "1")].concat()));
        assert_eq!(zero, "The gradient of layer 1 is exactly zero at every recorded step");
        assert_eq!(
            finding(&log("{\"kind\":\"layer\",\"step\":3,\"layer\":2}\n")),
            "No gradient of layer 2 was recorded"
        );
    }
}
