//! The gradient that the squared error of given targets sends into the last layer.

use std::sync::OnceLock;

use nalgebra::DMatrix;

use super::forward::LayerKernels;
use crate::activation::gaussian::{GaussianPair, ScalarFunction, pair_expectation};
use crate::activation::{Activation, Shifted};
use crate::mean_field::{Kernel, ScaledKernel};

/// What given targets T (n x B) add to the gradient `s (Y - T)`, with `s = 2 / (n B)`.
pub(super) struct GivenTargets {
    /// `s^2 T^T T`, of the part `-s T` that does not depend on the pre-activations.
    pub independent: ScaledKernel,
    /// `t^a = sum_i T_ia / n`: what the targets have in common over the outputs.
    pub mean: Vec<f64>,
    /// The two parts' products, to be taken away.
    pub cross: Option<Cross>,
}

/// Products of `s phi(h_i)` and `s T_i`, summed over the outputs.
///
/// # Formula
///
/// ```text
/// delta:  s^2 n (t^a E phi'(u_a) phi phi'(u_b) + t^b E phi phi'(u_a) phi'(u_b))        activation: 2 s^2 n sum_a t^a E phi(u_a)
/// ```
///
/// Zero where the targets have mean 0 over the outputs, or phi is odd.
pub(super) struct Cross {
    /// Of the pre-activations' gradient.
    pub delta: ScaledKernel,
    /// Of `|dL/dX|^2`, in units of `e^ln_scale`.
    pub activation: f64,
    /// ln of `s^2`.
    pub ln_scale: f64,
}

impl GivenTargets {
    /// Of a layer with `n` outputs.
    pub fn new(targets: &DMatrix<f64>, phi: &dyn Activation, layer: &LayerKernels, ln_s: f64) -> Result<Self, String> {
        let outputs = targets.nrows() as f64;
        let products = ScaledKernel::mean_products(targets);
        // Targets of zero must not lend their scale to what is added to them.
        let ln_products = if targets.amax() == 0.0 { f64::NEG_INFINITY } else { products.ln_scale };
        let independent = ScaledKernel { kernel: products.kernel, ln_scale: ln_products + outputs.ln() + 2.0 * ln_s };
        let mean: Vec<f64> = targets.column_iter().map(|sample| sample.iter().map(|t| t / outputs).sum()).collect();
        // What cancels between the outputs is zero, not rounding.
        let negligible = 1e-14 * targets.amax();
        let cross = if mean.iter().all(|mean| mean.abs() <= negligible) || is_odd(phi) {
            None
        } else {
            Some(Cross::new(&mean, outputs, phi, layer, ln_s)?)
        };
        Ok(Self { independent, mean, cross })
    }
}

/// An odd activation of pre-activations that are symmetric about zero, as with any of the laws of biases.
fn is_odd(phi: &dyn Activation) -> bool {
    [0.05, 0.3, 0.9, 1.7, 3.1, 6.3, 12.0].iter().all(|&x| {
        let (left, right) = (phi.value(-x), phi.value(x));
        (left + right).abs() <= 1e-14 * left.abs().max(right.abs())
    })
}

impl Cross {
    fn new(mean: &[f64], outputs: f64, phi: &dyn Activation, layer: &LayerKernels, ln_s: f64) -> Result<Self, String> {
        let scale = layer.gaussian.ln_scale.exp();
        let shifted: Vec<(Shifted<'_>, f64)> =
            layer.biases.iter().map(|node| (Shifted::new(phi, node.shift), node.weight)).collect();
        let failure = OnceLock::new();
        let kernel = Kernel::Full(layer.gaussian.kernel.to_matrix());
        // In one direction and in the other: the pair is not symmetric.
        let expectations =
            |first: fn(&dyn Activation, f64) -> f64, second: fn(&dyn Activation, f64) -> f64, pair: GaussianPair| {
                let at = |pair: GaussianPair| {
                    let part = |(phi, weight): &(Shifted<'_>, f64)| {
                        let (f, g) = (|x: f64| first(phi, x), |x: f64| second(phi, x));
                        let transitions = phi.transitions();
                        let function =
                            |evaluate| ScalarFunction { evaluate, seams: phi.seams(), transitions: &transitions };
                        match pair_expectation(function(&f), function(&g), pair) {
                            Ok(found) => weight * found.value,
                            Err(error) => {
                                failure.get_or_init(|| error);
                                f64::NAN
                            }
                        }
                    };
                    shifted.iter().map(part).sum::<f64>()
                };
                at(GaussianPair { q1: scale * pair.q1, q2: scale * pair.q2, covariance: scale * pair.covariance })
            };
        let slope: fn(&dyn Activation, f64) -> f64 = |phi, x| phi.derivative(x);
        let product: fn(&dyn Activation, f64) -> f64 = |phi, x| {
            let (value, slope) = phi.value_and_derivative(x);
            value * slope
        };
        let flipped = |pair: GaussianPair| GaussianPair { q1: pair.q2, q2: pair.q1, covariance: pair.covariance };
        // Entry (a, b) with a >= b is the function's pair (a, b); the kernel stores it on both sides.
        let [forward, backward] = kernel.map_pairs(
            |_| (),
            |(), (), pair| [expectations(slope, product, pair), expectations(slope, product, flipped(pair))],
        );
        let (forward, backward) = (forward.to_matrix(), backward.to_matrix());
        let batch = mean.len();
        let delta = DMatrix::from_fn(batch, batch, |i, j| {
            let (a, b) = (i.max(j), i.min(j));
            outputs * (mean[a] * forward[(a, b)] + mean[b] * backward[(a, b)])
        });
        let value: fn(&dyn Activation, f64) -> f64 = |phi, x| phi.value(x);
        let one: fn(&dyn Activation, f64) -> f64 = |_, _| 1.0;
        let variances = kernel.to_matrix().diagonal();
        let average = |q: f64| expectations(value, one, GaussianPair { q1: q, q2: q, covariance: 0.0 });
        let activation = 2.0 * outputs * mean.iter().zip(&variances).map(|(mean, &q)| mean * average(q)).sum::<f64>();
        if let Some(error) = failure.into_inner() {
            return Err(format!("the products of outputs and given targets: {error}"));
        }
        let ln_scale = 2.0 * ln_s;
        Ok(Self { delta: ScaledKernel { kernel: Kernel::Full(delta), ln_scale }, activation, ln_scale })
    }
}
