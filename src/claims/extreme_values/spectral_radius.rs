//! The spectral radius at finite size.

use nalgebra::DMatrix;

use super::super::joint::{JointShift, conclude_jointly};
use super::super::number::{Heading, LEVEL, Part};
use super::super::{Claim, ClaimError, ClaimResult, ControlResult};
use super::{mean, trials};
use crate::ensemble::{Ensemble, Gaussian};
use crate::law::{GinibreRadius, Law};
use crate::linalg::eigenvalue_moduli;
use crate::measure::Progress;

/// The spectral radius of a complex Gaussian matrix, exactly.
pub(super) struct SpectralRadius {
    pub seed: u64,
}

const SIZE: usize = 20;
const TRIALS: usize = 2_200;
const REAL_TRIALS: usize = 6_000;
/// Half of what sigma_w 2 % off shifts.
const ALLOWED: f64 = 0.0105;
/// By how much the mean radius of real matrices of this size is smaller: from 60,000 others drawn like the control below, to 0.0005; it only
/// tells the power of that control, whose verdict comes from its own matrices.
const REAL_GAP: f64 = 0.0201;

impl Claim for SpectralRadius {
    fn id(&self) -> String {
        "spectral-radius".to_owned()
    }

    fn statement(&self) -> String {
        format!(
            "The spectral radius of a complex Gaussian matrix of size {SIZE} has its exact mean, well above its limit 1"
        )
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let law = GinibreRadius::new(SIZE)?;
        let predicted = law.moment(1).ok_or(ClaimError::NoMoment { law: law.title(), k: 1 })?;
        let n = SIZE;
        let complex = trials(self.seed, "complex spectral radius", TRIALS, progress, |generator| {
            let std = (2.0 * n as f64).sqrt().recip();
            let re = Gaussian.sample(n, n, std, generator)?;
            let im = Gaussian.sample(n, n, std, generator)?;
            // The eigenvalues of this real matrix are those of re + i im and their conjugates.
            let embedded = DMatrix::from_fn(2 * n, 2 * n, |i, j| match (i < n, j < n) {
                (true, true) => re[(i, j)],
                (false, false) => re[(i - n, j - n)],
                (true, false) => -im[(i, j - n)],
                (false, true) => im[(i - n, j)],
            });
            Ok(eigenvalue_moduli(embedded)?[0])
        })?;
        let real = trials(self.seed, "real spectral radius", REAL_TRIALS, progress, |generator| {
            Ok(eigenvalue_moduli(Gaussian.sample(n, n, (n as f64).sqrt().recip(), generator)?)?[0])
        })?;
        let part = |label: &str, radii: &[f64]| {
            Part::at_one_width(label, predicted, mean(radii, |radius| *radius), ALLOWED, Vec::new())
        };
        let other = part("real matrices", &real);
        let real_entries = ControlResult {
            mistake: "the same law for real entries".to_owned(),
            predicted,
            verdict: other.verdict_if_shifted(0.0, LEVEL),
            power: other.power_against(REAL_GAP, LEVEL),
        };
        let size = n as f64;
        let largest_gamma = libm::lgamma(size + 0.5) - libm::lgamma(size);
        let shift = |mistake: &str, by: f64| JointShift { mistake: mistake.to_owned(), by: vec![by] };
        let mistakes = [
            shift("sigma_w 2 % too large", 0.02 * predicted),
            shift("sigma_w 2 % too small", predicted / 1.02 - predicted),
            shift("the limit 1", 1.0 - predicted),
            shift("the mean of the largest Gamma variable alone", (largest_gamma - 0.5 * size.ln()).exp() - predicted),
        ];
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: format!("mean spectral radius, n = {SIZE}"),
            setting: format!(
                "{TRIALS} complex and {REAL_TRIALS} real matrices, seed {}; allowed: half of what sigma_w 2 % off shifts",
                self.seed
            ),
        };
        Ok(conclude_jointly(heading, &[part("mean", &complex)], &mistakes, vec![real_entries]))
    }
}
