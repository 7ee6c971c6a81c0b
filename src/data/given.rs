//! Inputs from a tensor file.

use std::path::{Path, PathBuf};

use nalgebra::DMatrix;

use crate::tensor_file::{TensorFileError, read_safetensors};

/// Why a file does not give a batch of inputs.
#[derive(Debug, thiserror::Error)]
pub enum GivenError {
    /// The file itself cannot be used.
    #[error(transparent)]
    File(#[from] TensorFileError),
    /// Several tensors, none of which is named as the inputs.
    #[error("{}: {} tensors ({found}), none named `{wanted}`: keep one, or name it so", file.display(), count)]
    Ambiguous {
        /// The file.
        file: PathBuf,
        /// How many tensors it holds.
        count: usize,
        /// Their names.
        found: String,
        /// The name that would decide.
        wanted: &'static str,
    },
    /// The tensor is not a matrix of samples by features.
    #[error("{}: tensor `{tensor}` has shape {shape:?}; a batch is samples x features, with neither zero", file.display())]
    Shape {
        /// The file.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: Vec<usize>,
    },
}

/// A batch of inputs from a safetensors file: its only tensor, or the one named `x`, of shape samples x features (PyTorch's
/// orientation), returned as features x samples.
///
/// # Errors
///
/// [`GivenError`] names the file and the tensor.
pub fn given_inputs(file: &Path) -> Result<DMatrix<f64>, GivenError> {
    given_named(file, "x")
}

/// As [`given_inputs`], with the name that decides between several tensors.
///
/// # Errors
///
/// [`GivenError`] names the file and the tensor.
pub fn given_named(file: &Path, wanted: &'static str) -> Result<DMatrix<f64>, GivenError> {
    let tensors = read_safetensors(file)?;
    let tensor = match &tensors[..] {
        [only] => only,
        several => several.iter().find(|tensor| tensor.name == wanted).ok_or_else(|| GivenError::Ambiguous {
            file: file.to_owned(),
            count: several.len(),
            found: several.iter().take(8).map(|tensor| tensor.name.as_str()).collect::<Vec<_>>().join(", "),
            wanted,
        })?,
    };
    tensor.to_matrix().filter(|matrix| !matrix.is_empty()).map(|matrix| matrix.transpose()).ok_or_else(|| {
        GivenError::Shape { file: file.to_owned(), tensor: tensor.name.clone(), shape: tensor.shape.clone() }
    })
}
