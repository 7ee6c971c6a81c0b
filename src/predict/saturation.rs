//! Shares of saturated and inactive units.

use rayon::prelude::*;

use super::forward::{ForwardKernels, LayerKernels};
use super::setting::Setting;
use super::{Prediction, Predictions, Statistic};
use crate::activation::{Activation, saturation_threshold};
use crate::mean_field::{BiasNode, reference_scale};
use crate::numeric::bisect;
use crate::spec::{Precision, Quantity};
use crate::stats::normal_tail;

/// The shares of every layer that the kernels reach, a mean over the samples.
pub(super) fn shares(setting: &Setting<'_>, forward: &ForwardKernels) -> Vec<Shares> {
    let layers = forward.layers.par_iter().zip(&setting.layers);
    layers.map(|(layer, described)| of_layer(described.activation, layer, setting.precision)).collect()
}

pub(super) fn predict(quantity: Quantity, shares: &[Shares], forward: &ForwardKernels, predictions: &mut Predictions) {
    for (index, shares) in shares.iter().enumerate() {
        let value = if quantity == Quantity::SaturatedFraction { shares.saturated } else { shares.inactive };
        if !value.is_finite() {
            let reason = "the pre-activations are beyond the range of f64";
            predictions.withhold(quantity, Statistic::Value, [index + 1], reason);
            continue;
        }
        predictions.predictions.push(Prediction {
            numerical_error: forward.relative_error(index + 1),
            hypotheses: forward.hypotheses.clone(),
            source: "normal measure of the level sets of phi' at the variance of the q-map".to_owned(),
            ..Prediction::plain(quantity, index + 1, Some(value))
        });
    }
    if let Some((layers, reason)) = forward.beyond() {
        predictions.withhold(quantity, Statistic::Value, layers.skip(1), reason);
    }
}

fn of_layer(phi: &dyn Activation, layer: &LayerKernels, precision: Precision) -> Shares {
    let (kernel, scale) = if layer.biases == BiasNode::NONE {
        (&layer.q.kernel, reference_scale(phi, &layer.q))
    } else {
        (&layer.gaussian.kernel, layer.gaussian.ln_scale.exp())
    };
    let mut spreads = kernel.per_sample(|q| (scale * q).sqrt());
    spreads.sort_by(f64::total_cmp);
    let shifts: Vec<f64> = layer.biases.iter().map(|node| node.shift).collect();
    let mut sum = Shares::default();
    let mut rest = &spreads[..];
    while let Some(&least) = rest.first() {
        // NaN is like nothing, not even itself.
        let count = rest.partition_point(|spread| *spread <= ALIKE * least).max(1);
        let (alike, others) = rest.split_at(count);
        let levels = LevelSets::new(phi, precision, &shifts, [least, alike[count - 1]]);
        for &spread in alike {
            layer.biases.iter().for_each(|node| sum.add(&levels.shares(node.shift, spread), node.weight));
        }
        rest = others;
    }
    let mut mean = Shares::default();
    mean.add(&sum, 1.0 / spreads.len() as f64);
    mean
}

/// Samples whose standard deviations are within this factor share a scan: with it grow the places that the scan looks at.
const ALIKE: f64 = 16.0;

/// How a unit with slope phi' counts.
#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Active,
    Saturated,
    Inactive,
}

/// Shares of the units of a layer.
#[derive(Debug, Default)]
pub(super) struct Shares {
    saturated: f64,
    inactive: f64,
}

impl Shares {
    fn add(&mut self, other: &Self, weight: f64) {
        self.saturated += weight * other.saturated;
        self.inactive += weight * other.inactive;
    }

    fn add_state(&mut self, state: State, mass: f64) {
        match state {
            State::Active => {}
            State::Saturated => self.saturated += mass,
            State::Inactive => self.inactive += mass,
        }
    }
}

/// The scan looks 12 standard deviations far, in cells of this many of them: level sets narrower than a cell are not seen.
const CELL: f64 = 24.0 / 4000.0;
const REACH: f64 = 12.0;

