//! Kernels of every layer on the way forward.

use nalgebra::DMatrix;

use crate::layer::{dense, pointwise};
use crate::mean_field::{ActivationMaps, BiasNode, Kernel, ScaledKernel};
use crate::numeric::gauss_legendre;
use crate::spec::{BlockSpec, DataSource, Law, Spec};

/// The kernels of one layer.
pub(super) struct LayerKernels {
    /// K_{l-1}: covariance of the layer's inputs, per unit.
    pub input: ScaledKernel,
    /// Q_l: covariance of the pre-activations.
    pub q: ScaledKernel,
    /// The Gaussian part of `q`: all of it, or without biases that are averaged over.
    pub gaussian: ScaledKernel,
    /// The biases that are averaged over.
    pub biases: Vec<BiasNode>,
    /// K_l and P_l, or why there are none.
    pub maps: Result<ActivationMaps, String>,
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
            let (gaussian, biases) = match block.biases.as_ref().filter(|law| is_averaged(law, &q)) {
                Some(law) => {
                    let gaussian = dense::covariance_map(&input, block.sigma_w(), 0.0);
                    let nodes = bias_nodes(law, &gaussian);
                    (gaussian, nodes)
                }
                None => (q.clone(), BiasNode::NONE.to_vec()),
            };
            let maps = match carried_by_few_features(spec, block, layers.is_empty())
                .or_else(|| too_sharp(block, &biases, &gaussian))
            {
                Some(reason) => Err(reason),
                None => {
                    pointwise::moment_map(&*block.activation, &gaussian, &biases).map_err(|error| error.to_string())
                }
            };
            let next = maps.as_ref().map(|maps| maps.output.clone()).ok();
            layers.push(LayerKernels { input, q, gaussian, biases, maps });
            match next {
                Some(output) => input = output,
                None => break,
            }
        }
        let hypotheses = super::common_hypotheses(spec);
        Self { layers, depth: spec.network.blocks.len(), hypotheses }
    }

    /// The layers that could not be reached, and why; `None` if all could.
    pub fn beyond(&self) -> Option<(std::ops::RangeInclusive<usize>, String)> {
        let reached = self.layers.iter().filter(|layer| layer.maps.is_ok()).count();
        let reason = self.layers.last().and_then(|layer| layer.maps.as_ref().err())?;
        Some((reached + 1..=self.depth, format!("in layer {}, {reason}", reached + 1)))
    }

    /// Error of the kernels' numbers, relative: the quadrature's 1e-12 a layer.
    pub fn relative_error(&self, layer: usize) -> f64 {
        1e-12 * layer as f64
    }
}

/// Whether biases of this law must be averaged over: not Gaussian, and not small against the pre-activations.
fn is_averaged(law: &Law, q: &ScaledKernel) -> bool {
    law.ensemble.excess_kurtosis() != 0.0 && 2.0 * law.std.ln() - q.ln_largest_diagonal() > super::SMALL_BIAS_SHARE.ln()
}

/// Nodes a panel: the integrand is a Gaussian average, analytic on the scale of its spread.
const NODES: usize = 12;

/// Beyond so many spreads the Gaussian part is a sharp edge to the bias: the panels resolve it to 1e-7 at twice, to some percent at twelve
/// times as many.
const MOST_PANELS: f64 = 24.0;

/// Gauss-Legendre nodes in the probability of the bias, in as many panels as it has spreads of the Gaussian part.
fn bias_nodes(law: &Law, gaussian: &ScaledKernel) -> Vec<BiasNode> {
    let spreads = law.std / (0.5 * gaussian.ln_largest_diagonal()).exp();
    let panels = spreads.ceil().clamp(1.0, MOST_PANELS) as usize;
    let rule = gauss_legendre(NODES);
    let node = |panel: usize, (x, weight): (f64, f64)| {
        let probability = (panel as f64 + x) / panels as f64;
        let standard = law.ensemble.quantile(probability)?;
        Some(BiasNode { shift: law.std * standard, weight: weight / panels as f64 })
    };
    (0..panels).flat_map(|panel| rule.iter().filter_map(move |&entry| node(panel, entry))).collect()
}

/// Biases so much wider than the Gaussian part that their average cannot be resolved.
fn too_sharp(block: &BlockSpec, biases: &[BiasNode], gaussian: &ScaledKernel) -> Option<String> {
    let spreads = block.sigma_b() / (0.5 * gaussian.ln_largest_diagonal()).exp();
    (biases != BiasNode::NONE && spreads > 2.0 * MOST_PANELS).then(|| {
        format!(
            "the biases are {spreads:.0} times as wide as what the weights contribute: predicted up to {:.0}",
            2.0 * MOST_PANELS
        )
    })
}

/// Given inputs that let a few weights decide: pre-activations that are then not Gaussian unless the weights are.
fn carried_by_few_features(spec: &Spec, block: &BlockSpec, first: bool) -> Option<String> {
    let kurtosis = block.weights.ensemble.excess_kurtosis();
    match &spec.data.source {
        DataSource::Given { inputs, .. } if first && kurtosis != 0.0 => {
            let concentration = |sample: nalgebra::DVectorView<'_, f64>| {
                let squares: f64 = sample.iter().map(|x| x * x).sum();
                if squares > 0.0 { sample.iter().map(|x| x.powi(4)).sum::<f64>() / (squares * squares) } else { 0.0 }
            };
            let largest = inputs.column_iter().map(concentration).fold(0.0, f64::max);
            (kurtosis.abs() * largest > LARGEST_KURTOSIS).then(|| {
                format!(
                    "a few features carry a given sample, and with {} weights the first pre-activations are then not Gaussian \
                     (excess kurtosis {:.2}, predicted up to {LARGEST_KURTOSIS})",
                    block.weights.ensemble.name(),
                    kurtosis * largest
                )
            })
        }
        _ => None,
    }
}

/// Largest excess kurtosis of the first pre-activations, in absolute value, that is taken for zero.
const LARGEST_KURTOSIS: f64 = 0.2;

/// `K_0 = X^T X / n_0` of given inputs; the identity, its expectation, for standard normal ones.
fn input_kernel(spec: &Spec) -> ScaledKernel {
    match &spec.data.source {
        DataSource::Gaussian => {
            let identity = Kernel::Exchangeable { batch: spec.data.batch, diagonal: 1.0, off_diagonal: 0.0 };
            ScaledKernel::new(identity, 0.0)
        }
        DataSource::Given { inputs, .. } => gram(inputs),
    }
}

/// Scaled by the largest entry first: squares of 1e200 overflow.
fn gram(inputs: &DMatrix<f64>) -> ScaledKernel {
    let largest = inputs.amax();
    if largest == 0.0 {
        return ScaledKernel { kernel: Kernel::Full(DMatrix::zeros(inputs.ncols(), inputs.ncols())), ln_scale: 0.0 };
    }
    let scaled = inputs / largest;
    ScaledKernel::new(Kernel::Full(scaled.tr_mul(&scaled) / inputs.nrows() as f64), 2.0 * largest.ln())
}
