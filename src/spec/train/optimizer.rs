//! The rules that turn gradients into updates.

use serde::{Deserialize, Serialize};

/// An optimiser with its constants. Defaults and conventions are PyTorch's, but for the weight decay of AdamW, which is 0 unless it is given.
///
/// # Formula
///
/// With g the gradient (weight decay added, except for AdamW), w the parameter, eta the learning rate of step t = 1, 2, ...:
///
/// ```text
/// SGD       v = mu v + g            w -= eta v        (Nesterov: w -= eta (g + mu v))
/// RMSProp   s = alpha s + (1 - alpha) g^2             w -= eta g / (sqrt(s) + eps)
/// Adam      m = b1 m + (1 - b1) g   s = b2 s + (1 - b2) g^2
///           w -= eta m / (1 - b1^t) / (sqrt(s / (1 - b2^t)) + eps)
/// AdamW     w *= 1 - eta lambda, then as Adam
/// ```
///
/// # Source
///
/// Sutskever et al. 2013 (momentum); Tieleman and Hinton 2012 (RMSProp); Kingma and Ba 2015 (Adam, algorithm 1); Loshchilov and Hutter
/// 2019 (AdamW, algorithm 2). Epsilon stands outside the root, as in `torch.optim`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Optimizer {
    /// Stochastic gradient descent, with or without momentum.
    Sgd {
        /// mu; 0 for none.
        momentum: f64,
        /// Whether the gradient is looked at one momentum step ahead.
        nesterov: bool,
    },
    /// RMSProp.
    RmsProp {
        /// Share of the mean square that is kept from step to step.
        alpha: f64,
        /// Added to the root mean square.
        epsilon: f64,
    },
    /// Adam.
    Adam {
        /// b1.
        beta1: f64,
        /// b2.
        beta2: f64,
        /// eps.
        epsilon: f64,
    },
    /// Adam with decoupled weight decay.
    AdamW {
        /// b1.
        beta1: f64,
        /// b2.
        beta2: f64,
        /// eps.
        epsilon: f64,
    },
}

impl Optimizer {
    /// Names in the specification, with the optimiser that each stands for.
    pub const ALL: [(&'static str, Self); 6] = [
        ("sgd", Self::Sgd { momentum: 0.0, nesterov: false }),
        ("momentum", Self::Sgd { momentum: 0.9, nesterov: false }),
        ("nesterov", Self::Sgd { momentum: 0.9, nesterov: true }),
        ("rmsprop", Self::RmsProp { alpha: 0.99, epsilon: 1e-8 }),
        ("adam", Self::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }),
        ("adamw", Self::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }),
    ];

    /// Name in the specification.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sgd { momentum, .. } if *momentum == 0.0 => "sgd",
            Self::Sgd { nesterov: false, .. } => "momentum",
            Self::Sgd { nesterov: true, .. } => "nesterov",
            Self::RmsProp { .. } => "rmsprop",
            Self::Adam { .. } => "adam",
            Self::AdamW { .. } => "adamw",
        }
    }

    /// How many numbers it keeps for every parameter.
    pub fn slots(&self) -> usize {
        match self {
            Self::Sgd { momentum, .. } => usize::from(*momentum != 0.0),
            Self::RmsProp { .. } => 1,
            Self::Adam { .. } | Self::AdamW { .. } => 2,
        }
    }
}
