//! Ensembles of random weight matrices, each normalised by the mean square of an entry.
//!
//! One file per ensemble; [`ENSEMBLES`] is the registry from which the names of the specification follow. A name may carry
//! arguments in parentheses, `student_t(5)`: its constructor checks them.

mod error;
mod gaussian;
mod orthogonal;
mod rademacher;
mod sparse;
mod sparse_columns;
mod student_t;
#[cfg(test)]
mod test_support;
mod truncated_normal;
mod uniform;

use std::fmt::Debug;
use std::sync::Arc;

use nalgebra::DMatrix;
use rand_chacha::ChaCha8Rng;

pub use error::EnsembleError;
pub use gaussian::{Gaussian, bartlett_factor, gaussian_log_square, gaussian_singular_values};
pub use orthogonal::Orthogonal;
pub use rademacher::Rademacher;
pub use sparse::Sparse;
pub use sparse_columns::SparseColumns;
pub use student_t::StudentT;
pub use truncated_normal::TruncatedNormal;
pub use uniform::Uniform;

use crate::linalg::LinalgError;
use crate::names::{self, Call, Registered};

/// A law of random matrices whose entries are distributed symmetrically about zero.
pub trait Ensemble: Debug + Send + Sync {
    /// Registry name.
    fn name(&self) -> &'static str;

    /// As a specification writes it: the name, with its arguments if it has any.
    fn spelling(&self) -> String {
        self.name().to_owned()
    }

    /// Limit of the distribution of squared singular values, in words.
    fn limiting_law(&self) -> &'static str;

    /// Excess kurtosis of an entry, in the limit of large matrices: 0 where sums of few entries are Gaussian, infinite where the
    /// fourth moment is.
    fn excess_kurtosis(&self) -> f64;

    /// Whether the entries are independent of each other: then a vector of them is a law of biases too.
    fn independent_entries(&self) -> bool;

    /// Quantile of an entry of unit variance; `None` where entries are not independent.
    fn quantile(&self, probability: f64) -> Option<f64>;

    /// Probabilities below 1/2, increasing, between which the quantile is smooth enough for a Gauss rule: where it has a kink, and a
    /// ladder of decades towards 0 where it is not bounded by the scale. Empty for a smooth and bounded one.
    fn quantile_breaks(&self) -> Vec<f64> {
        Vec::new()
    }

    /// Overwrites a matrix by a draw with `E W_ij^2 = std^2`.
    ///
    /// # Errors
    ///
    /// [`LinalgError`] from the LAPACK routine of an ensemble that needs one.
    fn fill(&self, matrix: &mut DMatrix<f64>, std: f64, generator: &mut ChaCha8Rng) -> Result<(), LinalgError>;

    /// R of the QR decomposition of `W Q`, for W of this ensemble with `rows` rows and any fixed Q with `columns` orthonormal columns:
    /// min(rows, columns) x columns with a positive diagonal, in its own law. `None` if the law of `W Q` depends on Q.
    ///
    /// With it [`crate::linalg::TriangularChain`] draws spectra of products without decompositions.
    fn triangular_factor(
        &self,
        _rows: usize,
        _columns: usize,
        _std: f64,
        _generator: &mut ChaCha8Rng,
    ) -> Option<DMatrix<f64>> {
        None
    }

    /// A `rows x columns` matrix with `E W_ij^2 = std^2`.
    ///
    /// # Errors
    ///
    /// As [`Ensemble::fill`].
    fn sample(
        &self,
        rows: usize,
        columns: usize,
        std: f64,
        generator: &mut ChaCha8Rng,
    ) -> Result<DMatrix<f64>, LinalgError> {
        let mut matrix = DMatrix::zeros(rows, columns);
        self.fill(&mut matrix, std, generator)?;
        Ok(matrix)
    }
}

/// One line of the registry.
#[derive(Debug)]
pub struct Entry {
    /// The name, as documented.
    pub name: &'static str,
    /// Other spellings.
    pub aliases: &'static [&'static str],
    /// How to write it, with arguments if it takes any.
    pub example: &'static str,
    /// How to build it.
    pub make: Make,
}

/// How an ensemble is built from what stands in its parentheses.
#[derive(Debug)]
pub enum Make {
    /// It takes nothing.
    Plain(fn() -> Arc<dyn Ensemble>),
    /// It takes one number, or none if there is a default.
    OneNumber {
        /// What is taken if nothing is given.
        default: Option<f64>,
        /// The checked constructor.
        make: fn(f64) -> Result<Arc<dyn Ensemble>, EnsembleError>,
    },
}

