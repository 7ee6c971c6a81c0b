//! Measurements of a specification: independent networks are drawn, run forward and backward, and observed by hooks.
//!
//! [`measure`] gives every quantity of every layer with its standard error; [`pre_activation_densities`] the distribution
//! of the pre-activations, [`product_spectrum`] the singular values of the weights' product, [`RandomProduct`] those of matrices without a network. Trials run in parallel and are reduced in their order: the same numbers for any thread count.

mod chain_spectrum;
mod deep_products;
mod density;
mod depths;
mod eigenvalue_cases;
mod gains;
mod jacobian;
mod norm_bounds;
mod product_spectrum;
mod products;
mod progress;
mod range;
mod result;
mod spectra;
mod trial;

use rayon::prelude::*;

pub use chain_spectrum::{ChainSpectrum, DepthRange, DepthSpectrum, chain_spectrum};
pub use deep_products::{
    DeepProducts, DepthExponents, GrowthSampler, LargestAndDirection, MeasuredExponent, MeasuredExponents,
    RunningExponent, TiedGrowth,
};
pub use density::{LayerDensity, pre_activation_densities};
pub use eigenvalue_cases::{
    AlternatingProduct, PowerNorm, ProductInThePlane, TiedPaths, Transient, alternating_products, product_in_the_plane,
    tied_paths, transient,
};
pub use jacobian::{JacobianError, jacobian_log10_singular_values};
pub use norm_bounds::{NormBounds, norm_bounds};
pub use product_spectrum::{ProductSpectrum, Sampler, SingularValue, product_spectrum};
pub use products::RandomProduct;
pub use progress::{Progress, Silent};
pub use range::DynamicRange;
pub use result::{Measurement, Measurements};
pub use spectra::{DepthSpectra, LayerNorm, MeanSpectrum, Spectra, spectra};

use crate::linalg::{LinalgError, Real, single_threaded_blas};
use crate::network::PassError;
use crate::spec::{BlockSpec, Quantity, Spec, with_real};
use crate::stats::{Estimate, LogSample, LogSummary, Stream};
use trial::{LayerRecord, Workspace};

pub use trial::UnitShares;

/// Memory above which a measurement is refused rather than left to the system's killer.
pub const MEMORY_LIMIT: usize = 16 << 30;

/// Why a measurement failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MeasureError {
    /// The user interrupted it.
    #[error("interrupted")]
    Interrupted,
    /// A sampled matrix failed in LAPACK.
    #[error(transparent)]
    Linalg(#[from] LinalgError),
    /// A pass ended early.
    #[error(transparent)]
    Pass(#[from] PassError),
    /// More memory than a machine of today's usual size has.
    #[error("the {what} would take {gibibytes:.0} GiB, more than the {limit} GiB allowed: {advice}", limit = MEMORY_LIMIT >> 30)]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large.
        gibibytes: f64,
        /// What to reduce.
        advice: &'static str,
    },
}

/// Measures the quantities of a specification over its independent trials; its product spectrum is [`product_spectrum`]'s.
///
/// `experiment` names the random streams: two measurements of one seed under different names are independent.
///
/// # Errors
///
/// [`MeasureError`]: interrupted by `progress`, a LAPACK failure, or a network too large for memory.
///
/// # Example
///
/// ```
/// use gradspectra::{measure::{Silent, measure}, spec::{Quantity, Spec}};
/// let mut spec = Spec::load("lesson")?;
/// spec.measure.trials = 20;
/// let measured = measure(&spec, "example", &Silent)?;
/// let first = measured.get(Quantity::GradientNorms, 1).expect("the lesson measures all quantities");
/// assert_eq!(first.trials, 20);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn measure(spec: &Spec, experiment: &str, progress: &dyn Progress) -> Result<Measurements, MeasureError> {
    if spec.measure.quantities.is_empty() {
        return Ok(Measurements::default());
    }
    let records = run_trials(spec, experiment, progress)?;
    let mut measurements = Vec::new();
    for &quantity in &spec.measure.quantities {
        for index in 0..spec.network.blocks.len() {
            if quantity == Quantity::BiasGradientNorms && spec.network.blocks[index].biases.is_none() {
                continue;
            }
            if quantity == Quantity::BatchCorrelations && spec.data.batch < 2 {
                continue;
            }
            let column: Vec<f64> = records.iter().map(|layers| layers[index].get(quantity)).collect();
            measurements.push(summarise(quantity, index + 1, column, spec.seed));
        }
    }
    Ok(Measurements { measurements, gains: gains::gains(spec, &records), ranges: range::ranges(spec, &records) })
}

