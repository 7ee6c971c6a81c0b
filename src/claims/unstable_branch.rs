//! On the unstable branch of the edge of chaos no network stays.

use std::path::Path;

use nalgebra::DMatrix;

use super::forward_trials::forward_trials;
use super::given_kernel::inputs_of;
use super::joint::{JointShift, conclude_jointly};
use super::number::{Heading, LEVEL, Part};
use super::{Claim, ClaimError, ClaimResult, ControlResult};
use crate::activation::{Activation, Gelu, Tanh};
use crate::mean_field::{EdgeOfChaos, EdgePoint, PairState, Scales, Stability, VarianceMap, transient};
use crate::measure::Progress;
use crate::spec::{Quantity, Spec};
use crate::stats::Estimate;

/// Started on either side of an unstable fixed point with chi_1 = 1, the variances of the layers go away from it.
pub(super) struct UnstableBranch;

const BIAS_VARIANCE: f64 = 0.05;
/// First variances as multiples of q*.
const STARTS: [f64; 2] = [0.8, 1.25];
/// Of the two inputs, which go through the same networks.
const CORRELATION: f64 = 0.9;
const DEPTH: usize = 9;
const WIDTHS: [usize; 3] = [100, 200, 400];
const TRIALS: usize = 700;
/// Where variances come back, networks spread little.
const STABLE_TRIALS: usize = 100;
const SEED: u64 = 23;
const QUANTITY: Quantity = Quantity::PreActivations;

/// Of the gap, as a ratio of root mean squares.
const ALLOWED: f64 = 0.05;
/// The nearest mistake: sigma_w this many times too large or too small.
const MISTAKE: f64 = 1.03;

/// A point of an edge of chaos and networks that start near it.
struct Experiment<'a> {
    phi: &'a dyn Activation,
    point: EdgePoint,
    trials: usize,
}

impl<'a> Experiment<'a> {
    fn new(phi: &'a dyn Activation, stability: Stability, trials: usize) -> Result<Self, ClaimError> {
        let silent = |reason: String| ClaimError::NotPredicted { quantity: QUANTITY, reason };
        let map = VarianceMap::new(phi).map_err(|reason| silent(reason.to_string()))?;
        let edge = EdgeOfChaos::new(&map).map_err(|reason| silent(reason.to_string()))?;
        let points = edge.at(&map, BIAS_VARIANCE.sqrt());
        let point = points.into_iter().find(|point| point.stability == stability);
        let point = point.ok_or_else(|| silent(format!("{} has no such point", phi.name())))?;
        Ok(Self { phi, point, trials })
    }

    fn scales(&self, factor: f64) -> Scales {
        Scales { sigma_w: factor * self.point.sigma_w, sigma_b: self.point.sigma_b }
    }

    /// log10 of the last layer's root mean square over that of the fixed point, as the map iterates it.
    ///
    /// The inputs are those that start right at the right sigma_w; one `factor` times as large acts on them too.
    fn predicted(&self, start: f64, factor: f64) -> f64 {
        let q = (start * self.point.q_star - BIAS_VARIANCE) * factor * factor + BIAS_VARIANCE;
        let layers = std::iter::repeat_n(self.scales(factor), DEPTH);
        let way = transient(self.phi, layers, PairState { q1: q, q2: q, c: 1.0 });
        let last = way.ok().and_then(|way| way.layers.last().map(|layer| layer.state.q1));
        0.5 * (last.unwrap_or(f64::NAN) / self.point.q_star).log10()
    }

    /// The same of networks: the gap between both starts, then both. Typical values, since the few networks that cross q* carry the mean; in
    /// the limit the two are one.
    fn measured(&self, width: usize, progress: &dyn Progress) -> Result<[Estimate; 3], ClaimError> {
        let Scales { sigma_w, sigma_b } = self.scales(1.0);
        let text = format!(
            "seed = {SEED}\n[network]\ninput = 2\ndepth = {DEPTH}\nwidth = {width}\nactivation = \"{}\"\n\
             weights = {{ sigma_w = {sigma_w:?} }}\nbiases = {{ sigma_b = {sigma_b:?} }}\n\
             [data]\nbatch = 2\n[measure]\ntrials = {}",
            self.phi.name(),
            self.trials
        );
        let mut spec =
            Spec::parse(&text, Path::new("unstable-branch")).expect("the text above is a valid specification");
        let [low, high] = STARTS.map(|start| start * self.point.q_star);
        let covariance = CORRELATION * (low * high).sqrt();
        let kernel = DMatrix::from_row_slice(2, 2, &[low, covariance, covariance, high]);
        spec.data.source = inputs_of(&kernel, self.scales(1.0));
        let experiment = format!("{} near q* at width {width}", self.phi.name());
        let last = forward_trials(&spec, &experiment, &[DEPTH], progress, |h| {
            [0, 1]
                .map(|sample| 0.5 * (h.column(sample).norm_squared() / (h.nrows() as f64 * self.point.q_star)).log10())
        })?;
        let typical = |number: &dyn Fn(&[f64; 2]) -> f64| {
            let column: Vec<f64> = last.iter().map(|trial| number(&trial[0])).collect();
            Estimate::of_mean(&column).filter(|mean| mean.value.is_finite()).ok_or(ClaimError::NotMeasured {
                quantity: QUANTITY,
                layer: DEPTH,
                zeros: 0,
                non_finite: 0,
                trials: self.trials,
            })
        };
        Ok([typical(&|[low, high]| high - low)?, typical(&|[low, _]| *low)?, typical(&|[_, high]| *high)?])
    }

