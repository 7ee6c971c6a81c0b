//! Predictions, Gaussian expectations and derivative bounds against reference.json (25-digit quadrature and closed forms; every
//! number there carries its source).

use std::path::Path;

use gradspectra::activation::{Activation, by_name};
use gradspectra::predict::{Predictions, predict, predict_values};
use gradspectra::spec::{Quantity, Spec};

struct Reference {
    name: String,
    params: serde_json::Value,
    value: String,
}

fn references(topic: &str) -> Vec<Reference> {
    let text = std::fs::read_to_string("tests/data/reference.json").expect("in the repository");
    let json: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
    let entries = json["references"].as_array().expect("a list");
    let string = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    entries
        .iter()
        .filter(|entry| entry["topic"] == topic)
        .map(|entry| Reference {
            name: string(&entry["name"]),
            params: entry["params"].clone(),
            value: string(&entry["value"]),
        })
        .collect()
}

/// The activation of a reference: `leaky_relu_0.01` is ours with its parameter, and the bells are scaled ones.
fn registered(reference: &Reference) -> Option<std::sync::Arc<dyn Activation>> {
    let name = reference.params["act"].as_str()?;
    let spelling = match (name, name.rsplit_once('_')) {
        ("gaussian_exp(-x^2)", _) => "gaussian".to_owned(),
        ("gaussian_exp(-x^2/2)", _) => format!("gaussian({:?}*x)", 0.5f64.sqrt()),
        (_, Some((base, parameter))) if parameter.parse::<f64>().is_ok() => format!("{base}({parameter})"),
        _ => name.to_owned(),
    };
    by_name(&spelling).ok()
}

#[test]
fn gaussian_expectations_agree_to_1e_12() {
    let mut compared = 0;
    for reference in references("T5") {
        let Some(q) = reference.params["q"].as_str() else { continue };
        let phi = registered(&reference).unwrap_or_else(|| panic!("no activation for {}", reference.params));
        let moments = phi.moments(q.parse().expect("a number")).expect("exists");
        // The scale of an expectation that vanishes by symmetry is its root mean square.
        let (got, scale) = match reference.name.as_str() {
            "E_phi" => (moments.phi, moments.phi2.sqrt()),
            "E_phi2" => (moments.phi2, moments.phi2),
            "E_dphi" => (moments.dphi, moments.dphi2.sqrt()),
            "E_dphi2" => (moments.dphi2, moments.dphi2),
            "E_dphi4" => (moments.dphi4, moments.dphi4),
            // In the weak sense: d E phi^2 / dq less E phi'^2.
            "E_phi_d2phi" => {
                let slope = moments.phi2_slope.expect("q > 0");
                (slope - moments.dphi2, slope.abs() + moments.dphi2)
            }
            other => panic!("{other} is not compared"),
        };
        let expected: f64 = reference.value.parse().expect("a number");
        assert!(
            (got - expected).abs() <= 1e-12 * scale,
            "{} {}: {got} not {expected}",
            reference.name,
            reference.params
        );
        compared += 1;
    }
    assert_eq!(compared, 310);
}

#[test]
fn derivative_bounds_agree_to_the_last_place() {
    let mut compared = 0;
    for reference in references("T5") {
        if reference.params["q"].is_string() {
            continue;
        }
        let phi = registered(&reference).unwrap_or_else(|| panic!("no activation for {}", reference.params));
        let bounds = phi.derivative_bounds();
        let got = match reference.name.as_str() {
            "sup_dphi" => bounds.sup_abs,
            "min_dphi" => bounds.inf,
            "sup_d2phi" => bounds.second_sup_abs,
            other => panic!("{other} is not compared"),
        };
        let expected: f64 = reference.value.parse().expect("a number");
        assert!(
            (got - expected).abs() <= 2.0 * f64::EPSILON * expected.abs(),
            "{}: {got} not {expected}",
            reference.params
        );
        compared += 1;
    }
    assert_eq!(compared, 43);
}

fn rms(predictions: &Predictions, quantity: Quantity, layer: usize) -> f64 {
    predictions.get(quantity, layer).and_then(|prediction| prediction.value).expect("predicted")
}

