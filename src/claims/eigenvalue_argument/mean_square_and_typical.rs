//! Between the mean square and the typical value.

use std::sync::Arc;

use crate::claims::number::{Heading, Part, Shift, conclude};
use crate::claims::{Claim, ClaimError, ClaimResult};
use crate::ensemble::Gaussian;
use crate::law::{Growth, Law};
use crate::measure::{DeepProducts, GrowthSampler, Progress};
use crate::stats::Estimate;

/// At one scale of the weights the mean square of a gradient grows while that of most networks vanishes.
pub(in super::super) struct MeanSquareAndTypical;

const WIDTH: usize = 10;
const DEPTH: usize = 40;
/// Above 1, where the mean square grows, and below the `exp(-mu_1)` = 1.053 beyond which a typical vector grows.
const SIGMA_W: f64 = 1.02;
const TRIALS: usize = 4000;
const SEED: u64 = 1;

/// Of the mean of ln: half of what sigma_w 2 % off shifts.
const ALLOWED_LN: f64 = 0.4;
/// Of the share that grows.
const ALLOWED_SHARE: f64 = 0.05;

impl Claim for MeanSquareAndTypical {
    fn id(&self) -> String {
        "mean-square-and-typical".to_owned()
    }

    fn statement(&self) -> String {
        format!(
            "At width {WIDTH} and sigma_w = {SIGMA_W}, where the mean square of a linear network grows like sigma_w^(2L), the typical vector \
             shrinks: mean of the logarithm and share of networks in which it grows are those of the exact law"
        )
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let law = Growth::square(WIDTH, DEPTH)?;
        let ln_scale = DEPTH as f64 * SIGMA_W.ln();
        let products = DeepProducts {
            ensemble: Arc::new(Gaussian),
            widths: vec![WIDTH; DEPTH + 1],
            sigma_w: SIGMA_W,
            trials: TRIALS,
            seed: SEED,
            experiment: "mean square and typical".to_owned(),
        };
        let growth = products.growth(GrowthSampler::Matrices, progress)?;
        let mean = Estimate::of_mean(&growth).unwrap_or(Estimate { value: f64::NAN, standard_error: f64::INFINITY });
        let grown: Vec<f64> = growth.iter().map(|ln| f64::from(*ln > 0.0)).collect();
        let share = Estimate::of_mean(&grown).unwrap_or(Estimate { value: f64::NAN, standard_error: f64::INFINITY });
        let typical = law.mean() + ln_scale;
        let growing = |ln_scale: f64| law.survival(-ln_scale);
        let mean_square = 0.5 * law.ln_norm_moment(2.0).unwrap_or(f64::NAN) + ln_scale;
        let wrong_scale = DEPTH as f64 * 1.02f64.ln();
        let parts = [
            Part::at_one_width(
                "mean of ln |Jv|",
                typical,
                mean,
                ALLOWED_LN,
                vec![
                    Shift::new("the mean square decides", mean_square - typical),
                    Shift::new("sigma_w 2 % too large", wrong_scale),
                ],
            ),
            Part::at_one_width(
                "share of networks in which it grows",
                growing(ln_scale),
                share,
                ALLOWED_SHARE,
                vec![
                    Shift::new("half of them do", 0.5 - growing(ln_scale)),
                    Shift::new("sigma_w 2 % too large", growing(ln_scale + wrong_scale) - growing(ln_scale)),
                ],
            ),
        ];
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: format!("mean of ln |Jv|; ln of the root mean square is {mean_square:+.3}"),
            setting: format!("n = {WIDTH}, L = {DEPTH}, {TRIALS} products of explicit matrices, seed {SEED}"),
        };
        Ok(conclude(heading, &parts))
    }
}
