//! What clipping bounds.

use std::path::Path;
use std::sync::Arc;

use nalgebra::{DMatrix, DVector};

use super::exact::{Deviation, conclude_exactly};
use crate::activation::Linear;
use crate::claims::number::Heading;
use crate::claims::{Claim, ClaimError, ClaimResult};
use crate::measure::Progress;
use crate::network::{Block, Gradients, Hooks, LayerUpdate, Layers, Network, OptimizerState, Trainer, clip};
use crate::spec::{Clip, Optimizer, Spec};

/// A bound on the gradient is a bound on the update of gradient descent.
///
/// # Formula
///
/// With g the gradient over all weights and biases, P their number, c the bound, eta the learning rate and u the update:
///
/// ```text
/// by norm                   |u| = eta min(c, |g|)
/// by norm, momentum mu      |u_t| <= eta c (1 - mu^t) / (1 - mu)      equal where the gradient keeps its direction and exceeds c
/// the same, Nesterov        |u_t| <= eta c (1 - mu^(t+1)) / (1 - mu)
/// by value                  |u| <= eta c sqrt(P)                       equal where every entry exceeds c
/// ```
///
/// # Source
///
/// Pascanu, Mikolov and Bengio 2013. The bounds with momentum: v_t is a sum of `mu^k g_(t-k)`, each of norm at most c.
pub(super) struct ClippedUpdate;

const RATE: f64 = 0.2;
const MU: f64 = 0.9;
const STEPS: u64 = 60;
const SEED: u64 = 91;

/// What one step of a training did.
struct Step {
    /// |g| before clipping.
    norm: f64,
    /// |u|^2 of each layer, weights and biases.
    layers: Vec<f64>,
    /// |u|^2 of all weights.
    weights: f64,
}

impl Step {
    fn update(&self) -> f64 {
        self.layers.iter().sum::<f64>().sqrt()
    }

    /// |g| of each layer, or of the weights, from the update: clipping by the norm of all leaves the direction.
    fn gradient(&self, square: f64) -> f64 {
        self.norm * square.sqrt() / self.update()
    }
}

fn squares(updates: &[LayerUpdate]) -> (Vec<f64>, f64) {
    let layer = |update: &LayerUpdate| update.weight.update + update.bias.map_or(0.0, |bias| bias.update);
    (updates.iter().map(layer).collect(), updates.iter().map(|update| update.weight.update).sum())
}

/// Trains a small tanh network with biases on the digits; `train` is the rest of its table.
pub(super) fn digits_trainer(train: &str) -> Result<Trainer<f64>, ClaimError> {
    let text = format!(
        "seed = {SEED}\n[network]\ninput = 64\ndepth = 3\nwidth = 16\noutput = 10\nactivation = \"tanh\"\nweights = {{ sigma_w = 1.5 }}\n\
         biases = {{ sigma_b = 0.3 }}\n[data]\nkind = \"digits\"\nbatch = 32\n[loss]\nkind = \"cross_entropy\"\n\
         [train]\nsteps = {STEPS}\n{train}\n"
    );
    let spec = Spec::parse(&text, Path::new("clipping")).expect("the text above is a valid specification");
    Ok(Trainer::new(&spec)?)
}

fn train(optimizer: &str, clipping: &str) -> Result<Vec<Step>, ClaimError> {
    let mut trainer = digits_trainer(&format!("optimizer = {optimizer}\nlearning_rate = {RATE:?}\n{clipping}"))?;
    let mut hooks = Hooks::new();
    // Sizes of updates are summed where somebody wants to see them.
    hooks.on_update(Layers::All, |_| Ok(()));
    let step = |_| {
        let outcome = trainer.step(&mut hooks)?;
        let (layers, weights) = squares(&outcome.updates);
        Ok(Step { norm: outcome.clipped.map_or(f64::NAN, |seen| seen.norm), layers, weights })
    };
    (0..STEPS).map(step).collect()
}

fn parameters(network: &Network<f64>) -> usize {
    network.blocks().iter().map(|block| block.weight.len() + block.bias.as_ref().map_or(0, DVector::len)).sum()
}

/// A network of one block for an optimiser to work on, all zero: 4 weights and 2 biases.
pub(super) fn one_block() -> Network<f64> {
    let block = Block {
        name: "1".to_owned(),
        weight: DMatrix::zeros(2, 2),
        bias: Some(DVector::zeros(2)),
        activation: Arc::new(Linear),
    };
    Network::new(vec![block]).expect("its shapes fit")
}

/// A gradient of that network in a direction of unequal entries, by norm and direction the same at every step but for the factor.
pub(super) fn steep(factor: f64) -> Gradients<f64> {
    Gradients {
        weights: vec![DMatrix::from_row_slice(2, 2, &[3.0, -1.0, 2.0, 5.0]) * factor],
        biases: vec![Some(DVector::from_column_slice(&[-4.0, 7.0]) * factor)],
        ..Gradients::new()
    }
}

/// |u_t| under gradients that keep direction and exceed the bound.
fn drive(rule: Optimizer, bound: Clip) -> Vec<f64> {
    let mut network = one_block();
    let mut state = OptimizerState::new(rule, 0.0, &network);
    let update = |t| {
        let mut gradients = steep(10.0 + f64::from(t % 7));
        clip(&mut gradients, bound);
        let updates = state.update(&mut network, &mut gradients, None, RATE, true);
        squares(&updates).0.iter().sum::<f64>().sqrt()
    };
    (1..=200).map(update).collect()
}

