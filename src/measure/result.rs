//! What a measurement says.

use serde::{Deserialize, Serialize};

use super::DynamicRange;
use crate::spec::{Gain, Quantity};
use crate::stats::{Estimate, LogSummary};

/// One quantity of one layer, over independent trials.
///
/// Zeros and non-finite values are counted and shown beside every number. The root mean square includes zeros and is conditional
/// on being finite; statistics of logarithms are conditional on survival (neither zero nor non-finite).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The quantity.
    pub quantity: Quantity,
    /// Number of the layer, from 1.
    pub layer: usize,
    /// Root mean square of a logarithmic quantity (`null` where it leaves the range of f64), mean of any other.
    pub value: Option<f64>,
    /// log10 of the root mean square.
    pub log10_rms: Option<f64>,
    /// Mean of log10.
    pub log10_mean: Option<f64>,
    /// Standard deviation of log10 over trials.
    pub log10_standard_deviation: Option<f64>,
    /// The 5, 25, 50, 75 and 95 % quantiles of log10 over trials.
    pub log10_quantiles: Option<[f64; 5]>,
    /// Standard error of `log10_rms` (of `value` for a quantity that is not logarithmic).
    pub standard_error: Option<f64>,
    /// Standard error of `log10_mean`.
    pub log10_mean_standard_error: Option<f64>,
    /// Trials, zeros and non-finite values included.
    pub trials: usize,
    /// Exact zeros.
    pub zeros: usize,
    /// Infinities and NaN.
    pub non_finite: usize,
    /// NaN among them.
    pub nan: usize,
    /// Seed of the random numbers.
    pub seed: u64,
}

impl Measurement {
    pub(super) fn from_log_summary(quantity: Quantity, layer: usize, seed: u64, summary: LogSummary) -> Self {
        let rms = summary.log10_rms.map(|estimate| 10f64.powf(estimate.value));
        Self {
            quantity,
            layer,
            value: rms.filter(|value| value.is_finite() && *value > 0.0),
            log10_rms: summary.log10_rms.map(|estimate| estimate.value),
            log10_mean: summary.log10_mean.map(|estimate| estimate.value),
            log10_standard_deviation: summary.log10_standard_deviation,
            log10_quantiles: summary.log10_quantiles,
            standard_error: summary.log10_rms.map(|estimate| estimate.standard_error),
            log10_mean_standard_error: summary.log10_mean.map(|estimate| estimate.standard_error),
            trials: summary.trials,
            zeros: summary.zeros,
            non_finite: summary.non_finite,
            nan: summary.nan,
            seed,
        }
    }

    /// The measured root mean square in decimal logarithm, or the mean of a quantity that is not logarithmic.
    pub fn estimate(&self) -> Option<Estimate> {
        let value = if self.quantity.is_logarithmic() { self.log10_rms } else { self.value };
        Some(Estimate { value: value?, standard_error: self.standard_error? })
    }

    /// The mean of log10.
    pub fn log10_mean_estimate(&self) -> Option<Estimate> {
        Some(Estimate { value: self.log10_mean?, standard_error: self.log10_mean_standard_error? })
    }
}

/// All measurements of a specification.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Measurements {
    /// By quantity, then by layer.
    pub measurements: Vec<Measurement>,
    /// Why the weight gradient changes from layer to layer; empty unless all quantities that it takes were measured.
    pub gains: Vec<Gain<Estimate>>,
    /// First layer against last, for every gradient.
    pub ranges: Vec<DynamicRange>,
}

impl Measurements {
    /// One quantity of one layer, if it was measured.
    pub fn get(&self, quantity: Quantity, layer: usize) -> Option<&Measurement> {
        self.of(quantity).find(|measurement| measurement.layer == layer)
    }

    /// First layer against last, if it was measured.
    pub fn range(&self, quantity: Quantity) -> Option<&DynamicRange> {
        self.ranges.iter().find(|range| range.quantity == quantity)
    }

    /// One quantity by layer.
    pub fn of(&self, quantity: Quantity) -> impl Iterator<Item = &Measurement> {
        self.measurements.iter().filter(move |measurement| measurement.quantity == quantity)
    }
}
