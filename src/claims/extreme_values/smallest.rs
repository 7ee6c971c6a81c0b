//! The smallest singular value at finite sizes.

use super::super::joint::{JointShift, conclude_jointly};
use super::super::number::{Heading, Part};
use super::super::{Claim, ClaimError, ClaimResult};
use super::{mean, trials};
use crate::ensemble::gaussian_singular_values;
use crate::law::{Field, HardEdge, Law, SmallestSingularValue};
use crate::measure::Progress;

/// The smallest singular value of a square matrix has its exact law.
pub(super) struct Smallest {
    pub seed: u64,
}

const SMALL: usize = 10;
const SMALL_TRIALS: usize = 200_000;
const LARGE: usize = 50;
const LARGE_TRIALS: usize = 10_000;
/// Nearest mistake: sigma_w this many times too large.
const MISTAKE: f64 = 1.02;
/// Of the mean at the larger size, relative.
const ALLOWED_LARGE: f64 = 0.06;
/// Of the share below the first quartile.
const ALLOWED_SHARE: f64 = 0.02;

impl Claim for Smallest {
    fn id(&self) -> String {
        "smallest-singular-value".to_owned()
    }

    fn statement(&self) -> String {
        format!(
            "The smallest singular value of a square real Gaussian matrix of size {SMALL} has the mean and the first quartile of its exact law, which \
             differs from the limit; that of size {LARGE} the mean, to 6 %"
        )
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let law = |n, field| SmallestSingularValue::new(n, field);
        let predicted = |n, field| Ok::<_, ClaimError>(law(n, field)?.mean_scaled_smallest());
        let measured = |n: usize, count| {
            trials(self.seed, &format!("smallest singular value, n = {n}"), count, progress, |generator| {
                let values = gaussian_singular_values(n, n, (n as f64).sqrt().recip(), generator)?;
                Ok(n as f64 * values[n - 1])
            })
        };
        let small = measured(SMALL, SMALL_TRIALS)?;
        let large = measured(LARGE, LARGE_TRIALS)?;
        let (right_small, right_large) = (predicted(SMALL, Field::Real)?, predicted(LARGE, Field::Real)?);
        let quartile = SMALL as f64 * law(SMALL, Field::Real)?.quantile(0.25).sqrt();
        let share = |law: &dyn Law, t: f64| law.cdf((t / SMALL as f64).powi(2)) - 0.25;
        let limit = HardEdge::new(Field::Real);
        let limit_mean = limit.moment(1).ok_or(ClaimError::NoMoment { law: limit.title(), k: 1 })?;
        let real = law(SMALL, Field::Real)?;
        let mistakes = [
            JointShift {
                mistake: "sigma_w 2 % too large".to_owned(),
                by: vec![
                    (MISTAKE - 1.0) * right_small,
                    (MISTAKE - 1.0) * right_large,
                    share(&real, quartile / MISTAKE),
                ],
            },
            JointShift {
                mistake: "the limit of large matrices".to_owned(),
                by: vec![limit_mean - right_small, limit_mean - right_large, limit.cdf(quartile) - 0.25],
            },
            JointShift {
                mistake: "complex entries".to_owned(),
                by: vec![
                    predicted(SMALL, Field::Complex)? - right_small,
                    predicted(LARGE, Field::Complex)? - right_large,
                    share(&law(SMALL, Field::Complex)?, quartile),
                ],
            },
        ];
        let allowed = 0.5 * (MISTAKE - 1.0) * right_small;
        let below = mean(&small, |t| if *t <= quartile { 1.0 } else { 0.0 });
        let parts = [
            Part::at_one_width(format!("n = {SMALL}: mean"), right_small, mean(&small, |t| *t), allowed, Vec::new()),
            Part::at_one_width(
                format!("n = {LARGE}: mean"),
                right_large,
                mean(&large, |t| *t),
                ALLOWED_LARGE * right_large,
                Vec::new(),
            ),
            Part::at_one_width(
                format!("n = {SMALL}: share below the first quartile"),
                0.25,
                below,
                ALLOWED_SHARE,
                Vec::new(),
            ),
        ];
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: format!("mean of n s_min, n = {SMALL}"),
            setting: format!(
                "{SMALL_TRIALS} matrices of size {SMALL}, {LARGE_TRIALS} of size {LARGE}, seed {}; allowed: half of what sigma_w 2 % off shifts the mean at {SMALL}, \
                 6 % of that at {LARGE}, 0.02 of the share",
                self.seed
            ),
        };
        Ok(conclude_jointly(heading, &parts, &mistakes, Vec::new()))
    }
}
