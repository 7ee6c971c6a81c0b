//! The smallest singular value of one square Gaussian matrix, exactly.

use std::f64::consts::{FRAC_1_SQRT_2, LN_2, PI};

use super::marchenko_pastur::join;
use super::{Fact, Field, HardEdge, Law, LawError, Parameters, Scaling, Support, Variable};
use crate::numeric::bisect;

/// The square of the smallest singular value of one square Gaussian matrix of finite size, exactly.
///
/// # Formula
///
/// W is n x n of independent Gaussian entries of variance 1/n (complex: `E |W_ij|^2 = 1/n`), x = s_min^2, lambda = n x. Complex: x is exponential
/// of mean `n^-2`. Real, with Tricomi's U,
///
/// ```text
/// density of lambda = n / sqrt(2 pi) Gamma((n+1)/2) lambda^(-1/2) e^(-n lambda / 2) U((n-1)/2, -1/2, lambda/2)
/// ```
///
/// With the integral of U over `r >= 0` this is a mixture of chi-square laws: given r, `lambda (n + r)` is the square of a standard normal
/// variable, and r has the density
///
/// ```text
/// n (n-1) / 2 (n + r)^(-1/2) r^((n-3)/2) (1 + r)^(-n/2 - 1)
/// ```
///
/// so that every function of the law is one integral over r: here a trapezoidal sum in ln r, where the integrand is analytic and falls off
/// exponentially at least. As n grows, `n^2 x` comes to the square of the [`HardEdge`] variable.
///
/// # Domain and accuracy
///
/// n from 1 to 1e9. Densities and both tails relative to 1e-13, to 1e-10 where the survival function is below 1e-200.
///
/// # Source
///
/// Edelman 1988.
///
/// # Example
///
/// ```
/// use gradspectra::law::{Field, Law, SmallestSingularValue};
/// let law = SmallestSingularValue::new(10, Field::Real)?;
/// let mean = law.facts().into_iter().find(|fact| fact.name == "mean_scaled_smallest").expect("a fact");
/// assert!((mean.value - 0.672_074_111_1).abs() < 1e-10);
/// # Ok::<(), gradspectra::law::LawError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SmallestSingularValue {
    n: usize,
    law: Mixture,
}

/// Given the component, x is exponential, or the square of a normal variable.
#[derive(Debug, Clone, PartialEq)]
enum Mixture {
    /// Exponential of this rate.
    Exponential(f64),
    /// Squares of normal variables.
    Squares(Vec<Component>),
}

/// `x rate` is the square of a standard normal variable with the probability `weight`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Component {
    weight: f64,
    rate: f64,
}

/// Of the trapezoidal rule in ln r: small matrices have slow tails in r and smooth ones.
fn step(n: f64) -> f64 {
    if n < 8.0 { 0.2 } else { 0.1 }
}

fn components(n: usize) -> Vec<Component> {
    let n = n as f64;
    if n == 1.0 {
        // r is 0.
        return vec![Component { weight: 1.0, rate: 1.0 }];
    }
    let spacing = step(n);
    let ln_weight = |ln_r: f64| {
        let r = ln_r.exp();
        // ln(r / (1 + r)) without cancellation on either side.
        let ln_share = if ln_r > 0.0 { -(-ln_r).exp().ln_1p() } else { ln_r - r.ln_1p() };
        (0.5 * n * (n - 1.0)).ln() - 0.5 * (n + r).ln() + 0.5 * (n - 3.0) * ln_share - 2.5 * r.ln_1p() + ln_r
    };
    let start = (n.ln() / spacing).round();
    let peak = ln_weight(start * spacing);
    // Small r carry what is far out in the upper tail: they are followed farther down, as far as the law of small matrices does not fall off so
    // slowly that nothing is seen of them there.
    let depth = 42.0 + 1.5 * n.min(40.0);
    let mut all = Vec::new();
    let mut walk = |first: f64, step: f64, depth: f64| {
        let mut position = first;
        loop {
            let ln_r = position * spacing;
            let ln_weight = ln_weight(ln_r);
            all.push(Component { weight: ln_weight.exp() * spacing, rate: n * (n + ln_r.exp()) });
            if ln_weight < peak - depth {
                break;
            }
            position += step;
        }
    };
    walk(start, 1.0, 42.0);
    walk(start - 1.0, -1.0, depth);
    all
}

