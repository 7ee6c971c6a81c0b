//! What the mean-field theory cannot answer.

use super::{GREATEST_VARIANCE, Scales};
use crate::activation::ExpectationError;

/// A question that has no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MeanFieldError {
    /// A scale that is not one.
    #[error("{name} is {value}: a scale must be a number of at least 0")]
    Scale {
        /// `sigma_w` or `sigma_b`.
        name: &'static str,
        /// What was given.
        value: f64,
    },
    /// A variance that is not one.
    #[error("{name} is {value}: a variance must be above 0 and at most {GREATEST_VARIANCE:.0e}")]
    Variance {
        /// Its name.
        name: &'static str,
        /// What was given.
        value: f64,
    },
    /// A correlation outside \[-1, 1\].
    #[error("{name} is {value}: a correlation lies between -1 and 1")]
    Correlation {
        /// Its name.
        name: &'static str,
        /// What was given.
        value: f64,
    },
    /// An expectation that does not exist.
    #[error(transparent)]
    Expectation(#[from] ExpectationError),
    /// A fixed point above the range of variances.
    #[error(
        "at sigma_w = {}, sigma_b = {} the variance settles above {GREATEST_VARIANCE:.0e}, where the expectations are not known: \
         choose smaller scales", scales.sigma_w, scales.sigma_b
    )]
    BeyondRange {
        /// The scales.
        scales: Scales,
    },
    /// A map without an attracting fixed point.
    #[error("at sigma_w = {}, sigma_b = {} the variance settles nowhere: it jumps around an unstable fixed point", scales.sigma_w, scales.sigma_b)]
    Oscillates {
        /// The scales.
        scales: Scales,
    },
}
