//! Training against oracles: scalar loops written from the formulas, recorded trajectories of PyTorch, and properties (restoring, hooks,
//! threads) to the bit.

use std::path::Path;
use std::sync::Arc;

use gradspectra::data::{Targets, TrainingSet};
use gradspectra::linalg::Real;
use gradspectra::network::{Block, Hooks, Layers, Network, OptimizerState, Parameter, StepOutcome, Stop, Trainer};
use gradspectra::spec::{Clip, Decay, Optimizer, Spec, TrainSpec};
use nalgebra::{DMatrix, DVector};
use serde::Deserialize;

/// A function of one number.
type Scalar = fn(f64) -> f64;

/// `tests/data/training_torch.json`.
#[derive(Deserialize)]
struct Recorded {
    provenance: String,
    problems: Vec<Problem>,
    cases: Vec<Case>,
}

/// A network before its first step, with its data.
#[derive(Deserialize)]
struct Problem {
    name: String,
    activation: String,
    seed: u64,
    /// The order of the mini-batches, a line a step; none for one batch for ever.
    batches: Option<Vec<Vec<usize>>>,
    /// One line a sample.
    inputs: Vec<Vec<f64>>,
    /// One line a sample, for `mse`.
    targets: Option<Vec<Vec<f64>>>,
    /// For `cross_entropy`.
    labels: Option<Vec<usize>>,
    layers: Vec<Layer>,
}

#[derive(Deserialize, Clone)]
struct Layer {
    /// Row by row.
    weight: Vec<Vec<f64>>,
    bias: Option<Vec<f64>>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    problem: String,
    /// The `[train]` table.
    train: String,
    precision: String,
    /// Of every step, before its update.
    losses: Vec<f64>,
    /// After the last step.
    layers: Vec<Layer>,
}

fn recorded() -> Recorded {
    let text = std::fs::read_to_string("tests/data/training_torch.json").expect("is part of the repository");
    serde_json::from_str(&text).expect("as the script writes it")
}

impl Problem {
    fn spec(&self, train: &str, precision: &str) -> Spec {
        let (first, last) = (&self.layers[0], &self.layers[self.layers.len() - 1]);
        let text = format!(
            "seed = {}\n[network]\ninput = {}\ndepth = {}\nwidth = {}\noutput = {}\nactivation = \"{}\"\nprecision = \"{precision}\"\n\
             weights = {{ sigma_w = 1.0 }}\n{}[data]\nbatch = {}\n[loss]\nkind = \"{}\"\n[train]\n{train}\n",
            self.seed,
            self.inputs[0].len(),
            self.layers.len() - 1,
            first.weight.len(),
            last.weight.len(),
            self.activation,
            if first.bias.is_some() { "biases = { sigma_b = 0.1 }\n" } else { "" },
            self.batches.as_ref().map_or(self.inputs.len(), |batches| batches[0].len()),
            if self.labels.is_some() { "cross_entropy" } else { "mse" },
        );
        let mut spec = Spec::parse(&text, Path::new("training.toml")).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let targets = match (&self.labels, &self.targets) {
            (Some(labels), _) => Targets::Classes { labels: labels.clone(), classes: last.weight.len() },
            (None, Some(targets)) => Targets::Values(columns(targets)),
            (None, None) => panic!("a problem has labels or targets"),
        };
        let set = TrainingSet { inputs: columns(&self.inputs), targets, origin: self.name.clone() };
        spec.train.as_mut().expect("has [train]").data = Arc::new(set);
        spec
    }

    fn network<T: Real>(&self, spec: &Spec) -> Network<T> {
        let blocks = self.layers.iter().zip(&spec.network.blocks).enumerate().map(|(index, (layer, block))| Block {
            name: (index + 1).to_string(),
            weight: rows(&layer.weight).map(T::from_f64),
            bias: layer.bias.as_ref().map(|bias| DVector::from_row_slice(bias).map(T::from_f64)),
            activation: Arc::clone(&block.activation),
        });
        Network::new(blocks.collect()).expect("chains")
    }

    fn trainer<T: Real>(&self, train: &str, precision: &str) -> Trainer<T> {
        let spec = self.spec(train, precision);
        Trainer::with_network(&spec, self.network(&spec)).expect("has [train]")
    }

    /// The samples of a step.
    fn batch(&self, step: usize) -> Vec<usize> {
        self.batches.as_ref().map_or_else(|| (0..self.inputs.len()).collect(), |batches| batches[step].clone())
    }
}

