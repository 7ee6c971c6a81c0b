//! Hooks: closures that are called while a network runs, forward and backward.
//!
//! A hook sees the step, the layer and the matrices at hand; it may observe them, replace what it gets mutably (a clipped
//! gradient flows on in place of the original), or stop the run with a reason. Registering returns a handle that removes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use nalgebra::DMatrix;

use super::pass::{Gradients, PassError, Tape};
use super::training::UpdateNorms;
use crate::linalg::{Real, ln_hypot};

/// Which layers a hook is called for. Layers are numbered from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layers {
    /// Every layer.
    All,
    /// One layer.
    One(usize),
}

impl Layers {
    fn contains(self, layer: usize) -> bool {
        match self {
            Self::All => true,
            Self::One(one) => one == layer,
        }
    }
}

/// A hook's wish to end the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// Why.
    pub reason: String,
}

impl Stop {
    /// A stop for the given reason.
    pub fn because(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

/// Called after a layer has been computed, before the next one begins.
#[derive(Debug)]
pub struct ForwardEvent<'e, T: Real> {
    /// Step of the run.
    pub step: usize,
    /// Number of the layer, from 1.
    pub layer: usize,
    /// x_{l-1}, fan_in x B.
    pub input: &'e DMatrix<T>,
    /// h_l = W_l x_{l-1} + b_l, fan_out x B.
    pub pre_activation: &'e DMatrix<T>,
    /// phi'(h_l), fan_out x B.
    pub slope: &'e DMatrix<T>,
    /// x_l = phi(h_l), fan_out x B: what is written here goes on to the next layer. On the way back the replacement counts
    /// as the identity: the gradient of the output is multiplied by phi'(h_l) as it would have been.
    pub output: &'e mut DMatrix<T>,
}

/// Called when the gradient has reached a layer: `dL/dx_l` for a hook on outputs, `dL/dh_l` for one on pre-activations.
#[derive(Debug)]
pub struct ActivationGradientEvent<'e, T: Real> {
    /// Step of the run.
    pub step: usize,
    /// Number of the layer, from 1.
    pub layer: usize,
    /// h_l, fan_out x B.
    pub pre_activation: &'e DMatrix<T>,
    /// x_l, fan_out x B.
    pub output: &'e DMatrix<T>,
    /// The gradient, fan_out x B: what is written here flows on backward.
    pub gradient: &'e mut DMatrix<T>,
}

/// A parameter of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    /// W_l.
    Weight,
    /// b_l.
    Bias,
}

/// Called when the gradient of a parameter has been computed: layer by layer on the way back, weight before bias.
#[derive(Debug)]
pub struct ParameterGradientEvent<'e, T: Real> {
    /// Step of the run.
    pub step: usize,
    /// Number of the layer, from 1.
    pub layer: usize,
    /// Which parameter.
    pub parameter: Parameter,
    /// Rows and columns of the parameter (a bias has one column).
    pub shape: (usize, usize),
    /// The parameter, column-major.
    pub value: &'e [T],
    /// Its gradient, column-major: what is written here is what the caller (an optimiser) gets.
    pub gradient: &'e mut [T],
}

/// Called when a parameter has been changed by an optimiser: after the whole step, first layer first, weight before bias. It observes.
#[derive(Debug)]
pub struct UpdateEvent<'e, T: Real> {
    /// Step of the run.
    pub step: usize,
    /// Number of the layer, from 1.
    pub layer: usize,
    /// Which parameter.
    pub parameter: Parameter,
    /// The parameter after the update, column-major.
    pub value: &'e [T],
    /// What was added to it, column-major.
    pub update: &'e [T],
    /// Their sizes.
    pub norms: UpdateNorms,
}

/// Called once a pass, when the way back is complete: it observes everything that the pass leaves, every layer of it. Unlike the hooks on a layer it
/// does not make the cores wait for each other at every layer: the cheap way to watch a whole network.
#[derive(Debug)]
pub struct PassEvent<'e, T: Real> {
    /// Step of the run.
    pub step: usize,
    /// The inputs, and pre-activations, slopes and outputs of every layer.
    pub tape: &'e Tape<T>,
    /// The gradient of the loss with respect to the outputs of the network.
    pub output_gradient: &'e DMatrix<T>,
    /// The gradients of the parameters and of the pre-activations.
    pub gradients: &'e Gradients<T>,
    /// Sizes of the gradients that arrive at the layers, first layer first.
    pub signals: &'e [Signal],
}

/// Size of the gradient that arrives at a layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Signal {
    /// `ln |dL/dX_l|`: negative infinity where it is zero, NaN or infinity where it is not finite.
    pub ln_output: f64,
    /// `ln |dL/dH_l|`, likewise.
    pub ln_pre_activation: f64,
}

