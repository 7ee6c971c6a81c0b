//! Activation layer: `X = phi(H)` entry by entry. Its mean-field map is [`crate::mean_field::activation_maps`].

use nalgebra::DMatrix;
use rayon::prelude::*;

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
    let sweep = |h: &[T], output: &mut [T], slope: &mut [T]| {
        for ((h, x), d) in h.iter().zip(output).zip(slope) {
            let (value, derivative) = phi.value_and_derivative(h.to_f64());
            *x = T::from_f64(value);
            *d = T::from_f64(derivative);
        }
    };
    let (h, output, slope) = (pre_activation.as_slice(), output.as_mut_slice(), slope.as_mut_slice());
    if h.len() < PARALLEL_FROM {
        sweep(h, output, slope);
        return;
    }
    h.par_chunks(CHUNK)
        .zip(output.par_chunks_mut(CHUNK))
        .zip(slope.par_chunks_mut(CHUNK))
        .for_each(|((h, output), slope)| sweep(h, output, slope));
}

/// Entries from which the sweep is shared by the cores: an exponential an entry is then as much work as the GEMM beside it. The
/// result does not depend on it.
const PARALLEL_FROM: usize = 1 << 14;
const CHUNK: usize = 1 << 12;

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
