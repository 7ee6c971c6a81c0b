//! The correlation map c -> C(c) at a variance that the layers keep, and its fixed point.

use rayon::prelude::*;

use super::variance::depth_scale;
use crate::activation::{Activation, ExpectationError, GaussianPair, HermiteSeries};
use crate::numeric::Chebyshev;

/// What two inputs of equal variance come to, if the layers keep the variance.
///
/// # Formula
///
/// With `P(c) = E phi'(u) phi'(v)` over a Gaussian pair of variance q and correlation c (Price: `d E phi phi / dc = q P`),
///
/// ```text
/// C(c)  = (sigma_w^2 E phi(u) phi(v) + sigma_b^2) / q = 1 - (1 - c) sigma_w^2 G(c)
/// chi_c = C'(c) = sigma_w^2 P(c)           G(c) = int_c^1 P / (1 - c)
/// ```
///
/// so that a fixed point c* < 1 solves `sigma_w^2 G(c*) = 1`: nothing cancels, however near to 1 it is. P grows with c >= 0 (its Hermite
/// coefficients are squares), and G with it, from `sigma_w^2 G(0) <= 1` to `sigma_w^2 G(1) = chi_1`: there is exactly one such fixed point if
/// chi_1 > 1, it attracts, and none otherwise, when c* = 1 attracts. P is held as Chebyshev series in `sqrt(1 - c)`, in which it is
/// smooth also for activations with kinks.
///
/// # Source
///
/// Poole et al., NeurIPS 2016; Schoenholz et al., ICLR 2017. The form with G: derived here.
#[derive(Debug, Clone)]
pub struct CorrelationMap {
    panels: Vec<Panel>,
}

#[derive(Debug, Clone)]
struct Panel {
    /// P over s = sqrt(1 - c).
    slope: Chebyshev,
    /// int_left^s 2 t P(t) dt.
    integral: Chebyshev,
    /// The integral from 0 to the left end.
    before: f64,
}

/// A fixed point of the correlation map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CorrelationFixedPoint {
    /// c*.
    pub c: f64,
    /// `1 - c*`, with its own digits.
    pub distance: f64,
    /// `chi_c* = C'(c*)`.
    pub chi_c: f64,
}

impl CorrelationFixedPoint {
    /// Depth scale of the correlation, `xi_c = -1 / ln chi_c*` layers; infinite on the edge of chaos.
    pub fn depth_scale(&self) -> f64 {
        depth_scale(self.chi_c)
    }
}

/// Nodes of a panel.
const NODES: usize = 14;
/// What a panel may leave out, relative to P(1).
const TOLERANCE: f64 = 2e-14;
const MOST_PANELS: usize = 32;

impl CorrelationMap {
    /// The map of phi at variance q > 0.
    ///
    /// # Errors
    ///
    /// [`ExpectationError`] if an expectation does not exist.
    pub fn new(phi: &dyn Activation, q: f64) -> Result<Self, ExpectationError> {
        let slopes = Slopes::new(phi, q)?;
        let ends = slopes.panel_ends()?;
        Self::on(&slopes, &ends)
    }

    fn on(slopes: &Slopes<'_>, ends: &[f64]) -> Result<Self, ExpectationError> {
        let values = ends.windows(2).map(|ends| slopes.values(ends[0], ends[1])).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::through(ends, values.iter().map(Vec::as_slice)))
    }

    fn through<'v>(ends: &[f64], values: impl Iterator<Item = &'v [f64]>) -> Self {
        let mut before = 0.0;
        let panels = ends.windows(2).zip(values).map(|(ends, values)| {
            let (left, right) = (ends[0], ends[1]);
            let weighted: Vec<f64> =
                Chebyshev::nodes(left, right, NODES).zip(values).map(|(s, p)| 2.0 * s * p).collect();
            let integral = Chebyshev::through(left, right, &weighted).integral();
            let panel = Panel { slope: Chebyshev::through(left, right, values), before, integral };
            before += panel.integral.at(right);
            panel
        });
        Self { panels: panels.collect() }
    }

    fn panel(&self, s: f64) -> &Panel {
        let at = self.panels.partition_point(|panel| panel.slope.right() < s);
        &self.panels[at.min(self.panels.len() - 1)]
    }

    /// `P(c) = E phi'(u) phi'(v)` at `c = 1 - distance`.
    pub fn slope(&self, distance: f64) -> f64 {
        let s = distance.sqrt();
        self.panel(s).slope.at(s)
    }

    /// `G(c)` at `c = 1 - distance`.
    pub fn mean_slope(&self, distance: f64) -> f64 {
        let s = distance.sqrt();
        let panel = self.panel(s);
        if s * s <= f64::MIN_POSITIVE { panel.slope.at(s) } else { (panel.before + panel.integral.at(s)) / (s * s) }
    }

    /// The fixed point that attracts all correlations in [0, 1), at `weight = sigma_w^2`.
    pub fn fixed_point(&self, weight: f64) -> CorrelationFixedPoint {
        let chi_1 = weight * self.slope(0.0);
        if chi_1 <= 1.0 {
            return CorrelationFixedPoint { c: 1.0, distance: 0.0, chi_c: chi_1 };
        }
        // G falls in s. At s = 1 rounding, or an activation whose fixed point is 0 exactly, may leave it at 1 from above.
        let excess = |s: f64| weight * self.mean_slope(s * s) - 1.0;
        let (mut low, mut high) = (0.0, 1.0);
        let mut s = 0.5;
        if excess(1.0) >= 0.0 {
            s = 1.0;
        } else {
            for _ in 0..100 {
                let off = excess(s);
                if off > 0.0 {
                    low = s
                } else {
                    high = s
                }
                // d(s^2 G)/ds = 2 s P.
                let lean = 2.0 * (weight * self.slope(s * s) - 1.0 - off) / s;
                let newton = s - off / lean;
                let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
                let step = (next - s).abs();
                s = next;
                if step <= 2.0 * f64::EPSILON * s || high - low <= 2.0 * f64::EPSILON * high {
                    break;
                }
            }
        }
        let distance = s * s;
        CorrelationFixedPoint { c: 1.0 - distance, distance, chi_c: weight * self.slope(distance) }
    }
}

