//! `gradspectra backprop`: one backward pass through given weights.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use nalgebra::{DMatrix, DVector};
use rand_distr::{Distribution, Uniform};
use serde::Serialize;

use super::console::Console;
use super::failure::Failure;
use crate::activation::{self, Linear};
use crate::data::{given_inputs, given_labels, given_named};
use crate::ensemble::{Ensemble, Gaussian};
use crate::linalg::{Real, ln_norm, singular_values};
use crate::measure::{MEMORY_LIMIT, UnitShares, jacobian_log10_singular_values};
use crate::network::{BoundLoss, Hooks, Layers, Network, Parameter, load_state_dict};
use crate::spec::{Loss, Precision, with_real};
use crate::stats::Stream;

/// One backward pass through given weights (a safetensors state dict)
///
/// The file holds dense layers by PyTorch's names (`0.weight`, `0.bias`, `2.weight`, ...; weights out x in), in natural order,
/// with the activation after every one. Prints the loss and every layer's gradient norms.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The weights, a safetensors file
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    /// The activation after every layer
    #[arg(long, value_name = "A", help = super::activation::activation_help("The activation after every layer"), allow_hyphen_values = true)]
    activation: String,

    /// No activation after the last layer
    #[arg(long)]
    linear_output: bool,

    /// A batch of inputs, samples x features; without it a standard normal batch is drawn
    #[arg(long, value_name = "FILE")]
    inputs: Option<PathBuf>,

    /// Targets: for --loss mse samples x outputs (without it zero), for cross_entropy one class per sample (without it drawn)
    #[arg(long, value_name = "FILE")]
    targets: Option<PathBuf>,

    /// The scalar whose gradient is taken: the sum of the outputs, a fixed N(0,1) readout of them, the mean squared error, or the mean
    /// cross-entropy of their softmax
    #[arg(long, value_name = "LOSS", default_value = "sum", value_parser = PossibleValuesParser::new(Loss::ALL.map(|(name, _)| name)))]
    loss: String,

    /// Number format of the pass
    #[arg(long, value_name = "FORMAT", default_value = "f64", value_parser = PossibleValuesParser::new(Precision::ALL.map(Precision::name)))]
    precision: String,

    /// Samples of the drawn batch [default: 32]
    #[arg(long, value_name = "N", conflicts_with = "inputs", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    batch: Option<u32>,

    /// Seed of the drawn batch, readout and classes
    #[arg(long, value_name = "SEED", default_value = "1")]
    seed: u64,
}

#[derive(Serialize)]
struct Document {
    loss: f64,
    layers: Vec<Layer>,
    /// Of the input-output Jacobian at the first sample, descending; `null` for an exact zero.
    jacobian_log10_singular_values: Option<Vec<Option<f64>>>,
    /// Why there are none.
    jacobian_note: Option<String>,
}

/// One layer. JSON has no NaN and no infinity: norms that overflowed are `null`.
#[derive(Debug, Clone, Serialize)]
struct Layer {
    name: String,
    weight_grad_norm: f64,
    log10_weight_grad_norm: f64,
    bias_grad_norm: Option<f64>,
    saturated_fraction: f64,
    inactive_fraction: f64,
    /// Largest singular value of the weight: with sup |phi'| the worst case of what the layer can do to a gradient.
    weight_spectral_norm: f64,
}

pub(super) fn run(arguments: &Arguments, console: &Console) -> Result<ExitCode, Failure> {
    let loss_kind = Loss::ALL.into_iter().find(|(name, _)| *name == arguments.loss).map_or(Loss::Sum, |(_, loss)| loss);
    let formats = Precision::ALL.into_iter();
    let precision = formats.into_iter().find(|p| p.name() == arguments.precision).unwrap_or(Precision::F64);
    if arguments.targets.is_some() && !matches!(loss_kind, Loss::Mse | Loss::CrossEntropy) {
        return Err(Failure::input(anyhow::anyhow!("--targets goes with --loss mse and --loss cross_entropy only")));
    }
    let activation = activation::by_name(&arguments.activation)
        .map_err(|error| Failure::input(anyhow::anyhow!("--activation: {error}")))?;
    let mut network = load_state_dict(&arguments.model, &activation).map_err(Failure::input)?;
    if arguments.linear_output {
        network.set_output_activation(std::sync::Arc::new(Linear));
    }
    let stream = Stream::new(arguments.seed, "backprop");
    check_memory(arguments, &network)?;
    let inputs = inputs(arguments, &network, stream)?;
    let loss = bind(loss_kind, arguments, &network, inputs.ncols(), stream)?;
    check_range(&network, precision, &arguments.model)?;
    let document =
        with_real!(precision, T => backprop(&network.cast::<T>(), &inputs.map(<T as Real>::from_f64), &loss.cast())?);
    console.result(&document, || text(&document))?;
    Ok(ExitCode::SUCCESS)
}

