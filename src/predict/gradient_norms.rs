//! Norms of the gradients of weights, biases and pre-activations.

use std::f64::consts::LN_10;

use super::forward::{ForwardKernels, LayerKernels};
use super::{Correlations, Prediction, Predictions};
use crate::layer::dense;
use crate::mean_field::{ActivationMaps, Kernel, ScaledKernel, reference_scale};
use crate::spec::{Loss, Quantity, Spec};

const SOURCE: &str =
    "mean-field kernels of the batch: Poole et al. 2016, Schoenholz et al. 2017; sum over pairs of samples";

pub(super) fn predict(
    spec: &Spec,
    quantity: Quantity,
    forward: &ForwardKernels,
    correlations: Correlations,
    predictions: &mut Predictions,
) {
    let blocks = &spec.network.blocks;
    let with_parameter = |layer: &usize| quantity != Quantity::BiasGradientNorms || blocks[layer - 1].biases.is_some();
    if let Some((_, reason)) = forward.beyond() {
        let reason = format!("the gradient passes through every layer; {reason}");
        predictions.withhold(quantity, (1..=forward.depth).filter(with_parameter), reason);
        return;
    }
    if spec.loss == Loss::Mse {
        let reason = "the gradient of the squared error depends on the outputs themselves: gradient independence fails, and \
                      no correction is derived in this version (losses `sum` and `random` are predicted)";
        predictions.withhold(quantity, (1..=forward.depth).filter(with_parameter), reason);
        return;
    }
    let layers: Vec<(&LayerKernels, &ActivationMaps)> =
        forward.layers.iter().filter_map(|layer| Some((layer, layer.maps.as_ref().ok()?))).collect();
    let aligned = spec.loss == Loss::Sum && !gradient_is_independent(spec, forward);
    let mut hypotheses = forward.hypotheses.clone();
    hypotheses.push(
        "gradient independence: the gradient that arrives at a layer is independent of its weights (leading order in width)"
            .to_owned(),
    );
    let mut found = Vec::new();
    let mut delta: Option<ScaledKernel> = None;
    for (index, (kernels, maps)) in layers.iter().enumerate().rev() {
        if aligned && index + 1 < layers.len() {
            let reason = "the derivative of the sum of the outputs is not a random direction: E phi'' is not 0 for this last \
                          activation, W^T phi'(h) is aligned with the layer's input, and gradient independence fails; no \
                          correction for batches is derived in this version (loss `random`, or a linear `output` layer, is \
                          predicted)";
            predictions.withhold(quantity, (1..=index + 1).filter(with_parameter), reason);
            break;
        }
        // D_L = n_L P_L;  D_l = sigma_w(l+1)^2 D_{l+1} o P_l.
        let current = match delta.take() {
            None => ScaledKernel::new(maps.slope.clone(), (blocks[index].fan_out as f64).ln()),
            Some(above) => above.times(&maps.slope, dense::ln_backward_factor(blocks[index + 1].sigma_w())),
        };
        let layer = index + 1;
        if with_parameter(&layer) {
            let counted = match correlations {
                Correlations::Kept => current.clone(),
                Correlations::LeftOut => {
                    ScaledKernel { kernel: current.kernel.without_correlations(), ..current.clone() }
                }
            };
            let ln_square = match quantity {
                Quantity::BiasGradientNorms => counted.ln_sum(),
                Quantity::PreActivationGradientNorms => {
                    ScaledKernel { kernel: current.kernel.without_correlations(), ..current.clone() }.ln_sum()
                }
                _ => (blocks[index].fan_in as f64).ln() + counted.ln_inner(&kernels.input),
            };
            let log10_rms = 0.5 * ln_square / LN_10;
            found.push(Prediction {
                quantity,
                layer,
                value: Some(10f64.powf(log10_rms)).filter(|value| value.is_finite() && *value > 0.0),
                log10_rms: Some(log10_rms).filter(|log| log.is_finite()),
                log10_mean: None,
                error: None,
                numerical_error: 2.0 * forward.relative_error(forward.depth) / LN_10,
                hypotheses: hypotheses.clone(),
                source: SOURCE.to_owned(),
            });
        }
        delta = Some(current);
    }
    found.reverse();
    let vanished: Vec<usize> = found.iter().filter(|p| p.log10_rms.is_none()).map(|p| p.layer).collect();
    found.retain(|prediction| prediction.log10_rms.is_some());
    predictions.withhold(quantity, vanished, "the limit is exactly zero: the logarithm does not exist");
    predictions.predictions.extend(found);
}

