//! The lesson's network, drawn by us and by PyTorch.

use super::verdict::power;
use super::{Claim, ClaimError, ClaimResult, ControlResult, Verdict, decide};
use crate::data::pytorch_lesson_ln_norms;
use crate::measure::{Progress, ln_gradient_norms};
use crate::predict::predict;
use crate::spec::{Quantity, Spec};
use crate::stats::{Estimate, LogSample};

/// Our draws have the law of PyTorch's: layer by layer the same mean of log10 of the weight-gradient norm.
pub(super) struct PytorchDraws;

const TRIALS: usize = 8000;
const MISTAKE: f64 = 1.05;
const LEVEL: f64 = 0.99;

impl Claim for PytorchDraws {
    fn id(&self) -> String {
        "pytorch-lesson-draws".to_owned()
    }

    fn statement(&self) -> String {
        "The gradient norms of the lesson's network have the same mean logarithm in every layer here and in 1,000 draws by \
         PyTorch"
            .to_owned()
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let mut spec = Spec::load("lesson").expect("built in");
        spec.measure.trials = TRIALS;
        spec.measure.quantities = vec![Quantity::GradientNorms];
        let theirs = log10_means(pytorch_lesson_ln_norms());
        let ours = log10_means(ln_gradient_norms(&spec, "pytorch draws", progress)?);
        let mistaken_spec = spec.with_sigma_w_scaled(MISTAKE);
        let mistaken = log10_means(ln_gradient_norms(&mistaken_spec, "pytorch draws, sigma_w off", progress)?);

        // Stated before anything is drawn: half of what the mistake shifts, by theory.
        let (right, wrong) = (predict(&spec), predict(&mistaken_spec));
        let shift = |layer: usize| {
            let number = |predictions: &crate::predict::Predictions| {
                predictions.get(Quantity::GradientNorms, layer).and_then(|p| p.number()).unwrap_or(f64::NAN)
            };
            number(&wrong) - number(&right)
        };
        let shifts: Vec<f64> = (1..=ours.len()).map(shift).collect();
        let stated_error = 0.5 * shifts.iter().map(|shift| shift.abs()).fold(0.0, f64::max);
        let corrected = 1.0 - (1.0 - LEVEL) / ours.len() as f64;
        let verdict_on = |sample: &[Estimate]| {
            let pairs = sample.iter().zip(&theirs);
            Verdict::all(pairs.map(|(ours, theirs)| decide(ours.minus(*theirs), stated_error, corrected)))
        };
        let power = ours
            .iter()
            .zip(&theirs)
            .zip(&shifts)
            .map(|((ours, theirs), shift)| power(*shift, ours.minus(*theirs).standard_error, stated_error, corrected))
            .fold(0.0, f64::max);
        let control = ControlResult {
            mistake: "our networks drawn with sigma_w 5 % too large".to_owned(),
            predicted: mistaken[0].value,
            verdict: verdict_on(&mistaken),
            power,
        };
        let z = |(ours, theirs): (&Estimate, &Estimate)| {
            let difference = ours.minus(*theirs);
            (difference.value / difference.standard_error).abs()
        };
        let largest_z = ours.iter().zip(&theirs).map(z).fold(0.0, f64::max);
        Ok(ClaimResult {
            id: self.id(),
            statement: self.statement(),
            verdict: verdict_on(&ours),
            predicted: theirs[0].value,
            measured: ours[0].value,
            standard_error: ours[0].minus(theirs[0]).standard_error,
            stated_error,
            unit: "mean of log10 |dL/dW_1|; predicted: PyTorch's draws, measured: ours".to_owned(),
            criterion: format!(
                "all {} layers at the 99 % level (Bonferroni), both standard errors combined; {TRIALS} trials here (f64, seed \
                 {}) against 1,000 by PyTorch (f32); allowed error: half of the largest shift when sigma_w is 5 % off; largest \
                 |z| over the layers {largest_z:.2}",
                ours.len(),
                spec.seed
            ),
            control_refuted: control.verdict == Verdict::Refuted,
            controls: vec![control],
        })
    }
}

fn log10_means(layers: Vec<Vec<f64>>) -> Vec<Estimate> {
    let mean = |layer: Vec<f64>| {
        let nothing = Estimate { value: f64::NAN, standard_error: f64::NAN };
        LogSample::new(layer).summary().log10_mean.unwrap_or(nothing)
    };
    layers.into_iter().map(mean).collect()
}