fn rows(lines: &[Vec<f64>]) -> DMatrix<f64> {
    DMatrix::from_fn(lines.len(), lines[0].len(), |i, j| lines[i][j])
}

fn columns(lines: &[Vec<f64>]) -> DMatrix<f64> {
    rows(lines).transpose()
}

/// Prints the order of the mini-batches for the script that runs PyTorch: `cargo test --test training -- --ignored --nocapture`.
#[test]
#[ignore = "prints what tests/data/training_torch.py holds"]
fn print_the_order_of_the_mini_batches() {
    let text = "seed = 7\n[network]\ninput = 1\ndepth = 1\nwidth = 1\nactivation = \"linear\"\nweights = { sigma_w = 1.0 }\n\
                [data]\nbatch = 4\n[loss]\nkind = \"sum\"\n[train]\nlearning_rate = 1.0\nsteps = 30\n";
    let mut spec = Spec::parse(text, Path::new("t.toml")).expect("valid");
    let inputs = DMatrix::from_fn(1, 15, |_, sample| sample as f64);
    let set = TrainingSet { inputs, targets: Targets::None, origin: String::new() };
    spec.train.as_mut().expect("has [train]").data = Arc::new(set);
    let mut trainer = Trainer::<f64>::new(&spec).expect("has [train]");
    for _ in 0..30 {
        let samples: Vec<usize> = trainer.next_batch().0.iter().map(|sample| *sample as usize).collect();
        eprintln!("    {samples:?},");
        trainer.step(&mut Hooks::new()).expect("no hooks");
    }
}

/// The formulas, one number at a time; nothing of the engine.
struct Naive {
    layers: Vec<Layer>,
    /// Two numbers remembered for every parameter, in the order of [`Naive::parameters`].
    slots: Vec<[f64; 2]>,
    steps: i32,
    mistake: Mistake,
}

/// What somebody could get wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mistake {
    None,
    /// `c / (|g| + 1e-6)`, as `torch.nn.utils.clip_grad_norm_` has it.
    ClippedAsTorchDoes,
    /// Adam's means as they are.
    BiasNotCorrected,
    /// sqrt(s + eps).
    EpsilonInsideTheRoot,
    /// AdamW's decay through the moments, as Adam has it.
    DecayThroughTheMoments,
    /// The velocity alone.
    NoLookAhead,
    /// v = mu v + (1 - mu) g.
    DampedMomentum,
    /// Of every layer by itself.
    ClippedLayerByLayer,
    /// The decay begins with the warm-up.
    WarmupCounted,
}

impl Naive {
    fn new(problem: &Problem, mistake: Mistake) -> Self {
        let mut naive = Self { layers: problem.layers.clone(), slots: Vec::new(), steps: 0, mistake };
        naive.slots = vec![[0.0; 2]; naive.parameters().len()];
        naive
    }

    /// Layer by layer, the weight row by row, then the bias.
    fn parameters(&mut self) -> Vec<(usize, &mut f64)> {
        let layers = self.layers.iter_mut().enumerate();
        let all = layers.flat_map(|(index, layer)| {
            let weights = layer.weight.iter_mut().flatten();
            weights.chain(layer.bias.iter_mut().flatten()).map(move |parameter| (index, parameter))
        });
        all.collect()
    }

