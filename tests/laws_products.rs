//! Laws of products against reference.json: closed forms, Lagrange inversion, and the largest x of masked products.

use gradspectra::law::{FreeProduct, FussCatalan, Law, Layer, Weights, gaussian_second_moment};

#[derive(Debug)]
struct Reference {
    name: String,
    params: serde_json::Value,
    value: String,
}

fn references(topic: &str) -> Vec<Reference> {
    let text = std::fs::read_to_string("tests/data/reference.json").expect("in the repository");
    let json: serde_json::Value = serde_json::from_str(&text).expect("valid JSON");
    let string = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let entries = json["references"].as_array().expect("a list").iter().filter(|entry| entry["topic"] == topic);
    entries
        .map(|entry| Reference {
            name: string(&entry["name"]),
            params: entry["params"].clone(),
            value: string(&entry["value"]),
        })
        .collect()
}

impl Reference {
    /// A parameter, written as a number or in quotes.
    fn number(&self, key: &str) -> f64 {
        let value = &self.params[key];
        value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("{key} of {self:?}"))
    }

    fn count(&self, key: &str) -> usize {
        self.number(key) as usize
    }

    fn widths(&self) -> Vec<usize> {
        let list = self.params["dims"].as_array().unwrap_or_else(|| panic!("dims of {self:?}"));
        list.iter().map(|width| width.as_u64().expect("a width") as usize).collect()
    }

    fn check(&self, got: f64, relative: f64) {
        let expected: f64 = self.value.parse().expect("a number");
        assert!((got - expected).abs() <= relative * expected.abs(), "{self:?}: {got}");
    }
}

#[test]
fn products_agree_to_1e_13() {
    let references = references("T2");
    for reference in &references {
        let square = || FussCatalan::new(reference.count("L")).expect("allowed");
        let rectangular = || {
            let widths = reference.widths();
            FreeProduct::new(&widths, &vec![Layer::new(Weights::Independent); widths.len() - 1]).expect("certified")
        };
        let got = match reference.name.as_str() {
            "fuss_catalan_edge_x" => square().support().high,
            "fuss_catalan_smax" => square().support().high.sqrt(),
            "fuss_catalan_moment" => square().moment(reference.count("k") as u32).expect("known"),
            "fuss_catalan_median_x" => square().quantile(0.5),
            "fuss_catalan_pdf" => square().pdf(reference.number("x")),
            "fuss_catalan_cdf" => square().cdf(reference.number("x")),
            "second_moment_finite_n" => {
                gaussian_second_moment(std::iter::repeat_n(reference.count("n"), reference.count("L") + 1))
            }
            "rect_product_moment" => rectangular().moment(reference.count("k") as u32).expect("known"),
            "rect_product_top_edge_x" => rectangular().support().high,
            other => panic!("{other} is not compared"),
        };
        reference.check(got, 1e-13);
    }
    assert_eq!(references.len(), 38);
}

/// He weights, sigma_w^2 = 2: x is multiplied by 2^L.
#[test]
fn the_largest_x_of_relu_networks_agrees_to_1e_13() {
    let mut compared = 0;
    for reference in references("T7").iter().filter(|reference| reference.name == "jac_relu_top_x") {
        let weights = match reference.params["weights"].as_str() {
            Some("Gaussian") => Weights::Independent,
            Some("orthogonal") => Weights::Orthogonal,
            other => panic!("{other:?} is not compared"),
        };
        let depth = reference.count("depth");
        let layer = Layer::new(weights).masked(0.5).expect("a probability");
        let law = FreeProduct::new(&vec![1; depth + 1], &vec![layer; depth]).expect("certified");
        // An atom at the top, if there is one, is the largest.
        let largest = law.atoms().last().map_or(0.0, |atom| atom.at).max(law.support().high);
        reference.check(largest * reference.number("sigma_w2").powi(depth as i32), 1e-13);
        compared += 1;
    }
    assert!(compared >= 4, "{compared}");
}
