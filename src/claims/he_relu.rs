//! He's initialisation keeps the mean square of the gradient, and still the typical gradient decays.

use std::path::Path;

use super::number::{Heading, Part, Shift, conclude};
use super::{Claim, ClaimError, ClaimResult};
use crate::measure::{Progress, measure};
use crate::predict::predict;
use crate::spec::{Quantity, Spec};

/// One sample through ReLU layers with He's weights, random readout.
pub(super) struct HeRelu;

const SIGNAL: Quantity = Quantity::PreActivationGradientNorms;
const DEPTH: usize = 16;
const WIDTH: usize = 50;
const TRIALS: usize = 24_000;
const SEED: u64 = 4;

/// A mean square is kept to this.
const ALLOWED: f64 = 0.05;

impl Claim for HeRelu {
    fn id(&self) -> String {
        "he-relu-mean-square-and-typical".to_owned()
    }

    fn statement(&self) -> String {
        "He\u{2019}s weights keep E |dL/dh_l|^2 over the layers of a ReLU network, while the typical gradient decays as the exact law says"
            .to_owned()
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let text = format!(
            "seed = {SEED}\n[network]\ninput = {WIDTH}\ndepth = {DEPTH}\nwidth = {WIDTH}\nactivation = \"relu\"\n\
             weights = {{ preset = \"he\" }}\n[loss]\nkind = \"random\"\n\
             [measure]\nquantities = [\"{}\"]\ntrials = {TRIALS}",
            SIGNAL.name()
        );
        let spec = Spec::parse(&text, Path::new("he-relu")).expect("the text above is a valid specification");
        let predictions = predict(&spec);
        let range = |of: fn(&crate::predict::Prediction) -> Option<f64>| {
            let at = |layer| predictions.get(SIGNAL, layer).and_then(of).unwrap_or(f64::NAN);
            at(1) - at(DEPTH)
        };
        let (mean_square, typical) = (range(|p| p.log10_rms), range(|p| p.log10_mean));
        let measured = measure(&spec, "he relu", progress)?;
        let lost = ClaimError::NotMeasured { quantity: SIGNAL, layer: 1, zeros: 0, non_finite: 0, trials: TRIALS };
        let ranges = measured.range(SIGNAL).and_then(|range| Some((range.log10_rms_ratio?, range.log10_mean?)));
        let (measured_square, measured_typical) = ranges.ok_or(lost)?;
        let steps = (DEPTH - 1) as f64;
        let sigma_w = steps * 1.02f64.log10();
        let parts = [
            Part::at_one_width(
                "typical value",
                typical,
                measured_typical,
                // A twentieth of the decay itself.
                0.05 * typical.abs(),
                vec![
                    Shift::new("the mean square taken for the typical value", mean_square - typical),
                    Shift::new("sigma_w 2 % too large", sigma_w),
                    Shift::new("two layers missing", -2.0 * typical / steps),
                ],
            ),
            Part::at_one_width(
                "mean square",
                mean_square,
                measured_square,
                (1.0 + ALLOWED).log10(),
                vec![
                    Shift::new("sigma_w 2 % too large", sigma_w),
                    Shift::new("the typical value taken for the mean square", typical - mean_square),
                ],
            ),
        ];
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: format!("mean of log10 |dL/dh_1| / |dL/dh_{DEPTH}|"),
            setting: format!(
                "width {WIDTH}, {TRIALS} trials, seed {SEED}; allowed: a twentieth of the decay, and 5 % of the root mean square"
            ),
        };
        Ok(conclude(heading, &parts))
    }
}
