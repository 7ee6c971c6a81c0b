//! How fast two inputs and a gradient forget: the depth scale of correlations.

use std::f64::consts::LN_10;
use std::path::Path;

use nalgebra::DMatrix;

use super::forward_trials::forward_trials;
use super::given_kernel::inputs_of;
use super::joint::{JointShift, conclude_jointly};
use super::number::{Heading, Part};
use super::{Claim, ClaimError, ClaimResult};
use crate::activation::Tanh;
use crate::mean_field::{PairState, PhasePoint, Scales, VarianceMap, phase_point, transient};
use crate::measure::{Progress, measure};
use crate::spec::{Quantity, Spec};
use crate::stats::Estimate;

/// Correlations come to c* like `e^(-l / xi_c)`, on both sides of the edge of chaos.
pub(super) struct DepthScale {
    phase: &'static str,
    weight_variance: f64,
    /// Correlation of inputs of one group, and of different groups.
    starts: [f64; 2],
    trials: usize,
    gradients: bool,
}

/// Ordered: inputs of a group are one input, and correlations come to 1.
pub(super) const ORDERED: DepthScale =
    DepthScale { phase: "ordered", weight_variance: 1.3, starts: [1.0, 0.95], trials: 400, gradients: true };
/// Chaotic: c* = 0.45 is approached from above and from below, about as far away, so that the curvature of the map cancels.
pub(super) const CHAOTIC: DepthScale =
    DepthScale { phase: "chaotic", weight_variance: 2.5, starts: [0.7, 0.05], trials: 900, gradients: false };

const BIAS_VARIANCE: f64 = 0.05;
/// Many pairs in one network spread less than one.
const GROUPS: usize = 8;
/// The slope is taken between these layers: behind the first the map is linear to the accuracy asked for.
const FROM: usize = 4;
const TO: usize = 16;
const WIDTHS: [usize; 3] = [50, 100, 200];
const SEED: u64 = 22;
/// The nearest mistake: sigma_w this many times too large or too small.
const MISTAKE: f64 = 1.05;

impl DepthScale {
    fn scales(&self, factor: f64) -> Scales {
        Scales { sigma_w: factor * self.weight_variance.sqrt(), sigma_b: BIAS_VARIANCE.sqrt() }
    }

    fn point(&self, factor: f64) -> Result<PhasePoint, ClaimError> {
        let silent = |reason: String| ClaimError::NotPredicted { quantity: Quantity::BatchCorrelations, reason };
        let map = VarianceMap::new(&Tanh).map_err(|reason| silent(reason.to_string()))?;
        phase_point(&map, self.scales(factor), 1.0).map_err(|reason| silent(reason.to_string()))
    }

    /// Inputs of a group; one, where a group has but one input.
    fn group(&self) -> usize {
        if self.starts[0] == 1.0 { 1 } else { 2 }
    }

    /// Networks that start at the fixed point of the variance.
    fn spec(&self, width: usize, q_star: f64) -> Spec {
        let Scales { sigma_w, sigma_b } = self.scales(1.0);
        let inputs = GROUPS * self.group();
        let text = format!(
            "seed = {SEED}\n[network]\ninput = {inputs}\ndepth = {TO}\nwidth = {width}\nactivation = \"tanh\"\n\
             weights = {{ sigma_w = {sigma_w:?} }}\nbiases = {{ sigma_b = {sigma_b:?} }}\n[loss]\nkind = \"random\"\n\
             [data]\nbatch = {inputs}\n[measure]\nquantities = [\"{}\"]\ntrials = {}",
            Quantity::PreActivationGradientNorms.name(),
            self.trials
        );
        let mut spec = Spec::parse(&text, Path::new("depth-scale")).expect("the text above is a valid specification");
        let kernel = DMatrix::from_fn(inputs, inputs, |a, b| match (a == b, a / self.group() == b / self.group()) {
            (true, _) => q_star,
            (_, true) => self.starts[0] * q_star,
            _ => self.starts[1] * q_star,
        });
        spec.data.source = inputs_of(&kernel, self.scales(1.0));
        spec
    }

    /// Correlation of inputs of one group less that of different groups, both as means over pairs.
    ///
    /// Both come to the same number, whatever it is at this width: their difference comes to 0.
    fn difference(&self, h: &DMatrix<f64>) -> f64 {
        let gram = h.tr_mul(h);
        let (mut sums, mut pairs) = ([0.0; 2], [0.0; 2]);
        for b in 0..gram.ncols() {
            for a in 0..b {
                let kind = usize::from(a / self.group() != b / self.group());
                sums[kind] += gram[(a, b)] / (gram[(a, a)] * gram[(b, b)]).sqrt();
                pairs[kind] += 1.0;
            }
        }
        let within = if pairs[0] == 0.0 { 1.0 } else { sums[0] / pairs[0] };
        within - sums[1] / pairs[1]
    }

    /// What the map makes of the same differences between the same layers: how near the slope is to its limit there.
    fn iterated_slope(&self, q_star: f64) -> f64 {
        let correlations = |c: f64| {
            let start = PairState { q1: q_star, q2: q_star, c };
            let way = transient(&Tanh, std::iter::repeat_n(self.scales(1.0), TO), start);
            way.map_or([f64::NAN; 2], |way| [FROM, TO].map(|layer| way.layers[layer - 1].state.c))
        };
        let (near, far) = (correlations(self.starts[0]), correlations(self.starts[1]));
        ((near[1] - far[1]) / (near[0] - far[0])).ln() / (TO - FROM) as f64
    }

