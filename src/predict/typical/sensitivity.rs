//! How the maps of one layer answer to a small change of the covariance that they are given.

use std::sync::OnceLock;

use nalgebra::DMatrix;
use rayon::prelude::*;

use super::super::forward::LayerKernels;
use crate::activation::{Activation, ExpectationError, GaussianPair, HermiteSeries, Shifted};
use crate::mean_field::{ActivationMaps, BiasNode, Kernel, reference_scale};

/// Derivatives of one pair's entry `f(q_a, q_b, q_ab)` with respect to the normalised kernel.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct PairSlopes {
    first: f64,
    second: f64,
    covariance: f64,
}

/// Derivatives of a layer's normalised output kernel K and of ln P with respect to its normalised Gaussian kernel Q.
pub(super) struct Sensitivity {
    batch: usize,
    /// Of K and of ln P, for every pair.
    output: DMatrix<PairSlopes>,
    ln_slope: DMatrix<PairSlopes>,
}

/// Relative step of the central differences in a variance: truncation and the quadrature's 1e-13 meet at 1e-8.
const STEP: f64 = 1e-4;

/// Share of 1 - |c| by which a correlation is varied.
const CORRELATION_STEP: f64 = 1e-2;

/// Samples closer than this move as one: what varies between them is O(1 - c).
const EQUAL: f64 = 1e-9;

