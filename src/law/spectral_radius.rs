//! The spectral radius of one complex Gaussian matrix.

use super::marchenko_pastur::join;
use super::{Fact, Law, LawError, Parameters, Scaling, Support, Variable};
use crate::numeric::{bisect, gauss_legendre};

/// The spectral radius of one square matrix of complex Gaussian entries, exactly at every size.
///
/// # Formula
///
/// `E |W_ij|^2 = 1/n`. The squared moduli of the eigenvalues are, as a set, those of independent variables `Gamma(k) / n`, k = 1, ..., n, so that with
/// the regularised incomplete gamma function P, `y = n r^2`,
///
/// ```text
/// P(radius <= r) = prod_{k=1}^n P(k, y),     density = 2 n r F sum_k (y^(k-1) e^(-y) / (k-1)!) / P(k, y)
/// ```
///
/// # Domain and accuracy
///
/// n from 1 to 20,000. Distribution and survival function relative to 1e-11. Only some `9 sqrt n` of the factors differ from 1 where the law
/// lives, and only those are computed. Real Gaussian matrices have other radii, smaller by about 1 % in the mean at n = 50.
///
/// # Source
///
/// Kostlan 1992.
///
/// # Example
///
/// ```
/// use gradspectra::law::{GinibreRadius, Law};
/// let law = GinibreRadius::new(50)?;
/// assert!((law.moment(1).expect("known") - 1.072_463_610_243).abs() < 1e-12);
/// # Ok::<(), gradspectra::law::LawError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GinibreRadius {
    n: usize,
}

/// The logarithm of the distribution function and its slope in y.
#[derive(Debug, Clone, Copy)]
struct Logarithm {
    value: f64,
    slope: f64,
}

/// The logarithm of a product of thousands of probabilities, with few logarithms.
struct LnProduct {
    ln: f64,
    /// Factors whose logarithm is not in `ln` yet.
    pending: f64,
}

impl LnProduct {
    fn times(&mut self, factor: f64) {
        self.pending *= factor;
        if self.pending < 1e-200 {
            self.ln += self.pending.ln();
            self.pending = 1.0;
        }
    }

    /// Times `1 - q`, with the digits of a small q.
    fn times_complement(&mut self, q: f64) {
        if q < 1e-3 {
            // -ln(1 - q) to q^6 / 6.
            self.ln -= q * (1.0 + q * (0.5 + q * (1.0 / 3.0 + q * (0.25 + q * 0.2))));
        } else {
            self.times(1.0 - q);
        }
    }

    fn total(&self) -> f64 {
        self.ln + self.pending.ln()
    }
}

/// Below this the distribution function is no double.
const LOWEST_LN: f64 = -750.0;
/// Factors this close to 1, relative to what is found already, are left out.
const NEGLIGIBLE: f64 = 1e-18;

impl GinibreRadius {
    /// The law for an n x n matrix.
    ///
    /// # Errors
    ///
    /// [`LawError::Value`] for n = 0 or above 20,000.
    pub fn new(n: usize) -> Result<Self, LawError> {
        if (1..=20_000).contains(&n) {
            Ok(Self { n })
        } else {
            Err(LawError::value("widths", n, "the size of a square matrix, from 1 to 20000"))
        }
    }

    pub(super) fn from_parameters(given: &Parameters) -> Result<Self, LawError> {
        match given.widths[..] {
            [n] => Self::new(n),
            [fan_in, fan_out] if fan_in == fan_out => Self::new(fan_in),
            [] => Err(LawError::Missing {
                law: "ginibre_radius",
                parameter: "widths",
                what: "the size of a square matrix",
                example: "50",
            }),
            _ => {
                Err(LawError::value("widths", join(&given.widths), "one number: only square matrices have eigenvalues"))
            }
        }
    }

    /// `ln F` at `y = n r^2`, 0 < y < inf.
    ///
    /// With the Poisson terms `t_j = e^(-y) y^j / j!`: `P(k, y) = sum_{j>=k} t_j` and `1 - P(k, y) = sum_{j<k} t_j`, of which the smaller is summed,
    /// from its small end.
    fn ln_cdf(&self, y: f64) -> Logarithm {
        let n = self.n;
        let first = poisson(n as f64 - 1.0, y);
        // t_j downwards from j = n - 1 to where neither Q nor the sum of all Q before feels it.
        let mut terms = vec![first];
        // As long as P is the smaller one, F itself decides; the rest is the lower tail of the Poisson law.
        let mut power = above(n, y, first);
        let mut product = LnProduct { ln: 0.0, pending: 1.0 };
        let mut slope = 0.0;
        let mut k = n;
        while k >= 1 && k as f64 > y {
            let term = terms[n - k];
            product.times(power);
            slope += term / power;
            if product.ln < LOWEST_LN {
                return Logarithm { value: product.ln, slope };
            }
            power += term;
            k -= 1;
            if k >= 1 {
                terms.push(term * k as f64 / y);
            }
        }
        if k == 0 {
            return Logarithm { value: product.total(), slope };
        }
        // Now k <= y: terms fall from t_{k-1} downwards, and so do Q(k) and what they add.
        let start = n - k;
        let mut j = k - 1;
        let largest = terms[start];
        while j >= 1 {
            let term = terms[n - 1 - j] * j as f64 / y;
            if term <= NEGLIGIBLE * largest {
                break;
            }
            terms.push(term);
            j -= 1;
        }
        // From the bottom: Q(k') = sum of the terms below.
        let mut below = 0.0;
        for term in terms[start..].iter().rev() {
            below += term;
            product.times_complement(below);
            slope += term / (1.0 - below);
        }
        Logarithm { value: product.total(), slope }
    }

