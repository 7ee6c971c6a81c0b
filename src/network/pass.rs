//! Forward and backward pass.

use std::ops::Range;

use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;

use super::hooks::{ActivationGradientEvent, ForwardEvent, Hooks, Parameter, ParameterGradientEvent, Stop};
use super::{Block, Network, share};
use crate::layer::{dense, pointwise};
use crate::linalg::Real;

/// Why a pass ended early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PassError {
    /// A hook stopped it.
    #[error("stopped at step {step}, layer {layer}: {reason}")]
    Stopped {
        /// Step of the run.
        step: usize,
        /// Layer at which the hook was called.
        layer: usize,
        /// The hook's reason.
        reason: String,
    },
    /// A hook was registered for a layer that the network does not have.
    #[error("a hook is registered for layer {layer}, but the layers are numbered 1 to {depth}")]
    NoSuchLayer {
        /// The layer asked for.
        layer: usize,
        /// Layers of the network.
        depth: usize,
    },
    /// A batch of the wrong size.
    #[error("the {what} is {rows} x {columns}; the network expects {expected_rows} rows{}", columns_note(*expected_columns))]
    Shape {
        /// Which matrix.
        what: &'static str,
        /// Its rows.
        rows: usize,
        /// Its columns.
        columns: usize,
        /// The rows it should have.
        expected_rows: usize,
        /// The columns it should have, where that is fixed.
        expected_columns: Option<usize>,
    },
}

fn columns_note(expected: Option<usize>) -> String {
    expected.map_or_else(String::new, |columns| format!(" and {columns} columns"))
}

impl PassError {
    pub(super) fn stopped(step: usize, layer: usize) -> impl Fn(Stop) -> Self {
        move |stop| Self::Stopped { step, layer, reason: stop.reason }
    }
}

/// What the forward pass leaves for the backward pass. One tape serves any number of passes: its buffers are reused.
#[derive(Debug, Clone, PartialEq)]
pub struct Tape<T: Real> {
    input: DMatrix<T>,
    layers: Vec<TapeLayer<T>>,
}

/// One layer of a tape; all fan_out x B.
#[derive(Debug, Clone, PartialEq)]
pub struct TapeLayer<T: Real> {
    /// h_l.
    pub pre_activation: DMatrix<T>,
    /// phi'(h_l).
    pub slope: DMatrix<T>,
    /// x_l.
    pub output: DMatrix<T>,
}

impl<T: Real> Tape<T> {
    /// An empty tape.
    pub fn new() -> Self {
        Self { input: empty(), layers: Vec::new() }
    }

    /// The output of the last layer.
    pub fn output(&self) -> &DMatrix<T> {
        self.layers.last().map_or(&self.input, |layer| &layer.output)
    }

    /// The layers, first applied first.
    pub fn layers(&self) -> &[TapeLayer<T>] {
        &self.layers
    }

    fn input_of(&self, index: usize) -> &DMatrix<T> {
        if index == 0 { &self.input } else { &self.layers[index - 1].output }
    }
}

impl<T: Real> Default for Tape<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// The gradients of a loss, summed over the batch. One serves any number of passes: its buffers are reused.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradients<T: Real> {
    /// dL/dW_l, first layer first.
    pub weights: Vec<DMatrix<T>>,
    /// dL/db_l, first layer first; `None` where there is no bias.
    pub biases: Vec<Option<DVector<T>>>,
    /// dL/dX_0, features x B.
    pub input: DMatrix<T>,
}

impl<T: Real> Gradients<T> {
    /// Empty gradients.
    pub fn new() -> Self {
        Self { weights: Vec::new(), biases: Vec::new(), input: empty() }
    }
}

impl<T: Real> Default for Gradients<T> {
    fn default() -> Self {
        Self::new()
    }
}

fn empty<T: Real>() -> DMatrix<T> {
    DMatrix::from_element(0, 0, T::default())
}

/// Gives a buffer the shape it needs, if it has another.
fn reshape<T: Real>(buffer: &mut DMatrix<T>, rows: usize, columns: usize) {
    if buffer.shape() != (rows, columns) {
        *buffer = DMatrix::from_element(rows, columns, T::default());
    }
}

impl<T: Real> Network<T> {
    /// Runs a batch (features x B) forward and keeps what the way back needs.
    ///
    /// # Errors
    ///
    /// [`PassError`]: a batch of the wrong size, a hook that stops or that names a layer that does not exist.
    pub fn forward(&self, input: &DMatrix<T>, step: usize, hooks: &mut Hooks<'_, T>) -> Result<Tape<T>, PassError> {
        let mut tape = Tape::new();
        self.forward_into(input, step, hooks, &mut tape)?;
        Ok(tape)
    }