    /// Loss of a batch, and its gradient in the order of the parameters.
    fn gradient(&self, problem: &Problem, batch: &[usize]) -> (f64, Vec<f64>) {
        let last = self.layers.len() - 1;
        let (phi, slope): (Scalar, Scalar) = match problem.activation.as_str() {
            "tanh" => (f64::tanh, |h| 1.0 - h.tanh() * h.tanh()),
            "relu" => (|h| if h > 0.0 { h } else { 0.0 }, |h| if h > 0.0 { 1.0 } else { 0.0 }),
            other => panic!("no formula for {other}"),
        };
        let mut loss = 0.0;
        let mut gradients: Vec<Layer> = self.layers.clone();
        for layer in &mut gradients {
            layer.weight.iter_mut().flatten().chain(layer.bias.iter_mut().flatten()).for_each(|g| *g = 0.0);
        }
        for &sample in batch {
            let mut inputs = vec![problem.inputs[sample].clone()];
            let mut pre_activations = Vec::new();
            for (index, layer) in self.layers.iter().enumerate() {
                let x = &inputs[index];
                let mut h = Vec::new();
                for (i, row) in layer.weight.iter().enumerate() {
                    let mut sum = layer.bias.as_ref().map_or(0.0, |bias| bias[i]);
                    for (w, x) in row.iter().zip(x) {
                        sum += w * x;
                    }
                    h.push(sum);
                }
                inputs.push(h.iter().map(|h| if index == last { *h } else { phi(*h) }).collect());
                pre_activations.push(h);
            }
            let y = &inputs[last + 1];
            let size = batch.len() as f64;
            let mut delta: Vec<f64> = match (&problem.labels, &problem.targets) {
                (Some(labels), _) => {
                    let sum: f64 = y.iter().map(|y| y.exp()).sum();
                    loss -= (y[labels[sample]] - sum.ln()) / size;
                    let target = |i| if i == labels[sample] { 1.0 } else { 0.0 };
                    y.iter().enumerate().map(|(i, y)| (y.exp() / sum - target(i)) / size).collect()
                }
                (None, Some(targets)) => {
                    let count = size * y.len() as f64;
                    let errors: Vec<f64> = y.iter().zip(&targets[sample]).map(|(y, t)| y - t).collect();
                    loss += errors.iter().map(|e| e * e).sum::<f64>() / count;
                    errors.iter().map(|e| 2.0 * e / count).collect()
                }
                (None, None) => panic!("a problem has labels or targets"),
            };
            for index in (0..=last).rev() {
                if index != last {
                    for (delta, h) in delta.iter_mut().zip(&pre_activations[index]) {
                        *delta *= slope(*h);
                    }
                }
                let mut below = vec![0.0; inputs[index].len()];
                for (i, delta) in delta.iter().enumerate() {
                    for (j, x) in inputs[index].iter().enumerate() {
                        gradients[index].weight[i][j] += delta * x;
                        below[j] += self.layers[index].weight[i][j] * delta;
                    }
                    if let Some(bias) = &mut gradients[index].bias {
                        bias[i] += delta;
                    }
                }
                delta = below;
            }
        }
        let flat = gradients.iter().flat_map(|layer| {
            layer.weight.iter().flatten().chain(layer.bias.iter().flatten()).copied().collect::<Vec<f64>>()
        });
        (loss, flat.collect())
    }

    fn learning_rate(&self, train: &TrainSpec) -> f64 {
        let (step, total) = (f64::from(self.steps - 1), train.steps as f64);
        let warmup = train.schedule.warmup as f64;
        if step < warmup {
            return train.learning_rate * (step + 1.0) / warmup;
        }
        let past = if self.mistake == Mistake::WarmupCounted { 0.0 } else { warmup };
        let (t, end) = (step - past, total - past);
        train.learning_rate
            * match train.schedule.decay {
                Decay::Constant => 1.0,
                Decay::Step { every, gamma } => gamma.powi((t / every as f64).floor() as i32),
                Decay::Exponential { gamma } => gamma.powi(t as i32),
                Decay::Linear { last } => 1.0 - (1.0 - last) * t / end,
                Decay::Cosine { last } => last + (1.0 - last) * (1.0 + (std::f64::consts::PI * t / end).cos()) / 2.0,
            }
    }

