//! Another program's measurement of the same network.

use serde::{Deserialize, Serialize};

use crate::data::pytorch_lesson_ln_norms;
use crate::spec::{BUILTIN_SPECS, Spec};
use crate::stats::LogSample;

/// Weight-gradient norms as another program measured them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// Which program, and how often.
    pub label: String,
    /// Its layers.
    pub layers: Vec<ReferenceLayer>,
}

/// One layer of a [`Reference`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReferenceLayer {
    /// Number of the layer, from 1.
    pub layer: usize,
    /// log10 of the root mean square.
    pub log10_rms: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Mean of log10.
    pub log10_mean: f64,
}

/// The reference for a specification, if it is one that was recorded.
pub(super) fn of(spec: &Spec) -> Option<Reference> {
    let lesson = BUILTIN_SPECS.iter().find(|builtin| builtin.name == "lesson")?.spec();
    let same = spec.describe_layers() == lesson.describe_layers()
        && spec.describe_data() == lesson.describe_data()
        && spec.loss == lesson.loss;
    let layers = pytorch_lesson_ln_norms().into_iter().enumerate().filter_map(|(index, ln_norms)| {
        let summary = LogSample::new(ln_norms).summary();
        let rms = summary.log10_rms?;
        Some(ReferenceLayer {
            layer: index + 1,
            log10_rms: rms.value,
            standard_error: rms.standard_error,
            log10_mean: summary.log10_mean?.value,
        })
    });
    same.then(|| Reference { label: "PyTorch, 1,000 draws".to_owned(), layers: layers.collect() })
}
