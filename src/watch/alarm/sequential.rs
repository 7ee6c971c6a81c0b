//! A sequential test with a stated rate of false alarms.

use serde::{Deserialize, Serialize};

/// A sequential test on non-negative scores whose tails are known while all is well.
///
/// # Formula
///
/// Hypothesis (all is well): given everything before, the score X of a step satisfies `P(X > s) <= e^(-s / tau)` for every s. Then
/// `f(X) = (1 - theta) e^(theta X / tau)` has mean at most 1 for every theta in (0, 1), and with
///
/// ```text
/// S_t = max(S_{t-1}, 0) + ln f(X_t)          alarm when S_t >= ln(1 / alpha)
/// ```
///
/// the probability of an alarm within T steps is at most `T alpha`: `e^(S_t)` lies below the Shiryaev-Roberts sum
/// `R_t = (R_{t-1} + 1) f(X_t)`, `R_t - t` is a supermartingale, and Doob's inequality bounds its excursions. Nothing is assumed about the
/// distribution of scores beyond that tail; that it holds given the past is an assumption about their dependence.
///
/// # Source
///
/// Shin, Ramdas and Rinaldo, "E-detectors: a nonparametric framework for sequential change detection" (2022), section 2; the exponential
/// baseline is that of Page's cumulative sum (1954).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct SequentialTest {
    /// S.
    evidence: f64,
}

/// theta: near 1 for evidence from a few large scores, rather than from many that are slightly too large.
const THETA: f64 = 0.8;

impl SequentialTest {
    /// Adds a score; `true` for an alarm at the level alpha a step.
    pub fn add(&mut self, score: f64, tau: f64, alpha: f64) -> bool {
        let score = if score.is_finite() { score.max(0.0) } else { 1e3 };
        self.evidence = (self.evidence.max(0.0) + (1.0 - THETA).ln() + THETA * score / tau).min(LARGEST);
        self.evidence >= -alpha.ln()
    }

    /// Whether there is no evidence left.
    pub fn is_quiet(&self) -> bool {
        self.evidence <= 0.0
    }
}

/// Evidence is not heaped up beyond this: an end of the trouble must be seen too.
const LARGEST: f64 = 60.0;

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, Exp1};

    use super::*;
    use crate::stats::Stream;

    /// Runs of 200 steps with the heaviest scores that the hypothesis allows, at 200 alpha = 5 %: 4,000 of them, seed 1. At most 5 % alarm; a
    /// binomial count of mean 200 exceeds 245 with probability 6e-4. The bound is no empty one: scores 60 % larger break it (negative control).
    #[test]
    fn false_alarms_are_as_rare_as_stated() {
        let alarms = |scale: f64| {
            let runs = (0..4000).filter(|&run| {
                let mut generator = Stream::new(1, "sequential test").trial(run).layer(0);
                let mut test = SequentialTest::default();
                let mut score = || -> f64 { Exp1.sample(&mut generator) };
                (0..200).any(|_| test.add(scale * 0.3 * score(), 0.3, 0.05 / 200.0))
            });
            runs.count()
        };
        assert!(alarms(1.0) <= 245, "{}", alarms(1.0));
        assert!(alarms(1.6) > 245, "{}", alarms(1.6));
    }

    /// The hypothesis is about the tail given the past: a score that is drawn once a run, from the same exponential law, and stays breaks the
    /// bound of 0.1 % (negative control of what the guarantee does not cover).
    #[test]
    fn scores_that_stay_are_not_covered() {
        let alarms = (0..4000).filter(|&run| {
            let mut generator = Stream::new(2, "sequential test").trial(run).layer(0);
            let score: f64 = Exp1.sample(&mut generator);
            let mut test = SequentialTest::default();
            (0..200).any(|_| test.add(0.3 * score, 0.3, 1e-3 / 200.0))
        });
        assert!(alarms.count() > 200);
    }

    #[test]
    fn a_large_score_is_enough_and_lasting_ones_add_up() {
        let alpha = 1e-7;
        assert!(SequentialTest::default().add(8.0, 0.3, alpha));
        let mut test = SequentialTest::default();
        let first = (1..).find(|_| test.add(1.2, 0.3, alpha)).expect("it comes");
        assert!((8..=12).contains(&first), "{first}");
        // 16.1 of evidence and a little more, at -ln 5 a step.
        let quiet = (1..).find(|_| !test.add(0.0, 0.3, alpha) && test.is_quiet()).expect("it fades");
        assert!((11..=13).contains(&quiet), "{quiet}");
        assert!(SequentialTest::default().add(f64::NAN, 0.3, alpha));
    }
}
