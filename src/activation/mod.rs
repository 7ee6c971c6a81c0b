//! Activation functions: value, derivative, bounds of the derivative, Gaussian expectations.
//!
//! One file per family; [`ACTIVATIONS`] is the registry from which names on the command line, the specification and the
//! tests follow. A new activation is one file that implements [`Activation`] and one line there. Closed forms override
//! the quadrature of [`gaussian`], which serves every activation and is the oracle of the closed forms in the tests.

mod bounds;
mod erf;
pub mod gaussian;
mod hermite;
mod linear;
mod moment_table;
mod relu;
mod shifted;
mod sigmoid;
mod tanh;

use std::fmt::Debug;
use std::sync::Arc;

pub use bounds::{Attained, DerivativeBounds, SATURATION};
pub use erf::Erf;
pub use gaussian::{ExpectationError, GaussianMoments, GaussianPair, PairMoments, Transition};
pub use hermite::HermiteSeries;
pub use linear::Linear;
pub use moment_table::{MomentTable, TableMoments};
pub use relu::Relu;
pub use shifted::Shifted;
pub use sigmoid::Sigmoid;
pub use tanh::Tanh;

use crate::names::{self, Registered, UnknownName};

/// A scalar function phi applied to every pre-activation.
pub trait Activation: Debug + Send + Sync {
    /// The canonical spelling, with arguments and scales: [`by_name`] gives the same activation for it.
    fn name(&self) -> &str;

    /// phi(x) as a formula in plain text.
    fn formula(&self) -> &str;

    /// phi(x).
    fn value(&self, x: f64) -> f64;

    /// phi'(x); at a kink the value that backprop uses (PyTorch's: ReLU has phi'(0) = 0).
    fn derivative(&self, x: f64) -> f64;

    /// phi(x) and phi'(x) together, for activations in which they share work.
    fn value_and_derivative(&self, x: f64) -> (f64, f64) {
        (self.value(x), self.derivative(x))
    }

    /// phi''(x) between the kinks: the jumps of phi' are not part of it. Where phi'' jumps, the value from the right.
    fn second_derivative(&self, x: f64) -> f64;

    /// Places where phi' jumps, in increasing order.
    fn kinks(&self) -> &[f64];

    /// Places where phi or one of its derivatives jumps, in increasing order, the kinks among them: quadrature splits there, and
    /// phi is analytic in between.
    fn seams(&self) -> &[f64] {
        self.kinks()
    }

    /// Where a smooth activation has its transition: quadrature puts its panels around it.
    fn centre(&self) -> f64 {
        0.0
    }

    /// Where the activation changes, and over what distance: quadrature puts its panels around these places, in addition to the seams.
    ///
    /// By default the centre and the places where |phi'| and |phi''| are largest, with the width sup|phi'| / sup|phi''|. An activation
    /// with several features of different widths lists them all: a spike far narrower than the spread of its argument is found only
    /// if it is announced.
    fn transitions(&self) -> Vec<Transition> {
        gaussian::default_transitions(self.as_dyn())
    }

    /// Whether phi(s x) = s phi(x) for every s > 0: such a network has no scale of its own.
    fn is_homogeneous(&self) -> bool {
        false
    }

    /// sup |phi'|, inf phi' and sup |phi''|, with where they are attained.
    fn derivative_bounds(&self) -> DerivativeBounds;

    /// E f(sqrt(q) z) over a standard normal z for f = phi, phi^2, phi', phi'^2, phi'^4, (phi phi')^2, phi'', and d E phi^2 / dq.
    ///
    /// Error at most 1e-12 of the expectation of the absolute value, for q in [0, 1e6].
    ///
    /// # Errors
    ///
    /// [`ExpectationError`] if an expectation does not exist or its error is larger.
    fn moments(&self, q: f64) -> Result<GaussianMoments, ExpectationError> {
        gaussian::moments_by_quadrature(self.as_dyn(), q)
    }

    /// Whether [`Activation::pair_moments`] is a closed form; by quadrature a pair takes milliseconds, and many pairs are
    /// better served by a [`HermiteSeries`].
    fn has_closed_form_pairs(&self) -> bool {
        false
    }

    /// E phi, E phi' and E phi phi' over N(mean, spread^2) in closed form, where there is one: it takes the inner integral
    /// out of the nested quadrature of pairs.
    fn smoothed(&self, _mean: f64, _spread: f64) -> Option<[f64; 3]> {
        None
    }

