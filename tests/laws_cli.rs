//! The commands about laws as a user meets them: JSON contract, files, bad input, and a saved page that anybody may edit.

use std::path::Path;
use std::process::{Command, Output};

use gradspectra::law::LAWS;
use gradspectra::report::render_atlas;
use gradspectra::study::Atlas;
use serde_json::Value;

fn gradspectra(arguments: &[&str], directory: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gradspectra"))
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("the program was built for this test")
}

fn json(arguments: &[&str]) -> Value {
    let arguments: Vec<&str> = ["law"].iter().chain(arguments).copied().chain(["--json"]).collect();
    let output = gradspectra(&arguments, Path::new("."));
    assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

#[test]
fn every_law_keeps_the_contract() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for entry in LAWS {
        let example: Vec<&str> = entry.example.split_whitespace().collect();
        let (table, figure) = (directory.path().join("t.csv"), directory.path().join("f.svg"));
        let files =
            ["--out", table.to_str().expect("text"), "--figure", figure.to_str().expect("text"), "--points", "50"];
        let draws = ["--sample", "5", "--quantile", "0.25,0.5", "--at", "0.5"];
        let arguments: Vec<&str> = std::iter::once(entry.name).chain(example).chain(files).chain(draws).collect();
        let document = json(&arguments);
        assert_eq!(document["law"], entry.name);
        let [low, high] = [0, 1].map(|end| document["support"][end].as_f64());
        assert!(low.is_none_or(|low| high.is_none_or(|high| low <= high)), "{}", entry.name);
        for field in ["pdf", "cdf", "survival", "at"] {
            assert!(document[field].is_number(), "{}: {field} is {}", entry.name, document[field]);
        }
        assert!((number(&document["cdf"]) + number(&document["survival"]) - 1.0).abs() < 1e-12, "{}", entry.name);
        assert_eq!(document["moments"].as_array().map(Vec::len), Some(4), "{}", entry.name);
        assert_eq!(document["sample"].as_array().map(Vec::len), Some(5), "{}", entry.name);
        assert_eq!(document["quantiles"][1]["x"], document["median"]["x"], "{}", entry.name);
        let rows = std::fs::read_to_string(&table).expect("written");
        assert!(rows.lines().count() == 51 && !rows.contains("NaN"), "{}: {rows}", entry.name);
        let drawing = std::fs::read_to_string(&figure).expect("written");
        assert!(drawing.starts_with("<svg") && !drawing.contains("NaN"), "{}", entry.name);
    }
}

/// Pinned: Fuss-Catalan, 10 factors, median of the squared singular value; sigma_w = 2 multiplies it by 4^10.
#[test]
fn numbers_come_through_the_command_line() {
    let unit = json(&["fuss_catalan", "--factors", "10"]);
    assert!((number(&unit["median"]["x"]) / 0.001_095_878_752_361_586_7 - 1.0).abs() < 1e-12);
    assert_eq!(unit["pdf"], Value::Null);
    let scaled = json(&["fuss_catalan", "--factors", "10", "--sigma-w", "2"]);
    let ratio = number(&scaled["median"]["x"]) / number(&unit["median"]["x"]);
    assert!((ratio / 4f64.powi(10) - 1.0).abs() < 1e-12);
    // Beyond the range of doubles the logarithm stays.
    let deep = json(&["fuss_catalan", "--factors", "3000"]);
    assert_eq!(number(&deep["median"]["x"]), 0.0);
    assert!(number(&deep["median"]["log10_x"]) < -800.0);
    let several = json(&["marchenko_pastur", "--ratio", "2", "--at", "0,1,5"]);
    assert_eq!(several["cdf"].as_array().map(Vec::len), Some(3));
    assert_eq!(several["atoms"][0]["mass"], 0.5);
}

