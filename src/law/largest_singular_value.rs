//! The largest singular value of one Gaussian matrix.

use super::marchenko_pastur::join;
use super::{Fact, Field, Law, LawError, Parameters, Scaling, Support, TracyWidom, Variable};

/// The square of the largest singular value of one Gaussian matrix, by the Tracy-Widom approximation.
///
/// # Formula
///
/// W is p x m, p = fan_out, m = fan_in, of independent Gaussian entries of variance 1/m (complex: `E |W_ij|^2 = 1/m`); with TW a Tracy-Widom
/// variable (beta = 1 for real entries, 2 for complex ones)
///
/// ```text
/// s_max^2 = (mu + sigma TW) / m,     mu = (sqrt m' + sqrt p')^2,     sigma = (sqrt m' + sqrt p') (1/sqrt m' + 1/sqrt p')^(1/3)
/// real: m' = m - 1/2, p' = p - 1/2;     complex: m' = m, p' = p
/// ```
///
/// # Domain and accuracy
///
/// Both sizes from 10 to 1e9: the mass that the approximation puts below 0 is under 1e-8 then, and is counted at 0. The distribution function
/// is off by `O(min(m, p)^(-2/3))`; for square complex matrices by up to `0.32 n^(-2/3)`, found from the exact determinants for n from 20 to 320.
///
/// # Source
///
/// Johnstone 2001; Ma 2012 (the centring, real entries); El Karoui 2006 (complex entries: a centring with the same first two orders).
///
/// # Example
///
/// ```
/// use gradspectra::law::{Field, LargestSingularValue, Law};
/// let law = LargestSingularValue::new(200, 200, Field::Real)?;
/// assert!((law.quantile(0.5).sqrt() - 1.974).abs() < 1e-3);
/// # Ok::<(), gradspectra::law::LawError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LargestSingularValue {
    fan_in: usize,
    fan_out: usize,
    scaled: TracyWidom,
    centre: f64,
    scale: f64,
}

impl LargestSingularValue {
    /// The law for a `fan_out x fan_in` matrix.
    ///
    /// # Errors
    ///
    /// [`LawError::Value`] for a size below 10 or above 1e9.
    pub fn new(fan_in: usize, fan_out: usize, field: Field) -> Result<Self, LawError> {
        if fan_in.min(fan_out) < 10 || fan_in.max(fan_out) > 1_000_000_000 {
            let allowed = "from 10 to 1e9 each: the law is an approximation for large matrices";
            return Err(LawError::value("widths", join(&[fan_in, fan_out]), allowed));
        }
        let less = if field == Field::Real { 0.5 } else { 0.0 };
        let (m, p) = ((fan_in as f64 - less).sqrt(), (fan_out as f64 - less).sqrt());
        let scale = (m + p) * (1.0 / m + 1.0 / p).cbrt();
        Ok(Self {
            fan_in,
            fan_out,
            scaled: TracyWidom::new(field),
            centre: (m + p).powi(2) / fan_in as f64,
            scale: scale / fan_in as f64,
        })
    }

    pub(super) fn from_parameters(given: &Parameters) -> Result<Self, LawError> {
        let field = given.field.unwrap_or_default();
        match given.widths[..] {
            [n] => Self::new(n, n, field),
            [fan_in, fan_out] => Self::new(fan_in, fan_out, field),
            [] => Err(LawError::Missing {
                law: "largest_singular_value",
                parameter: "widths",
                what: "fan_in,fan_out or the size of a square matrix",
                example: "200",
            }),
            _ => Err(LawError::value("widths", join(&given.widths), "fan_in,fan_out or the size of a square matrix")),
        }
    }

    /// What the largest squared singular value is centred with.
    pub fn centre(&self) -> f64 {
        self.centre
    }

    /// What its distance to the centre is a Tracy-Widom variable in units of.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    fn scaled(&self, x: f64) -> f64 {
        (x - self.centre) / self.scale
    }

    /// `E g(s_max^2)`.
    fn expectation(&self, g: impl Fn(f64) -> f64) -> f64 {
        self.scaled.expectation(|s| g((self.centre + self.scale * s).max(0.0)))
    }
}

impl Law for LargestSingularValue {
    fn title(&self) -> String {
        let Self { fan_in, fan_out, .. } = self;
        let kind = if self.scaled.field() == Field::Real { "real" } else { "complex" };
        format!("Largest squared singular value of one {kind} Gaussian {fan_out} x {fan_in} matrix")
    }

    fn variable(&self) -> Variable {
        Variable::SquaredSingularValue
    }