/// Every ensemble that a specification can name.
pub const ENSEMBLES: &[Entry] = &[
    Entry { name: "gaussian", aliases: &["normal"], example: "gaussian", make: Make::Plain(|| Arc::new(Gaussian)) },
    Entry { name: "uniform", aliases: &[], example: "uniform", make: Make::Plain(|| Arc::new(Uniform)) },
    Entry {
        name: "truncated_normal",
        // Not `trunc_normal`: torch's scheme of that name, a preset, takes a standard deviation where this takes a cut.
        aliases: &[],
        example: "truncated_normal(2)",
        make: Make::OneNumber { default: Some(2.0), make: |cut| Ok(Arc::new(TruncatedNormal::new(cut)?)) },
    },
    Entry { name: "rademacher", aliases: &["sign"], example: "rademacher", make: Make::Plain(|| Arc::new(Rademacher)) },
    Entry {
        name: "student_t",
        aliases: &[],
        example: "student_t(5)",
        make: Make::OneNumber { default: None, make: |nu| Ok(Arc::new(StudentT::new(nu)?)) },
    },
    Entry {
        name: "sparse",
        aliases: &[],
        example: "sparse(0.1)",
        make: Make::OneNumber { default: None, make: |density| Ok(Arc::new(Sparse::new(density)?)) },
    },
    Entry {
        name: "sparse_columns",
        aliases: &[],
        example: "sparse_columns(0.9)",
        make: Make::OneNumber { default: None, make: |sparsity| Ok(Arc::new(SparseColumns::new(sparsity)?)) },
    },
    Entry {
        name: "orthogonal",
        aliases: &["haar", "semi_orthogonal"],
        example: "orthogonal",
        make: Make::Plain(|| Arc::new(Orthogonal)),
    },
];

impl Registered for Entry {
    fn name(&self) -> &'static str {
        self.name
    }

    fn aliases(&self) -> &'static [&'static str] {
        self.aliases
    }
}

impl Entry {
    /// The ensemble from the arguments in its parentheses.
    fn build(&self, arguments: &[&str]) -> Result<Arc<dyn Ensemble>, EnsembleError> {
        let count = |takes| EnsembleError::ArgumentCount {
            name: self.name,
            takes,
            given: arguments.len(),
            example: self.example,
        };
        match (&self.make, arguments) {
            (Make::Plain(make), []) => Ok(make()),
            (Make::Plain(_), _) => Err(count("nothing in parentheses")),
            (Make::OneNumber { default: Some(default), make }, []) => make(*default),
            (Make::OneNumber { make, .. }, [given]) => make(given.parse().map_err(|_| EnsembleError::NotANumber {
                name: self.name,
                given: (*given).to_owned(),
                example: self.example,
            })?),
            (Make::OneNumber { .. }, _) => Err(count("one number in parentheses")),
        }
    }
}

/// The ensemble of the given name, with its arguments if it takes any; case and underscores do not count.
///
/// # Errors
///
/// [`EnsembleError`]: an unknown name with the nearest known one, or what is wrong with the arguments.
///
/// # Example
///
/// ```
/// use gradspectra::ensemble::by_name;
/// assert_eq!(by_name("Student_T(5)")?.excess_kurtosis(), 6.0);
/// assert!(by_name("student_t(2)").is_err());
/// # Ok::<(), gradspectra::ensemble::EnsembleError>(())
/// ```
pub fn by_name(name: &str) -> Result<Arc<dyn Ensemble>, EnsembleError> {
    let call = Call::parse(name)?;
    names::find("ensemble", ENSEMBLES, call.name)?.build(&call.arguments)
}

/// `edge` and the decades below it: a Gauss rule resolves a power law within each.
fn decades_of(edge: f64) -> Vec<f64> {
    (0..=DECADES).rev().map(|k| edge * 10f64.powi(-k)).collect()
}

