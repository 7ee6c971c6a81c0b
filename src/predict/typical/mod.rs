//! Mean and variance of the logarithm of a gradient norm over networks: the typical network and its spread.
//!
//! One sample through positively homogeneous layers has an exact law at any width ([`exact`]). Everything else is the leading order
//! in 1/width ([`leading_order`]).

mod exact;
mod leading_order;
mod sensitivity;
mod units;

use std::f64::consts::LN_10;

use super::backward::BackwardKernels;
use super::forward::ForwardKernels;
use super::{Predictions, Statistic};
use crate::spec::{Quantity, Spec};

/// Moments of ln of the square of a norm in one layer.
struct LogMoments {
    /// Mean, where it is known at this width; else it follows from the variance.
    mean: Option<f64>,
    variance: f64,
    /// Of the ratio to the last layer that has the quantity.
    ratio_variance: f64,
}

/// The norms whose spread is derived.
const QUANTITIES: [Quantity; 3] =
    [Quantity::GradientNorms, Quantity::BiasGradientNorms, Quantity::PreActivationGradientNorms];

/// Adds mean and standard deviation of log10 to the predicted gradient norms, or says why not.
pub(super) fn add(
    spec: &Spec,
    forward: &ForwardKernels,
    backward: &Result<BackwardKernels, String>,
    predictions: &mut Predictions,
) {
    let Ok(backward) = backward else { return };
    let layers_of = |predictions: &Predictions, quantity: Quantity| -> Vec<usize> {
        predictions.of(quantity).map(|prediction| prediction.layer).collect()
    };
    let arriving = layers_of(predictions, Quantity::ActivationGradientNorms);
    let reason = "the spread of dL/dX is not derived; that of dL/dH of the same layer is";
    predictions.withhold(Quantity::ActivationGradientNorms, Statistic::TypicalValue, arriving, reason);

    let mut left = Vec::new();
    for quantity in QUANTITIES {
        let layers = layers_of(predictions, quantity);
        match exact::log_moments(spec, quantity, &layers) {
            Some(moments) => store(predictions, quantity, moments, EXACT),
            None if layers.is_empty() => {}
            None => left.push((quantity, layers)),
        }
    }
    // All at once: they share the layers' units and sensitivities.
    let norms: Vec<(Quantity, usize)> =
        left.iter().flat_map(|(quantity, layers)| layers.iter().map(|&layer| (*quantity, layer))).collect();
    if norms.is_empty() {
        return;
    }
    match leading_order::log_moments(spec, forward, backward, &norms) {
        Ok(moments) => {
            let mut moments = moments.into_iter();
            for (quantity, layers) in left {
                store(predictions, quantity, moments.by_ref().take(layers.len()).collect(), LEADING_ORDER);
            }
        }
        Err(reason) => {
            for (quantity, layers) in left {
                predictions.withhold(quantity, Statistic::TypicalValue, layers, reason.clone());
            }
        }
    }
}

fn store(predictions: &mut Predictions, quantity: Quantity, moments: Vec<LogMoments>, source: &str) {
    let mut failed = Vec::new();
    let of_quantity = predictions.predictions.iter_mut().filter(|prediction| prediction.quantity == quantity);
    for (prediction, moments) in of_quantity.zip(moments) {
        if !(moments.variance.is_finite() && moments.variance >= 0.0 && moments.ratio_variance.is_finite()) {
            failed.push(prediction.layer);
            continue;
        }
        // Rounding of a difference that vanishes.
        let deviation = |variance: f64| 0.5 * variance.max(0.0).sqrt() / LN_10;
        // E ln g^2 = ln E g^2 - Var ln g^2 / 2 up to O(1/width^2), whatever the law; E g^2 is the one of infinite width.
        let follows = prediction.log10_rms.map(|rms| rms - 0.25 * moments.variance / LN_10);
        prediction.log10_mean = moments.mean.map(|mean| 0.5 * mean / LN_10).or(follows);
        prediction.log10_standard_deviation = Some(deviation(moments.variance));
        prediction.log10_ratio_standard_deviation = Some(deviation(moments.ratio_variance));
        prediction.typical_source = Some(source.to_owned());
    }
    predictions.withhold(quantity, Statistic::TypicalValue, failed, "the response of the norm leaves the range of f64");
}

const EXACT: &str =
    "exact at this width: a product of independent chi-square variables (Hanin 2018; Hanin and Nica 2020)";

