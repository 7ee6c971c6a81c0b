//! Distribution of the pre-activations.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::trial::visit_pre_activations;
use super::{MeasureError, Progress};
use crate::linalg::single_threaded_blas;
use crate::spec::{Spec, with_real};
use crate::stats::{Density, Histogram, Stream};

/// Distribution of the pre-activations of one layer, over units, samples and trials.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerDensity {
    /// Number of the layer, from 1.
    pub layer: usize,
    /// Networks drawn.
    pub trials: usize,
    /// The density.
    pub density: Density,
}

const CELLS: usize = 120;

/// The grid reaches this many root mean squares of a pilot trial to both sides.
const REACH: f64 = 4.5;

/// Densities of the pre-activations of the given layers over `trials` networks.
///
/// # Errors
///
/// As [`super::measure`].
pub fn pre_activation_densities(
    spec: &Spec,
    layers: &[usize],
    trials: usize,
    experiment: &str,
    progress: &dyn Progress,
) -> Result<Vec<LayerDensity>, MeasureError> {
    let _guard = single_threaded_blas();
    let stream = Stream::new(spec.seed, experiment);
    let position = |layer: usize| layers.iter().position(|&wanted| wanted == layer);
    let visit = |trial: u64, visit: &mut (dyn FnMut(usize, f64) + Send)| {
        let seen = |layer: usize, h: f64| {
            if let Some(index) = position(layer) {
                visit(index, h);
            }
        };
        with_real!(spec.network.precision, T => visit_pre_activations::<T>(spec, stream.trial(trial), seen))
    };
    let mut sums = vec![(0.0, 0u64); layers.len()];
    visit(0, &mut |index, h| {
        if h.is_finite() {
            sums[index].0 += h * h;
            sums[index].1 += 1;
        }
    })?;
    let empty: Vec<Histogram> = sums
        .iter()
        .map(|&(squares, count)| {
            let rms = (squares / count.max(1) as f64).sqrt();
            // A layer without any finite, non-zero pre-activation still gets a grid.
            let reach = if rms.is_finite() && rms > 0.0 { REACH * rms } else { 1.0 };
            Histogram::new(-reach, reach, CELLS)
        })
        .collect();
    progress.begin("pre-activation densities", trials as u64);
    let histograms = (0..trials as u64)
        .into_par_iter()
        .try_fold(
            || empty.clone(),
            |mut histograms, trial| {
                if progress.interrupted() {
                    return Err(MeasureError::Interrupted);
                }
                visit(trial, &mut |index, h| histograms[index].add(h))?;
                progress.advance(1);
                Ok(histograms)
            },
        )
        .try_reduce(
            || empty.clone(),
            |mut merged, histograms| {
                merged.iter_mut().zip(&histograms).for_each(|(into, from)| into.merge(from));
                Ok(merged)
            },
        );
    progress.end();
    let layer_density =
        |(&layer, histogram): (&usize, Histogram)| LayerDensity { layer, trials, density: histogram.density() };
    Ok(layers.iter().zip(histograms?).map(layer_density).collect())
}
