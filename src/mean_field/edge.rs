//! The edge of chaos: the scales at which gradients neither vanish nor explode.

use serde::{Deserialize, Serialize};

use super::variance::{GREATEST_VARIANCE, LEAST_VARIANCE, MARGINAL, Stability, Univariate, VarianceMap};
use crate::activation::{Activation, ExpectationError};
use crate::numeric::integrate;

/// A point of the edge of chaos.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EdgePoint {
    /// Variance of the pre-activations at the fixed point.
    pub q_star: f64,
    /// The critical scale of the weights.
    pub sigma_w: f64,
    /// The scale of the biases.
    pub sigma_b: f64,
    /// `V'(q*)` there.
    pub chi_parallel: f64,
    /// Whether networks stay at q*; elsewhere the edge cannot be reached.
    pub stability: Stability,
}

/// The edge of chaos of an activation along its whole length.
///
/// # Formula
///
/// Everything follows from q*: `sigma_w^2 = 1 / E phi'^2` makes chi_1 = 1, and q* is a fixed point for
///
/// ```text
/// sigma_b^2(q*) = q* - E phi^2 / E phi'^2      (>= 0 required)      chi_parallel = (d E phi^2 / dq) / E phi'^2
/// ```
///
/// The curve is followed in ln q*; its ends (sigma_b = 0) and the places where its stability changes are roots, found by
/// bisection.
///
/// # Source
///
/// Schoenholz et al., ICLR 2017; Hayou, Doucet and Rousseau, ICML 2019. Half-stable points: Roberts, Yaida and Hanin, The Principles
/// of Deep Learning Theory (2022), ch. 5.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EdgeOfChaos {
    /// The pieces of the curve, each in order of growing q*.
    pub branches: Vec<Vec<EdgePoint>>,
    /// Of a homogeneous activation, or of the others where they begin at q* = 0: the critical sigma_w at sigma_b = 0.
    pub at_origin: Option<f64>,
    /// Whether the activation is homogeneous: the edge is then the point `at_origin` alone, and every variance is fixed.
    pub point: bool,
}

/// Relative size of sigma_b^2 against q* below which it is rounding.
const ROUNDING: f64 = 1e-12;

impl EdgeOfChaos {
    /// The edge of the activation of a map.
    ///
    /// # Errors
    ///
    /// [`ExpectationError`] if an expectation does not exist near q = 1. Variances at which they do not exist end the curve.
    pub fn new(map: &VarianceMap<'_>) -> Result<Self, ExpectationError> {
        let phi = map.activation();
        let origin = at_origin(map)?;
        if phi.is_homogeneous() {
            return Ok(Self { branches: Vec::new(), at_origin: origin, point: true });
        }
        let point = |q: f64| map.at(q).ok().and_then(|m| EdgePoint::new(q, m));
        let mut branches: Vec<Vec<EdgePoint>> = Vec::new();
        let mut before: Option<(f64, Option<EdgePoint>)> = None;
        for (q, moments) in map.nodes() {
            let here = EdgePoint::new(q, moments);
            match (before, here) {
                (Some((_, Some(last))), Some(next)) => {
                    let branch = branches.last_mut().expect("the last point is in a branch");
                    if last.repels() != next.repels() {
                        // Not `repels`: what is marginal to rounding lies on either side of the place itself.
                        let repels = |q: f64| point(q).is_some_and(|p| p.chi_parallel.abs() > 1.0);
                        branch.extend(point(boundary(last.q_star, next.q_star, &repels)));
                    }
                    branch.push(next);
                }
                (Some((outside, None)), Some(next)) => {
                    let end = point(boundary(next.q_star, outside, &|q| point(q).is_some()));
                    branches.push(end.into_iter().chain([next]).collect());
                }
                (Some((_, Some(last))), None) => {
                    let end = point(boundary(last.q_star, q, &|q| point(q).is_some()));
                    branches.last_mut().expect("the last point is in a branch").extend(end);
                }
                (None, Some(next)) => branches.push(vec![next]),
                (_, None) => {}
            }
            before = Some((q, here));
        }
        Ok(Self { branches, at_origin: origin, point: false })
    }

