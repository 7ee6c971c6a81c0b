//! Shares of saturated and inactive units.

use super::forward::ForwardKernels;
use super::setting::Setting;
use super::{Prediction, Predictions, Statistic};
use crate::activation::{Activation, Shifted, saturation_threshold};
use crate::mean_field::{BiasNode, reference_scale};
use crate::spec::{Precision, Quantity};
use crate::stats::normal_tail;

pub(super) fn predict(
    setting: &Setting<'_>,
    quantity: Quantity,
    forward: &ForwardKernels,
    predictions: &mut Predictions,
) {
    for (index, layer) in forward.layers.iter().enumerate() {
        let phi = setting.layers[index].activation;
        let one = |phi: &dyn Activation, sigma: f64| {
            let shares = Shares::new(phi, sigma, setting.precision);
            if quantity == Quantity::SaturatedFraction { shares.saturated } else { shares.inactive }
        };
        let per_sample = if layer.biases == BiasNode::NONE {
            let scale = reference_scale(phi, &layer.q);
            layer.q.kernel.per_sample(|q| one(phi, (scale * q).sqrt()))
        } else {
            let scale = layer.gaussian.ln_scale.exp();
            let averaged = |q: f64| {
                let shifted = |node: &BiasNode| node.weight * one(&Shifted::new(phi, node.shift), (scale * q).sqrt());
                layer.biases.iter().map(shifted).sum()
            };
            layer.gaussian.kernel.per_sample(averaged)
        };
        let value = per_sample.iter().sum::<f64>() / per_sample.len() as f64;
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

/// How a unit with slope phi' counts.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Active,
    Saturated,
    Inactive,
}

struct Shares {
    saturated: f64,
    inactive: f64,
}

/// Cells of the scan over +- 12 standard deviations: level sets narrower than a cell are not seen.
const CELLS: usize = 4000;

impl Shares {
    /// Normal measure of the level sets for `h ~ N(0, sigma^2)`: a scan finds where the state changes, bisection finds the place.
    /// The slope is rounded to the network's format: in a short format it underflows to an exact zero much earlier.
    fn new(phi: &dyn Activation, sigma: f64, precision: Precision) -> Self {
        let bound = saturation_threshold(phi.derivative_bounds().sup_abs);
        let state = |z: f64| match precision.round(phi.derivative(sigma * z)).abs() {
            0.0 => State::Inactive,
            slope if slope < bound => State::Saturated,
            _ => State::Active,
        };
        // An odd offset keeps kinks at the centre out of the nodes: there phi' is a convention.
        let node = |k: usize| 24.0 * ((k as f64 + 0.5) / CELLS as f64 - 0.5);
        let mut shares = Self { saturated: 0.0, inactive: 0.0 };
        let mut begin = f64::NEG_INFINITY;
        let mut current = state(node(0));
        let mut add = |state: State, from: f64, to: f64| {
            let mass = normal_tail(from) - normal_tail(to);
            match state {
                State::Active => {}
                State::Saturated => shares.saturated += mass,
                State::Inactive => shares.inactive += mass,
            }
        };
        for k in 1..CELLS {
            let next = state(node(k));
            if next != current {
                let (mut low, mut high) = (node(k - 1), node(k));
                for _ in 0..60 {
                    let middle = 0.5 * (low + high);
                    if state(middle) == current { low = middle } else { high = middle }
                }
                add(current, begin, low);
                begin = low;
                current = next;
            }
        }
        add(current, begin, f64::INFINITY);
        shares
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::{Linear, Relu, Sigmoid};

    #[test]
    fn shares_in_closed_form() {
        let relu = Shares::new(&Relu, 3.0, Precision::F64);
        assert!((relu.inactive - 0.5).abs() < 1e-15 && relu.saturated == 0.0);
        let linear = Shares::new(&Linear, 1.0, Precision::F64);
        assert_eq!((linear.saturated, linear.inactive), (0.0, 0.0));
        // sigma'(x) = t / (1 + t)^2 = 1/80 at e^|x| = 39 + sqrt(1520).
        let edge = (39.0 + 1520f64.sqrt()).ln();
        let sigmoid = Shares::new(&Sigmoid, 7.0, Precision::F64);
        assert!((sigmoid.saturated - 2.0 * normal_tail(edge / 7.0)).abs() < 1e-14);
        assert_eq!(sigmoid.inactive, 0.0);
        // e^-|x| rounds to zero in single precision from half the smallest subnormal, 2^-150, on.
        let single = Shares::new(&Sigmoid, 200.0, Precision::F32);
        assert!((single.inactive - 2.0 * normal_tail(150.0 * 2f64.ln() / 200.0)).abs() < 1e-6, "{}", single.inactive);
        // And in half precision from 2^-25 on, where t / (1 + t)^2 is t to 1e-7.
        let half = Shares::new(&Sigmoid, 20.0, Precision::F16);
        assert!((half.inactive - 2.0 * normal_tail(25.0 * 2f64.ln() / 20.0)).abs() < 1e-6, "{}", half.inactive);
    }
}
