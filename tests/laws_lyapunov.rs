//! Lyapunov exponents, growth of one direction and product eigenvalues against reference.json, topics T3 and T4.

use gradspectra::law::{Fact, Growth, Law, LyapunovSpectrum, Parameters, build};

struct Reference {
    name: String,
    params: serde_json::Value,
    value: String,
}

impl Reference {
    fn number(&self, parameter: &str) -> usize {
        let value = self.params[parameter].as_u64().unwrap_or_else(|| panic!("{}: no {parameter}", self.name));
        usize::try_from(value).expect("small")
    }

    fn widths(&self) -> Vec<usize> {
        let list = self.params["dims"].as_array().expect("a list");
        list.iter().map(|n| n.as_u64().expect("a number") as usize).collect()
    }
}

fn references() -> Vec<Reference> {
    let text = std::fs::read_to_string("tests/data/reference.json").expect("in the repository");
    let json: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
    let entries = json["references"].as_array().expect("a list");
    let string = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    entries
        .iter()
        .filter(|entry| entry["topic"] == "T3" || entry["topic"] == "T4")
        .map(|entry| Reference {
            name: string(&entry["name"]),
            params: entry["params"].clone(),
            value: string(&entry["value"]),
        })
        .collect()
}

fn fact(facts: &[Fact], name: &str) -> f64 {
    facts.iter().find(|fact| fact.name == name).unwrap_or_else(|| panic!("no fact {name}")).value
}

fn facts_of(law: &str, widths: &[usize], factors: Option<usize>) -> Vec<Fact> {
    build(law, &Parameters { widths: widths.to_vec(), factors, ..Parameters::default() }).expect("allowed").facts()
}

#[test]
fn every_reference_is_reproduced() {
    let mut compared = 0;
    for reference in references() {
        let square = |name: &str| fact(&facts_of("lyapunov", &[reference.number("n")], None), name);
        let eigenvalues = |name: &str| fact(&facts_of("product_eigenvalues", &[], Some(reference.number("L"))), name);
        let got = match reference.name.as_str() {
            "lyapunov_exponent" => {
                let spectrum = LyapunovSpectrum::square(reference.number("n"), 1).expect("allowed");
                spectrum.exponents()[reference.number("k") - 1]
            }
            "lyapunov_top_variance_rate" => square("top_variance_rate"),
            "log_smax_offset" => square("log_largest_offset"),
            "log_smax_variance_offset" => square("log_largest_variance_offset"),
            "sum_lyapunov_over_n" => square("mean_exponent"),
            "E|Jx|^4 per layer" => fact(&facts_of("growth", &[reference.number("n")], Some(1)), "fourth_moment").exp(),
            "rect_E_ln_norm" => fact(&facts_of("growth", &reference.widths(), None), "mean"),
            "rect_Var_ln_norm" => fact(&facts_of("growth", &reference.widths(), None), "variance"),
            "norm_over_radius_product" => eigenvalues("norm_over_radius"),
            "product_eigenvalue_median_modulus" => eigenvalues("median"),
            other => panic!("{other} is not compared"),
        };
        let expected: f64 = reference.value.parse().expect("a number");
        assert!(
            (got - expected).abs() <= 2e-15 * expected.abs().max(0.1),
            "{} {}: {got:e} not {expected:e}",
            reference.name,
            reference.params
        );
        compared += 1;
    }
    assert_eq!(compared, 29);
}

/// The expansion that is quoted for it, N(-L/2n, L/2n), is not the law: the densities differ by percents at n = 10.
#[test]
fn the_leading_order_is_not_the_law() {
    let law = Growth::square(10, 20).expect("allowed");
    assert!((law.mean() - -1.0332).abs() < 1e-4 && (law.variance() - 1.1066).abs() < 1e-4);
    assert!((law.skewness() - -0.105).abs() < 1e-3);
    assert!((law.mean() + 1.0).abs() > 0.03 && (law.variance() - 1.0).abs() > 0.1);
}

/// Laws at another scale of the weights move by ln sigma_w a layer; eigenvalues by its power.
#[test]
fn sigma_w_shifts_exponents_and_growth() {
    let at = |law: &str, widths: &[usize], factors, sigma_w| {
        build(law, &Parameters { widths: widths.to_vec(), factors, sigma_w, ..Parameters::default() }).expect("allowed")
    };
    let median = |law: &str, widths: &[usize], factors, sigma_w| at(law, widths, factors, sigma_w).quantile(0.4);
    let shift = 1.3f64.ln();
    for (law, widths, factors, expected) in [
        ("growth", &[9][..], Some(7), 7.0 * shift),
        ("log_norm", &[9, 8, 9][..], None, 2.0 * shift),
        ("newman", &[9][..], Some(7), shift),
        ("triangular", &[][..], None, shift),
    ] {
        let moved = median(law, widths, factors, Some(1.3)) - median(law, widths, factors, None);
        assert!((moved - expected).abs() < 1e-12, "{law}: {moved}");
    }
    let ratio = median("eigenvalues", &[], Some(7), Some(1.3)) / median("eigenvalues", &[], Some(7), None);
    assert!((ratio - 1.3f64.powi(7)).abs() < 1e-12);
    let deep = at("eigenvalues", &[], Some(10_000), Some(0.5));
    assert!((deep.ln_quantile(0.5) - 15_000.0 * 0.5f64.ln()).abs() < 1e-9);
}

/// 1,000 densities with construction: below 20 ms in release, where debug builds are as much as three times slower.
#[test]
fn a_thousand_densities_are_fast() {
    for (widths, factors) in [(vec![1], 1), (vec![1], 1_000_000), (vec![50], 10), (vec![1000], 1_000_000)] {
        let start = std::time::Instant::now();
        let law = Growth::square(widths[0], factors).expect("allowed");
        let width = law.variance().sqrt();
        let total: f64 = (0..1000).map(|i| law.pdf(law.mean() + width * (f64::from(i) - 500.0) / 80.0)).sum();
        let elapsed = start.elapsed();
        eprintln!("n = {}, L = {factors}: {elapsed:?}", widths[0]);
        assert!(total > 0.0 && elapsed.as_millis() < 200, "n = {widths:?}, L = {factors}: {elapsed:?}");
    }
}
