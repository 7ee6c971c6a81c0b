//! Inputs from a tensor file.

use std::path::{Path, PathBuf};

use nalgebra::DMatrix;

use crate::tensor_file::{Tensor, TensorFileError, read_safetensors};

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
    /// The tensor is not a list of classes.
    #[error("{}: tensor `{tensor}` {problem}; labels are one whole number from 0 on per sample", file.display())]
    Labels {
        /// The file.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// What is wrong.
        problem: String,
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
    let tensor = chosen(file, wanted)?;
    tensor.to_matrix().filter(|matrix| !matrix.is_empty()).map(|matrix| matrix.transpose()).ok_or_else(|| {
        GivenError::Shape { file: file.to_owned(), tensor: tensor.name.clone(), shape: tensor.shape.clone() }
    })
}

/// The classes of a batch from a safetensors file: its only tensor, or the one named `y`, of shape samples (or samples x 1), whole
/// numbers from 0 on.
///
/// # Errors
///
/// [`GivenError`] names the file, the tensor, and the entry that is not a class.
pub fn given_labels(file: &Path) -> Result<Vec<usize>, GivenError> {
    let tensor = chosen(file, "y")?;
    let is_a_list = matches!(tensor.shape[..], [n] | [n, 1] if n > 0);
    if !is_a_list {
        return Err(GivenError::Labels {
            file: file.to_owned(),
            tensor: tensor.name,
            problem: format!("has shape {:?}", tensor.shape),
        });
    }
    let class = |(index, &value): (usize, &f64)| {
        if value >= 0.0 && value.fract() == 0.0 && value < 1e9 {
            Ok(value as usize)
        } else {
            let problem = format!("holds {value} at index {index}");
            Err(GivenError::Labels { file: file.to_owned(), tensor: tensor.name.clone(), problem })
        }
    };
    tensor.values.iter().enumerate().map(class).collect()
}

fn chosen(file: &Path, wanted: &'static str) -> Result<Tensor, GivenError> {
    let mut tensors = read_safetensors(file)?;
    if tensors.len() == 1 {
        return Ok(tensors.remove(0));
    }
    match tensors.iter().position(|tensor| tensor.name == wanted) {
        Some(index) => Ok(tensors.swap_remove(index)),
        None => Err(GivenError::Ambiguous {
            file: file.to_owned(),
            count: tensors.len(),
            found: tensors.iter().take(8).map(|tensor| tensor.name.as_str()).collect::<Vec<_>>().join(", "),
            wanted,
        }),
    }
}
