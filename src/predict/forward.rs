//! Kernels of every layer on the way forward.

use nalgebra::DMatrix;

use crate::layer::{dense, pointwise};
use crate::mean_field::{ActivationMaps, Kernel, ScaledKernel};
use crate::spec::{DataSource, Spec};

/// The kernels of one layer.
pub(super) struct LayerKernels {
    /// K_{l-1}: covariance of the layer's inputs, per unit.
    pub input: ScaledKernel,
    /// Q_l: covariance of the pre-activations.
    pub q: ScaledKernel,
    /// K_l and P_l; `Err` holds the variance that is beyond the domain of the Gaussian expectations.
    pub maps: Result<ActivationMaps, f64>,
}

/// The kernels of all layers up to the first whose maps cannot be computed.
pub(super) struct ForwardKernels {
    pub layers: Vec<LayerKernels>,
    pub depth: usize,
    pub hypotheses: Vec<String>,
}

impl ForwardKernels {
    pub fn of(spec: &Spec) -> Self {
        let mut input = input_kernel(spec);
        let mut layers = Vec::new();
        for block in &spec.network.blocks {
            let q = dense::covariance_map(&input, block.sigma_w(), block.sigma_b());
            let maps = pointwise::moment_map(&*block.activation, &q);
            let next = maps.as_ref().map(|maps| maps.output.clone()).ok();
            layers.push(LayerKernels { input, q, maps });
            match next {
                Some(output) => input = output,
                None => break,
            }
        }
        let hypotheses = super::common_hypotheses(super::biases_are_gaussian(spec));
        Self { layers, depth: spec.network.blocks.len(), hypotheses }
    }

    /// The layers that could not be reached, and why; `None` if all could.
    pub fn beyond(&self) -> Option<(std::ops::RangeInclusive<usize>, String)> {
        let reached = self.layers.iter().filter(|layer| layer.maps.is_ok()).count();
        let variance = self.layers.last().and_then(|layer| layer.maps.as_ref().err())?;
        let reason = format!(
            "the pre-activations of layer {} have variance {variance:.3e}, beyond the 1e6 up to which the Gaussian \
             expectations are accurate",
            reached + 1
        );
        Some((reached + 1..=self.depth, reason))
    }

    /// Error of the kernels' numbers, relative: the quadrature's 1e-12 a layer.
    pub fn relative_error(&self, layer: usize) -> f64 {
        1e-12 * layer as f64
    }
}

/// `K_0 = X^T X / n_0` of given inputs; the identity, its expectation, for standard normal ones.
fn input_kernel(spec: &Spec) -> ScaledKernel {
    let kernel = match &spec.data.source {
        DataSource::Gaussian => Kernel::Exchangeable { batch: spec.data.batch, diagonal: 1.0, off_diagonal: 0.0 },
        DataSource::Given { inputs, .. } => gram(inputs),
    };
    ScaledKernel::new(kernel, 0.0)
}

fn gram(inputs: &DMatrix<f64>) -> Kernel {
    Kernel::Full(inputs.tr_mul(inputs) / inputs.nrows() as f64)
}
