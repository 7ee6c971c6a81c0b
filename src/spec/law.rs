//! Laws of weights and biases.

use std::sync::Arc;

use crate::ensemble::{Ensemble, Gaussian, Uniform};
use crate::names::Registered;

/// An ensemble at a scale.
#[derive(Debug, Clone)]
pub struct Law {
    /// The ensemble.
    pub ensemble: Arc<dyn Ensemble>,
    /// Standard deviation of an entry.
    pub std: f64,
}

/// A named initialisation scheme for weights.
#[derive(Debug)]
pub struct Preset {
    /// The name, as documented.
    pub name: &'static str,
    /// Other spellings.
    pub aliases: &'static [&'static str],
    /// What it is, for the help.
    pub formula: &'static str,
    /// Standard deviation of an entry from (fan_in, fan_out).
    pub std: fn(f64, f64) -> f64,
    /// The ensemble, unless the specification names another.
    pub ensemble: fn() -> Arc<dyn Ensemble>,
}

impl Registered for Preset {
    fn name(&self) -> &'static str {
        self.name
    }

    fn aliases(&self) -> &'static [&'static str] {
        self.aliases
    }
}

/// Every preset for weights.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "he",
        aliases: &[],
        formula: "variance 2/fan_in, Gaussian (He et al. 2015)",
        std: |fan_in, _| (2.0 / fan_in).sqrt(),
        ensemble: || Arc::new(Gaussian),
    },
    Preset {
        name: "xavier",
        aliases: &["glorot"],
        formula: "variance 2/(fan_in + fan_out), Gaussian (Glorot and Bengio 2010)",
        std: |fan_in, fan_out| (2.0 / (fan_in + fan_out)).sqrt(),
        ensemble: || Arc::new(Gaussian),
    },
    Preset {
        name: "lecun",
        aliases: &[],
        formula: "variance 1/fan_in, Gaussian (LeCun et al. 1998)",
        std: |fan_in, _| fan_in.sqrt().recip(),
        ensemble: || Arc::new(Gaussian),
    },
    Preset {
        name: "torch",
        aliases: &["pytorch", "default"],
        formula: "uniform within 1/sqrt(fan_in): PyTorch's default for nn.Linear",
        std: |fan_in, _| (3.0 * fan_in).sqrt().recip(),
        ensemble: || Arc::new(Uniform),
    },
];
