//! A sweep as a grid: dimensions, places, and numbers at them.

use std::collections::HashMap;

use super::agreement::Agreement;
use crate::sweep::{AxisScale, AxisValue, Outcome, PointResult, Row, Side, Statistic, SweepResults};

/// A sweep, laid out for its figures.
#[derive(Debug)]
pub struct Grid<'a> {
    pub(super) results: &'a SweepResults,
    pub(super) dimensions: Vec<Dimension>,
    /// Places that have points, by their indices.
    pub(super) places: HashMap<Vec<usize>, Place<'a>>,
    pub(super) failed: usize,
    /// Whether the points are samples, not a full grid.
    pub(super) sampled: bool,
    pub(super) agreement: Agreement<'a>,
}

/// Characters of a place in a figure at most.
const LONGEST: usize = 52;

/// An axis, or axes that move together.
#[derive(Debug)]
pub(super) struct Dimension {
    /// Which axes; the first one stands for all.
    pub axes: Vec<usize>,
    /// What it is called in a figure.
    pub name: String,
    /// The key, as it is written.
    pub key: String,
    pub values: Vec<AxisValue>,
    /// Where the values are drawn, if they are numbers.
    pub positions: Option<Vec<f64>>,
    /// Whether positions are decimal logarithms.
    pub logarithmic: bool,
}

/// The repeats of one place that are there.
#[derive(Debug, Default)]
pub(super) struct Place<'a> {
    pub points: Vec<&'a PointResult>,
}

/// Which number of a place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Selector {
    pub quantity: String,
    pub statistic: Statistic,
    pub layer: Option<usize>,
}

/// A number of a place, over its repeats.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number {
    pub value: f64,
    pub standard_error: Option<f64>,
    /// Standard deviation between networks, or between repeats.
    pub spread: Option<f64>,
}

/// What a place has to show.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum State {
    Number(f64),
    /// Done, without a finite number.
    Lost,
    Failed,
    /// Not done yet.
    Waiting,
}

impl<'a> Grid<'a> {
    /// The layout of a sweep.
    pub fn of(results: &'a SweepResults) -> Self {
        let dimensions = dimensions(results);
        let mut index: Vec<HashMap<String, usize>> = Vec::new();
        for dimension in &dimensions {
            let tuple = |k: usize| {
                let several = dimension.axes.len() > 1;
                let of_the_axis = |axis: &usize| results.axes[*axis].values.get(k).filter(|_| several);
                // Alone, without values of the grid or sampled, an axis has those of its dimension.
                let values = dimension.axes.iter().map(|axis| of_the_axis(axis).or(dimension.values.get(k)));
                values.map(|v| v.map(label)).collect::<Vec<_>>()
            };
            index.push((0..dimension.values.len()).rev().map(|k| (format!("{:?}", tuple(k)), k)).collect());
        }
        let mut places: HashMap<Vec<usize>, Place<'a>> = HashMap::new();
        let mut failed = 0;
        for point in &results.points {
            failed += usize::from(matches!(point.outcome, Outcome::Error(_)));
            let at = dimensions.iter().zip(&index).map(|(dimension, index)| {
                let tuple: Vec<_> = dimension.axes.iter().map(|axis| point.coordinates.get(*axis).map(label)).collect();
                index.get(&format!("{tuple:?}")).copied()
            });
            if let Some(at) = at.collect::<Option<Vec<usize>>>() {
                places.entry(at).or_default().points.push(point);
            }
        }
        let full = dimensions.iter().map(|d| d.values.len().max(1)).fold(results.repeats.max(1), usize::saturating_mul);
        let sampled = full / 2 > results.planned.max(results.points.len());
        Self { results, dimensions, places, failed, sampled, agreement: Agreement::of(results) }
    }

    /// Points that are done.
    pub(super) fn done(&self) -> usize {
        self.results.points.len() - self.failed
    }

    /// Whether points are missing that were planned.
    pub(super) fn running(&self) -> bool {
        self.results.points.len() < self.results.planned
    }

