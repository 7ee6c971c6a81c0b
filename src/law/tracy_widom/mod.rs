//! The largest eigenvalue, in the limit.
//!
//! `tables` holds both laws as series; `determinant`, in the tests, is what they are the series of.

#[cfg(test)]
mod determinant;
mod tables;

use tables::{LOWER_COMPLEX, LOWER_REAL, Panel, UPPER_COMPLEX, UPPER_REAL};

use super::{Fact, Field, Law, LawError, Parameters, Scaling, Support, Variable};
use crate::numeric::{Chebyshev, bisect, gauss_legendre};

/// The Tracy-Widom law: the largest eigenvalue of a large sample covariance or symmetric matrix, centred and scaled.
///
/// # Formula
///
/// Fredholm determinants on (s, inf) and (0, inf), `Ai` the Airy function:
///
/// ```text
/// complex entries (beta = 2):  F_2(s) = det(1 - K),   K(x, y) = (Ai(x) Ai'(y) - Ai'(x) Ai(y)) / (x - y)   on (s, inf)
/// real entries (beta = 1):     F_1(s) = det(1 - K),   K(x, y) = Ai((x + y)/2 + s) / 2                     on (0, inf)
/// ```
///
/// Left of -12, where `F_1 < 1e-35`, by the asymptotic series from the Hastings-McLeod solution of Painleve II, with r = -s:
///
/// ```text
/// ln F_2 = -r^3/12 - ln(r)/8 + 3/(64 r^3) + 63/(256 r^6) + ...
/// ln F_1 = ln(F_2)/2 - r^(3/2)/(3 sqrt 2) - r^(-3/2)/(24 sqrt 2) - 73 r^(-9/2)/(1152 sqrt 2) - ...
/// ```
///
/// up to constants, which are those that make F continuous.
///
/// # Accuracy
///
/// Distribution function and survival function relative to 1e-13, the density to 1e-12, as far down as doubles reach (to 1e-9 left of -12).
///
/// # Source
///
/// Tracy and Widom 1994, 1996; Ferrari and Spohn 2005 (the determinant for beta = 1); Bornemann 2010 (how to compute them).
///
/// # Example
///
/// ```
/// use gradspectra::law::{Field, Law, TracyWidom};
/// let law = TracyWidom::new(Field::Real);
/// assert!((law.quantile(0.99) - 2.023_449_281_380).abs() < 1e-11);
/// assert!((law.moment(1).expect("known") + 1.206_533_574_582).abs() < 1e-11);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct TracyWidom {
    field: Field,
    /// `ln F`.
    lower: Vec<Piece>,
    /// `ln(1 - F)`.
    upper: Vec<Piece>,
}

/// The logarithm of a probability and its slope on an interval.
#[derive(Debug, Clone, PartialEq)]
struct Piece {
    logarithm: Chebyshev,
    slope: Chebyshev,
}

/// The logarithm of a probability and its slope at one place.
#[derive(Debug, Clone, Copy)]
struct Logarithm {
    value: f64,
    slope: f64,
}

fn pieces(panels: &[Panel]) -> Vec<Piece> {
    let piece = |panel: &Panel| {
        let logarithm = Chebyshev::with_coefficients(panel.left, panel.right, panel.coefficients.to_vec());
        Piece { slope: logarithm.derivative(), logarithm }
    };
    panels.iter().map(piece).collect()
}

fn within(pieces: &[Piece], x: f64) -> Option<Logarithm> {
    let piece = pieces.iter().find(|piece| x <= piece.logarithm.right())?;
    Some(Logarithm { value: piece.logarithm.at(x), slope: piece.slope.at(x) })
}

impl TracyWidom {
    /// The law for matrices with real entries (beta = 1) or complex ones (beta = 2).
    pub fn new(field: Field) -> Self {
        let (lower, upper) = match field {
            Field::Real => (pieces(&LOWER_REAL), pieces(&UPPER_REAL)),
            Field::Complex => (pieces(&LOWER_COMPLEX), pieces(&UPPER_COMPLEX)),
        };
        Self { field, lower, upper }
    }

    pub(super) fn from_parameters(given: &Parameters) -> Result<Self, LawError> {
        Ok(Self::new(given.field.unwrap_or_default()))
    }

    /// Real or complex.
    pub fn field(&self) -> Field {
        self.field
    }

    /// Where the lower tail gives way to the upper one.
    fn middle(&self) -> f64 {
        self.upper[0].logarithm.left()
    }

