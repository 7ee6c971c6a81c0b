//! Where an activation passes almost nothing, or nothing, of a gradient.

use serde::Serialize;

use super::{Activation, saturation_threshold};

/// An interval of the real line; `None` at an end that is infinite.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// Left end.
    pub from: Option<f64>,
    /// Right end.
    pub to: Option<f64>,
}

/// The intervals of small slope.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Regions {
    /// Where `0 < |phi'| < SATURATION sup |phi'|`, up to isolated points.
    pub saturated: Vec<Interval>,
    /// Where phi' = 0 on a whole interval.
    pub inactive: Vec<Interval>,
    /// If given, the regions are those of one period and repeat with it.
    pub period: Option<f64>,
}

/// Cells of the dense part of the scan, on each side of a seam or the centre, and its reach.
const CELLS: usize = 2000;
const REACH: f64 = 20.0;

/// Beyond it and within the first cell, places that grow by this factor.
const GROWTH: f64 = 1.05;
const NEAR: f64 = 1e-9;
const FAR: f64 = 1e15;

impl Regions {
    /// The regions of an activation.
    ///
    /// # Accuracy
    ///
    /// A scan around every seam and the centre finds the changes, bisection their places to the last bit. Regions narrower than a cell
    /// (0.01 within 20 of a seam or the centre, 5 % of the distance beyond it and below 0.01) are not seen. phi is analytic between seams, so that phi'
    /// vanishes on a whole piece or at isolated points only: a zero elsewhere is an underflow and counts as saturated.
    pub fn of(phi: &dyn Activation) -> Self {
        let threshold = saturation_threshold(phi.derivative_bounds().sup_abs);
        let mut regions = Self { saturated: Vec::new(), inactive: Vec::new(), period: phi.slope_period() };
        let small = |x: f64| phi.derivative(x).abs() < threshold;
        if let Some(period) = regions.period {
            let start = phi.centre();
            let nodes: Vec<f64> = (0..=CELLS).map(|k| start + period * k as f64 / CELLS as f64).collect();
            regions.saturated = runs(&small, &nodes, [Some(start), Some(start + period)]);
            return regions;
        }
        let seams = phi.seams();
        let centre = [phi.centre()];
        for piece in 0..=seams.len() {
            let ends = [piece.checked_sub(1).map(|k| seams[k]), seams.get(piece).copied()];
            // Around the ends of the piece: with hundreds of seams, all of them for each piece would be millions of nodes.
            let own: Vec<f64> = ends.iter().flatten().copied().collect();
            let nodes = nodes(if own.is_empty() { &centre } else { &own }, ends);
            if nodes.iter().all(|x| phi.derivative(*x) == 0.0) {
                push(&mut regions.inactive, Interval { from: ends[0], to: ends[1] });
            } else {
                for run in runs(&small, &nodes, ends) {
                    push(&mut regions.saturated, run);
                }
            }
        }
        regions
    }
}

/// Appends an interval, joined to the last one if they touch.
fn push(intervals: &mut Vec<Interval>, next: Interval) {
    match intervals.last_mut() {
        Some(last) if last.to.is_some() && last.to == next.from => last.to = next.to,
        _ => intervals.push(next),
    }
}

/// Places strictly between the ends of a piece, in increasing order.
fn nodes(anchors: &[f64], [from, to]: [Option<f64>; 2]) -> Vec<f64> {
    let mut nodes = Vec::new();
    for anchor in anchors {
        // An odd offset keeps the nodes off the roots of phi'.
        let mut distances: Vec<f64> = (0..CELLS).map(|k| REACH * (k as f64 + 0.37) / CELLS as f64).collect();
        let cell = REACH / CELLS as f64;
        distances.extend(growing(NEAR, cell).chain(growing(REACH, FAR)));
        nodes.extend(distances.iter().flat_map(|distance| [anchor - distance, anchor + distance]));
    }
    if let Some((from, to)) = from.zip(to) {
        nodes.extend((0..CELLS).map(|k| from + (to - from) * (k as f64 + 0.37) / CELLS as f64));
    }
    nodes.retain(|x| from.is_none_or(|from| *x > from) && to.is_none_or(|to| *x < to));
    nodes.sort_by(f64::total_cmp);
    nodes.dedup();
    nodes
}

/// Geometric places from one to the other.
fn growing(from: f64, to: f64) -> impl Iterator<Item = f64> {
    std::iter::successors(Some(from), |x| Some(x * GROWTH)).take_while(move |x| *x < to)
}