    /// The dimensions of numbers with at least so many values.
    pub(super) fn numeric(&self, least: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.dimensions.len())
            .filter(move |d| self.dimensions[*d].positions.is_some() && self.dimensions[*d].values.len() >= least)
    }

    /// The dimensions of at least two values that are not among `used`, longest first.
    pub(super) fn others(&self, used: &[usize]) -> Vec<usize> {
        let mut others: Vec<usize> =
            (0..self.dimensions.len()).filter(|d| !used.contains(d) && self.dimensions[*d].values.len() > 1).collect();
        others.sort_by_key(|d| std::cmp::Reverse(self.dimensions[*d].values.len()));
        others
    }

    /// A place for the slice that leaves the dimensions of `free` free: for each of the others the value with the most finished points, the last
    /// one of several.
    pub(super) fn slice(&self, free: &[usize]) -> Vec<usize> {
        let best = |dimension: usize| {
            let mut counts = vec![0; self.dimensions[dimension].values.len().max(1)];
            for (at, place) in &self.places {
                counts[at[dimension]] += place.rows().count();
            }
            (0..counts.len()).max_by_key(|k| (counts[*k] > 0, counts[*k], *k)).unwrap_or(0)
        };
        (0..self.dimensions.len()).map(|d| if free.contains(&d) { 0 } else { best(d) }).collect()
    }

    /// What a slice holds fixed, in words: `depth = 64, activation = tanh`; empty if nothing.
    pub(super) fn fixed(&self, slice: &[usize], free: &[usize]) -> String {
        let fixed = (0..self.dimensions.len()).filter(|d| !free.contains(d) && self.dimensions[*d].values.len() > 1);
        fixed.map(|d| self.coordinate(d, slice[d])).collect::<Vec<_>>().join(", ")
    }

    /// A value with the name of its dimension.
    pub(super) fn coordinate(&self, dimension: usize, k: usize) -> String {
        let dimension = &self.dimensions[dimension];
        format!("{} = {}", dimension.name, dimension.values.get(k).map_or_else(String::new, short_label))
    }

    /// The coordinates of a point, in words.
    pub(super) fn coordinates(&self, point: &PointResult) -> String {
        let of = |dimension: &Dimension| self.in_words(dimension, |axis| point.coordinates.get(axis));
        self.dimensions.iter().map(of).collect::<Vec<_>>().join(", ")
    }

    /// A value of a dimension in words, with those of the axes that move with it.
    pub(super) fn place_label(&self, dimension: usize, k: usize) -> String {
        let text = self.in_words(&self.dimensions[dimension], |axis| self.results.axes[axis].values.get(k));
        if text.chars().count() <= LONGEST {
            text
        } else {
            text.chars().take(LONGEST - 1).chain(['\u{2026}']).collect()
        }
    }

    fn in_words<'v>(&self, dimension: &Dimension, value: impl Fn(usize) -> Option<&'v AxisValue>) -> String {
        let of = |axis: usize| value(axis).map_or_else(String::new, short_label);
        let mut text = format!("{} = {}", dimension.name, of(dimension.axes[0]));
        // Of axes that move together the others need no name, and those that stand still no mention.
        for &axis in &dimension.axes[1..] {
            let values = &self.results.axes[axis].values;
            if values.iter().any(|value| Some(value) != values.first()) {
                text.push_str(&format!(", {}", of(axis)));
            }
        }
        text
    }

    pub(super) fn state(&self, at: &[usize], side: Side, selector: &Selector) -> State {
        let Some(place) = self.places.get(at) else { return State::Waiting };
        match place.number(side, selector) {
            Some(number) => State::Number(number.value),
            None if place.rows().next().is_some() => State::Lost,
            None => State::Failed,
        }
    }

    /// How many places have this number.
    pub(super) fn count(&self, side: Side, selector: &Selector) -> usize {
        self.places.values().filter(|place| place.number(side, selector).is_some()).count()
    }

    /// What the sweep is about at initialisation: the ratio of the gradients, or else the first number that it has; and on which side.
    pub(super) fn subject(&self) -> Option<(Side, Selector)> {
        let whole = |quantity: &str, statistic| Selector { quantity: quantity.to_owned(), statistic, layer: None };
        let first = |statistic| Selector { quantity: "gradient_norms".to_owned(), statistic, layer: Some(1) };
        let candidates = [
            whole("gradient_ratio", Statistic::Log10Rms),
            whole("gradient_ratio", Statistic::Log10Mean),
            first(Statistic::Log10Rms),
            first(Statistic::Log10Mean),
        ];
        for side in [Side::Measured, Side::Predicted] {
            let counted = candidates.iter().map(|selector| self.count(side, selector)).collect::<Vec<_>>();
            // The root mean square is lost where one network's gradient is: then the typical network tells more.
            for pair in [[0, 1], [2, 3]] {
                let best = if counted[pair[1]] > counted[pair[0]] { pair[1] } else { pair[0] };
                if counted[best] > 0 {
                    return Some((side, candidates[best].clone()));
                }
            }
        }
        let rows = || self.results.points.iter().flat_map(rows_of).filter(|row| row.value.is_some());
        [Side::Measured, Side::Predicted].into_iter().find_map(|side| {
            let mut own = rows().filter(|row| row.side == side);
            let row = own.clone().find(|row| row.layer.is_none()).or_else(|| own.next())?;
            let selector = Selector { quantity: row.quantity.clone(), statistic: row.statistic, layer: row.layer };
            Some((side, selector))
        })
    }

    /// What trainings came to.
    pub(super) fn training(&self) -> Option<(Side, Selector)> {
        ["test_accuracy", "train_accuracy", "final_loss"].into_iter().find_map(|quantity| {
            let selector = Selector { quantity: quantity.to_owned(), statistic: Statistic::Value, layer: None };
            (self.count(Side::Trained, &selector) > 0).then_some((Side::Trained, selector))
        })
    }

    /// The two dimensions of a plane: the scales of weights and biases where they are there, the two first of numbers otherwise.
    pub(super) fn plane(&self) -> Option<[usize; 2]> {
        let numeric: Vec<usize> = self.numeric(3).collect();
        let ends = |ending: &str| numeric.iter().copied().find(|d| self.dimensions[*d].key.ends_with(ending));
        match (ends("sigma_w"), ends("sigma_b")) {
            (Some(w), Some(b)) => Some([w, b]),
            (Some(w), None) => numeric.iter().copied().find(|d| *d != w).map(|other| [w, other]),
            _ => Some([*numeric.first()?, *numeric.get(1)?]),
        }
    }
}

