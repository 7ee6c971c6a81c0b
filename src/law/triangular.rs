//! Newman's triangular law.

use std::f64::consts::LN_2;

use super::{Fact, Law, Scaling, Support, Variable};

/// The limit of the Lyapunov exponents of products of large random matrices: `e^mu` has the density 2r on \[0, 1\].
///
/// # Formula
///
/// `mu = (1/2) ln u` with u uniform on (0, 1); of n exponents the k-th largest is `mu(k/n) = (1/2) ln(1 - k/n)`:
///
/// ```text
/// density  2 e^(2 mu),   P(mu <= x) = e^(2 x)   for x <= 0;   E mu^k = (-1/2)^k k!
/// ```
///
/// # Domain and accuracy
///
/// A few ulp. Of n x n Gaussian matrices, `e^(2 mu_k)` is within `e^(-gamma)/(2n) = 0.281/n` of `1 - k/n`: the distribution functions are 1/n apart.
///
/// # Source
///
/// Newman, Commun. Math. Phys. 103, 121 (1986); Isopi and Newman, ibid. 143, 591 (1992).
///
/// # Example
///
/// ```
/// use gradspectra::law::{Law, Triangular};
/// assert_eq!(Triangular.moment(1), Some(-0.5));
/// assert!((Triangular.cdf(-0.5) - (-1f64).exp()).abs() < 1e-16);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Triangular;

impl Law for Triangular {
    fn title(&self) -> String {
        "Triangular law of Lyapunov exponents".to_owned()
    }

    fn variable(&self) -> Variable {
        Variable::LyapunovExponent
    }

    fn hypotheses(&self) -> &'static str {
        "limit of large square matrices, after that of many factors; independent entries of mean 0 and variance 1/fan_in with finite fourth \
         moment and bounded density"
    }

    fn source(&self) -> &'static str {
        "Newman 1986; Isopi and Newman 1992"
    }

    fn scaling(&self) -> Scaling {
        Scaling::Shift(1.0)
    }

    fn support(&self) -> Support {
        Support { low: f64::NEG_INFINITY, high: 0.0 }
    }

    fn pdf(&self, x: f64) -> f64 {
        if x > 0.0 { 0.0 } else { 2.0 * (2.0 * x).exp() }
    }

    fn cdf(&self, x: f64) -> f64 {
        if x > 0.0 { 1.0 } else { (2.0 * x).exp() }
    }

    fn survival(&self, x: f64) -> f64 {
        if x > 0.0 { 0.0 } else { -(2.0 * x).exp_m1() }
    }

    fn quantile(&self, p: f64) -> f64 {
        if (0.0..=1.0).contains(&p) { 0.5 * p.ln() } else { f64::NAN }
    }

    fn moment(&self, k: u32) -> Option<f64> {
        // Beyond 170 factorials leave the range of doubles.
        (k <= 170).then(|| (1..=k).map(|j| -0.5 * f64::from(j)).product())
    }

    fn facts(&self) -> Vec<Fact> {
        vec![
            Fact::new("median", -0.5 * LN_2, "half of the exponents are below"),
            Fact::new("mean_factor", 2.0 / 3.0, "E e^mu, the mean factor by which a direction grows in a layer"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn density_distribution_and_moments_belong_together() {
        let step = 1e-3;
        for k in 0..5 {
            // Simpson's rule from -30.
            let terms = (0..=30_000).map(|i| {
                let x = -f64::from(i) * step;
                let weight = if i == 0 || i == 30_000 { 1.0 } else { f64::from(2 + 2 * (i % 2)) };
                weight * x.powi(k) * Triangular.pdf(x)
            });
            let integral = terms.sum::<f64>() * step / 3.0;
            assert!((integral / Triangular.moment(k as u32).expect("known") - 1.0).abs() < 1e-10, "k = {k}");
        }
        for p in [1e-300, 0.2, 0.9] {
            assert!((Triangular.cdf(Triangular.quantile(p)) / p - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn ends_and_nonsense() {
        let ends =
            (Triangular.pdf(1e-9), Triangular.cdf(1.0), Triangular.survival(1.0), Triangular.cdf(f64::NEG_INFINITY));
        assert_eq!(ends, (0.0, 1.0, 0.0, 0.0));
        assert_eq!((Triangular.pdf(0.0), Triangular.quantile(0.0)), (2.0, f64::NEG_INFINITY));
        assert!(Triangular.pdf(f64::NAN).is_nan() && Triangular.cdf(f64::NAN).is_nan());
        assert!(Triangular.survival(f64::NAN).is_nan() && Triangular.quantile(1.1).is_nan());
    }
}
