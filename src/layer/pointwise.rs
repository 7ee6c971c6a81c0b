//! Activation layer: `X = phi(H)` entry by entry. Its mean-field map is [`crate::mean_field::activation_maps`].

use nalgebra::DMatrix;

use crate::activation::Activation;
use crate::linalg::Real;

pub use crate::mean_field::{ActivationMaps, activation_maps as moment_map};

/// Values and slopes of an activation on a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Activated<T: Real> {
    /// `phi(H)`.
    pub output: DMatrix<T>,
    /// `phi'(H)`.
    pub slope: DMatrix<T>,
}

/// Forward pass: `phi(H)` and, in the same sweep, `phi'(H)` for the way back. Evaluated in `f64`, rounded once.
pub fn forward<T: Real>(phi: &dyn Activation, pre_activation: &DMatrix<T>) -> Activated<T> {
    let mut output = pre_activation.clone();
    let mut slope = pre_activation.clone();
    for (x, d) in output.as_mut_slice().iter_mut().zip(slope.as_mut_slice()) {
        let (value, derivative) = phi.value_and_derivative(x.to_f64());
        *x = T::from_f64(value);
        *d = T::from_f64(derivative);
    }
    Activated { output, slope }
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
        let activated = forward(&Relu, &h);
        assert_eq!(activated.output, DMatrix::from_row_slice(2, 2, &[1.5, 0.0, 0.0, 3.0]));
        let mut gradient = DMatrix::from_element(2, 2, 2.0_f32);
        backward(&activated.slope, &mut gradient);
        assert_eq!(gradient, DMatrix::from_row_slice(2, 2, &[2.0, 0.0, 0.0, 2.0]));
    }
}
