//! How ill-conditioned one square matrix is.

use super::super::number::{Heading, Part, Shift, conclude};
use super::super::{Claim, ClaimError, ClaimResult};
use super::{mean, trials};
use crate::ensemble::gaussian_singular_values;
use crate::law::{Field, HardEdge, Law};
use crate::measure::Progress;

/// The condition number of a square matrix grows like n, with a known typical factor.
pub(super) struct ConditionNumber {
    pub seed: u64,
}

const SIZES: [(usize, usize); 3] = [(20, 10_000), (40, 6_000), (80, 3_500)];
const ALLOWED: f64 = 0.2;

impl Claim for ConditionNumber {
    fn id(&self) -> String {
        "condition-number".to_owned()
    }

    fn statement(&self) -> String {
        "The condition number of a square real Gaussian matrix has the mean logarithm ln n + 1.537 in the limit of large n".to_owned()
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let offset = |field: Field| {
            let law = HardEdge::new(field);
            let none = ClaimError::NoMoment { law: law.title(), k: 0 };
            law.mean_log().map(|mean| std::f64::consts::LN_2 - mean).ok_or(none)
        };
        let predicted = offset(Field::Real)?;
        let mut differences = Vec::new();
        for (n, count) in SIZES {
            let experiment = format!("condition number, n = {n}");
            let logarithms = trials(self.seed, &experiment, count, progress, |generator| {
                let values = gaussian_singular_values(n, n, 1.0, generator)?;
                Ok(values[0].ln() - values[n - 1].ln())
            })?;
            // s_max comes to its limit like n^(-2/3), s_min like 1/n.
            let size = (n as f64).powf(2.0 / 3.0);
            differences.push((size, mean(&logarithms, |ln| *ln).minus_exact((n as f64).ln() + predicted)));
        }
        let law = HardEdge::new(Field::Real);
        let ln_of_mean = law.moment(1).ok_or(ClaimError::NoMoment { law: law.title(), k: 1 })?.ln();
        let mistakes = vec![
            Shift::new("1 / s_min for s_max / s_min", -std::f64::consts::LN_2),
            Shift::new("complex entries", offset(Field::Complex)? - predicted),
            Shift::new(
                "ln of the mean of s_min for the mean of its ln",
                std::f64::consts::LN_2 - ln_of_mean - predicted,
            ),
        ];
        let part = Part::in_the_limit("mean", predicted, &differences, ALLOWED, mistakes)?;
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: "mean of ln(s_max / s_min) - ln n, nats, extrapolated in n^(-2/3)".to_owned(),
            setting: format!(
                "(n, matrices) {SIZES:?}, seed {}; allowed: half of what the nearest mistake shifts",
                self.seed
            ),
        };
        Ok(conclude(heading, &[part]))
    }
}
