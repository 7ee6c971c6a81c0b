//! Intervals from few trainings.

use crate::claims::number::Part;
use crate::stats::{Estimate, normal_quantile, student_quantile};

/// Level of each of so many parts, for 99 % over all.
pub(super) fn level_of_each(parts: usize) -> f64 {
    1.0 - (1.0 - crate::claims::number::LEVEL) / parts as f64
}

/// A part whose number is the mean of few independent values: its interval at the given level is Student's, not the normal one.
///
/// Fewer than two values, or one that is not finite, leave it open.
pub(super) fn mean_of_few(
    label: impl Into<String>,
    predicted: f64,
    values: &[f64],
    stated_error: f64,
    level: f64,
) -> Part {
    let nothing = Estimate { value: f64::NAN, standard_error: f64::NAN };
    let mean = Estimate::of_mean(values).unwrap_or(nothing);
    let tail = 0.5 + 0.5 * level;
    let excess = student_quantile(tail, values.len() as f64 - 1.0) - normal_quantile(tail);
    let part = Part::at_one_width(label, predicted, mean, stated_error, Vec::new());
    Part { allowance: excess * mean.standard_error, ..part }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::Verdict;

    /// Of 0.9 and 1.1: standard error 0.1; the 99 % quantile of Student's t with one degree of freedom is 63.657.
    #[test]
    fn intervals_are_students() {
        let part = mean_of_few("x", 1.0, &[0.9, 1.1], 6.4, 0.99);
        assert!((part.half(0.99) - 6.3657).abs() < 1e-4, "{}", part.half(0.99));
        assert_eq!(part.verdict_if_shifted(0.0, 0.99), Verdict::Confirmed);
        assert_eq!(
            mean_of_few("x", 1.0, &[0.9, f64::NAN], 6.4, 0.99).verdict_if_shifted(0.0, 0.99),
            Verdict::Inconclusive
        );
        assert_eq!(mean_of_few("x", 1.0, &[1.0], 6.4, 0.99).verdict_if_shifted(0.0, 0.99), Verdict::Inconclusive);
    }
}
