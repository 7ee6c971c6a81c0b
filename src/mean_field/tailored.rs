//! Activations scaled and shifted so that the maps of a deep network take prescribed values.

use nalgebra::{DMatrix, DVector};

use crate::activation::{Activation, Composed, ExpectationError, LeakyRelu, Scales, Shifted};
use crate::numeric::{Integral, integrate};

/// What the maps of a network of `depth` layers should do, for weights with sigma_w = 1, no biases and inputs of variance 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tailoring {
    /// Deep kernel shaping: `Q(1) = 1`, `Q'(1) = 1`, `C(0) = 0`, and the slope of the network's correlation map at 1,
    /// `C'(1)^depth`, is `slope` > 1.
    KernelShaping {
        /// Layers.
        depth: usize,
        /// `(d c_depth / d c_0)` at c = 1.
        slope: f64,
    },
    /// Tailored activation transformation: `Q(1) = 1`, `Q'(1) = 1`, `C'(1) = 1`, and the curvature of the network's correlation map
    /// at 1, `depth C''(1)`, is `curvature` > 0.
    Transformation {
        /// Layers.
        depth: usize,
        /// `(d^2 c_depth / d c_0^2)` at c = 1.
        curvature: f64,
    },
}

/// There is no such activation.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TailoringError {
    /// A target that no activation can meet.
    #[error("{name} is {value}: it must be {domain}")]
    Target {
        /// Its name.
        name: &'static str,
        /// What was given.
        value: f64,
        /// What it may be.
        domain: &'static str,
    },
    /// The equations have no solution that was found.
    #[error("no scales and shifts make {activation} meet these conditions{}: {hint}", off_by(*residual))]
    NotSolved {
        /// The activation.
        activation: String,
        /// Largest departure from the conditions.
        residual: f64,
        /// What may help.
        hint: &'static str,
    },
    /// An expectation does not exist.
    #[error(transparent)]
    Expectation(#[from] ExpectationError),
}

fn off_by(residual: f64) -> String {
    if residual.is_finite() { format!(" (the best leave them off by {residual:.1e})") } else { String::new() }
}

/// phi with input and output scale and shift, `a phi(b x + c) + d`, so that the maps of the network meet the conditions.
///
/// # Formula
///
/// With `f(z) = phi(b z + c)` over a standard normal z (the inputs have variance 1, and keep it), the conditions are
///
/// ```text
/// Q(1)   = a^2 E (f + d/a)^2             = 1
/// Q'(1)  = a^2 E z (f + d/a) f'          = 1
/// C(0)   = a^2 (E f + d/a)^2             = 0           or   C''(1) = a^2 E f''^2 = curvature / depth
/// C'(1)  = a^2 E f'^2                    = slope^(1/depth)   or 1
/// ```
///
/// a follows from the first; Newton's iteration with central differences solves for the others in `(ln b, c, d/a)` from a grid of starts.
///
/// # Accuracy
///
/// The conditions hold to 1e-10.
///
/// # Errors
///
/// [`TailoringError`]: homogeneous activations have no input scale, and need [`tailored_leaky_relu`].
///
/// # Source
///
/// Martens et al., Rapid training of deep neural networks without skip connections or normalization layers using deep kernel shaping
/// (2021); Zhang, Botev and Martens, ICLR 2022 (tailored activation transformation), for networks without skips.
pub fn tailored(phi: &std::sync::Arc<dyn Activation>, tailoring: Tailoring) -> Result<Composed, TailoringError> {
    tailoring.check()?;
    if phi.is_homogeneous() {
        return Err(TailoringError::NotSolved {
            activation: phi.name().to_owned(),
            residual: f64::INFINITY,
            hint: "its maps do not depend on the scale of the input; tailor the slope of leaky_relu instead",
        });
    }
    if matches!(tailoring, Tailoring::Transformation { .. }) && !phi.kinks().is_empty() {
        return Err(TailoringError::NotSolved {
            activation: phi.name().to_owned(),
            residual: f64::INFINITY,
            hint: "a kink makes C''(1) infinite; shape its kernel instead, or tailor the slope of leaky_relu",
        });
    }
    let mut best: Option<(f64, [f64; 3])> = None;
    for ln_b in [0.0, -1.0, 1.0, -2.0, -3.0] {
        for shift in [0.0, 0.5, -0.5, 1.5, -1.5] {
            let Some(start) = tailoring.start(&**phi, ln_b, shift) else { continue };
            if let Some((residual, at)) = newton(&|at| tailoring.residuals(&**phi, at), start)
                && best.is_none_or(|(best, _)| residual < best)
            {
                best = Some((residual, at));
            }
            if best.is_some_and(|(residual, _)| residual < SOLVED) {
                break;
            }
        }
    }
    match best {
        Some((residual, at)) if residual < SOLVED => {
            let scales = moments(&**phi, at).map(|m| m.scales(at));
            scales.map(|scales| Composed::new(std::sync::Arc::clone(phi), scales)).ok_or(TailoringError::NotSolved {
                activation: phi.name().to_owned(),
                residual,
                hint: "try other targets",
            })
        }
        found => Err(TailoringError::NotSolved {
            activation: phi.name().to_owned(),
            residual: found.map_or(f64::INFINITY, |(residual, _)| residual),
            hint: "try a larger slope or curvature, or a smaller depth",
        }),
    }
}

