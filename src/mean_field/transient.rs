//! Variances and correlations of two inputs layer by layer, from any start.

use serde::{Deserialize, Serialize};

use super::MeanFieldError;
use super::variance::{GREATEST_VARIANCE, Scales};
use crate::activation::{Activation, GaussianPair};

/// Two inputs in the pre-activations of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PairState {
    /// Variance for the first input.
    pub q1: f64,
    /// Variance for the second.
    pub q2: f64,
    /// Their correlation.
    pub c: f64,
}

/// A layer on the way.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TransientLayer {
    /// The pre-activations that it is given.
    pub state: PairState,
    /// `sigma_w^2 E phi'^2` of the layer for the first input: what it multiplies the mean square of its gradient by.
    pub chi_1: f64,
    /// `sigma_w^2 E phi'(u) phi'(v)` of the layer.
    pub chi_c: f64,
}

/// The way of two inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transient {
    /// The layers.
    pub layers: Vec<TransientLayer>,
    /// The pre-activations that the last layer gives; `None` if a variance left the range.
    pub end: Option<PairState>,
}

impl PairState {
    /// A checked start.
    ///
    /// # Errors
    ///
    /// [`MeanFieldError`] for variances outside (0, 1e6] and correlations outside \[-1, 1\].
    pub fn new(q1: f64, q2: f64, c: f64) -> Result<Self, MeanFieldError> {
        for (name, value) in [("q1", q1), ("q2", q2)] {
            if !(value > 0.0 && value <= GREATEST_VARIANCE) {
                return Err(MeanFieldError::Variance { name, value });
            }
        }
        if !(-1.0..=1.0).contains(&c) {
            return Err(MeanFieldError::Correlation { name: "c", value: c });
        }
        Ok(Self { q1, q2, c })
    }
}

/// The way of two inputs through layers whose scales may differ, each with `h_l = W_l phi(h_{l-1}) + b_l`.
///
/// # Formula
///
/// ```text
/// q_l = sigma_w^2 E phi(u)^2 + sigma_b^2      c_l = (sigma_w^2 E phi(u) phi(v) + sigma_b^2) / sqrt(q1_l q2_l)
/// ```
///
/// with (u, v) Gaussian of the state before. Widths enter through the scales alone: weights of variance s^2 with m inputs have
/// `sigma_w^2 = s^2 m`. Near a fixed point with a slope near 1, compare a finite network with this, not with the fixed point.
///
/// One entry a layer that is passed: the state before it and its chi; and the state behind the last. It ends early, without a last state, where a
/// variance leaves (0, 1e6].
///
/// # Errors
///
/// [`MeanFieldError::Expectation`] if an expectation does not exist.
///
/// # Source
///
/// Poole et al., NeurIPS 2016, eq. 3 and 5.
pub fn transient(
    phi: &dyn Activation,
    layers: impl IntoIterator<Item = Scales>,
    start: PairState,
) -> Result<Transient, MeanFieldError> {
    let mut way: Vec<TransientLayer> = Vec::new();
    let mut state = start;
    for scales in layers {
        let (weight, bias) = (scales.weight_variance(), scales.bias_variance());
        let covariance = state.c * state.q1.sqrt() * state.q2.sqrt();
        let pair = phi.pair_moments(GaussianPair { q1: state.q1, q2: state.q2, covariance })?;
        let (first, second) = (phi.moments(state.q1)?, phi.moments(state.q2)?);
        way.push(TransientLayer { state, chi_1: weight * first.dphi2, chi_c: weight * pair.dphi });
        let (q1, q2) = (weight * first.phi2 + bias, weight * second.phi2 + bias);
        let valid = |q: f64| q > 0.0 && q <= GREATEST_VARIANCE;
        if !(valid(q1) && valid(q2)) {
            return Ok(Transient { layers: way, end: None });
        }
        let c = (weight * pair.phi + bias) / (q1.sqrt() * q2.sqrt());
        state = PairState { q1, q2, c: c.clamp(-1.0, 1.0) };
    }
    Ok(Transient { layers: way, end: Some(state) })
}

#[cfg(test)]
mod tests {
    use super::super::{VarianceMap, phase_point};
    use super::*;
    use crate::activation::{Linear, Tanh};

    #[test]
    fn deep_ways_end_at_the_fixed_point() {
        let scales = Scales::new(2.5f64.sqrt(), 0.05f64.sqrt()).expect("valid");
        let map = VarianceMap::new(&Tanh).expect("exists");
        let point = phase_point(&map, scales, 1.0).expect("has a phase");
        for start in [PairState::new(0.01, 30.0, -0.9), PairState::new(2.0, 2.0, 0.99)] {
            let way = transient(&Tanh, std::iter::repeat_n(scales, 400), start.expect("valid")).expect("exists");
            let end = way.end.expect("bounded");
            assert!((end.q1 - point.q_star.expect("bounded")).abs() < 1e-12);
            assert!((end.c - point.c_star.expect("bounded")).abs() < 1e-11);
            let last = way.layers.last().expect("400 layers");
            assert!((last.chi_c - point.chi_c_star.expect("bounded")).abs() < 1e-11);
        }
    }

    #[test]
    fn scales_may_change_by_layer_and_the_range_ends_the_way() {
        let growing = (1..=40).map(|l| Scales { sigma_w: f64::from(l), sigma_b: 0.0 });
        let way = transient(&Linear, growing, PairState { q1: 1.0, q2: 4.0, c: 0.3 }).expect("exists");
        assert_eq!(way.end, None);
        assert_eq!(way.layers[3].state.q1, 36.0);
        assert!(way.layers.iter().all(|layer| (layer.state.c - 0.3).abs() < 1e-15));
        assert!(PairState::new(0.0, 1.0, 0.0).is_err() && PairState::new(1.0, 1.0, 1.1).is_err());
    }
}
