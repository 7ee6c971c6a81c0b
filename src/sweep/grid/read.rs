//! What stands in a `[sweep]` table.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::axis::{GridAxis, Values, scale_of};
use super::{GridError, MOST_DIMENSIONS};
use crate::names;
use crate::spec::{Source, SpecError, Table};
use crate::sweep::result::{AxisScale, AxisValue};

/// A number that was made, in the place of its axis.
pub(super) fn number<'a>(
    text: &'a str,
    span: std::ops::Range<usize>,
    source: Source<'_>,
) -> Result<Spanned<DeValue<'a>>, SpecError> {
    let value = DeValue::parse(text).map_err(|error| SpecError::Syntax {
        place: source.place(span.start),
        message: format!("{text} is no number: {}", error.message()),
    })?;
    Ok(Spanned::new(span, value.into_inner()))
}

/// Sets a key, with the tables around it where they are missing.
pub(super) fn insert<'a>(
    table: &mut DeTable<'a>,
    key: &'a str,
    span: std::ops::Range<usize>,
    value: Spanned<DeValue<'a>>,
) -> Result<(), String> {
    let Some((head, rest)) = key.split_once('.') else {
        table.insert(Spanned::new(span, key.into()), value);
        return Ok(());
    };
    let missing = || Spanned::new(span.clone(), DeValue::Table(DeTable::new()));
    let inner = table.entry(Spanned::new(span.clone(), head.into())).or_insert_with(missing);
    match inner.get_mut() {
        DeValue::Table(inner) => insert(inner, rest, span, value),
        other => Err(format!("is to be set, and `{head}` is a value of type {}, not a table", other.type_str())),
    }
}

/// Number of points, and where it is said.
pub(super) fn sample(table: &Table<'static>) -> Result<(u64, std::ops::Range<usize>), SpecError> {
    table.only(&["kind", "points"])?;
    if let Some(kind) = table.get("kind")
        && names::canonical(kind.string()?) != "sobol"
    {
        return Err(kind.wrong(format!("is \"{}\"; known: sobol", kind.string()?)));
    }
    let points = table.require("points", ": how many places are sampled")?;
    Ok((points.integer(1, i64::MAX as u64)?, points.raw().span()))
}

/// Places one by one: as many axes that move together.
pub(super) fn read_list(
    list: &crate::spec::Value<'static>,
    text: &str,
    axes: &mut Vec<GridAxis>,
) -> Result<(), GridError> {
    let entries = list.array()?;
    if entries.is_empty() {
        return Err(list.wrong("is empty: give it places, or remove it").into());
    }
    for (number, entry) in entries.iter().enumerate() {
        let mut keys = Vec::new();
        flatten(&entry.table()?, "", &mut keys);
        if number == 0 {
            for (key, value) in &keys {
                let values = Values::Listed(Vec::new());
                let span = value.span();
                axes.push(GridAxis {
                    key: key.clone(),
                    values,
                    scale: AxisScale::Linear,
                    group: 0,
                    sampled: false,
                    span,
                });
            }
        }
        let same = keys.len() == axes.len() && axes.iter().all(|axis| keys.iter().any(|(key, _)| *key == axis.key));
        if !same || keys.is_empty() {
            let wanted: Vec<&str> = axes.iter().map(|axis| axis.key.as_str()).collect();
            let message =
                format!("has places with different keys: place {} must set {}", number + 1, wanted.join(", "));
            return Err(list.wrong(message).into());
        }
        for (key, value) in keys {
            let axis = axes.iter_mut().find(|axis| axis.key == key);
            if let Some(Values::Listed(values)) = axis.map(|axis| &mut axis.values) {
                values.push(value);
            }
        }
    }
    for axis in axes {
        let shown: Vec<AxisValue> = (0..entries.len()).map(|index| axis.coordinate(index, text)).collect();
        axis.scale = scale_of(&shown);
    }
    Ok(())
}

/// The keys of a place: in quotes, or unquoted and dotted. A table whose key is in quotes with a dot, or that stands for a table of the
/// specification, is a value.
pub(super) fn flatten(table: &Table<'static>, prefix: &str, keys: &mut Vec<(String, Spanned<DeValue<'static>>)>) {
    const TABLES: [&str; 6] = ["network", "data", "loss", "measure", "train", "train.watch"];
    for (name, value) in table.entries() {
        let key = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
        match value.table() {
            Ok(inner) if TABLES.contains(&key.as_str()) => flatten(&inner, &key, keys),
            _ => keys.push((key, value.raw().clone())),
        }
    }
}