/// Largest relative deviation of the updates from a formula.
fn deviation(of: &str, steps: &[Step], formula: impl Fn(&Step) -> f64) -> Deviation {
    Deviation::largest(of, steps.iter().map(|step| (step.update() / formula(step) - 1.0).abs()))
}

/// By how much the updates exceed a bound at most.
fn excess(of: &str, steps: &[Step], bound: f64) -> Deviation {
    Deviation::largest(of, steps.iter().map(|step| (step.update() / bound - 1.0).max(0.0)))
}

fn driven(of: &str, updates: &[f64], formula: impl Fn(i32) -> f64) -> Deviation {
    Deviation::largest(of, (1..).zip(updates).map(|(t, update)| (update / formula(t) - 1.0).abs()))
}

impl Claim for ClippedUpdate {
    fn id(&self) -> String {
        "clipping-caps-the-update".to_owned()
    }

    fn statement(&self) -> String {
        "Clipping by global norm at c makes an update of gradient descent rate * min(c, |g|), with momentum mu at most rate * c / (1 - mu), \
         which a constant direction reaches; clipping by value, at most rate * c * sqrt(number of parameters)"
            .to_owned()
    }

    fn run(&self, _progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        // No gradient has this norm: the training is as without clipping, and its norms are seen.
        let mut norms: Vec<f64> = train("\"sgd\"", "clip_norm = 1e30")?.iter().map(|step| step.norm).collect();
        norms.sort_by(f64::total_cmp);
        // Half the steps are clipped, half are not.
        let c = norms[norms.len() / 2];
        let clipped = format!("clip_norm = {c:?}");
        let plain = train("\"sgd\"", &clipped)?;
        let active = plain.iter().filter(|step| step.norm > c).count();
        let momentum = format!("{{ kind = \"momentum\", momentum = {MU} }}");
        let with_momentum = train(&momentum, &clipped)?;
        let value = 0.01;
        let by_value = train("\"sgd\"", &format!("clip_value = {value}"))?;
        let p = parameters(digits_trainer(&format!("learning_rate = {RATE:?}"))?.network()) as f64;

        let sgd = |momentum, nesterov| Optimizer::Sgd { momentum, nesterov };
        let heavy = drive(sgd(MU, false), Clip::Norm(c));
        let nesterov = drive(sgd(MU, true), Clip::Norm(c));
        let cut = drive(sgd(0.0, false), Clip::Value(value));
        let reached = |t: i32| RATE * c * (1.0 - MU.powi(t)) / (1.0 - MU);
        let asymptote = |of: &str, bound: f64| Deviation::new(of, (heavy[heavy.len() - 1] / bound - 1.0).abs());
        let bound = RATE * c / (1.0 - MU);

        let formulas = [
            deviation("rate min(c, |g|)", &plain, |step| RATE * step.norm.min(c)),
            excess("beyond rate c / (1 - mu) in training", &with_momentum, bound),
            driven("rate c (1 - mu^t) / (1 - mu) in a constant direction", &heavy, reached),
            driven("the same with Nesterov", &nesterov, |t| reached(t + 1)),
            excess("beyond rate c sqrt(P) in training", &by_value, RATE * value * p.sqrt()),
            driven("rate c sqrt(P) where all entries exceed c", &cut, |_| RATE * value * 6f64.sqrt()),
        ];
        let mistakes = [
            deviation("each layer is clipped by itself", &plain, |step| {
                RATE * step.layers.iter().map(|square| step.gradient(*square).min(c).powi(2)).sum::<f64>().sqrt()
            }),
            deviation("the norm is that of the weights only", &plain, |step| {
                RATE * step.norm * (c / step.gradient(step.weights)).min(1.0)
            }),
            deviation("every gradient is scaled to c, small ones too", &plain, |_| RATE * c),
            excess("momentum does not add up: rate c", &with_momentum, RATE * c),
            asymptote("rate c / (1 - mu), 5 % too small", 0.95 * bound),
            asymptote("rate c / (1 - mu^2)", RATE * c / (1.0 - MU * MU)),
            driven("Nesterov is one step behind", &nesterov, reached),
            driven("sqrt of the number of weights", &cut, |_| RATE * value * 4f64.sqrt()),
        ];
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: "largest relative deviation".to_owned(),
            setting: format!(
                "{p} parameters in four layers, digits, cross-entropy, f64, {STEPS} steps, seed {SEED}; c = {c:.4}, the median norm without \
                 clipping: {active} steps clipped; largest update with momentum in training {:.3} of its bound, by value {:.3}",
                largest(&with_momentum) / bound,
                largest(&by_value) / (RATE * value * p.sqrt())
            ),
        };
        Ok(conclude_exactly(heading, &formulas, &mistakes))
    }
}

fn largest(steps: &[Step]) -> f64 {
    steps.iter().map(Step::update).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// |steep(1)|^2 = 9 + 1 + 4 + 25 + 16 + 49 = 104.
    #[test]
    fn driven_gradients_exceed_the_bound_and_keep_their_direction() {
        let first = drive(Optimizer::Sgd { momentum: 0.0, nesterov: false }, Clip::Norm(1e9))[6];
        assert!((first / (RATE * 10.0 * 104f64.sqrt()) - 1.0).abs() < 1e-12, "{first}");
        assert_eq!(parameters(&one_block()), 6);
    }
}
