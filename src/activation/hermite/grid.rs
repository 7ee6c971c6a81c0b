//! Grids that resolve Hermite polynomials and the functions expanded in them.

use crate::numeric::gauss_legendre;

/// The weight exp(-z^2/4) is 1e-28 there.
pub(super) const REACH: f64 = 16.0;

/// Trapezoidal steps, tried in this order. The coarsest does for functions that are analytic in a strip of half-width 1.2, the finest for 0.08;
/// [`Grid::terms`] says how many polynomials each resolves.
pub(super) const STEPS: [f64; 5] = [1.0 / 4.0, 1.0 / 8.0, 1.0 / 16.0, 1.0 / 32.0, 1.0 / 64.0];

/// Between seams, panels of this length with this many Gauss-Legendre nodes resolve the last polynomial, of wavelength
/// `pi / sqrt(400)`, and the transitions that the finest of [`STEPS`] resolves.
const PANEL: f64 = 0.5;
const PANEL_NODES: usize = 16;

/// Places off the grid at which the series is compared with the function, of both signs.
pub(super) const OUTPOSTS: [f64; 8] = [0.137, 0.618, 1.073, 1.589, 2.141, 2.709, 3.303, 3.922];

/// Nodes and weights over z > 0 of a rule that is symmetric about 0: even and odd polynomials take their coefficients from the even and
/// the odd part of a function.
pub(super) struct Grid {
    pub nodes: Vec<f64>,
    pub weights: Vec<f64>,
    /// `psi_0 = sqrt(density)` at the nodes and the outposts: the orthonormal functions are `psi_k = h_k psi_0`.
    pub first: Vec<f64>,
    pub first_at_outposts: [f64; OUTPOSTS.len()],
    /// The polynomials that it resolves.
    pub terms: usize,
}

impl Grid {
    fn new(nodes: Vec<f64>, weights: Vec<f64>, terms: usize) -> Self {
        let root_of_density = |z: f64| (2.0 * std::f64::consts::PI).powf(-0.25) * (-0.25 * z * z).exp();
        let first = nodes.iter().map(|z| root_of_density(*z)).collect();
        Self { nodes, weights, first, first_at_outposts: OUTPOSTS.map(root_of_density), terms }
    }

    /// The trapezoidal rule with nodes at half-integer multiples of the step.
    ///
    /// It takes `psi_j psi_k` for orthonormal up to their product's spectrum at multiples of 2 pi / step. The Fourier transform of psi_k is psi_k
    /// at twice the frequency: it turns at sqrt(k + 1/2) and falls from there on as psi_k does, by `e^(-S)`, `S = nu (sinh(2t) / 2 - t)` at the
    /// frequency `sqrt(nu) cosh t`, nu = k + 1/2. That of the product is `e^(-2S)` at 2 pi / step with S at pi / step: below 1e-15 for k up to
    /// two thirds of (pi / step)^2 (105 at step 1/4).
    ///
    /// What of f lies beyond those polynomials, and is taken for something else, shows in E f^2 and at the outposts.
    pub fn trapezoid(reach: f64, step: f64) -> Self {
        let count = (reach / step) as usize;
        let nyquist = std::f64::consts::PI / step;
        let nodes = (0..count).map(|j| step * (j as f64 + 0.5)).collect();
        Self::new(nodes, vec![step; count], (nyquist * nyquist / 1.5) as usize)
    }

    /// Gauss-Legendre panels that end at the seams and, to be symmetric, at their mirror images.
    pub fn panels(seams: impl Iterator<Item = f64>, reach: f64, terms: usize) -> Self {
        let rule = gauss_legendre(PANEL_NODES);
        let mut ends: Vec<f64> = seams.map(f64::abs).filter(|z| *z < reach).chain([0.0, reach]).collect();
        ends.sort_by(f64::total_cmp);
        ends.dedup();
        let (mut nodes, mut weights) = (Vec::new(), Vec::new());
        for pair in ends.windows(2) {
            let parts = ((pair[1] - pair[0]) / PANEL).ceil().max(1.0);
            let width = (pair[1] - pair[0]) / parts;
            for k in 0..parts as usize {
                for (x, weight) in &rule {
                    nodes.push(pair[0] + width * (k as f64 + x));
                    weights.push(width * weight);
                }
            }
        }
        Self::new(nodes, weights, terms)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{climb, dot};
    use super::*;

    /// Every grid takes the polynomials that it says it resolves for orthonormal.
    #[test]
    fn grids_resolve_their_polynomials() {
        // With finer steps the first polynomial underflows where the last one turns.
        for step in [1.0 / 4.0, 1.0 / 8.0] {
            let terms = Grid::trapezoid(REACH, step).terms;
            // All of the last polynomials, whatever the function leaves of them.
            let grid = Grid::trapezoid(2.0 * (terms as f64).sqrt() + 12.0, step);
            let mut functions = vec![grid.first.clone()];
            let mut previous = vec![0.0; grid.nodes.len()];
            for k in 0..terms - 1 {
                climb(k as f64, &mut previous, &functions[k], &grid.nodes);
                let next = previous;
                previous = functions[k].clone();
                functions.push(next);
            }
            for j in [0, 1, 2, terms / 2, terms - 3, terms - 2, terms - 1] {
                for k in (j % 2..terms).step_by(2) {
                    let inner = 2.0 * step * dot(&functions[j], &functions[k]);
                    let exact = f64::from(u8::from(j == k));
                    assert!((inner - exact).abs() < 1e-13, "step {step}: {j}, {k} give {inner:e}");
                }
            }
        }
    }
}
