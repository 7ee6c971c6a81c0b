//! Singular values of the product of the weights over independent networks, by depth.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::products::push_triangular;
use super::{MEMORY_LIMIT, MeasureError, Progress, check_memory};
use crate::linalg::{Chain, LogSingularValues, Real, TriangularChain, single_threaded_blas};
use crate::network::Network;
use crate::spec::{BlockSpec, Law, Precision, Spec, with_real};
use crate::stats::{LogSample, Stream};

/// Singular values of `W_l ... W_1`, `l = depth`, over independent networks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProductSpectrum {
    /// Layers in the product.
    pub depth: usize,
    /// Networks drawn.
    pub trials: usize,
    /// Seed of the random numbers.
    pub seed: u64,
    /// How the products were drawn.
    #[serde(default)]
    pub sampler: Sampler,
    /// By index of the singular value, from the largest.
    pub log10_singular_values: Vec<SingularValue>,
}

/// How a product of random matrices is drawn: the law of its singular values is the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampler {
    /// Networks of the specification, whose weights are multiplied by [`Chain`].
    #[default]
    Networks,
    /// The triangular factors of the weights, multiplied by [`TriangularChain`]: no matrix is decomposed.
    TriangularFactors,
}

/// Error in `ln s` that a chain may make to save decompositions: far below the standard error of any mean over networks.
const TOLERANCE: f64 = 1e-6;

/// The i-th largest singular value, over networks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SingularValue {
    /// Mean of log10 over the networks in which it is determined and not exactly zero; `null` where those are fewer than two.
    pub mean: Option<f64>,
    /// Its standard error.
    pub standard_error: Option<f64>,
    /// Networks in which it is exactly zero.
    pub zeros: usize,
    /// Networks in which it is not zero, but of the size of rounding errors: the weights in `f64` do not determine it.
    #[serde(default)]
    pub undetermined: usize,
}

/// Spectra of the product of the weights at the specification's depths (else 1, a fifth, half and all of the layers), by [`Chain`]: without loss at the small end.
///
/// Networks are those of the specification, in its number format; the product is followed in `f64`. Where the weights are of ensembles
/// whose triangular factors have a law of their own ([`crate::ensemble::Ensemble::triangular_factor`]; in double precision), those are
/// drawn instead, which gives the same law several times faster. The singular values of one
/// network are not independent of each other: the standard errors are those over networks, index by index.
///
/// # Errors
///
/// As [`super::measure`].
pub fn product_spectrum(spec: &Spec, progress: &dyn Progress) -> Result<Vec<ProductSpectrum>, MeasureError> {
    check_memory(spec)?;
    let shown = spec.product_depths();
    let sizes: Vec<usize> = shown.iter().map(|&depth| size(spec, depth)).collect();
    check_records(spec, &sizes)?;
    let _guard = single_threaded_blas();
    let stream = Stream::new(spec.seed, "product spectrum");
    let sampler = match spec.network.precision {
        Precision::F64 if structured(spec, stream, &[])?.is_some() => Sampler::TriangularFactors,
        _ => Sampler::Networks,
    };
    progress.begin("product spectra", spec.measure.trials as u64);
    let samples: Result<Vec<Vec<Vec<f64>>>, MeasureError> = (0..spec.measure.trials as u64)
        .into_par_iter()
        .map(|trial| {
            if progress.interrupted() {
                return Err(MeasureError::Interrupted);
            }
            let stream = stream.trial(trial);
            let drawn = match sampler {
                Sampler::TriangularFactors => structured(spec, stream, &shown)?,
                Sampler::Networks => None,
            };
            let sample = match drawn {
                Some(sample) => sample,
                None => with_real!(spec.network.precision, T => sample::<T>(spec, stream, &shown)?),
            };
            progress.advance(1);
            Ok(sample)
        })
        .collect();
    progress.end();
    let samples = samples?;
    let summarise = |k: usize, i: usize| {
        let summary = LogSample::new(samples.iter().map(|depths| depths[k][i]).collect()).summary();
        SingularValue {
            mean: summary.log10_mean.map(|estimate| estimate.value),
            standard_error: summary.log10_mean.map(|estimate| estimate.standard_error),
            zeros: summary.zeros,
            undetermined: summary.nan,
        }
    };
    let spectra = shown.iter().zip(sizes).enumerate().map(|(k, (&depth, size))| ProductSpectrum {
        depth,
        trials: spec.measure.trials,
        seed: spec.seed,
        sampler,
        log10_singular_values: (0..size).map(|i| summarise(k, i)).collect(),
    });
    Ok(spectra.collect())
}

