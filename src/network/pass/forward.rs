//! Forward pass.

use nalgebra::DMatrix;
use rayon::prelude::*;

use super::super::hooks::{ForwardEvent, Hooks};
use super::super::share::Blocking;
use super::super::{Block, Network};
use super::{PassError, Tape, TapeLayer, empty, reshape};
use crate::layer::{dense, pointwise};
use crate::linalg::Real;

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
        for (layer, block) in tape.layers.iter_mut().zip(self.blocks()) {
            for buffer in [&mut layer.pre_activation, &mut layer.slope, &mut layer.output] {
                reshape(buffer, block.weight.nrows(), input.ncols());
            }
        }
        let blocking = Blocking::of(self, input.ncols());
        if hooks.interrupt_forward() {
            self.forward_layer_by_layer(blocking, step, hooks, tape)
        } else {
            self.forward_block_by_block(blocking, tape);
            Ok(())
        }
    }

    /// Every block of samples through all layers.
    fn forward_block_by_block(&self, blocking: Blocking, tape: &mut Tape<T>) {
        let Tape { input, layers } = tape;
        let mut parts: Vec<Vec<Part<'_, T>>> = Vec::new();
        parts.resize_with(blocking.blocks(), || Vec::with_capacity(self.depth()));
        for layer in layers {
            for (block, part) in parts.iter_mut().zip(layer.parts(blocking)) {
                block.push(part);
            }
        }
        let run = |(layers, mut input): (Vec<Part<'_, T>>, &[T])| {
            for (block, mut part) in self.blocks().iter().zip(layers) {
                part.compute(block, input);
                input = part.output;
            }
        };
        let inputs = blocking.samples * self.input_width();
        if blocking.parallel {
            parts
                .into_par_iter()
                .zip(input.as_slice().par_chunks(inputs))
                .for_each(|(layers, input)| run((layers, input)));
        } else {
            parts.into_iter().zip(input.as_slice().chunks(inputs)).for_each(run);
        }
    }

    /// Every layer for all blocks of samples, with the hooks after each.
    fn forward_layer_by_layer(
        &self,
        blocking: Blocking,
        step: usize,
        hooks: &mut Hooks<'_, T>,
        tape: &mut Tape<T>,
    ) -> Result<(), PassError> {
        for (index, block) in self.blocks().iter().enumerate() {
            let layer = index + 1;
            let (below, above) = tape.layers.split_at_mut(index);
            let input = below.last().map_or(&tape.input, |layer| &layer.output);
            let inputs = input.as_slice().chunks(blocking.samples * input.nrows());
            let parts: Vec<(Part<'_, T>, &[T])> = above[0].parts(blocking).zip(inputs).collect();
            let (fan_out, fan_in) = block.weight.shape();
            if blocking.is_worth_sharing(fan_out, fan_in, blocking.batch) {
                parts.into_par_iter().for_each(|(mut part, input)| part.compute(block, input));
            } else {
                parts.into_iter().for_each(|(mut part, input)| part.compute(block, input));
            }
            let TapeLayer { pre_activation, slope, output } = &mut above[0];
            let mut event = ForwardEvent { step, layer, input, pre_activation, slope, output };
            hooks.call_forward(&mut event).map_err(PassError::stopped(step, layer))?;
        }
        Ok(())
    }
}

/// A block of samples in one layer of a tape.
struct Part<'t, T> {
    pre_activation: &'t mut [T],
    output: &'t mut [T],
    slope: &'t mut [T],
}

impl<T: Real> Part<'_, T> {
    /// The block is multiplied and sent through the activation while it is in the cache.
    fn compute(&mut self, block: &Block<T>, input: &[T]) {
        dense::forward_block(&block.weight, block.bias.as_ref(), input, self.pre_activation);
        pointwise::forward(&*block.activation, self.pre_activation, self.output, self.slope);
    }
}

impl<T: Real> TapeLayer<T> {
    fn parts(&mut self, blocking: Blocking) -> impl Iterator<Item = Part<'_, T>> {
        let length = blocking.samples * self.output.nrows();
        let outputs = self.output.as_mut_slice().chunks_mut(length);
        let slopes = self.slope.as_mut_slice().chunks_mut(length);
        let parts = self.pre_activation.as_mut_slice().chunks_mut(length).zip(outputs.zip(slopes));
        parts.map(|(pre_activation, (output, slope))| Part { pre_activation, output, slope })
    }
}
