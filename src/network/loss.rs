//! Losses: a scalar of the outputs and its gradient.

use nalgebra::{DMatrix, DVector};

use crate::linalg::Real;

/// A loss with everything it needs besides the outputs Y (n x B).
#[derive(Debug, Clone, PartialEq)]
pub enum BoundLoss<T: Real> {
    /// `sum_ia Y_ia`; gradient 1.
    Sum,
    /// `sum_ia r_i Y_ia`; gradient r in every sample.
    Readout(DVector<T>),
    /// `(1 / n B) sum_ia (Y_ia - T_ia)^2`; gradient `2 (Y - T) / (n B)`.
    Mse {
        /// T, n x B.
        targets: DMatrix<T>,
    },
}

/// A loss and its gradient.
#[derive(Debug, Clone, PartialEq)]
pub struct LossValue<T: Real> {
    /// The scalar, summed in f64.
    pub value: f64,
    /// Its gradient with respect to the outputs, n x B.
    pub gradient: DMatrix<T>,
}

/// A readout or targets of another size than the outputs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {what} has shape {} x {}, the outputs {} x {}", got.0, got.1, outputs.0, outputs.1)]
pub struct LossShapeError {
    /// Readout or targets.
    pub what: &'static str,
    /// Its shape.
    pub got: (usize, usize),
    /// Shape of the outputs.
    pub outputs: (usize, usize),
}

impl<T: Real> BoundLoss<T> {
    /// The same loss in another number format, every entry rounded once.
    pub fn cast<U: Real>(&self) -> BoundLoss<U> {
        let round = |entry: T| U::from_f64(entry.to_f64());
        match self {
            Self::Sum => BoundLoss::Sum,
            Self::Readout(readout) => BoundLoss::Readout(readout.map(round)),
            Self::Mse { targets } => BoundLoss::Mse { targets: targets.map(round) },
        }
    }

    /// The loss of a batch of outputs and its gradient.
    ///
    /// # Errors
    ///
    /// [`LossShapeError`] if the readout or the targets do not have the outputs' size.
    pub fn evaluate(&self, outputs: &DMatrix<T>) -> Result<LossValue<T>, LossShapeError> {
        let (rows, columns) = outputs.shape();
        match self {
            Self::Sum => Ok(LossValue {
                value: outputs.iter().map(|y| y.to_f64()).sum(),
                gradient: DMatrix::from_element(rows, columns, T::from_f64(1.0)),
            }),
            Self::Readout(readout) => {
                if readout.len() != rows {
                    let (what, got) = ("readout", (readout.len(), 1));
                    return Err(LossShapeError { what, got, outputs: (rows, columns) });
                }
                let gradient = DMatrix::from_fn(rows, columns, |i, _| readout[i]);
                let value = gradient.iter().zip(outputs).map(|(r, y)| r.to_f64() * y.to_f64()).sum();
                Ok(LossValue { value, gradient })
            }
            Self::Mse { targets } => {
                if targets.shape() != outputs.shape() {
                    return Err(LossShapeError { what: "target", got: targets.shape(), outputs: (rows, columns) });
                }
                let count = outputs.len() as f64;
                let difference = |(y, t): (&T, &T)| y.to_f64() - t.to_f64();
                let value = outputs.iter().zip(targets).map(|pair| difference(pair).powi(2)).sum::<f64>() / count;
                let gradient = outputs.zip_map(targets, |y, t| T::from_f64(2.0 * (y.to_f64() - t.to_f64()) / count));
                Ok(LossValue { value, gradient })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_gradients() {
        let y = DMatrix::from_row_slice(2, 2, &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(BoundLoss::Sum.evaluate(&y).expect("any shape").value, 10.0);
        let readout = BoundLoss::Readout(DVector::from_row_slice(&[1.0, -1.0])).evaluate(&y).expect("two outputs");
        assert_eq!(readout.value, -4.0);
        assert_eq!(readout.gradient, DMatrix::from_row_slice(2, 2, &[1.0, 1.0, -1.0, -1.0]));
        let targets = DMatrix::from_element(2, 2, 1.0);
        let mse = BoundLoss::Mse { targets }.evaluate(&y).expect("same shape");
        assert_eq!(mse.value, 3.5);
        assert_eq!(mse.gradient, DMatrix::from_row_slice(2, 2, &[0.0, 0.5, 1.0, 1.5]));
    }

    #[test]
    fn other_shapes_are_refused() {
        let y = DMatrix::from_element(2, 3, 0.0);
        assert!(BoundLoss::Readout(DVector::from_element(3, 1.0)).evaluate(&y).is_err());
        let error = BoundLoss::Mse { targets: DMatrix::from_element(3, 2, 0.0) }.evaluate(&y).expect_err("transposed");
        assert_eq!(error.to_string(), "the target has shape 3 x 2, the outputs 2 x 3");
    }
}
