//! The growth of one direction: its exact law, and what tied weights do instead.

use super::super::number::{Heading, LEVEL, Part, Shift, conclude};
use super::super::verdict::power;
use super::super::{Claim, ClaimError, ClaimResult, ControlResult, Verdict, decide};
use super::{SEED, gaussian, mean, variance};
use crate::law::{Growth, Law, LyapunovSpectrum};
use crate::measure::{GrowthSampler, Progress};
use crate::numeric::normal_cdf;
use crate::stats::{Estimate, Interval};

/// The whole distribution of ln |J v| at a small width.
pub(super) struct GrowthExact;

const WIDTH: usize = 5;
const FACTORS: usize = 8;
const TRIALS: usize = 40_000;

/// Largest distance of distribution functions.
const ALLOWED: f64 = 0.015;

/// Points at which the controls are compared.
const GRID: usize = 1000;

/// Kolmogorov's distance of a sorted sample to a distribution function.
fn distance(sorted: &[f64], cdf: &dyn Fn(f64) -> f64) -> f64 {
    let n = sorted.len() as f64;
    let step = |(i, &x): (usize, &f64)| {
        let p = cdf(x);
        (p - i as f64 / n).abs().max((p - (i + 1) as f64 / n).abs())
    };
    sorted.iter().enumerate().map(step).fold(0.0, f64::max)
}

impl Claim for GrowthExact {
    fn id(&self) -> String {
        "growth-exact".to_owned()
    }

    fn statement(&self) -> String {
        format!(
            "ln |J v| / |v| of a fixed vector through {FACTORS} Gaussian {WIDTH} x {WIDTH} matrices has the law of a sum of logarithms of chi-squares, \
             over its whole range"
        )
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let mut sample = gaussian(WIDTH, FACTORS, TRIALS, "growth").growth(GrowthSampler::Matrices, progress)?;
        sample.sort_by(f64::total_cmp);
        let law = |n: usize, factors: usize| Growth::square(n, factors).expect("inside the domain");
        let theory = law(WIDTH, FACTORS);
        let complex = {
            // ln |J v|^2 = sum ln (chi^2_2n / 2n): half the growth of chi-squares of 2n degrees of freedom over twice the width.
            let wide = law(2 * WIDTH, FACTORS);
            move |x: f64| wide.cdf(x)
        };
        // Massart's constant: the true distance is within this of the sample's at the level, whatever the law.
        let half = (0.5 * (2.0 / (1.0 - LEVEL)).ln() / TRIALS as f64).sqrt();
        let verdict = |found: f64| decide(Interval { low: (found - half).max(0.0), high: found + half }, ALLOWED);
        let found = distance(&sample, &|x| theory.cdf(x));
        // On a grid distances are at most those over all points: what is refuted there is refuted.
        let grid: Vec<[f64; 3]> = (1..GRID)
            .map(|i| {
                let x = theory.quantile(i as f64 / GRID as f64);
                let below = sample.partition_point(|value| *value <= x) as f64 / TRIALS as f64;
                [x, i as f64 / GRID as f64, below]
            })
            .collect();
        let control = |mistake: &str, cdf: &dyn Fn(f64) -> f64| {
            let apart = grid.iter().map(|&[x, exact, _]| (cdf(x) - exact).abs()).fold(0.0, f64::max);
            let found = grid.iter().map(|&[x, _, below]| (cdf(x) - below).abs()).fold(0.0, f64::max);
            ControlResult {
                mistake: mistake.to_owned(),
                predicted: apart,
                verdict: verdict(found),
                power: power(apart, half, 0.5 / (TRIALS as f64).sqrt(), ALLOWED),
            }
        };
        let (narrow, wide, short) = (law(WIDTH - 1, FACTORS), law(WIDTH + 1, FACTORS), law(WIDTH, FACTORS - 1));
        let shift = FACTORS as f64 * 1.02f64.ln();
        let (centre, spread) = (-0.5 * FACTORS as f64 / WIDTH as f64, (0.5 * FACTORS as f64 / WIDTH as f64).sqrt());
        let controls = vec![
            control("n one too small", &|x| narrow.cdf(x)),
            control("n one too large", &|x| wide.cdf(x)),
            control("L one too small", &|x| short.cdf(x)),
            control("complex taken for real matrices", &complex),
            control("sigma_w 2 % too large", &|x| theory.cdf(x - shift)),
            control("the normal law of leading order, N(-L/2n, L/2n)", &|x| normal_cdf((x - centre) / spread)),
        ];
        let powerful = controls.iter().all(|control| control.power >= super::super::number::LEAST_POWER);
        let decided = verdict(found);
        Ok(ClaimResult {
            id: self.id(),
            statement: self.statement(),
            verdict: if decided == Verdict::Confirmed && !powerful { Verdict::Inconclusive } else { decided },
            predicted: 0.0,
            measured: found,
            standard_error: 0.5 / (TRIALS as f64).sqrt(),
            stated_error: ALLOWED,
            unit: "largest distance of the distribution functions".to_owned(),
            criterion: format!(
                "99 % level by the Dvoretzky-Kiefer-Wolfowitz inequality, half-width {half:.4}; {TRIALS} independent products of matrices, seed {SEED}; \
                 allowed {ALLOWED}"
            ),
            control_refuted: controls.iter().all(|control| control.verdict == Verdict::Refuted),
            controls,
        })
    }
}

