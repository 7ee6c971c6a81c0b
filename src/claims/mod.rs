//! Claims: statements in which a prediction meets a measurement and gets a verdict, each with negative controls.
//!
//! [`judge`] decides for any specification whether a predicted quantity is what networks show: users assert it in their own
//! tests. [`registry`] lists the project's own claims, which `verify` runs; a new claim is one file and one line there.

mod critical_scale;
mod depth_scale;
mod derivative_sup;
mod dynamic_range;
mod eigenvalue_argument;
mod extreme_values;
mod finite_differences;
mod finite_width;
mod forward_trials;
mod given_kernel;
mod he_relu;
mod joint;
mod lesson_causes;
mod lesson_profile;
mod losses;
mod lyapunov_laws;
mod mean_field_maps;
mod number;
mod profile;
mod pytorch_draws;
mod relu_alignment;
mod spectral_laws;
mod training;
mod unstable_branch;
mod verdict;

use serde::{Deserialize, Serialize};

pub use profile::{LayerVerdict, MeasuredWidth, ProfileVerdict, judge, judge_measured};
pub use verdict::{ControlResult, Verdict, decide};

use crate::activation::{ACTIVATIONS, Entry};
use crate::law::LawError;
use crate::measure::{MeasureError, Progress};
use crate::network::{LossShapeError, PassError, TrainError};
use crate::spec::Quantity;
use crate::stats::ExtrapolationError;

/// A statement with its test.
pub trait Claim: Send + Sync {
    /// Name on the command line.
    fn id(&self) -> String;

    /// The statement, one sentence.
    fn statement(&self) -> String;

    /// Predicts, measures, compares, and does the same with the nearest mistakes.
    ///
    /// # Errors
    ///
    /// [`ClaimError`] if one side has no number to compare.
    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError>;
}

/// What came out of a claim.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClaimResult {
    /// Name of the claim.
    pub id: String,
    /// The statement.
    pub statement: String,
    /// The verdict over all parts of the claim.
    pub verdict: Verdict,
    /// The headline number as predicted.
    pub predicted: f64,
    /// The headline number as measured.
    pub measured: f64,
    /// Standard error of the measured number; 0 for a deterministic one.
    pub standard_error: f64,
    /// Error of the prediction, stated before the measurement, for every part of the claim.
    pub stated_error: f64,
    /// What the headline number is, and its unit.
    pub unit: String,
    /// How the claim is decided: size, level, seed, correction for the number of parts.
    pub criterion: String,
    /// Whether every negative control was refuted.
    pub control_refuted: bool,
    /// The negative controls.
    pub controls: Vec<ControlResult>,
}

/// Why a claim cannot be decided.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ClaimError {
    /// The measurement failed or was interrupted.
    #[error(transparent)]
    Measure(#[from] MeasureError),
    /// The limit cannot be fitted.
    #[error(transparent)]
    Extrapolation(#[from] ExtrapolationError),
    /// There is no such law.
    #[error(transparent)]
    Law(#[from] LawError),
    /// A pass ended early.
    #[error(transparent)]
    Pass(#[from] PassError),
    /// The loss does not fit the network.
    #[error(transparent)]
    Loss(#[from] LossShapeError),
    /// A training did not go on.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Theory is silent.
    #[error("{} is not predicted: {reason}", quantity.name())]
    NotPredicted {
        /// The quantity.
        quantity: Quantity,
        /// Why.
        reason: String,
    },
    /// The experiment is silent, or has lost some trials: a mean over the survivors cannot be compared.
    #[error(
        "{} of layer {layer} cannot be compared: {zeros} of {trials} trials were exactly zero, {non_finite} not finite",
        quantity.name()
    )]
    NotMeasured {
        /// The quantity.
        quantity: Quantity,
        /// The layer.
        layer: usize,
        /// Exact zeros.
        zeros: usize,
        /// Infinities and NaN.
        non_finite: usize,
        /// Trials.
        trials: usize,
    },
    /// A moment that a law does not have.
    #[error("{law}: no moment of order {k}")]
    NoMoment {
        /// The law.
        law: String,
        /// Its order; 0 for the mean logarithm.
        k: u32,
    },
    /// A confidence level outside (0, 1).
    #[error("the confidence level is {0}; it must lie between 0 and 1")]
    Level(f64),
}

/// Every claim of the project.
pub fn registry() -> Vec<Box<dyn Claim>> {
    let mut claims: Vec<Box<dyn Claim>> = vec![Box::new(lesson_profile::LessonProfile)];
    claims.push(Box::new(pytorch_draws::PytorchDraws));
    claims.push(Box::new(lesson_causes::LessonCauses));
    claims.extend(dynamic_range::claims());
    for activation in ["linear", "relu", "tanh"] {
        let activation = crate::activation::by_name(activation).expect("a name of the registry");
        claims.push(Box::new(critical_scale::CriticalScale(activation)));
    }
    claims.push(Box::new(he_relu::HeRelu));
    claims.push(Box::new(relu_alignment::ReluAlignment));
    claims.push(Box::new(finite_width::GapExponent));
    claims.push(Box::new(finite_width::LogVariance));
    for profile in losses::PROFILES {
        claims.push(Box::new(profile));
    }
    for maps in mean_field_maps::MAPS {
        claims.push(Box::new(maps));
    }
    claims.push(Box::new(depth_scale::ORDERED));
    claims.push(Box::new(depth_scale::CHAOTIC));
    claims.push(Box::new(unstable_branch::UnstableBranch));
    claims.extend(eigenvalue_argument::claims());
    claims.extend(lyapunov_laws::claims());
    claims.extend(spectral_laws::claims());
    claims.extend(extreme_values::claims());
    claims.extend(training::claims());
    let activations = || ACTIVATIONS.iter().map(Entry::activation);
    // A derivative without bound has no supremum to measure.
    for phi in activations().filter(|phi| phi.derivative_bounds().sup_abs.is_finite()) {
        claims.push(Box::new(derivative_sup::DerivativeSup(phi)));
    }
    for phi in activations() {
        claims.push(Box::new(finite_differences::FiniteDifferences(phi)));
    }
    claims
}