/// Natural logarithms of the singular values of one network, by depth.
fn sample<T: Real>(spec: &Spec, stream: Stream, shown: &[usize]) -> Result<Vec<Vec<f64>>, MeasureError> {
    let network = Network::<T>::sample(spec, stream)?;
    let mut chain = Chain::with_tolerance(network.input_width(), TOLERANCE);
    let mut depths = Vec::new();
    let deepest = shown.last().copied().unwrap_or(0);
    for (index, block) in network.blocks().iter().take(deepest).enumerate() {
        chain.push(&block.weight.map(Real::to_f64))?;
        if shown.contains(&(index + 1)) {
            depths.push(told(&chain.log_singular_values()?));
        }
    }
    Ok(depths)
}

/// The logarithms, with NaN for what is not determined.
fn told(spectrum: &LogSingularValues) -> Vec<f64> {
    let mut values = spectrum.values().to_vec();
    values[spectrum.determined()..spectrum.rank()].fill(f64::NAN);
    values
}

/// As [`sample`] by triangular factors, as far as the last of the depths; `None` if some ensemble does not give them.
fn structured(spec: &Spec, stream: Stream, shown: &[usize]) -> Result<Option<Vec<Vec<f64>>>, MeasureError> {
    let mut chain = TriangularChain::new(spec.network.input);
    let mut depths = Vec::new();
    if shown.is_empty() {
        // Only the question whether it can be done: a row of each is enough.
        let gives = |(index, block): (usize, &BlockSpec)| {
            block.weights.ensemble.triangular_factor(1, 1, block.weights.std, &mut stream.layer(index as u64)).is_some()
        };
        return Ok(spec.network.blocks.iter().enumerate().all(gives).then_some(depths));
    }
    let deepest = shown.last().copied().unwrap_or(0);
    for (index, block) in spec.network.blocks.iter().take(deepest).enumerate() {
        let Law { ensemble, std } = &block.weights;
        if !push_triangular(&mut chain, &**ensemble, block.fan_out, *std, stream, index)? {
            return Ok(None);
        }
        if shown.contains(&(index + 1)) {
            depths.push(told(&chain.log_singular_values()?));
        }
    }
    Ok(Some(depths))
}

/// Singular values of the first `depth` layers' product, zeros included.
fn size(spec: &Spec, depth: usize) -> usize {
    spec.network.blocks[depth - 1].fan_out.min(spec.network.input)
}

