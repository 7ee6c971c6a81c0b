//! Kernels of every layer on the way back, with the part of the gradient that is aligned with the activations.

use nalgebra::DMatrix;

use super::cross_entropy;
use super::forward::{ForwardKernels, LayerKernels};
use crate::layer::dense;
use crate::mean_field::{ActivationMaps, Kernel, SampleVector, ScaledKernel};
use crate::spec::{BlockSpec, Loss, Spec};

/// The gradient at one layer.
pub(super) struct BackwardLayer {
    /// `G_l^ab = g_l^a . g_l^b` of the part of `g_l = dL/dx_l` that is independent of the layer's own pre-activations.
    pub arriving: ScaledKernel,
    /// kappa_l: `g_l` also holds `kappa_l^a phi(h_l^a)`; `None` for exactly nothing.
    pub aligned: Option<SampleVector>,
    /// `D_l^ab = delta_l^a . delta_l^b` with `delta_l = dL/dh_l`.
    pub delta: ScaledKernel,
    /// ln of `E |dL/dX_l|_F^2`.
    pub ln_activation_gradient_square: f64,
}

/// The way back, last layer first in the computation, first layer first here.
pub(super) struct BackwardKernels {
    pub layers: Vec<BackwardLayer>,
    /// Error of the logarithms that does not come from quadrature in one dimension.
    pub numerical_error: f64,
}

impl BackwardKernels {
    /// Needs the maps of all layers; the reason if the loss has no prediction.
    pub fn of(spec: &Spec, forward: &ForwardKernels) -> Result<Self, String> {
        let blocks = &spec.network.blocks;
        let kernels: Vec<(&LayerKernels, &ActivationMaps)> =
            forward.layers.iter().filter_map(|layer| Some((layer, layer.maps.as_ref().ok()?))).collect();
        let (Some(last_block), Some(&(last_layer, last_maps))) = (blocks.last(), kernels.last()) else {
            return Err("a network has at least one layer".to_owned());
        };
        let (top, numerical_error) = top(spec, last_block, last_layer, last_maps)?;
        let mut layers = vec![top];
        for index in (0..blocks.len() - 1).rev() {
            let (block, above) = (&blocks[index], &blocks[index + 1]);
            let (maps, maps_above) = (kernels[index].1, kernels[index + 1].1);
            let gradient_above = &layers[layers.len() - 1];
            let ln_factor = dense::ln_backward_factor(above.sigma_w());
            let whole =
                ScaledKernel::new(gradient_above.delta.kernel.clone(), gradient_above.delta.ln_scale + ln_factor);
            let ln_growth = ln_factor + (above.fan_out as f64 / above.fan_in as f64).ln();
            let aligned = if index + 2 == blocks.len() {
                aligned_start(spec, maps_above, above, ln_growth)
            } else {
                gradient_above.aligned.as_ref().map(|kappa| grown(kappa, &maps_above.variance_slope, ln_growth))
            };
            let arriving = match &aligned {
                Some(kappa) if !above.weights.ensemble.independent_entries() => {
                    without_what_is_known(&whole, kappa, &kernels[index + 1].0.input, above, ln_growth)
                }
                _ => whole,
            };
            layers.push(through_the_slopes(arriving, aligned, block, maps));
        }
        layers.reverse();
        Ok(Self { layers, numerical_error })
    }

    /// Whether no layer has an aligned part.
    pub fn is_independent(&self) -> bool {
        self.layers.iter().all(|layer| layer.aligned.is_none())
    }
}

/// `kappa_{l-1} = sigma_w^2 n_l / n_{l-1} kappa_l (d E phi^2 / dq)`.
fn grown(kappa: &SampleVector, slopes: &[f64], ln_growth: f64) -> SampleVector {
    let values = kappa.values.iter().zip(slopes).map(|(kappa, slope)| kappa * slope).collect();
    SampleVector::new(values, kappa.ln_scale + ln_growth)
}

/// What an orthogonal W makes of the rest of the gradient: it was seen to map X to H, so it maps the part of delta along H back to X, and
/// only what is across H goes into fresh directions: `sigma_w^2 (D^ab - min(1, n_l / n_{l-1}) n_l Q_W^ab m_a m_b)` with
/// `kappa_{l-1}^a = (sigma_w^2 n_l / n_{l-1}) m_a` and Q_W the part of Q that comes from the weights.
fn without_what_is_known(
    whole: &ScaledKernel,
    kappa: &SampleVector,
    input: &ScaledKernel,
    above: &BlockSpec,
    ln_growth: f64,
) -> ScaledKernel {
    let (fan_out, fan_in) = (above.fan_out as f64, above.fan_in as f64);
    let ln_weights = dense::ln_backward_factor(above.sigma_w());
    // sigma_w^2 n_l min(..) sigma_w^2 K m m.
    let ln_scale = 2.0 * (kappa.ln_scale - ln_growth) + 2.0 * ln_weights + (fan_out * (fan_out / fan_in).min(1.0)).ln();
    let known = ScaledKernel { kernel: input.kernel.outer(&kappa.values), ln_scale };
    let known = known.times(&input.kernel, input.ln_scale);
    whole.plus(&ScaledKernel { kernel: known.kernel.affine(-1.0, 0.0), ln_scale: known.ln_scale })
}

