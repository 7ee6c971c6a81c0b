//! Predictions from the statistics of given layers: of a network in training, whose weights no longer have the law that they were drawn from.

use std::sync::Arc;

use super::backward::BackwardKernels;
use super::forward::{ForwardKernels, LayerKernels, chain};
use super::setting::{LayerSetting, Setting};
use super::{Correlations, Predictions, values};
use crate::activation::Activation;
use crate::layer::{dense, pointwise};
use crate::mean_field::{BiasNode, ScaledKernel, common_correlation_maps};
use crate::spec::{Precision, Quantity};

/// What the prediction knows of one layer `x_l = phi(W_l x_{l-1} + b_l)`: the size of its weights, the first two moments of its biases.
#[derive(Debug, Clone)]
pub struct LayerStatistics {
    /// Columns of W.
    pub fan_in: usize,
    /// Rows of W.
    pub fan_out: usize,
    /// `sqrt(|W|_F^2 / fan_out)`, which is `sqrt(fan_in mean W_ij^2)`: at initialisation the specification's sigma_w up to O(1/width).
    pub sigma_w: f64,
    /// Mean and standard deviation of the entries of b, if the layer has biases.
    pub biases: Option<BiasStatistics>,
    /// phi.
    pub activation: Arc<dyn Activation>,
}

/// The first two moments of a layer's biases.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BiasStatistics {
    /// Mean over the units.
    pub mean: f64,
    /// Standard deviation over the units, `sqrt(mean b_i^2 - mean^2)`.
    pub standard_deviation: f64,
}

impl BiasStatistics {
    /// Of given biases; zero for none.
    pub fn of(biases: &[f64]) -> Self {
        let count = biases.len().max(1) as f64;
        let mean = biases.iter().sum::<f64>() / count;
        let variance = biases.iter().map(|bias| (bias - mean).powi(2)).sum::<f64>() / count;
        Self { mean, standard_deviation: variance.sqrt() }
    }
}

/// How the covariances of a batch are carried from layer to layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairDetail {
    /// Every pair of samples by its own expectation: B (B + 1) / 2 of them a layer.
    Exact,
    /// Every pair of samples by its own correlation, through a correlation map that all pairs of a layer share: see
    /// [`common_correlation_maps`](crate::mean_field::common_correlation_maps).
    CommonMap,
    /// The mean over the diagonal and the mean off it, of inputs and gradients: one pair a layer, whatever the batch. It loses that samples of a class
    /// have both similar inputs and similar gradients.
    Exchangeable,
}

/// What the prediction knows of a network and of the batch that it is shown.
#[derive(Debug, Clone)]
pub struct NetworkStatistics {
    /// First applied first.
    pub layers: Vec<LayerStatistics>,
    /// `K_0 = X^T X / n_0` of the batch: [`ScaledKernel::mean_products`].
    pub inputs: ScaledKernel,
    /// `G_L^ab = dL/dY_a . dL/dY_b` of the gradient that the loss sends into the outputs Y = x_L: [`ScaledKernel::products`].
    pub output_gradient: ScaledKernel,
    /// The network's number format: in it slopes underflow, which counts as inactive.
    pub precision: Precision,
}

/// Statistics that are not those of a network.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StatisticsError {
    /// No layer.
    #[error("a network has at least one layer")]
    Empty,
    /// The output of one layer is not the input of the next.
    #[error(
        "layer {layer} takes {fan_in} inputs, but the layer before it has {fan_out} outputs: the shapes do not chain"
    )]
    Chain {
        /// The later layer, from 1.
        layer: usize,
        /// Its inputs.
        fan_in: usize,
        /// Outputs of the earlier one.
        fan_out: usize,
    },
    /// Kernels of different batches.
    #[error(
        "the inputs are of {inputs} samples, the gradient of {gradients}: give both of the same batch, of at least one sample"
    )]
    Batch {
        /// Samples of the inputs.
        inputs: usize,
        /// Samples of the gradient.
        gradients: usize,
    },
    /// A number that is not finite, or a size below zero: a training that has diverged.
    #[error("{what} is {value}: nothing follows from it")]
    NotFinite {
        /// Which number.
        what: String,
        /// What it is.
        value: f64,
    },
}

