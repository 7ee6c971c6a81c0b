//! Predictions from the specification alone: mean-field theory of wide networks, one quantity a file.
//!
//! The forward pass carries the covariance of the whole batch (q-map on the diagonal, c-map off it), the backward pass the
//! covariance of the gradients (chi on the diagonal, chi_c off it): the correlations between samples are part of every
//! prediction. Nothing measured enters. Where the theory does not reach, the prediction is withheld with the reason.

mod backward;
mod batch_correlations;
mod cross_entropy;
mod forward;
mod gains;
mod gradient_norms;
mod product_spectrum;
mod root_mean_squares;
mod sampling;
mod saturation;
mod setting;
mod spectral_norm;
mod squared_error;
mod statistics;
mod typical;

use serde::{Deserialize, Serialize};

use crate::spec::{Law, Quantity, Spec};
pub use gains::gains;
pub use product_spectrum::{GrowthPrediction, ProductSpectrumPrediction, product_spectrum};
pub use spectral_norm::log10_spectral_norm;
pub use statistics::{
    BiasStatistics, LayerStatistics, NetworkStatistics, PairDetail, StatisticsError, predict_from_statistics,
};

use backward::BackwardKernels;
use forward::ForwardKernels;
use setting::Setting;

/// One quantity of one layer, in the limit of infinite width at the specification's sigma_w and sigma_b.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The quantity.
    pub quantity: Quantity,
    /// Number of the layer, from 1.
    pub layer: usize,
    /// Root mean square of a logarithmic quantity (`null` where it leaves the range of f64), value of any other.
    pub value: Option<f64>,
    /// log10 of the root mean square.
    pub log10_rms: Option<f64>,
    /// Mean of log10 over networks: the typical one. `null` where it is withheld.
    pub log10_mean: Option<f64>,
    /// Standard deviation of log10 over networks.
    pub log10_standard_deviation: Option<f64>,
    /// Standard deviation over networks of log10 of the ratio of this layer to the last one.
    pub log10_ratio_standard_deviation: Option<f64>,
    /// Where the two come from: an exact law at this width, or the leading order in 1/width.
    pub typical_source: Option<String>,
    /// Derived bound of the distance to the finite network, in the unit of `log10_rms` or `value`; `null` where none is
    /// derived. The distance is then O(1/width): compare after extrapolation.
    pub error: Option<f64>,
    /// Error of the numbers themselves: quadrature and rounding.
    pub numerical_error: f64,
    /// What the theory assumes.
    pub hypotheses: Vec<String>,
    /// Where it comes from.
    pub source: String,
}

/// A number of a distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// The root mean square of a logarithmic quantity, the mean of any other.
    Value,
    /// Mean and standard deviation of the logarithm.
    TypicalValue,
}

/// A prediction that is withheld.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NotPredicted {
    /// The quantity.
    pub quantity: Quantity,
    /// What of it.
    pub statistic: Statistic,
    /// The layers, from 1.
    pub layers: Vec<usize>,
    /// Why.
    pub reason: String,
}

/// What theory says about a specification, and what it does not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Predictions {
    /// By quantity, then by layer.
    pub predictions: Vec<Prediction>,
    /// The rest.
    pub not_predicted: Vec<NotPredicted>,
    /// Spectra of the product of the weights, where the specification asks for them, by depth.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub product_spectra: Vec<ProductSpectrumPrediction>,
    /// Why the product's spectrum is not predicted, if it was asked for and is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_spectra_withheld: Option<String>,
}

impl Prediction {
    /// A logarithmic quantity without its documentation.
    fn logarithmic(quantity: Quantity, layer: usize, log10_rms: f64) -> Self {
        Self {
            quantity,
            layer,
            value: Some(10f64.powf(log10_rms)).filter(|value| value.is_finite() && *value > 0.0),
            log10_rms: Some(log10_rms),
            ..Self::plain(quantity, layer, None)
        }
    }

