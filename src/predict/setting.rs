//! What the quantities need to know of a network, whether a specification or statistics of given layers describe it.

use crate::activation::Activation;
use crate::spec::{Precision, Spec};

/// The network.
pub(super) struct Setting<'a> {
    /// First applied first.
    pub layers: Vec<LayerSetting<'a>>,
    /// Samples B.
    pub batch: usize,
    /// The format whose rounding counts.
    pub precision: Precision,
}

/// One layer.
pub(super) struct LayerSetting<'a> {
    pub fan_in: usize,
    pub has_biases: bool,
    pub activation: &'a dyn Activation,
}

impl<'a> Setting<'a> {
    pub fn of(spec: &'a Spec) -> Self {
        let layer = |block: &'a crate::spec::BlockSpec| LayerSetting {
            fan_in: block.fan_in,
            has_biases: block.biases.is_some(),
            activation: &*block.activation,
        };
        Self {
            layers: spec.network.blocks.iter().map(layer).collect(),
            batch: spec.data.batch,
            precision: spec.network.precision,
        }
    }
}
