//! The state of an optimiser and its update.

use rayon::prelude::*;

use super::super::{Gradients, Network, Parameter};
use crate::linalg::{LnNorm, Real};
use crate::numeric::Lanes;
use crate::spec::Optimizer;

/// An optimiser with what it remembers of earlier gradients.
///
/// Arithmetic is in `f64`; the update, the new parameter and what is remembered are each rounded to the format of the network, and kept in it as
/// PyTorch does. In the 16-bit formats the second moments of RMSProp and Adam underflow for gradients below 1e-3 or so (f16), or stop growing
/// (bf16), as they do there: updates are then far larger than the learning rate.
#[derive(Debug, Clone, PartialEq)]
pub struct OptimizerState<T: Real> {
    rule: Optimizer,
    weight_decay: f64,
    /// Updates done.
    steps: u64,
    layers: Vec<LayerSlots<T>>,
}

/// What is remembered of one layer: for each of at most two slots the numbers of the weights (column-major) and of the biases.
#[derive(Debug, Clone, PartialEq)]
struct LayerSlots<T> {
    weight: [Vec<T>; 2],
    bias: [Vec<T>; 2],
}

/// Sizes of one parameter's gradient and update, summed in f64.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct UpdateNorms {
    /// `ln |g|` of the gradient as it came from the loss, before clipping: negative infinity where it is zero, NaN or infinity where it is not
    /// finite. It is known of every step.
    pub ln_gradient: f64,
    /// `|u|^2` of the update u that was added; NaN where nobody wanted it.
    pub update: f64,
    /// `|w|^2` before it; NaN where nobody wanted it.
    pub value: f64,
    /// Cosine of the angle between this update and the one before, over evenly spaced blocks of 256, of at most about twice [`COSINE_ENTRIES`]
    /// entries; NaN where there is none, or one of them is zero.
    pub cosine: f64,
}

/// Entries of a parameter that the cosine of successive updates is taken over at most: reading the update before costs as much as the update.
pub const COSINE_ENTRIES: usize = 16_384;

/// Updates of one layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerUpdate {
    /// Of the weights.
    pub weight: UpdateNorms,
    /// Of the biases, if the layer has any.
    pub bias: Option<UpdateNorms>,
}

/// The numbers of one step that every parameter shares.
#[derive(Clone, Copy)]
struct Step {
    rule: Optimizer,
    rate: f64,
    decay: f64,
    /// Whether the sizes of updates are wanted.
    observed: bool,
    /// 1 - b^t of Adam.
    corrections: [f64; 2],
}

impl<T: Real> OptimizerState<T> {
    /// A fresh state for a network.
    pub fn new(rule: Optimizer, weight_decay: f64, network: &Network<T>) -> Self {
        let slots = rule.slots();
        let empty =
            |length: usize| std::array::from_fn(|slot| vec![T::default(); if slot < slots { length } else { 0 }]);
        let layers = network.blocks().iter().map(|block| LayerSlots {
            weight: empty(block.weight.len()),
            bias: empty(block.bias.as_ref().map_or(0, |bias| bias.len())),
        });
        Self { rule, weight_decay, steps: 0, layers: layers.collect() }
    }

    /// Updates done.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Changes the network by one step at the given learning rate. The gradients are replaced by the updates that were added;
    /// `previous` are those of the step before, to be compared with. Sizes of updates are computed where somebody wants to see them.
    pub fn update(
        &mut self,
        network: &mut Network<T>,
        gradients: &mut Gradients<T>,
        previous: Option<&Gradients<T>>,
        rate: f64,
        observed: bool,
    ) -> Vec<LayerUpdate> {
        self.steps += 1;
        let correction = |beta: f64| 1.0 - beta.powf(self.steps as f64);
        let corrections = match self.rule {
            Optimizer::Adam { beta1, beta2, .. } | Optimizer::AdamW { beta1, beta2, .. } => {
                [correction(beta1), correction(beta2)]
            }
            _ => [1.0; 2],
        };
        let step = Step { rule: self.rule, rate, decay: self.weight_decay, observed, corrections };
        let Gradients { weights, biases, .. } = gradients;
        network
            .blocks
            .par_iter_mut()
            .zip(weights.par_iter_mut().zip(biases.par_iter_mut()))
            .zip(self.layers.par_iter_mut())
            .enumerate()
            .map(|(index, ((block, (weight, bias)), slots))| {
                let before = previous.map(|gradients| gradients.weights[index].as_slice());
                let mut buffers = Buffers::new();
                let value = block.weight.as_mut_slice();
                let weight = step.apply(&mut buffers, value, weight.as_mut_slice(), &mut slots.weight, before);
                let bias = block.bias.as_mut().zip(bias.as_mut()).map(|(value, gradient)| {
                    let before = previous.and_then(|gradients| gradients.biases[index].as_ref());
                    let before = before.map(|bias| bias.as_slice());
                    let (value, gradient) = (value.as_mut_slice(), gradient.as_mut_slice());
                    step.apply(&mut buffers, value, gradient, &mut slots.bias, before)
                });
                LayerUpdate { weight, bias }
            })
            .collect()
    }

