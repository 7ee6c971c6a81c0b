//! Under a sum the gradient of a ReLU network is aligned with the activations and grows.

use std::path::Path;

use super::number::{Heading, Part, Shift, conclude};
use super::{Claim, ClaimError, ClaimResult};
use crate::measure::{Progress, measure};
use crate::predict::predict_values;
use crate::spec::{Quantity, Spec};

/// |dL/dx_{L-k}|^2 / n = 1 + (2k - 1)/pi for He's weights, one sample, loss sum.
pub(super) struct ReluAlignment;

/// Steps below the outputs.
const STEPS: usize = 8;
const WIDTHS: [usize; 3] = [50, 100, 200];
const TRIALS: usize = 1100;
const SEED: u64 = 6;
const QUANTITY: Quantity = Quantity::ActivationGradientNorms;

/// In the norm.
const ALLOWED: f64 = 0.05;

impl Claim for ReluAlignment {
    fn id(&self) -> String {
        "relu-sum-alignment".to_owned()
    }

    fn statement(&self) -> String {
        "Under loss sum the gradient of a ReLU network with He\u{2019}s weights is aligned with the activations: |dL/dx_{L-k}|^2 / n = 1 + (2k - 1)/pi"
            .to_owned()
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let square = |k: f64| 1.0 + (2.0 * k - 1.0) / std::f64::consts::PI;
        let predicted = 0.5 * square(STEPS as f64).log10();
        let mut differences = Vec::new();
        for width in WIDTHS {
            let text = format!(
                "seed = {SEED}\n[network]\ninput = {width}\ndepth = {}\nwidth = {width}\nactivation = \"relu\"\n\
                 weights = {{ preset = \"he\" }}\n[measure]\nquantities = [\"{}\"]\ntrials = {TRIALS}",
                STEPS + 1,
                QUANTITY.name()
            );
            let spec =
                Spec::parse(&text, Path::new("relu-alignment")).expect("the text above is a valid specification");
            let measured = measure(&spec, &format!("relu alignment at width {width}"), progress)?;
            let estimate = measured.get(QUANTITY, 1).and_then(|m| m.estimate()).ok_or(ClaimError::NotMeasured {
                quantity: QUANTITY,
                layer: 1,
                zeros: 0,
                non_finite: 0,
                trials: TRIALS,
            })?;
            let theory = predict_values(&spec).get(QUANTITY, 1).and_then(|p| p.log10_rms).unwrap_or(f64::NAN);
            // Two roads to one number: the kernels, and the closed form of the statement.
            let closed_form = predicted + 0.5 * (width as f64).log10();
            let farther = if (estimate.value - theory).abs() > (estimate.value - closed_form).abs() {
                theory
            } else {
                closed_form
            };
            differences.push((width as f64, estimate.minus_exact(farther)));
        }
        let steps = STEPS as f64;
        let mistakes = vec![
            Shift::new("gradient independence", -predicted),
            Shift::new("sigma_w 3 % too large", steps * 1.03f64.log10()),
            Shift::new(
                "the aligned part left out of the second step on",
                0.5 * (1.0 + 1.0 / std::f64::consts::PI).log10() - predicted,
            ),
        ];
        let part = Part::in_the_limit("log10 of the norm", predicted, &differences, (1.0 + ALLOWED).log10(), mistakes)?;
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: format!("log10 of rms |dL/dx_{{L-{STEPS}}}| / sqrt(n), extrapolated to infinite width"),
            setting: format!("widths {WIDTHS:?}, {TRIALS} trials each, seed {SEED}; allowed: 5 % of the norm"),
        };
        Ok(conclude(heading, &[part]))
    }
}