    /// Any other quantity without its documentation.
    fn plain(quantity: Quantity, layer: usize, value: Option<f64>) -> Self {
        Self {
            quantity,
            layer,
            value,
            log10_rms: None,
            log10_mean: None,
            log10_standard_deviation: None,
            log10_ratio_standard_deviation: None,
            typical_source: None,
            error: None,
            numerical_error: 0.0,
            hypotheses: Vec::new(),
            source: String::new(),
        }
    }

    /// The predicted root mean square in decimal logarithm, or the value of a quantity that is not logarithmic.
    pub fn number(&self) -> Option<f64> {
        if self.quantity.is_logarithmic() { self.log10_rms } else { self.value }
    }
}

impl Predictions {
    /// One quantity of one layer, if it is predicted.
    pub fn get(&self, quantity: Quantity, layer: usize) -> Option<&Prediction> {
        self.of(quantity).find(|prediction| prediction.layer == layer)
    }

    /// One quantity by layer.
    pub fn of(&self, quantity: Quantity) -> impl Iterator<Item = &Prediction> {
        self.predictions.iter().filter(move |prediction| prediction.quantity == quantity)
    }

    /// Why the value of a quantity is withheld in some layer, if it is.
    pub fn withheld_value(&self, quantity: Quantity) -> Option<&NotPredicted> {
        self.not_predicted
            .iter()
            .find(|withheld| withheld.quantity == quantity && withheld.statistic == Statistic::Value)
    }

    fn withhold(
        &mut self,
        quantity: Quantity,
        statistic: Statistic,
        layers: impl IntoIterator<Item = usize>,
        reason: impl Into<String>,
    ) {
        let layers: Vec<usize> = layers.into_iter().collect();
        if !layers.is_empty() {
            self.not_predicted.push(NotPredicted { quantity, statistic, layers, reason: reason.into() });
        }
    }
}