/// Predicts the quantities of every layer from the statistics of its weights, the batch and the gradient at the outputs.
///
/// # Formula
///
/// With `sigma_w^2 = |W_l|_F^2 / n_l`, s and m the standard deviation and the mean of the biases:
///
/// ```text
/// Q_l = sigma_w^2 K_{l-1} + s^2      K_l = E phi(u + m) phi(u + m)^T      P_l = E phi'(u + m) phi'(u + m)^T      u ~ N(0, Q_l)
/// D_L = G_L o P_L                    G_{l-1} = sigma_w^2 D_l              D_l = G_l o P_l
/// E |dL/dW_l|_F^2 = n_{l-1} sum_ab D_l^ab K_{l-1}^ab      E |dL/db_l|^2 = sum_ab D_l^ab      E |dL/dH_l|_F^2 = sum_a D_l^aa
/// ```
///
/// The pre-activations that are predicted include m: `sqrt(Q_l^aa + m^2)`.
///
/// # What is theory
///
/// The way from layer to layer, forward and back. The inputs and the gradient at the outputs are boundary values that the caller gives, and
/// the sizes of the weights are what they are: a prediction that is off says that the weights have acquired a structure that their
/// size does not show (directions that activations or gradients prefer), a prediction that holds that the size is all there is to them.
///
/// At initialisation, with the specification's sigma_w, this is [`super::predict`] wherever the gradient at the outputs is independent of the
/// weights (a random readout behind a linear layer). A gradient that depends on them (a sum behind ReLU, the squared error of outputs that are not small) is
/// aligned with the activations, and what [`super::predict`] derives for that at initialisation is not known of trained weights: it is left out
/// here.
///
/// # Errors
///
/// [`StatisticsError`]: shapes that do not chain, batches that differ, numbers that are not finite. What theory does not reach
/// (variances beyond 1e6 of an activation that is not homogeneous) is withheld with the reason, as in [`super::predict`].
///
/// # Example
///
/// ```
/// use std::sync::Arc;
/// use gradspectra::activation::Tanh;
/// use gradspectra::mean_field::{Kernel, ScaledKernel};
/// use gradspectra::predict::{LayerStatistics, NetworkStatistics, PairDetail, predict_from_statistics};
/// use gradspectra::spec::{Precision, Quantity};
///
/// let layer = LayerStatistics { fan_in: 200, fan_out: 200, sigma_w: 1.5, biases: None, activation: Arc::new(Tanh) };
/// let batch = |diagonal| ScaledKernel::new(Kernel::Exchangeable { batch: 8, diagonal, off_diagonal: 0.0 }, 0.0);
/// let statistics = NetworkStatistics {
///     layers: vec![layer; 10],
///     inputs: batch(1.0),
///     output_gradient: batch(1e-3),
///     precision: Precision::F32,
/// };
/// let predictions = predict_from_statistics(&statistics, &[Quantity::GradientNorms], PairDetail::Exact)?;
/// let norm = |layer| predictions.get(Quantity::GradientNorms, layer).and_then(|p| p.value).expect("predicted");
/// assert!(norm(1) > norm(10), "sigma_w = 1.5 is in the chaotic phase");
/// # Ok::<(), gradspectra::predict::StatisticsError>(())
/// ```
///
/// # Source
///
/// Poole et al. 2016; Schoenholz et al. 2017, with the empirical second moments in place of the law's.
pub fn predict_from_statistics(
    statistics: &NetworkStatistics,
    quantities: &[Quantity],
    detail: PairDetail,
) -> Result<Predictions, StatisticsError> {
    statistics.check()?;
    let kernel = |kernel: &ScaledKernel| match detail {
        PairDetail::Exchangeable => kernel.exchangeable(),
        PairDetail::Exact | PairDetail::CommonMap => kernel.clone(),
    };
    let forward = ForwardKernels {
        layers: chain(kernel(&statistics.inputs), &statistics.layers, |layer, input, _| layer.kernels(input, detail)),
        depth: statistics.layers.len(),
        hypotheses: hypotheses(detail),
    };
    let backward = if forward.beyond().is_none() && quantities.iter().any(|quantity| quantity.is_gradient()) {
        let layers: Vec<(usize, f64)> = statistics.layers.iter().map(|layer| (layer.fan_out, layer.sigma_w)).collect();
        BackwardKernels::from_outputs(kernel(&statistics.output_gradient), &layers, &forward)
    } else {
        Err("no gradient is asked for".to_owned())
    };
    let setting = Setting {
        layers: statistics.layers.iter().map(LayerStatistics::setting).collect(),
        batch: statistics.inputs.kernel.batch(),
        precision: statistics.precision,
    };
    Ok(values(&setting, quantities, &forward, &backward, Correlations::Kept))
}