    /// One step; its loss.
    fn step(&mut self, problem: &Problem, batch: &[usize], train: &TrainSpec) -> f64 {
        let (loss, mut gradient) = self.gradient(problem, batch);
        self.steps += 1;
        let mistake = self.mistake;
        let layers: Vec<usize> = self.parameters().iter().map(|(layer, _)| *layer).collect();
        match train.clip {
            Some(Clip::Norm(bound)) => {
                let square = |wanted: Option<usize>| {
                    let counted =
                        gradient.iter().zip(&layers).filter(|(_, layer)| wanted.is_none_or(|one| one == **layer));
                    counted.map(|(g, _)| g * g).sum::<f64>()
                };
                let norms: Vec<f64> = (0..self.layers.len())
                    .map(|layer| square(Some(layer).filter(|_| mistake == Mistake::ClippedLayerByLayer)).sqrt())
                    .collect();
                for (g, &layer) in gradient.iter_mut().zip(&layers) {
                    let norm = norms[layer] + if mistake == Mistake::ClippedAsTorchDoes { 1e-6 } else { 0.0 };
                    *g *= (bound / norm).min(1.0);
                }
            }
            Some(Clip::Value(bound)) => gradient.iter_mut().for_each(|g| *g = g.max(-bound).min(bound)),
            None => {}
        }
        let (rate, decay, t) = (self.learning_rate(train), train.weight_decay, self.steps);
        let mut slots = std::mem::take(&mut self.slots);
        for (((_, w), g), slot) in self.parameters().into_iter().zip(gradient).zip(&mut slots) {
            let decayed = g + decay * *w;
            match train.optimizer {
                Optimizer::Sgd { momentum: 0.0, .. } => *w -= rate * decayed,
                Optimizer::Sgd { momentum, nesterov } => {
                    let share = if mistake == Mistake::DampedMomentum { 1.0 - momentum } else { 1.0 };
                    slot[0] = momentum * slot[0] + share * decayed;
                    let ahead = nesterov && mistake != Mistake::NoLookAhead;
                    *w -= rate * if ahead { decayed + momentum * slot[0] } else { slot[0] };
                }
                Optimizer::RmsProp { alpha, epsilon } => {
                    slot[0] = alpha * slot[0] + (1.0 - alpha) * decayed * decayed;
                    *w -= rate * decayed / (slot[0].sqrt() + epsilon);
                }
                Optimizer::Adam { beta1, beta2, epsilon } | Optimizer::AdamW { beta1, beta2, epsilon } => {
                    let decoupled = matches!(train.optimizer, Optimizer::AdamW { .. })
                        && mistake != Mistake::DecayThroughTheMoments;
                    let g = if decoupled { g } else { decayed };
                    if decoupled {
                        *w *= 1.0 - rate * decay;
                    }
                    slot[0] = beta1 * slot[0] + (1.0 - beta1) * g;
                    slot[1] = beta2 * slot[1] + (1.0 - beta2) * g * g;
                    let (mut mean, mut square) = (slot[0] / (1.0 - beta1.powi(t)), slot[1] / (1.0 - beta2.powi(t)));
                    if mistake == Mistake::BiasNotCorrected {
                        (mean, square) = (slot[0], slot[1]);
                    }
                    *w -= rate * mean
                        / if mistake == Mistake::EpsilonInsideTheRoot {
                            (square + epsilon).sqrt()
                        } else {
                            square.sqrt() + epsilon
                        };
                }
            }
        }
        self.slots = slots;
        loss
    }
}

/// Losses of all steps and the layers after the last.
#[derive(Debug, PartialEq)]
struct Trajectory {
    losses: Vec<f64>,
    /// Weights and biases of every layer, each row by row.
    parameters: Vec<Vec<f64>>,
}

impl Trajectory {
    fn new(losses: Vec<f64>, layers: &[Layer]) -> Self {
        let parts = |layer: &Layer| {
            let weight = layer.weight.iter().flatten().copied().collect::<Vec<f64>>();
            std::iter::once(weight).chain(layer.bias.clone()).collect::<Vec<_>>()
        };
        Self { losses, parameters: layers.iter().flat_map(parts).collect() }
    }

    fn of_naive(problem: &Problem, train: &str, mistake: Mistake) -> Self {
        let spec = problem.spec(train, "f64");
        let train = spec.train.expect("has [train]");
        let mut naive = Naive::new(problem, mistake);
        let losses = (0..train.steps as usize).map(|step| naive.step(problem, &problem.batch(step), &train)).collect();
        Self::new(losses, &naive.layers)
    }

    fn of_engine<T: Real>(problem: &Problem, train: &str, precision: &str) -> Self {
        let mut trainer: Trainer<T> = problem.trainer(train, precision);
        let steps = trainer.spec().steps;
        let losses = (0..steps).map(|_| trainer.step(&mut Hooks::new()).expect("no hooks").loss).collect();
        Self { losses, parameters: numbers(trainer.network()) }
    }

    /// Largest distance of a loss, relative to it, or of a parameter, relative to the largest of its weight or bias.
    fn distance(&self, other: &Self) -> f64 {
        assert_eq!((self.losses.len(), self.parameters.len()), (other.losses.len(), other.parameters.len()));
        let losses = self.losses.iter().zip(&other.losses).map(|(a, b)| (a - b).abs() / b.abs());
        let parameters = self.parameters.iter().zip(&other.parameters).map(|(a, b)| {
            assert_eq!(a.len(), b.len());
            let largest = b.iter().fold(0.0_f64, |largest, b| largest.max(b.abs()));
            a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / largest
        });
        // NaN is a distance too.
        losses.chain(parameters).fold(0.0, |largest, d| if d.is_nan() { f64::INFINITY } else { largest.max(d) })
    }
}

fn numbers<T: Real>(network: &Network<T>) -> Vec<Vec<f64>> {
    let parts = |block: &Block<T>| {
        let weight = block.weight.transpose().iter().map(|w| w.to_f64()).collect::<Vec<f64>>();
        std::iter::once(weight)
            .chain(block.bias.as_ref().map(|bias| bias.iter().map(|b| b.to_f64()).collect()))
            .collect::<Vec<_>>()
    };
    network.blocks().iter().flat_map(parts).collect()
}

