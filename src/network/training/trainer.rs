//! Training, step by step.

use nalgebra::DMatrix;

use super::super::hooks::{Hooks, UpdateEvent};
use super::super::share::{self, Blocking};
use super::super::{BoundLoss, Gradients, LossShapeError, Network, Parameter, PassError, Tape};
use super::clip::{clip_known, ln_norms};
use super::{Clipped, LayerUpdate, OptimizerState};
use crate::data::{Split, Targets, TrainingSet, shuffled};
use crate::linalg::{LinalgError, Real, SingleThreadedBlas, ln_hypot};
use crate::spec::{Clip, Loss, Spec, TrainSpec};
use crate::stats::Stream;

/// Why a training step was not made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TrainError {
    /// The specification has no `[train]` table.
    #[error("the specification has no [train] table: add one with learning_rate and steps")]
    NotTrained,
    /// A network that memory does not hold.
    #[error(
        "this training would take {gibibytes:.0} GiB for weights, gradients, optimiser and activations, more than the 16 allowed; reduce width, depth or batch"
    )]
    TooLarge {
        /// How much.
        gibibytes: f64,
    },
    /// The initial weights could not be drawn.
    #[error(transparent)]
    Linalg(#[from] LinalgError),
    /// A pass ended early.
    #[error(transparent)]
    Pass(#[from] PassError),
    /// The targets do not fit the network.
    #[error(transparent)]
    Loss(#[from] LossShapeError),
    /// The training set does not have, sample for sample, what the loss compares with.
    #[error("the loss \"{loss}\" needs {needed} of every training sample: give the training set such targets")]
    Targets {
        /// Name of the loss.
        loss: &'static str,
        /// What it needs.
        needed: &'static str,
    },
}

/// A network in training: weights, optimiser, and the order of the mini-batches.
///
/// Everything random follows from the seed and the number of the step, so that a training that goes on from a checkpoint is the same to the
/// bit as one that was never interrupted.
#[derive(Debug)]
pub struct Trainer<T: Real> {
    network: Network<T>,
    optimizer: OptimizerState<T>,
    spec: TrainSpec,
    loss: LossKind<T>,
    inputs: DMatrix<T>,
    split: Split,
    batches: Batches,
    clip: Option<Clip>,
    step: u64,
    tape: Tape<T>,
    gradients: Gradients<T>,
    previous: Gradients<T>,
    batch_input: DMatrix<T>,
    /// The loss of the newest batch.
    bound: BoundLoss<T>,
    /// Room for its gradient.
    loss_gradient: DMatrix<T>,
    /// Whether the cores share its products.
    shares: bool,
    /// Held while the cores share the products without BLAS's own threads.
    _blas: Option<SingleThreadedBlas>,
}

/// A loss whose targets are chosen anew for every batch.
#[derive(Debug)]
enum LossKind<T: Real> {
    Fixed(BoundLoss<T>),
    Values(DMatrix<T>),
    Classes(Vec<usize>),
}

/// Which samples make up a mini-batch.
#[derive(Debug)]
struct Batches {
    size: usize,
    stream: Stream,
    /// The epoch whose order is in `order`.
    epoch: Option<u64>,
    order: Vec<usize>,
    /// The samples of the batch that was made last.
    current: Vec<usize>,
}

/// What one step did.
#[derive(Debug, Clone, PartialEq)]
pub struct StepOutcome {
    /// Number of the step, from 0.
    pub step: u64,
    /// Loss of the mini-batch before the update.
    pub loss: f64,
    /// Learning rate of the step.
    pub learning_rate: f64,
    /// What clipping saw and did, where there is any.
    pub clipped: Option<Clipped>,
    /// Sizes of the gradients and updates, first layer first.
    pub updates: Vec<LayerUpdate>,
}

impl StepOutcome {
    /// `ln |g|` over all weights and biases, before clipping: negative infinity where all are zero, NaN or infinity where one is not finite.
    pub fn ln_gradient(&self) -> f64 {
        let parts = self.updates.iter().flat_map(|layer| [Some(layer.weight), layer.bias]).flatten();
        parts.map(|norms| norms.ln_gradient).fold(f64::NEG_INFINITY, ln_hypot)
    }
}

/// Loss and accuracy over many samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation {
    /// Loss of a mini-batch, on average over the samples: their mean loss where the loss is a mean over samples, and as many times that as a
    /// mini-batch has samples where it is a sum. It compares with [`StepOutcome::loss`].
    pub loss: f64,
    /// Share of the samples whose largest output is that of their class, where there are classes.
    pub accuracy: Option<f64>,
    /// How many samples.
    pub samples: usize,
}

/// Samples that are evaluated at once.
const EVALUATED_AT_ONCE: usize = 512;

impl<T: Real> Trainer<T> {
    /// A network as the specification draws it, before its first step.
    ///
    /// # Errors
    ///
    /// [`TrainError`]: no `[train]` table, or an ensemble that LAPACK could not draw.
    pub fn new(spec: &Spec) -> Result<Self, TrainError> {
        check_memory::<T>(spec)?;
        let network = Network::sample(spec, Stream::new(spec.seed, "training"))?;
        Self::with_network(spec, network)
    }

    /// As [`Trainer::new`], from given weights.
    ///
    /// # Errors
    ///
    /// [`TrainError::NotTrained`] without a `[train]` table; [`TrainError::Targets`] if the training set was replaced by one that does not
    /// go with the loss.
    pub fn with_network(spec: &Spec, network: Network<T>) -> Result<Self, TrainError> {
        let train = spec.train.clone().ok_or(TrainError::NotTrained)?;
        let set: &TrainingSet = &train.data;
        let loss = match (spec.loss, &set.targets) {
            (Loss::Sum | Loss::Random, _) => {
                LossKind::Fixed(super::super::bind_loss(spec, Stream::new(spec.seed, "training")))
            }
            (Loss::Mse, Targets::Values(values)) if values.ncols() == set.len() => {
                LossKind::Values(values.map(T::from_f64))
            }
            (Loss::CrossEntropy, Targets::Classes { labels, .. }) if labels.len() == set.len() => {
                LossKind::Classes(labels.clone())
            }
            // Targets drawn for one batch would be compared with other samples at every step.
            (loss, _) => {
                let needed = if loss == Loss::Mse { "a vector" } else { "the class" };
                return Err(TrainError::Targets { loss: loss.name(), needed });
            }
        };
        let mut split = set.split(train.test_fraction, spec.seed);
        // Neighbouring samples stay neighbours in memory; the batches are shuffled anyway.
        split.train.sort_unstable();
        split.test.sort_unstable();
        let blas = share::owner(&network, spec.data.batch);
        let shares = Blocking::of(&network, spec.data.batch).parallel;
        let batches = Batches {
            size: spec.data.batch,
            stream: Stream::new(spec.seed, "mini-batches"),
            epoch: None,
            order: Vec::new(),
            current: Vec::new(),
        };
        Ok(Self {
            optimizer: OptimizerState::new(train.optimizer, train.weight_decay, &network),
            inputs: set.inputs.map(T::from_f64),
            network,
            loss,
            split,
            batches,
            clip: train.clip,
            step: 0,
            tape: Tape::new(),
            gradients: Gradients::new(),
            previous: Gradients::new(),
            batch_input: DMatrix::from_element(0, 0, T::default()),
            bound: BoundLoss::Sum,
            loss_gradient: DMatrix::from_element(0, 0, T::default()),
            shares,
            _blas: blas,
            spec: train,
        })
    }

    /// The network as it is now.
    pub fn network(&self) -> &Network<T> {
        &self.network
    }

    /// The optimiser's state.
    pub fn optimizer(&self) -> &OptimizerState<T> {
        &self.optimizer
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// How it is trained.
    pub fn spec(&self) -> &TrainSpec {
        &self.spec
    }

    /// The clipping in force.
    pub fn clipping(&self) -> Option<Clip> {
        self.clip
    }

    /// Clips from the next step on.
    pub fn set_clipping(&mut self, clip: Option<Clip>) {
        self.clip = clip;
    }

    /// Puts back a state: weights, optimiser and number of steps. What depends on the step before (the comparison of successive
    /// updates) starts anew unless `previous` is given.
    pub fn restore(
        &mut self,
        network: Network<T>,
        optimizer: OptimizerState<T>,
        previous: Option<Gradients<T>>,
        step: u64,
    ) {
        self.network = network;
        self.optimizer = optimizer;
        self.gradients = previous.unwrap_or_default();
        self.step = step;
    }

    /// Whether a step that is made here calls other cores in: not inside the pool, where they are there already.
    pub(crate) fn is_shared_here(&self) -> bool {
        self.shares && rayon::current_thread_index().is_none()
    }

    /// What the last pass left: inputs, pre-activations, slopes and outputs before the last update.
    pub fn tape(&self) -> &Tape<T> {
        &self.tape
    }

    /// The updates of the last step (in the form of gradients), if there was one.
    pub fn last_updates(&self) -> Option<&Gradients<T>> {
        Some(&self.gradients).filter(|gradients| !gradients.weights.is_empty())
    }

    /// Whether every weight and bias, and all that the optimiser remembers, is finite.
    pub fn is_finite(&self) -> bool {
        let finite = |entries: &[T]| entries.iter().all(|entry| entry.to_f64().is_finite());
        self.network.blocks().iter().all(|block| {
            finite(block.weight.as_slice()) && block.bias.as_ref().is_none_or(|bias| finite(bias.as_slice()))
        }) && self.optimizer.slots().all(|(_, _, _, values)| finite(values))
    }

    /// The learning rate of the coming step.
    pub fn learning_rate(&self) -> f64 {
        self.spec.learning_rate * self.spec.schedule.factor(self.step, self.spec.steps)
    }

    /// The samples (features x B) of the coming step with their loss.
    pub fn next_batch(&mut self) -> (&DMatrix<T>, BoundLoss<T>) {
        let chosen = self.batches.at(self.step, &self.split.train, &self.inputs, &mut self.batch_input);
        let loss = self.loss.of(chosen);
        (&self.batch_input, loss)
    }

    /// One step: forward, loss, backward, clip, update.
    ///
    /// A loss that is not finite is no error: the step is made, the weights become what the numbers say, and the caller decides.
    ///
    /// # Errors
    ///
    /// [`TrainError`]: a hook that stops the run, targets that do not fit. The weights are then as they were, unless it was a hook on
    /// updates: then the step has been made and counts.
    pub fn step(&mut self, hooks: &mut Hooks<'_, T>) -> Result<StepOutcome, TrainError> {
        // Inside the pool: handing every product over to it from outside would cost more than a small one takes.
        if self.is_shared_here() {
            share::awake(|| self.step_here(hooks))
        } else {
            rayon::scope(|_| self.step_here(hooks))
        }
    }

    fn step_here(&mut self, hooks: &mut Hooks<'_, T>) -> Result<StepOutcome, TrainError> {
        let step = self.step;
        let learning_rate = self.learning_rate();
        let chosen = self.batches.at(step, &self.split.train, &self.inputs, &mut self.batch_input);
        self.loss.bind(chosen, &mut self.bound);
        let number = usize::try_from(step).unwrap_or(usize::MAX);
        let observed = hooks.observe_updates();
        // The updates of the step before are kept where somebody compares, or may stop the pass and have it made again; otherwise the gradients take
        // their room, which is in the cache.
        let kept = observed || hooks.may_stop();
        if kept {
            std::mem::swap(&mut self.gradients, &mut self.previous);
            std::mem::swap(&mut self.gradients.pre_activations, &mut self.previous.pre_activations);
        }
        let value = match self.pass(number, hooks) {
            Ok(value) => value,
            Err(error) => {
                if kept {
                    std::mem::swap(&mut self.gradients, &mut self.previous);
                } else {
                    self.gradients = Gradients::new();
                }
                return Err(error);
            }
        };
        // The norms before clipping: afterwards small entries may have been rounded away.
        let norms = self.clip.map(|_| ln_norms(&self.gradients));
        let clipped = self.clip.zip(norms.as_ref()).map(|(bound, norms)| clip_known(&mut self.gradients, bound, norms));
        let previous = Some(&self.previous).filter(|previous| observed && !previous.weights.is_empty());
        let mut updates =
            self.optimizer.update(&mut self.network, &mut self.gradients, previous, learning_rate, observed);
        for (update, (weight, bias)) in updates.iter_mut().zip(norms.iter().flatten()) {
            update.weight.ln_gradient = *weight;
            if let (Some(update), Some(bias)) = (&mut update.bias, bias) {
                update.ln_gradient = *bias;
            }
        }
        self.step += 1;
        if observed {
            for (index, (block, update)) in self.network.blocks().iter().zip(&updates).enumerate() {
                let (weights, biases) = (&self.gradients.weights[index], &self.gradients.biases[index]);
                let mut parts = vec![(Parameter::Weight, block.weight.as_slice(), weights.as_slice(), update.weight)];
                if let (Some(value), Some(change), Some(norms)) = (&block.bias, biases, update.bias) {
                    parts.push((Parameter::Bias, value.as_slice(), change.as_slice(), norms));
                }
                for (parameter, value, change, norms) in parts {
                    let layer = index + 1;
                    let event = UpdateEvent { step: number, layer, parameter, value, update: change, norms };
                    hooks.call_update(&event).map_err(PassError::stopped(number, layer))?;
                }
            }
        }
        Ok(StepOutcome { step, loss: value, learning_rate, clipped, updates })
    }

    fn pass(&mut self, number: usize, hooks: &mut Hooks<'_, T>) -> Result<f64, TrainError> {
        self.network.forward_into(&self.batch_input, number, hooks, &mut self.tape)?;
        let gradient = &mut self.loss_gradient;
        let value = self.bound.evaluate_into(self.tape.output(), gradient)?;
        self.network.backward_parameters_into(&self.tape, gradient, number, hooks, &mut self.gradients)?;
        Ok(value)
    }

    /// Loss and accuracy on the samples that are trained on.
    ///
    /// # Errors
    ///
    /// [`TrainError`] if the targets do not fit.
    pub fn evaluate_train(&self) -> Result<Evaluation, TrainError> {
        self.evaluate(&self.split.train)
    }

    /// Loss and accuracy on the first `count` of the samples that are trained on, or all if they are fewer.
    ///
    /// # Errors
    ///
    /// [`TrainError`] if the targets do not fit.
    pub fn evaluate_first(&self, count: usize) -> Result<Evaluation, TrainError> {
        self.evaluate(&self.split.train[..count.min(self.split.train.len())])
    }

    /// Loss and accuracy on the samples that are kept for testing; `None` if there are none.
    ///
    /// # Errors
    ///
    /// [`TrainError`] if the targets do not fit.
    pub fn evaluate_test(&self) -> Result<Option<Evaluation>, TrainError> {
        if self.split.test.is_empty() { Ok(None) } else { self.evaluate(&self.split.test).map(Some) }
    }

    fn evaluate(&self, samples: &[usize]) -> Result<Evaluation, TrainError> {
        let (mut tape, mut hooks) = (Tape::new(), Hooks::new());
        let (mut sum, mut right) = (0.0, None);
        for chunk in samples.chunks(EVALUATED_AT_ONCE) {
            let input = self.inputs.select_columns(chunk);
            self.network.forward_into(&input, 0, &mut hooks, &mut tape)?;
            let value = self.loss.of(chunk).evaluate(tape.output())?.value;
            sum += match &self.loss {
                LossKind::Fixed(_) => value * self.batches.size.min(self.split.train.len()) as f64,
                LossKind::Values(_) | LossKind::Classes(_) => value * chunk.len() as f64,
            };
            if let LossKind::Classes(labels) = &self.loss {
                let outputs = tape.output();
                let hits = chunk.iter().enumerate().filter(|(a, sample)| {
                    let column = outputs.column(*a);
                    let own = column[labels[**sample]].to_f64();
                    // NaN is never right.
                    column.iter().enumerate().all(|(i, y)| i == labels[**sample] || y.to_f64() < own)
                });
                *right.get_or_insert(0) += hits.count();
            }
        }
        let count = samples.len();
        Ok(Evaluation {
            loss: sum / count as f64,
            accuracy: right.map(|right: usize| right as f64 / count as f64),
            samples: count,
        })
    }
}

/// Bytes of a training at most.
const MEMORY_LIMIT: usize = 16 << 30;

fn check_memory<T: Real>(spec: &Spec) -> Result<(), TrainError> {
    if spec.train.is_none() {
        return Err(TrainError::NotTrained);
    }
    let bytes = memory_in(spec, size_of::<T>());
    if bytes > MEMORY_LIMIT {
        return Err(TrainError::TooLarge { gibibytes: bytes as f64 / f64::from(1 << 30) });
    }
    Ok(())
}

/// Bytes that a training takes; 0 without a `[train]` table.
pub fn training_memory(spec: &Spec) -> usize {
    memory_in(spec, spec.network.precision.bytes())
}

/// Weights, two gradients, the optimiser's memory; pre-activation, slope, output and gradient of every layer; all samples; an evaluation.
fn memory_in(spec: &Spec, entry: usize) -> usize {
    let Some(train) = spec.train.as_ref() else { return 0 };
    let units = spec.network.blocks.iter().map(|block| block.fan_out).fold(0, usize::saturating_add);
    let parameters = spec.parameters().saturating_mul(3 + train.optimizer.slots());
    let activations = units.saturating_mul(4).saturating_mul(spec.data.batch);
    let samples = train.data.inputs.ncols();
    let evaluation = units.saturating_mul(3).saturating_mul(EVALUATED_AT_ONCE.min(samples));
    let own = parameters.saturating_add(activations).saturating_add(evaluation).saturating_add(train.data.inputs.len());
    // The specification holds the samples too, in f64.
    own.saturating_mul(entry).saturating_add(train.data.inputs.len().saturating_mul(size_of::<f64>()))
}

impl<T: Real> LossKind<T> {
    /// The loss of a batch, in the place of that of another one.
    fn bind(&self, samples: &[usize], bound: &mut BoundLoss<T>) {
        match (self, bound) {
            (Self::Values(values), BoundLoss::Mse { targets })
                if targets.shape() == (values.nrows(), samples.len()) =>
            {
                for (a, &sample) in samples.iter().enumerate() {
                    targets.column_mut(a).copy_from(&values.column(sample));
                }
            }
            (_, bound) => *bound = self.of(samples),
        }
    }

    fn of(&self, samples: &[usize]) -> BoundLoss<T> {
        match self {
            Self::Fixed(loss) => loss.clone(),
            Self::Values(values) => BoundLoss::Mse { targets: values.select_columns(samples) },
            Self::Classes(labels) => {
                BoundLoss::CrossEntropy { labels: samples.iter().map(|&sample| labels[sample]).collect() }
            }
        }
    }
}

impl Batches {
    /// Puts the samples of a step into `input`. Every epoch goes through the samples in a new order and leaves out the rest that makes no
    /// whole batch.
    fn at<T: Real>(&mut self, step: u64, samples: &[usize], inputs: &DMatrix<T>, input: &mut DMatrix<T>) -> &[usize] {
        let size = self.size.min(samples.len()).max(1);
        if size == samples.len() {
            // One batch for ever.
            if self.current.is_empty() {
                self.current = samples.to_vec();
                *input = inputs.select_columns(samples);
            }
            return &self.current;
        }
        let a_epoch = (samples.len() / size) as u64;
        let (epoch, place) = (step / a_epoch, (step % a_epoch) as usize);
        if self.epoch != Some(epoch) {
            self.order = shuffled(samples.to_vec(), &mut self.stream.trial(epoch).layer(0));
            self.epoch = Some(epoch);
        }
        self.current.clear();
        self.current.extend_from_slice(&self.order[place * size..(place + 1) * size]);
        if input.shape() != (inputs.nrows(), size) {
            *input = DMatrix::from_element(inputs.nrows(), size, T::default());
        }
        for (a, &sample) in self.current.iter().enumerate() {
            input.column_mut(a).copy_from(&inputs.column(sample));
        }
        &self.current
    }
}
