//! Covariances of a batch.

use nalgebra::DMatrix;
use rayon::prelude::*;

use crate::activation::GaussianPair;

/// A symmetric B x B matrix over the samples of a batch.
///
/// Samples that are drawn independently from one law are exchangeable: their expected kernel has one diagonal and one
/// off-diagonal value, whatever B is. Given samples need the full matrix.
#[derive(Debug, Clone, PartialEq)]
pub enum Kernel {
    /// Equal diagonal and equal off-diagonal entries.
    Exchangeable {
        /// Number of samples B.
        batch: usize,
        /// The diagonal entries.
        diagonal: f64,
        /// The off-diagonal entries; without meaning for B = 1.
        off_diagonal: f64,
    },
    /// Any symmetric matrix.
    Full(DMatrix<f64>),
}

impl Kernel {
    /// Number of samples.
    pub fn batch(&self) -> usize {
        match self {
            Self::Exchangeable { batch, .. } => *batch,
            Self::Full(matrix) => matrix.nrows(),
        }
    }

    /// Largest diagonal entry.
    pub fn largest_diagonal(&self) -> f64 {
        match self {
            Self::Exchangeable { diagonal, .. } => *diagonal,
            Self::Full(matrix) => matrix.diagonal().max(),
        }
    }

    /// Mean of the diagonal.
    pub fn mean_diagonal(&self) -> f64 {
        match self {
            Self::Exchangeable { diagonal, .. } => *diagonal,
            Self::Full(matrix) => matrix.diagonal().mean(),
        }
    }

    /// Mean of the off-diagonal entries; `None` for one sample.
    pub fn mean_off_diagonal(&self) -> Option<f64> {
        let batch = self.batch() as f64;
        match self {
            _ if self.batch() < 2 => None,
            Self::Exchangeable { off_diagonal, .. } => Some(*off_diagonal),
            Self::Full(matrix) => Some((matrix.sum() - matrix.trace()) / (batch * (batch - 1.0))),
        }
    }

    /// Sum over all pairs of samples of the product of two kernels' entries, `sum_ab A_ab B_ab`.
    pub fn inner(&self, other: &Self) -> f64 {
        match (self, other) {
            (
                Self::Exchangeable { batch, diagonal, off_diagonal },
                Self::Exchangeable { diagonal: other_diagonal, off_diagonal: other_off_diagonal, .. },
            ) => {
                let batch = *batch as f64;
                let mut sum = batch * diagonal * other_diagonal;
                if batch > 1.0 {
                    sum += batch * (batch - 1.0) * off_diagonal * other_off_diagonal;
                }
                sum
            }
            (Self::Full(a), Self::Full(b)) => a.iter().zip(b).map(|(a, b)| a * b).sum(),
            _ => self.to_matrix().component_mul(&other.to_matrix()).sum(),
        }
    }

    /// Sum of all entries, `sum_ab A_ab`.
    pub fn sum(&self) -> f64 {
        match self {
            Self::Exchangeable { batch, .. } => {
                self.inner(&Self::Exchangeable { batch: *batch, diagonal: 1.0, off_diagonal: 1.0 })
            }
            Self::Full(matrix) => matrix.sum(),
        }
    }

    /// The kernel with its off-diagonal entries set to zero: samples taken for independent.
    pub fn without_correlations(&self) -> Self {
        match self {
            Self::Exchangeable { batch, diagonal, .. } => {
                Self::Exchangeable { batch: *batch, diagonal: *diagonal, off_diagonal: 0.0 }
            }
            Self::Full(matrix) => Self::Full(DMatrix::from_diagonal(&matrix.diagonal())),
        }
    }

    /// Entrywise product.
    pub fn hadamard(&self, other: &Self) -> Self {
        match (self, other) {
            (
                Self::Exchangeable { batch, diagonal, off_diagonal },
                Self::Exchangeable { diagonal: other_diagonal, off_diagonal: other_off_diagonal, .. },
            ) => Self::Exchangeable {
                batch: *batch,
                diagonal: diagonal * other_diagonal,
                off_diagonal: off_diagonal * other_off_diagonal,
            },
            (Self::Full(a), Self::Full(b)) => Self::Full(a.component_mul(b)),
            _ => Self::Full(self.to_matrix().component_mul(&other.to_matrix())),
        }
    }

    /// `scale A_ab + shift` in every entry.
    pub fn affine(&self, scale: f64, shift: f64) -> Self {
        match self {
            Self::Exchangeable { batch, diagonal, off_diagonal } => Self::Exchangeable {
                batch: *batch,
                diagonal: scale * diagonal + shift,
                off_diagonal: scale * off_diagonal + shift,
            },
            Self::Full(matrix) => Self::Full(matrix.map(|entry| scale * entry + shift)),
        }
    }