const LEADING_ORDER: &str = "leading order in 1/width: linear response of the norm to the fluctuations of every layer's kernels, derived \
                             for this project (see `predict`); the mean takes the mean square at infinite width and leaves out its own \
                             shift of order 1/width";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::predict;
    use super::*;

    fn deviations(text: &str) -> Vec<(f64, f64)> {
        let spec = Spec::parse(text, Path::new("test.toml")).expect("valid");
        let predictions = predict(&spec);
        let of = predictions.of(Quantity::GradientNorms);
        of.map(|p| (p.log10_mean.expect("predicted"), p.log10_standard_deviation.expect("predicted"))).collect()
    }

    /// Two derivations that share nothing: at width 20,000 the quasi-Monte Carlo of the leading order meets the exact chi-square law to
    /// its 1 % (a bias too small to matter takes a network out of the exact law's domain).
    #[test]
    fn the_leading_order_meets_the_exact_law_of_wide_networks() {
        for activation in ["relu", "linear"] {
            let base = format!(
                "[network]\ninput = 20000\ndepth = 6\nwidth = 20000\nactivation = \"{activation}\"\nweights = {{ sigma_w = 1.3 }}\n"
            );
            let exact = deviations(&format!("{base}[loss]\nkind = \"random\""));
            let leading = deviations(&format!("{base}biases = {{ sigma_b = 1e-9 }}\n[loss]\nkind = \"random\""));
            for ((exact_mean, exact), (mean, leading)) in exact.into_iter().zip(leading) {
                assert!((exact_mean - mean).abs() < 1e-4, "{activation}: {exact_mean} {mean}");
                assert!((leading / exact - 1.0).abs() < 0.01, "{activation}: {leading} against {exact}");
            }
        }
    }

    /// A linear orthogonal network is an isometry: only the readout fluctuates, 2/n in the square for one sample.
    #[test]
    fn orthogonal_layers_add_no_spread() {
        let text = "[network]\ninput = 80\ndepth = 8\nwidth = 80\nactivation = \"linear\"\n\
                    weights = { ensemble = \"orthogonal\", sigma_w = 1.0 }\n[loss]\nkind = \"random\"";
        // Squares of the readout and of the input: 2/80 each.
        let expected = 0.5 * (4.0f64 / 80.0).sqrt() / LN_10;
        for (_, deviation) in deviations(text) {
            assert!((deviation / expected - 1.0).abs() < 0.02, "{deviation} against {expected}");
        }
    }

    /// Large batches under orthogonal weights, and samples that are zero, are withheld and not answered with noise.
    #[test]
    fn what_the_points_cannot_carry_is_withheld() {
        let text = |data: &str| {
            format!(
                "[network]\ninput = 64\ndepth = 4\nwidth = 64\nactivation = \"tanh\"\n\
                 weights = {{ ensemble = \"orthogonal\", sigma_w = 1.2 }}\n[data]\n{data}\n[loss]\nkind = \"random\""
            )
        };
        let typical =
            |spec: &Spec| predict(spec).of(Quantity::GradientNorms).filter(|p| p.log10_mean.is_some()).count();
        let large = Spec::parse(&text("batch = 32"), Path::new("test.toml")).expect("valid");
        let small = Spec::parse(&text("batch = 4"), Path::new("test.toml")).expect("valid");
        assert_eq!((typical(&large), typical(&small)), (0, 4));
        let mut zero = small;
        let inputs = nalgebra::DMatrix::from_fn(64, 2, |i, a| if a == 0 { 0.0 } else { f64::from(i as u32 % 5) });
        let source = crate::spec::DataSource::Given {
            inputs: inputs.into(),
            labels: None,
            targets: None,
            origin: "test".to_owned(),
        };
        zero.data = crate::spec::DataSpec { batch: 2, source };
        let predictions = predict(&zero);
        assert!(predictions.of(Quantity::GradientNorms).all(|p| p.log10_rms.is_some() && p.log10_mean.is_none()));
        assert!(
            predictions
                .not_predicted
                .iter()
                .any(|n| n.statistic == Statistic::TypicalValue && n.reason.contains("variance"))
        );
    }

    /// Samples that are equal behave as one: same spread, and uncorrelated ones fluctuate less.
    #[test]
    fn a_batch_of_equal_samples_is_one_sample() {
        let given = |batch: usize, spread: f64| {
            let mut spec = Spec::load("lesson").expect("built in");
            let entry = |i: usize, a: usize| {
                0.4 * (f64::from((i % 7) as u32) - 3.0 + spread * f64::from(((i + 3 * a) % 5) as u32))
            };
            let inputs = nalgebra::DMatrix::from_fn(50, batch, entry);
            let source = crate::spec::DataSource::Given {
                inputs: inputs.into(),
                labels: None,
                targets: None,
                origin: "test".to_owned(),
            };
            spec.data = crate::spec::DataSpec { batch, source };
            let predictions = predict(&spec);
            let first = predictions.of(Quantity::GradientNorms).next().and_then(|p| p.log10_standard_deviation);
            first.expect("predicted")
        };
        let (one, three, apart) = (given(1, 0.0), given(3, 0.0), given(3, 1.0));
        assert!((three / one - 1.0).abs() < 0.04, "{three} against {one}");
        assert!(apart < 0.95 * one, "{apart} against {one}");
    }
}
