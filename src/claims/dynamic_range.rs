//! The dynamic ranges of the lesson's variants.

use super::number::{Heading, Part, Shift, conclude};
use super::{Claim, ClaimError, ClaimResult};
use crate::measure::{Progress, measure};
use crate::predict::{Predictions, predict_values};
use crate::spec::{BUILTIN_SPECS, Precision, Quantity, Spec, VARIANTS};

/// How far the gradient of a variant falls or grows from its last layer to its first.
pub(super) struct RangeOfVariant {
    name: &'static str,
    quantity: Quantity,
}

/// Networks at each width: as many as the smaller of the two shifts of [`MISTAKE`] asks for at the spread of the variant's ratio, so that
/// the controls have power 0.99. Where every layer contributes its factor to the shift, few suffice; a chaotic network's mean square
/// is carried by few networks and takes more.
fn trials(variant: &str) -> usize {
    match variant {
        "tanh-chaos" => 1400,
        "lesson" => 500,
        "tanh-critical" => 300,
        _ => 150,
    }
}

const FACTORS: [f64; 3] = [1.0, 2.0, 4.0];

/// The nearest mistake: sigma_w this many times too large.
const MISTAKE: f64 = 1.05;

/// The variants in double precision: those in single precision end in zeros and infinities.
pub(super) fn claims() -> Vec<Box<dyn Claim>> {
    let finite = |name: &&&str| {
        let builtin = BUILTIN_SPECS.iter().find(|builtin| builtin.name == **name);
        builtin.is_some_and(|builtin| builtin.spec().network.precision == Precision::F64)
    };
    VARIANTS
        .iter()
        .filter(finite)
        .map(|&name| {
            // The lesson looks at dL/dW of sigmoid networks; of a linear network that is the same in every layer.
            let weights = name == "lesson" || name.starts_with("sigmoid");
            let quantity = if weights { Quantity::GradientNorms } else { Quantity::PreActivationGradientNorms };
            Box::new(RangeOfVariant { name, quantity }) as Box<dyn Claim>
        })
        .collect()
}

impl Claim for RangeOfVariant {
    fn id(&self) -> String {
        format!("dynamic-range-{}", self.name)
    }

    fn statement(&self) -> String {
        format!(
            "Mean field predicts the ratio of the first to the last layer\u{2019}s {} in `{}`",
            if self.quantity == Quantity::GradientNorms { "|dL/dW|" } else { "|dL/dh|" },
            self.name
        )
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let mut spec = Spec::load(self.name).expect("built in");
        let trials = trials(self.name);
        spec.measure.trials = trials;
        spec.measure.quantities = vec![self.quantity];
        let range = |spec: &Spec| range(&predict_values(spec), self.quantity, spec.network.blocks.len());
        let predicted = range(&spec);
        let shift = range(&spec.with_sigma_w_scaled(MISTAKE)) - predicted;
        let mut differences = Vec::new();
        for factor in FACTORS {
            let wide = spec.resized(factor);
            let measured =
                measure(&wide, &format!("dynamic range of {} at width factor {factor}", self.name), progress)?;
            let estimate = measured.range(self.quantity).and_then(|range| range.log10_rms_ratio).ok_or_else(|| {
                let first = measured.get(self.quantity, 1);
                ClaimError::NotMeasured {
                    quantity: self.quantity,
                    layer: 1,
                    zeros: first.map_or(0, |m| m.zeros),
                    non_finite: first.map_or(0, |m| m.non_finite),
                    trials,
                }
            })?;
            differences.push((wide.network.blocks[0].fan_out as f64, estimate.minus_exact(range(&wide))));
        }
        // Half of what the mistake does, in either direction.
        let stated_error = 0.5 * shift.abs();
        let mistakes = vec![
            Shift::new("sigma_w 5 % too large", shift),
            Shift::new("sigma_w 5 % too small", range(&spec.with_sigma_w_scaled(1.0 / MISTAKE)) - predicted),
        ];
        let part = Part::in_the_limit("log10 ratio", predicted, &differences, stated_error, mistakes)?;
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: "log10 of rms in layer 1 / rms in the last layer, extrapolated to infinite width".to_owned(),
            setting: format!(
                "widths 50, 100, 200, {trials} trials each, seed {}; allowed: half of what sigma_w 5 % off shifts",
                spec.seed
            ),
        };
        Ok(conclude(heading, &[part]))
    }
}

fn range(predictions: &Predictions, quantity: Quantity, depth: usize) -> f64 {
    let at = |layer| predictions.get(quantity, layer).and_then(|p| p.log10_rms).unwrap_or(f64::NAN);
    at(1) - at(depth)
}
