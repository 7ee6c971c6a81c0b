//! The quantities that are measured and predicted.

use serde::{Deserialize, Serialize};

/// One quantity of every layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Frobenius norm of dL/dW_l.
    GradientNorms,
    /// Euclidean norm of dL/db_l.
    BiasGradientNorms,
    /// Frobenius norm of dL/dH_l, the gradient with respect to the pre-activations of the whole batch: the signal that backprop
    /// carries from layer to layer, before it meets the activations in dL/dW_l.
    PreActivationGradientNorms,
    /// Frobenius norm of dL/dX_l, the gradient with respect to the activations of the whole batch: what arrives from above, before
    /// the layer's own slopes.
    ActivationGradientNorms,
    /// Root mean square of x_{l-1}, the layer's input, over units and samples.
    LayerInputs,
    /// Root mean square of the pre-activations h_l over units and samples.
    PreActivations,
    /// Mean of h_l^a . h_l^b over pairs of samples, divided by the mean of |h_l^a|^2.
    BatchCorrelations,
    /// Share of the pre-activations with 0 < |phi'(h)| < 0.05 sup |phi'|.
    SaturatedFraction,
    /// Share of the pre-activations with phi'(h) = 0 exactly.
    InactiveFraction,
}

impl Quantity {
    /// Every quantity.
    pub const ALL: [Self; 9] = [
        Self::GradientNorms,
        Self::BiasGradientNorms,
        Self::PreActivationGradientNorms,
        Self::ActivationGradientNorms,
        Self::LayerInputs,
        Self::PreActivations,
        Self::BatchCorrelations,
        Self::SaturatedFraction,
        Self::InactiveFraction,
    ];

    /// Name in the specification and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::GradientNorms => "gradient_norms",
            Self::BiasGradientNorms => "bias_gradient_norms",
            Self::PreActivationGradientNorms => "pre_activation_gradient_norms",
            Self::ActivationGradientNorms => "activation_gradient_norms",
            Self::LayerInputs => "layer_inputs",
            Self::PreActivations => "pre_activations",
            Self::BatchCorrelations => "batch_correlations",
            Self::SaturatedFraction => "saturated_fraction",
            Self::InactiveFraction => "inactive_fraction",
        }
    }

    /// Whether it is the norm of a gradient: then it takes a backward pass.
    pub fn is_gradient(self) -> bool {
        matches!(
            self,
            Self::GradientNorms
                | Self::BiasGradientNorms
                | Self::PreActivationGradientNorms
                | Self::ActivationGradientNorms
        )
    }

    /// Whether it is positive and spans decades: then it is reported by its logarithm.
    pub fn is_logarithmic(self) -> bool {
        self.is_gradient() || matches!(self, Self::LayerInputs | Self::PreActivations)
    }
}
