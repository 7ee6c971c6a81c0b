//! Products of independent random matrices by depth: Lyapunov exponents, the growth of one direction, the largest singular value.

use std::sync::Arc;

use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{MEMORY_LIMIT, MeasureError, Progress};
use crate::ensemble::{Ensemble, gaussian_log_square};
use crate::linalg::{
    Chain, ScaledProduct, Transpose, TriangularChain, eigenvalue_moduli, gemm, orthonormal_columns,
    single_threaded_blas,
};
use crate::stats::{Estimate, Stream};

/// Independent products `J = W_L ... W_1`: W_l is n_l x n_{l-1} with `Var W_ij = sigma_w^2 / n_{l-1}`.
#[derive(Debug, Clone)]
pub struct DeepProducts {
    /// Law of the factors.
    pub ensemble: Arc<dyn Ensemble>,
    /// n_0, ..., n_L.
    pub widths: Vec<usize>,
    /// Scale of the weights.
    pub sigma_w: f64,
    /// Independent products.
    pub trials: usize,
    /// Seed of the random numbers.
    pub seed: u64,
    /// Name of the random streams: two experiments of one seed are independent.
    pub experiment: String,
}

/// Lyapunov exponents as measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasuredExponents {
    /// Independent products.
    pub trials: usize,
    /// Factors in each.
    pub factors: usize,
    /// By k from 1.
    pub exponents: Vec<MeasuredExponent>,
    /// The running exponents at growing depth.
    pub history: Vec<DepthExponents>,
}

/// One exponent, in nats a layer; what a singular factor makes infinite is `null`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MeasuredExponent {
    /// Mean of `ln R_kk / L`, with its standard error over products; over blocks of layers if there is only one product.
    pub exponent: Option<Estimate>,
    /// `Var ln R_kk / L` over products, with its standard error; `null` for fewer than two.
    pub variance_rate: Option<Estimate>,
}

/// Running exponents `ln R_kk / l` of the first l layers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DepthExponents {
    /// Layers l.
    pub depth: usize,
    /// By k from 1; the standard errors are over products, and `null` if there is only one.
    pub exponents: Vec<RunningExponent>,
}

/// A mean over products.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RunningExponent {
    /// The mean; `null` if it is not finite.
    pub mean: Option<f64>,
    /// Its standard error.
    pub standard_error: Option<f64>,
}

/// How the growth of a vector is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrowthSampler {
    /// Matrices drawn and applied to the first unit vector.
    Matrices,
    /// Independent chi-square variables, Gaussian ensembles only: O(L) operations.
    ChiSquares,
}

/// `W^L v` for one square matrix in every trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TiedGrowth {
    /// `ln |W^L v|` of the first unit vector v.
    pub log_norm: f64,
    /// `L ln rho(W)`, rho the spectral radius.
    pub log_radius: f64,
}

/// The largest singular value of a product next to the growth of one direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LargestAndDirection {
    /// `ln s_1`.
    pub log_largest: f64,
    /// `ln |J v|` of the first unit vector v.
    pub log_norm: f64,
}

/// Blocks of layers that stand for trials if there is only one.
const BLOCKS: usize = 20;

impl DeepProducts {
    fn factors(&self) -> usize {
        self.widths.len().saturating_sub(1)
    }

    /// The factor of layer `index`, from 0.
    fn factor(&self, index: usize, stream: Stream) -> Result<DMatrix<f64>, MeasureError> {
        let (columns, rows) = (self.widths[index], self.widths[index + 1]);
        let std = self.sigma_w / (columns as f64).sqrt();
        Ok(self.ensemble.sample(rows, columns, std, &mut stream.layer(index as u64))?)
    }

    /// Runs the trials in parallel; their results come in their order.
    fn run<T: Send>(
        &self,
        records: usize,
        progress: &dyn Progress,
        trial: impl Fn(Stream) -> Result<T, MeasureError> + Sync,
    ) -> Result<Vec<T>, MeasureError> {
        let widest = self.widths.iter().copied().max().unwrap_or(0);
        let threads = rayon::current_num_threads().min(self.trials);
        let matrices = widest.saturating_mul(widest).saturating_mul(8 * 8).saturating_mul(threads);
        let kept = records.saturating_mul(8).saturating_mul(self.trials);
        for (what, bytes, advice) in [
            ("products that run at once", matrices, "reduce the widths"),
            ("records of all trials", kept, "reduce trials or depths"),
        ] {
            if bytes > MEMORY_LIMIT {
                return Err(MeasureError::TooLarge { what, gibibytes: bytes as f64 / f64::from(1 << 30), advice });
            }
        }
        let _guard = single_threaded_blas();
        let stream = Stream::new(self.seed, &self.experiment);
        progress.begin(&self.experiment, self.trials as u64);
        let results = (0..self.trials as u64)
            .into_par_iter()
            .map(|index| {
                if progress.interrupted() {
                    return Err(MeasureError::Interrupted);
                }
                let result = trial(stream.trial(index));
                progress.advance(1);
                result
            })
            .collect();
        progress.end();
        results
    }