const OPTIMIZERS: [&str; 12] = [
    "optimizer = \"sgd\"",
    "optimizer = \"momentum\"",
    "optimizer = \"nesterov\"",
    "optimizer = \"rmsprop\"",
    "optimizer = \"adam\"",
    "optimizer = \"adamw\"",
    "weight_decay = 0.1\noptimizer = \"sgd\"",
    "weight_decay = 0.1\noptimizer = { kind = \"momentum\", momentum = 0.6 }",
    "weight_decay = 0.1\noptimizer = { kind = \"nesterov\", momentum = 0.6 }",
    "weight_decay = 0.1\noptimizer = { kind = \"rmsprop\", alpha = 0.8, epsilon = 1e-3 }",
    "weight_decay = 0.1\noptimizer = { kind = \"adam\", beta1 = 0.7, beta2 = 0.9, epsilon = 1e-3 }",
    "weight_decay = 0.1\noptimizer = { kind = \"adamw\", beta1 = 0.7, beta2 = 0.9, epsilon = 1e-3 }",
];

const SCHEDULES: [&str; 6] = [
    "",
    "schedule = { kind = \"step\", every = 4, gamma = 0.5 }",
    "schedule = { kind = \"exponential\", gamma = 0.9, warmup = 3 }",
    "schedule = { kind = \"linear\", last = 0.2, warmup = 5 }",
    "schedule = \"cosine\"",
    "schedule = { warmup = 8 }",
];

const CLIPS: [&str; 3] = ["", "clip_norm = 0.2", "clip_value = 0.01"];

/// Rounding of 20 steps: Adam divides by roots of squares that begin near zero.
const NAIVE_TOLERANCE: f64 = 1e-12;

#[test]
fn every_optimiser_schedule_and_clip_is_its_formula() {
    for problem in &recorded().problems {
        for optimizer in OPTIMIZERS {
            for schedule in SCHEDULES {
                for clip in CLIPS {
                    let train = format!("steps = 20\nlearning_rate = 0.02\n{optimizer}\n{schedule}\n{clip}");
                    let engine = Trajectory::of_engine::<f64>(problem, &train, "f64");
                    let naive = Trajectory::of_naive(problem, &train, Mistake::None);
                    let distance = engine.distance(&naive);
                    assert!(distance < NAIVE_TOLERANCE, "{}: {distance:e} under\n{train}", problem.name);
                }
            }
        }
    }
}

/// Every mistake is a thousand times farther than what the test above lets pass.
#[test]
fn mistakes_are_seen() {
    for (train, mistake) in [
        (OPTIMIZERS[4], Mistake::BiasNotCorrected),
        (OPTIMIZERS[11], Mistake::BiasNotCorrected),
        (OPTIMIZERS[10], Mistake::EpsilonInsideTheRoot),
        (OPTIMIZERS[11], Mistake::DecayThroughTheMoments),
        (OPTIMIZERS[2], Mistake::NoLookAhead),
        (OPTIMIZERS[1], Mistake::DampedMomentum),
        ("clip_norm = 0.2", Mistake::ClippedLayerByLayer),
        ("clip_norm = 0.2", Mistake::ClippedAsTorchDoes),
        (SCHEDULES[2], Mistake::WarmupCounted),
        (SCHEDULES[3], Mistake::WarmupCounted),
    ] {
        let train = format!("steps = 20\nlearning_rate = 0.02\n{train}");
        for problem in &recorded().problems {
            let engine = Trajectory::of_engine::<f64>(problem, &train, "f64");
            let distance = engine.distance(&Trajectory::of_naive(problem, &train, mistake));
            assert!(distance > 1e3 * NAIVE_TOLERANCE, "{mistake:?} in {}: {distance:e}", problem.name);
        }
    }
}