fn check_records(spec: &Spec, sizes: &[usize]) -> Result<(), MeasureError> {
    // The product begins as an n_0 x n_0 matrix in every thread, and a few of its size are at work.
    let threads = rayon::current_num_threads().min(spec.measure.trials);
    let products = spec.network.input.saturating_mul(spec.network.input).saturating_mul(8 * 6).saturating_mul(threads);
    let numbers = sizes.iter().fold(0, |sum: usize, size| sum.saturating_add(*size));
    let records = numbers.saturating_mul(8).saturating_mul(spec.measure.trials);
    for (what, bytes, advice) in [
        ("products that run at once", products, "reduce the network's input or drop product_spectrum"),
        ("spectra of all trials", records, "reduce width or trials, or drop product_spectrum"),
    ] {
        if bytes > MEMORY_LIMIT {
            return Err(MeasureError::TooLarge { what, gibibytes: bytes as f64 / f64::from(1 << 30), advice });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Silent;
    use super::*;

    fn spec(text: &str) -> Spec {
        Spec::parse(text, std::path::Path::new("x.toml")).expect("valid")
    }

    /// The mean over all i of ln sigma_i is ln |det| / n, and for Gaussian factors E ln |det W| is Newman's:
    /// n (ln 2/n + mean_k psi(k/2)) / 2 + n ln sigma_w. 200 networks of 6 layers of width 8, seed 1; judged at 5 standard errors, and half a
    /// layer more or less is refuted.
    #[test]
    fn the_determinant_is_newmans() {
        let spec = spec(
            "[network]\ninput = 8\ndepth = 6\nwidth = 8\nactivation = \"tanh\"\nweights = { sigma_w = 1.3 }\n\
             [measure]\ntrials = 200\nquantities = [\"product_spectrum\"]",
        );
        let spectra = product_spectrum(&spec, &Silent).expect("small");
        let depths: Vec<usize> = spectra.iter().map(|spectrum| spectrum.depth).collect();
        assert_eq!(depths, [1, 2, 3, 6]);
        let n = 8.0_f64;
        let psi: f64 = (1..=8).map(|k| statrs::function::gamma::digamma(0.5 * f64::from(k))).sum();
        let per_layer = 0.5 * (2.0 / n).ln() + 0.5 * psi / n + 1.3f64.ln();
        for spectrum in &spectra {
            let values = &spectrum.log10_singular_values;
            let mean = values.iter().filter_map(|value| value.mean).sum::<f64>() / n * std::f64::consts::LN_10;
            // Perfect correlation between the values, the worst case.
            let error = values.iter().filter_map(|value| value.standard_error).sum::<f64>() / n * 2.303;
            let expected = per_layer * spectrum.depth as f64;
            assert!((mean - expected).abs() < 5.0 * error, "{mean} against {expected} +- {error}");
            assert!((mean - expected).abs() < 0.1 && per_layer.abs() > 0.2, "{mean} against {expected}");
            assert!(values.iter().all(|value| value.zeros == 0));
        }
    }

    #[test]
    fn a_bottleneck_leaves_exact_zeros() {
        let spec = spec(
            "[network]\ninput = 6\nwidths = [6, 2, 6]\nactivation = \"tanh\"\nweights = { sigma_w = 1.0 }\nprecision = \"f32\"\n\
             [measure]\ntrials = 5\nquantities = [\"product_spectrum\"]",
        );
        let spectra = product_spectrum(&spec, &Silent).expect("small");
        let last = &spectra.last().expect("three layers").log10_singular_values;
        assert_eq!(last.iter().map(|value| value.zeros).collect::<Vec<_>>(), [0, 0, 5, 5, 5, 5]);
        assert_eq!((last[2].mean, last[2].standard_error), (None, None));
    }

    /// Matrices of signs, n = 6: 21,040,112 of 2^25 are singular (as many as 5 x 5 matrices of zeros and ones, OEIS A046747). 400 networks,
    /// seed 1, judged at 4 standard errors; the 16 % that a numerical rank finds are refuted. A sparse matrix with 8 zeros in each column of
    /// 10: no value is of rounding size.
    #[test]
    fn singular_ensembles_give_zeros_and_no_noise() {
        let run = |weights: &str, width: usize| {
            let text = format!(
                "[network]\ninput = {width}\ndepth = 1\nwidth = {width}\nactivation = \"tanh\"\nweights = {{ {weights} }}\n\
                 [measure]\ntrials = 400\nquantities = [\"product_spectrum\"]"
            );
            let spectra = product_spectrum(&spec(&text), &Silent).expect("small");
            *spectra[0].log10_singular_values.last().expect("square")
        };
        let signs = run("ensemble = \"rademacher\", sigma_w = 1.0", 6);
        let probability = 21_040_112.0 / f64::from(1 << 25);
        let error = (400.0 * probability * (1.0 - probability)).sqrt();
        let distance = |share: f64| (signs.zeros as f64 - 400.0 * share).abs();
        assert!(distance(probability) < 4.0 * error && distance(0.16) > 4.0 * error, "{} zeros", signs.zeros);
        assert!(signs.undetermined == 0 && signs.mean.expect("150 networks") > -2.0, "{signs:?}");
        let sparse = run("preset = \"sparse(0.75, 1.0)\"", 10);
        assert!(
            sparse.zeros > 300 && sparse.mean.expect("60 networks") > -2.5 && sparse.undetermined == 0,
            "{sparse:?}"
        );
    }

    /// What rounding hides is counted, and no value is made of it.
    #[test]
    fn values_that_are_not_determined_are_left_out() {
        let mut chain = Chain::new(2);
        chain.push(&nalgebra::dmatrix![0.1, 0.3; 0.1, 0.3f64.next_up()]).expect("square");
        let values = told(&chain.log_singular_values().expect("converges"));
        assert!(values[0].is_finite() && values[1].is_nan());
        chain.push(&nalgebra::dmatrix![1.0, 1.0; 1.0, 1.0]).expect("square");
        assert_eq!(told(&chain.log_singular_values().expect("converges"))[1], f64::NEG_INFINITY);
    }
}
