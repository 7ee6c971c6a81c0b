//! Laws of extreme singular values and of eigenvalues of one matrix against reference.json (every number there carries its source).

use gradspectra::law::{Field, LAWS, LargestSingularValue, Law, Parameters, SmallestSingularValue, TracyWidom, build};

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

fn field(params: &serde_json::Value) -> Option<Field> {
    match (params["field"].as_str(), params["beta"].as_u64()) {
        (Some("complex"), _) | (_, Some(2)) => Some(Field::Complex),
        (Some("real"), _) | (_, Some(1)) => Some(Field::Real),
        _ => None,
    }
}

fn law(name: &str, params: &serde_json::Value, n: Option<usize>) -> std::sync::Arc<dyn Law> {
    let given = Parameters { widths: n.into_iter().collect(), field: field(params), ..Parameters::default() };
    build(name, &given).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn fact(law: &dyn Law, name: &str) -> f64 {
    law.facts().iter().find(|fact| fact.name == name).unwrap_or_else(|| panic!("no fact {name}")).value
}

#[test]
fn extremes_agree_with_the_reference() {
    let mut compared = 0;
    for Reference { name, params, value } in references("T1") {
        let n = params["n"].as_u64().map(|n| n as usize);
        let of = |law_name: &str, n: Option<usize>, name: &str| fact(&*law(law_name, &params, n), name);
        // The reference has about 12 digits of the Tracy-Widom laws, 10 of the integral at finite n, all doubles of the rest.
        let (got, digits) = match name.as_str() {
            other if other.starts_with("mp_") || other == "quarter_circle_mean_s" => continue,
            "tracy_widom_mean" => (of("tracy_widom", None, "mean"), 2e-12),
            "tracy_widom_variance" => (of("tracy_widom", None, "variance"), 2e-12),
            "tracy_widom_skewness" => (of("tracy_widom", None, "skewness"), 1e-11),
            "tracy_widom_excess_kurtosis" => (of("tracy_widom", None, "excess_kurtosis"), 3e-11),
            "tracy_widom_quantile" => {
                let p = params["p"].as_f64().expect("a probability");
                (law("tracy_widom", &params, None).quantile(p), 2e-12)
            }
            "smax_correction_coefficient_real" => {
                (of("largest_singular_value", Some(100), "smax_correction_coefficient"), 2e-12)
            }
            "edelman_mean_n_smin" => (of("hard_edge", None, "mean"), 1e-15),
            "edelman_second_moment" => (of("hard_edge", None, "second_moment"), 1e-15),
            "edelman_median_n_smin" => (of("hard_edge", None, "median"), 1e-15),
            "edelman_E_log_cond_minus_log_n" => (of("hard_edge", None, "log_condition_number_offset"), 1e-14),
            "edelman_mean_sqrtn_smin_finite_n" => (of("smallest_singular_value", n, "mean_scaled_smallest"), 1e-10),
            "expected_real_eigs" => (of("circular", n, "expected_real_eigenvalues"), 1e-14),
            "complex_ginibre_mean_spectral_radius" => {
                let own = of("ginibre_radius", n, "mean");
                assert_eq!(own, of("circular", n, "complex_ginibre_mean_spectral_radius"));
                (own, 1e-12)
            }
            other => panic!("{other} is not compared"),
        };
        let expected: f64 = value.parse().expect("a number");
        assert!((got - expected).abs() <= digits * expected.abs().max(1.0), "{name} {params}: {got} not {expected}");
        compared += 1;
    }
    assert_eq!(compared, 21);
}

/// The largest and the smallest singular value of the same matrix keep apart.
#[test]
fn largest_and_smallest_keep_apart() {
    let largest = LargestSingularValue::new(50, 50, Field::Real).expect("allowed");
    let smallest = SmallestSingularValue::new(50, Field::Real).expect("allowed");
    assert!(smallest.quantile(0.999_999) < 0.1 * largest.quantile(1e-6));
}

#[test]
fn sigma_w_moves_what_it_should() {
    for (name, power) in
        [("largest_singular_value", 2.0), ("smallest_singular_value", 2.0), ("circular", 1.0), ("ginibre_radius", 1.0)]
    {
        let at = |sigma_w: Option<f64>| {
            let law = build(name, &Parameters { widths: vec![40], sigma_w, ..Parameters::default() });
            law.expect("allowed").quantile(0.3)
        };
        assert!((at(Some(1.5)) / (1.5f64.powf(power) * at(None)) - 1.0).abs() < 1e-13, "{name}");
    }
    let refused = build("tracy_widom", &Parameters { sigma_w: Some(1.5), ..Parameters::default() });
    assert!(refused.expect_err("no sigma_w").to_string().contains("takes no --sigma-w"));
}

/// A thousand densities between two quantiles carry the mass between them, at sizes from the smallest to the largest.
#[test]
fn densities_carry_the_mass_between_quantiles() {
    let cases = [
        ("tracy_widom", vec![]),
        ("largest_singular_value", vec![1000, 500]),
        ("hard_edge", vec![]),
        ("smallest_singular_value", vec![2]),
        ("smallest_singular_value", vec![1000]),
        ("circular", vec![50]),
        ("ginibre_radius", vec![50]),
        ("ginibre_radius", vec![20_000]),
    ];
    for (name, widths) in cases {
        let law = build(name, &Parameters { widths: widths.clone(), ..Parameters::default() }).expect("allowed");
        let [low, high] = [1e-3, 1.0 - 1e-3].map(|p| law.quantile(p));
        // Denser at the lower end, where some densities diverge like a root.
        let at = |k: i32| (f64::from(k) + 0.5) / 1000.0;
        let mass: f64 = (0..1000).map(|k| 3.0 * at(k).powi(2) * law.pdf(low + (high - low) * at(k).powi(3))).sum();
        let mass = mass * (high - low) / 1000.0;
        assert!((mass - 0.998).abs() < 1e-3, "{name} {widths:?}: {mass}");
    }
}

/// Every law of the registry that is named here is known under its alias, too.
#[test]
fn aliases_are_known() {
    for (alias, name) in [
        ("tw", "tracy_widom"),
        ("smax", "largest_singular_value"),
        ("edelman", "hard_edge"),
        ("smin", "smallest_singular_value"),
        ("girko", "circular"),
    ] {
        let entry = LAWS.iter().find(|entry| entry.name == name).expect("in the registry");
        assert!(entry.aliases.contains(&alias));
    }
    assert_eq!(TracyWidom::new(Field::Real).field(), Field::Real);
}
