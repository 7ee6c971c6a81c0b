//! The largest singular value: its offset from the growth of one direction, and the two ends of L against n.

use super::super::joint::{JointShift, conclude_jointly};
use super::super::number::{Heading, Part, Shift, conclude};
use super::super::{Claim, ClaimError, ClaimResult, ControlResult};
use super::{SEED, gaussian, mean, or_nan, variance};
use crate::law::{LargestSum, LyapunovSpectrum, ProductEigenvalues};
use crate::measure::Progress;

/// E ln s_1 and Var ln s_1 well beyond L = n.
pub(super) struct Offset;

const WIDTH: usize = 4;
const FACTORS: usize = 80;
const TRIALS: usize = 40_000;

impl Claim for Offset {
    fn id(&self) -> String {
        "lyapunov-largest-offset".to_owned()
    }

    fn statement(&self) -> String {
        format!(
            "At L = {FACTORS}, n = {WIDTH} the logarithm of the largest singular value exceeds that of one direction by (psi(n/2) - psi(1/2))/2 in the \
             mean, and has the smaller variance"
        )
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let theory = LyapunovSpectrum::square(WIDTH, FACTORS).expect("inside the domain");
        let sample = gaussian(WIDTH, FACTORS, TRIALS, "largest").largest_and_direction(progress)?;
        let largest: Vec<f64> = sample.iter().map(|trial| trial.log_largest).collect();
        let apart: Vec<f64> = sample.iter().map(|trial| trial.log_largest - trial.log_norm).collect();
        let (offset, less) = (theory.log_largest_offset(), theory.log_largest_variance_offset());
        let wider = LyapunovSpectrum::square(WIDTH + 1, FACTORS).expect("inside the domain").log_largest_offset();
        let LargestSum { mean: predicted, variance: spread } = theory.largest(1);
        let parts = [
            Part::at_one_width(
                "ln s_1 - ln |J v|, the offset",
                offset,
                mean(&apart),
                0.06,
                vec![Shift::new("the offset left out", -offset), Shift::new("the offset of n + 1", wider - offset)],
            ),
            Part::at_one_width(
                "ln s_1",
                predicted,
                mean(&largest),
                0.2,
                vec![Shift::new("the offset left out", -offset)],
            ),
            Part::at_one_width(
                "Var ln s_1",
                spread,
                variance(&largest),
                0.04 * spread,
                vec![Shift::new("the variance of one direction", less)],
            ),
        ];
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: "mean of ln s_1 - ln |J v|".to_owned(),
            setting: format!("explicit products of drawn matrices, {TRIALS} of them, seed {SEED}"),
        };
        Ok(conclude(heading, &parts))
    }
}

/// L well below, at and well above n.
pub(super) struct Ends;

/// Width, factors, products: infinitely wide; infinitely deep; neither.
const WIDE: (usize, usize, usize) = (100, 2, 60);
const DEEP: (usize, usize, usize) = (10, 300, 700);
const BETWEEN: (usize, usize, usize) = (20, 20, 300);

/// Of the logarithm. A finite matrix stays below the edge by 0.02 at n = 100.
const ALLOWED_WIDE: f64 = 0.06;
const ALLOWED_DEEP: f64 = 0.9;
/// What either theory may be off by where it is asked for too much.
const ALLOWED_BETWEEN: f64 = 0.05;

/// `ln` of the edge of the singular values of infinitely wide products, `sqrt((L+1)^(L+1) / L^L)`.
fn free(factors: usize) -> f64 {
    ProductEigenvalues::new(factors).expect("inside the domain").ln_norm_over_radius()
}

fn frozen(n: usize, factors: usize) -> f64 {
    LyapunovSpectrum::square(n, factors).expect("inside the domain").largest(1).mean
}

impl Claim for Ends {
    fn id(&self) -> String {
        "largest-free-to-frozen".to_owned()
    }

    fn statement(&self) -> String {
        "ln s_1 of a product is at the Fuss-Catalan edge for L well below n, and at the Lyapunov exponent with its offset for L well above n"
            .to_owned()
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let measured = |(n, factors, trials): (usize, usize, usize)| -> Result<_, ClaimError> {
            let product = gaussian(n, factors, trials, "ends");
            Ok(or_nan(product.log_largest(&[factors], progress)?.first().copied().flatten()))
        };
        let wide = (free(WIDE.1), frozen(WIDE.0, WIDE.1));
        let deep = (frozen(DEEP.0, DEEP.1), free(DEEP.1));
        let (n, factors, _) = DEEP;
        let bare = factors as f64 * LyapunovSpectrum::square(n, 1).expect("inside the domain").exponents()[0];
        let parts = [
            Part::at_one_width("L well below n", wide.0, measured(WIDE)?, ALLOWED_WIDE, Vec::new()),
            Part::at_one_width("L well above n", deep.0, measured(DEEP)?, ALLOWED_DEEP, Vec::new()),
        ];
        let mistakes = [
            JointShift { mistake: "the ends swapped".to_owned(), by: vec![wide.1 - wide.0, deep.1 - deep.0] },
            JointShift {
                mistake: "L one too large at the wide end".to_owned(),
                by: vec![free(WIDE.1 + 1) - wide.0, 0.0],
            },
            JointShift { mistake: "the offset left out".to_owned(), by: vec![0.0, bare - deep.0] },
        ];
        let (n, factors, _) = BETWEEN;
        let between = measured(BETWEEN)?;
        let others: Vec<ControlResult> = [("Fuss-Catalan", free(factors)), ("Lyapunov", frozen(n, factors))]
            .into_iter()
            .map(|(name, predicted)| {
                let part = Part::at_one_width(name, predicted, between, ALLOWED_BETWEEN, Vec::new());
                let apart = between.value - predicted;
                ControlResult {
                    mistake: format!("{name} at L = n = {n}, where simulation has {:.3}", between.value),
                    predicted,
                    verdict: part.verdict_if_shifted(0.0, super::super::number::LEVEL),
                    power: part.power_against(apart, super::super::number::LEVEL),
                }
            })
            .collect();
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: "mean of ln s_1 at L well below n".to_owned(),
            setting: format!(
                "triangular factors, (n, L, products) = {WIDE:?}, {DEEP:?}, and {BETWEEN:?} for the controls, seed {SEED}; no law is claimed at L = n"
            ),
        };
        Ok(conclude_jointly(heading, &parts, &mistakes, others))
    }
}
