//! The values of one axis.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::GridError;
use crate::spec::{SpecError, Table, Value};
use crate::sweep::{AxisScale, AxisValue};

/// Keys whose values are whole numbers: what a range gives for them is rounded.
pub(super) const WHOLE_KEYS: &[&str] = &[
    "seed",
    "network.input",
    "network.depth",
    "network.width",
    "network.output",
    "data.batch",
    "data.samples",
    "measure.trials",
    "train.steps",
    "train.epochs",
    "train.evaluate_every",
    "train.schedule.warmup",
    "train.schedule.every",
];

/// A key of the specification with the values that it takes.
#[derive(Debug, Clone)]
pub(super) struct GridAxis {
    /// `network.weights.sigma_w`.
    pub key: String,
    /// Its values.
    pub values: Values,
    /// How they are spaced.
    pub scale: AxisScale,
    /// The group of axes that it moves with.
    pub group: usize,
    /// Whether its values are coordinates of a sample.
    pub sampled: bool,
    /// Where it stands in the text.
    pub span: std::ops::Range<usize>,
}

/// The values of an axis.
#[derive(Debug, Clone)]
pub(super) enum Values {
    /// As the text has them.
    Listed(Vec<Spanned<DeValue<'static>>>),
    /// Numbers within a range, made when they are asked for.
    Range(Range),
    /// Numbers: those of a range that were rounded, or of a sample.
    Numbers(Vec<f64>),
    /// Whole numbers.
    Whole(Vec<u64>),
}

/// Numbers in equal steps or ratios.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub from: f64,
    pub to: f64,
    pub points: u64,
    pub log: bool,
}

impl Range {
    /// The number a share of the way, to 12 digits: a range in half the steps has the same numbers to the bit where it has them, so that a finer
    /// grid finds the points of the coarser one.
    pub fn at(&self, share: f64) -> f64 {
        let value = if self.log {
            (self.from.ln() + share * (self.to.ln() - self.from.ln())).exp()
        } else {
            self.from + share * (self.to - self.from)
        };
        twelve_digits(value)
    }

    fn value(&self, index: u64) -> f64 {
        match index {
            0 => self.from,
            last if last + 1 == self.points => self.to,
            _ => self.at(index as f64 / (self.points - 1) as f64),
        }
    }
}

fn twelve_digits(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}

impl Values {
    pub fn len(&self) -> u64 {
        match self {
            Self::Listed(values) => values.len() as u64,
            Self::Range(range) => range.points,
            Self::Numbers(values) => values.len() as u64,
            Self::Whole(values) => values.len() as u64,
        }
    }
}

/// A number as TOML writes it.
fn float_text(value: f64) -> String {
    format!("{value:?}")
}

impl GridAxis {
    /// Whether its key wants whole numbers.
    pub fn is_whole(&self) -> bool {
        WHOLE_KEYS.contains(&self.key.as_str())
    }

    /// A value as it is shown and recorded.
    pub fn coordinate(&self, index: usize, text: &str) -> AxisValue {
        match &self.values {
            Values::Listed(values) => listed(&values[index], text),
            Values::Range(range) => AxisValue::Float(range.value(index as u64)),
            Values::Numbers(values) => AxisValue::Float(values[index]),
            Values::Whole(values) => {
                let value = values[index];
                i64::try_from(value).map_or_else(|_| AxisValue::Text(value.to_string()), AxisValue::Integer)
            }
        }
    }

    /// A value that was made, as TOML writes it; `None` for one that stands in the text.
    pub fn made(&self, index: usize) -> Option<String> {
        match &self.values {
            Values::Listed(_) => None,
            Values::Range(range) => Some(float_text(range.value(index as u64))),
            Values::Numbers(values) => Some(float_text(values[index])),
            Values::Whole(values) => Some(values[index].to_string()),
        }
    }

    /// Writes out the whole numbers of a range; each once, if nothing moves with it.
    pub fn round(&mut self, alone: bool) {
        if let (true, Values::Range(range)) = (self.is_whole(), &self.values) {
            let mut values: Vec<u64> = (0..range.points).map(|k| range.value(k).round().max(0.0) as u64).collect();
            if alone {
                values.dedup();
            }
            self.values = Values::Whole(values);
        }
    }
}

