//! Losses and biases beyond gradient independence and Gaussian laws: whole profiles.

use std::path::Path;

use super::{Claim, ClaimError, ClaimResult, judge};
use crate::measure::Progress;
use crate::spec::{Quantity, Spec};

/// The weight-gradient profile of one specification.
pub(super) struct Profile {
    id: &'static str,
    statement: &'static str,
    text: &'static str,
}

/// Every profile claim. The squared error takes 1,200 networks: with 900 the interval straddles the allowed error for seed 7 and for 1 of 12 other
/// seeds (1001 to 1012), with 1,200 for none of them. Five outputs with given targets average over less, and take 9,000.
pub(super) const PROFILES: &[Profile] = &[
    Profile {
        id: "squared-error-profile",
        statement: "The squared error\u{2019}s gradient is predicted layer by layer, with its part along the activations",
        text: "seed = 7\n[network]\ninput = 50\ndepth = 4\nwidth = 60\nactivation = \"relu\"\nweights = { preset = \"he\" }\n\
               biases = { sigma_b = 0.2 }\n[data]\nbatch = 4\n[loss]\nkind = \"mse\"\n[measure]\ntrials = 1200",
    },
    Profile {
        id: "given-targets-profile",
        statement: "The squared error\u{2019}s gradient for given targets is predicted layer by layer from their Gram matrix and what they have in common \
                    with the outputs",
        text: "seed = 10\n[network]\ninput = 20\nwidths = [60, 60, 60, 5]\nactivation = \"relu\"\nweights = { preset = \"he\" }\n\
               [data]\nkind = \"regression\"\nbatch = 4\n[loss]\nkind = \"mse\"\n[measure]\ntrials = 9000",
    },
    Profile {
        id: "cross-entropy-profile",
        statement: "The cross-entropy\u{2019}s gradient on handwritten digits is predicted layer by layer from their Gram matrix and labels",
        text: "seed = 8\n[network]\ninput = 64\ndepth = 4\nwidth = 64\noutput = 10\nactivation = \"tanh\"\n\
               weights = { sigma_w = 1.2 }\n[data]\nkind = \"digits\"\nbatch = 6\n[loss]\nkind = \"cross_entropy\"\n\
               [measure]\ntrials = 500",
    },
    Profile {
        id: "uniform-bias-profile",
        statement: "ReLU with PyTorch\u{2019}s default initialisation, where most of the pre-activations is a uniform bias, is predicted layer by layer \
                    under loss sum",
        text: "seed = 9\n[network]\ninput = 60\ndepth = 6\nwidth = 60\nactivation = \"relu\"\nweights = { preset = \"torch\" }\n\
               biases = { preset = \"torch\" }\n[data]\nbatch = 3\n[measure]\ntrials = 800",
    },
];

