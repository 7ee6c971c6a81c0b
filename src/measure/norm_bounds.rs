//! The Jacobian's norm beside what norms and spectral radii of the layers say about it.

use rayon::prelude::*;

use super::jacobian::sloped;
use super::{MeasureError, Progress};
use crate::linalg::{ScaledProduct, eigenvalue_moduli, single_threaded_blas, singular_values};
use crate::network::{Hooks, Layers, Network, draw_inputs};
use crate::spec::Spec;
use crate::stats::Stream;

/// One network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormBounds {
    /// ln of the spectral norm of the input-output Jacobian at the first sample.
    pub ln_norm: f64,
    /// `sum_l ln (sup |phi'| |W_l|_2)`: a bound.
    pub ln_by_norms: f64,
    /// `sum_l ln (sup |phi'| rho(W_l))` with the spectral radius: no bound.
    pub ln_by_radii: f64,
}

/// Norms of the Jacobians of `networks` independent networks of equal widths, with the products of their layers' norms and radii.
///
/// # Errors
///
/// As [`super::measure`]; [`MeasureError::Linalg`] for layers that are not square, which have no eigenvalues.
pub fn norm_bounds(spec: &Spec, networks: usize, progress: &dyn Progress) -> Result<Vec<NormBounds>, MeasureError> {
    let _guard = single_threaded_blas();
    let stream = Stream::new(spec.seed, "norm bounds");
    progress.begin("norms of Jacobians", networks as u64);
    let found = (0..networks as u64)
        .into_par_iter()
        .map(|trial| {
            if progress.interrupted() {
                return Err(MeasureError::Interrupted);
            }
            let found = one(spec, stream.trial(trial))?;
            progress.advance(1);
            Ok(found)
        })
        .collect();
    progress.end();
    found
}

fn one(spec: &Spec, stream: Stream) -> Result<NormBounds, MeasureError> {
    let network = Network::<f64>::sample(spec, stream)?;
    let input = draw_inputs(spec, stream);
    let mut slopes = vec![Vec::new(); network.depth()];
    let mut hooks = Hooks::new();
    hooks.on_forward(Layers::All, |event| {
        slopes[event.layer - 1] = event.slope.column(0).iter().copied().collect();
        Ok(())
    });
    network.forward(&input.columns(0, 1).into_owned(), 0, &mut hooks)?;
    drop(hooks);
    let mut product = ScaledProduct::new(network.input_width());
    let (mut ln_by_norms, mut ln_by_radii) = (0.0, 0.0);
    for ((block, slopes), described) in network.blocks().iter().zip(&slopes).zip(&spec.network.blocks) {
        let ln_sup = described.activation.derivative_bounds().sup_abs.ln();
        let largest = |values: Vec<f64>| values.first().map_or(f64::NEG_INFINITY, |value| value.ln());
        ln_by_norms += ln_sup + largest(singular_values(block.weight.clone())?);
        ln_by_radii += ln_sup + largest(eigenvalue_moduli(block.weight.clone())?);
        product.push(&sloped(block.weight.clone(), slopes))?;
    }
    let ln_norm = product.log_singular_values()?.first().copied().unwrap_or(f64::NEG_INFINITY);
    Ok(NormBounds { ln_norm, ln_by_norms, ln_by_radii })
}

#[cfg(test)]
mod tests {
    use super::super::Silent;
    use super::*;

    #[test]
    fn norms_bound_and_radii_do_not() {
        let text = "[network]\ninput = 12\ndepth = 8\nwidth = 12\nactivation = \"tanh\"\nweights = { sigma_w = 0.6 }";
        let spec = Spec::parse(text, std::path::Path::new("x.toml")).expect("valid");
        let found = norm_bounds(&spec, 20, &Silent).expect("square");
        assert!(found.iter().all(|f| f.ln_norm <= f.ln_by_norms && f.ln_by_radii < f.ln_by_norms));
    }
}
