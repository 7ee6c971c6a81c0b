//! Phases one by one, from tables that thousands of points share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::correlation::CorrelationTable;
use super::phase::{PhasePoint, chaotic, correlation};
use super::variance::{Scales, VarianceMap};
use super::{GREATEST_VARIANCE, MeanFieldError};
use crate::activation::{Activation, ExpectationError};

/// The mean-field numbers of one activation at any scales, as [`phase_points`](super::phase_points) has them: to 1e-12, c* and what follows from it to
/// 1e-11.
///
/// Tables are made when a point first needs them, from any thread. They lie on a fixed grid of variances: a point's numbers do not depend on which other
/// points there are.
#[derive(Debug)]
pub struct PhaseTable<'a> {
    map: VarianceMap<'a>,
    /// By the factor of e in which the variance lies.
    correlations: Mutex<BTreeMap<i32, Arc<Cell>>>,
}

type Cell = OnceLock<Result<CorrelationTable, ExpectationError>>;

impl<'a> PhaseTable<'a> {
    /// That of an activation.
    ///
    /// # Errors
    ///
    /// [`ExpectationError`] if the expectations exist at no variance.
    pub fn new(phi: &'a dyn Activation) -> Result<Self, ExpectationError> {
        Ok(Self { map: VarianceMap::tabulated(phi)?, correlations: Mutex::default() })
    }

    /// The numbers at `scales`, for inputs whose first pre-activations have variance `start`.
    ///
    /// # Errors
    ///
    /// As [`phase_point`](super::phase_point).
    pub fn point(&self, scales: Scales, start: f64) -> Result<PhasePoint, MeanFieldError> {
        if !(start > 0.0 && start <= GREATEST_VARIANCE) {
            return Err(MeanFieldError::Variance { name: "the variance to start from", value: start });
        }
        let variances = self.map.variances(scales, start)?;
        let correlation = match chaotic(&variances) {
            Some(q) => {
                let key = q.ln().floor() as i32;
                let cell = {
                    let mut cells = self.correlations.lock().unwrap_or_else(PoisonError::into_inner);
                    Arc::clone(cells.entry(key).or_default())
                };
                let phi = self.map.activation();
                let table = cell.get_or_init(|| CorrelationTable::new(phi, std::iter::once(q))).as_ref();
                table
                    .map_err(|error| MeanFieldError::Expectation(error.clone()))?
                    .at(q)
                    .map(|map| map.fixed_point(scales.weight_variance()))
            }
            None => correlation(&self.map, scales, &variances)?,
        };
        Ok(PhasePoint::new(scales, variances, correlation))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{phase_point, phase_points};
    use super::*;
    use crate::activation::{Relu, Sine, Tanh, by_name};

    /// To the bit what the batch has, and in whatever order.
    #[test]
    fn points_are_those_of_the_batch() {
        for phi in [&Tanh as &dyn Activation, &Relu] {
            let scales: Vec<Scales> = (1..=8).map(|k| Scales::new(0.4 * f64::from(k), 0.1).expect("scales")).collect();
            let batch = phase_points(phi, &scales, 1.0).expect("it has expectations");
            let table = PhaseTable::new(phi).expect("it has expectations");
            for (scales, expected) in scales.iter().zip(&batch).rev() {
                assert_eq!(table.point(*scales, 1.0).ok(), expected.clone().ok());
            }
        }
    }

    /// Every number against the fixed points without tables: smooth, kinked, oscillating.
    #[test]
    fn tables_give_the_numbers_of_the_quadrature() {
        let hard = by_name("hard_tanh").expect("an activation");
        for phi in [&Tanh as &dyn Activation, &Relu, &*hard, &Sine] {
            let table = PhaseTable::new(phi).expect("it has expectations");
            let map = VarianceMap::new(phi).expect("it has expectations");
            let mut chaotic = 0;
            for (sigma_w, sigma_b) in [(0.8, 0.3), (1.2, 0.1), (1.7, 0.05), (2.5, 0.4), (3.3, 0.0)] {
                let scales = Scales::new(sigma_w, sigma_b).expect("scales");
                let (Ok(one), Ok(other)) = (table.point(scales, 1.0), phase_point(&map, scales, 1.0)) else { continue };
                let pairs = [
                    (one.q_star, other.q_star, 1e-12),
                    (one.chi_1, other.chi_1, 1e-12),
                    (one.c_star, other.c_star, 1e-11),
                    (one.xi_q, other.xi_q, 1e-9),
                    (one.xi_c, other.xi_c, 1e-9),
                ];
                for (place, (one, other, tolerance)) in pairs.into_iter().enumerate() {
                    match (one, other) {
                        (Some(one), Some(other)) => assert!(
                            (one - other).abs() <= tolerance * other.abs().max(1.0) || one == other,
                            "{} at {sigma_w}, {sigma_b}: number {place} is {one} and {other}",
                            phi.name()
                        ),
                        (one, other) => assert_eq!(one, other, "{} at {sigma_w}, {sigma_b}: {place}", phi.name()),
                    }
                }
                chaotic += usize::from(other.c_star.is_some_and(|c| c < 0.99));
            }
            assert!(chaotic > 0 || phi.is_homogeneous(), "{}: no point in chaos", phi.name());
        }
    }
}
