//! Spectra of the network by depth: products of weights and input-output Jacobians.

use nalgebra::DMatrix;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::chain_spectrum::log10;
use super::jacobian::{operations, sloped};
use super::{MeasureError, Progress};
use crate::linalg::{Chain, ScaledProduct, single_threaded_blas, singular_values};
use crate::network::{Hooks, Layers, Network, draw_inputs};
use crate::spec::{Spec, shown_depths};
use crate::stats::{Estimate, Stream};

/// Spectra of independent networks, by depth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spectra {
    /// Networks drawn.
    pub networks: usize,
    /// Chosen depths, in increasing order.
    pub depths: Vec<DepthSpectra>,
    /// log10 of the spectral norm of every layer's weights, and of the largest slope its activation can have.
    pub norms: Vec<LayerNorm>,
    /// Singular values of the whole Jacobian of the first network, log10, descending; `null` for an exact zero.
    pub chain: Vec<Option<f64>>,
    /// The same from the explicitly multiplied product in double precision.
    pub plain: Vec<Option<f64>>,
}

/// Spectra of the first `depth` layers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DepthSpectra {
    /// Layers in the product.
    pub depth: usize,
    /// `W_l ... W_1`.
    pub weights: MeanSpectrum,
    /// `D_l W_l ... D_1 W_1` at the first sample of the batch.
    pub jacobian: MeanSpectrum,
}

/// Order statistics of a spectrum, averaged over networks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeanSpectrum {
    /// Mean over networks of log10 of the i-th largest singular value; those that are exactly zero in some network are left out.
    pub log10_singular_values: Vec<f64>,
    /// Mean over networks of log10 of the i-th largest modulus of an eigenvalue, as far as double precision carries it: above 1e-13 of
    /// the largest singular value in every network. Empty if the product is not square.
    pub log10_eigenvalue_moduli: Vec<f64>,
    /// Singular values in all, zeros included.
    pub size: usize,
}

/// One layer of the worst case.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LayerNorm {
    /// Number of the layer, from 1.
    pub layer: usize,
    /// Mean of log10 of the largest singular value of the weights.
    pub log10_spectral_norm: f64,
    /// Its standard error; `null` for a single network.
    pub standard_error: Option<f64>,
    /// log10 sup |phi'|; `null` if phi' has no bound.
    pub log10_derivative_sup: Option<f64>,
}

/// Operations that the spectra may take: a second or two.
const BUDGET: f64 = 6e10;
const MOST_NETWORKS: usize = 40;

/// A single network may take ten seconds or so, not more.
const LONGEST: f64 = 3e11;

/// What one network shows.
struct Sample {
    /// By depth: singular values (ln) and eigenvalue moduli (ln) of the weights' product and of the Jacobian.
    depths: Vec<[(Vec<f64>, Vec<f64>); 2]>,
    norms: Vec<f64>,
    plain: Vec<f64>,
}

/// Spectra of products by depth; `Ok(None)` if a single network would take too long.
///
/// # Formula
///
/// The Jacobian of the first l layers at a sample is `J_l = D_l W_l ... D_1 W_1`, `D_k = diag phi'(h_k)`, n_l x n_0. Singular values by
/// [`Chain`], without loss at the small end; eigenvalues (of square products) by LAPACK from the explicit product.
///
/// # Errors
///
/// As [`super::measure`]; slopes that are not finite, as in a network that overflows, end in [`MeasureError::Linalg`].
pub fn spectra(spec: &Spec, progress: &dyn Progress) -> Result<Option<Spectra>, MeasureError> {
    let depth = spec.network.blocks.len();
    // Products with all n_0 columns, their decompositions layer by layer, and the spectra of the shown ones.
    let inputs = spec.network.input;
    let shapes = spec.network.blocks.iter().map(|block| (block.fan_out, block.fan_in));
    let widest = spec.network.blocks.iter().map(|block| block.fan_out).fold(inputs, usize::max) as f64;
    let cost = 2.0 * operations(inputs, shapes) + 4.0 * 2.0 * 30.0 * widest.powi(3);
    if cost > LONGEST {
        return Ok(None);
    }
    let networks = (BUDGET / cost).clamp(1.0, MOST_NETWORKS as f64) as usize;
    let shown = shown_depths(depth);
    let _guard = single_threaded_blas();
    let stream = Stream::new(spec.seed, "spectra");
    progress.begin("spectra", networks as u64);
    let samples: Result<Vec<Sample>, MeasureError> = (0..networks as u64)
        .into_par_iter()
        .map(|trial| {
            if progress.interrupted() {
                return Err(MeasureError::Interrupted);
            }
            let sample = sample(spec, stream.trial(trial), &shown)?;
            progress.advance(1);
            Ok(sample)
        })
        .collect();
    progress.end();
    let samples = samples?;
    let depths = shown.iter().enumerate().map(|(k, &depth)| {
        let mean = |kind: usize| mean_spectrum(samples.iter().map(|sample| &sample.depths[k][kind]));
        DepthSpectra { depth, weights: mean(0), jacobian: mean(1) }
    });
    let norms = (0..depth).map(|index| {
        let logs: Vec<f64> = samples.iter().map(|sample| sample.norms[index] / std::f64::consts::LN_10).collect();
        LayerNorm {
            layer: index + 1,
            log10_spectral_norm: logs.iter().sum::<f64>() / logs.len() as f64,
            standard_error: Estimate::of_mean(&logs).map(|estimate| estimate.standard_error),
            log10_derivative_sup: Some(spec.network.blocks[index].activation.derivative_bounds().sup_abs)
                .filter(|sup| sup.is_finite())
                .map(f64::log10),
        }
    });
    let whole = &samples[0].depths[shown.len() - 1][1].0;
    let (chain, plain) = (log10(whole), log10(&samples[0].plain));
    Ok(Some(Spectra { networks, depths: depths.collect(), norms: norms.collect(), chain, plain }))
}

