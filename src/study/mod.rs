//! A study: everything that is known about one specification. Prediction, measurement and verdict side by side, with what
//! the figures need; serialised, it renders again without recomputing.

mod action;
mod activation_sheet;
mod atlas;
mod law_sheet;
mod phase_diagram;
mod reference;
mod variants;

use serde::{Deserialize, Serialize};

pub use action::{Action, After, Candidate, Critical, Departure, ProfileSummary};
pub use activation_sheet::{ActivationSheet, GainSheet};
pub use atlas::{
    Atlas, Crossover, CrossoverCurve, CrossoverPoint, Densities, EigenvalueCases, ExponentHistory, Extreme, Extremes,
    Plane, PlanePanel, ProductDensity, Staircase, WidthDistance,
};
pub use law_sheet::LawSheet;
pub use phase_diagram::{Edges, MapsSheet, PhaseDiagram};
pub use reference::{Reference, ReferenceLayer};
pub use variants::{Range, Variant, VariantLayer};

use crate::claims::{ClaimError, LayerVerdict, ProfileVerdict, judge_measured};
use crate::linalg::{LinalgError, blas_core};
use crate::measure::{
    LayerDensity, MeasureError, Measurement, Measurements, ProductSpectrum, Progress, Spectra, measure,
    pre_activation_densities, product_spectrum, spectra,
};
use crate::predict::{Predictions, gains, log10_spectral_norm, predict};
use crate::spec::{Gain, LayerDescription, Loss, Precision, Quantity, Spec};

/// Marks a file as a study, with the version of its layout.
const FORMAT: &str = "gradspectra study 2";

/// Networks drawn for the densities of the pre-activations.
const DENSITY_TRIALS: usize = 200;

/// log10 of anything that a network of the largest depth can show.
const LARGEST_LOG10: f64 = 1e9;

/// Layers, trials and units of the largest network.
const LARGEST_COUNT: usize = 1 << 32;

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
    /// Why the weight gradient changes from layer to layer, as predicted; as measured: `measurements.gains`.
    pub gains: Vec<Gain<f64>>,
    /// log10 of every layer's spectral norm, as predicted; `null` where it has no limit.
    pub log10_spectral_norms: Vec<Option<f64>>,
    /// Spectra by depth, or why there are none.
    pub spectra: SpectraOrReason,
    /// Singular values of the product of the weights by depth; empty where the specification does not ask for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub product_spectrum: Vec<ProductSpectrum>,
    /// What one change would do.
    pub action: Action,
    /// The lesson's variants; empty for any other network.
    pub variants: Vec<Variant>,
    /// Another program's measurement of the same network, if there is one.
    pub reference: Option<Reference>,
    /// The lesson's argument about eigenvalues, with matrices; `null` for any other network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eigenvalues: Option<EigenvalueCases>,
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

/// Spectra, or the reason why there are none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpectraOrReason {
    /// The spectra.
    Spectra(Spectra),
    /// The reason.
    Withheld(String),
}

/// A file that is not a study of this version.
#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    /// Not JSON, or JSON of another shape.
    #[error("not a saved study: {0}")]
    Json(#[from] serde_json::Error),
    /// A study with a hole in it.
    #[error("not a saved study: {0}")]
    Content(&'static str),
    /// Another layout.
    #[error(
        "this is `{found}`, but this program reads `{read}`: render it with the version that made it, or run it again"
    )]
    Format {
        /// What the file says it is.
        found: String,
        /// What is read.
        read: &'static str,
    },
}

