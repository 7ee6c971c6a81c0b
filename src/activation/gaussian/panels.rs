//! Where the panels of a quadrature end.

use super::super::{Activation, Attained};

/// A place where an activation changes, and over what distance it does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transition {
    /// The place.
    pub at: f64,
    /// The distance over which phi' changes by its own size; infinite if it does not.
    pub width: f64,
}

/// The centre and the places where |phi'| and |phi''| are largest, with the width sup|phi'| / sup|phi''|; places closer to each
/// other than twice the width are one.
pub fn default_transitions(phi: &dyn Activation) -> Vec<Transition> {
    let bounds = phi.derivative_bounds();
    let width = bounds.sup_abs / bounds.second_sup_abs;
    let width = if width > 0.0 { width } else { f64::INFINITY };
    let mut transitions = vec![Transition { at: phi.centre(), width }];
    for attained in [&bounds.sup_at, &bounds.second_sup_at] {
        let Attained::At(places) = attained else { continue };
        for &at in places {
            if at.is_finite() && transitions.iter().all(|other| (at - other.at).abs() > 2.0 * width) {
                transitions.push(Transition { at, width });
            }
        }
    }
    transitions
}

/// What a quadrature needs to know about a function of x.
#[derive(Debug, Clone, Copy)]
pub struct Landmarks<'a> {
    pub seams: &'a [f64],
    pub transitions: &'a [Transition],
}

/// First rung of the ladder of panel ends around a transition, in widths; each further rung is four times as far. A 21-point
/// panel between two rungs resolves functions with a pole at distance `width` from the transition.
const FIRST_RUNG: f64 = 2.0;

/// Rungs beyond this share of the cut-off only make slivers.
const LAST_RUNG: f64 = 0.7;

impl Landmarks<'_> {
    /// Panel ends in z within the cut-off, increasing, for a function of `mean + scale z`.
    pub fn panel_ends(self, scale: f64, mean: f64, cutoff: f64) -> Vec<f64> {
        let mut points = Vec::with_capacity(32);
        points.extend([-cutoff, cutoff]);
        let place = |x: f64| (x - mean) / scale;
        points.extend(self.seams.iter().map(|&seam| place(seam)).filter(|z| z.abs() < cutoff));
        let exact = points.len();
        let mut ladder = |at: f64, width: f64| {
            let at = place(at);
            let mut step = FIRST_RUNG * width / scale.abs();
            // A rung below rounding resolves nothing.
            step = step.max(1e-14 * at.abs()).max(f64::MIN_POSITIVE);
            let reach = LAST_RUNG * cutoff;
            while step < reach + at.abs() {
                points.extend([at - step, at + step].into_iter().filter(|z| z.abs() < reach));
                step *= 4.0;
            }
        };
        for transition in self.transitions {
            ladder(transition.at, transition.width);
        }
        // Seams have the width of the function around them.
        let width = self.transitions.iter().map(|transition| transition.width).fold(f64::INFINITY, f64::min);
        for &seam in self.seams {
            if self.transitions.iter().all(|transition| (transition.at - seam).abs() > width) {
                ladder(seam, width);
            }
        }
        // Fewer than two panels on a side cannot tell a smooth function from one whose nodes were missed.
        points.extend([-0.4 * cutoff, 0.4 * cutoff]);
        // A rung close to a seam or to another rung adds a panel and no resolution.
        let (fixed, rungs) = points.split_at_mut(exact);
        fixed.sort_by(f64::total_cmp);
        rungs.sort_by(f64::total_cmp);
        let mut ends = fixed.to_vec();
        let mut previous = f64::NEG_INFINITY;
        for &rung in rungs.iter() {
            let gap = fixed.iter().map(|seam| (seam - rung).abs()).fold(rung - previous, f64::min);
            let nearest = self.transitions.iter().map(|transition| (place(transition.at) - rung).abs());
            let nearest = nearest.chain(fixed[1..fixed.len() - 1].iter().map(|seam| (seam - rung).abs()));
            if gap > 0.3 * nearest.fold(cutoff, f64::min) {
                ends.push(rung);
                previous = rung;
            }
        }
        ends.sort_by(f64::total_cmp);
        ends
    }
}
