//! Kernels of every layer on the way forward.

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
        let layers = chain(input_kernel(spec), &spec.network.blocks, |block, input, first| {
            let q = dense::covariance_map(&input, block.sigma_w(), block.sigma_b());
            let (gaussian, biases) = match block.biases.as_ref().filter(|law| is_averaged(law, &q)) {
                Some(law) => {
                    let gaussian = dense::covariance_map(&input, block.sigma_w(), 0.0);
                    let nodes = bias_nodes(law, &gaussian);
                    (gaussian, nodes)
                }
                None => (q.clone(), BiasNode::NONE.to_vec()),
            };
            let maps = match carried_by_few_features(spec, block, first)
                .or_else(|| too_sharp(block, &biases, &gaussian))
                .or_else(|| too_heavy(block, &biases))
            {
                Some(reason) => Err(reason),
                None => {
                    pointwise::moment_map(&*block.activation, &gaussian, &biases).map_err(|error| error.to_string())
                }
            };
            LayerKernels { input, q, gaussian, biases, maps }
        });
        let hypotheses = super::common_hypotheses(spec);
        Self { layers, depth: spec.network.blocks.len(), hypotheses }
    }

    /// The layers that have maps, with them.
    pub fn with_maps(&self) -> Vec<(&LayerKernels, &ActivationMaps)> {
        self.layers.iter().filter_map(|layer| Some((layer, layer.maps.as_ref().ok()?))).collect()
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

/// Layer after layer, each from the outputs of the one below, up to the first that has none. `layer` is told whether it is the first.
pub(super) fn chain<L>(
    input: ScaledKernel,
    network: &[L],
    layer: impl Fn(&L, ScaledKernel, bool) -> LayerKernels,
) -> Vec<LayerKernels> {
    let mut layers = Vec::new();
    let mut next = Some(input);
    for (index, described) in network.iter().enumerate() {
        let Some(input) = next.take() else { break };
        let kernels = layer(described, input, index == 0);
        next = kernels.maps.as_ref().map(|maps| maps.output.clone()).ok();
        layers.push(kernels);
    }
    layers
}

/// Whether biases of this law must be averaged over: not Gaussian, and not small against the pre-activations.
fn is_averaged(law: &Law, q: &ScaledKernel) -> bool {
    law.ensemble.excess_kurtosis() != 0.0
        && 2.0 * law.std.ln() - q.ln_largest_diagonal() > super::small_bias_share(law).ln()
}

/// Nodes a panel: the integrand is a Gaussian average, analytic on the scale of its spread.
const NODES: usize = 12;

/// Beyond so many spreads the Gaussian part is a sharp edge to the bias: the panels resolve it to 1e-7 at twice, to some percent at twelve
/// times as many.
const MOST_PANELS: f64 = 24.0;

/// Second moment of a bias that its nodes may miss.
const UNRESOLVED: f64 = 1e-6;

/// Gauss-Legendre nodes in the probability of the bias, in as many panels as it has spreads of the Gaussian part; for a quantile that is
/// not smooth, in panels that end at its breaks too.
fn bias_nodes(law: &Law, gaussian: &ScaledKernel) -> Vec<BiasNode> {
    let spreads = law.std / (0.5 * gaussian.ln_largest_diagonal()).exp();
    let panels = spreads.ceil().clamp(1.0, MOST_PANELS) as usize;
    let rule = gauss_legendre(NODES);
    let breaks = law.ensemble.quantile_breaks();
    if !breaks.is_empty() {
        return symmetric_nodes(law, panels, breaks, &rule);
    }
    let node = |panel: usize, (x, weight): (f64, f64)| {
        let probability = (panel as f64 + x) / panels as f64;
        let standard = law.ensemble.quantile(probability)?;
        Some(BiasNode { shift: law.std * standard, weight: weight / panels as f64 })
    };
    (0..panels).flat_map(|panel| rule.iter().filter_map(move |&entry| node(panel, entry))).collect()
}

/// The lower half and its mirror image: near 1 a probability cannot say how far out it is.
fn symmetric_nodes(law: &Law, panels: usize, breaks: Vec<f64>, rule: &[(f64, f64)]) -> Vec<BiasNode> {
    let even = (0..=panels).map(|panel| 0.5 * panel as f64 / panels as f64);
    let mut edges: Vec<f64> = even.chain(breaks).collect();
    edges.sort_by(f64::total_cmp);
    edges.dedup();
    let mut nodes = Vec::new();
    for ends in edges.windows(2) {
        for (x, weight) in rule {
            let (probability, weight) = (ends[0] + (ends[1] - ends[0]) * x, (ends[1] - ends[0]) * weight);
            if let Some(standard) = law.ensemble.quantile(probability) {
                let shift = law.std * standard;
                nodes.extend([BiasNode { shift, weight }, BiasNode { shift: -shift, weight }]);
            }
        }
    }
    nodes
}

/// Biases whose tails are too heavy for the nodes: what is missing of the second moment says so.
fn too_heavy(block: &BlockSpec, biases: &[BiasNode]) -> Option<String> {
    let law = block.biases.as_ref().filter(|_| biases != BiasNode::NONE)?;
    let second_moment: f64 = biases.iter().map(|node| node.weight * (node.shift / law.std).powi(2)).sum();
    let resolved = (second_moment - 1.0).abs() < UNRESOLVED;
    (!resolved)
        .then(|| format!("the tails of {} biases are too heavy for the average over them", law.ensemble.spelling()))
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
            // The sum of as many terms as there are features, however few or many: nothing says how near it is to Gaussian.
            if kurtosis.is_infinite() && largest > 0.0 {
                return Some(format!(
                    "{} weights have no fourth moment: with given samples the first pre-activations are then not Gaussian at any width",
                    block.weights.ensemble.spelling()
                ));
            }
            (kurtosis.abs() * largest > LARGEST_KURTOSIS).then(|| {
                format!(
                    "a few features carry a given sample, and with {} weights the first pre-activations are then not Gaussian \
                     (excess kurtosis {:.2}, predicted up to {LARGEST_KURTOSIS})",
                    block.weights.ensemble.spelling(),
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
        DataSource::Given { inputs, .. } => ScaledKernel::mean_products(inputs),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{Predictions, Statistic, predict};
    use super::*;
    use crate::spec::Quantity;

    fn predicted(weights: &str, biases: &str, data: &str) -> Predictions {
        let text = format!(
            "[network]\ninput = 64\ndepth = 3\nwidth = 64\nactivation = \"tanh\"\nweights = {{ {weights} }}\n{biases}\n[data]\n{data}\n\
             [loss]\nkind = \"random\""
        );
        let predictions = predict(&Spec::parse(&text, Path::new("t.toml")).expect("valid"));
        let numbers = |p: &super::super::Prediction| {
            [p.value, p.log10_rms, p.log10_mean, p.log10_standard_deviation, p.log10_ratio_standard_deviation]
        };
        assert!(predictions.predictions.iter().flat_map(numbers).flatten().all(f64::is_finite));
        predictions
    }

    fn norms(predictions: &Predictions) -> Vec<f64> {
        predictions.of(Quantity::GradientNorms).filter_map(|p| p.log10_rms).collect()
    }

    /// The limit only knows the variance of the weights; the spread, and given samples, need the fourth moment.
    #[test]
    fn what_needs_a_fourth_moment_is_withheld_without_one() {
        let heavy = predicted("ensemble = \"student_t(3)\", sigma_w = 1.2", "", "batch = 2");
        let gaussian = predicted("sigma_w = 1.2", "", "batch = 2");
        assert_eq!(norms(&heavy), norms(&gaussian));
        assert!(heavy.predictions.iter().all(|p| p.log10_standard_deviation.is_none()));
        let spread = heavy
            .not_predicted
            .iter()
            .find(|w| w.statistic == Statistic::TypicalValue && w.quantity == Quantity::GradientNorms);
        assert!(spread.expect("withheld").reason.contains("no fourth moment"));
        assert!(heavy.predictions[0].hypotheses.iter().any(|h| h.contains("slower than 1/width")));

        let given = predicted("ensemble = \"student_t(3)\", sigma_w = 1.2", "", "kind = \"digits\"\nbatch = 2");
        let withheld = given.withheld_value(Quantity::GradientNorms).expect("withheld");
        assert!(withheld.reason.contains("no fourth moment") && norms(&given).is_empty(), "{}", withheld.reason);
    }

    /// Biases of every law are averaged over by it: where sigma_b is as large as sigma_w. sparse(1) and a cut far out are Gaussian;
    /// others are not. Tails that no ladder of nodes reaches are withheld.
    #[test]
    fn biases_of_every_law_are_averaged_or_withheld() {
        let with = |ensemble: &str| {
            predicted("sigma_w = 1.0", &format!("biases = {{ ensemble = \"{ensemble}\", sigma_b = 1.0 }}"), "batch = 1")
        };
        let gaussian = norms(&with("gaussian"));
        assert_eq!(norms(&with("sparse(1)")), gaussian);
        let distance = |ensemble: &str| {
            let other = norms(&with(ensemble));
            assert_eq!(other.len(), 3, "{ensemble}");
            other.iter().zip(&gaussian).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
        };
        assert!(distance("truncated_normal(12)") < 1e-8, "{}", distance("truncated_normal(12)"));
        assert!(distance("student_t(9000)") < 1e-3, "{}", distance("student_t(9000)"));
        for ensemble in ["rademacher", "uniform", "sparse(0.1)", "sparse_columns(0.9)", "student_t(3)"] {
            assert!(distance(ensemble) > 1e-3, "{ensemble}: {}", distance(ensemble));
        }
        let heavy = with("student_t(2.1)");
        let withheld = heavy.withheld_value(Quantity::GradientNorms).expect("withheld");
        assert!(withheld.reason.contains("student_t(2.1) biases are too heavy"), "{}", withheld.reason);
    }

    /// Signs: E phi(h)^2 is the mean over h ~ N(-s, q) and N(s, q), which is the same by symmetry: one Gaussian expectation.
    #[test]
    fn biases_that_are_signs_are_two_shifts() {
        let predictions =
            predicted("sigma_w = 1.0", "biases = { ensemble = \"rademacher\", sigma_b = 0.8 }", "batch = 1");
        let at = |layer| predictions.get(Quantity::LayerInputs, layer).and_then(|p| p.value).expect("predicted");
        let shifted = crate::activation::Shifted::new(&crate::activation::Tanh, 0.8);
        let expected = crate::activation::Activation::moments(&shifted, at(1).powi(2)).expect("exists").phi2;
        assert!((at(2).powi(2) / expected - 1.0).abs() < 1e-9, "{} not {expected}", at(2).powi(2));
    }
}
