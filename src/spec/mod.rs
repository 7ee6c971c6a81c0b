//! The specification of one experiment: network, data, loss, measurement.
//!
//! A TOML text is parsed and checked once ([`Spec::parse`], [`Spec::load`]); what comes out is valid: every number in its
//! range, every name resolved, given inputs read and of the right size. The rest of the program never checks again.

mod builtin;
mod canonical;
mod data;
mod error;
mod format;
mod gain;
mod law;
mod parse;
mod precision;
mod quantity;
mod reader;
mod torch_init;
mod train;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

pub use builtin::{BUILTIN_SPECS, BuiltinSpec, VARIANTS};
pub(crate) use canonical::{Part, hash128};
pub(crate) use data::FileCache;
pub(crate) use error::Place;
pub use error::SpecError;
pub use format::{FORMATS, FormatDepths, NumberFormat};
pub use gain::Gain;
pub use law::{Law, PRESETS, Preset, Scheme, Surroundings};
pub(crate) use parse::{document, read};
pub use precision::Precision;
pub(crate) use precision::with_real;
pub use quantity::Quantity;
pub(crate) use reader::{Source, Table, Value};
pub use torch_init::TORCH_SCHEMES;
pub use train::{AlertKind, Clip, Decay, Optimizer, Policies, Policy, RecordSchedule, Schedule, TrainSpec, WatchSpec};

use crate::activation::Activation;

/// A valid experiment.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Name: of the report, and of the directory it is written to.
    pub name: String,
    /// Seed of all random numbers.
    pub seed: u64,
    /// The network.
    pub network: NetworkSpec,
    /// Its inputs.
    pub data: DataSpec,
    /// The scalar whose gradient is taken.
    pub loss: Loss,
    /// What is measured.
    pub measure: MeasureSpec,
    /// How it is trained, where it is.
    pub train: Option<TrainSpec>,
}

/// A dense network: blocks of a linear layer and an activation.
#[derive(Debug, Clone)]
pub struct NetworkSpec {
    /// Number of input features.
    pub input: usize,
    /// The blocks, first applied first. A linear readout is a block with the linear activation.
    pub blocks: Vec<BlockSpec>,
    /// Number format of weights, activations and gradients.
    pub precision: Precision,
}

/// One block: `x_l = phi(W_l x_{l-1} + b_l)`.
#[derive(Debug, Clone)]
pub struct BlockSpec {
    /// Rows of W.
    pub fan_out: usize,
    /// Columns of W.
    pub fan_in: usize,
    /// Law of the weights.
    pub weights: Law,
    /// Law of the biases, if there are any.
    pub biases: Option<Law>,
    /// phi.
    pub activation: Arc<dyn Activation>,
}

impl BlockSpec {
    /// `sigma_w = sqrt(fan_in Var W_ij)`: mean field's scale of the weights.
    pub fn sigma_w(&self) -> f64 {
        self.weights.std * (self.fan_in as f64).sqrt()
    }

    /// Standard deviation of a bias; 0 without biases.
    pub fn sigma_b(&self) -> f64 {
        self.biases.as_ref().map_or(0.0, |law| law.std)
    }
}

/// The inputs of the network.
#[derive(Debug, Clone)]
pub struct DataSpec {
    /// Samples in a batch.
    pub batch: usize,
    /// Where they come from.
    pub source: DataSource,
}

/// Where a batch comes from.
#[derive(Debug, Clone)]
pub enum DataSource {
    /// Independent standard normal features, drawn anew in every trial.
    Gaussian,
    /// The same matrix (input x batch) in every trial.
    Given {
        /// The batch.
        inputs: Arc<DMatrix<f64>>,
        /// Class of every sample, where the data has classes.
        labels: Option<Arc<Vec<usize>>>,
        /// Targets (outputs x batch), where the data has numbers to be learnt.
        targets: Option<Arc<DMatrix<f64>>>,
        /// Where it was read from, for the reader of a report.
        origin: String,
    },
}

/// The scalar function of the outputs Y (n x B) whose gradient is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// `sum_ia Y_ia`.
    Sum,
    /// `sum_ia r_i Y_ia` with a fixed standard normal readout r.
    Random,
    /// Mean over all elements of `(Y - T)^2`: T the targets of the data where it has them, else standard normal, drawn in every trial.
    Mse,
    /// Mean over samples of `-ln softmax(Y)` at the sample's class: the labels of the data where it has them, else classes drawn
    /// uniformly in every trial.
    CrossEntropy,
}

impl Loss {
    /// Every loss with its name in the specification.
    pub const ALL: [(&'static str, Self); 4] =
        [("sum", Self::Sum), ("random", Self::Random), ("mse", Self::Mse), ("cross_entropy", Self::CrossEntropy)];

    /// Name in the specification.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Random => "random",
            Self::Mse => "mse",
            Self::CrossEntropy => "cross_entropy",
        }
    }
}

/// What is measured, and how often.
#[derive(Debug, Clone)]
pub struct MeasureSpec {
    /// The quantities of every layer; may be empty where the product spectrum alone is asked for.
    pub quantities: Vec<Quantity>,
    /// Whether the spectrum of the product of the weights is measured: no quantity of a layer, and costly, so only where it is asked for.
    pub product_spectrum: bool,
    /// Depths at which the product is looked at, in increasing order; empty for four of them, 1 to all layers.
    pub product_depths: Vec<usize>,
    /// Independent networks drawn.
    pub trials: usize,
}

/// The depths that figures of products show: 1, a fifth, half and all of `depth`, rounded up, in increasing order.
pub fn shown_depths(depth: usize) -> Vec<usize> {
    let mut shown = vec![1, depth.div_ceil(5), depth.div_ceil(2), depth];
    shown.dedup();
    shown
}