/// One matrix again and again.
pub(super) struct Tied;

const TIED_WIDTH: usize = 50;
const STEPS: usize = 100;
const TIED_TRIALS: usize = 400;
const UNTIED_TRIALS: usize = 200;

impl Claim for Tied {
    fn id(&self) -> String {
        "tied-weights-follow-the-radius".to_owned()
    }

    fn statement(&self) -> String {
        format!(
            "Over {STEPS} steps of width {TIED_WIDTH} tied weights grow as the spectral radius of their one matrix, a random number; untied ones as the \
             exact law of one direction"
        )
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let tied = gaussian(TIED_WIDTH, STEPS, TIED_TRIALS, "tied").tied_growth(progress)?;
        let untied = gaussian(TIED_WIDTH, STEPS, UNTIED_TRIALS, "untied").growth(GrowthSampler::Matrices, progress)?;
        let theory = LyapunovSpectrum::square(TIED_WIDTH, STEPS).expect("inside the domain");
        let direction = theory.diagonal(1).expect("there is a first");
        let growth: Vec<f64> = tied.iter().map(|trial| trial.log_norm).collect();
        let residual: Vec<f64> = tied.iter().map(|trial| trial.log_norm - trial.log_radius).collect();
        let spread = variance(&growth);
        let rest = variance(&residual);
        // The share of the variance that the radius leaves unexplained.
        let share = Estimate {
            value: rest.value / spread.value,
            standard_error: rest.value / spread.value
                * (rest.standard_error / rest.value).hypot(spread.standard_error / spread.value),
        };
        let scale = spread.value.sqrt();
        let offset = mean(&residual);
        let relative = Estimate { value: offset.value / scale, standard_error: offset.standard_error / scale };
        let (expected, exact) = (direction.mean(), direction.variance());
        let ratio = |estimate: Estimate| Estimate {
            value: (estimate.value / exact).ln(),
            standard_error: estimate.standard_error / estimate.value,
        };
        let untied_spread = ratio(variance(&untied));
        let tied_mean = mean(&growth).value;
        let tied_over_exact = (spread.value / exact).ln();
        let parts = [
            Part::at_one_width(
                "share of the variance that the radius leaves",
                0.0,
                share,
                0.15,
                vec![Shift::new("the radius explains nothing", 1.0)],
            ),
            Part::at_one_width(
                "mean of ln |W^L v| - L ln rho in standard deviations",
                0.0,
                relative,
                0.5,
                // That is what the untied law says of the mean.
                vec![Shift::new("tied weights grow like untied ones", (expected - tied_mean) / scale)],
            ),
            Part::at_one_width(
                "untied mean",
                expected,
                mean(&untied),
                0.4,
                vec![Shift::new("untied weights grow like tied ones", tied_mean - expected)],
            ),
            Part::at_one_width(
                "ln of the untied variance over the exact one",
                0.0,
                untied_spread,
                0.5,
                vec![Shift::new("untied weights spread like tied ones", tied_over_exact)],
            ),
        ];
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: "1 - squared correlation, nearly".to_owned(),
            setting: format!("{TIED_TRIALS} tied and {UNTIED_TRIALS} untied products, seed {SEED}"),
        };
        Ok(conclude(heading, &parts))
    }
}
