//! Named tensors from files: safetensors with f16, bf16, f32 and f64 data, and whole numbers.

mod safetensors_file;

pub use safetensors_file::{Tensor, TensorFileError, read_safetensors};
