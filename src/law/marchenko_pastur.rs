//! One matrix.

use std::f64::consts::PI;

use super::{Atom, Fact, Law, LawError, Parameters, Scaling, Support, Variable, outside};
use crate::numeric::{bisect, gauss_legendre};

/// The Marchenko-Pastur law: squared singular values of one large matrix, zeros included.
///
/// # Formula
///
/// Eigenvalues of `W W^T`, W of fan_out x fan_in independent entries of mean 0 and variance 1/fan_in, `c = fan_out / fan_in`,
/// `a, b = (1 -+ sqrt c)^2`:
///
/// ```text
/// rho(x) = sqrt((b - x)(x - a)) / (2 pi c x)  on [a, b],   an atom of max(0, 1 - 1/c) at 0
/// ```
///
/// With `x = a + 4 sqrt(c) sin^2(chi/2)`, `0 <= chi <= pi`, the continuous part below x has the mass
///
/// ```text
/// G(chi) = [2 sqrt(c) sin chi + (1 + c) chi - 2 |1 - c| atan((1 + sqrt c) / |1 - sqrt c| tan(chi/2))] / (2 pi c)
/// ```
///
/// Moments `E x^k = sum_{r<k} c^r / (r+1) C(k,r) C(k-1,r)`; `E ln x = -1 - ((1-c)/c) ln(1-c)` for c <= 1.
///
/// # Accuracy
///
/// Distribution function 1e-15 absolute; at c = 1 the lower tail keeps relative accuracy. Ratios from 1e-9 to 1e9.
///
/// # Source
///
/// Marchenko and Pastur 1967.
///
/// # Example
///
/// ```
/// use gradspectra::law::{Law, MarchenkoPastur};
/// let law = MarchenkoPastur::new(2.0)?;
/// assert_eq!(law.atoms()[0].mass, 0.5);
/// assert!((law.moment(2).expect("known") - 3.0).abs() < 1e-14);
/// # Ok::<(), gradspectra::law::LawError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct MarchenkoPastur {
    ratio: f64,
    /// (fan_in, fan_out), where exact numbers of finite matrices are wanted.
    widths: Option<(usize, usize)>,
}

impl MarchenkoPastur {
    /// The law of the given ratio fan_out / fan_in.
    ///
    /// # Errors
    ///
    /// [`LawError::Value`] for a ratio outside [1e-9, 1e9].
    pub fn new(ratio: f64) -> Result<Self, LawError> {
        if (1e-9..=1e9).contains(&ratio) {
            Ok(Self { ratio, widths: None })
        } else {
            Err(LawError::value("ratio", ratio, "fan_out / fan_in, from 1e-9 to 1e9"))
        }
    }

    pub(super) fn from_parameters(given: &Parameters) -> Result<Self, LawError> {
        match (given.ratio, &given.widths[..]) {
            (Some(ratio), []) => Self::new(ratio),
            (None, &[fan_in, fan_out]) if fan_in > 0 && fan_out > 0 => {
                let law = Self::new(fan_out as f64 / fan_in as f64)?;
                Ok(Self { widths: Some((fan_in, fan_out)), ..law })
            }
            (None, []) => Err(LawError::Missing {
                law: "marchenko_pastur",
                parameter: "ratio",
                what: "fan_out / fan_in",
                example: "0.5",
            }),
            (Some(_), [_, ..]) => Err(LawError::value("ratio", "given with --widths", "left out if --widths is given")),
            (None, widths) => Err(LawError::value("widths", join(widths), "fan_in,fan_out, both above 0")),
        }
    }

    fn root(&self) -> f64 {
        self.ratio.sqrt()
    }

    fn lower_edge(&self) -> f64 {
        (1.0 - self.root()).powi(2)
    }

    fn angle(&self, x: f64) -> f64 {
        2.0 * ((x - self.lower_edge()) / (4.0 * self.root())).clamp(0.0, 1.0).sqrt().asin()
    }

