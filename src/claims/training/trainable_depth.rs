//! How deep a network may be to be trained.

use rayon::prelude::*;

use super::digits::DigitsTraining;
use super::few::{level_of_each, mean_of_few};
use crate::activation::Tanh;
use crate::claims::joint::{JointShift, conclude_jointly};
use crate::claims::number::Heading;
use crate::claims::{Claim, ClaimError, ClaimResult};
use crate::linalg::single_threaded_blas;
use crate::mean_field::{Scales, VarianceMap, phase_point};
use crate::measure::Progress;
use crate::spec::Quantity;

/// The largest depth that a fixed budget trains grows with the depth scale of correlations.
///
/// # Formula
///
/// In the ordered phase two inputs differ by `e^(-l / 2 xi_c)` of what they did in layer l, and so does the gradient on its way back. Each of
/// the L layers contributes the product of both, `e^(-L / xi_c)`, to what one step changes between the outputs of two inputs. A budget of
/// steps and learning rate trains as long as `L e^(-L / xi_c)` exceeds a constant:
///
/// ```text
/// L* = xi_c (ln L* + C),      d ln L* / d ln xi_c = 1 / (1 - xi_c / L*)
/// ```
///
/// At `L* = 6 xi_c`, as Schoenholz et al. found it, the exponent is 1.2: proportional but for the logarithm.
///
/// # Accuracy
///
/// The stated error of the exponent, 0.2, is the logarithm's own share in it. Factors of order one before the exponential depend on sigma_w too:
/// the tangent kernel iterated at infinite width gives exponents of 1.12 to 1.30 as the constant goes from e^-2 to e^2.
///
/// # Pilots
///
/// Seeds 1000 to 1002 and 1010 to 1017 gave the exponent 1.26. Gaussian weights of this width gave 1.00, but only since their deepest networks fail
/// earlier: at depth 40 and width 32 the norm of a product of Gaussian matrices itself fluctuates by a factor of e, which mean field does not
/// know. Orthogonal weights have no such fluctuation. A threshold of 1.5 instead of 2 nats gave 1.36: it asks for learning beyond leaving the
/// plateau, which is slow in the shallow networks with small sigma_w for other reasons. In the chaotic phase (sigma_w^2 = 2.2, 3 and 5) depths of
/// some 4 xi_c began to learn at the learning rate 0.01, but gradients explode there and the rate decides: nothing is claimed about it.
///
/// # Source
///
/// Schoenholz, Gilmer, Ganguli and Sohl-Dickstein 2017, section 5; the factor L: Xiao, Pennington and Schoenholz 2020.
pub(super) struct TrainableDepth;

const WEIGHT_VARIANCES: [f64; 5] = [0.5, 0.7, 0.9, 1.1, 1.3];
const BIAS_VARIANCE: f64 = 0.05;
const WIDTH: usize = 32;
const BATCH: usize = 32;
const LEARNING_RATE: f64 = 0.05;
const STEPS: u64 = 100;
/// A network has begun to learn if its loss falls below this; that of guessing is ln 10 = 2.303.
const THRESHOLD: f64 = 2.0;
const SEEDS: [u64; 8] = [81, 82, 83, 84, 85, 86, 87, 88];
/// Depths that are searched, in xi_c.
const BRACKET: (f64, f64) = (3.0, 12.0);
const BISECTIONS: usize = 3;

/// L* / xi_c as it was found in the literature.
const RATIO: f64 = 6.0;
/// Of the exponent: the share of the logarithm.
const EXPONENT_ERROR: f64 = EXPONENT - 1.0;
const EXPONENT: f64 = 1.0 / (1.0 - 1.0 / RATIO);
/// Of L* / xi_c, as a factor: four times the budget, or a fourth of it, shift `C` by ln 4 and the ratio by 1.2 ln 4 = 1.7 of 6.
const RATIO_ERROR: f64 = 1.3;

/// Depth scales of one sigma_w.
#[derive(Debug, Clone, Copy)]
struct DepthScales {
    sigma_w: f64,
    xi_c: f64,
    xi_q: f64,
}