fn hypotheses(detail: PairDetail) -> Vec<String> {
    let mut hypotheses = vec![
        "the weights act on activations and gradients as independent entries of their root mean square would: training that aligns them with \
         either breaks this"
            .to_owned(),
        "width to infinity at the measured sizes of weights and biases; biases are taken for Gaussian about their mean".to_owned(),
        "the batch's inputs and the gradient of the loss at the outputs are given, not predicted".to_owned(),
    ];
    hypotheses.extend(match detail {
        PairDetail::Exact => None,
        PairDetail::CommonMap => Some(
            "all pairs of samples share the correlation map of their layer's mean variance; what the spread of the variances does to it is \
             kept to first order"
                .to_owned(),
        ),
        PairDetail::Exchangeable => Some(
            "samples are exchangeable: inputs and gradients are no more similar to each other in one pair than in another".to_owned(),
        ),
    });
    hypotheses
}

impl LayerStatistics {
    fn setting(&self) -> LayerSetting<'_> {
        LayerSetting { fan_in: self.fan_in, has_biases: self.biases.is_some(), activation: &*self.activation }
    }

    fn kernels(&self, input: ScaledKernel, detail: PairDetail) -> LayerKernels {
        let (mean, spread) = self.biases.map_or((0.0, 0.0), |biases| (biases.mean, biases.standard_deviation));
        let gaussian = dense::covariance_map(&input, self.sigma_w, spread);
        let q = dense::covariance_map(&input, self.sigma_w, spread.hypot(mean));
        let biases = if mean == 0.0 { BiasNode::NONE.to_vec() } else { vec![BiasNode { shift: mean, weight: 1.0 }] };
        let maps = match detail {
            PairDetail::Exact | PairDetail::Exchangeable => {
                pointwise::moment_map(&*self.activation, &gaussian, &biases)
            }
            PairDetail::CommonMap => common_correlation_maps(&*self.activation, &gaussian, &biases),
        };
        LayerKernels { input, q, gaussian, biases, maps: maps.map_err(|error| error.to_string()) }
    }
}

impl NetworkStatistics {
    fn check(&self) -> Result<(), StatisticsError> {
        if self.layers.is_empty() {
            return Err(StatisticsError::Empty);
        }
        for (index, pair) in self.layers.windows(2).enumerate() {
            let (fan_out, fan_in) = (pair[0].fan_out, pair[1].fan_in);
            if fan_out != fan_in {
                return Err(StatisticsError::Chain { layer: index + 2, fan_in, fan_out });
            }
        }
        let (inputs, gradients) = (self.inputs.kernel.batch(), self.output_gradient.kernel.batch());
        if inputs != gradients || inputs == 0 {
            return Err(StatisticsError::Batch { inputs, gradients });
        }
        let size = |what: String, value: f64| {
            if value.is_finite() && value >= 0.0 { Ok(()) } else { Err(StatisticsError::NotFinite { what, value }) }
        };
        for (index, layer) in self.layers.iter().enumerate() {
            let number = index + 1;
            size(format!("sigma_w of layer {number}"), layer.sigma_w)?;
            if let Some(biases) = layer.biases {
                size(format!("the spread of the biases of layer {number}"), biases.standard_deviation)?;
                size(format!("the mean size of the biases of layer {number}"), biases.mean.abs())?;
            }
        }
        for (what, kernel) in [("the inputs", &self.inputs), ("the gradient at the outputs", &self.output_gradient)] {
            // Zero is a size; its logarithm is not needed.
            let sum: f64 = kernel.kernel.to_matrix().iter().map(|entry| entry.abs()).sum();
            size(format!("the covariance of {what}"), sum + 0.0 * kernel.ln_scale)?;
        }
        Ok(())
    }
}
