//! Activation functions: value, derivative, bounds of the derivative, Gaussian expectations.
//!
//! One file per family; [`ACTIVATIONS`] is the registry from which names on the command line, the specification and the
//! tests follow, [`by_name`] the way from a spelling to an activation. A new activation is one file that implements [`Activation`]
//! and one line there. Closed forms override the quadrature of [`gaussian`], which serves every activation and is the oracle of the
//! closed forms in the tests.

mod arctan;
mod bell;
mod bounds;
mod composed;
#[cfg(test)]
mod contract;
mod erf;
mod error;
mod exponential_linear;
mod expression;
pub mod gaussian;
mod gelu;
mod hard;
mod hermite;
mod leaky_relu;
mod linear;
mod mish;
mod moment_table;
mod parse;
mod piecewise_polynomial;
mod regions;
mod registry;
mod relu;
mod shifted;
mod sigmoid;
mod silu;
mod sine;
mod softplus;
mod softsign;
mod tanh;
mod tanhshrink;

use std::fmt::Debug;

pub use arctan::Arctan;
pub use bell::Bell;
pub use bounds::{Attained, DerivativeBounds, Extreme, SATURATION, saturation_threshold};
pub use composed::{Composed, Scales};
pub use erf::Erf;
pub use error::ActivationError;
pub use exponential_linear::ExponentialLinear;
pub use expression::{Enclosure, Expression, ExpressionError, derivative_enclosure};
pub use gaussian::{ExpectationError, GaussianMoments, GaussianPair, PairMoments, Transition};
pub use gelu::{Gelu, GeluTanh};
pub use hermite::{CorrelationShares, HermiteSeries};
pub use leaky_relu::LeakyRelu;
pub use linear::Linear;
pub use mish::Mish;
pub use moment_table::{MomentTable, TableMoments};
pub use parse::by_name;
pub use piecewise_polynomial::PiecewisePolynomial;
pub use regions::{Interval, Regions};
pub use registry::{ACTIVATIONS, Domain, Entry, Parameter, spellings};
pub use relu::Relu;
pub use shifted::Shifted;
pub use sigmoid::Sigmoid;
pub use silu::Silu;
pub use sine::Sine;
pub use softplus::{LogSigmoid, Softplus};
pub use softsign::Softsign;
pub use tanh::Tanh;
pub use tanhshrink::Tanhshrink;

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

    /// phi and phi' of many numbers: [`Activation::value_and_derivative`] of each, to the bit, in vector instructions where it is free of
    /// branches.
    ///
    /// # Panics
    ///
    /// If the lengths differ.
    fn sweep(&self, h: &[f64], values: &mut [f64], slopes: &mut [f64]) {
        assert!(h.len() == values.len() && h.len() == slopes.len(), "three slices of one length");
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                for ((h, value), slope) in h.iter().zip(values).zip(slopes) {
                    (*value, *slope) = self.value_and_derivative(*h);
                }
            },
        );
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

    /// A period of |phi'|, where it has one.
    fn slope_period(&self) -> Option<f64> {
        None
    }

    /// sup |phi'|, inf phi' and sup |phi''|, with where they are attained.
    fn derivative_bounds(&self) -> DerivativeBounds;

    /// sup phi' (signed), by default sup |phi'| at those of its places where phi' > 0: right unless -inf phi' is the larger of the two,
    /// or both are equal and attained on sets.
    fn largest_derivative(&self) -> Extreme {
        let bounds = self.derivative_bounds();
        let at = match bounds.sup_at {
            Attained::At(places) => Attained::At(places.into_iter().filter(|x| self.derivative(*x) > 0.0).collect()),
            other => other,
        };
        Extreme { value: bounds.sup_abs, at }
    }

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