    /// The points with biases of scale `sigma_b`, to the accuracy of the map, in order of growing q*, without the one at the origin.
    pub fn at(&self, map: &VarianceMap<'_>, sigma_b: f64) -> Vec<EdgePoint> {
        let wanted = sigma_b * sigma_b;
        let mut found: Vec<EdgePoint> = Vec::new();
        for branch in &self.branches {
            // Where the edge begins at the origin, sigma_b is 0 to rounding on a whole stretch: the point is `at_origin`.
            let from_origin = wanted == 0.0 && self.at_origin.is_some() && branch[0].q_star < 2.0 * LEAST_VARIANCE;
            let skipped = if from_origin { branch.iter().take_while(|point| point.sigma_b == 0.0).count() } else { 0 };
            for pair in branch[skipped..].windows(2) {
                let off = |point: &EdgePoint| point.sigma_b * point.sigma_b - wanted;
                let (left, right) = (off(&pair[0]), off(&pair[1]));
                if left == 0.0 {
                    found.push(pair[0]);
                } else if left * right < 0.0 {
                    let same = |q: f64| bias_variance(map, q).is_some_and(|b| (b - wanted) * left > 0.0);
                    let q = boundary(pair[0].q_star, pair[1].q_star, &same);
                    found.extend(map.at(q).ok().and_then(|m| EdgePoint::new(q, m)));
                }
            }
            found.extend(branch.last().filter(|last| last.sigma_b * last.sigma_b == wanted));
        }
        found
    }

    /// Points of any kind?
    pub fn is_empty(&self) -> bool {
        self.branches.is_empty() && self.at_origin.is_none()
    }

    /// Where the stability changes: the half-stable points.
    pub fn half_stable(&self) -> Vec<EdgePoint> {
        let off = |point: &&EdgePoint| (point.chi_parallel.abs() - 1.0).abs();
        let mut found = Vec::new();
        for branch in &self.branches {
            // From the last point that is clearly stable or not to the next: what is marginal lies between.
            let clear: Vec<usize> = (0..branch.len()).filter(|&k| branch[k].stability != Stability::Marginal).collect();
            for pair in clear.windows(2).filter(|pair| branch[pair[0]].repels() != branch[pair[1]].repels()) {
                let between = branch[pair[0]..=pair[1]].iter();
                found.extend(between.min_by(|a, b| off(a).total_cmp(&off(b))).copied());
            }
        }
        found
    }

    /// The shape of the edge in a sentence or two.
    pub fn words(&self) -> String {
        if self.point {
            let sigma_w = self.at_origin.unwrap_or(f64::NAN);
            return format!("one point: sigma_w = {sigma_w:.6}, sigma_b = 0, where every variance is kept");
        }
        let points = || self.branches.iter().flatten();
        let searched = format!("for variances from {LEAST_VARIANCE:.0e} to {GREATEST_VARIANCE:.0e}");
        if points().next().is_none() {
            return match self.at_origin {
                Some(sigma_w) => {
                    format!("one point: sigma_w = {sigma_w:.6}, sigma_b = 0, where the variance fades to 0")
                }
                None => format!("none: where chi_1 = 1 no fixed point exists, {searched}"),
            };
        }
        let share = |wanted: Stability| points().filter(|p| p.stability == wanted).count();
        let (all, unstable, marginal) = (points().count(), share(Stability::Unstable), share(Stability::Marginal));
        let mut words = match (self.at_origin, self.branches.first().and_then(|branch| branch.first())) {
            (Some(sigma_w), _) => format!("a curve from sigma_w = {sigma_w:.6} at sigma_b = 0"),
            (None, Some(first)) if first.sigma_b < 1e-5 && first.q_star > 1e-6 => {
                format!("a curve from sigma_w = {:.6} at sigma_b = 0, q* = {:.6}", first.sigma_w, first.q_star)
            }
            (None, _) => "a curve".to_owned(),
        };
        if marginal == all {
            words.push_str(", marginal along its length: chi_parallel = 1, the variance returns slowly or not at all");
        } else if unstable == 0 {
            words.push_str(", stable along its length");
        } else if unstable + marginal == all {
            words.push_str(", on an unstable fixed point along its length: no network stays there");
        } else {
            words.push_str("; part of it lies on an unstable fixed point, where no network stays");
            for half in self.half_stable() {
                words.push_str(&format!(
                    "; it changes at sigma_b^2 = {:.6}, sigma_w^2 = {:.6}, q* = {:.6}",
                    half.sigma_b * half.sigma_b,
                    half.sigma_w * half.sigma_w,
                    half.q_star
                ));
            }
        }
        words
    }
}