/// The runs of nodes at which `small` holds, their ends found by bisection; a run that reaches the first or last node reaches the
/// end of the piece.
fn runs(small: &dyn Fn(f64) -> bool, nodes: &[f64], [from, to]: [Option<f64>; 2]) -> Vec<Interval> {
    let mut found = Vec::new();
    let Some(first) = nodes.first() else { return found };
    let mut begin = small(*first).then_some(from);
    for pair in nodes.windows(2) {
        match (begin, small(pair[1])) {
            (None, true) => begin = Some(Some(change(small, pair[0], pair[1]))),
            (Some(begun), false) => {
                found.push(Interval { from: begun, to: Some(change(small, pair[0], pair[1])) });
                begin = None;
            }
            _ => {}
        }
    }
    if let Some(begun) = begin {
        found.push(Interval { from: begun, to });
    }
    found
}

fn change(small: &dyn Fn(f64) -> bool, mut low: f64, mut high: f64) -> f64 {
    let left = small(low);
    // Every step halves the bracket; two doubles in 1e15 are 60 halvings from each other, and in 1e-15 as many more.
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if small(middle) == left { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::super::by_name;
    use super::*;

    fn of(name: &str) -> Regions {
        Regions::of(&*by_name(name).expect("a spelling"))
    }

    fn ends(interval: &Interval) -> [f64; 2] {
        [interval.from.unwrap_or(f64::NEG_INFINITY), interval.to.unwrap_or(f64::INFINITY)]
    }

    #[test]
    fn regions_in_closed_form() {
        let infinity = f64::INFINITY;
        // sigma'(x) = t / (1 + t)^2 = 1/80 at e^|x| = 39 + sqrt(1520); tanh' = 1/20 at cosh x = sqrt(20).
        let logistic = (39.0 + 1520f64.sqrt()).ln();
        let tanh = 20f64.sqrt().acosh();
        let softsign = 20f64.sqrt() - 1.0;
        let sine = 0.05f64.acos();
        // tanh^2 = 1/20.
        let shrink = 0.05f64.sqrt().atanh();
        let pi = std::f64::consts::PI;
        type Ends<'a> = &'a [[f64; 2]];
        let cases: &[(&str, Ends<'_>, Ends<'_>)] = &[
            ("sigmoid", &[[-infinity, -logistic], [logistic, infinity]], &[]),
            ("5*sigmoid(0.001*x)", &[[-infinity, -1e3 * logistic], [1e3 * logistic, infinity]], &[]),
            ("tanh(2*x + 1)", &[[-infinity, -0.5 * (tanh + 1.0)], [0.5 * (tanh - 1.0), infinity]], &[]),
            ("tanh(1e5*x)", &[[-infinity, -1e-5 * tanh], [1e-5 * tanh, infinity]], &[]),
            ("softsign", &[[-infinity, -softsign], [softsign, infinity]], &[]),
            ("arctan", &[[-infinity, -19f64.sqrt()], [19f64.sqrt(), infinity]], &[]),
            ("sin", &[[sine, pi - sine]], &[]),
            ("tanhshrink", &[[-shrink, shrink]], &[]),
            ("relu", &[], &[[-infinity, 0.0]]),
            ("leaky_relu", &[[-infinity, 0.0]], &[]),
            ("leaky_relu(0.1)", &[], &[]),
            ("linear", &[], &[]),
            ("squared_relu", &[], &[[-infinity, 0.0]]),
            ("elu", &[[-infinity, 0.05f64.ln()]], &[]),
            ("relu6", &[], &[[-infinity, 0.0], [6.0, infinity]]),
            ("relu6(1e6*x)", &[], &[[-infinity, 0.0], [6e-6, infinity]]),
            ("-1*softshrink(2*x)", &[], &[[-0.25, 0.25]]),
            // |(x/3 + 1/2)| < 0.05 * 1.5.
            ("hard_swish", &[[-1.725, -1.275]], &[[-infinity, -3.0]]),
            ("gaussian(3*x)", &[], &[]),
        ];
        for (name, saturated, inactive) in cases {
            let got = of(name);
            if *name == "gaussian(3*x)" {
                assert_eq!((got.saturated.len(), got.inactive.len()), (3, 0), "{got:?}");
                continue;
            }
            for (got, expected) in [(&got.saturated, saturated), (&got.inactive, inactive)] {
                assert_eq!(got.len(), expected.len(), "{name}: {got:?}");
                for (got, expected) in got.iter().map(ends).zip(*expected) {
                    for (got, expected) in got.iter().zip(expected) {
                        assert!(
                            got == expected || (got - expected).abs() < 1e-13 * expected.abs(),
                            "{name}: {got} not {expected}"
                        );
                    }
                }
            }
        }
    }
}
