//! What is done with a point.

use serde::{Deserialize, Serialize};

use super::axis::GridAxis;
use crate::names;
use crate::spec::{Part, SpecError, Table};

/// What is done with every point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runs {
    /// Theory of infinitely deep networks of these layers: fixed points, chi_1, depth scales.
    pub phase: bool,
    /// Theory: root mean squares and other values.
    pub predict: bool,
    /// Theory: mean and spread of the logarithms.
    pub spread: bool,
    /// Networks at initialisation.
    pub measure: bool,
    /// Training.
    pub train: bool,
}

impl Runs {
    const NAMES: [&str; 5] = ["phase", "predict", "spread", "measure", "train"];
    const NONE: Self = Self { phase: false, predict: false, spread: false, measure: false, train: false };

    /// In words.
    pub fn words(self) -> String {
        let chosen = [self.phase, self.predict, self.spread, self.measure, self.train];
        let names = Self::NAMES.iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(name, _)| *name);
        names.collect::<Vec<_>>().join(" + ")
    }

    /// Whether nothing else is done.
    pub fn phase_alone(self) -> bool {
        self == Self { phase: true, ..Self::NONE }
    }

    pub(super) fn part(self) -> Part {
        Part { predicted: self.phase || self.predict || self.spread, measured: self.measure, trained: self.train }
    }
}

pub(super) fn runs(sweep: &Table<'_>, root: &Table<'_>, axes: &[GridAxis]) -> Result<Runs, SpecError> {
    let Some(list) = sweep.get("run") else {
        let train = axes.iter().any(|axis| axis.key == "train")
            || root.get("train").is_some() && axes.iter().any(|axis| axis.key.starts_with("train."));
        return Ok(Runs { phase: true, predict: true, spread: true, measure: true, train });
    };
    let mut runs = Runs::NONE;
    for value in list.array()? {
        match value.string()? {
            "phase" => runs.phase = true,
            "predict" => (runs.phase, runs.predict) = (true, true),
            // A spread is that of the predicted sizes.
            "spread" => (runs.phase, runs.predict, runs.spread) = (true, true, true),
            "measure" => runs.measure = true,
            "train" => runs.train = true,
            other => {
                let suggestion = names::suggestion(other, Runs::NAMES);
                return Err(value.wrong(format!("holds \"{other}\": {suggestion}")));
            }
        }
    }
    if runs == Runs::NONE {
        return Err(list.wrong("is empty; leave it out to predict and measure"));
    }
    Ok(runs)
}