fn depth_scales() -> Result<Vec<DepthScales>, ClaimError> {
    let silent = |reason: String| ClaimError::NotPredicted { quantity: Quantity::BatchCorrelations, reason };
    let map = VarianceMap::new(&Tanh).map_err(|reason| silent(reason.to_string()))?;
    let at = |variance: f64| {
        let sigma_w = variance.sqrt();
        let scales = Scales { sigma_w, sigma_b: BIAS_VARIANCE.sqrt() };
        let point = phase_point(&map, scales, 1.0).map_err(|reason| silent(reason.to_string()))?;
        let (Some(xi_c), Some(xi_q)) = (point.xi_c, point.xi_q) else {
            return Err(silent(format!("sigma_w = {sigma_w} has no depth scale")));
        };
        Ok(DepthScales { sigma_w, xi_c, xi_q })
    };
    WEIGHT_VARIANCES.into_iter().map(at).collect()
}

/// Where a loss that grows with depth crosses the threshold: bisection in ln L, then a straight line; `None` if it does not cross between the ends.
fn crossing<E>(
    mut low: usize,
    mut high: usize,
    mut loss: impl FnMut(usize) -> Result<f64, E>,
) -> Result<Option<f64>, E> {
    let (mut below, mut above) = (None, None);
    for _ in 0..BISECTIONS {
        let middle = ((low * high) as f64).sqrt().round() as usize;
        if middle <= low || middle >= high {
            break;
        }
        let found = loss(middle)?;
        if found < THRESHOLD {
            (low, below) = (middle, Some(found));
        } else {
            // NaN too: a network whose loss is lost has not learnt.
            (high, above) = (middle, Some(found));
        }
    }
    let below = below.map_or_else(|| loss(low), Ok)?;
    let above = above.map_or_else(|| loss(high), Ok)?;
    if !(below < THRESHOLD && above >= THRESHOLD) {
        return Ok(None);
    }
    Ok(Some(low as f64 + (high - low) as f64 * (THRESHOLD - below) / (above - below)))
}

/// Slope of the straight line through points by least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / n, y + point.1 / n));
    let covariance: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    covariance / points.iter().map(|point| (point.0 - x).powi(2)).sum::<f64>()
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len() as f64;
    values.sum::<f64>() / n
}

/// L* of every seed (outer) at every sigma_w; NaN where it lies outside the bracket.
fn trainable_depths(scales: &[DepthScales], progress: &dyn Progress) -> Result<Vec<Vec<f64>>, ClaimError> {
    let searches: Vec<(u64, DepthScales)> =
        SEEDS.iter().flat_map(|&seed| scales.iter().map(move |&scales| (seed, scales))).collect();
    progress.begin("trainable depths", searches.len() as u64 * (BISECTIONS as u64 + 1));
    let search = |&(seed, DepthScales { sigma_w, xi_c, .. }): &(u64, DepthScales)| {
        let depth = |ratio: f64| (ratio * xi_c).round() as usize;
        let found = crossing(depth(BRACKET.0), depth(BRACKET.1), |depth| {
            let training = DigitsTraining {
                depth,
                width: WIDTH,
                ensemble: "orthogonal",
                sigma_w,
                sigma_b: BIAS_VARIANCE.sqrt(),
                batch: BATCH,
                learning_rate: LEARNING_RATE,
                steps: STEPS,
                further: "",
                test_fraction: 0.0,
                seed,
            };
            training.run(progress).map(|trained| trained.loss)
        })?;
        Ok(found.unwrap_or(f64::NAN))
    };
    let found: Result<Vec<f64>, ClaimError> = searches.par_iter().map(search).collect();
    progress.end();
    Ok(found?.chunks(scales.len()).map(<[f64]>::to_vec).collect())
}

impl Claim for TrainableDepth {
    fn id(&self) -> String {
        "trainable-depth-follows-xi".to_owned()
    }

    fn statement(&self) -> String {
        format!(
            "The largest depth at which {STEPS} steps of gradient descent begin to learn the digits is about {RATIO} xi_c in ordered tanh networks \
             (sigma_b^2 = {BIAS_VARIANCE}), and grows like L* = xi_c (ln L* + C): nearly in proportion, exponent {EXPONENT:.1}"
        )
    }

