//! Powers of one matrix grow before they shrink.

use std::f64::consts::LN_10;

use crate::claims::number::{Heading, Part, Shift, conclude};
use crate::claims::{Claim, ClaimError, ClaimResult};
use crate::law::{FussCatalan, Law};
use crate::measure::{Progress, transient};
use crate::stats::Estimate;

/// Norms of powers of a matrix whose spectral radius is below 1, in the limit of large matrices.
pub(in super::super) struct TransientGrowth;

const SIGMA_W: f64 = 0.9;
const POWERS: [usize; 2] = [2, 3];
const WIDTHS: [usize; 3] = [50, 100, 200];
const MATRICES: [usize; 3] = [600, 300, 120];
const SEED: u64 = 1;

/// The nearest mistake: sigma_w this many times too large. Allowed is half of what it does to ln of the norm.
const MISTAKE: f64 = 1.02;

impl Claim for TransientGrowth {
    fn id(&self) -> String {
        "transient-growth".to_owned()
    }

    fn statement(&self) -> String {
        format!(
            "The norm of W^k for large Gaussian W of spectral radius {SIGMA_W} comes to {SIGMA_W}^k sqrt((k+1)^(k+1)/k^k), which is above \
             1 for k = 2 and 3 although powers vanish in the end"
        )
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let edge = |power: usize| Ok::<f64, ClaimError>(0.5 * FussCatalan::new(power)?.ln_upper_edge());
        let predicted = |power: usize| Ok::<f64, ClaimError>(power as f64 * SIGMA_W.ln() + edge(power)?);
        let mut differences = [const { Vec::new() }; POWERS.len()];
        for (width, matrices) in WIDTHS.into_iter().zip(MATRICES) {
            let found = transient(width, SIGMA_W, &POWERS, matrices, SEED, progress)?;
            for (differences, norm) in differences.iter_mut().zip(&found.powers) {
                // Largest singular values come to their edge like width^(-2/3).
                let Estimate { value, standard_error } = norm.ln_norm.minus_exact(predicted(norm.power)?);
                let decimal = Estimate { value: value / LN_10, standard_error: standard_error / LN_10 };
                differences.push(((width as f64).powf(2.0 / 3.0), decimal));
            }
        }
        let mut parts = Vec::new();
        for (power, differences) in POWERS.into_iter().zip(&differences) {
            let right = predicted(power)?;
            let off = power as f64 * MISTAKE.ln();
            let mistakes = vec![
                Shift::new(
                    format!("the spectral radius decides: {SIGMA_W}^{power}"),
                    (power as f64 * SIGMA_W.ln() - right) / LN_10,
                ),
                Shift::new("the law of one factor less", (edge(power - 1)? - edge(power)?) / LN_10),
                Shift::new("sigma_w 2 % too large", off / LN_10),
            ];
            let label = format!("k = {power}");
            parts
                .push(Part::in_the_limit(label, right / LN_10, differences, 0.5 * off / LN_10, mistakes)?.times(LN_10));
        }
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: "mean of ln of the spectral norm of W^k, extrapolated in n^(-2/3)".to_owned(),
            setting: format!("n = {WIDTHS:?}, {MATRICES:?} matrices, seed {SEED}"),
        };
        Ok(conclude(heading, &parts))
    }
}
