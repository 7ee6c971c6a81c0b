//! The singular values of the product of the weights.

use std::f64::consts::LN_10;

use serde::{Deserialize, Serialize};

use crate::law::{FreeProduct, Growth, Law, Layer, LyapunovSpectrum, Weights};
use crate::spec::{BlockSpec, Spec};

/// Singular values of `W_l ... W_1`, `l = depth`, in decimal logarithms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProductSpectrumPrediction {
    /// Layers in the product.
    pub depth: usize,
    /// The i-th largest in the limit of infinite width at fixed depth; `null` for those that are exactly zero.
    pub log10_singular_values: Vec<Option<f64>>,
    /// Where they end in that limit.
    pub log10_largest: f64,
    /// The mean of the i-th largest in the limit of infinite depth at this width; `null` where the weights are not Gaussian.
    pub log10_frozen: Option<Vec<f64>>,
    /// log10 of the factor by which a fixed vector grows, exactly: mean and standard deviation over networks; `null` where the weights are not Gaussian.
    pub log10_growth: Option<GrowthPrediction>,
    /// Depth over the smallest width: the first limit wants it small, the second large.
    pub depth_over_width: f64,
    /// The law of the first limit.
    pub law: String,
    /// What the theory assumes.
    pub hypotheses: Vec<String>,
    /// Where it comes from.
    pub source: String,
}

/// Growth of a fixed vector.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GrowthPrediction {
    /// Mean of log10.
    pub mean: f64,
    /// Standard deviation of log10.
    pub standard_deviation: f64,
}

/// The spectrum of the product of the first `depth` layers' weights.
///
/// # Formula
///
/// Infinite width at fixed depth: the i-th largest of n singular values is the quantile of probability `1 - (i - 1/2)/n` of the free product
/// of the layers' laws ([`FreeProduct`]), times `prod sigma_w`. Infinite depth at fixed width, Gaussian weights: `E ln s_i = sum_l E ln R_ii` with the
/// offset of [`LyapunovSpectrum`]. Between the two, at a depth of the order of the width, neither holds.
///
/// # Errors
///
/// The reason, in words, where no law is known: a `depth` of 0 or beyond the network, widths too far apart.
pub fn product_spectrum(spec: &Spec, depth: usize) -> Result<ProductSpectrumPrediction, String> {
    let blocks =
        spec.network.blocks.get(..depth).filter(|blocks| !blocks.is_empty()).ok_or("there are no such layers")?;
    let widths: Vec<usize> =
        std::iter::once(spec.network.input).chain(blocks.iter().map(|block| block.fan_out)).collect();
    let layers: Vec<Layer> = blocks.iter().map(layer).collect();
    let ln_scale: f64 = blocks.iter().map(|block| block.sigma_w().ln()).sum();
    let law = FreeProduct::new(&widths, &layers).map_err(|error| error.to_string())?;
    let size = spec.network.input.min(widths[depth]);
    // Of the n_0 values of the law n_0 - size are zeros for want of rows; probabilities are those of n_0 values.
    let columns = spec.network.input as f64;
    let value = |i: usize| {
        let ln_x = law.ln_quantile((1.0 - (i as f64 + 0.5) / columns).clamp(0.0, 1.0));
        (ln_x > f64::NEG_INFINITY).then_some((0.5 * ln_x + ln_scale) / LN_10)
    };
    let gaussian = blocks.iter().all(|block| block.weights.ensemble.name() == "gaussian");
    let lyapunov = gaussian.then(|| LyapunovSpectrum::new(&widths).ok()).flatten();
    let growth = gaussian.then(|| Growth::new(&widths).ok()).flatten();
    let mut hypotheses = vec![law.hypotheses().to_owned()];
    if let Some(block) = blocks.iter().find(|block| block.weights.ensemble.excess_kurtosis().is_infinite()) {
        hypotheses.push(format!(
            "{} weights have no fourth moment: single values leave the law's support",
            block.weights.ensemble.spelling()
        ));
    }
    let least = widths.iter().copied().min().unwrap_or(1);
    Ok(ProductSpectrumPrediction {
        depth,
        log10_singular_values: (0..size).map(value).collect(),
        log10_largest: (0.5 * law.ln_upper_edge() + ln_scale) / LN_10,
        log10_frozen: lyapunov.map(|spectrum| frozen(&spectrum, depth, ln_scale)),
        log10_growth: growth.map(|growth| GrowthPrediction {
            mean: (growth.mean() + ln_scale) / LN_10,
            standard_deviation: growth.variance().sqrt() / LN_10,
        }),
        depth_over_width: depth as f64 / least as f64,
        law: law.title(),
        hypotheses,
        source: law.source().to_owned(),
    })
}

/// What the law sees of a layer's weights.
fn layer(block: &BlockSpec) -> Layer {
    Layer::new(if block.weights.ensemble.name() == "orthogonal" { Weights::Orthogonal } else { Weights::Independent })
}

fn frozen(spectrum: &LyapunovSpectrum, depth: usize, ln_scale: f64) -> Vec<f64> {
    let mut last = 0.0;
    let of = |(k, mu): (usize, &f64)| {
        let offset = spectrum.offset(k + 1);
        let own = offset - std::mem::replace(&mut last, offset);
        (depth as f64 * mu + own + ln_scale) / LN_10
    };
    spectrum.exponents().iter().enumerate().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(network: &str) -> Spec {
        let text =
            format!("[network]\nactivation = \"tanh\"\n{network}\n[measure]\nquantities = [\"product_spectrum\"]");
        Spec::parse(&text, std::path::Path::new("x.toml")).expect("valid")
    }

    /// Two factors of sigma_w = 2: the edge is 4 sqrt(27/4), and all values lie below it.
    #[test]
    fn square_gaussian_products_end_at_their_edge() {
        let spec = spec("input = 40\ndepth = 2\nwidth = 40\nweights = { sigma_w = 2.0 }");
        let found = product_spectrum(&spec, 2).expect("known");
        assert!((found.log10_largest - (4.0 * 6.75f64.sqrt()).log10()).abs() < 1e-12);
        let values: Vec<f64> = found.log10_singular_values.iter().map(|value| value.expect("regular")).collect();
        assert!(values.len() == 40 && values[0] < found.log10_largest && values.is_sorted_by(|a, b| a > b));
        let growth = found.log10_growth.expect("Gaussian");
        // E ln |Jv| = 2 (ln 2 + mu_1(40)).
        assert!((growth.mean - 2.0 * (2f64.log10() - (1.0 / 80.0 + 1.0 / 9600.0) / LN_10)).abs() < 1e-6, "{growth:?}");
        let frozen = found.log10_frozen.expect("Gaussian");
        assert_eq!(frozen.len(), 40);
    }

    #[test]
    fn a_bottleneck_leaves_zeros_and_haar_is_another_law() {
        let spec = spec("input = 6\nwidths = [6, 2, 6]\nweights = { ensemble = \"orthogonal\", sigma_w = 1.0 }");
        let found = product_spectrum(&spec, 3).expect("known");
        let zeros = found.log10_singular_values.iter().filter(|value| value.is_none()).count();
        assert_eq!((zeros, found.log10_frozen.is_none()), (4, true));
        assert!(product_spectrum(&spec, 0).is_err() && product_spectrum(&spec, 4).is_err());
    }
}
