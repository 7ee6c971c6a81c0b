//! Expectations of a smooth activation by the trapezoidal rule, which converges geometrically for them.

use std::sync::LazyLock;

use super::super::Activation;
use super::{CUTOFF, TOLERANCE, Transition, density};
use crate::numeric::Integral;

/// How many integrands there are: phi, phi^2, phi', phi'^2, phi'^4, (phi phi')^2, z phi'/sigma, z phi phi'/sigma.
pub(super) const INTEGRANDS: usize = 8;

/// The integrands at z, against the normal density, from phi and phi' at sigma z.
#[inline(always)]
pub(super) fn integrands(z: f64, sigma: f64, weight: f64, value: f64, slope: f64) -> [f64; INTEGRANDS] {
    let (square, both, stein) = (slope * slope, value * slope, z / sigma);
    [value, value * value, slope, square, square * square, both * both, slope * stein, both * stein].map(|f| f * weight)
}

/// Second grid's offset in steps. A frequency that one regular grid takes for a constant is another number on this one: no multiple of
/// the golden section is near a whole number until far out.
const OFFSET: f64 = 0.381_966_011_250_105_1;

const STEPS: [f64; 5] = [0.5, 0.25, 0.125, 0.062_5, 0.031_25];

/// Two grids of one step.
struct Grids {
    step: f64,
    /// Of the first, then of the second.
    nodes: Vec<f64>,
    /// Density times step.
    weights: Vec<f64>,
}

static GRIDS: LazyLock<[Grids; 5]> = LazyLock::new(|| {
    STEPS.map(|step| {
        let count = (CUTOFF / step) as i32;
        let grid = |offset: f64| (-count..=count).map(move |j| (f64::from(j) + offset) * step);
        let nodes: Vec<f64> = grid(0.0).chain(grid(OFFSET)).collect();
        let weights = nodes.iter().map(|z| step * density(*z)).collect();
        Grids { step, nodes, weights }
    })
});

/// The integrals over |z| < 12, if two grids of one step agree on all of them.
///
/// # Accuracy
///
/// The rule errs by what of the integrand's spectrum is at multiples of `2 pi / step`: `e^(-2 pi d / step)` for poles at distance d from
/// the real line. The difference between grids of one step but different offsets is that error, up to a factor. Steps beyond the
/// width of the narrowest transition are not tried. Seams have no place here.
pub(super) fn by_trapezoid(
    phi: &dyn Activation,
    sigma: f64,
    transitions: &[Transition],
) -> Option<Integral<INTEGRANDS>> {
    let width = transitions.iter().map(|transition| transition.width).fold(f64::INFINITY, f64::min);
    let [mut x, mut values, mut slopes] = [const { Vec::new() }; 3];
    for Grids { nodes, weights, .. } in GRIDS.iter().filter(|grids| grids.step * sigma <= width) {
        x.clear();
        x.extend(nodes.iter().map(|z| sigma * z));
        values.resize(x.len(), 0.0);
        slopes.resize(x.len(), 0.0);
        phi.sweep(&x, &mut values, &mut slopes);
        let half = nodes.len() / 2;
        let sums = |range: std::ops::Range<usize>| {
            let (nodes, weights) = (&nodes[range.clone()], &weights[range.clone()]);
            let (values, slopes) = (&values[range.clone()], &slopes[range]);
            pulp::Arch::new().dispatch(Sums { sigma, nodes, weights, values, slopes })
        };
        let ([first, absolute], [second, _]) = (sums(0..half), sums(half..nodes.len()));
        // As of the adaptive quadrature, no error is below the rounding of its sums.
        let error = |i: usize| (first[i] - second[i]).abs().max(50.0 * f64::EPSILON * absolute[i]);
        let integral = Integral {
            value: std::array::from_fn(|i| 0.5 * (first[i] + second[i])),
            error: std::array::from_fn(error),
            absolute,
        };
        if !absolute.iter().all(|absolute| absolute.is_finite()) {
            return None;
        }
        if (0..INTEGRANDS).all(|i| integral.error[i] <= TOLERANCE * absolute[i]) {
            return Some(integral);
        }
    }
    None
}

/// The sums over a grid and those of the absolute values; a type of its own for vector instructions.
struct Sums<'a> {
    sigma: f64,
    nodes: &'a [f64],
    weights: &'a [f64],
    values: &'a [f64],
    slopes: &'a [f64],
}

const LANES: usize = 4;

impl pulp::NullaryFnOnce for Sums<'_> {
    type Output = [[f64; INTEGRANDS]; 2];

    #[inline(always)]
    fn call(self) -> Self::Output {
        let Self { sigma, nodes, weights, values, slopes } = self;
        let mut sums = [[0.0; LANES]; INTEGRANDS];
        let mut sizes = [[0.0; LANES]; INTEGRANDS];
        let parts = nodes.chunks(LANES).zip(weights.chunks(LANES)).zip(values.chunks(LANES).zip(slopes.chunks(LANES)));
        for ((z, weight), (value, slope)) in parts {
            let mut at = [[0.0; LANES]; 4];
            for (lanes, part) in at.iter_mut().zip([z, weight, value, slope]) {
                lanes[..part.len()].copy_from_slice(part);
            }
            let [z, weight, value, slope] = at;
            for lane in 0..LANES {
                let parts = integrands(z[lane], sigma, weight[lane], value[lane], slope[lane]);
                for i in 0..INTEGRANDS {
                    sums[i][lane] += parts[i];
                    sizes[i][lane] += parts[i].abs();
                }
            }
        }
        [sums, sizes].map(|sums| sums.map(|lanes| lanes.iter().sum()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CUTOFF, density};
    use super::*;
    use crate::activation::{Gelu, Sigmoid, Tanh, by_name};
    use crate::numeric::{Tolerance, adapt};

    /// Against the adaptive quadrature, which shares nothing with it but the integrands. It declines what oscillates faster than its finest grid
    /// (negative control): sin(430 x) over a spread of 1.
    #[test]
    fn it_meets_the_adaptive_quadrature_or_declines() {
        for phi in [&Tanh as &dyn Activation, &Gelu, &Sigmoid] {
            for sigma in [0.01_f64, 0.7, 1.0, 2.5] {
                let fast = by_trapezoid(phi, sigma, &phi.transitions()).expect("smooth");
                let integrand = |z: f64| {
                    let (value, slope) = phi.value_and_derivative(sigma * z);
                    integrands(z, sigma, density(z), value, slope)
                };
                let slow = adapt(integrand, &[-CUTOFF, 0.0, CUTOFF], Tolerance::relative(1e-13)).integral;
                for i in 0..INTEGRANDS {
                    let difference = (fast.value[i] - slow.value[i]).abs();
                    assert!(difference <= 1e-12 * slow.absolute[i], "{} {sigma} {i}: {difference:e}", phi.name());
                }
            }
        }
        let wild = by_name("expr: tanh(x) + 0.001*sin(430*x)").expect("an expression");
        assert!(by_trapezoid(&*wild, 1.0, &[]).is_none());
    }
}