    /// As [`Network::forward`], on a tape that is there already.
    ///
    /// # Errors
    ///
    /// As [`Network::forward`]; the tape then holds part of a pass.
    pub fn forward_into(
        &self,
        input: &DMatrix<T>,
        step: usize,
        hooks: &mut Hooks<'_, T>,
        tape: &mut Tape<T>,
    ) -> Result<(), PassError> {
        hooks.prepare(self.depth())?;
        if input.nrows() != self.input_width() {
            return Err(PassError::Shape {
                what: "batch of inputs",
                rows: input.nrows(),
                columns: input.ncols(),
                expected_rows: self.input_width(),
                expected_columns: None,
            });
        }
        reshape(&mut tape.input, input.nrows(), input.ncols());
        tape.input.copy_from(input);
        let new_layer = || TapeLayer { pre_activation: empty(), slope: empty(), output: empty() };
        tape.layers.resize_with(self.depth(), new_layer);
        for (index, Block { weight, bias, activation, .. }) in self.blocks().iter().enumerate() {
            let layer = index + 1;
            let (below, above) = tape.layers.split_at_mut(index);
            let input = below.last().map_or(&tape.input, |layer| &layer.output);
            let TapeLayer { pre_activation, slope, output } = &mut above[0];
            for buffer in [&mut *pre_activation, &mut *slope, &mut *output] {
                reshape(buffer, weight.nrows(), input.ncols());
            }
            // A block of samples is multiplied and sent through the activation while it is in the cache.
            let part = |samples: Range<usize>, h: &mut [T], x: &mut [T], d: &mut [T]| {
                dense::forward_columns(weight, bias.as_ref(), input, samples, h);
                pointwise::forward(&**activation, h, x, d);
            };
            let samples = share::columns(weight.nrows(), weight.ncols(), input.ncols());
            if samples >= input.ncols() {
                part(0..input.ncols(), pre_activation.as_mut_slice(), output.as_mut_slice(), slope.as_mut_slice());
            } else {
                let length = samples * weight.nrows();
                pre_activation
                    .as_mut_slice()
                    .par_chunks_mut(length)
                    .zip(output.as_mut_slice().par_chunks_mut(length))
                    .zip(slope.as_mut_slice().par_chunks_mut(length))
                    .enumerate()
                    .for_each(|(block, ((h, x), d))| part(share::block(block, samples, input.ncols()), h, x, d));
            }
            let mut event = ForwardEvent { step, layer, input, pre_activation, slope, output };
            hooks.call_forward(&mut event).map_err(PassError::stopped(step, layer))?;
        }
        Ok(())
    }

    /// Runs the gradient of a loss with respect to the outputs (fan_out x B) back through the network. The gradient with
    /// respect to the inputs costs one GEMM more than PyTorch's default and is part of the result.
    ///
    /// # Errors
    ///
    /// [`PassError`]: a gradient of the wrong size, a hook that stops or that names a layer that does not exist.
    pub fn backward(
        &self,
        tape: &Tape<T>,
        output_gradient: DMatrix<T>,
        step: usize,
        hooks: &mut Hooks<'_, T>,
    ) -> Result<Gradients<T>, PassError> {
        let mut gradients = Gradients::new();
        self.backward_into(tape, output_gradient, step, hooks, &mut gradients)?;
        Ok(gradients)
    }

    /// As [`Network::backward`], into gradients that are there already.
    ///
    /// # Errors
    ///
    /// As [`Network::backward`]; the gradients then hold part of a pass.
    pub fn backward_into(
        &self,
        tape: &Tape<T>,
        output_gradient: DMatrix<T>,
        step: usize,
        hooks: &mut Hooks<'_, T>,
        gradients: &mut Gradients<T>,
    ) -> Result<(), PassError> {
        self.run_backward(tape, output_gradient, step, hooks, gradients, true).map(|_| ())
    }

    /// As [`Network::backward_into`], without the gradient with respect to the inputs: training does not need it. What `gradients.input` then
    /// holds has no meaning. Gives back a matrix, of no meaning either, for the next output gradient: a fresh one a step costs page faults.
    ///
    /// # Errors
    ///
    /// As [`Network::backward`]; the gradients then hold part of a pass.
    pub fn backward_parameters_into(
        &self,
        tape: &Tape<T>,
        output_gradient: DMatrix<T>,
        step: usize,
        hooks: &mut Hooks<'_, T>,
        gradients: &mut Gradients<T>,
    ) -> Result<DMatrix<T>, PassError> {
        self.run_backward(tape, output_gradient, step, hooks, gradients, false)
    }