impl Sensitivity {
    /// The linearised maps at the kernels of a layer.
    pub fn of(phi: &dyn Activation, layer: &LayerKernels, maps: &ActivationMaps) -> Result<Self, ExpectationError> {
        let kernel = &layer.gaussian.kernel;
        let biased = layer.biases != BiasNode::NONE;
        let scale = if biased { layer.gaussian.ln_scale.exp() } else { reference_scale(phi, &layer.gaussian) };
        let shifted: Vec<Shifted<'_>> = layer.biases.iter().map(|node| Shifted::new(phi, node.shift)).collect();
        let nodes: Vec<(&dyn Activation, f64)> = if biased {
            shifted.iter().zip(&layer.biases).map(|(shifted, node)| (shifted.as_dyn(), node.weight)).collect()
        } else {
            vec![(phi, 1.0)]
        };
        // Output kernels are normalised: K = V(scale Q) / size.
        let size = (maps.output.ln_scale - layer.gaussian.ln_scale + scale.ln()).exp();
        let size = if biased { maps.output.ln_scale.exp() } else { size };
        let expand = kernel.batch() > 1 && (biased || !phi.has_closed_form_pairs());
        let exchangeable = matches!(kernel, Kernel::Exchangeable { .. });
        let q = kernel.to_matrix();
        let batch = q.nrows();
        // One expansion per sample, node and step: pairs are then sums.
        let variances = [1.0 - STEP, 1.0, 1.0 + STEP];
        let samples = if exchangeable { 1 } else { batch };
        let series: Vec<Vec<[Option<HermiteSeries>; 3]>> = (0..samples)
            .into_par_iter()
            .map(|a| {
                let at = |phi: &dyn Activation| {
                    variances.map(|v| expand.then(|| HermiteSeries::new(phi, scale * q[(a, a)] * v, 0)).flatten())
                };
                nodes.iter().map(|(phi, _)| at(*phi)).collect()
            })
            .collect();
        let series_of = |a: usize| &series[if exchangeable { 0 } else { a }];
        // The maps exist at Q, so a step beyond is all that can fail.
        let failure = OnceLock::new();
        let single = |a: usize| -> [PairSlopes; 2] {
            let at = |factor: f64| {
                nodes.iter().fold([0.0; 3], |[v, p, slope], (phi, weight)| {
                    let Some(m) = noted(&failure, phi.moments(scale * q[(a, a)] * factor)) else {
                        return [f64::NAN; 3];
                    };
                    [v + weight * m.phi2, p + weight * m.dphi2, slope + weight * m.phi2_slope.unwrap_or(0.0)]
                })
            };
            let (low, here, high) = (at(1.0 - STEP), at(1.0), at(1.0 + STEP));
            let whole = |covariance: f64| PairSlopes { covariance, ..PairSlopes::default() };
            [whole(scale * here[2] / size), whole((high[1] - low[1]) / (2.0 * STEP * q[(a, a)] * here[1]))]
        };
        let pair = |a: usize, b: usize| -> [PairSlopes; 2] {
            let (qa, qb) = (q[(a, a)], q[(b, b)]);
            let unit = (qa * qb).sqrt();
            let c = (q[(a, b)] / unit).clamp(-1.0, 1.0);
            // V and P at steps -1, 0, 1 of either variance and at a correlation.
            let at = |step_a: usize, step_b: usize, c: f64| {
                let (q1, q2) = (scale * qa * variances[step_a], scale * qb * variances[step_b]);
                let pair = GaussianPair { q1, q2, covariance: c * (q1 * q2).sqrt() };
                let mut sums = [0.0; 2];
                for (k, (phi, weight)) in nodes.iter().enumerate() {
                    let (first, second) = (&series_of(a)[k][step_a], &series_of(b)[k][step_b]);
                    let by_series =
                        first.as_ref().zip(second.as_ref()).and_then(|(first, second)| first.pair(second, pair));
                    let Some(moments) = by_series.or_else(|| noted(&failure, phi.pair_moments(pair))) else {
                        return [f64::NAN; 2];
                    };
                    sums[0] += weight * moments.phi;
                    sums[1] += weight * moments.dphi;
                }
                sums
            };
            let here = at(1, 1, c);
            let variance_slope = |[low, high]: [[f64; 2]; 2], q: f64, i: usize| (high[i] - low[i]) / (2.0 * STEP * q);
            let along_a = [at(0, 1, c), at(2, 1, c)];
            let along_b = [at(1, 0, c), at(1, 2, c)];
            let room = 1.0 - c.abs();
            let step = CORRELATION_STEP * room;
            // dV/dq_ab = P (Price); P itself by differences, none where the two samples are one.
            let of_correlation = if room < EQUAL {
                [0.0, 0.0]
            } else {
                let slope = (at(1, 1, c + step)[1] - at(1, 1, c - step)[1]) / (2.0 * step);
                [here[1] * unit * scale, slope]
            };
            [0, 1].map(|i| {
                let normal = if i == 0 { size } else { here[1] };
                let covariance = of_correlation[i] / unit;
                // At fixed covariance the correlation falls as a variance grows.
                let at_fixed = |slope: f64, q: f64| slope - 0.5 * c / q * of_correlation[i];
                let slopes = PairSlopes {
                    first: at_fixed(variance_slope(along_a, qa, i), qa) / normal,
                    second: at_fixed(variance_slope(along_b, qb, i), qb) / normal,
                    covariance: covariance / normal,
                };
                if normal == 0.0 { PairSlopes::default() } else { slopes }
            })
        };
        let mut output = DMatrix::from_element(batch, batch, PairSlopes::default());
        let mut ln_slope = output.clone();
        let shared = exchangeable.then(|| (single(0), if batch > 1 { pair(0, 1) } else { Default::default() }));
        let entries: Vec<(usize, usize)> = (0..batch).flat_map(|a| (0..=a).map(move |b| (a, b))).collect();
        let slopes: Vec<[PairSlopes; 2]> = entries
            .par_iter()
            .map(|&(a, b)| match (&shared, a == b) {
                (Some((single, _)), true) => *single,
                (Some((_, pair)), false) => *pair,
                (None, true) => single(a),
                (None, false) => pair(a, b),
            })
            .collect();
        let turned = |s: PairSlopes| PairSlopes { first: s.second, second: s.first, ..s };
        for (&(a, b), [k, p]) in entries.iter().zip(slopes) {
            (output[(a, b)], ln_slope[(a, b)]) = (k, p);
            (output[(b, a)], ln_slope[(b, a)]) = (turned(k), turned(p));
        }
        failure.into_inner().map_or(Ok(Self { batch, output, ln_slope }), Err)
    }

    /// The gradient with respect to Q of a function whose gradient with respect to K is `on_output`, and with respect to ln P
    /// `on_ln_slope`: the adjoint of the linearised maps.
    pub fn adjoint(&self, on_output: &DMatrix<f64>, on_ln_slope: Option<&DMatrix<f64>>) -> DMatrix<f64> {
        let mut on_q = DMatrix::zeros(self.batch, self.batch);
        for a in 0..self.batch {
            for b in 0..self.batch {
                let mut add = |weight: f64, slopes: &PairSlopes| {
                    on_q[(a, b)] += weight * slopes.covariance;
                    if a != b {
                        on_q[(a, a)] += weight * slopes.first;
                        on_q[(b, b)] += weight * slopes.second;
                    }
                };
                add(on_output[(a, b)], &self.output[(a, b)]);
                if let Some(weights) = on_ln_slope {
                    add(weights[(a, b)], &self.ln_slope[(a, b)]);
                }
            }
        }
        on_q
    }
}

/// The value, or nothing and the error in `failure` if it is the first.
fn noted<T>(failure: &OnceLock<ExpectationError>, result: Result<T, ExpectationError>) -> Option<T> {
    result.map_err(|error| failure.get_or_init(|| error)).ok()
}
