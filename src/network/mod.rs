//! Finite dense networks: sampling, forward and backward pass with hooks, losses, weights from a file.
//!
//! One engine serves both number formats ([`crate::linalg::Real`]); every product is a GEMM over the whole batch.
//!
//! ```
//! use gradspectra::network::{BoundLoss, Hooks, Layers, Network, draw_inputs};
//! use gradspectra::{spec::Spec, stats::Stream};
//!
//! let spec = Spec::load("lesson")?;
//! let stream = Stream::new(spec.seed, "example");
//! let network = Network::<f64>::sample(&spec, stream)?;
//!
//! let mut norms = Vec::new();
//! let mut hooks = Hooks::new();
//! hooks.on_pre_activation_gradient(Layers::All, |event| {
//!     norms.push((event.layer, event.gradient.norm()));
//!     Ok(())
//! });
//! let tape = network.forward(&draw_inputs(&spec, stream), 0, &mut hooks)?;
//! let loss = BoundLoss::Sum.evaluate(tape.output())?;
//! network.backward(&tape, &loss.gradient, 0, &mut hooks)?;
//! drop(hooks);
//! assert_eq!(norms.first().map(|(layer, _)| *layer), Some(10));
//! assert!(norms[0].1 > norms[9].1, "the gradient has vanished on its way back");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod hooks;
mod loss;
mod pass;
mod sample;
mod share;
mod state_dict;
mod training;

use std::sync::Arc;

use nalgebra::{DMatrix, DVector};

pub use hooks::{
    ActivationGradientEvent, ForwardEvent, HookHandle, Hooks, Layers, Parameter, ParameterGradientEvent, PassEvent,
    Signal, Stop, UpdateEvent,
};
pub use loss::{BoundLoss, LossShapeError, LossValue};
pub use pass::{Gradients, PassError, Tape, TapeLayer};
pub use sample::{bind_loss, draw_inputs};
pub(crate) use share::awake;
pub use state_dict::{StateDictError, load_state_dict};
pub use training::{
    COSINE_ENTRIES, Clipped, Evaluation, LayerUpdate, OptimizerState, StepOutcome, TrainError, Trainer, UpdateNorms,
    clip, ln_global_norm, training_memory,
};

use crate::activation::Activation;
use crate::linalg::Real;

/// A dense network: `x_l = phi_l(W_l x_{l-1} + b_l)`.
#[derive(Debug, Clone)]
pub struct Network<T: Real> {
    blocks: Vec<Block<T>>,
}

/// One block of a network.
#[derive(Debug, Clone)]
pub struct Block<T: Real> {
    /// Name of its parameters, as in a state dict (`0`, `encoder.2`), or its number.
    pub name: String,
    /// W, fan_out x fan_in.
    pub weight: DMatrix<T>,
    /// b, if the block has one.
    pub bias: Option<DVector<T>>,
    /// phi.
    pub activation: Arc<dyn Activation>,
}

/// Blocks that do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// A network has at least one block.
    #[error("a network needs at least one layer")]
    Empty,
    /// The output of one block is not the input of the next.
    #[error(
        "layer `{after}` takes {fan_in} inputs, but layer `{before}` has {fan_out} outputs: the shapes do not chain"
    )]
    Chain {
        /// The earlier block.
        before: String,
        /// Its output width.
        fan_out: usize,
        /// The later block.
        after: String,
        /// Its input width.
        fan_in: usize,
    },
    /// A bias of another length than its weight has rows.
    #[error("layer `{name}` has a bias of length {bias}, but its weight has {rows} rows")]
    Bias {
        /// The block.
        name: String,
        /// Length of the bias.
        bias: usize,
        /// Rows of the weight.
        rows: usize,
    },
    /// A weight without rows or columns.
    #[error("layer `{name}` has an empty weight ({rows} x {columns})")]
    NoUnits {
        /// The block.
        name: String,
        /// Rows of the weight.
        rows: usize,
        /// Columns of the weight.
        columns: usize,
    },
}

impl<T: Real> Network<T> {
    /// A network from its blocks, first applied first.
    ///
    /// # Errors
    ///
    /// [`NetworkError`] if there is none, a shape does not chain, or a weight is empty.
    pub fn new(blocks: Vec<Block<T>>) -> Result<Self, NetworkError> {
        if blocks.is_empty() {
            return Err(NetworkError::Empty);
        }
        for block in &blocks {
            let (rows, columns) = block.weight.shape();
            if rows == 0 || columns == 0 {
                return Err(NetworkError::NoUnits { name: block.name.clone(), rows, columns });
            }
            if let Some(bias) = block.bias.as_ref().filter(|bias| bias.len() != rows) {
                return Err(NetworkError::Bias { name: block.name.clone(), bias: bias.len(), rows });
            }
        }
        for pair in blocks.windows(2) {
            if pair[0].weight.nrows() != pair[1].weight.ncols() {
                return Err(NetworkError::Chain {
                    before: pair[0].name.clone(),
                    fan_out: pair[0].weight.nrows(),
                    after: pair[1].name.clone(),
                    fan_in: pair[1].weight.ncols(),
                });
            }
        }
        Ok(Self { blocks })
    }

    /// Replaces the activation after the last block.
    pub fn set_output_activation(&mut self, activation: Arc<dyn Activation>) {
        if let Some(last) = self.blocks.last_mut() {
            last.activation = activation;
        }
    }

    /// The blocks, first applied first.
    pub fn blocks(&self) -> &[Block<T>] {
        &self.blocks
    }

    /// Number of blocks.
    pub fn depth(&self) -> usize {
        self.blocks.len()
    }

    /// Entries of all weights.
    fn entries(&self) -> usize {
        self.blocks.iter().map(|block| block.weight.len()).sum()
    }

    /// Number of input features.
    pub fn input_width(&self) -> usize {
        self.blocks[0].weight.ncols()
    }

    /// Number of outputs.
    pub fn output_width(&self) -> usize {
        self.blocks[self.blocks.len() - 1].weight.nrows()
    }

    /// The same network in another number format, every weight rounded once.
    pub fn cast<U: Real>(&self) -> Network<U> {
        let blocks = self.blocks.iter().map(|block| Block {
            name: block.name.clone(),
            weight: block.weight.map(|entry| U::from_f64(entry.to_f64())),
            bias: block.bias.as_ref().map(|bias| bias.map(|entry| U::from_f64(entry.to_f64()))),
            activation: Arc::clone(&block.activation),
        });
        Network { blocks: blocks.collect() }
    }
}
