//! The functions and constants that an expression can name.

use crate::names::{self, Registered};

/// What a call computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Exp,
    ExpM1,
    Log,
    Log1p,
    Sqrt,
    Abs,
    Sign,
    Step,
    Relu,
    Sin,
    Cos,
    Tan,
    Arctan,
    Sinh,
    Cosh,
    Tanh,
    Erf,
    Erfc,
    Phi,
    Sigmoid,
    Softplus,
    Gelu,
    Silu,
    Max,
    Min,
    Pow,
    Clamp,
}

/// One line of the registry.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: &'static str,
    aliases: &'static [&'static str],
    pub(super) function: Function,
    pub(super) arguments: usize,
}

const fn entry(name: &'static str, aliases: &'static [&'static str], function: Function, arguments: usize) -> Entry {
    Entry { name, aliases, function, arguments }
}

/// Every function; case does not count.
pub(super) const FUNCTIONS: &[Entry] = &[
    entry("exp", &[], Function::Exp, 1),
    entry("log", &["ln"], Function::Log, 1),
    entry("log1p", &[], Function::Log1p, 1),
    entry("expm1", &[], Function::ExpM1, 1),
    entry("sqrt", &[], Function::Sqrt, 1),
    entry("abs", &[], Function::Abs, 1),
    entry("sign", &["sgn"], Function::Sign, 1),
    entry("step", &["heaviside"], Function::Step, 1),
    entry("relu", &[], Function::Relu, 1),
    entry("sin", &[], Function::Sin, 1),
    entry("cos", &[], Function::Cos, 1),
    entry("tan", &[], Function::Tan, 1),
    entry("arctan", &["atan"], Function::Arctan, 1),
    entry("sinh", &[], Function::Sinh, 1),
    entry("cosh", &[], Function::Cosh, 1),
    entry("tanh", &[], Function::Tanh, 1),
    entry("erf", &[], Function::Erf, 1),
    entry("erfc", &[], Function::Erfc, 1),
    entry("Phi", &["normcdf"], Function::Phi, 1),
    entry("sigmoid", &["logistic"], Function::Sigmoid, 1),
    entry("softplus", &[], Function::Softplus, 1),
    entry("gelu", &[], Function::Gelu, 1),
    entry("silu", &["swish"], Function::Silu, 1),
    entry("max", &[], Function::Max, 2),
    entry("min", &[], Function::Min, 2),
    entry("pow", &[], Function::Pow, 2),
    entry("clamp", &["clip"], Function::Clamp, 3),
];

impl Registered for Entry {
    fn name(&self) -> &'static str {
        self.name
    }

    fn aliases(&self) -> &'static [&'static str] {
        self.aliases
    }
}

/// The function of the given name.
pub(super) fn find(given: &str) -> Result<&'static Entry, names::UnknownName> {
    names::find("function", FUNCTIONS, given)
}

/// A named number.
#[derive(Debug, PartialEq)]
pub(super) struct Constant {
    pub(super) name: &'static str,
    pub(super) value: f64,
}

/// Every constant.
pub(super) const CONSTANTS: &[Constant] =
    &[Constant { name: "pi", value: std::f64::consts::PI }, Constant { name: "e", value: std::f64::consts::E }];