/// [`CorrelationMap`]s at all variances between two, for thousands of points.
///
/// # Formula
///
/// The coefficients of P are smooth functions of ln q: they are interpolated between the maps at 14 variances per factor of e, in panels whose
/// maps share their own panels in `sqrt(1 - c)`.
///
/// # Accuracy
///
/// c* and chi_c* as of the maps themselves, to 1e-11.
#[derive(Debug)]
pub struct CorrelationTable {
    first: i32,
    panels: Vec<Option<Vec<CorrelationMap>>>,
}

impl CorrelationTable {
    /// The maps for the variances that are asked for: others are not prepared.
    ///
    /// # Errors
    ///
    /// [`ExpectationError`] if an expectation does not exist.
    pub fn new(phi: &dyn Activation, variances: impl Iterator<Item = f64> + Clone) -> Result<Self, ExpectationError> {
        let cell = |q: f64| q.ln().floor() as i32;
        let first = variances.clone().map(cell).min().unwrap_or(0);
        let last = variances.clone().map(cell).max().unwrap_or(first - 1);
        let mut wanted = vec![false; usize::try_from(last - first + 1).unwrap_or(0)];
        for q in variances {
            wanted[(cell(q) - first) as usize] = true;
        }
        let panels = wanted.into_par_iter().enumerate().map(|(k, wanted)| {
            if !wanted {
                return Ok(None);
            }
            let left = f64::from(first) + k as f64;
            // The larger the variance, the sharper P: its panels do for the smaller ones.
            let ends = Slopes::new(phi, (left + 1.0).exp())?.panel_ends()?;
            let nodes: Vec<f64> = Chebyshev::nodes(left, left + 1.0, NODES).collect();
            let map = |t: f64| CorrelationMap::on(&Slopes::new(phi, t.exp())?, &ends);
            nodes.into_par_iter().map(map).collect::<Result<Vec<_>, _>>().map(Some)
        });
        Ok(Self { first, panels: panels.collect::<Result<_, _>>()? })
    }

    /// The map at one of the variances.
    pub fn at(&self, q: f64) -> Option<CorrelationMap> {
        let t = q.ln();
        let k = usize::try_from(t.floor() as i32 - self.first).ok()?;
        let maps = self.panels.get(k)?.as_ref()?;
        let left = t.floor();
        let weights = Chebyshev::weights(left, left + 1.0, NODES, t);
        let panel = |p: usize| {
            let series = |pick: fn(&Panel) -> &Chebyshev| {
                Chebyshev::combination(maps.iter().map(|map| pick(&map.panels[p])).zip(weights.iter().copied()))
            };
            Some(Panel {
                slope: series(|panel| &panel.slope)?,
                integral: series(|panel| &panel.integral)?,
                before: maps.iter().zip(&weights).map(|(map, weight)| weight * map.panels[p].before).sum(),
            })
        };
        Some(CorrelationMap { panels: (0..maps[0].panels.len()).map(panel).collect::<Option<_>>()? })
    }
}

/// P of an activation at one variance, by the fastest way there is.
struct Slopes<'a> {
    phi: &'a dyn Activation,
    q: f64,
    series: Option<HermiteSeries>,
    /// P(1).
    at_one: f64,
}

impl<'a> Slopes<'a> {
    fn new(phi: &'a dyn Activation, q: f64) -> Result<Self, ExpectationError> {
        let series = if phi.has_closed_form_pairs() { None } else { HermiteSeries::new(phi, q, 0) };
        Ok(Self { phi, q, series, at_one: phi.moments(q)?.dphi2 })
    }

    fn at(&self, s: f64) -> Result<f64, ExpectationError> {
        if s == 0.0 {
            return Ok(self.at_one);
        }
        let pair = GaussianPair { q1: self.q, q2: self.q, covariance: self.q * (1.0 - s * s) };
        let by_series = self.series.as_ref().and_then(|series| series.pair(series, pair));
        by_series.map_or_else(|| self.phi.pair_moments(pair), Ok).map(|moments| moments.dphi)
    }

    fn values(&self, left: f64, right: f64) -> Result<Vec<f64>, ExpectationError> {
        let nodes: Vec<f64> = Chebyshev::nodes(left, right, NODES).collect();
        if self.series.is_some() || self.phi.has_closed_form_pairs() {
            return nodes.into_iter().map(|s| self.at(s)).collect();
        }
        nodes.into_par_iter().map(|s| self.at(s)).collect()
    }

    /// Panels on which P is smooth: halved until the series end.
    fn panel_ends(&self) -> Result<Vec<f64>, ExpectationError> {
        let mut open = vec![(0.0, 1.0)];
        let mut ends = vec![0.0];
        while let Some((left, right)) = open.pop() {
            let series = Chebyshev::through(left, right, &self.values(left, right)?);
            let narrow = right - left < 1e-6 || ends.len() + open.len() >= MOST_PANELS;
            if narrow || series.tail() <= TOLERANCE * self.at_one {
                ends.push(right);
            } else {
                let middle = 0.5 * (left + right);
                open.extend([(middle, right), (left, middle)]);
            }
        }
        Ok(ends)
    }
}