    /// Measured against predictions, in the limit of infinite width: the gap, then both starts.
    fn parts(&self, predicted: [f64; 3], allowed: [f64; 3], progress: &dyn Progress) -> Result<Vec<Part>, ClaimError> {
        let mut differences = [const { Vec::new() }; 3];
        for width in WIDTHS {
            let measured = self.measured(width, progress)?;
            for ((differences, measured), predicted) in differences.iter_mut().zip(measured).zip(predicted) {
                differences.push((width as f64, measured.minus_exact(predicted)));
            }
        }
        let labels = ["gap".to_owned(), format!("from {} q*", STARTS[0]), format!("from {} q*", STARTS[1])];
        let parts = labels.into_iter().zip(&differences).zip(predicted).zip(allowed);
        parts
            .map(|(((label, differences), predicted), allowed)| {
                Part::in_the_limit(label, predicted, differences, allowed, Vec::new())
            })
            .collect()
    }
}

/// The gap between both, then both.
fn with_gap(of: impl Fn(f64) -> f64) -> [f64; 3] {
    let [low, high] = STARTS.map(of);
    [high - low, low, high]
}

fn stays(start: f64) -> f64 {
    0.5 * start.log10()
}

impl Claim for UnstableBranch {
    fn id(&self) -> String {
        "unstable-branch-gelu".to_owned()
    }

    fn statement(&self) -> String {
        "GELU networks with sigma_b^2 = 0.05 and chi_1 = 1 leave their fixed point in both directions, as the variance map iterates: it is \
         unstable, and no network has chi_1 = 1 for long"
            .to_owned()
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let gelu = Experiment::new(&Gelu, Stability::Unstable, TRIALS)?;
        let right = with_gap(|start| gelu.predicted(start, 1.0));
        let mistake = |what: &str, wrong: [f64; 3]| JointShift {
            mistake: what.to_owned(),
            by: wrong.iter().zip(right).map(|(wrong, right)| wrong - right).collect(),
        };
        let mistakes = [
            mistake("the variance stays where it starts", with_gap(stays)),
            mistake("the variance comes to q*", [0.0; 3]),
            mistake("sigma_w 3 % too large", with_gap(|start| gelu.predicted(start, MISTAKE))),
            mistake("sigma_w 3 % too small", with_gap(|start| gelu.predicted(start, 1.0 / MISTAKE))),
        ];
        // Both starts share the fluctuations of their networks, and the gap is free of most: it carries the number. Either start by
        // itself carries the direction: it must be away from where it was.
        let moved = &mistakes[0].by;
        let allowed = [(1.0 + ALLOWED).log10(), moved[1].abs(), moved[2].abs()];
        let parts = gelu.parts(right, allowed, progress)?;
        // Networks that do come back must not pass for leaving: the least that leaving asks for is to stay as far away.
        let tanh = Experiment::new(&Tanh, Stability::Stable, STABLE_TRIALS)?;
        let level = 1.0 - (1.0 - LEVEL) / right.len() as f64;
        let kept = with_gap(stays);
        let back = with_gap(|start| tanh.predicted(start, 1.0));
        let leaving = tanh
            .parts(kept, [(1.0 + ALLOWED).log10(); 3], progress)?
            .iter()
            .zip(kept.iter().zip(back))
            .map(|(part, (kept, back))| ControlResult {
                mistake: format!("tanh at its stable point does not come back: {}", part.label),
                predicted: *kept,
                verdict: part.verdict_if_shifted(0.0, level),
                power: part.power_against(back - kept, level),
            })
            .collect();
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: format!(
                "mean of log10 of rms h_{DEPTH} from the higher start / from the lower, extrapolated to infinite width"
            ),
            setting: format!(
                "sigma_w^2 {:.4}, q* {:.4}, started at {STARTS:?} q*; widths {WIDTHS:?}, {TRIALS} trials each, seed {SEED}; \
                 allowed: 5 % of the gap, and of either start less than brings it back to where it was",
                gelu.point.sigma_w.powi(2),
                gelu.point.q_star
            ),
        };
        Ok(conclude_jointly(heading, &parts, &mistakes, leaving))
    }
}
