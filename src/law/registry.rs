//! The laws by name, and the parameters that they take.

use std::sync::Arc;

use serde::Serialize;

use super::{
    Circular, FreeProduct, FussCatalan, GinibreRadius, Growth, HardEdge, LargestSingularValue, Law, LawError,
    LyapunovSpectrum, MarchenkoPastur, ProductEigenvalues, Scaled, SmallestSingularValue, TracyWidom, Triangular,
};
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
pub const LAWS: &[Entry] = &[
    Entry {
        name: "marchenko_pastur",
        aliases: &["mp", "wishart"],
        summary: "squared singular values of one matrix, fan_out/fan_in = ratio",
        parameters: &[Parameter::Ratio, Parameter::Widths, Parameter::SigmaW],
        example: "--ratio 0.5",
        build: |given| Ok(Arc::new(MarchenkoPastur::from_parameters(given)?)),
    },
    Entry {
        name: "tracy_widom",
        aliases: &["tw"],
        summary: "largest eigenvalue of a large covariance matrix, centred and scaled",
        parameters: &[Parameter::Field],
        example: "--field real",
        build: |given| Ok(Arc::new(TracyWidom::from_parameters(given)?)),
    },
    Entry {
        name: "largest_singular_value",
        aliases: &["smax"],
        summary: "largest squared singular value of one Gaussian matrix, by Tracy-Widom",
        parameters: &[Parameter::Widths, Parameter::Field, Parameter::SigmaW],
        example: "--widths 100,200",
        build: |given| Ok(Arc::new(LargestSingularValue::from_parameters(given)?)),
    },
    Entry {
        name: "hard_edge",
        aliases: &["edelman"],
        summary: "n times the smallest singular value of a large square matrix",
        parameters: &[Parameter::Field],
        example: "--field real",
        build: |given| Ok(Arc::new(HardEdge::from_parameters(given)?)),
    },
    Entry {
        name: "smallest_singular_value",
        aliases: &["smin"],
        summary: "smallest squared singular value of one square Gaussian matrix, exact",
        parameters: &[Parameter::Widths, Parameter::Field, Parameter::SigmaW],
        example: "--widths 50",
        build: |given| Ok(Arc::new(SmallestSingularValue::from_parameters(given)?)),
    },
    Entry {
        name: "circular",
        aliases: &["girko"],
        summary: "moduli of the eigenvalues of one large square matrix",
        parameters: &[Parameter::Widths, Parameter::SigmaW],
        example: "--widths 50",
        build: |given| Ok(Arc::new(Circular::from_parameters(given)?)),
    },
    Entry {
        name: "ginibre_radius",
        aliases: &["spectral_radius"],
        summary: "spectral radius of one complex Gaussian matrix, exact",
        parameters: &[Parameter::Widths, Parameter::SigmaW],
        example: "--widths 50",
        build: |given| Ok(Arc::new(GinibreRadius::from_parameters(given)?)),
    },
    Entry {
        name: "fuss_catalan",
        aliases: &["product_square"],
        summary: "squared singular values of a product of square matrices; with one width n, exact numbers of that size",
        parameters: &[Parameter::Factors, Parameter::Widths, Parameter::SigmaW],
        example: "--factors 10",
        build: |given| Ok(Arc::new(FussCatalan::from_parameters(given)?)),
    },
    Entry {
        name: "free_product",
        aliases: &["product", "rectangular"],
        summary: "squared singular values of a product n_0 -> ... -> n_L, zeros included; ensembles gaussian, orthogonal, each with \
                  *relu or *mask(p) behind it if units are switched off",
        parameters: &[Parameter::Factors, Parameter::Widths, Parameter::Ensembles, Parameter::SigmaW],
        example: "--widths 784,256,10 --ensembles gaussian*relu,orthogonal",
        build: |given| Ok(Arc::new(FreeProduct::from_parameters(given)?)),
    },
    Entry {
        name: "growth",
        aliases: &["direction", "log_norm"],
        summary: "ln |J v| / |v| of a fixed vector through Gaussian layers, exact at any width and depth",
        parameters: &[Parameter::Widths, Parameter::Factors, Parameter::SigmaW],
        example: "--widths 50 --factors 10",
        build: |given| Ok(Arc::new(Growth::from_parameters(given)?)),
    },
    Entry {
        name: "lyapunov",
        aliases: &["newman"],
        summary: "Lyapunov exponents of products of Gaussian matrices, exact at any width",
        parameters: &[Parameter::Widths, Parameter::Factors, Parameter::SigmaW],
        example: "--widths 50",
        build: |given| Ok(Arc::new(LyapunovSpectrum::from_parameters(given)?)),
    },
    Entry {
        name: "triangular",
        aliases: &[],
        summary: "Lyapunov exponents of products of large matrices",
        parameters: &[Parameter::SigmaW],
        example: "",
        build: |_| Ok(Arc::new(Triangular)),
    },
    Entry {
        name: "product_eigenvalues",
        aliases: &["eigenvalues"],
        summary: "moduli of the eigenvalues of a product of large square matrices",
        parameters: &[Parameter::Factors, Parameter::Widths, Parameter::SigmaW],
        example: "--factors 10",
        build: |given| Ok(Arc::new(ProductEigenvalues::from_parameters(given)?)),
    },
];

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