    /// Lyapunov exponents 1 to `count`, with their running values at the given depths, increasing.
    ///
    /// # Formula
    ///
    /// With `Q_0` the first `count` unit vectors, `W_l Q_(l-1) = Q_l R_l` (QR with a positive diagonal), `ln R_kk` is the sum of the logarithms of the k-th
    /// diagonal entries. No product is formed, so that no exponent is lost at any depth. A layer takes `2 n^2 count + 4 n count^2` operations besides
    /// the drawing of its n^2 entries. At most the smallest width of exponents exist.
    ///
    /// # Errors
    ///
    /// [`MeasureError`]: interrupted, LAPACK, or too large for memory.
    pub fn exponents(
        &self,
        count: usize,
        depths: &[usize],
        progress: &dyn Progress,
    ) -> Result<MeasuredExponents, MeasureError> {
        let count = count.min(self.widths.iter().copied().min().unwrap_or(0));
        let factors = self.factors();
        // One product is looked at block by block.
        let marks: Vec<usize> = if self.trials == 1 {
            (1..=BLOCKS).map(|block| (block * factors).div_ceil(BLOCKS)).collect()
        } else {
            vec![factors]
        };
        let samples = self.run((depths.len() + marks.len()).saturating_mul(count), progress, |stream| {
            let mut q = DMatrix::identity(self.widths[0], count);
            let mut sums = vec![0.0; count];
            let (mut history, mut blocks) = (Vec::new(), Vec::new());
            for index in 0..factors {
                let w = self.factor(index, stream)?;
                let mut y = DMatrix::zeros(w.nrows(), count);
                gemm(1.0, (Transpose::No, &w), (Transpose::No, &q), 0.0, &mut y);
                q = orthonormal_columns(y.clone())?;
                for (k, sum) in sums.iter_mut().enumerate() {
                    *sum += q.column(k).dot(&y.column(k)).ln();
                }
                let depth = index + 1;
                if depths.contains(&depth) {
                    history.push(sums.clone());
                }
                if marks.contains(&depth) {
                    blocks.push(sums.clone());
                }
            }
            Ok((history, blocks))
        })?;
        let whole = |k: usize| -> Vec<f64> {
            match &samples[..] {
                [(_, blocks)] => {
                    let length = factors as f64 / blocks.len() as f64;
                    let before = std::iter::once(0.0).chain(blocks.iter().map(|sums| sums[k]));
                    blocks.iter().zip(before).map(|(sums, before)| (sums[k] - before) / length).collect()
                }
                _ => samples.iter().map(|(_, blocks)| blocks[0][k] / factors as f64).collect(),
            }
        };
        let finite =
            |estimate: Option<Estimate>| estimate.filter(|e| e.value.is_finite() && e.standard_error.is_finite());
        let exponents = (0..count).map(|k| {
            let values = if factors == 0 { Vec::new() } else { whole(k) };
            let variance_rate = (self.trials > 1).then(|| variance(&values)).flatten().map(|variance| Estimate {
                value: variance.value * factors as f64,
                standard_error: variance.standard_error * factors as f64,
            });
            MeasuredExponent { exponent: finite(Estimate::of_mean(&values)), variance_rate: finite(variance_rate) }
        });
        let exponents = exponents.collect();
        let reached = depths.iter().filter(|&&depth| (1..=factors).contains(&depth));
        let history = reached.enumerate().map(|(row, &depth)| {
            let running = |k: usize| {
                let values: Vec<f64> = samples.iter().map(|(history, _)| history[row][k] / depth as f64).collect();
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                let error = finite(Estimate::of_mean(&values)).map(|estimate| estimate.standard_error);
                RunningExponent { mean: Some(mean).filter(|mean| mean.is_finite()), standard_error: error }
            };
            DepthExponents { depth, exponents: (0..count).map(running).collect() }
        });
        Ok(MeasuredExponents { trials: self.trials, factors, exponents, history: history.collect() })
    }

