//! The matrices of a file as the factors of one product.

use std::io::Read;
use std::path::{Path, PathBuf};

use nalgebra::DMatrix;
use safetensors::Dtype;

use super::TensorFileError;
use super::header::HeadedFile;
use crate::names::NaturalOrder;

/// Why a file is not a product of matrices. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum FactorError {
    /// The file itself cannot be used.
    #[error(transparent)]
    File(#[from] TensorFileError),
    /// NumPy's own format.
    #[error("{}: a NumPy file; convert it with safetensors.numpy.save_file({{\"1\": first, \"2\": second}}, \"chain.safetensors\")", file.display())]
    NumPy {
        /// The file.
        file: PathBuf,
    },
    /// A tensor that is no factor and nothing that can be passed over.
    #[error("{}: tensor `{tensor}` of shape {shape:?} {problem}", file.display())]
    Tensor {
        /// The file.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: Vec<usize>,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// A matrix that has not as many columns as the product before it has rows.
    #[error(
        "{}: tensor `{tensor}` is {rows} x {columns}, but the product up to `{previous}` has {expected} rows: it needs {expected} columns; \
         store each matrix as out x in, named in the order in which they apply, and leave out what is no factor",
        file.display()
    )]
    NotChained {
        /// The file.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its rows.
        rows: usize,
        /// Its columns.
        columns: usize,
        /// The factor before it.
        previous: String,
        /// The rows of that.
        expected: usize,
    },
    /// No matrix at all.
    #[error("{}: none of its {tensors} tensors has two dimensions: there is nothing to multiply; store each factor as a matrix, out x in", file.display())]
    Empty {
        /// The file.
        file: PathBuf,
        /// Tensors of fewer dimensions.
        tensors: usize,
    },
}

/// One factor of the product.
#[derive(Debug, Clone, PartialEq)]
pub struct Factor {
    /// Name in the file.
    pub name: String,
    /// Rows of the matrix: out.
    pub rows: usize,
    /// Columns of the matrix: in.
    pub columns: usize,
    dtype: Dtype,
    offsets: (usize, usize),
}

/// The matrices of a safetensors file in natural order of their names (`2.weight` before `10.weight`), each out x in, the first applied
/// first. They chain, every entry was finite when the file was opened, and there is at least one.
///
/// Held is the header; a matrix is read when it is asked for, so that a product takes the memory of one factor, however long it is.
#[derive(Debug)]
pub struct FactorFile {
    file: HeadedFile,
    factors: Vec<Factor>,
    skipped: Vec<String>,
}

impl FactorFile {
    /// Checks a file: the header, then the entries, one factor after the other. Tensors of one dimension or none (biases, counters) are passed over.
    ///
    /// # Errors
    ///
    /// [`FactorError`]: an unreadable file, three or more dimensions, an extent of zero, a type other than F16, BF16, F32 and F64, shapes
    /// that do not chain, no matrix, an entry that is NaN or infinite.
    pub fn open(file: &Path) -> Result<Self, FactorError> {
        if file.extension().is_some_and(|extension| extension == "npy" || extension == "npz") && is_numpy(file) {
            return Err(FactorError::NumPy { file: file.to_owned() });
        }
        let mut headed = HeadedFile::open(file)?;
        let tensors = std::mem::take(&mut headed.tensors);
        let mut tensors: Vec<_> = tensors.into_iter().map(|(name, info)| (NaturalOrder(name), info)).collect();
        tensors.sort_by(|a, b| a.0.cmp(&b.0));
        let mut factors: Vec<Factor> = Vec::new();
        let mut skipped = Vec::new();
        for (NaturalOrder(name), info) in tensors {
            let wrong = |problem: String| FactorError::Tensor {
                file: file.to_owned(),
                tensor: name.clone(),
                shape: info.shape.clone(),
                problem,
            };
            let (rows, columns) = match info.shape[..] {
                [] | [_] => {
                    skipped.push(name);
                    continue;
                }
                [0, _] | [_, 0] => return Err(wrong("has no entries: remove it".to_owned())),
                [rows, columns] => (rows, columns),
                _ => {
                    let problem = "is not a matrix: store each factor as a tensor of its own, out x in, or remove it";
                    return Err(wrong(problem.to_owned()));
                }
            };
            if !matches!(info.dtype, Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64) {
                let problem =
                    format!("has type {:?}; F16, BF16, F32 and F64 are read: convert it or remove it", info.dtype);
                return Err(wrong(problem));
            }
            if let Some(last) = factors.last().filter(|last| last.rows != columns) {
                return Err(FactorError::NotChained {
                    file: file.to_owned(),
                    tensor: name,
                    rows,
                    columns,
                    previous: last.name.clone(),
                    expected: last.rows,
                });
            }
            factors.push(Factor { name, rows, columns, dtype: info.dtype, offsets: info.data_offsets });
        }
        if factors.is_empty() {
            return Err(FactorError::Empty { file: file.to_owned(), tensors: skipped.len() });
        }
        let this = Self { file: headed, factors, skipped };
        for factor in &this.factors {
            this.values(factor)?;
        }
        Ok(this)
    }

