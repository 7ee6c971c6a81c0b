//! Random networks, inputs and losses from a specification.
//!
//! Stream numbers inside one trial: 0 for the inputs, l for layer l (weights, then biases), and one beyond every depth for
//! the readout or the targets. Numbers are drawn in f64 and rounded to the format: the same network in both formats.

use std::any::Any;
use std::sync::Arc;

use nalgebra::{DMatrix, DVector};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Uniform};

use super::{Block, BoundLoss, Network};
use crate::ensemble::{Ensemble, Gaussian};
use crate::linalg::{LinalgError, Real};
use crate::spec::{BlockSpec, DataSource, Law, Loss, Spec};
use crate::stats::Stream;

const READOUT_STREAM: u64 = 1 << 40;

impl<T: Real> Network<T> {
    /// Draws the network of a specification.
    ///
    /// # Errors
    ///
    /// [`LinalgError`] from an ensemble that needs LAPACK.
    pub fn sample(spec: &Spec, stream: Stream) -> Result<Self, LinalgError> {
        let empty = |(index, block): (usize, &BlockSpec)| Block {
            name: (index + 1).to_string(),
            weight: DMatrix::from_element(block.fan_out, block.fan_in, T::default()),
            bias: block.biases.as_ref().map(|_| DVector::from_element(block.fan_out, T::default())),
            activation: Arc::clone(&block.activation),
        };
        let mut network = Self { blocks: spec.network.blocks.iter().enumerate().map(empty).collect() };
        network.resample(spec, stream)?;
        Ok(network)
    }

    /// Draws anew into the network that an earlier [`Network::sample`] of the same specification made. Large matrices that
    /// are allocated in every trial cost more in page faults than their random numbers do.
    ///
    /// # Errors
    ///
    /// As [`Network::sample`].
    pub fn resample(&mut self, spec: &Spec, stream: Stream) -> Result<(), LinalgError> {
        for (index, (block, law)) in self.blocks.iter_mut().zip(&spec.network.blocks).enumerate() {
            let mut generator = stream.layer(index as u64 + 1);
            fill(&mut block.weight, &law.weights, &mut generator)?;
            if let (Some(bias), Some(law)) = (&mut block.bias, &law.biases) {
                let mut column = DMatrix::from_element(bias.len(), 1, T::default());
                fill(&mut column, law, &mut generator)?;
                bias.copy_from(&column.column(0));
            }
        }
        Ok(())
    }
}

/// Draws in f64 and rounds to the format.
fn fill<T: Real>(matrix: &mut DMatrix<T>, law: &Law, generator: &mut ChaCha8Rng) -> Result<(), LinalgError> {
    let any: &mut dyn Any = matrix;
    if let Some(double) = any.downcast_mut::<DMatrix<f64>>() {
        return law.ensemble.fill(double, law.std, generator);
    }
    let drawn = law.ensemble.sample(matrix.nrows(), matrix.ncols(), law.std, generator)?;
    matrix.zip_apply(&drawn, |entry, value| *entry = T::from_f64(value));
    Ok(())
}

/// The inputs of one trial, input x B: drawn, or the given ones.
pub fn draw_inputs<T: Real>(spec: &Spec, stream: Stream) -> DMatrix<T> {
    match &spec.data.source {
        DataSource::Gaussian => standard_normal(spec.network.input, spec.data.batch, stream, 0).map(T::from_f64),
        DataSource::Given { inputs, .. } => inputs.map(T::from_f64),
    }
}

/// The loss of one trial: the readout drawn, targets and classes those of the data, or drawn where it has none.
pub fn bind_loss<T: Real>(spec: &Spec, stream: Stream) -> BoundLoss<T> {
    let outputs = spec.network.blocks.last().map_or(spec.network.input, |block| block.fan_out);
    match spec.loss {
        Loss::Sum => BoundLoss::Sum,
        Loss::Random => {
            let readout = standard_normal(outputs, 1, stream, READOUT_STREAM);
            BoundLoss::Readout(readout.column(0).map(T::from_f64))
        }
        Loss::Mse => {
            let targets = match &spec.data.source {
                DataSource::Given { targets: Some(targets), .. } => targets.map(T::from_f64),
                _ => standard_normal(outputs, spec.data.batch, stream, READOUT_STREAM).map(T::from_f64),
            };
            BoundLoss::Mse { targets }
        }
        Loss::CrossEntropy => {
            let labels = match &spec.data.source {
                DataSource::Given { labels: Some(labels), .. } => labels.to_vec(),
                _ => {
                    let mut generator = stream.layer(READOUT_STREAM);
                    let class = Uniform::new(0, outputs).expect("a network has at least one output");
                    (0..spec.data.batch).map(|_| class.sample(&mut generator)).collect()
                }
            };
            BoundLoss::CrossEntropy { labels }
        }
    }
}

fn standard_normal(rows: usize, columns: usize, stream: Stream, layer: u64) -> DMatrix<f64> {
    let drawn = Gaussian.sample(rows, columns, 1.0, &mut stream.layer(layer));
    drawn.expect("independent entries need no LAPACK: sampling them cannot fail")
}
