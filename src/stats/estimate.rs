//! Estimates and intervals.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// A number that came out of a finite sample, with its standard error.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The point estimate.
    pub value: f64,
    /// One standard deviation of its sampling distribution.
    pub standard_error: f64,
}

/// A two-sided confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Estimate {
    /// Sample mean and its standard error `s / sqrt(n)`, `s^2 = sum (x - mean)^2 / (n - 1)`; `None` below two values.
    pub fn of_mean(values: &[f64]) -> Option<Self> {
        if values.len() < 2 {
            return None;
        }
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
        Some(Self { value: mean, standard_error: (variance / n).sqrt() })
    }

    /// This minus an independent estimate: the standard errors add in square.
    pub fn minus(self, other: Self) -> Self {
        Self { value: self.value - other.value, standard_error: self.standard_error.hypot(other.standard_error) }
    }

    /// This with a standard error of at least `least`.
    pub fn at_least(self, least: f64) -> Self {
        Self { standard_error: self.standard_error.max(least), ..self }
    }

    /// This minus a number known without error.
    pub fn minus_exact(self, number: f64) -> Self {
        Self { value: self.value - number, ..self }
    }

    /// The normal interval that covers the true value with probability `level`.
    pub fn interval(self, level: f64) -> Interval {
        let half = normal_quantile(0.5 + 0.5 * level) * self.standard_error;
        Interval { low: self.value - half, high: self.value + half }
    }
}

/// Quantile of the standard normal distribution.
pub fn normal_quantile(probability: f64) -> f64 {
    Normal::standard().inverse_cdf(probability)
}

/// Quantile of Student's t distribution; of the normal distribution for 10,000 degrees of freedom and more, where the two agree
/// to 1e-4.
pub fn student_quantile(probability: f64, degrees_of_freedom: f64) -> f64 {
    if degrees_of_freedom >= 1e4 {
        return normal_quantile(probability);
    }
    StudentsT::new(0.0, 1.0, degrees_of_freedom).map_or(f64::INFINITY, |law| law.inverse_cdf(probability))
}

/// P(Z > z) for a standard normal Z.
pub fn normal_tail(z: f64) -> f64 {
    0.5 * libm::erfc(z * std::f64::consts::FRAC_1_SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_sample() {
        let estimate = Estimate::of_mean(&[1.0, 2.0, 3.0, 4.0]).expect("four values");
        assert_eq!(estimate.value, 2.5);
        assert!((estimate.standard_error - (5.0_f64 / 12.0).sqrt()).abs() < 1e-15);
        assert!(Estimate::of_mean(&[1.0]).is_none());
    }

    #[test]
    fn intervals_use_the_normal_quantile() {
        let interval = Estimate { value: 1.0, standard_error: 2.0 }.interval(0.99);
        assert!((interval.high - 1.0 - 2.0 * 2.575_829_303_548_9).abs() < 1e-9);
        // Table values.
        assert!((student_quantile(0.995, 29.0) - 2.756_386).abs() < 1e-5);
        assert!((student_quantile(0.995, 9_999.0) - normal_quantile(0.995)).abs() < 1e-3);
        assert!((normal_tail(1.959_963_984_540_054) - 0.025).abs() < 1e-12);
    }
}
