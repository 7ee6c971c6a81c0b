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
    /// log10 |dL/dW| by step and layer, in the order of `numbers`: also of steps at which nothing else was recorded of the layers.
    pub(super) weight_gradients: BTreeMap<u64, Vec<Value>>,
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
        let network: BTreeMap<u64, &StepRecord> = log.steps.iter().map(|record| (record.step, record)).collect();
        let listed = network.values().map(|record| record.weight_grad_norms.len()).max().unwrap_or(0);
        let numbers: BTreeSet<usize> = log.layers.iter().map(|record| record.layer).chain(1..=listed).collect();
        let numbers: Vec<usize> = numbers.into_iter().collect();
        let mut weight_gradients = table(&numbers, &layers, |record| Value::norm(record.weight_grad_norm));
        for (step, record) in network.iter().filter(|(_, record)| !record.weight_grad_norms.is_empty()) {
            let row = weight_gradients.entry(*step).or_insert_with(|| vec![Value::Missing; numbers.len()]);
            // Where there is a list, every layer up to its end has a number.
            row.iter_mut().zip(&record.weight_grad_norms).for_each(|(value, norm)| *value = Value::norm(*norm));
        }
        // A later alert of the same kind at the same place is the same alert, raised again after a resume.
        let alerts: BTreeMap<_, &AlertRecord> =
            log.alerts.iter().map(|alert| ((alert.step, alert.layer, alert.alert, &alert.quantity), alert)).collect();
        let basis = |record: &PredictionRecord| record.from == Basis::LayerStatistics;
        Self {
            log,
            network,
            layers,
            weight_gradients,
            evaluations: log.evaluations.iter().map(|record| (record.step, record)).collect(),
            predictions: log.predictions.iter().map(|p| ((p.step, p.layer, basis(p)), p)).collect(),
            alerts: alerts.into_values().collect(),
            numbers,
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

    /// Whether any weight gradient is known that is a number.
    pub(super) fn has_weight_gradients(&self) -> bool {
        self.weight_gradients.values().flatten().any(|value| matches!(value, Value::At(_) | Value::Zero))
    }

    /// Whether any layer has the quantity at any step.
    pub(super) fn has(&self, read: fn(&LayerRecord) -> Option<f64>) -> bool {
        self.records().any(|record| read(record).is_some())
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &'a LayerRecord> + '_ {
        self.layers.values().flat_map(BTreeMap::values).copied()
    }

    /// A quantity by step and layer, in the order of `numbers`.
    pub(super) fn table(&self, read: impl Fn(&LayerRecord) -> Value) -> BTreeMap<u64, Vec<Value>> {
        table(&self.numbers, &self.layers, read)
    }

    /// Steps at which weight gradients are known, in increasing order.
    pub(super) fn gradient_steps(&self) -> Vec<u64> {
        self.weight_gradients.keys().copied().collect()
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
        let row = self.weight_gradients.get(&step).zip(self.numbers.binary_search(&layer).ok());
        row.map_or(Value::Missing, |(row, index)| row[index])
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

fn table(
    numbers: &[usize],
    layers: &BTreeMap<u64, BTreeMap<usize, &LayerRecord>>,
    read: impl Fn(&LayerRecord) -> Value,
) -> BTreeMap<u64, Vec<Value>> {
    let row = |layers: &BTreeMap<usize, &LayerRecord>| {
        numbers.iter().map(|layer| layers.get(layer).map_or(Value::Missing, |record| read(record))).collect()
    };
    layers.iter().map(|(step, layers)| (*step, row(layers))).collect()
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
    fn lists_of_norms_fill_in_the_steps_without_records_of_layers() {
        let log = log(concat!(
            "{\"kind\":\"step\",\"step\":0,\"weight_grad_norms\":[1.0,10.0]}\n",
            "{\"kind\":\"layer\",\"step\":0,\"layer\":1,\"weight_grad_norm\":1.0}\n",
            "{\"kind\":\"layer\",\"step\":0,\"layer\":3,\"weight_grad_norm\":0.1}\n",
            "{\"kind\":\"step\",\"step\":1,\"weight_grad_norms\":[0,null]}\n",
        ));
        let training = Training::of(&log);
        assert_eq!(training.numbers, [1, 2, 3]);
        let row = |step: u64| [1, 2, 3].map(|layer| training.weight_gradient(step, layer));
        assert_eq!(row(0), [Value::At(0.0), Value::At(1.0), Value::At(-1.0)]);
        assert_eq!(row(1), [Value::Zero, Value::NotFinite, Value::Missing]);
        assert_eq!((training.gradient_steps(), training.layers.len()), (vec![0, 1], 1));
    }

    #[test]
    fn what_no_norm_can_be_is_not_drawn_as_one() {
        for value in [None, Some(-1.0), Some(f64::INFINITY)] {
            assert_eq!(Value::norm(value), Value::NotFinite);
        }
        assert_eq!(Value::norm(Some(1e300)), Value::At(300.0));
    }
}
