//! Backward pass.

use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;

use super::super::hooks::{ActivationGradientEvent, Hooks, Parameter, ParameterGradientEvent, PassEvent, Signal, Stop};
use super::super::share::{self, Blocking};
use super::super::{Block, Network};
use super::{Gradients, PassError, Tape, TapeLayer, empty, reshape};
use crate::layer::{dense, pointwise};
use crate::linalg::{Real, ln_norm};

impl<T: Real> Network<T> {
    /// Runs the gradient of a loss with respect to the outputs (fan_out x B) back through the network. The gradient with
    /// respect to the inputs costs one GEMM more than PyTorch's default and is part of the result.
    ///
    /// # Errors
    ///
    /// [`PassError`]: a gradient of the wrong size, a hook that stops or that names a layer that does not exist.
    pub fn backward(
        &self,
        tape: &Tape<T>,
        output_gradient: &DMatrix<T>,
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
        output_gradient: &DMatrix<T>,
        step: usize,
        hooks: &mut Hooks<'_, T>,
        gradients: &mut Gradients<T>,
    ) -> Result<(), PassError> {
        reshape(&mut gradients.input, self.input_width(), tape.input.ncols());
        self.run_backward(tape, output_gradient, step, hooks, gradients)
    }

    /// As [`Network::backward_into`], without the gradient with respect to the inputs, which training does not need: `gradients.input` is left empty.
    ///
    /// # Errors
    ///
    /// As [`Network::backward`]; the gradients then hold part of a pass.
    pub fn backward_parameters_into(
        &self,
        tape: &Tape<T>,
        output_gradient: &DMatrix<T>,
        step: usize,
        hooks: &mut Hooks<'_, T>,
        gradients: &mut Gradients<T>,
    ) -> Result<(), PassError> {
        reshape(&mut gradients.input, 0, 0);
        self.run_backward(tape, output_gradient, step, hooks, gradients)
    }

    /// The way back; with respect to the inputs where `gradients.input` has room for it.
    fn run_backward(
        &self,
        tape: &Tape<T>,
        output_gradient: &DMatrix<T>,
        step: usize,
        hooks: &mut Hooks<'_, T>,
        gradients: &mut Gradients<T>,
    ) -> Result<(), PassError> {
        hooks.prepare(self.depth())?;
        self.check_shapes(tape, output_gradient)?;
        let batch = tape.input.ncols();
        let Gradients { weights, biases, pre_activations, .. } = &mut *gradients;
        weights.resize_with(self.depth(), empty);
        biases.resize_with(self.depth(), || None);
        pre_activations.resize_with(self.depth(), empty);
        let buffers = weights.iter_mut().zip(biases).zip(pre_activations);
        for (((weight, bias), delta), block) in buffers.zip(self.blocks()) {
            let (fan_out, fan_in) = block.weight.shape();
            reshape(weight, fan_out, fan_in);
            reshape(delta, fan_out, batch);
            let reusable = bias.take().filter(|buffer| buffer.len() == fan_out);
            *bias =
                block.bias.as_ref().map(|_| reusable.unwrap_or_else(|| DVector::from_element(fan_out, T::default())));
        }
        let blocking = Blocking::of(self, batch);
        let observed = hooks.observe_pass();
        let signals = if hooks.interrupt_backward() {
            self.backward_layer_by_layer(blocking, tape, output_gradient, step, hooks, gradients, observed)?
        } else {
            let signals = self.backward_block_by_block(blocking, tape, output_gradient, gradients, observed);
            self.parameters(blocking, tape, gradients);
            signals
        };
        if observed {
            let event = PassEvent { step, tape, output_gradient, gradients, signals: &signals };
            let stopped = |stop: Stop| PassError::StoppedAtTheEnd { step, reason: stop.reason };
            hooks.call_pass(&event).map_err(stopped)?;
        }
        Ok(())
    }

    fn check_shapes(&self, tape: &Tape<T>, output_gradient: &DMatrix<T>) -> Result<(), PassError> {
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
        Ok(())
    }

    /// Every block of samples back through all layers; the sizes of the gradients on the way, where they are wanted.
    fn backward_block_by_block(
        &self,
        blocking: Blocking,
        tape: &Tape<T>,
        output_gradient: &DMatrix<T>,
        gradients: &mut Gradients<T>,
        observed: bool,
    ) -> Vec<Signal> {
        let mut parts: Vec<Vec<&mut [T]>> = Vec::new();
        parts.resize_with(blocking.blocks(), || Vec::with_capacity(self.depth() + 1));
        for matrix in std::iter::once(&mut gradients.input).chain(&mut gradients.pre_activations) {
            let length = (blocking.samples * matrix.nrows()).max(1);
            let mut columns = matrix.as_mut_slice().chunks_mut(length);
            parts.iter_mut().for_each(|part| part.push(columns.next().unwrap_or_default()));
        }
        let run = |(number, mut part): (usize, Vec<&mut [T]>)| {
            let columns = share::block(number, blocking.samples, blocking.batch);
            let mut signals = Vec::with_capacity(if observed { self.depth() } else { 0 });
            let mut above: Option<(&Block<T>, &[T])> = None;
            for (index, block) in self.blocks().iter().enumerate().rev() {
                let delta = part.pop().expect("a part a layer");
                let rows = block.weight.nrows();
                let range = columns.start * rows..columns.end * rows;
                match above {
                    Some((block, above)) => dense::input_gradient_block(&block.weight, above, delta),
                    None => delta.copy_from_slice(&output_gradient.as_slice()[range.clone()]),
                }
                let ln_output = if observed { ln_norm(delta) } else { 0.0 };
                pointwise::backward(&tape.layers[index].slope.as_slice()[range], delta);
                if observed {
                    signals.push(Signal { ln_output, ln_pre_activation: ln_norm(delta) });
                }
                above = Some((block, delta));
            }
            if let Some((block, above)) = above
                && let Some(input) = part.pop().filter(|input| !input.is_empty())
            {
                dense::input_gradient_block(&block.weight, above, input);
            }
            signals.reverse();
            signals
        };
        let signals: Vec<Vec<Signal>> = if blocking.parallel {
            parts.into_par_iter().enumerate().map(run).collect()
        } else {
            parts.into_iter().enumerate().map(run).collect()
        };
        let layers = if observed { self.depth() } else { 0 };
        (0..layers).map(|index| Signal::of_blocks(signals.iter().map(|block| block[index]))).collect()
    }