impl Place<'_> {
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.points.iter().copied().flat_map(rows_of)
    }

    /// The number over all repeats that have it.
    pub fn number(&self, side: Side, selector: &Selector) -> Option<Number> {
        let is = |row: &&Row, statistic: Statistic| {
            row.side == side
                && row.statistic == statistic
                && row.layer == selector.layer
                && row.quantity == selector.quantity
        };
        let own: Vec<&Row> =
            self.rows().filter(|row| is(row, selector.statistic) && row.value.is_some_and(f64::is_finite)).collect();
        let values: Vec<f64> = own.iter().filter_map(|row| row.value).collect();
        if values.is_empty() {
            return None;
        }
        let n = values.len() as f64;
        let value = values.iter().sum::<f64>() / n;
        let deviation =
            (values.len() > 1).then(|| (values.iter().map(|v| (v - value).powi(2)).sum::<f64>() / (n - 1.0)).sqrt());
        let errors: Vec<f64> = own.iter().filter_map(|row| row.standard_error).collect();
        let of_trials = (errors.len() == own.len()).then(|| errors.iter().map(|e| e * e).sum::<f64>().sqrt() / n);
        let between = self.rows().filter(|row| is(row, Statistic::Log10StandardDeviation)).filter_map(|row| row.value);
        let between: Vec<f64> = between.filter(|_| selector.statistic != Statistic::Log10StandardDeviation).collect();
        let between = (!between.is_empty() && selector.statistic != Statistic::Value)
            .then(|| (between.iter().map(|s| s * s).sum::<f64>() / between.len() as f64).sqrt());
        Some(Number {
            value,
            standard_error: of_trials.or(deviation.map(|deviation| deviation / n.sqrt())),
            spread: between.or(deviation),
        })
    }
}

/// The rows of a point, none if it failed.
pub(super) fn rows_of(point: &PointResult) -> &[Row] {
    match &point.outcome {
        Outcome::Rows(rows) => rows,
        Outcome::Error(_) => &[],
    }
}

fn dimensions(results: &SweepResults) -> Vec<Dimension> {
    let mut dimensions: Vec<Dimension> = Vec::new();
    for (k, axis) in results.axes.iter().enumerate() {
        let same = |d: &&mut Dimension| axis.linked.is_some() && results.axes[d.axes[0]].linked == axis.linked;
        if let Some(dimension) = dimensions.iter_mut().find(same) {
            dimension.axes.push(k);
            continue;
        }
        let mut values = axis.values.clone();
        // Coordinates of a sample come in its order, and whole ones more than once.
        if axis.linked.is_none() && values.iter().all(|value| number(value).is_some()) {
            values.sort_by(|a, b| number(a).partial_cmp(&number(b)).unwrap_or(std::cmp::Ordering::Equal));
            values.dedup();
        }
        if values.is_empty() {
            for point in &results.points {
                if let Some(value) = point.coordinates.get(k)
                    && !values.contains(value)
                {
                    values.push(value.clone());
                }
            }
        }
        let numbers: Option<Vec<f64>> = values.iter().map(number).collect();
        let numbers = numbers.filter(|numbers| {
            axis.scale != AxisScale::Category && !numbers.is_empty() && numbers.iter().all(|n| n.is_finite())
        });
        let logarithmic = numbers.as_ref().is_some_and(|numbers| is_logarithmic(numbers, axis.scale));
        let positions = numbers
            .map(|numbers| numbers.into_iter().map(|n| if logarithmic { n.log10() } else { n }).collect::<Vec<f64>>());
        // Places of equal position cannot be told apart.
        let positions = positions.filter(|p| {
            let mut sorted = p.clone();
            sorted.sort_by(f64::total_cmp);
            sorted.windows(2).all(|pair| pair[0] < pair[1])
        });
        dimensions.push(Dimension {
            axes: vec![k],
            name: name(&axis.key, results.axes.iter().map(|axis| axis.key.as_str())),
            key: axis.key.clone(),
            values,
            positions,
            logarithmic,
        });
    }
    dimensions
}

