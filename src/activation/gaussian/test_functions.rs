//! Functions for the tests that are not activations of the registry.

use super::super::{Activation, Attained, DerivativeBounds, Transition};

/// A function given by closures-without-state.
#[derive(Debug, Clone)]
pub struct Function {
    pub name: &'static str,
    pub value: fn(f64) -> f64,
    pub derivative: fn(f64) -> f64,
    pub seams: &'static [f64],
    /// `None` leaves the quadrature without any hint but the centre at 0.
    pub transition: Option<Transition>,
}

impl Activation for Function {
    fn name(&self) -> &str {
        self.name
    }
    fn formula(&self) -> &str {
        self.name
    }
    fn value(&self, x: f64) -> f64 {
        (self.value)(x)
    }
    fn derivative(&self, x: f64) -> f64 {
        (self.derivative)(x)
    }
    fn second_derivative(&self, _: f64) -> f64 {
        f64::NAN
    }
    fn kinks(&self) -> &[f64] {
        self.seams
    }
    fn derivative_bounds(&self) -> DerivativeBounds {
        let (at, width) = self.transition.map_or((0.0, 1.0), |transition| (transition.at, transition.width));
        DerivativeBounds {
            sup_abs: 1.0,
            sup_at: Attained::At(vec![at]),
            inf: 0.0,
            inf_at: Attained::Nowhere,
            second_sup_abs: 1.0 / width,
            second_sup_at: Attained::Nowhere,
        }
    }
    fn as_dyn(&self) -> &dyn Activation {
        self
    }
}

const fn smooth(name: &'static str, value: fn(f64) -> f64, derivative: fn(f64) -> f64) -> Function {
    Function { name, value, derivative, seams: &[], transition: None }
}

const fn with_seams(mut function: Function, seams: &'static [f64]) -> Function {
    function.seams = seams;
    function
}

const fn announced(mut function: Function, at: f64, width: f64) -> Function {
    function.transition = Some(Transition { at, width });
    function
}

fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

pub const GELU: Function =
    smooth("gelu", |x| x * normal_cdf(x), |x| normal_cdf(x) + x * 0.398_942_280_401_432_7 * (-0.5 * x * x).exp());

pub const SIN: Function = announced(smooth("sin", f64::sin, f64::cos), 0.0, 1.0);

pub const SIN_50: Function =
    announced(smooth("sin 50 x", |x| (50.0 * x).sin(), |x| 50.0 * (50.0 * x).cos()), 0.0, 0.02);

pub const BELL: Function = smooth("exp(-x^2)", |x| (-x * x).exp(), |x| -2.0 * x * (-x * x).exp());

pub const EXP: Function = smooth("exp", f64::exp, f64::exp);

pub const EXP_SQUARE: Function = smooth("exp(0.3 x^2)", |x| (0.3 * x * x).exp(), |x| 0.6 * x * (0.3 * x * x).exp());

pub const STEEP_UNANNOUNCED: Function = smooth(
    "tanh(1000 (x - 3))",
    |x| (1000.0 * (x - 3.0)).tanh(),
    |x| {
        let t = (-2.0 * (1000.0 * (x - 3.0)).abs()).exp();
        1000.0 * 4.0 * t / ((1.0 + t) * (1.0 + t))
    },
);

pub const STEEP: Function = announced(STEEP_UNANNOUNCED, 3.0, 1.3e-3);

pub const BUMP: Function = announced(
    smooth(
        "exp(-((x - 2) 300)^2) + 0.1 x",
        |x| (-((x - 2.0) * 300.0).powi(2)).exp() + 0.1 * x,
        |x| -180_000.0 * (x - 2.0) * (-((x - 2.0) * 300.0).powi(2)).exp() + 0.1,
    ),
    2.0,
    1.4e-3,
);

pub const SOFTSHRINK: Function = with_seams(
    smooth(
        "softshrink(0.5)",
        |x| if x.abs() <= 0.5 { 0.0 } else { x - 0.5f64.copysign(x) },
        |x| f64::from(u8::from(x.abs() > 0.5)),
    ),
    &[-0.5, 0.5],
);

/// hard_tanh(x - 3).
pub const HARD_TANH: Function = with_seams(
    smooth("hard_tanh(x - 3)", |x| (x - 3.0).clamp(-1.0, 1.0), |x| f64::from(u8::from((x - 3.0).abs() < 1.0))),
    &[2.0, 4.0],
);

pub const ELU: Function = with_seams(
    announced(
        smooth("elu", |x| if x > 0.0 { x } else { x.exp_m1() }, |x| if x > 0.0 { 1.0 } else { x.exp() }),
        0.0,
        1.0,
    ),
    &[0.0],
);

pub const SOFTSIGN: Function =
    with_seams(announced(smooth("softsign", |x| x / (1.0 + x.abs()), |x| (1.0 + x.abs()).powi(-2)), 0.0, 0.5), &[0.0]);
