//! Leaky rectified linear unit.

use super::registry::spelling;
use super::{
    Activation, Attained, DerivativeBounds, ExpectationError, Extreme, GaussianMoments, GaussianPair, PairMoments, Relu,
};

/// `max(x, 0) + a min(x, 0)`: derivative 1 for x > 0, else a (a at the kink, as PyTorch has it).
///
/// As `a x + (1 - a) max(x, 0)` it takes its expectations from those of [`Relu`].
#[derive(Debug, Clone)]
pub struct LeakyRelu {
    a: f64,
    name: String,
    formula: String,
}

impl LeakyRelu {
    /// With slope a for x < 0, any finite number.
    pub fn new(a: f64) -> Self {
        Self { a, name: spelling("leaky_relu", &[a]), formula: format!("max(x, 0) + {a}*min(x, 0)") }
    }
}

impl Activation for LeakyRelu {
    fn name(&self) -> &str {
        &self.name
    }

    fn formula(&self) -> &str {
        &self.formula
    }

    fn value(&self, x: f64) -> f64 {
        if x <= 0.0 { self.a * x } else { x }
    }

    fn derivative(&self, x: f64) -> f64 {
        if x.is_nan() {
            x
        } else if x <= 0.0 {
            self.a
        } else {
            1.0
        }
    }

    fn second_derivative(&self, x: f64) -> f64 {
        if x.is_nan() { x } else { 0.0 }
    }

    fn kinks(&self) -> &[f64] {
        if self.a == 1.0 { &[] } else { &[0.0] }
    }

    fn is_homogeneous(&self) -> bool {
        true
    }

    fn derivative_bounds(&self) -> DerivativeBounds {
        let (below, above) = (Attained::on(-1.0, "x <= 0"), Attained::on(1.0, "x > 0"));
        let everywhere = || Attained::on(1.0, "all x");
        let a = self.a;
        DerivativeBounds {
            sup_abs: a.abs().max(1.0),
            sup_at: match a.abs() {
                1.0 => everywhere(),
                size if size < 1.0 => above.clone(),
                _ => below.clone(),
            },
            inf: a.min(1.0),
            inf_at: if a == 1.0 {
                everywhere()
            } else if a < 1.0 {
                below
            } else {
                above
            },
            second_sup_abs: 0.0,
            second_sup_at: if a == 1.0 { everywhere() } else { Attained::on(1.0, "x != 0") },
        }
    }

    fn largest_derivative(&self) -> Extreme {
        let at = if self.a > 1.0 { Attained::on(-1.0, "x <= 0") } else { Attained::on(1.0, "x > 0") };
        Extreme { value: self.a.max(1.0), at }
    }

    /// `E phi^2 = q (1 + a^2) / 2`, `E phi'^k = (1 + a^k) / 2`, `E phi = (1 - a) sqrt(q / 2 pi)`.
    fn moments(&self, q: f64) -> Result<GaussianMoments, ExpectationError> {
        let (a, relu) = (self.a, Relu.moments(q)?);
        let square = a * a;
        if q == 0.0 {
            let (dphi, dphi2) = (a, square);
            return Ok(GaussianMoments { dphi, dphi2, dphi4: square * square, ..relu }.with_logarithms());
        }
        Ok(GaussianMoments {
            q,
            phi: (1.0 - a) * relu.phi,
            phi2: 0.5 * q * (1.0 + square),
            dphi: 0.5 * (1.0 + a),
            dphi2: 0.5 * (1.0 + square),
            dphi4: 0.5 * (1.0 + square * square),
            phi2_dphi2: 0.5 * q * (1.0 + square * square),
            ddphi: relu.ddphi.map(|delta| (1.0 - a) * delta),
            phi2_slope: Some(0.5 * (1.0 + square)),
            error: 4.0 * f64::EPSILON,
            ..GaussianMoments::ZERO
        }
        .with_logarithms())
    }

    /// `E phi phi = a k + (1 - a)^2 E r r`, `E phi' phi' = a + (1 - a)^2 E r' r'` with covariance k and r the rectifier;
    /// `phi phi' = a^2 x + (1 - a^2) r`.
    fn pair_moments(&self, pair: GaussianPair) -> Result<PairMoments, ExpectationError> {
        let a = self.a;
        if pair.q1 == 0.0 || pair.q2 == 0.0 {
            // One of the two stands at the kink, where the slope is a.
            let slope = |q: f64| if q == 0.0 { a } else { 0.5 * (1.0 + a) };
            return Ok(PairMoments { phi: 0.0, dphi: slope(pair.q1) * slope(pair.q2), aligned: 0.0, error: 0.0 });
        }
        let relu = Relu.pair_moments(pair)?;
        let (c, _) = pair.cosine_and_sine();
        let k = c * (pair.q1.sqrt() * pair.q2.sqrt());
        let (square, gap) = (a * a, 1.0 - a);
        Ok(PairMoments {
            phi: a * k + gap * gap * relu.phi,
            dphi: a + gap * gap * relu.dphi,
            aligned: square * k + (1.0 - square) * (1.0 - square) * relu.phi,
            error: 8.0 * f64::EPSILON,
        })
    }

    fn smoothed(&self, mean: f64, spread: f64) -> Option<[f64; 3]> {
        // The rectifier of x less a times that of -x: nothing cancels within either.
        let (up, down) = (Relu.smoothed(mean, spread)?, Relu.smoothed(-mean, spread)?);
        let a = self.a;
        Some([up[0] - a * down[0], up[1] + a * down[1], up[0] - a * a * down[0]])
    }

    fn has_closed_form_pairs(&self) -> bool {
        true
    }

    fn as_dyn(&self) -> &dyn Activation {
        self
    }
}
