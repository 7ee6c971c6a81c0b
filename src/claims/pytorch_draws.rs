//! The lesson's network, drawn by us and by PyTorch.

use super::verdict::power;
use super::{Claim, ClaimError, ClaimResult, ControlResult, Verdict, decide};
use crate::data::pytorch_lesson_ln_norms;
use crate::measure::{Progress, ln_gradient_norms};
use crate::spec::Spec;
use crate::stats::{Estimate, LogSample, normal_quantile};

/// Our draws have the law of PyTorch's: layer by layer the same mean and the same spread of log10 of the weight-gradient norm.
pub(super) struct PytorchDraws;

/// Beyond this, PyTorch's 1,000 draws set the standard error.
const TRIALS: usize = 5000;
const MISTAKE: f64 = 1.05;

/// Level of each layer's interval. All layers must be confirmed, which needs no correction for their number; a wrong refutation
/// would need a deviation of more than six standard errors.
const LEVEL: f64 = 0.99;

/// The difference of means that is allowed, in standard deviations of PyTorch's draws; and of the logarithms of the standard
/// deviations.
const ALLOWED: f64 = 0.2;

impl Claim for PytorchDraws {
    fn id(&self) -> String {
        "pytorch-lesson-draws".to_owned()
    }

    fn statement(&self) -> String {
        "The gradient norms of the lesson's network have the same mean and the same spread of their logarithm in every layer here \
         and in 1,000 draws by PyTorch"
            .to_owned()
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let mut spec = Spec::load("lesson").expect("built in");
        spec.measure.trials = TRIALS;
        let theirs = layers(pytorch_lesson_ln_norms());
        let ours = layers(ln_gradient_norms(&spec, "pytorch draws", progress)?);
        let mistaken =
            layers(ln_gradient_norms(&spec.with_sigma_w_scaled(MISTAKE), "pytorch draws, sigma_w off", progress)?);
        let verdict_on = |sample: &[Layer]| {
            Verdict::all(sample.iter().zip(&theirs).flat_map(|(ours, theirs)| {
                let [mean, spread] = ours.against(theirs);
                [mean, spread].map(|difference| decide(difference.interval(LEVEL), ALLOWED))
            }))
        };
        let power = ours
            .iter()
            .zip(&mistaken)
            .zip(&theirs)
            .map(|((ours, mistaken), theirs)| {
                let error = ours.against(theirs)[0].standard_error;
                let shift = (mistaken.mean.value - ours.mean.value) / theirs.deviation;
                power(shift, normal_quantile(0.5 + 0.5 * LEVEL) * error, error, ALLOWED)
            })
            .fold(0.0, f64::max);
        let control = ControlResult {
            mistake: "our networks drawn with sigma_w 5 % too large".to_owned(),
            predicted: mistaken[0].mean.value,
            verdict: verdict_on(&mistaken),
            power,
        };
        let z = |(ours, theirs): (&Layer, &Layer)| {
            let [mean, _] = ours.against(theirs);
            (mean.value / mean.standard_error).abs()
        };
        let largest_z = ours.iter().zip(&theirs).map(z).fold(0.0, f64::max);
        Ok(ClaimResult {
            id: self.id(),
            statement: self.statement(),
            verdict: verdict_on(&ours),
            predicted: theirs[0].mean.value,
            measured: ours[0].mean.value,
            standard_error: ours[0].mean.minus(theirs[0].mean).standard_error,
            stated_error: ALLOWED * theirs[0].deviation,
            unit: "mean of log10 |dL/dW_1|; predicted: PyTorch's draws, measured: ours".to_owned(),
            criterion: format!(
                "{} layers at the 99 % level each, both standard errors combined; {TRIALS} trials here (f64, seed {}) against \
                 1,000 by PyTorch (f32); allowed: {ALLOWED} standard deviations of PyTorch's draws in the mean, {ALLOWED} in the \
                 logarithm of the standard deviation; largest |z| of a mean {largest_z:.2}",
                ours.len(),
                spec.seed
            ),
            control_refuted: control.verdict == Verdict::Refuted,
            controls: vec![control],
        })
    }
}

/// log10 of the norms in one layer.
struct Layer {
    mean: Estimate,
    deviation: f64,
    trials: f64,
}

impl Layer {
    /// Difference of the means in units of the other's standard deviation, and of the logarithms of the standard deviations
    /// (standard error `1 / sqrt(2 N)` each, for a nearly normal logarithm).
    fn against(&self, other: &Self) -> [Estimate; 2] {
        let mean = self.mean.minus(other.mean);
        let error = (0.5 / self.trials + 0.5 / other.trials).sqrt();
        [
            Estimate { value: mean.value / other.deviation, standard_error: mean.standard_error / other.deviation },
            Estimate { value: (self.deviation / other.deviation).ln(), standard_error: error },
        ]
    }
}

fn layers(ln_norms: Vec<Vec<f64>>) -> Vec<Layer> {
    let layer = |ln_norms: Vec<f64>| {
        let nothing = Estimate { value: f64::NAN, standard_error: f64::NAN };
        let trials = ln_norms.len() as f64;
        let summary = LogSample::new(ln_norms).summary();
        Layer {
            mean: summary.log10_mean.unwrap_or(nothing),
            deviation: summary.log10_standard_deviation.unwrap_or(f64::NAN),
            trials,
        }
    };
    ln_norms.into_iter().map(layer).collect()
}
