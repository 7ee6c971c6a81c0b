//! How far a sample is from a law.

use crate::numeric::gauss_legendre;

/// The empirical distribution function of a sample, or of several samples of equal size: then it is the mean of theirs.
#[derive(Debug, Clone, PartialEq)]
pub struct EmpiricalDistribution {
    sorted: Vec<f64>,
}

impl EmpiricalDistribution {
    /// Of all the values; `None` if there are none or one is NaN. Infinities are values.
    pub fn new(mut values: Vec<f64>) -> Option<Self> {
        if values.is_empty() || values.iter().any(|value| value.is_nan()) {
            return None;
        }
        values.sort_by(f64::total_cmp);
        Some(Self { sorted: values })
    }

    /// The share of values at most x.
    pub fn at(&self, x: f64) -> f64 {
        self.sorted.partition_point(|value| *value <= x) as f64 / self.sorted.len() as f64
    }

    /// The Kolmogorov-Smirnov distance `sup |F_n - F|` to a law without atoms.
    ///
    /// # Formula
    ///
    /// `max_i max(|F(x_(i)) - i/n|, |F(x_(i)) - (i-1)/n|)` over the order statistics. Of singular values, which repel each other, it has not
    /// Kolmogorov's law: compare it with simulated matrices.
    pub fn kolmogorov_smirnov(&self, distribution: impl Fn(f64) -> f64) -> f64 {
        let n = self.sorted.len() as f64;
        let step = |(i, x): (usize, &f64)| {
            let f = distribution(*x);
            (f - i as f64 / n).abs().max((f - (i + 1) as f64 / n).abs())
        };
        self.sorted.iter().enumerate().map(step).fold(0.0, f64::max)
    }

    /// The Wasserstein-1 distance `int_0^1 |F_n^-1(p) - F^-1(p)| dp` to the law of the given quantiles, by four Gauss nodes a value.
    ///
    /// Where the quantile crosses a value within its cell, the kink makes that cell's share up to 5 % too large: the distance of a sample from its own law is
    /// right to that, a large distance to rounding.
    pub fn wasserstein(&self, quantile: impl Fn(f64) -> f64) -> f64 {
        let n = self.sorted.len() as f64;
        let rule = gauss_legendre(4);
        let cell = |(i, x): (usize, &f64)| -> f64 {
            rule.iter().map(|(node, weight)| weight / n * (x - quantile((i as f64 + node) / n)).abs()).sum()
        };
        self.sorted.iter().enumerate().map(cell).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_of_known_samples() {
        let uniform = |x: f64| x.clamp(0.0, 1.0);
        let two = EmpiricalDistribution::new(vec![0.75, 0.25]).expect("two values");
        assert!((two.kolmogorov_smirnov(uniform) - 0.25).abs() < 1e-15);
        // |x - p| over [0, 1/2] about its middle: 2 int_0^(1/4) u du = 1/16, twice.
        let w1 = two.wasserstein(|p| p);
        assert!((w1 / 0.125 - 1.0).abs() < 0.05, "{w1}");
        assert_eq!((two.at(0.2), two.at(0.25), two.at(1.0)), (0.0, 0.5, 1.0));
        let one = EmpiricalDistribution::new(vec![3.0]).expect("one value");
        assert!((one.kolmogorov_smirnov(uniform) - 1.0).abs() < 1e-15);
        assert!((one.wasserstein(|p| p) - 2.5).abs() < 1e-14);
        assert!(EmpiricalDistribution::new(vec![]).is_none() && EmpiricalDistribution::new(vec![f64::NAN]).is_none());
    }
}