/// Logarithmic by declaration, or a list of positive numbers that double rather than add.
fn is_logarithmic(numbers: &[f64], scale: AxisScale) -> bool {
    if numbers.iter().any(|n| *n <= 0.0) {
        return false;
    }
    let extremes = |steps: &mut dyn Iterator<Item = f64>| {
        steps.fold((f64::INFINITY, 0.0_f64), |(low, high), step| (low.min(step), high.max(step)))
    };
    let steps = extremes(&mut numbers.windows(2).map(|pair| (pair[1] - pair[0]).abs()));
    let ratios = extremes(&mut numbers.windows(2).map(|pair| (pair[1] / pair[0]).ln().abs()));
    scale == AxisScale::Log || numbers.len() > 2 && steps.1 > 1.9 * steps.0 && ratios.1 / ratios.0 < steps.1 / steps.0
}

/// A value as a number, if it is one.
pub(super) fn number(value: &AxisValue) -> Option<f64> {
    match value {
        AxisValue::Integer(number) => Some(*number as f64),
        AxisValue::Float(number) => Some(*number),
        AxisValue::Flag(_) | AxisValue::Text(_) => None,
    }
}

/// A value in words, complete.
pub(super) fn label(value: &AxisValue) -> String {
    match value {
        AxisValue::Integer(number) => number.to_string(),
        AxisValue::Float(number) => format!("{number}"),
        AxisValue::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        AxisValue::Text(text) => text.clone(),
    }
}

/// A value in at most a few words: numbers with four digits, of tables what stands in them.
pub(super) fn short_label(value: &AxisValue) -> String {
    const MOST: usize = 22;
    let text = match value {
        AxisValue::Float(number) => super::words::plain(*number),
        AxisValue::Text(text) if text.starts_with('{') || text.starts_with('[') => {
            let inner = text.trim_matches(['{', '}', '[', ']', ' ']).replace('"', "");
            let parts = inner.split(',').map(|part| part.split_once('=').map_or(part, |(_, value)| value).trim());
            parts.collect::<Vec<_>>().join(", ")
        }
        other => label(other),
    };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= MOST {
        return text;
    }
    text.chars().take(MOST - 1).chain(['\u{2026}']).collect()
}

/// What an axis is called: the last part of its key that tells it from the others.
fn name<'k>(key: &str, all: impl Iterator<Item = &'k str> + Clone) -> String {
    let last = |key: &str| key.rsplit('.').next().unwrap_or(key).to_owned();
    let own = last(key);
    match own.as_str() {
        "sigma_w" => return "\u{3c3}_w".to_owned(),
        "sigma_b" => return "\u{3c3}_b".to_owned(),
        _ => {}
    }
    let generic = ["std", "kind", "name", "ensemble", "scale"].contains(&own.as_str());
    let ambiguous = generic || all.filter(|other| last(other) == own).count() > 1;
    let parts: Vec<&str> = key.split('.').collect();
    let text = if ambiguous { parts[parts.len().saturating_sub(2)..].join(" ") } else { own };
    text.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_axes_apart() {
        let keys = ["network.weights.preset", "network.biases.preset", "network.depth", "network.weights.sigma_w"];
        let names = keys.map(|key| name(key, keys.into_iter()));
        assert_eq!(names, ["weights preset", "biases preset", "depth", "\u{3c3}_w"]);
    }

    #[test]
    fn tables_are_labelled_by_what_stands_in_them() {
        let text = AxisValue::Text("{ ensemble = \"gaussian\", std = 0.5 }".to_owned());
        assert_eq!(short_label(&text), "gaussian, 0.5");
        assert_eq!(short_label(&AxisValue::Float(0.1 + 0.2)), "0.3");
    }

    #[test]
    fn doubling_lists_are_drawn_by_their_logarithms() {
        assert!(is_logarithmic(&[8.0, 16.0, 32.0, 64.0], AxisScale::Linear));
        assert!(!is_logarithmic(&[0.5, 1.0, 1.5, 2.0], AxisScale::Linear));
        assert!(!is_logarithmic(&[0.0, 1.0, 2.0, 4.0], AxisScale::Linear));
        assert!(is_logarithmic(&[1.0, 2.0], AxisScale::Log));
    }
}
