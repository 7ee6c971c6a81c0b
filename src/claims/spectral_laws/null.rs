//! Distances to a law against those of a simulated null.

use std::sync::Arc;

use crate::claims::number::{Heading, Part, Shift, conclude};
use crate::claims::{Claim, ClaimError, ClaimResult};
use crate::ensemble::{Gaussian, Rademacher};
use crate::law::{FussCatalan, Law, Scaled};
use crate::measure::{Progress, RandomProduct};
use crate::stats::{EmpiricalDistribution, Estimate, Stream};

/// Products of sign matrices and powers of one matrix are as far from the Fuss-Catalan law as independent Gaussian products of their size.
pub(super) struct AgainstNull;

const WIDTH: usize = 100;
const FACTORS: usize = 3;
const TRIALS: usize = 120;
const SEED: u64 = 1;
/// The nearest mistake, in sigma_w.
const MISTAKE: f64 = 1.02;

/// Kolmogorov-Smirnov distance to the law, trial by trial: of one matrix's singular values, which repel each other, it has a law of its own,
/// so that only other matrices can tell how large it should be.
fn distances(spectra: &[Vec<f64>], law: &dyn Law) -> Option<Estimate> {
    let one = |spectrum: &Vec<f64>| {
        let values = EmpiricalDistribution::new(spectrum.iter().map(|ln_s| 2.0 * ln_s).collect())?;
        Some(values.kolmogorov_smirnov(|ln_x| law.cdf_of_ln(ln_x)))
    };
    Estimate::of_mean(&spectra.iter().map(one).collect::<Option<Vec<f64>>>()?)
}

impl Claim for AgainstNull {
    fn id(&self) -> String {
        "spectra-against-null".to_owned()
    }

    fn statement(&self) -> String {
        format!(
            "Spectra of products of {FACTORS} sign matrices and of third powers of one Gaussian matrix are on average as far from the \
             Fuss-Catalan law as those of independent Gaussian products of the same size"
        )
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let law: Arc<dyn Law> = Arc::new(FussCatalan::new(FACTORS)?);
        let wrong = Scaled::new(Arc::clone(&law), MISTAKE);
        let draw = |product: RandomProduct, name: &str| product.spectra(TRIALS, Stream::new(SEED, name), progress);
        let null = draw(RandomProduct::square(WIDTH, FACTORS, Arc::new(Gaussian)), "null")?;
        let mean = |spectra: &[Vec<f64>], law: &dyn Law| {
            distances(spectra, law).unwrap_or(Estimate { value: f64::NAN, standard_error: f64::INFINITY })
        };
        // How large the distance should be, and what the mistake makes of it: from the null alone.
        let (expected, mistaken) = (mean(&null, &*law), mean(&null, &wrong));
        let shift = mistaken.value - expected.value;
        let part = |label: &str, product: RandomProduct| {
            let found = mean(&draw(product, label)?, &*law);
            let mistakes = vec![
                Shift::new(format!("the distances to the law of sigma_w {:.0} % off", 100.0 * (MISTAKE - 1.0)), shift),
                Shift::new("no distance at all, as if singular values were the law's quantiles", -expected.value),
            ];
            let mut part = Part::at_one_width(label, expected.value, found, 0.5 * shift.abs(), mistakes);
            part.difference = found.minus(expected);
            Ok::<Part, ClaimError>(part)
        };
        let parts = [
            part("sign matrices", RandomProduct::square(WIDTH, FACTORS, Arc::new(Rademacher)))?,
            part("powers", RandomProduct::power(WIDTH, FACTORS, Arc::new(Gaussian)))?,
        ];
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: "mean over trials of the Kolmogorov-Smirnov distance of one spectrum".to_owned(),
            setting: format!(
                "n = {WIDTH}, {TRIALS} trials each and as many of the null, seed {SEED}; allowed: half of what sigma_w 2 % off does to the null"
            ),
        };
        Ok(conclude(heading, &parts))
    }
}