    /// The asymptotic series at `-r`, without its constant.
    fn far_left(&self, r: f64) -> Logarithm {
        let cube = r * r * r;
        let two = Logarithm {
            value: -cube / 12.0 - r.ln() / 8.0 + 3.0 / (64.0 * cube) + 63.0 / (256.0 * cube * cube),
            slope: r * r / 4.0 + 0.125 / r + 9.0 / (64.0 * cube * r) + 189.0 / (128.0 * cube * cube * r),
        };
        if self.field == Field::Complex {
            return two;
        }
        let (root, half_power) = (std::f64::consts::SQRT_2, r * r.sqrt());
        let value = half_power / 3.0 + 1.0 / (24.0 * half_power) + 73.0 / (1152.0 * half_power * cube);
        let slope = 0.5 * r.sqrt() - 1.0 / (16.0 * half_power * r) - 73.0 / (256.0 * half_power * cube * r);
        Logarithm { value: 0.5 * two.value - value / root, slope: 0.5 * two.slope + slope / root }
    }

    /// `ln F`, left of the middle.
    fn ln_lower(&self, s: f64) -> Logarithm {
        let first = &self.lower[0].logarithm;
        let end = first.left();
        match within(&self.lower, s) {
            Some(inside) if s >= end => inside,
            _ => {
                let far = self.far_left(-s);
                let constant = first.at(end) - self.far_left(-end).value;
                Logarithm { value: far.value + constant, slope: far.slope }
            }
        }
    }

    /// `ln(1 - F)`, right of the middle; below the range of doubles at the end of the table and beyond.
    fn ln_upper(&self, s: f64) -> Logarithm {
        within(&self.upper, s).unwrap_or(Logarithm { value: f64::NEG_INFINITY, slope: 0.0 })
    }

    /// `E g(X)`.
    pub(super) fn expectation(&self, g: impl Fn(f64) -> f64) -> f64 {
        let rule = gauss_legendre(40);
        let ends = self.lower.iter().chain(&self.upper).map(|piece| piece.logarithm.right());
        // Left of -30 the density is below 1e-400.
        let lefts: Vec<f64> = [-30.0, self.lower[0].logarithm.left()].into_iter().chain(ends).collect();
        let panel = |ends: &[f64]| {
            let (left, width) = (ends[0], ends[1] - ends[0]);
            let at = |(t, weight): &(f64, f64)| {
                let x = left + width * t;
                weight * width * g(x) * self.pdf(x)
            };
            rule.iter().map(at).sum::<f64>()
        };
        lefts.windows(2).map(panel).sum()
    }
}

impl Law for TracyWidom {
    fn title(&self) -> String {
        match self.field {
            Field::Real => "Tracy-Widom law, real entries (beta = 1)".to_owned(),
            Field::Complex => "Tracy-Widom law, complex entries (beta = 2)".to_owned(),
        }
    }

    fn variable(&self) -> Variable {
        Variable::ScaledLargest
    }