/// How the gradient changes from the last layer to the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Regime {
    /// Smaller in the first layer than in the last.
    Vanishes,
    /// About the same in both.
    Holds,
    /// Larger in the first layer than in the last.
    Explodes,
    /// In some layer exactly zero or not finite in most networks.
    Lost,
    /// The specification did not ask for gradients.
    NotMeasured,
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
        let gradient_verdict = if spec.measure.quantities.contains(&Quantity::GradientNorms) {
            match judge_measured(spec, Quantity::GradientNorms, LEVEL, &measurements, progress) {
                Ok(verdict) => Judgement::Judged(verdict),
                Err(ClaimError::Measure(error @ MeasureError::TooLarge { .. })) => {
                    Judgement::Withheld(format!("the wider networks that a verdict needs do not fit: {error}"))
                }
                Err(ClaimError::Measure(error)) => return Err(error),
                Err(reason) => Judgement::Withheld(reason.to_string()),
            }
        } else {
            Judgement::Withheld("gradient norms are not among the specification's quantities".to_owned())
        };
        let main_activation = &spec.network.blocks[0].activation;
        let with_it: Vec<usize> = (1..=spec.network.blocks.len())
            .filter(|layer| spec.network.blocks[layer - 1].activation.name() == main_activation.name())
            .collect();
        let mut shown = vec![with_it[0], with_it[with_it.len() / 2], with_it[with_it.len() - 1]];
        shown.dedup();
        let densities =
            pre_activation_densities(spec, &shown, spec.measure.trials.min(DENSITY_TRIALS), "densities", progress)?;
        let reach = densities.iter().map(|layer| layer.density.high).fold(0.0, f64::max);
        let spectra = match spectra(spec, progress) {
            Ok(Some(spectra)) => SpectraOrReason::Spectra(spectra),
            Ok(None) => SpectraOrReason::Withheld("one network of this size takes too long to decompose".to_owned()),
            Err(MeasureError::Interrupted) => return Err(MeasureError::Interrupted),
            Err(MeasureError::Linalg(LinalgError::NotFinite { .. })) => {
                SpectraOrReason::Withheld("the networks leave the range of f64 on their way forward".to_owned())
            }
            Err(error) => SpectraOrReason::Withheld(format!("a network could not be decomposed: {error}")),
        };
        let product_spectrum =
            if spec.measure.product_spectrum { product_spectrum(spec, progress)? } else { Vec::new() };
        let gains = gains(spec, &predictions);
        let action = Action::find(spec, &predictions, &measurements, progress)?;
        let reference = reference::of(spec);
        let variants = if reference.is_some() { variants::variants(progress)? } else { Vec::new() };
        let eigenvalues = reference.is_some().then(|| EigenvalueCases::run(spec.seed, progress)).transpose()?;
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
            gains,
            log10_spectral_norms: spec.network.blocks.iter().map(log10_spectral_norm).collect(),
            spectra,
            product_spectrum,
            action,
            variants,
            reference,
            eigenvalues,
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
            return Err(StudyError::Format { found: header.format, read: FORMAT });
        }
        let study: Self = serde_json::from_str(text)?;
        study.check().map_err(StudyError::Content)?;
        Ok(study)
    }

    /// What the figures take for granted and a file from outside may not hold.
    fn check(&self) -> Result<(), &'static str> {
        let sheet = &self.activation;
        let increasing = |x: &[f64]| x.len() >= 2 && x.windows(2).all(|pair| pair[0] < pair[1]);
        let moderate = |value: f64| value.abs() <= LARGEST_LOG10;
        let measured = self.measurements.measurements.iter().flat_map(|m| {
            let logs = [m.log10_rms, m.log10_mean, m.log10_standard_deviation, m.standard_error];
            logs.into_iter().flatten().chain(m.log10_quantiles.into_iter().flatten())
        });
        let products = self.predictions.product_spectra.iter().flat_map(|spectrum| {
            let free = spectrum.log10_singular_values.iter().flatten();
            free.chain(spectrum.log10_frozen.iter().flatten()).copied().chain([spectrum.depth_over_width])
        });
        let predicted = self.predictions.predictions.iter().filter_map(|p| p.log10_rms).chain(products);
        let reference = self.reference.iter().flat_map(|reference| reference.layers.iter().map(|l| l.log10_rms));
        if self.layers.is_empty() {
            return Err("it has no layers");
        }
        if !measured.chain(predicted).chain(reference).all(moderate) {
            return Err("a logarithm is beyond any depth");
        }
        if !self.numbers().all(moderate) {
            return Err("a logarithm is beyond any depth");
        }
        if let SpectraOrReason::Spectra(spectra) = &self.spectra
            && (spectra.norms.len() != self.layers.len()
                || spectra.depths.is_empty()
                || spectra.depths.iter().any(|d| d.weights.size.max(d.jacobian.size) > LARGEST_COUNT))
        {
            return Err("its spectra do not belong to its layers");
        }
        let depths = || self.product_spectrum.iter().map(|spectrum| spectrum.depth);
        if !(depths().all(|depth| (1..=self.depth()).contains(&depth)) && depths().is_sorted_by(|a, b| a < b)) {
            return Err("its product spectrum does not belong to its layers");
        }
        if let Some(eigenvalues) = &self.eigenvalues {
            atlas::check_numbers(eigenvalues)?;
            eigenvalues.check()?;
        }
        if self.log10_spectral_norms.len() != self.layers.len() {
            return Err("its spectral norms do not belong to its layers");
        }
        let counts = self.measurements.measurements.iter().flat_map(|m| [m.layer, m.trials, m.zeros, m.non_finite]);
        let steps =
            self.gains.iter().map(|gain| gain.layer).chain(self.measurements.gains.iter().map(|gain| gain.layer));
        let lost = self.variants.iter().flat_map(|variant| &variant.layers);
        let lost = lost.flat_map(|l| [l.zeros, l.infinite, l.nan, l.forward_infinite, l.forward_nan]);
        let products = self.product_spectrum.iter().flat_map(|spectrum| {
            let lost = spectrum.log10_singular_values.iter().flat_map(|value| [value.zeros, value.undetermined]);
            lost.chain([spectrum.trials])
        });
        let others = self.variants.iter().map(|variant| variant.trials).chain([self.trials, self.batch]);
        let others = others.chain(products);
        if counts.chain(steps).chain(lost).chain(others).any(|count| count > LARGEST_COUNT) {
            return Err("a count is beyond anything that can be drawn");
        }
        let sampled = sheet.value.len() == sheet.x.len() && sheet.derivative.len() == sheet.x.len();
        // The figures square what they draw.
        let finite = |values: &[f64]| values.iter().all(|value| value.abs() < 1e150);
        if !increasing(&sheet.x) || !sampled || !finite(&sheet.x) || !finite(&sheet.value) || !finite(&sheet.derivative)
        {
            return Err("its activation is not sampled on an increasing grid");
        }
        let well_formed = |layer: &LayerDensity| {
            let density = &layer.density;
            density.low < density.high && !density.values.is_empty() && finite(&density.values)
        };
        if !self.densities.iter().all(well_formed) {
            return Err("a density has no cells");
        }
        if let Judgement::Judged(profile) = &self.gradient_verdict {
            let complete = |layer: &LayerVerdict| {
                let numbers = layer.differences.iter().chain([&layer.gap, &layer.limit]);
                layer.differences.len() == profile.widths.len()
                    && numbers.flat_map(|e| [e.value, e.standard_error]).all(moderate)
            };
            let widths = profile.widths.iter().all(|width| width.factor > 1e-6 && width.factor < 1e6);
            if profile.layers.is_empty() || !widths || !profile.layers.iter().all(complete) {
                return Err("its verdict has no complete layers");
            }
        }
        Ok(())
    }

    /// Every logarithm that the figures of causes, change, variants and spectra draw.
    fn numbers(&self) -> impl Iterator<Item = f64> {
        let measured_gains = self.measurements.gains.iter().flat_map(|gain| {
            gain.parts().into_iter().map(|(_, part)| part).chain([gain.total]).flat_map(|e| [e.value, e.standard_error])
        });
        let gains =
            self.gains.iter().flat_map(|gain| gain.parts().map(|(_, part)| part).into_iter().chain([gain.total]));
        let typical = self.predictions.predictions.iter().flat_map(|p| [p.log10_mean, p.log10_standard_deviation]);
        let after = self.action.after.iter().flat_map(|after| {
            let predicted = after.predicted.iter().flat_map(|p| [p.log10_rms, p.log10_mean]);
            let measured = after
                .measured
                .iter()
                .flat_map(|m| [m.log10_rms, m.log10_mean, m.standard_error, m.log10_mean_standard_error]);
            predicted.chain(measured).collect::<Vec<_>>()
        });
        let profiles = self.action.candidates.iter().map(|candidate| candidate.profile).chain(self.action.own);
        let profiles = profiles.flat_map(|p| {
            [Some(p.rms), p.typical].into_iter().flatten().flat_map(|d| [Some(d.range), Some(d.largest)])
        });
        let variants = self.variants.iter().flat_map(|variant| &variant.layers).flat_map(|l| [l.predicted, l.measured]);
        let spectra: Vec<Option<f64>> = match &self.spectra {
            SpectraOrReason::Withheld(_) => Vec::new(),
            SpectraOrReason::Spectra(spectra) => {
                let both = spectra.depths.iter().flat_map(|depth| [&depth.weights, &depth.jacobian]);
                let lists = both
                    .flat_map(|s| s.log10_singular_values.iter().chain(&s.log10_eigenvalue_moduli))
                    .map(|v| Some(*v));
                let norms =
                    spectra.norms.iter().flat_map(|norm| [Some(norm.log10_spectral_norm), norm.log10_derivative_sup]);
                lists.chain(norms).chain(spectra.chain.iter().copied()).chain(spectra.plain.iter().copied()).collect()
            }
        };
        let values = self.product_spectrum.iter().flat_map(|spectrum| &spectrum.log10_singular_values);
        let spectra = spectra.into_iter().chain(values.flat_map(|value| [value.mean, value.standard_error]));
        let optional = typical.chain(after).chain(profiles).chain(variants).chain(spectra).flatten();
        measured_gains.chain(gains).chain(optional).chain(self.log10_spectral_norms.iter().copied().flatten())
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

    /// log10 of the ratio of the first to the last layer's root mean square, as measured.
    pub fn measured_log10_ratio(&self, quantity: Quantity) -> Option<f64> {
        let at = |layer| self.measurements.get(quantity, layer)?.log10_rms;
        Some(at(1)? - at(self.depth())?)
    }

    /// The same as predicted.
    pub fn predicted_log10_ratio(&self, quantity: Quantity) -> Option<f64> {
        let at = |layer| self.predictions.get(quantity, layer)?.log10_rms;
        Some(at(1)? - at(self.depth())?)
    }

    /// Mean over trials of log10 of the same ratio: the typical network.
    pub fn typical_log10_ratio(&self, quantity: Quantity) -> Option<f64> {
        let at = |layer| self.measurements.get(quantity, layer)?.log10_mean;
        Some(at(1)? - at(self.depth())?)
    }

    /// The quantity by which the regime is told: the gradient with respect to the pre-activations, which backprop carries from
    /// layer to layer (a weight gradient also has the size of the layer's input in it); the weight gradient if only that was
    /// measured.
    pub fn signal(&self) -> Quantity {
        let measured = |quantity: &Quantity| self.measurements.of(*quantity).next().is_some();
        let candidates = [Quantity::PreActivationGradientNorms, Quantity::GradientNorms];
        candidates.into_iter().find(measured).unwrap_or(Quantity::PreActivationGradientNorms)
    }

    /// What happens to the gradient on its way back, as measured.
    ///
    /// Told by the typical network, the mean of log10. It holds if the first layer's is within a factor of two of the last layer's, or within a decade at less than 10 % a
    /// layer.
    pub fn regime(&self) -> Regime {
        Regime::of(&self.measurements, self.signal(), self.depth())
    }
}

impl Regime {
    /// What happens to a quantity on its way from layer `depth` to layer 1, as measured.
    pub(super) fn of(measurements: &Measurements, signal: Quantity, depth: usize) -> Self {
        if measurements.of(signal).next().is_none() {
            return Self::NotMeasured;
        }
        let lost = |m: &Measurement| m.log10_rms.is_none() || 2 * (m.zeros + m.non_finite) > m.trials;
        if measurements.of(signal).any(lost) {
            return Self::Lost;
        }
        // Of the networks that somebody trains: a mean square can hold while almost all of them vanish.
        let at = |layer| measurements.get(signal, layer).and_then(|m| m.log10_mean);
        let Some((first, last)) = at(1).zip(at(depth)) else { return Self::Lost };
        let ratio = first - last;
        let per_layer = ratio.abs() / (depth - 1).max(1) as f64;
        let slow = per_layer < 1.1f64.log10() && ratio.abs() < 1.0;
        if ratio.abs() < std::f64::consts::LOG10_2 || slow {
            Self::Holds
        } else if ratio < 0.0 {
            Self::Vanishes
        } else {
            Self::Explodes
        }
    }
}
