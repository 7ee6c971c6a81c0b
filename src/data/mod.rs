//! Inputs of networks and recorded reference data.
//!
//! Batches have one sample per column: n_features x B.

mod digits;
mod file_samples;
mod given;
mod pytorch_lesson;
mod training_set;

pub use digits::{digit_labels, digits};
pub use file_samples::{Column, FileRequest, FileSamples, FileTargets, standardize};
pub use given::{GivenError, given_inputs, given_labels, given_named};
pub use pytorch_lesson::{PYTORCH_LESSON_LAYERS, pytorch_lesson_ln_norms};
pub use training_set::{Split, TargetShape, Targets, TrainingSet, shuffled};
