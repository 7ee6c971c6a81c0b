//! The smallest singular value of a large square matrix.

use std::f64::consts::{LN_2, PI};

use super::{Fact, Field, Law, LawError, Parameters, Scaling, Support, Variable};
use crate::numeric::gauss_legendre;

/// The hard-edge law of Edelman: the smallest singular value of a square matrix, `t = n s_min / sigma_w`.
///
/// # Formula
///
/// Entries of variance `sigma_w^2 / n`:
///
/// ```text
/// real:     P(t > u) = e^(-u^2/2 - u)   in the limit of large n
/// complex:  P(t > u) = e^(-u^2)         exactly, for Gaussian entries of any n
/// ```
///
/// Real: `E t = sqrt(pi e / 2) erfc(1 / sqrt 2)`, `E t^2 = 2 - 2 E t`, median `sqrt(1 + 2 ln 2) - 1`. Since s_max comes to 2 sigma_w, the
/// condition number kappa has `E ln kappa - ln n -> ln 2 - E ln t`.
///
/// # Accuracy
///
/// A few ulp in both tails; moments and `E ln t` to 1e-14.
///
/// # Source
///
/// Edelman 1988.
///
/// # Example
///
/// ```
/// use gradspectra::law::{Field, HardEdge, Law};
/// let law = HardEdge::new(Field::Real);
/// assert!((law.quantile(0.5) - (1.0 + 2.0 * 2f64.ln()).sqrt() + 1.0).abs() < 1e-15);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HardEdge {
    field: Field,
}

impl HardEdge {
    /// The law for matrices with real or complex entries.
    pub fn new(field: Field) -> Self {
        Self { field }
    }

    pub(super) fn from_parameters(given: &Parameters) -> Result<Self, LawError> {
        Ok(Self::new(given.field.unwrap_or_default()))
    }

    /// `-ln P(t > u)`.
    fn hazard(&self, u: f64) -> f64 {
        match self.field {
            Field::Real => u * (0.5 * u + 1.0),
            Field::Complex => u * u,
        }
    }

    /// Its derivative.
    fn hazard_slope(&self, u: f64) -> f64 {
        match self.field {
            Field::Real => 1.0 + u,
            Field::Complex => 2.0 * u,
        }
    }

    /// `E g(t) = int_0^1 g(t(p)) dp` with `p = P(t > u)`, in the logarithm of u, where powers and logarithms are smooth.
    fn expectation(&self, g: impl Fn(f64) -> f64) -> f64 {
        let rule = gauss_legendre(32);
        // The density of ln t falls like e^(ln t) to the left and faster than any exponential to the right.
        let ends = [-42.0, -30.0, -20.0, -12.0, -7.0, -4.0, -2.0, -0.5, 0.5, 1.25, 2.0, 2.75, 3.5];
        let panel = |ends: &[f64]| {
            let width = ends[1] - ends[0];
            let at = |(t, weight): &(f64, f64)| {
                let ln_u = ends[0] + width * t;
                weight * width * g(ln_u) * self.pdf_of_ln(ln_u)
            };
            rule.iter().map(at).sum::<f64>()
        };
        ends.windows(2).map(panel).sum()
    }
}

impl Law for HardEdge {
    fn title(&self) -> String {
        match self.field {
            Field::Real => "Hard-edge law of the smallest singular value, real entries".to_owned(),
            Field::Complex => "Hard-edge law of the smallest singular value, complex entries".to_owned(),
        }
    }

    fn variable(&self) -> Variable {
        Variable::ScaledSmallest
    }

