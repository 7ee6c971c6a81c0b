//! Learning rates over the steps.

use serde::{Deserialize, Serialize};

/// A factor of the learning rate: a linear warm-up, then a decay.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Steps over which the factor rises linearly from 1/warmup to 1; 0 for none.
    pub warmup: u64,
    /// What follows.
    pub decay: Decay,
}

/// How the factor falls after the warm-up, t steps into it and T steps in all.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Decay {
    /// 1.
    Constant,
    /// `gamma^floor(t / every)`.
    Step {
        /// Steps between two falls.
        every: u64,
        /// Factor of each.
        gamma: f64,
    },
    /// `gamma^t`.
    Exponential {
        /// Factor of each step.
        gamma: f64,
    },
    /// `1 + (last - 1) t / T`.
    Linear {
        /// The factor at the end.
        last: f64,
    },
    /// `last + (1 - last)(1 + cos(pi t / T)) / 2`.
    Cosine {
        /// The factor at the end.
        last: f64,
    },
}

impl Schedule {
    /// The learning rate does not change.
    pub const CONSTANT: Self = Self { warmup: 0, decay: Decay::Constant };

    /// The factor at a step (from 0) of a training of `steps` steps.
    pub fn factor(&self, step: u64, steps: u64) -> f64 {
        if step < self.warmup {
            return (step + 1) as f64 / self.warmup as f64;
        }
        let t = (step - self.warmup) as f64;
        let share = t / (steps.saturating_sub(self.warmup).max(1)) as f64;
        match self.decay {
            Decay::Constant => 1.0,
            Decay::Step { every, gamma } => gamma.powf((t / every.max(1) as f64).floor()),
            Decay::Exponential { gamma } => gamma.powf(t),
            Decay::Linear { last } => 1.0 + (last - 1.0) * share.min(1.0),
            Decay::Cosine { last } => last + (1.0 - last) * 0.5 * (1.0 + (std::f64::consts::PI * share.min(1.0)).cos()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_in_closed_form() {
        let decay = |decay| Schedule { warmup: 0, decay };
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-15, "{a} {b}");
        close(decay(Decay::Step { every: 10, gamma: 0.5 }).factor(29, 100), 0.25);
        close(decay(Decay::Exponential { gamma: 0.9 }).factor(3, 100), 0.729);
        close(decay(Decay::Linear { last: 0.2 }).factor(50, 100), 0.6);
        close(decay(Decay::Cosine { last: 0.1 }).factor(50, 100), 0.55);
        close(decay(Decay::Cosine { last: 0.1 }).factor(0, 100), 1.0);
        let warm = Schedule { warmup: 4, decay: Decay::Linear { last: 0.0 } };
        let factors: Vec<f64> = (0..6).map(|step| warm.factor(step, 14)).collect();
        for (factor, expected) in factors.iter().zip([0.25, 0.5, 0.75, 1.0, 1.0, 0.9]) {
            close(*factor, expected);
        }
    }
}
