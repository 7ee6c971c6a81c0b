//! The laws by name, and the parameters that they take.

use std::sync::Arc;

use serde::Serialize;

use super::{Law, LawError, MarchenkoPastur, Scaled};
use crate::names::{self, Registered};

/// Whether entries are real or complex.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Real entries: what networks have.
    #[default]
    Real,
    /// Complex entries, for comparison.
    Complex,
}

/// A parameter of laws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    /// Rows over columns.
    Ratio,
    /// Number of factors L.
    Factors,
    /// Widths n_0, ..., n_L.
    Widths,
    /// Ensembles of the factors.
    Ensembles,
    /// Real or complex entries.
    Field,
    /// Scale of the weights.
    SigmaW,
}

impl Parameter {
    /// As an option of the command line, without dashes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ratio => "ratio",
            Self::Factors => "factors",
            Self::Widths => "widths",
            Self::Ensembles => "ensembles",
            Self::Field => "field",
            Self::SigmaW => "sigma-w",
        }
    }
}

/// Values of parameters, as given.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters {
    /// Rows over columns.
    pub ratio: Option<f64>,
    /// Number of factors.
    pub factors: Option<usize>,
    /// Widths n_0, ..., n_L; a single one for laws of square matrices.
    pub widths: Vec<usize>,
    /// Ensembles of the factors, first applied first; a single one for all.
    pub ensembles: Vec<String>,
    /// Real or complex entries.
    pub field: Option<Field>,
    /// Scale of the weights.
    pub sigma_w: Option<f64>,
}

impl Parameters {
    fn given(&self) -> Vec<Parameter> {
        let all = [
            (self.ratio.is_some(), Parameter::Ratio),
            (self.factors.is_some(), Parameter::Factors),
            (!self.widths.is_empty(), Parameter::Widths),
            (!self.ensembles.is_empty(), Parameter::Ensembles),
            (self.field.is_some(), Parameter::Field),
            (self.sigma_w.is_some(), Parameter::SigmaW),
        ];
        all.into_iter().filter_map(|(given, parameter)| given.then_some(parameter)).collect()
    }
}

/// One line of the registry.
#[derive(Debug)]
pub struct Entry {
    /// The name, as documented.
    pub name: &'static str,
    /// Other spellings.
    pub aliases: &'static [&'static str],
    /// What it is the law of, one line.
    pub summary: &'static str,
    /// What it takes.
    pub parameters: &'static [Parameter],
    /// How to call it, without the name.
    pub example: &'static str,
    /// The checked constructor.
    build: fn(&Parameters) -> Result<Arc<dyn Law>, LawError>,
}

impl Registered for Entry {
    fn name(&self) -> &'static str {
        self.name
    }

    fn aliases(&self) -> &'static [&'static str] {
        self.aliases
    }
}

/// Every law that the command line can name.
pub const LAWS: &[Entry] = &[Entry {
    name: "marchenko_pastur",
    aliases: &["mp", "wishart"],
    summary: "squared singular values of one matrix, fan_out/fan_in = ratio",
    parameters: &[Parameter::Ratio, Parameter::Widths, Parameter::SigmaW],
    example: "--ratio 0.5",
    build: |given| Ok(Arc::new(MarchenkoPastur::from_parameters(given)?)),
}];

/// The line of the registry with the given name or alias; case and underscores do not count.
///
/// # Errors
///
/// [`LawError::Name`] with the nearest known name.
pub fn find(name: &str) -> Result<&'static Entry, LawError> {
    Ok(names::find("law", LAWS, name)?)
}

/// The law of the given name and parameters.
///
/// # Errors
///
/// [`LawError`]: an unknown name with the nearest known one, a parameter that is not taken, missing or not allowed.
///
/// # Example
///
/// ```
/// use gradspectra::law::{Parameters, build};
/// let law = build("marchenko_pastur", &Parameters { ratio: Some(1.0), ..Parameters::default() })?;
/// assert!((law.quantile(0.5) - 0.652775941633570).abs() < 1e-14);
/// # Ok::<(), gradspectra::law::LawError>(())
/// ```
pub fn build(name: &str, given: &Parameters) -> Result<Arc<dyn Law>, LawError> {
    let entry = find(name)?;
    if let Some(parameter) = given.given().into_iter().find(|parameter| !entry.parameters.contains(parameter)) {
        let takes: Vec<String> = entry.parameters.iter().map(|parameter| format!("--{}", parameter.name())).collect();
        return Err(LawError::NotTaken {
            law: entry.name,
            parameter: parameter.name(),
            takes: if takes.is_empty() { "no parameters".to_owned() } else { takes.join(", ") },
        });
    }
    let law = (entry.build)(given)?;
    match given.sigma_w {
        None => Ok(law),
        Some(sigma_w) if sigma_w > 0.0 && sigma_w.is_finite() => Ok(Arc::new(Scaled::new(law, sigma_w))),
        Some(sigma_w) => Err(LawError::value("sigma-w", sigma_w, "above 0 and finite")),
    }
}
