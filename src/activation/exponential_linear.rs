//! Exponential linear units: ELU, SELU, CELU.

use super::registry::spelling;
use super::{Activation, Attained, DerivativeBounds, ExpectationError, Extreme, GaussianMoments};
use crate::numeric::{mills_ratio, normal_cdf, normal_density, normal_tail_moments};

/// `g x` for x > 0 and `f (e^(x/w) - 1)` for x <= 0, with gain g, floor f and width w.
///
/// At 0 phi' jumps from f/w to g, unless these are equal; backprop takes f/w there, as PyTorch does.
#[derive(Debug, Clone)]
pub struct ExponentialLinear {
    name: String,
    formula: String,
    gain: f64,
    floor: f64,
    width: f64,
}

/// Klambauer et al. 2017: with weights of variance 1/n, mean 0 and variance 1 are a fixed point.
const SELU_GAIN: f64 = 1.050_700_987_355_480_5;
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;

impl ExponentialLinear {
    /// ELU (Clevert et al. 2016): `x` for x > 0, `a (e^x - 1)` below; a > 0.
    pub fn elu(a: f64) -> Self {
        let formula = format!("max(x, 0) + {a}*(exp(min(x, 0)) - 1)");
        Self { name: spelling("elu", &[a]), formula, gain: 1.0, floor: a, width: 1.0 }
    }

    /// SELU (Klambauer et al. 2017).
    pub fn selu() -> Self {
        let formula = format!("{SELU_GAIN}*(max(x, 0) + {SELU_ALPHA}*(exp(min(x, 0)) - 1))");
        Self { name: "selu".to_owned(), formula, gain: SELU_GAIN, floor: SELU_GAIN * SELU_ALPHA, width: 1.0 }
    }

    /// CELU (Barron 2017): `x` for x > 0, `a (e^(x/a) - 1)` below, whose slope does not jump; a > 0.
    pub fn celu(a: f64) -> Self {
        let formula = format!("max(x, 0) + {a}*(exp(min(x, 0)/{a}) - 1)");
        Self { name: spelling("celu", &[a]), formula, gain: 1.0, floor: a, width: a }
    }

    /// phi'(0-).
    fn slope(&self) -> f64 {
        self.floor / self.width
    }

    fn largest(&self) -> Extreme {
        let (slope, gain) = (self.slope(), self.gain);
        let at = if slope > gain {
            Attained::Nowhere
        } else if slope == gain {
            Attained::on(0.0, "x >= 0")
        } else {
            Attained::on(1.0, "x > 0")
        };
        Extreme { value: gain.max(slope), at }
    }
}

impl Activation for ExponentialLinear {
    fn name(&self) -> &str {
        &self.name
    }

    fn formula(&self) -> &str {
        &self.formula
    }

    fn value(&self, x: f64) -> f64 {
        if x > 0.0 { self.gain * x } else { self.floor * (x / self.width).exp_m1() }
    }

    fn derivative(&self, x: f64) -> f64 {
        if x > 0.0 { self.gain } else { self.slope() * (x / self.width).exp() }
    }

    fn second_derivative(&self, x: f64) -> f64 {
        if x >= 0.0 { 0.0 } else { self.slope() / self.width * (x / self.width).exp() }
    }

    fn kinks(&self) -> &[f64] {
        if self.slope() == self.gain { &[] } else { &[0.0] }
    }

    fn seams(&self) -> &[f64] {
        &[0.0]
    }

    fn derivative_bounds(&self) -> DerivativeBounds {
        let Extreme { value: sup_abs, at: sup_at } = self.largest();
        DerivativeBounds {
            sup_abs,
            sup_at,
            inf: 0.0,
            inf_at: Attained::Nowhere,
            second_sup_abs: self.slope() / self.width,
            second_sup_at: Attained::Nowhere,
        }
    }