    fn y(&self, r: f64) -> f64 {
        self.n as f64 * r * r
    }

    /// Where the radius is between for all that doubles see of it: F is below 1e-300 on the left, 1 - F on the right.
    fn bracket(&self) -> [f64; 2] {
        let n = self.n as f64;
        // On the right, by Chernoff's bound, n - 1 <= n: e^(-n (u - 1 - ln u)) n < 1e-300 for u = (1 + w)^2, u - 1 - ln u >= w^2.
        let width = ((700.0 + n.ln()) / n).sqrt();
        [0.0, 1.0 + width]
    }

    /// `E radius^k = int k r^(k-1) (1 - F) dr`.
    fn power_mean(&self, k: u32) -> f64 {
        let order = f64::from(k);
        let rule = gauss_legendre(24);
        let [_, right] = self.bracket();
        // F falls from 1/2 to nothing over a few spacings 1 / sqrt(n) of its upper end; below 1 - F is 1.
        let scale = 1.0 / (self.n as f64).sqrt();
        let left = (1.0 - 4.0 * scale).max(0.0);
        let panels = ((right - left) / (0.5 * scale)).ceil().max(1.0);
        let width = (right - left) / panels;
        let at = |r: f64| order * r.powf(order - 1.0) * self.survival(r);
        let panel = |index: usize| {
            let start = left + width * index as f64;
            rule.iter().map(|(t, weight)| weight * width * at(start + width * t)).sum::<f64>()
        };
        left.powf(order) + (0..panels as usize).map(panel).sum::<f64>()
    }
}

/// `e^(-y) y^j / j!`, without the cancellation of its logarithm: Loader's form.
fn poisson(j: f64, y: f64) -> f64 {
    if j == 0.0 {
        return (-y).exp();
    }
    // j (u - ln(1 + u)), u = y/j - 1.
    let u = (y - j) / j;
    let deviance = if u.abs() < 0.1 {
        // u^2/2 - u^3/3 + ...
        let (mut power, mut sum, mut k) = (u * u, 0.0, 2.0);
        while power.abs() > 1e-18 * u * u {
            sum += power / k;
            power *= -u;
            k += 1.0;
        }
        sum
    } else {
        u - u.ln_1p()
    };
    let stirling = if j < 16.0 {
        libm::lgamma(j + 1.0) - (j + 0.5) * j.ln() + j - 0.5 * (2.0 * std::f64::consts::PI).ln()
    } else {
        let square = 1.0 / (j * j);
        (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square * (1.0 / 1680.0 - square / 1188.0)))) / j
    };
    (-j * deviance - stirling).exp() / (2.0 * std::f64::consts::PI * j).sqrt()
}

/// `P(n, y) = sum_{j>=n} t_j` for y < n, from `t_{n-1}`.
fn above(n: usize, y: f64, before: f64) -> f64 {
    if y >= n as f64 {
        return f64::NAN;
    }
    let (mut term, mut sum, mut j) = (before, 0.0, n as f64);
    loop {
        term *= y / j;
        sum += term;
        if term <= 1e-18 * sum {
            return sum;
        }
        j += 1.0;
    }
}

impl Law for GinibreRadius {
    fn title(&self) -> String {
        format!("Spectral radius of one complex Gaussian {0} x {0} matrix", self.n)
    }

    fn variable(&self) -> Variable {
        Variable::EigenvalueModulus
    }

