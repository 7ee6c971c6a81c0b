//! PyTorch's own draws of the lesson's network.

/// Layers of the lesson's network.
pub const PYTORCH_LESSON_LAYERS: usize = 10;

/// Per layer the natural logarithms of the Frobenius norms of the weight gradient in 1,000 independent draws of the
/// lesson's network by PyTorch 2.15 (single precision, seeds 0 to 999).
pub fn pytorch_lesson_ln_norms() -> Vec<Vec<f64>> {
    let mut layers: Vec<Vec<f64>> = vec![Vec::new(); PYTORCH_LESSON_LAYERS];
    for line in include_str!("lesson_pytorch_gradients.csv").lines().skip(1) {
        for (layer, field) in layers.iter_mut().zip(line.split(',').skip(1)) {
            let norm: f64 = field.parse().expect("the embedded table holds numbers only: a test reads it whole");
            layer.push(norm.ln());
        }
    }
    layers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_complete() {
        let layers = pytorch_lesson_ln_norms();
        assert_eq!(layers.len(), 10);
        assert!(layers.iter().all(|layer| layer.len() == 1000 && layer.iter().all(|ln| ln.is_finite())));
        assert!((layers[0][0].exp() - 3.396_461_73).abs() < 1e-12);
    }
}