/// Predicts every quantity that the specification measures.
///
/// # Formula
///
/// Forward, with `K_0 = X^T X / n_0` (its expectation for random inputs):
///
/// ```text
/// Q_l = sigma_w^2 K_{l-1} + sigma_b^2      K_l = E phi(u) phi(u)^T      P_l = E phi'(u) phi'(u)^T      u ~ N(0, Q_l)
/// ```
///
/// (averaged over a bias that is not Gaussian). Backward, the gradient that arrives at layer l is `g_l^a = kappa_l^a phi(h_l^a) + xi_l^a`:
/// a part along the layer's own outputs and a rest that is independent of its pre-activations, of covariance `G_l`. With
/// `A_l = E phi phi'(u) phi phi'(u)^T`:
///
/// ```text
/// D_l^ab = delta_l^a . delta_l^b = G_l^ab P_l^ab + n_l kappa_l^a kappa_l^b A_l^ab
/// G_{l-1} = sigma_w^2 D_l      kappa_{l-1}^a = (sigma_w^2 n_l / n_{l-1}) kappa_l^a dE phi(u_a)^2/dq_a
/// E |dL/dW_l|_F^2 = n_{l-1} sum_ab D_l^ab K_{l-1}^ab      E |dL/db_l|^2 = sum_ab D_l^ab      E |dL/dH_l|_F^2 = sum_a D_l^aa
/// ```
///
/// At the last layer: sum, `G = n 1 1^T`, `kappa_{L-1}^a = (sigma_w^2 n_L / n_{L-1}) E phi''(u_a)`; random readout, `G = n 1 1^T`, kappa = 0;
/// squared error, `G = n s^2 I`, `kappa_L = s = 2 / (n B)`; cross-entropy, G from the softmax of Gaussian outputs, kappa = 0.
///
/// Given targets T of a squared error: `G = s^2 T^T T`, and what they have in common over the outputs, `t^a = sum_i T_ia / n`, meets the
/// outputs: `n s^2 (t^a E phi'(u_a) phi phi'(u_b) + t^b E phi phi'(u_a) phi'(u_b))` is taken from `D_L^ab`, and `s t^a E phi''(u_a)` from
/// `s dE phi(u_a)^2/dq_a` in kappa_{L-1}. Both vanish for linear and other odd last activations.
///
/// Orthogonal weights map what is along H back to X and only the rest into fresh directions: then
/// `G_{l-1}^ab = sigma_w^2 (D_l^ab - min(1, n_l / n_{l-1}) n_l Q_W^ab m_a m_b)`, `kappa_{l-1} = (sigma_w^2 n_l / n_{l-1}) m`, Q_W the part of
/// Q that comes from the weights.
///
/// kappa: given the pre-activations, `W^T delta` is a fresh Gaussian vector plus the projection of delta on what W was seen to do,
/// `X (X^T X)^-1 (H - b)^T delta`. By Stein's lemma `E (h_c - b_c) f(h) = sum_d sigma_w^2 K_cd E d_d f(h)`, the inverse cancels, and the
/// coefficients stay diagonal in the samples. Where E phi'' = 0 and the readout is a sum, kappa = 0: gradient independence holds.
///
/// Mean and variance of the logarithm of a gradient norm over networks, the variance to leading order in 1/width (exact for one
/// sample through linear and ReLU layers with Gaussian weights, no biases, and a random or linear readout):
///
/// ```text
/// Var ln |G_l|^2 = sum_k Var f_k / n_k        E ln |G_l|^2 = ln E |G_l|^2 - Var ln |G_l|^2 / 2
/// f_k = sum_ab S^k_ab phi(h_a) phi(h_b) + [k >= l] sum_ab w_ab phi'(h_a) g_a phi'(h_b) g_b / (P_k^ab G_k^ab)
/// ```
///
/// over one unit's pre-activations h ~ N(0, Q_k) and arriving gradients g ~ N(0, G_k), with w_ab the share of the pair in the norm and
/// S^k the response of ln |G_l|^2 to K_k through all layers above.
///
/// The mean takes E |G_l|^2 at infinite width: its own shift of order 1/width, which is of the order of Var/2 or smaller, is left out.
///
/// # Source
///
/// Poole et al. 2016; Schoenholz et al. 2017 (kernels and chi); the sum over pairs of samples is the squared norm of a
/// gradient that is summed over the batch.
///
/// # Example
///
/// ```
/// use gradspectra::{predict::predict, spec::{Quantity, Spec}};
/// let predictions = predict(&Spec::load("lesson")?);
/// let first = predictions.get(Quantity::GradientNorms, 1).and_then(|prediction| prediction.value);
/// assert!((first.expect("predicted") - 2.2023).abs() < 1e-4);
/// # Ok::<(), gradspectra::spec::SpecError>(())
/// ```
pub fn predict(spec: &Spec) -> Predictions {
    let forward = ForwardKernels::of(spec);
    let backward = backward_of(spec, &forward);
    let mut predictions = values_of(spec, &forward, &backward, Correlations::Kept);
    typical::add(spec, &forward, &backward, &mut predictions);
    if spec.measure.product_spectrum {
        for depth in spec.product_depths() {
            match product_spectrum(spec, depth) {
                Ok(spectrum) => predictions.product_spectra.push(spectrum),
                Err(reason) => predictions.product_spectra_withheld = Some(reason),
            }
        }
    }
    predictions
}

/// As [`predict`], root mean squares and other values only: without the typical values and spreads, which cost most of the time.
pub fn predict_values(spec: &Spec) -> Predictions {
    let forward = ForwardKernels::of(spec);
    values_of(spec, &forward, &backward_of(spec, &forward), Correlations::Kept)
}

/// As [`predict_values`], with the products between different samples of the batch left out of the gradient norms: the nearest mistake
/// of whoever adds up the samples' squared norms. For negative controls.
pub fn predict_without_correlations(spec: &Spec) -> Predictions {
    let forward = ForwardKernels::of(spec);
    values_of(spec, &forward, &backward_of(spec, &forward), Correlations::LeftOut)
}

