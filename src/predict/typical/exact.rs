//! One sample through linear and ReLU layers with Gaussian weights: the exact law at any width.

use statrs::function::gamma::{digamma, ln_gamma};

use super::LogMoments;
use crate::linalg::ln_norm;
use crate::spec::{BlockSpec, DataSource, Loss, Quantity, Spec};

/// Mean and variance of ln of one factor.
#[derive(Debug, Clone, Copy)]
struct Factor {
    mean: f64,
    variance: f64,
}

/// What layers of one activation and width share: the factor, and its variance in a ratio.
struct Layer<'a> {
    key: (&'a str, usize),
    factor: (Factor, f64),
}

/// # Formula
///
/// With K_l active units in layer l (Bin(n_l, 1/2) for ReLU, n_l for a linear layer), all independent:
///
/// ```text
/// |x_l|^2 / |x_{l-1}|^2 = (sigma_w^2 / n_{l-1}) chi^2_{K_l}       |delta_l|^2 / |delta_{l+1}|^2 = (sigma_w^2 / n_l) chi^2_{K_l}
/// |dL/dW_l|^2 = |delta_l|^2 |x_{l-1}|^2                           E ln chi^2_k = ln 2 + psi(k/2)    Var = psi'(k/2)
/// ```
///
/// conditional on no layer being dead (K_l >= 1). The forward layers below l and the backward layers from l on share no unit.
///
/// `None` where it does not hold: several samples, biases, weights that are not Gaussian, other activations, a sum behind a ReLU.
pub(super) fn log_moments(spec: &Spec, quantity: Quantity, layers: &[usize]) -> Option<Vec<LogMoments>> {
    let blocks = &spec.network.blocks;
    let depth = blocks.len();
    let known = |name: &str| matches!(name, "linear" | "relu");
    let holds = spec.data.batch == 1
        && blocks.iter().all(|block| {
            block.biases.is_none() && block.weights.ensemble.name() == "gaussian" && known(block.activation.name())
        });
    let last = blocks.last()?;
    let last_is_linear = last.activation.name() == "linear";
    let readout = match spec.loss {
        Loss::Random => true,
        Loss::Sum if last_is_linear => false,
        _ => return None,
    };
    if !holds || !matches!(quantity, Quantity::GradientNorms | Quantity::PreActivationGradientNorms) {
        return None;
    }
    let with_input = quantity == Quantity::GradientNorms;
    // Layers of the same kind and width share their sums over the binomial law.
    let mut known: Vec<Layer<'_>> = Vec::new();
    let mut factors = Vec::with_capacity(depth);
    for block in blocks {
        let key = (block.activation.name(), block.fan_out);
        let found = known.iter().find(|layer| layer.key == key).map(|layer| layer.factor);
        factors.push(found.unwrap_or_else(|| {
            let factor = if key.0 == "linear" { full(key.1) } else { halved(key.1) };
            let factor = (factor, backward_share(block, with_input, factor.variance));
            known.push(Layer { key, factor });
            factor
        }));
    }
    let chi_square: Vec<Factor> = factors.iter().map(|(factor, _)| *factor).collect();
    let ln_scale = |index: usize, fan: usize| 2.0 * blocks[index].sigma_w().ln() - (fan as f64).ln();
    let top = match readout {
        true => chi_square[depth - 1],
        false => Factor { mean: (last.fan_out as f64).ln(), variance: 0.0 },
    };
    let input = match &spec.data.source {
        DataSource::Gaussian => full(spec.network.input),
        DataSource::Given { inputs, .. } => Factor { mean: 2.0 * ln_norm(inputs.as_slice()), variance: 0.0 },
    };
    // Backward from layer l, forward to layer l - 1.
    let mut backward = vec![top; depth];
    for l in (0..depth - 1).rev() {
        let scale = ln_scale(l + 1, blocks[l].fan_out);
        backward[l] = Factor {
            mean: backward[l + 1].mean + scale + chi_square[l].mean,
            variance: backward[l + 1].variance + chi_square[l].variance,
        };
    }
    let mut forward = vec![input; depth];
    for l in 1..depth {
        let scale = ln_scale(l - 1, blocks[l - 1].fan_in);
        forward[l] = Factor {
            mean: forward[l - 1].mean + scale + chi_square[l - 1].mean,
            variance: forward[l - 1].variance + chi_square[l - 1].variance,
        };
    }
    // Variance of the ratio of layer l to the last one with the quantity: the backward factors between them, and the forward ones if the
    // input counts, over the same units.
    let end = layers.last().map_or(0, |last| last - 1);
    let mut between = vec![0.0; depth];
    for l in (0..end).rev() {
        between[l] = between[l + 1] + factors[l].1;
    }
    let moments = |&layer: &usize| {
        let l = layer - 1;
        let own = if with_input { forward[l] } else { Factor { mean: 0.0, variance: 0.0 } };
        LogMoments {
            mean: Some(backward[l].mean + own.mean),
            variance: backward[l].variance + own.variance,
            ratio_variance: between[l],
        }
    };
    Some(layers.iter().map(moments).collect())
}