    fn at_angle(&self, chi: f64) -> f64 {
        self.lower_edge() + 4.0 * self.root() * (0.5 * chi).sin().powi(2)
    }

    /// Mass of the continuous part in all.
    fn continuous_mass(&self) -> f64 {
        (1.0 / self.ratio).min(1.0)
    }

    /// Mass of the continuous part below the angle.
    fn mass_below(&self, chi: f64) -> f64 {
        let (c, r) = (self.ratio, self.root());
        if (0.05..=20.0).contains(&c) {
            let (sine, cosine) = (0.5 * chi).sin_cos();
            let inner = ((1.0 + r) * sine).atan2((1.0 - r).abs() * cosine);
            let ends = if c == 1.0 { 0.0 } else { 2.0 * (1.0 - c).abs() * inner };
            (2.0 * r * chi.sin() + (1.0 + c) * chi - ends) / (2.0 * PI * c)
        } else {
            // The closed form cancels to the order of min(c, 1/c).
            let density = |chi: f64| chi.sin().powi(2) / (1.0 + c - 2.0 * r * chi.cos());
            let nodes = gauss_legendre(48);
            2.0 / PI * chi * nodes.iter().map(|(t, weight)| weight * density(chi * t)).sum::<f64>()
        }
    }
}

/// Widths as the command line takes them.
pub(super) fn join(widths: &[usize]) -> String {
    widths.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
}

impl Law for MarchenkoPastur {
    fn title(&self) -> String {
        format!("Marchenko-Pastur law of W W^T, fan_out / fan_in = {}", self.ratio)
    }

    fn variable(&self) -> Variable {
        Variable::SquaredSingularValue
    }

