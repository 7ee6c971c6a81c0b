//! What one layer does to the gradient on its way back, by cause.

use serde::{Deserialize, Serialize};

/// log10 of the factor by which the root mean square of the weight gradient changes from layer `layer + 1` to layer `layer`, and its parts.
///
/// # Formula
///
/// With `delta_l = dL/dh_l`, `g_l = dL/dx_l = W_{l+1}^T delta_{l+1}`, norms over the batch, and the alignment
/// `A_l = sum_ab (delta_l^a . delta_l^b)(x_{l-1}^a . x_{l-1}^b) / (|delta_l|^2 |x_{l-1}|^2 / B)`, between 0 and B, the square of a weight gradient is
/// `|dL/dW_l|^2 = |delta_l|^2 (|x_{l-1}|^2 / B) A_l`. Hence, in mean squares, exactly:
///
/// ```text
/// weights    = log10 |g_l| / |delta_{l+1}|        at infinite width log10 sigma_w
/// saturation = log10 |delta_l| / |g_l|            at infinite width log10 sqrt(E phi'^2), where nothing is aligned
/// input      = log10 |x_{l-1}| / |x_l|
/// alignment  = log10 sqrt(A_l / A_{l+1})
/// total      = weights + saturation + input + alignment = log10 |dL/dW_l| / |dL/dW_{l+1}|
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Gain<T> {
    /// The layer that the gradient goes to, from 1.
    pub layer: usize,
    /// What W^T does to the norm.
    pub weights: T,
    /// What the slopes of the activation do.
    pub saturation: T,
    /// What the size of the layer's input does.
    pub input: T,
    /// What the agreement between the samples of the batch does.
    pub alignment: T,
    /// Their sum.
    pub total: T,
}

impl<T: Copy> Gain<T> {
    /// The same with every number mapped.
    pub fn map<U>(&self, map: impl Fn(T) -> U) -> Gain<U> {
        Gain {
            layer: self.layer,
            weights: map(self.weights),
            saturation: map(self.saturation),
            input: map(self.input),
            alignment: map(self.alignment),
            total: map(self.total),
        }
    }

    /// The parts with their names, in the order in which the gradient meets them.
    pub fn parts(&self) -> [(&'static str, T); 4] {
        [
            ("weights", self.weights),
            ("saturation", self.saturation),
            ("input", self.input),
            ("alignment", self.alignment),
        ]
    }
}
