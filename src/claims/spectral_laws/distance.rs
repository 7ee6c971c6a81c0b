//! The distance of mean spectra of n = 400 from the Fuss-Catalan laws.

use std::sync::Arc;

use nalgebra::DMatrix;
use rayon::prelude::*;

use crate::claims::number::{Heading, Part, Shift, conclude};
use crate::claims::{Claim, ClaimError, ClaimResult};
use crate::ensemble::bartlett_factor;
use crate::law::{FussCatalan, Law, Scaled};
use crate::linalg::{single_threaded_blas, singular_values};
use crate::measure::{MeasureError, Progress};
use crate::stats::{EmpiricalDistribution, Estimate, Stream};

/// The mean distribution function of products of n = 400 is within 0.005 of the law, everywhere.
pub(super) struct StatedDistance;

const WIDTH: usize = 400;
const FACTORS: [usize; 4] = [1, 2, 3, 5];
const TRIALS: usize = 20;
const SEED: u64 = 1;
/// Kolmogorov-Smirnov distance: systematic at this size about 0.5/n, the rest is what is left of fluctuations.
const STATED: f64 = 0.005;
/// The nearest mistake in sigma_w.
const MISTAKE: f64 = 1.02;

/// Distance of the mean distribution function, with the standard error of leaving out one trial at a time.
fn distance(trials: &[Vec<f64>], law: &dyn Law) -> Option<Estimate> {
    let of = |left_out: Option<usize>| {
        let kept = trials.iter().enumerate().filter(|(trial, _)| Some(*trial) != left_out);
        let pooled =
            EmpiricalDistribution::new(kept.flat_map(|(_, values)| values.iter().map(|ln_s| 2.0 * ln_s)).collect())?;
        Some(pooled.kolmogorov_smirnov(|ln_x| law.cdf_of_ln(ln_x)))
    };
    let left_out: Vec<f64> = (0..trials.len()).map(|trial| of(Some(trial))).collect::<Option<_>>()?;
    let spread = Estimate::of_mean(&left_out)?.standard_error * (trials.len() as f64 - 1.0);
    Some(Estimate { value: of(None)?, standard_error: spread })
}

/// `ln s` of the products of the first factors, by number of factors.
///
/// The law is that of the explicit product of triangular factors: a tenth of a chain's work. Of five factors the smallest values are 1e-13 of
/// the largest, so that rounding moves no share that a distance can see.
fn spectra(stream: Stream) -> Result<Vec<Vec<f64>>, MeasureError> {
    let std = 1.0 / (WIDTH as f64).sqrt();
    let mut product = DMatrix::identity(WIDTH, WIDTH);
    let mut spectra = Vec::new();
    for factors in 1..=FACTORS[FACTORS.len() - 1] {
        product = bartlett_factor(WIDTH, WIDTH, std, &mut stream.layer(factors as u64)) * product;
        if FACTORS.contains(&factors) {
            spectra.push(singular_values(product.clone())?.into_iter().map(f64::ln).collect());
        }
    }
    Ok(spectra)
}

impl Claim for StatedDistance {
    fn id(&self) -> String {
        "fuss-catalan-distance".to_owned()
    }

    fn statement(&self) -> String {
        format!(
            "The mean distribution of squared singular values of n = {WIDTH} products of 1, 2, 3 and 5 Gaussian matrices is within {STATED} of \
             the Fuss-Catalan law"
        )
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let _guard = single_threaded_blas();
        let stream = Stream::new(SEED, "distance to Fuss-Catalan");
        progress.begin("products of n = 400", TRIALS as u64);
        let spectra: Result<Vec<_>, MeasureError> = (0..TRIALS as u64)
            .into_par_iter()
            .map(|trial| {
                if progress.interrupted() {
                    return Err(MeasureError::Interrupted);
                }
                let spectra = spectra(stream.trial(trial))?;
                progress.advance(1);
                Ok(spectra)
            })
            .collect();
        progress.end();
        let spectra = spectra?;
        let mut parts = Vec::new();
        for (k, factors) in FACTORS.into_iter().enumerate() {
            let trials: Vec<Vec<f64>> = spectra.iter().map(|depths| depths[k].clone()).collect();
            let right = distance(&trials, &FussCatalan::new(factors)?).expect("values without NaN");
            let wrong = distance(&trials, &FussCatalan::new(factors + 1)?).expect("values without NaN");
            let scaled = Scaled::new(Arc::new(FussCatalan::new(factors)?), MISTAKE);
            let larger = distance(&trials, &scaled).expect("values without NaN");
            // The distance to the wrong law in place of that to the right one.
            let mistake = |what: &str, wrong: Estimate| Shift::new(what, right.value - wrong.value);
            let mistakes = vec![mistake("law of one factor more", wrong), mistake("sigma_w 2 % too large", larger)];
            parts.push(Part::at_one_width(format!("{factors} factors"), 0.0, right, STATED, mistakes));
        }
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: "Kolmogorov-Smirnov distance of the mean over trials to the law, one factor".to_owned(),
            setting: format!("n = {WIDTH}, {TRIALS} trials, errors by jackknife, seed {SEED}"),
        };
        Ok(conclude(heading, &parts))
    }
}
