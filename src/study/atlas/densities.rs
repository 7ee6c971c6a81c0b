//! Singular values of products beside the Fuss-Catalan law, and how fast they come to it.

use std::f64::consts::LN_10;
use std::sync::Arc;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::ensemble::Gaussian;
use crate::law::{FussCatalan, Law};
use crate::measure::{MeasureError, Progress, RandomProduct};
use crate::stats::{Density, EmpiricalDistribution, Estimate, Histogram, Stream};

/// Spectra of products of square Gaussian matrices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Densities {
    /// Rows and columns.
    pub width: usize,
    /// By number of factors.
    pub products: Vec<ProductDensity>,
    /// Factors of the products whose distance to the law is followed over their size.
    pub distance_factors: usize,
    /// By size.
    pub distances: Vec<WidthDistance>,
    /// Slope of log10 of the distance against log10 of the size.
    pub distance_exponent: Estimate,
    /// Its intercept.
    pub distance_intercept: f64,
}

/// Squared singular values of products of one number of factors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProductDensity {
    /// Number of factors.
    pub factors: usize,
    /// Products drawn.
    pub trials: usize,
    /// Of log10 x, all products together.
    pub measured: Density,
    /// (log10 x, density per decade) of the law.
    pub law: Vec<(f64, f64)>,
    /// log10 of the upper end of the law.
    pub log10_edge: f64,
    /// Mean over products of log10 of the largest x.
    pub log10_largest: Estimate,
    /// log10 of the law's median.
    pub log10_median: f64,
    /// log10 of the measured median.
    pub measured_log10_median: f64,
    /// Kolmogorov-Smirnov distance of the mean distribution function to the law.
    pub distance: f64,
}

/// How far products of one size are from the law.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WidthDistance {
    /// Rows and columns.
    pub width: usize,
    /// Products drawn.
    pub trials: usize,
    /// Kolmogorov-Smirnov distance of the mean distribution function to the law; standard error by the jackknife over groups of products.
    pub distance: Estimate,
}

const WIDTH: usize = 200;
/// Factors and products.
const PRODUCTS: [(usize, usize); 5] = [(1, 60), (2, 60), (5, 40), (10, 40), (32, 24)];
const CELLS: usize = 60;
const LAW_POINTS: usize = 200;
/// Share of the law below the axis of the figure.
const LEFT_OUT: f64 = 0.01;

const DISTANCE_FACTORS: usize = 2;
/// Sizes and products: the noise of a mean distribution function falls like 1 / (n sqrt(products)).
const SIZES: [(usize, usize); 5] = [(10, 20_000), (20, 10_000), (40, 4_000), (80, 1_600), (160, 600)];
const GROUPS: usize = 20;

impl Densities {
    pub(super) fn run(seed: u64, progress: &dyn Progress) -> Result<Self, MeasureError> {
        let mut products = Vec::new();
        for (factors, trials) in PRODUCTS {
            products.push(ProductDensity::run(factors, trials, seed, progress)?);
        }
        let law = law(DISTANCE_FACTORS);
        let mut distances = Vec::new();
        for (width, trials) in SIZES {
            let stream = Stream::new(seed, &format!("distance at {width}"));
            let spectra =
                RandomProduct::square(width, DISTANCE_FACTORS, Arc::new(Gaussian)).spectra(trials, stream, progress)?;
            // The law is evaluated once a value; under it, probabilities are uniform.
            let probabilities: Vec<Vec<f64>> = spectra
                .par_iter()
                .map(|spectrum| spectrum.iter().map(|ln_s| law.cdf_of_ln(2.0 * ln_s)).collect())
                .collect();
            let pooled = |skipped: Option<usize>| -> f64 {
                let kept = probabilities.iter().enumerate().filter(|(trial, _)| Some(trial % GROUPS) != skipped);
                distance(kept.flat_map(|(_, values)| values).copied().collect(), |probability| probability)
            };
            let without: Vec<f64> = (0..GROUPS).into_par_iter().map(|group| pooled(Some(group))).collect();
            let mean = without.iter().sum::<f64>() / GROUPS as f64;
            let spread = without.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
            let standard_error = (spread * (GROUPS - 1) as f64 / GROUPS as f64).sqrt();
            distances.push(WidthDistance { width, trials, distance: Estimate { value: pooled(None), standard_error } });
        }
        let (distance_exponent, distance_intercept) = slope(&distances);
        Ok(Self {
            width: WIDTH,
            products,
            distance_factors: DISTANCE_FACTORS,
            distances,
            distance_exponent,
            distance_intercept,
        })
    }

