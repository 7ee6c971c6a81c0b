//! The lesson's gradient profile.

use super::profile::{SIGMA_W_MISTAKE, judge_networks};
use super::{Claim, ClaimError, ClaimResult, ControlResult, Verdict, judge};
use crate::measure::Progress;
use crate::spec::{Quantity, Spec};

/// Every layer's root-mean-square weight gradient of the lesson's network.
pub(super) struct LessonProfile;

/// Standard error needed in every layer so that the controls are refuted with power 0.95 and the truth is confirmed.
const TRIALS: usize = 1800;

/// Of the drawn control, which only has to be refuted.
const DRAWN_TRIALS: usize = 900;

impl Claim for LessonProfile {
    fn id(&self) -> String {
        "lesson-gradient-profile".to_owned()
    }

    fn statement(&self) -> String {
        "Mean field with the correlations of the batch predicts every layer's root-mean-square weight gradient of the \
         lesson's network, in the limit of infinite width"
            .to_owned()
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let mut spec = Spec::load("lesson").expect("built in");
        spec.measure.trials = TRIALS;
        let profile = judge(&spec, Quantity::GradientNorms, 0.99, progress)?;
        // The controls of the profile shift the prediction; this one draws networks that are wrong.
        let mut mistaken = spec.with_sigma_w_scaled(SIGMA_W_MISTAKE);
        mistaken.measure.trials = DRAWN_TRIALS;
        let drawn = judge_networks(&spec, &mistaken, Quantity::GradientNorms, 0.99, None, progress)?;
        let shifted = drawn.controls.first();
        let drawn_control = ControlResult {
            mistake: format!("{DRAWN_TRIALS} networks drawn with sigma_w 3 % too large"),
            predicted: drawn.layers[0].predicted,
            verdict: drawn.verdict,
            power: shifted.map_or(0.0, |control| control.power),
        };
        let control_refuted = profile.controls_refuted() && drawn_control.verdict == Verdict::Refuted;
        let mut controls = profile.controls.clone();
        controls.push(drawn_control);
        let (first, last) = (&profile.layers[0], &profile.layers[profile.layers.len() - 1]);
        let gaps = profile.layers.iter().map(|layer| layer.gap.value.abs()).fold(0.0, f64::max);
        Ok(ClaimResult {
            id: self.id(),
            statement: self.statement(),
            verdict: profile.verdict,
            predicted: first.predicted,
            measured: first.predicted + first.limit.value,
            standard_error: first.limit.standard_error,
            stated_error: profile.stated_error,
            unit: "log10 of the rms norm of dL/dW_1, extrapolated to infinite width".to_owned(),
            criterion: format!(
                "all {} layers at the 99 % level (Bonferroni); widths 50, 100, 200 with {TRIALS} trials each, seed {}; allowed \
                 error: {}. Gap at width 50: {:+.4} in layer 1 and {:+.4} in layer 10 (largest {gaps:.4}), in log10; lack of \
                 fit of the 1/width law: p = {:.2}",
                profile.layers.len(),
                spec.seed,
                profile.resolution,
                first.gap.value,
                last.gap.value,
                profile.lack_of_fit_p
            ),
            control_refuted,
            controls,
        })
    }
}
