//! Early warning: sequential tests on what is recorded of a training.
//!
//! Each test looks at one score of the run, in decades where it can: how far the loss or the gradient has risen, how much the gradient falls or
//! grows through the layers, what is saturated or dead, whether updates point back and forth, how near the numbers are to the ends of their
//! format. The hypothesis that all is well says of each score that, given everything before in the run, its tail is at most exponential with
//! the scale [`Rule::tau`]; under it the probability of *any* false alarm of the ten tests in a run is at most [`FALSE_ALARMS`]. Tests of layers look at the steps
//! at which layers were recorded: which these are follows from what is behind them, so the bound holds for them as for all. The scales are at least
//! one and a half times those that the pooled scores of healthy runs ask for. That a pooled tail is exponential does not establish the
//! hypothesis: a score that stays at one value through a run alarms as soon as it exceeds about two scales. So what holds is what was counted on
//! trainings that chose nothing; the README has the counts.

mod explain;
mod scores;
mod sequential;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use scores::{Reference, Score};
pub use sequential::SequentialTest;

use super::{AlertRecord, LayerRecord, StepRecord};
use crate::spec::{AlertKind, Policies};
use scores::History;

/// Probability of any false alarm of the ten tests in a run, if the tails of the scores are as stated, given the past.
pub const FALSE_ALARMS: f64 = 0.01;

/// Steps at the start that are recorded in full: a learning rate that is far too large shows at once.
const FIRST_STEPS: u32 = 5;

/// Steps that are recorded in full after one at which something looked wrong.
const CLOSE_STEPS: u32 = 5;

/// What a test looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// The loss above where it began.
    LossRise,
    /// The gradient above where it was.
    GradientRise,
    /// Updates beside the weights that they change.
    LargeUpdate,
    /// The fall of the gradient through the layers.
    Vanishing,
    /// Its growth through them.
    Exploding,
    /// Saturated units.
    Saturating,
    /// Dead units.
    Dying,
    /// Updates that point back and forth.
    Oscillating,
    /// The upper end of the format.
    Overflow,
    /// The lower end.
    Underflow,
}

impl Test {
    /// Whether it needs the loss and the gradient's norm alone, which are known of every step.
    fn is_of_the_network(self) -> bool {
        matches!(self, Self::LossRise | Self::GradientRise)
    }
}

/// A test with the scale of its score in healthy runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// The test.
    pub test: Test,
    /// Kind of its alerts.
    pub kind: AlertKind,
    /// tau: in a healthy run, given everything before, a score exceeds s with probability at most `e^(-s / tau)`.
    pub tau: f64,
}

/// Every test.
pub const RULES: [Rule; 10] = [
    Rule { test: Test::LossRise, kind: AlertKind::Diverging, tau: 0.1 },
    Rule { test: Test::GradientRise, kind: AlertKind::Diverging, tau: 0.3 },
    Rule { test: Test::LargeUpdate, kind: AlertKind::Diverging, tau: 0.1 },
    Rule { test: Test::Vanishing, kind: AlertKind::Vanishing, tau: 0.5 },
    Rule { test: Test::Exploding, kind: AlertKind::Exploding, tau: 0.5 },
    Rule { test: Test::Saturating, kind: AlertKind::Saturating, tau: 0.3 },
    Rule { test: Test::Dying, kind: AlertKind::Dying, tau: 0.3 },
    Rule { test: Test::Oscillating, kind: AlertKind::Oscillating, tau: 0.3 },
    Rule { test: Test::Overflow, kind: AlertKind::Overflow, tau: 0.3 },
    Rule { test: Test::Underflow, kind: AlertKind::Underflow, tau: 0.3 },
];

/// The watch over one run: it reads records and raises alerts.
#[derive(Debug, Clone)]
pub struct Alarm {
    reference: Reference,
    policies: Policies,
    alpha: f64,
    state: AlarmState,
}

