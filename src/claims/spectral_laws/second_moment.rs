//! The second moment of products of finite matrices.

use std::sync::Arc;

use crate::claims::number::{Heading, Part, Shift, conclude};
use crate::claims::{Claim, ClaimError, ClaimResult};
use crate::ensemble::{Ensemble, Gaussian};
use crate::law::{FreeProduct, Law, Layer, Weights, gaussian_second_moment};
use crate::measure::{Progress, RandomProduct};
use crate::stats::{Estimate, Stream};

/// At any widths the mean of tr (J^T J)^2 is that of the exact recursion, not of the limit.
pub(super) struct SecondMoment;

const CASES: [&[usize]; 2] = [&[10; 4], &[12, 16, 10]];
const TRIALS: usize = 12_000;
const SEED: u64 = 1;
/// Allowed of the shift by the mistake.
const ALLOWED: f64 = 0.4;

impl Claim for SecondMoment {
    fn id(&self) -> String {
        "finite-second-moment".to_owned()
    }

    fn statement(&self) -> String {
        "The mean of tr (J^T J)^2 of products of small Gaussian matrices is that of the exact recursion, above the limit of infinite widths"
            .to_owned()
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let mut parts = Vec::new();
        for widths in CASES {
            let factors = widths.len() - 1;
            let gaussian: Arc<dyn Ensemble> = Arc::new(Gaussian);
            let product = RandomProduct { widths: widths.to_vec(), ensembles: vec![gaussian; factors], tied: false };
            let stream = Stream::new(SEED, &format!("second moment {widths:?}"));
            let spectra = product.spectra(TRIALS, stream, progress)?;
            let first = widths[0] as f64;
            let moment = |values: &Vec<f64>| values.iter().map(|ln_s| (4.0 * ln_s).exp()).sum::<f64>() / first;
            let moments: Vec<f64> = spectra.iter().map(moment).collect();
            let measured = Estimate::of_mean(&moments).expect("more than one trial");
            let exact = gaussian_second_moment(widths.iter().copied());
            let law = FreeProduct::new(widths, &vec![Layer::new(Weights::Independent); factors])?;
            let limit = law.moment(2).unwrap_or(f64::NAN);
            let mistake = Shift::new("infinite widths", limit - exact);
            let allowed = ALLOWED * mistake.by.abs();
            parts.push(Part::at_one_width(format!("widths {widths:?}"), exact, measured, allowed, vec![mistake]));
        }
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: "mean of tr (J^T J)^2 / n_0, 3 square factors".to_owned(),
            setting: format!("{TRIALS} trials, seed {SEED}; allowed: two fifths of the distance to the limit"),
        };
        Ok(conclude(heading, &parts))
    }
}
