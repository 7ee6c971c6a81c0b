//! The safetensors format.

use std::path::{Path, PathBuf};

use half::{bf16, f16};
use nalgebra::DMatrix;
use safetensors::Dtype;

use super::header::HeadedFile;

/// A tensor with its name, its shape and its entries in row-major order, widened to `f64` (exact for every format read).
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Name in the file.
    pub name: String,
    /// Extents, outermost first.
    pub shape: Vec<usize>,
    /// Entries, the last index running fastest.
    pub values: Vec<f64>,
}

impl Tensor {
    /// The tensor as a matrix, if it has two dimensions.
    pub fn to_matrix(&self) -> Option<DMatrix<f64>> {
        match self.shape[..] {
            [rows, columns] => Some(DMatrix::from_row_slice(rows, columns, &self.values)),
            _ => None,
        }
    }
}

/// Why a tensor file cannot be read or written. Every message starts with the file.
#[derive(Debug, thiserror::Error)]
pub enum TensorFileError {
    /// The file cannot be opened, read or written.
    #[error("{}: {source}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The header does not describe the bytes that follow, or is no safetensors header at all.
    #[error("{}: not a valid safetensors file ({reason}); it may be truncated, or of another format: convert a torch.save file with safetensors.torch.save_file", file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// What the parser found.
        reason: String,
    },
    /// A number format that holds no real numbers, or one that is not read.
    #[error("{}: tensor `{tensor}` has type {dtype}; F16, BF16, F32 and F64 are read", file.display())]
    Type {
        /// The file.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its type in the file.
        dtype: String,
    },
    /// Two tensors of one name, of which readers would silently take one.
    #[error("{}: two tensors are named `{tensor}`: rename one", file.display())]
    Twice {
        /// The file.
        file: PathBuf,
        /// Their name.
        tensor: String,
    },
    /// NaN or an infinity among the entries.
    #[error("{}: tensor `{tensor}` holds {value} at flat index {index}; every value must be finite", file.display())]
    NotFinite {
        /// The file.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// Where.
        index: usize,
        /// What.
        value: f64,
    },
}

/// All tensors of a safetensors file, sorted by name; entries are checked to be finite.
///
/// # Errors
///
/// [`TensorFileError`]: a missing or unreadable file, a header that is truncated, disagrees with the bytes or repeats a name, a type other
/// than F16, BF16, F32, F64, I64, I32, U8, an entry that is NaN or infinite.
pub fn read_safetensors(file: &Path) -> Result<Vec<Tensor>, TensorFileError> {
    let headed = HeadedFile::open(file)?;
    let mut tensors = Vec::new();
    for (name, info) in &headed.tensors {
        let values = headed.values(info.dtype, info.data_offsets)?.ok_or_else(|| TensorFileError::Type {
            file: file.to_owned(),
            tensor: name.clone(),
            dtype: format!("{:?}", info.dtype),
        })?;
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            return Err(TensorFileError::NotFinite {
                file: file.to_owned(),
                tensor: name.clone(),
                index,
                value: values[index],
            });
        }
        tensors.push(Tensor { name: name.clone(), shape: info.shape.clone(), values });
    }
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(tensors)
}

