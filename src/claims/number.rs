//! One number: a difference between measurement and prediction, at one width or extrapolated, against mistakes that shift the prediction.

use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::verdict::power;
use super::{ClaimError, ClaimResult, ControlResult, Verdict, decide};
use crate::stats::{Estimate, Extrapolation, Interval, extrapolate, normal_quantile};

/// Level of every interval; the parts of a conjunction must all be confirmed, which needs no correction for their number.
pub(super) const LEVEL: f64 = 0.99;

/// A mistake and what it would do to the predicted number.
pub(super) struct Shift {
    pub mistake: String,
    pub by: f64,
}

impl Shift {
    pub fn new(mistake: impl Into<String>, by: f64) -> Self {
        Self { mistake: mistake.into(), by }
    }
}

/// One part of a claim.
pub(super) struct Part {
    /// What it is, for the criterion.
    pub label: String,
    /// The prediction.
    pub predicted: f64,
    /// measured - predicted.
    pub difference: Estimate,
    /// What the interval is wider by than its statistical half-width.
    pub allowance: f64,
    /// Error of the prediction, stated beforehand.
    pub stated_error: f64,
    /// Mistakes; each must be refuted.
    pub mistakes: Vec<Shift>,
    /// p-value of the fit, where there is one.
    pub fit_p: Option<f64>,
}

impl Part {
    /// A number at one width.
    pub fn at_one_width(
        label: impl Into<String>,
        predicted: f64,
        measured: Estimate,
        stated_error: f64,
        mistakes: Vec<Shift>,
    ) -> Self {
        let difference = measured.minus_exact(predicted);
        Self { label: label.into(), predicted, difference, allowance: 0.0, stated_error, mistakes, fit_p: None }
    }

    /// The limit of infinite width of a difference of decimal logarithms, from several widths: least squares in 1/width, with the natural
    /// size of the quadratic term as allowance.
    pub fn in_the_limit(
        label: impl Into<String>,
        predicted: f64,
        differences: &[(f64, Estimate)],
        stated_error: f64,
        mistakes: Vec<Shift>,
    ) -> Result<Self, ClaimError> {
        let own = differences.iter().map(|(width, _)| *width).fold(f64::INFINITY, f64::min);
        let fit = extrapolate(differences)?;
        let gap = fit.slope.value / own;
        let allowance = 0.5 * std::f64::consts::LN_10 * gap * gap;
        Ok(Self {
            label: label.into(),
            predicted,
            difference: fit.limit,
            allowance,
            stated_error,
            mistakes,
            fit_p: Some(lack_of_fit(&fit)),
        })
    }

    /// This in another unit: every number times `factor`.
    pub fn times(self, factor: f64) -> Self {
        let Estimate { value, standard_error } = self.difference;
        Self {
            predicted: factor * self.predicted,
            difference: Estimate { value: factor * value, standard_error: factor.abs() * standard_error },
            allowance: factor.abs() * self.allowance,
            stated_error: factor.abs() * self.stated_error,
            mistakes: self.mistakes.into_iter().map(|shift| Shift { by: factor * shift.by, ..shift }).collect(),
            ..self
        }
    }

    pub(super) fn half(&self, level: f64) -> f64 {
        normal_quantile(0.5 + 0.5 * level) * self.difference.standard_error + self.allowance
    }

    pub(super) fn verdict_if_shifted(&self, by: f64, level: f64) -> Verdict {
        let (centre, half) = (self.difference.value - by, self.half(level));
        decide(Interval { low: centre - half, high: centre + half }, self.stated_error)
    }

    pub(super) fn power_against(&self, by: f64, level: f64) -> f64 {
        power(by, self.half(level), self.difference.standard_error, self.stated_error)
    }

    /// What was found, in words.
    pub(super) fn words(&self) -> String {
        let Self { label, difference, predicted, stated_error, .. } = self;
        let Estimate { value, standard_error } = difference;
        format!("{label} {value:+.4} +- {standard_error:.4} from {predicted:.4} (allowed {stated_error:.4})")
    }

