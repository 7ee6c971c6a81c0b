//! The columns of a table, and its lines.

use std::borrow::Cow;

use crate::sweep::{AxisValue, Outcome, PointResult, Row, Side, Statistic, SweepResults};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Whole numbers from 0.
    Natural,
    /// Whole numbers.
    Integer,
    /// Numbers.
    Float,
    /// True or false.
    Flag,
    /// Text.
    Text,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name, in the header.
    pub name: String,
    /// What it holds, beside nothing.
    pub kind: Kind,
    /// Whether a line can have nothing there.
    pub nullable: bool,
}

/// What a line has in a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    /// Nothing.
    Null,
    /// A whole number from 0.
    Natural(u64),
    /// A whole number.
    Integer(i64),
    /// A finite number.
    Float(f64),
    /// True or false.
    Flag(bool),
    /// Text.
    Text(Cow<'a, str>),
}

/// Columns before those of the axes.
const BEFORE: [(&str, Kind); 5] = [
    ("sweep", Kind::Text),
    ("point", Kind::Natural),
    ("key", Kind::Text),
    ("repeat", Kind::Natural),
    ("seed", Kind::Natural),
];

/// Columns after those of the axes.
const AFTER: [(&str, Kind); 12] = [
    ("side", Kind::Text),
    ("quantity", Kind::Text),
    ("statistic", Kind::Text),
    ("layer", Kind::Natural),
    ("value", Kind::Float),
    ("unit", Kind::Text),
    ("standard_error", Kind::Float),
    ("stated_error", Kind::Float),
    ("trials", Kind::Natural),
    ("zeros", Kind::Natural),
    ("non_finite", Kind::Natural),
    ("error", Kind::Text),
];

/// The columns of the table of a sweep, in order.
///
/// An axis is called by its key; one whose key is the name of another column (`seed`) by its key after `axis.`.
pub fn columns(results: &SweepResults) -> Vec<Column> {
    let fixed = |columns: &[(&str, Kind)], nullable| -> Vec<Column> {
        columns.iter().map(|(name, kind)| Column { name: (*name).to_owned(), kind: *kind, nullable }).collect()
    };
    let taken = |key: &str| BEFORE.iter().chain(&AFTER).any(|(name, _)| *name == key);
    let axes = results.axes.iter().enumerate().map(|(axis, description)| Column {
        name: if taken(&description.key) { format!("axis.{}", description.key) } else { description.key.clone() },
        kind: kind_of(results, axis),
        nullable: true,
    });
    fixed(&BEFORE, false).into_iter().chain(axes).chain(fixed(&AFTER, true)).collect()
}

/// The narrowest kind that holds every value of an axis.
fn kind_of(results: &SweepResults, axis: usize) -> Kind {
    let declared = results.axes[axis].values.iter();
    let taken = results.points.iter().filter_map(|point| point.coordinates.get(axis));
    let kind = |value: &AxisValue| match value {
        AxisValue::Integer(_) => Kind::Integer,
        AxisValue::Float(_) => Kind::Float,
        AxisValue::Flag(_) => Kind::Flag,
        AxisValue::Text(_) => Kind::Text,
    };
    let common = |a: Kind, b: Kind| match (a, b) {
        (a, b) if a == b => a,
        (Kind::Integer, Kind::Float) | (Kind::Float, Kind::Integer) => Kind::Float,
        _ => Kind::Text,
    };
    declared.chain(taken).map(kind).reduce(common).unwrap_or(Kind::Text)
}

/// One line: a row of a point, or a point without any.
pub(super) struct Line<'a> {
    point: &'a PointResult,
    row: Option<&'a Row>,
}

/// The lines of the table in the order of the grid.
pub(super) fn lines(results: &SweepResults) -> impl Iterator<Item = Line<'_>> {
    results.points.iter().flat_map(|point| {
        let rows = match &point.outcome {
            Outcome::Rows(rows) => rows.as_slice(),
            Outcome::Error(_) => &[],
        };
        let lone = rows.is_empty().then_some(Line { point, row: None });
        rows.iter().map(move |row| Line { point, row: Some(row) }).chain(lone)
    })
}

