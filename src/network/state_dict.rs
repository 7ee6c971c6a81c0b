//! Networks from PyTorch state dicts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nalgebra::{DMatrix, DVector};

use super::{Block, Network, NetworkError};
use crate::activation::Activation;
use crate::names::NaturalOrder;
use crate::tensor_file::{Tensor, TensorFileError, read_safetensors};

/// Why a file is not a chain of dense layers. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum StateDictError {
    /// The file itself cannot be used.
    #[error(transparent)]
    File(#[from] TensorFileError),
    /// A tensor whose name or shape is not that of a dense layer's parameter.
    #[error("{}: tensor `{tensor}` of shape {shape:?} {problem}", file.display())]
    Tensor {
        /// The file.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: Vec<usize>,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The layers do not fit together.
    #[error("{}: {source}", file.display())]
    Network {
        /// The file.
        file: PathBuf,
        /// How.
        source: NetworkError,
    },
}

/// A network of dense layers from a safetensors state dict, with the activation after every layer.
///
/// Parameters are named `<prefix>.weight` (out x in, PyTorch's orientation) and `<prefix>.bias`; the layers come in natural
/// order of their prefixes (`2` before `10`).
///
/// # Errors
///
/// [`StateDictError`]: unreadable file, another name or dimension, a bias without a weight, shapes that do not chain.
pub fn load_state_dict(file: &Path, activation: &Arc<dyn Activation>) -> Result<Network<f64>, StateDictError> {
    let tensors = read_safetensors(file)?;
    let problem = |tensor: &Tensor, problem| StateDictError::Tensor {
        file: file.to_owned(),
        tensor: tensor.name.clone(),
        shape: tensor.shape.clone(),
        problem,
    };
    let mut layers: BTreeMap<NaturalOrder, (Option<DMatrix<f64>>, Option<&Tensor>)> = BTreeMap::new();
    for tensor in &tensors {
        let (prefix, parameter) = tensor.name.rsplit_once('.').unwrap_or(("", &tensor.name));
        let layer = layers.entry(NaturalOrder(prefix.to_owned())).or_default();
        match parameter {
            "weight" if layer.0.is_some() => return Err(problem(tensor, "is a second weight of its layer")),
            "weight" => {
                let matrix = tensor.to_matrix();
                layer.0 = Some(matrix.ok_or_else(|| problem(tensor, "is not the weight of a dense layer (out x in)"))?);
            }
            "bias" if layer.1.is_some() => return Err(problem(tensor, "is a second bias of its layer")),
            "bias" if tensor.shape.len() == 1 => layer.1 = Some(tensor),
            "bias" => return Err(problem(tensor, "is not a bias: it must have one dimension")),
            _ => return Err(problem(tensor, "is no parameter of a dense layer: names end in `.weight` or `.bias`")),
        }
    }
    let mut blocks = Vec::new();
    for (NaturalOrder(name), (weight, bias)) in layers {
        let weight = match (weight, bias) {
            (Some(weight), _) => weight,
            (None, Some(bias)) => return Err(problem(bias, "has no weight beside it")),
            (None, None) => continue,
        };
        let bias = bias.map(|tensor| DVector::from_row_slice(&tensor.values));
        blocks.push(Block { name, weight, bias, activation: Arc::clone(activation) });
    }
    Network::new(blocks).map_err(|source| StateDictError::Network { file: file.to_owned(), source })
}
