//! Inputs from a file.

use std::path::{Path, PathBuf};

use nalgebra::DMatrix;

use super::file_samples::samples_of;
use crate::tensor_file::{CsvError, NpyError, Tensor, TensorFileError, read_csv, read_npy, read_safetensors};

/// Why a file does not give a batch of inputs.
#[derive(Debug, thiserror::Error)]
pub enum GivenError {
    /// The file itself cannot be used.
    #[error(transparent)]
    File(#[from] TensorFileError),
    /// The NumPy file cannot be used.
    #[error(transparent)]
    Npy(#[from] NpyError),
    /// The table cannot be used.
    #[error(transparent)]
    Csv(#[from] CsvError),
    /// A file that is known to be something else.
    #[error("{}: {problem}", file.display())]
    Kind {
        /// The file.
        file: PathBuf,
        /// What it is, and what to do.
        problem: &'static str,
    },
    /// Columns of a table that cannot be used as asked for.
    #[error("{}: {problem}", file.display())]
    Columns {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A target that does not fit the network and its loss.
    #[error("{}: {place}: {problem}", file.display())]
    Target {
        /// The file.
        file: PathBuf,
        /// Line and column, or tensor and index.
        place: String,
        /// What is wrong, and what to do.
        problem: String,
    },
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
    #[error("{}: tensor `{tensor}` has shape {shape:?}; a batch is samples x features, with none of its extents zero", file.display())]
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

/// A batch of inputs, returned as features x samples: from a safetensors file its only tensor, or the one named `x`, of shape samples x features
/// (PyTorch's orientation), further dimensions flattened; from a `.npy` file its array; from a table all columns.
///
/// # Errors
///
/// [`GivenError`] names the file and the tensor or line.
pub fn given_inputs(file: &Path) -> Result<DMatrix<f64>, GivenError> {
    given_named(file, "x")
}

/// As [`given_inputs`], with the name that decides between several tensors.
///
/// # Errors
///
/// [`GivenError`] names the file and the tensor or line.
pub fn given_named(file: &Path, wanted: &'static str) -> Result<DMatrix<f64>, GivenError> {
    samples_of(file, &read(file, wanted)?)
}

/// The classes of a batch from a file: its only tensor, array or column, or the tensor named `y`, of shape samples (or samples x 1), whole numbers from 0
/// on.
///
/// # Errors
///
/// [`GivenError`] names the file, the tensor, and the entry that is not a class.
pub fn given_labels(file: &Path) -> Result<Vec<usize>, GivenError> {
    let tensor = read(file, "y")?;
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

/// What kind of file a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    Safetensors,
    Npy,
    Table,
}

/// By the extension: what is neither an array nor a table is taken for safetensors, whose header is checked.
pub(super) fn kind_of(file: &Path) -> Result<FileKind, GivenError> {
    let extension = file.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    let wrong = |problem| Err(GivenError::Kind { file: file.to_owned(), problem });
    match extension.as_deref() {
        Some("npy") => Ok(FileKind::Npy),
        Some("csv" | "tsv" | "txt") => Ok(FileKind::Table),
        Some("npz") => wrong("an archive of arrays: save each with numpy.save as .npy"),
        Some("xls" | "xlsx" | "ods") => wrong("a spreadsheet: save it as CSV"),
        _ => Ok(FileKind::Safetensors),
    }
}

/// One tensor of a file: the array, the table as a matrix, the tensor of the wanted name.
fn read(file: &Path, wanted: &'static str) -> Result<Tensor, GivenError> {
    match kind_of(file)? {
        FileKind::Npy => Ok(read_npy(file)?),
        FileKind::Table => {
            let table = read_csv(file)?;
            Ok(Tensor { name: wanted.to_owned(), shape: vec![table.rows(), table.columns], values: table.values })
        }
        FileKind::Safetensors => chosen(file, read_safetensors(file)?, wanted),
    }
}

/// The only tensor, or the one of the wanted name.
pub(super) fn chosen(file: &Path, mut tensors: Vec<Tensor>, wanted: &'static str) -> Result<Tensor, GivenError> {
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
