//! The circular law.

use super::super::joint::{JointShift, conclude_jointly};
use super::super::number::{Heading, Part};
use super::super::{Claim, ClaimError, ClaimResult};
use super::{mean, trials};
use crate::ensemble::{Ensemble, Gaussian};
use crate::law::{self, Law};
use crate::linalg::eigenvalue_moduli;
use crate::measure::Progress;

/// Eigenvalues fill the disc of radius sigma_w evenly.
pub(super) struct Circular {
    pub seed: u64,
}

const SIZES: [(usize, usize); 3] = [(25, 1_000), (50, 400), (100, 120)];
/// Nearest mistake: sigma_w this many times too large.
const MISTAKE: f64 = 1.02;
/// Of the mean square, half of what the mistake shifts it by.
const ALLOWED_SQUARE: f64 = 0.01;
/// Of the shares inside of circles.
const ALLOWED_SHARE: f64 = 0.035;
/// The shares inside.
const INSIDE: [f64; 2] = [0.25, 0.5];

/// Of one matrix: mean square modulus, shares inside of both circles.
type Seen = [f64; 3];

impl Claim for Circular {
    fn id(&self) -> String {
        "circular-law".to_owned()
    }

    fn statement(&self) -> String {
        "The moduli of the eigenvalues of a large Gaussian matrix are those of points spread evenly over the disc of radius sigma_w".to_owned()
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let law = law::Circular::new();
        let square = law.moment(2).ok_or(ClaimError::NoMoment { law: law.title(), k: 2 })?;
        let right: Seen = [square, INSIDE[0], INSIDE[1]];
        let radii = INSIDE.map(|share| law.quantile(share));
        let mut differences = [const { Vec::new() }; 3];
        for (n, count) in SIZES {
            let experiment = format!("circular law, n = {n}");
            let seen: Vec<Seen> = trials(self.seed, &experiment, count, progress, |generator| {
                let moduli = eigenvalue_moduli(Gaussian.sample(n, n, (n as f64).sqrt().recip(), generator)?)?;
                let share = |radius: f64| moduli.iter().filter(|modulus| **modulus <= radius).count() as f64 / n as f64;
                let mean_square = moduli.iter().map(|modulus| modulus * modulus).sum::<f64>() / n as f64;
                Ok([mean_square, share(radii[0]), share(radii[1])])
            })?;
            for (k, differences) in differences.iter_mut().enumerate() {
                differences.push((n as f64, mean(&seen, |seen| seen[k]).minus_exact(right[k])));
            }
        }
        let parts = [
            Part::in_the_limit("mean square", right[0], &differences[0], ALLOWED_SQUARE, Vec::new())?,
            Part::in_the_limit("share in the first circle", right[1], &differences[1], ALLOWED_SHARE, Vec::new())?,
            Part::in_the_limit("share in the second circle", right[2], &differences[2], ALLOWED_SHARE, Vec::new())?,
        ];
        let shares = |of: &dyn Fn(f64) -> f64| radii.map(of);
        let shift = |mistake: &str, wrong_square: f64, wrong: [f64; 2]| JointShift {
            mistake: mistake.to_owned(),
            by: vec![wrong_square - right[0], wrong[0] - right[1], wrong[1] - right[2]],
        };
        let singular = law::MarchenkoPastur::new(1.0)?;
        let mistakes = [
            shift("sigma_w 2 % too large", square * MISTAKE * MISTAKE, shares(&|r| law.cdf(r / MISTAKE))),
            shift("sigma_w 2 % too small", square / (MISTAKE * MISTAKE), shares(&|r| law.cdf(r * MISTAKE))),
            // Its mean square would be 1/3.
            shift("moduli even on [0, 1]", 1.0 / 3.0, shares(&|r| r)),
            shift("singular values for moduli", 1.0, shares(&|r| singular.cdf(r * r))),
        ];
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: "mean of |lambda|^2, extrapolated in 1/n".to_owned(),
            setting: format!(
                "(n, matrices) {SIZES:?}, seed {}; allowed: half of what sigma_w 2 % off shifts the mean square by, {ALLOWED_SHARE} of a share",
                self.seed
            ),
        };
        Ok(conclude_jointly(heading, &parts, &mistakes, Vec::new()))
    }
}
