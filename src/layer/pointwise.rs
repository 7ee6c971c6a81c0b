//! Activation layer: `X = phi(H)` entry by entry. Its mean-field map is [`crate::mean_field::activation_maps`].

use crate::activation::Activation;
use crate::linalg::Real;

pub use crate::mean_field::{ActivationMaps, activation_maps as moment_map};

/// Forward pass: `phi(H)` into `output` and, in the same sweep, `phi'(H)` into `slope` for the way back, on any part of a batch. Evaluated
/// in `f64`, rounded once.
///
/// # Panics
///
/// If the lengths differ.
pub fn forward<T: Real>(phi: &dyn Activation, pre_activation: &[T], output: &mut [T], slope: &mut [T]) {
    let (mut wide, mut values, mut slopes) = ([0.0; AT_ONCE], [0.0; AT_ONCE], [0.0; AT_ONCE]);
    assert!(pre_activation.len() == output.len() && output.len() == slope.len(), "three slices of one length");
    let parts = output.chunks_mut(AT_ONCE).zip(slope.chunks_mut(AT_ONCE));
    for (h, (output, slope)) in pre_activation.chunks(AT_ONCE).zip(parts) {
        let n = h.len();
        T::widen(h, &mut wide[..n]);
        phi.sweep(&wide[..n], &mut values[..n], &mut slopes[..n]);
        T::round(&values[..n], output);
        T::round(&slopes[..n], slope);
    }
}

/// Numbers that are widened at once: three buffers of them stay in the first-level cache.
const AT_ONCE: usize = 512;

/// Backward pass: `Delta = phi'(H) o G`, in place on G, on any part of a batch.
pub fn backward<T: Real>(slope: &[T], gradient: &mut [T]) {
    assert_eq!(slope.len(), gradient.len(), "a slope for every entry");
    gradient.iter_mut().zip(slope).for_each(|(gradient, slope)| *gradient *= *slope);
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;

    use super::*;
    use crate::activation::Relu;

    #[test]
    fn relu_on_a_batch() {
        let h = DMatrix::from_row_slice(2, 2, &[1.5_f32, -2.0, 0.0, 3.0]);
        let (mut output, mut slope) = (h.clone(), h.clone());
        forward(&Relu, h.as_slice(), output.as_mut_slice(), slope.as_mut_slice());
        assert_eq!(output, DMatrix::from_row_slice(2, 2, &[1.5, 0.0, 0.0, 3.0]));
        let mut gradient = DMatrix::from_element(2, 2, 2.0_f32);
        backward(slope.as_slice(), gradient.as_mut_slice());
        assert_eq!(gradient, DMatrix::from_row_slice(2, 2, &[2.0, 0.0, 0.0, 2.0]));
    }
}
