//! Inputs whose first pre-activations have a given covariance.

use std::sync::Arc;

use nalgebra::DMatrix;

use crate::mean_field::Scales;
use crate::spec::DataSource;

/// As many inputs as features, so that the first layer's pre-activations over units are exactly Gaussian with covariance `kernel`:
/// `sigma_w^2 x_a . x_b / B + sigma_b^2 = K_ab`.
///
/// # Panics
///
/// If `K - sigma_b^2` is not positive definite.
pub(super) fn inputs_of(kernel: &DMatrix<f64>, scales: Scales) -> DataSource {
    let features = kernel.nrows() as f64;
    let products = kernel.map(|entry| features * (entry - scales.bias_variance()) / scales.weight_variance());
    let factor = products.cholesky().expect("a covariance that the biases alone do not exceed");
    DataSource::Given {
        inputs: Arc::new(factor.l().transpose()),
        labels: None,
        targets: None,
        origin: "given covariance".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inputs_have_the_kernel() {
        let kernel = DMatrix::from_row_slice(2, 2, &[1.0, 0.2, 0.2, 0.5]);
        let scales = Scales { sigma_w: 1.3, sigma_b: 0.2 };
        let DataSource::Given { inputs, .. } = inputs_of(&kernel, scales) else { panic!("given") };
        let back =
            (inputs.transpose() * &*inputs).map(|dot| dot * scales.weight_variance() / 2.0 + scales.bias_variance());
        assert!((back - kernel).amax() < 1e-14);
    }
}
