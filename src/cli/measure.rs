//! `gradspectra measure`: experiment alone.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde::Serialize;

use super::SpecArguments;
use super::console::Console;
use super::failure::Failure;
use crate::measure::{DynamicRange, Measurement, Measurements, ProductSpectrum, measure, product_spectrum};
use crate::spec::{Gain, Quantity, Spec};
use crate::stats::Estimate;

/// What independent random networks show, by real backprop
///
/// Draws the specification's networks, runs each forward and back, and prints every quantity of every layer with its standard
/// error and the counts of exact zeros and non-finite values.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    spec: SpecArguments,
}

#[derive(Serialize)]
struct Document<'a> {
    name: &'a str,
    measurements: &'a [Measurement],
    gains: &'a [Gain<Estimate>],
    ranges: &'a [DynamicRange],
    /// Where the specification asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    product_spectrum: Option<&'a [ProductSpectrum]>,
}

pub(super) fn run(arguments: &Arguments, console: &Console) -> Result<ExitCode, Failure> {
    let spec = arguments.spec.load()?;
    let measured = measure(&spec, "study", console)?;
    let spectra = if spec.measure.product_spectrum { Some(product_spectrum(&spec, console)?) } else { None };
    let document = Document {
        name: &spec.name,
        measurements: &measured.measurements,
        gains: &measured.gains,
        ranges: &measured.ranges,
        product_spectrum: spectra.as_deref(),
    };
    console.result(&document, || text(&spec, &measured) + &spectra_table(spectra.as_deref().unwrap_or_default()))?;
    Ok(ExitCode::SUCCESS)
}

fn text(spec: &Spec, measured: &Measurements) -> String {
    let mut text = format!("{}: {} independent networks, seed {}\n", spec.name, spec.measure.trials, spec.seed);
    for quantity in Quantity::ALL {
        let mut layers = measured.of(quantity).peekable();
        if layers.peek().is_none() {
            continue;
        }
        let _ = write!(text, "\n{}\n", quantity.name());
        if quantity.is_logarithmic() {
            let _ = writeln!(
                text,
                "{:>7}  {:<12} {:<10} {:>10} {:>10} {:>8} {:>10}",
                "layer", "rms", "s.e.", "mean log10", "spread", "zeros", "non-finite"
            );
        } else {
            let _ = writeln!(text, "{:>7}  {:<12} {:<10}", "layer", "mean", "s.e.");
        }
        for m in layers {
            let value = scientific(m.value, m.log10_rms);
            let _ = if quantity.is_logarithmic() {
                let relative = m
                    .standard_error
                    .map_or_else(dash, |error| format!("{:.2} %", 100.0 * error * std::f64::consts::LN_10));
                let number = |value: Option<f64>| value.map_or_else(dash, |value| format!("{value:.4}"));
                writeln!(
                    text,
                    "{:>7}  {value:<12} {relative:<10} {:>10} {:>10} {:>8} {:>10}",
                    m.layer,
                    number(m.log10_mean),
                    number(m.log10_standard_deviation),
                    m.zeros,
                    m.non_finite
                )
            } else {
                let error = m.standard_error.map_or_else(dash, |error| format!("{error:.1e}"));
                writeln!(text, "{:>7}  {value:<12} {error:<10}", m.layer)
            };
        }
    }
    if !measured.gains.is_empty() {
        text.push_str(&gain_table(measured.gains.iter().map(|gain| gain.map(|part| part.value))));
    }
    text
}

/// Largest, median and smallest singular value of the product of the weights, by depth.
fn spectra_table(spectra: &[ProductSpectrum]) -> String {
    let mut text = String::new();
    if spectra.is_empty() {
        return text;
    }
    let _ = write!(text, "\nproduct_spectrum: log10 of the singular values of W_l ... W_1, mean over networks\n");
    let unknown = spectra.iter().flat_map(|spectrum| &spectrum.log10_singular_values).any(|v| v.undetermined > 0);
    let heading = if unknown { " not determined" } else { "" };
    let _ = writeln!(
        text,
        "{:>7}  {:<9} {:>6} {:>12} {:>10} {:>8}{heading}",
        "depth", "", "i", "mean log10", "s.e.", "zeros"
    );
    for spectrum in spectra {
        let Some(last) = spectrum.log10_singular_values.len().checked_sub(1) else { continue };
        let mut shown = vec![("largest", 0), ("median", last / 2), ("smallest", last)];
        shown.dedup_by_key(|(_, index)| *index);
        for (name, index) in shown {
            let value = spectrum.log10_singular_values[index];
            let mean = value.mean.map_or_else(dash, |mean| format!("{mean:.4}"));
            let error = value.standard_error.map_or_else(dash, |error| format!("{error:.1e}"));
            let unknown = if unknown { format!(" {:>14}", value.undetermined) } else { String::new() };
            let _ = writeln!(
                text,
                "{:>7}  {name:<9} {:>6} {mean:>12} {error:>10} {:>8}{unknown}",
                spectrum.depth,
                index + 1,
                value.zeros
            );
        }
    }
    text
}

/// Why the weight gradient changes, step by step.
pub(super) fn gain_table(gains: impl Iterator<Item = Gain<f64>>) -> String {
    let mut text =
        "\nlog10 of the factor by which dL/dW changes to each layer from the one above, by cause\n".to_owned();
    let _ = writeln!(
        text,
        "{:>7}  {:>9} {:>10} {:>9} {:>9} {:>9}",
        "layer", "weights", "saturation", "input", "alignment", "total"
    );
    for gain in gains {
        let _ = writeln!(
            text,
            "{:>7}  {:>9.4} {:>10.4} {:>9.4} {:>9.4} {:>9.4}",
            gain.layer, gain.weights, gain.saturation, gain.input, gain.alignment, gain.total
        );
    }
    text
}

fn dash() -> String {
    "-".to_owned()
}

/// Five significant digits; where f64 does not reach, from the logarithm.
pub(super) fn scientific(value: Option<f64>, log10: Option<f64>) -> String {
    match (value, log10) {
        (Some(value), _) if value == 0.0 || (1e-3..1e5).contains(&value.abs()) => {
            let decimals = (4.0 - value.abs().max(1e-12).log10().floor()).clamp(0.0, 8.0) as usize;
            format!("{value:.decimals$}")
        }
        (Some(value), _) => format!("{value:.4e}"),
        (None, Some(log10)) => {
            let exponent = log10.floor();
            format!("{:.4}e{exponent}", 10f64.powf(log10 - exponent))
        }
        (None, None) => dash(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_size_have_five_digits() {
        assert_eq!(scientific(Some(2.202_34), None), "2.2023");
        assert_eq!(scientific(Some(1.88e-8), None), "1.8800e-8");
        assert_eq!(scientific(None, Some(-1000.5)), "3.1623e-1001");
        assert_eq!(scientific(Some(0.0), None), "0.00000000");
        assert_eq!(scientific(None, None), "-");
    }
}
