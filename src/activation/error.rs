//! What is wrong with the name of an activation.

use super::ExpressionError;
use super::registry::Entry;
use crate::names::{CallError, UnknownName};

/// A text that names no activation.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ActivationError {
    /// Not in the registry.
    #[error(transparent)]
    Unknown(#[from] UnknownName),
    /// Parentheses or commas that do not fit.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A formula that cannot be read, or is no activation.
    #[error(transparent)]
    Expression(#[from] ExpressionError),
    /// Too many parameters.
    #[error("`{given}` has {count} parameters: {name} takes {takes}, as in `{example}`")]
    ParameterCount {
        /// The text.
        given: String,
        /// The activation.
        name: &'static str,
        /// How many were given.
        count: usize,
        /// What the activation takes, in words.
        takes: String,
        /// How to write it.
        example: &'static str,
    },
    /// A parameter that is not a number, or outside its domain.
    #[error("`{given}`: `{value}` is not a value of {parameter}: write {domain}, as in `{example}`")]
    Parameter {
        /// The text.
        given: String,
        /// The parameter as written.
        value: String,
        /// Its name.
        parameter: &'static str,
        /// What it may be, in words.
        domain: String,
        /// How to write it.
        example: &'static str,
    },
    /// Not an activation with scales and shifts around it.
    #[error(
        "`{given}` {problem}: write a*f(b*x + c) + d with an activation f and numbers a, b, c, d, as in `1.7159*tanh(2/3*x)`"
    )]
    Composition {
        /// The text.
        given: String,
        /// What does not fit.
        problem: String,
    },
}

impl ActivationError {
    pub(super) fn count(entry: &Entry, given: &str, count: usize) -> Self {
        let listed: Vec<String> = entry
            .parameters
            .iter()
            .map(|parameter| format!("{} (default {})", parameter.name, parameter.default))
            .collect();
        let takes = match listed.len() {
            0 => "none".to_owned(),
            1 => format!("one, {}", listed[0]),
            n => format!("at most {n}, {}", listed.join(", ")),
        };
        Self::ParameterCount { given: given.to_owned(), name: entry.name, count, takes, example: entry.example }
    }
}
