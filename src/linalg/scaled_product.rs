//! The explicit product of matrices, kept in range by powers of two.

use nalgebra::DMatrix;

use super::{LinalgError, Transpose, eigenvalue_moduli, gemm, singular_values};

/// The product `J = W_L ... W_1` as one matrix `M` and an exponent: `J = 2^e M`, with the largest entry of M near 1.
///
/// What a script that multiplies and rescales would have: no overflow, but singular values below `1e-16 s_max` are rounding errors. Use it
/// for what an explicit product does carry, the eigenvalues of largest modulus, and to show what is lost;
/// [`super::Chain`] gives the singular values.
///
/// # Example
///
/// ```
/// use gradspectra::linalg::ScaledProduct;
/// use nalgebra::dmatrix;
///
/// let mut product = ScaledProduct::new(2);
/// for _ in 0..5000 {
///     product.push(&dmatrix![0.0, 4.0; 1.0, 0.0])?;
/// }
/// let radius = product.log_spectral_radius()?.expect("far above rounding");
/// assert!((radius - 5000.0 * 2f64.ln()).abs() < 1e-9);
/// # Ok::<(), gradspectra::linalg::LinalgError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ScaledProduct {
    matrix: DMatrix<f64>,
    exponent: i64,
}

impl ScaledProduct {
    /// Eigenvalues below this share of the Frobenius norm are rounding errors.
    pub const EIGENVALUE_FLOOR: f64 = 1e-13;

    /// The identity of size `columns`.
    pub fn new(columns: usize) -> Self {
        Self { matrix: DMatrix::identity(columns, columns), exponent: 0 }
    }

    /// Multiplies by a factor (out x in) from the left: 2 n_out n_in n_0 operations.
    ///
    /// # Errors
    ///
    /// [`LinalgError::NotChained`]; [`LinalgError::NotFinite`] for NaN or infinite entries, or if a single factor times the product
    /// overflows (entries above 10^300). The product is then what it was.
    pub fn push(&mut self, factor: &DMatrix<f64>) -> Result<(), LinalgError> {
        let (rows, columns) = factor.shape();
        if columns != self.matrix.nrows() {
            return Err(LinalgError::NotChained { rows, columns, expected: self.matrix.nrows() });
        }
        let mut product = DMatrix::zeros(rows, self.matrix.ncols());
        gemm(1.0, (Transpose::No, factor), (Transpose::No, &self.matrix), 0.0, &mut product);
        if !product.iter().all(|entry| entry.is_finite()) {
            return Err(LinalgError::NotFinite { rows, columns });
        }
        let largest = product.iter().fold(0.0_f64, |largest, entry| largest.max(entry.abs()));
        if largest > 0.0 {
            // Two steps: the inverse of a subnormal number's power of two is out of range.
            let exponent = largest.log2().floor() as i32;
            product *= 2f64.powi(-exponent / 2);
            product *= 2f64.powi(-exponent + exponent / 2);
            self.exponent += i64::from(exponent);
        }
        self.matrix = product;
        Ok(())
    }

    fn ln_scale(&self) -> f64 {
        self.exponent as f64 * std::f64::consts::LN_2
    }

    /// Logarithms of the singular values that LAPACK finds in the explicit product, descending; those far below `1e-16 s_max` are rounding
    /// errors, and `-inf` what came out as zero.
    ///
    /// # Errors
    ///
    /// [`LinalgError::Info`] if LAPACK fails.
    pub fn log_singular_values(&self) -> Result<Vec<f64>, LinalgError> {
        let scale = self.ln_scale();
        Ok(singular_values(self.matrix.clone())?.into_iter().map(|value| value.ln() + scale).collect())
    }

    /// Logarithms of the moduli of the eigenvalues, descending, as far as double precision carries them: above
    /// [`EIGENVALUE_FLOOR`](Self::EIGENVALUE_FLOOR) times the Frobenius norm. Empty if the product is not square.
    ///
    /// # Accuracy
    ///
    /// Those of the explicit product: its rounding errors are of the order of `L eps ||J||`, and an eigenvalue moves by them times its
    /// condition number.
    ///
    /// # Errors
    ///
    /// [`LinalgError::Info`] if LAPACK fails.
    pub fn log_eigenvalue_moduli(&self) -> Result<Vec<f64>, LinalgError> {
        if !self.matrix.is_square() {
            return Ok(Vec::new());
        }
        let floor = Self::EIGENVALUE_FLOOR * self.matrix.norm();
        let scale = self.ln_scale();
        let moduli = eigenvalue_moduli(self.matrix.clone())?;
        Ok(moduli.into_iter().filter(|&modulus| modulus > floor).map(|modulus| modulus.ln() + scale).collect())
    }

    /// Logarithm of the spectral radius; `None` if the product is not square, or where the radius is below what double precision carries
    /// (nilpotent products).
    ///
    /// For tied weights, `W^L`, it is `L` times that of a single push.
    ///
    /// # Errors
    ///
    /// As [`log_eigenvalue_moduli`](Self::log_eigenvalue_moduli).
    pub fn log_spectral_radius(&self) -> Result<Option<f64>, LinalgError> {
        Ok(self.log_eigenvalue_moduli()?.first().copied())
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::dmatrix;

    use super::*;

    #[test]
    fn the_radius_of_tied_weights_is_a_power() {
        let w = dmatrix![0.3, 1.7, 0.2; -0.4, 0.9, 0.5; 0.8, -0.1, 0.6];
        let mut once = ScaledProduct::new(3);
        once.push(&w).expect("chains");
        let one = once.log_spectral_radius().expect("LAPACK works").expect("regular");
        let mut product = ScaledProduct::new(3);
        for _ in 0..3000 {
            product.push(&w).expect("chains");
        }
        let many = product.log_spectral_radius().expect("LAPACK works").expect("regular");
        assert!((many - 3000.0 * one).abs() < 1e-9, "{many} against {}", 3000.0 * one);
    }

    #[test]
    fn factors_of_any_scale_stay_in_range() {
        for scale in [1e-300, 1e150, 5e-324] {
            let mut product = ScaledProduct::new(1);
            for _ in 0..100 {
                product.push(&dmatrix![scale]).expect("chains");
            }
            let values = product.log_singular_values().expect("LAPACK works");
            assert!((values[0] - 100.0 * scale.ln()).abs() < 1e-9 * 1e5, "{values:?}");
        }
    }

    #[test]
    fn nilpotent_products_have_no_radius_and_wrong_shapes_are_refused() {
        let mut product = ScaledProduct::new(2);
        product.push(&dmatrix![0.0, 1.0; 0.0, 0.0]).expect("chains");
        assert_eq!(product.log_spectral_radius(), Ok(None));
        assert!(matches!(product.push(&dmatrix![1.0]), Err(LinalgError::NotChained { expected: 2, .. })));
        product.push(&dmatrix![1.0, 2.0]).expect("chains");
        assert_eq!(product.log_eigenvalue_moduli(), Ok(Vec::new()));
    }
}