#[test]
fn bad_input_is_one_line_and_writes_nothing() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let cases: [(&[&str], &str); 12] = [
        (&["law", "fuss_catalin"], "did you mean `fuss_catalan`?"),
        (&["law", "fuss_catalan"], "needs --factors"),
        (&["law", "fuss_catalan", "--factors", "0"], "--factors is 0"),
        (&["law", "fuss_catalan", "--factors", "2", "--ratio", "0.5"], "takes no --ratio; it takes --factors"),
        (&["law", "marchenko_pastur", "--ratio", "-1"], "--ratio is -1"),
        (&["law", "free_product", "--widths", "10,0,5"], "--widths is 10,0,5"),
        (&["law", "free_product", "--widths", "10,5", "--ensembles", "gausian"], "did you mean `gaussian`?"),
        (&["law", "triangular", "--sigma-w", "0"], "--sigma-w is 0"),
        (&["law", "mp", "--ratio", "1", "--quantile", "1.5"], "--quantile is 1.5"),
        (&["law", "mp", "--ratio", "1", "--out", "missing/t.csv"], "missing/t.csv: cannot be written"),
        (&["report", "laws", "--trials", "5"], "--trials does not apply"),
        (&["law", "tracy_widom", "--field", "quaternion"], "invalid value 'quaternion'"),
    ];
    for (arguments, expected) in cases {
        let output = gradspectra(arguments, directory.path());
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(expected) && message.lines().count() == 1, "{arguments:?}: {message}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    assert_eq!(std::fs::read_dir(directory.path()).expect("readable").count(), 0);
}

fn ways(value: &Value, way: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let mut inside = |key: String, value: &Value| {
        way.push(key);
        ways(value, way, found);
        way.pop();
    };
    match value {
        Value::Array(list) => list.iter().enumerate().for_each(|(k, value)| inside(k.to_string(), value)),
        Value::Object(map) => map.iter().for_each(|(key, value)| inside(key.clone(), value)),
        Value::Number(_) => found.push(way.clone()),
        _ => {}
    }
}

fn at<'a>(document: &'a mut Value, way: &[String]) -> &'a mut Value {
    way.iter().fold(document, |value, key| match value {
        Value::Array(list) => &mut list[key.parse::<usize>().expect("an index")],
        other => &mut other[key.as_str()],
    })
}

/// The committed page about spectra renders again, byte by byte, and with any number replaced it is drawn or refused. Of the places that
/// differ by an index alone a few are tried.
#[test]
fn the_saved_page_renders_again_and_edited_ones_are_drawn_or_refused() {
    let text = std::fs::read_to_string("reports/laws/data.json").expect("in the repository");
    let atlas = Atlas::from_json(&text).expect("an atlas");
    for file in render_atlas(&atlas).expect("draws") {
        let committed = std::fs::read_to_string(Path::new("reports/laws").join(&file.name)).expect("in the repository");
        assert!(committed == file.text, "{} is not what the data give: run `gradspectra report laws`", file.name);
    }
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let mut places = Vec::new();
    ways(&document, &mut Vec::new(), &mut places);
    let mut seen: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    let replacements = [1e300, -3.5, 0.0, 9e5, 4_611_686_018_427_387_904.0];
    let (mut drawn, mut refused) = (0, 0);
    for way in &places {
        let kind: String = way.iter().map(|key| if key.parse::<usize>().is_ok() { "#" } else { key }).collect();
        let count = seen.entry(kind).or_default();
        *count += 1;
        if *count > 2 {
            continue;
        }
        for replacement in replacements {
            let mut edited = document.clone();
            let place = at(&mut edited, way);
            *place = if place.is_u64() && (0.0..1e19).contains(&replacement) {
                Value::from(replacement as u64)
            } else {
                Value::from(replacement)
            };
            match Atlas::from_json(&edited.to_string()) {
                Ok(atlas) => {
                    render_atlas(&atlas).expect("what is accepted can be drawn");
                    drawn += 1;
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(drawn > 100 && refused > 100, "{drawn} drawn, {refused} refused");
}
