//! Bounds on gradients.

use super::super::Gradients;
use crate::linalg::{Real, ln_norm};
use crate::spec::Clip;

/// What clipping saw and did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clipped {
    /// Euclidean norm over all weights and biases before clipping.
    pub norm: f64,
    /// Whether anything was changed.
    pub active: bool,
    /// What all gradients were multiplied by; 1 for clipping by value, which has no common factor.
    pub factor: f64,
}

/// Natural logarithms of the norms of every layer's weight gradient and bias gradient.
pub(super) fn ln_norms<T: Real>(gradients: &Gradients<T>) -> Vec<(f64, Option<f64>)> {
    let parts = gradients.weights.iter().zip(&gradients.biases);
    parts
        .map(|(weight, bias)| (ln_norm(weight.as_slice()), bias.as_ref().map(|bias| ln_norm(bias.as_slice()))))
        .collect()
}

/// Natural logarithm of the Euclidean norm over all weights and biases: finite where squares would overflow.
pub fn ln_global_norm<T: Real>(gradients: &Gradients<T>) -> f64 {
    ln_total(&ln_norms(gradients))
}

fn ln_total(norms: &[(f64, Option<f64>)]) -> f64 {
    let parts: Vec<f64> = norms.iter().flat_map(|(weight, bias)| std::iter::once(*weight).chain(*bias)).collect();
    if parts.iter().any(|part| part.is_nan()) {
        return f64::NAN;
    }
    let largest = parts.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !largest.is_finite() {
        return largest;
    }
    largest + 0.5 * parts.iter().map(|part| (2.0 * (part - largest)).exp()).sum::<f64>().ln()
}

/// Clips the gradients of all parameters in place and tells the norm that they had.
///
/// # Formula
///
/// ```text
/// Norm(c):   g -> g min(1, c / |g|)         |g|^2 over all weights and biases
/// Value(c):  g_i -> max(-c, min(c, g_i))
/// ```
///
/// Clipping by norm leaves a gradient whose norm is not finite as it is: no multiple of it is of any use, and it must stay visible. Clipping by value
/// cuts infinities to the bound and keeps NaN.
///
/// # Source
///
/// Pascanu, Mikolov and Bengio 2013, algorithm 1; `torch.nn.utils.clip_grad_norm_` divides by `|g| + 1e-6` instead, which changes
/// the update by one part in 1e6 / |g|.
pub fn clip<T: Real>(gradients: &mut Gradients<T>, clip: Clip) -> Clipped {
    let norms = ln_norms(gradients);
    clip_known(gradients, clip, &norms)
}

/// As [`clip`], with the norms that the gradients have.
pub(super) fn clip_known<T: Real>(gradients: &mut Gradients<T>, clip: Clip, norms: &[(f64, Option<f64>)]) -> Clipped {
    let ln = ln_total(norms);
    let norm = ln.exp();
    match clip {
        Clip::Norm(bound) => {
            let active = ln.is_finite() && ln > bound.ln();
            let factor = if active { (bound.ln() - ln).exp() } else { 1.0 };
            if active {
                for_each(gradients, |g| T::from_f64(g.to_f64() * factor));
            }
            Clipped { norm, active, factor }
        }
        Clip::Value(bound) => {
            let mut active = false;
            for_each(gradients, |g| {
                let (before, after) = (g.to_f64(), g.to_f64().clamp(-bound, bound));
                // A NaN stays NaN: `clamp` keeps it.
                active |= before.abs() > bound;
                T::from_f64(after)
            });
            Clipped { norm, active, factor: 1.0 }
        }
    }
}

fn for_each<T: Real>(gradients: &mut Gradients<T>, mut change: impl FnMut(T) -> T) {
    for weight in &mut gradients.weights {
        weight.iter_mut().for_each(|g| *g = change(*g));
    }
    for bias in gradients.biases.iter_mut().flatten() {
        bias.iter_mut().for_each(|g| *g = change(*g));
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::{DMatrix, DVector};

    use super::*;

    fn gradients() -> Gradients<f64> {
        Gradients {
            weights: vec![DMatrix::from_row_slice(1, 2, &[3.0, 0.0]), DMatrix::from_element(1, 1, 4.0)],
            biases: vec![Some(DVector::from_element(1, -12.0)), None],
            ..Gradients::new()
        }
    }

    #[test]
    fn the_norm_is_that_of_all_parameters_and_is_returned() {
        let mut clipped = gradients();
        let seen = clip(&mut clipped, Clip::Norm(1.3));
        assert!((seen.norm - 13.0).abs() < 1e-12 && seen.active);
        assert!((ln_global_norm(&clipped) - 1.3f64.ln()).abs() < 1e-12);
        assert!((clipped.weights[0][0] - 0.3).abs() < 1e-12);
        let mut small = gradients();
        assert!(!clip(&mut small, Clip::Norm(13.1)).active && small == gradients());
    }

    #[test]
    fn values_are_cut_one_by_one() {
        let mut clipped = gradients();
        assert!(clip(&mut clipped, Clip::Value(3.5)).active);
        assert_eq!((clipped.weights[0][0], clipped.weights[1][0]), (3.0, 3.5));
        assert_eq!(clipped.biases[0].as_ref().map(|bias| bias[0]), Some(-3.5));
    }

    /// Squares of 1e200 overflow; infinities and NaN stay visible.
    #[test]
    fn extreme_gradients() {
        let mut large = gradients();
        large.weights[0] *= 1e200;
        let seen = clip(&mut large, Clip::Norm(1.0));
        assert!((seen.norm / 3e200 - 1.0).abs() < 1e-10 && (large.weights[0][0] - 1.0).abs() < 1e-10);
        let mut broken = gradients();
        broken.weights[1][0] = f64::NAN;
        assert!(clip(&mut broken, Clip::Norm(1.0)).norm.is_nan() && broken.weights[0][0] == 3.0);
        broken.weights[1][0] = f64::INFINITY;
        assert_eq!(clip(&mut broken, Clip::Norm(1.0)), Clipped { norm: f64::INFINITY, active: false, factor: 1.0 });
    }
}