    /// `ln |J v|` of the first unit vector v, trial by trial. Chi-squares have the law of Gaussian matrices, whatever the ensemble is.
    ///
    /// # Errors
    ///
    /// As [`exponents`](Self::exponents).
    pub fn growth(&self, sampler: GrowthSampler, progress: &dyn Progress) -> Result<Vec<f64>, MeasureError> {
        self.run(1, progress, |stream| {
            if sampler == GrowthSampler::ChiSquares {
                return Ok(0.5 * gaussian_log_square(&self.widths, self.sigma_w, &mut stream.layer(0)));
            }
            let mut direction = Direction::new(self.widths[0]);
            for index in 0..self.factors() {
                direction.apply(&self.factor(index, stream)?);
            }
            Ok(direction.log_norm)
        })
    }

    /// Tied weights: the first factor, which must be square, applied again and again, as many times as there are factors.
    ///
    /// # Errors
    ///
    /// As [`exponents`](Self::exponents); [`crate::linalg::LinalgError::NotSquare`].
    pub fn tied_growth(&self, progress: &dyn Progress) -> Result<Vec<TiedGrowth>, MeasureError> {
        self.run(2, progress, |stream| {
            let w = self.factor(0, stream)?;
            let radius = eigenvalue_moduli(w.clone())?.first().copied().unwrap_or(0.0);
            let mut direction = Direction::new(self.widths[0]);
            for _ in 0..self.factors() {
                direction.apply(&w);
            }
            Ok(TiedGrowth { log_norm: direction.log_norm, log_radius: self.factors() as f64 * radius.ln() })
        })
    }

    /// `ln s_1` of the explicit product, which carries its largest singular value to full accuracy, and `ln |J v|`, trial by trial.
    ///
    /// # Errors
    ///
    /// As [`exponents`](Self::exponents).
    pub fn largest_and_direction(&self, progress: &dyn Progress) -> Result<Vec<LargestAndDirection>, MeasureError> {
        self.run(2, progress, |stream| {
            let mut product = ScaledProduct::new(self.widths[0]);
            let mut direction = Direction::new(self.widths[0]);
            for index in 0..self.factors() {
                let w = self.factor(index, stream)?;
                product.push(&w)?;
                direction.apply(&w);
            }
            let log_largest = product.log_singular_values()?.first().copied().unwrap_or(f64::NEG_INFINITY);
            Ok(LargestAndDirection { log_largest, log_norm: direction.log_norm })
        })
    }

    /// `ln s_1` of the first l layers, for each of the increasing depths l, over products: by triangular factors where the ensemble has them.
    ///
    /// # Errors
    ///
    /// As [`exponents`](Self::exponents).
    pub fn log_largest(
        &self,
        depths: &[usize],
        progress: &dyn Progress,
    ) -> Result<Vec<Option<Estimate>>, MeasureError> {
        let samples = self.run(depths.len(), progress, |stream| {
            let columns = self.widths[0];
            let (mut triangular, mut chain) = (TriangularChain::new(columns), Chain::with_tolerance(columns, 1e-6));
            let mut found = Vec::new();
            for index in 0..self.factors().min(depths.last().copied().unwrap_or(0)) {
                let (rows, std) = (self.widths[index + 1], self.sigma_w / (self.widths[index] as f64).sqrt());
                let r = self.ensemble.triangular_factor(rows, triangular.rank(), std, &mut stream.layer(index as u64));
                let structured = r.is_some();
                match r {
                    Some(r) => triangular.push(rows, r)?,
                    None => chain.push(&self.factor(index, stream)?)?,
                }
                if depths.contains(&(index + 1)) {
                    let spectrum =
                        if structured { triangular.log_singular_values()? } else { chain.log_singular_values()? };
                    found.push(spectrum.values().first().copied().unwrap_or(f64::NEG_INFINITY));
                }
            }
            Ok(found)
        })?;
        let reached = samples.first().map_or(0, Vec::len);
        let at = |row: usize| Estimate::of_mean(&samples.iter().map(|found| found[row]).collect::<Vec<f64>>());
        Ok((0..reached).map(|row| at(row).filter(|estimate| estimate.value.is_finite())).collect())
    }
}

/// A vector that stays of length 1, and what its length would be.
struct Direction {
    unit: DVector<f64>,
    log_norm: f64,
}

