//! What a judgement says.

use serde::{Deserialize, Serialize};

use crate::claims::{ControlResult, Verdict};
use crate::spec::Quantity;
use crate::stats::{Estimate, Interval};

/// The verdict on a predicted profile; see [`super::judge`] for how it is reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProfileVerdict {
    /// The quantity.
    pub quantity: Quantity,
    /// Over all layers.
    pub verdict: Verdict,
    /// Why the verdict is open, if it is.
    pub open: Option<String>,
    /// Confidence level over all layers together (Bonferroni).
    pub level: f64,
    /// The error that the prediction may have in the limit, in every layer, in the unit of the quantity (log10 where it is
    /// logarithmic). It follows from predictions alone.
    pub stated_error: f64,
    /// What sets it.
    pub resolution: String,
    /// The widths measured.
    pub widths: Vec<MeasuredWidth>,
    /// Layer by layer; layers whose prediction is withheld are absent.
    pub layers: Vec<LayerVerdict>,
    /// Nearest mistakes, each to be refuted.
    pub controls: Vec<ControlResult>,
    /// Smallest p-value of the fits, times the number of layers; small: the approach to the limit is not 1/width.
    pub lack_of_fit_p: f64,
}

/// One width of a [`ProfileVerdict`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MeasuredWidth {
    /// Relative to the specification's own width.
    pub factor: f64,
    /// Networks measured.
    pub trials: usize,
}

/// One layer of a [`ProfileVerdict`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerVerdict {
    /// Number of the layer, from 1.
    pub layer: usize,
    /// The prediction.
    pub predicted: f64,
    /// The measurement at the specification's own width.
    pub measured: Estimate,
    /// measured - predicted at each of the widths.
    pub differences: Vec<Estimate>,
    /// measured - predicted at the specification's own width, by the fit.
    pub gap: Estimate,
    /// measured - predicted in the limit of infinite width.
    pub limit: Estimate,
    /// Its confidence interval at the corrected level, with room for the curvature that the fit leaves out.
    pub interval: Interval,
    /// The verdict on the layer.
    pub verdict: Verdict,
}

impl ProfileVerdict {
    /// Whether the prediction is confirmed.
    pub fn is_confirmed(&self) -> bool {
        self.verdict == Verdict::Confirmed
    }

    /// Whether there are negative controls and every one was refuted.
    pub fn controls_refuted(&self) -> bool {
        !self.controls.is_empty() && self.controls.iter().all(|control| control.verdict == Verdict::Refuted)
    }

    /// The layer whose limit is farthest from zero.
    pub fn worst(&self) -> Option<&LayerVerdict> {
        self.layers.iter().max_by(|a, b| a.limit.value.abs().total_cmp(&b.limit.value.abs()))
    }
}

impl std::fmt::Display for ProfileVerdict {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.quantity.name(), self.verdict)?;
        if let Some(worst) = self.worst() {
            write!(
                formatter,
                ": farthest in layer {}, {:+.4} (interval {:+.4} to {:+.4}) against an allowed +-{:.4}{} ({} % level; layers judged: {})",
                worst.layer,
                worst.limit.value,
                worst.interval.low,
                worst.interval.high,
                self.stated_error,
                if self.quantity.is_logarithmic() { " in log10" } else { "" },
                100.0 * self.level,
                self.layers.len()
            )?;
        }
        match &self.open {
            Some(reason) => write!(formatter, "; open: {reason}"),
            None => Ok(()),
        }
    }
}
