//! The supremum of a derivative.

use std::sync::Arc;

use super::verdict::{exactly, power};
use super::{Claim, ClaimError, ClaimResult, ControlResult, decide};
use crate::activation::Activation;
use crate::measure::Progress;
use crate::numeric::maximize;

/// sup |phi'| in closed form is the largest slope that a scan finds.
pub(super) struct DerivativeSup(pub Arc<dyn Activation>);

/// Beyond this every activation of the registry has saturated or grown straight.
const RANGE: f64 = 40.0;

/// A maximum found by golden section is good to rounding in its value.
const STATED_ERROR: f64 = 1e-14;

/// The nearest mistake: the input scaled by 2 %.
const MISTAKE: f64 = 1.02;

impl Claim for DerivativeSup {
    fn id(&self) -> String {
        format!("derivative-sup-{}", self.0.name())
    }

    fn statement(&self) -> String {
        format!("sup |phi'| of {} is {}", self.0.name(), self.0.derivative_bounds().sup_abs)
    }

    fn run(&self, _progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let predicted = self.0.derivative_bounds().sup_abs;
        let sup = |scale: f64| maximize(|x| (scale * self.0.derivative(scale * x)).abs(), -RANGE, RANGE, 80_000).value;
        let measured = sup(1.0);
        let judged = |value: f64| decide(exactly(value - predicted), STATED_ERROR);
        let control = ControlResult {
            mistake: "the input scaled by 1.02".to_owned(),
            predicted,
            verdict: judged(sup(MISTAKE)),
            power: power(predicted * (MISTAKE - 1.0), 0.0, 0.0, STATED_ERROR),
        };
        Ok(ClaimResult {
            id: self.id(),
            statement: self.statement(),
            verdict: judged(measured),
            predicted,
            measured,
            standard_error: 0.0,
            stated_error: STATED_ERROR,
            unit: "sup |phi'|".to_owned(),
            criterion: format!("scan of [-{RANGE}, {RANGE}] in 80,000 cells, then golden section; deterministic"),
            control_refuted: control.verdict == super::Verdict::Refuted,
            controls: vec![control],
        })
    }
}