/// Where phi' crosses the bounds, within reach of the pre-activations `N(shift, spread^2)` of some shifts and a range of spreads: a matter of
/// the activation and of the format, found once for all of them.
struct LevelSets<'a> {
    phi: &'a dyn Activation,
    precision: Precision,
    /// Saturated below it.
    bound: f64,
    /// Increasing; to their left, between them and to their right the states.
    edges: Vec<f64>,
    states: Vec<State>,
}

impl<'a> LevelSets<'a> {
    /// The spreads between the two, increasing. A scan finds where the state changes, bisection finds the place. Its cells grow with the distance
    /// from the nearest shift, as those of the spreads do that reach so far: none is wider than the cells of a scan for one
    /// spread and shift alone.
    fn new(phi: &'a dyn Activation, precision: Precision, shifts: &[f64], [least, largest]: [f64; 2]) -> Self {
        let bound = saturation_threshold(phi.derivative_bounds().sup_abs);
        let mut sets = Self { phi, precision, bound, edges: Vec::new(), states: Vec::new() };
        if !is_spread(least) || !is_spread(largest) {
            return sets;
        }
        let nodes = scan(shifts, least, largest);
        let (mut values, mut slopes) = (vec![0.0; nodes.len()], vec![0.0; nodes.len()]);
        phi.sweep(&nodes, &mut values, &mut slopes);
        let mut current = sets.state_of(slopes[0]);
        sets.states.push(current);
        for (pair, slope) in nodes.windows(2).zip(&slopes[1..]) {
            let next = sets.state_of(*slope);
            if next != current {
                sets.edges.push(bisect(pair[0], pair[1], |x| sets.state(x) != current));
                sets.states.push(next);
                current = next;
            }
        }
        sets
    }

    /// The slope is rounded to the network's format: in a short format it underflows to an exact zero much earlier.
    fn state_of(&self, slope: f64) -> State {
        match self.precision.round(slope).abs() {
            0.0 => State::Inactive,
            slope if slope < self.bound => State::Saturated,
            _ => State::Active,
        }
    }

    fn state(&self, x: f64) -> State {
        self.state_of(self.phi.value_and_derivative(x).1)
    }

    /// Normal measure of the level sets for `h ~ N(shift, spread^2)`, one of those that the scan was for.
    fn shares(&self, shift: f64, spread: f64) -> Shares {
        let mut shares = Shares::default();
        if spread.is_nan() {
            return Shares { saturated: f64::NAN, inactive: f64::NAN };
        } else if spread == 0.0 {
            shares.add_state(self.state(shift), 1.0);
            return shares;
        } else if spread.is_infinite() {
            shares.add_state(self.state(-spread), 0.5);
            shares.add_state(self.state(spread), 0.5);
            return shares;
        }
        let mut above = 1.0;
        for (k, state) in self.states.iter().enumerate() {
            let beyond = self.edges.get(k).map_or(0.0, |edge| {
                let z = (edge - shift) / spread;
                // What the other spreads and shifts see beyond the reach of this one.
                if z.abs() > REACH { 0.5 - 0.5 * z.signum() } else { normal_tail(z) }
            });
            shares.add_state(*state, above - beyond);
            above = beyond;
        }
        shares
    }
}

fn is_spread(spread: f64) -> bool {
    spread > 0.0 && spread.is_finite()
}

