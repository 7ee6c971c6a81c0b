//! How a network is trained: optimiser, schedule, clipping, watching.

mod optimizer;
pub(super) mod parse;
mod policy;
mod schedule;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use optimizer::Optimizer;
pub use policy::{AlertKind, Policies, Policy};
pub use schedule::{Decay, Schedule};

use crate::data::TrainingSet;

/// A valid `[train]` table with the data to train on.
#[derive(Debug, Clone)]
pub struct TrainSpec {
    /// The rule that turns gradients into updates.
    pub optimizer: Optimizer,
    /// Learning rate before the schedule.
    pub learning_rate: f64,
    /// How the learning rate changes over the steps.
    pub schedule: Schedule,
    /// What happens to large gradients.
    pub clip: Option<Clip>,
    /// Factor lambda of the weight decay: `g + lambda w` for every optimiser but AdamW, which shrinks the weights by
    /// `1 - rate lambda` instead. Biases decay too, as in PyTorch.
    pub weight_decay: f64,
    /// Number of updates.
    pub steps: u64,
    /// All samples; a mini-batch has `data.batch` of them.
    pub data: Arc<TrainingSet>,
    /// Share of the samples that is kept for testing.
    pub test_fraction: f64,
    /// Steps between evaluations on all samples, trained and kept; 0 for none but the last.
    pub evaluate_every: u64,
    /// What is recorded and what is done about alerts.
    pub watch: WatchSpec,
}

/// A bound on gradients, before the optimiser sees them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clip {
    /// All parameters' gradients together are scaled down to this Euclidean norm if they exceed it.
    Norm(f64),
    /// Every entry is cut to this absolute value.
    Value(f64),
}

/// What is recorded during training: loss and gradient norms at every step, and at some all that is known of a layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WatchSpec {
    /// The steps that are recorded in full in any case; others are at the start, with every prediction, and where something looks wrong. Alerts about
    /// layers, and what is done about them, come at recorded steps.
    pub record: RecordSchedule,
    /// What is done when an alert is raised.
    pub on_alert: Policies,
}

impl Default for WatchSpec {
    fn default() -> Self {
        Self { record: RecordSchedule::Every(20), on_alert: Policies::all(Policy::Warn) }
    }
}

/// Which steps are recorded in full; the first always is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordSchedule {
    /// Steps 0, k, 2 k, ...
    Every(u64),
    /// All steps up to `n`, then `n` steps a decade, evenly spaced in the logarithm.
    PerDecade(u32),
}

impl RecordSchedule {
    /// Whether a step is recorded.
    pub fn contains(self, step: u64) -> bool {
        match self {
            Self::Every(k) => step.is_multiple_of(k.max(1)),
            Self::PerDecade(n) => step <= u64::from(n) || decade_cell(n, step) > decade_cell(n, step - 1),
        }
    }
}

/// The n-th part of a decade that a step lies in.
fn decade_cell(n: u32, step: u64) -> f64 {
    (f64::from(n) * (step as f64).log10() + 1e-9).floor()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_steps_are_even_or_even_in_the_logarithm() {
        let kept = |schedule: RecordSchedule| (0..=1000).filter(|&step| schedule.contains(step)).collect::<Vec<u64>>();
        assert_eq!(kept(RecordSchedule::Every(250)), [0, 250, 500, 750, 1000]);
        assert_eq!(kept(RecordSchedule::PerDecade(1)), [0, 1, 10, 100, 1000]);
        assert_eq!(kept(RecordSchedule::PerDecade(10))[..13], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 16]);
        let fine = kept(RecordSchedule::PerDecade(10));
        assert_eq!(fine.iter().filter(|&&step| (100..1000).contains(&step)).count(), 10);
        assert!([0, 1, 2, 3, 4, 5, 10, 100, 1000].iter().all(|step| fine.contains(step)), "{fine:?}");
    }
}
