//! The edge of chaos: the scale of the weights at which gradients neither vanish nor explode.

use crate::activation::Activation;

/// A point on the edge of chaos.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Critical {
    /// The critical scale of the weights, `sigma_w = sqrt(fan_in Var W_ij)`.
    pub sigma_w: f64,
    /// Variance of the pre-activations at the fixed point; `None` where it is 0 or where every variance is fixed.
    pub q_star: Option<f64>,
}

/// There is no critical scale.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "{activation} has no critical sigma_w at sigma_b = {sigma_b}: no stable fixed point with chi_1 = 1 and q* between {LEAST:.0e} and \
     {MOST:.0e}"
)]
pub struct NoCritical {
    /// The activation.
    pub activation: String,
    /// Standard deviation of the biases.
    pub sigma_b: f64,
}

/// Range of q* that is searched.
const LEAST: f64 = 1e-8;
const MOST: f64 = 1e5;
const CELLS: usize = 260;

/// The sigma_w at which `chi_1 = sigma_w^2 E phi'(sqrt(q*) z)^2 = 1` at the fixed point q* of the variance map, for biases of standard
/// deviation `sigma_b`.
///
/// # Formula
///
/// Along the edge of chaos everything follows from q*: `sigma_w^2 = 1 / E phi'^2`, `sigma_b^2(q*) = q* - E phi^2 / E phi'^2`. The q* that gives the
/// wanted sigma_b is found by a scan in ln q and bisection; only a stable fixed point counts (`sigma_w^2 dE phi^2/dq < 1`), as networks
/// do not stay at the others. Without biases and with phi(0) = 0 the edge begins at q* = 0, `sigma_w = 1 / |phi'(0)|`. For a positively
/// homogeneous activation chi_1 does not depend on q.
///
/// # Errors
///
/// [`NoCritical`] if there is none.
///
/// # Example
///
/// ```
/// use gradspectra::{activation::{Relu, Tanh}, mean_field::critical_sigma_w};
/// assert!((critical_sigma_w(&Relu, 0.0)?.sigma_w.powi(2) - 2.0).abs() < 1e-12);
/// assert_eq!(critical_sigma_w(&Tanh, 0.0)?.sigma_w, 1.0);
/// # Ok::<(), gradspectra::mean_field::NoCritical>(())
/// ```
///
/// # Source
///
/// Schoenholz et al., ICLR 2017; Pennington, Schoenholz and Ganguli, AISTATS 2018.
pub fn critical_sigma_w(phi: &dyn Activation, sigma_b: f64) -> Result<Critical, NoCritical> {
    if phi.is_homogeneous() {
        let slope = phi.moments(1.0).map_or(f64::NAN, |m| m.dphi2);
        return Ok(Critical { sigma_w: slope.sqrt().recip(), q_star: None });
    }
    let excess = |ln_q: f64| phi.moments(ln_q.exp()).map_or(f64::NAN, |m| m.q - m.phi2 / m.dphi2 - sigma_b * sigma_b);
    let node = |k: usize| LEAST.ln() + (MOST / LEAST).ln() * k as f64 / CELLS as f64;
    let mut before = excess(node(0));
    for k in 1..=CELLS {
        let here = excess(node(k));
        if before.signum() != here.signum() && before.is_finite() && here.is_finite() {
            let (mut low, mut high) = (node(k - 1), node(k));
            for _ in 0..60 {
                let middle = 0.5 * (low + high);
                if excess(middle).signum() == before.signum() { low = middle } else { high = middle }
            }
            let Ok(m) = phi.moments((0.5 * (low + high)).exp()) else { continue };
            let chi_parallel = m.phi2_slope.map_or(f64::INFINITY, |slope| slope / m.dphi2);
            if chi_parallel < 1.0 {
                return Ok(Critical { sigma_w: m.dphi2.sqrt().recip(), q_star: Some(m.q) });
            }
        }
        before = here;
    }
    let from_the_origin = sigma_b == 0.0 && phi.value(0.0) == 0.0 && !phi.kinks().contains(&0.0);
    let slope = phi.derivative(0.0).abs();
    if from_the_origin && slope > 0.0 {
        return Ok(Critical { sigma_w: 1.0 / slope, q_star: None });
    }
    Err(NoCritical { activation: phi.name().to_owned(), sigma_b })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::{Linear, Relu, Sigmoid, Tanh};

    /// Points of the reference table.
    #[test]
    fn known_points_of_the_edge() {
        let sigmoid = critical_sigma_w(&Sigmoid, 0.0).expect("from sigma_w^2 = 103 on");
        assert!((sigmoid.sigma_w.powi(2) - 103.007_553_855_519).abs() < 1e-8, "{}", sigmoid.sigma_w.powi(2));
        assert!((sigmoid.q_star.expect("a fixed point") - 45.624_277_797_379_7).abs() < 1e-7);
        assert_eq!(critical_sigma_w(&Linear, 0.3).expect("homogeneous").sigma_w, 1.0);
        assert!((critical_sigma_w(&Relu, 0.1).expect("homogeneous").sigma_w - 2f64.sqrt()).abs() < 1e-14);
    }

    #[test]
    fn the_point_is_a_fixed_point_with_chi_one() {
        for sigma_b in [1e-3, 0.05, 0.3, 1.0] {
            let Critical { sigma_w, q_star } = critical_sigma_w(&Tanh, sigma_b).expect("tanh has an edge");
            let q = q_star.expect("with biases the fixed point is not 0");
            let m = Tanh.moments(q).expect("exists");
            assert!((sigma_w * sigma_w * m.dphi2 - 1.0).abs() < 1e-12);
            assert!((sigma_w * sigma_w * m.phi2 + sigma_b * sigma_b - q).abs() < 1e-9 * q, "{sigma_b}");
        }
    }
}
