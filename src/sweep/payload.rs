//! The rows of a point as one line of text.
//!
//! Rows of one quantity and statistic in consecutive layers are a series: a network of a hundred layers takes a hundred numbers, not a hundred
//! times all names.

use serde::{Deserialize, Serialize};

use super::result::{Row, Side, Statistic};

/// Rows that differ in their layer and in their numbers.
#[derive(Debug, Serialize, Deserialize)]
struct Series {
    #[serde(rename = "s")]
    side: Side,
    #[serde(rename = "q")]
    quantity: String,
    #[serde(rename = "t")]
    statistic: Statistic,
    /// The first layer; absent for the whole network.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    first: Option<usize>,
    #[serde(rename = "v")]
    values: Vec<Option<f64>>,
    /// Empty where no row has one.
    #[serde(rename = "e", default, skip_serializing_if = "Vec::is_empty")]
    standard_errors: Vec<Option<f64>>,
    #[serde(rename = "d", default, skip_serializing_if = "Vec::is_empty")]
    stated_errors: Vec<Option<f64>>,
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    trials: Option<u64>,
    /// Absent where no row has one, empty where all are 0.
    #[serde(rename = "z", default, skip_serializing_if = "Option::is_none")]
    zeros: Option<Vec<u64>>,
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    non_finite: Option<Vec<u64>>,
}

/// A text that is not the rows of a point.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// Not JSON of this shape.
    #[error("not the rows of a point: {0}")]
    Json(#[from] serde_json::Error),
    /// Lists of different lengths.
    #[error("not the rows of a point: {quantity} has lists of different lengths")]
    Lengths {
        /// The quantity.
        quantity: String,
    },
}

/// The rows as one line.
pub fn encode(rows: &[Row]) -> String {
    let mut series = Vec::new();
    let mut rest = rows;
    while let Some(first) = rest.first() {
        let length = rest.iter().enumerate().take_while(|(k, row)| continues(first, row, *k)).count();
        let (these, others) = rest.split_at(length);
        series.push(of(these));
        rest = others;
    }
    // Neither a map with odd keys nor a number that JSON does not have: values that are not finite are absent.
    serde_json::to_string(&series).unwrap_or_default()
}

/// Whether a row is the `k`-th of a series that begins with `first`.
fn continues(first: &Row, row: &Row, k: usize) -> bool {
    let layer = match first.layer {
        Some(layer) => row.layer == Some(layer + k),
        None => k == 0,
    };
    let same_kind = first.side == row.side && first.quantity == row.quantity && first.statistic == row.statistic;
    let same_counts = first.trials == row.trials
        && first.zeros.is_some() == row.zeros.is_some()
        && first.non_finite.is_some() == row.non_finite.is_some();
    layer && same_kind && same_counts
}

fn of(rows: &[Row]) -> Series {
    let first = &rows[0];
    let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
    let list = |of: &dyn Fn(&Row) -> Option<f64>| {
        let list: Vec<Option<f64>> = rows.iter().map(|row| finite(of(row))).collect();
        if list.iter().any(Option::is_some) { list } else { Vec::new() }
    };
    let counts = |of: &dyn Fn(&Row) -> Option<u64>| {
        let list = rows.iter().map(of).collect::<Option<Vec<u64>>>()?;
        Some(if list.iter().any(|count| *count > 0) { list } else { Vec::new() })
    };
    Series {
        side: first.side,
        quantity: first.quantity.clone(),
        statistic: first.statistic,
        first: first.layer,
        values: rows.iter().map(|row| finite(row.value)).collect(),
        standard_errors: list(&|row| row.standard_error),
        stated_errors: list(&|row| row.stated_error),
        trials: first.trials,
        zeros: counts(&|row| row.zeros),
        non_finite: counts(&|row| row.non_finite),
    }
}

/// The rows of a line.
///
/// # Errors
///
/// [`PayloadError`] if the line was not made by [`encode`].
pub fn decode(line: &str) -> Result<Vec<Row>, PayloadError> {
    let all: Vec<Series> = serde_json::from_str(line)?;
    let mut rows = Vec::with_capacity(all.iter().map(|series| series.values.len()).sum());
    for series in all {
        let count = series.values.len();
        let fits = |length: usize| length == 0 || length == count;
        let lists = [series.standard_errors.len(), series.stated_errors.len()];
        let counts = [&series.zeros, &series.non_finite].map(|list| list.as_ref().map_or(0, Vec::len));
        if !lists.into_iter().chain(counts).all(fits) || (series.first.is_none() && count != 1) {
            return Err(PayloadError::Lengths { quantity: series.quantity });
        }
        let at = |list: &[Option<f64>], k: usize| list.get(k).copied().flatten();
        let count_at = |list: &Option<Vec<u64>>, k: usize| list.as_ref().map(|list| list.get(k).copied().unwrap_or(0));
        rows.extend((0..count).map(|k| Row {
            side: series.side,
            quantity: series.quantity.clone(),
            statistic: series.statistic,
            layer: series.first.map(|first| first + k),
            value: series.values[k],
            standard_error: at(&series.standard_errors, k),
            stated_error: at(&series.stated_errors, k),
            trials: series.trials,
            zeros: count_at(&series.zeros, k),
            non_finite: count_at(&series.non_finite, k),
        }));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(quantity: &str, layer: Option<usize>, value: Option<f64>) -> Row {
        Row {
            side: Side::Measured,
            quantity: quantity.to_owned(),
            statistic: Statistic::Log10Rms,
            layer,
            value,
            standard_error: None,
            stated_error: None,
            trials: None,
            zeros: None,
            non_finite: None,
        }
    }

    #[test]
    fn rows_come_back_as_they_went() {
        let mut rows: Vec<Row> = (1..=5).map(|layer| row("a", Some(layer), Some(0.1 * layer as f64))).collect();
        rows[2].value = None;
        rows[3].standard_error = Some(1e-300);
        for (k, row) in rows.iter_mut().enumerate() {
            (row.trials, row.zeros, row.non_finite) = (Some(40), Some(0), Some(k as u64));
        }
        rows.push(row("a", Some(9), Some(1.0)));
        rows.push(row("b", None, Some(f64::MIN_POSITIVE)));
        rows.push(row("b", None, None));
        let line = encode(&rows);
        assert!(!line.contains('\n') && line.starts_with('['), "{line}");
        assert_eq!(decode(&line).expect("rows"), rows);
        // Five layers are one series.
        assert_eq!(line.matches("\"q\":\"a\"").count(), 2, "{line}");
        assert_eq!(decode(&encode(&[])).expect("no rows"), []);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in
            ["", "{}", "[1]", "[{\"s\":\"measured\",\"q\":\"a\",\"t\":\"value\",\"l\":1,\"v\":[1.0],\"e\":[1.0,2.0]}]"]
        {
            decode(text).expect_err(text);
        }
    }
}