    /// The gradients of the parameters, all layers at once.
    fn parameters(&self, blocking: Blocking, tape: &Tape<T>, gradients: &mut Gradients<T>) {
        let Gradients { weights, biases, pre_activations, .. } = gradients;
        let layer = |(index, (weight, bias)): (usize, (&mut DMatrix<T>, &mut Option<DVector<T>>))| {
            let delta = &pre_activations[index];
            weight_gradient(blocking, delta, tape.input_of(index), weight);
            if let Some(bias) = bias {
                dense::bias_gradient(delta, bias);
            }
        };
        if blocking.parallel {
            weights.par_iter_mut().zip(biases).enumerate().for_each(layer);
        } else {
            weights.iter_mut().zip(biases).enumerate().for_each(layer);
        }
    }

    /// Every layer for all samples, with the hooks in the order in which the gradients come about.
    #[expect(clippy::too_many_arguments, reason = "what a pass consists of")]
    fn backward_layer_by_layer(
        &self,
        blocking: Blocking,
        tape: &Tape<T>,
        output_gradient: &DMatrix<T>,
        step: usize,
        hooks: &mut Hooks<'_, T>,
        gradients: &mut Gradients<T>,
        observed: bool,
    ) -> Result<Vec<Signal>, PassError> {
        let Gradients { weights, biases, pre_activations, input } = gradients;
        pre_activations[self.depth() - 1].copy_from(output_gradient);
        let mut signals = Vec::new();
        for (index, block) in self.blocks().iter().enumerate().rev() {
            let layer = index + 1;
            let TapeLayer { pre_activation, slope, output } = &tape.layers[index];
            let stopped = PassError::stopped(step, layer);
            let (below, here) = pre_activations.split_at_mut(index);
            let delta = &mut here[0];
            let mut event = ActivationGradientEvent { step, layer, pre_activation, output, gradient: delta };
            hooks.call_output_gradient(&mut event).map_err(&stopped)?;
            let ln_output = if observed { ln_norm(event.gradient.as_slice()) } else { 0.0 };
            pointwise::backward(slope.as_slice(), event.gradient.as_mut_slice());
            hooks.call_pre_activation_gradient(&mut event).map_err(&stopped)?;
            if observed {
                signals.push(Signal { ln_output, ln_pre_activation: ln_norm(event.gradient.as_slice()) });
            }

            let (fan_out, fan_in) = block.weight.shape();
            let below = below.last_mut().or(Some(&mut *input).filter(|input| !input.is_empty()));
            let mut of_the_weight = || weight_gradient(blocking, delta, tape.input_of(index), &mut weights[index]);
            let of_the_input = || {
                let Some(below) = below else { return };
                let length = blocking.samples * fan_in;
                let parts =
                    below.as_mut_slice().chunks_mut(length).zip(delta.as_slice().chunks(blocking.samples * fan_out));
                let parts: Vec<(&mut [T], &[T])> = parts.collect();
                if blocking.is_worth_sharing(fan_in, fan_out, blocking.batch) {
                    parts
                        .into_par_iter()
                        .for_each(|(part, delta)| dense::input_gradient_block(&block.weight, delta, part));
                } else {
                    parts.into_iter().for_each(|(part, delta)| dense::input_gradient_block(&block.weight, delta, part));
                }
            };
            if blocking.is_worth_sharing(fan_in, fan_out, blocking.batch) {
                rayon::join(of_the_weight, of_the_input);
            } else {
                of_the_weight();
                of_the_input();
            }
            let mut event = ParameterGradientEvent {
                step,
                layer,
                parameter: Parameter::Weight,
                shape: (fan_out, fan_in),
                value: block.weight.as_slice(),
                gradient: weights[index].as_mut_slice(),
            };
            hooks.call_parameter_gradient(&mut event).map_err(&stopped)?;

            if let Some((bias, gradient)) = block.bias.as_ref().zip(biases[index].as_mut()) {
                dense::bias_gradient(delta, gradient);
                let mut event = ParameterGradientEvent {
                    step,
                    layer,
                    parameter: Parameter::Bias,
                    shape: (fan_out, 1),
                    value: bias.as_slice(),
                    gradient: gradient.as_mut_slice(),
                };
                hooks.call_parameter_gradient(&mut event).map_err(&stopped)?;
            }
        }
        signals.reverse();
        Ok(signals)
    }
}

/// `Delta X^T`, in blocks of columns that the cores share where it is large.
fn weight_gradient<T: Real>(blocking: Blocking, delta: &DMatrix<T>, input: &DMatrix<T>, gradient: &mut DMatrix<T>) {
    let (fan_out, fan_in) = gradient.shape();
    let inputs = blocking.columns(fan_out, delta.ncols(), fan_in);
    if inputs >= fan_in {
        dense::weight_gradient(delta, input, gradient);
    } else {
        gradient.as_mut_slice().par_chunks_mut(inputs * fan_out).enumerate().for_each(|(block, part)| {
            dense::weight_gradient_columns(delta, input, share::block(block, inputs, fan_in), part);
        });
    }
}
