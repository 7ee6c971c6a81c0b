//! The law of one matrix against reference.json (every number there carries its source).

use gradspectra::law::{Law, MarchenkoPastur};
use serde_json::Value;

fn number(value: &Value) -> f64 {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).expect("a number")
}

#[test]
fn marchenko_pastur_agrees_with_the_reference() {
    let text = std::fs::read_to_string("tests/data/reference.json").expect("in the repository");
    let json: Value = serde_json::from_str(&text).expect("valid JSON");
    let entries = json["references"].as_array().expect("a list").iter().filter(|entry| entry["topic"] == "T1");
    let mut compared = 0;
    for entry in entries {
        let (name, params) = (entry["name"].as_str().expect("text"), &entry["params"]);
        let text = entry["value"].as_str().expect("text");
        let law = |key: &str| MarchenkoPastur::new(number(&params[key])).expect("an allowed ratio");
        let got = match name {
            "mp_moment" => vec![law("c").moment(params["k"].as_u64().expect("a whole number") as u32).expect("known")],
            "mp_cdf" => vec![law("c").cdf(number(&params["x"]))],
            "mp_mean_log" => vec![law("c").mean_log().expect("no atom")],
            "mp_median" => vec![law("c").quantile(0.5)],
            "mp_edges" => vec![law("c").support().low, law("c").support().high],
            "quarter_circle_mean_s" => {
                let facts = MarchenkoPastur::new(1.0).expect("allowed").facts();
                vec![facts.iter().find(|fact| fact.name == "mean_singular_value").expect("at ratio 1").value]
            }
            other if other.starts_with("mp_") => panic!("{other} is not compared"),
            _ => continue,
        };
        let expected: Vec<f64> = text.split(',').map(|part| part.trim().parse().expect("a number")).collect();
        assert_eq!(got.len(), expected.len(), "{name}");
        for (got, expected) in got.iter().zip(&expected) {
            // The last digits that the reference gives of an edge were rounded once more.
            assert!((got - expected).abs() < 4e-15 * expected.abs().max(1.0), "{name} {params}: {got} not {expected}");
        }
        compared += 1;
    }
    assert_eq!(compared, 21);
}
