//! How long a point takes and how much memory, before it runs.

use super::Runs;
use crate::measure::memory as measurement_memory;
use crate::network::training_memory;
use crate::spec::{DataSource, Spec};

/// What a point is expected to take. The time decides which points run first and how far a sweep is; no number depends on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Seconds on one core, roughly.
    pub seconds: f64,
    /// Bytes of memory on one core.
    pub memory: u64,
    /// Bytes of its rows in the store.
    pub row_bytes: u64,
}

/// Multiplications and additions a second on one core.
const RATE: f64 = 1e10;
/// Seconds to draw a weight.
const DRAW: f64 = 6e-9;
/// Seconds for theory of one layer and of one pair of samples in it.
const THEORY: (f64, f64) = (3e-5, 2e-6);
/// Seconds for the spread of the logarithms, for one layer and one sample.
const SPREAD: f64 = 2.5e-3;
/// Bytes that a point takes besides its matrices.
const OVERHEAD: u64 = 4 << 20;

impl Cost {
    /// That of a specification.
    pub fn of(spec: &Spec, runs: Runs) -> Self {
        let (depth, batch) = (spec.network.blocks.len() as f64, spec.data.batch as f64);
        let parameters = spec.parameters() as f64;
        let given = matches!(spec.data.source, DataSource::Given { .. });
        let pairs = if given { 0.5 * batch * (batch + 1.0) } else { 2.0 };
        let pass = |batch: f64| 6.0 * parameters * batch / RATE;
        let mut seconds = 5e-5;
        let mut memory = 0;
        let mut numbers = 0.0;
        let quantities = spec.measure.quantities.len() as f64;
        if runs.predict {
            seconds += depth * (THEORY.0 + THEORY.1 * pairs);
            if runs.spread {
                seconds += SPREAD * depth * batch;
            }
            // Kernels of every layer, forward and back, with what they respond to.
            let kernels = if given { 12.0 * batch * batch * depth * size_of::<f64>() as f64 } else { 0.0 };
            memory = memory.max(kernels as u64);
            numbers += 2.0 * quantities * depth;
        }
        if runs.measure {
            let trials = spec.measure.trials as f64;
            seconds += trials * (parameters * DRAW + pass(batch));
            memory = memory.max(measurement_memory(spec, 1) as u64);
            numbers += 4.0 * quantities * depth;
        }
        if let Some(train) = spec.train.as_ref().filter(|_| runs.train) {
            let samples = train.data.inputs.ncols() as f64;
            let slots = 4.0 + train.optimizer.slots() as f64;
            let step = pass(batch) + parameters * slots * 1e-9 + depth * 5e-6;
            let evaluations = 1.0 + train.steps.checked_div(train.evaluate_every).unwrap_or(0) as f64;
            seconds += train.steps as f64 * step + evaluations * pass(samples) / 3.0;
            memory = memory.max(training_memory(spec) as u64);
        }
        Self { seconds, memory: memory.saturating_add(OVERHEAD), row_bytes: 300 + (20.0 * numbers) as u64 }
    }
}

/// A duration as people say it.
pub(super) fn time_in_words(seconds: f64) -> String {
    let units = [(31_557_600.0, "years"), (86_400.0, "days"), (3_600.0, "hours"), (60.0, "minutes")];
    let (unit, name) = units.into_iter().find(|(unit, _)| seconds >= 2.0 * unit).unwrap_or((1.0, "seconds"));
    format!("{:.0} {name}", seconds / unit)
}

/// A size as people say it.
pub(super) fn size_in_words(bytes: f64) -> String {
    let units = [(1e15, "PB"), (1e12, "TB"), (1e9, "GB"), (1e6, "MB")];
    let (unit, name) = units.into_iter().find(|(unit, _)| bytes >= *unit).unwrap_or((1e3, "kB"));
    format!("{:.0} {name}", bytes / unit)
}
