//! A claim about many numbers at once, against mistakes that shift several of them.

use super::number::{Heading, LACK_OF_FIT, LEAST_POWER, LEVEL, Part};
use super::{ClaimResult, ControlResult, Verdict};

/// A mistake and what it would do to the prediction of every part.
pub(super) struct JointShift {
    pub mistake: String,
    pub by: Vec<f64>,
}

/// The verdict over all parts; the first part is the headline.
///
/// Each part has the level `1 - (1 - LEVEL) / parts` (Bonferroni): a true claim has one of its parts refuted with probability below
/// `1 - LEVEL`. A mistake is refuted if one of the parts refutes it, with at least the power of the best part. Controls that were drawn
/// separately come in `others`. A claim whose controls lack power, or whose approach to the limit is not 1/width, stays open.
pub(super) fn conclude_jointly(
    heading: Heading,
    parts: &[Part],
    mistakes: &[JointShift],
    others: Vec<ControlResult>,
) -> ClaimResult {
    let level = 1.0 - (1.0 - LEVEL) / parts.len() as f64;
    let verdict = |by: &dyn Fn(usize) -> f64| {
        Verdict::all(parts.iter().enumerate().map(|(k, part)| part.verdict_if_shifted(by(k), level)))
    };
    let control = |mistake: &JointShift| ControlResult {
        mistake: mistake.mistake.clone(),
        predicted: parts[0].predicted + mistake.by[0],
        verdict: verdict(&|k| mistake.by[k]),
        power: parts.iter().zip(&mistake.by).map(|(part, by)| part.power_against(*by, level)).fold(0.0, f64::max),
    };
    let controls: Vec<ControlResult> = mistakes.iter().map(control).chain(others).collect();
    let powerful = controls.iter().all(|control| control.power >= LEAST_POWER);
    let bent = parts.iter().any(|part| part.fit_p.is_some_and(|p| p * (parts.len() as f64) < LACK_OF_FIT));
    let whole = match verdict(&|_| 0.0) {
        Verdict::Confirmed if !powerful || bent => Verdict::Inconclusive,
        decided => decided,
    };
    let share = |part: &Part| (part.difference.value / part.stated_error).abs();
    let farthest = parts.iter().max_by(|a, b| share(a).total_cmp(&share(b))).unwrap_or(&parts[0]);
    let farthest = if parts.len() > 1 { format!("; farthest: {}", farthest.words()) } else { String::new() };
    let first = &parts[0];
    ClaimResult {
        id: heading.id,
        statement: heading.statement,
        verdict: whole,
        predicted: first.predicted,
        measured: first.predicted + first.difference.value,
        standard_error: first.difference.standard_error,
        stated_error: first.stated_error,
        unit: heading.unit,
        criterion: format!(
            "99 % level over all {} parts (Bonferroni); {}; {}{farthest}",
            parts.len(),
            heading.setting,
            first.words()
        ),
        control_refuted: !controls.is_empty() && controls.iter().all(|control| control.verdict == Verdict::Refuted),
        controls,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Estimate;

    fn concluded(values: [f64; 2], shifts: [f64; 2]) -> ClaimResult {
        let part = |value: f64| {
            let measured = Estimate { value, standard_error: 0.02 };
            Part::at_one_width("x", 1.0, measured, 0.1, Vec::new())
        };
        let heading =
            Heading { id: "x".to_owned(), statement: String::new(), unit: String::new(), setting: String::new() };
        let mistake = JointShift { mistake: "off".to_owned(), by: shifts.to_vec() };
        conclude_jointly(heading, &values.map(part), &[mistake], Vec::new())
    }

    #[test]
    fn one_part_refutes_a_mistake_and_all_confirm_the_claim() {
        let result = concluded([1.01, 0.98], [0.0, 0.3]);
        assert_eq!((result.verdict, result.control_refuted), (Verdict::Confirmed, true));
        assert!(result.controls[0].power > 0.99);
        assert_eq!(concluded([1.01, 1.3], [0.0, 0.3]).verdict, Verdict::Refuted);
        assert_eq!(concluded([1.0, 1.0], [0.0, 0.15]).verdict, Verdict::Inconclusive);
    }

    /// At z = 2.6 one part alone would be refuted, one of two is not.
    #[test]
    fn intervals_widen_with_the_number_of_parts() {
        let result = concluded([1.0 + 0.1 + 2.7 * 0.02, 1.0], [0.0, 0.3]);
        assert_eq!(result.verdict, Verdict::Inconclusive);
    }
}
