//! Numbers from files: safetensors with f16, bf16, f32 and f64 data, and whole numbers; NumPy arrays; tables as text.
//!
//! [`read_safetensors`] gives all tensors of a file; [`FactorFile`] its matrices as factors of one product, one at a time; [`read_npy`] an
//! array; [`read_csv`] a table with the line of every row.

mod csv_file;
mod factors;
mod header;
mod npy_file;
mod safetensors_file;
mod write;

pub use csv_file::{CsvError, CsvTable, read_csv};
pub use factors::{Factor, FactorError, FactorFile};
pub use npy_file::{NpyError, read_npy};
pub use safetensors_file::{Tensor, TensorFileError, read_safetensors};
pub use write::{Storage, TEMPORARY, read_metadata, write_safetensors};
