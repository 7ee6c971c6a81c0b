//! Writing safetensors.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::{Tensor, TensorFileError};

/// The format in which numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// IEEE double precision.
    F64,
    /// IEEE single precision.
    F32,
    /// bfloat16.
    Bf16,
    /// IEEE half precision.
    F16,
}

impl Storage {
    fn dtype(self) -> Dtype {
        match self {
            Self::F64 => Dtype::F64,
            Self::F32 => Dtype::F32,
            Self::Bf16 => Dtype::BF16,
            Self::F16 => Dtype::F16,
        }
    }

    fn bytes(self, values: &[f64]) -> Vec<u8> {
        match self {
            Self::F64 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::F32 => values.iter().flat_map(|value| (*value as f32).to_le_bytes()).collect(),
            Self::Bf16 => values.iter().flat_map(|value| bf16::from_f64(*value).to_le_bytes()).collect(),
            Self::F16 => values.iter().flat_map(|value| f16::from_f64(*value).to_le_bytes()).collect(),
        }
    }
}

/// What the name of a file begins with that is being written and has not got its own name yet. One that is left over was cut short by a kill.
pub const TEMPORARY: &str = ".gradspectra-";

/// Writes tensors with a map of texts about them, durably and all at once: to a temporary file beside the target, which is flushed to the disk and
/// then renamed. Whoever kills the process finds the old file or the new one, whole.
///
/// # Errors
///
/// [`TensorFileError`] names the file.
pub fn write_safetensors(
    file: &Path,
    tensors: &[Tensor],
    storage: Storage,
    metadata: HashMap<String, String>,
) -> Result<(), TensorFileError> {
    let io = |source| TensorFileError::Io { file: file.to_owned(), source };
    let other = |error: safetensors::SafeTensorError| io(std::io::Error::other(error.to_string()));
    let data: Vec<Vec<u8>> = tensors.iter().map(|tensor| storage.bytes(&tensor.values)).collect();
    let views = tensors
        .iter()
        .zip(&data)
        .map(|(tensor, bytes)| Ok((&*tensor.name, TensorView::new(storage.dtype(), tensor.shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(other)?;
    let bytes = safetensors::serialize(views, Some(metadata)).map_err(other)?;
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(directory).map_err(io)?;
    temporary.write_all(&bytes).map_err(io)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        temporary.as_file().set_permissions(std::fs::Permissions::from_mode(0o644)).map_err(io)?;
    }
    temporary.as_file().sync_all().map_err(io)?;
    temporary.persist(file).map_err(|error| io(error.error))?;
    // The rename itself must survive a power cut; a directory that cannot be opened is no reason to fail.
    if let Ok(directory) = std::fs::File::open(directory) {
        let _ = directory.sync_all();
    }
    Ok(())
}

/// The texts about the tensors of a file.
///
/// # Errors
///
/// [`TensorFileError`] names the file.
pub fn read_metadata(file: &Path) -> Result<HashMap<String, String>, TensorFileError> {
    let headed = super::header::HeadedFile::open(file)?;
    Ok(headed.metadata)
}

#[cfg(test)]
mod tests {
    use super::super::read_safetensors;
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("a.safetensors");
        let tensor = |name: &str, values: &[f64]| Tensor {
            name: name.to_owned(),
            shape: vec![values.len()],
            values: values.to_vec(),
        };
        let tensors = [tensor("a", &[0.5, -2.0]), tensor("b", &[0.1])];
        let metadata = HashMap::from([("step".to_owned(), "7".to_owned())]);
        for storage in [Storage::F64, Storage::F32, Storage::Bf16, Storage::F16] {
            write_safetensors(&file, &tensors, storage, metadata.clone()).expect("writable");
            let read = read_safetensors(&file).expect("valid");
            assert_eq!(read[0], tensors[0]);
            assert!((read[1].values[0] - 0.1).abs() < if storage == Storage::F64 { 1e-300 } else { 1e-3 });
            assert_eq!(read_metadata(&file).expect("valid"), metadata);
        }
        let error = write_safetensors(&directory.path().join("no/b"), &tensors, Storage::F64, metadata);
        assert!(error.expect_err("no such directory").to_string().contains("no/b"));
    }
}
