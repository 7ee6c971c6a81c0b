//! The lesson's sentences, each with its verdict in numbers.

use super::words::{power, significant};
use super::{spectra, worst_case};
use crate::spec::Quantity;
use crate::study::{SpectraOrReason, Study, Variant};

/// One sentence of the lesson.
pub(super) struct Sentence {
    pub says: String,
    pub verdict: String,
    pub numbers: String,
}

const SIGNAL: Quantity = Quantity::PreActivationGradientNorms;

/// The sentences that this study can judge; each verdict follows from its numbers.
pub(super) fn sentences(study: &Study) -> Vec<Sentence> {
    let builders: [fn(&Study) -> Option<Sentence>; 6] =
        [orders_of_magnitude, eigenvalues, sigmoid_quarter, weights_decide, relu_helps, ends_in_nan];
    builders.iter().filter_map(|build| build(study)).collect()
}

fn variant<'a>(study: &'a Study, name: &str) -> Option<&'a Variant> {
    study.variants.iter().find(|variant| variant.name == name)
}

/// Typical ratio of the first to the last layer, log10.
fn typical(variant: &Variant, quantity: Quantity) -> Option<f64> {
    let range = variant.ranges.iter().find(|range| range.quantity == quantity)?;
    Some(range.measured.as_ref()?.log10_mean?.value)
}

fn orders_of_magnitude(study: &Study) -> Option<Sentence> {
    let own = study.typical_log10_ratio(Quantity::GradientNorms)?;
    let torch = typical(variant(study, "sigmoid-torch")?, Quantity::GradientNorms)?;
    Some(Sentence {
        says: "The first layer\u{2019}s gradient is orders of magnitude smaller than the last layer\u{2019}s."
            .to_owned(),
        verdict: if own > -2.0 && torch < -2.0 {
            "not with these weights"
        } else if own <= -2.0 {
            "true"
        } else {
            "false"
        }
        .to_owned(),
        numbers: format!(
            "Typically {} of the last layer\u{2019}s dL/dW: {:.2} decades. With PyTorch\u{2019}s own initialisation it is {}: {:.1} decades.",
            power(own),
            own.abs(),
            power(torch),
            torch.abs()
        ),
    })
}

fn eigenvalues(study: &Study) -> Option<Sentence> {
    let SpectraOrReason::Spectra(measured) = &study.spectra else { return None };
    let (one, all) = (measured.depths.first()?, measured.depths.last()?);
    let top = |values: &[f64]| values.first().copied();
    let (radius, norm) = (top(&one.jacobian.log10_eigenvalue_moduli)?, top(&one.jacobian.log10_singular_values)?);
    let (last_radius, last_norm) =
        (top(&all.jacobian.log10_eigenvalue_moduli)?, top(&all.jacobian.log10_singular_values)?);
    let rate = study.typical_log10_ratio(SIGNAL)? / (study.depth() - 1).max(1) as f64;
    let verdict = if (radius < 0.0) != (rate < 0.0) {
        "wrong here: singular values decide"
    } else if norm * radius < 0.0 {
        "not the reason: the singular values lie on the other side of 1"
    } else {
        "not contradicted here, but singular values decide"
    };
    let lost = match spectra::lost(measured) {
        0 => String::new(),
        lost => format!(" An explicit product loses {lost} of its {} singular values.", measured.chain.len()),
    };
    Some(Sentence {
        says: "Eigenvalues below 1 make products decay, eigenvalues above 1 make them explode.".to_owned(),
        verdict: verdict.to_owned(),
        numbers: format!(
            "One layer\u{2019}s Jacobian has a spectral radius of {} and a largest singular value of {}; the gradient changes by {} a layer. Over \
             {} layers the radius is {}, the largest singular value {}: {} times as much.{lost}",
            power(radius),
            power(norm),
            power(rate),
            all.depth,
            power(last_radius),
            power(last_norm),
            significant(10f64.powf(last_norm - last_radius)),
        ),
    })
}

