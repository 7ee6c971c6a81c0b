//! Parameters that no law has.

use crate::names::UnknownName;

/// Why a law cannot be built.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LawError {
    /// Not in the registry.
    #[error(transparent)]
    Name(#[from] UnknownName),
    /// A parameter that the law does not take.
    #[error("the law `{law}` takes no --{parameter}; it takes {takes}")]
    NotTaken {
        /// The law.
        law: &'static str,
        /// The parameter.
        parameter: &'static str,
        /// What it takes.
        takes: String,
    },
    /// A parameter that the law needs.
    #[error("the law `{law}` needs --{parameter}, {what}: for example --{parameter} {example}")]
    Missing {
        /// The law.
        law: &'static str,
        /// The parameter.
        parameter: &'static str,
        /// What it is.
        what: &'static str,
        /// How to give it.
        example: &'static str,
    },
    /// A value that is not allowed.
    #[error("--{parameter} is {value}; it must be {allowed}")]
    Value {
        /// The parameter.
        parameter: &'static str,
        /// As given.
        value: String,
        /// What is allowed.
        allowed: String,
    },
    /// The numbers of the law do not pass their own checks.
    #[error("the law {law} could not be computed to {allowed:e}: {check} is off by {found:e}")]
    NotCertified {
        /// The law.
        law: String,
        /// Which check.
        check: &'static str,
        /// By how much.
        found: f64,
        /// How much is allowed.
        allowed: f64,
    },
}

impl LawError {
    /// A value that is not allowed.
    pub(crate) fn value(parameter: &'static str, value: impl ToString, allowed: impl Into<String>) -> Self {
        Self::Value { parameter, value: value.to_string(), allowed: allowed.into() }
    }
}
