//! Activation layer: `X = phi(H)` entry by entry. Its mean-field map is [`crate::mean_field::activation_maps`].

use nalgebra::DMatrix;

use crate::activation::Activation;
use crate::linalg::Real;

pub use crate::mean_field::{ActivationMaps, activation_maps as moment_map};

/// Forward pass: `phi(H)` into `output` and, in the same sweep, `phi'(H)` into `slope` for the way back. Evaluated in
/// `f64`, rounded once.
pub fn forward<T: Real>(
    phi: &dyn Activation,
    pre_activation: &DMatrix<T>,
    output: &mut DMatrix<T>,
    slope: &mut DMatrix<T>,
) {
    let targets = output.as_mut_slice().iter_mut().zip(slope.as_mut_slice());
    for (h, (x, d)) in pre_activation.as_slice().iter().zip(targets) {
        let (value, derivative) = phi.value_and_derivative(h.to_f64());
        *x = T::from_f64(value);
        *d = T::from_f64(derivative);
    }
}

/// Backward pass: `Delta = phi'(H) o G`, in place on G.
pub fn backward<T: Real>(slope: &DMatrix<T>, gradient: &mut DMatrix<T>) {
    gradient.component_mul_assign(slope);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::Relu;

    #[test]
    fn relu_on_a_batch() {
        let h = DMatrix::from_row_slice(2, 2, &[1.5_f32, -2.0, 0.0, 3.0]);
        let (mut output, mut slope) = (h.clone(), h.clone());
        forward(&Relu, &h, &mut output, &mut slope);
        assert_eq!(output, DMatrix::from_row_slice(2, 2, &[1.5, 0.0, 0.0, 3.0]));
        let mut gradient = DMatrix::from_element(2, 2, 2.0_f32);
        backward(&slope, &mut gradient);
        assert_eq!(gradient, DMatrix::from_row_slice(2, 2, &[2.0, 0.0, 0.0, 2.0]));
    }
}
