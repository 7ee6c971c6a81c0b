//! The header of a safetensors file, read and checked before any data.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Metadata, TensorInfo};
use safetensors::{Dtype, SafeTensorError};
use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};

use super::TensorFileError;
use super::safetensors_file::widen;

/// What the format allows.
const LONGEST_HEADER: u64 = 100_000_000;

/// A file whose header describes all its bytes; the data are read tensor by tensor.
#[derive(Debug)]
pub(super) struct HeadedFile {
    path: PathBuf,
    file: File,
    /// Name and description of every tensor, in no order.
    pub(super) tensors: Vec<(String, TensorInfo)>,
    /// Texts about the tensors.
    pub(super) metadata: HashMap<String, String>,
    /// Where the data begin.
    start: u64,
}

impl HeadedFile {
    /// Opens a regular file and reads its header.
    pub(super) fn open(path: &Path) -> Result<Self, TensorFileError> {
        let io = |source| TensorFileError::Io { file: path.to_owned(), source };
        // A device or a pipe has no end, or blocks until somebody writes to it.
        if !std::fs::metadata(path).map_err(io)?.is_file() {
            return Err(io(std::io::Error::other("not a regular file")));
        }
        let mut file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let format =
            |error: SafeTensorError| TensorFileError::Format { file: path.to_owned(), reason: error.to_string() };
        let mut size = [0; 8];
        if length < 8 {
            return Err(format(SafeTensorError::HeaderTooSmall));
        }
        file.read_exact(&mut size).map_err(io)?;
        let size = u64::from_le_bytes(size);
        if size > LONGEST_HEADER {
            return Err(format(SafeTensorError::HeaderTooLarge));
        }
        if size > length - 8 {
            return Err(format(SafeTensorError::InvalidHeaderLength));
        }
        let mut header = vec![0; size as usize];
        file.read_exact(&mut header).map_err(io)?;
        let header = std::str::from_utf8(&header).map_err(|error| format(SafeTensorError::InvalidHeader(error)))?;
        let json = |error| format(SafeTensorError::InvalidHeaderDeserialization(error));
        let metadata: Metadata = serde_json::from_str(header).map_err(json)?;
        // A map takes the last of two tensors of one name, and nobody would know of the first.
        let twice = serde_json::Deserializer::from_str(header).deserialize_map(RepeatedKey).map_err(json)?;
        if let Some(tensor) = twice {
            return Err(TensorFileError::Twice { file: path.to_owned(), tensor });
        }
        let end = metadata.tensors().values().map(|info| info.data_offsets.1).max().unwrap_or(0);
        if u64::try_from(end).ok() != Some(length - 8 - size) {
            return Err(format(SafeTensorError::MetadataIncompleteBuffer));
        }
        let tensors = metadata.tensors().into_iter().map(|(name, info)| (name, info.clone())).collect();
        let texts = metadata.metadata().clone().unwrap_or_default();
        Ok(Self { path: path.to_owned(), file, tensors, metadata: texts, start: 8 + size })
    }

    /// The entries of a tensor as `f64`, exactly; `None` for a type that is not read.
    pub(super) fn values(&self, dtype: Dtype, offsets: (usize, usize)) -> Result<Option<Vec<f64>>, TensorFileError> {
        let mut bytes = vec![0; offsets.1 - offsets.0];
        let read = self.file.read_exact_at(&mut bytes, self.start + offsets.0 as u64);
        read.map_err(|source| TensorFileError::Io { file: self.path.clone(), source })?;
        Ok(widen(dtype, &bytes))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// The first key that a map has twice.
struct RepeatedKey;

impl<'de> Visitor<'de> for RepeatedKey {
    type Value = Option<String>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("tensors by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut seen, mut repeated) = (HashSet::new(), None);
        while let Some((key, IgnoredAny)) = map.next_entry::<String, _>()? {
            repeated = repeated.or_else(|| seen.contains(&key).then(|| key.clone()));
            seen.insert(key);
        }
        Ok(repeated)
    }
}