    /// Several kernels at once from a function of a pair of samples, evaluated once per distinct entry and in parallel.
    ///
    /// `prepare` sees a diagonal entry and makes what the function needs to know of a sample; it is called once a sample.
    pub fn map_pairs<S: Send + Sync, const N: usize>(
        &self,
        prepare: impl Fn(f64) -> S + Sync,
        function: impl Fn(&S, &S, GaussianPair) -> [f64; N] + Sync,
    ) -> [Self; N] {
        match self {
            Self::Exchangeable { batch, diagonal, off_diagonal } => {
                let sample = prepare(*diagonal);
                let at =
                    |covariance| function(&sample, &sample, GaussianPair { q1: *diagonal, q2: *diagonal, covariance });
                let on = at(*diagonal);
                let off = if *batch > 1 { at(*off_diagonal) } else { on };
                std::array::from_fn(|i| Self::Exchangeable { batch: *batch, diagonal: on[i], off_diagonal: off[i] })
            }
            Self::Full(matrix) => {
                let batch = matrix.nrows();
                let samples: Vec<S> = (0..batch).into_par_iter().map(|a| prepare(matrix[(a, a)])).collect();
                let pairs: Vec<(usize, usize)> = (0..batch).flat_map(|a| (0..=a).map(move |b| (a, b))).collect();
                let entry = |&(a, b): &(usize, usize)| {
                    let pair = GaussianPair { q1: matrix[(a, a)], q2: matrix[(b, b)], covariance: matrix[(a, b)] };
                    function(&samples[a], &samples[b], pair)
                };
                let values: Vec<[f64; N]> = pairs.par_iter().map(entry).collect();
                std::array::from_fn(|i| {
                    let mut mapped = DMatrix::zeros(batch, batch);
                    for (&(a, b), value) in pairs.iter().zip(&values) {
                        mapped[(a, b)] = value[i];
                        mapped[(b, a)] = value[i];
                    }
                    Self::Full(mapped)
                })
            }
        }
    }

    /// `v_a v_b` over the samples, in the form of this kernel; `values` as [`Kernel::per_sample`] gives them.
    pub fn outer(&self, values: &[f64]) -> Self {
        match self {
            Self::Exchangeable { batch, .. } => {
                let square = values[0] * values[0];
                Self::Exchangeable { batch: *batch, diagonal: square, off_diagonal: square }
            }
            Self::Full(matrix) => {
                Self::Full(DMatrix::from_fn(matrix.nrows(), matrix.nrows(), |a, b| values[a] * values[b]))
            }
        }
    }

    /// A function of every sample's diagonal entry: one value for exchangeable samples, one per sample otherwise.
    pub fn per_sample(&self, function: impl Fn(f64) -> f64) -> Vec<f64> {
        match self {
            Self::Exchangeable { diagonal, .. } => vec![function(*diagonal)],
            Self::Full(matrix) => matrix.diagonal().iter().map(|&q| function(q)).collect(),
        }
    }

    /// Entrywise sum.
    pub fn plus(&self, other: &Self) -> Self {
        match (self, other) {
            (
                Self::Exchangeable { batch, diagonal, off_diagonal },
                Self::Exchangeable { diagonal: other_diagonal, off_diagonal: other_off_diagonal, .. },
            ) => Self::Exchangeable {
                batch: *batch,
                diagonal: diagonal + other_diagonal,
                off_diagonal: off_diagonal + other_off_diagonal,
            },
            _ => Self::Full(self.to_matrix() + other.to_matrix()),
        }
    }

    /// All B x B entries.
    pub fn to_matrix(&self) -> DMatrix<f64> {
        match self {
            Self::Exchangeable { batch, diagonal, off_diagonal } => {
                DMatrix::from_fn(*batch, *batch, |a, b| if a == b { *diagonal } else { *off_diagonal })
            }
            Self::Full(matrix) => matrix.clone(),
        }
    }
}

/// The kernel `e^ln_scale kernel`.
///
/// Products over depth live in `ln_scale`; the stored kernel has a largest diagonal entry of 1 (or is zero).
#[derive(Debug, Clone, PartialEq)]
pub struct ScaledKernel {
    /// The kernel, up to the scale.
    pub kernel: Kernel,
    /// Natural logarithm of the scale.
    pub ln_scale: f64,
}

impl ScaledKernel {
    /// Moves the size of a kernel into the scale.
    pub fn new(kernel: Kernel, ln_scale: f64) -> Self {
        let size = kernel.largest_diagonal();
        if size > 0.0 && size.is_finite() {
            Self { kernel: kernel.affine(1.0 / size, 0.0), ln_scale: ln_scale + size.ln() }
        } else {
            Self { kernel, ln_scale }
        }
    }

