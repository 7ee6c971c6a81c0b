//! Cases in which eigenvalues say one thing about a product and singular values another.

use nalgebra::{DMatrix, DVector, dmatrix};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{MeasureError, Progress};
use crate::ensemble::{Ensemble, Gaussian};
use crate::linalg::{LinalgError, eigenvalue_moduli, eigenvalues, single_threaded_blas, singular_values};
use crate::stats::{Estimate, Stream};

/// Two factors that take turns: `... B A B A`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlternatingProduct {
    /// In words.
    pub name: String,
    /// The factors A and B, row by row.
    pub factors: [[f64; 4]; 2],
    /// Their spectral radii.
    pub radii: [f64; 2],
    /// Their spectral norms.
    pub norms: [f64; 2],
    /// ln of the spectral norm of the product of the first 1, 2, ... factors.
    pub ln_norms: Vec<f64>,
}

/// Norms of the powers of one matrix, over independent matrices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transient {
    /// Rows and columns.
    pub width: usize,
    /// Entries have variance `sigma_w^2 / width`.
    pub sigma_w: f64,
    /// Matrices drawn.
    pub matrices: usize,
    /// Seed.
    pub seed: u64,
    /// Mean of ln of the spectral radius.
    pub ln_radius: Estimate,
    /// By power.
    pub powers: Vec<PowerNorm>,
}

/// The norm of one power.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PowerNorm {
    /// The power.
    pub power: usize,
    /// Mean over matrices of ln of the spectral norm.
    pub ln_norm: Estimate,
    /// The largest and the smallest.
    pub range: [f64; 2],
}

/// Growth of a vector under tied and under independent weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TiedPaths {
    /// Rows and columns.
    pub width: usize,
    /// ln |W^k v| / |v| after k = 1, 2, ... steps; one line a matrix.
    pub tied: Vec<Vec<f64>>,
    /// ln of the spectral radius of each of these matrices.
    pub ln_radii: Vec<f64>,
    /// ln |W_k ... W_1 v| / |v|.
    pub untied: Vec<Vec<f64>>,
    /// ln of the spectral radius of each W_1.
    pub untied_ln_radii: Vec<f64>,
}

impl TiedPaths {
    /// Steps of a path.
    pub fn steps(&self) -> usize {
        self.tied.first().map_or(0, Vec::len)
    }

    /// Correlation over matrices of the growth with the spectral radius.
    pub fn correlation(&self) -> f64 {
        correlation(&self.ln_radii, &self.tied)
    }

    /// The same for independent weights and the radius of the first.
    pub fn untied_correlation(&self) -> f64 {
        correlation(&self.untied_ln_radii, &self.untied)
    }
}

fn correlation(radii: &[f64], paths: &[Vec<f64>]) -> f64 {
    let ends: Vec<f64> = paths.iter().filter_map(|path| path.last().copied()).collect();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (a, b) = (mean(radii), mean(&ends));
    let products = |f: &dyn Fn(f64, f64) -> f64| radii.iter().zip(&ends).map(|(x, y)| f(x - a, y - b)).sum::<f64>();
    products(&|x, y| x * y) / (products(&|x, _| x * x) * products(&|_, y| y * y)).sqrt()
}