impl Signal {
    /// Of the whole batch, from those of its blocks.
    pub(super) fn of_blocks(blocks: impl Iterator<Item = Self> + Clone) -> Self {
        let total = |part: fn(Self) -> f64| {
            let mut parts = blocks.clone().map(part);
            let Some(first) = parts.next() else { return f64::NEG_INFINITY };
            parts.fold(first, ln_hypot)
        };
        Self {
            ln_output: total(|signal| signal.ln_output),
            ln_pre_activation: total(|signal| signal.ln_pre_activation),
        }
    }
}

/// Removes or pauses one hook.
#[derive(Debug, Clone)]
pub struct HookHandle {
    state: Arc<AtomicU8>,
}

const ACTIVE: u8 = 0;
const PAUSED: u8 = 1;
const REMOVED: u8 = 2;

impl HookHandle {
    /// Removes the hook: it is not called again, and its closure is dropped at the next pass. Dropping the handle
    /// without this leaves the hook in place.
    pub fn remove(self) {
        self.state.store(REMOVED, Ordering::Relaxed);
    }

    /// From now on the hook is called, or is not and costs nothing. A removed hook stays removed.
    pub fn set_active(&self, active: bool) {
        let (from, to) = if active { (PAUSED, ACTIVE) } else { (ACTIVE, PAUSED) };
        // Fails where it is so already, or removed.
        let _ = self.state.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed);
    }
}

struct Registered<C> {
    layers: Layers,
    state: Arc<AtomicU8>,
    call: C,
}

impl<C> Registered<C> {
    fn is_active(&self) -> bool {
        self.state.load(Ordering::Relaxed) == ACTIVE
    }

    fn wants(&self, layer: usize) -> bool {
        self.layers.contains(layer) && self.is_active()
    }
}

type ForwardHook<'h, T> = Registered<Box<dyn FnMut(&mut ForwardEvent<'_, T>) -> Result<(), Stop> + Send + 'h>>;
type GradientHook<'h, T> =
    Registered<Box<dyn FnMut(&mut ActivationGradientEvent<'_, T>) -> Result<(), Stop> + Send + 'h>>;
type ParameterHook<'h, T> =
    Registered<Box<dyn FnMut(&mut ParameterGradientEvent<'_, T>) -> Result<(), Stop> + Send + 'h>>;
type PassHook<'h, T> = Registered<Box<dyn FnMut(&PassEvent<'_, T>) -> Result<(), Stop> + Send + 'h>>;
type UpdateHook<'h, T> = Registered<Box<dyn FnMut(&UpdateEvent<'_, T>) -> Result<(), Stop> + Send + 'h>>;

/// The hooks of a run, called in the order in which they were registered.
///
/// Closures may borrow what outlives the `Hooks` (a vector to record into). A second run goes on with the same hooks.
#[derive(Default)]
pub struct Hooks<'h, T: Real> {
    forward: Vec<ForwardHook<'h, T>>,
    output_gradient: Vec<GradientHook<'h, T>>,
    pre_activation_gradient: Vec<GradientHook<'h, T>>,
    parameter_gradient: Vec<ParameterHook<'h, T>>,
    pass: Vec<PassHook<'h, T>>,
    update: Vec<UpdateHook<'h, T>>,
}

impl<T: Real> std::fmt::Debug for Hooks<'_, T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Hooks")
            .field("forward", &self.forward.len())
            .field("output_gradient", &self.output_gradient.len())
            .field("pre_activation_gradient", &self.pre_activation_gradient.len())
            .field("parameter_gradient", &self.parameter_gradient.len())
            .field("pass", &self.pass.len())
            .field("update", &self.update.len())
            .finish()
    }
}

/// Adds a closure to a list and returns its handle.
fn register<C>(list: &mut Vec<Registered<C>>, layers: Layers, call: C) -> HookHandle {
    let state = Arc::new(AtomicU8::new(ACTIVE));
    list.push(Registered { layers, state: Arc::clone(&state), call });
    HookHandle { state }
}

impl<'h, T: Real> Hooks<'h, T> {
    /// No hooks.
    pub fn new() -> Self {
        Self {
            forward: Vec::new(),
            output_gradient: Vec::new(),
            pre_activation_gradient: Vec::new(),
            parameter_gradient: Vec::new(),
            pass: Vec::new(),
            update: Vec::new(),
        }
    }

