//! Positive quantities that span many decades.

use serde::{Deserialize, Serialize};

use super::Estimate;

/// A sample of non-negative numbers, kept as natural logarithms; `-inf` is an exact zero, NaN or `+inf` a non-finite value.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogSample {
    logarithms: Vec<f64>,
}

/// What a [`LogSample`] says, in decimal logarithms. Fields that the sample cannot support are `None`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogSummary {
    /// Number of values, zeros and non-finite ones included.
    pub trials: usize,
    /// Exact zeros.
    pub zeros: usize,
    /// Infinities and NaN.
    pub non_finite: usize,
    /// NaN among them.
    pub nan: usize,
    /// log10 of the root mean square, zeros included, conditional on being finite; its standard error by the delta method.
    pub log10_rms: Option<Estimate>,
    /// Mean of log10 over the values that are neither zero nor non-finite.
    pub log10_mean: Option<Estimate>,
    /// Standard deviation of log10 over the same values.
    pub log10_standard_deviation: Option<f64>,
    /// The 5, 25, 50, 75 and 95 % quantiles of log10 over the same values.
    pub log10_quantiles: Option<[f64; 5]>,
}

impl LogSample {
    /// A sample from natural logarithms.
    pub fn new(logarithms: Vec<f64>) -> Self {
        Self { logarithms }
    }

    /// log10 of the values that are neither zero nor non-finite, in the order given.
    pub fn finite_log10(&self) -> Vec<f64> {
        self.logarithms.iter().filter(|ln| ln.is_finite()).map(|ln| ln / std::f64::consts::LN_10).collect()
    }

    /// Moments, quantiles and counts.
    ///
    /// # Formula
    ///
    /// With `g_i` the finite values and `m = max ln g_i`: `log10 rms = (m + ln(mean e^(2 (ln g_i - m))) / 2) / ln 10`,
    /// so that nothing overflows; `se(log10 rms) = se(mean g^2) / (2 ln 10 mean g^2)`. Quantiles interpolate linearly
    /// between order statistics.
    pub fn summary(&self) -> LogSummary {
        let mut positive: Vec<f64> = self.finite_log10();
        let zeros = self.logarithms.iter().filter(|&&ln| ln == f64::NEG_INFINITY).count();
        let non_finite = self.logarithms.len() - zeros - positive.len();
        let nan = self.logarithms.iter().filter(|ln| ln.is_nan()).count();
        let log10_rms = self.log10_rms(zeros);
        let log10_mean = Estimate::of_mean(&positive);
        let deviation = log10_mean.map(|estimate| estimate.standard_error * (positive.len() as f64).sqrt());
        positive.sort_by(f64::total_cmp);
        let log10_quantiles = (!positive.is_empty())
            .then(|| [0.05, 0.25, 0.5, 0.75, 0.95].map(|probability| quantile(&positive, probability)));
        LogSummary {
            trials: self.logarithms.len(),
            zeros,
            non_finite,
            nan,
            log10_rms,
            log10_mean,
            log10_standard_deviation: deviation,
            log10_quantiles,
        }
    }

    fn log10_rms(&self, zeros: usize) -> Option<Estimate> {
        let finite = self.logarithms.iter().copied().filter(|ln| ln.is_finite());
        let largest = finite.clone().fold(f64::NEG_INFINITY, f64::max);
        if largest == f64::NEG_INFINITY {
            return None;
        }
        let squares: Vec<f64> =
            finite.map(|ln| (2.0 * (ln - largest)).exp()).chain(std::iter::repeat_n(0.0, zeros)).collect();
        let mean = Estimate::of_mean(&squares)?;
        Some(Estimate {
            value: (largest + 0.5 * mean.value.ln()) / std::f64::consts::LN_10,
            standard_error: mean.standard_error / (2.0 * std::f64::consts::LN_10 * mean.value),
        })
    }
}

/// Linear interpolation between the order statistics of a sorted, non-empty slice.
fn quantile(sorted: &[f64], probability: f64) -> f64 {
    let position = probability * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (position - below as f64) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_a_small_sample() {
        let summary = LogSample::new(vec![1f64.ln(), 7f64.ln()]).summary();
        let rms = summary.log10_rms.expect("two values");
        assert!((rms.value - 25f64.sqrt().log10()).abs() < 1e-15);
        // mean of squares 25, its standard error 24.
        assert!((rms.standard_error - 24.0 / (2.0 * std::f64::consts::LN_10 * 25.0)).abs() < 1e-15);
        let quantiles = summary.log10_quantiles.expect("two values");
        assert!((quantiles[2] - 0.5 * 7f64.log10()).abs() < 1e-15);
    }

    #[test]
    fn values_beyond_any_float_keep_their_logarithm() {
        let summary = LogSample::new(vec![-1e6, -1e6]).summary();
        let expected = -1e6 / std::f64::consts::LN_10;
        assert!((summary.log10_rms.expect("finite logarithms").value - expected).abs() < 1e-9);
    }

    #[test]
    fn zeros_and_non_finite_values_are_counted() {
        let summary = LogSample::new(vec![0.0, f64::NEG_INFINITY, f64::NAN, f64::INFINITY]).summary();
        assert_eq!((summary.trials, summary.zeros, summary.non_finite, summary.nan), (4, 1, 2, 1));
        // One survivor of size 1 and one zero: mean square 1/2; a mean of one logarithm has no standard error.
        assert!((summary.log10_rms.expect("two finite values").value - 0.5f64.sqrt().log10()).abs() < 1e-15);
        assert_eq!(summary.log10_mean, None);
        let dead = LogSample::new(vec![f64::NEG_INFINITY; 3]).summary();
        assert_eq!((dead.zeros, dead.log10_rms), (3, None));
    }
}
