//! `gradspectra predict`: theory alone.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde::Serialize;

use super::console::Console;
use super::failure::Failure;
use super::measure::scientific;
use crate::predict::{NotPredicted, Prediction, Predictions, ProductSpectrumPrediction, Statistic, gains, predict};
use crate::spec::{Gain, Quantity, Spec};

/// What theory says about a network, without drawing one
///
/// Every prediction is the limit of infinite width and names its hypotheses; what theory does not reach is listed with the
/// reason.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A TOML file, or the name of a built-in specification (`lesson`)
    #[arg(value_name = "SPEC")]
    spec: String,
}

#[derive(Serialize)]
struct Document<'a> {
    name: &'a str,
    predictions: &'a [Prediction],
    not_predicted: &'a [NotPredicted],
    gains: Vec<Gain<f64>>,
    /// Spectra of the product of the weights, by depth.
    #[serde(skip_serializing_if = "<[ProductSpectrumPrediction]>::is_empty")]
    product_spectra: &'a [ProductSpectrumPrediction],
    #[serde(skip_serializing_if = "Option::is_none")]
    product_spectra_withheld: Option<&'a str>,
}

pub(super) fn run(arguments: &Arguments, console: &Console) -> Result<ExitCode, Failure> {
    let spec = Spec::load(&arguments.spec).map_err(Failure::input)?;
    let predictions = predict(&spec);
    let document = Document {
        name: &spec.name,
        predictions: &predictions.predictions,
        not_predicted: &predictions.not_predicted,
        gains: gains(&spec, &predictions),
        product_spectra: &predictions.product_spectra,
        product_spectra_withheld: predictions.product_spectra_withheld.as_deref(),
    };
    console.result(&document, || text(&spec, &predictions))?;
    Ok(ExitCode::SUCCESS)
}

fn text(spec: &Spec, predictions: &Predictions) -> String {
    let mut text = format!(
        "{}: root mean squares and values in the limit of infinite width; mean log10 and spread over networks of this width\n",
        spec.name
    );
    for quantity in Quantity::ALL {
        let mut layers = predictions.of(quantity).peekable();
        if layers.peek().is_none() {
            continue;
        }
        let _ = write!(text, "\n{}\n", quantity.name());
        let _ = match quantity.is_logarithmic() {
            true => writeln!(text, "{:>7}  {:<12} {:>10} {:>8}", "layer", "rms", "mean log10", "spread"),
            false => writeln!(text, "{:>7}  value", "layer"),
        };
        for prediction in layers {
            let value = scientific(prediction.value, prediction.log10_rms);
            let typical = prediction.log10_mean.zip(prediction.log10_standard_deviation);
            let _ = match typical {
                Some((mean, spread)) => {
                    writeln!(text, "{:>7}  {value:<12} {mean:>10.4} {spread:>8.4}", prediction.layer)
                }
                None => writeln!(text, "{:>7}  {value}", prediction.layer),
            };
        }
    }
    let steps = gains(spec, predictions);
    if !steps.is_empty() {
        text.push_str(&super::measure::gain_table(steps.iter().copied()));
    }
    product_spectra(&mut text, predictions);
    for withheld in &predictions.not_predicted {
        let _ = write!(
            text,
            "\n{}{} is not predicted ({}): {}\n",
            if withheld.statistic == Statistic::TypicalValue { "typical value and spread of " } else { "" },
            withheld.quantity.name(),
            layers_in_words(&withheld.layers),
            withheld.reason
        );
    }
    text
}

fn product_spectra(text: &mut String, predictions: &Predictions) {
    if let Some(reason) = &predictions.product_spectra_withheld {
        let _ = write!(text, "\nproduct_spectrum is not predicted: {reason}\n");
    }
    if predictions.product_spectra.is_empty() {
        return;
    }
    let _ = write!(
        text,
        "\nproduct_spectrum: log10 of singular values of W_l ... W_1; wide: infinite width at this depth, deep: infinite depth at this width\n\
         {:>7} {:>10} {:>12} {:>12} {:>12} {:>12} {:>20}\n",
        "depth", "depth/width", "largest wide", "deep", "median wide", "deep", "fixed vector"
    );
    for spectrum in &predictions.product_spectra {
        let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
        let values = &spectrum.log10_singular_values;
        let middle = values.len().saturating_sub(1) / 2;
        let frozen = |k: usize| number(spectrum.log10_frozen.as_ref().and_then(|values| values.get(k)).copied());
        let growth = spectrum
            .log10_growth
            .map_or_else(|| "-".to_owned(), |growth| format!("{:.4} +- {:.4}", growth.mean, growth.standard_deviation));
        let _ = writeln!(
            text,
            "{:>7} {:>11.3} {:>12.4} {:>12} {:>12} {:>12} {growth:>20}",
            spectrum.depth,
            spectrum.depth_over_width,
            spectrum.log10_largest,
            frozen(0),
            number(values.get(middle).copied().flatten()),
            frozen(middle),
        );
    }
}

fn layers_in_words(layers: &[usize]) -> String {
    match layers {
        [] => "no layer".to_owned(),
        [only] => format!("layer {only}"),
        [first, .., last] => format!("layers {first} to {last}"),
    }
}
