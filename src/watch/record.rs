//! The lines of a log.
//!
//! A log is a text of JSON objects, one a line, each with a `kind`. Only `kind`, `step` and `layer` are required, so that any training loop
//! can write one; a number that is not finite is `null`. Norms are Euclidean (Frobenius) over all entries, of sums over the mini-batch as the
//! loss defines them. `docs/log_schema.md` is the same as tables, with units, for those who write or read logs with other programs.

use serde::{Deserialize, Serialize};

use crate::spec::AlertKind;

/// What the first line of a log says it is.
pub const SCHEMA: &str = "gradspectra watch 1";

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Record {
    /// What is trained: the first line.
    Header(Header),
    /// The whole network at one step.
    Step(StepRecord),
    /// One layer at one step.
    Layer(LayerRecord),
    /// What theory says of one layer at one step.
    Prediction(PredictionRecord),
    /// Something to worry about.
    Alert(AlertRecord),
    /// Loss and accuracy over all samples.
    Evaluation(EvaluationRecord),
    /// Training went on from a checkpoint.
    Resume {
        /// The first step that was made after it.
        step: u64,
    },
    /// The last line.
    End {
        /// Steps made.
        step: u64,
        /// Why training ended.
        reason: Ending,
    },
}

/// What is trained.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Header {
    /// [`SCHEMA`].
    pub schema: String,
    /// Name of the run.
    pub name: String,
    /// The program that wrote the log, with its version.
    pub source: String,
    /// The layers.
    pub layers: Vec<LayerHeader>,
    /// Steps that are planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Samples in a mini-batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
    /// Number format: `f64`, `f32`, `bf16`, `f16`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<String>,
    /// Loss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<String>,
    /// Optimiser with its constants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optimizer: Option<String>,
    /// The data, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// The linear algebra that ran: results are bit-identical for the same library, kernel and number of threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blas: Option<String>,
}

/// One layer of the header.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LayerHeader {
    /// Number of the layer, from 1.
    pub layer: usize,
    /// Name of its parameters.
    pub name: String,
    /// Activation.
    pub activation: String,
    /// Columns of W.
    pub fan_in: usize,
    /// Rows of W.
    pub fan_out: usize,
}

/// The whole network at one step, before the update.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StepRecord {
    /// Step, from 0.
    pub step: u64,
    /// Loss of the mini-batch.
    pub loss: Option<f64>,
    /// Learning rate.
    pub learning_rate: Option<f64>,
    /// Norm of the gradient of all weights and biases, before clipping.
    pub grad_norm: Option<f64>,
    /// Whether clipping changed it.
    pub clipped: Option<bool>,
    /// `|dL/dW_l|` of every layer, first layer first, before clipping; `None` where it is not finite. Empty where nobody took them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub weight_grad_norms: Vec<Option<f64>>,
    /// Entries of gradients, activations and weights that are not finite, at least; `None` where the layers were not recorded.
    pub non_finite: Option<u64>,
    /// Seconds since the run began.
    pub seconds: Option<f64>,
}

/// One layer at one step: activations, gradients and weights before the update, and the update.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LayerRecord {
    /// Step, from 0.
    pub step: u64,
    /// Number of the layer, from 1.
    pub layer: usize,
    /// `|dL/dW_l|`, before clipping.
    pub weight_grad_norm: Option<f64>,
    /// `|dL/db_l|`, before clipping.
    pub bias_grad_norm: Option<f64>,
    /// `|dL/dX_l|`: the gradient that arrives at the layer's outputs, all samples.
    pub activation_grad_norm: Option<f64>,
    /// `|dL/dH_l|`: the same behind the slopes.
    pub pre_activation_grad_norm: Option<f64>,
    /// `|W_l|`.
    pub weight_norm: Option<f64>,
    /// `|b_l|`.
    pub bias_norm: Option<f64>,
    /// Norm of the change of the weights.
    pub update_norm: Option<f64>,
    /// `update_norm / weight_norm`.
    pub update_ratio: Option<f64>,
    /// Cosine between this update of the weights and the one before.
    pub update_cosine: Option<f64>,
    /// Share of the pre-activations with 0 < |phi'(h)| < 0.05 sup |phi'|.
    pub saturated_fraction: Option<f64>,
    /// Share of the pre-activations with phi'(h) = 0 exactly.
    pub inactive_fraction: Option<f64>,
    /// Share of the units with phi'(h) = 0 for every sample of the mini-batch.
    pub dead_fraction: Option<f64>,
    /// Mean of the pre-activations.
    pub pre_activation_mean: Option<f64>,
    /// Their root mean square.
    pub pre_activation_rms: Option<f64>,
    /// Mean of the outputs.
    pub activation_mean: Option<f64>,
    /// Their root mean square.
    pub activation_rms: Option<f64>,
    /// Entries of the layer's activations, gradients and weights that are not finite, at least.
    pub non_finite: Option<u64>,
}

/// Where a prediction starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The specification alone, before any weight is drawn.
    Specification,
    /// The scales of the weights and biases as they are at the step, its mini-batch, and the gradient of the loss at the outputs.
    LayerStatistics,
}

/// What theory says of one layer at one step: decimal logarithms of root mean squares over networks, where it reaches.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PredictionRecord {
    /// Step, from 0.
    pub step: u64,
    /// Number of the layer, from 1.
    pub layer: usize,
    /// Where it starts from.
    pub from: Basis,
    /// log10 of `|dL/dW_l|`.
    #[serde(default)]
    pub log10_weight_grad_norm: Option<f64>,
    /// log10 of `|dL/db_l|`.
    #[serde(default)]
    pub log10_bias_grad_norm: Option<f64>,
    /// log10 of `|dL/dH_l|`.
    #[serde(default)]
    pub log10_pre_activation_grad_norm: Option<f64>,
    /// Standard deviation over networks of log10 of `|dL/dW_l|`.
    #[serde(default)]
    pub log10_standard_deviation: Option<f64>,
    /// Root mean square of the pre-activations.
    #[serde(default)]
    pub pre_activation_rms: Option<f64>,
    /// Share of saturated pre-activations.
    #[serde(default)]
    pub saturated_fraction: Option<f64>,
    /// Share of inactive pre-activations.
    #[serde(default)]
    pub inactive_fraction: Option<f64>,
}

/// Something to worry about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlertRecord {
    /// Step at which it was raised.
    pub step: u64,
    /// The layer, from 1; `null` for the whole network.
    #[serde(default)]
    pub layer: Option<usize>,
    /// What it is about.
    pub alert: AlertKind,
    /// The quantity that was looked at, as the log names it.
    pub quantity: String,
    /// Its value; `null` if it is not finite.
    pub value: Option<f64>,
    /// What was expected of a healthy run.
    pub expected: Option<f64>,
    /// The likely cause.
    pub cause: String,
    /// What to try.
    pub advice: String,
    /// The policy of its kind: `warn`, `clip` (from the next step on), `stop` (after this step).
    pub action: String,
}

/// Loss and accuracy over all samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EvaluationRecord {
    /// Updates made before.
    pub step: u64,
    /// Mean loss over the samples that are trained on.
    pub train_loss: Option<f64>,
    /// Share of them that is classified rightly.
    pub train_accuracy: Option<f64>,
    /// Mean loss over the samples that are kept for testing.
    pub test_loss: Option<f64>,
    /// Share of them that is classified rightly.
    pub test_accuracy: Option<f64>,
}

/// Why training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All steps were made.
    Finished,
    /// Ctrl-C.
    Interrupted,
    /// An alert with the policy `stop`.
    Stopped,
    /// The loss is not finite: further steps change nothing.
    NotFinite,
}
