//! Kernels of every layer on the way back, with the part of the gradient that is aligned with the activations.

use nalgebra::DMatrix;

use super::cross_entropy;
use super::forward::{ForwardKernels, LayerKernels};
use super::squared_error::GivenTargets;
use crate::layer::dense;
use crate::mean_field::{ActivationMaps, Kernel, SampleVector, ScaledKernel};
use crate::spec::{BlockSpec, DataSource, Loss, Spec};

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
    /// What is assumed about the gradient.
    pub hypotheses: Vec<String>,
    /// Where the method comes from.
    pub source: &'static str,
}

const SOURCE: &str =
    "mean-field kernels of the batch: Poole et al. 2016, Schoenholz et al. 2017; sum over pairs of samples";

const ALIGNED_SOURCE: &str = "mean-field kernels of the batch with the part of the gradient that is aligned with the activations: derived \
                              for this project (see `predict`)";

const INDEPENDENCE: &str = "gradient independence: the gradient that arrives at a layer is independent of its weights (leading order in width)";

impl BackwardKernels {
    /// Needs the maps of all layers; the reason if the loss has no prediction.
    pub fn of(spec: &Spec, forward: &ForwardKernels) -> Result<Self, String> {
        let blocks = &spec.network.blocks;
        let kernels = forward.with_maps();
        let (Some(last_block), Some(&(last_layer, last_maps))) = (blocks.last(), kernels.last()) else {
            return Err("a network has at least one layer".to_owned());
        };
        let given = given_targets(spec, last_block, last_layer)?;
        let (top, numerical_error) = top(spec, last_block, last_layer, last_maps, given.as_ref())?;
        let mut layers = vec![top];
        for index in (0..blocks.len() - 1).rev() {
            let (block, above) = (&blocks[index], &blocks[index + 1]);
            let (maps, maps_above) = (kernels[index].1, kernels[index + 1].1);
            let gradient_above = &layers[layers.len() - 1];
            let ln_factor = dense::ln_backward_factor(above.sigma_w());
            let whole = through_the_weights(&gradient_above.delta, above.sigma_w());
            let ln_growth = ln_factor + (above.fan_out as f64 / above.fan_in as f64).ln();
            let aligned = if index + 2 == blocks.len() {
                aligned_start(spec, maps_above, above, given.as_ref(), ln_growth)
            } else {
                gradient_above.aligned.as_ref().map(|kappa| grown(kappa, &maps_above.variance_slope, ln_growth))
            };
            let arriving = match &aligned {
                Some(kappa) if !above.weights.ensemble.independent_entries() => {
                    without_what_is_known(&whole, kappa, &kernels[index + 1].0.input, above, ln_growth)
                }
                _ => whole,
            };
            layers.push(through_the_slopes(arriving, aligned, block.fan_out, maps));
        }
        layers.reverse();
        let independent = layers.iter().all(|layer| layer.aligned.is_none());
        let hypothesis = match (spec.loss, independent) {
            (Loss::CrossEntropy, _) => {
                "gradient independence: the gradient that arrives at a layer is independent of its weights, and the \
                 softmax's own alignment with the last activations is O(1/width)"
            }
            (_, true) => INDEPENDENCE,
            (_, false) => {
                "the gradient that arrives at a layer is its part along the activations, which grows by chi_parallel, and a rest \
                 that is independent of the weights (leading order in width)"
            }
        };
        let source = if independent { SOURCE } else { ALIGNED_SOURCE };
        Ok(Self { layers, numerical_error, hypotheses: vec![hypothesis.to_owned()], source })
    }

