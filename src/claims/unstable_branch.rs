//! On the unstable branch of the edge of chaos no network stays.

use std::path::Path;

use nalgebra::DMatrix;

use super::given_kernel::inputs_of;
use super::joint::{JointShift, conclude_jointly};
use super::number::{Heading, LEVEL, Part};
use super::{Claim, ClaimError, ClaimResult, ControlResult};
use crate::activation::{Activation, Gelu, Tanh};
use crate::mean_field::{EdgeOfChaos, EdgePoint, PairState, Scales, Stability, VarianceMap, transient};
use crate::measure::{Progress, measure};
use crate::spec::{Quantity, Spec};
use crate::stats::Estimate;

/// Started on either side of an unstable fixed point with chi_1 = 1, the variances of the layers go away from it.
pub(super) struct UnstableBranch;

const BIAS_VARIANCE: f64 = 0.05;
/// First variances as multiples of q*.
const STARTS: [f64; 2] = [0.8, 1.25];
const DEPTH: usize = 13;
const WIDTHS: [usize; 3] = [50, 100, 300];
const TRIALS: usize = 400;
const SEED: u64 = 23;
const QUANTITY: Quantity = Quantity::PreActivations;

/// Of a root mean square.
const ALLOWED: f64 = 0.05;
const MISTAKE: f64 = 1.03;

/// A point of an edge of chaos and networks that start near it.
struct Experiment<'a> {
    phi: &'a dyn Activation,
    point: EdgePoint,
}

impl<'a> Experiment<'a> {
    fn new(phi: &'a dyn Activation, stability: Stability) -> Result<Self, ClaimError> {
        let silent = |reason: String| ClaimError::NotPredicted { quantity: QUANTITY, reason };
        let map = VarianceMap::new(phi).map_err(|reason| silent(reason.to_string()))?;
        let edge = EdgeOfChaos::new(&map).map_err(|reason| silent(reason.to_string()))?;
        let points = edge.at(&map, BIAS_VARIANCE.sqrt());
        let point = points.into_iter().find(|point| point.stability == stability);
        let point = point.ok_or_else(|| silent(format!("{} has no such point", phi.name())))?;
        Ok(Self { phi, point })
    }

    fn scales(&self, factor: f64) -> Scales {
        Scales { sigma_w: factor * self.point.sigma_w, sigma_b: self.point.sigma_b }
    }

    /// log10 of the root mean square of the last layer over that of the fixed point, as the map iterates it.
    fn predicted(&self, start: f64, factor: f64) -> f64 {
        let q = (start * self.point.q_star - BIAS_VARIANCE) * factor * factor + BIAS_VARIANCE;
        let layers = std::iter::repeat_n(self.scales(factor), DEPTH);
        let way = transient(self.phi, layers, PairState { q1: q, q2: q, c: 1.0 });
        let last = way.ok().and_then(|way| way.layers.last().map(|layer| layer.state.q1));
        0.5 * (last.unwrap_or(f64::NAN) / self.point.q_star).log10()
    }

    /// The same of networks.
    fn measured(&self, start: f64, width: usize, progress: &dyn Progress) -> Result<Estimate, ClaimError> {
        let Scales { sigma_w, sigma_b } = self.scales(1.0);
        let text = format!(
            "seed = {SEED}\n[network]\ninput = 1\ndepth = {DEPTH}\nwidth = {width}\nactivation = \"{}\"\n\
             weights = {{ sigma_w = {sigma_w:?} }}\nbiases = {{ sigma_b = {sigma_b:?} }}\n\
             [measure]\nquantities = [\"{}\"]\ntrials = {TRIALS}",
            self.phi.name(),
            QUANTITY.name()
        );
        let mut spec = Spec::parse(&text, Path::new("unstable-branch")).expect("the text above is a valid specification");
        let q_star = self.point.q_star;
if let Ok(s) = std::env::var("MF_SEED") { spec.seed = s.parse().unwrap(); } // TEMP
        spec.data.source = inputs_of(&DMatrix::from_element(1, 1, start * q_star), self.scales(1.0));
        let experiment = format!("{} from {start} q* at width {width}", self.phi.name());
        let measured = measure(&spec, &experiment, progress)?;
        let found = measured.get(QUANTITY, DEPTH).filter(|found| found.zeros + found.non_finite == 0);
        let found = found.and_then(|found| found.estimate());
        let found = found.ok_or(ClaimError::NotMeasured {
            quantity: QUANTITY,
            layer: DEPTH,
            zeros: 0,
            non_finite: 0,
            trials: TRIALS,
        })?;
        Ok(found.minus_exact(0.5 * q_star.log10()))
    }

    /// Measured against `predicted` in the limit of infinite width.
    fn part(&self, start: f64, predicted: f64, progress: &dyn Progress) -> Result<Part, ClaimError> {
        let differences = WIDTHS
            .into_iter()
            .map(|width| Ok((width as f64, self.measured(start, width, progress)?.minus_exact(predicted))))
            .collect::<Result<Vec<_>, ClaimError>>()?;
        let label = format!("{} from {start} q*", self.phi.name());
        Part::in_the_limit(label, predicted, &differences, (1.0 + ALLOWED).log10(), Vec::new())
    }
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
        let gelu = Experiment::new(&Gelu, Stability::Unstable)?;
        let part = |start: f64| gelu.part(start, gelu.predicted(start, 1.0), progress);
        let parts = STARTS.into_iter().map(part).collect::<Result<Vec<_>, _>>()?;
        let shifts = |wrong: &dyn Fn(f64) -> f64| -> Vec<f64> {
            STARTS.into_iter().map(|start| wrong(start) - gelu.predicted(start, 1.0)).collect()
        };
        let mistake = |what: &str, by| JointShift { mistake: what.to_owned(), by };
        let mistakes = [
            mistake("the variance stays where it starts", shifts(&stays)),
            mistake("the variance comes to q*", shifts(&|_| 0.0)),
            mistake("sigma_w 3 % too large", shifts(&|start| gelu.predicted(start, MISTAKE))),
            mistake("sigma_w 3 % too small", shifts(&|start| gelu.predicted(start, 1.0 / MISTAKE))),
        ];
        // Networks that do come back must not pass for leaving: the least that leaving asks for is to stay as far away.
        let tanh = Experiment::new(&Tanh, Stability::Stable)?;
        let leaving = STARTS
            .into_iter()
            .map(|start| {
                let part = tanh.part(start, stays(start), progress)?;
                let level = 1.0 - (1.0 - LEVEL) / STARTS.len() as f64;
                let back = tanh.predicted(start, 1.0) - stays(start);
                Ok(ControlResult {
                    mistake: format!("tanh at its stable point, started at {start} q*, does not come back"),
                    predicted: stays(start),
                    verdict: part.verdict_if_shifted(0.0, level),
                    power: part.power_against(back, level),
                })
            })
            .collect::<Result<Vec<_>, ClaimError>>()?;
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: format!("log10 of rms h_{DEPTH} / sqrt(q*), extrapolated to infinite width"),
            setting: format!(
                "sigma_w^2 {:.4}, q* {:.4}, started at {STARTS:?} q*; widths {WIDTHS:?}, {TRIALS} trials each, seed {SEED}; allowed: 5 %",
                gelu.point.sigma_w.powi(2),
                gelu.point.q_star
            ),
        };
        Ok(conclude_jointly(heading, &parts, &mistakes, leaving))
    }
}
