//! Laws of singular values of products against random matrices.
//!
//! A law is judged by shares of singular values below its quantiles, trial by trial, extrapolated to infinite size: singular values of one
//! matrix are not independent, shares of independent matrices are.

mod distance;
mod limits;
mod null;
mod rate;
mod second_moment;

use super::Claim;

/// Every claim about these laws.
pub(super) fn claims() -> Vec<Box<dyn Claim>> {
    let mut claims: Vec<Box<dyn Claim>> = Vec::new();
    for case in limits::CASES {
        claims.push(Box::new(case));
    }
    claims.push(Box::new(distance::StatedDistance));
    claims.push(Box::new(null::AgainstNull));
    claims.push(Box::new(rate::Rate));
    claims.push(Box::new(second_moment::SecondMoment));
    claims
}
