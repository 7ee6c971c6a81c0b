//! Predictions from the specification alone: mean-field theory of wide networks, one quantity a file.
//!
//! The forward pass carries the covariance of the whole batch (q-map on the diagonal, c-map off it), the backward pass the
//! covariance of the gradients (chi on the diagonal, chi_c off it): the correlations between samples are part of every
//! prediction. Nothing measured enters. Where the theory does not reach, the prediction is withheld with the reason.

mod batch_correlations;
mod forward;
mod gradient_norms;
mod pre_activations;
mod saturation;

use serde::{Deserialize, Serialize};

use crate::spec::{Quantity, Spec};
use forward::ForwardKernels;

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
    /// Mean of log10: not derived for batches, always `null`.
    pub log10_mean: Option<f64>,
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

/// A prediction that is withheld.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NotPredicted {
    /// The quantity.
    pub quantity: Quantity,
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
}

impl Prediction {
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

    fn withhold(&mut self, quantity: Quantity, layers: impl IntoIterator<Item = usize>, reason: impl Into<String>) {
        let layers: Vec<usize> = layers.into_iter().collect();
        if !layers.is_empty() {
            self.not_predicted.push(NotPredicted { quantity, layers, reason: reason.into() });
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
/// Backward, `D_l^ab = delta_l^a . delta_l^b`, with `D_L = n_L P_L` for a sum or a random readout:
///
/// ```text
/// D_l = sigma_w^2 D_{l+1} o P_l
/// E |dL/dW_l|_F^2 = n_{l-1} sum_ab D_l^ab K_{l-1}^ab      E |dL/db_l|^2 = sum_ab D_l^ab      E |dL/dH_l|_F^2 = sum_a D_l^aa
/// ```
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
    predictions_with(spec, Correlations::Kept)
}

/// As [`predict`], with the products between different samples of the batch left out of the gradient norms: the nearest mistake
/// of whoever adds up the samples' squared norms. For negative controls.
pub fn predict_without_correlations(spec: &Spec) -> Predictions {
    predictions_with(spec, Correlations::LeftOut)
}

/// Whether the sum over pairs of samples has its off-diagonal terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Correlations {
    Kept,
    LeftOut,
}

fn predictions_with(spec: &Spec, correlations: Correlations) -> Predictions {
    let forward = ForwardKernels::of(spec);
    let mut predictions = Predictions::default();
    for &quantity in &spec.measure.quantities {
        match quantity {
            Quantity::GradientNorms | Quantity::BiasGradientNorms | Quantity::PreActivationGradientNorms => {
                gradient_norms::predict(spec, quantity, &forward, correlations, &mut predictions);
            }
            Quantity::PreActivations => pre_activations::predict(&forward, &mut predictions),
            Quantity::BatchCorrelations => batch_correlations::predict(spec, &forward, &mut predictions),
            Quantity::SaturatedFraction | Quantity::InactiveFraction => {
                saturation::predict(spec, quantity, &forward, &mut predictions);
            }
        }
    }
    predictions
}

/// Hypotheses that every mean-field prediction shares.
fn common_hypotheses(spec: &Spec) -> Vec<String> {
    let mut hypotheses = vec![
        "width to infinity at fixed depth and fixed sigma_w, sigma_b; the gap at finite width is O(depth/width)"
            .to_owned(),
    ];
    let mut laws = spec.network.blocks.iter().filter_map(|block| block.biases.as_ref());
    if laws.any(|law| law.ensemble.excess_kurtosis() != 0.0) {
        hypotheses.push(format!(
            "biases enter by their variance: exact for Gaussian ones, else right to second order in sigma_b^2/q (withheld above \
             {LARGEST_BIAS_SHARE})"
        ));
    }
    hypotheses
}

/// Largest sigma_b^2/q at which biases that are not Gaussian are taken for Gaussian: at 0.1 the norms of six tanh layers are off
/// by less than 0.5 %, at 0.5 by 8 %.
const LARGEST_BIAS_SHARE: f64 = 0.1;
