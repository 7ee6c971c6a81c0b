//! The largest singular value of a layer's weights.

use std::f64::consts::LN_10;

use crate::spec::BlockSpec;

/// log10 of the largest singular value of W in the limit of infinite width.
///
/// # Formula
///
/// Independent entries of variance sigma_w^2 / n_in: `sigma_w (1 + sqrt(n_out / n_in))`, the edge of the Marchenko-Pastur law. A scaled
/// (semi-)orthogonal matrix: `sigma_w sqrt(max(n_out, n_in) / n_in)`, all its singular values. `None` for entries without a fourth moment:
/// the largest singular value then leaves any bound.
///
/// # Source
///
/// Marchenko and Pastur 1967; convergence of the largest: Yin, Bai and Krishnaiah 1988;
/// the fourth moment is necessary: Bai, Silverstein and Yin 1988.
pub fn log10_spectral_norm(block: &BlockSpec) -> Option<f64> {
    if block.weights.ensemble.excess_kurtosis().is_infinite() {
        return None;
    }
    let ratio = block.fan_out as f64 / block.fan_in as f64;
    let edge = if block.weights.ensemble.independent_entries() { 1.0 + ratio.sqrt() } else { ratio.max(1.0).sqrt() };
    Some((block.sigma_w() * edge).ln() / LN_10)
}
