//! Singular values of products of random matrices, without a network around them.

use std::sync::Arc;

use rayon::prelude::*;

use super::{MeasureError, Progress};
use crate::ensemble::Ensemble;
use crate::linalg::{Chain, LinalgError, TriangularChain, single_threaded_blas};
use crate::stats::Stream;

/// A product `W_L ... W_1` of random matrices, W_l of n_l x n_{l-1} with entries of mean square 1/n_{l-1}.
#[derive(Debug, Clone)]
pub struct RandomProduct {
    /// n_0, ..., n_L.
    pub widths: Vec<usize>,
    /// Of the factors, first applied first; as many as there are.
    pub ensembles: Vec<Arc<dyn Ensemble>>,
    /// Whether all factors are one matrix, the first: its power. Square matrices only.
    pub tied: bool,
}

impl RandomProduct {
    /// Independent square factors of one ensemble.
    pub fn square(width: usize, factors: usize, ensemble: Arc<dyn Ensemble>) -> Self {
        Self { widths: vec![width; factors + 1], ensembles: vec![ensemble; factors], tied: false }
    }

    /// The powers of one square matrix.
    pub fn power(width: usize, exponent: usize, ensemble: Arc<dyn Ensemble>) -> Self {
        Self { tied: true, ..Self::square(width, exponent, ensemble) }
    }

    /// `ln s` of one trial for the products of the first `depths` factors each, min(n_0, n_l) values from the largest, `-inf` for exact zeros.
    ///
    /// Where the ensembles allow it, triangular factors are drawn instead of matrices: the same law, several times faster.
    ///
    /// # Errors
    ///
    /// [`MeasureError::Linalg`] if shapes do not fit or LAPACK fails.
    pub fn ln_singular_values(&self, depths: &[usize], stream: Stream) -> Result<Vec<Vec<f64>>, MeasureError> {
        let Some(&columns) = self.widths.first() else { return Ok(Vec::new()) };
        let factors = self.widths.windows(2).zip(&self.ensembles).map(|(pair, ensemble)| (pair[0], pair[1], ensemble));
        let deepest = depths.iter().copied().max().unwrap_or(0);
        let std = |fan_in: usize| 1.0 / (fan_in as f64).sqrt();
        let mut spectra = Vec::new();
        let has_triangles =
            |ensemble: &Arc<dyn Ensemble>| ensemble.triangular_factor(1, 1, 1.0, &mut stream.layer(0)).is_some();
        if !self.tied && self.ensembles.iter().all(has_triangles) {
            let mut chain = TriangularChain::new(columns);
            for (index, (fan_in, fan_out, ensemble)) in factors.take(deepest).enumerate() {
                push_triangular(&mut chain, &**ensemble, fan_out, std(fan_in), stream, index)?;
                if depths.contains(&(index + 1)) {
                    spectra.push(chain.log_singular_values()?.values().to_vec());
                }
            }
            return Ok(spectra);
        }
        let mut chain = Chain::new(columns);
        let mut first = None;
        for (index, (fan_in, fan_out, ensemble)) in factors.take(deepest).enumerate() {
            let draw = || ensemble.sample(fan_out, fan_in, std(fan_in), &mut stream.layer(index as u64));
            match (&first, self.tied) {
                (Some(matrix), true) => chain.push(matrix)?,
                _ => {
                    let matrix = draw()?;
                    chain.push(&matrix)?;
                    first = Some(matrix);
                }
            }
            if depths.contains(&(index + 1)) {
                spectra.push(chain.log_singular_values()?.values().to_vec());
            }
        }
        Ok(spectra)
    }

    /// `ln s` of the whole product in independent trials, drawn in parallel, in their order.
    ///
    /// # Errors
    ///
    /// As [`Self::ln_singular_values`]; [`MeasureError::Interrupted`].
    pub fn spectra(
        &self,
        trials: usize,
        stream: Stream,
        progress: &dyn Progress,
    ) -> Result<Vec<Vec<f64>>, MeasureError> {
        let whole = [self.ensembles.len()];
        let of_depths = self.spectra_at(&whole, trials, stream, progress)?;
        Ok(of_depths.into_iter().map(|mut depths| depths.pop().unwrap_or_default()).collect())
    }

    /// As [`Self::spectra`] at several depths of the same products: by trial, then by depth in increasing order.
    ///
    /// # Errors
    ///
    /// As [`Self::spectra`].
    pub fn spectra_at(
        &self,
        depths: &[usize],
        trials: usize,
        stream: Stream,
        progress: &dyn Progress,
    ) -> Result<Vec<Vec<Vec<f64>>>, MeasureError> {
        let _guard = single_threaded_blas();
        progress.begin("products of random matrices", trials as u64);
        let spectra = (0..trials as u64)
            .into_par_iter()
            .map(|trial| {
                if progress.interrupted() {
                    return Err(MeasureError::Interrupted);
                }
                let spectrum = self.ln_singular_values(depths, stream.trial(trial))?;
                progress.advance(1);
                Ok(spectrum)
            })
            .collect();
        progress.end();
        spectra
    }
}

/// Draws the triangular factor of layer `index` (from 0) and multiplies by it; false if the ensemble does not give it.
pub(super) fn push_triangular(
    chain: &mut TriangularChain,
    ensemble: &dyn Ensemble,
    fan_out: usize,
    std: f64,
    stream: Stream,
    index: usize,
) -> Result<bool, LinalgError> {
    match ensemble.triangular_factor(fan_out, chain.rank(), std, &mut stream.layer(index as u64)) {
        Some(r) => chain.push(fan_out, r).map(|()| true),
        None => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Silent;
    use super::*;
    use crate::ensemble::{Gaussian, Orthogonal};
    use crate::stats::Estimate;

    /// E sum s^2 / n_0 = n_L / n_0 for any factors of independent or Haar entries, at every depth, tied or not at depth 1: 200 trials, seed 1,
    /// 4 standard errors; 20 % more is refuted.
    #[test]
    fn mean_squares_are_kept() {
        let gaussian: Arc<dyn Ensemble> = Arc::new(Gaussian);
        let haar: Arc<dyn Ensemble> = Arc::new(Orthogonal);
        let products = [
            RandomProduct { widths: vec![20, 30, 10], ensembles: vec![gaussian.clone(); 2], tied: false },
            RandomProduct { widths: vec![20, 30, 10], ensembles: vec![gaussian.clone(), haar], tied: false },
            RandomProduct::power(20, 1, gaussian),
        ];
        for product in products {
            let last = product.widths[product.widths.len() - 1];
            let spectra = product.spectra(200, Stream::new(1, "mean squares"), &Silent).expect("small");
            let means: Vec<f64> =
                spectra.iter().map(|values| values.iter().map(|ln| (2.0 * ln).exp()).sum::<f64>() / 20.0).collect();
            let estimate = Estimate::of_mean(&means).expect("200 trials");
            let distance = |scale: f64| (estimate.value - scale * last as f64 / 20.0).abs() / estimate.standard_error;
            assert!(distance(1.0) < 4.0 && distance(1.2) > 4.0, "{estimate:?}");
            assert_eq!(spectra[0].len(), last.min(20));
        }
    }
}
