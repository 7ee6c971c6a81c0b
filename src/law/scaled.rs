//! A law at another scale of the weights.

use std::sync::Arc;

use super::{Atom, Fact, Law, Scaling, Support, Variable};

/// A law for weights of variance `sigma_w^2 / fan_in`.
#[derive(Debug, Clone)]
pub struct Scaled {
    law: Arc<dyn Law>,
    sigma_w: f64,
}

/// Logarithm of the factor beyond which values are moved by their logarithms.
const FAR: f64 = 300.0;

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
        // What no factor moves, and what is below every value of a positive variable: the factor may be 0 or infinite.
        if x.is_infinite() || (shift == 0.0 && x == 0.0) || (ln_factor.abs() > FAR && x < 0.0) {
            return x;
        }
        (x - shift) * (-ln_factor).exp()
    }

    fn of_unit(&self, x: f64) -> f64 {
        let (ln_factor, shift) = self.transform();
        // 0 and infinity stay what they are where the factor leaves the range of doubles.
        if x.is_infinite() || (x == 0.0 && shift == 0.0) { x } else { x * ln_factor.exp() + shift }
    }

    /// ln of the value at sigma_w = 1, if that value or the factor may leave the range of doubles.
    fn far_ln(&self, x: f64) -> Option<f64> {
        let (ln_factor, _) = self.transform();
        (ln_factor.abs() > FAR && x > 0.0 && x.is_finite()).then(|| x.ln() - ln_factor)
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
        if let Some(ln) = self.far_ln(x) {
            return self.law.pdf_of_ln(ln) / x;
        }
        if ln_factor.abs() > FAR && !x.is_nan() && x != 0.0 {
            return 0.0;
        }
        self.law.pdf(self.to_unit(x)) * (-ln_factor).exp()
    }

    fn cdf(&self, x: f64) -> f64 {
        self.far_ln(x).map_or_else(|| self.law.cdf(self.to_unit(x)), |ln| self.law.cdf_of_ln(ln))
    }

    fn survival(&self, x: f64) -> f64 {
        if let Some(ln) = self.far_ln(x) {
            return 1.0 - self.law.cdf_of_ln(ln);
        }
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

#[cfg(test)]
mod tests {
    use super::super::FussCatalan;
    use super::*;

    /// 1,000 factors of sigma_w = 2: values of 4^1000 times the unscaled ones. The median of x is where the quantile says.
    #[test]
    fn scales_beyond_the_range_of_doubles_go_by_logarithms() {
        let unit = Arc::new(FussCatalan::new(1000).expect("allowed"));
        let law = Scaled::new(unit.clone(), 2.0);
        let p = law.cdf(1.0);
        assert!((p - unit.cdf_of_ln(-2000.0 * 2f64.ln())).abs() < 1e-12 && p > 0.2 && p < 0.3, "{p}");
        assert!((law.survival(1.0) - (1.0 - p)).abs() < 1e-12 && law.pdf(1.0) > 0.0 && law.pdf(1.0).is_finite());
        assert!((law.ln_quantile(p)).abs() < 1e-6);
        let small = Scaled::new(unit, 1e-5);
        assert_eq!((small.pdf(0.5), small.cdf(0.5), small.pdf(-1.0), small.cdf(-1.0)), (0.0, 1.0, 0.0, 0.0));
        assert!(law.pdf(f64::NAN).is_nan() && law.cdf(f64::NAN).is_nan());
        assert_eq!((law.cdf(f64::INFINITY), law.pdf(f64::INFINITY)), (1.0, 0.0));
    }
}