/// Trajectories of `torch.optim` and `torch.optim.lr_scheduler` on the same weights, data and batches. In single precision PyTorch rounds every
/// operation, the engine an update and a parameter once a step: some units in the last place (6e-8) of the largest weight a step, which 40 steps
/// and the early steps of Adam and RMSProp, whose update is the sign of a gradient that may be rounding, amplify.
#[test]
fn trajectories_are_those_of_pytorch() {
    let recorded = recorded();
    assert!(recorded.provenance.contains("torch 2."));
    for case in &recorded.cases {
        let problem = recorded.problems.iter().find(|problem| problem.name == case.problem).expect("recorded");
        let torch = Trajectory::new(case.losses.clone(), &case.layers);
        let (ours, tolerance) = match (case.precision.as_str(), case.name.as_str()) {
            // Divides by |g| + 1e-6; the formula with it is the recorded trajectory, the engine a little beside it.
            (_, "clip_grad_norm_") => {
                let engine = Trajectory::of_engine::<f64>(problem, &case.train, "f64").distance(&torch);
                assert!((1e-8..1e-5).contains(&engine), "{engine:e}");
                (Trajectory::of_naive(problem, &case.train, Mistake::ClippedAsTorchDoes), 1e-12)
            }
            ("f64", _) => (Trajectory::of_engine::<f64>(problem, &case.train, "f64"), 1e-12),
            _ => (Trajectory::of_engine::<f32>(problem, &case.train, "f32"), 5e-6),
        };
        let distance = ours.distance(&torch);
        eprintln!("{}: {distance:.1e}", case.name);
        assert!(distance < tolerance, "{}: {distance:e}", case.name);
    }
}

/// The order is a promise: a training can be repeated from its specification, and the trajectories above are of these batches. The batches of an
/// epoch share no sample, and every epoch has another order.
#[test]
fn the_mini_batches_of_an_epoch_are_disjoint() {
    let recorded = recorded();
    let problem = recorded.problems.iter().find(|problem| problem.batches.is_some()).expect("recorded");
    let mut trainer: Trainer<f64> = problem.trainer("steps = 30\nlearning_rate = 1e-3", "f64");
    let mut epochs = Vec::new();
    for epoch in 0..10 {
        let mut seen = Vec::new();
        for place in 0..3 {
            let batch = problem.batch(3 * epoch + place);
            let (inputs, _) = trainer.next_batch();
            for (column, &sample) in inputs.column_iter().zip(&batch) {
                assert_eq!(column.as_slice(), problem.inputs[sample], "epoch {epoch}");
            }
            seen.extend(batch);
            trainer.step(&mut Hooks::new()).expect("no hooks");
        }
        epochs.push(seen.clone());
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 12, "epoch {epoch} repeats a sample");
    }
    assert!(epochs.windows(2).all(|pair| pair[0] != pair[1]), "{epochs:?}");
}

/// Everything of an outcome in bits: NaN, where there is no step before, equals itself.
fn bits(outcome: &StepOutcome) -> Vec<u64> {
    let norms = outcome.updates.iter().flat_map(|update| std::iter::once(update.weight).chain(update.bias));
    let sizes = norms.flat_map(|norms| [norms.ln_gradient, norms.update, norms.value, norms.cosine]);
    let clipped = outcome.clipped.map_or(f64::NAN, |clipped| clipped.norm);
    [outcome.loss, outcome.learning_rate, clipped].into_iter().chain(sizes).map(f64::to_bits).collect()
}

/// A run of `steps` steps from where the trainer is.
fn run<T: Real>(trainer: &mut Trainer<T>, steps: u64, hooks: &mut Hooks<'_, T>) -> Vec<Vec<u64>> {
    // Sizes of updates are summed where somebody wants to see them.
    hooks.on_update(Layers::All, |_| Ok(()));
    (0..steps).map(|_| bits(&trainer.step(hooks).expect("nothing stops"))).collect()
}

fn every_training(mut check: impl FnMut(&Problem, &str)) {
    for problem in &recorded().problems {
        for optimizer in OPTIMIZERS {
            check(
                problem,
                &format!("steps = 17\nlearning_rate = 0.02\nclip_norm = 0.5\nschedule = \"cosine\"\n{optimizer}"),
            );
        }
    }
}

#[test]
fn two_trainings_are_the_same_to_the_bit() {
    every_training(|problem, train| {
        let once = || {
            let mut trainer: Trainer<f64> = problem.trainer(train, "f64");
            (run(&mut trainer, 17, &mut Hooks::new()), numbers(trainer.network()))
        };
        assert_eq!(once(), once(), "{train}");
    });
}

