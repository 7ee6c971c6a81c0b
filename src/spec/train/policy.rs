//! What is done when an alert is raised.

use serde::{Deserialize, Serialize};

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// The gradient falls towards the first layers.
    Vanishing,
    /// The gradient grows towards the first layers.
    Exploding,
    /// The loss, or the gradient, grows from step to step.
    Diverging,
    /// Units work where the slope of their activation is nearly zero.
    Saturating,
    /// Units have slope zero for every sample.
    Dying,
    /// Updates point back and forth and the loss does not fall.
    Oscillating,
    /// A number is about to leave the format.
    Overflow,
    /// Gradients round to zero.
    Underflow,
    /// A number is not finite.
    NonFinite,
}

impl AlertKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Vanishing,
        Self::Exploding,
        Self::Diverging,
        Self::Saturating,
        Self::Dying,
        Self::Oscillating,
        Self::Overflow,
        Self::Underflow,
        Self::NonFinite,
    ];

    /// Name in a log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vanishing => "vanishing",
            Self::Exploding => "exploding",
            Self::Diverging => "diverging",
            Self::Saturating => "saturating",
            Self::Dying => "dying",
            Self::Oscillating => "oscillating",
            Self::Overflow => "overflow",
            Self::Underflow => "underflow",
            Self::NonFinite => "non_finite",
        }
    }
}

/// What is done when an alert is raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// It is told and logged; training goes on.
    Warn,
    /// From then on gradients are clipped to the norm that they had before.
    Clip,
    /// Training ends with a checkpoint.
    Stop,
}

impl Policy {
    /// Every policy with its name in the specification.
    pub const ALL: [(&'static str, Self); 3] = [("warn", Self::Warn), ("clip", Self::Clip), ("stop", Self::Stop)];

    /// Name in the specification.
    pub fn name(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Clip => "clip",
            Self::Stop => "stop",
        }
    }
}

/// The policy of every kind of alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policies {
    by_kind: [Policy; AlertKind::ALL.len()],
}

impl Policies {
    /// One for all.
    pub fn all(policy: Policy) -> Self {
        Self { by_kind: [policy; AlertKind::ALL.len()] }
    }

    /// The same with another one for a kind.
    pub fn with(mut self, kind: AlertKind, policy: Policy) -> Self {
        self.by_kind[kind as usize] = policy;
        self
    }

    /// That of a kind.
    pub fn of(&self, kind: AlertKind) -> Policy {
        self.by_kind[kind as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own() {
        let policies = Policies::all(Policy::Warn).with(AlertKind::Diverging, Policy::Stop);
        for kind in AlertKind::ALL {
            assert_eq!(policies.of(kind) == Policy::Stop, kind == AlertKind::Diverging);
        }
    }
}
