//! Quasi-Monte Carlo over the pre-activations of one unit for a whole batch: deterministic points, no random numbers.

use nalgebra::DMatrix;

use crate::mean_field::{BiasNode, Kernel};
use crate::numeric::Kronecker;
use crate::spec::BlockSpec;
use crate::stats::normal_quantile;

/// Points of many independent standard normal coordinates.
pub(super) struct Normals {
    sequence: Kronecker,
}

impl Normals {
    pub fn new(dimensions: usize) -> Self {
        Self { sequence: Kronecker::new(dimensions) }
    }

    /// Probabilities of point `index`.
    pub fn probabilities(&self, index: usize, coordinates: &mut [f64]) {
        self.sequence.fill(index, coordinates);
    }

    /// The standard normal coordinate of a probability.
    pub fn quantile(&self, probability: f64) -> f64 {
        normal_quantile(probability)
    }
}

/// The bias of a unit at the given probability; 0 if biases are part of the Gaussian kernel.
pub(super) fn bias(block: &BlockSpec, nodes: &[BiasNode], probability: f64) -> f64 {
    if nodes == BiasNode::NONE {
        return 0.0;
    }
    block.biases.as_ref().and_then(|law| Some(law.std * law.ensemble.quantile(probability)?)).unwrap_or(0.0)
}

/// F with `F F^T` the kernel, B x B: Cholesky, in which a direction without variance (two equal samples) is a zero column.
pub(super) fn factor(kernel: &Kernel) -> DMatrix<f64> {
    let matrix = kernel.to_matrix();
    let n = matrix.nrows();
    let mut factor = DMatrix::<f64>::zeros(n, n);
    for j in 0..n {
        let left = matrix[(j, j)] - (0..j).map(|k| factor[(j, k)].powi(2)).sum::<f64>();
        if left <= 1e-14 * matrix[(j, j)] {
            continue;
        }
        let pivot = left.sqrt();
        factor[(j, j)] = pivot;
        for i in j + 1..n {
            let inner: f64 = (0..j).map(|k| factor[(i, k)] * factor[(j, k)]).sum();
            factor[(i, j)] = (matrix[(i, j)] - inner) / pivot;
        }
    }
    factor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_its_factor_squared_even_if_singular() {
        let regular = DMatrix::from_row_slice(3, 3, &[2.0, 0.5, 0.1, 0.5, 1.0, 0.3, 0.1, 0.3, 1.0]);
        let singular = DMatrix::from_element(3, 3, 1.0);
        for matrix in [regular, singular] {
            let f = factor(&Kernel::Full(matrix.clone()));
            assert!((&f * f.transpose() - matrix).norm() < 1e-15);
        }
    }
}
