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
    /// Nowhere: only approached.
    Nowhere,
}

/// Bounds of phi' over the real line.
#[derive(Debug, Clone, PartialEq)]
pub struct DerivativeBounds {
    /// sup |phi'|: the factor that a layer's activation can at most contribute to a gradient.
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
