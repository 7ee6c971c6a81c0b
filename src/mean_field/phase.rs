//! What becomes of variances, correlations and gradients at given scales.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::correlation::{CorrelationFixedPoint, CorrelationMap, CorrelationTable};
use super::variance::{FixedPoint, MARGINAL, Scales, Stability, VarianceMap, Variances};
use super::{GREATEST_VARIANCE, MeanFieldError};
use crate::activation::Activation;

/// What wide networks do with two inputs and with a gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// chi_1 < 1: inputs become alike, gradients vanish.
    Ordered,
    /// chi_1 = 1: the edge of chaos, gradients hold.
    Critical,
    /// chi_1 > 1: inputs become unlike, gradients explode.
    Chaotic,
    /// The variance grows from layer to layer without end.
    Unbounded,
}

impl Phase {
    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::Critical => "critical",
            Self::Chaotic => "chaotic",
            Self::Unbounded => "unbounded",
        }
    }
}

/// The mean-field numbers at one pair of scales.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhasePoint {
    /// Scale of the weights.
    pub sigma_w: f64,
    /// Scale of the biases.
    pub sigma_b: f64,
    /// The phase.
    pub phase: Phase,
    /// The variance of pre-activations that the layers come to; `None` if unbounded.
    pub q_star: Option<f64>,
    /// `sigma_w^2 E phi'^2` at q*: what a layer multiplies the mean square of a gradient by.
    pub chi_1: Option<f64>,
    /// `V'(q*)`.
    pub chi_parallel: Option<f64>,
    /// The correlation that two inputs come to; `None` if unbounded, or if every correlation is kept (no variance is left, or the activation is
    /// linear).
    pub c_star: Option<f64>,
    /// `C'(c*)`.
    pub chi_c_star: Option<f64>,
    /// Depth scale of the variance, layers; `None` where departures do not decay.
    pub xi_q: Option<f64>,
    /// Depth scale of the correlation, layers; `None` where departures do not decay exponentially, as on the edge of chaos.
    pub xi_c: Option<f64>,
    /// Whether q* attracts the variances on both sides.
    pub stable: bool,
    /// Every fixed point of the variance map.
    pub fixed_points: Vec<FixedPoint>,
    /// Whether every variance is a fixed point; `q_star` is then the start.
    pub every_variance_fixed: bool,
}

/// The mean-field numbers at `scales`, for inputs whose first pre-activations have variance `start`.
///
/// # Formula
///
/// q* is the fixed point of [`VarianceMap`] that `start` is led to; chi_1 decides on the phase, and c* is that of [`CorrelationMap`].
/// Depth scales are `xi = -1 / ln |slope|` at the fixed points.
///
/// # Errors
///
/// As [`VarianceMap::variances`]; [`MeanFieldError::Variance`] for a start outside (0, 1e6].
///
/// # Example
///
/// ```
/// use gradspectra::activation::Tanh;
/// use gradspectra::mean_field::{Phase, Scales, VarianceMap, phase_point};
///
/// let map = VarianceMap::new(&Tanh)?;
/// let point = phase_point(&map, Scales::new(2.5f64.sqrt(), 0.05f64.sqrt())?, 1.0)?;
/// assert_eq!(point.phase, Phase::Chaotic);
/// assert!((point.q_star.unwrap() - 1.06395837741681).abs() < 1e-12);
/// assert!((point.c_star.unwrap() - 0.44680423234441).abs() < 1e-12);
/// # Ok::<(), gradspectra::mean_field::MeanFieldError>(())
/// ```
///
/// # Source
///
/// Poole et al., NeurIPS 2016; Schoenholz et al., ICLR 2017.
pub fn phase_point(map: &VarianceMap<'_>, scales: Scales, start: f64) -> Result<PhasePoint, MeanFieldError> {
    if !(start > 0.0 && start <= GREATEST_VARIANCE) {
        return Err(MeanFieldError::Variance { name: "the variance to start from", value: start });
    }
    let variances = map.variances(scales, start)?;
    let correlation = correlation(map, scales, &variances)?;
    Ok(PhasePoint::new(scales, variances, correlation))
}

