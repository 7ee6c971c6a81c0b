//! The gradient that the cross-entropy sends into the last layer.

use nalgebra::DMatrix;

use super::forward::LayerKernels;
use super::sampling::{Normals, factor};
use crate::linalg::{Transpose, gemm};
use crate::mean_field::{Kernel, ScaledKernel};
use crate::spec::{BlockSpec, DataSource, Spec};

/// Kernels at the last layer.
pub(super) struct Top {
    /// `g^a . g^b` with `g = (softmax(y) - e_t) / B`.
    pub arriving: ScaledKernel,
    /// The same times the slopes.
    pub delta: ScaledKernel,
    /// Of a norm: what the two halves of the points disagree by.
    pub relative_error: f64,
}

/// Coordinates of all points together.
const BUDGET: usize = 1 << 23;
const MOST_POINTS: usize = 1 << 14;
const LEAST_POINTS: usize = 1 << 9;

/// Above this variance of an output its square root is near the end of f64.
const LARGEST_LN_VARIANCE: f64 = 400.0;

/// `E sum_j f_j^a f_j^b` over the n x B Gaussian pre-activations of the last layer, f the gradient with respect to the outputs
/// (`arriving`) or to the pre-activations (`delta`), by quasi-Monte Carlo in n B dimensions: n outputs are few, and softmax does not
/// average over them. Labels are given, or averaged over uniform and independent ones.
pub(super) fn top(spec: &Spec, block: &BlockSpec, layer: &LayerKernels) -> Result<Top, String> {
    let (outputs, batch) = (block.fan_out, spec.data.batch);
    let dimensions = outputs * (batch + 1);
    if layer.q.ln_largest_diagonal() > LARGEST_LN_VARIANCE {
        return Err("the outputs are beyond the range in which a softmax can be evaluated".to_owned());
    }
    let a_point = dimensions.max(outputs * batch * batch / 16);
    let points = (BUDGET / a_point.max(1)).min(MOST_POINTS);
    if points < LEAST_POINTS {
        return Err(format!(
            "the softmax of {outputs} outputs for {batch} samples at once is an integral in {dimensions} dimensions that takes too long: fewer \
             samples or outputs are predicted"
        ));
    }
    let labels = match &spec.data.source {
        DataSource::Given { labels: Some(labels), .. } => Some(labels.as_slice()),
        _ => None,
    };
    let factor = factor(&layer.gaussian.kernel) * (0.5 * layer.gaussian.ln_scale).exp();
    let normals = Normals::new(dimensions);
    let mut coordinates = vec![0.0; dimensions];
    let mut sums = [(); 2].map(|()| [(); 2].map(|()| DMatrix::zeros(batch, batch)));
    for point in 0..points {
        normals.probabilities(point, &mut coordinates);
        let mut h = DMatrix::zeros(outputs, batch);
        for (j, mut row) in h.row_iter_mut().enumerate() {
            let bias = super::sampling::bias(block, &layer.biases, coordinates[outputs * batch + j]);
            let z: Vec<f64> = coordinates[j * batch..(j + 1) * batch].iter().map(|&p| normals.quantile(p)).collect();
            for a in 0..batch {
                row[a] = bias + (0..factor.ncols()).map(|k| factor[(a, k)] * z[k]).sum::<f64>();
            }
        }
        let (y, slope) = (h.map(|h| block.activation.value(h)), h.map(|h| block.activation.derivative(h)));
        let softmax = softmax(&y);
        for (sums, factor) in sums.iter_mut().zip([None, Some(&slope)]) {
            add_products(&mut sums[usize::from(2 * point >= points)], &softmax, labels, factor);
        }
    }
    let scale = 1.0 / (points as f64 * (batch * batch) as f64);
    let mut relative_error: f64 = 0.0;
    let kernels = sums.map(|[first, second]| {
        // Of a norm, half of what the two halves of the points differ by; the whole is better than either.
        for (a, b) in [(first.trace(), second.trace()), (first.sum(), second.sum())] {
            relative_error = relative_error.max(0.5 * (a - b).abs() / (first.trace() + second.trace()));
        }
        let whole = (first + second) * scale;
        ScaledKernel::new(like(&layer.q.kernel, whole), 0.0)
    });
    let [arriving, delta] = kernels;
    Ok(Top { arriving, delta, relative_error })
}

fn softmax(y: &DMatrix<f64>) -> DMatrix<f64> {
    let mut p = y.clone();
    for mut column in p.column_iter_mut() {
        let largest = column.max();
        column.apply(|y| *y = (*y - largest).exp());
        let sum = column.sum();
        column /= sum;
    }
    p
}

/// Adds `sum_j s_ja s_jb (p_ja - t_ja)(p_jb - t_jb)`, averaged over the labels if there are none: then the other samples' labels are
/// 1/n in every class, and a sample's own indicator squares to itself.
fn add_products(sum: &mut DMatrix<f64>, p: &DMatrix<f64>, labels: Option<&[usize]>, slope: Option<&DMatrix<f64>>) {
    let (outputs, batch) = p.shape();
    let weight = |j: usize, a: usize| slope.map_or(1.0, |slope| slope[(j, a)]);
    let share = 1.0 / outputs as f64;
    let target = |j: usize, a: usize| match labels {
        Some(labels) => f64::from(u8::from(labels[a] == j)),
        None => share,
    };
    let f = DMatrix::from_fn(outputs, batch, |j, a| weight(j, a) * (p[(j, a)] - target(j, a)));
    gemm(1.0, (Transpose::Yes, &f), (Transpose::No, &f), 1.0, sum);
    if labels.is_none() {
        for a in 0..batch {
            sum[(a, a)] += (0..outputs).map(|j| weight(j, a).powi(2) * share * (1.0 - share)).sum::<f64>();
        }
    }
}

/// A matrix in the form of another kernel: averaged over exchangeable samples.
fn like(form: &Kernel, matrix: DMatrix<f64>) -> Kernel {
    match form {
        Kernel::Full(_) => Kernel::Full(matrix),
        Kernel::Exchangeable { batch, .. } => {
            let pairs = (batch * (batch - 1)).max(1) as f64;
            Kernel::Exchangeable {
                batch: *batch,
                diagonal: matrix.trace() / *batch as f64,
                off_diagonal: (matrix.sum() - matrix.trace()) / pairs,
            }
        }
    }
}
