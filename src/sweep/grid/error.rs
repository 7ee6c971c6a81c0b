//! Errors of a sweep file.

use std::path::PathBuf;

use crate::spec::{Place, SpecError};

/// Why a file is not a valid sweep. Messages name the file, the line and the axis.
#[derive(Debug, thiserror::Error)]
pub enum GridError {
    /// The specification, or the `[sweep]` table as such.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// Neither a built-in sweep nor a file.
    #[error("`{given}` is neither a file nor a built-in sweep: {suggestion}")]
    UnknownBuiltin {
        /// What was asked for.
        given: String,
        /// What may have been meant.
        suggestion: String,
    },
    /// A specification without a `[sweep]` table.
    #[error(
        "{}: there is no [sweep] table: add one with axes = {{ \"network.depth\" = [8, 16] }}, or run `gradspectra report` on one network",
        file.display()
    )]
    NoSweep {
        /// The file.
        file: PathBuf,
    },
    /// An axis that is none.
    #[error("{place}: sweep axis \"{axis}\": {problem}")]
    Axis {
        /// Where.
        place: Place,
        /// The key that it is to vary.
        axis: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// More points than anybody waits for.
    #[error(
        "{}: the sweep has {count} points, more than {most}: at least {time} on this machine, and {size} of numbers; take fewer values, or `sample`",
        file.display()
    )]
    TooMany {
        /// The file.
        file: PathBuf,
        /// How many.
        count: u128,
        /// How many there may be.
        most: usize,
        /// How long they would take, in words.
        time: String,
        /// How much they would fill, in words.
        size: String,
    },
    /// Not one of the points is a valid specification.
    #[error("none of the first {tried} places of the sweep is a valid specification; at the first: {problem}")]
    NoPoint {
        /// How many were looked at.
        tried: usize,
        /// What is wrong with the first.
        problem: Box<SpecError>,
    },
}
