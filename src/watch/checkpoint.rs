//! The state of a training in a file, from which it goes on to the bit.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use super::alarm::AlarmState;
use crate::linalg::{Real, blas_core, blas_threads};
use crate::network::{Block, Gradients, Network, NetworkError, OptimizerState, Parameter, Trainer};
use crate::spec::{Clip, Precision, Spec};
use crate::tensor_file::{Storage, Tensor, TensorFileError, read_metadata, read_safetensors, write_safetensors};

/// What a checkpoint says it is.
const FORMAT: &str = "gradspectra checkpoint 3";

/// The one key of the header's texts: several would stand in another order in every file.
const KEY: &str = "gradspectra";

/// What stands there, as JSON.
#[derive(Serialize, Deserialize)]
struct Head<S> {
    format: String,
    training: String,
    state: S,
}

/// The state of a training besides its tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckpointState {
    /// Steps made.
    pub step: u64,
    /// Updates that the optimiser has made.
    pub optimizer_steps: u64,
    /// The clipping in force.
    pub clip: Option<Clip>,
    /// What the alarm remembers.
    pub alarm: AlarmState,
    /// The linear algebra that ran: to the bit only with the same one.
    pub blas: String,
}

/// Why a file is not a checkpoint of this training. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The file itself.
    #[error(transparent)]
    File(#[from] TensorFileError),
    /// No checkpoint, or one of another version.
    #[error("{}: not a checkpoint of this program: {problem}", file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// What is missing.
        problem: String,
    },
    /// A checkpoint of another training.
    #[error(
        "{}: the checkpoint is of another training: {difference}; go on with the specification that made it, or start anew in another --out",
        file.display()
    )]
    Other {
        /// The file.
        file: PathBuf,
        /// The first difference.
        difference: String,
    },
    /// Weights that do not fit together.
    #[error("{}: {source}", file.display())]
    Network {
        /// The file.
        file: PathBuf,
        /// How.
        source: NetworkError,
    },
}

/// The linear algebra as a checkpoint names it.
pub fn linear_algebra() -> String {
    format!("{}, {} thread(s)", blas_core(), blas_threads())
}

/// Writes a checkpoint: `<layer>.weight` and `<layer>.bias` as in a PyTorch state dict, the optimiser's memory as
/// `optimizer.<slot>.<layer>.<parameter>`, the last update as `update.<layer>.<parameter>`.
///
/// # Errors
///
/// [`CheckpointError::File`]: the file cannot be written, and an earlier one is as it was.
pub fn save<T: Real>(
    file: &Path,
    spec: &Spec,
    trainer: &Trainer<T>,
    alarm: &AlarmState,
) -> Result<(), CheckpointError> {
    let state = CheckpointState {
        step: trainer.steps(),
        optimizer_steps: trainer.optimizer().steps(),
        clip: trainer.clipping(),
        alarm: alarm.clone(),
        blas: linear_algebra(),
    };
    let problem =
        |error: serde_json::Error| CheckpointError::Format { file: file.to_owned(), problem: error.to_string() };
    let head = Head { format: FORMAT.to_owned(), training: spec.canonical_training(), state };
    let metadata = HashMap::from([(KEY.to_owned(), serde_json::to_string(&head).map_err(problem)?)]);
    let mut tensors = parameters(trainer.network());
    let blocks = trainer.network().blocks();
    for (layer, parameter, slot, values) in trainer.optimizer().slots() {
        let (rows, columns) = match parameter {
            Parameter::Weight => blocks[layer - 1].weight.shape(),
            Parameter::Bias => (values.len(), 1),
        };
        tensors.push(tensor(format!("optimizer.{slot}.{layer}.{}", word(parameter)), rows, columns, values));
    }
    if let Some(updates) = trainer.last_updates() {
        for (index, (weight, bias)) in updates.weights.iter().zip(&updates.biases).enumerate() {
            let (rows, columns) = weight.shape();
            tensors.push(tensor(format!("update.{}.weight", index + 1), rows, columns, weight.as_slice()));
            if let Some(bias) = bias {
                tensors.push(tensor(format!("update.{}.bias", index + 1), bias.len(), 1, bias.as_slice()));
            }
        }
    }
    Ok(write_safetensors(file, &tensors, storage(spec.network.precision), metadata)?)
}

/// Writes the weights alone, as a PyTorch state dict.
///
/// # Errors
///
/// [`TensorFileError`]: the file cannot be written.
pub fn save_weights<T: Real>(file: &Path, spec: &Spec, network: &Network<T>) -> Result<(), TensorFileError> {
    write_safetensors(file, &parameters(network), storage(spec.network.precision), HashMap::new())
}

