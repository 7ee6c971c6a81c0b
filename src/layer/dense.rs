//! Dense layer: `H = W X + b 1^T`.

use std::ops::Range;

use nalgebra::{DMatrix, DVector};

use crate::linalg::{Real, Transpose, gemm_block, gemm_columns};
use crate::mean_field::ScaledKernel;

/// Forward pass: `H = W X + b 1^T`, n_out x B, into `output`. 2 n_out n_in B operations.
pub fn forward<T: Real>(weight: &DMatrix<T>, bias: Option<&DVector<T>>, input: &DMatrix<T>, output: &mut DMatrix<T>) {
    assert!(output.shape() == (weight.nrows(), input.ncols()), "the output is as tall as W and as wide as X");
    forward_block(weight, bias, input.as_slice(), output.as_mut_slice());
}

/// Some samples of the forward pass: `input` and `output` hold them one after the other.
pub fn forward_block<T: Real>(weight: &DMatrix<T>, bias: Option<&DVector<T>>, input: &[T], output: &mut [T]) {
    let one = T::from_f64(1.0);
    let beta = match bias {
        Some(bias) => {
            output.chunks_exact_mut(bias.len().max(1)).for_each(|sample| sample.copy_from_slice(bias.as_slice()));
            one
        }
        None => T::default(),
    };
    gemm_block(one, (Transpose::No, weight), input, beta, output);
}

/// Gradient with respect to the weight: `dL/dW = Delta X^T`, n_out x n_in, summed over the batch, into `gradient`.
/// 2 n_out n_in B operations.
pub fn weight_gradient<T: Real>(delta: &DMatrix<T>, input: &DMatrix<T>, gradient: &mut DMatrix<T>) {
    assert!(gradient.shape() == (delta.nrows(), input.nrows()), "the gradient has the shape of the weight");
    weight_gradient_columns(delta, input, 0..input.nrows(), gradient.as_mut_slice());
}

/// Some columns of the gradient with respect to the weight, those of the given inputs: `gradient` holds them alone.
pub fn weight_gradient_columns<T: Real>(
    delta: &DMatrix<T>,
    input: &DMatrix<T>,
    inputs: Range<usize>,
    gradient: &mut [T],
) {
    gemm_columns(T::from_f64(1.0), (Transpose::No, delta), (Transpose::Yes, input), T::default(), inputs, gradient);
}

/// Gradient with respect to the bias: the row sums of `Delta`, into `gradient`. Summed in `f64` and rounded once: a 16-bit sum would
/// stand still after some hundred samples.
pub fn bias_gradient<T: Real>(delta: &DMatrix<T>, gradient: &mut DVector<T>) {
    let mut sums = DVector::<f64>::zeros(delta.nrows());
    for sample in delta.column_iter() {
        sums.zip_apply(&sample, |sum, entry| *sum += entry.to_f64());
    }
    gradient.zip_apply(&sums, |entry, sum| *entry = T::from_f64(sum));
}

/// Gradient with respect to the input: `dL/dX = W^T Delta`, n_in x B, into `gradient`. 2 n_out n_in B operations.
pub fn input_gradient<T: Real>(weight: &DMatrix<T>, delta: &DMatrix<T>, gradient: &mut DMatrix<T>) {
    assert!(gradient.shape() == (weight.ncols(), delta.ncols()), "the gradient has the shape of the input");
    input_gradient_block(weight, delta.as_slice(), gradient.as_mut_slice());
}

/// Some samples of the gradient with respect to the input: `delta` and `gradient` hold them one after the other.
pub fn input_gradient_block<T: Real>(weight: &DMatrix<T>, delta: &[T], gradient: &mut [T]) {
    gemm_block(T::from_f64(1.0), (Transpose::Yes, weight), delta, T::default(), gradient);
}

