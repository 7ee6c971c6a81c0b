//! A log as figures need it: by step and layer, one record each.

use std::collections::{BTreeMap, BTreeSet};

use super::super::theme;
use crate::watch::{AlertRecord, Basis, EvaluationRecord, LayerRecord, Log, PredictionRecord, StepRecord};
use plotters::style::RGBColor;

/// A log, by step and layer. Where a step was recorded twice (after a resume), the later record counts.
#[derive(Debug)]
pub struct Training<'a> {
    pub(super) log: &'a Log,
    pub(super) network: BTreeMap<u64, &'a StepRecord>,
    pub(super) layers: BTreeMap<u64, BTreeMap<usize, &'a LayerRecord>>,
    pub(super) evaluations: BTreeMap<u64, &'a EvaluationRecord>,
    /// By step, layer and basis.
    pub(super) predictions: BTreeMap<(u64, usize, bool), &'a PredictionRecord>,
    /// In the order of their steps, each once.
    pub(super) alerts: Vec<&'a AlertRecord>,
    /// Numbers of the layers that are in the log, increasing; not necessarily 1, 2, 3...
    pub(super) numbers: Vec<usize>,
}

/// A quantity of one layer at one step, as it is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    /// Nothing recorded.
    Missing,
    /// `null`, or not a number that the quantity can be.
    NotFinite,
    /// Exactly zero, where a logarithm is drawn.
    Zero,
    /// The height at which it is drawn.
    At(f64),
}

/// What theory says of the weight gradient of one layer at one step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Predicted {
    pub basis: Basis,
    pub log10_norm: f64,
    /// Standard deviation over networks.
    pub spread: Option<f64>,
}

/// No network that can be recorded is so deep that its gradients go beyond; an axis that did could show nothing else.
const LARGEST_LOG10: f64 = 1e7;

impl Value {
    /// log10 of a norm.
    pub fn norm(value: Option<f64>) -> Self {
        match value {
            Some(0.0) => Self::Zero,
            Some(value) if value > 0.0 && value.is_finite() => Self::At(value.log10()),
            _ => Self::NotFinite,
        }
    }

    pub fn finite(self) -> Option<f64> {
        match self {
            Self::At(value) => Some(value),
            _ => None,
        }
    }
}

impl<'a> Training<'a> {
    /// Sorts the records of a log.
    pub fn of(log: &'a Log) -> Self {
        let layers = log.by_step();
        let numbers: BTreeSet<usize> = log.layers.iter().map(|record| record.layer).collect();
        // A later alert of the same kind at the same place is the same alert, raised again after a resume.
        let alerts: BTreeMap<_, &AlertRecord> =
            log.alerts.iter().map(|alert| ((alert.step, alert.layer, alert.alert, &alert.quantity), alert)).collect();
        let basis = |record: &PredictionRecord| record.from == Basis::LayerStatistics;
        Self {
            log,
            network: log.steps.iter().map(|record| (record.step, record)).collect(),
            layers,
            evaluations: log.evaluations.iter().map(|record| (record.step, record)).collect(),
            predictions: log.predictions.iter().map(|p| ((p.step, p.layer, basis(p)), p)).collect(),
            alerts: alerts.into_values().collect(),
            numbers: numbers.into_iter().collect(),
        }
    }

    /// The first layer, one in the middle, the last: with the colours they have in every figure.
    pub(super) fn chosen(&self) -> Vec<(usize, RGBColor)> {
        let n = &self.numbers;
        let colour = |k: usize| theme::layer_colour(k, 3);
        match n.len() {
            0 => Vec::new(),
            1 => vec![(n[0], colour(1))],
            2 => vec![(n[0], colour(1)), (n[1], colour(3))],
            count => vec![(n[0], colour(1)), (n[(count - 1) / 2], colour(2)), (n[count - 1], colour(3))],
        }
    }

    /// Whether any layer has the quantity at any step.
    pub(super) fn has(&self, read: fn(&LayerRecord) -> Option<f64>) -> bool {
        self.records().any(|record| read(record).is_some())
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &'a LayerRecord> + '_ {
        self.layers.values().flat_map(BTreeMap::values).copied()
    }

    /// One layer's quantity by step.
    pub(super) fn of_layer(
        &self,
        layer: usize,
        read: impl Fn(&LayerRecord) -> Value + 'a,
    ) -> impl Iterator<Item = (u64, Value)> + '_ {
        self.layers.iter().filter_map(move |(step, layers)| layers.get(&layer).map(|record| (*step, read(record))))
    }

    pub(super) fn weight_gradient(&self, step: u64, layer: usize) -> Value {
        let record = self.layers.get(&step).and_then(|layers| layers.get(&layer));
        record.map_or(Value::Missing, |record| Value::norm(record.weight_grad_norm))
    }

    /// The prediction from a basis, if it says something of the weight gradient.
    pub(super) fn prediction(&self, step: u64, layer: usize, basis: Basis) -> Option<Predicted> {
        let record = self.predictions.get(&(step, layer, basis == Basis::LayerStatistics))?;
        let plausible = |value: Option<f64>| value.filter(|value| value.abs() <= LARGEST_LOG10);
        Some(Predicted {
            basis,
            log10_norm: plausible(record.log10_weight_grad_norm)?,
            spread: plausible(record.log10_standard_deviation).filter(|spread| *spread >= 0.0),
        })
    }

    /// The first and the last layer of the log.
    pub(super) fn ends(&self) -> Option<(usize, usize)> {
        Some((*self.numbers.first()?, *self.numbers.last()?))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::path::Path;

    pub(in super::super) fn log(lines: &str) -> Log {
        Log::parse(lines, Path::new("test.jsonl")).expect("a log")
    }

    #[test]
    fn later_records_and_alerts_replace_earlier_ones() {
        let log = log(concat!(
            "{\"kind\":\"layer\",\"step\":5,\"layer\":3,\"weight_grad_norm\":1.0}\n",
            "{\"kind\":\"layer\",\"step\":5,\"layer\":3,\"weight_grad_norm\":10.0}\n",
            "{\"kind\":\"layer\",\"step\":2,\"layer\":7,\"weight_grad_norm\":0}\n",
            "{\"kind\":\"alert\",\"step\":5,\"layer\":3,\"alert\":\"dying\",\"quantity\":\"q\",\"value\":1,\"expected\":null,\
             \"cause\":\"\",\"advice\":\"\",\"action\":\"warn\"}\n",
            "{\"kind\":\"alert\",\"step\":5,\"layer\":3,\"alert\":\"dying\",\"quantity\":\"q\",\"value\":2,\"expected\":null,\
             \"cause\":\"\",\"advice\":\"\",\"action\":\"warn\"}\n",
        ));
        let training = Training::of(&log);
        assert_eq!(training.numbers, [3, 7]);
        assert_eq!(training.weight_gradient(5, 3), Value::At(1.0));
        assert_eq!(training.weight_gradient(2, 7), Value::Zero);
        assert_eq!(training.weight_gradient(5, 7), Value::Missing);
        assert_eq!(training.alerts.len(), 1);
        assert_eq!(training.alerts[0].value, Some(2.0));
    }

    #[test]
    fn what_no_norm_can_be_is_not_drawn_as_one() {
        for value in [None, Some(-1.0), Some(f64::INFINITY)] {
            assert_eq!(Value::norm(value), Value::NotFinite);
        }
        assert_eq!(Value::norm(Some(1e300)), Value::At(300.0));
    }
}
