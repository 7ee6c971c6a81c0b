//! Tables of sweeps: the documented schema is the one that is written, and other programs read back what was written, to the last bit.

use std::path::Path;
use std::process::Command;

use gradspectra::sweep::table::{self, Format, Kind, columns};
use gradspectra::sweep::{
    Axis, AxisScale, AxisValue, Outcome, PointKey, PointResult, Row, Side, Statistic, SweepResults,
};
use serde_json::{Value, json};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// First cells of the table of a section of the documentation.
fn documented(section: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join("docs/sweep_schema.md")).expect("in the repository");
    let (_, rest) = text.split_once(&format!("\n## {section}\n")).unwrap_or_else(|| panic!("no section {section}"));
    let own = rest.split("\n## ").next().unwrap_or_default();
    own.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next().map(str::to_owned)).collect()
}

const SIDES: [Side; 4] = [Side::Predicted, Side::Measured, Side::Compared, Side::Trained];
const STATISTICS: [Statistic; 4] =
    [Statistic::Value, Statistic::Log10Rms, Statistic::Log10Mean, Statistic::Log10StandardDeviation];

/// A sweep with every kind of axis, names that formats could trip over, and numbers that need every digit.
fn awkward() -> SweepResults {
    let names =
        ["plain", "a,b", "say \"hi\"", "two\nlines", "\u{3c3}_w \u{1f600}", " padded ", "NA", "nan", "1e5", "'q'; --"];
    let numbers = [
        Some(0.1 + 0.2),
        Some(1.0),
        Some(-0.0),
        Some(f64::MIN_POSITIVE / 3.0),
        Some(f64::MAX),
        Some(-1.234_567_890_123_456_7e-300),
        None,
        Some(f64::NAN),
        Some(f64::INFINITY),
        Some(5e-324),
        Some(9_007_199_254_740_993.0),
        Some(1.0 / 3.0),
    ];
    let axis = |key: &str, values: Vec<AxisValue>, scale| Axis { key: key.into(), values, scale, linked: None };
    let points = (0..names.len())
        .map(|index| {
            let rows = numbers.iter().enumerate().map(|(k, value)| Row {
                side: SIDES[k % 4],
                quantity: if k % 2 == 0 { "gradient_norms".into() } else { "odd, \"quantity\"".into() },
                statistic: STATISTICS[(k + index) % 4],
                layer: (k % 3 > 0).then_some(k),
                value: *value,
                standard_error: value.map(|value| value / 7.0),
                stated_error: (k == 4).then_some(0.25),
                trials: (k % 2 == 0).then_some(1_000 + k as u64),
                zeros: (k % 2 == 0).then_some(0),
                non_finite: None,
            });
            PointResult {
                key: PointKey(if index == 1 { 7 } else { u128::MAX / (index as u128 + 3) }),
                index,
                repeat: 0,
                seed: if index == 2 { u64::MAX } else { index as u64 },
                coordinates: vec![
                    AxisValue::Text(names[index].into()),
                    AxisValue::Integer(i64::MAX - index as i64),
                    if index % 2 == 0 {
                        AxisValue::Float(0.1 * index as f64)
                    } else {
                        AxisValue::Integer(index as i64)
                    },
                    AxisValue::Flag(index % 2 == 0),
                    AxisValue::Integer(index as i64),
                ],
                outcome: match index {
                    3 => Outcome::Error("not enough memory: \"5 GiB\",\nreduce width".into()),
                    4 => Outcome::Rows(vec![]),
                    _ => Outcome::Rows(rows.collect()),
                },
            }
        })
        .collect();
    SweepResults {
        name: "awkward, \"quoted\"\n\u{e4}".into(),
        question: None,
        axes: vec![
            axis("network, \"activation\"", vec![], AxisScale::Category),
            axis("network.width", vec![], AxisScale::Log),
            axis("network.weights.sigma_w", vec![], AxisScale::Linear),
            axis("flag", vec![], AxisScale::Category),
            axis("seed", vec![], AxisScale::Linear),
        ],
        repeats: 1,
        planned: 12,
        points,
    }
}

