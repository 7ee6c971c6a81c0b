//! A study: everything that is known about one specification. Prediction, measurement and verdict side by side, with what
//! the figures need; serialised, it renders again without recomputing.

mod activation_sheet;
mod reference;

use serde::{Deserialize, Serialize};

pub use activation_sheet::ActivationSheet;
pub use reference::{Reference, ReferenceLayer};

use crate::claims::{ClaimError, ProfileVerdict, judge_measured};
use crate::linalg::blas_core;
use crate::measure::{LayerDensity, MeasureError, Measurements, Progress, measure, pre_activation_densities};
use crate::predict::{Predictions, predict};
use crate::spec::{LayerDescription, Loss, Precision, Quantity, Spec};

/// Marks a file as a study, with the version of its layout.
const FORMAT: &str = "gradspectra study 1";

/// Networks drawn for the densities of the pre-activations.
const DENSITY_TRIALS: usize = 200;

/// Level of the verdict on the gradient profile.
const LEVEL: f64 = 0.99;

/// Everything that is known about one specification.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Study {
    /// `gradspectra study <version of the layout>`.
    pub format: String,
    /// Version of the program that made it.
    pub version: String,
    /// The processor kernel of the BLAS that ran it: results are bit-identical for the same one.
    pub blas_core: String,
    /// Name of the specification.
    pub name: String,
    /// Seed.
    pub seed: u64,
    /// Networks measured.
    pub trials: usize,
    /// Number format of the networks.
    pub precision: Precision,
    /// The loss.
    pub loss: Loss,
    /// The inputs, in words.
    pub data: String,
    /// Samples in a batch.
    pub batch: usize,
    /// The layers.
    pub layers: Vec<LayerDescription>,
    /// What theory says.
    pub predictions: Predictions,
    /// What networks show.
    pub measurements: Measurements,
    /// Whether the two agree on the weight gradients.
    pub gradient_verdict: Judgement,
    /// Distribution of the pre-activations in chosen layers.
    pub densities: Vec<LayerDensity>,
    /// The activation, sampled for its figure.
    pub activation: ActivationSheet,
    /// Another program's measurement of the same network, if there is one.
    pub reference: Option<Reference>,
}

/// A verdict, or the reason why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// The verdict.
    Judged(ProfileVerdict),
    /// The reason.
    Withheld(String),
}

/// A file that is not a study of this version.
#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    /// Not JSON, or JSON of another shape.
    #[error("not a saved study: {0}")]
    Json(#[from] serde_json::Error),
    /// Another layout.
    #[error(
        "this is `{found}`, but this program reads `{FORMAT}`: render it with the version that made it, or run the study again"
    )]
    Format {
        /// What the file says it is.
        found: String,
    },
}

/// How the gradient changes from the last layer to the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Regime {
    /// Smaller in the first layer than in the last, by more than a factor of two.
    Vanishes,
    /// Within a factor of two.
    Holds,
    /// Larger by more than a factor of two.
    Explodes,
    /// Not decidable: exact zeros or non-finite values only.
    Lost,
}

impl Study {
    /// Predicts, measures, and judges a specification.
    ///
    /// # Errors
    ///
    /// [`MeasureError`] if the measurement fails or is interrupted. A verdict that cannot be reached is part of the study.
    pub fn run(spec: &Spec, progress: &dyn Progress) -> Result<Self, MeasureError> {
        let predictions = predict(spec);
        let measurements = measure(spec, "study", progress)?;
        let judged = judge_measured(spec, Quantity::GradientNorms, LEVEL, Some(&measurements), progress);
        let gradient_verdict = match judged {
            Ok(verdict) => Judgement::Judged(verdict),
            Err(ClaimError::Measure(error)) => return Err(error),
            Err(reason) => Judgement::Withheld(reason.to_string()),
        };
        let main_activation = &spec.network.blocks[0].activation;
        let with_it: Vec<usize> = (1..=spec.network.blocks.len())
            .filter(|layer| spec.network.blocks[layer - 1].activation.name() == main_activation.name())
            .collect();
        let mut shown = vec![with_it[0], with_it[with_it.len() / 2], with_it[with_it.len() - 1]];
        shown.dedup();
        let densities =
            pre_activation_densities(spec, &shown, spec.measure.trials.min(DENSITY_TRIALS), "densities", progress)?;
        let reach = densities.iter().map(|layer| layer.density.high).fold(4.0, f64::max);
        Ok(Self {
            format: FORMAT.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            blas_core: blas_core(),
            name: spec.name.clone(),
            seed: spec.seed,
            trials: spec.measure.trials,
            precision: spec.network.precision,
            loss: spec.loss,
            data: spec.describe_data(),
            batch: spec.data.batch,
            layers: spec.describe_layers(),
            predictions,
            measurements,
            gradient_verdict,
            densities,
            activation: ActivationSheet::new(&**main_activation, reach),
            reference: reference::of(spec),
        })
    }

    /// A study from its JSON text.
    ///
    /// # Errors
    ///
    /// [`StudyError`] if the text is not a study, or one of another layout.
    pub fn from_json(text: &str) -> Result<Self, StudyError> {
        #[derive(Deserialize)]
        struct Header {
            format: String,
        }
        let header: Header = serde_json::from_str(text)?;
        if header.format != FORMAT {
            return Err(StudyError::Format { found: header.format });
        }
        Ok(serde_json::from_str(text)?)
    }

    /// The study as JSON text.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a study has string keys and no failing serialiser");
        text.push('\n');
        text
    }

    /// Number of layers.
    pub fn depth(&self) -> usize {
        self.layers.len()
    }

    /// log10 of the ratio of the first to the last layer's root-mean-square weight gradient, as measured.
    pub fn measured_log10_ratio(&self) -> Option<f64> {
        let at = |layer| self.measurements.get(Quantity::GradientNorms, layer)?.log10_rms;
        Some(at(1)? - at(self.depth())?)
    }

    /// The same as predicted.
    pub fn predicted_log10_ratio(&self) -> Option<f64> {
        let at = |layer| self.predictions.get(Quantity::GradientNorms, layer)?.log10_rms;
        Some(at(1)? - at(self.depth())?)
    }

    /// Mean over trials of log10 of the same ratio: the typical network.
    pub fn typical_log10_ratio(&self) -> Option<f64> {
        let at = |layer| self.measurements.get(Quantity::GradientNorms, layer)?.log10_mean;
        Some(at(1)? - at(self.depth())?)
    }

    /// What happens to the gradient, as measured.
    pub fn regime(&self) -> Regime {
        match self.measured_log10_ratio() {
            None => Regime::Lost,
            Some(ratio) if ratio < -std::f64::consts::LOG10_2 => Regime::Vanishes,
            Some(ratio) if ratio > std::f64::consts::LOG10_2 => Regime::Explodes,
            Some(_) => Regime::Holds,
        }
    }
}
