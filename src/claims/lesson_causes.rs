//! Why the lesson's gradient changes: the causes of one step, each as predicted.

use super::number::{Heading, Part, Shift, conclude};
use super::{Claim, ClaimError, ClaimResult};
use crate::measure::{Progress, measure};
use crate::predict::{gains, predict_values};
use crate::spec::{Gain, Quantity, Spec};

/// Weights, saturation and alignment of the step from layer 3 to layer 2 of the lesson's network.
pub(super) struct LessonCauses;

/// The step to this layer: behind the first, whose pre-activations have another variance, and where the batch still aligns.
const LAYER: usize = 2;
const FACTORS: [f64; 3] = [1.0, 2.0, 4.0];
const TRIALS: usize = 300;
const MISTAKE: f64 = 1.03;

fn step(spec: &Spec) -> Result<Gain<f64>, ClaimError> {
    let found = gains(spec, &predict_values(spec)).into_iter().find(|gain| gain.layer == LAYER);
    let reason = "a step has no prediction".to_owned();
    found.ok_or(ClaimError::NotPredicted { quantity: Quantity::GradientNorms, reason })
}

impl Claim for LessonCauses {
    fn id(&self) -> String {
        "lesson-causes".to_owned()
    }

    fn statement(&self) -> String {
        "What weights, saturation and the alignment of the batch do to the lesson\u{2019}s gradient is each as predicted".to_owned()
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let mut spec = Spec::load("lesson").expect("built in");
        spec.measure.trials = TRIALS;
        spec.measure.quantities = vec![
            Quantity::GradientNorms,
            Quantity::PreActivationGradientNorms,
            Quantity::ActivationGradientNorms,
            Quantity::LayerInputs,
        ];
        let predicted = step(&spec)?;
        let mistaken = step(&spec.with_sigma_w_scaled(MISTAKE))?;
        let above = gains(&spec, &predict_values(&spec)).into_iter().find(|gain| gain.layer == LAYER - 1);
        let mut differences = [Vec::new(), Vec::new(), Vec::new()];
        for factor in FACTORS {
            let wide = spec.resized(factor);
            let limit = step(&wide)?;
            let measured = measure(&wide, &format!("causes at width factor {factor}"), progress)?;
            let gain = measured.gains.iter().find(|gain| gain.layer == LAYER).ok_or(ClaimError::NotMeasured {
                quantity: Quantity::GradientNorms,
                layer: LAYER,
                zeros: 0,
                non_finite: 0,
                trials: TRIALS,
            })?;
            let width = wide.network.blocks[0].fan_out as f64;
            for (differences, (measured, limit)) in differences.iter_mut().zip([
                (gain.alignment, limit.alignment),
                (gain.saturation, limit.saturation),
                (gain.weights, limit.weights),
            ]) {
                differences.push((width, measured.minus_exact(limit)));
            }
        }
        let [alignment, saturation, weights] = differences;
        let first_layer = above.map_or(0.0, |above| above.saturation - predicted.saturation);
        let sigma_w = mistaken.weights - predicted.weights;
        let parts = [
            Part::in_the_limit(
                "alignment",
                predicted.alignment,
                &alignment,
                0.25 * predicted.alignment.abs(),
                vec![Shift::new("c-map left out", -predicted.alignment)],
            )?,
            Part::in_the_limit(
                "saturation",
                predicted.saturation,
                &saturation,
                0.25 * first_layer.abs(),
                vec![Shift::new("q-map left out, the variance of layer 1", first_layer)],
            )?,
            Part::in_the_limit(
                "weights",
                predicted.weights,
                &weights,
                0.5 * sigma_w,
                vec![Shift::new("sigma_w 3 % too large", sigma_w), Shift::new("sigma_w 3 % too small", -sigma_w)],
            )?,
        ];
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit:
                "log10 of the factor that alignment contributes from layer 3 to layer 2, extrapolated to infinite width"
                    .to_owned(),
            setting: format!("widths 50, 100, 200, {TRIALS} trials each, seed {}", spec.seed),
        };
        Ok(conclude(heading, &parts))
    }
}
