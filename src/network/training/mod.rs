//! Training: optimisers, clipping, mini-batches, the loop's body.

mod clip;
mod optimizer;
mod trainer;

pub use clip::{Clipped, clip, ln_global_norm};
pub use optimizer::{COSINE_ENTRIES, LayerUpdate, OptimizerState, UpdateNorms};
pub use trainer::{Evaluation, StepOutcome, TrainError, Trainer, training_memory};
