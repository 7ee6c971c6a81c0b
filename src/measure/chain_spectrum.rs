//! Singular values of a product of given matrices, by depth, beside those of the explicit product.

use nalgebra::DMatrix;
use serde::Serialize;

use super::depths::{shown_depths, spaced_depths};
use super::{MEMORY_LIMIT, MeasureError, Progress};
use crate::linalg::{Chain, LinalgError, LogSingularValues, ScaledProduct, one_ulp_off};

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
    /// By how much each `ln sigma_i` changes if every entry of every factor moves by one ulp; `None` where it is zero before or after.
    pub conditioning: Vec<Option<f64>>,
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
    /// From the explicit product in double precision, rescaled so that it neither overflows nor underflows.
    pub plain_log10_singular_values: Vec<Option<f64>>,
}

/// The ends of a spectrum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DepthRange {
    /// Factors in the product.
    pub depth: usize,
    /// The largest singular value.
    pub log10_largest: Option<f64>,
    /// The smallest that is not exactly zero.
    pub log10_smallest: Option<f64>,
    /// How many are not exactly zero.
    pub rank: usize,
}

/// An explicit product has lost a singular value that differs by more than this.
const LOST: f64 = 0.01;

impl DepthSpectrum {
    /// How many singular values the explicit product has lost: off by more than 1 %, missing, or rounding errors where there is a zero.
    pub fn lost(&self) -> usize {
        let lost = |(chain, plain): &(&Option<f64>, &Option<f64>)| match (chain, plain) {
            (Some(chain), Some(plain)) => (chain - plain).abs() > (1.0 + LOST).log10(),
            (None, None) => false,
            _ => true,
        };
        self.log10_singular_values.iter().zip(&self.plain_log10_singular_values).filter(lost).count()
    }

