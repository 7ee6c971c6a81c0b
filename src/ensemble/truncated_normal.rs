//! Independent entries from a normal distribution without its tails.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use nalgebra::DMatrix;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal, StandardUniform};

use super::{Ensemble, EnsembleError};
use crate::linalg::LinalgError;

/// Independent entries from N(0, s^2) restricted to |W| <= c s, with s such that the variance is `std^2` exactly.
///
/// # Formula
///
/// With phi and Phi the density and distribution function of N(0, 1) and `Z = 2 Phi(c) - 1 = erf(c / sqrt 2)`,
///
/// ```text
/// density of W/s   phi(x) / Z on |x| <= c
/// m_2 = 1 - 2 c phi(c) / Z      m_4 = 3 - 2 (c^3 + 3 c) phi(c) / Z      s = std / sqrt(m_2)
/// ```
///
/// Excess kurtosis `m_4 / m_2^2 - 3`, between -6/5 (uniform, c to 0) and 0 (Gaussian, c to infinity). Singular values: Marchenko-Pastur.
///
/// # Domain
///
/// `c >= 0.01`: below, `m_2 = c^2/3` is lost to cancellation, and the law is uniform to 1e-5.
///
/// # Source
///
/// Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions 1 (1994), section 13.10.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TruncatedNormal {
    cut: f64,
    /// Z.
    mass: f64,
    /// m_2.
    second_moment: f64,
}

/// Below this cut more normal numbers would be rejected than uniform ones are (55 % against 2 %).
const UNIFORM_PROPOSALS_BELOW: f64 = 0.6;

impl TruncatedNormal {
    /// Cut at `cut` standard deviations of the normal distribution that is cut.
    ///
    /// # Errors
    ///
    /// [`EnsembleError::OutOfRange`] below 0.01 and for a cut that is not finite.
    pub fn new(cut: f64) -> Result<Self, EnsembleError> {
        if !(cut.is_finite() && cut >= 0.01) {
            return Err(EnsembleError::OutOfRange {
                name: "truncated_normal",
                parameter: "cut",
                value: cut,
                range: "a finite number of standard deviations from 0.01",
            });
        }
        let mass = libm::erf(cut * FRAC_1_SQRT_2);
        // Where nothing is cut, `2 cut` may overflow: infinity times the density, which is zero, would be NaN.
        let tail = if density(cut) > 0.0 { 2.0 * cut * density(cut) / mass } else { 0.0 };
        Ok(Self { cut, mass, second_moment: 1.0 - tail })
    }

    /// The variance that the cut leaves of a normal distribution of unit variance.
    pub fn variance_kept(&self) -> f64 {
        self.second_moment
    }

    fn standard(&self, generator: &mut ChaCha8Rng) -> f64 {
        loop {
            if self.cut < UNIFORM_PROPOSALS_BELOW {
                let unit: f64 = StandardUniform.sample(generator);
                let level: f64 = StandardUniform.sample(generator);
                let x = self.cut * (2.0 * unit - 1.0);
                if level < (-0.5 * x * x).exp() {
                    return x;
                }
            } else {
                let x: f64 = StandardNormal.sample(generator);
                if x.abs() <= self.cut {
                    return x;
                }
            }
        }
    }
}

fn density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * PI).sqrt()
}

impl Ensemble for TruncatedNormal {
    fn name(&self) -> &'static str {
        "truncated_normal"
    }

    fn spelling(&self) -> String {
        format!("truncated_normal({})", self.cut)
    }

    fn limiting_law(&self) -> &'static str {
        "Marchenko-Pastur"
    }

    fn excess_kurtosis(&self) -> f64 {
        let c = self.cut;
        // c^3 overflows only where the density is an exact zero.
        let tail = if density(c) > 0.0 { 2.0 * (c * c * c + 3.0 * c) * density(c) / self.mass } else { 0.0 };
        (3.0 - tail) / (self.second_moment * self.second_moment) - 3.0
    }

    fn independent_entries(&self) -> bool {
        true
    }

    fn quantile(&self, probability: f64) -> Option<f64> {
        let below = 0.5 * (1.0 - self.mass);
        let standard = crate::stats::normal_quantile(below + self.mass * probability);
        Some(standard.clamp(-self.cut, self.cut) / self.second_moment.sqrt())
    }

    fn quantile_breaks(&self) -> Vec<f64> {
        super::decades_of(0.5)
    }

    fn fill(&self, matrix: &mut DMatrix<f64>, std: f64, generator: &mut ChaCha8Rng) -> Result<(), LinalgError> {
        let scale = std / self.second_moment.sqrt();
        for entry in matrix.as_mut_slice() {
            *entry = scale * self.standard(generator);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{critical_distance, distance, entries};
    use super::*;

    /// Quadrature of x^2 and x^4 against the density with 40 digits (mpmath).
    #[test]
    fn moments_are_pinned() {
        for (cut, variance, kurtosis) in PINNED {
            let law = TruncatedNormal::new(cut).expect("in range");
            assert!((law.variance_kept() / variance - 1.0).abs() < 1e-10, "{cut}: {}", law.variance_kept());
            assert!((law.excess_kurtosis() - kurtosis).abs() < 1e-7, "{cut}: {}", law.excess_kurtosis());
        }
        for cut in [1e200, 1e308, f64::MAX] {
            let law = TruncatedNormal::new(cut).expect("in range");
            assert_eq!((law.variance_kept(), law.excess_kurtosis()), (1.0, 0.0), "{cut}");
        }
    }

    const PINNED: [(f64, f64, f64); 4] = [
        (0.1, 0.003_328_891_006_699_802, -1.198_628_115_030_353),
        (0.5, 0.080_589_154_600_811_7, -1.165_440_406_986_544),
        (2.0, 0.773_741_303_549_923_2, -0.634_463_282_870_350_5),
        (3.0, 0.973_336_924_662_541_5, -0.171_114_436_397_744),
    ];

    #[test]
    fn the_cut_is_checked() {
        for cut in [f64::NAN, f64::INFINITY, 0.0, -2.0, 0.009] {
            let message = TruncatedNormal::new(cut).expect_err("out of range").to_string();
            assert!(message.starts_with("the cut of `truncated_normal` is "), "{message}");
        }
    }

    /// Kolmogorov-Smirnov for a normal and a uniform proposal: n = 20,000 each, alpha = 1e-4, seed 21; the same entries as if cut at
    /// 1.1 times the cut are refuted.
    #[test]
    fn entries_have_the_density() {
        for cut in [2.0, 0.5] {
            let law = TruncatedNormal::new(cut).expect("in range");
            let w = entries(&law, 21);
            let bound = cut / law.second_moment.sqrt();
            assert!(w.iter().all(|entry| entry.abs() <= bound * (1.0 + 1e-15)));
            let cdf = |cut: f64| {
                let law = TruncatedNormal::new(cut).expect("in range");
                move |x: f64| {
                    let standard = (x * law.second_moment.sqrt()).clamp(-cut, cut);
                    0.5 + 0.5 * libm::erf(standard * FRAC_1_SQRT_2) / law.mass
                }
            };
            assert!(distance(&w, cdf(cut)) < critical_distance(w.len()));
            // A law of the same variance with another cut is near: the entries are compared at the scale of the parent.
            let parent: Vec<f64> = w.iter().map(|x| x * 1.1).collect();
            assert!(distance(&parent, cdf(cut)) > critical_distance(w.len()), "control");
        }
    }
}
