//! A saved study is a file that anybody may edit: whatever stands in it, it is drawn or refused.

use std::path::Path;

use gradspectra::measure::Silent;
use gradspectra::report::render;
use gradspectra::spec::Spec;
use gradspectra::study::Study;
use serde_json::Value;

/// Every number of a JSON document, by the way to it.
fn numbers(value: &Value, way: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let mut inside = |key: String, value: &Value| {
        way.push(key);
        numbers(value, way, found);
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

/// Each number, one at a time, replaced by ones that are far too large, negative, or of the wrong kind: no panic, no hang. A third of the
/// numbers a replacement, another third for each; lists cut short as well.
#[test]
fn edited_studies_are_drawn_or_refused() {
    let text = "name = \"small\"\n[network]\ninput = 6\ndepth = 4\nwidth = 6\nactivation = \"tanh\"\nweights = { sigma_w = 0.5 }\n\
                [data]\nbatch = 2\n[loss]\nkind = \"random\"\n[measure]\ntrials = 6";
    let mut spec = Spec::parse(text, Path::new("small.toml")).expect("valid");
    spec.measure.product_spectrum = true;
    let saved = Study::run(&spec, &Silent).expect("small").to_json();
    let document: Value = serde_json::from_str(&saved).expect("JSON");
    let mut ways = Vec::new();
    numbers(&document, &mut Vec::new(), &mut ways);
    assert!(ways.len() > 500, "{}", ways.len());
    let replacements = [Value::from(1e300), Value::from(1u64 << 62), Value::from(-3.5)];
    let (mut drawn, mut refused) = (0, 0);
    let mut try_it = |edited: &Value| match Study::from_json(&edited.to_string()) {
        Ok(study) => {
            render(&study).expect("what is accepted can be drawn");
            drawn += 1;
        }
        Err(_) => refused += 1,
    };
    for (k, way) in ways.iter().enumerate() {
        let mut edited = document.clone();
        *at(&mut edited, way) = replacements[k % replacements.len()].clone();
        // Most of a density or a sampled activation is alike.
        if way.len() < 4 || k % 5 == 0 {
            try_it(&edited);
        }
    }
    for way in [
        ["spectra", "spectra", "norms"],
        ["spectra", "spectra", "depths"],
        ["action", "candidates", ""],
        ["product_spectrum", "0", "log10_singular_values"],
    ] {
        let way: Vec<String> = way.iter().filter(|key| !key.is_empty()).map(|key| (*key).to_owned()).collect();
        let mut edited = document.clone();
        *at(&mut edited, &way) = Value::Array(Vec::new());
        try_it(&edited);
    }
    assert!(drawn > 50 && refused > 50, "{drawn} drawn, {refused} refused");
}
