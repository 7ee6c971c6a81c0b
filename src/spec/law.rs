//! Laws of weights and biases.

use std::sync::Arc;

use crate::activation::Activation;
use crate::ensemble::{Ensemble, Gaussian, Uniform};
use crate::mean_field::critical_sigma_w;
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
    /// The law for what stands in its parentheses, or why there is none.
    pub law: Scheme,
}

/// How a preset becomes a law.
#[derive(Debug)]
pub enum Scheme {
    /// It takes no arguments.
    Plain {
        /// Standard deviation of an entry, or why there is none.
        std: fn(&Surroundings<'_>) -> Result<f64, String>,
        /// The ensemble, unless the specification names another.
        ensemble: fn() -> Arc<dyn Ensemble>,
    },
    /// It reads its arguments.
    Arguments(fn(&[&str], &Surroundings<'_>) -> Result<Law, String>),
}

impl Preset {
    /// The law of the weights under these surroundings.
    ///
    /// # Errors
    ///
    /// What is wrong with the arguments, or why there is no such law, in words that follow the name.
    pub fn law(&self, arguments: &[&str], surroundings: &Surroundings<'_>) -> Result<Law, String> {
        match &self.law {
            Scheme::Plain { .. } if !arguments.is_empty() => Err("takes nothing in parentheses".to_owned()),
            Scheme::Plain { std, ensemble } => Ok(Law { ensemble: ensemble(), std: std(surroundings)? }),
            Scheme::Arguments(law) => law(arguments, surroundings),
        }
    }
}

/// What a scheme may look at.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// Columns of the matrix.
    pub fan_in: f64,
    /// Rows of the matrix.
    pub fan_out: f64,
    /// The activation behind it.
    pub activation: &'a dyn Activation,
    /// Standard deviation of the biases.
    pub sigma_b: f64,
}

impl Registered for Preset {
    fn name(&self) -> &'static str {
        self.name
    }

    fn aliases(&self) -> &'static [&'static str] {
        self.aliases
    }
}

/// Every preset for weights but those of `torch.nn.init`, which are [`TORCH_SCHEMES`](super::TORCH_SCHEMES).
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "he",
        aliases: &[],
        formula: "variance 2/fan_in, Gaussian (He et al. 2015)",
        law: Scheme::Plain { std: |block| Ok((2.0 / block.fan_in).sqrt()), ensemble: || Arc::new(Gaussian) },
    },
    Preset {
        name: "xavier",
        aliases: &["glorot"],
        formula: "variance 2/(fan_in + fan_out), Gaussian (Glorot and Bengio 2010)",
        law: Scheme::Plain {
            std: |block| Ok((2.0 / (block.fan_in + block.fan_out)).sqrt()),
            ensemble: || Arc::new(Gaussian),
        },
    },
    Preset {
        name: "lecun",
        aliases: &[],
        formula: "variance 1/fan_in, Gaussian (LeCun et al. 1998)",
        law: Scheme::Plain { std: |block| Ok(block.fan_in.sqrt().recip()), ensemble: || Arc::new(Gaussian) },
    },
    Preset {
        name: "torch",
        aliases: &["pytorch", "default"],
        formula: "uniform within 1/sqrt(fan_in): PyTorch's default for nn.Linear",
        law: Scheme::Plain { std: |block| Ok((3.0 * block.fan_in).sqrt().recip()), ensemble: || Arc::new(Uniform) },
    },
    Preset {
        name: "critical",
        aliases: &["edge_of_chaos"],
        formula: "the sigma_w at which chi_1 = 1 for this activation and sigma_b, Gaussian (Schoenholz et al. 2017)",
        law: Scheme::Plain {
            std: |block| {
                let critical = critical_sigma_w(block.activation, block.sigma_b).map_err(|error| error.to_string())?;
                Ok(critical.sigma_w / block.fan_in.sqrt())
            },
            ensemble: || Arc::new(Gaussian),
        },
    },
];
