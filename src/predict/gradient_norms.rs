//! Norms of the gradients of weights, biases and pre-activations.

use std::f64::consts::LN_10;

use super::backward::BackwardKernels;
use super::forward::ForwardKernels;
use super::setting::Setting;
use super::{Correlations, Prediction, Predictions, Statistic};
use crate::spec::Quantity;

pub(super) fn predict(
    setting: &Setting<'_>,
    quantity: Quantity,
    forward: &ForwardKernels,
    backward: &Result<BackwardKernels, String>,
    correlations: Correlations,
    predictions: &mut Predictions,
) {
    let layers = &setting.layers;
    let with_parameter = |layer: &usize| quantity != Quantity::BiasGradientNorms || layers[layer - 1].has_biases;
    let backward = match (forward.beyond(), backward) {
        (Some((_, reason)), _) => {
            let reason = format!("the gradient passes through every layer; {reason}");
            predictions.withhold(quantity, Statistic::Value, (1..=forward.depth).filter(with_parameter), reason);
            return;
        }
        (None, Err(reason)) => {
            predictions.withhold(
                quantity,
                Statistic::Value,
                (1..=forward.depth).filter(with_parameter),
                reason.clone(),
            );
            return;
        }
        (None, Ok(backward)) => backward,
    };
    let mut hypotheses = forward.hypotheses.clone();
    hypotheses.extend(backward.hypotheses.iter().cloned());
    let mut vanished = Vec::new();
    for (index, (kernels, gradient)) in forward.layers.iter().zip(&backward.layers).enumerate() {
        let layer = index + 1;
        if !with_parameter(&layer) {
            continue;
        }
        let counted = match correlations {
            Correlations::Kept => gradient.delta.clone(),
            Correlations::LeftOut => gradient.delta.diagonal_only(),
        };
        let ln_square = match quantity {
            Quantity::BiasGradientNorms => counted.ln_sum(),
            Quantity::PreActivationGradientNorms => gradient.delta.diagonal_only().ln_sum(),
            Quantity::ActivationGradientNorms => gradient.ln_activation_gradient_square,
            _ => (layers[index].fan_in as f64).ln() + counted.ln_inner(&kernels.input),
        };
        let log10_rms = 0.5 * ln_square / LN_10;
        if !log10_rms.is_finite() {
            vanished.push(layer);
            continue;
        }
        let quadrature = 2.0 * forward.relative_error(forward.depth);
        predictions.predictions.push(Prediction {
            numerical_error: (quadrature + backward.numerical_error) / LN_10,
            hypotheses: hypotheses.clone(),
            source: backward.source.to_owned(),
            ..Prediction::logarithmic(quantity, layer, log10_rms)
        });
    }
    predictions.withhold(
        quantity,
        Statistic::Value,
        vanished,
        "the limit is exactly zero: the logarithm does not exist",
    );
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::predict;
    use super::*;
    use crate::spec::Spec;

    fn spec(text: &str) -> Spec {
        Spec::parse(text, Path::new("test.toml")).expect("valid")
    }

    fn rms(spec: &Spec) -> Vec<f64> {
        predict(spec).of(Quantity::GradientNorms).map(|p| p.log10_rms.expect("finite")).collect()
    }

    /// Values of the reference table (mean field of the lesson's network, five digits).
    #[test]
    fn the_lesson_has_its_known_profile() {
        let lesson = Spec::load("lesson").expect("built in");
        let predictions = predict(&lesson);
        let value = |layer| predictions.get(Quantity::GradientNorms, layer).and_then(|p| p.value).expect("predicted");
        assert!((value(1) - 2.2023).abs() < 5e-5, "{}", value(1));
        assert!((value(5) - 6.2604).abs() < 5e-5, "{}", value(5));
        assert!((value(10) - 18.885).abs() < 5e-4, "{}", value(10));
        assert!((value(1) / value(10) - 0.116_616_525_748).abs() < 1e-11, "{}", value(1) / value(10));
    }

    /// Linear network, one sample, loss sum: E|dL/dW_l|^2 = n^2 sigma^(2(L-1)) in closed form, at any depth.
    #[test]
    fn deep_linear_networks_meet_the_closed_form_in_log_scale() {
        let text = "[network]\ninput = 50\ndepth = 2000\nwidth = 50\nactivation = \"linear\"\nweights = { std = 1.0 }";
        let expected = 50f64.log10() + 0.5 * 1999.0 * 50f64.log10();
        for log10 in rms(&spec(text)) {
            assert!((log10 - expected).abs() < 1e-8);
        }
    }

    /// ReLU, He, one sample, loss sum: E |dL/dx_{L-k}|^2 / n = 1 + (2k - 1)/pi (conserved Euler flow along x, 2/pi a layer across it);
    /// a random readout keeps 1.
    #[test]
    fn relu_under_a_sum_grows_by_its_alignment() {
        let base =
            "[network]\ninput = 300\ndepth = 9\nwidth = 300\nactivation = \"relu\"\nweights = { preset = \"he\" }\n";
        let square = |text: &str, k: usize| {
            let predictions = predict(&spec(text));
            let at = predictions.get(Quantity::ActivationGradientNorms, 9 - k).and_then(|p| p.value);
            at.expect("predicted").powi(2) / 300.0
        };
        assert!((square(base, 0) - 1.0).abs() < 1e-12);
        for k in 1..9 {
            let expected = 1.0 + (2.0 * k as f64 - 1.0) / std::f64::consts::PI;
            assert!((square(base, k) - expected).abs() < 1e-10, "k = {k}");
            assert!((square(&format!("{base}[loss]\nkind = \"random\""), k) - 1.0).abs() < 1e-10);
        }
        // He keeps the mean square: |dL/dW_l|^2 = n_in n_L chi^(L-l) P q = 300 300 1/2 in every layer.
        for log10 in rms(&spec(&format!("{base}[loss]\nkind = \"random\""))) {
            assert!((log10 - 0.5 * (300.0 * 300.0 * 0.5_f64).log10()).abs() < 1e-12);
        }
    }

    /// The alignment holds where the variances leave the range of f64, above for ReLU and below for tanh.
    #[test]
    fn the_alignment_does_not_depend_on_the_scale() {
        let profile = |activation: &str, sigma_w: f64| {
            let text = format!(
                "[network]\ninput = 9\ndepth = 800\nwidth = 9\nactivation = \"{activation}\"\nweights = {{ sigma_w = {sigma_w:?} }}"
            );
            predict(&spec(&text))
        };
        let last_minus_first = |p: &Predictions| {
            let at = |layer| {
                p.get(Quantity::PreActivationGradientNorms, layer).and_then(|p| p.log10_rms).expect("predicted")
            };
            at(1) - at(800)
        };
        // chi = sigma_w^2 / 2 a layer in square, and the aligned part adds the factor (1/2 + (2k - 1)/pi) / (1/2) ~ 4k/pi.
        for sigma_w in [5.0, 0.1_f64] {
            let chi = 799.0 * 0.5 * (0.5 * sigma_w * sigma_w).log10();
            // |delta_{L-k}|^2 / n = 1/2 + k/pi: half of what arrives, plus the aligned part.
            let aligned = 0.5 * ((0.5 + 799.0 / std::f64::consts::PI) / 0.5).log10();
            assert!((last_minus_first(&profile("relu", sigma_w)) - chi - aligned).abs() < 1e-6, "{sigma_w}");
        }
        assert_eq!(profile("tanh", 0.3).of(Quantity::GradientNorms).count(), 800);
    }

    /// Orthogonal weights under a sum: one layer of ReLU at sigma_w^2 = 2 gives |dL/dh_1|^2 from D_2 = n/2 as
    /// `sigma_w^2 (D_2 - n Q m^2) P + n kappa^2 A` with m = E phi'', Q m^2 = 1/(2 pi), kappa = sigma_w^2 m.
    #[test]
    fn orthogonal_weights_send_less_of_an_aligned_gradient_back() {
        let text = |ensemble: &str| {
            format!(
                "[network]\ninput = 100\ndepth = 2\nwidth = 100\nactivation = \"relu\"\n\
                 weights = {{ ensemble = \"{ensemble}\", sigma_w = 1.4142135623730951 }}"
            )
        };
        let square = |ensemble: &str| {
            let predictions = predict(&spec(&text(ensemble)));
            let at = predictions.get(Quantity::PreActivationGradientNorms, 1).and_then(|p| p.value);
            at.expect("predicted").powi(2) / 100.0
        };
        let known = 1.0 / (2.0 * std::f64::consts::PI);
        assert!((square("gaussian") - (0.5 + 2.0 * known)).abs() < 1e-10);
        assert!((square("orthogonal") - (0.5 - known + 2.0 * known)).abs() < 1e-10);
    }

    /// A linear network under the squared error: Y = W x, gradient 2 (Y - T) / (n B); with n_out = n and one layer,
    /// E |dL/dH|^2 = (2/nB)^2 n B (q + 1), and one layer below the aligned part has kappa = 2 sigma_w^2 / (n B).
    #[test]
    fn the_squared_error_meets_the_linear_closed_form() {
        let text = "[network]\ninput = 40\ndepth = 2\nwidth = 40\nactivation = \"linear\"\nweights = { sigma_w = 1.5 }\n\
                    [data]\nbatch = 3\n[loss]\nkind = \"mse\"";
        let predictions = predict(&spec(text));
        let square = |layer| {
            predictions.get(Quantity::PreActivationGradientNorms, layer).and_then(|p| p.value).expect("all").powi(2)
        };
        let (s2, scale) = (1.5f64.powi(2), (2.0f64 / 120.0).powi(2) * 120.0);
        let (q1, q2) = (s2, s2 * s2);
        assert!((square(2) - scale * (q2 + 1.0)).abs() < 1e-12);
        // W^T (W x - t): W^T W x = sigma_w^2 x + an independent part of the same variance (Marchenko-Pastur, ratio 1).
        assert!((square(1) - scale * (s2 * (q2 + 1.0) + s2 * s2 * q1)).abs() < 1e-12);
    }

    /// The softmax of very small outputs is uniform: D = (1/B^2)(1 - 1/n) on the diagonal, 0 off it for random labels.
    #[test]
    fn the_cross_entropy_of_an_undecided_network() {
        let text = "[network]\ninput = 30\ndepth = 1\nwidth = 30\noutput = 10\nactivation = \"tanh\"\n\
                    weights = { sigma_w = 1e-4 }\n[data]\nbatch = 4\n[loss]\nkind = \"cross_entropy\"";
        let predictions = predict(&spec(text));
        let at = |quantity| predictions.get(quantity, 2).and_then(|p: &Prediction| p.value).expect("predicted").powi(2);
        assert!((at(Quantity::PreActivationGradientNorms) - 0.9 / 4.0).abs() < 1e-6);
    }

    /// Uniform biases that make up most of q: phi is averaged over them. An independent oracle for one ReLU layer:
    /// E phi(u + b)^2 = (sigma_w^2 + bound^2 / 3) / 2 by symmetry.
    #[test]
    fn large_uniform_biases_are_averaged_over() {
        let text = "[network]\ninput = 9\ndepth = 2\nwidth = 9\nactivation = \"relu\"\nweights = { sigma_w = 0.05 }\n\
                    biases = { ensemble = \"uniform\", bound = 1.0 }\n[loss]\nkind = \"random\"";
        let predictions = predict(&spec(text));
        let input = predictions.get(Quantity::LayerInputs, 2).and_then(|p| p.value).expect("predicted");
        assert!((input.powi(2) - 0.5 * (0.0025 + 1.0 / 3.0)).abs() < 1e-9, "{input}");
        let inactive = predictions.get(Quantity::InactiveFraction, 1).and_then(|p| p.value).expect("predicted");
        assert!((inactive - 0.5).abs() < 1e-9);
    }

    /// Given inputs enter by their own Gram matrix: identical samples behave as one sample with a gradient B times as large.
    #[test]
    fn given_inputs_enter_by_their_gram_matrix() {
        let mut single = Spec::load("lesson").expect("built in");
        let sample: Vec<f64> = (0..50).map(|i| f64::from(i % 7) - 3.0).collect();
        let given = |columns: usize| crate::spec::DataSource::Given {
            inputs: std::sync::Arc::new(nalgebra::DMatrix::from_fn(50, columns, |i, _| sample[i])),
            labels: None,
            targets: None,
            origin: "test".to_owned(),
        };
        single.data = crate::spec::DataSpec { batch: 1, source: given(1) };
        let mut triple = single.clone();
        triple.data = crate::spec::DataSpec { batch: 3, source: given(3) };
        for (one, three) in rms(&single).iter().zip(rms(&triple)) {
            assert!((three - one - 3f64.log10()).abs() < 1e-10);
        }
    }
}