/// Weights that the format turns into infinities would only show as a failure of what comes after.
fn check_range(network: &Network<f64>, precision: Precision, model: &std::path::Path) -> Result<(), Failure> {
    let beyond = |block: &&crate::network::Block<f64>| !precision.round(block.weight.amax()).is_finite();
    match network.blocks().iter().find(beyond) {
        None => Ok(()),
        Some(block) => Err(Failure::input(anyhow::anyhow!(
            "{}: layer `{}` has weights beyond the range of {}: use --precision f64",
            model.display(),
            block.name,
            precision.name()
        ))),
    }
}

/// A drawn batch can be chosen larger than memory; a given one has been read already.
fn check_memory(arguments: &Arguments, network: &Network<f64>) -> Result<(), Failure> {
    let Some(batch) = arguments.batch else { return Ok(()) };
    let units: usize = network.blocks().iter().map(|block| block.weight.nrows()).sum();
    let bytes = (3 * units + network.input_width()).saturating_mul(batch as usize).saturating_mul(8);
    if bytes > MEMORY_LIMIT {
        let message =
            format!("--batch {batch}: the activations would take {} GiB; choose a smaller batch", bytes >> 30);
        return Err(Failure::input(anyhow::anyhow!(message)));
    }
    Ok(())
}

fn inputs(arguments: &Arguments, network: &Network<f64>, stream: Stream) -> Result<DMatrix<f64>, Failure> {
    match &arguments.inputs {
        Some(file) => {
            let inputs = given_inputs(file).map_err(Failure::input)?;
            if inputs.nrows() == network.input_width() {
                return Ok(inputs);
            }
            Err(Failure::input(anyhow::anyhow!(
                "{}: the samples have {} features, but the first layer of {} takes {}",
                file.display(),
                inputs.nrows(),
                arguments.model.display(),
                network.input_width()
            )))
        }
        None => {
            let batch = arguments.batch.unwrap_or(32) as usize;
            Gaussian.sample(network.input_width(), batch, 1.0, &mut stream.layer(0)).map_err(Failure::numerical)
        }
    }
}

fn bind(
    loss: Loss,
    arguments: &Arguments,
    network: &Network<f64>,
    batch: usize,
    stream: Stream,
) -> Result<BoundLoss<f64>, Failure> {
    let outputs = network.output_width();
    Ok(match (loss, &arguments.targets) {
        (Loss::Sum, _) => BoundLoss::Sum,
        (Loss::Random, _) => {
            let readout = Gaussian.sample(outputs, 1, 1.0, &mut stream.layer(1)).map_err(Failure::numerical)?;
            BoundLoss::Readout(DVector::from_column_slice(readout.as_slice()))
        }
        (Loss::Mse, None) => BoundLoss::Mse { targets: DMatrix::zeros(outputs, batch) },
        (Loss::Mse, Some(file)) => {
            let targets = given_named(file, "y").map_err(Failure::input)?;
            if targets.shape() != (outputs, batch) {
                return Err(Failure::input(anyhow::anyhow!(
                    "{}: the targets are {} samples of {} values, but the network has {batch} samples of {outputs} outputs",
                    file.display(),
                    targets.ncols(),
                    targets.nrows()
                )));
            }
            BoundLoss::Mse { targets }
        }
        (Loss::CrossEntropy, None) => {
            let class = Uniform::new(0, outputs).expect("a network has at least one output");
            let mut generator = stream.layer(1);
            BoundLoss::CrossEntropy { labels: (0..batch).map(|_| class.sample(&mut generator)).collect() }
        }
        (Loss::CrossEntropy, Some(file)) => {
            let labels = given_labels(file).map_err(Failure::input)?;
            if labels.len() != batch || labels.iter().any(|&label| label >= outputs) {
                return Err(Failure::input(anyhow::anyhow!(
                    "{}: {} labels up to {}, but the network has {batch} samples and classes 0 to {}",
                    file.display(),
                    labels.len(),
                    labels.iter().max().copied().unwrap_or(0),
                    outputs - 1
                )));
            }
            BoundLoss::CrossEntropy { labels }
        }
    })
}