    fn hypotheses(&self) -> &'static str {
        "limit of large matrices at a fixed ratio; independent entries of mean 0 and finite variance 1/fan_in"
    }

    fn source(&self) -> &'static str {
        "Marchenko and Pastur 1967"
    }

    fn scaling(&self) -> Scaling {
        Scaling::Power(2.0)
    }

    fn support(&self) -> Support {
        Support { low: self.lower_edge(), high: (1.0 + self.root()).powi(2) }
    }

    fn atoms(&self) -> Vec<Atom> {
        if self.ratio > 1.0 { vec![Atom { at: 0.0, mass: 1.0 - 1.0 / self.ratio }] } else { Vec::new() }
    }

    fn pdf(&self, x: f64) -> f64 {
        let support = self.support();
        if let Some(value) = outside(x, support) {
            return if value.is_nan() { value } else { 0.0 };
        }
        if x == 0.0 {
            return f64::INFINITY;
        }
        // One root a factor: their product would lose what lies below 1e-308.
        (support.high - x).sqrt() * (x - support.low).sqrt() / (2.0 * PI * self.ratio * x)
    }

    fn cdf(&self, x: f64) -> f64 {
        if x.is_nan() || x < 0.0 {
            return if x.is_nan() { x } else { 0.0 };
        }
        let atom = 1.0 - self.continuous_mass();
        match outside(x, self.support()) {
            Some(0.0) => atom,
            Some(value) => value,
            None => (atom + self.mass_below(self.angle(x))).min(1.0),
        }
    }

    fn quantile(&self, p: f64) -> f64 {
        if !(0.0..=1.0).contains(&p) {
            return f64::NAN;
        }
        let atom = 1.0 - self.continuous_mass();
        if p <= atom && atom > 0.0 {
            return 0.0;
        }
        if p == 1.0 {
            return self.support().high;
        }
        self.at_angle(bisect(0.0, PI, |chi| self.mass_below(chi) >= p - atom))
    }

    fn moment(&self, k: u32) -> Option<f64> {
        // Narayana's terms C(k, r) C(k - 1, r) / (r + 1), each from the one before.
        let k = f64::from(k);
        if k == 0.0 {
            return Some(1.0);
        }
        let (mut term, mut sum, mut r) = (1.0, 0.0, 0.0);
        while r < k {
            sum += term;
            term *= self.ratio * (k - r) * (k - 1.0 - r) / ((r + 1.0) * (r + 2.0));
            r += 1.0;
        }
        Some(sum)
    }

    fn mean_log(&self) -> Option<f64> {
        let c = self.ratio;
        if c > 1.0 {
            None
        } else if c == 1.0 {
            Some(-1.0)
        } else {
            // -1 + (1 - c) (1 + c/2 + c^2/3 + ...)
            Some(-1.0 - (1.0 - c) / c * (-c).ln_1p())
        }
    }

    fn facts(&self) -> Vec<Fact> {
        let mut facts = Vec::new();
        if self.ratio == 1.0 {
            let mean = 8.0 / (3.0 * PI);
            facts.push(Fact::new("mean_singular_value", mean, "E s, the mean of the quarter-circle law"));
        }
        if let Some((fan_in, _)) = self.widths {
            let (c, m) = (self.ratio, fan_in as f64);
            let meaning =
                |k: usize| format!("E tr (W W^T)^{k} / fan_out of real Gaussian matrices of this size, exact");
            facts.push(Fact::new("finite_size_moment_2", 1.0 + c + 1.0 / m, meaning(2)));
            let third = 1.0 + 3.0 * c + c * c + (3.0 * c + 3.0) / m + 4.0 / (m * m);
            facts.push(Fact::new("finite_size_moment_3", third, meaning(3)));
            let meaning = "upper bound of the mean of s_max of real Gaussian matrices (Davidson and Szarek 2001)";
            facts.push(Fact::new("mean_largest_singular_value_bound", 1.0 + self.root(), meaning));
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The continuous mass of the density between two points by quadrature in the angle, where the integrand is smooth.
    fn mass(law: &MarchenkoPastur, power: i32, left: f64, right: f64) -> f64 {
        let jacobian = |chi: f64| 2.0 * law.root() * chi.sin();
        let integrand = |chi: f64| {
            let x = law.at_angle(chi);
            [law.pdf(x) * jacobian(chi) * x.powi(power)]
        };
        crate::numeric::integrate(integrand, &[law.angle(left), law.angle(right)], 1e-13).value[0]
    }

    #[test]
    fn mass_moments_and_distribution_belong_together() {
        for c in [1e-6, 0.04, 0.05, 0.25, 0.97, 1.0, 1.03, 4.0, 21.0, 1e5] {
            let law = MarchenkoPastur::new(c).expect("allowed");
            let Support { low, high } = law.support();
            let atom = law.atoms().first().map_or(0.0, |atom| atom.mass);
            assert!((mass(&law, 0, low, high) + atom - 1.0).abs() < 1e-11, "c = {c}");
            for k in 1..5 {
                let exact = law.moment(k).expect("known");
                assert!((mass(&law, k as i32, low, high) / exact - 1.0).abs() < 1e-10, "c = {c}, k = {k}");
            }
            for p in [0.01, 0.3, 0.7, 0.99] {
                let x = law.quantile(atom + (1.0 - atom) * p);
                assert!((mass(&law, 0, low, x) / (1.0 - atom) - p).abs() < 2e-10, "c = {c}, p = {p}");
            }
        }
    }

    #[test]
    fn ends_and_nonsense() {
        let law = MarchenkoPastur::new(1.0).expect("allowed");
        assert_eq!((law.cdf(-1.0), law.cdf(4.0), law.cdf(9.0), law.pdf(-1.0), law.pdf(4.5)), (0.0, 1.0, 1.0, 0.0, 0.0));
        assert!(law.cdf(f64::NAN).is_nan() && law.pdf(f64::NAN).is_nan() && law.quantile(1.5).is_nan());
        // The lower tail: G = 2 sqrt(x) / pi to leading order.
        assert!((law.cdf(1e-30) / (2e-15 / PI) - 1.0).abs() < 1e-14);
        assert!((law.quantile(2e-15 / PI) / 1e-30 - 1.0).abs() < 1e-13);
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(MarchenkoPastur::new(wrong).is_err());
        }
    }
}