/// Whether the sum over pairs of samples has its off-diagonal terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Correlations {
    Kept,
    LeftOut,
}

fn backward_of(spec: &Spec, forward: &ForwardKernels) -> Result<BackwardKernels, String> {
    let wants_gradients = spec.measure.quantities.iter().any(|quantity| quantity.is_gradient());
    if wants_gradients && forward.beyond().is_none() {
        BackwardKernels::of(spec, forward)
    } else {
        Err("no gradient is asked for".to_owned())
    }
}

fn values_of(
    spec: &Spec,
    forward: &ForwardKernels,
    backward: &Result<BackwardKernels, String>,
    correlations: Correlations,
) -> Predictions {
    values(&Setting::of(spec), &spec.measure.quantities, forward, backward, correlations)
}

fn values(
    setting: &Setting<'_>,
    quantities: &[Quantity],
    forward: &ForwardKernels,
    backward: &Result<BackwardKernels, String>,
    correlations: Correlations,
) -> Predictions {
    let mut predictions = Predictions::default();
    let shares = std::cell::OnceCell::new();
    for &quantity in quantities {
        match quantity {
            Quantity::GradientNorms
            | Quantity::BiasGradientNorms
            | Quantity::PreActivationGradientNorms
            | Quantity::ActivationGradientNorms => {
                gradient_norms::predict(setting, quantity, forward, backward, correlations, &mut predictions);
            }
            Quantity::LayerInputs | Quantity::PreActivations => {
                root_mean_squares::predict(quantity, forward, &mut predictions);
            }
            Quantity::BatchCorrelations => batch_correlations::predict(setting, forward, &mut predictions),
            Quantity::SaturatedFraction | Quantity::InactiveFraction => {
                let shares = shares.get_or_init(|| saturation::shares(setting, forward));
                saturation::predict(quantity, shares, forward, &mut predictions);
            }
        }
    }
    predictions
}

/// Hypotheses that every mean-field prediction shares.
fn common_hypotheses(spec: &Spec) -> Vec<String> {
    let mut hypotheses = vec![
        "width to infinity at fixed depth and fixed sigma_w, sigma_b; the gap at finite width is O(depth/width), times the batch where its samples are nearly uncorrelated"
            .to_owned(),
    ];
    let laws = spec.network.blocks.iter().filter_map(|block| block.biases.as_ref());
    let shares = laws.filter(|law| law.ensemble.excess_kurtosis() != 0.0).map(small_bias_share);
    if let Some(share) = shares.reduce(f64::min) {
        let small = if share == SMALL_BIAS_SHARE { format!("{share}") } else { format!("{share:.1e}") };
        let exception = if share > 0.0 {
            format!(
                "; where they are less than {small} of q they enter by their variance, right to second order in that share"
            )
        } else {
            String::new()
        };
        hypotheses.push(format!("biases that are not Gaussian are averaged over by their own law{exception}"));
    }
    if let Some(block) = spec.network.blocks.iter().find(|block| block.weights.ensemble.excess_kurtosis().is_infinite())
    {
        hypotheses.push(format!(
            "{} weights have no fourth moment: the limit is the one of any law of this variance, but the approach to it is slower than 1/width",
            block.weights.ensemble.spelling()
        ));
    }
    hypotheses
}

/// Largest sigma_b^2/q at which biases of this law are taken for Gaussian: [`SMALL_BIAS_SHARE`] up to the kurtosis of a uniform law,
/// beyond it less, so that the fourth cumulant in units of q^2 stays the same; 0 where it does not exist.
fn small_bias_share(law: &Law) -> f64 {
    const UNIFORM: f64 = 1.2;
    SMALL_BIAS_SHARE / (law.ensemble.excess_kurtosis().abs() / UNIFORM).max(1.0).sqrt()
}

/// Largest sigma_b^2/q at which biases that are not Gaussian are taken for Gaussian: their fourth cumulant then changes the norms by
/// 1e-5 or less.
const SMALL_BIAS_SHARE: f64 = 0.01;