    /// From the gradient that arrives at the last layer's outputs, whatever it comes from, if it is independent of all weights. `layers` are
    /// (fan_out, sigma_w), first applied first.
    pub fn from_outputs(
        arriving: ScaledKernel,
        layers: &[(usize, f64)],
        forward: &ForwardKernels,
    ) -> Result<Self, String> {
        let kernels = forward.with_maps();
        let (Some(&(fan_out, _)), Some(&(_, maps))) = (layers.last(), kernels.last()) else {
            return Err("a network has at least one layer".to_owned());
        };
        let mut gradients = vec![through_the_slopes(arriving, None, fan_out, maps)];
        for (pair, (_, maps)) in layers.windows(2).zip(&kernels).rev() {
            let (fan_out, sigma_above) = (pair[0].0, pair[1].1);
            let arriving = through_the_weights(&gradients[gradients.len() - 1].delta, sigma_above);
            gradients.push(through_the_slopes(arriving, None, fan_out, maps));
        }
        gradients.reverse();
        let hypotheses = vec![INDEPENDENCE.to_owned()];
        Ok(Self { layers: gradients, numerical_error: 0.0, hypotheses, source: SOURCE })
    }

    /// Whether no layer has an aligned part.
    pub fn is_independent(&self) -> bool {
        self.layers.iter().all(|layer| layer.aligned.is_none())
    }
}

/// `G_{l-1} = sigma_w^2 D_l`.
fn through_the_weights(delta: &ScaledKernel, sigma_w: f64) -> ScaledKernel {
    ScaledKernel::new(delta.kernel.clone(), delta.ln_scale + dense::ln_backward_factor(sigma_w))
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
fn aligned_start(
    spec: &Spec,
    last: &ActivationMaps,
    block: &BlockSpec,
    given: Option<&GivenTargets>,
    ln_growth: f64,
) -> Option<SampleVector> {
    let start = match spec.loss {
        Loss::Random | Loss::CrossEntropy => return None,
        Loss::Sum => {
            SampleVector { values: last.curvature.values.clone(), ln_scale: last.curvature.ln_scale + ln_growth }
        }
        Loss::Mse => {
            // Without targets that are given alike in every trial only the outputs are aligned with themselves.
            let common = |a: usize| match given {
                Some(given) => given.mean[a] * last.curvature.values[a] * last.curvature.ln_scale.exp(),
                None => 0.0,
            };
            let slopes = last.variance_slope.iter().enumerate().map(|(a, slope)| slope - common(a));
            SampleVector::new(slopes.collect(), ln_mse(spec, block) + ln_growth)
        }
    };
    Some(start).filter(|start| start.values.iter().any(|kappa| *kappa != 0.0))
}

/// `D = G o P + n kappa kappa^T o A`.
fn through_the_slopes(
    arriving: ScaledKernel,
    aligned: Option<SampleVector>,
    fan_out: usize,
    maps: &ActivationMaps,
) -> BackwardLayer {
    let units = (fan_out as f64).ln();
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
    given: Option<&GivenTargets>,
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
            Ok((through_the_slopes(arriving, None, block.fan_out, maps), 0.0))
        }
        // (2 / n B) (y - t): the targets are independent, the outputs are the layer's own.
        Loss::Mse => {
            let ln_scale = ln_mse(spec, block);
            let arriving = match given {
                Some(given) => given.independent.clone(),
                None => ScaledKernel::new(like(1.0, 0.0), ln_units + 2.0 * ln_scale),
            };
            let kappa = SampleVector { values: vec![1.0; maps.variance_slope.len()], ln_scale };
            let mut gradient = through_the_slopes(arriving, Some(kappa), block.fan_out, maps);
            if let Some(cross) = given.and_then(|given| given.cross.as_ref()) {
                let minus = ScaledKernel { kernel: cross.delta.kernel.affine(-1.0, 0.0), ..cross.delta.clone() };
                gradient.delta = gradient.delta.plus(&minus);
                let whole = (gradient.ln_activation_gradient_square - cross.ln_scale).exp() - cross.activation;
                gradient.ln_activation_gradient_square = whole.max(0.0).ln() + cross.ln_scale;
            }
            Ok((gradient, 0.0))
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

/// Targets that the data gives to a squared error.
fn given_targets(spec: &Spec, last: &BlockSpec, layer: &LayerKernels) -> Result<Option<GivenTargets>, String> {
    match (&spec.data.source, spec.loss) {
        (DataSource::Given { targets: Some(targets), .. }, Loss::Mse) => {
            GivenTargets::new(targets, &*last.activation, layer, ln_mse(spec, last)).map(Some)
        }
        _ => Ok(None),
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
