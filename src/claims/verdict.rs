//! Verdicts.

use serde::{Deserialize, Serialize};

use crate::stats::{Estimate, normal_quantile, normal_tail};

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

/// The verdict on `difference` = measured - predicted, given the stated error of the prediction and the confidence level of
/// the interval.
pub fn decide(difference: Estimate, stated_error: f64, level: f64) -> Verdict {
    let interval = difference.interval(level);
    if interval.low >= -stated_error && interval.high <= stated_error {
        Verdict::Confirmed
    } else if interval.low > stated_error || interval.high < -stated_error {
        Verdict::Refuted
    } else {
        // Also where a number is NaN: nothing is decided then.
        Verdict::Inconclusive
    }
}

/// Probability that [`decide`] refutes a prediction that is off by `shift`, if the true difference is zero.
pub(super) fn power(shift: f64, standard_error: f64, stated_error: f64, level: f64) -> f64 {
    let distance = shift.abs() - stated_error;
    if standard_error == 0.0 {
        return if distance > 0.0 { 1.0 } else { 0.0 };
    }
    normal_tail(normal_quantile(0.5 + 0.5 * level) - distance / standard_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_decides() {
        let at = |value| Estimate { value, standard_error: 0.1 };
        assert_eq!(decide(at(0.0), 0.3, 0.99), Verdict::Confirmed);
        assert_eq!(decide(at(0.1), 0.3, 0.99), Verdict::Inconclusive);
        assert_eq!(decide(at(0.7), 0.3, 0.99), Verdict::Refuted);
        assert_eq!(decide(at(-0.7), 0.3, 0.99), Verdict::Refuted);
        assert_eq!(decide(at(f64::NAN), 0.3, 0.99), Verdict::Inconclusive);
        let exact = Estimate { value: 0.3, standard_error: 0.0 };
        assert_eq!(decide(exact, 0.3, 0.99), Verdict::Confirmed);
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
        let z = normal_quantile(0.995);
        assert!((power(0.3 + z * 0.1, 0.1, 0.3, 0.99) - 0.5).abs() < 1e-9);
        assert_eq!(power(0.2, 0.0, 0.3, 0.99), 0.0);
    }
}