/// Two nilpotent factors whose product grows sixteenfold every two steps, and two factors of spectral radius 2 whose product shrinks to a
/// fifth: `pairs` of each.
///
/// # Errors
///
/// [`LinalgError`] from LAPACK.
pub fn alternating_products(pairs: usize) -> Result<Vec<AlternatingProduct>, LinalgError> {
    let nilpotent = (dmatrix![0.0, 4.0; 0.0, 0.0], dmatrix![0.0, 0.0; 4.0, 0.0]);
    let large = (dmatrix![2.0, 0.0; 0.0, 0.1], dmatrix![0.1, 0.0; 0.0, 2.0]);
    [("two factors with no eigenvalue but 0", nilpotent), ("two factors of spectral radius 2", large)]
        .into_iter()
        .map(|(name, (a, b))| {
            let (mut product, mut ln_scale) = (DMatrix::identity(2, 2), 0.0);
            let mut ln_norms = Vec::new();
            for k in 0..2 * pairs {
                product = (if k % 2 == 0 { &a } else { &b }) * product;
                // In range at any depth: the scale is kept apart.
                let norm = singular_values(product.clone())?[0];
                product /= norm;
                ln_scale += norm.ln();
                ln_norms.push(ln_scale);
            }
            let row_by_row = |m: &DMatrix<f64>| [m[(0, 0)], m[(0, 1)], m[(1, 0)], m[(1, 1)]];
            Ok(AlternatingProduct {
                name: name.to_owned(),
                factors: [row_by_row(&a), row_by_row(&b)],
                radii: [eigenvalue_moduli(a.clone())?[0], eigenvalue_moduli(b.clone())?[0]],
                norms: [singular_values(a)?[0], singular_values(b)?[0]],
                ln_norms,
            })
        })
        .collect()
}

/// Spectral norms of the given powers (increasing, from 1) of square Gaussian matrices; the means over no matrices are NaN.
///
/// # Errors
///
/// [`MeasureError::Linalg`] from LAPACK, [`MeasureError::Interrupted`].
pub fn transient(
    width: usize,
    sigma_w: f64,
    powers: &[usize],
    matrices: usize,
    seed: u64,
    progress: &dyn Progress,
) -> Result<Transient, MeasureError> {
    let stream = Stream::new(seed, &format!("powers of {width} x {width}"));
    let _guard = single_threaded_blas();
    progress.begin("powers", matrices as u64);
    let samples: Result<Vec<(f64, Vec<f64>)>, MeasureError> = (0..matrices as u64)
        .into_par_iter()
        .map(|trial| {
            if progress.interrupted() {
                return Err(MeasureError::Interrupted);
            }
            let matrix = gaussian(width, sigma_w, stream.trial(trial), 0)?;
            let radius = eigenvalue_moduli(matrix.clone())?.first().copied().unwrap_or(0.0);
            let (mut power, mut reached) = (matrix.clone(), 1);
            let mut norms = Vec::new();
            for &wanted in powers {
                while reached < wanted {
                    power = &matrix * power;
                    reached += 1;
                }
                norms.push(singular_values(power.clone())?.first().copied().unwrap_or(0.0).ln());
            }
            progress.advance(1);
            Ok((radius.ln(), norms))
        })
        .collect();
    progress.end();
    let samples = samples?;
    let mean = |values: &[f64]| {
        Estimate::of_mean(values)
            .unwrap_or(Estimate { value: values.first().copied().unwrap_or(f64::NAN), standard_error: f64::INFINITY })
    };
    let powers = powers.iter().enumerate().map(|(k, &power)| {
        let norms: Vec<f64> = samples.iter().map(|(_, norms)| norms[k]).collect();
        let range = [
            norms.iter().copied().fold(f64::INFINITY, f64::min),
            norms.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        ];
        PowerNorm { power, ln_norm: mean(&norms), range }
    });
    Ok(Transient {
        width,
        sigma_w,
        matrices,
        seed,
        ln_radius: mean(&samples.iter().map(|(radius, _)| *radius).collect::<Vec<_>>()),
        powers: powers.collect(),
    })
}

/// Eigenvalues and singular values of one product.
#[derive(Debug, Clone, PartialEq)]
pub struct ProductInThePlane {
    /// Real and imaginary parts.
    pub eigenvalues: Vec<[f64; 2]>,
    /// In descending order.
    pub singular_values: Vec<f64>,
}

/// One product of `factors` square Gaussian matrices with entries of variance 1/width; a few factors, so that double precision carries it.
///
/// # Errors
///
/// [`LinalgError`] from LAPACK.
pub fn product_in_the_plane(width: usize, factors: usize, seed: u64) -> Result<ProductInThePlane, LinalgError> {
    let stream = Stream::new(seed, "plane").trial(factors as u64);
    let mut product = DMatrix::identity(width, width);
    for layer in 0..factors as u64 {
        product = gaussian(width, 1.0, stream, layer)? * product;
    }
    Ok(ProductInThePlane {
        eigenvalues: eigenvalues(product.clone())?.into_iter().map(|value| [value.re, value.im]).collect(),
        singular_values: singular_values(product)?,
    })
}