    /// log10 of the mean difference in layer [`TO`] over that in layer [`FROM`].
    fn decay(&self, spec: &Spec, experiment: &str, progress: &dyn Progress) -> Result<Option<Estimate>, ClaimError> {
        let trials = forward_trials(spec, experiment, &[FROM, TO], progress, |h| self.difference(h))?;
        Ok(ratio_of_means(&trials))
    }
}

/// log10 of the ratio of the second to the first mean, with its standard error by the delta method; `None` if a mean is not positive.
fn ratio_of_means(trials: &[Vec<f64>]) -> Option<Estimate> {
    let mean = |k: usize| trials.iter().map(|trial| trial[k]).sum::<f64>() / trials.len() as f64;
    let (first, last) = (mean(0), mean(1));
    let influence: Vec<f64> = trials.iter().map(|trial| (trial[1] / last - trial[0] / first) / LN_10).collect();
    let spread = Estimate::of_mean(&influence)?;
    (first > 0.0 && last > 0.0).then(|| Estimate { value: (last / first).log10(), ..spread })
}

impl Claim for DepthScale {
    fn id(&self) -> String {
        format!("depth-scale-correlation-tanh-{}", self.phase)
    }

    fn statement(&self) -> String {
        let gradients = if self.gradients { ", and the mean square of gradients like chi_1^l" } else { "" };
        format!(
            "In {} tanh networks (sigma_w^2 = {}, sigma_b^2 = {BIAS_VARIANCE}) correlations come to c* like e^(-l / xi_c){gradients}",
            self.phase, self.weight_variance
        )
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let right = self.point(1.0)?;
        let (up, down) = (self.point(MISTAKE)?, self.point(1.0 / MISTAKE)?);
        let q_star = number(right.q_star);
        let slope = |point: &PhasePoint| -1.0 / number(point.xi_c);
        let gradient = |point: &PhasePoint| number(point.chi_1).ln();

        let mut correlations = Vec::new();
        let mut gradients = Vec::new();
        for width in WIDTHS {
            let spec = self.spec(width, q_star);
            let experiment = format!("{} at width {width}", self.id());
            let lost = |quantity| ClaimError::NotMeasured {
                quantity,
                layer: TO,
                zeros: 0,
                non_finite: 0,
                trials: self.trials,
            };
            let found = self.decay(&spec, &experiment, progress)?;
            let found = found.ok_or_else(|| lost(Quantity::BatchCorrelations))?;
            correlations.push((width as f64, found.minus_exact((TO - FROM) as f64 * slope(&right) / LN_10)));
            if self.gradients {
                let signal = Quantity::PreActivationGradientNorms;
                let measured = measure(&spec, &format!("{experiment}, gradients"), progress)?;
                let found = measured.range(signal).and_then(|range| range.log10_rms_ratio);
                let found = found.ok_or_else(|| lost(signal))?;
                gradients.push((width as f64, found.minus_exact(0.5 * (TO - 1) as f64 * gradient(&right) / LN_10)));
            }
        }

        // Beyond a tenth of the slope nothing is said about it.
        let allowed = |of: &dyn Fn(&PhasePoint) -> f64| {
            let half_shift = 0.5 * (of(&up) - of(&right)).abs().min((of(&down) - of(&right)).abs());
            half_shift.min(0.1 * of(&right).abs())
        };
        // The fits are of decimal logarithms over all layers between.
        let part = |label: &str, per_layer: f64, predicted: f64, found: &[(f64, Estimate)], allowed: f64| {
            let part = Part::in_the_limit(label, predicted / per_layer, found, allowed / per_layer, Vec::new());
            part.map(|part| part.times(per_layer))
        };
        let per_layer = LN_10 / (TO - FROM) as f64;
        let mut parts =
            vec![part("slope of the correlation", per_layer, slope(&right), &correlations, allowed(&slope))?];
        if self.gradients {
            let per_layer = 2.0 * LN_10 / (TO - 1) as f64;
            parts.push(part("slope of the gradient", per_layer, gradient(&right), &gradients, allowed(&gradient))?);
        }
        let shift = |what: &str, slope_by: f64, gradient_by: f64| JointShift {
            mistake: what.to_owned(),
            by: if self.gradients { vec![slope_by, gradient_by] } else { vec![slope_by] },
        };
        let off = |point: &PhasePoint| (slope(point) - slope(&right), gradient(point) - gradient(&right));
        let mut mistakes = vec![
            shift("sigma_w 5 % too large", off(&up).0, off(&up).1),
            shift("sigma_w 5 % too small", off(&down).0, off(&down).1),
            shift("xi_q taken for xi_c", -1.0 / number(right.xi_q) - slope(&right), 0.0),
        ];
        if self.gradients {
            mistakes.push(shift("the gradient held", 0.0, -gradient(&right)));
        }
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: "1 / layer, extrapolated to infinite width".to_owned(),
            setting: format!(
                "xi_c {:.4}, {} groups of {} inputs, correlation {} within and {} between; layers {FROM} to {TO} (where the iterated map \
                 itself has the slope {:.4}); widths {WIDTHS:?}, {} trials each, seed {SEED}; allowed: half of what sigma_w 5 % off shifts, \
                 at most a tenth",
                number(right.xi_c),
                GROUPS,
                self.group(),
                self.starts[0],
                self.starts[1],
                self.iterated_slope(q_star),
                self.trials
            ),
        };
        Ok(conclude_jointly(heading, &parts, &mistakes, Vec::new()))
    }
}

/// NaN where theory has no number: then nothing is confirmed.
fn number(of: Option<f64>) -> f64 {
    of.unwrap_or(f64::NAN)
}
