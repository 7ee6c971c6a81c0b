//! Verdicts.

use serde::{Deserialize, Serialize};

use crate::stats::{Interval, normal_tail};

/// What a comparison says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The interval of measured minus predicted lies inside the stated error.
    Confirmed,
    /// It lies wholly outside.
    Refuted,
    /// Neither: more trials are needed.
    Inconclusive,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Confirmed => "confirmed",
            Self::Refuted => "refuted",
            Self::Inconclusive => "inconclusive",
        })
    }
}

impl Verdict {
    /// The verdict on a conjunction: refuted if one part is, confirmed if all are.
    pub fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        parts.into_iter().fold(Self::Confirmed, |whole, part| match (whole, part) {
            (Self::Refuted, _) | (_, Self::Refuted) => Self::Refuted,
            (Self::Confirmed, Self::Confirmed) => Self::Confirmed,
            _ => Self::Inconclusive,
        })
    }
}

/// A negative control: the claim with the nearest plausible mistake in its prediction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ControlResult {
    /// The mistake.
    pub mistake: String,
    /// The headline number as the mistake predicts it.
    pub predicted: f64,
    /// The verdict on it: must be `refuted`.
    pub verdict: Verdict,
    /// Probability of refuting it at the standard errors used, if the claim itself is true.
    pub power: f64,
}

/// The verdict on a difference measured - predicted, given its confidence interval and the stated error of the prediction.
pub fn decide(interval: Interval, stated_error: f64) -> Verdict {
    if interval.low >= -stated_error && interval.high <= stated_error {
        Verdict::Confirmed
    } else if interval.low > stated_error || interval.high < -stated_error {
        Verdict::Refuted
    } else {
        // Also where a number is NaN: nothing is decided then.
        Verdict::Inconclusive
    }
}

/// The interval of a number that is known exactly.
pub(super) fn exactly(value: f64) -> Interval {
    Interval { low: value, high: value }
}

/// Probability that [`decide`] refutes a prediction that is off by `shift`, if the true difference is zero and normally
/// distributed with the standard error, and intervals have the half-width `half`.
pub(super) fn power(shift: f64, half: f64, standard_error: f64, stated_error: f64) -> f64 {
    let distance = shift.abs() - stated_error - half;
    if standard_error == 0.0 {
        return if distance > 0.0 { 1.0 } else { 0.0 };
    }
    normal_tail(-distance / standard_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_decides() {
        let around = |value: f64, half: f64| Interval { low: value - half, high: value + half };
        assert_eq!(decide(around(0.0, 0.25), 0.3), Verdict::Confirmed);
        assert_eq!(decide(around(0.1, 0.25), 0.3), Verdict::Inconclusive);
        assert_eq!(decide(around(0.7, 0.25), 0.3), Verdict::Refuted);
        assert_eq!(decide(around(-0.7, 0.25), 0.3), Verdict::Refuted);
        assert_eq!(decide(around(f64::NAN, 0.25), 0.3), Verdict::Inconclusive);
        assert_eq!(decide(exactly(0.3), 0.3), Verdict::Confirmed);
    }

    #[test]
    fn conjunctions() {
        use Verdict::{Confirmed, Inconclusive, Refuted};
        assert_eq!(Verdict::all([Confirmed, Confirmed]), Confirmed);
        assert_eq!(Verdict::all([Confirmed, Inconclusive]), Inconclusive);
        assert_eq!(Verdict::all([Inconclusive, Refuted, Confirmed]), Refuted);
    }

    #[test]
    fn power_is_one_half_at_the_edge() {
        assert!((power(0.6, 0.3, 0.1, 0.3) - 0.5).abs() < 1e-12);
        assert_eq!(power(0.2, 0.0, 0.0, 0.3), 0.0);
        assert_eq!(power(0.4, 0.0, 0.0, 0.3), 1.0);
    }
}
