//! How networks of finite width approach mean field, and how far they spread.

use std::path::Path;

use super::number::{Heading, Part, Shift, conclude};
use super::{Claim, ClaimError, ClaimResult};
use crate::measure::{Progress, measure};
use crate::predict::{predict, predict_values};
use crate::spec::{Quantity, Spec};
use crate::stats::Estimate;

const QUANTITY: Quantity = Quantity::GradientNorms;

fn lesson(factor: f64, trials: usize) -> Spec {
    let mut spec = Spec::load("lesson").expect("built in").resized(factor);
    spec.measure.trials = trials;
    spec.measure.quantities = vec![QUANTITY];
    spec
}

fn not_measured(trials: usize) -> ClaimError {
    ClaimError::NotMeasured { quantity: QUANTITY, layer: 1, zeros: 0, non_finite: 0, trials }
}

/// The gap between mean field and width n shrinks like 1/n.
pub(super) struct GapExponent;

/// Deep, so that the gap is large against the spread; ReLU, whose next order in 1/n is a few percent at the narrowest width.
const GAP_DEPTH: usize = 60;
const GAP_WIDTHS: [usize; 4] = [25, 50, 100, 150];
const GAP_TRIALS: [usize; 4] = [1500, 1000, 600, 200];
const GAP_SEED: u64 = 10;

/// The next order, 1.6/n of the gap, is 7 % at width 25 and bends the exponent by less than this.
const ALLOWED_EXPONENT: f64 = 0.15;

impl Claim for GapExponent {
    fn id(&self) -> String {
        "gap-to-mean-field-exponent".to_owned()
    }

    fn statement(&self) -> String {
        format!("The gap between mean field and the typical gradient of {GAP_DEPTH} ReLU layers shrinks like 1/width")
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let quantity = Quantity::PreActivationGradientNorms;
        // ln |gap| against ln n by weighted least squares: the slope is the exponent.
        let mut sums = [0.0; 5];
        for (width, trials) in GAP_WIDTHS.into_iter().zip(GAP_TRIALS) {
            let text = format!(
                "seed = {GAP_SEED}\n[network]\ninput = {width}\ndepth = {GAP_DEPTH}\nwidth = {width}\nactivation = \"relu\"\n\
                 weights = {{ preset = \"he\" }}\n[loss]\nkind = \"random\"\n\
                 [measure]\nquantities = [\"{}\"]\ntrials = {trials}",
                quantity.name()
            );
            let spec = Spec::parse(&text, Path::new("gap")).expect("the text above is a valid specification");
            let limit = predict_values(&spec);
            let at = |layer| limit.get(quantity, layer).and_then(|p| p.log10_rms).unwrap_or(f64::NAN);
            let measured = measure(&spec, &format!("gap at width {width}"), progress)?;
            let typical =
                measured.range(quantity).and_then(|range| range.log10_mean).ok_or_else(|| not_measured(trials))?;
            let gap = typical.minus_exact(at(1) - at(GAP_DEPTH));
            let (x, y) = ((width as f64).ln(), gap.value.abs().ln());
            let weight = (gap.value / gap.standard_error).powi(2);
            for (sum, term) in sums.iter_mut().zip([1.0, x, y, x * x, x * y]) {
                *sum += weight * term;
            }
        }
        let [w, x, y, xx, xy] = sums;
        let determinant = w * xx - x * x;
        let exponent = Estimate { value: (w * xy - x * y) / determinant, standard_error: (w / determinant).sqrt() };
        let mistakes = vec![Shift::new("1/sqrt(width)", 0.5), Shift::new("1/width^1.5", -0.5)];
        let part = Part::at_one_width("exponent", -1.0, exponent, ALLOWED_EXPONENT, mistakes);
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: "exponent of the width".to_owned(),
            setting: format!(
                "one sample, He\u{2019}s weights, random readout, widths {GAP_WIDTHS:?} with {GAP_TRIALS:?} trials, seed {GAP_SEED}"
            ),
        };
        Ok(conclude(heading, &[part]))
    }
}

/// The predicted spread of the first layer's gradient is what networks show.
pub(super) struct LogVariance;

const WIDTH_FACTORS: [f64; 3] = [1.0, 2.0, 4.0];
const TRIALS: [usize; 3] = [4000, 2500, 1200];

/// Of the standard deviation: the quadrature's few percent and as much again.
const ALLOWED_SPREAD: f64 = 0.08;

impl Claim for LogVariance {
    fn id(&self) -> String {
        "lesson-log-variance".to_owned()
    }

    fn statement(&self) -> String {
        "The log-variance of the first layer\u{2019}s weight gradient over networks, derived for the batch, is what the lesson\u{2019}s networks show as \
         they become wide"
            .to_owned()
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let mut differences = Vec::new();
        let mut own = f64::NAN;
        for (factor, trials) in WIDTH_FACTORS.into_iter().zip(TRIALS) {
            let spec = lesson(factor, trials);
            let predicted = deviation(&spec)?;
            let measured = measure(&spec, &format!("log-variance at width factor {factor}"), progress)?;
            let first = measured.get(QUANTITY, 1).and_then(|m| m.log10_standard_deviation);
            let measured = first.ok_or_else(|| not_measured(trials))?;
            if factor == 1.0 {
                own = predicted;
            }
            // ln s has standard error 1/sqrt(2 N) for a normal logarithm, which it is to leading order.
            let standard_error = (2.0 * trials as f64).sqrt().recip() / std::f64::consts::LN_10;
            let difference = Estimate { value: (measured / predicted).log10(), standard_error };
            differences.push((spec.network.blocks[0].fan_out as f64, difference));
        }
        let mut single = lesson(1.0, 2);
        single.data.batch = 1;
        let mistakes = vec![
            Shift::new("one sample taken for the batch", (deviation(&single)? / own).log10()),
            Shift::new("the width 50 % off", 0.5 * 1.5f64.log10()),
        ];
        let stated_error = (1.0 + ALLOWED_SPREAD).log10();
        let part = Part::in_the_limit("log10 of the deviation", own.log10(), &differences, stated_error, mistakes)?;
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: "log10 of the standard deviation of log10 |dL/dW_1|, extrapolated to infinite width".to_owned(),
            setting: format!("widths 50, 100, 200 with {TRIALS:?} trials, seed 1; allowed: 8 % of the deviation"),
        };
        Ok(conclude(heading, &[part]))
    }
}

fn deviation(spec: &Spec) -> Result<f64, ClaimError> {
    let predictions = predict(spec);
    let first = predictions.get(QUANTITY, 1).and_then(|p| p.log10_standard_deviation);
    first.ok_or_else(|| ClaimError::NotPredicted { quantity: QUANTITY, reason: "its spread is withheld".to_owned() })
}