    fn control(&self, shift: &Shift) -> ControlResult {
        ControlResult {
            mistake: format!("{}: {}", self.label, shift.mistake),
            predicted: self.predicted + shift.by,
            verdict: self.verdict_if_shifted(shift.by, LEVEL),
            power: self.power_against(shift.by, LEVEL),
        }
    }
}

/// What a claim says about itself.
pub(super) struct Heading {
    pub id: String,
    pub statement: String,
    pub unit: String,
    /// Sizes, trials and seed.
    pub setting: String,
}

/// p-value of a fit of the limit.
fn lack_of_fit(fit: &Extrapolation) -> f64 {
    ChiSquared::new(fit.degrees_of_freedom as f64).map_or(1.0, |law| law.sf(fit.chi_square))
}

/// Below this, over all parts, the approach is not 1/width and nothing is confirmed.
pub(super) const LACK_OF_FIT: f64 = 1e-3;

/// The least power of a control for a confirmed claim.
pub(super) const LEAST_POWER: f64 = 0.95;

/// The verdict over all parts; the first part is the headline. A claim whose controls lack power stays open.
pub(super) fn conclude(heading: Heading, parts: &[Part]) -> ClaimResult {
    let controls: Vec<ControlResult> =
        parts.iter().flat_map(|part| part.mistakes.iter().map(|shift| part.control(shift))).collect();
    let verdict = Verdict::all(parts.iter().map(|part| part.verdict_if_shifted(0.0, LEVEL)));
    let powerful = controls.iter().all(|control| control.power >= LEAST_POWER);
    let bent = parts.iter().any(|part| part.fit_p.is_some_and(|p| p * (parts.len() as f64) < LACK_OF_FIT));
    let verdict = if verdict == Verdict::Confirmed && (!powerful || bent) { Verdict::Inconclusive } else { verdict };
    let first = &parts[0];
    let found: Vec<String> = parts.iter().map(Part::words).collect();
    ClaimResult {
        id: heading.id,
        statement: heading.statement,
        verdict,
        predicted: first.predicted,
        measured: first.predicted + first.difference.value,
        standard_error: first.difference.standard_error,
        stated_error: first.stated_error,
        unit: heading.unit,
        criterion: format!("99 % level, each part; {}; {}", heading.setting, found.join("; ")),
        control_refuted: !controls.is_empty() && controls.iter().all(|control| control.verdict == Verdict::Refuted),
        controls,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(value: f64, error: f64, shift: f64) -> Part {
        let measured = Estimate { value, standard_error: error };
        Part::at_one_width("x", 1.0, measured, 0.1, vec![Shift::new("off", shift)])
    }

    fn concluded(parts: &[Part]) -> (Verdict, bool) {
        let heading =
            Heading { id: "x".to_owned(), statement: String::new(), unit: String::new(), setting: String::new() };
        let result = conclude(heading, parts);
        (result.verdict, result.control_refuted)
    }

    #[test]
    fn the_truth_is_confirmed_and_the_mistake_refuted() {
        assert_eq!(concluded(&[part(1.02, 0.02, 0.3)]), (Verdict::Confirmed, true));
        assert_eq!(concluded(&[part(1.02, 0.02, 0.3), part(1.3, 0.02, 0.3)]).0, Verdict::Refuted);
    }

    #[test]
    fn nothing_is_confirmed_without_power() {
        assert_eq!(concluded(&[part(1.0, 0.03, 0.15)]).0, Verdict::Inconclusive);
    }

    #[test]
    fn the_limit_takes_the_gap_for_its_own_square() {
        let at = |width: f64| (width, Estimate { value: 2.0 / width, standard_error: 1e-6 });
        let part = Part::in_the_limit("x", 0.0, &[at(50.0), at(100.0)], 0.1, Vec::new()).expect("two widths");
        assert!(part.difference.value.abs() < 1e-9);
        assert!((part.allowance - 0.5 * std::f64::consts::LN_10 * 0.0016).abs() < 1e-9);
    }
}
