//! An activation with scales and shifts around it.

use std::sync::Arc;

use super::{
    Activation, Attained, DerivativeBounds, ExpectationError, Extreme, GaussianMoments, GaussianPair, PairMoments,
    Shifted, Transition,
};

/// `a phi(b x + c) + d` with a and b not zero.
///
/// Everything follows from phi exactly: places are mapped by `x = (y - c) / b`, slopes scale by `a b`, Gaussian expectations at variance
/// q are those of `phi(y + c) + d/a` at variance `b^2 q`, in closed form where phi has one and c = d = 0. Where phi'' jumps and b < 0,
/// [`Activation::second_derivative`] is the value from the left.
#[derive(Debug, Clone)]
pub struct Composed {
    inner: Arc<dyn Activation>,
    scales: Scales,
    name: String,
    formula: String,
    kinks: Vec<f64>,
    seams: Vec<f64>,
}

/// The numbers of `a phi(b x + c) + d`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scales {
    /// Factor of the value, not zero.
    pub output: f64,
    /// Factor of the argument, not zero.
    pub input: f64,
    /// What is added to the argument.
    pub shift: f64,
    /// What is added to the value.
    pub lift: f64,
}

impl Scales {
    /// Those that change nothing.
    pub const IDENTITY: Self = Self { output: 1.0, input: 1.0, shift: 0.0, lift: 0.0 };
}

impl Composed {
    /// `a phi(b x + c) + d`.
    pub fn new(inner: Arc<dyn Activation>, scales: Scales) -> Self {
        let argument = affine("x", scales.input, scales.shift);
        // Neither -0 nor the order under b < 0 may show.
        let mapped = |places: &[f64]| {
            let mut places: Vec<f64> = places.iter().map(|y| (y - scales.shift) / scales.input + 0.0).collect();
            places.sort_by(f64::total_cmp);
            places
        };
        let call = if argument == "x" && affine("f", scales.output, scales.lift) == "f" {
            inner.name().to_owned()
        } else {
            format!("{}({argument})", inner.name())
        };
        Self {
            name: affine(&call, scales.output, scales.lift),
            formula: formula(inner.formula(), &argument, scales),
            kinks: mapped(inner.kinks()),
            seams: mapped(inner.seams()),
            inner,
            scales,
        }
    }

    /// `phi(y + c) + d/a`: the same function in the units of the inner activation.
    fn in_inner_units(&self) -> Shifted<'_> {
        Shifted::new(&*self.inner, self.scales.shift).lifted(self.scales.lift / self.scales.output)
    }

    fn slope(&self) -> f64 {
        self.scales.output * self.scales.input
    }

    fn argument(&self, x: f64) -> f64 {
        self.scales.input * x + self.scales.shift
    }

    fn place(&self, at: Attained) -> Attained {
        let Scales { input, shift, .. } = self.scales;
        at.mapped(|y| (y - shift) / input + 0.0, &affine("x", input, shift))
    }

    fn extreme(&self, inner: Extreme) -> Extreme {
        Extreme { value: self.slope() * inner.value, at: self.place(inner.at) }
    }
}

/// `scale*symbol + offset` without what changes nothing.
pub(super) fn affine(symbol: &str, scale: f64, offset: f64) -> String {
    let scaled = if scale == 1.0 { symbol.to_owned() } else { format!("{scale}*{symbol}") };
    if offset == 0.0 {
        scaled
    } else if offset < 0.0 {
        format!("{scaled} - {}", -offset)
    } else {
        format!("{scaled} + {offset}")
    }
}

/// The inner formula with its x replaced.
fn formula(inner: &str, argument: &str, scales: Scales) -> String {
    let mut text = String::new();
    let letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let mut previous = None;
    let mut characters = inner.chars().peekable();
    while let Some(c) = characters.next() {
        if c == 'x' && argument != "x" && !letter(previous) && !letter(characters.peek().copied()) {
            text.push_str(&format!("({argument})"));
        } else {
            text.push(c);
        }
        previous = Some(c);
    }
    if scales.output == 1.0 {
        affine(&text, 1.0, scales.lift)
    } else {
        affine(&format!("({text})"), scales.output, scales.lift)
    }
}

impl Activation for Composed {
    fn name(&self) -> &str {
        &self.name
    }

    fn formula(&self) -> &str {
        &self.formula
    }

    fn value(&self, x: f64) -> f64 {
        self.scales.output * self.inner.value(self.argument(x)) + self.scales.lift
    }

    fn derivative(&self, x: f64) -> f64 {
        self.slope() * self.inner.derivative(self.argument(x))
    }

    fn value_and_derivative(&self, x: f64) -> (f64, f64) {
        let (value, derivative) = self.inner.value_and_derivative(self.argument(x));
        (self.scales.output * value + self.scales.lift, self.slope() * derivative)
    }