impl SmallestSingularValue {
    /// The law for an n x n matrix.
    ///
    /// # Errors
    ///
    /// [`LawError::Value`] for n = 0 or above 1e9, where nothing is left between this law and its limit, [`HardEdge`].
    pub fn new(n: usize, field: Field) -> Result<Self, LawError> {
        if !(1..=1_000_000_000).contains(&n) {
            return Err(LawError::value("widths", n, "the size of a square matrix, from 1 to 1e9"));
        }
        let law = match field {
            Field::Real => Mixture::Squares(components(n)),
            Field::Complex => Mixture::Exponential((n as f64).powi(2)),
        };
        Ok(Self { n, law })
    }

    pub(super) fn from_parameters(given: &Parameters) -> Result<Self, LawError> {
        match given.widths[..] {
            [n] => Self::new(n, given.field.unwrap_or_default()),
            [fan_in, fan_out] if fan_in == fan_out => Self::new(fan_in, given.field.unwrap_or_default()),
            [] => Err(LawError::Missing {
                law: "smallest_singular_value",
                parameter: "widths",
                what: "the size of a square matrix",
                example: "50",
            }),
            _ => {
                Err(LawError::value("widths", join(&given.widths), "one number: only square matrices have a hard edge"))
            }
        }
    }

    /// `n E s_min`, exactly: comes to `E t` of the [`HardEdge`] law.
    pub fn mean_scaled_smallest(&self) -> f64 {
        self.n as f64 * self.power_mean(0.5)
    }

    /// The sum over components, or what the exponential law has in its place.
    fn sum(&self, exponential: impl Fn(f64) -> f64, square: impl Fn(f64) -> f64) -> f64 {
        match &self.law {
            Mixture::Exponential(rate) => exponential(*rate),
            Mixture::Squares(components) => components.iter().map(|c| c.weight * square(c.rate)).sum(),
        }
    }

    /// `E x^power`, power > -1/2.
    fn power_mean(&self, power: f64) -> f64 {
        let of_square = LN_2 * power + libm::lgamma(power + 0.5) - 0.5 * PI.ln();
        let of_exponential = libm::lgamma(power + 1.0);
        self.sum(|rate| (of_exponential - power * rate.ln()).exp(), |rate| (of_square - power * rate.ln()).exp())
    }
}

impl Law for SmallestSingularValue {
    fn title(&self) -> String {
        let kind = if matches!(self.law, Mixture::Squares(_)) { "real" } else { "complex" };
        format!("Smallest squared singular value of one {kind} Gaussian {0} x {0} matrix", self.n)
    }

    fn variable(&self) -> Variable {
        Variable::SquaredSingularValue
    }

