//! Laws of random spectra: densities, distribution functions, quantiles, atoms and moments, one file each.
//!
//! [`LAWS`] is the registry from which the command line follows. Every law is that of matrices whose entries have variance 1/fan_in;
//! [`Scaled`] moves it to another sigma_w. W is fan_out x fan_in throughout, `J = W_L ... W_1`, x a squared singular value of J.

mod circular;
#[cfg(test)]
mod contract;
mod error;
mod finite_size;
mod free_product;
mod fuss_catalan;
mod growth;
mod hard_edge;
mod largest_singular_value;
mod log_gamma_sum;
mod lyapunov;
mod marchenko_pastur;
mod product_eigenvalues;
mod registry;
mod scaled;
mod smallest_singular_value;
mod spectral_radius;
mod tracy_widom;
mod triangular;
mod widths;

use std::fmt::Debug;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

pub use circular::{Circular, expected_real_eigenvalues};
pub use error::LawError;
pub use finite_size::gaussian_second_moment;
pub use free_product::{FreeProduct, Layer, Weights};
pub use fuss_catalan::FussCatalan;
pub use growth::Growth;
pub use hard_edge::HardEdge;
pub use largest_singular_value::LargestSingularValue;
pub use lyapunov::{LargestSum, LyapunovSpectrum};
pub use marchenko_pastur::MarchenkoPastur;
pub use product_eigenvalues::{LogRadius, ProductEigenvalues};
pub use registry::{Entry, Field, LAWS, Parameter, Parameters, build, find};
pub use scaled::Scaled;
pub use smallest_singular_value::SmallestSingularValue;
pub use spectral_radius::GinibreRadius;
pub use tracy_widom::TracyWidom;
pub use triangular::Triangular;

/// What a law is the law of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Variable {
    /// The square of a singular value.
    SquaredSingularValue,
    /// The modulus of an eigenvalue.
    EigenvalueModulus,
    /// A Lyapunov exponent, in nats a layer.
    LyapunovExponent,
    /// `ln |J v| / |v|` for a fixed vector v, in nats.
    LogNorm,
    /// A largest eigenvalue, centred and scaled to the Tracy-Widom law.
    ScaledLargest,
    /// `n s_min / sigma_w`, the smallest singular value of a square matrix in units of its typical size.
    ScaledSmallest,
}

impl Variable {
    /// In words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::SquaredSingularValue => "squared singular value",
            Self::EigenvalueModulus => "modulus of an eigenvalue",
            Self::LyapunovExponent => "Lyapunov exponent, nats a layer",
            Self::LogNorm => "ln of the factor by which a fixed vector grows, nats",
            Self::ScaledLargest => "largest eigenvalue, centred and scaled",
            Self::ScaledSmallest => "n times the smallest singular value, in units of sigma_w",
        }
    }

    /// Whether it takes positive values only, so that logarithms of it make sense.
    pub fn is_positive(self) -> bool {
        matches!(self, Self::SquaredSingularValue | Self::EigenvalueModulus | Self::ScaledSmallest)
    }
}

/// A probability concentrated at one point.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Atom {
    /// The point.
    pub at: f64,
    /// Its probability.
    pub mass: f64,
}

/// The hull of the support of the continuous part; either end may be infinite.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Support {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// How the variable answers to sigma_w.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scaling {
    /// It is multiplied by `sigma_w^power`.
    Power(f64),
    /// `count * ln sigma_w` is added.
    Shift(f64),
    /// Not at all: it is measured in units of sigma_w.
    None,
}

/// A number that belongs to a law.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fact {
    /// Name, in snake case.
    pub name: &'static str,
    /// The number.
    pub value: f64,
    /// What it is.
    pub meaning: String,
}

impl Fact {
    /// A fact.
    pub fn new(name: &'static str, value: f64, meaning: impl Into<String>) -> Self {
        Self { name, value, meaning: meaning.into() }
    }
}

/// A probability law of a number of a random spectrum.
///
/// Of NaN every function is NaN; outside the support densities are exactly 0 and distribution functions exactly 0 or 1.
pub trait Law: Debug + Send + Sync {
    /// One line: the name with its parameters.
    fn title(&self) -> String;

    /// What it is the law of.
    fn variable(&self) -> Variable;

    /// Under which hypotheses, and whether it is a limit or exact.
    fn hypotheses(&self) -> &'static str;

    /// Where it comes from.
    fn source(&self) -> &'static str;

    /// How the variable answers to sigma_w.
    fn scaling(&self) -> Scaling;

    /// Support of the continuous part; of a purely atomic law the hull of the atoms.
    fn support(&self) -> Support;

    /// Atoms, in increasing order.
    fn atoms(&self) -> Vec<Atom> {
        Vec::new()
    }

    /// Density of the continuous part, per unit of the variable; infinite where it diverges.
    fn pdf(&self, x: f64) -> f64;

    /// `P(X <= x)`, atoms included.
    fn cdf(&self, x: f64) -> f64;

    /// `P(X > x)`; laws that know it keep relative accuracy in the upper tail.
    fn survival(&self, x: f64) -> f64 {
        1.0 - self.cdf(x)
    }

    /// The smallest x with `cdf(x) >= p`, for 0 <= p <= 1; NaN for any other p.
    fn quantile(&self, p: f64) -> f64;

    /// `E X^k`, atoms included; `None` if it does not exist or is not known.
    fn moment(&self, k: u32) -> Option<f64>;

    /// `E ln X` of a positive variable; `None` if it does not exist or is not known.
    fn mean_log(&self) -> Option<f64> {
        None
    }

    /// Density of `ln X`, per nat, for a positive variable whose values may leave the range of doubles.
    fn pdf_of_ln(&self, ln_x: f64) -> f64 {
        let x = ln_x.exp();
        if x > 0.0 && x.is_finite() { x * self.pdf(x) } else { 0.0 }
    }

    /// `P(ln X <= ln_x)`.
    fn cdf_of_ln(&self, ln_x: f64) -> f64 {
        self.cdf(ln_x.exp())
    }

    /// `ln` of the quantile; `-inf` in an atom at 0.
    fn ln_quantile(&self, p: f64) -> f64 {
        self.quantile(p).ln()
    }

    /// `ln` of the upper end of the support, which may leave the range of doubles.
    fn ln_upper_edge(&self) -> f64 {
        self.support().high.ln()
    }

    /// What else is known: exact numbers of finite matrices, named constants.
    fn facts(&self) -> Vec<Fact> {
        Vec::new()
    }

    /// One draw, by inversion.
    fn sample(&self, generator: &mut ChaCha8Rng) -> f64 {
        self.quantile(generator.random::<f64>())
    }
}

/// The distribution function outside the support: 0 below, 1 above, NaN for NaN; `None` inside.
fn outside(x: f64, support: Support) -> Option<f64> {
    if x.is_nan() {
        Some(f64::NAN)
    } else if x < support.low {
        Some(0.0)
    } else if x > support.high {
        Some(1.0)
    } else {
        None
    }
}
