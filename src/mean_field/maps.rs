//! Variance map, correlation map and chi of one activation.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::OnceLock;

use super::{Kernel, ScaledKernel};
use crate::activation::{
    Activation, ExpectationError, GaussianMoments, GaussianPair, HermiteSeries, PairMoments, Shifted,
};

/// What an activation does to a Gaussian batch with covariance `Q`.
#[derive(Debug, Clone, PartialEq)]
pub struct ActivationMaps {
    /// `K_ab = E phi(u_a) phi(u_b)`: the covariance of the outputs.
    pub output: ScaledKernel,
    /// `P_ab = E phi'(u_a) phi'(u_b)`: times sigma_w^2 it is chi on the diagonal and chi_c off it.
    pub slope: Kernel,
    /// `A_ab = E phi phi'(u_a) phi phi'(u_b)`: what a gradient that is aligned with the outputs is multiplied by.
    pub aligned: ScaledKernel,
    /// `E phi''(u_a)`: the part of `phi'(u_a)` that is aligned with the layer's input.
    pub curvature: SampleVector,
    /// `d E phi(u_a)^2 / d q_a`: the slope of the variance map, by which an aligned gradient grows (chi_parallel / sigma_w^2).
    pub variance_slope: Vec<f64>,
}

/// A number per sample (one in all for exchangeable samples), times `e^ln_scale`.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleVector {
    /// The numbers, up to the scale.
    pub values: Vec<f64>,
    /// Natural logarithm of the scale.
    pub ln_scale: f64,
}

impl SampleVector {
    /// Moves the size of the numbers into the scale.
    pub fn new(values: Vec<f64>, ln_scale: f64) -> Self {
        let size = values.iter().fold(0.0_f64, |size, value| size.max(value.abs()));
        if size > 0.0 && size.is_finite() {
            Self { values: values.into_iter().map(|value| value / size).collect(), ln_scale: ln_scale + size.ln() }
        } else {
            Self { values, ln_scale }
        }
    }
}

/// One node of the average over a bias that is not Gaussian.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BiasNode {
    /// The bias.
    pub shift: f64,
    /// Its weight; all weights sum to 1.
    pub weight: f64,
}

impl BiasNode {
    /// No bias beyond what is in `Q`.
    pub const NONE: [Self; 1] = [Self { shift: 0.0, weight: 1.0 }];
}

/// Variances above this are outside the domain in which the Gaussian expectations are accurate.
const LARGEST_VARIANCE: f64 = 1e6;

/// Below this variance a smooth activation with phi(0) = 0 is linear to one part in 1e12 of its own quadratic term's
/// square: its maps are those of `phi'(0) u`, and carried in logarithms they never underflow.
const LINEAR_REGIME: f64 = 1e-24;

/// Maps that cannot be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MapError {
    /// The variance is outside the domain of the Gaussian expectations.
    #[error(
        "the pre-activations have variance {variance:.3e}, beyond the {LARGEST_VARIANCE:.0e} up to which the Gaussian \
         expectations are accurate"
    )]
    VarianceTooLarge {
        /// The largest variance in the batch.
        variance: f64,
    },
    /// An expectation does not exist.
    #[error(transparent)]
    Expectation(#[from] ExpectationError),
}