/// Interrupted in the middle of an epoch; the state goes through what a checkpoint keeps.
#[test]
fn a_training_goes_on_from_its_state_as_if_it_had_not_stopped() {
    fn check<T: Real>(problem: &Problem, train: &str, precision: &str) {
        let mut whole: Trainer<T> = problem.trainer(train, precision);
        let mut first: Trainer<T> = problem.trainer(train, precision);
        run(&mut whole, 7, &mut Hooks::new());
        run(&mut first, 7, &mut Hooks::new());

        let mut second: Trainer<T> = problem.trainer(train, precision);
        let kept: Vec<(usize, Parameter, usize, Vec<T>)> = first
            .optimizer()
            .slots()
            .map(|(layer, parameter, slot, values)| (layer, parameter, slot, values.to_vec()))
            .collect();
        let rule = first.spec().optimizer;
        let mut state = OptimizerState::new(rule, first.spec().weight_decay, first.network());
        let mut read = 0;
        let restored = state.restore(first.optimizer().steps(), |layer, parameter, slot, values| {
            let found =
                kept.iter().find(|kept| (kept.0, kept.1, kept.2) == (layer, parameter, slot)).ok_or("missing")?;
            values.copy_from_slice(&found.3);
            read += 1;
            Ok::<(), &str>(())
        });
        restored.expect("all slots are kept");
        let parameters = problem.layers.iter().map(|layer| 1 + usize::from(layer.bias.is_some())).sum::<usize>();
        assert_eq!((read, kept.len()), (parameters * rule.slots(), parameters * rule.slots()));
        second.restore(first.network().clone(), state, first.last_updates().cloned(), first.steps());

        assert_eq!(run(&mut second, 10, &mut Hooks::new()), run(&mut whole, 10, &mut Hooks::new()), "{train}");
        assert_eq!(numbers(second.network()), numbers(whole.network()), "{train}");
        assert_eq!(second.optimizer(), whole.optimizer());

        // Without the optimiser's memory it is another training.
        if rule.slots() > 0 {
            let forgetful = OptimizerState::new(rule, first.spec().weight_decay, first.network());
            second.restore(first.network().clone(), forgetful, first.last_updates().cloned(), first.steps());
            run(&mut second, 10, &mut Hooks::new());
            assert_ne!(numbers(second.network()), numbers(whole.network()), "{train}");
        }
    }
    every_training(|problem, train| {
        check::<f64>(problem, train, "f64");
        check::<f32>(problem, train, "f32");
    });
}

#[test]
fn hooks_that_observe_change_nothing() {
    every_training(|problem, train| {
        let mut plain: Trainer<f64> = problem.trainer(train, "f64");
        let mut observed: Trainer<f64> = problem.trainer(train, "f64");
        let calls = std::sync::atomic::AtomicUsize::new(0);
        let count = || {
            calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok(())
        };
        let mut before = problem.layers[0].weight.clone();
        let mut hooks = Hooks::new();
        hooks.on_forward(Layers::All, |_| count());
        hooks.on_output_gradient(Layers::All, |_| count());
        hooks.on_pre_activation_gradient(Layers::All, |_| count());
        hooks.on_parameter_gradient(Layers::All, |_| count());
        hooks.on_update(Layers::All, |event| {
            // What was added is the difference, and its norms are those of what is shown.
            let square: f64 = event.update.iter().map(|u| u * u).sum();
            assert!((event.norms.update - square).abs() <= 1e-14 * square);
            // The weights before it; subtracting loses a digit or two.
            let square: f64 = event.value.iter().zip(event.update).map(|(w, u): (&f64, &f64)| (w - u).powi(2)).sum();
            assert!((event.norms.value - square).abs() <= 1e-12 * square);
            if event.layer == 1 && event.parameter == Parameter::Weight {
                let (fan_out, fan_in) = (before.len(), before[0].len());
                for (i, row) in before.iter_mut().enumerate() {
                    for (j, old) in row.iter_mut().enumerate() {
                        let place = j * fan_out + i;
                        assert_eq!(event.value[place], *old + event.update[place]);
                        *old = event.value[place];
                    }
                }
                assert_eq!(event.value.len(), fan_out * fan_in);
            }
            count()
        });
        let seen = run(&mut observed, 17, &mut hooks);
        drop(hooks);
        assert_eq!(seen, run(&mut plain, 17, &mut Hooks::new()), "{train}");
        assert_eq!(numbers(observed.network()), numbers(plain.network()), "{train}");
        let parameters = problem.layers.iter().map(|layer| 1 + usize::from(layer.bias.is_some())).sum::<usize>();
        assert_eq!(calls.into_inner(), 17 * (3 * 3 + 2 * parameters));
    });
}

