//! The activations that have a name.

use std::sync::Arc;

use super::{
    Activation, Arctan, Bell, Erf, ExponentialLinear, Gelu, GeluTanh, LeakyRelu, Linear, LogSigmoid, Mish,
    PiecewisePolynomial, Relu, Sigmoid, Silu, Sine, Softplus, Softsign, Tanh, Tanhshrink,
};
use crate::names::{self, Registered, UnknownName};

/// A number in parentheses behind a name.
#[derive(Debug)]
pub struct Parameter {
    /// Its name, for messages.
    pub name: &'static str,
    /// Its value where none is written.
    pub default: f64,
    /// What it may be.
    pub domain: Domain,
}

/// The values that a parameter may take: wide enough for every network, narrow enough that nothing overflows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// At most 1e6 in absolute value.
    Real,
    /// Between 1e-6 and 1e6.
    Positive,
}

impl Domain {
    /// Whether the value is in it; NaN is not.
    pub fn contains(self, value: f64) -> bool {
        match self {
            Self::Real => value.abs() <= 1e6,
            Self::Positive => (1e-6..=1e6).contains(&value),
        }
    }

    /// In words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Real => "a number between -1e6 and 1e6",
            Self::Positive => "a number between 1e-6 and 1e6",
        }
    }
}

/// One line of the registry.
#[derive(Debug)]
pub struct Entry {
    /// The name, as documented.
    pub name: &'static str,
    /// Other spellings.
    pub aliases: &'static [&'static str],
    /// What may stand in parentheses behind the name.
    pub parameters: &'static [Parameter],
    /// How to write it, with its parameters.
    pub example: &'static str,
    /// Builds the activation from one value for every parameter, each in its domain.
    pub make: fn(&[f64]) -> Arc<dyn Activation>,
}

impl Entry {
    /// The activation with its parameters at their defaults.
    pub fn activation(&self) -> Arc<dyn Activation> {
        (self.make)(&self.defaults())
    }

    pub(super) fn defaults(&self) -> Vec<f64> {
        self.parameters.iter().map(|parameter| parameter.default).collect()
    }
}

const LEAK: &[Parameter] = &[Parameter { name: "the slope a below 0", default: 0.01, domain: Domain::Real }];
const ALPHA: &[Parameter] = &[Parameter { name: "a", default: 1.0, domain: Domain::Positive }];
const BETA: &[Parameter] = &[Parameter { name: "beta", default: 1.0, domain: Domain::Positive }];
const THRESHOLD: &[Parameter] = &[Parameter { name: "the threshold l", default: 0.5, domain: Domain::Positive }];

/// An entry without parameters.
const fn plain(name: &'static str, aliases: &'static [&'static str], make: fn(&[f64]) -> Arc<dyn Activation>) -> Entry {
    Entry { name, aliases, parameters: &[], example: name, make }
}

/// Every activation that a specification or the command line can name.
pub const ACTIVATIONS: &[Entry] = &[
    plain("sigmoid", &["logistic"], |_| Arc::new(Sigmoid)),
    plain("tanh", &[], |_| Arc::new(Tanh)),
    plain("relu", &["rectifier"], |_| Arc::new(Relu)),
    Entry {
        name: "leaky_relu",
        aliases: &["leaky", "lrelu"],
        parameters: LEAK,
        example: "leaky_relu(0.01)",
        make: |p| Arc::new(LeakyRelu::new(p[0])),
    },
    plain("relu6", &[], |_| Arc::new(PiecewisePolynomial::relu6())),
    Entry {
        name: "elu",
        aliases: &[],
        parameters: ALPHA,
        example: "elu(1)",
        make: |p| Arc::new(ExponentialLinear::elu(p[0])),
    },
    plain("selu", &[], |_| Arc::new(ExponentialLinear::selu())),
    Entry {
        name: "celu",
        aliases: &[],
        parameters: ALPHA,
        example: "celu(1)",
        make: |p| Arc::new(ExponentialLinear::celu(p[0])),
    },
    plain("gelu", &["gelu_erf"], |_| Arc::new(Gelu)),
    plain("gelu_tanh", &["gelu_approximate", "gelu_new"], |_| Arc::new(GeluTanh)),
    plain("silu", &["swish"], |_| Arc::new(Silu)),
    plain("mish", &[], |_| Arc::new(Mish)),
    Entry {
        name: "softplus",
        aliases: &[],
        parameters: BETA,
        example: "softplus(1)",
        make: |p| Arc::new(Softplus::new(p[0])),
    },
    plain("softsign", &[], |_| Arc::new(Softsign)),
    plain("erf", &[], |_| Arc::new(Erf)),
    plain("sin", &["sine"], |_| Arc::new(Sine)),
    plain("arctan", &["atan"], |_| Arc::new(Arctan)),
    plain("gaussian", &["bell"], |_| Arc::new(Bell)),
    plain("hard_tanh", &[], |_| Arc::new(PiecewisePolynomial::hard_tanh())),
    plain("hard_sigmoid", &[], |_| Arc::new(PiecewisePolynomial::hard_sigmoid())),
    plain("hard_swish", &["hard_silu"], |_| Arc::new(PiecewisePolynomial::hard_swish())),
    plain("tanhshrink", &[], |_| Arc::new(Tanhshrink)),
    Entry {
        name: "softshrink",
        aliases: &[],
        parameters: THRESHOLD,
        example: "softshrink(0.5)",
        make: |p| Arc::new(PiecewisePolynomial::soft_shrink(p[0])),
    },
    plain("logsigmoid", &[], |_| Arc::new(LogSigmoid)),
    plain("squared_relu", &["relu2", "relu_squared"], |_| Arc::new(PiecewisePolynomial::squared_relu())),
    plain("linear", &["identity", "none"], |_| Arc::new(Linear)),
];

/// The names and how to write parameters and scales, for the help of commands.
pub fn spellings() -> String {
    let names: Vec<&str> =
        ACTIVATIONS.iter().map(|entry| if entry.parameters.is_empty() { entry.name } else { entry.example }).collect();
    format!("{}; with scales and shifts as in 1.7159*tanh(2/3*x)", names.join(", "))
}

impl Registered for Entry {
    fn name(&self) -> &'static str {
        self.name
    }

    fn aliases(&self) -> &'static [&'static str] {
        self.aliases
    }
}

/// The entry of a name, without parameters.
pub(super) fn entry(name: &str) -> Result<&'static Entry, UnknownName> {
    names::find("activation", ACTIVATIONS, name)
}

/// The canonical spelling of an entry with parameters: bare at the defaults.
pub(super) fn spelling(name: &'static str, values: &[f64]) -> String {
    let defaults = entry(name).map(Entry::defaults).unwrap_or_default();
    if defaults == values {
        return name.to_owned();
    }
    let values: Vec<String> = values.iter().map(f64::to_string).collect();
    format!("{name}({})", values.join(", "))
}
