//! Identities: nothing is drawn, so that only rounding stands between formula and program.

use crate::claims::number::Heading;
use crate::claims::verdict::exactly;
use crate::claims::{ClaimResult, ControlResult, Verdict, decide};

/// How far a formula is from what the program does.
pub(super) struct Deviation {
    /// The formula, in words.
    pub of: String,
    /// The largest relative deviation; of a bound, by how much it is exceeded.
    pub by: f64,
}

impl Deviation {
    pub fn new(of: impl Into<String>, by: f64) -> Self {
        Self { of: of.into(), by }
    }

    /// The largest of some; NaN if there are none or one is NaN: nothing is decided then.
    pub fn largest(of: impl Into<String>, deviations: impl IntoIterator<Item = f64>) -> Self {
        let largest = deviations.into_iter().reduce(|a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) });
        Self::new(of, largest.unwrap_or(f64::NAN))
    }

    fn verdict(&self) -> Verdict {
        decide(exactly(self.by), ROUNDING)
    }
}

/// Rounding errors of sums of some thousand squares, over as many steps, stay far below; a mistake of 1e-9 does not.
const ROUNDING: f64 = 1e-10;

/// Confirmed if every formula holds to rounding. Each mistake must be refuted; it is certain to be, or not to be.
pub(super) fn conclude_exactly(heading: Heading, formulas: &[Deviation], mistakes: &[Deviation]) -> ClaimResult {
    let controls: Vec<ControlResult> = mistakes
        .iter()
        .map(|mistake| {
            let verdict = mistake.verdict();
            let power = f64::from(u8::from(verdict == Verdict::Refuted));
            ControlResult { mistake: mistake.of.clone(), predicted: 0.0, verdict, power }
        })
        .collect();
    let found: Vec<String> = formulas.iter().map(|formula| format!("{} {:.1e}", formula.of, formula.by)).collect();
    let off: Vec<String> = mistakes.iter().map(|mistake| format!("{} {:.2e}", mistake.of, mistake.by)).collect();
    let worst = Deviation::largest("", formulas.iter().map(|formula| formula.by));
    ClaimResult {
        id: heading.id,
        statement: heading.statement,
        verdict: Verdict::all(formulas.iter().map(Deviation::verdict)),
        predicted: 0.0,
        measured: worst.by,
        standard_error: 0.0,
        stated_error: ROUNDING,
        unit: heading.unit,
        criterion: format!(
            "to rounding ({ROUNDING:.0e}); {}; deviations: {}; of the mistakes: {}",
            heading.setting,
            found.join(", "),
            off.join(", ")
        ),
        control_refuted: !controls.is_empty() && controls.iter().all(|control| control.verdict == Verdict::Refuted),
        controls,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_forgiven_and_nothing_else() {
        let concluded = |by: f64, mistake: f64| {
            let heading =
                Heading { id: String::new(), statement: String::new(), unit: String::new(), setting: String::new() };
            let result = conclude_exactly(heading, &[Deviation::new("", by)], &[Deviation::new("", mistake)]);
            (result.verdict, result.control_refuted)
        };
        assert_eq!(concluded(1e-14, 1e-3), (Verdict::Confirmed, true));
        assert_eq!(concluded(1e-9, 1e-12), (Verdict::Refuted, false));
        assert_eq!(concluded(f64::NAN, 1e-3).0, Verdict::Inconclusive);
        assert!(Deviation::largest("", []).by.is_nan() && Deviation::largest("", [0.0, f64::NAN]).by.is_nan());
    }
}
