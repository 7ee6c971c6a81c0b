//! The units of one layer as a batch sees them, at quasi-random points.

use nalgebra::DMatrix;

use super::super::backward::BackwardKernels;
use super::super::forward::ForwardKernels;
use super::super::sampling::{Normals, bias, factor};
use crate::layer::dense;
use crate::linalg::{Transpose, gemm};
use crate::mean_field::{BiasNode, reference_scale};
use crate::spec::{Loss, Spec};
use crate::stats::normal_quantile;

/// The points at which the units of every layer are taken: points x samples of independent normal coordinates of h and of g, and the
/// probability of the bias.
pub(super) struct Points {
    pub forward: DMatrix<f64>,
    pub backward: DMatrix<f64>,
    bias: Vec<f64>,
}

/// The units of one layer as seen by the batch: points x samples.
pub(super) struct Units {
    /// phi(h), scaled so that the average of its products is the normalised K.
    pub phi: DMatrix<f64>,
    /// phi'(h) g.
    pub delta: DMatrix<f64>,
}

impl Points {
    pub fn new(points: usize, batch: usize) -> Self {
        let normals = Normals::new(2 * batch + 1);
        let mut coordinates = vec![0.0; 2 * batch + 1];
        let mut forward = DMatrix::zeros(points, batch);
        let mut backward = DMatrix::zeros(points, batch);
        let mut bias = vec![0.0; points];
        for point in 0..points {
            normals.probabilities(point, &mut coordinates);
            for a in 0..batch {
                forward[(point, a)] = normals.quantile(coordinates[a]);
                backward[(point, a)] = normals.quantile(coordinates[batch + a]);
            }
            bias[point] = coordinates[2 * batch];
        }
        Self { forward, backward, bias }
    }
}

impl Units {
    pub fn of(
        spec: &Spec,
        index: usize,
        forward: &ForwardKernels,
        backward: &BackwardKernels,
        points: &Points,
    ) -> Self {
        let (block, layer) = (&spec.network.blocks[index], &forward.layers[index]);
        let batch = spec.data.batch;
        let phi = &*block.activation;
        let biased = layer.biases != BiasNode::NONE;
        let scale = if biased { layer.gaussian.ln_scale.exp() } else { reference_scale(phi, &layer.gaussian) };
        // Weights and biases apart: an orthogonal W constrains its own part of h only.
        let weights = dense::covariance_map(&layer.input, block.sigma_w(), 0.0);
        let h_factor =
            factor(&weights.kernel) * (scale.sqrt() * (0.5 * (weights.ln_scale - layer.gaussian.ln_scale)).exp());
        let bias_std = scale.sqrt() * (block.sigma_b().ln() - 0.5 * layer.gaussian.ln_scale).exp();
        // The readout of a sum is not random: g = 1 in every unit.
        let constant = index + 1 == spec.network.blocks.len() && spec.loss == Loss::Sum;
        let g_factor = factor(&backward.layers[index].arriving.kernel);
        let mut h = product(&points.forward, &h_factor);
        if biased || bias_std > 0.0 {
            let shift = |&p: &f64| if biased { bias(block, &layer.biases, p) } else { bias_std * normal_quantile(p) };
            let shifts: Vec<f64> = points.bias.iter().map(shift).collect();
            h.column_iter_mut()
                .for_each(|mut column| column.iter_mut().zip(&shifts).for_each(|(h, shift)| *h += shift));
        }
        let mut delta =
            if constant { DMatrix::from_element(h.nrows(), batch, 1.0) } else { product(&points.backward, &g_factor) };
        let mut outputs = h;
        for (x, d) in outputs.iter_mut().zip(delta.iter_mut()) {
            let (value, slope) = phi.value_and_derivative(*x);
            *x = value;
            *d *= slope;
        }
        // K = E phi phi / size with the size of the map's own normalisation.
        let ln_size = match &layer.maps {
            Ok(maps) if biased => maps.output.ln_scale,
            Ok(maps) => maps.output.ln_scale - layer.gaussian.ln_scale + scale.ln(),
            Err(_) => 0.0,
        };
        outputs *= (-0.5 * ln_size).exp();
        Self { phi: outputs, delta }
    }

    /// f at every point.
    pub fn respond(&self, on_output: &DMatrix<f64>, on_delta: Option<&DMatrix<f64>>) -> Vec<f64> {
        let mut f = quadratic_form(&self.phi, on_output);
        if let Some(weights) = on_delta {
            f.iter_mut().zip(quadratic_form(&self.delta, weights)).for_each(|(f, more)| *f += more);
        }
        f
    }
}

/// `sum_ab x_a S_ab x_b` for every row x.
fn quadratic_form(rows: &DMatrix<f64>, s: &DMatrix<f64>) -> Vec<f64> {
    let mut image = DMatrix::zeros(rows.nrows(), rows.ncols());
    gemm(1.0, (Transpose::No, rows), (Transpose::No, s), 0.0, &mut image);
    let mut form = vec![0.0; rows.nrows()];
    for (image, column) in image.column_iter().zip(rows.column_iter()) {
        form.iter_mut().zip(image.iter().zip(&column)).for_each(|(form, (a, b))| *form += a * b);
    }
    form
}

/// `Z F^T`: rows with covariance `F F^T`.
fn product(z: &DMatrix<f64>, factor: &DMatrix<f64>) -> DMatrix<f64> {
    let mut image = DMatrix::zeros(z.nrows(), factor.nrows());
    gemm(1.0, (Transpose::No, z), (Transpose::Yes, factor), 0.0, &mut image);
    image
}