/// Entries of variance `sigma_w^2 / width`.
fn gaussian(width: usize, sigma_w: f64, stream: Stream, layer: u64) -> Result<DMatrix<f64>, LinalgError> {
    Gaussian.sample(width, width, sigma_w / (width as f64).sqrt(), &mut stream.layer(layer))
}

/// Growth of the first unit vector under `steps` factors of variance 1/width, one and the same or independent, in `matrices` trials of each.
///
/// # Errors
///
/// [`MeasureError::Linalg`] from LAPACK, [`MeasureError::Interrupted`].
pub fn tied_paths(
    width: usize,
    steps: usize,
    matrices: usize,
    seed: u64,
    progress: &dyn Progress,
) -> Result<TiedPaths, MeasureError> {
    let _guard = single_threaded_blas();
    progress.begin("tied and independent weights", 2 * matrices as u64);
    let path = |tied: bool, trial: u64| -> Result<(f64, Vec<f64>), MeasureError> {
        if progress.interrupted() {
            return Err(MeasureError::Interrupted);
        }
        let stream = Stream::new(seed, if tied { "tied" } else { "independent" }).trial(trial);
        let mut matrix = gaussian(width, 1.0, stream, 0)?;
        let radius = eigenvalue_moduli(matrix.clone())?.first().copied().unwrap_or(0.0);
        let mut vector = DVector::zeros(width);
        vector[0] = 1.0;
        let (mut ln_norm, mut path) = (0.0, Vec::with_capacity(steps));
        for step in 0..steps as u64 {
            if !tied && step > 0 {
                matrix = gaussian(width, 1.0, stream, step)?;
            }
            vector = &matrix * vector;
            let norm = vector.norm();
            ln_norm += norm.ln();
            vector /= norm;
            path.push(ln_norm);
        }
        progress.advance(1);
        Ok((radius.ln(), path))
    };
    let all = |tied| (0..matrices as u64).into_par_iter().map(|trial| path(tied, trial)).collect::<Result<Vec<_>, _>>();
    let (tied, untied) = (all(true)?, all(false)?);
    progress.end();
    let (ln_radii, tied) = tied.into_iter().unzip();
    let (untied_ln_radii, untied) = untied.into_iter().unzip();
    Ok(TiedPaths { width, tied, ln_radii, untied, untied_ln_radii })
}

#[cfg(test)]
mod tests {
    use super::super::Silent;
    use super::*;

    #[test]
    fn nilpotent_factors_explode_and_large_ones_vanish() {
        let products = alternating_products(300).expect("two by two");
        let [nilpotent, large] = &products[..] else { panic!("two products") };
        assert_eq!((nilpotent.radii, large.radii), ([0.0, 0.0], [2.0, 2.0]));
        // Beyond the range of doubles: 16^300 = 1e361 and 0.2^300 = 1e-210.
        assert!((nilpotent.ln_norms[599] - 300.0 * 16f64.ln()).abs() < 1e-9);
        assert!((large.ln_norms[599] - 300.0 * 0.2f64.ln()).abs() < 1e-9);
    }

    /// ||W^k|| grows before it shrinks although the spectral radius is below 1: 8 matrices, n = 100, sigma_w = 0.9, seed 1.
    #[test]
    fn powers_grow_before_they_vanish() {
        let found = transient(100, 0.9, &[1, 3, 60], 8, 1, &Silent).expect("small");
        let norm = |k: usize| found.powers[k].ln_norm.value.exp();
        assert!(found.ln_radius.value < 0.0 && norm(0) > 1.5 && norm(1) > norm(0) && norm(2) < 0.5, "{found:?}");
    }
}