impl Claim for &'static Profile {
    fn id(&self) -> String {
        self.id.to_owned()
    }

    fn statement(&self) -> String {
        self.statement.to_owned()
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let spec = Spec::parse(self.text, Path::new(self.id)).expect("a test runs every claim: the text is valid");
        let profile = judge(&spec, Quantity::GradientNorms, 0.99, progress)?;
        let first = &profile.layers[0];
        Ok(ClaimResult {
            id: self.id(),
            statement: self.statement(),
            verdict: profile.verdict,
            predicted: first.predicted,
            measured: first.predicted + first.limit.value,
            standard_error: first.limit.standard_error,
            stated_error: profile.stated_error,
            unit: "log10 of the rms norm of dL/dW_1, extrapolated to infinite width".to_owned(),
            criterion: format!(
                "all {} layers at the 99 % level (Bonferroni), three widths, {} trials each, seed {}; allowed error: {}; {profile}",
                profile.layers.len(),
                spec.measure.trials,
                spec.seed,
                profile.resolution
            ),
            control_refuted: profile.controls_refuted(),
            controls: profile.controls,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::measure::{Silent, measure};
    use crate::predict::predict_values;
    use crate::spec::DataSource;

    /// The same specification with other targets.
    fn with_targets(spec: &Spec, change: impl Fn(&nalgebra::DMatrix<f64>) -> Option<nalgebra::DMatrix<f64>>) -> Spec {
        let mut other = spec.clone();
        let DataSource::Given { targets, .. } = &mut other.data.source else { panic!("a regression is given") };
        *targets = change(targets.as_ref().expect("a regression has targets")).map(Arc::new);
        other
    }

    fn one_layer(activation: &str) -> Spec {
        let text = format!(
            "seed = 3\n[network]\ninput = 6\ndepth = 1\nwidth = 5\nactivation = \"{activation}\"\nweights = {{ sigma_w = 1.5 }}\n\
             biases = {{ sigma_b = 0.3 }}\n[data]\nkind = \"regression\"\nbatch = 4\nsamples = 8\nnoise = 0.3\n[loss]\nkind = \"mse\"\n\
             [measure]\ntrials = 4000"
        );
        let spec = Spec::parse(&text, Path::new("targets.toml")).expect("valid");
        with_targets(&spec, |targets| Some(targets.add_scalar(0.5)))
    }

    const GRADIENTS: [Quantity; 4] = [
        Quantity::GradientNorms,
        Quantity::BiasGradientNorms,
        Quantity::PreActivationGradientNorms,
        Quantity::ActivationGradientNorms,
    ];

    /// One layer of Gaussian weights on given inputs has exactly Gaussian pre-activations at any width: the prediction is exact. 4,000 networks
    /// for each of three activations, alpha = 1e-4 for each of the twelve means; left out in turn: the targets' products (the identity
    /// in their place), and what they have in common.
    #[test]
    fn given_targets_of_one_layer_are_predicted_exactly() {
        for (activation, odd) in [("sigmoid", false), ("relu", false), ("tanh", true)] {
            let spec = one_layer(activation);
            let measured = measure(&spec, "given targets", &Silent).expect("measured");
            let deviations = |mistaken: &Spec| {
                let predictions = predict_values(mistaken);
                GRADIENTS.map(|quantity| {
                    let m = measured.of(quantity).next().expect("measured");
                    let predicted = predictions.get(quantity, 1).and_then(|p| p.log10_rms).expect("predicted");
                    let (seen, error) = (m.log10_rms.expect("finite"), m.standard_error.expect("many trials"));
                    ((seen - predicted) / error).abs()
                })
            };
            let right = deviations(&spec);
            assert!(right.iter().all(|z| *z < 3.9), "{activation}: {right:?}");
            let drawn = deviations(&with_targets(&spec, |_| None));
            // Where batch and outputs average over signs, one of the four hardly moves.
            let refuted = drawn.iter().filter(|z| **z > 8.0).count();
            assert!(refuted >= 3, "{activation}, identity in place of the products: {drawn:?}");
            // A rotation of the outputs keeps the products and mixes what the targets have in common: here a reflection that takes (1, ..., 1)
            // to a direction along which the first two outputs differ.
            let apart = deviations(&with_targets(&spec, |targets| {
                let n = targets.nrows();
                let mut normal = nalgebra::DVector::from_element(n, (n as f64).sqrt().recip());
                normal[0] -= 0.5f64.sqrt();
                normal[1] += 0.5f64.sqrt();
                let reflection =
                    nalgebra::DMatrix::identity(n, n) - &normal * normal.transpose() * (2.0 / normal.norm_squared());
                Some(reflection * targets)
            }));
            if odd {
                assert!(
                    apart.iter().zip(right).all(|(a, b)| (a - b).abs() < 1e-6),
                    "{activation}: {apart:?} {right:?}"
                );
            } else {
                let refuted = apart.iter().filter(|z| **z > 8.0).count();
                assert!(refuted >= 3, "{activation}, nothing in common: {apart:?}");
            }
        }
    }

    /// A linear layer in closed form: `E |dL/dH|^2 = s^2 (n sum_a q_a + |T|^2)`.
    #[test]
    fn a_linear_layer_has_a_closed_form() {
        let spec = one_layer("linear");
        let DataSource::Given { inputs, targets: Some(targets), .. } = &spec.data.source else { panic!("given") };
        let q = 1.5f64.powi(2) * inputs.norm_squared() / 6.0 + 4.0 * 0.3f64.powi(2);
        let s = 2.0 / 20.0;
        let expected = s * (5.0 * q + targets.norm_squared()).sqrt();
        let predicted = predict_values(&spec).get(Quantity::PreActivationGradientNorms, 1).and_then(|p| p.value);
        assert!((predicted.expect("predicted") / expected - 1.0).abs() < 1e-12);
        // Targets of zero leave the outputs.
        let zero = with_targets(&spec, |targets| Some(targets * 0.0));
        let predicted = predict_values(&zero).get(Quantity::PreActivationGradientNorms, 1).and_then(|p| p.value);
        assert!((predicted.expect("predicted") / (s * (5.0 * q).sqrt()) - 1.0).abs() < 1e-12);
    }
}