    pub(super) fn check(&self) -> Result<(), &'static str> {
        let well_formed = |product: &ProductDensity| {
            let density = &product.measured;
            product.factors > 0 && density.low < density.high && !density.values.is_empty() && product.law.len() > 1
        };
        let far = |distance: &WidthDistance| distance.width > 0 && distance.distance.value > 0.0;
        if self.products.is_empty() || !self.products.iter().all(well_formed) {
            Err("its spectra are not complete")
        } else if self.distances.len() < 2
            || !self.distances.iter().all(far)
            || !self.distances.is_sorted_by(|a, b| a.width < b.width)
        {
            Err("its distances are not those of increasing sizes")
        } else {
            Ok(())
        }
    }
}

fn law(factors: usize) -> FussCatalan {
    FussCatalan::new(factors).expect("a few factors are allowed")
}

impl ProductDensity {
    fn run(factors: usize, trials: usize, seed: u64, progress: &dyn Progress) -> Result<Self, MeasureError> {
        let law = law(factors);
        let stream = Stream::new(seed, &format!("density of {factors}"));
        let spectra = RandomProduct::square(WIDTH, factors, Arc::new(Gaussian)).spectra(trials, stream, progress)?;
        let mut values: Vec<f64> = spectra.iter().flatten().map(|ln_s| 2.0 * ln_s / LN_10).collect();
        values.sort_by(f64::total_cmp);
        let log10_edge = law.ln_upper_edge() / LN_10;
        let low = law.ln_quantile(LEFT_OUT) / LN_10;
        let mut histogram = Histogram::new(low, log10_edge + 0.1 * (log10_edge - low) / 10.0, CELLS);
        values.iter().for_each(|value| histogram.add(*value));
        let largest: Vec<f64> = spectra.iter().filter_map(|s| s.first()).map(|ln_s| 2.0 * ln_s / LN_10).collect();
        let place = |k: usize| low + (log10_edge - low) * k as f64 / (LAW_POINTS - 1) as f64;
        Ok(Self {
            factors,
            trials,
            measured: histogram.density(),
            law: (0..LAW_POINTS).map(|k| (place(k), LN_10 * law.pdf_of_ln(place(k) * LN_10))).collect(),
            log10_edge,
            log10_largest: Estimate::of_mean(&largest).expect("more than one product is drawn"),
            log10_median: law.ln_quantile(0.5) / LN_10,
            measured_log10_median: values[values.len() / 2],
            distance: distance(values, |log10_x| law.cdf_of_ln(log10_x * LN_10)),
        })
    }
}

fn distance(values: Vec<f64>, distribution: impl Fn(f64) -> f64) -> f64 {
    EmpiricalDistribution::new(values).map_or(f64::NAN, |found| found.kolmogorov_smirnov(distribution))
}

/// Weighted least squares of log10 of the distance against log10 of the size: slope with its error, and intercept.
fn slope(distances: &[WidthDistance]) -> (Estimate, f64) {
    let points: Vec<(f64, f64, f64)> = distances
        .iter()
        .map(|d| {
            let relative = d.distance.standard_error / d.distance.value / LN_10;
            ((d.width as f64).log10(), d.distance.value.log10(), 1.0 / (relative * relative).max(1e-12))
        })
        .collect();
    let total: f64 = points.iter().map(|p| p.2).sum();
    let mean = |pick: &dyn Fn(&(f64, f64, f64)) -> f64| points.iter().map(|p| p.2 * pick(p)).sum::<f64>() / total;
    let (x, y) = (mean(&|p| p.0), mean(&|p| p.1));
    let spread: f64 = points.iter().map(|p| p.2 * (p.0 - x).powi(2)).sum();
    let slope = points.iter().map(|p| p.2 * (p.0 - x) * (p.1 - y)).sum::<f64>() / spread;
    (Estimate { value: slope, standard_error: spread.recip().sqrt() }, y - slope * x)
}