/// Mean-field forward map: `Q = sigma_w^2 K + sigma_b^2`, with K the input kernel per unit and
/// `sigma_w^2 = n_in Var W_ij`.
pub fn covariance_map(k: &ScaledKernel, sigma_w: f64, sigma_b: f64) -> ScaledKernel {
    // At an extreme scale of K the bias term over- or underflows as it must: either all of Q or nothing of it.
    let ln_weights = 2.0 * sigma_w.ln() + k.ln_scale;
    let ln_bias = 2.0 * sigma_b.ln();
    let ln_scale = ln_weights.max(ln_bias);
    if ln_scale == f64::NEG_INFINITY {
        return ScaledKernel { kernel: k.kernel.affine(0.0, 0.0), ln_scale: 0.0 };
    }
    ScaledKernel::new(k.kernel.affine((ln_weights - ln_scale).exp(), (ln_bias - ln_scale).exp()), ln_scale)
}

/// Mean-field backward map: `sum_i g_i^a g_i^b = n_in Var(W_ij) sum_j delta_j^a delta_j^b` for `G = W^T Delta`, as the
/// logarithm of the factor. Hypothesis: `Delta` is independent of `W` (gradient independence).
pub fn ln_backward_factor(sigma_w: f64) -> f64 {
    2.0 * sigma_w.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mean_field::Kernel;

    #[test]
    fn shapes_and_values_of_a_small_layer() {
        let w = DMatrix::from_row_slice(2, 3, &[1.0, 2.0, 3.0, -1.0, 0.0, 1.0]);
        let b = DVector::from_row_slice(&[10.0, 20.0]);
        let x = DMatrix::from_row_slice(3, 2, &[1.0, 0.0, 0.0, 1.0, 2.0, 0.0]);
        // Buffers hold NaN: whatever is not overwritten shows.
        let buffer = |rows, columns| DMatrix::from_element(rows, columns, f64::NAN);
        let mut h = buffer(2, 2);
        forward(&w, Some(&b), &x, &mut h);
        assert_eq!(h, DMatrix::from_row_slice(2, 2, &[17.0, 12.0, 21.0, 20.0]));
        forward(&w, None, &x, &mut h);
        assert_eq!(h, DMatrix::from_row_slice(2, 2, &[7.0, 2.0, 1.0, 0.0]));
        let delta = DMatrix::from_row_slice(2, 2, &[1.0, 2.0, 0.0, -1.0]);
        let (mut dw, mut dx, mut db) = (buffer(2, 3), buffer(3, 2), DVector::from_element(2, f64::NAN));
        weight_gradient(&delta, &x, &mut dw);
        input_gradient(&w, &delta, &mut dx);
        bias_gradient(&delta, &mut db);
        assert_eq!((dw, dx), (&delta * x.transpose(), w.transpose() * &delta));
        assert_eq!(db, DVector::from_row_slice(&[3.0, -1.0]));
    }

    #[test]
    fn the_covariance_map_adds_the_bias_at_any_scale() {
        let unit = |ln_scale| ScaledKernel {
            kernel: Kernel::Exchangeable { batch: 2, diagonal: 1.0, off_diagonal: 0.0 },
            ln_scale,
        };
        let q = covariance_map(&unit(0.0), 2.0, 1.0);
        assert!((q.ln_largest_diagonal() - 5f64.ln()).abs() < 1e-15);
        assert!((q.kernel.mean_off_diagonal().expect("two samples") - 0.2).abs() < 1e-15);
        let without_bias = covariance_map(&unit(-1e5), 2.0, 0.0);
        assert!((without_bias.ln_largest_diagonal() + 1e5 - 4f64.ln()).abs() < 1e-10);
        let bias_only = covariance_map(&unit(-1e5), 2.0, 3.0);
        assert!((bias_only.ln_largest_diagonal() - 9f64.ln()).abs() < 1e-14);
        assert!((bias_only.kernel.mean_off_diagonal().expect("two samples") - 1.0).abs() < 1e-15);
        assert_eq!(covariance_map(&unit(0.0), 0.0, 0.0).ln_largest_diagonal(), f64::NEG_INFINITY);
    }
}