fn sample(spec: &Spec, stream: Stream, shown: &[usize]) -> Result<Sample, MeasureError> {
    let network = Network::<f64>::sample(spec, stream)?;
    let input: DMatrix<f64> = draw_inputs(spec, stream);
    let mut slopes = vec![Vec::new(); network.depth()];
    let mut hooks = Hooks::new();
    hooks.on_forward(Layers::All, |event| {
        slopes[event.layer - 1] = event.slope.column(0).iter().copied().collect();
        Ok(())
    });
    network.forward(&input.columns(0, 1).into_owned(), 0, &mut hooks)?;
    drop(hooks);
    let columns = network.input_width();
    let mut chains = [Chain::new(columns), Chain::new(columns)];
    let mut products = [ScaledProduct::new(columns), ScaledProduct::new(columns)];
    let mut sample = Sample { depths: Vec::new(), norms: Vec::new(), plain: Vec::new() };
    for (index, (block, slopes)) in network.blocks().iter().zip(&slopes).enumerate() {
        let sloped = sloped(block.weight.clone(), slopes);
        let norm = singular_values(block.weight.clone())?;
        sample.norms.push(norm.first().map_or(f64::NEG_INFINITY, |largest| largest.ln()));
        for ((chain, product), factor) in chains.iter_mut().zip(&mut products).zip([&block.weight, &sloped]) {
            chain.push(factor)?;
            product.push(factor)?;
        }
        if shown.contains(&(index + 1)) {
            let mut both = Vec::new();
            for (chain, product) in chains.iter().zip(&products) {
                let values = chain.log_singular_values()?;
                both.push((values.values().to_vec(), product.log_eigenvalue_moduli()?));
            }
            let [weights, jacobian] = both.try_into().expect("two products were followed");
            sample.depths.push([weights, jacobian]);
        }
    }
    let [_, jacobian] = products;
    sample.plain = jacobian.log_singular_values()?;
    Ok(sample)
}

fn mean_spectrum<'a>(samples: impl Iterator<Item = &'a (Vec<f64>, Vec<f64>)> + Clone) -> MeanSpectrum {
    let size = samples.clone().map(|(values, _)| values.len()).max().unwrap_or(0);
    let mean = |of: &dyn Fn(&'a (Vec<f64>, Vec<f64>)) -> &'a [f64]| -> Vec<f64> {
        let finite = |values: &[f64]| values.iter().take_while(|ln| ln.is_finite()).count();
        let common = samples.clone().map(|sample| finite(of(sample))).min().unwrap_or(0);
        let count = samples.clone().count() as f64 * std::f64::consts::LN_10;
        (0..common).map(|i| samples.clone().map(|sample| of(sample)[i]).sum::<f64>() / count).collect()
    };
    MeanSpectrum { log10_singular_values: mean(&|s| &s.0), log10_eigenvalue_moduli: mean(&|s| &s.1), size }
}

#[cfg(test)]
mod tests {
    use super::super::Silent;
    use super::*;

    /// The mean of ln |det W| / n over Gaussian networks is Newman's: (ln 2/n + mean_k psi((n - k + 1)/2)) / 2 + ln sigma_w. 40 networks of the
    /// lesson, 10 layers of 50; seed 1; the mean log singular value has a standard error of about 0.01.
    #[test]
    fn the_lessons_weight_product_has_newmans_log_determinant() {
        let spec = Spec::load("lesson").expect("built in");
        let spectra = spectra(&spec, &Silent).expect("finite").expect("small");
        let last = spectra.depths.last().expect("ten layers");
        let n = 50.0_f64;
        let psi = |k: usize| statrs::function::gamma::digamma(0.5 * (n - k as f64));
        let lyapunov = 0.5 * (2.0 / n).ln() + 0.5 * (0..50).map(psi).sum::<f64>() / n + 0.5 * 50f64.ln();
        let mean = last.weights.log10_singular_values.iter().sum::<f64>() / n;
        let expected = 10.0 * lyapunov / std::f64::consts::LN_10;
        assert!((mean - expected).abs() < 0.02, "{mean} against {expected}");
        // Control: one layer more or less is 0.35 away.
        assert!((mean - 0.9 * expected).abs() > 0.1);
        // Double precision loses the smallest singular values of the Jacobian.
        let (chain, plain) = (spectra.chain.last().copied().flatten(), spectra.plain.last().copied().flatten());
        assert!(chain.expect("regular") < plain.unwrap_or(f64::NEG_INFINITY).max(-400.0) - 1.0, "{chain:?} {plain:?}");
    }
}