#[test]
fn the_documented_columns_are_those_that_are_written() {
    let mut results = awkward();
    assert!(columns(&results).iter().any(|column| column.name == "axis.seed"));
    results.axes.clear();
    let written: Vec<String> = columns(&results).into_iter().map(|column| column.name).collect();
    assert_eq!(written, documented("Columns"));
    let name = |value: Value| value.as_str().expect("a name").to_owned();
    let sides = SIDES.map(|side| name(serde_json::to_value(side).expect("JSON")));
    assert_eq!(sides.to_vec(), documented("Sides"));
    let statistics = STATISTICS.map(|statistic| name(serde_json::to_value(statistic).expect("JSON")));
    assert_eq!(statistics.to_vec(), documented("Statistics"));
}

/// What a reader must find, made without the writers: numbers by their bits.
fn expected(results: &SweepResults) -> Value {
    let bits = |number: Option<f64>| {
        number.filter(|number| number.is_finite()).map(|number| format!("{:016x}", number.to_bits()))
    };
    let coordinate = |value: &AxisValue, kind: Kind| match value {
        AxisValue::Integer(number) if kind == Kind::Float => json!(bits(Some(*number as f64))),
        AxisValue::Float(number) => json!(bits(Some(*number))),
        other => serde_json::to_value(other).expect("JSON"),
    };
    let columns = columns(results);
    let mut lines = Vec::new();
    for point in &results.points {
        let mut start = vec![json!(results.name), json!(point.index), json!(point.key), json!(point.repeat)];
        start.push(json!(point.seed));
        start.extend(point.coordinates.iter().enumerate().map(|(k, value)| coordinate(value, columns[5 + k].kind)));
        match &point.outcome {
            Outcome::Rows(rows) if !rows.is_empty() => lines.extend(rows.iter().map(|row| {
                let mut line = start.clone();
                line.extend([json!(row.side), json!(row.quantity), json!(row.statistic), json!(row.layer)]);
                line.extend([json!(bits(row.value)), json!(row.unit()), json!(bits(row.standard_error))]);
                line.extend([
                    json!(bits(row.stated_error)),
                    json!(row.trials),
                    json!(row.zeros),
                    json!(row.non_finite),
                ]);
                line.push(Value::Null);
                line
            })),
            outcome => {
                let mut line = start;
                line.extend(vec![Value::Null; 11]);
                line.push(if let Outcome::Error(error) = outcome { json!(error) } else { Value::Null });
                lines.push(line);
            }
        }
    }
    let kind = |kind: Kind| match kind {
        Kind::Natural => "natural",
        Kind::Integer => "integer",
        Kind::Float => "float",
        Kind::Flag => "flag",
        Kind::Text => "text",
    };
    let names: Vec<_> = columns.iter().map(|column| (&column.name, kind(column.kind))).collect();
    json!({ "columns": names, "lines": lines })
}

/// `.ci/pandas-test` makes the Python and names it; without one this test says that it did not run.
#[test]
fn pandas_and_duckdb_read_back_every_bit() {
    let Some(python) = std::env::var_os("GRADSPECTRA_PYTHON") else {
        eprintln!("skipped: GRADSPECTRA_PYTHON names no Python with pandas; .ci/pandas-test makes one");
        return;
    };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let results = awkward();
    for format in Format::ALL {
        let file = directory.path().join("table").with_extension(format.extension());
        table::save(&results, *format, &file).expect("writable");
    }
    let document = expected(&results).to_string();
    std::fs::write(directory.path().join("expected.json"), document).expect("writable");
    let script = root().join("tests/sweep/read_back.py");
    let output = Command::new(python).arg(script).arg(directory.path()).output().expect("Python runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    eprint!("{out}");
}