    fn sweep(&self, h: &[f64], values: &mut [f64], slopes: &mut [f64]) {
        let arguments: Vec<f64> = h.iter().map(|x| self.argument(*x)).collect();
        self.inner.sweep(&arguments, values, slopes);
        values.iter_mut().for_each(|value| *value = self.scales.output * *value + self.scales.lift);
        slopes.iter_mut().for_each(|slope| *slope *= self.slope());
    }

    fn second_derivative(&self, x: f64) -> f64 {
        self.slope() * self.scales.input * self.inner.second_derivative(self.argument(x))
    }

    fn kinks(&self) -> &[f64] {
        &self.kinks
    }

    fn seams(&self) -> &[f64] {
        &self.seams
    }

    fn centre(&self) -> f64 {
        (self.inner.centre() - self.scales.shift) / self.scales.input
    }

    fn slope_period(&self) -> Option<f64> {
        self.inner.slope_period().map(|period| period / self.scales.input.abs())
    }

    fn is_homogeneous(&self) -> bool {
        self.inner.is_homogeneous() && self.scales.shift == 0.0 && self.scales.lift == 0.0
    }

    fn derivative_bounds(&self) -> DerivativeBounds {
        let inner = self.inner.derivative_bounds();
        let slope = self.slope();
        let inf = if slope > 0.0 {
            self.extreme(Extreme { value: inner.inf, at: inner.inf_at })
        } else {
            self.extreme(self.inner.largest_derivative())
        };
        DerivativeBounds {
            sup_abs: slope.abs() * inner.sup_abs,
            sup_at: self.place(inner.sup_at),
            inf: inf.value,
            inf_at: inf.at,
            second_sup_abs: (slope * self.scales.input).abs() * inner.second_sup_abs,
            second_sup_at: self.place(inner.second_sup_at),
        }
    }

    fn largest_derivative(&self) -> Extreme {
        if self.slope() > 0.0 {
            return self.extreme(self.inner.largest_derivative());
        }
        let inner = self.inner.derivative_bounds();
        self.extreme(Extreme { value: inner.inf, at: inner.inf_at })
    }

    fn moments(&self, q: f64) -> Result<GaussianMoments, ExpectationError> {
        let Scales { output: a, input: b, .. } = self.scales;
        // The law is symmetric: the sign of b does not matter.
        let inner = self.in_inner_units().moments(b * b * q)?;
        let (value, slope) = (a * a, self.slope() * self.slope());
        Ok(GaussianMoments {
            q,
            phi: a * inner.phi,
            phi2: value * inner.phi2,
            dphi: self.slope() * inner.dphi,
            dphi2: slope * inner.dphi2,
            dphi4: slope * slope * inner.dphi4,
            phi2_dphi2: value * slope * inner.phi2_dphi2,
            ddphi: inner.ddphi.map(|m| self.slope() * b * m),
            phi2_slope: inner.phi2_slope.map(|m| slope * m),
            ln_phi2: value.ln() + inner.ln_phi2,
            ln_dphi2: slope.ln() + inner.ln_dphi2,
            ln_dphi4: 2.0 * slope.ln() + inner.ln_dphi4,
            error: inner.error,
        })
    }

    fn pair_moments(&self, pair: GaussianPair) -> Result<PairMoments, ExpectationError> {
        let Scales { output: a, input: b, .. } = self.scales;
        let square = b * b;
        let scaled = GaussianPair { q1: square * pair.q1, q2: square * pair.q2, covariance: square * pair.covariance };
        let inner = self.in_inner_units().pair_moments(scaled)?;
        let (value, slope) = (a * a, self.slope() * self.slope());
        Ok(PairMoments {
            phi: value * inner.phi,
            dphi: slope * inner.dphi,
            aligned: value * slope * inner.aligned,
            error: inner.error,
        })
    }

    fn has_closed_form_pairs(&self) -> bool {
        self.in_inner_units().has_closed_form_pairs()
    }

    fn transitions(&self) -> Vec<Transition> {
        let Scales { input, shift, .. } = self.scales;
        let place = |inner: Transition| Transition { at: (inner.at - shift) / input, width: inner.width / input.abs() };
        self.inner.transitions().into_iter().map(place).collect()
    }

    fn smoothed(&self, mean: f64, spread: f64) -> Option<[f64; 3]> {
        let Scales { output: a, input: b, .. } = self.scales;
        let [phi, dphi, both] = self.in_inner_units().smoothed(b * mean, b.abs() * spread)?;
        Some([a * phi, self.slope() * dphi, a * self.slope() * both])
    }

    fn as_dyn(&self) -> &dyn Activation {
        self
    }
}
