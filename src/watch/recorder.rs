//! Hooks that measure every layer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nalgebra::DMatrix;
use rayon::prelude::*;

use super::LayerRecord;
use crate::activation::saturation_threshold;
use crate::linalg::Real;
use crate::mean_field::ScaledKernel;
use crate::network::{HookHandle, Hooks, Layers, Network, Parameter, PassEvent, Tape};
use crate::numeric::Lanes;

/// Measures every layer of a network in training by hooks; it observes and changes nothing.
///
/// Norms are over all entries. Moments and fractions of activations are over about [`MOMENT_ENTRIES`] of them at most, in evenly spaced samples of
/// the mini-batch, eight of them at least.
#[derive(Debug, Clone)]
pub struct Recorder {
    handles: [HookHandle; 2],
    shared: Arc<Mutex<Shared>>,
    /// Slopes below it are saturated, by layer.
    bounds: Arc<[f64]>,
}

/// Pre-activations of a layer that moments and fractions are taken over at most.
pub const MOMENT_ENTRIES: usize = 8192;

/// Numbers that are widened at once.
const BLOCK: usize = 256;

/// Samples that are looked at in any case.
const FEWEST_SAMPLES: usize = 8;

#[derive(Debug)]
struct Shared {
    records: Vec<LayerRecord>,
    /// The mini-batch and the gradient of the loss at the outputs, where they are asked for.
    boundary: Option<Boundary>,
    keep_boundary: bool,
}

/// What a prediction from layer statistics starts from besides the weights: Gram matrices over the samples of the mini-batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Boundary {
    /// `X^T X / n_0`.
    pub inputs: ScaledKernel,
    /// `G^T G` of the gradient G of the loss with respect to the outputs.
    pub output_gradient: ScaledKernel,
}

impl Recorder {
    /// Registers the hooks of a recorder for a network in training.
    pub fn attach<T: Real>(network: &Network<T>, hooks: &mut Hooks<'_, T>) -> Self {
        let shared = Arc::new(Mutex::new(Shared {
            records: vec![LayerRecord::default(); network.depth()],
            boundary: None,
            keep_boundary: false,
        }));
        let bounds: Arc<[f64]> = network
            .blocks()
            .iter()
            .map(|block| saturation_threshold(block.activation.derivative_bounds().sup_abs))
            .collect();
        let (own, bounds_of_layers) = (Arc::clone(&shared), Arc::clone(&bounds));
        let of_the_pass = hooks.on_pass(move |event| {
            let mut shared = lock(&own);
            let records = &mut shared.records;
            records.par_iter_mut().zip(&*bounds_of_layers).enumerate().for_each(|(index, (record, bound))| {
                look(event, index, *bound, record);
            });
            if shared.keep_boundary {
                let wide = |matrix: &DMatrix<T>| matrix.map(|entry| entry.to_f64());
                shared.boundary = Some(Boundary {
                    inputs: ScaledKernel::mean_products(&wide(event.tape.input())),
                    output_gradient: ScaledKernel::products(&wide(event.output_gradient)),
                });
            }
            Ok(())
        });
        let own = Arc::clone(&shared);
        let of_updates = hooks.on_update(Layers::All, move |event| {
            let record = &mut lock(&own).records[event.layer - 1];
            let [update, value] = [event.norms.update, event.norms.value].map(f64::sqrt);
            let gradient = finite(event.norms.ln_gradient.exp());
            match event.parameter {
                Parameter::Weight => {
                    record.weight_norm = finite(value);
                    record.update_norm = finite(update);
                    record.update_ratio = finite(update / value);
                    record.update_cosine = finite(event.norms.cosine);
                    record.weight_grad_norm = gradient;
                }
                Parameter::Bias => {
                    record.bias_norm = finite(value);
                    record.bias_grad_norm = gradient;
                }
            }
            // Clipping by value makes numbers of infinities: then the update does not tell how many there were.
            if gradient.is_none() || !update.is_finite() {
                add(&mut record.non_finite, count_non_finite(event.update).max(1));
            }
            Ok(())
        });
        Self { handles: [of_the_pass, of_updates], shared, bounds }
    }

    /// Tells whether the coming step is recorded, and whether with its boundary.
    pub fn begin(&self, wanted: bool, boundary: bool) {
        self.handles.iter().for_each(|handle| handle.set_active(wanted));
        if wanted {
            let mut shared = lock(&self.shared);
            shared.records.fill(LayerRecord::default());
            shared.keep_boundary = boundary;
            shared.boundary = None;
        }
    }

    /// The way forward of a step that nobody had asked to record, from the tape that it left: for numbers that are not finite.
    pub fn of_the_tape<T: Real>(&self, tape: &Tape<T>, step: u64) -> Vec<LayerRecord> {
        let layers = tape.layers().iter().zip(&*self.bounds).enumerate();
        layers
            .map(|(index, (layer, bound))| {
                let mut record = LayerRecord { step, layer: index + 1, ..LayerRecord::default() };
                Moments::of(&layer.pre_activation, &layer.output, &layer.slope, *bound).write(&mut record);
                record
            })
            .collect()
    }