fn backprop<T: Real>(network: &Network<T>, inputs: &DMatrix<T>, loss: &BoundLoss<T>) -> Result<Document, Failure> {
    let mut layers = network
        .blocks()
        .iter()
        .map(|block| {
            let spectrum = singular_values(block.weight.map(|entry| entry.to_f64())).map_err(Failure::numerical)?;
            Ok(Layer {
                name: block.name.clone(),
                weight_grad_norm: f64::NAN,
                log10_weight_grad_norm: f64::NAN,
                bias_grad_norm: None,
                saturated_fraction: f64::NAN,
                inactive_fraction: f64::NAN,
                weight_spectral_norm: spectrum.first().copied().unwrap_or(0.0),
            })
        })
        .collect::<Result<Vec<Layer>, Failure>>()?;
    let mut shares = vec![UnitShares::UNKNOWN; network.depth()];
    let mut norms = vec![[f64::NAN; 2]; network.depth()];
    let mut slopes = vec![Vec::new(); network.depth()];
    let mut hooks = Hooks::new();
    hooks.on_forward(Layers::All, |event| {
        let phi = &network.blocks()[event.layer - 1].activation;
        shares[event.layer - 1] = UnitShares::of(event.slope, phi.derivative_bounds().sup_abs);
        slopes[event.layer - 1] = event.slope.column(0).iter().map(|slope: &T| slope.to_f64()).collect();
        Ok(())
    });
    hooks.on_parameter_gradient(Layers::All, |event| {
        let index = if event.parameter == Parameter::Weight { 0 } else { 1 };
        norms[event.layer - 1][index] = ln_norm(event.gradient);
        Ok(())
    });
    let tape = network.forward(inputs, 0, &mut hooks).map_err(Failure::numerical)?;
    let loss = loss.evaluate(tape.output()).map_err(Failure::numerical)?;
    network.backward(&tape, &loss.gradient, 0, &mut hooks).map_err(Failure::numerical)?;
    drop(hooks);
    for (index, layer) in layers.iter_mut().enumerate() {
        layer.saturated_fraction = shares[index].saturated;
        layer.inactive_fraction = shares[index].inactive;
        layer.weight_grad_norm = norms[index][0].exp();
        layer.log10_weight_grad_norm = norms[index][0] / std::f64::consts::LN_10;
        layer.bias_grad_norm = network.blocks()[index].bias.as_ref().map(|_| norms[index][1].exp());
    }
    let (jacobian, note) = match jacobian_log10_singular_values(network, &slopes) {
        Ok(values) => (Some(values), None),
        Err(reason) => (None, Some(reason.to_string())),
    };
    Ok(Document { loss: loss.value, layers, jacobian_log10_singular_values: jacobian, jacobian_note: note })
}

fn text(document: &Document) -> String {
    let mut text = format!("loss {}\n\n", document.loss);
    let width = document.layers.iter().map(|layer| layer.name.len()).max().unwrap_or(0).max(5);
    let _ = writeln!(
        text,
        "{:<width$}  {:>14} {:>14} {:>10} {:>10} {:>10}",
        "layer", "|dL/dW|", "|dL/db|", "saturated", "inactive", "||W||"
    );
    for layer in &document.layers {
        let bias = layer.bias_grad_norm.map_or_else(|| "-".to_owned(), |norm| format!("{norm:.6e}"));
        let _ = writeln!(
            text,
            "{:<width$}  {:>14} {bias:>14} {:>9.1}% {:>9.1}% {:>10.4}",
            layer.name,
            format!("{:.6e}", layer.weight_grad_norm),
            100.0 * layer.saturated_fraction,
            100.0 * layer.inactive_fraction,
            layer.weight_spectral_norm
        );
    }
    if let (Some(first), Some(last)) = (document.layers.first(), document.layers.last()) {
        let decades = first.log10_weight_grad_norm - last.log10_weight_grad_norm;
        let _ = if decades.is_finite() {
            writeln!(text, "\nfirst layer / last layer: 10^{decades:.2}")
        } else {
            writeln!(text, "\nfirst layer / last layer: no ratio, a gradient is exactly zero or has overflowed")
        };
    }
    text.push_str(&jacobian_line(document));
    text
}

fn jacobian_line(document: &Document) -> String {
    let values = match (&document.jacobian_log10_singular_values, &document.jacobian_note) {
        (Some(values), _) => values,
        (None, note) => {
            return format!("Jacobian at the first sample: {}\n", note.as_deref().unwrap_or("not computed"));
        }
    };
    let mut nonzero = values.iter().flatten();
    let Some(largest) = nonzero.next() else {
        return "Jacobian at the first sample: exactly zero\n".to_owned();
    };
    let smallest = nonzero.next_back().unwrap_or(largest);
    let rank = values.iter().flatten().count();
    format!(
        "Jacobian at the first sample: singular values 10^{smallest:.2} to 10^{largest:.2}, rank {rank} of {}\n",
        values.len()
    )
}