    fn hypotheses(&self) -> &'static str {
        "square matrix, independent entries of variance sigma_w^2/n; real: limit of large n; complex: exact for Gaussian entries of any n"
    }

    fn source(&self) -> &'static str {
        "Edelman 1988"
    }

    fn scaling(&self) -> Scaling {
        Scaling::None
    }

    fn support(&self) -> Support {
        Support { low: 0.0, high: f64::INFINITY }
    }

    fn pdf(&self, x: f64) -> f64 {
        if x < 0.0 || x == f64::INFINITY {
            return 0.0;
        }
        let probability = (-self.hazard(x)).exp();
        // Far out the slope overflows before it meets the 0.
        if probability == 0.0 { 0.0 } else { self.hazard_slope(x) * probability }
    }

    fn cdf(&self, x: f64) -> f64 {
        if x < 0.0 { 0.0 } else { -(-self.hazard(x)).exp_m1() }
    }

    fn survival(&self, x: f64) -> f64 {
        if x < 0.0 { 1.0 } else { (-self.hazard(x)).exp() }
    }

    fn quantile(&self, p: f64) -> f64 {
        if !(0.0..=1.0).contains(&p) {
            return f64::NAN;
        }
        if p == 1.0 {
            return f64::INFINITY;
        }
        let hazard = -(-p).ln_1p();
        match self.field {
            Field::Real => 2.0 * hazard / (1.0 + (1.0 + 2.0 * hazard).sqrt()),
            Field::Complex => hazard.sqrt(),
        }
    }

    fn moment(&self, k: u32) -> Option<f64> {
        match self.field {
            Field::Complex => Some(libm::tgamma(1.0 + 0.5 * f64::from(k))).filter(|moment| moment.is_finite()),
            Field::Real if k == 0 => Some(1.0),
            Field::Real if k == 1 => Some(real_mean()),
            // t^100 has its weight at t = 10, well inside the panels.
            Field::Real => (k <= 100).then(|| self.expectation(|ln_u| (f64::from(k) * ln_u).exp())),
        }
    }

    fn mean_log(&self) -> Option<f64> {
        const EULER: f64 = 0.577_215_664_901_532_9;
        match self.field {
            Field::Real => Some(self.expectation(|ln_u| ln_u)),
            Field::Complex => Some(-0.5 * EULER),
        }
    }

    fn facts(&self) -> Vec<Fact> {
        let second = match self.field {
            Field::Real => 2.0 - 2.0 * real_mean(),
            Field::Complex => 1.0,
        };
        let condition = LN_2 - self.mean_log().unwrap_or(f64::NAN);
        vec![
            Fact::new("mean", self.moment(1).unwrap_or(f64::NAN), "E t, t = n s_min / sigma_w"),
            Fact::new("second_moment", second, "E t^2"),
            Fact::new("median", self.quantile(0.5), "the median of t"),
            Fact::new(
                "log_condition_number_offset",
                condition,
                "limit of E ln(s_max / s_min) - ln n over large square matrices",
            ),
        ]
    }
}

/// `sqrt(pi e / 2) erfc(1 / sqrt 2)`.
fn real_mean() -> f64 {
    (0.5 * PI * std::f64::consts::E).sqrt() * libm::erfc(std::f64::consts::FRAC_1_SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: [Field; 2] = [Field::Real, Field::Complex];

    #[test]
    fn moments_belong_to_the_density() {
        for field in FIELDS {
            let law = HardEdge::new(field);
            for k in 0..8 {
                let direct = law.expectation(|ln_u| (f64::from(k) * ln_u).exp());
                assert!((direct / law.moment(k).expect("known") - 1.0).abs() < 2e-14, "{field:?} {k}");
            }
            let logarithm = law.expectation(|ln_u| ln_u);
            assert!((logarithm - law.mean_log().expect("known")).abs() < 1e-14, "{field:?}");
        }
        // By parts: int u^k e^(-u^2/2-u) (u + 1) = k int u^(k-1) e^(-u^2/2-u).
        let law = HardEdge::new(Field::Real);
        let integral = |k: u32| law.moment(k + 1).expect("known") / f64::from(k + 1);
        for k in 2..60 {
            assert!(((integral(k + 1) + integral(k)) / (f64::from(k) * integral(k - 1)) - 1.0).abs() < 1e-13, "{k}");
        }
    }

    #[test]
    fn tails_keep_their_digits() {
        for field in FIELDS {
            let law = HardEdge::new(field);
            for p in [1e-300, 1e-12, 0.3, 0.999] {
                assert!((law.cdf(law.quantile(p)) / p - 1.0).abs() < 1e-13, "{field:?} {p}");
            }
            assert_eq!((law.pdf(-1.0), law.cdf(-1.0), law.survival(-1.0)), (0.0, 0.0, 1.0));
            assert_eq!((law.pdf(f64::MAX), law.cdf(f64::MAX), law.survival(f64::MAX)), (0.0, 1.0, 0.0));
            assert!(law.pdf(f64::NAN).is_nan() && law.cdf(f64::NAN).is_nan() && law.quantile(2.0).is_nan());
        }
    }
}
