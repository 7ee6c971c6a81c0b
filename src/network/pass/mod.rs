//! Forward and backward pass.
//!
//! Samples do not mix between the layers: where no hook has to be called in between, a block of samples goes through all layers on one core
//! while its numbers are in the cache, and the cores meet once a pass. Hooks between layers make them meet at every layer; the products
//! are the same ones either way, and so are the results, to the bit.

mod backward;
mod forward;

use nalgebra::{DMatrix, DVector};

use super::hooks::Stop;
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
    /// A hook on the whole pass stopped it.
    #[error("stopped at step {step}, when the pass was complete: {reason}")]
    StoppedAtTheEnd {
        /// Step of the run.
        step: usize,
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

    /// The batch that was run.
    pub fn input(&self) -> &DMatrix<T> {
        &self.input
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
    /// dL/dH_l, fan_out x B, first layer first.
    pub pre_activations: Vec<DMatrix<T>>,
    /// dL/dX_0, features x B, where it was asked for.
    pub input: DMatrix<T>,
}

impl<T: Real> Gradients<T> {
    /// Empty gradients.
    pub fn new() -> Self {
        Self { weights: Vec::new(), biases: Vec::new(), pre_activations: Vec::new(), input: empty() }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::activation::{Activation, Tanh};
    use crate::linalg::{ln_norm, single_threaded_blas};
    use crate::network::{Block, BoundLoss, Hooks, Layers, Network, Signal};

    /// Wide enough for its samples to be shared in blocks, the last of them smaller.
    fn network<T: Real>(width: usize, depth: usize) -> Network<T> {
        let tanh: Arc<dyn Activation> = Arc::new(Tanh);
        let entry = |layer: usize, i: usize, j: usize| ((layer * 31 + i * 17 + j * 7) % 23) as f64 / 11.0 - 1.0;
        let blocks = (0..depth).map(|layer| Block {
            name: layer.to_string(),
            weight: DMatrix::from_fn(width, width, |i, j| {
                T::from_f64(1.6 * entry(layer, i, j) / (width as f64).sqrt())
            }),
            bias: Some(DVector::from_fn(width, |i, _| T::from_f64(0.1 * entry(layer, i, 3)))),
            activation: Arc::clone(&tanh),
        });
        Network::new(blocks.collect()).expect("square blocks chain")
    }

    fn run<T: Real>(network: &Network<T>, batch: usize, hooks: &mut Hooks<'_, T>) -> (Tape<T>, Gradients<T>) {
        let input = DMatrix::from_fn(network.input_width(), batch, |i, a| {
            T::from_f64(((i * 5 + a * 3) % 19) as f64 / 9.0 - 1.0)
        });
        let tape = network.forward(&input, 0, hooks).expect("nothing stops");
        let gradient = BoundLoss::Sum.evaluate(tape.output()).expect("any shape").gradient;
        let gradients = network.backward(&tape, &gradient, 0, hooks).expect("nothing stops");
        (tape, gradients)
    }

    fn hooks_change_no_bit<T: Real>() {
        let _guard = single_threaded_blas();
        // Shared by samples; by samples and inside a layer; not at all.
        for (width, depth, batch) in [(64, 20, 75), (300, 3, 130), (8, 4, 7)] {
            let network = network::<T>(width, depth);
            let free = run(&network, batch, &mut Hooks::new());
            let mut hooks = Hooks::new();
            hooks.on_forward(Layers::One(1), |_| Ok(()));
            hooks.on_pre_activation_gradient(Layers::One(1), |_| Ok(()));
            assert!(free == run(&network, batch, &mut hooks), "{width} x {depth} x {batch}");
        }
    }

    #[test]
    fn a_pass_with_hooks_between_the_layers_is_the_same_to_the_bit() {
        hooks_change_no_bit::<f64>();
        hooks_change_no_bit::<f32>();
    }

    #[test]
    fn the_hook_on_a_pass_sees_what_the_hooks_on_layers_see() {
        let _guard = single_threaded_blas();
        let network = network::<f64>(64, 20);
        let (mut of_layers, mut of_the_pass) = (vec![[f64::NAN; 2]; 20], Vec::new());
        {
            let of_layers = std::sync::Mutex::new(&mut of_layers);
            let note = |layer: usize, place: usize, gradient: &DMatrix<f64>| {
                of_layers.lock().expect("one thread")[layer - 1][place] = ln_norm(gradient.as_slice());
                Ok(())
            };
            let mut hooks = Hooks::new();
            hooks.on_output_gradient(Layers::All, |event| note(event.layer, 0, event.gradient));
            hooks.on_pre_activation_gradient(Layers::All, |event| note(event.layer, 1, event.gradient));
            run(&network, 75, &mut hooks);
        }
        let mut calls = 0;
        let mut hooks = Hooks::new();
        let handle = hooks.on_pass(|event| {
            calls += 1;
            assert_eq!((event.step, event.tape.layers().len(), event.gradients.weights.len()), (0, 20, 20));
            of_the_pass = event.signals.to_vec();
            Ok(())
        });
        handle.set_active(false);
        run(&network, 75, &mut hooks);
        handle.set_active(true);
        run(&network, 75, &mut hooks);
        drop(hooks);
        assert_eq!(calls, 1, "not while it is paused");
        for (Signal { ln_output, ln_pre_activation }, [output, pre_activation]) in of_the_pass.iter().zip(&of_layers) {
            assert!((ln_output - output).abs() < 1e-13 && (ln_pre_activation - pre_activation).abs() < 1e-13);
        }
        assert_eq!(of_the_pass.len(), 20);
    }

    #[test]
    fn a_signal_that_is_not_finite_or_zero_is_told() {
        let of = |values: [f64; 2]| {
            let block = |value| Signal { ln_output: value, ln_pre_activation: 0.0 };
            Signal::of_blocks(values.into_iter().map(block)).ln_output
        };
        assert!((of([3f64.ln(), 4f64.ln()]) - 5f64.ln()).abs() < 1e-15);
        assert!((of([-1e5, -1e5]) + 1e5 - 0.5 * 2f64.ln()).abs() < 1e-10);
        let nothing = f64::NEG_INFINITY;
        assert_eq!(
            (of([nothing, nothing]), of([1.0, f64::INFINITY]), of([nothing, 1.0])),
            (nothing, f64::INFINITY, 1.0)
        );
        assert!(of([f64::INFINITY, f64::NAN]).is_nan() && of([f64::NAN, 1.0]).is_nan());
    }
}