/// What an alarm remembers; kept in checkpoints.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AlarmState {
    tests: BTreeMap<Test, SequentialTest>,
    /// Coming steps that are to be recorded in full.
    closely: u32,
    /// Tests that have raised an alert and are not quiet again.
    raised: Vec<Test>,
    broken: bool,
    history: History,
}

impl Alarm {
    /// A watch over a run of so many steps.
    pub fn new(reference: Reference, policies: Policies, steps: u64) -> Self {
        let alpha = FALSE_ALARMS / (RULES.len() as f64 * steps.max(1) as f64);
        Self { reference, policies, alpha, state: AlarmState { closely: FIRST_STEPS, ..AlarmState::default() } }
    }

    /// Whether the coming step is to be recorded in full, whatever the schedule says: the first ones are, and those after a step at which
    /// something looked wrong.
    pub fn wants_everything(&self) -> bool {
        self.state.closely > 0
    }

    /// What the run is compared with.
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// The norm that the gradient of all parameters had before the newest step, as a moving average of its logarithm.
    pub fn usual_gradient_norm(&self) -> Option<f64> {
        self.state.history.usual_gradient_norm()
    }

    /// What it remembers.
    pub fn state(&self) -> &AlarmState {
        &self.state
    }

    /// Goes on from what an earlier watch remembered.
    pub fn restore(&mut self, state: AlarmState) {
        self.state = state;
    }

    /// What theory warns of before the first step: numbers that are predicted to leave the format on the way forward or back.
    pub fn preflight(&mut self) -> Option<AlertRecord> {
        // A run that goes on has been told.
        if self.state.raised.contains(&Test::Overflow) {
            return None;
        }
        let score = scores::predicted_overflow(&self.reference)?;
        self.state.raised.push(Test::Overflow);
        Some(explain::preflight(&score, &self.reference, &self.policies))
    }

    /// The scores of a step, for calibration: as [`Alarm::observe`] would see them. Those of layers only where these were recorded.
    pub fn scores(&mut self, step: &StepRecord, layers: &[LayerRecord]) -> Vec<(Test, Score)> {
        self.state.history.add(step, layers);
        let known = |rule: &&Rule| !layers.is_empty() || rule.test.is_of_the_network();
        RULES
            .iter()
            .filter(known)
            .filter_map(|rule| Some((rule.test, self.state.history.score(rule.test, &self.reference)?)))
            .collect()
    }

    /// Looks at a step and tells what there is to worry about; `layers` is empty where they were not recorded.
    pub fn observe(&mut self, step: &StepRecord, layers: &[LayerRecord]) -> Vec<AlertRecord> {
        self.state.closely = self.state.closely.saturating_sub(1);
        let broken = step.loss.is_none() || step.non_finite.is_some_and(|count| count > 0) || step.grad_norm.is_none();
        let mut alerts = Vec::new();
        if broken && !self.state.broken {
            self.state.broken = true;
            let known = (layers, self.state.history.newest());
            alerts.push(explain::non_finite(step, known, &self.reference, &self.policies));
        }
        if broken {
            return alerts;
        }
        let mut suspicious = self.state.history.has_jumped(step);
        for (test, score) in self.scores(step, layers) {
            let Some(rule) = RULES.iter().find(|rule| rule.test == test) else { continue };
            let sequential = self.state.tests.entry(test).or_default();
            let alarm = sequential.add(score.score, rule.tau, self.alpha);
            let raised = self.state.raised.contains(&test);
            if alarm && !raised {
                self.state.raised.push(test);
                let known = (layers, self.state.history.newest());
                alerts.push(explain::alert(rule, &score, step, known, &self.reference, &self.policies));
            } else if raised && sequential.is_quiet() {
                self.state.raised.retain(|other| *other != test);
            }
            // What has been told is no news.
            suspicious |= !raised && !sequential.is_quiet();
        }
        if suspicious || self.state.history.nears_the_end(&self.reference) {
            self.state.closely = CLOSE_STEPS;
        }
        alerts
    }
}