    fn hypotheses(&self) -> &'static str {
        "limit of large matrices; independent entries of mean 0, equal variance and fourth moments little heavier than Gaussian"
    }

    fn source(&self) -> &'static str {
        "Tracy and Widom 1994, 1996; Johnstone 2001; Bornemann 2010"
    }

    fn scaling(&self) -> Scaling {
        Scaling::None
    }

    fn support(&self) -> Support {
        Support { low: f64::NEG_INFINITY, high: f64::INFINITY }
    }

    fn pdf(&self, x: f64) -> f64 {
        if x.is_nan() {
            return x;
        }
        if x.is_infinite() {
            return 0.0;
        }
        if x < self.middle() {
            let Logarithm { value, slope } = self.ln_lower(x);
            // Far left the slope overflows before it meets the 0.
            let probability = value.exp();
            if probability == 0.0 { 0.0 } else { slope * probability }
        } else {
            let Logarithm { value, slope } = self.ln_upper(x);
            -slope * value.exp()
        }
    }

    fn cdf(&self, x: f64) -> f64 {
        if x < self.middle() { self.ln_lower(x).value.exp() } else { 1.0 - self.survival(x) }
    }

    fn survival(&self, x: f64) -> f64 {
        if x.is_nan() {
            x
        } else if x < self.middle() {
            -self.ln_lower(x).value.exp_m1()
        } else {
            self.ln_upper(x).value.exp()
        }
    }

    fn quantile(&self, p: f64) -> f64 {
        if !(0.0..=1.0).contains(&p) {
            f64::NAN
        } else if p == 0.0 {
            f64::NEG_INFINITY
        } else if p == 1.0 {
            f64::INFINITY
        } else {
            // F(-40) is below the range of doubles; 1 - F(40) is below 1e-70.
            bisect(-40.0, 40.0, |x| self.cdf(x) >= p)
        }
    }

    fn moment(&self, k: u32) -> Option<f64> {
        // Higher ones are made far out in the tail, where 40 nodes to a panel no longer resolve them.
        (k <= 40).then(|| self.expectation(|x| x.powi(k as i32)))
    }

    fn facts(&self) -> Vec<Fact> {
        let mean = self.expectation(|x| x);
        let central = |k: i32| self.expectation(|x| (x - mean).powi(k));
        let variance = central(2);
        let skewness = central(3) / variance.powf(1.5);
        let excess = central(4) / (variance * variance) - 3.0;
        vec![
            Fact::new("mean", mean, "E X"),
            Fact::new("variance", variance, "Var X"),
            Fact::new("skewness", skewness, "E (X - E X)^3 / Var^(3/2)"),
            Fact::new("excess_kurtosis", excess, "E (X - E X)^4 / Var^2 - 3"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: [Field; 2] = [Field::Real, Field::Complex];

    #[test]
    fn tables_agree_with_the_determinants() {
        for field in FIELDS {
            let law = TracyWidom::new(field);
            for k in 0..60 {
                let s = -9.0 + 0.25 * f64::from(k);
                let exact = determinant::distribution(field, s, 64);
                assert!((law.cdf(s) - exact).abs() < 1e-13, "{field:?} F({s}): {} not {exact}", law.cdf(s));
            }
            for s in [1.0, 1.9, 2.1, 3.7, 6.0, 7.9, 8.1, 13.0, 16.5, 26.0, 33.0, 48.0, 61.0] {
                let exact = determinant::survival(field, s, 64);
                let off = (law.survival(s) / exact - 1.0).abs();
                assert!(off < 2e-12, "{field:?} 1 - F({s}): {} not {exact}", law.survival(s));
            }
        }
    }

    /// At 64 nodes the determinant has converged, and a kernel that is 1e-11 off would be seen.
    #[test]
    fn determinants_have_converged() {
        for field in FIELDS {
            for s in [-8.0, -3.0, 0.0, 2.0] {
                let (few, many) = (determinant::distribution(field, s, 64), determinant::distribution(field, s, 90));
                assert!((few - many).abs() < 1e-14, "{field:?} {s}: {few} {many}");
            }
        }
    }

    #[test]
    fn pieces_join() {
        for field in FIELDS {
            let law = TracyWidom::new(field);
            let joints = law.lower.iter().chain(&law.upper).map(|piece| piece.logarithm.left());
            for s in joints {
                let (left, right) = (s - 1e-13, s + 1e-13);
                let step = (right - left) * law.pdf(s);
                // What is left of -12 is 1e-9 accurate.
                let allowed = if s == -12.0 { 1e-8 } else { 1e-11 };
                assert!((law.pdf(left) / law.pdf(right) - 1.0).abs() < allowed, "{field:?} {s}");
                assert!((law.cdf(right) - law.cdf(left) - step).abs() < 1e-11 * law.cdf(s), "{field:?} {s}");
                let survivals = law.survival(left) - law.survival(right);
                assert!((survivals - step).abs() < 1e-11 * law.survival(s), "{field:?} {s}");
            }
        }
    }

    #[test]
    fn the_density_is_the_derivative_and_has_mass_one() {
        for field in FIELDS {
            let law = TracyWidom::new(field);
            assert!((law.expectation(|_| 1.0) - 1.0).abs() < 1e-14);
            for k in 0..40 {
                let (s, h) = (-18.3 + f64::from(k), 1e-4);
                let slope = (law.ln_lower_or_upper(s + h) - law.ln_lower_or_upper(s - h)) / (2.0 * h);
                let probability = if s < law.middle() { law.cdf(s) } else { -law.survival(s) };
                assert!((law.pdf(s) / probability / slope - 1.0).abs() < 1e-6, "{field:?} {s}");
            }
        }
    }

    impl TracyWidom {
        fn ln_lower_or_upper(&self, s: f64) -> f64 {
            if s < self.middle() { self.ln_lower(s).value } else { self.ln_upper(s).value }
        }
    }

    #[test]
    fn ends_and_nonsense() {
        for field in FIELDS {
            let law = TracyWidom::new(field);
            for x in [f64::NEG_INFINITY, f64::MIN, -1e3] {
                assert_eq!((law.pdf(x), law.cdf(x), law.survival(x)), (0.0, 0.0, 1.0));
            }
            for x in [f64::INFINITY, f64::MAX, 200.0] {
                assert_eq!((law.pdf(x), law.cdf(x), law.survival(x)), (0.0, 1.0, 0.0));
            }
            assert!(law.pdf(f64::NAN).is_nan() && law.cdf(f64::NAN).is_nan() && law.survival(f64::NAN).is_nan());
            assert!(law.quantile(-0.1).is_nan() && law.quantile(f64::NAN).is_nan());
            for p in [1e-300, 1e-10, 0.3, 0.9, 1.0 - 1e-12] {
                assert!((law.cdf(law.quantile(p)) / p - 1.0).abs() < 1e-11, "{p}");
            }
        }
    }
}