    /// The factors, first applied first.
    pub fn factors(&self) -> &[Factor] {
        &self.factors
    }

    /// Names of the tensors that were passed over, in natural order.
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// The matrix of the factor at an index of [`factors`](Self::factors).
    ///
    /// # Errors
    ///
    /// [`FactorError::File`] if the file has changed since it was opened, or can no longer be read.
    pub fn matrix(&self, index: usize) -> Result<DMatrix<f64>, FactorError> {
        let factor = &self.factors[index];
        Ok(DMatrix::from_row_slice(factor.rows, factor.columns, &self.values(factor)?))
    }

    fn values(&self, factor: &Factor) -> Result<Vec<f64>, TensorFileError> {
        let values = self.file.values(factor.dtype, factor.offsets)?;
        let values = values.expect("`open` has let through types that are read only");
        match values.iter().position(|value| !value.is_finite()) {
            Some(index) => Err(TensorFileError::NotFinite {
                file: self.file.path().to_owned(),
                tensor: factor.name.clone(),
                index,
                value: values[index],
            }),
            None => Ok(values),
        }
    }
}

/// Whether a file begins like one of NumPy's; one that cannot be read is left to others to complain about.
fn is_numpy(file: &Path) -> bool {
    let regular = std::fs::metadata(file).is_ok_and(|metadata| metadata.is_file());
    let mut start = Vec::new();
    let read = regular && std::fs::File::open(file).is_ok_and(|file| file.take(6).read_to_end(&mut start).is_ok());
    read && [b"\x93NUMPY".as_slice(), b"PK\x03\x04"].iter().any(|magic| start.starts_with(magic))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use safetensors::tensor::TensorView;

    fn bytes(list: &[(&str, Dtype, &[usize], Vec<u8>)]) -> Vec<u8> {
        let views = list.iter().map(|(name, dtype, shape, data)| {
            (*name, TensorView::new(*dtype, shape.to_vec(), data).expect("the shape fits the values"))
        });
        safetensors::serialize(views, None).expect("valid")
    }

    fn valid() -> Vec<u8> {
        let bf16s = [1.5_f32, -2.0, 0.0, 3.0].iter().flat_map(|v| half::bf16::from_f32(*v).to_le_bytes()).collect();
        let f32s = [0.1_f32, 0.2].iter().flat_map(|v| v.to_le_bytes()).collect();
        bytes(&[
            ("10.weight", Dtype::F32, &[1, 2], f32s),
            ("2.weight", Dtype::BF16, &[2, 2], bf16s),
            ("2.bias", Dtype::F32, &[2], vec![0; 8]),
            ("step", Dtype::I64, &[], vec![0; 8]),
        ])
    }

    fn open(bytes: &[u8]) -> Result<FactorFile, FactorError> {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), bytes).expect("writable");
        FactorFile::open(file.path())
    }

    #[test]
    fn factors_come_in_natural_order_and_exactly() {
        let file = open(&valid()).expect("valid");
        let names: Vec<&str> = file.factors().iter().map(|factor| factor.name.as_str()).collect();
        assert_eq!(names, ["2.weight", "10.weight"]);
        assert_eq!(file.skipped(), ["2.bias", "step"]);
        assert_eq!(file.matrix(0).expect("readable"), nalgebra::dmatrix![1.5, -2.0; 0.0, 3.0]);
        assert_eq!(file.matrix(1).expect("readable"), nalgebra::dmatrix![f64::from(0.1_f32), f64::from(0.2_f32)]);
    }

    /// The header is refused before a byte of the data is read, and a file that changes under the reader is an error.
    #[test]
    fn only_the_header_is_held() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        // A terabyte of zeros that no disk holds, beside a header that leaves them out.
        std::fs::write(file.path(), valid()).expect("writable");
        file.as_file().set_len(1 << 40).expect("sparse files");
        let error = FactorFile::open(file.path()).expect_err("too long").to_string();
        assert!(error.contains("file not fully covered"), "{error}");
        std::fs::write(file.path(), valid()).expect("writable");
        let factors = FactorFile::open(file.path()).expect("valid");
        let length = file.as_file().metadata().expect("open").len();
        file.as_file().set_len(length - 4).expect("writable");
        assert!(matches!(factors.matrix(0).and(factors.matrix(1)), Err(FactorError::File(_))));
    }

    proptest! {
        /// No bytes make the reader panic, and what it accepts can be decoded.
        #[test]
        fn mangled_files_are_read_or_refused(cut in 0usize..300, flip in 0usize..300, byte: u8) {
            let mut bytes = valid();
            bytes.truncate(bytes.len().saturating_sub(cut / 4));
            if let Some(target) = bytes.get_mut(flip) {
                *target = byte;
            }
            if let Ok(file) = open(&bytes) {
                (0..file.factors().len()).for_each(|index| assert!(!file.matrix(index).expect("readable").is_empty()));
            }
        }
    }
}