/// The leaky ReLU, scaled to keep the variance, whose network of `depth` layers takes uncorrelated inputs to correlation `correlation`.
///
/// # Formula
///
/// `sqrt(2 / (1 + a^2)) leaky_relu_a(x)` has `C(c) = c + (1 - a)^2 / (1 + a^2) (sqrt(1 - c^2) - c acos c) / pi`; the slope a in \[0, 1\] is found by
/// bisection on the correlation behind `depth` layers, which falls from that of the ReLU to 0.
///
/// # Errors
///
/// [`TailoringError::Target`] for correlations outside (0, 1), or that even the ReLU does not reach at this depth.
///
/// # Source
///
/// Zhang, Botev and Martens, ICLR 2022, sec. 4.
pub fn tailored_leaky_relu(depth: usize, correlation: f64) -> Result<Composed, TailoringError> {
    let domain = "above 0 and below the correlation that the ReLU reaches at this depth";
    let behind = |a: f64| {
        let share = (1.0 - a) * (1.0 - a) / (1.0 + a * a);
        (0..depth).fold(0.0, |c: f64, _| {
            let rise = ((1.0 - c) * (1.0 + c)).max(0.0).sqrt() - c * c.clamp(-1.0, 1.0).acos();
            (c + share * rise / std::f64::consts::PI).min(1.0)
        })
    };
    if depth == 0 || !(correlation > 0.0 && correlation < behind(0.0)) {
        return Err(TailoringError::Target { name: "the correlation", value: correlation, domain });
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if behind(middle) > correlation { low = middle } else { high = middle }
    }
    let a = 0.5 * (low + high);
    let scales = Scales { output: (2.0 / (1.0 + a * a)).sqrt(), input: 1.0, shift: 0.0, lift: 0.0 };
    Ok(Composed::new(std::sync::Arc::new(LeakyRelu::new(a)), scales))
}

/// Largest departure from the conditions of what counts as a solution.
const SOLVED: f64 = 1e-10;

impl Tailoring {
    fn check(self) -> Result<(), TailoringError> {
        let (depth, name, value, least) = match self {
            Self::KernelShaping { depth, slope } => (depth, "the slope", slope, 1.0),
            Self::Transformation { depth, curvature } => (depth, "the curvature", curvature, 0.0),
        };
        if depth == 0 {
            return Err(TailoringError::Target { name: "the depth", value: 0.0, domain: "at least 1" });
        }
        if !(value.is_finite() && value > least) {
            let domain = if least == 1.0 { "a number above 1" } else { "a number above 0" };
            return Err(TailoringError::Target { name, value, domain });
        }
        Ok(())
    }

    fn start(self, phi: &dyn Activation, ln_b: f64, shift: f64) -> Option<[f64; 3]> {
        let m = moments(phi, [ln_b, shift, 0.0])?;
        Some([ln_b, shift, -m.mean])
    }