/// Places in increasing order, around every shift up to its reach or half-way to the next shift.
fn scan(shifts: &[f64], least: f64, largest: f64) -> Vec<f64> {
    // Half a cell off the shifts: at kinks, which are often at zero, phi' is a convention.
    let first = 0.5 * CELL * least;
    let next = |distance: &f64| Some(distance + CELL * least.max(distance / REACH));
    let within = |distance: &f64| *distance < REACH * largest;
    let distances: Vec<f64> = std::iter::successors(Some(first), next).take_while(within).collect();
    let mut shifts = shifts.to_vec();
    shifts.sort_by(f64::total_cmp);
    shifts.dedup();
    let mut nodes = Vec::with_capacity(2 * distances.len() * shifts.len());
    let mut from = f64::NEG_INFINITY;
    for (k, shift) in shifts.iter().enumerate() {
        let to = shifts.get(k + 1).map_or(f64::INFINITY, |next| 0.5 * (shift + next));
        let both = distances.iter().rev().map(|distance| shift - distance);
        let both = both.chain(distances.iter().map(|distance| shift + distance));
        nodes.extend(both.filter(|x| *x > from && *x < to));
        if to < shift + REACH * largest {
            nodes.push(to);
        }
        from = to;
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::{Linear, Relu, Shifted, Sigmoid, Tanh, by_name};

    fn shares(phi: &dyn Activation, spread: f64, precision: Precision) -> Shares {
        LevelSets::new(phi, precision, &[0.0], [spread; 2]).shares(0.0, spread)
    }

    #[test]
    fn shares_in_closed_form() {
        let relu = shares(&Relu, 3.0, Precision::F64);
        assert!((relu.inactive - 0.5).abs() < 1e-15 && relu.saturated == 0.0);
        let linear = shares(&Linear, 1.0, Precision::F64);
        assert_eq!((linear.saturated, linear.inactive), (0.0, 0.0));
        // sigma'(x) = t / (1 + t)^2 = 1/80 at e^|x| = 39 + sqrt(1520).
        let edge = (39.0 + 1520f64.sqrt()).ln();
        let sigmoid = shares(&Sigmoid, 7.0, Precision::F64);
        assert!((sigmoid.saturated - 2.0 * normal_tail(edge / 7.0)).abs() < 1e-14);
        assert_eq!(sigmoid.inactive, 0.0);
        // e^-|x| rounds to zero in single precision from half the smallest subnormal, 2^-150, on.
        let single = shares(&Sigmoid, 200.0, Precision::F32);
        assert!((single.inactive - 2.0 * normal_tail(150.0 * 2f64.ln() / 200.0)).abs() < 1e-6, "{}", single.inactive);
        // And in half precision from 2^-25 on, where t / (1 + t)^2 is t to 1e-7.
        let half = shares(&Sigmoid, 20.0, Precision::F16);
        assert!((half.inactive - 2.0 * normal_tail(25.0 * 2f64.ln() / 20.0)).abs() < 1e-6, "{}", half.inactive);
    }

    /// One scan for many samples and biases against a scan for each.
    #[test]
    fn a_common_scan_sees_what_each_sees_alone() {
        let spreads = [0.02, 0.021, 0.1, 0.3];
        let shifts = [-0.9, -0.05, 0.05, 0.9, 2.0];
        for name in ["tanh", "hard_tanh", "gelu", "relu6", "expr: tanh(x) + 0.3*sin(30*x)"] {
            let phi = by_name(name).expect("registered");
            for precision in [Precision::F64, Precision::F16] {
                let common = LevelSets::new(&*phi, precision, &shifts, [0.02, 0.3]);
                for (shift, spread) in shifts.iter().flat_map(|shift| spreads.map(|spread| (*shift, spread))) {
                    let got = common.shares(shift, spread);
                    let alone = shares(&Shifted::new(&*phi, shift), spread, precision);
                    for (got, alone) in [(got.saturated, alone.saturated), (got.inactive, alone.inactive)] {
                        let close = (got - alone).abs() < 1e-12 * alone + 1e-14;
                        assert!(close, "{name} {precision:?} N({shift}, {spread}^2): {got} not {alone}");
                    }
                }
            }
        }
    }

    #[test]
    fn limits() {
        let at = |spread: f64, shift: f64| {
            let shares = LevelSets::new(&Tanh, Precision::F64, &[shift], [spread; 2]).shares(shift, spread);
            [shares.saturated, shares.inactive]
        };
        assert_eq!(at(0.0, 0.1), [0.0, 0.0]);
        assert_eq!(at(0.0, 3.0), [1.0, 0.0]);
        assert_eq!(at(f64::INFINITY, 0.0), [0.0, 1.0]);
        assert!(at(f64::NAN, 0.0)[0].is_nan());
        // The shift is many of its own last places away from zero, and the scan a few of them wide.
        assert_eq!(at(1e-15, 1.0), [0.0, 0.0]);
    }
}