/// How fast inputs become alike on the edge of chaos, where correlations have no depth scale: `1 - c_l ~ beta / l` after l layers.
///
/// # Formula
///
/// `beta = 2 E phi'^2 / (q* E phi''^2)`; `None` for activations with kinks, whose correlations approach 1 like `1 / l^2`, and where phi'' = 0.
///
/// # Errors
///
/// [`ExpectationError`] if an expectation does not exist.
///
/// # Source
///
/// Hayou, Doucet and Rousseau, ICML 2019, proposition 3.
pub fn critical_correlation_rate(phi: &dyn Activation, q_star: f64) -> Result<Option<f64>, ExpectationError> {
    let slope = phi.moments(q_star)?.dphi2;
    if !phi.kinks().is_empty() {
        return Ok(None);
    }
    let sigma = q_star.sqrt();
    let density = |z: f64| (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let mut ends = vec![-12.0, -4.0, -1.0, 1.0, 4.0, 12.0];
    ends.extend([phi.centre(), 0.0].iter().chain(phi.seams()).map(|x| x / sigma).filter(|z| z.abs() < 12.0));
    ends.sort_by(f64::total_cmp);
    let integral = integrate(|z| [phi.second_derivative(sigma * z).powi(2) * density(z)], &ends, 1e-13);
    let [curvature] = integral.value;
    Ok((curvature > 0.0).then(|| 2.0 * slope / (q_star * curvature)))
}

/// sigma_b^2 along the edge.
fn bias_variance(map: &VarianceMap<'_>, q: f64) -> Option<f64> {
    map.at(q).ok().map(|m| q - m.phi2 / m.dphi2).filter(|b| b.is_finite())
}

/// Where a predicate that holds at `inside` and not at `outside` (or the other way round) changes, by bisection in ln q; a place
/// at which it holds as at `inside`.
fn boundary(inside: f64, outside: f64, holds: &dyn Fn(f64) -> bool) -> f64 {
    let (mut inside, mut outside) = (inside.ln(), outside.ln());
    let at_inside = holds(inside.exp());
    for _ in 0..60 {
        let middle = 0.5 * (inside + outside);
        if holds(middle.exp()) == at_inside { inside = middle } else { outside = middle }
    }
    inside.exp()
}

impl EdgePoint {
    /// Whether |chi_parallel| > 1, to rounding.
    fn repels(&self) -> bool {
        self.stability == Stability::Unstable
    }

    fn new(q: f64, m: Univariate) -> Option<Self> {
        let bias_variance = q - m.phi2 / m.dphi2;
        if !(bias_variance >= -ROUNDING * q && m.dphi2 > f64::MIN_POSITIVE) {
            return None;
        }
        let bias_variance = if bias_variance <= ROUNDING * q { 0.0 } else { bias_variance };
        let chi_parallel = m.slope / m.dphi2;
        let stability = match chi_parallel.abs() - 1.0 {
            off if off.abs() <= MARGINAL => Stability::Marginal,
            off if off < 0.0 => Stability::Stable,
            _ => Stability::Unstable,
        };
        let sigma_w = m.dphi2.sqrt().recip();
        Some(Self { q_star: q, sigma_w, sigma_b: bias_variance.sqrt(), chi_parallel, stability })
    }
}

/// The critical sigma_w of networks without biases whose variance fades to 0, or has no scale.
fn at_origin(map: &VarianceMap<'_>) -> Result<Option<f64>, ExpectationError> {
    let phi = map.activation();
    if phi.is_homogeneous() {
        return Ok(Some(map.at(1.0)?.dphi2.sqrt().recip()));
    }
    let slope = phi.derivative(0.0).abs();
    // An unstable fixed point (chi_parallel rises from 1 as q does) repels, and 0 is then reached from below only.
    let begins = phi.value(0.0) == 0.0 && !phi.kinks().contains(&0.0) && slope > 0.0;
    Ok(begins.then(|| slope.recip()))
}

/// A point on the edge of chaos.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Critical {
    /// The critical scale of the weights, `sigma_w = sqrt(fan_in Var W_ij)`.
    pub sigma_w: f64,
    /// Variance of the pre-activations at the fixed point; `None` where it is 0 or where every variance is fixed.
    pub q_star: Option<f64>,
}

