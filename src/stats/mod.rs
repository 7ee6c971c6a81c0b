//! Statistics without domain words.
//!
//! - [`Estimate`]: a number with its standard error; confidence intervals; extrapolation in 1/n ([`extrapolate`]).
//! - [`LogSample`]: positive numbers given by their logarithms: root mean square, log moments, zeros and non-finite values.
//! - [`Density`]: histogram on a fixed grid, merged over trials.
//! - [`EmpiricalDistribution`]: Kolmogorov-Smirnov and Wasserstein distances to a law.
//! - [`largest_by_chance`]: how large the largest of many deviations is by chance.
//! - [`Stream`]: independent ChaCha streams from (seed, experiment, trial, layer).

mod density;
mod distance;
mod estimate;
mod extrapolation;
mod largest;
mod log_contrast;
mod log_sample;
mod seed;

pub use density::{Density, Histogram};
pub use distance::EmpiricalDistribution;
pub use estimate::{Estimate, Interval, normal_quantile, normal_tail, student_quantile};
pub use extrapolation::{Extrapolation, ExtrapolationError, extrapolate};
pub use largest::{Deviations, largest_by_chance};
pub use log_contrast::log10_rms_contrast;
pub use log_sample::{LogSample, LogSummary};
pub use seed::Stream;