/// Twenty-four leave out 1e-8 of the second moment at three degrees of freedom.
const DECADES: i32 = 24;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Stream;

    #[test]
    fn names_and_aliases_lead_to_their_ensemble() {
        for entry in ENSEMBLES {
            let (_, arguments) = entry.example.split_at(entry.name.len());
            for spelling in std::iter::once(&entry.name).chain(entry.aliases) {
                let ensemble = by_name(&format!("{}{arguments}", spelling.to_uppercase())).expect("registered");
                assert_eq!(ensemble.name(), entry.name);
                assert_eq!(ensemble.spelling(), entry.example);
                assert_eq!(by_name(&ensemble.spelling()).expect("its own spelling").spelling(), entry.example);
            }
        }
        assert_eq!(by_name("truncated_normal").expect("has a default").spelling(), "truncated_normal(2)");
    }

    #[test]
    fn what_is_wrong_with_a_name_is_said() {
        let message = |name| by_name(name).expect_err("not an ensemble").to_string();
        assert!(message("gausian").contains("did you mean `gaussian`?"));
        assert!(message("studentt5(5)").contains("did you mean `student_t`?"));
        let pinned = [
            ("student_t", "`student_t` takes one number in parentheses, not 0 arguments: write `student_t(5)`"),
            ("sparse(1, 2)", "`sparse` takes one number in parentheses, not 2 arguments: write `sparse(0.1)`"),
            ("gaussian(1)", "`gaussian` takes nothing in parentheses, not 1 arguments: write `gaussian`"),
            ("student_t(five)", "`student_t` takes a number, not `five`: write `student_t(5)`"),
            ("student_t(2)", "the nu of `student_t` is 2; it must be finite and above 2, where the variance exists"),
            (
                "student_t(nan)",
                "the nu of `student_t` is NaN; it must be finite and above 2, where the variance exists",
            ),
            ("student_t(5", "`student_t(5` has no closing parenthesis: write `student_t(...)`"),
        ];
        for (name, expected) in pinned {
            assert_eq!(message(name), expected);
        }
    }

    /// The quantile is that of unit variance: its square integrates to 1 over the breaks, to what a Gauss rule of 12 nodes resolves.
    #[test]
    fn quantiles_have_unit_variance() {
        let rule = crate::numeric::gauss_legendre(12);
        for entry in ENSEMBLES.iter().filter(|entry| !entry.example.starts_with("gaussian")) {
            let ensemble = by_name(entry.example).expect("registered");
            let breaks = ensemble.quantile_breaks();
            let edges: Vec<f64> = std::iter::once(0.0).chain(breaks).filter(|&p| p < 0.5).chain([0.5]).collect();
            let panel = |ends: &[f64]| -> Option<f64> {
                let nodes = rule.iter().map(|(x, weight)| {
                    let p = ends[0] + (ends[1] - ends[0]) * x;
                    ensemble.quantile(p).map(|q| 2.0 * weight * (ends[1] - ends[0]) * q * q)
                });
                nodes.sum()
            };
            match edges.windows(2).map(panel).sum::<Option<f64>>() {
                Some(variance) => assert!((variance - 1.0).abs() < 1e-6, "{}: {variance}", entry.name),
                None => assert!(!ensemble.independent_entries()),
            }
        }
    }

    /// E W_ij^2 = std^2 for every ensemble and shape: 400 matrices, z-test at alpha = 1e-4 across trials, seed 11. Control: the same
    /// sample against a std that is 2 % larger must be refuted; 20 % where the kurtosis makes the mean square spread three times as
    /// wide or more.
    #[test]
    fn entries_have_the_stated_mean_square() {
        for entry in ENSEMBLES {
            let ensemble = by_name(entry.example).expect("registered");
            let mistake = if ensemble.excess_kurtosis() > 4.0 { 1.2_f64 } else { 1.02 };
            for (rows, columns) in [(12, 12), (20, 5), (5, 20)] {
                let std = 0.7;
                let mean_squares: Vec<f64> = (0..400)
                    .map(|trial| {
                        let mut generator = Stream::new(11, "mean square").trial(trial).layer(0);
                        let w = ensemble.sample(rows, columns, std, &mut generator).expect("small");
                        w.norm_squared() / (rows * columns) as f64
                    })
                    .collect();
                let estimate = crate::stats::Estimate::of_mean(&mean_squares).expect("400 values");
                // A Haar matrix and a matrix of signs have a fixed norm: only rounding is left.
                let allowed = 3.9 * estimate.standard_error + 1e-13;
                assert!((estimate.value - std * std).abs() < allowed, "{} {rows} x {columns}", entry.name);
                assert!((estimate.value - (mistake * std).powi(2)).abs() > allowed, "control: {}", entry.name);
            }
        }
    }
}
