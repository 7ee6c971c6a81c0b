//! Bounds of a derivative.

use std::borrow::Cow;

/// A unit is saturated where `0 < |phi'| < SATURATION sup |phi'|`: it passes almost nothing of a gradient.
pub const SATURATION: f64 = 0.05;

/// Where a supremum is attained.
#[derive(Debug, Clone, PartialEq)]
pub enum Attained {
    /// At these points, in increasing order.
    At(Vec<f64>),
    /// On a whole set, described in words, of which the point is a member.
    On {
        /// A member.
        point: f64,
        /// The set.
        set: Cow<'static, str>,
    },
    /// Nowhere: only approached, at infinity or from one side of a kink, where there is no derivative.
    Nowhere,
}

impl Attained {
    /// On a set of which `point` is a member.
    pub(super) fn on(point: f64, set: impl Into<Cow<'static, str>>) -> Self {
        Self::On { point, set: set.into() }
    }
}

/// An extreme value.
#[derive(Debug, Clone, PartialEq)]
pub struct Extreme {
    /// The value, perhaps infinite.
    pub value: f64,
    /// Where it is attained.
    pub at: Attained,
}

/// Bounds of phi' over the real line.
#[derive(Debug, Clone, PartialEq)]
pub struct DerivativeBounds {
    /// sup |phi'|: the factor that a layer's activation can at most contribute to a gradient; infinite if it has no bound.
    pub sup_abs: f64,
    /// Where |phi'| reaches it.
    pub sup_at: Attained,
    /// inf phi' (signed).
    pub inf: f64,
    /// Where phi' reaches it.
    pub inf_at: Attained,
    /// sup |phi''| between the kinks: how fast the slope can change.
    pub second_sup_abs: f64,
    /// Where |phi''| reaches it.
    pub second_sup_at: Attained,
}

/// Below this slope, and above zero, a unit counts as saturated: [`SATURATION`] times sup |phi'|. Zero if sup |phi'| is infinite:
/// against no bound, no slope is small.
pub fn saturation_threshold(derivative_sup: f64) -> f64 {
    if derivative_sup.is_finite() { SATURATION * derivative_sup } else { 0.0 }
}

impl Attained {
    /// The places under a strictly monotone change of the argument that takes a place of the inner activation to one of the outer;
    /// `argument` is what stands for x inside.
    pub(super) fn mapped(self, place: impl Fn(f64) -> f64, argument: &str) -> Self {
        match self {
            Self::At(points) => {
                let mut points: Vec<f64> = points.into_iter().map(place).collect();
                points.sort_by(f64::total_cmp);
                Self::At(points)
            }
            Self::On { point, set } => {
                let set = if set == "all x" || argument == "x" {
                    set
                } else {
                    format!("{set}, with {argument} in place of x").into()
                };
                Self::On { point: place(point), set }
            }
            Self::Nowhere => Self::Nowhere,
        }
    }
}