    /// E f(u) f(v) over a centred Gaussian pair for f = phi, phi', phi phi'; accuracy as [`Activation::moments`].
    ///
    /// # Errors
    ///
    /// As [`Activation::moments`].
    fn pair_moments(&self, pair: GaussianPair) -> Result<PairMoments, ExpectationError> {
        gaussian::pair_moments_by_quadrature(self.as_dyn(), pair)
    }

    /// The activation as a trait object: lets the default methods call the quadrature.
    fn as_dyn(&self) -> &dyn Activation;
}

/// One line of the registry.
#[derive(Debug)]
pub struct Entry {
    /// The name, as documented.
    pub name: &'static str,
    /// Other spellings.
    pub aliases: &'static [&'static str],
    /// Builds the activation.
    pub make: fn() -> Arc<dyn Activation>,
}

/// Every activation that a specification or the command line can name.
pub const ACTIVATIONS: &[Entry] = &[
    Entry { name: "sigmoid", aliases: &["logistic"], make: || Arc::new(Sigmoid) },
    Entry { name: "tanh", aliases: &[], make: || Arc::new(Tanh) },
    Entry { name: "relu", aliases: &[], make: || Arc::new(Relu) },
    Entry { name: "erf", aliases: &[], make: || Arc::new(Erf) },
    Entry { name: "linear", aliases: &["identity", "none"], make: || Arc::new(Linear) },
];

impl Registered for Entry {
    fn name(&self) -> &'static str {
        self.name
    }

    fn aliases(&self) -> &'static [&'static str] {
        self.aliases
    }
}

/// The activation of the given name; case and underscores do not count.
///
/// # Errors
///
/// [`UnknownName`] with the nearest known name.
///
/// # Example
///
/// ```
/// let sigmoid = gradspectra::activation::by_name("Sigmoid")?;
/// assert_eq!(sigmoid.derivative_bounds().sup_abs, 0.25);
/// # Ok::<(), gradspectra::names::UnknownName>(())
/// ```
pub fn by_name(name: &str) -> Result<Arc<dyn Activation>, UnknownName> {
    names::find("activation", ACTIVATIONS, name).map(|entry| (entry.make)())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_aliases_lead_to_their_activation() {
        for entry in ACTIVATIONS {
            assert_eq!((entry.make)().name(), entry.name);
            for spelling in std::iter::once(&entry.name).chain(entry.aliases) {
                assert_eq!(by_name(&spelling.to_uppercase()).expect("registered").name(), entry.name);
            }
        }
        let error = by_name("sigmod").expect_err("not registered").to_string();
        assert!(
            error.starts_with("unknown activation `sigmod`: did you mean `sigmoid`? (known: sigmoid, tanh"),
            "{error}"
        );
    }

    /// Finite differences of the value are the oracle of the derivative; the step stays clear of kinks.
    #[test]
    fn derivatives_are_the_slopes_of_the_values() {
        for entry in ACTIVATIONS {
            let phi = (entry.make)();
            for k in -60..=60 {
                let x = f64::from(k) * 0.25 + 0.01;
                let h = 1e-5;
                let slope = (phi.value(x + h) - phi.value(x - h)) / (2.0 * h);
                // Truncation h^2 sup|phi'''| / 6 < 1e-10 and rounding eps max(1, |phi|) / h < 4e-10.
                assert!((phi.derivative(x) - slope).abs() < 5e-10, "{} at {x}", entry.name);
                let (value, derivative) = phi.value_and_derivative(x);
                assert_eq!(value, phi.value(x));
                // Shared work may round differently in the last places.
                assert!((derivative - phi.derivative(x)).abs() <= 4.0 * f64::EPSILON * derivative.abs());
            }
        }
    }

    #[test]
    fn extreme_arguments_stay_finite_and_saturate() {
        for entry in ACTIVATIONS {
            let phi = (entry.make)();
            for x in [-1e300, -800.0, -40.0, 40.0, 800.0, 1e300] {
                assert!(phi.value(x).is_finite() && phi.derivative(x).is_finite(), "{} at {x}", entry.name);
            }
        }
        // Relative accuracy of the tail: sigma'(x) = e^-x to a part in e^-x.
        assert!((Sigmoid.derivative(700.0).ln() + 700.0).abs() < 1e-12);
        assert!((Sigmoid.derivative(-700.0).ln() + 700.0).abs() < 1e-12);
        assert!((Tanh.derivative(300.0).ln() - 4f64.ln() + 600.0).abs() < 1e-12);
    }
}
