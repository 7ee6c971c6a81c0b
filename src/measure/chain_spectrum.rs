//! Singular values of a product of given matrices, by depth, beside those of the explicit product.

use nalgebra::DMatrix;
use serde::Serialize;

use super::depths::spaced_depths;
use super::{MEMORY_LIMIT, MeasureError, Progress};
use crate::linalg::{Chain, LinalgError, LogSingularValues, ScaledProduct, one_ulp_off};
use crate::spec::shown_depths;

/// What the factors of a product do together.
///
/// Logarithms are decimal and in descending order of the singular values; `None` is an exact zero.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChainSpectrum {
    /// Rows of the product.
    pub rows: usize,
    /// Columns of the product.
    pub columns: usize,
    /// Spectra of the first factors, at chosen depths; the last is that of the whole product.
    pub depths: Vec<DepthSpectrum>,
    /// Largest and smallest singular value, at more depths.
    pub ranges: Vec<DepthRange>,
    /// log10 of the largest modulus of an eigenvalue; `None` if the product is not square, or where double precision does not determine it.
    pub log10_spectral_radius: Option<f64>,
}

/// Singular values of the first `depth` factors.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DepthSpectrum {
    /// Factors in the product.
    pub depth: usize,
    /// By [`Chain`].
    pub log10_singular_values: Vec<Option<f64>>,
    /// By how much each `ln sigma_i` changes at most if every entry of every factor moves by one ulp, up or down at random, three times
    /// over; `None` where it is zero before or after.
    pub conditioning: Vec<Option<f64>>,
    /// Whether the entries determine the value: one ulp moves it by less than 1 %, or leaves it exactly zero.
    pub determined: Vec<bool>,
    /// From the explicit product in double precision, rescaled so that it neither overflows nor underflows from factor to factor.
    pub plain_log10_singular_values: Vec<Option<f64>>,
    /// Whether a single step of the explicit product overflows all the same: nothing is left of it.
    pub plain_overflows: bool,
}

/// The ends of a spectrum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DepthRange {
    /// Factors in the product.
    pub depth: usize,
    /// The largest singular value.
    pub log10_largest: Option<f64>,
    /// The smallest that is neither exactly zero nor of the size of rounding errors.
    pub log10_smallest: Option<f64>,
    /// How many are not exactly zero.
    pub rank: usize,
}

/// An explicit product has lost a singular value that differs by more than this; one that an ulp moves by more is not determined.
const LOST: f64 = 0.01;

/// Perturbations by one ulp: a single one may by chance leave a value where it was.
const PERTURBATIONS: u64 = 3;

impl DepthSpectrum {
    /// How many singular values the explicit product has lost, of those that are determined: off by more than 1 %, missing, or rounding
    /// errors where there is a zero.
    pub fn lost(&self) -> usize {
        let lost = |(chain, plain): (&Option<f64>, &Option<f64>)| match (chain, plain) {
            _ if self.plain_overflows => true,
            (Some(chain), Some(plain)) => (chain - plain).abs() > (1.0 + LOST).log10(),
            (None, None) => false,
            _ => true,
        };
        let pairs = self.log10_singular_values.iter().zip(&self.plain_log10_singular_values);
        pairs.zip(&self.determined).filter(|(pair, determined)| **determined && lost(*pair)).count()
    }

    /// How many singular values are not exactly zero.
    pub fn rank(&self) -> usize {
        self.log10_singular_values.iter().flatten().count()
    }

    /// How many singular values the entries do not determine.
    pub fn undetermined(&self) -> usize {
        self.determined.iter().filter(|determined| !**determined).count()
    }

    /// How many singular values are exactly zero for these entries, but not for all that differ by an ulp.
    pub fn lifted_by_an_ulp(&self) -> usize {
        let values = self.log10_singular_values.iter().zip(&self.determined);
        values.filter(|(value, determined)| value.is_none() && !**determined).count()
    }

    /// Decades between the largest and the smallest singular value that are determined and not zero.
    pub fn decades(&self) -> Option<f64> {
        let values = self.log10_singular_values.iter().zip(&self.determined);
        let mut determined = values.filter(|(_, determined)| **determined).filter_map(|(value, _)| *value);
        let largest = determined.next()?;
        Some(largest - determined.next_back().unwrap_or(largest))
    }
}

impl ChainSpectrum {
    /// The whole product.
    pub fn whole(&self) -> &DepthSpectrum {
        self.depths.last().expect("a product has at least one factor, and its depth is always among the shown ones")
    }
}

