//! The variance map q -> V(q) and its fixed points.

use serde::{Deserialize, Serialize};

use super::MeanFieldError;
use crate::activation::{Activation, ExpectationError, MomentTable};

/// Scales of the random parameters of a layer: weights of variance `sigma_w^2 / fan_in`, biases of variance `sigma_b^2`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scales {
    /// Of the weights.
    pub sigma_w: f64,
    /// Of the biases.
    pub sigma_b: f64,
}

impl Scales {
    /// Checked scales.
    ///
    /// # Errors
    ///
    /// [`MeanFieldError::Scale`] for negative, infinite and missing numbers.
    pub fn new(sigma_w: f64, sigma_b: f64) -> Result<Self, MeanFieldError> {
        for (name, value) in [("sigma_w", sigma_w), ("sigma_b", sigma_b)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(MeanFieldError::Scale { name, value });
            }
        }
        Ok(Self { sigma_w, sigma_b })
    }

    /// `sigma_w^2`.
    pub fn weight_variance(self) -> f64 {
        self.sigma_w * self.sigma_w
    }

    /// `sigma_b^2`.
    pub fn bias_variance(self) -> f64 {
        self.sigma_b * self.sigma_b
    }
}

/// What becomes of a variance that is a little off a fixed point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stability {
    /// `|V'(q*)| < 1`: it comes back.
    Stable,
    /// `|V'(q*)| = 1` to rounding: slowly, from one side only, or not at all.
    Marginal,
    /// `|V'(q*)| > 1`: it goes away; no network stays here.
    Unstable,
}

/// A variance that the layers keep.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FixedPoint {
    /// `q* = V(q*)`.
    pub q: f64,
    /// `chi_1 = sigma_w^2 E phi'^2`: the factor by which a layer multiplies the mean square of a gradient.
    pub chi_1: f64,
    /// `chi_parallel = V'(q*)`: the factor by which a layer multiplies a small departure of the variance.
    pub chi_parallel: f64,
    /// Whether networks stay there.
    pub stability: Stability,
}

/// Distance from 1 at which a slope counts as 1: the expectations are good to 1e-12, and two nearly equal fixed points to the root of that.
pub(super) const MARGINAL: f64 = 1e-9;

impl FixedPoint {
    pub(super) fn new(q: f64, chi_1: f64, chi_parallel: f64) -> Self {
        let stability = match chi_parallel.abs() - 1.0 {
            off if off.abs() <= MARGINAL => Stability::Marginal,
            off if off < 0.0 => Stability::Stable,
            _ => Stability::Unstable,
        };
        Self { q, chi_1, chi_parallel, stability }
    }

    /// Depth scale of the variance, `xi_q = -1 / ln |chi_parallel|` layers; `None` where departures do not decay.
    pub fn variance_depth_scale(&self) -> Option<f64> {
        (self.stability == Stability::Stable).then(|| depth_scale(self.chi_parallel))
    }
}

/// `-1 / ln |slope|` layers; 0 for a slope of 0.
pub(super) fn depth_scale(slope: f64) -> f64 {
    -1.0 / slope.abs().ln()
}

/// Every fixed point of the variance map, and where the map leads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Variances {
    /// The fixed points in increasing order. Empty if there are none; of a homogeneous activation at its critical scale every variance
    /// is one, and `reached` is the one that the start is.
    pub fixed_points: Vec<FixedPoint>,
    /// The one that the iteration `q -> V(q)` from the start comes to; `None` if the variance grows without bound.
    pub reached: Option<FixedPoint>,
    /// Whether every variance is a fixed point.
    pub every: bool,
}

