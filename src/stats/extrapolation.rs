//! Extrapolation in the reciprocal of a size.

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use super::Estimate;

/// The limit of a quantity measured at several sizes, with the slope of its approach.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Extrapolation {
    /// The limit at infinite size.
    pub limit: Estimate,
    /// The coefficient of 1/size.
    pub slope: Estimate,
    /// Weighted sum of squared residuals: chi-square distributed with `degrees_of_freedom` if the model holds.
    pub chi_square: f64,
    /// Points minus two.
    pub degrees_of_freedom: usize,
}

/// Why a limit cannot be fitted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ExtrapolationError {
    /// Fewer than two different sizes.
    #[error("an extrapolation needs at least two different sizes, got {0}")]
    TooFewSizes(usize),
    /// An estimate with a standard error that is zero or not finite has no weight.
    #[error("the estimate at size {size} has standard error {standard_error}: it cannot be weighted")]
    NoWeight {
        /// The size.
        size: f64,
        /// Its standard error.
        standard_error: f64,
    },
}

/// Weighted least squares of `y(n) = limit + slope / n`.
///
/// # Formula
///
/// With estimates `y_i +- se_i` at sizes `n_i`, `w_i = 1 / se_i^2` and the design matrix `A` of rows `(1, 1/n_i)`:
///
/// ```text
/// (limit, slope)^T = (A^T W A)^-1 A^T W y        Cov = (A^T W A)^-1        chi^2 = sum_i w_i (y_i - limit - slope/n_i)^2
/// ```
///
/// The standard errors hold for the stated ones and not for the scatter seen; `chi^2` says whether the two agree.
///
/// # Domain
///
/// Independent estimates. The limit carries the curvature that the model leaves out: of the order of `slope^2 / n^2` at the sizes
/// used, for a quantity whose next term is the square of the first.
///
/// # Errors
///
/// [`ExtrapolationError`] for fewer than two sizes or an estimate without a positive finite standard error.
pub fn extrapolate(points: &[(f64, Estimate)]) -> Result<Extrapolation, ExtrapolationError> {
    let mut sizes: Vec<f64> = points.iter().map(|(size, _)| *size).collect();
    sizes.sort_by(f64::total_cmp);
    sizes.dedup();
    if sizes.len() < 2 {
        return Err(ExtrapolationError::TooFewSizes(sizes.len()));
    }
    if let Some((size, estimate)) =
        points.iter().find(|(_, estimate)| !(estimate.standard_error > 0.0 && estimate.standard_error.is_finite()))
    {
        return Err(ExtrapolationError::NoWeight { size: *size, standard_error: estimate.standard_error });
    }
    let design = DMatrix::from_fn(points.len(), 2, |i, j| {
        let (size, estimate) = points[i];
        if j == 0 { 1.0 / estimate.standard_error } else { 1.0 / (size * estimate.standard_error) }
    });
    let response = DVector::from_fn(points.len(), |i, _| points[i].1.value / points[i].1.standard_error);
    let normal = design.transpose() * &design;
    let covariance = normal.try_inverse().ok_or(ExtrapolationError::TooFewSizes(sizes.len()))?;
    let coefficients = &covariance * design.transpose() * &response;
    let residual = &response - design * &coefficients;
    let coefficient = |i: usize| Estimate { value: coefficients[i], standard_error: covariance[(i, i)].sqrt() };
    Ok(Extrapolation {
        limit: coefficient(0),
        slope: coefficient(1),
        chi_square: residual.norm_squared(),
        degrees_of_freedom: points.len() - 2,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_points_are_met_exactly_with_richardsons_error() {
        let at = |value: f64| Estimate { value, standard_error: 0.1 };
        let fit = extrapolate(&[(50.0, at(3.0 + 2.0 / 50.0)), (100.0, at(3.0 + 2.0 / 100.0))]).expect("two sizes");
        assert!((fit.limit.value - 3.0).abs() < 1e-12 && (fit.slope.value - 2.0).abs() < 1e-10);
        // limit = 2 y(100) - y(50): variance 5 se^2.
        assert!((fit.limit.standard_error - 0.1 * 5f64.sqrt()).abs() < 1e-10);
    }

    #[test]
    fn degenerate_input_is_named() {
        let one = Estimate { value: 1.0, standard_error: 0.1 };
        assert_eq!(extrapolate(&[(5.0, one), (5.0, one)]), Err(ExtrapolationError::TooFewSizes(1)));
        let exact = Estimate { value: 1.0, standard_error: 0.0 };
        assert!(matches!(extrapolate(&[(5.0, one), (6.0, exact)]), Err(ExtrapolationError::NoWeight { .. })));
    }
}