fn sigmoid_quarter(study: &Study) -> Option<Sentence> {
    let (_, bound, slopes) = worst_case::bounds(study).first().copied()?;
    let measured = study.measured_log10_ratio(SIGNAL)?;
    let gains = &study.measurements.gains;
    if gains.is_empty() {
        return None;
    }
    let count = gains.len() as f64;
    let mean =
        |part: fn(&crate::spec::Gain<crate::stats::Estimate>) -> f64| gains.iter().map(part).sum::<f64>() / count;
    Some(Sentence {
        says:
            "The derivative of the sigmoid is at most 0.25, so every layer shrinks the gradient to a quarter or less."
                .to_owned(),
        verdict: if measured > slopes + 1.0 { "leaves out the weights" } else { "about right here" }.to_owned(),
        numbers: format!(
            "0.25 a layer would be {}; measured is {}. The slopes come to a factor of {} a layer, the weights to {}. \
             With the weights the bound is {}.",
            power(slopes),
            power(measured),
            significant(10f64.powf(mean(|gain| gain.saturation.value))),
            significant(10f64.powf(mean(|gain| gain.weights.value))),
            power(bound)
        ),
    })
}

fn weights_decide(study: &Study) -> Option<Sentence> {
    let at = |name: &str| typical(variant(study, name)?, SIGNAL);
    let (torch, xavier, tanh, chaos) =
        (at("sigmoid-torch")?, at("sigmoid-xavier")?, at("tanh-critical")?, at("tanh-chaos")?);
    Some(Sentence {
        says: "Better initialisation (Xavier) cures it.".to_owned(),
        verdict: if xavier < -1.0 { "not for the sigmoid" } else { "true" }.to_owned(),
        numbers: format!(
            "dL/dh in layer 1 is {} of the last layer\u{2019}s with Xavier, {} with PyTorch\u{2019}s default. Xavier is made for slopes near 1: tanh at its \
             critical sigma_w gives {}, tanh far above it {}.",
            power(xavier),
            power(torch),
            power(tanh),
            power(chaos)
        ),
    })
}

fn relu_helps(study: &Study) -> Option<Sentence> {
    let at = |name: &str| typical(variant(study, name)?, SIGNAL);
    let (he, torch) = (at("relu-he")?, at("relu-torch")?);
    Some(Sentence {
        says: "ReLU helps against vanishing gradients.".to_owned(),
        verdict: if he > -1.0 && torch < -1.0 {
            "with He\u{2019}s weights"
        } else if he > -1.0 {
            "true"
        } else {
            "false"
        }
        .to_owned(),
        numbers: format!(
            "dL/dh in layer 1: {} of the last layer\u{2019}s with He\u{2019}s weights, {} with PyTorch\u{2019}s default, which loses a factor of sqrt(6) a layer.",
            power(he),
            power(torch)
        ),
    })
}

fn ends_in_nan(study: &Study) -> Option<Sentence> {
    let overflow = variant(study, "linear-overflow")?;
    let underflow = variant(study, "sigmoid-underflow")?;
    let seen = overflow.layers.iter().any(|layer| layer.forward_nan > 0 || layer.nan > 0);
    Some(Sentence {
        says: "Exploding gradients end in NaN.".to_owned(),
        verdict: if seen { "true, by way of infinity" } else { "not seen here" }.to_owned(),
        numbers: format!(
            "In single precision, N(0, 1) weights {} deep: {}. PyTorch\u{2019}s sigmoid, {} deep: {}.",
            overflow.layers.len(),
            or_nothing(losses(overflow)),
            underflow.layers.len(),
            or_nothing(losses(underflow))
        ),
    })
}

fn or_nothing(text: String) -> String {
    if text.is_empty() { "nothing is lost".to_owned() } else { text }
}

/// What a variant lost to its number format, in words; empty if nothing.
pub(super) fn losses(variant: &Variant) -> String {
    let half = |count: usize| 2 * count > variant.trials;
    let first =
        |test: &dyn Fn(&crate::study::VariantLayer) -> bool| variant.layers.iter().position(test).map(|k| k + 1);
    let mut parts = Vec::new();
    if let Some(layer) = first(&|layer| layer.forward_infinite > 0) {
        parts.push(format!("the first infinite pre-activation in layer {layer}"));
    }
    if let Some(layer) = first(&|layer| half(layer.forward_nan)) {
        parts.push(format!("NaN in most networks from layer {layer}"));
    }
    if let Some(layer) = first(&|layer| half(layer.infinite + layer.nan)) {
        parts.push(format!("gradient not finite in most networks from layer {layer} on"));
    }
    if let Some(last) = variant.layers.iter().rposition(|layer| half(layer.zeros)) {
        parts.push(format!("gradient exactly zero in most networks up to layer {}", last + 1));
    }
    parts.join(", ")
}
