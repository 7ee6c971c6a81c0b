//! Measured against predicted, number by number.

use std::collections::{BTreeMap, HashMap};

use super::grid::rows_of;
use crate::stats::{Deviations, largest_by_chance};
use crate::sweep::{PointResult, Row, Side, Statistic, SweepResults};

/// Points that are kept: those that disagree most.
const MOST: usize = 15;

/// Errors below this are those of rounding.
const LEAST_ERROR: f64 = 1e-9;

/// One number of one point on both sides.
#[derive(Debug, Clone)]
pub(super) struct Comparison<'a> {
    pub point: &'a PointResult,
    pub measured: &'a Row,
    pub predicted: f64,
    /// Standard error and stated error, added in square.
    pub error: f64,
    /// Measured minus predicted, in errors.
    pub deviation: f64,
}

/// All comparisons of a sweep in short.
#[derive(Debug)]
pub(super) struct Agreement<'a> {
    /// Comparisons made.
    pub count: usize,
    /// Those of them whose prediction states an error.
    pub stated: usize,
    /// Of the points that disagree most the comparison that does, largest first.
    pub worst: Vec<Comparison<'a>>,
    /// What the largest of as many independent deviations has in the median, by chance.
    pub median_largest: f64,
    /// What it exceeds once in a hundred times.
    pub rare_largest: f64,
    /// Comparisons beyond that.
    pub beyond: usize,
    /// Numbers that are not compared: some of their networks were exactly zero or not finite, and what survives is no fair sample; or all networks
    /// were alike, and there is no error to measure by.
    pub censored: usize,
    /// Fewest trials of a measurement.
    pub fewest_trials: Option<u64>,
}

impl<'a> Agreement<'a> {
    pub fn of(results: &'a SweepResults) -> Self {
        let mut worst: Vec<Comparison<'a>> = Vec::new();
        let mut groups: BTreeMap<u64, usize> = BTreeMap::new();
        let (mut stated, mut censored, mut deviations, mut fewest_trials) = (0, 0, Vec::new(), None::<u64>);
        for point in &results.points {
            let key = |row: &'a Row| (row.quantity.as_str(), row.statistic, row.layer);
            let predicted: HashMap<_, &Row> =
                rows_of(point).iter().filter(|row| row.side == Side::Predicted).map(|row| (key(row), row)).collect();
            let mut own: Option<Comparison<'a>> = None;
            for measured in rows_of(point).iter().filter(|row| row.side == Side::Measured) {
                // The standard error of a variance goes with the variance itself: too small wherever the variance is.
                if measured.quantity == "log_gradient_variance" {
                    continue;
                }
                let Some(theory) = predicted.get(&key(measured)) else { continue };
                if measured.statistic != Statistic::Value && measured.zeros.max(measured.non_finite).unwrap_or(0) > 0 {
                    censored += 1;
                    continue;
                }
                let (Some(value), Some(prediction), Some(error)) =
                    (measured.value, theory.value, measured.standard_error)
                else {
                    continue;
                };
                // All networks alike, as where none of a few thousand units is saturated: that tells how rare it is, not by how much theory is off.
                if error == 0.0 && theory.stated_error.unwrap_or(0.0) == 0.0 && value != prediction {
                    censored += 1;
                    continue;
                }
                let error = error.hypot(theory.stated_error.unwrap_or(0.0));
                let error = error.max(LEAST_ERROR * value.abs().max(prediction.abs()).max(1.0));
                let deviation = (value - prediction) / error;
                if !deviation.is_finite() {
                    continue;
                }
                stated += usize::from(theory.stated_error.is_some());
                let trials = measured.trials.unwrap_or(u64::MAX);
                fewest_trials = Some(fewest_trials.map_or(trials, |fewest| fewest.min(trials)));
                // With an error of its own the prediction's part does not vary.
                *groups.entry(trials.saturating_sub(1).max(1)).or_default() += 1;
                deviations.push(deviation.abs());
                if own.as_ref().is_none_or(|own| deviation.abs() > own.deviation.abs()) {
                    own = Some(Comparison { point, measured, predicted: prediction, error, deviation });
                }
            }
            worst.extend(own);
            if worst.len() > 64 * MOST {
                keep(&mut worst);
            }
        }
        keep(&mut worst);
        let groups: Vec<Deviations> = groups
            .into_iter()
            .map(|(degrees, count)| Deviations { count, degrees_of_freedom: degrees as f64 })
            .collect();
        let rare_largest = largest_by_chance(&groups, 0.99);
        Self {
            count: deviations.len(),
            stated,
            worst,
            median_largest: largest_by_chance(&groups, 0.5),
            rare_largest,
            beyond: deviations.iter().filter(|deviation| **deviation > rare_largest).count(),
            censored,
            fewest_trials: fewest_trials.filter(|trials| *trials < u64::MAX),
        }
    }
}

/// Keeps those that disagree most, largest first.
fn keep(worst: &mut Vec<Comparison<'_>>) {
    worst.sort_by(|a, b| b.deviation.abs().total_cmp(&a.deviation.abs()).then(a.point.index.cmp(&b.point.index)));
    worst.truncate(MOST);
}