/// There is no critical scale.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoCritical {
    /// The edge of chaos does not have this sigma_b.
    #[error("{activation} has no critical sigma_w at sigma_b = {sigma_b}: its edge of chaos is {edge}")]
    Absent {
        /// The activation.
        activation: String,
        /// Standard deviation of the biases.
        sigma_b: f64,
        /// The edge in words.
        edge: String,
    },
    /// The edge of chaos has only points at this sigma_b at which networks do not stay.
    #[error(
        "{activation} has no critical sigma_w at sigma_b = {sigma_b} that networks can reach: chi_1 = 1 at sigma_w = {sigma_w:.6} lies on an \
         unstable fixed point q* = {q_star:.6}"
    )]
    Unreachable {
        /// The activation.
        activation: String,
        /// Standard deviation of the biases.
        sigma_b: f64,
        /// Where chi_1 = 1.
        sigma_w: f64,
        /// The fixed point.
        q_star: f64,
    },
    /// An expectation does not exist.
    #[error(transparent)]
    Expectation(#[from] ExpectationError),
}

/// The sigma_w at which `chi_1 = sigma_w^2 E phi'(sqrt(q*) z)^2 = 1` at the fixed point q* of the variance map, for biases of standard
/// deviation `sigma_b`.
///
/// # Formula
///
/// As [`EdgeOfChaos`]; of several points the one with the smallest q*, and only stable ones count. Without biases and with phi(0) = 0 the
/// edge begins at q* = 0, `sigma_w = 1 / |phi'(0)|`. For a positively homogeneous activation chi_1 does not depend on q, and sigma_w not on
/// sigma_b.
///
/// # Errors
///
/// [`NoCritical`] if there is none.
///
/// # Example
///
/// ```
/// use gradspectra::{activation::{Relu, Tanh}, mean_field::critical_sigma_w};
/// assert!((critical_sigma_w(&Relu, 0.0)?.sigma_w.powi(2) - 2.0).abs() < 1e-12);
/// assert_eq!(critical_sigma_w(&Tanh, 0.0)?.sigma_w, 1.0);
/// # Ok::<(), gradspectra::mean_field::NoCritical>(())
/// ```
///
/// # Source
///
/// Schoenholz et al., ICLR 2017; Pennington, Schoenholz and Ganguli, AISTATS 2018.
pub fn critical_sigma_w(phi: &dyn Activation, sigma_b: f64) -> Result<Critical, NoCritical> {
    if phi.is_homogeneous() {
        return Ok(Critical { sigma_w: phi.moments(1.0)?.dphi2.sqrt().recip(), q_star: None });
    }
    let map = VarianceMap::new(phi)?;
    let edge = EdgeOfChaos::new(&map)?;
    let points = edge.at(&map, sigma_b);
    let stays = |point: &&EdgePoint| point.stability == Stability::Stable && point.q_star > 2.0 * LEAST_VARIANCE;
    if let Some(point) = points.iter().find(stays) {
        return Ok(Critical { sigma_w: point.sigma_w, q_star: Some(point.q_star) });
    }
    if sigma_b == 0.0
        && let Some(sigma_w) = edge.at_origin
    {
        return Ok(Critical { sigma_w, q_star: None });
    }
    let activation = phi.name().to_owned();
    Err(match points.first() {
        Some(point) => NoCritical::Unreachable { activation, sigma_b, sigma_w: point.sigma_w, q_star: point.q_star },
        None => NoCritical::Absent { activation, sigma_b, edge: edge.words() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::{Linear, Relu, Sigmoid, Tanh};

    /// Points of the reference table.
    #[test]
    fn known_points_of_the_edge() {
        let sigmoid = critical_sigma_w(&Sigmoid, 0.0).expect("from sigma_w^2 = 103 on");
        assert!((sigmoid.sigma_w.powi(2) - 103.007_553_855_519).abs() < 1e-8, "{}", sigmoid.sigma_w.powi(2));
        assert!((sigmoid.q_star.expect("a fixed point") - 45.624_277_797_379_7).abs() < 1e-7);
        assert_eq!(critical_sigma_w(&Linear, 0.3).expect("homogeneous").sigma_w, 1.0);
        assert!((critical_sigma_w(&Relu, 0.1).expect("homogeneous").sigma_w - 2f64.sqrt()).abs() < 1e-14);
    }

    #[test]
    fn the_point_is_a_fixed_point_with_chi_one() {
        for sigma_b in [1e-3, 0.05, 0.3, 1.0] {
            let Critical { sigma_w, q_star } = critical_sigma_w(&Tanh, sigma_b).expect("tanh has an edge");
            let q = q_star.expect("with biases the fixed point is not 0");
            let m = Tanh.moments(q).expect("exists");
            assert!((sigma_w * sigma_w * m.dphi2 - 1.0).abs() < 1e-12);
            assert!((sigma_w * sigma_w * m.phi2 + sigma_b * sigma_b - q).abs() < 1e-9 * q, "{sigma_b}");
        }
    }
}
