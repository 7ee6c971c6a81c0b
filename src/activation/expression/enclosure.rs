//! A proof of how large a derivative can be.

use std::collections::BinaryHeap;

use super::Expression;
use super::program::Program;
use crate::numeric::Interval;

/// An interval that contains sup |phi'|.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Enclosure {
    /// |phi'| is at least as large somewhere.
    pub low: f64,
    /// |phi'| is nowhere larger; infinite if no bound was found.
    pub high: f64,
    /// What was looked at: |x| <= `within`. Infinite for the whole line.
    pub within: f64,
}

/// Cells that are bounded at most.
const LARGEST_COUNT: usize = 40_000;

/// Cells beyond it are split at most [`TAIL_SPLITS`] times before they are given up.
const TAIL: f64 = 1e3;

/// Each octave of a tail into 16 parts: intervals that are not tight then will not become so, and there are 2,000 octaves.
const TAIL_SPLITS: u32 = 4;

/// A cell of the line and what |phi'| is there.
struct Cell {
    x: Interval,
    slope: Interval,
    splits: u32,
}

impl PartialEq for Cell {
    fn eq(&self, other: &Self) -> bool {
        self.slope.high == other.slope.high
    }
}

impl Eq for Cell {}

impl PartialOrd for Cell {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Cell {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.slope.high.total_cmp(&other.slope.high)
    }
}

/// Bounds of sup |phi'| from interval arithmetic with outward rounding: branch and bound over the line.
///
/// # Formula
///
/// On a cell X with midpoint m, each of these contains phi'(X), and so does their intersection:
///
/// ```text
/// the program on X     phi'(m) + phi''(X) (X - m)     the hull of phi'(ends of X), if phi''(X) has one sign
/// ```
///
/// The last two hold where no kink lies in X; a kink makes phi''(X) the whole line, and the first one serves. The cell with the
/// largest bound is halved until that bound is within `tolerance` (relative) of the largest |phi'| proved at a point.
///
/// # Domain and accuracy
///
/// `low <= sup |phi'| <= high` over |x| <= `within`, for the expression with its constants rounded to doubles, if the functions
/// of the mathematics library are good to 4 ulp; the slope that backprop uses at a kink is not part of it. `high - low` exceeds the tolerance where 40,000 cells do not suffice. Where
/// no bound exists far away, `within` is the radius inside which one does: at least 1000, or `high` is infinite.
///
/// # Example
///
/// ```
/// use gradspectra::activation::{Expression, derivative_enclosure};
///
/// let mish = Expression::parse("x * tanh(log(1 + exp(x)))")?;
/// let sup = derivative_enclosure(&mish, 1e-9);
/// assert!(sup.low <= 1.088_498_161_252 && 1.088_498_161_251 <= sup.high && sup.high - sup.low < 2e-9);
/// # Ok::<(), gradspectra::activation::ExpressionError>(())
/// ```
pub fn derivative_enclosure(phi: &Expression, tolerance: f64) -> Enclosure {
    let program = &phi.program;
    let mut ends: Vec<f64> = (-6..1024).map(|k| 2f64.powi(k)).flat_map(|x| [-x, x]).collect();
    ends.extend([0.0, f64::MAX, f64::NEG_INFINITY, f64::INFINITY, -f64::MAX]);
    ends.extend(&phi.seams.all);
    ends.sort_by(f64::total_cmp);
    ends.dedup();

    // Proved on the whole line, and for |x| <= TAIL.
    let (mut low, mut low_inside) = (0f64, 0f64);
    let mut cells = BinaryHeap::new();
    let mut within = f64::INFINITY;
    let mut count = 0;
    let mut bound = |x: Interval, splits: u32, cells: &mut BinaryHeap<Cell>| {
        count += 1;
        let (slope, proved) = slopes(program, x);
        low = low.max(proved);
        if x.abs().high <= TAIL {
            low_inside = low_inside.max(proved);
        }
        cells.push(Cell { x, slope, splits });
        (low, low_inside, count)
    };
    let mut state = (0.0, 0.0, 0);
    for pair in ends.windows(2) {
        state = bound(Interval::new(pair[0], pair[1]), 0, &mut cells);
    }
    while let Some(cell) = cells.pop() {
        if cell.x.abs().low >= within {
            continue;
        }
        let top = cell.slope.high;
        let done = top <= state.0 + tolerance * state.0 || state.2 >= LARGEST_COUNT;
        let middle = split(cell.x);
        let tail = cell.x.low >= TAIL || cell.x.high <= -TAIL;
        let hopeless = tail && (cell.splits >= TAIL_SPLITS || middle.is_none());
        if !done && hopeless || top.is_infinite() && (done || middle.is_none()) {
            within = within.min(cell.x.abs().low);
            continue;
        }
        match middle {
            Some(middle) if !done => {
                for half in [Interval { high: middle, ..cell.x }, Interval { low: middle, ..cell.x }] {
                    state = bound(half, cell.splits + 1, &mut cells);
                }
            }
            _ => {
                cells.push(cell);
                break;
            }
        }
    }
    // A slope that leaves the doubles has no bound worth stating.
    if within < TAIL || state.0 > 1e300 {
        return Enclosure { low: state.0, high: f64::INFINITY, within: f64::INFINITY };
    }
    // Of what is left, only that inside the radius counts.
    let inside = cells.into_iter().filter(|cell| cell.x.abs().low < within || within.is_infinite());
    let high = inside.map(|cell| cell.slope.high).fold(0.0, f64::max);
    let low = if within.is_infinite() { state.0 } else { state.1 };
    Enclosure { low, high, within }
}

/// |phi'| on a cell, and a value that it reaches there.
fn slopes(program: &Program, x: Interval) -> (Interval, f64) {
    let natural = program.enclose::<2>(x);
    if !x.is_bounded() {
        return (natural.d1.abs(), 0.0);
    }
    let at = |u: f64| program.enclose::<1>(Interval::point(u)).d1;
    let middle = x.low + 0.5 * (x.high - x.low);
    let centre = at(middle);
    let mut slope = natural.d1;
    if natural.d2.is_bounded() {
        slope = slope.intersection(centre + natural.d2 * (x - Interval::point(middle)));
        if natural.d2.low >= 0.0 || natural.d2.high <= 0.0 {
            slope = slope.intersection(at(x.low).hull(at(x.high)));
        }
    }
    (slope.abs(), centre.abs().low)
}

/// Where a cell is halved: in its exponent if it spans a factor above 4. `None` if it is too narrow or has no end.
fn split(x: Interval) -> Option<f64> {
    if !x.is_bounded() {
        return None;
    }
    let size = x.abs();
    let middle = if size.low > 0.0 && size.high / size.low > 4.0 {
        (size.low.sqrt() * size.high.sqrt()).copysign(x.low)
    } else {
        x.low + 0.5 * (x.high - x.low)
    };
    (x.low < middle && middle < x.high).then_some(middle)
}