/// The mean-field numbers at many pairs of scales: as [`phase_point`], to 1e-12 (c* and what follows from it to 1e-11), with expectations
/// from tables.
///
/// # Errors
///
/// [`MeanFieldError::Expectation`] if the expectations do not exist for any variance; otherwise every point has its own error.
pub fn phase_points(
    phi: &dyn Activation,
    scales: &[Scales],
    start: f64,
) -> Result<Vec<Result<PhasePoint, MeanFieldError>>, MeanFieldError> {
    if !(start > 0.0 && start <= GREATEST_VARIANCE) {
        return Err(MeanFieldError::Variance { name: "the variance to start from", value: start });
    }
    let map = VarianceMap::tabulated(phi)?;
    let variances: Vec<_> = scales.par_iter().map(|scales| map.variances(*scales, start)).collect();
    let table = CorrelationTable::new(phi, variances.iter().flatten().filter_map(chaotic))?;
    let points = scales.par_iter().zip(variances).map(|(scales, variances)| {
        let variances = variances?;
        let correlation = match chaotic(&variances).and_then(|q| table.at(q)) {
            Some(map) => Some(map.fixed_point(scales.weight_variance())),
            None => correlation(&map, *scales, &variances)?,
        };
        Ok(PhasePoint::new(*scales, variances, correlation))
    });
    Ok(points.collect())
}

/// The variance of networks that take two inputs apart; `None` of others, whose correlation needs no map.
pub(super) fn chaotic(variances: &Variances) -> Option<f64> {
    variances.reached.filter(|point| point.chi_1 > 1.0 && point.q > 0.0 && !variances.every).map(|point| point.q)
}

/// An activation without a scale takes two inputs to c = 1 as `1 - c ~ 1 / l^2`, whatever becomes of their variance; a linear one keeps c.
fn homogeneous_limit(map: &VarianceMap<'_>) -> Option<CorrelationFixedPoint> {
    let phi = map.activation();
    let bends = phi.is_homogeneous() && !phi.kinks().is_empty();
    bends.then_some(CorrelationFixedPoint { c: 1.0, distance: 0.0, chi_c: 1.0 })
}

pub(super) fn correlation(
    map: &VarianceMap<'_>,
    scales: Scales,
    variances: &Variances,
) -> Result<Option<CorrelationFixedPoint>, MeanFieldError> {
    let phi = map.activation();
    let Some(reached) = variances.reached else { return Ok(homogeneous_limit(map)) };
    if scales.sigma_w == 0.0 {
        // All units are their biases.
        return Ok(Some(CorrelationFixedPoint { c: 1.0, distance: 0.0, chi_c: 0.0 }));
    }
    if variances.every || reached.q == 0.0 {
        // Near 0 a smooth activation is linear, one with a kink there is homogeneous.
        let bends = phi.kinks().contains(&0.0);
        return Ok(bends.then_some(CorrelationFixedPoint { c: 1.0, distance: 0.0, chi_c: 1.0 }));
    }
    if reached.chi_1 <= 1.0 {
        return Ok(Some(CorrelationFixedPoint { c: 1.0, distance: 0.0, chi_c: reached.chi_1 }));
    }
    Ok(Some(CorrelationMap::new(phi, reached.q)?.fixed_point(scales.weight_variance())))
}

impl PhasePoint {
    /// The numbers on the edge of chaos at a given fixed point of the same scales: chi_1 = 1 and c* = 1 there, whether networks stay or not.
    pub fn on_edge(scales: Scales, q: f64, chi_parallel: f64, fixed_points: Vec<FixedPoint>) -> Self {
        let reached = FixedPoint::new(q, 1.0, chi_parallel);
        // Without variance there is nothing to correlate.
        let correlation = (q > 0.0).then_some(CorrelationFixedPoint { c: 1.0, distance: 0.0, chi_c: 1.0 });
        Self::new(scales, Variances { fixed_points, reached: Some(reached), every: false }, correlation)
    }

    pub(super) fn new(scales: Scales, variances: Variances, correlation: Option<CorrelationFixedPoint>) -> Self {
        let reached = variances.reached;
        let phase = match reached {
            None => Phase::Unbounded,
            Some(point) if (point.chi_1 - 1.0).abs() <= MARGINAL => Phase::Critical,
            Some(point) if point.chi_1 < 1.0 => Phase::Ordered,
            Some(_) => Phase::Chaotic,
        };
        let decays = |point: &CorrelationFixedPoint| point.chi_c < 1.0 - MARGINAL;
        Self {
            sigma_w: scales.sigma_w,
            sigma_b: scales.sigma_b,
            phase,
            q_star: reached.map(|point| point.q),
            chi_1: reached.map(|point| point.chi_1),
            chi_parallel: reached.map(|point| point.chi_parallel),
            c_star: correlation.map(|point| point.c),
            chi_c_star: correlation.map(|point| point.chi_c),
            xi_q: reached.and_then(|point| point.variance_depth_scale()),
            xi_c: correlation.filter(decays).map(|point| point.depth_scale()),
            stable: reached.is_some_and(|point| point.stability == Stability::Stable),
            fixed_points: variances.fixed_points,
            every_variance_fixed: variances.every,
        }
    }
}
