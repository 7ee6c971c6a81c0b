//! Gaussian error linear unit, exact and as its approximation by tanh.

use std::f64::consts::SQRT_2;

use super::{Activation, Attained, DerivativeBounds};
use crate::numeric::{normal_cdf, normal_density};

/// `x F(x)` with the normal distribution function F (Hendrycks and Gimpel 2016): derivative `F(x) + x f(x)`, at most 1.1289..., at
/// sqrt 2.
#[derive(Debug, Clone, Copy)]
pub struct Gelu;

/// Beyond this every tail is 0 or straight in double precision, and powers of x stay finite.
const REACH: f64 = 1e3;

/// sup |phi''| of both forms: `2 f(0) = sqrt(2 / pi)`.
const SECOND_SUP: f64 = 0.797_884_560_802_865_4;

impl Activation for Gelu {
    fn name(&self) -> &str {
        "gelu"
    }

    fn formula(&self) -> &str {
        "0.5*x*(1 + erf(x/sqrt(2)))"
    }

    fn value(&self, x: f64) -> f64 {
        x * normal_cdf(x)
    }

    fn derivative(&self, x: f64) -> f64 {
        normal_cdf(x) + x * normal_density(x)
    }

    fn value_and_derivative(&self, x: f64) -> (f64, f64) {
        let below = normal_cdf(x);
        (x * below, below + x * normal_density(x))
    }

    /// `f(x) (2 - x^2)`.
    fn second_derivative(&self, x: f64) -> f64 {
        let near = x.clamp(-REACH, REACH);
        normal_density(x) * (SQRT_2 - near) * (SQRT_2 + near)
    }

    fn kinks(&self) -> &[f64] {
        &[]
    }

    fn derivative_bounds(&self) -> DerivativeBounds {
        DerivativeBounds {
            sup_abs: 1.128_904_145_185_154_8,
            sup_at: Attained::At(vec![SQRT_2]),
            inf: -0.128_904_145_185_154_79,
            inf_at: Attained::At(vec![-SQRT_2]),
            second_sup_abs: SECOND_SUP,
            second_sup_at: Attained::At(vec![0.0]),
        }
    }

    fn as_dyn(&self) -> &dyn Activation {
        self
    }
}

/// `x (1 + tanh u) / 2` with `u = sqrt(2/pi) (x + 0.044715 x^3)`: PyTorch's `approximate="tanh"`.
#[derive(Debug, Clone, Copy)]
pub struct GeluTanh;

const CUBIC: f64 = 0.044_715;

/// `(1 + tanh u) / 2 = 1 / (1 + e^(-2u))` with its first two derivatives in x: written this way the lower tail keeps its digits.
struct Gate {
    value: f64,
    slope: f64,
    curvature: f64,
}

impl Gate {
    fn new(x: f64) -> Self {
        let x = x.clamp(-REACH, REACH);
        // y = 2u.
        let y = 2.0 * SECOND_SUP * x * (1.0 + CUBIC * x * x);
        let dy = 2.0 * SECOND_SUP * (1.0 + 3.0 * CUBIC * x * x);
        let ddy = 12.0 * SECOND_SUP * CUBIC * x;
        let t = (-y.abs()).exp();
        let larger = 1.0 / (1.0 + t);
        let smaller = t * larger;
        let both = smaller * larger;
        Self {
            value: if x >= 0.0 { larger } else { smaller },
            slope: both * dy,
            curvature: both * (ddy - (0.5 * y).tanh() * dy * dy),
        }
    }
}

impl Activation for GeluTanh {
    fn name(&self) -> &str {
        "gelu_tanh"
    }

    fn formula(&self) -> &str {
        "0.5*x*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x^3)))"
    }

    fn value(&self, x: f64) -> f64 {
        self.value_and_derivative(x).0
    }

    fn derivative(&self, x: f64) -> f64 {
        self.value_and_derivative(x).1
    }

    fn value_and_derivative(&self, x: f64) -> (f64, f64) {
        let gate = Gate::new(x);
        if x.is_nan() {
            return (x, x);
        }
        (x * gate.value, gate.value + x * gate.slope)
    }

    fn second_derivative(&self, x: f64) -> f64 {
        let gate = Gate::new(x);
        2.0 * gate.slope + x * gate.curvature
    }

    fn kinks(&self) -> &[f64] {
        &[]
    }

    fn derivative_bounds(&self) -> DerivativeBounds {
        DerivativeBounds {
            sup_abs: 1.128_993_068_658_771_8,
            sup_at: Attained::At(vec![1.418_504_008_790_828]),
            inf: -0.128_993_068_658_771_77,
            inf_at: Attained::At(vec![-1.418_504_008_790_828]),
            second_sup_abs: SECOND_SUP,
            second_sup_at: Attained::At(vec![0.0]),
        }
    }

    fn as_dyn(&self) -> &dyn Activation {
        self
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;

    /// The expectations of GELU that are known in closed form; for `E phi'^4` none is.
    #[test]
    fn quadrature_meets_the_closed_forms() {
        for q in [1e-6_f64, 1e-3, 0.25, 1.0, 4.0, 100.0, 1e4, 1e6] {
            let got = Gelu.moments(q).expect("exists");
            let a = 0.25 + (q / (1.0 + q)).asin() / (2.0 * PI);
            let b = q / (2.0 * PI * (1.0 + q) * (1.0 + 2.0 * q).sqrt());
            for (name, got, exact, size) in [
                ("phi", got.phi, q / (2.0 * PI * (1.0 + q)).sqrt(), got.phi2.sqrt()),
                ("phi2", got.phi2, q * (a + 2.0 * b), got.phi2),
                ("dphi", got.dphi, 0.5, 0.5),
                ("dphi2", got.dphi2, a + 2.0 * b + q / (2.0 * PI * (1.0 + 2.0 * q).powf(1.5)), got.dphi2),
            ] {
                assert!((got - exact).abs() <= 1e-12 * size, "{name} at {q}: {got:e} not {exact:e}");
            }
        }
    }
}