    fn hypotheses(&self) -> &'static str {
        "exact for a square matrix of independent Gaussian entries of variance 1/n"
    }

    fn source(&self) -> &'static str {
        "Edelman 1988"
    }

    fn scaling(&self) -> Scaling {
        Scaling::Power(2.0)
    }

    fn support(&self) -> Support {
        Support { low: 0.0, high: f64::INFINITY }
    }

    fn pdf(&self, x: f64) -> f64 {
        if x.is_nan() {
            return x;
        }
        if x < 0.0 || x == f64::INFINITY {
            return 0.0;
        }
        if x == 0.0 {
            return self.sum(|rate| rate, |_| f64::INFINITY);
        }
        let scale = 1.0 / (2.0 * PI * x).sqrt();
        self.sum(|rate| rate * (-rate * x).exp(), |rate| scale * rate.sqrt() * (-0.5 * rate * x).exp())
    }

    fn cdf(&self, x: f64) -> f64 {
        if x.is_nan() {
            return x;
        }
        if x <= 0.0 {
            return 0.0;
        }
        let root = x.sqrt();
        let below = self.sum(|rate| -(-rate * x).exp_m1(), |rate| libm::erf(FRAC_1_SQRT_2 * rate.sqrt() * root));
        // The expansion sums to 1 within rounding.
        if x == f64::INFINITY { 1.0 } else { below.min(1.0) }
    }

    fn survival(&self, x: f64) -> f64 {
        if x.is_nan() {
            return x;
        }
        if x <= 0.0 {
            return 1.0;
        }
        let root = x.sqrt();
        let above = self.sum(|rate| (-rate * x).exp(), |rate| libm::erfc(FRAC_1_SQRT_2 * rate.sqrt() * root));
        above.min(1.0)
    }

    fn quantile(&self, p: f64) -> f64 {
        if !(0.0..=1.0).contains(&p) {
            return f64::NAN;
        }
        if p == 0.0 || p == 1.0 {
            return if p == 0.0 { 0.0 } else { f64::INFINITY };
        }
        if let Mixture::Exponential(rate) = self.law {
            return -(-p).ln_1p() / rate;
        }
        // In ln(n^2 x), where the law hardly moves with n: below, F is about its square root; above, 1 - F is below e^(-n^2 x / 2).
        let ln_x = |position: f64| position - 2.0 * (self.n as f64).ln();
        let below = 2.0 * p.ln() - 8.0;
        let position = bisect(below, 5.0, |position| {
            let x = ln_x(position).exp();
            if p < 0.5 { self.cdf(x) >= p } else { self.survival(x) <= 1.0 - p }
        });
        ln_x(position).exp()
    }

    fn moment(&self, k: u32) -> Option<f64> {
        Some(self.power_mean(f64::from(k))).filter(|moment| moment.is_finite())
    }

    fn mean_log(&self) -> Option<f64> {
        const EULER: f64 = 0.577_215_664_901_532_9;
        // ln of the square of a normal variable: psi(1/2) + ln 2 = -gamma - ln 2.
        Some(self.sum(|rate| -EULER - rate.ln(), |rate| -EULER - LN_2 - rate.ln()))
    }

    fn facts(&self) -> Vec<Fact> {
        let n = self.n as f64;
        let mean = self.mean_scaled_smallest();
        let field = if matches!(self.law, Mixture::Squares(_)) { Field::Real } else { Field::Complex };
        let limit = HardEdge::new(field).moment(1).unwrap_or(f64::NAN);
        let mean_log = n.ln() + 0.5 * self.mean_log().unwrap_or(f64::NAN);
        vec![
            Fact::new("mean_smallest_singular_value", mean / n, "E s_min, exact"),
            Fact::new("mean_scaled_smallest", mean, "n E s_min, exact: sqrt(n) E s_min of entries of variance 1"),
            Fact::new("mean_scaled_smallest_limit", limit, "its limit for large n"),
            Fact::new("mean_log_scaled_smallest", mean_log, "E ln(n s_min), exact"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Edelman's density at lambda = t^2 / n by Tricomi's function in 40 digits (mpmath), times 2 t / n: that of t = n s_min. (n, t, density)
    const DENSITIES: &[(usize, f64, f64)] = &[
        (2, 0.01, 0.8861606264797293),
        (2, 0.7, 0.6413262825012852),
        (2, 5.0, 1.3100819190968418e-06),
        (2, 20.0, 1.3703589899996272e-88),
        (2, 30.0, 2.451751731325574e-197),
        (3, 0.01, 0.9212411793241885),
        (3, 0.7, 0.647752562286469),
        (3, 5.0, 8.108975192505786e-07),
        (3, 20.0, 2.766485434122928e-89),
        (3, 30.0, 3.347804477947102e-198),
        (10, 0.01, 0.9752577210832067),
        (10, 0.7, 0.6569722193969783),
        (10, 5.0, 2.8556213241588913e-07),
        (10, 20.0, 8.65671563480065e-92),
        (10, 30.0, 1.0370437579091827e-201),
        (50, 0.01, 0.994914633528278),
        (50, 0.7, 0.6600170734501427),
        (50, 5.0, 1.7299885149409395e-07),
        (50, 20.0, 4.201242159520609e-94),
        (50, 30.0, 6.957172354688259e-206),
        (51, 0.01, 0.9950121404328542),
        (51, 0.7, 0.6600316507855218),
        (51, 5.0, 1.7253906383734302e-07),
        (51, 20.0, 4.054797997405237e-94),
        (51, 30.0, 6.467002910629573e-206),
        (1000, 0.01, 0.999650441756961),
        (1000, 0.7, 0.6607186231974168),
        (1000, 5.0, 1.5172361891234798e-07),
        (1000, 20.0, 6.647637394401227e-95),
        (1000, 30.0, 1.3497652629949318e-207),
    ];

    #[test]
    fn the_mixture_is_edelmans_density() {
        for &(n, t, density) in DENSITIES {
            let law = SmallestSingularValue::new(n, Field::Real).expect("allowed");
            let size = n as f64;
            let got = law.pdf((t / size).powi(2)) * 2.0 * t / size.powi(2);
            let allowed = if density < 1e-200 { 1e-10 } else { 2e-13 };
            assert!((got / density - 1.0).abs() < allowed, "n = {n}, t = {t}: {got} not {density}");
        }
    }

    #[test]
    fn mass_is_one_and_tails_meet() {
        for n in [1, 2, 3, 4, 7, 10, 50, 51, 1000, 1_000_000_000] {
            let law = SmallestSingularValue::new(n, Field::Real).expect("allowed");
            assert!((law.power_mean(0.0) - 1.0).abs() < 1e-13, "{n}");
            for p in [1e-100, 1e-9, 0.1, 0.5, 0.9, 1.0 - 1e-9] {
                let x = law.quantile(p);
                assert!((law.cdf(x) / p - 1.0).abs() < 1e-13, "n = {n}, p = {p}");
                assert!((law.cdf(x) + law.survival(x) - 1.0).abs() < 1e-14);
                let h = 1e-5;
                let slope = (law.cdf(x * (1.0 + h)) - law.cdf(x * (1.0 - h))) / (2.0 * h * x);
                assert!(!(1e-3..=0.99).contains(&p) || (slope / law.pdf(x) - 1.0).abs() < 1e-8, "n = {n}, p = {p}");
            }
        }
    }

    #[test]
    fn large_matrices_come_to_the_hard_edge() {
        for field in [Field::Real, Field::Complex] {
            let limit = HardEdge::new(field);
            for (n, allowed) in [(1_000usize, 2e-3), (1_000_000, 2e-6)] {
                let law = SmallestSingularValue::new(n, field).expect("allowed");
                for p in [0.01, 0.3, 0.99] {
                    let t = law.quantile(p).sqrt() * n as f64;
                    assert!((t / limit.quantile(p) - 1.0).abs() < allowed, "{field:?} {n} {p}");
                }
                let logarithm = (n as f64).ln() + 0.5 * law.mean_log().expect("known");
                assert!((logarithm - limit.mean_log().expect("known")).abs() < allowed);
            }
        }
    }

    /// Of one entry the square is chi-square with one degree of freedom.
    #[test]
    fn one_entry_and_nonsense() {
        let one = SmallestSingularValue::new(1, Field::Real).expect("allowed");
        assert!((one.moment(1).expect("known") - 1.0).abs() < 1e-15);
        assert!((one.moment(2).expect("known") - 3.0).abs() < 1e-14);
        let complex = SmallestSingularValue::new(7, Field::Complex).expect("allowed");
        assert!((complex.moment(1).expect("known") * 49.0 - 1.0).abs() < 1e-14);
        for law in [one, complex] {
            assert_eq!((law.pdf(-1.0), law.cdf(-1.0), law.survival(-1.0), law.cdf(1e9)), (0.0, 0.0, 1.0, 1.0));
            assert_eq!((law.pdf(f64::INFINITY), law.cdf(f64::INFINITY), law.cdf(0.0)), (0.0, 1.0, 0.0));
            assert!(law.pdf(f64::NAN).is_nan() && law.cdf(f64::NAN).is_nan() && law.quantile(-1.0).is_nan());
        }
        assert!(SmallestSingularValue::new(0, Field::Real).is_err());
    }
}