/// What the last layer's own slopes make of a gradient that does not depend on them: for a sum, `W^T phi'(h)` is aligned with the
/// layer's input by E phi''.
fn aligned_start(spec: &Spec, last: &ActivationMaps, block: &BlockSpec, ln_growth: f64) -> Option<SampleVector> {
    let start = match spec.loss {
        Loss::Random | Loss::CrossEntropy => return None,
        Loss::Sum => {
            SampleVector { values: last.curvature.values.clone(), ln_scale: last.curvature.ln_scale + ln_growth }
        }
        Loss::Mse => {
            let scale = SampleVector { values: vec![1.0; last.variance_slope.len()], ln_scale: ln_mse(spec, block) };
            grown(&scale, &last.variance_slope, ln_growth)
        }
    };
    Some(start).filter(|start| start.values.iter().any(|kappa| *kappa != 0.0))
}

/// `D = G o P + n kappa kappa^T o A`.
fn through_the_slopes(
    arriving: ScaledKernel,
    aligned: Option<SampleVector>,
    block: &BlockSpec,
    maps: &ActivationMaps,
) -> BackwardLayer {
    let units = (block.fan_out as f64).ln();
    let mut delta = arriving.times(&maps.slope, 0.0);
    let mut ln_square = arriving.diagonal_only().ln_sum();
    if let Some(kappa) = &aligned {
        let square =
            ScaledKernel { kernel: maps.aligned.kernel.outer(&kappa.values), ln_scale: 2.0 * kappa.ln_scale + units };
        delta = delta.plus(&square.times(&maps.aligned.kernel, maps.aligned.ln_scale));
        ln_square = ln_add(ln_square, square.times(&maps.output.kernel, maps.output.ln_scale).diagonal_only().ln_sum());
    }
    BackwardLayer { arriving, aligned, delta, ln_activation_gradient_square: ln_square }
}

/// The last layer, and the relative error of what was integrated in many dimensions.
fn top(
    spec: &Spec,
    block: &BlockSpec,
    layer: &LayerKernels,
    maps: &ActivationMaps,
) -> Result<(BackwardLayer, f64), String> {
    let ln_units = (block.fan_out as f64).ln();
    let like =
        |diagonal: f64, off_diagonal: f64| match &layer.q.kernel {
            Kernel::Exchangeable { batch, .. } => Kernel::Exchangeable { batch: *batch, diagonal, off_diagonal },
            Kernel::Full(matrix) => Kernel::Full(DMatrix::from_fn(matrix.nrows(), matrix.nrows(), |a, b| {
                if a == b { diagonal } else { off_diagonal }
            })),
        };
    match spec.loss {
        // The same vector for every sample: ones, or a readout of mean square 1.
        Loss::Sum | Loss::Random => {
            let arriving = ScaledKernel::new(like(1.0, 1.0), ln_units);
            Ok((through_the_slopes(arriving, None, block, maps), 0.0))
        }
        // (2 / n B) (y - t): the targets are independent, the outputs are the layer's own.
        Loss::Mse => {
            let ln_scale = ln_mse(spec, block);
            let arriving = ScaledKernel::new(like(1.0, 0.0), ln_units + 2.0 * ln_scale);
            let kappa = SampleVector { values: vec![1.0; maps.variance_slope.len()], ln_scale };
            Ok((through_the_slopes(arriving, Some(kappa), block, maps), 0.0))
        }
        Loss::CrossEntropy => {
            let top = cross_entropy::top(spec, block, layer)?;
            let ln_square = top.arriving.diagonal_only().ln_sum();
            let gradient = BackwardLayer {
                arriving: top.arriving,
                aligned: None,
                delta: top.delta,
                ln_activation_gradient_square: ln_square,
            };
            Ok((gradient, top.relative_error))
        }
    }
}

/// ln of `2 / (n B)`.
fn ln_mse(spec: &Spec, last: &BlockSpec) -> f64 {
    (2.0 / (last.fan_out as f64 * spec.data.batch as f64)).ln()
}

fn ln_add(a: f64, b: f64) -> f64 {
    let (large, small) = (a.max(b), a.min(b));
    if large == f64::NEG_INFINITY { large } else { large + (small - large).exp().ln_1p() }
}
