//! Errors of naming an ensemble.

use crate::names::{CallError, UnknownName};

/// Why a text names no ensemble.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EnsembleError {
    /// Not a registered name.
    #[error(transparent)]
    Unknown(#[from] UnknownName),
    /// Not a name with arguments.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Too few or too many arguments.
    #[error("`{name}` takes {takes}, not {given} arguments: write `{example}`")]
    ArgumentCount {
        /// The ensemble.
        name: &'static str,
        /// What it takes.
        takes: &'static str,
        /// How many were given.
        given: usize,
        /// How to write it.
        example: &'static str,
    },
    /// An argument that is no number.
    #[error("`{name}` takes a number, not `{given}`: write `{example}`")]
    NotANumber {
        /// The ensemble.
        name: &'static str,
        /// The argument.
        given: String,
        /// How to write it.
        example: &'static str,
    },
    /// A parameter outside its range.
    #[error("the {parameter} of `{name}` is {value}; it must be {range}")]
    OutOfRange {
        /// The ensemble.
        name: &'static str,
        /// The parameter.
        parameter: &'static str,
        /// Its value.
        value: f64,
        /// What it must be.
        range: &'static str,
    },
}
