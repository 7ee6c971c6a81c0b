//! Exact numbers of products of finite Gaussian matrices.

/// `E tr (J^T J)^2 / n_0` for a product J of independent real Gaussian matrices, exact at any widths.
///
/// # Formula
///
/// `J = W_L ... W_1`, W_l is n_l x n_{l-1} with entries N(0, 1/n_{l-1}). With `A = E tr (J^T J)^2` and `B = E (tr J^T J)^2`, which start as
/// `n_0` and `n_0^2`, a layer from width a to width b makes of them
///
/// ```text
/// A' = (b / a^2) [(b + 1) A + B],    B' = (b^2 B + 2 b A) / a^2
/// ```
///
/// # Domain
///
/// Widths above 0; infinite where the moment leaves the range of doubles, NaN without widths.
///
/// # Source
///
/// Wick's theorem for one layer; checked against simulation in the claims.
pub fn gaussian_second_moment(widths: impl IntoIterator<Item = usize>) -> f64 {
    let mut widths = widths.into_iter().map(|width| width as f64);
    let Some(first) = widths.next() else { return f64::NAN };
    // Per n_0 and per n_0^2, so that nothing overflows before the result does.
    let (mut trace, mut square, mut a) = (1.0, 1.0, first);
    for b in widths {
        let c = b / a;
        (trace, square) =
            (c * ((c + 1.0 / a) * trace + first / a * square), c * c * square + 2.0 * c / (a * first) * trace);
        a = b;
    }
    trace
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_layer_is_wisharts_and_large_widths_give_the_limit() {
        // E tr (W^T W)^2 / m of p x m matrices of variance 1/m: (p/m) (p + m + 1) / m.
        assert!((gaussian_second_moment([30, 20]) - 20.0 / 30.0 * 51.0 / 30.0).abs() < 1e-14);
        assert!((gaussian_second_moment([1_000_000_000; 6]) - 6.0).abs() < 1e-7);
        assert!((gaussian_second_moment([100; 11]) - 11.601_201_804_531_194).abs() < 1e-13);
    }
}