    /// What is remembered, by layer (from 1), parameter and slot, column-major: for checkpoints.
    pub fn slots(&self) -> impl Iterator<Item = (usize, Parameter, usize, &[T])> {
        self.layers.iter().enumerate().flat_map(move |(index, layer)| {
            [(Parameter::Weight, &layer.weight), (Parameter::Bias, &layer.bias)].into_iter().flat_map(
                move |(parameter, slots)| {
                    let kept = slots.iter().enumerate().filter(|(_, values)| !values.is_empty());
                    kept.map(move |(slot, values)| (index + 1, parameter, slot, values.as_slice()))
                },
            )
        })
    }

    /// Puts back what [`OptimizerState::slots`] gave, and the number of updates done. `read` gives the values of a slot; what it
    /// reports is passed on.
    ///
    /// # Errors
    ///
    /// Those of `read`.
    pub fn restore<E>(
        &mut self,
        steps: u64,
        mut read: impl FnMut(usize, Parameter, usize, &mut [T]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.steps = steps;
        for (index, layer) in self.layers.iter_mut().enumerate() {
            for (parameter, slots) in [(Parameter::Weight, &mut layer.weight), (Parameter::Bias, &mut layer.bias)] {
                for (slot, values) in slots.iter_mut().enumerate().filter(|(_, values)| !values.is_empty()) {
                    read(index + 1, parameter, slot, values)?;
                }
            }
        }
        Ok(())
    }
}

/// The update of one parameter, for vector instructions. A type of its own: the body of a closure of this size is not inlined where they
/// are.
struct Sweep<'a, T: Real> {
    step: Step,
    buffers: &'a mut Buffers,
    value: &'a mut [T],
    update: &'a mut [T],
    slots: &'a mut [Vec<T>; 2],
    previous: Option<&'a [T]>,
}

impl<T: Real> pulp::NullaryFnOnce for Sweep<'_, T> {
    type Output = Norms;

    #[inline(always)]
    fn call(self) -> Norms {
        let mut norms = Norms::default();
        let buffers = self.buffers;
        let [first, second] = self.slots;
        let stride = (self.value.len() / COSINE_ENTRIES).max(1);
        let parts = self.value.chunks_mut(BLOCK).zip(self.update.chunks_mut(BLOCK));
        for (index, (value, update)) in parts.enumerate() {
            let from = index * BLOCK;
            let part = from..from + value.len();
            let previous = self.previous.and_then(|previous| previous.get(part.clone()));
            // The blocks that the cosine is taken over.
            let previous = previous.filter(|_| index.is_multiple_of(stride));
            let slots = [first.get_mut(part.clone()).unwrap_or_default(), second.get_mut(part).unwrap_or_default()];
            self.step.block(buffers, value, update, slots, previous, &mut norms);
        }
        norms
    }
}

impl Step {
    /// One parameter: `value` and `update` (the gradient on entry) change in place.
    fn apply<T: Real>(
        self,
        buffers: &mut Buffers,
        value: &mut [T],
        update: &mut [T],
        slots: &mut [Vec<T>; 2],
        previous: Option<&[T]>,
    ) -> UpdateNorms {
        let norms = pulp::Arch::new().dispatch(Sweep { step: self, buffers, value, update, slots, previous });
        norms.read(self.observed)
    }

