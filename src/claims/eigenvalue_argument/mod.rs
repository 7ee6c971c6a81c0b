//! What eigenvalues say about products, and what decides instead.

mod alternating;
mod mean_square_and_typical;
mod norm_criterion;
mod transient_growth;

use super::Claim;

/// The claims, in the order of the report.
pub(super) fn claims() -> Vec<Box<dyn Claim>> {
    vec![
        Box::new(alternating::AlternatingFactors),
        Box::new(transient_growth::TransientGrowth),
        Box::new(norm_criterion::NormCriterion),
        Box::new(mean_square_and_typical::MeanSquareAndTypical),
    ]
}