    /// Calls `hook` on the way forward, after each of `layers`.
    pub fn on_forward(
        &mut self,
        layers: Layers,
        hook: impl FnMut(&mut ForwardEvent<'_, T>) -> Result<(), Stop> + Send + 'h,
    ) -> HookHandle {
        register(&mut self.forward, layers, Box::new(hook))
    }

    /// Calls `hook` with `dL/dx_l`, the gradient with respect to the layer's output.
    pub fn on_output_gradient(
        &mut self,
        layers: Layers,
        hook: impl FnMut(&mut ActivationGradientEvent<'_, T>) -> Result<(), Stop> + Send + 'h,
    ) -> HookHandle {
        register(&mut self.output_gradient, layers, Box::new(hook))
    }

    /// Calls `hook` with `dL/dh_l`, the gradient with respect to the layer's pre-activation.
    pub fn on_pre_activation_gradient(
        &mut self,
        layers: Layers,
        hook: impl FnMut(&mut ActivationGradientEvent<'_, T>) -> Result<(), Stop> + Send + 'h,
    ) -> HookHandle {
        register(&mut self.pre_activation_gradient, layers, Box::new(hook))
    }

    /// Calls `hook` with `dL/dW_l` and then `dL/db_l`.
    pub fn on_parameter_gradient(
        &mut self,
        layers: Layers,
        hook: impl FnMut(&mut ParameterGradientEvent<'_, T>) -> Result<(), Stop> + Send + 'h,
    ) -> HookHandle {
        register(&mut self.parameter_gradient, layers, Box::new(hook))
    }

    /// Calls `hook` once a pass, when all gradients are there.
    pub fn on_pass(&mut self, hook: impl FnMut(&PassEvent<'_, T>) -> Result<(), Stop> + Send + 'h) -> HookHandle {
        register(&mut self.pass, Layers::All, Box::new(hook))
    }

    /// Calls `hook` after the optimiser has changed `W_l` and then `b_l`.
    pub fn on_update(
        &mut self,
        layers: Layers,
        hook: impl FnMut(&UpdateEvent<'_, T>) -> Result<(), Stop> + Send + 'h,
    ) -> HookHandle {
        register(&mut self.update, layers, Box::new(hook))
    }

    /// Drops removed hooks and checks that every other one names a layer that exists.
    pub(super) fn prepare(&mut self, depth: usize) -> Result<(), PassError> {
        fn sweep<C>(list: &mut Vec<Registered<C>>, depth: usize) -> Result<(), PassError> {
            list.retain(|hook| hook.state.load(Ordering::Relaxed) != REMOVED);
            for hook in list {
                if let Layers::One(layer) = hook.layers
                    && !(1..=depth).contains(&layer)
                {
                    return Err(PassError::NoSuchLayer { layer, depth });
                }
            }
            Ok(())
        }
        sweep(&mut self.forward, depth)?;
        sweep(&mut self.output_gradient, depth)?;
        sweep(&mut self.pre_activation_gradient, depth)?;
        sweep(&mut self.parameter_gradient, depth)?;
        sweep(&mut self.pass, depth)?;
        sweep(&mut self.update, depth)
    }

    pub(super) fn call_forward(&mut self, event: &mut ForwardEvent<'_, T>) -> Result<(), Stop> {
        call(&mut self.forward, event.layer, |hook| hook(event))
    }

    pub(super) fn call_output_gradient(&mut self, event: &mut ActivationGradientEvent<'_, T>) -> Result<(), Stop> {
        call(&mut self.output_gradient, event.layer, |hook| hook(event))
    }

    pub(super) fn call_pre_activation_gradient(
        &mut self,
        event: &mut ActivationGradientEvent<'_, T>,
    ) -> Result<(), Stop> {
        call(&mut self.pre_activation_gradient, event.layer, |hook| hook(event))
    }

    /// Whether a hook has to be called between two layers on the way forward.
    pub(super) fn interrupt_forward(&self) -> bool {
        self.forward.iter().any(Registered::is_active)
    }

    /// Whether a hook has to be called between two layers on the way back.
    pub(super) fn interrupt_backward(&self) -> bool {
        let gradients = self.output_gradient.iter().chain(&self.pre_activation_gradient);
        gradients
            .map(Registered::is_active)
            .chain(self.parameter_gradient.iter().map(Registered::is_active))
            .any(|active| active)
    }

    /// Whether anybody wants to see the whole pass.
    pub(super) fn observe_pass(&self) -> bool {
        self.pass.iter().any(Registered::is_active)
    }

    /// Whether a hook may end a pass before its time.
    pub(super) fn may_stop(&self) -> bool {
        self.interrupt_forward() || self.interrupt_backward() || self.observe_pass()
    }

    /// Whether anybody wants to see updates.
    pub(super) fn observe_updates(&self) -> bool {
        self.update.iter().any(Registered::is_active)
    }

    pub(super) fn call_pass(&mut self, event: &PassEvent<'_, T>) -> Result<(), Stop> {
        self.pass.iter_mut().filter(|hook| hook.is_active()).try_for_each(|hook| (hook.call)(event))
    }

    pub(super) fn call_update(&mut self, event: &UpdateEvent<'_, T>) -> Result<(), Stop> {
        call(&mut self.update, event.layer, |hook| hook(event))
    }

    pub(super) fn call_parameter_gradient(&mut self, event: &mut ParameterGradientEvent<'_, T>) -> Result<(), Stop> {
        call(&mut self.parameter_gradient, event.layer, |hook| hook(event))
    }
}

/// Calls the hooks of a list that want the layer, until one stops the run.
fn call<C>(
    list: &mut [Registered<C>],
    layer: usize,
    mut invoke: impl FnMut(&mut C) -> Result<(), Stop>,
) -> Result<(), Stop> {
    list.iter_mut().filter(|hook| hook.wants(layer)).try_for_each(|hook| invoke(&mut hook.call))
}

#[cfg(test)]
mod tests;
