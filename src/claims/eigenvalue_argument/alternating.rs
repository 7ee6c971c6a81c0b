//! Two factors in turn.

use crate::claims::number::{Heading, Part, Shift, conclude};
use crate::claims::{Claim, ClaimError, ClaimResult};
use crate::measure::{MeasureError, Progress, alternating_products};
use crate::stats::Estimate;

/// Nilpotent factors explode and factors of spectral radius 2 vanish.
pub(in super::super) struct AlternatingFactors;

const PAIRS: usize = 40;

/// Of ln of the norm per factor: rounding.
const ALLOWED: f64 = 1e-12;

impl Claim for AlternatingFactors {
    fn id(&self) -> String {
        "eigenvalues-of-factors".to_owned()
    }

    fn statement(&self) -> String {
        "Two factors without an eigenvalue other than 0 multiply to norms that grow 16-fold a pair, two of spectral radius 2 to norms that \
         fall to a fifth a pair"
            .to_owned()
    }

    fn run(&self, _progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let products = alternating_products(PAIRS).map_err(MeasureError::from)?;
        // Of the pair: [[0, 4], [0, 0]] and its transpose give diag(0, 16); diag(2, 1/10) and diag(1/10, 2) give 1/5.
        let rates = [0.5 * 16f64.ln(), 0.5 * 0.2f64.ln()];
        let parts: Vec<Part> = products
            .iter()
            .zip(rates)
            .map(|(product, rate)| {
                let count = product.ln_norms.len() as f64;
                let measured = product.ln_norms.last().copied().unwrap_or(f64::NAN) / count;
                // Of a radius of 0 the product would be 0: whoever believes it expects no growth, to say the least.
                let said = product.radii[0].max(1.0).ln();
                let mistake = format!("every factor multiplies by its spectral radius, {}", product.radii[0]);
                Part::at_one_width(
                    product.name.clone(),
                    rate,
                    Estimate { value: measured, standard_error: 0.0 },
                    ALLOWED,
                    vec![Shift::new(mistake, said - rate)],
                )
            })
            .collect();
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: "ln of the norm of the product, a factor".to_owned(),
            setting: format!("{} factors each, deterministic", 2 * PAIRS),
        };
        Ok(conclude(heading, &parts))
    }
}