    /// `X^T X` over the columns of X, one a sample.
    pub fn products(columns: &DMatrix<f64>) -> Self {
        let samples = columns.ncols();
        let largest = columns.amax();
        if largest == 0.0 || samples == 0 {
            return Self { kernel: Kernel::Full(DMatrix::zeros(samples, samples)), ln_scale: 0.0 };
        }
        // Squares of 1e200 overflow.
        let scaled = columns / largest;
        Self::new(Kernel::Full(scaled.tr_mul(&scaled)), 2.0 * largest.ln())
    }

    /// `X^T X / n` over the columns of X, n x B: the kernel of given inputs.
    pub fn mean_products(columns: &DMatrix<f64>) -> Self {
        let products = Self::products(columns);
        Self { ln_scale: products.ln_scale - (columns.nrows() as f64).ln(), ..products }
    }

    /// With all diagonal entries replaced by their mean, and all others by theirs: what exchangeable samples would have.
    pub fn exchangeable(&self) -> Self {
        let kernel = Kernel::Exchangeable {
            batch: self.kernel.batch(),
            diagonal: self.kernel.mean_diagonal(),
            off_diagonal: self.kernel.mean_off_diagonal().unwrap_or(0.0),
        };
        Self::new(kernel, self.ln_scale)
    }

    /// `e^ln_factor` times this kernel, entry by entry times another one.
    pub fn times(&self, other: &Kernel, ln_factor: f64) -> Self {
        Self::new(self.kernel.hadamard(other), self.ln_scale + ln_factor)
    }

    /// The sum of two kernels.
    pub fn plus(&self, other: &Self) -> Self {
        let ln_scale = self.ln_scale.max(other.ln_scale);
        if ln_scale == f64::NEG_INFINITY {
            return self.clone();
        }
        let part = |kernel: &Self| kernel.kernel.affine((kernel.ln_scale - ln_scale).exp(), 0.0);
        Self::new(part(self).plus(&part(other)), ln_scale)
    }

    /// ln of the largest diagonal entry; `-inf` for the zero kernel.
    pub fn ln_largest_diagonal(&self) -> f64 {
        self.kernel.largest_diagonal().ln() + self.ln_scale
    }

    /// ln of the mean diagonal entry.
    pub fn ln_mean_diagonal(&self) -> f64 {
        self.kernel.mean_diagonal().ln() + self.ln_scale
    }

    /// ln of `sum_ab A_ab B_ab`.
    pub fn ln_inner(&self, other: &Self) -> f64 {
        self.kernel.inner(&other.kernel).ln() + self.ln_scale + other.ln_scale
    }

    /// The same with its off-diagonal entries set to zero.
    pub fn diagonal_only(&self) -> Self {
        Self { kernel: self.kernel.without_correlations(), ln_scale: self.ln_scale }
    }

    /// ln of `sum_ab A_ab`.
    pub fn ln_sum(&self) -> f64 {
        self.kernel.sum().ln() + self.ln_scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exchangeable_form_is_the_full_matrix() {
        let short = Kernel::Exchangeable { batch: 4, diagonal: 2.0, off_diagonal: 0.5 };
        let full = Kernel::Full(short.to_matrix());
        let map = |kernel: &Kernel| {
            kernel.map_pairs(|q| 2.0 * q, |a, b, pair| [a + b + pair.covariance, pair.q1 * pair.q2 - pair.covariance])
        };
        assert_eq!(short.sum(), full.sum());
        assert_eq!(short.inner(&short), full.inner(&full));
        assert_eq!(short.mean_off_diagonal(), full.mean_off_diagonal());
        assert_eq!(Kernel::Full(short.hadamard(&short).to_matrix()), full.hadamard(&full));
        assert_eq!(Kernel::Full(short.affine(3.0, 1.0).to_matrix()), full.affine(3.0, 1.0));
        let mapped = map(&short).map(|kernel| Kernel::Full(kernel.to_matrix()));
        assert_eq!(mapped, map(&full));
    }

    #[test]
    fn scales_beyond_f64_are_kept() {
        let mut kernel = ScaledKernel::new(Kernel::Exchangeable { batch: 1, diagonal: 1e-200, off_diagonal: 0.0 }, 0.0);
        let factor = Kernel::Exchangeable { batch: 1, diagonal: 1e-200, off_diagonal: 0.0 };
        for _ in 0..9 {
            kernel = kernel.times(&factor, 0.0);
        }
        assert!((kernel.ln_largest_diagonal() / std::f64::consts::LN_10 + 2000.0).abs() < 1e-9);
    }
}