/// A value of the text.
fn listed(value: &Spanned<DeValue<'_>>, text: &str) -> AxisValue {
    let digits = |text: &str| text.chars().filter(|c| *c != '_').collect::<String>();
    let source = || {
        let shown = text.get(value.span()).unwrap_or_default();
        AxisValue::Text(shown.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    match value.get_ref() {
        DeValue::String(text) => AxisValue::Text(text.to_string()),
        DeValue::Boolean(flag) => AxisValue::Flag(*flag),
        DeValue::Integer(integer) => i64::from_str_radix(&digits(integer.as_str()), integer.radix())
            .map_or_else(|_| source(), AxisValue::Integer),
        DeValue::Float(float) => digits(float.as_str()).parse().map_or_else(|_| source(), AxisValue::Float),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => source(),
    }
}

/// How listed values are spaced: in equal ratios where they clearly are, as categories where they are no numbers.
pub(super) fn scale_of(values: &[AxisValue]) -> AxisScale {
    let number = |value: &AxisValue| match value {
        AxisValue::Integer(value) => Some(*value as f64),
        AxisValue::Float(value) => Some(*value),
        AxisValue::Flag(_) | AxisValue::Text(_) => None,
    };
    let Some(numbers) = values.iter().map(number).collect::<Option<Vec<f64>>>() else { return AxisScale::Category };
    let ratio = |pair: &[f64]| pair[1] / pair[0];
    let geometric = numbers.len() >= 3
        && numbers.iter().all(|value| *value > 0.0)
        && (ratio(&numbers) - 1.0).abs() > 0.01
        && numbers.windows(2).all(|pair| (ratio(pair) / ratio(&numbers) - 1.0).abs() < 1e-9);
    if geometric { AxisScale::Log } else { AxisScale::Linear }
}

/// Reads the table of axes: lists and ranges by key, keys in quotes or as nested tables.
pub(super) fn read_axes(
    table: &Table<'static>,
    prefix: &str,
    text: &str,
    sampled: bool,
    axes: &mut Vec<GridAxis>,
) -> Result<(), GridError> {
    for (name, value) in table.entries() {
        let key = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
        let problem = |problem: String| GridError::Axis { place: value.place(), axis: key.clone(), problem };
        let about = |error: SpecError| problem(error.problem());
        let span = value.raw().span();
        match value.raw().get_ref() {
            DeValue::Array(_) => {
                let values: Vec<_> = value.array().map_err(about)?.iter().map(|value| value.raw().clone()).collect();
                if values.is_empty() {
                    return Err(problem("the list is empty: give it values, or remove the axis".to_owned()));
                }
                let shown: Vec<AxisValue> = values.iter().map(|value| listed(value, text)).collect();
                if let Some((k, _)) = shown.iter().enumerate().find(|(k, value)| shown[..*k].contains(value)) {
                    return Err(problem(format!("value {} of the list is there twice: keep one", k + 1)));
                }
                let scale = scale_of(&shown);
                axes.push(GridAxis { key, values: Values::Listed(values), scale, group: 0, sampled: false, span });
            }
            DeValue::Table(inner) if is_range(inner) => {
                let range = range(&value, sampled).map_err(about)?;
                let scale = if range.log { AxisScale::Log } else { AxisScale::Linear };
                axes.push(GridAxis { key, values: Values::Range(range), scale, group: 0, sampled: false, span });
            }
            DeValue::Table(_) => read_axes(&value.table().map_err(about)?, &key, text, sampled, axes)?,
            _ => {
                return Err(problem(
                    "takes a list of values, or a range { from = 0.5, to = 4.0, points = 15 }".to_owned(),
                ));
            }
        }
    }
    Ok(())
}

fn is_range(table: &DeTable<'_>) -> bool {
    ["from", "to", "points"].iter().any(|key| table.contains_key(*key))
}

fn range(value: &Value<'static>, sampled: bool) -> Result<Range, SpecError> {
    let table = value.table()?;
    table.only(&["from", "to", "points", "scale"])?;
    let from = table.require("from", ": the first value")?.number()?;
    let last = table.require("to", ": the last value")?;
    let to = last.number()?;
    let points = match table.get("points") {
        Some(points) => points.integer(1, i64::MAX as u64)?,
        None if sampled => 1,
        None => table
            .require("points", ": how many values there are; or sample them all, sample = { points = 256 }")?
            .integer(1, 1)?,
    };
    let log = match table.get("scale") {
        None => false,
        Some(scale) => match scale.string()? {
            "linear" => false,
            "log" => true,
            other => return Err(scale.wrong(format!("is \"{other}\"; it must be \"linear\" or \"log\""))),
        },
    };
    if log && from <= 0.0 {
        return Err(value.wrong(format!("goes from {from} in equal ratios: both ends must be above 0")));
    }
    if to < from || (to == from && (points > 1 || sampled)) {
        return Err(last.wrong(format!("is {to}, and the range starts at {from}: it is empty; a range goes up")));
    }
    Ok(Range { from, to, points, log })
}
