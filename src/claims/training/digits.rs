//! Trainings on the embedded handwritten digits.

use std::path::Path;

use crate::claims::ClaimError;
use crate::measure::{MeasureError, Progress};
use crate::network::{Hooks, Trainer};
use crate::spec::Spec;

/// A tanh network in `f32` with a linear readout of ten classes, cross-entropy, stochastic gradient descent.
#[derive(Debug, Clone, Copy)]
pub(super) struct DigitsTraining {
    pub depth: usize,
    pub width: usize,
    /// Name of the weights' ensemble.
    pub ensemble: &'static str,
    pub sigma_w: f64,
    pub sigma_b: f64,
    pub batch: usize,
    pub learning_rate: f64,
    pub steps: u64,
    /// Further lines of the `[train]` table: schedule and clipping.
    pub further: &'static str,
    /// Share of the digits that is kept apart.
    pub test_fraction: f64,
    /// Of weights, split and mini-batches.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trained {
    /// Mean over the digits that were trained on, after the last step.
    pub loss: f64,
    /// Share of the digits kept apart that are classified rightly; NaN if none were.
    pub accuracy: f64,
}

impl DigitsTraining {
    fn spec(&self) -> Spec {
        let Self {
            depth,
            width,
            ensemble,
            sigma_w,
            sigma_b,
            batch,
            learning_rate,
            steps,
            further,
            test_fraction,
            seed,
        } = self;
        let text = format!(
            "seed = {seed}\n[network]\ninput = 64\ndepth = {depth}\nwidth = {width}\noutput = 10\nactivation = \"tanh\"\n\
             precision = \"f32\"\nweights = {{ ensemble = \"{ensemble}\", sigma_w = {sigma_w:?} }}\n\
             biases = {{ sigma_b = {sigma_b:?} }}\n[data]\nkind = \"digits\"\nbatch = {batch}\n[loss]\nkind = \"cross_entropy\"\n\
             [train]\noptimizer = \"sgd\"\nlearning_rate = {learning_rate:?}\nsteps = {steps}\ntest_fraction = {test_fraction:?}\n\
             {further}\n"
        );
        Spec::parse(&text, Path::new("digits-training")).expect("the text above is a valid specification")
    }

    /// Trains to the last step, whatever the loss does.
    pub fn run(&self, progress: &dyn Progress) -> Result<Trained, ClaimError> {
        let mut trainer = Trainer::<f32>::new(&self.spec())?;
        let mut hooks = Hooks::new();
        for _ in 0..self.steps {
            if progress.interrupted() {
                return Err(MeasureError::Interrupted.into());
            }
            trainer.step(&mut hooks)?;
        }
        let kept = trainer.evaluate_test()?.and_then(|kept| kept.accuracy);
        progress.advance(1);
        Ok(Trained { loss: trainer.evaluate_train()?.loss, accuracy: kept.unwrap_or(f64::NAN) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Silent;

    /// Seed 5: ten steps of a shallow network learn something; a learning rate of nearly nothing leaves the loss of guessing.
    #[test]
    fn the_loss_is_that_after_the_last_step() {
        let training = DigitsTraining {
            depth: 2,
            width: 20,
            ensemble: "orthogonal",
            sigma_w: 1.0,
            sigma_b: 0.0,
            batch: 64,
            learning_rate: 0.3,
            steps: 30,
            further: "clip_norm = 100.0",
            test_fraction: 0.2,
            seed: 5,
        };
        let learnt = training.run(&Silent).expect("it trains");
        assert!(learnt.loss < 1.0 && learnt.accuracy > 0.6, "{learnt:?}");
        let idle = DigitsTraining { learning_rate: 1e-20, sigma_w: 1e-3, test_fraction: 0.0, ..training };
        let idle = idle.run(&Silent).expect("it trains");
        assert!((idle.loss - 10f64.ln()).abs() < 1e-5 && idle.accuracy.is_nan(), "{idle:?}");
    }
}
