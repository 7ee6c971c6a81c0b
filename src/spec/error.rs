//! Errors of a specification.

use std::path::PathBuf;

use super::BUILTIN_SPECS;
use crate::data::GivenError;
use crate::names;

/// A place in a specification: file and line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}", self.file.display(), self.line)
    }
}

/// Why a specification is not valid. Every message names the file, and the line and key where there is one.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// The file cannot be read.
    #[error("{}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Neither a built-in specification nor a file.
    #[error("`{given}` is neither a file nor a built-in specification: {suggestion}")]
    UnknownBuiltin {
        /// What was asked for.
        given: String,
        /// What may have been meant.
        suggestion: String,
    },
    /// Not TOML.
    #[error("{place}: {message}")]
    Syntax {
        /// Where.
        place: Place,
        /// What the parser found.
        message: String,
    },
    /// A key that no table of this kind has.
    #[error("{place}: unknown key `{key}` in {table}: {suggestion}")]
    UnknownKey {
        /// Where.
        place: Place,
        /// The key.
        key: String,
        /// The table it stands in.
        table: String,
        /// What may have been meant.
        suggestion: String,
    },
    /// A key that must be there.
    #[error("{place}: {table} needs the key `{key}`{hint}")]
    MissingKey {
        /// The table's place.
        place: Place,
        /// The table.
        table: String,
        /// The key.
        key: &'static str,
        /// How to write it, or nothing.
        hint: &'static str,
    },
    /// A value of the wrong type or outside its range.
    #[error("{place}: `{key}` {message}")]
    Value {
        /// Where.
        place: Place,
        /// The key, with its table.
        key: String,
        /// What is wrong and what is right.
        message: String,
    },
    /// The input file named by `data.path`.
    #[error("{place}: `data.path`: {source}")]
    Data {
        /// Where.
        place: Place,
        /// What is wrong with it. Boxed: it is much larger than any other error of a specification.
        source: Box<GivenError>,
    },
}

impl SpecError {
    /// The message without its place.
    pub(crate) fn problem(&self) -> String {
        let text = self.to_string();
        let place = match self {
            Self::Read { .. } | Self::UnknownBuiltin { .. } => None,
            Self::Syntax { place, .. }
            | Self::UnknownKey { place, .. }
            | Self::MissingKey { place, .. }
            | Self::Value { place, .. }
            | Self::Data { place, .. } => Some(place),
        };
        let problem = place.and_then(|place| text.strip_prefix(&format!("{place}: ")).map(str::to_owned));
        problem.unwrap_or(text)
    }

    pub(super) fn unknown_builtin(given: &str) -> Self {
        Self::UnknownBuiltin {
            given: given.to_owned(),
            suggestion: names::suggestion(given, BUILTIN_SPECS.iter().map(|builtin| builtin.name)),
        }
    }
}