/// Depths of [`ChainSpectrum::ranges`], where they are cheap.
const MOST_DEPTHS: usize = 60;

/// Depths where they are not, beside those that are shown.
const FEWEST_DEPTHS: usize = 4;

/// Operations that the ends of the spectrum may take at all those depths together: some seconds.
const RANGE_BUDGET: f64 = 2e11;

/// Singular values of `W_L ... W_1`, from the shapes (out x in) of the factors, which chain, and their matrices by index.
///
/// # Cost
///
/// Four chains (three with every entry an ulp off) and an explicit product: about 35 n^3 operations a factor, and O(n^2) memory.
///
/// # Errors
///
/// Those of `matrix`, and [`MeasureError::Linalg`] for shapes that do not chain, entries that are not finite or a failure of LAPACK;
/// [`MeasureError::TooLarge`]; [`MeasureError::Interrupted`].
pub fn chain_spectrum<E: From<MeasureError>>(
    shapes: &[(usize, usize)],
    matrix: impl Fn(usize) -> Result<DMatrix<f64>, E>,
    progress: &dyn Progress,
) -> Result<ChainSpectrum, E> {
    let columns = shapes.first().map_or(0, |shape| shape.1);
    check_memory(columns)?;
    let depth = shapes.len();
    let range_depths = affordable_depths(shapes);
    let shown = shown_depths(depth);
    let mut product = Followed::new(columns);
    let (mut depths, mut ranges) = (Vec::new(), Vec::new());
    progress.begin("factors", depth as u64);
    let mut follow = || -> Result<(), E> {
        for index in 0..depth {
            if progress.interrupted() {
                return Err(MeasureError::Interrupted.into());
            }
            product.push(&matrix(index)?, index)?;
            if range_depths.binary_search(&(index + 1)).is_ok() {
                let values = product.chain.log_singular_values().map_err(MeasureError::from)?;
                if shown.contains(&(index + 1)) {
                    depths.push(product.depth_spectrum(index + 1, &values)?);
                }
                let determined = &values.finite()[..values.determined()];
                let log10 = |value: Option<&f64>| value.map(|ln| ln / std::f64::consts::LN_10);
                ranges.push(DepthRange {
                    depth: index + 1,
                    log10_largest: log10(determined.first()),
                    log10_smallest: log10(determined.last()),
                    rank: values.rank(),
                });
            }
            progress.advance(1);
        }
        Ok(())
    };
    let followed = follow();
    progress.end();
    followed?;
    let log10_spectral_radius = match product.plain {
        Some(product) => product.log_spectral_radius().map_err(MeasureError::from)?,
        None => None,
    };
    Ok(ChainSpectrum {
        rows: product.chain.rows(),
        columns,
        depths,
        ranges,
        log10_spectral_radius: log10_spectral_radius.map(|ln| ln / std::f64::consts::LN_10),
    })
}

/// Depths for the ends of the spectrum: as many as the budget allows, with the rank that the product has at each.
fn affordable_depths(shapes: &[(usize, usize)]) -> Vec<usize> {
    let columns = shapes.first().map_or(0, |shape| shape.1);
    let ranks: Vec<usize> = shapes
        .iter()
        .scan(columns, |rank, shape| {
            *rank = shape.0.min(*rank);
            Some(*rank)
        })
        .collect();
    let evaluation = |depth: usize| 30.0 * columns as f64 * (ranks[depth - 1] as f64).powi(2);
    let cost = |depths: &[usize]| depths.iter().map(|&depth| evaluation(depth)).sum::<f64>();
    let candidates = (FEWEST_DEPTHS..=MOST_DEPTHS).rev().map(|count| spaced_depths(shapes.len(), count));
    candidates
        .clone()
        .find(|depths| cost(depths) <= RANGE_BUDGET)
        .unwrap_or_else(|| spaced_depths(shapes.len(), FEWEST_DEPTHS))
}

/// A product in all the ways in which it is followed.
struct Followed {
    chain: Chain,
    /// With entries an ulp off.
    perturbed: Vec<Chain>,
    /// `None` from where it overflows.
    plain: Option<ScaledProduct>,
}

impl Followed {
    fn new(columns: usize) -> Self {
        let perturbed = (0..PERTURBATIONS).map(|_| Chain::new(columns)).collect();
        Self { chain: Chain::new(columns), perturbed, plain: Some(ScaledProduct::new(columns)) }
    }

