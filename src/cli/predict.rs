//! `gradspectra predict`: theory alone.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde::Serialize;

use super::console::Console;
use super::failure::Failure;
use super::measure::scientific;
use crate::predict::{NotPredicted, Prediction, Predictions, predict};
use crate::spec::{Quantity, Spec};

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
}

pub(super) fn run(arguments: &Arguments, console: &Console) -> Result<ExitCode, Failure> {
    let spec = Spec::load(&arguments.spec).map_err(Failure::input)?;
    let predictions = predict(&spec);
    let document =
        Document { name: &spec.name, predictions: &predictions.predictions, not_predicted: &predictions.not_predicted };
    console.result(&document, || text(&spec, &predictions))?;
    Ok(ExitCode::SUCCESS)
}

fn text(spec: &Spec, predictions: &Predictions) -> String {
    let mut text = format!("{}: predictions in the limit of infinite width\n", spec.name);
    for quantity in Quantity::ALL {
        let mut layers = predictions.of(quantity).peekable();
        if layers.peek().is_none() {
            continue;
        }
        let header = if quantity.is_logarithmic() { "rms" } else { "value" };
        let _ = write!(text, "\n{}\n{:>7}  {header}\n", quantity.name(), "layer");
        for prediction in layers {
            let _ = writeln!(text, "{:>7}  {}", prediction.layer, scientific(prediction.value, prediction.log10_rms));
        }
    }
    for withheld in &predictions.not_predicted {
        let _ = write!(
            text,
            "\n{} is not predicted ({}): {}\n",
            withheld.quantity.name(),
            layers_in_words(&withheld.layers),
            withheld.reason
        );
    }
    text
}

fn layers_in_words(layers: &[usize]) -> String {
    match layers {
        [] => "no layer".to_owned(),
        [only] => format!("layer {only}"),
        [first, .., last] => format!("layers {first} to {last}"),
    }
}
