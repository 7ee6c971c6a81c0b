//! Singular values on a logarithmic scale.

/// Natural logarithms of the singular values of a matrix, in descending order; `-inf` stands for an exact zero.
#[derive(Debug, Clone, PartialEq)]
pub struct LogSingularValues {
    values: Vec<f64>,
    determined: usize,
}

impl LogSingularValues {
    /// From finite logarithms or `-inf`, in descending order.
    pub(super) fn new(values: Vec<f64>) -> Self {
        debug_assert!(values.windows(2).all(|pair| pair[0] >= pair[1]));
        let determined = values.partition_point(|&value| value > f64::NEG_INFINITY);
        Self { values, determined }
    }

    /// As [`new`](Self::new), with exact zeros up to `size` values.
    pub(super) fn padded(mut values: Vec<f64>, size: usize) -> Self {
        values.resize(size, f64::NEG_INFINITY);
        Self::new(values)
    }

    /// With only the first `count` of the finite values determined.
    pub(super) fn determined_to(self, count: usize) -> Self {
        Self { determined: self.determined.min(count), ..self }
    }

    /// All min(rows, columns) logarithms, in descending order, the `-inf` of exact zeros last.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// How many values are not exactly zero.
    pub fn rank(&self) -> usize {
        self.values.partition_point(|&value| value > f64::NEG_INFINITY)
    }

    /// The finite logarithms: the first [`rank`](Self::rank) of [`values`](Self::values).
    pub fn finite(&self) -> &[f64] {
        &self.values[..self.rank()]
    }

    /// How many of the finite logarithms are more than rounding errors: the others, up to [`rank`](Self::rank), are known not to be zero,
    /// and not much more.
    pub fn determined(&self) -> usize {
        self.determined
    }
}