    /// With `G_r = E e^(r x/w)` over x < 0: `E phi^2 = g^2 q/2 + f^2 (G_2 - 2 G_1 + 1/2)`,
    /// `E phi'^k = g^k / 2 + (f/w)^k G_k`; the others follow the same way.
    fn moments(&self, q: f64) -> Result<GaussianMoments, ExpectationError> {
        if q == 0.0 {
            return super::gaussian::moments_by_quadrature(self, q);
        }
        let (sigma, gain, slope) = (q.sqrt(), self.gain, self.slope());
        let below = |terms: &[(i32, f64)]| half_line_exponentials(terms, sigma / self.width);
        let at_kink = normal_density(0.0) / sigma;
        let (gain2, slope2, floor2) = (gain * gain, slope * slope, self.floor * self.floor);
        Ok(GaussianMoments {
            q,
            phi: gain * sigma * normal_density(0.0) + self.floor * below(&[(1, 1.0), (0, -1.0)]),
            phi2: 0.5 * gain2 * q + floor2 * below(&[(2, 1.0), (1, -2.0), (0, 1.0)]),
            dphi: 0.5 * gain + slope * below(&[(1, 1.0)]),
            dphi2: 0.5 * gain2 + slope2 * below(&[(2, 1.0)]),
            dphi4: 0.5 * gain2 * gain2 + slope2 * slope2 * below(&[(4, 1.0)]),
            phi2_dphi2: 0.5 * gain2 * gain2 * q + floor2 * slope2 * below(&[(4, 1.0), (3, -2.0), (2, 1.0)]),
            ddphi: Some(slope / self.width * below(&[(1, 1.0)]) + (gain - slope) * at_kink),
            phi2_slope: Some(0.5 * gain2 + slope2 * below(&[(2, 2.0), (1, -1.0)])),
            error: 1e-13,
            ..GaussianMoments::ZERO
        }
        .with_logarithms())
    }

    fn smoothed(&self, mean: f64, spread: f64) -> Option<[f64; 3]> {
        let (t, tau) = (mean / spread, spread / self.width);
        // e^x - 1 near 0 is the difference of nearly equal expectations.
        if (mean / self.width).abs() + tau < SMALL {
            return None;
        }
        // E e^(r x/w) over x < 0 is f(t) M(t + r tau) with Mills' ratio M, or e^(r t tau + r^2 tau^2 / 2) F(-t - r tau).
        let exponential = |r: f64| {
            let end = t + r * tau;
            if end >= 0.0 {
                normal_density(t) * mills_ratio(end)
            } else {
                (r * tau * (t + 0.5 * r * tau)).exp() * normal_cdf(-end)
            }
        };
        let [above, first] = normal_tail_moments(-t);
        let (g0, g1, g2) = (normal_cdf(-t), exponential(1.0), exponential(2.0));
        let (gain, slope) = (self.gain, self.slope());
        Some([
            gain * spread * first + self.floor * (g1 - g0),
            gain * above + slope * g1,
            gain * gain * spread * first + self.floor * slope * (g2 - g1),
        ])
    }

    fn as_dyn(&self) -> &dyn Activation {
        self
    }
}

/// Below this the combinations of exponentials are summed as series, or given up.
const SMALL: f64 = 0.25;

/// `sum_i w_i E e^(r_i tau z)` over z < 0, for terms (r, w).
///
/// # Formula
///
/// `E e^(r tau z)` over z < 0 is `e^(r^2 tau^2 / 2) F(-r tau) = f(0) M(r tau)` with Mills' ratio M. For small tau the series in tau:
/// its coefficients `sum_i w_i r_i^k` are integers, so that what cancels does so exactly.
fn half_line_exponentials(terms: &[(i32, f64)], tau: f64) -> f64 {
    let largest = terms.iter().map(|(rate, _)| *rate).max().unwrap_or(0);
    if tau * f64::from(largest) >= SMALL {
        let one = |rate: i32| if rate == 0 { 0.5 } else { normal_density(0.0) * mills_ratio(f64::from(rate) * tau) };
        return terms.iter().map(|(rate, weight)| weight * one(*rate)).sum();
    }
    // E |z|^k over z < 0, divided by k!, with the sign of z^k and tau^k.
    let mut previous = 0.5;
    let mut current = -tau * normal_density(0.0);
    let mut sum = previous * terms.iter().map(|(_, weight)| weight).sum::<f64>();
    for k in 1..24 {
        sum += current * terms.iter().map(|(rate, weight)| weight * f64::from(*rate).powi(k)).sum::<f64>();
        let next = tau * tau * previous / f64::from(k + 1);
        (previous, current) = (current, next);
    }
    sum
}