    fn run(&self, progress: &dyn Progress) -> Result<ClaimResult, ClaimError> {
        let _guard = single_threaded_blas();
        let scales = depth_scales()?;
        let depths = trainable_depths(&scales, progress)?;
        let exponent = |of: &dyn Fn(usize) -> f64| {
            slope(&scales.iter().enumerate().map(|(k, at)| (at.xi_c.ln(), of(k).ln())).collect::<Vec<_>>())
        };
        let ratio = |of: &dyn Fn(usize) -> f64| mean(scales.iter().enumerate().map(|(k, at)| (of(k) / at.xi_c).ln()));
        let level = level_of_each(2);
        let over_seeds = |number: &dyn Fn(&Vec<f64>) -> f64| depths.iter().map(number).collect::<Vec<f64>>();
        let exponents = over_seeds(&|depths| exponent(&|k| depths[k]));
        let ratios = over_seeds(&|depths| ratio(&|k| depths[k]));
        let parts = [
            mean_of_few("exponent", EXPONENT, &exponents, EXPONENT_ERROR, level),
            mean_of_few("ln L* / xi_c", RATIO.ln(), &ratios, RATIO_ERROR.ln(), level),
        ];
        let shift = |what: &str, exponent: f64, ratio: f64| JointShift {
            mistake: what.to_owned(),
            by: vec![exponent - EXPONENT, ratio],
        };
        let of_q = exponent(&|k| scales[k].xi_q);
        let mistakes = [
            shift("xi_q taken for xi_c", EXPONENT * of_q, ratio(&|k| scales[k].xi_q)),
            shift("2 xi_c, the scale of amplitudes, taken for xi_c", EXPONENT, 2f64.ln()),
            shift("the depth does not depend on sigma_w", 0.0, 0.0),
            shift("in proportion to the root of xi_c", 0.5 * EXPONENT, 0.0),
            shift("in proportion to the square of xi_c", 2.0 * EXPONENT, 0.0),
        ];
        let found: Vec<String> = scales
            .iter()
            .enumerate()
            .map(|(k, at)| {
                let depth = mean(depths.iter().map(|depths| depths[k]));
                format!("{:.2}: {depth:.1} = {:.1} xi_c", at.xi_c, depth / at.xi_c)
            })
            .collect();
        let heading = Heading {
            id: self.id(),
            statement: self.statement(),
            unit: "exponent of L* as a power of xi_c".to_owned(),
            setting: format!(
                "orthogonal weights, width {WIDTH}, batches of {BATCH}, learning rate {LEARNING_RATE}, loss of all digits below {THRESHOLD}; \
                 sigma_w^2 {WEIGHT_VARIANCES:?}, seeds {SEEDS:?}, Student's intervals; xi_c: mean L* {}; allowed: the share of the logarithm in the \
                 exponent, a factor of {RATIO_ERROR} of the ratio",
                found.join(", ")
            ),
        };
        Ok(conclude_jointly(heading, &parts, &mistakes, Vec::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A loss of 2 at depth 20.5, and 1/10 more a layer.
    #[test]
    fn the_crossing_is_found() {
        let mut asked = Vec::new();
        let found = crossing(10, 40, |depth| {
            asked.push(depth);
            Ok::<f64, ()>(2.0 + 0.1 * (depth as f64 - 20.5))
        });
        assert!((found.expect("no errors").expect("a crossing") - 20.5).abs() < 1e-12);
        assert!(asked.len() <= BISECTIONS + 1, "{asked:?}");
        let none = |loss: f64| crossing(10, 40, |_| Ok::<f64, ()>(loss)).expect("no errors");
        assert!(none(1.0).is_none() && none(3.0).is_none() && none(f64::NAN).is_none());
        assert_eq!(crossing(4, 5, |depth| Ok::<f64, ()>(depth as f64 - 2.5)), Ok(Some(4.5)));
    }

    /// The exponent is the derivative of the law that it is derived from.
    #[test]
    fn the_exponent_follows_from_the_law() {
        let ratio_at = |xi: f64| {
            let constant = RATIO - 6.0f64.ln();
            // L = xi (ln L + C) by iteration: its slope xi / L is 1/6.
            (0..100).fold(6.0 * xi, |depth: f64, _| xi * (depth.ln() + constant))
        };
        let numeric = slope(&[1e-4f64, -1e-4].map(|h| (h, ratio_at(h.exp()).ln())));
        assert!((numeric - EXPONENT).abs() < 1e-6, "{numeric}");
        assert!((slope(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]) - 2.0).abs() < 1e-15);
    }
}