impl<'a> Line<'a> {
    /// Its cells, one a column; `cells` is emptied first.
    pub fn fill(&self, results: &'a SweepResults, columns: &[Column], cells: &mut Vec<Cell<'a>>) {
        let Self { point, row } = *self;
        let text = |text: &'a str| Cell::Text(Cow::Borrowed(text));
        let natural = |number: Option<u64>| number.map_or(Cell::Null, Cell::Natural);
        let float = |number: Option<f64>| number.filter(|n| n.is_finite()).map_or(Cell::Null, Cell::Float);
        cells.clear();
        cells.extend([
            text(&results.name),
            Cell::Natural(point.index as u64),
            Cell::Text(Cow::Owned(point.key.to_string())),
            Cell::Natural(point.repeat as u64),
            Cell::Natural(point.seed),
        ]);
        for axis in 0..results.axes.len() {
            let kind = columns[BEFORE.len() + axis].kind;
            cells.push(point.coordinates.get(axis).map_or(Cell::Null, |value| coordinate(value, kind)));
        }
        let error = match &point.outcome {
            Outcome::Error(error) => text(error),
            Outcome::Rows(_) => Cell::Null,
        };
        cells.extend([
            row.map_or(Cell::Null, |row| text(side(row.side))),
            row.map_or(Cell::Null, |row| text(&row.quantity)),
            row.map_or(Cell::Null, |row| text(statistic(row.statistic))),
            natural(row.and_then(|row| row.layer).map(|layer| layer as u64)),
            float(row.and_then(|row| row.value)),
            row.map_or(Cell::Null, |row| text(row.unit())),
            float(row.and_then(|row| row.standard_error)),
            float(row.and_then(|row| row.stated_error)),
            natural(row.and_then(|row| row.trials)),
            natural(row.and_then(|row| row.zeros)),
            natural(row.and_then(|row| row.non_finite)),
            error,
        ]);
    }
}

/// A coordinate in a column of a kind.
fn coordinate(value: &AxisValue, kind: Kind) -> Cell<'_> {
    match (value, kind) {
        (AxisValue::Integer(number), Kind::Integer) => Cell::Integer(*number),
        (AxisValue::Integer(number), Kind::Float) => Cell::Float(*number as f64),
        (AxisValue::Float(number), Kind::Float) if number.is_finite() => Cell::Float(*number),
        (AxisValue::Flag(flag), Kind::Flag) => Cell::Flag(*flag),
        (AxisValue::Text(text), _) => Cell::Text(Cow::Borrowed(text)),
        // Numbers and names in one axis: all are names.
        (AxisValue::Integer(number), _) => Cell::Text(Cow::Owned(number.to_string())),
        (AxisValue::Float(number), Kind::Text) => Cell::Text(Cow::Owned(format!("{number:?}"))),
        (AxisValue::Flag(flag), _) => Cell::Text(Cow::Owned(flag.to_string())),
        (AxisValue::Float(_), _) => Cell::Null,
    }
}

/// A side, as it is written.
fn side(side: Side) -> &'static str {
    match side {
        Side::Predicted => "predicted",
        Side::Measured => "measured",
        Side::Compared => "compared",
        Side::Trained => "trained",
    }
}

/// A statistic, as it is written.
fn statistic(statistic: Statistic) -> &'static str {
    match statistic {
        Statistic::Value => "value",
        Statistic::Log10Rms => "log10_rms",
        Statistic::Log10Mean => "log10_mean",
        Statistic::Log10StandardDeviation => "log10_standard_deviation",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_json() {
        for own in [Side::Predicted, Side::Measured, Side::Compared, Side::Trained] {
            assert_eq!(serde_json::to_value(own).expect("JSON"), side(own));
        }
        for own in [Statistic::Value, Statistic::Log10Rms, Statistic::Log10Mean, Statistic::Log10StandardDeviation] {
            assert_eq!(serde_json::to_value(own).expect("JSON"), statistic(own));
        }
    }

    #[test]
    fn an_axis_of_numbers_and_names_is_text() {
        let mut results = super::super::tests::sample();
        assert_eq!(columns(&results)[5].kind, Kind::Integer);
        results.points[0].coordinates[0] = AxisValue::Float(0.5);
        assert_eq!(columns(&results)[5].kind, Kind::Float);
        results.points[0].coordinates[0] = AxisValue::Text("wide".into());
        assert_eq!(columns(&results)[5].kind, Kind::Text);
        assert_eq!(coordinate(&AxisValue::Float(0.5), Kind::Text), Cell::Text("0.5".into()));
    }
}
