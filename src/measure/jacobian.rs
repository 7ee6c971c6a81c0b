//! Singular values of the input-output Jacobian of one network at one sample.

use nalgebra::DMatrix;

use super::chain_spectrum::log10;
use crate::linalg::{Chain, LinalgError, Real};
use crate::network::Network;

/// Operations that a Jacobian may take: some seconds.
const LONGEST: f64 = 2e11;

/// Why a Jacobian has no singular values to show.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum JacobianError {
    /// The forward pass left the range of its number format.
    #[error("the slopes of layer {layer} are not finite at this sample")]
    NotFinite {
        /// Number of the layer, from 1.
        layer: usize,
    },
    /// Too large to decompose beside everything else.
    #[error(
        "the layers are so large that it would take {operations:.0e} operations, more than the {LONGEST:.0e} allowed"
    )]
    TooLarge {
        /// How many it would take.
        operations: f64,
    },
    /// A factor or a decomposition failed.
    #[error(transparent)]
    Linalg(#[from] LinalgError),
}

/// log10 of all singular values of `J = D_L W_L ... D_1 W_1`, descending; `None` for an exact zero.
///
/// `slopes[l - 1]` holds the diagonal of `D_l = diag phi'(h_l)` at one sample, as a forward pass has seen it. The product is followed by
/// [`Chain`] in `f64`, whatever the format of the network.
///
/// # Errors
///
/// [`JacobianError`].
pub fn jacobian_log10_singular_values<T: Real>(
    network: &Network<T>,
    slopes: &[Vec<f64>],
) -> Result<Vec<Option<f64>>, JacobianError> {
    let operations = operations(network.input_width(), network.blocks().iter().map(|block| block.weight.shape()));
    if operations > LONGEST {
        return Err(JacobianError::TooLarge { operations });
    }
    if let Some(index) = slopes.iter().position(|layer| !layer.iter().all(|slope| slope.is_finite())) {
        return Err(JacobianError::NotFinite { layer: index + 1 });
    }
    let mut chain = Chain::new(network.input_width());
    for (block, slopes) in network.blocks().iter().zip(slopes) {
        chain.push(&sloped(block.weight.map(Real::to_f64), slopes))?;
    }
    Ok(log10(chain.log_singular_values()?.values()))
}

/// `D W`.
pub(super) fn sloped(mut weight: DMatrix<f64>, slopes: &[f64]) -> DMatrix<f64> {
    for (mut row, slope) in weight.row_iter_mut().zip(slopes) {
        row *= *slope;
    }
    weight
}

/// About the operations of a [`Chain`] of factors of the given shapes (out x in), with all columns of the product.
pub(super) fn operations(columns: usize, shapes: impl Iterator<Item = (usize, usize)>) -> f64 {
    let step = |(rows, inner): (usize, usize)| {
        let (m, n) = (rows as f64, inner as f64);
        n * m * (2.0 * columns as f64 + 20.0 * n.min(m))
    };
    shapes.map(step).sum()
}