    /// The layers of the step that was recorded last, first layer first.
    pub fn take(&self, step: u64) -> (Vec<LayerRecord>, Option<Boundary>) {
        let mut shared = lock(&self.shared);
        let mut records = shared.records.clone();
        for (index, record) in records.iter_mut().enumerate() {
            (record.step, record.layer) = (step, index + 1);
            record.non_finite = record.non_finite.or(Some(0));
        }
        (records, shared.boundary.take())
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a pass tells of one layer.
fn look<T: Real>(event: &PassEvent<'_, T>, index: usize, bound: f64, record: &mut LayerRecord) {
    let layer = &event.tape.layers()[index];
    Moments::of(&layer.pre_activation, &layer.output, &layer.slope, bound).write(record);
    let signal = event.signals[index];
    record.activation_grad_norm = finite(signal.ln_output.exp());
    record.pre_activation_grad_norm = finite(signal.ln_pre_activation.exp());
    if record.activation_grad_norm.is_none() || record.pre_activation_grad_norm.is_none() {
        add(&mut record.non_finite, count_non_finite(event.gradients.pre_activations[index].as_slice()));
    }
}

fn add(sum: &mut Option<u64>, count: u64) {
    *sum = Some(sum.unwrap_or(0) + count);
}

fn finite(value: f64) -> Option<f64> {
    Some(value).filter(|value| value.is_finite())
}

fn count_non_finite<T: Real>(entries: &[T]) -> u64 {
    entries.iter().filter(|entry| !entry.to_f64().is_finite()).count() as u64
}

/// Sums over the samples that are looked at.
#[derive(Debug, Default)]
struct Moments {
    count: usize,
    /// Sum and sum of squares.
    pre_activation: [Lanes; 2],
    output: [Lanes; 2],
    saturated: usize,
    inactive: usize,
    dead: f64,
    non_finite: u64,
}

impl Moments {
    fn of<T: Real>(h: &DMatrix<T>, x: &DMatrix<T>, slope: &DMatrix<T>, bound: f64) -> Self {
        let (units, batch) = h.shape();
        let samples = (MOMENT_ENTRIES / units.max(1)).max(FEWEST_SAMPLES).min(batch);
        let stride = batch.div_ceil(samples.max(1)).max(1);
        let mut sums = Self::default();
        let (h, x, slope) = (h.as_slice(), x.as_slice(), slope.as_slice());
        if stride == 1 {
            sums.add(h, x, slope, bound);
        } else {
            for sample in (0..batch).step_by(stride) {
                let range = sample * units..(sample + 1) * units;
                sums.add(&h[range.clone()], &x[range.clone()], &slope[range], bound);
            }
        }
        let sound = sums.pre_activation.iter().chain(&sums.output).all(|sum| sum.total().is_finite());
        if !sound {
            sums.non_finite = count_non_finite(h) + count_non_finite(x);
        }
        if sums.inactive > 0 && units > 0 {
            let mut dead = vec![true; units];
            for column in slope.chunks_exact(units) {
                dead.iter_mut().zip(column).for_each(|(dead, slope)| *dead &= slope.to_f64() == 0.0);
            }
            sums.dead = dead.iter().filter(|dead| **dead).count() as f64 / units as f64;
        }
        sums
    }

    /// Adds one sample.
    fn add<T: Real>(&mut self, h: &[T], x: &[T], slope: &[T], bound: f64) {
        let [below, zero] = pulp::Arch::new().dispatch(Sweep { moments: self, h, x, slope, bound });
        self.count += h.len();
        self.inactive += zero;
        self.saturated += below.saturating_sub(zero);
    }

    fn write(&self, record: &mut LayerRecord) {
        let count = self.count.max(1) as f64;
        record.pre_activation_mean = finite(self.pre_activation[0].total() / count);
        record.pre_activation_rms = finite((self.pre_activation[1].total() / count).sqrt());
        record.activation_mean = finite(self.output[0].total() / count);
        record.activation_rms = finite((self.output[1].total() / count).sqrt());
        // Slopes of numbers that are not finite say nothing.
        let known = |share: f64| Some(share).filter(|_| self.non_finite == 0);
        record.saturated_fraction = known(self.saturated as f64 / count);
        record.inactive_fraction = known(self.inactive as f64 / count);
        record.dead_fraction = known(self.dead);
        add(&mut record.non_finite, self.non_finite);
    }
}

/// One sample, for vector instructions: a type of its own, because the body of a large closure is not inlined where they are. Gives
/// the numbers of slopes below the bound and of those that are zero.
struct Sweep<'a, T: Real> {
    moments: &'a mut Moments,
    h: &'a [T],
    x: &'a [T],
    slope: &'a [T],
    bound: f64,
}

impl<T: Real> pulp::NullaryFnOnce for Sweep<'_, T> {
    type Output = [usize; 2];

    #[inline(always)]
    fn call(self) -> [usize; 2] {
        let Self { moments, h, x, slope, bound } = self;
        let [mut below, mut zero] = [0_u64; 2];
        let mut wide = [0.0; BLOCK];
        for ((h, x), slope) in h.chunks(BLOCK).zip(x.chunks(BLOCK)).zip(slope.chunks(BLOCK)) {
            for (part, sums) in [(h, &mut moments.pre_activation), (x, &mut moments.output)] {
                let wide = &mut wide[..part.len()];
                wide.iter_mut().zip(part).for_each(|(wide, value)| *wide = value.to_f64());
                sums[0].add(wide);
                sums[1].add_products(wide, wide);
            }
            let wide = &mut wide[..slope.len()];
            wide.iter_mut().zip(slope).for_each(|(wide, value)| *wide = value.to_f64().abs());
            // Most often no slope of a block is small.
            let smallest = wide.iter().fold(f64::INFINITY, |smallest, d| if *d < smallest { *d } else { smallest });
            if smallest < bound {
                below += wide.iter().map(|d| u64::from(*d < bound)).sum::<u64>();
                zero += wide.iter().map(|d| u64::from(*d == 0.0)).sum::<u64>();
            }
        }
        [below, zero].map(|count| count as usize)
    }
}