    /// Departures from Q'(1), C'(1), and C(0) or C''(1); a is such that Q(1) = 1.
    fn residuals(self, phi: &dyn Activation, at: [f64; 3]) -> Option<[f64; 3]> {
        let m = moments(phi, at)?;
        let a2 = 1.0 / m.square(at[2]);
        let growth = a2 * (m.product_slope + at[2] * m.slope_z) - 1.0;
        let residuals = match self {
            Self::KernelShaping { depth, slope } => {
                [growth, a2 * m.slope_square - slope.powf(1.0 / depth as f64), a2.sqrt() * (m.mean + at[2])]
            }
            Self::Transformation { depth, curvature } => {
                let wanted = curvature / depth as f64;
                // Relative: C'' is small in deep networks.
                [growth, a2 * m.slope_square - 1.0, a2 * m.curvature_square / wanted - 1.0]
            }
        };
        residuals.iter().all(|r| r.is_finite()).then_some(residuals)
    }
}

/// Expectations of `f(z) = phi(b z + c)` and its derivatives in z.
struct Moments {
    mean: f64,
    square: f64,
    slope_square: f64,
    /// E z f'.
    slope_z: f64,
    /// E z f f'.
    product_slope: f64,
    curvature_square: f64,
}

impl Moments {
    /// E (f + e)^2.
    fn square(&self, e: f64) -> f64 {
        self.square + 2.0 * e * self.mean + e * e
    }

    fn scales(&self, [ln_b, shift, e]: [f64; 3]) -> Scales {
        let output = self.square(e).sqrt().recip();
        Scales { output, input: ln_b.exp(), shift, lift: output * e }
    }
}

fn moments(phi: &dyn Activation, [ln_b, shift, _]: [f64; 3]) -> Option<Moments> {
    let b = ln_b.exp();
    let shifted = Shifted::new(phi, shift);
    let m = shifted.moments(b * b).ok()?;
    let mut ends: Vec<f64> = vec![-12.0, -6.0, -3.0, -1.0, 0.0, 1.0, 3.0, 6.0, 12.0];
    ends.extend(phi.seams().iter().map(|seam| (seam - shift) / b).filter(|z| z.abs() < 12.0));
    ends.sort_by(f64::total_cmp);
    let square = |z: f64| {
        let density = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
        [phi.second_derivative(b * z + shift).powi(2) * density]
    };
    let Integral { value: [curvature], .. } = integrate(square, &ends, 1e-13);
    Some(Moments {
        mean: m.phi,
        square: m.phi2,
        slope_square: b * b * m.dphi2,
        // E z f' = E f'' (Stein), in the units of the inner activation.
        slope_z: b * b * m.ddphi?,
        product_slope: b * b * m.phi2_slope?,
        curvature_square: b.powi(4) * curvature,
    })
}