impl Direction {
    fn new(size: usize) -> Self {
        let unit = DVector::from_fn(size, |i, _| if i == 0 { 1.0 } else { 0.0 });
        Self { unit, log_norm: 0.0 }
    }

    fn apply(&mut self, w: &DMatrix<f64>) {
        let image = w * &self.unit;
        let norm = image.norm();
        self.log_norm += norm.ln();
        self.unit = if norm > 0.0 { image / norm } else { image };
    }
}

/// Sample variance with its standard error `sqrt((m_4 - s^4) / n)`.
fn variance(values: &[f64]) -> Option<Estimate> {
    let mean = Estimate::of_mean(values)?.value;
    let squares: Vec<f64> = values.iter().map(|value| (value - mean).powi(2)).collect();
    let n = values.len() as f64;
    Estimate::of_mean(&squares).map(|e| Estimate { value: e.value * n / (n - 1.0), ..e })
}

#[cfg(test)]
mod tests {
    use super::super::Silent;
    use super::*;

    fn product(ensemble: &str, widths: Vec<usize>, trials: usize) -> DeepProducts {
        let ensemble = crate::ensemble::by_name(ensemble).expect("registered");
        DeepProducts { ensemble, widths, sigma_w: 1.3, trials, seed: 1, experiment: "lyapunov test".to_owned() }
    }

    /// Of orthogonal factors every exponent is ln sigma_w, at every depth.
    #[test]
    fn orthogonal_products_have_equal_exponents() {
        let measured = product("orthogonal", vec![6; 31], 3).exponents(6, &[1, 10, 30], &Silent).expect("small");
        let expected = 1.3f64.ln();
        assert!(measured.exponents.iter().all(|k| (k.exponent.expect("finite").value - expected).abs() < 1e-12));
        assert_eq!(measured.history.iter().map(|h| h.depth).collect::<Vec<_>>(), [1, 10, 30]);
        let running = measured.history.iter().flat_map(|h| &h.exponents);
        assert!(running.clone().all(|k| (k.mean.expect("finite") - expected).abs() < 1e-12));
        let largest = product("orthogonal", vec![6; 31], 3).log_largest(&[2, 30], &Silent).expect("small");
        assert!((largest[1].expect("finite").value - 30.0 * expected).abs() < 1e-9 && largest.len() == 2);
    }

    /// One long product agrees with many short ones within five standard errors, for signs as well as for Gaussian entries.
    #[test]
    fn one_long_product_stands_for_many() {
        for ensemble in ["gaussian", "uniform"] {
            let long = product(ensemble, vec![5; 2001], 1).exponents(3, &[2000], &Silent).expect("small");
            let short = product(ensemble, vec![5; 41], 50).exponents(3, &[], &Silent).expect("small");
            for (long, short) in long.exponents.iter().zip(&short.exponents) {
                let (long, short) = (long.exponent.expect("finite"), short.exponent.expect("finite"));
                let difference = long.minus(short);
                assert!(difference.value.abs() < 5.0 * difference.standard_error, "{ensemble}: {long:?} {short:?}");
                assert!(long.standard_error < 0.03);
            }
            assert!(long.exponents[0].variance_rate.is_none() && long.history[0].exponents[0].standard_error.is_none());
        }
    }

    /// Matrices and chi-squares: means of the same law, 2,000 trials, five standard errors; one factor more is refuted.
    #[test]
    fn both_samplers_grow_alike() {
        let product = product("gaussian", vec![4, 7, 3, 4], 2000);
        let mean = |sampler| Estimate::of_mean(&product.growth(sampler, &Silent).expect("small")).expect("many");
        let difference = mean(GrowthSampler::Matrices).minus(mean(GrowthSampler::ChiSquares));
        assert!(difference.value.abs() < 5.0 * difference.standard_error && difference.standard_error < 0.03);
    }

    #[test]
    fn a_bottleneck_limits_the_exponents_and_nothing_panics() {
        let measured = product("gaussian", vec![5, 2, 5], 4).exponents(5, &[1, 2, 9], &Silent).expect("small");
        assert_eq!((measured.exponents.len(), measured.history.len()), (2, 2));
        let empty = product("gaussian", vec![5], 4).exponents(5, &[], &Silent).expect("small");
        assert!(empty.exponents.iter().all(|k| k.exponent.is_none()));
        let huge = product("gaussian", vec![1 << 40; 2], 4).exponents(5, &[], &Silent);
        assert!(matches!(huge, Err(MeasureError::TooLarge { .. })));
    }
}
