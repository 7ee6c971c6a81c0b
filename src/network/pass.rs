//! Forward and backward pass.

use nalgebra::{DMatrix, DVector};

use super::hooks::{ActivationGradientEvent, ForwardEvent, Hooks, Parameter, ParameterGradientEvent, Stop};
use super::{Block, Network};
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
    fn stopped(step: usize, layer: usize) -> impl Fn(Stop) -> Self {
        move |stop| Self::Stopped { step, layer, reason: stop.reason }
    }
}

/// What the forward pass leaves for the backward pass.
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

/// The gradients of a loss, summed over the batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradients<T: Real> {
    /// dL/dW_l, first layer first.
    pub weights: Vec<DMatrix<T>>,
    /// dL/db_l, first layer first; `None` where there is no bias.
    pub biases: Vec<Option<DVector<T>>>,
    /// dL/dX_0, features x B.
    pub input: DMatrix<T>,
}

impl<T: Real> Network<T> {
    /// Runs a batch (features x B) forward and keeps what the way back needs.
    ///
    /// # Errors
    ///
    /// [`PassError`]: a batch of the wrong size, a hook that stops or that names a layer that does not exist.
    pub fn forward(&self, input: &DMatrix<T>, step: usize, hooks: &mut Hooks<'_, T>) -> Result<Tape<T>, PassError> {
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
        let mut tape = Tape { input: input.clone(), layers: Vec::with_capacity(self.depth()) };
        for (index, Block { weight, bias, activation, .. }) in self.blocks().iter().enumerate() {
            let layer = index + 1;
            let pre_activation = dense::forward(weight, bias.as_ref(), tape.input_of(index));
            let pointwise::Activated { mut output, slope } = pointwise::forward(&**activation, &pre_activation);
            let mut event = ForwardEvent {
                step,
                layer,
                input: tape.input_of(index),
                pre_activation: &pre_activation,
                slope: &slope,
                output: &mut output,
            };
            hooks.call_forward(&mut event).map_err(PassError::stopped(step, layer))?;
            tape.layers.push(TapeLayer { pre_activation, slope, output });
        }
        Ok(tape)
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
        hooks.prepare(self.depth())?;
        if output_gradient.shape() != tape.output().shape() {
            return Err(PassError::Shape {
                what: "gradient of the outputs",
                rows: output_gradient.nrows(),
                columns: output_gradient.ncols(),
                expected_rows: tape.output().nrows(),
                expected_columns: Some(tape.output().ncols()),
            });
        }
        let mut gradient = output_gradient;
        let mut weights = Vec::with_capacity(self.depth());
        let mut biases = Vec::with_capacity(self.depth());
        for (index, block) in self.blocks().iter().enumerate().rev() {
            let layer = index + 1;
            let TapeLayer { pre_activation, slope, output } = &tape.layers[index];
            let stopped = PassError::stopped(step, layer);
            let mut event = ActivationGradientEvent { step, layer, pre_activation, output, gradient: &mut gradient };
            hooks.call_output_gradient(&mut event).map_err(&stopped)?;
            pointwise::backward(slope, event.gradient);
            hooks.call_activation_gradient(&mut event).map_err(&stopped)?;

            let mut weight_gradient = dense::weight_gradient(&gradient, tape.input_of(index));
            let mut event = ParameterGradientEvent {
                step,
                layer,
                parameter: Parameter::Weight,
                shape: block.weight.shape(),
                value: block.weight.as_slice(),
                gradient: weight_gradient.as_mut_slice(),
            };
            hooks.call_parameter_gradient(&mut event).map_err(&stopped)?;
            weights.push(weight_gradient);

            let mut bias_gradient = block.bias.as_ref().map(|_| dense::bias_gradient(&gradient));
            if let (Some(bias), Some(bias_gradient)) = (&block.bias, &mut bias_gradient) {
                let mut event = ParameterGradientEvent {
                    step,
                    layer,
                    parameter: Parameter::Bias,
                    shape: (bias.len(), 1),
                    value: bias.as_slice(),
                    gradient: bias_gradient.as_mut_slice(),
                };
                hooks.call_parameter_gradient(&mut event).map_err(&stopped)?;
            }
            biases.push(bias_gradient);
            gradient = dense::input_gradient(&block.weight, &gradient);
        }
        weights.reverse();
        biases.reverse();
        Ok(Gradients { weights, biases, input: gradient })
    }
}