/// The maps of an activation for `(u_a, u_b) ~ N(0, Q)`.
///
/// # Formula
///
/// ```text
/// K_ab = E phi(u_a) phi(u_b)       P_ab = E phi'(u_a) phi'(u_b)       A_ab = E phi phi'(u_a) phi phi'(u_b)
/// ```
///
/// averaged over the nodes of a bias that all samples of a unit share ([`BiasNode::NONE`] for biases that are Gaussian, whose
/// variance is part of Q, or absent).
///
/// A positively homogeneous activation (phi(s x) = s phi(x)) without such a bias takes any scale; the others need variances up to
/// 1e6.
///
/// # Errors
///
/// [`MapError`] with the variance if it is beyond that, or with the expectation that does not exist.
///
/// # Source
///
/// Poole et al., NeurIPS 2016; Schoenholz et al., ICLR 2017. Alignment: derived in [`crate::predict`].
pub fn activation_maps(
    phi: &dyn Activation,
    q: &ScaledKernel,
    biases: &[BiasNode],
) -> Result<ActivationMaps, MapError> {
    let biased = biases != BiasNode::NONE;
    let ln_reference = ln_reference_in_domain(phi, q, biases)?;
    let scale = ln_reference.exp();
    let shifted: Vec<Shifted<'_>> = biases.iter().map(|node| Shifted::new(phi, node.shift)).collect();
    let functions: Vec<(&dyn Activation, f64)> = if biased {
        shifted.iter().zip(biases).map(|(shifted, node)| (shifted.as_dyn(), node.weight)).collect()
    } else {
        vec![(phi, 1.0)]
    };
    // One expansion a sample serves all its pairs; alone it is no slower than the quadrature of a single pair.
    let expand = q.kernel.batch() > 1 && (biased || !phi.has_closed_form_pairs());
    let largest = q.kernel.largest_diagonal();
    let longest: Vec<Option<HermiteSeries>> = functions
        .iter()
        .map(|(phi, _)| expand.then(|| HermiteSeries::new(*phi, scale * largest, 0)).flatten())
        .collect();
    // The first of the expectations that cannot be had; what is computed with the others is then dropped.
    let failure = OnceLock::new();
    // One sample is a pair with itself: the moments that are asked for below have its expectations too, unless they are infinite.
    let alone: Vec<Option<GaussianMoments>> = match q.kernel.batch() {
        1 if !phi.has_closed_form_pairs() => {
            functions.iter().map(|(phi, _)| phi.moments(scale * largest).ok()).collect()
        }
        _ => vec![None; functions.len()],
    };
    let of_one = |moments: &Option<GaussianMoments>| {
        let m = moments.as_ref().filter(|m| m.phi2_dphi2.is_finite())?;
        Some(PairMoments { phi: m.phi2, dphi: m.dphi2, aligned: m.phi2_dphi2, error: m.error })
    };
    let [output, slope, aligned] = q.kernel.map_pairs(
        |variance| -> Vec<Option<HermiteSeries>> {
            let series = |((phi, _), longest): (&(&dyn Activation, f64), &Option<HermiteSeries>)| match longest {
                Some(longest) if variance == largest => Some(longest.clone()),
                Some(longest) => HermiteSeries::new(*phi, scale * variance, longest.terms()),
                None => None,
            };
            functions.iter().zip(&longest).map(series).collect()
        },
        |first, second, pair| {
            let pair = GaussianPair { q1: scale * pair.q1, q2: scale * pair.q2, covariance: scale * pair.covariance };
            let mut sums = [0.0; 3];
            for ((((phi, weight), first), second), alone) in functions.iter().zip(first).zip(second).zip(&alone) {
                let by_series =
                    first.as_ref().zip(second.as_ref()).and_then(|(first, second)| first.pair(second, pair));
                let by_series = by_series.or_else(|| of_one(alone));
                let moments = by_series.map_or_else(|| phi.pair_moments(pair), Ok);
                let moments = moments.unwrap_or_else(|error| {
                    failure.get_or_init(|| error);
                    PairMoments { phi: f64::NAN, dphi: f64::NAN, aligned: f64::NAN, error: f64::NAN }
                });
                sums[0] += weight * moments.phi;
                sums[1] += weight * moments.dphi;
                sums[2] += weight * moments.aligned;
            }
            sums
        },
    );
    // The two averages below are over the same moments, each of which is a quadrature.
    let mut known = HashMap::new();
    if alone.iter().all(Option::is_some) {
        known.insert(largest.to_bits(), Rc::new(alone));
    }
    let known = RefCell::new(known);
    let moments_at = |variance: f64| -> Rc<Vec<Option<GaussianMoments>>> {
        let compute = || {
            let moments = |(phi, _): &(&dyn Activation, f64)| {
                let moments = phi.moments(scale * variance);
                moments.map_err(|error| failure.get_or_init(|| error)).ok()
            };
            Rc::new(functions.iter().map(moments).collect())
        };
        Rc::clone(known.borrow_mut().entry(variance.to_bits()).or_insert_with(compute))
    };
    let average = |moment: &dyn Fn(&GaussianMoments) -> Option<f64>| {
        let at = |variance: f64| {
            let moments = moments_at(variance);
            let parts = functions.iter().zip(&*moments).map(|((_, weight), moments)| match moments {
                Some(moments) => weight * moment(moments).unwrap_or(0.0),
                None => f64::NAN,
            });
            let (sum, size) = parts.fold((0.0, 0.0), |(sum, size): (f64, f64), part| (sum + part, size + part.abs()));
            // What cancels between opposite biases is zero, not rounding.
            if sum.abs() < 1e-12 * size { 0.0 } else { sum }
        };
        q.kernel.per_sample(at)
    };
    let curvature = average(&|moments| moments.ddphi);
    let variance_slope = average(&|moments| moments.phi2_slope);
    if let Some(error) = failure.into_inner() {
        return Err(MapError::Expectation(error));
    }
    let kernels = [output, slope, aligned];
    Ok(ActivationMaps::at_reference(phi, q, biased, ln_reference, kernels, [curvature, variance_slope]))
}

