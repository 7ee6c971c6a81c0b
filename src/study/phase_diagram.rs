//! Mean-field theory of one activation, sampled for its figures.

use serde::{Deserialize, Serialize};

use crate::activation::{Activation, GaussianPair};
use crate::mean_field::{EdgeOfChaos, MeanFieldError, PhasePoint, Scales, VarianceMap, phase_point, phase_points};

/// The phases over a grid of scales.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseDiagram {
    /// Name of the activation.
    pub activation: String,
    /// Scales of the weights, in increasing order.
    pub sigma_w: Vec<f64>,
    /// Scales of the biases, in increasing order.
    pub sigma_b: Vec<f64>,
    /// Row by row of sigma_b: the numbers, or why there are none.
    pub points: Vec<Result<PhasePoint, String>>,
    /// The edge of chaos along its whole length.
    pub edge: EdgeOfChaos,
}

impl PhaseDiagram {
    /// The grid for inputs whose first pre-activations have variance `start`.
    ///
    /// # Errors
    ///
    /// [`MeanFieldError`] for scales that are none, and if the expectations do not exist. Points of the grid fail one by one.
    pub fn new(phi: &dyn Activation, sigma_w: Vec<f64>, sigma_b: Vec<f64>, start: f64) -> Result<Self, MeanFieldError> {
        let pairs = sigma_b.iter().flat_map(|b| sigma_w.iter().map(move |w| Scales::new(*w, *b)));
        let scales = pairs.collect::<Result<Vec<_>, _>>()?;
        let points = phase_points(phi, &scales, start)?;
        let edge = EdgeOfChaos::new(&VarianceMap::new(phi)?)?;
        Ok(Self {
            activation: phi.name().to_owned(),
            sigma_w,
            sigma_b,
            points: points.into_iter().map(|point| point.map_err(|error| error.to_string())).collect(),
            edge,
        })
    }

    /// The point of row `b` and column `w`.
    pub fn point(&self, w: usize, b: usize) -> Option<&PhasePoint> {
        self.points.get(b * self.sigma_w.len() + w)?.as_ref().ok()
    }
}

/// The edges of chaos of several activations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Edges {
    /// Name and edge.
    pub edges: Vec<(String, EdgeOfChaos)>,
}

/// The variance and the correlation map at one pair of scales, with the paths of the iteration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapsSheet {
    /// Name of the activation.
    pub activation: String,
    /// Where the maps lead.
    pub point: PhasePoint,
    /// (q, V(q)).
    pub variance_map: Vec<(f64, f64)>,
    /// Variances layer by layer from the start.
    pub variances: Vec<f64>,
    /// (c, C(c)) at q*; empty if there is no variance at which it could be drawn.
    pub correlation_map: Vec<(f64, f64)>,
    /// Correlations layer by layer from uncorrelated inputs, at q*.
    pub correlations: Vec<f64>,
}

/// Layers that the paths show at most.
const LAYERS: usize = 60;
const SAMPLES: usize = 200;

impl MapsSheet {
    /// The maps at `scales` from variance `start`.
    ///
    /// # Errors
    ///
    /// As [`phase_point`].
    pub fn new(phi: &dyn Activation, scales: Scales, start: f64) -> Result<Self, MeanFieldError> {
        let map = VarianceMap::new(phi)?;
        let point = phase_point(&map, scales, start)?;
        let mut variances = vec![start];
        for _ in 0..LAYERS {
            let last = variances[variances.len() - 1];
            match map.next(scales, last) {
                Ok(next) if next < 1e6 && (next - last).abs() > 1e-4 * last => variances.push(next),
                _ => break,
            }
        }
        let fixed = point.fixed_points.iter().map(|point| point.q);
        let settled = variances.iter().copied().chain(fixed.filter(|q| *q < 1e3 * start.max(1.0)));
        let highest = 1.25 * settled.fold(0.0, f64::max);
        let mut variance_map = Vec::new();
        for k in 0..=SAMPLES {
            // Closer near 0, where the curve bends.
            let q = highest * (k as f64 / SAMPLES as f64).powi(2);
            variance_map.push((q, map.next(scales, q.max(1e-9))?));
        }
        let (mut correlation_map, mut correlations) = (Vec::new(), Vec::new());
        if let Some(q) = point.q_star.filter(|q| *q > 0.0) {
            let next = |c: f64| -> Result<f64, MeanFieldError> {
                let pair = GaussianPair { q1: q, q2: q, covariance: c * q };
                Ok((scales.weight_variance() * phi.pair_moments(pair)?.phi + scales.bias_variance()) / q)
            };
            for k in 0..=SAMPLES {
                let c = 1.0 - (1.0 - k as f64 / SAMPLES as f64).powi(2);
                correlation_map.push((c, next(c)?));
            }
            correlations.push(0.0);
            for _ in 0..LAYERS {
                let last = correlations[correlations.len() - 1];
                let here = next(last)?;
                if (here - last).abs() < 1e-4 {
                    break;
                }
                correlations.push(here);
            }
        }
        let activation = phi.name().to_owned();
        Ok(Self { activation, point, variance_map, variances, correlation_map, correlations })
    }
}
