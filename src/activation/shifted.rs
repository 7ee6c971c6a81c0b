//! An activation moved along its axes.

use super::{
    Activation, Attained, DerivativeBounds, ExpectationError, Extreme, GaussianMoments, GaussianPair, PairMoments,
    Transition,
};

/// `phi(x + shift) + lift`: what a unit with bias `shift` does to the part of its pre-activation that comes from the weights.
///
/// Averaging its Gaussian expectations over the law of the biases gives those of the layer, whatever that law is.
#[derive(Debug)]
pub struct Shifted<'a> {
    inner: &'a dyn Activation,
    shift: f64,
    lift: f64,
    kinks: Vec<f64>,
    seams: Vec<f64>,
}

impl<'a> Shifted<'a> {
    /// `phi(x + shift)`.
    pub fn new(inner: &'a dyn Activation, shift: f64) -> Self {
        let moved = |places: &[f64]| places.iter().map(|place| place - shift).collect();
        Self { inner, shift, lift: 0.0, kinks: moved(inner.kinks()), seams: moved(inner.seams()) }
    }

    /// The same with `lift` added to the value.
    pub(super) fn lifted(self, lift: f64) -> Self {
        Self { lift, ..self }
    }

    fn is_moved(&self) -> bool {
        self.shift != 0.0 || self.lift != 0.0
    }

    fn place(&self, at: Attained) -> Attained {
        if self.shift == 0.0 {
            return at;
        }
        at.mapped(|x| x - self.shift, &super::composed::affine("x", 1.0, self.shift))
    }
}

impl Activation for Shifted<'_> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn formula(&self) -> &str {
        self.inner.formula()
    }

    fn value(&self, x: f64) -> f64 {
        self.inner.value(x + self.shift) + self.lift
    }

    fn derivative(&self, x: f64) -> f64 {
        self.inner.derivative(x + self.shift)
    }

    fn value_and_derivative(&self, x: f64) -> (f64, f64) {
        let (value, derivative) = self.inner.value_and_derivative(x + self.shift);
        (value + self.lift, derivative)
    }

    fn sweep(&self, h: &[f64], values: &mut [f64], slopes: &mut [f64]) {
        let moved: Vec<f64> = h.iter().map(|x| x + self.shift).collect();
        self.inner.sweep(&moved, values, slopes);
        values.iter_mut().for_each(|value| *value += self.lift);
    }

    fn second_derivative(&self, x: f64) -> f64 {
        self.inner.second_derivative(x + self.shift)
    }

    fn kinks(&self) -> &[f64] {
        &self.kinks
    }

    fn seams(&self) -> &[f64] {
        &self.seams
    }

    fn centre(&self) -> f64 {
        self.inner.centre() - self.shift
    }

    fn slope_period(&self) -> Option<f64> {
        self.inner.slope_period()
    }

    fn transitions(&self) -> Vec<Transition> {
        let moved = |transition: Transition| Transition { at: transition.at - self.shift, ..transition };
        self.inner.transitions().into_iter().map(moved).collect()
    }

    fn derivative_bounds(&self) -> DerivativeBounds {
        let inner = self.inner.derivative_bounds();
        DerivativeBounds {
            sup_at: self.place(inner.sup_at),
            inf_at: self.place(inner.inf_at),
            second_sup_at: self.place(inner.second_sup_at),
            ..inner
        }
    }

    fn largest_derivative(&self) -> Extreme {
        let Extreme { value, at } = self.inner.largest_derivative();
        Extreme { value, at: self.place(at) }
    }

    fn moments(&self, q: f64) -> Result<GaussianMoments, ExpectationError> {
        if self.is_moved() { super::gaussian::moments_by_quadrature(self, q) } else { self.inner.moments(q) }
    }

    fn pair_moments(&self, pair: GaussianPair) -> Result<PairMoments, ExpectationError> {
        if self.is_moved() {
            super::gaussian::pair_moments_by_quadrature(self, pair)
        } else {
            self.inner.pair_moments(pair)
        }
    }

    fn has_closed_form_pairs(&self) -> bool {
        !self.is_moved() && self.inner.has_closed_form_pairs()
    }

    fn smoothed(&self, mean: f64, spread: f64) -> Option<[f64; 3]> {
        let [phi, dphi, both] = self.inner.smoothed(mean + self.shift, spread)?;
        Some([phi + self.lift, dphi, both + self.lift * dphi])
    }

    fn as_dyn(&self) -> &dyn Activation {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::{GaussianPair, Relu, Tanh};
    use super::*;
    use crate::numeric::integrate;

    /// Averaged over a Gaussian bias of variance s, the expectations are those of the whole pre-activation: the bias only adds s
    /// to every entry of the covariance.
    #[test]
    fn averaging_over_a_gaussian_bias_adds_its_variance() {
        let (q, c, s) = (0.8, 0.6, 0.5_f64);
        for phi in [&Relu as &dyn Activation, &Tanh] {
            let averaged = integrate(
                |z| {
                    let shifted = Shifted::new(phi, s.sqrt() * z);
                    let moments = shifted.moments(q).expect("exists");
                    let pair = shifted.pair_moments(GaussianPair { q1: q, q2: q, covariance: c * q }).expect("exists");
                    let weight = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
                    let stein = [moments.ddphi, moments.phi2_slope].map(|m| m.expect("q > 0"));
                    [moments.phi2, pair.phi, pair.dphi, pair.aligned, stein[0], stein[1]].map(|f| f * weight)
                },
                &[-9.0, -3.0, 0.0, 3.0, 9.0],
                1e-8,
            );
            let whole = phi.moments(q + s).expect("exists");
            let pair = phi.pair_moments(GaussianPair { q1: q + s, q2: q + s, covariance: c * q + s }).expect("exists");
            let stein = [whole.ddphi, whole.phi2_slope].map(|m| m.expect("q > 0"));
            let expected = [whole.phi2, pair.phi, pair.dphi, pair.aligned, stein[0], stein[1]];
            for (got, expected) in averaged.value.into_iter().zip(expected) {
                assert!((got - expected).abs() < 1e-8, "{}: {got} not {expected}", phi.name());
            }
        }
    }
}
