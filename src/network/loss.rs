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
    /// `-(1/B) sum_a ln softmax(Y_a)[t_a]`; gradient `(softmax(Y_a) - e_{t_a}) / B`.
    CrossEntropy {
        /// Class t_a of every sample, below n.
        labels: Vec<usize>,
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
            Self::CrossEntropy { labels } => BoundLoss::CrossEntropy { labels: labels.clone() },
        }
    }

    /// The loss of a batch of outputs and its gradient.
    ///
    /// # Errors
    ///
    /// [`LossShapeError`] if the readout or the targets do not have the outputs' size.
    pub fn evaluate(&self, outputs: &DMatrix<T>) -> Result<LossValue<T>, LossShapeError> {
        let mut gradient = DMatrix::from_element(0, 0, T::default());
        let value = self.evaluate_into(outputs, &mut gradient)?;
        Ok(LossValue { value, gradient })
    }

    /// As [`BoundLoss::evaluate`], with the gradient in a matrix that is there already.
    ///
    /// # Errors
    ///
    /// As [`BoundLoss::evaluate`].
    pub fn evaluate_into(&self, outputs: &DMatrix<T>, gradient: &mut DMatrix<T>) -> Result<f64, LossShapeError> {
        let (rows, columns) = outputs.shape();
        if gradient.shape() != (rows, columns) {
            *gradient = DMatrix::from_element(rows, columns, T::default());
        }
        match self {
            Self::Sum => {
                gradient.fill(T::from_f64(1.0));
                Ok(outputs.iter().map(|y| y.to_f64()).sum())
            }
            Self::Readout(readout) => {
                if readout.len() != rows {
                    let (what, got) = ("readout", (readout.len(), 1));
                    return Err(LossShapeError { what, got, outputs: (rows, columns) });
                }
                gradient.column_iter_mut().for_each(|mut column| column.copy_from(readout));
                Ok(gradient.iter().zip(outputs).map(|(r, y)| r.to_f64() * y.to_f64()).sum())
            }
            Self::Mse { targets } => {
                if targets.shape() != outputs.shape() {
                    return Err(LossShapeError { what: "target", got: targets.shape(), outputs: (rows, columns) });
                }
                let count = outputs.len() as f64;
                let difference = |(y, t): (&T, &T)| y.to_f64() - t.to_f64();
                for (entry, pair) in gradient.iter_mut().zip(outputs.iter().zip(targets)) {
                    *entry = T::from_f64(2.0 * difference(pair) / count);
                }
                Ok(outputs.iter().zip(targets).map(|pair| difference(pair).powi(2)).sum::<f64>() / count)
            }
            Self::CrossEntropy { labels } => {
                let classes = labels.iter().max().map_or(0, |label| label + 1);
                if labels.len() != columns || classes > rows {
                    let (what, got) = ("list of labels", (classes, labels.len()));
                    return Err(LossShapeError { what, got, outputs: (rows, columns) });
                }
                let mut value = 0.0;
                for (a, &label) in labels.iter().enumerate() {
                    let y = outputs.column(a);
                    // `f64::max` passes over NaN, but the sum below does not: a diverged network stays visible.
                    let largest = y.iter().map(|y| y.to_f64()).fold(f64::NEG_INFINITY, f64::max);
                    let sum: f64 = y.iter().map(|y| (y.to_f64() - largest).exp()).sum();
                    value += sum.ln() + largest - y[label].to_f64();
                    for (i, (entry, y)) in gradient.column_mut(a).iter_mut().zip(&y).enumerate() {
                        let probability = (y.to_f64() - largest).exp() / sum;
                        let target = if i == label { 1.0 } else { 0.0 };
                        *entry = T::from_f64((probability - target) / columns as f64);
                    }
                }
                Ok(value / columns as f64)
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

    /// Central differences of the value are the oracle; large outputs do not overflow.
    #[test]
    fn the_cross_entropys_gradient_is_the_slope_of_its_value() {
        let y = DMatrix::from_fn(4, 3, |i, a| ((i * 5 + a * 3) % 7) as f64 * 0.4 - 1.0);
        let loss = BoundLoss::CrossEntropy { labels: vec![0, 3, 1] };
        let gradient = loss.evaluate(&y).expect("three labels").gradient;
        for i in 0..4 {
            for a in 0..3 {
                let at = |step: f64| {
                    let mut moved = y.clone();
                    moved[(i, a)] += step;
                    loss.evaluate(&moved).expect("three labels").value
                };
                assert!(((at(1e-5) - at(-1e-5)) / 2e-5 - gradient[(i, a)]).abs() < 1e-10);
            }
        }
        let large = loss.evaluate(&(y * 1e4)).expect("three labels");
        assert!(large.value.is_finite() && large.gradient.iter().all(|entry| entry.is_finite()));
        assert!(loss.evaluate(&DMatrix::<f64>::zeros(3, 3)).is_err(), "label 3 needs four outputs");
    }

    #[test]
    fn other_shapes_are_refused() {
        let y = DMatrix::from_element(2, 3, 0.0);
        assert!(BoundLoss::Readout(DVector::from_element(3, 1.0)).evaluate(&y).is_err());
        let error = BoundLoss::Mse { targets: DMatrix::from_element(3, 2, 0.0) }.evaluate(&y).expect_err("transposed");
        assert_eq!(error.to_string(), "the target has shape 3 x 2, the outputs 2 x 3");
    }
}