/// The variance map of one activation, `V(q) = sigma_w^2 E phi(sqrt(q) z)^2 + sigma_b^2`, for any scales.
///
/// # Formula
///
/// A fixed point solves `sigma_w^2 E phi^2 + sigma_b^2 - q = 0`. Signs at nodes in ln q bracket the simple roots; between nodes of one sign,
/// a root of the slope shows whether the curve dips through zero and back (two fixed points closer than the nodes). Newton's
/// iteration within the bracket then needs no patience near criticality, where plain iteration takes `1 / |1 - V'|` steps.
///
/// # Domain and accuracy
///
/// Variances from [`LEAST_VARIANCE`] to [`GREATEST_VARIANCE`], and 0; below, one fixed point where the signs ask for it; fixed points to 1e-12 relative to `q / |1 - V'|`. Two fixed points
/// whose ratio is below 1 + 1e-6 may be reported as one that is marginal, or not at all.
///
/// # Source
///
/// Poole et al., NeurIPS 2016, eq. 3.
#[derive(Debug)]
pub struct VarianceMap<'a> {
    phi: &'a dyn Activation,
    table: Option<MomentTable<'a>>,
    nodes: Vec<Node>,
    /// Why there are no nodes beyond the last.
    end: Option<ExpectationError>,
    increasing: bool,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    q: f64,
    moments: Univariate,
}

/// The univariate expectations on which the maps stand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Univariate {
    pub phi2: f64,
    pub dphi2: f64,
    /// d E phi^2 / dq.
    pub slope: f64,
}

/// The smallest variance above 0 at which fixed points are looked for.
pub const LEAST_VARIANCE: f64 = 1e-10;
/// The greatest.
pub const GREATEST_VARIANCE: f64 = 1e6;
/// Fixed points are looked for down to here where the signs say that there is one below [`LEAST_VARIANCE`].
const TINY: f64 = 1e-280;
/// Nodes per factor of e.
const NODES_PER_E_FOLD: f64 = 8.0;

impl<'a> VarianceMap<'a> {
    /// The map of phi, with expectations by quadrature: for a few points.
    ///
    /// # Errors
    ///
    /// [`ExpectationError`] if they exist at no variance.
    pub fn new(phi: &'a dyn Activation) -> Result<Self, ExpectationError> {
        Self::with(phi, None)
    }

    /// The map of phi, with expectations from a table: for thousands of points.
    ///
    /// # Errors
    ///
    /// [`ExpectationError`] if they exist at no variance.
    pub fn tabulated(phi: &'a dyn Activation) -> Result<Self, ExpectationError> {
        // Where phi grows too fast for the whole range, the map ends before; without a table it finds where.
        let table = MomentTable::new(phi, LEAST_VARIANCE..=GREATEST_VARIANCE).ok();
        Self::with(phi, table)
    }

    fn with(phi: &'a dyn Activation, table: Option<MomentTable<'a>>) -> Result<Self, ExpectationError> {
        let mut map = Self { phi, table, nodes: Vec::new(), end: None, increasing: true };
        let span = (GREATEST_VARIANCE / LEAST_VARIANCE).ln();
        let cells = (span * NODES_PER_E_FOLD).ceil();
        for k in 0..=cells as usize {
            let q = LEAST_VARIANCE * (span * k as f64 / cells).exp();
            match map.at(q) {
                Ok(moments) => map.nodes.push(Node { q, moments }),
                Err(error) if map.nodes.is_empty() => return Err(error),
                Err(error) => {
                    map.end = Some(error);
                    break;
                }
            }
        }
        map.increasing = map.nodes.iter().all(|node| node.moments.slope >= 0.0);
        Ok(map)
    }

