//! Named tensors from files: safetensors with f16, bf16, f32 and f64 data, and whole numbers.
//!
//! [`read_safetensors`] gives all tensors of a file; [`FactorFile`] its matrices as factors of one product, one at a time.

mod factors;
mod header;
mod safetensors_file;

pub use factors::{Factor, FactorError, FactorFile};
pub use safetensors_file::{Tensor, TensorFileError, read_safetensors};