    fn hypotheses(&self) -> &'static str {
        "Gaussian entries of variance 1/fan_in; an approximation of the finite matrix, its distribution function off by O(min(fan_in, fan_out)^(-2/3))"
    }

    fn source(&self) -> &'static str {
        "Johnstone 2001; Ma 2012; El Karoui 2006"
    }

    fn scaling(&self) -> Scaling {
        Scaling::Power(2.0)
    }

    fn support(&self) -> Support {
        Support { low: 0.0, high: f64::INFINITY }
    }

    fn pdf(&self, x: f64) -> f64 {
        if x < 0.0 { 0.0 } else { self.scaled.pdf(self.scaled(x)) / self.scale }
    }

    fn cdf(&self, x: f64) -> f64 {
        if x < 0.0 { 0.0 } else { self.scaled.cdf(self.scaled(x)) }
    }

    fn survival(&self, x: f64) -> f64 {
        if x < 0.0 { 1.0 } else { self.scaled.survival(self.scaled(x)) }
    }

    fn quantile(&self, p: f64) -> f64 {
        let s = self.scaled.quantile(p);
        if s.is_nan() { s } else { (self.centre + self.scale * s).max(0.0) }
    }

    fn moment(&self, k: u32) -> Option<f64> {
        (k <= 40).then(|| self.expectation(|x| x.powi(k as i32)))
    }

    fn mean_log(&self) -> Option<f64> {
        // What there is below the smallest positive double has no weight.
        Some(self.expectation(|x| x.max(f64::MIN_POSITIVE).ln()))
    }

    fn facts(&self) -> Vec<Fact> {
        let ratio = (self.fan_out as f64 / self.fan_in as f64).sqrt();
        let mean = self.expectation(f64::sqrt);
        let mut facts = vec![Fact::new("mean_largest_singular_value", mean, "E s_max, by this approximation")];
        if self.scaled.field() == Field::Real {
            let meaning = "upper bound of E s_max that holds at any size (Davidson and Szarek 2001)";
            facts.push(Fact::new("mean_largest_singular_value_bound", 1.0 + ratio, meaning));
            let z = (2.0 * 100f64.ln() / self.fan_in as f64).sqrt();
            let meaning = "s_max is above it with a probability of at most 1 % at any size (Davidson and Szarek 2001)";
            facts.push(Fact::new("largest_singular_value_99_percent_bound", 1.0 + ratio + z, meaning));
        }
        if self.fan_in == self.fan_out {
            let coefficient = (0.25f64).cbrt() * self.scaled.expectation(|s| s);
            let meaning = "c of s_max = 2 + c n^(-2/3), the mean over large square matrices";
            facts.push(Fact::new("smax_correction_coefficient", coefficient, meaning));
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_tracy_widom_law_moved() {
        for (fan_in, fan_out, field) in [(200, 200, Field::Real), (10, 4000, Field::Real), (50, 30, Field::Complex)] {
            let law = LargestSingularValue::new(fan_in, fan_out, field).expect("allowed");
            let scaled = TracyWidom::new(field);
            for p in [0.01, 0.5, 0.99] {
                let x = law.quantile(p);
                assert!((x - law.centre() - law.scale() * scaled.quantile(p)).abs() < 1e-13 * x);
                assert!((law.cdf(x) - p).abs() < 1e-13 && (law.survival(x) - (1.0 - p)).abs() < 1e-13);
            }
            let mean = law.centre() + law.scale() * scaled.moment(1).expect("known");
            assert!((law.moment(1).expect("known") / mean - 1.0).abs() < 1e-12);
            assert!(law.cdf(0.0) < 1e-8 && law.cdf(-1e-9) == 0.0 && law.pdf(f64::NAN).is_nan());
        }
    }

    /// Transposing a matrix moves nothing but the normalisation.
    #[test]
    fn both_sizes_are_alike() {
        let wide = LargestSingularValue::new(80, 20, Field::Real).expect("allowed");
        let tall = LargestSingularValue::new(20, 80, Field::Real).expect("allowed");
        assert!((wide.quantile(0.3) * 4.0 / tall.quantile(0.3) - 1.0).abs() < 1e-14);
    }

    #[test]
    fn the_correction_is_what_the_mean_does_at_large_sizes() {
        let n = 100_000_000usize;
        let law = LargestSingularValue::new(n, n, Field::Real).expect("allowed");
        let facts = law.facts();
        let value = |name: &str| facts.iter().find(|fact| fact.name == name).expect("a fact").value;
        // m - 1/2 moves the centre by -1/(2n).
        let gap = (value("mean_largest_singular_value") - 2.0 + 0.5 / n as f64) * (n as f64).powf(2.0 / 3.0);
        assert!((gap / value("smax_correction_coefficient") - 1.0).abs() < 1e-5);
    }

    #[test]
    fn small_matrices_are_refused() {
        assert!(LargestSingularValue::new(9, 100, Field::Real).is_err());
        assert!(LargestSingularValue::new(100, usize::MAX, Field::Real).is_err());
    }
}
