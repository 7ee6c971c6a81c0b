//! The atlas of spectra: every law of random products beside matrices that were drawn, and the cases in which eigenvalues mislead.

mod crossover;
mod densities;
mod eigenvalue_cases;
mod extremes;
mod staircase;

use serde::{Deserialize, Serialize};

pub use crossover::{Crossover, CrossoverCurve, CrossoverPoint};
pub use densities::{Densities, ProductDensity, WidthDistance};
pub use eigenvalue_cases::{EigenvalueCases, Plane, PlanePanel};
pub use extremes::{Extreme, Extremes};
pub use staircase::{ExponentHistory, Staircase};

use crate::linalg::blas_core;
use crate::measure::{MeasureError, Progress};
use crate::study::StudyError;

/// Marks a file as an atlas, with the version of its layout.
const FORMAT: &str = "gradspectra laws 1";

/// Everything that the page about spectra shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Atlas {
    /// `gradspectra laws <version of the layout>`.
    pub format: String,
    /// Version of the program that made it.
    pub version: String,
    /// The processor kernel of the BLAS that ran it.
    pub blas_core: String,
    /// Seed.
    pub seed: u64,
    /// Singular values of products of 1 to 32 factors, and how fast they come to their law.
    pub densities: Densities,
    /// Lyapunov exponents.
    pub staircase: Staircase,
    /// From the free to the frozen spectrum.
    pub crossover: Crossover,
    /// Largest and smallest singular values.
    pub extremes: Extremes,
    /// Eigenvalues against singular values.
    pub eigenvalues: EigenvalueCases,
}

impl Atlas {
    /// Draws the matrices and lays the laws over them.
    ///
    /// # Errors
    ///
    /// [`MeasureError`] if a decomposition fails or the measurement is interrupted.
    pub fn run(seed: u64, progress: &dyn Progress) -> Result<Self, MeasureError> {
        Ok(Self {
            format: FORMAT.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            blas_core: blas_core(),
            seed,
            densities: Densities::run(seed, progress)?,
            staircase: Staircase::run(seed, progress)?,
            crossover: Crossover::run(seed, progress)?,
            extremes: Extremes::run(seed, progress)?,
            eigenvalues: EigenvalueCases::run(seed, progress)?,
        })
    }

    /// Whether a file that says it is `format` is an atlas, of whatever version.
    pub fn is_format(format: &str) -> bool {
        format.starts_with("gradspectra laws ")
    }

    /// An atlas from its JSON text.
    ///
    /// # Errors
    ///
    /// [`StudyError`] if the text is not an atlas, or one of another layout.
    pub fn from_json(text: &str) -> Result<Self, StudyError> {
        #[derive(Deserialize)]
        struct Header {
            format: String,
        }
        let header: Header = serde_json::from_str(text)?;
        if header.format != FORMAT {
            return Err(StudyError::Format { found: header.format, read: FORMAT });
        }
        let atlas: Self = serde_json::from_str(text)?;
        atlas.check().map_err(StudyError::Content)?;
        Ok(atlas)
    }

    /// The JSON text, from which the same page renders again.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("plain data serialises")
    }

    /// What the figures take for granted and a file from outside may not hold.
    fn check(&self) -> Result<(), &'static str> {
        check_numbers(self)?;
        self.densities.check()?;
        self.staircase.check()?;
        self.crossover.check()?;
        self.extremes.check()?;
        self.eigenvalues.check()
    }
}

/// Numbers of the atlas are logarithms, sizes and counts of a moderate size: what is drawn must stay within the range of a drawing.
const LARGEST: f64 = 1e6;

/// No number beyond what can be drawn.
pub(super) fn check_numbers(data: &impl Serialize) -> Result<(), &'static str> {
    fn moderate(value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::Number(number) => number.as_f64().is_some_and(|number| number.abs() <= LARGEST),
            serde_json::Value::Array(values) => values.iter().all(moderate),
            // A seed may be anything.
            serde_json::Value::Object(entries) => entries.iter().all(|(key, value)| key == "seed" || moderate(value)),
            _ => true,
        }
    }
    match serde_json::to_value(data) {
        Ok(value) if moderate(&value) => Ok(()),
        _ => Err("a number is beyond anything that can be drawn"),
    }
}
