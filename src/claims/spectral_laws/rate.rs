//! How fast the spectrum of one matrix approaches its law.

use rayon::prelude::*;

use crate::claims::number::{Heading, Part, Shift, conclude};
use crate::claims::{Claim, ClaimError, ClaimResult};
use crate::ensemble::gaussian_singular_values;
use crate::law::{Law, MarchenkoPastur};
use crate::measure::{MeasureError, Progress};
use crate::stats::{EmpiricalDistribution, Estimate, Stream};

/// The distance of one matrix's spectrum from the law falls almost as 1/n, since singular values repel each other.
///
/// The variance of counts of eigenvalues grows as ln n (Dyson and Mehta 1963), so distances go as `sqrt(ln n + c) / n`; those of independent
/// points as `n^(-1/2)`. The constant is left out: a c of 2 makes the exponent 0.03 steeper over these sizes, within the stated error.
pub(super) struct Rate;

const SIZES: [(usize, usize); 4] = [(50, 320), (100, 240), (200, 160), (400, 80)];
const SEED: u64 = 1;
const STATED: f64 = 0.06;

/// Slope of y over x by weighted least squares.
fn slope(points: &[(f64, Estimate)]) -> Estimate {
    let weight = |estimate: &Estimate| 1.0 / (estimate.standard_error * estimate.standard_error);
    let total: f64 = points.iter().map(|(_, y)| weight(y)).sum();
    let centre = points.iter().map(|(x, y)| weight(y) * x).sum::<f64>() / total;
    let square: f64 = points.iter().map(|(x, y)| weight(y) * (x - centre).powi(2)).sum();
    let value = points.iter().map(|(x, y)| weight(y) * (x - centre) * y.value).sum::<f64>() / square;
    Estimate { value, standard_error: (1.0 / square).sqrt() }
}

impl Claim for Rate {
    fn id(&self) -> String {
        "spectral-convergence-rate".to_owned()
    }

    fn statement(&self) -> String {
        "The spectrum of one n x n Gaussian matrix approaches the quarter-circle law as sqrt(ln n)/n, not as the 1/sqrt(n) of \
         independent points"
            .to_owned()
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let law = MarchenkoPastur::new(1.0)?;
        let mut points = Vec::new();
        let mut expected = Vec::new();
        for (n, trials) in SIZES {
            let stream = Stream::new(SEED, &format!("rate of convergence {n}"));
            progress.begin("spectra of one matrix", trials as u64);
            let distances: Result<Vec<f64>, MeasureError> = (0..trials as u64)
                .into_par_iter()
                .map(|trial| {
                    if progress.interrupted() {
                        return Err(MeasureError::Interrupted);
                    }
                    let std = 1.0 / (n as f64).sqrt();
                    let values = gaussian_singular_values(n, n, std, &mut stream.trial(trial).layer(0))?;
                    progress.advance(1);
                    let spectrum = EmpiricalDistribution::new(values);
                    Ok(spectrum.map_or(f64::NAN, |spectrum| spectrum.wasserstein(|p| law.quantile(p).sqrt()).ln()))
                })
                .collect();
            progress.end();
            let mean = Estimate::of_mean(&distances?).expect("more than one trial");
            let ln_n = (n as f64).ln();
            expected.push((ln_n, Estimate { value: 0.5 * ln_n.ln() - ln_n, ..mean }));
            points.push((ln_n, mean));
        }
        let predicted = slope(&expected).value;
        let shift = |what: &str, exponent: f64| Shift::new(what, exponent - predicted);
        let mistakes = vec![
            shift("1/n, without the logarithm", -1.0),
            shift("independent points, n^(-1/2)", -0.5),
            shift("the rate of the edge, n^(-2/3)", -2.0 / 3.0),
        ];
        let part = Part::at_one_width("exponent", predicted, slope(&points), STATED, mistakes);
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: "exponent of n in the Wasserstein-1 distance of one spectrum from the law".to_owned(),
            setting: format!("(n, trials) {SIZES:?}, seed {SEED}"),
        };
        Ok(conclude(heading, &[part]))
    }
}