/// Puts a trainer of the same specification into the state of a checkpoint.
///
/// # Errors
///
/// [`CheckpointError`]: not a checkpoint, or one of another training.
pub fn load<T: Real>(file: &Path, spec: &Spec, trainer: &mut Trainer<T>) -> Result<CheckpointState, CheckpointError> {
    let metadata = read_metadata(file)?;
    let problem = |problem: String| CheckpointError::Format { file: file.to_owned(), problem };
    if let Some(earlier) = metadata.get("format").filter(|_| !metadata.contains_key(KEY)) {
        return Err(problem(format!("it is `{earlier}`, and `{FORMAT}` is read")));
    }
    let text = metadata.get(KEY).ok_or_else(|| problem(format!("it has no `{KEY}` in its header")))?;
    // The state is read last: that of another version may have other fields.
    let head: Head<serde_json::Value> = serde_json::from_str(text).map_err(|error| problem(error.to_string()))?;
    if head.format != FORMAT {
        return Err(problem(format!("it is `{}`, and `{FORMAT}` is read", head.format)));
    }
    if let Some(difference) = difference(&head.training, &spec.canonical_training()) {
        return Err(CheckpointError::Other { file: file.to_owned(), difference });
    }
    let state: CheckpointState = serde_json::from_value(head.state).map_err(|error| problem(error.to_string()))?;
    let tensors: BTreeMap<String, Tensor> =
        read_safetensors(file)?.into_iter().map(|tensor| (tensor.name.clone(), tensor)).collect();
    let fetch = |name: String, length: usize| match tensors.get(&name) {
        Some(tensor) if tensor.values.len() == length => Ok(tensor),
        Some(tensor) => {
            Err(problem(format!("tensor `{name}` has {} entries instead of {length}", tensor.values.len())))
        }
        None => Err(problem(format!("tensor `{name}` is missing"))),
    };
    let matrix = |name: String, rows: usize, columns: usize| {
        let tensor = fetch(name, rows * columns)?;
        Ok::<_, CheckpointError>(DMatrix::from_row_iterator(
            rows,
            columns,
            tensor.values.iter().map(|x| T::from_f64(*x)),
        ))
    };
    let mut blocks = Vec::new();
    let mut updates = Gradients::new();
    let has_updates = tensors.contains_key("update.1.weight");
    for (index, block) in trainer.network().blocks().iter().enumerate() {
        let layer = index + 1;
        let (rows, columns) = block.weight.shape();
        let vector = |name: String, length: usize| {
            Ok::<DVector<T>, CheckpointError>(matrix(name, length, 1)?.column(0).into_owned())
        };
        let weight = matrix(format!("{layer}.weight"), rows, columns)?;
        let bias = block.bias.as_ref().map(|bias| vector(format!("{layer}.bias"), bias.len())).transpose()?;
        if has_updates {
            updates.weights.push(matrix(format!("update.{layer}.weight"), rows, columns)?);
            let bias = block.bias.as_ref().map(|bias| vector(format!("update.{layer}.bias"), bias.len()));
            updates.biases.push(bias.transpose()?);
        }
        blocks.push(Block { name: block.name.clone(), weight, bias, activation: block.activation.clone() });
    }
    let network = Network::new(blocks).map_err(|source| CheckpointError::Network { file: file.to_owned(), source })?;
    let train = trainer.spec();
    let mut optimizer = OptimizerState::new(train.optimizer, train.weight_decay, &network);
    let shapes: Vec<(usize, usize)> = network.blocks().iter().map(|block| block.weight.shape()).collect();
    optimizer.restore(state.optimizer_steps, |layer, parameter, slot, values| {
        let (rows, columns) = if parameter == Parameter::Weight { shapes[layer - 1] } else { (values.len(), 1) };
        let stored = matrix(format!("optimizer.{slot}.{layer}.{}", word(parameter)), rows, columns)?;
        values.copy_from_slice(stored.as_slice());
        Ok::<(), CheckpointError>(())
    })?;
    trainer.restore(network, optimizer, has_updates.then_some(updates), state.step);
    trainer.set_clipping(state.clip);
    Ok(state)
}

/// The first line in which two canonical texts differ.
fn difference(there: &str, here: &str) -> Option<String> {
    if there == here {
        return None;
    }
    let differing = there.lines().zip(here.lines()).find(|(there, here)| there != here);
    Some(match differing {
        Some((there, here)) => format!("there `{there}`, here `{here}`"),
        None => "one has settings that the other has not".to_owned(),
    })
}

fn word(parameter: Parameter) -> &'static str {
    match parameter {
        Parameter::Weight => "weight",
        Parameter::Bias => "bias",
    }
}

fn storage(precision: Precision) -> Storage {
    match precision {
        Precision::F64 => Storage::F64,
        Precision::F32 => Storage::F32,
        Precision::Bf16 => Storage::Bf16,
        Precision::F16 => Storage::F16,
    }
}

fn parameters<T: Real>(network: &Network<T>) -> Vec<Tensor> {
    let mut tensors = Vec::new();
    for (index, block) in network.blocks().iter().enumerate() {
        let (rows, columns) = block.weight.shape();
        tensors.push(tensor(format!("{}.weight", index + 1), rows, columns, block.weight.as_slice()));
        if let Some(bias) = &block.bias {
            tensors.push(tensor(format!("{}.bias", index + 1), bias.len(), 1, bias.as_slice()));
        }
    }
    tensors
}

/// From column-major to the row-major order of files; one column is a vector.
fn tensor<T: Real>(name: String, rows: usize, columns: usize, values: &[T]) -> Tensor {
    let is_vector = name.ends_with("bias");
    let values = (0..rows).flat_map(|i| (0..columns).map(move |j| values[j * rows + i].to_f64())).collect();
    Tensor { name, shape: if is_vector { vec![rows] } else { vec![rows, columns] }, values }
}