/// No axis twice, none inside another one, no empty part.
pub(super) fn check_keys(source: Source<'_>, axes: &[GridAxis]) -> Result<(), GridError> {
    for (k, axis) in axes.iter().enumerate() {
        let problem =
            |problem: String| GridError::Axis { place: source.place(axis.span.start), axis: axis.key.clone(), problem };
        if axis.key.split('.').any(|part| part.trim() != part || part.is_empty()) {
            return Err(problem("is no key: write it as \"network.weights.sigma_w\"".to_owned()));
        }
        if axis.key == "name" || axis.key.split('.').next() == Some("sweep") {
            return Err(problem("no number depends on it: it cannot be an axis".to_owned()));
        }
        for other in &axes[..k] {
            if other.key == axis.key {
                return Err(problem("is an axis twice: keep one".to_owned()));
            }
            let inside = |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));
            if inside(&axis.key, &other.key) || inside(&other.key, &axis.key) {
                return Err(problem(format!("sets a part of what the axis \"{}\" sets: keep one", other.key)));
            }
        }
        let both = |a: &str, b: &str| axes.iter().any(|axis| axis.key == a) && axis.key == b;
        for (a, b) in [
            ("network.widths", "network.width"),
            ("network.widths", "network.depth"),
            ("train.steps", "train.epochs"),
            ("train.clip_norm", "train.clip_value"),
        ] {
            if both(a, b) {
                return Err(problem(format!("contradicts the axis \"{a}\": keep one")));
            }
        }
    }
    Ok(())
}

/// Groups of axes that move together, by their numbers among `axes`.
pub(super) fn read_linked(
    value: &crate::spec::Value<'static>,
    axes: &[GridAxis],
) -> Result<Vec<Vec<usize>>, SpecError> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for list in value.array()? {
        let mut group = Vec::new();
        for member in list.array()? {
            let key = member.string()?;
            let found = axes.iter().position(|axis| axis.key == key).ok_or_else(|| {
                let known = names::suggestion(key, axes.iter().map(|axis| axis.key.as_str()));
                member.wrong(format!("holds \"{key}\", which is no axis: {known}"))
            })?;
            if group.contains(&found) || groups.iter().any(|group| group.contains(&found)) {
                return Err(member.wrong(format!("holds \"{key}\" twice: keep one")));
            }
            group.push(found);
        }
        if group.len() < 2 {
            return Err(list.wrong("links a single axis: name two or more in a list, linked = [[\"a\", \"b\"]]"));
        }
        let length = axes[group[0]].values.len();
        if let Some(other) = group.iter().find(|axis| axes[**axis].values.len() != length) {
            return Err(list.wrong(format!(
                "links \"{}\" with {length} values and \"{}\" with {}: make them equally many",
                axes[group[0]].key,
                axes[*other].key,
                axes[*other].values.len()
            )));
        }
        groups.push(group);
    }
    Ok(groups)
}

/// Gives every axis its group, in the order of the text, and notes how many places each has.
pub(super) fn group(
    source: Source<'_>,
    axes: &mut [GridAxis],
    linked: &[Vec<usize>],
    sample: Option<&(u64, std::ops::Range<usize>)>,
    groups: &mut Vec<u64>,
) -> Result<(), GridError> {
    let mut sampled = None;
    let mut dimensions = 0;
    for index in 0..axes.len() {
        let is_range = matches!(axes[index].values, Values::Range(_));
        let members = linked.iter().find(|group| group.contains(&index));
        if let Some((points, span)) = sample.filter(|_| is_range) {
            dimensions += 1;
            if members.is_some() {
                let problem = "is linked, and ranges are sampled: list its values".to_owned();
                let place = source.place(axes[index].span.start);
                return Err(GridError::Axis { place, axis: axes[index].key.clone(), problem });
            }
            if dimensions > MOST_DIMENSIONS {
                let message = format!("is for at most {MOST_DIMENSIONS} ranges at once: list the values of some");
                return Err(SpecError::Value {
                    place: source.place(span.start),
                    key: "sweep.sample".to_owned(),
                    message,
                }
                .into());
            }
            axes[index].group = *sampled.get_or_insert_with(|| {
                groups.push(*points);
                groups.len() - 1
            });
            continue;
        }
        match members.and_then(|group| group.iter().find(|member| **member < index)) {
            Some(first) => axes[index].group = axes[*first].group,
            None => {
                groups.push(axes[index].values.len());
                axes[index].group = groups.len() - 1;
            }
        }
    }
    if let Some((_, span)) = sample.filter(|_| dimensions == 0) {
        let message = "samples ranges, and no axis is one: write { from = 0.5, to = 4.0 }".to_owned();
        return Err(
            SpecError::Value { place: source.place(span.start), key: "sweep.sample".to_owned(), message }.into()
        );
    }
    Ok(())
}
