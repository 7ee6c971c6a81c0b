//! Failures and their exit codes.

use std::process::ExitCode;

use crate::claims::ClaimError;
use crate::measure::MeasureError;

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(super) enum Failure {
    /// Something that the user gave is wrong: exit code 2.
    Input(anyhow::Error),
    /// A computation failed: exit code 3.
    Numerical(anyhow::Error),
    /// The user stopped it: exit code 130.
    Interrupted,
}

impl Failure {
    pub fn input(error: impl Into<anyhow::Error>) -> Self {
        Self::Input(error.into())
    }

    pub fn numerical(error: impl Into<anyhow::Error>) -> Self {
        Self::Numerical(error.into())
    }

    /// With what it is about in front, unless the error is of a kind that says so itself.
    pub fn about(self, what: &std::path::Path) -> Self {
        let about = |error: anyhow::Error| {
            if error.is::<MeasureError>() { error.context(what.display().to_string()) } else { error }
        };
        match self {
            Self::Input(error) => Self::Input(about(error)),
            Self::Numerical(error) => Self::Numerical(about(error)),
            Self::Interrupted => Self::Interrupted,
        }
    }

    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(_) => ExitCode::from(2),
            Self::Numerical(_) => ExitCode::from(3),
            Self::Interrupted => ExitCode::from(130),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Input(error) => write!(formatter, "error: {}", one_line(error)),
            Self::Numerical(error) => write!(formatter, "numerical failure: {}", one_line(error)),
            Self::Interrupted => write!(formatter, "interrupted: nothing was written"),
        }
    }
}

/// Characters of an error message at most.
const LONGEST_LINE: usize = 500;

/// The chain of causes in one line. Typed errors already end with their cause: what has been said is not said twice.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(|cause| cause.to_string().replace('\n', " ")) {
        if line.is_empty() {
            line = cause;
        } else if !line.ends_with(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    // What the user gave is echoed, but neither its control characters nor a megabyte of it.
    let mut shown: String = printable(&line).chars().take(LONGEST_LINE).collect();
    if shown.chars().count() == LONGEST_LINE {
        shown.push('\u{2026}');
    }
    shown
}

/// A text that the user gave, without what a terminal would obey.
pub(super) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

impl From<MeasureError> for Failure {
    fn from(error: MeasureError) -> Self {
        match error {
            MeasureError::Interrupted => Self::Interrupted,
            MeasureError::TooLarge { .. } => Self::input(error),
            MeasureError::Linalg(_) | MeasureError::Pass(_) => Self::numerical(error),
        }
    }
}

impl From<ClaimError> for Failure {
    fn from(error: ClaimError) -> Self {
        match error {
            ClaimError::Measure(error) => error.into(),
            error => Self::numerical(error),
        }
    }
}