/// The entries as `f64`, exactly; `None` for a type that is not read.
pub(super) fn widen(dtype: Dtype, data: &[u8]) -> Option<Vec<f64>> {
    /// Little-endian words of N bytes.
    fn words<const N: usize>(data: &[u8], read: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        data.as_chunks::<N>().0.iter().map(|word| read(*word)).collect()
    }
    match dtype {
        Dtype::F64 => Some(words(data, f64::from_le_bytes)),
        Dtype::F32 => Some(words(data, |word| f64::from(f32::from_le_bytes(word)))),
        Dtype::F16 => Some(words(data, |word| f16::from_le_bytes(word).to_f64())),
        Dtype::BF16 => Some(words(data, |word| bf16::from_le_bytes(word).to_f64())),
        // Labels; exact up to 2^53.
        Dtype::I64 => Some(words(data, |word| i64::from_le_bytes(word) as f64)),
        Dtype::I32 => Some(words(data, |word| f64::from(i32::from_le_bytes(word)))),
        Dtype::U8 => Some(data.iter().map(|&byte| f64::from(byte)).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use safetensors::tensor::TensorView;

    fn temporary(bytes: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), bytes).expect("writable");
        file
    }

    fn valid() -> Vec<u8> {
        let data: Vec<u8> = [1.0_f64, 2.0, 3.0, 4.0, 5.0, 6.0].iter().flat_map(|value| value.to_le_bytes()).collect();
        let view = TensorView::new(Dtype::F64, vec![2, 3], &data).expect("six values");
        safetensors::serialize([("w", view)], None).expect("valid")
    }

    #[test]
    fn every_format_is_widened_exactly() {
        let f16s: Vec<u8> = [0.5_f32, -6e-8].iter().flat_map(|&v| f16::from_f32(v).to_le_bytes()).collect();
        let bf16s: Vec<u8> = [0.5_f32, -3e38].iter().flat_map(|&v| bf16::from_f32(v).to_le_bytes()).collect();
        let f32s: Vec<u8> = [0.1_f32, 1e-45].iter().flat_map(|v| v.to_le_bytes()).collect();
        let view = |dtype, data| TensorView::new(dtype, vec![2], data).expect("two values");
        let bytes = safetensors::serialize(
            [("a", view(Dtype::F16, &f16s)), ("b", view(Dtype::BF16, &bf16s)), ("c", view(Dtype::F32, &f32s))],
            None,
        )
        .expect("valid");
        let tensors = read_safetensors(temporary(&bytes).path()).expect("valid");
        assert_eq!(tensors[0].values, [0.5, f16::from_f32(-6e-8).to_f64()]);
        assert_eq!(tensors[1].values, [0.5, bf16::from_f32(-3e38).to_f64()]);
        assert_eq!(tensors[2].values, [f64::from(0.1_f32), f64::from(1e-45_f32)]);
    }

    #[test]
    fn matrices_are_row_major() {
        let tensors = read_safetensors(temporary(&valid()).path()).expect("valid");
        let matrix = tensors[0].to_matrix().expect("two dimensions");
        assert_eq!((matrix[(0, 2)], matrix[(1, 0)]), (3.0, 4.0));
    }

    proptest! {
        /// No bytes make the reader panic or ask for more memory than the file has.
        #[test]
        fn mangled_files_give_an_error(cut in 0usize..140, flip in 0usize..140, byte: u8) {
            let mut bytes = valid();
            bytes.truncate(bytes.len().saturating_sub(cut));
            if let Some(target) = bytes.get_mut(flip) {
                *target = byte;
            }
            let _ = read_safetensors(temporary(&bytes).path());
        }
    }

    /// Two tensors of one name, both at the same place.
    const TWICE: &[u8] = b"\x6f\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"F64\",\"shape\":[1,1],\"data_offsets\":[0,8]},\
                           \"a\":{\"dtype\":\"F64\",\"shape\":[1,1],\"data_offsets\":[0,8]}}  12345678";

    #[test]
    fn broken_files_are_named() {
        let cases: [(&[u8], &str); 4] = [
            (b"", "not a valid safetensors file"),
            (b"\xff\xff\xff\xff\xff\xff\xff\x7f{}", "not a valid safetensors file"),
            (b"PK\x03\x04 a zip file, as torch.save writes", "not a valid safetensors file"),
            (TWICE, "two tensors are named `a`: rename one"),
        ];
        for (bytes, expected) in cases {
            let error = read_safetensors(temporary(bytes).path()).expect_err("broken").to_string();
            assert!(error.contains(expected), "{error}");
        }
        let missing = read_safetensors(Path::new("/nowhere/x.safetensors")).expect_err("missing").to_string();
        assert!(missing.starts_with("/nowhere/x.safetensors: "), "{missing}");
    }
}