    fn push(&mut self, factor: &DMatrix<f64>, index: usize) -> Result<(), MeasureError> {
        self.chain.push(factor)?;
        for (salt, perturbed) in self.perturbed.iter_mut().enumerate() {
            perturbed.push(&one_ulp_off(factor, (index as u64).wrapping_mul(PERTURBATIONS) + salt as u64))?;
        }
        if let Some(product) = &mut self.plain {
            match product.push(factor) {
                // Entries beyond 10^300: whoever multiplies explicitly has nothing from here on.
                Err(LinalgError::NotFinite { .. }) => self.plain = None,
                other => other?,
            }
        }
        Ok(())
    }

    fn depth_spectrum(&self, depth: usize, values: &LogSingularValues) -> Result<DepthSpectrum, MeasureError> {
        let plain = match &self.plain {
            Some(product) => log10(&product.log_singular_values()?),
            None => vec![None; values.values().len()],
        };
        // Zeros that stay zero do not move; one that appears or vanishes moves without bound.
        let mut changes = vec![0.0_f64; values.values().len()];
        for chain in &self.perturbed {
            let moved = chain.log_singular_values()?;
            for (change, (a, b)) in changes.iter_mut().zip(values.values().iter().zip(moved.values())) {
                *change = change.max(if a == b { 0.0 } else { (a - b).abs() });
            }
        }
        let zero = |index: usize| index >= values.rank();
        let undetermined = values.determined()..values.rank();
        let determined = changes.iter().enumerate();
        Ok(DepthSpectrum {
            depth,
            log10_singular_values: log10(values.values()),
            determined: determined.map(|(i, &change)| change <= LOST.ln_1p() && !undetermined.contains(&i)).collect(),
            conditioning: changes
                .iter()
                .enumerate()
                .map(|(i, &change)| Some(change).filter(|change| change.is_finite() && !zero(i)))
                .collect(),
            plain_log10_singular_values: plain,
            plain_overflows: self.plain.is_none(),
        })
    }
}

/// Decimal logarithms from natural ones; `None` for a zero.
pub(super) fn log10(lns: &[f64]) -> Vec<Option<f64>> {
    lns.iter().map(|ln| ln.is_finite().then_some(ln / std::f64::consts::LN_10)).collect()
}