    /// The variances at which the map is known beforehand, in increasing order, with what it knows there.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (f64, Univariate)> {
        self.nodes.iter().map(|node| (node.q, node.moments))
    }

    /// The activation.
    pub fn activation(&self) -> &'a dyn Activation {
        self.phi
    }

    pub(super) fn at(&self, q: f64) -> Result<Univariate, ExpectationError> {
        if let Some(table) = &self.table {
            let m = table.at(q)?;
            return Ok(Univariate { phi2: m.phi2, dphi2: m.dphi2, slope: m.phi2_slope });
        }
        let m = self.phi.moments(q)?;
        Ok(Univariate { phi2: m.phi2, dphi2: m.dphi2, slope: m.phi2_slope.unwrap_or(m.dphi2) })
    }

    /// `V(q)`.
    ///
    /// # Errors
    ///
    /// [`ExpectationError`] if the expectation does not exist.
    pub fn next(&self, scales: Scales, q: f64) -> Result<f64, ExpectationError> {
        Ok(scales.weight_variance() * self.at(q)?.phi2 + scales.bias_variance())
    }

    /// All fixed points, and the one to which the variance `start` is led.
    ///
    /// # Errors
    ///
    /// [`MeanFieldError::Expectation`] if the variance is led where the expectations do not exist; [`MeanFieldError::BeyondRange`] if it is
    /// led to a fixed point above [`GREATEST_VARIANCE`]; [`MeanFieldError::Oscillates`] if it settles nowhere.
    pub fn variances(&self, scales: Scales, start: f64) -> Result<Variances, MeanFieldError> {
        if self.phi.is_homogeneous() {
            return self.homogeneous(scales, start);
        }
        let (weight, bias) = (scales.weight_variance(), scales.bias_variance());
        let mut fixed_points = Vec::new();
        let value = self.phi.value(0.0);
        let first = self.nodes[0];
        // The sign of V(q) - q just above 0.
        let mut sign = 1.0;
        if bias == 0.0 && value == 0.0 {
            let slope = weight * self.slope_at_origin();
            let origin = FixedPoint::new(0.0, slope, slope);
            sign = if origin.stability == Stability::Marginal { 0.0 } else { (slope - 1.0).signum() };
            fixed_points.push(origin);
        }
        if sign * (weight * first.moments.phi2 + bias - first.q) < 0.0 {
            fixed_points.push(self.root(scales, [TINY, first.q], sign)?);
        }
        let excess = |node: &Node| weight * node.moments.phi2 + bias - node.q;
        let lean = |node: &Node| weight * node.moments.slope - 1.0;
        for pair in self.nodes.windows(2) {
            let (left, right) = (excess(&pair[0]), excess(&pair[1]));
            if left == 0.0 {
                fixed_points.push(self.fixed_point(scales, pair[0].q)?);
            } else if left * right < 0.0 {
                fixed_points.push(self.root(scales, [pair[0].q, pair[1].q], left)?);
            } else if right != 0.0 && left * lean(&pair[0]) < 0.0 && left * lean(&pair[1]) > 0.0 {
                fixed_points.extend(self.dip(scales, [pair[0].q, pair[1].q], left)?);
            }
        }
        let reached = self.reached(scales, start, &fixed_points)?;
        Ok(Variances { fixed_points, reached, every: false })
    }

    /// `E phi'^2`, and the slope of `E phi^2`, for q -> 0 where phi(0) = 0: either side of a kink has half of the weight.
    fn slope_at_origin(&self) -> f64 {
        let side = |x: f64| self.phi.derivative(x).powi(2);
        0.5 * (side(f64::MIN_POSITIVE) + side(-f64::MIN_POSITIVE))
    }

    /// `V(q) = k q + sigma_b^2` with `k = sigma_w^2 E phi(z)^2`.
    fn homogeneous(&self, scales: Scales, start: f64) -> Result<Variances, MeanFieldError> {
        let m = self.at(1.0)?;
        let (factor, chi_1) = (scales.weight_variance() * m.phi2, scales.weight_variance() * m.dphi2);
        let bias = scales.bias_variance();
        let rounding = 4.0 * f64::EPSILON;
        let every = (factor - 1.0).abs() <= rounding && bias == 0.0;
        let at = |q: f64| FixedPoint::new(q, chi_1, factor);
        let fixed_points = match factor {
            _ if every => vec![],
            _ if bias == 0.0 => vec![at(0.0)],
            factor if factor < 1.0 - rounding => vec![at(bias / (1.0 - factor))],
            _ => vec![],
        };
        let reached = if every {
            Some(at(start))
        } else if factor < 1.0 - rounding || start == 0.0 && bias == 0.0 {
            fixed_points.first().copied()
        } else {
            None
        };
        Ok(Variances { fixed_points, reached, every })
    }

    fn fixed_point(&self, scales: Scales, q: f64) -> Result<FixedPoint, MeanFieldError> {
        let m = self.at(q)?;
        Ok(FixedPoint::new(q, scales.weight_variance() * m.dphi2, scales.weight_variance() * m.slope))
    }

    /// The root in a bracket whose left end has the sign of `left`.
    fn root(&self, scales: Scales, bracket: [f64; 2], left: f64) -> Result<FixedPoint, MeanFieldError> {
        let (weight, bias) = (scales.weight_variance(), scales.bias_variance());
        let [mut low, mut high] = bracket;
        let mut q = (low * high).sqrt();
        for _ in 0..100 {
            let m = self.at(q)?;
            let excess = weight * m.phi2 + bias - q;
            if excess * left > 0.0 {
                low = q
            } else {
                high = q
            }
            let newton = q - excess / (weight * m.slope - 1.0);
            let inside = newton > low && newton < high;
            let next = if inside { newton } else { (low * high).sqrt() };
            let step = (next - q).abs();
            q = next;
            if step <= 2.0 * f64::EPSILON * q || high - low <= 2.0 * f64::EPSILON * high {
                break;
            }
        }
        self.fixed_point(scales, q)
    }

    /// The fixed points where the curve turns within a cell: none, two, or one that is touched.
    fn dip(&self, scales: Scales, bracket: [f64; 2], left: f64) -> Result<Vec<FixedPoint>, MeanFieldError> {
        let (weight, bias) = (scales.weight_variance(), scales.bias_variance());
        let [mut low, mut high] = bracket;
        for _ in 0..60 {
            let middle = (low * high).sqrt();
            let m = self.at(middle)?;
            let excess = weight * m.phi2 + bias - middle;
            if excess * left < 0.0 {
                return Ok(vec![
                    self.root(scales, [bracket[0], middle], left)?,
                    self.root(scales, [middle, bracket[1]], -left)?,
                ]);
            }
            if left * (weight * m.slope - 1.0) < 0.0 { low = middle } else { high = middle }
        }
        let turn = (low * high).sqrt();
        let excess = weight * self.at(turn)?.phi2 + bias - turn;
        if excess.abs() <= 1e-13 * turn { Ok(vec![self.fixed_point(scales, turn)?]) } else { Ok(vec![]) }
    }

    /// Where the iteration from `start` goes: an increasing map leads to the next fixed point in the direction of its first step.
    fn reached(
        &self,
        scales: Scales,
        start: f64,
        fixed_points: &[FixedPoint],
    ) -> Result<Option<FixedPoint>, MeanFieldError> {
        let mut q = start;
        if !self.increasing {
            // A map that turns may jump over fixed points at first.
            for _ in 0..200 {
                q = self.next(scales, q)?;
                if q > GREATEST_VARIANCE {
                    break;
                }
            }
        }
        let beyond = self.nodes.last().map_or(GREATEST_VARIANCE, |node| node.q);
        // Where the map only touches the diagonal an error of 1e-12 moves the place by its root: half of the digits are known.
        let leeway = |point: &FixedPoint| if point.stability == Stability::Marginal { 1e-6 } else { 1e-12 };
        let near = |point: &&FixedPoint| (point.q - q).abs() <= leeway(point) * q;
        if let Some(point) = fixed_points.iter().find(near) {
            return Ok(Some(*point));
        }
        if q <= beyond {
            let rises = self.next(scales, q)? > q;
            let found = match rises {
                true => fixed_points.iter().find(|point| point.q > q),
                false => fixed_points.iter().rev().find(|point| point.q < q),
            };
            match found {
                Some(point) if point.stability != Stability::Unstable => return Ok(Some(*point)),
                // Between the origin and the first node.
                None if !rises => return self.fixed_point(scales, LEAST_VARIANCE.min(q)).map(Some),
                Some(_) => return Err(MeanFieldError::Oscillates { scales }),
                None => {}
            }
        }
        if let Some(error) = &self.end {
            return Err(MeanFieldError::Expectation(error.clone()));
        }
        // Slower growth than q crosses the diagonal somewhere. E phi^2 = r q - a sqrt(q) + ... for functions of linear growth, whose r decides.
        let m = self.at(GREATEST_VARIANCE)?;
        if m.slope * GREATEST_VARIANCE < (1.0 - 1e-3) * m.phi2 {
            return Err(MeanFieldError::BeyondRange { scales });
        }
        let limit = scales.weight_variance() * (2.0 * m.slope - m.phi2 / GREATEST_VARIANCE);
        if limit < 1.0 { Err(MeanFieldError::BeyondRange { scales }) } else { Ok(None) }
    }
}
