//! How many eigenvalues are real.

use super::super::joint::{JointShift, conclude_jointly};
use super::super::number::{Heading, Part};
use super::super::{Claim, ClaimError, ClaimResult};
use super::{mean, trials};
use crate::ensemble::{Ensemble, Gaussian};
use crate::law::expected_real_eigenvalues;
use crate::linalg::eigenvalues;
use crate::measure::Progress;

/// The expected number of real eigenvalues of a real Gaussian matrix, exactly.
pub(super) struct RealEigenvalues {
    pub seed: u64,
}

/// Size, matrices, allowed error: even, odd, and a network's.
const CASES: [(usize, usize, f64); 3] = [(20, 3_500, 0.2), (11, 6_000, 0.2), (50, 500, 0.55)];

impl Claim for RealEigenvalues {
    fn id(&self) -> String {
        "real-eigenvalues".to_owned()
    }

    fn statement(&self) -> String {
        "Real Gaussian matrices have the expected number of real eigenvalues of the exact formula, within what is allowed; sqrt(2n/pi) alone is off".to_owned()
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let mut parts = Vec::new();
        for (n, count, allowed) in CASES {
            let experiment = format!("real eigenvalues, n = {n}");
            let numbers = trials(self.seed, &experiment, count, progress, |generator| {
                let values = eigenvalues(Gaussian.sample(n, n, 1.0, generator)?)?;
                Ok(values.iter().filter(|value| value.is_real()).count() as f64)
            })?;
            let label = format!("n = {n}");
            let measured = mean(&numbers, |number| *number);
            parts.push(Part::at_one_width(label, expected_real_eigenvalues(n), measured, allowed, Vec::new()));
        }
        let shift = |mistake: &str, wrong: &dyn Fn(f64) -> f64| JointShift {
            mistake: mistake.to_owned(),
            by: CASES.iter().map(|(n, ..)| wrong(*n as f64) - expected_real_eigenvalues(*n)).collect(),
        };
        let leading = |n: f64| (2.0 * n / std::f64::consts::PI).sqrt();
        let mistakes = [
            shift("sqrt(2n/pi) without 1/2", &leading),
            shift("sqrt(2n/pi) + 1", &|n| leading(n) + 1.0),
            shift("none: real eigenvalues have probability 0", &|_| 0.0),
        ];
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: format!("real eigenvalues, n = {}", CASES[0].0),
            setting: format!(
                "(n, matrices, allowed) {CASES:?}, seed {}; allowed at n = 20: less than half of what the 1/2 shifts",
                self.seed
            ),
        };
        Ok(conclude_jointly(heading, &parts, &mistakes, Vec::new()))
    }
}
