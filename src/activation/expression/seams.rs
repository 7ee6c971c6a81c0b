//! Where an expression is not analytic: the places at which a maximum, an absolute value or the like changes its branch.

use std::cmp::Ordering;

use super::error::ExpressionError;
use super::program::Program;

/// Changes of branch, in increasing order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seams {
    /// All of them.
    pub(super) all: Vec<f64>,
    /// Those where phi' jumps.
    pub(super) kinks: Vec<f64>,
}

/// How far beside a seam its sides are looked at: farther than the seam itself may be wrong.
pub(super) fn step_aside(seam: f64) -> f64 {
    (1e-13 * seam.abs()).max(1e-60)
}

/// Finds them: a scan of the signs on the grid, bisection to neighbouring doubles, then a look at both sides.
///
/// Complete if no branch lasts less than a cell of the grid.
///
/// # Errors
///
/// [`ExpressionError::Jump`] where phi itself jumps.
pub(super) fn find(program: &Program, grid: &[f64]) -> Result<Seams, ExpressionError> {
    let switches = program.switches();
    let mut all: Vec<f64> = Vec::new();
    if !switches.is_empty() {
        let signs: Vec<_> = grid.iter().map(|x| program.signs(*x, &switches)).collect();
        for (x, sign) in grid.windows(2).zip(signs.windows(2)) {
            for (k, switch) in switches.iter().enumerate() {
                if sign[0][k] != sign[1][k] {
                    all.push(bisect(|x| program.signs(x, &[*switch])[0], x[0], x[1], sign[0][k]));
                }
            }
        }
    }
    all.sort_by(f64::total_cmp);
    // -0 and 0, and switches that meet in one place up to rounding.
    all.dedup_by(|b, a| *b - *a <= 8.0 * f64::EPSILON * b.abs().max(a.abs()) || (*a == 0.0 && *b < 1e-300));
    for seam in &mut all {
        if seam.abs() < 1e-300 {
            *seam = 0.0;
        }
    }
    let mut kinks = Vec::new();
    for &x in &all {
        let aside = step_aside(x);
        let (left, right) = (program.jet::<2>(x - aside), program.jet::<2>(x + aside));
        let slack = |a: f64, b: f64, slope: f64| 1e-9 * (1.0 + a.abs().min(b.abs())) + 8.0 * aside * slope;
        let slope = left.d1.abs().max(right.d1.abs());
        if (left.v - right.v).abs() > slack(left.v, right.v, slope) && slope.is_finite() {
            return Err(ExpressionError::Jump { x, left: short(left.v), right: short(right.v) });
        }
        let curvature = left.d2.abs().max(right.d2.abs());
        // Without a finite curvature the slope changes without bound, as that of |x|^(3/2) does: no jump unless it is visible.
        let curvature = if curvature < 1e12 { curvature } else { 0.0 };
        if (left.d1 - right.d1).abs() > slack(left.d1, right.d1, curvature) {
            kinks.push(x);
        }
    }
    Ok(Seams { all, kinks })
}

/// Nine digits: the sides are looked at a little beside the jump.
fn short(value: f64) -> f64 {
    format!("{value:.8e}").parse().unwrap_or(value)
}

/// The place in `[low, high]` where the sign stops to be `first`.
fn bisect(sign: impl Fn(f64) -> Option<Ordering>, mut low: f64, mut high: f64, first: Option<Ordering>) -> f64 {
    loop {
        let middle = low + 0.5 * (high - low);
        if middle <= low || middle >= high {
            break;
        }
        if sign(middle) == first { low = middle } else { high = middle }
    }
    // Zero itself, if one of the two doubles is it.
    let place = if first == Some(Ordering::Equal) { low } else { high };
    // Rounding makes x + 3 equal 6 a little before 3: of the doubles that do, the shortest one was meant.
    let shortest = format!("{place:.14e}").parse().unwrap_or(place);
    if sign(shortest) == Some(Ordering::Equal) && (shortest - place).abs() <= 1e-15 * place.abs() {
        shortest
    } else {
        place
    }
}