/// Newton's iteration with halved steps; the largest residual and where it is.
fn newton(residuals: &dyn Fn([f64; 3]) -> Option<[f64; 3]>, start: [f64; 3]) -> Option<(f64, [f64; 3])> {
    let size = |r: &[f64; 3]| r.iter().fold(0.0_f64, |largest, r| largest.max(r.abs()));
    let mut at = start;
    let mut here = residuals(at)?;
    for _ in 0..60 {
        if size(&here) < 1e-13 {
            break;
        }
        let mut jacobian = DMatrix::zeros(3, 3);
        for k in 0..3 {
            let step = 1e-5 * (1.0 + at[k].abs());
            let (mut low, mut high) = (at, at);
            low[k] -= step;
            high[k] += step;
            let (low, high) = (residuals(low)?, residuals(high)?);
            for i in 0..3 {
                jacobian[(i, k)] = (high[i] - low[i]) / (2.0 * step);
            }
        }
        // Where an odd activation makes an equation idle the matrix is singular: the pseudo-inverse leaves that direction alone.
        let svd = jacobian.svd(true, true);
        let step = svd.solve(&DVector::from_column_slice(&here), 1e-9).ok()?;
        let mut share = 1.0;
        let mut moved = false;
        while share > 1e-4 {
            let next: [f64; 3] = std::array::from_fn(|k| at[k] - share * step[k]);
            let bounded = next[0].abs() < 7.0 && next[1].abs() < 50.0;
            if let Some(there) = residuals(next).filter(|there| bounded && size(there) < size(&here)) {
                (at, here, moved) = (next, there, true);
                break;
            }
            share *= 0.5;
        }
        if !moved {
            break;
        }
    }
    Some((size(&here), at))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{PairState, Scales as Layer, VarianceMap, transient};
    use super::*;
    use crate::activation::by_name;

    fn layer() -> Layer {
        Layer { sigma_w: 1.0, sigma_b: 0.0 }
    }

    /// The maps themselves, through `transient`, are the oracle of the equations.
    #[test]
    fn shaped_networks_keep_variance_and_stretch_correlations_as_asked() {
        for (name, depth, slope) in [("tanh", 50, 1.5), ("softplus", 100, 1.5), ("gelu", 20, 2.0), ("selu", 30, 1.5)] {
            let phi = by_name(name).expect("registered");
            let shaped = tailored(&phi, Tailoring::KernelShaping { depth, slope }).unwrap_or_else(|e| panic!("{e}"));
            let map = VarianceMap::new(&shaped).expect("exists");
            assert!((map.next(layer(), 1.0).expect("exists") - 1.0).abs() < 1e-9, "{name}");
            let near = 1.0 - 1e-6;
            for c in [0.0, near] {
                let start = PairState { q1: 1.0, q2: 1.0, c };
                let way = transient(&shaped, std::iter::repeat_n(layer(), depth), start).expect("exists");
                let end = way.end.expect("bounded");
                assert!((end.q1 - 1.0).abs() < 1e-7, "{name}: {}", end.q1);
                let expected = if c == 0.0 { 0.0 } else { 1.0 - slope * 1e-6 };
                assert!((end.c - expected).abs() < 1e-8 + 2e-3 * (1.0 - expected) * c, "{name} from {c}: {}", end.c);
            }
        }
    }

    #[test]
    fn transformed_networks_have_the_curvature() {
        let (depth, curvature) = (100, 0.3);
        let phi = by_name("tanh").expect("registered");
        let smooth = tailored(&phi, Tailoring::Transformation { depth, curvature }).unwrap_or_else(|e| panic!("{e}"));
        let step = 1e-3;
        let end = |c: f64| {
            let start = PairState { q1: 1.0, q2: 1.0, c };
            let way = transient(&smooth, std::iter::repeat_n(layer(), depth), start).expect("exists");
            way.end.expect("bounded").c
        };
        // c_L(1 - s) = 1 - s + curvature s^2 / 2 - ...
        let measured = 2.0 * (end(1.0 - step) - 1.0 + step) / (step * step);
        assert!((measured / curvature - 1.0).abs() < 0.02, "{measured}");
    }

    #[test]
    fn a_leaky_relu_reaches_the_correlation() {
        let leaky = tailored_leaky_relu(60, 0.9).expect("within reach");
        let start = PairState { q1: 1.0, q2: 1.0, c: 0.0 };
        let way = transient(&leaky, std::iter::repeat_n(layer(), 60), start).expect("exists");
        let end = way.end.expect("bounded");
        assert!((end.c - 0.9).abs() < 1e-10 && (end.q1 - 1.0).abs() < 1e-12, "{end:?}");
        assert!(tailored_leaky_relu(3, 0.99).is_err() && tailored_leaky_relu(0, 0.5).is_err());
    }

    #[test]
    fn what_cannot_be_is_said() {
        let relu: Arc<dyn Activation> = by_name("relu").expect("registered");
        let error = tailored(&relu, Tailoring::KernelShaping { depth: 10, slope: 1.5 }).expect_err("homogeneous");
        assert!(error.to_string().contains("tailor the slope of leaky_relu"), "{error}");
        let tanh = by_name("tanh").expect("registered");
        assert!(tailored(&tanh, Tailoring::KernelShaping { depth: 10, slope: 0.5 }).is_err());
        assert!(tailored(&tanh, Tailoring::Transformation { depth: 0, curvature: 0.5 }).is_err());
    }
}