/// Variance of `ln |delta_k|^2 / |delta_{k+1}|^2`, minus that of `ln |x_k|^2 / |x_{k-1}|^2` if the inputs count: two chi-squares over the
/// same K_k active units, independent given K_k.
fn backward_share(block: &BlockSpec, with_input: bool, variance: f64) -> f64 {
    if !with_input {
        return variance;
    }
    let given_units = if block.activation.name() == "linear" {
        trigamma(0.5 * block.fan_out as f64)
    } else {
        binomial_mean(block.fan_out, |k| trigamma(0.5 * k))
    };
    2.0 * given_units
}

/// ln chi^2_n.
fn full(n: usize) -> Factor {
    let half = 0.5 * n as f64;
    Factor { mean: 2f64.ln() + digamma(half), variance: trigamma(half) }
}

/// ln chi^2_K with K ~ Bin(n, 1/2) conditional on K >= 1.
fn halved(n: usize) -> Factor {
    let mean = binomial_mean(n, |k| digamma(0.5 * k));
    let square = binomial_mean(n, |k| digamma(0.5 * k).powi(2) + trigamma(0.5 * k));
    Factor { mean: 2f64.ln() + mean, variance: square - mean * mean }
}

/// E f(K), K ~ Bin(n, 1/2) conditional on K >= 1; beyond 40 standard deviations nothing is left.
fn binomial_mean(n: usize, f: impl Fn(f64) -> f64) -> f64 {
    let size = n as f64;
    let reach = 20.0 * size.sqrt() + 10.0;
    let low = (0.5 * size - reach).max(1.0) as usize;
    let high = (0.5 * size + reach).min(size) as usize;
    let ln_total = ln_gamma(size + 1.0) - size * 2f64.ln();
    let (mut mass, mut sum) = (0.0, 0.0);
    for k in low..=high {
        let k = k as f64;
        let probability = (ln_total - ln_gamma(k + 1.0) - ln_gamma(size - k + 1.0)).exp();
        mass += probability;
        sum += probability * f(k);
    }
    sum / mass
}

/// psi'(x): recurrence up to x >= 20, then the asymptotic series, good to 1e-16.
fn trigamma(mut x: f64) -> f64 {
    let mut sum = 0.0;
    while x < 20.0 {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    sum + 1.0 / x + 0.5 * y + y / x * (1.0 / 6.0 - y * (1.0 / 30.0 - y * (1.0 / 42.0 - y / 30.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of the reference table: mean and variance a layer of ln |Ju|^2 for ReLU with He at n = 10, 50, 100.
    #[test]
    fn relu_layers_have_their_known_moments() {
        for (n, mean, variance) in [
            (10, -0.307_461_010_691_857, 0.866_734_253_052_603),
            (50, -0.051_738_780_849_765_97, 0.108_168_133_348_276_3),
            (100, -0.025_420_885_622_756_777, 0.051_939_992_148_725_34),
        ] {
            let factor = halved(n);
            let he = (2.0 / n as f64).ln();
            assert!((factor.mean + he - mean).abs() < 1e-12, "n = {n}: {}", factor.mean + he);
            assert!((factor.variance - variance).abs() < 1e-12, "n = {n}: {}", factor.variance);
        }
    }

    #[test]
    fn trigamma_meets_its_known_values() {
        let pi2 = std::f64::consts::PI.powi(2);
        for (x, exact) in [(1.0, pi2 / 6.0), (0.5, pi2 / 2.0), (25.0, 0.040_810_663_257_225_6)] {
            assert!((trigamma(x) - exact).abs() < 2e-15 * exact.max(1.0), "{x}: {}", trigamma(x));
        }
    }
}
