//! Below, at and above the critical scale of the weights.

use std::path::Path;
use std::sync::Arc;

use super::number::{Heading, Part, Shift, conclude};
use super::{Claim, ClaimError, ClaimResult};
use crate::activation::Activation;
use crate::mean_field::critical_sigma_w;
use crate::measure::{Progress, measure};
use crate::predict::{Prediction, predict, predict_values};
use crate::spec::{Quantity, Spec};

/// At 1/2, 1 and 2 times the critical sigma_w the gradient vanishes, holds and explodes at the predicted rate.
pub(super) struct CriticalScale(pub Arc<dyn Activation>);

const DEPTH: usize = 30;
const SIGNAL: Quantity = Quantity::PreActivationGradientNorms;
const SEED: u64 = 3;

/// The nearest mistake: sigma_w this many times too large.
const MISTAKE: f64 = 1.03;

/// Homogeneous activations have an exact law at this width; the others are extrapolated from [`WIDTHS`].
const WIDTH: usize = 100;
const WIDTHS: [usize; 3] = [40, 80, 160];

/// Multiples of the critical sigma_w, each with the networks that its stated error asks for: saturation makes the response to sigma_w, and so
/// the error, small above the critical scale.
const CASES: [(f64, usize); 3] = [(0.5, 120), (1.0, 300), (2.0, 700)];
const HOMOGENEOUS_TRIALS: usize = 150;

impl CriticalScale {
    fn spec(&self, width: usize, sigma_w: f64, trials: usize) -> Spec {
        let text = format!(
            "seed = {SEED}\n[network]\ninput = {width}\ndepth = {DEPTH}\nwidth = {width}\nactivation = \"{}\"\n\
             weights = {{ sigma_w = {sigma_w:?} }}\n[loss]\nkind = \"random\"\n\
             [measure]\nquantities = [\"{}\"]\ntrials = {trials}",
            self.0.name(),
            SIGNAL.name()
        );
        Spec::parse(&text, Path::new("critical-scale")).expect("the text above is a valid specification")
    }

    fn widths(&self) -> Vec<usize> {
        if self.0.is_homogeneous() { vec![WIDTH] } else { WIDTHS.to_vec() }
    }
}

impl Claim for CriticalScale {
    fn id(&self) -> String {
        format!("critical-scale-{}", self.0.name())
    }

    fn statement(&self) -> String {
        format!(
            "At 1/2, 1 and 2 times the critical sigma_w the typical gradient of {DEPTH} {} layers vanishes, holds and explodes at the \
             predicted rate",
            self.0.name()
        )
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let critical = critical_sigma_w(&*self.0, 0.0)
            .map_err(|reason| ClaimError::NotPredicted { quantity: SIGNAL, reason: reason.to_string() })?;
        let mut parts = Vec::new();
        for (factor, trials) in CASES {
            let trials = if self.0.is_homogeneous() { HOMOGENEOUS_TRIALS } else { trials };
            let sigma_w = factor * critical.sigma_w;
            let mut differences = Vec::new();
            for &width in &self.widths() {
                let spec = self.spec(width, sigma_w, trials);
                let measured = measure(&spec, &format!("critical scale {factor} at width {width}"), progress)?;
                let range = measured.range(SIGNAL).and_then(|range| range.log10_mean);
                let measured = range.ok_or(ClaimError::NotMeasured {
                    quantity: SIGNAL,
                    layer: 1,
                    zeros: 0,
                    non_finite: 0,
                    trials,
                })?;
                differences.push((width as f64, measured.minus_exact(range_of(&spec)?)));
            }
            let own = self.spec(self.widths()[0], sigma_w, trials);
            let predicted = range_of(&own)?;
            // The spread hardly moves with sigma_w: what the mean square moves by, the typical value does.
            let mean_square = |scale: f64| {
                let predictions = predict_values(&own.with_sigma_w_scaled(scale));
                let at = |layer| predictions.get(SIGNAL, layer).and_then(|p| p.log10_rms).unwrap_or(f64::NAN);
                at(1) - at(DEPTH)
            };
            let shift = |scale: f64| mean_square(scale) - mean_square(1.0);
            let (up, down) = (shift(MISTAKE), shift(1.0 / MISTAKE));
            let stated_error = 0.5 * up.abs().min(down.abs());
            let mistakes = vec![Shift::new("sigma_w 3 % too large", up), Shift::new("sigma_w 3 % too small", down)];
            let label = format!("{factor} times critical, {trials} trials");
            parts.push(match differences[..] {
                [(_, difference)] => {
                    Part::at_one_width(label, predicted, difference.minus_exact(-predicted), stated_error, mistakes)
                }
                _ => Part::in_the_limit(label, predicted, &differences, stated_error, mistakes)?,
            });
        }
        // The end that explodes is the headline.
        parts.reverse();
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: format!("mean of log10 |dL/dh_1| / |dL/dh_{DEPTH}| at 2 times critical"),
            setting: format!(
                "one sample, random readout, widths {:?}, seed {SEED}; allowed: half of what sigma_w 3 % off shifts",
                self.widths()
            ),
        };
        Ok(conclude(heading, &parts))
    }
}

/// Predicted mean of log10 of the first layer over the last.
fn range_of(spec: &Spec) -> Result<f64, ClaimError> {
    let predictions = predict(spec);
    let at = |layer| predictions.get(SIGNAL, layer).and_then(|p: &Prediction| p.log10_mean);
    at(1).zip(at(DEPTH)).map(|(first, last)| first - last).ok_or_else(|| {
        let reason = predictions.not_predicted.first().map_or("no layer has it", |withheld| &withheld.reason);
        ClaimError::NotPredicted { quantity: SIGNAL, reason: reason.to_owned() }
    })
}