/// The products begin as n_0 x n_0 matrices, and a wide first factor does not show in the size of its file.
fn check_memory(columns: usize) -> Result<(), MeasureError> {
    const MATRICES: usize = 12;
    let bytes = columns.saturating_mul(columns).saturating_mul(8 * MATRICES);
    if bytes > MEMORY_LIMIT {
        return Err(MeasureError::TooLarge {
            what: "product of these factors",
            gibibytes: bytes as f64 / f64::from(1 << 30),
            advice: "reduce the columns of the first factor (its transpose, last of the transposed chain, has the same singular values)",
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use nalgebra::dmatrix;

    use super::super::Silent;
    use super::*;

    fn spectrum_of(
        shapes: &[(usize, usize)],
        matrix: impl Fn(usize) -> DMatrix<f64>,
    ) -> Result<ChainSpectrum, MeasureError> {
        chain_spectrum(shapes, |index| Ok(matrix(index)), &Silent)
    }

    /// The product of all singular values is |det|, which multiplies: the chain has it, the explicit product cannot.
    #[test]
    fn the_chain_keeps_the_determinant_where_an_explicit_product_loses_values() {
        let factor = |index: usize| -> DMatrix<f64> {
            let t = index as f64;
            dmatrix![3.0 + t.sin(), 1.0, 0.2; 0.5, 0.9 + 0.3 * t.cos(), 0.1; 0.1, 0.3, 0.02 * (2.0 + t.sin())]
        };
        let spectrum = spectrum_of(&[(3, 3); 30], factor).expect("finite");
        let expected: f64 = (0..30).map(|index| factor(index).determinant().abs().log10()).sum();
        let whole = spectrum.whole();
        let total = |values: &[Option<f64>]| values.iter().map(|value| value.unwrap_or(-400.0)).sum::<f64>();
        let chain = total(&whole.log10_singular_values);
        assert!((chain - expected).abs() < 1e-11 * expected.abs(), "{chain} against {expected}");
        let plain = total(&whole.plain_log10_singular_values);
        assert!((plain - expected).abs() > 1.0, "{plain} against {expected}: the product lost nothing");
        assert!(whole.lost() >= 1 && whole.rank() == 3);
        assert_eq!(spectrum.depths.iter().map(|depth| depth.depth).collect::<Vec<_>>(), [1, 6, 15, 30]);
        assert_eq!(spectrum.depths[0].lost(), 0, "a single factor loses nothing");
        assert_eq!(spectrum.ranges.len(), 30);
        assert!(whole.conditioning.iter().flatten().all(|change| *change < 1e-9), "{:?}", whole.conditioning);
        // Positive matrices have a positive eigenvalue of largest modulus, above the smallest column sum and below the norm.
        let radius = spectrum.log10_spectral_radius.expect("positive");
        assert!(radius <= whole.log10_singular_values[0].expect("positive"));
    }

    #[test]
    fn zeros_and_overflow_are_told() {
        let zero = spectrum_of(&[(2, 2); 3], |index| dmatrix![1.0, 2.0; 3.0, 4.0] * (index as f64));
        let zero = zero.expect("finite");
        assert_eq!((zero.whole().rank(), zero.whole().lost()), (0, 0));
        assert_eq!(zero.whole().log10_singular_values, [None, None]);
        assert_eq!((&zero.whole().conditioning, zero.log10_spectral_radius), (&vec![None, None], None));
        assert_eq!((zero.whole().undetermined(), zero.whole().plain_overflows), (0, false));
        assert_eq!((zero.ranges[2].log10_largest, zero.ranges[2].rank), (None, 0));
        // The sum of two such entries leaves the range of f64; the chain does not care.
        let factor = |_| dmatrix![1.7e308, 1.7e308; 1.7e308, -1.7e308];
        let large = spectrum_of(&[(2, 2); 2], factor).expect("finite");
        assert_eq!((large.whole().rank(), large.whole().lost()), (2, 2));
        assert!(large.whole().plain_overflows && !large.depths[0].plain_overflows);
        assert!(spectrum_of(&[(1, 1 << 20)], |_| DMatrix::zeros(1, 1 << 20)).is_err());
    }

    /// A rank that falls by cancellation is exact for these entries, and one ulp lifts it; neither that nor a value of rounding size counts
    /// as lost by the explicit product, or widens the span.
    #[test]
    fn what_an_ulp_decides_is_told_and_not_lost() {
        let low = spectrum_of(&[(3, 3); 2], |_| dmatrix![1.0, 2.0, 3.0; 4.0, 5.0, 6.0; 7.0, 8.0, 9.0]).expect("finite");
        let whole = low.whole();
        assert_eq!((whole.rank(), whole.undetermined(), whole.lifted_by_an_ulp(), whole.lost()), (2, 1, 1, 0));
        assert!(whole.conditioning[2].is_none() && whole.decades().expect("rank 2") < 4.0);
        let near = dmatrix![0.1, 0.3; 0.1, 0.3f64.next_up()];
        let near = spectrum_of(&[(2, 2)], |_| near.clone()).expect("finite");
        let whole = near.whole();
        assert_eq!((whole.rank(), whole.undetermined(), whole.lifted_by_an_ulp(), whole.lost()), (2, 1, 0, 0));
        assert_eq!((whole.decades(), near.ranges[0].log10_smallest), (Some(0.0), near.ranges[0].log10_largest));
        // Zeros by structure are moved by nothing, and what the explicit product makes of them is its loss.
        let hall = |_| dmatrix![0.3, 0.7, 0.0, 0.0; 0.9, -0.2, 0.0, 0.0; -1.1, 0.4, 0.0, 0.0; 0.6, 0.8, 0.5, -0.9];
        let hall = spectrum_of(&[(4, 4)], hall).expect("finite");
        assert_eq!((hall.whole().rank(), hall.whole().undetermined()), (3, 0));
    }

    /// A head of 10 rows makes only the last spectra cheap.
    #[test]
    fn depths_are_paid_for_at_their_own_rank() {
        let mut shapes = vec![(1000, 1000); 23];
        shapes.push((10, 1000));
        let depths = affordable_depths(&shapes);
        assert!(depths.len() < 10 && depths.last() == Some(&24), "{depths:?}");
        shapes.insert(0, (10, 1000));
        shapes[1] = (1000, 10);
        assert_eq!(affordable_depths(&shapes), (1..=25).collect::<Vec<_>>());
        assert!(affordable_depths(&[(4000, 4000); 100]).len() <= FEWEST_DEPTHS + 4);
    }
}