/// Reference values in double precision: ten digits.
#[test]
fn the_lessons_mean_field_agrees() {
    let lesson = predict(&Spec::load("lesson").expect("built in"));
    let mut compared = 0;
    for reference in references("T11") {
        let layer = reference.params["layer"].as_u64().map(|layer| layer as usize);
        let first = reference.value.split(" , ").map(|number| number.parse::<f64>());
        match (reference.name.as_str(), layer) {
            ("lesson_gradnorm_mean_field", Some(layer)) => {
                let expected: f64 = reference.value.parse().expect("a number");
                let got = rms(&lesson, Quantity::GradientNorms, layer);
                assert!((got / expected - 1.0).abs() < 1e-10, "layer {layer}: {got} not {expected}");
                compared += 1;
            }
            ("lesson_q_layer", None) => {
                for (index, expected) in first.enumerate() {
                    let got = rms(&lesson, Quantity::PreActivations, index + 1).powi(2);
                    assert!((got - expected.expect("a number")).abs() < 1e-10, "q of layer {}: {got}", index + 1);
                    compared += 1;
                }
            }
            _ => {}
        }
    }
    assert_eq!(compared, 3 + 10);
}

/// The truly vanishing variants of the lesson: PyTorch's default and Xavier's weights.
#[test]
fn the_lessons_variants_agree() {
    let lesson = include_str!("../src/spec/builtin/lesson.toml");
    let weights = "{ ensemble = \"gaussian\", std = 1.0 }";
    assert!(lesson.contains(weights));
    for (preset, expected) in [("torch", 1.880_625_163_959e-8), ("xavier", 1.743_229_933_793e-6)] {
        // The reference takes the biases for Gaussian.
        let text = lesson.replace(weights, &format!("{{ preset = \"{preset}\" }}")).replace(
            "biases = { preset = \"torch\" }",
            &format!("biases = {{ sigma_b = {:?} }}", (1.0f64 / 150.0).sqrt()),
        );
        let predictions = predict(&Spec::parse(&text, Path::new("variant.toml")).expect("valid"));
        let got = rms(&predictions, Quantity::GradientNorms, 1) / rms(&predictions, Quantity::GradientNorms, 10);
        assert!((got / expected - 1.0).abs() < 1e-10, "{preset}: {got} not {expected}");
    }
}

/// That of the same network, where it is in the file.
fn correlation_length(of: &Reference) -> Option<f64> {
    let same =
        |other: &Reference| ["act", "sigma_w2", "sigma_b2"].iter().all(|key| other.params[key] == of.params[key]);
    let found = references("T6").into_iter().find(|other| other.name == "xi_c" && same(other))?;
    found.value.parse().ok()
}

/// Iterated to depth 200, the maps arrive at the reference's fixed points q* and c*.
#[test]
fn deep_networks_arrive_at_the_fixed_points() {
    let mut compared = 0;
    for reference in references("T6") {
        let (Some(phi), Some(w2), Some(b2)) =
            (registered(&reference), reference.params["sigma_w2"].as_str(), reference.params["sigma_b2"].as_str())
        else {
            continue;
        };
        let fraction = |text: &str| -> f64 {
            let mut parts = text.split('/').map(|part| part.parse::<f64>().expect("a number"));
            parts.next().unwrap_or(0.0) / parts.next().unwrap_or(1.0)
        };
        let (sigma_w, sigma_b) = (fraction(w2).sqrt(), fraction(b2).sqrt());
        let text = format!(
            "[network]\ninput = 9\ndepth = 200\nwidth = 9\nactivation = \"{}\"\nweights = {{ sigma_w = {sigma_w:?} }}\n\
             biases = {{ sigma_b = {sigma_b:?} }}\n[data]\nbatch = 2",
            phi.name()
        );
        let predictions = predict_values(&Spec::parse(&text, Path::new("deep.toml")).expect("valid"));
        let expected: f64 = reference.value.parse().expect("a number");
        let got = match reference.name.as_str() {
            "q_star" => rms(&predictions, Quantity::PreActivations, 200).powi(2),
            // sigma_w^2 = 1.76 is the edge of chaos to three digits: c approaches 1 like 1/depth there. Close to it, 200 layers are
            // too few: ten digits take 23 correlation lengths.
            "c_star" if w2 != "1.76" && correlation_length(&reference).is_none_or(|length| length < 8.0) => {
                predictions.get(Quantity::BatchCorrelations, 200).and_then(|p| p.value).expect("predicted")
            }
            _ => continue,
        };
        assert!((got / expected - 1.0).abs() < 1e-10, "{} {}: {got} not {expected}", reference.name, reference.params);
        compared += 1;
    }
    assert!(compared >= 10, "only {compared} references were found");
}