/// One layer of a network in words and numbers, as reports show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerDescription {
    /// Number of the layer, from 1.
    pub layer: usize,
    /// Input width.
    pub fan_in: usize,
    /// Output width.
    pub fan_out: usize,
    /// Activation.
    pub activation: String,
    /// Ensemble of the weights.
    pub weight_ensemble: String,
    /// `sqrt(fan_in Var W_ij)`.
    pub sigma_w: f64,
    /// Ensemble of the biases.
    pub bias_ensemble: Option<String>,
    /// Standard deviation of a bias.
    pub sigma_b: f64,
}

/// Bytes of a specification file at most.
const LARGEST_FILE: u64 = 16 << 20;

/// The text of a specification file.
pub(crate) fn text_of(path: &Path) -> Result<String, SpecError> {
    let read = |source| SpecError::Read { file: path.to_owned(), source };
    let metadata = std::fs::metadata(path).map_err(read)?;
    // A device or a pipe has no end, or blocks until somebody writes to it.
    if !metadata.is_file() || metadata.len() > LARGEST_FILE {
        let problem = "a specification is a regular file of at most 16 MB in TOML";
        return Err(read(std::io::Error::other(problem)));
    }
    std::fs::read_to_string(path).map_err(read)
}

impl Spec {
    /// The depths at which the product of the weights is looked at, in increasing order.
    pub fn product_depths(&self) -> Vec<usize> {
        match &self.measure.product_depths[..] {
            [] => shown_depths(self.network.blocks.len()),
            chosen => chosen.to_vec(),
        }
    }

    /// A built-in specification by name, or a TOML file.
    ///
    /// # Errors
    ///
    /// [`SpecError`], with file and line.
    pub fn load(name_or_path: &str) -> Result<Self, SpecError> {
        if let Some(builtin) = BUILTIN_SPECS.iter().find(|builtin| builtin.name == name_or_path) {
            return Ok(builtin.spec());
        }
        let path = PathBuf::from(name_or_path);
        let looks_like_a_file = path.extension().is_some() || path.components().count() > 1 || path.exists();
        if !looks_like_a_file {
            return Err(SpecError::unknown_builtin(name_or_path));
        }
        Self::parse(&text_of(&path)?, &path)
    }

    /// A specification from TOML text. `file` names the text in messages, gives the default name, and its directory is
    /// where relative data paths start.
    ///
    /// # Errors
    ///
    /// [`SpecError`], with file and line.
    pub fn parse(text: &str, file: &Path) -> Result<Self, SpecError> {
        parse::parse(text, file)
    }

    /// The same network `factor` times as wide, at the same sigma_w and sigma_b in every layer: the family along which
    /// mean field is the limit. Widths are rounded, and at least 1. Random inputs widen with the network; given inputs keep
    /// their size, and so do the outputs of a cross-entropy and of given targets; Gaussian weights make the first layer exactly Gaussian for them, whatever the width.
    pub fn resized(&self, factor: f64) -> Self {
        let scale = |width: usize| ((width as f64 * factor).round() as usize).max(1);
        let mut other = self.clone();
        if matches!(self.data.source, DataSource::Gaussian) {
            other.network.input = scale(self.network.input);
        }
        let mut fan_in = other.network.input;
        let last = self.network.blocks.len() - 1;
        for (index, block) in other.network.blocks.iter_mut().enumerate() {
            let sigma_w = block.sigma_w();
            block.fan_in = fan_in;
            // Classes and given targets are not a width: there are as many, however wide the network.
            let given = matches!(self.data.source, DataSource::Given { targets: Some(_), .. });
            let fixed = index == last && (self.loss == Loss::CrossEntropy || self.loss == Loss::Mse && given);
            block.fan_out = if fixed { block.fan_out } else { scale(block.fan_out) };
            block.weights.std = sigma_w / (fan_in as f64).sqrt();
            fan_in = block.fan_out;
        }
        other
    }

    /// The same network with every sigma_w multiplied by `factor`: the nearest mistake of whoever sets it.
    pub fn with_sigma_w_scaled(&self, factor: f64) -> Self {
        let mut scaled = self.clone();
        for block in &mut scaled.network.blocks {
            block.weights.std *= factor;
        }
        scaled
    }

    /// Number of weights and biases of one network.
    pub fn parameters(&self) -> usize {
        self.network
            .blocks
            .iter()
            .map(|block| {
                let biases = if block.biases.is_some() { block.fan_out } else { 0 };
                block.fan_in.saturating_mul(block.fan_out).saturating_add(biases)
            })
            .fold(0, usize::saturating_add)
    }

    /// The layers in words and numbers.
    pub fn describe_layers(&self) -> Vec<LayerDescription> {
        let describe = |(index, block): (usize, &BlockSpec)| LayerDescription {
            layer: index + 1,
            fan_in: block.fan_in,
            fan_out: block.fan_out,
            activation: block.activation.name().to_owned(),
            weight_ensemble: block.weights.ensemble.spelling(),
            sigma_w: block.sigma_w(),
            bias_ensemble: block.biases.as_ref().map(|law| law.ensemble.spelling()),
            sigma_b: block.sigma_b(),
        };
        self.network.blocks.iter().enumerate().map(describe).collect()
    }

    /// The inputs in words.
    pub fn describe_data(&self) -> String {
        match &self.data.source {
            DataSource::Gaussian => format!("{} standard normal samples, new in every trial", self.data.batch),
            DataSource::Given { origin, .. } => {
                format!("{} given samples ({origin}), the same in every trial", self.data.batch)
            }
        }
    }
}