#[test]
fn any_number_of_threads_gives_the_same_numbers() {
    // Wide enough that work is shared out.
    let text = "seed = 3\n[network]\ninput = 300\ndepth = 4\nwidth = 300\noutput = 10\nactivation = \"tanh\"\n\
                weights = { sigma_w = 1.2 }\nbiases = { sigma_b = 0.1 }\n[data]\nkind = \"regression\"\nsamples = 200\nbatch = 64\n\
                [loss]\nkind = \"mse\"\n[train]\noptimizer = \"adam\"\nlearning_rate = 0.01\nsteps = 6\nclip_norm = 0.1\n";
    let spec = Spec::parse(text, Path::new("t.toml")).expect("valid");
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| {
            let mut trainer = Trainer::<f32>::new(&spec).expect("has [train]");
            (run(&mut trainer, 6, &mut Hooks::new()), numbers(trainer.network()))
        })
    };
    assert_eq!(with(1), with(2));
}

/// A hook that stops the way back leaves everything as it was; the training can go on.
#[test]
fn a_stopped_step_can_be_made_again() {
    every_training(|problem, train| {
        let mut whole: Trainer<f64> = problem.trainer(train, "f64");
        let mut stopped: Trainer<f64> = problem.trainer(train, "f64");
        run(&mut whole, 5, &mut Hooks::new());
        run(&mut stopped, 5, &mut Hooks::new());
        let mut hooks = Hooks::new();
        hooks.on_parameter_gradient(Layers::One(2), |_| Err(Stop::because("enough")));
        assert!(stopped.step(&mut hooks).is_err());
        assert_eq!((stopped.steps(), numbers(stopped.network())), (5, numbers(whole.network())));
        assert_eq!(run(&mut stopped, 5, &mut Hooks::new()), run(&mut whole, 5, &mut Hooks::new()), "{train}");
    });
}

/// Updates are shown after the step has been made.
#[test]
fn a_hook_on_updates_stops_after_the_step() {
    let recorded = recorded();
    let (problem, train) = (&recorded.problems[0], "steps = 3\nlearning_rate = 0.1");
    let mut whole: Trainer<f64> = problem.trainer(train, "f64");
    let mut stopped: Trainer<f64> = problem.trainer(train, "f64");
    run(&mut whole, 1, &mut Hooks::new());
    let mut hooks = Hooks::new();
    hooks.on_update(Layers::One(1), |_| Err(Stop::because("enough")));
    assert!(stopped.step(&mut hooks).is_err());
    assert_eq!((stopped.steps(), numbers(stopped.network())), (1, numbers(whole.network())));
}

/// A training set without what the loss compares with is refused, not replaced by random targets.
#[test]
fn a_training_set_that_does_not_go_with_the_loss_is_refused() {
    for problem in &recorded().problems {
        let mut spec = problem.spec("steps = 3\nlearning_rate = 0.1", "f64");
        let inputs = columns(&problem.inputs);
        let others =
            [Targets::None, Targets::Values(DMatrix::zeros(3, 2)), Targets::Classes { labels: vec![0; 2], classes: 4 }];
        for targets in others {
            let set = TrainingSet { inputs: inputs.clone(), targets, origin: String::new() };
            spec.train.as_mut().expect("has [train]").data = Arc::new(set);
            let error = Trainer::<f64>::new(&spec).expect_err("refused").to_string();
            assert!(error.contains("of every training sample"), "{error}");
        }
    }
}

/// The loss over all samples is that of a mini-batch on average, for losses that are means and for those that are sums.
#[test]
fn evaluations_are_mean_losses_of_mini_batches() {
    for (kind, data) in [("random", ""), ("sum", ""), ("mse", "kind = \"regression\"\n")] {
        let text = format!(
            "[network]\ninput = 4\ndepth = 2\nwidth = 6\noutput = 3\nactivation = \"tanh\"\nweights = {{ sigma_w = 1.2 }}\n\
             [data]\n{data}samples = 1200\nbatch = 40\n[loss]\nkind = \"{kind}\"\n[train]\nlearning_rate = 1e-30\nepochs = 1\n"
        );
        let spec = Spec::parse(&text, Path::new("t.toml")).unwrap_or_else(|error| panic!("{error}"));
        let mut trainer = Trainer::<f64>::new(&spec).expect("has [train]");
        let whole = trainer.evaluate_train().expect("fits");
        let losses: Vec<f64> = (0..30).map(|_| trainer.step(&mut Hooks::new()).expect("no hooks").loss).collect();
        let mean = losses.iter().sum::<f64>() / 30.0;
        let size = losses.iter().map(|loss| loss.abs()).sum::<f64>() / 30.0;
        assert_eq!(whole.samples, 1200);
        assert!((whole.loss - mean).abs() < 1e-12 * size, "{kind}: {} not {mean}", whole.loss);
    }
}
