//! Random networks, inputs and losses from a specification.
//!
//! Stream numbers inside one trial: 0 for the inputs, l for layer l (weights, then biases), and one beyond every depth for
//! the readout or the targets. Numbers are drawn in f64 and rounded to the format: the same network in both formats.

use std::sync::Arc;

use nalgebra::{DMatrix, DVector};

use super::{Block, BoundLoss, Network};
use crate::ensemble::{Ensemble, Gaussian};
use crate::linalg::{LinalgError, Real};
use crate::spec::{DataSource, Loss, Spec};
use crate::stats::Stream;

const READOUT_STREAM: u64 = 1 << 40;

impl<T: Real> Network<T> {
    /// Draws the network of a specification.
    ///
    /// # Errors
    ///
    /// [`LinalgError`] from an ensemble that needs LAPACK.
    pub fn sample(spec: &Spec, stream: Stream) -> Result<Self, LinalgError> {
        let draw = |(index, block): (usize, &crate::spec::BlockSpec)| {
            let mut generator = stream.layer(index as u64 + 1);
            let weights = &block.weights;
            let weight = weights.ensemble.sample(block.fan_out, block.fan_in, weights.std, &mut generator)?;
            let bias = match &block.biases {
                Some(law) => Some(law.ensemble.sample(block.fan_out, 1, law.std, &mut generator)?),
                None => None,
            };
            Ok(Block {
                name: (index + 1).to_string(),
                weight: cast(weight),
                bias: bias.map(|bias| cast::<T>(bias).column(0).into_owned()),
                activation: Arc::clone(&block.activation),
            })
        };
        let blocks = spec.network.blocks.iter().enumerate().map(draw).collect::<Result<_, LinalgError>>()?;
        Ok(Self { blocks })
    }
}

/// The inputs of one trial, input x B: drawn, or the given ones.
pub fn draw_inputs<T: Real>(spec: &Spec, stream: Stream) -> DMatrix<T> {
    match &spec.data.source {
        DataSource::Gaussian => cast(standard_normal(spec.network.input, spec.data.batch, stream, 0)),
        DataSource::Given { inputs, .. } => inputs.map(T::from_f64),
    }
}

/// The loss of one trial, with its readout or targets drawn.
pub fn bind_loss<T: Real>(spec: &Spec, stream: Stream) -> BoundLoss<T> {
    let outputs = spec.network.blocks.last().map_or(spec.network.input, |block| block.fan_out);
    match spec.loss {
        Loss::Sum => BoundLoss::Sum,
        Loss::Random => {
            let readout = standard_normal(outputs, 1, stream, READOUT_STREAM);
            BoundLoss::Readout(DVector::from_iterator(outputs, readout.iter().map(|&entry| T::from_f64(entry))))
        }
        Loss::Mse => {
            BoundLoss::Mse { targets: cast(standard_normal(outputs, spec.data.batch, stream, READOUT_STREAM)) }
        }
    }
}

fn standard_normal(rows: usize, columns: usize, stream: Stream, layer: u64) -> DMatrix<f64> {
    let drawn = Gaussian.sample(rows, columns, 1.0, &mut stream.layer(layer));
    drawn.expect("independent entries need no LAPACK: sampling them cannot fail")
}

/// Rounds to the format; `f64` to `f64` is a move, not a copy.
fn cast<T: Real>(matrix: DMatrix<f64>) -> DMatrix<T> {
    let boxed: Box<dyn std::any::Any> = Box::new(matrix);
    match boxed.downcast::<DMatrix<T>>() {
        Ok(same) => *same,
        Err(other) => {
            let matrix = other.downcast::<DMatrix<f64>>().expect("it was put in as a matrix of f64");
            matrix.map(T::from_f64)
        }
    }
}