    /// A block of a parameter, in f64 and rounded once.
    #[inline(always)]
    fn block<T: Real>(
        self,
        buffers: &mut Buffers,
        value: &mut [T],
        update: &mut [T],
        [first, second]: [&mut [T]; 2],
        previous: Option<&[T]>,
        norms: &mut Norms,
    ) {
        let Self { rate, decay, corrections, .. } = self;
        let n = value.len();
        let (w, g) = (&mut buffers.w[..n], &mut buffers.g[..n]);
        let (m, s) = (&mut buffers.m[..n], &mut buffers.s[..n]);
        widen(value, w);
        widen(update, g);
        widen(first, m);
        widen(second, s);
        norms.gradient.add(g);
        // Decoupled decay acts on the weights alone.
        if decay != 0.0 && !matches!(self.rule, Optimizer::AdamW { .. }) {
            g.iter_mut().zip(&*w).for_each(|(g, w)| *g += decay * w);
        }
        match self.rule {
            Optimizer::Sgd { momentum: 0.0, .. } => g.iter_mut().for_each(|g| *g *= -rate),
            Optimizer::Sgd { momentum, nesterov } => {
                let ahead = if nesterov { [1.0, momentum] } else { [0.0, 1.0] };
                for (g, v) in g.iter_mut().zip(&mut *m) {
                    *v = momentum * *v + *g;
                    *g = -rate * (ahead[0] * *g + ahead[1] * *v);
                }
            }
            Optimizer::RmsProp { alpha, epsilon } => {
                for (g, s) in g.iter_mut().zip(&mut *m) {
                    *s = alpha * *s + (1.0 - alpha) * *g * *g;
                    *g = -rate * *g / (s.sqrt() + epsilon);
                }
            }
            Optimizer::Adam { beta1, beta2, epsilon } | Optimizer::AdamW { beta1, beta2, epsilon } => {
                for ((g, m), s) in g.iter_mut().zip(&mut *m).zip(&mut *s) {
                    *m = beta1 * *m + (1.0 - beta1) * *g;
                    *s = beta2 * *s + (1.0 - beta2) * *g * *g;
                    *g = -rate * (*m / corrections[0]) / ((*s / corrections[1]).sqrt() + epsilon);
                }
                if matches!(self.rule, Optimizer::AdamW { .. }) {
                    g.iter_mut().zip(&*w).for_each(|(g, w)| *g -= rate * decay * w);
                }
            }
        }
        round(m, first);
        round(s, second);
        round(g, update);
        // What is added is the update as it is stored.
        widen(update, g);
        for ((value, w), g) in value.iter_mut().zip(&*w).zip(&*g) {
            *value = T::from_f64(w + g);
        }
        if self.observed {
            norms.update.add_products(g, g);
            norms.value.add_products(w, w);
            if let Some(previous) = previous {
                widen(previous, m);
                norms.along.add_products(g, m);
                norms.here.add_products(g, g);
                norms.before.add_products(m, m);
            }
        }
    }
}

/// Numbers that are widened at once: the buffers stay in the first-level cache.
const BLOCK: usize = 256;

struct Buffers {
    w: [f64; BLOCK],
    g: [f64; BLOCK],
    m: [f64; BLOCK],
    s: [f64; BLOCK],
}

impl Buffers {
    fn new() -> Self {
        let zero = [0.0; BLOCK];
        Self { w: zero, g: zero, m: zero, s: zero }
    }
}

#[inline(always)]
fn widen<T: Real>(from: &[T], to: &mut [f64]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = from.to_f64());
}

#[inline(always)]
fn round<T: Real>(from: &[f64], to: &mut [T]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = T::from_f64(*from));
}

/// The sums behind [`UpdateNorms`]; the last three over the blocks of the cosine.
#[derive(Default)]
struct Norms {
    gradient: LnNorm,
    update: Lanes,
    value: Lanes,
    along: Lanes,
    here: Lanes,
    before: Lanes,
}

impl Norms {
    fn read(&self, observed: bool) -> UpdateNorms {
        let known = |sum: &Lanes| if observed { sum.total() } else { f64::NAN };
        UpdateNorms {
            ln_gradient: self.gradient.total(),
            update: known(&self.update),
            value: known(&self.value),
            // 0 / 0 where there is no update before.
            cosine: self.along.total() / (self.here.total().sqrt() * self.before.total().sqrt()),
        }
    }
}
