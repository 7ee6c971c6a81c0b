//! A law at another scale of the weights.

use std::sync::Arc;

use super::{Atom, Fact, Law, Scaling, Support, Variable};

/// A law for weights of variance `sigma_w^2 / fan_in`.
#[derive(Debug, Clone)]
pub struct Scaled {
    law: Arc<dyn Law>,
    sigma_w: f64,
}

impl Scaled {
    /// The given law, which is that of sigma_w = 1, at `sigma_w > 0`.
    pub fn new(law: Arc<dyn Law>, sigma_w: f64) -> Self {
        debug_assert!(sigma_w > 0.0);
        Self { law, sigma_w }
    }

    /// ln of the factor of the variable, and what is added to it.
    fn transform(&self) -> (f64, f64) {
        match self.law.scaling() {
            Scaling::Power(power) => (power * self.sigma_w.ln(), 0.0),
            Scaling::Shift(count) => (0.0, count * self.sigma_w.ln()),
            Scaling::None => (0.0, 0.0),
        }
    }

    fn to_unit(&self, x: f64) -> f64 {
        let (ln_factor, shift) = self.transform();
        (x - shift) * (-ln_factor).exp()
    }

    fn of_unit(&self, x: f64) -> f64 {
        let (ln_factor, shift) = self.transform();
        // 0 stays 0 where the factor overflows.
        if x == 0.0 && shift == 0.0 { 0.0 } else { x * ln_factor.exp() + shift }
    }
}

impl Law for Scaled {
    fn title(&self) -> String {
        format!("{}, sigma_w = {}", self.law.title(), self.sigma_w)
    }

    fn variable(&self) -> Variable {
        self.law.variable()
    }

    fn hypotheses(&self) -> &'static str {
        self.law.hypotheses()
    }

    fn source(&self) -> &'static str {
        self.law.source()
    }

    fn scaling(&self) -> Scaling {
        self.law.scaling()
    }

    fn support(&self) -> Support {
        let Support { low, high } = self.law.support();
        Support { low: self.of_unit(low), high: self.of_unit(high) }
    }

    fn atoms(&self) -> Vec<Atom> {
        self.law.atoms().into_iter().map(|atom| Atom { at: self.of_unit(atom.at), ..atom }).collect()
    }

    fn pdf(&self, x: f64) -> f64 {
        let (ln_factor, _) = self.transform();
        self.law.pdf(self.to_unit(x)) * (-ln_factor).exp()
    }

    fn cdf(&self, x: f64) -> f64 {
        self.law.cdf(self.to_unit(x))
    }

    fn survival(&self, x: f64) -> f64 {
        self.law.survival(self.to_unit(x))
    }

    fn quantile(&self, p: f64) -> f64 {
        self.of_unit(self.law.quantile(p))
    }

    fn moment(&self, k: u32) -> Option<f64> {
        let (ln_factor, shift) = self.transform();
        if shift == 0.0 {
            return self.law.moment(k).map(|moment| moment * (f64::from(k) * ln_factor).exp());
        }
        // E (X + s)^k by the binomial theorem.
        let mut binomial = 1.0;
        let mut sum = 0.0;
        for j in 0..=k {
            sum += binomial * self.law.moment(j)? * shift.powi((k - j) as i32);
            binomial *= f64::from(k - j) / f64::from(j + 1);
        }
        Some(sum)
    }

    fn mean_log(&self) -> Option<f64> {
        self.law.mean_log().map(|mean| mean + self.transform().0)
    }

    fn pdf_of_ln(&self, ln_x: f64) -> f64 {
        self.law.pdf_of_ln(ln_x - self.transform().0)
    }

    fn cdf_of_ln(&self, ln_x: f64) -> f64 {
        self.law.cdf_of_ln(ln_x - self.transform().0)
    }

    fn ln_quantile(&self, p: f64) -> f64 {
        self.law.ln_quantile(p) + self.transform().0
    }

    fn ln_upper_edge(&self) -> f64 {
        self.law.ln_upper_edge() + self.transform().0
    }

    /// Those of sigma_w = 1, as their meaning says.
    fn facts(&self) -> Vec<Fact> {
        self.law.facts()
    }
}