/// Whether the gradient of the sum of the outputs leaves the last layer in a random direction: `E phi''(u) = 0` for the
/// last activation, at every variance in the batch. The aligned part of `W^T phi'(h)` is `E phi''` times the input.
fn gradient_is_independent(spec: &Spec, forward: &ForwardKernels) -> bool {
    let (Some(block), Some(kernels)) = (spec.network.blocks.last(), forward.layers.last()) else { return true };
    let reference = reference_scale(&*block.activation, &kernels.q);
    let no_curvature = |q: f64| q == 0.0 || block.activation.moments(reference * q).ddphi == Some(0.0);
    match &kernels.q.kernel {
        Kernel::Exchangeable { diagonal, .. } => no_curvature(*diagonal),
        Kernel::Full(matrix) => matrix.diagonal().iter().all(|&q| no_curvature(q)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::predict;
    use super::*;

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

    /// ReLU with a sum: only the last layer is predicted; with a random readout or a linear output layer all are.
    #[test]
    fn relu_under_a_sum_is_withheld_not_guessed() {
        let base =
            "[network]\ninput = 30\ndepth = 4\nwidth = 30\nactivation = \"relu\"\nweights = { preset = \"he\" }\n";
        let withheld = predict(&spec(base));
        assert_eq!(withheld.of(Quantity::GradientNorms).map(|p| p.layer).collect::<Vec<_>>(), [4]);
        let reason = withheld.not_predicted.iter().find(|n| n.quantity == Quantity::GradientNorms).expect("withheld");
        assert_eq!(reason.layers, [1, 2, 3]);
        // He keeps the mean square: |dL/dW_l|^2 = n_in n_L chi^(L-l) P q = 30 30 1/2 in every layer.
        for text in [format!("{base}[loss]\nkind = \"random\""), base.to_owned() + "output = 7"] {
            let predictions = rms(&spec(&text));
            assert_eq!(predictions.len(), if text.contains("output") { 5 } else { 4 });
        }
        for log10 in rms(&spec(&format!("{base}[loss]\nkind = \"random\""))) {
            assert!((log10 - 0.5 * (30.0 * 30.0 * 0.5_f64).log10()).abs() < 1e-12);
        }
    }

    /// The rule holds where the variances leave the range of f64, above for ReLU and below for tanh.
    #[test]
    fn withholding_does_not_depend_on_the_scale() {
        let deep = |activation: &str, sigma_w: f64| {
            let text = format!(
                "[network]\ninput = 9\ndepth = 800\nwidth = 9\nactivation = \"{activation}\"\nweights = {{ sigma_w = {sigma_w:?} }}"
            );
            rms(&spec(&text)).len()
        };
        assert_eq!((deep("relu", 5.0), deep("relu", 0.1)), (1, 1));
        assert_eq!((deep("tanh", 0.3), deep("linear", 9.0)), (800, 800));
    }

    /// Biases that are far from Gaussian and large against q are withheld; Gaussian ones of the same size are not.
    #[test]
    fn large_uniform_biases_are_withheld() {
        let biased = |ensemble: &str| {
            let text = format!(
                "[network]\ninput = 9\ndepth = 3\nwidth = 9\nactivation = \"tanh\"\nweights = {{ sigma_w = 1.0 }}\n\
                 biases = {{ ensemble = \"{ensemble}\", std = 2.0 }}"
            );
            rms(&spec(&text)).len()
        };
        assert_eq!((biased("uniform"), biased("gaussian")), (0, 3));
    }

    #[test]
    fn squared_error_is_withheld_with_its_reason() {
        let text = "[network]\ninput = 3\ndepth = 2\nwidth = 3\nactivation = \"tanh\"\nweights = { sigma_w = 1.0 }\n\
                    [loss]\nkind = \"mse\"";
        let predictions = predict(&spec(text));
        assert_eq!(predictions.of(Quantity::GradientNorms).count(), 0);
        assert!(predictions.not_predicted[0].reason.contains("squared error"));
    }

    /// Given inputs enter by their own Gram matrix: identical samples behave as one sample with a gradient B times as large.
    #[test]
    fn given_inputs_enter_by_their_gram_matrix() {
        let mut single = Spec::load("lesson").expect("built in");
        let sample: Vec<f64> = (0..50).map(|i| f64::from(i % 7) - 3.0).collect();
        let given = |columns: usize| crate::spec::DataSource::Given {
            inputs: std::sync::Arc::new(nalgebra::DMatrix::from_fn(50, columns, |i, _| sample[i])),
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