    fn run_backward(
        &self,
        tape: &Tape<T>,
        output_gradient: DMatrix<T>,
        step: usize,
        hooks: &mut Hooks<'_, T>,
        gradients: &mut Gradients<T>,
        of_the_input: bool,
    ) -> Result<DMatrix<T>, PassError> {
        hooks.prepare(self.depth())?;
        let expected = (self.output_width(), tape.input.ncols());
        let of_this_network = tape.input.nrows() == self.input_width()
            && tape.layers.len() == self.depth()
            && tape.layers.iter().zip(self.blocks()).all(|(layer, block)| layer.output.nrows() == block.weight.nrows());
        if !of_this_network {
            return Err(PassError::Shape {
                what: "first batch on the tape",
                rows: tape.input.nrows(),
                columns: tape.input.ncols(),
                expected_rows: self.input_width(),
                expected_columns: None,
            });
        }
        if output_gradient.shape() != expected {
            return Err(PassError::Shape {
                what: "gradient of the outputs",
                rows: output_gradient.nrows(),
                columns: output_gradient.ncols(),
                expected_rows: expected.0,
                expected_columns: Some(expected.1),
            });
        }
        gradients.weights.resize_with(self.depth(), empty);
        gradients.biases.resize_with(self.depth(), || None);
        // Two buffers take turns: fresh ones cost page faults at every layer.
        let mut gradient = output_gradient;
        let mut below = std::mem::replace(&mut gradients.input, empty());
        for (index, block) in self.blocks().iter().enumerate().rev() {
            let layer = index + 1;
            let TapeLayer { pre_activation, slope, output } = &tape.layers[index];
            let stopped = PassError::stopped(step, layer);
            let mut event = ActivationGradientEvent { step, layer, pre_activation, output, gradient: &mut gradient };
            hooks.call_output_gradient(&mut event).map_err(&stopped)?;
            pointwise::backward(slope, event.gradient);
            hooks.call_pre_activation_gradient(&mut event).map_err(&stopped)?;

            let (fan_out, fan_in) = block.weight.shape();
            let weight_gradient = &mut gradients.weights[index];
            reshape(weight_gradient, fan_out, fan_in);
            let wants_below = index > 0 || of_the_input;
            if wants_below {
                reshape(&mut below, fan_in, gradient.ncols());
            }
            let target = wants_below.then_some(&mut below);
            products(&block.weight, &gradient, tape.input_of(index), weight_gradient, target);
            let mut event = ParameterGradientEvent {
                step,
                layer,
                parameter: Parameter::Weight,
                shape: (fan_out, fan_in),
                value: block.weight.as_slice(),
                gradient: weight_gradient.as_mut_slice(),
            };
            hooks.call_parameter_gradient(&mut event).map_err(&stopped)?;

            if let Some(bias) = &block.bias {
                let reusable = gradients.biases[index].take().filter(|buffer| buffer.len() == fan_out);
                let fresh = || DVector::from_element(fan_out, T::default());
                let bias_gradient = gradients.biases[index].insert(reusable.unwrap_or_else(fresh));
                dense::bias_gradient(&gradient, bias_gradient);
                let mut event = ParameterGradientEvent {
                    step,
                    layer,
                    parameter: Parameter::Bias,
                    shape: (fan_out, 1),
                    value: bias.as_slice(),
                    gradient: bias_gradient.as_mut_slice(),
                };
                hooks.call_parameter_gradient(&mut event).map_err(&stopped)?;
            } else {
                gradients.biases[index] = None;
            }
            if wants_below {
                std::mem::swap(&mut gradient, &mut below);
            }
        }
        gradients.input = gradient;
        Ok(below)
    }
}

/// The two products of a layer's way back, `Delta X^T` and, where it is wanted, `W^T Delta`, in blocks of columns that the cores share.
fn products<T: Real>(
    weight: &DMatrix<T>,
    delta: &DMatrix<T>,
    input: &DMatrix<T>,
    weight_gradient: &mut DMatrix<T>,
    below: Option<&mut DMatrix<T>>,
) {
    let (fan_out, fan_in) = weight.shape();
    let batch = delta.ncols();
    let mut of_the_weight = || {
        let inputs = share::columns(fan_out, batch, fan_in);
        if inputs >= fan_in {
            dense::weight_gradient(delta, input, weight_gradient);
        } else {
            weight_gradient.as_mut_slice().par_chunks_mut(inputs * fan_out).enumerate().for_each(|(block, part)| {
                dense::weight_gradient_columns(delta, input, share::block(block, inputs, fan_in), part);
            });
        }
    };
    let samples = share::columns(fan_in, fan_out, batch);
    match below {
        None => of_the_weight(),
        Some(below) if samples >= batch => {
            of_the_weight();
            dense::input_gradient(weight, delta, below);
        }
        Some(below) => {
            let of_the_input = || {
                below.as_mut_slice().par_chunks_mut(samples * fan_in).enumerate().for_each(|(block, part)| {
                    dense::input_gradient_columns(weight, delta, share::block(block, samples, batch), part);
                });
            };
            rayon::join(of_the_weight, of_the_input);
        }
    }
}
