//! What bounds an update of Adam.

use super::clipping::{digits_trainer, one_block, steep};
use super::exact::{Deviation, conclude_exactly};
use crate::claims::number::Heading;
use crate::claims::{Claim, ClaimError, ClaimResult};
use crate::measure::Progress;
use crate::network::{Hooks, OptimizerState};
use crate::spec::Optimizer;

/// Adam bounds its own updates: clipping at another norm changes nothing as long as it is always active.
///
/// # Formula
///
/// With b1, b2 and the bias corrections at step t, an entry of the update is `eta m sqrt(1 - b2^t) / (sqrt(s) (1 - b1^t))`. By Cauchy and Schwarz
///
/// ```text
/// |m| <= (1 - b1) / sqrt(1 - b2) * sqrt(sum over k < t of (b1^2 / b2)^k) * sqrt(s)
/// ```
///
/// with equality for gradients that grow by `b2 / b1` from step to step. One gradient after none gives the first factor alone,
/// `(1 - b1) / sqrt(1 - b2)`, which Kingma and Ba call the bound; a gradient that grows exceeds it, with the usual constants by up to
/// `1 / sqrt(1 - b1^2 / b2) = 2.30`.
///
/// # Source
///
/// Kingma and Ba 2015, section 2.1; the inequality is derived here.
pub(super) struct AdamUpdate;

const BETAS: [f64; 2] = [0.9, 0.999];
const RATE: f64 = 0.003;
/// Of the driven sequences; `(b2 / b1)^-1000 = 1e-45` is far from underflow, squared too.
const LENGTH: i32 = 1000;
/// Of the training.
const STEPS: usize = 30;
/// So small that the scale of gradients above 1e-200 has no part in the update.
const EPSILON: f64 = 1e-250;

/// The last |u| / (eta sqrt(P)) under gradients whose entries are of one size, given by step.
fn last_update(size: impl Fn(i32) -> f64) -> f64 {
    let mut network = one_block();
    let rule = Optimizer::Adam { beta1: BETAS[0], beta2: BETAS[1], epsilon: EPSILON };
    let mut state = OptimizerState::new(rule, 0.0, &network);
    let mut last = f64::NAN;
    for t in 1..=LENGTH {
        // Adam takes entries one by one: all of them show the same ratio, whatever their size.
        let updates = state.update(&mut network, &mut steep(size(t)), None, RATE, true);
        last = updates.iter().map(|update| update.weight.update + update.bias.map_or(0.0, |bias| bias.update)).sum();
    }
    last.sqrt() / (RATE * 6f64.sqrt())
}

/// A training with clipping by norm.
struct Clipped {
    /// All weights at its end.
    weights: Vec<f64>,
    /// |g| of every step before clipping.
    norms: Vec<f64>,
    /// Clipped steps.
    active: usize,
}

fn trained(clip: f64) -> Result<Clipped, ClaimError> {
    let [beta1, beta2] = BETAS;
    let mut trainer = digits_trainer(&format!(
        "optimizer = {{ kind = \"adam\", beta1 = {beta1}, beta2 = {beta2}, epsilon = {EPSILON:?} }}\nlearning_rate = {RATE}\n\
         clip_norm = {clip:?}"
    ))?;
    let mut hooks = Hooks::new();
    let (mut norms, mut active) = (Vec::new(), 0);
    for _ in 0..STEPS {
        if let Some(seen) = trainer.step(&mut hooks)?.clipped {
            norms.push(seen.norm);
            active += usize::from(seen.active);
        }
    }
    let weights = trainer.network().blocks().iter().flat_map(|block| block.weight.iter().copied());
    Ok(Clipped { weights: weights.collect(), norms, active })
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>();
    (square(&mut a.iter().zip(b).map(|(a, b)| a - b)) / square(&mut a.iter().copied())).sqrt()
}

impl Claim for AdamUpdate {
    fn id(&self) -> String {
        "adam-caps-its-own-update".to_owned()
    }

    fn statement(&self) -> String {
        "An entry of Adam's update is at most rate * (1 - b1) / sqrt((1 - b2)(1 - b1^2 / b2)), which gradients that grow by b2 / b1 a step reach; \
         one gradient after none gives rate * (1 - b1) / sqrt(1 - b2); where clipping is always active its norm has no part in the update"
            .to_owned()
    }

    fn run(&self, _progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let [b1, b2] = BETAS;
        let corrections = (1.0 - b2.powi(LENGTH)).sqrt() / (1.0 - b1.powi(LENGTH));
        let single = (1.0 - b1) / (1.0 - b2).sqrt();
        let ratio = b1 * b1 / b2;
        let whole = single / (1.0 - ratio).sqrt();
        let spike = last_update(|t| if t == LENGTH { 1.0 } else { 0.0 });
        let growing = |growth: f64| last_update(|t| growth.powi(t - LENGTH));
        let steepest = growing(b2 / b1);
        let off = |measured: f64, formula: f64| (measured / formula - 1.0).abs();
        let beyond = |measured: f64, bound: f64| (measured / bound - 1.0).max(0.0);
        let others = [0.9, 1.0, 1.05, 1.1, 1.12, 1.2, 2.0].map(growing);
        let (tight, loose) = (trained(1e-3)?, trained(3e-2)?);
        let mut norms = trained(1e30)?.norms;
        norms.sort_by(f64::total_cmp);
        let median = norms[norms.len() / 2];
        let sometimes = trained(median)?;
        let always = tight.active.min(loose.active) == STEPS;

        let bound =
            |of: &str, bound: f64| Deviation::largest(of, others.iter().map(|&measured| beyond(measured, bound)));
        let formulas = [
            Deviation::new("growth b2 / b1 reaches the bound", off(steepest, whole * corrections)),
            bound("growths 0.9 to 2 beyond it", whole * corrections),
            Deviation::new("one gradient after none", off(spike, single * corrections)),
            Deviation::new(
                "weights after clipping at 0.001 and at 0.03",
                if always { distance(&tight.weights, &loose.weights) } else { f64::NAN },
            ),
        ];
        let mistakes = [
            Deviation::new("(1 - b1) / sqrt(1 - b2) bounds every update", beyond(steepest, single * corrections)),
            Deviation::new("the rate bounds every update", beyond(steepest, 1.0)),
            Deviation::new("the bound without bias corrections", off(steepest, whole)),
            Deviation::new("the bound 5 % too small", beyond(steepest, 0.95 * whole * corrections)),
            Deviation::new(
                "clipping has no part where it is active at times",
                distance(&tight.weights, &sometimes.weights),
            ),
        ];
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: "largest relative deviation".to_owned(),
            setting: format!(
                "b1 {b1}, b2 {b2}, sequences of {LENGTH} gradients: {:.4} rates at the growth b2 / b1, {:.4} for one gradient after none; digits as in \
                 the claim about clipping, {STEPS} steps, of which clipping at 0.001 is active in {}, at 0.03 in {} and at the median norm of \
                 {median:.2} in {}",
                steepest, spike, tight.active, loose.active, sometimes.active
            ),
        };
        Ok(conclude_exactly(heading, &formulas, &mistakes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Constant gradients: m / (1 - b1^t) = g, s / (1 - b2^t) = g^2.
    #[test]
    fn constant_gradients_move_by_the_rate() {
        assert!((last_update(|_| 1e-7) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn distances_are_relative() {
        assert!((distance(&[3.0, 4.0], &[3.0, 4.5]) - 0.1).abs() < 1e-15);
    }
}