    fn hypotheses(&self) -> &'static str {
        "exact for a square matrix of independent complex Gaussian entries, E |W_ij|^2 = 1/n"
    }

    fn source(&self) -> &'static str {
        "Kostlan 1992"
    }

    fn scaling(&self) -> Scaling {
        Scaling::Power(1.0)
    }

    fn support(&self) -> Support {
        Support { low: 0.0, high: f64::INFINITY }
    }

    fn pdf(&self, x: f64) -> f64 {
        if x.is_nan() {
            return x;
        }
        let y = self.y(x);
        if x <= 0.0 || !y.is_finite() || y == 0.0 {
            return 0.0;
        }
        let Logarithm { value, slope } = self.ln_cdf(y);
        if value < LOWEST_LN { 0.0 } else { 2.0 * self.n as f64 * x * slope * value.exp() }
    }

    fn cdf(&self, x: f64) -> f64 {
        if x.is_nan() {
            return x;
        }
        let y = self.y(x);
        if x <= 0.0 || y == 0.0 {
            0.0
        } else if y.is_finite() {
            self.ln_cdf(y).value.exp()
        } else {
            1.0
        }
    }

    fn survival(&self, x: f64) -> f64 {
        if x.is_nan() {
            return x;
        }
        let y = self.y(x);
        if x <= 0.0 || y == 0.0 {
            1.0
        } else if y.is_finite() {
            -self.ln_cdf(y).value.exp_m1()
        } else {
            0.0
        }
    }

    fn quantile(&self, p: f64) -> f64 {
        if !(0.0..=1.0).contains(&p) {
            f64::NAN
        } else if p == 0.0 {
            0.0
        } else if p == 1.0 {
            f64::INFINITY
        } else {
            let [left, right] = self.bracket();
            bisect(left, right, |r| self.cdf(r) >= p)
        }
    }

    fn moment(&self, k: u32) -> Option<f64> {
        // Higher ones live in the far tail, where the panels are too wide for them.
        match k {
            0 => Some(1.0),
            1..=20 => Some(self.power_mean(k)),
            _ => None,
        }
    }

    fn facts(&self) -> Vec<Fact> {
        vec![
            Fact::new("mean", self.power_mean(1), "mean spectral radius, exact: 1 in the limit"),
            Fact::new("median", self.quantile(0.5), "median of the spectral radius"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use statrs::function::gamma::{gamma_lr, gamma_ur};

    use super::*;

    #[test]
    fn the_distribution_is_the_product_over_all_eigenvalues() {
        for n in [1usize, 2, 3, 10, 60] {
            let law = GinibreRadius::new(n).expect("allowed");
            for r in [0.05, 0.3, 0.8, 0.99, 1.0, 1.01, 1.1, 1.5, 2.0] {
                let y = n as f64 * r * r;
                let naive: f64 = (1..=n).map(|k| gamma_lr(k as f64, y).ln()).sum();
                let got = law.ln_cdf(y).value;
                if naive > -700.0 && naive < -1e-3 {
                    assert!((got / naive - 1.0).abs() < 1e-11, "n = {n}, r = {r}: {got} not {naive}");
                }
                // 1 - F <= sum of the tails, with equality where they are small.
                let tails: f64 = (1..=n).map(|k| gamma_ur(k as f64, y)).sum();
                if tails < 1e-8 && tails > 1e-290 {
                    assert!((law.survival(r) / tails - 1.0).abs() < 1e-8, "n = {n}, r = {r}");
                }
            }
        }
    }

    #[test]
    fn the_density_is_the_derivative() {
        for n in [1usize, 2, 17, 50, 1000, 20_000] {
            let law = GinibreRadius::new(n).expect("allowed");
            for p in [1e-6, 0.01, 0.5, 0.99, 1.0 - 1e-9] {
                let r = law.quantile(p);
                assert!((law.cdf(r) - p).abs() < 1e-12 && (law.cdf(r) + law.survival(r) - 1.0).abs() < 1e-15);
                let h = 1e-3 * (p * (1.0 - p)).min(1e-2).sqrt() / (n as f64).sqrt() * r;
                let difference = |sign: f64| if p < 0.5 { law.cdf(r + sign * h) } else { -law.survival(r + sign * h) };
                let slope = (difference(1.0) - difference(-1.0)) / (2.0 * h);
                assert!((law.pdf(r) / slope - 1.0).abs() < 1e-5, "n = {n}, p = {p}: {} not {slope}", law.pdf(r));
            }
        }
    }

    /// Of one entry: `|z|^2` is exponential.
    #[test]
    fn one_entry_ends_and_nonsense() {
        let law = GinibreRadius::new(1).expect("allowed");
        assert!((law.cdf(0.7) + (-0.49f64).exp_m1()).abs() < 1e-15);
        assert!((law.moment(1).expect("known") - 0.5 * std::f64::consts::PI.sqrt()).abs() < 1e-13);
        assert!((law.moment(2).expect("known") - 1.0).abs() < 1e-13);
        for n in [1, 50, 20_000] {
            let law = GinibreRadius::new(n).expect("allowed");
            assert_eq!((law.pdf(-1.0), law.cdf(-1.0), law.survival(-1.0), law.cdf(0.0)), (0.0, 0.0, 1.0, 0.0));
            assert_eq!((law.pdf(1e200), law.cdf(1e200), law.survival(1e200)), (0.0, 1.0, 0.0));
            assert_eq!((law.cdf(f64::INFINITY), law.pdf(f64::INFINITY)), (1.0, 0.0));
            assert!(law.pdf(f64::NAN).is_nan() && law.cdf(f64::NAN).is_nan() && law.quantile(1.1).is_nan());
        }
        assert!(GinibreRadius::new(0).is_err() && GinibreRadius::new(20_001).is_err());
    }
}