fn summarise(quantity: Quantity, layer: usize, column: Vec<f64>, seed: u64) -> Measurement {
    if quantity.is_logarithmic() {
        return Measurement::from_log_summary(quantity, layer, seed, LogSample::new(column).summary());
    }
    let trials = column.len();
    let finite: Vec<f64> = column.iter().copied().filter(|value| value.is_finite()).collect();
    let estimate = Estimate::of_mean(&finite);
    let counts = LogSummary {
        trials,
        zeros: finite.iter().filter(|&&value| value == 0.0).count(),
        non_finite: trials - finite.len(),
        nan: column.iter().filter(|value| value.is_nan()).count(),
        log10_rms: None,
        log10_mean: None,
        log10_standard_deviation: None,
        log10_quantiles: None,
    };
    Measurement {
        value: estimate.map(|estimate| estimate.value),
        standard_error: estimate.map(|estimate| estimate.standard_error),
        ..Measurement::from_log_summary(quantity, layer, seed, counts)
    }
}

/// ln of the weight-gradient norms: `[layer][trial]`, for comparisons across trials.
///
/// # Errors
///
/// As [`measure`].
pub fn ln_gradient_norms(
    spec: &Spec,
    experiment: &str,
    progress: &dyn Progress,
) -> Result<Vec<Vec<f64>>, MeasureError> {
    let mut spec = spec.clone();
    spec.measure.quantities = vec![Quantity::GradientNorms];
    let records = run_trials(&spec, experiment, progress)?;
    let layer = |index: usize| records.iter().map(|layers| layers[index].get(Quantity::GradientNorms)).collect();
    Ok((0..spec.network.blocks.len()).map(layer).collect())
}

fn run_trials(spec: &Spec, experiment: &str, progress: &dyn Progress) -> Result<Vec<Vec<LayerRecord>>, MeasureError> {
    check_memory(spec)?;
    let _guard = single_threaded_blas();
    let stream = Stream::new(spec.seed, experiment);
    let width = spec.network.blocks[0].fan_out;
    progress.begin(&format!("networks of width {width}"), spec.measure.trials as u64);
    let result = with_real!(spec.network.precision, T => run_trials_in::<T>(spec, stream, progress));
    progress.end();
    result
}

fn run_trials_in<T: Real>(
    spec: &Spec,
    stream: Stream,
    progress: &dyn Progress,
) -> Result<Vec<Vec<LayerRecord>>, MeasureError> {
    (0..spec.measure.trials as u64)
        .into_par_iter()
        .map_init(
            || None,
            |workspace: &mut Option<Workspace<T>>, trial| {
                if progress.interrupted() {
                    return Err(MeasureError::Interrupted);
                }
                let stream = stream.trial(trial);
                let workspace = match workspace {
                    Some(workspace) => workspace,
                    None => workspace.insert(Workspace::new(spec, stream)?),
                };
                let record = workspace.run(spec, stream);
                progress.advance(1);
                record
            },
        )
        .collect()
}

/// Bytes of the networks that `threads` threads run at once, and of the records of all trials.
fn memory_parts(spec: &Spec, threads: usize) -> (usize, usize) {
    let entry = spec.network.precision.bytes();
    let threads = threads.min(spec.measure.trials);
    let units: usize = spec.network.blocks.iter().map(|block| block.fan_out).fold(0, usize::saturating_add);
    // Weights and their gradients; pre-activation, slope and output of every layer.
    let parameters = spec.parameters().saturating_mul(2);
    let activations = units.saturating_mul(3).saturating_add(spec.network.input).saturating_mul(spec.data.batch);
    // A product of a 16-bit format holds its three matrices in f32 while it runs.
    let widened = if entry < size_of::<f32>() {
        let of = |block: &BlockSpec| {
            let samples = block.fan_in.saturating_add(block.fan_out).saturating_mul(spec.data.batch);
            block.fan_in.saturating_mul(block.fan_out).saturating_add(samples).saturating_mul(size_of::<f32>())
        };
        spec.network.blocks.iter().map(of).max().unwrap_or(0)
    } else {
        0
    };
    let network = parameters.saturating_add(activations).saturating_mul(entry).saturating_add(widened);
    let networks = network.saturating_mul(threads);
    let records =
        spec.measure.trials.saturating_mul(spec.network.blocks.len()).saturating_mul(size_of::<LayerRecord>());
    (networks, records)
}

/// Bytes that [`measure`] takes on so many threads.
pub fn memory(spec: &Spec, threads: usize) -> usize {
    let (networks, records) = memory_parts(spec, threads);
    networks.saturating_add(records)
}

fn check_memory(spec: &Spec) -> Result<(), MeasureError> {
    let (networks, records) = memory_parts(spec, rayon::current_num_threads());
    let too_large = |what, bytes: usize, advice| MeasureError::TooLarge {
        what,
        gibibytes: bytes as f64 / f64::from(1 << 30),
        advice,
    };
    if networks > MEMORY_LIMIT {
        return Err(too_large("networks that run at once", networks, "reduce width, depth or batch"));
    }
    if records > MEMORY_LIMIT {
        return Err(too_large("records of all trials", records, "reduce depth or trials"));
    }
    Ok(())
}