    /// How many singular values are not exactly zero.
    pub fn rank(&self) -> usize {
        self.log10_singular_values.iter().flatten().count()
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

/// Operations that the ends of the spectrum may take at all those depths together: some seconds.
const RANGE_BUDGET: f64 = 2e11;

/// Singular values of `W_L ... W_1`, from the shapes (out x in) of the factors, which chain, and their matrices by index.
///
/// # Cost
///
/// Two chains (one with every entry an ulp off) and an explicit product: about 20 n^3 operations a factor, and O(n^2) memory.
///
/// # Errors
///
/// [`MeasureError::Linalg`] for shapes that do not chain, entries that are not finite or a failure of LAPACK; [`MeasureError::TooLarge`];
/// [`MeasureError::Interrupted`].
pub fn chain_spectrum(
    shapes: &[(usize, usize)],
    matrix: impl Fn(usize) -> DMatrix<f64>,
    progress: &dyn Progress,
) -> Result<ChainSpectrum, MeasureError> {
    let columns = shapes.first().map_or(0, |shape| shape.1);
    check_memory(columns)?;
    let depth = shapes.len();
    let rank = shapes.iter().map(|shape| shape.0).fold(columns, usize::min) as f64;
    let evaluation = 30.0 * columns as f64 * rank * rank;
    let range_depths = spaced_depths(depth, (RANGE_BUDGET / evaluation).clamp(4.0, MOST_DEPTHS as f64) as usize);
    let shown = shown_depths(depth);
    let mut chain = Chain::new(columns);
    let mut perturbed = Chain::new(columns);
    let mut plain = Some(ScaledProduct::new(columns));
    let (mut depths, mut ranges) = (Vec::new(), Vec::new());
    progress.begin("factors", depth as u64);
    let mut follow = || {
        for index in 0..depth {
            if progress.interrupted() {
                return Err(MeasureError::Interrupted);
            }
            let factor = matrix(index);
            chain.push(&factor)?;
            perturbed.push(&one_ulp_off(&factor, index as u64))?;
            if let Some(product) = &mut plain {
                match product.push(&factor) {
                    // Entries beyond 10^300: whoever multiplies explicitly has nothing from here on.
                    Err(LinalgError::NotFinite { .. }) => plain = None,
                    other => other?,
                }
            }
            if range_depths.binary_search(&(index + 1)).is_ok() {
                let values = chain.log_singular_values()?;
                if shown.contains(&(index + 1)) {
                    depths.push(depth_spectrum(index + 1, &values, plain.as_ref())?);
                }
                let log10 = |value: Option<&f64>| value.map(|ln| ln / std::f64::consts::LN_10);
                ranges.push(DepthRange {
                    depth: index + 1,
                    log10_largest: log10(values.finite().first()),
                    log10_smallest: log10(values.finite().last()),
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
    let (values, moved) = (chain.log_singular_values()?, perturbed.log_singular_values()?);
    let conditioning = values.values().iter().zip(moved.values()).map(|(a, b)| Some((a - b).abs()));
    let log10_spectral_radius = match plain {
        Some(product) => product.log_spectral_radius()?.map(|ln| ln / std::f64::consts::LN_10),
        None => None,
    };
    Ok(ChainSpectrum {
        rows: chain.rows(),
        columns,
        depths,
        ranges,
        conditioning: conditioning.map(|change| change.filter(|change| change.is_finite())).collect(),
        log10_spectral_radius,
    })
}

fn depth_spectrum(
    depth: usize,
    values: &LogSingularValues,
    plain: Option<&ScaledProduct>,
) -> Result<DepthSpectrum, MeasureError> {
    let plain = match plain {
        Some(product) => log10(&product.log_singular_values()?),
        None => vec![None; values.values().len()],
    };
    Ok(DepthSpectrum { depth, log10_singular_values: log10(values.values()), plain_log10_singular_values: plain })
}

/// Decimal logarithms from natural ones; `None` for a zero.
pub(super) fn log10(lns: &[f64]) -> Vec<Option<f64>> {
    lns.iter().map(|ln| ln.is_finite().then_some(ln / std::f64::consts::LN_10)).collect()
}

/// The products begin as n_0 x n_0 matrices, and a wide first factor does not show in the size of its file.
fn check_memory(columns: usize) -> Result<(), MeasureError> {
    const MATRICES: usize = 6;
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

    /// The product of all singular values is |det|, which multiplies: the chain has it, the explicit product cannot.
    #[test]
    fn the_chain_keeps_the_determinant_where_an_explicit_product_loses_values() {
        let factor = |index: usize| {
            let t = index as f64;
            dmatrix![3.0 + t.sin(), 1.0, 0.2; 0.5, 0.9 + 0.3 * t.cos(), 0.1; 0.1, 0.3, 0.02 * (2.0 + t.sin())]
        };
        let spectrum = chain_spectrum(&[(3, 3); 30], factor, &Silent).expect("finite");
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
        assert!(spectrum.conditioning.iter().flatten().all(|change| *change < 1e-9), "{:?}", spectrum.conditioning);
        // Positive matrices have a positive eigenvalue of largest modulus, above the smallest column sum and below the norm.
        let radius = spectrum.log10_spectral_radius.expect("positive");
        assert!(radius <= whole.log10_singular_values[0].expect("positive"));
    }

    #[test]
    fn zeros_and_overflow_are_told() {
        let zero = chain_spectrum(&[(2, 2); 3], |index| dmatrix![1.0, 2.0; 3.0, 4.0] * (index as f64), &Silent);
        let zero = zero.expect("finite");
        assert_eq!((zero.whole().rank(), zero.whole().lost()), (0, 0));
        assert_eq!(zero.whole().log10_singular_values, [None, None]);
        assert_eq!((zero.conditioning, zero.log10_spectral_radius), (vec![None, None], None));
        assert_eq!((zero.ranges[2].log10_largest, zero.ranges[2].rank), (None, 0));
        // The sum of two such entries leaves the range of f64; the chain does not care.
        let factor = |_| dmatrix![1.7e308, 1.7e308; 1.7e308, -1.7e308];
        let large = chain_spectrum(&[(2, 2); 2], factor, &Silent).expect("finite");
        assert_eq!((large.whole().rank(), large.whole().lost()), (2, 2));
        assert!(chain_spectrum(&[(1, 1 << 20)], |_| DMatrix::zeros(1, 1 << 20), &Silent).is_err());
    }
}