/// The logarithm of the scale at which `q.kernel` stands for q, if that is in the domain.
pub(super) fn ln_reference_in_domain(
    phi: &dyn Activation,
    q: &ScaledKernel,
    biases: &[BiasNode],
) -> Result<f64, MapError> {
    let biased = biases != BiasNode::NONE;
    let ln_reference = if biased { q.ln_scale } else { ln_reference_scale(phi, q) };
    if ln_reference.exp() * q.kernel.largest_diagonal() > LARGEST_VARIANCE && (biased || !phi.is_homogeneous()) {
        return Err(MapError::VarianceTooLarge { variance: q.ln_largest_diagonal().exp() });
    }
    Ok(ln_reference)
}

impl ActivationMaps {
    /// From what was computed at the reference scale: output, slope, aligned; curvature, slope of the variance.
    pub(super) fn at_reference(
        phi: &dyn Activation,
        q: &ScaledKernel,
        biased: bool,
        ln_reference: f64,
        [output, slope, aligned]: [Kernel; 3],
        [curvature, variance_slope]: [Vec<f64>; 2],
    ) -> Self {
        // phi'' of a homogeneous activation falls with the size of its argument.
        let ln_curvature = if phi.is_homogeneous() && !biased { 0.5 * (ln_reference - q.ln_scale) } else { 0.0 };
        Self {
            output: ScaledKernel::new(output, q.ln_scale - ln_reference),
            slope,
            aligned: ScaledKernel::new(aligned, q.ln_scale - ln_reference),
            curvature: SampleVector::new(curvature, ln_curvature),
            variance_slope,
        }
    }
}

/// The scale at which the normalised kernel `q.kernel` stands for the whole of `q`: its own, or a convenient one where the
/// activation has none at this size (a homogeneous one at any size; a smooth one with phi(0) = 0 at tiny variances, where it is
/// linear). Statements about signs, shares and ratios hold at one if they hold at the other, and it neither over- nor underflows.
pub fn reference_scale(phi: &dyn Activation, q: &ScaledKernel) -> f64 {
    ln_reference_scale(phi, q).exp()
}

fn ln_reference_scale(phi: &dyn Activation, q: &ScaledKernel) -> f64 {
    if phi.is_homogeneous() {
        return 0.0;
    }
    let linear = q.ln_largest_diagonal() < LINEAR_REGIME.ln() && phi.value(0.0) == 0.0 && !phi.kinks().contains(&0.0);
    if linear { LINEAR_REGIME.ln() } else { q.ln_scale }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::{Linear, Relu, Sigmoid, Tanh};

    fn one(q: f64) -> ScaledKernel {
        ScaledKernel::new(Kernel::Exchangeable { batch: 2, diagonal: q, off_diagonal: 0.5 * q }, 0.0)
    }

    #[test]
    fn relu_halves_the_variance_at_any_scale() {
        for ln_scale in [-1e5, 0.0, 1e5] {
            let q = ScaledKernel { ln_scale, ..one(1.0) };
            let maps = activation_maps(&Relu, &q, &BiasNode::NONE).expect("homogeneous");
            assert!((maps.output.ln_largest_diagonal() - ln_scale - 0.5f64.ln()).abs() < 1e-10);
            assert!((maps.slope.mean_diagonal() - 0.5).abs() < 1e-15);
        }
    }

    #[test]
    fn tiny_variances_are_linear_and_join_the_quadrature() {
        let tiny = ScaledKernel { ln_scale: -1e4, ..one(1.0) };
        let maps = activation_maps(&Tanh, &tiny, &BiasNode::NONE).expect("small variances are in the domain");
        assert!((maps.output.ln_largest_diagonal() + 1e4).abs() < 1e-10);
        assert!((maps.output.kernel.mean_off_diagonal().expect("two samples") - 0.5).abs() < 1e-12);
        for q in [0.9e-24, 1.1e-24] {
            let maps = activation_maps(&Tanh, &one(q), &BiasNode::NONE).expect("in the domain");
            assert!((maps.output.ln_largest_diagonal() - q.ln()).abs() < 1e-12);
        }
    }

    #[test]
    fn variances_beyond_the_domain_are_refused_not_guessed() {
        assert!(activation_maps(&Sigmoid, &one(1e7), &BiasNode::NONE).is_err());
        assert!(activation_maps(&Linear, &one(1e7), &BiasNode::NONE).is_ok());
    }
}
