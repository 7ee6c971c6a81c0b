//! Bounds of the derivatives by a scan.

use super::grid::FARTHEST;
use super::program::Program;
use super::seams::step_aside;
use crate::activation::{Attained, DerivativeBounds};
use crate::numeric::maximize;

/// Two values are the same below this relative difference: an expression of a few operations is wrong by some ulp.
const SAME: f64 = 1e-14;

/// A larger number of places is described, not listed.
const LISTED: usize = 16;

/// Distance over which phi'' is differenced: rounding and truncation both shift its maxima by less than 1e-10.
const DIFFERENCE: f64 = 2e-5;

/// `sup |phi'|`, `inf phi'` and `sup |phi''|`.
///
/// # Accuracy
///
/// A maximum that a cell of the grid does not hide is found to rounding, and so is its place (to 1e-9 for phi''). What is only
/// approached far away is taken at 1e300; growth between 1e6 and there, or towards a seam, counts as infinite.
pub(super) fn scan(program: &Program, seams: &[f64], grid: &[f64]) -> DerivativeBounds {
    let mut points = grid.to_vec();
    for seam in seams {
        let aside = step_aside(*seam);
        points.extend([seam - aside, *seam, seam + aside]);
    }
    points.sort_by(f64::total_cmp);
    points.dedup();
    let jets: Vec<_> = points.iter().map(|x| program.jet::<2>(*x)).collect();
    let slope_of = |x: f64| program.jet::<1>(x).d1;
    // Conventions at ties may add up to a slope that neither side has: `clamp(x,-1,0) + clamp(x,0,1)` has 2 at 0.
    let first = |x: f64| {
        let slope = slope_of(x);
        if !seams.contains(&x) {
            return slope;
        }
        let (left, right) = (slope_of(x - step_aside(x)), slope_of(x + step_aside(x)));
        let slack = 1e-9 * (1.0 + slope.abs());
        let beyond = slope < left.min(right) - slack || slope > left.max(right) + slack;
        if beyond { right } else { slope }
    };
    let second = |x: f64| program.jet::<2>(x).d2;
    // Where phi'' jumps, its value from the right.
    let second_right = |x: f64| second(if seams.contains(&x) { x + step_aside(x) } else { x });
    let third = |x: f64| (second(x + DIFFERENCE) - second(x - DIFFERENCE)) / (2.0 * DIFFERENCE);
    let first_values: Vec<f64> =
        points.iter().zip(&jets).map(|(x, jet)| if seams.contains(x) { first(*x) } else { jet.d1 }).collect();
    let second_values: Vec<f64> =
        points.iter().zip(&jets).map(|(x, jet)| if seams.contains(x) { second_right(*x) } else { jet.d2 }).collect();

    let scan = Scan { seams, points: &points };
    let pieces = scan.pieces();
    let linear: Vec<&Piece> =
        pieces.iter().filter(|piece| piece.members.iter().all(|x| program.extended::<2>(*x).d2.is_zero())).collect();
    let quadratic: Vec<&Piece> = pieces
        .iter()
        .filter(|piece| {
            let values = piece.members.map(second);
            values.iter().all(|value| (value - values[0]).abs() <= SAME * values[0].abs())
        })
        .collect();
    let (sup_abs, sup_at) =
        scan.maximum(&first_values.iter().map(|d| d.abs()).collect::<Vec<_>>(), |x| first(x).abs(), second, &linear);
    let (minus_inf, inf_at) =
        scan.maximum(&first_values.iter().map(|d| -d).collect::<Vec<_>>(), |x| -first(x), second, &linear);
    let (second_sup_abs, second_sup_at) = scan.maximum(
        &second_values.iter().map(|d| d.abs()).collect::<Vec<_>>(),
        |x| second_right(x).abs(),
        third,
        &quadratic,
    );
    // No negative zero.
    DerivativeBounds { sup_abs, sup_at, inf: 0.0 - minus_inf, inf_at, second_sup_abs, second_sup_at }
}

/// Between two seams an expression is analytic: what is constant on a part of it is constant on all of it.
struct Piece {
    low: f64,
    high: f64,
    members: [f64; 7],
}

impl Piece {
    fn words(&self) -> String {
        match (self.low.is_finite(), self.high.is_finite()) {
            (false, false) => "every x".to_owned(),
            (false, true) => format!("x < {}", self.high),
            (true, false) => format!("x > {}", self.low),
            (true, true) => format!("{} < x < {}", self.low, self.high),
        }
    }
}

struct Scan<'a> {
    seams: &'a [f64],
    points: &'a [f64],
}

impl Scan<'_> {
    fn pieces(&self) -> Vec<Piece> {
        let ends: Vec<f64> =
            [f64::NEG_INFINITY].into_iter().chain(self.seams.iter().copied()).chain([f64::INFINITY]).collect();
        let steps = [0.01, 0.1, 0.3, 1.0, 2.0, 5.0, 20.0];
        let piece = |ends: &[f64]| {
            let (low, high) = (ends[0], ends[1]);
            let members = match (low.is_finite(), high.is_finite()) {
                (false, false) => steps.map(|step| step - 1.7),
                (false, true) => steps.map(|step| high - step),
                (true, false) => steps.map(|step| low + step),
                (true, true) => [0.03, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97].map(|part| low + part * (high - low)),
            };
            Piece { low, high, members }
        };
        ends.windows(2).map(piece).collect()
    }

    /// The supremum of `f`, whose values at the points are known, and where it is attained; `slope` has a zero where f has a
    /// smooth maximum, and f is constant on each of the `flat` pieces.
    fn maximum(
        &self,
        values: &[f64],
        f: impl Fn(f64) -> f64,
        slope: impl Fn(f64) -> f64,
        flat: &[&Piece],
    ) -> (f64, Attained) {
        if self.grows(&f) {
            return (f64::INFINITY, Attained::Nowhere);
        }
        let finite = |value: f64| if value.is_nan() { f64::NEG_INFINITY } else { value };
        let scanned = values.iter().copied().map(finite).fold(f64::NEG_INFINITY, f64::max);
        let mut places: Vec<(f64, f64)> = Vec::new();
        for k in 0..self.points.len() {
            let (before, after) = (k.saturating_sub(1), (k + 1).min(self.points.len() - 1));
            let value = finite(values[k]);
            // A maximum between two points is higher than both by the square of their distance: 5 % are ample.
            if value >= finite(values[before])
                && value >= finite(values[after])
                && value >= scanned - 0.05 * scanned.abs()
            {
                places.push((self.points[k], value));
                // Level ground, or a limit reached to rounding.
                if value == values[before] && value == values[after] {
                    continue;
                }
                let inside = self.polish(&f, &slope, self.points[before], self.points[k], self.points[after]);
                places.extend(inside.map(|x| (x, finite(f(x)))));
            }
        }
        let far = FAR.iter().flat_map(|x| [f(*x), f(-x)]).map(finite).fold(f64::NEG_INFINITY, f64::max);
        let top = places.iter().map(|place| place.1).fold(far, f64::max);
        let same = |value: f64| value >= top - SAME * top.abs() - f64::MIN_POSITIVE;

        let sets: Vec<&&Piece> = flat.iter().filter(|piece| same(f(piece.members[2]))).collect();
        if let Some(piece) = sets.first() {
            let words: Vec<String> = sets.iter().map(|piece| piece.words()).collect();
            return (top, Attained::On { point: piece.members[3], set: words.join(" or ").into() });
        }
        // A limit is approached without a return: some place on either side must be lower.
        let returns = |x: f64, side: f64| [1e-3, 0.03, 1.0, 30.0, 1e3].iter().any(|step| !same(f(x + side * step)));
        let beside = |x: f64| self.seams.iter().any(|seam| x != *seam && (x - seam).abs() <= 1e-9 * (1.0 + seam.abs()));
        let mut at: Vec<f64> = places
            .into_iter()
            .filter(|(x, value)| same(*value) && !beside(*x) && returns(*x, -1.0) && returns(*x, 1.0))
            .map(|(x, _)| if x.abs() < 1e-9 && same(f(0.0)) { 0.0 } else { x })
            .collect();
        at.sort_by(f64::total_cmp);
        // Neighbouring points of one maximum: the middle one stands for all.
        at.dedup_by(|b, a| *b - *a <= 1e-6 * (1.0 + a.abs()));
        let attained = match at.iter().copied().min_by(|a, b| a.abs().total_cmp(&b.abs())) {
            None => Attained::Nowhere,
            Some(point) if at.len() > LISTED => {
                Attained::On { point, set: format!("{} places or more", at.len()).into() }
            }
            Some(_) => Attained::At(at),
        };
        (top, attained)
    }

    /// The maximum near the middle of three points, if it is smooth.
    fn polish(
        &self,
        f: &impl Fn(f64) -> f64,
        slope: &impl Fn(f64) -> f64,
        left: f64,
        middle: f64,
        right: f64,
    ) -> Option<f64> {
        if self.seams.contains(&middle) || left >= right {
            return None;
        }
        let rising = |x: f64| slope(x) > 0.0;
        let (mut low, mut high) = (left, right);
        let first = rising(low);
        if first == rising(high) || self.seams.iter().any(|seam| (left..=right).contains(seam)) {
            return Some(maximize(f, left, right, 4).at);
        }
        for _ in 0..100 {
            let x = low + 0.5 * (high - low);
            if rising(x) == first { low = x } else { high = x }
        }
        Some(low)
    }

    /// Whether f grows without bound, far away or towards a seam.
    fn grows(&self, f: &impl Fn(f64) -> f64) -> bool {
        let far = |side: f64| {
            let at = [FARTHEST, 1e100, 1e300].map(|x| f(side * x));
            at.contains(&f64::INFINITY) || at[0] > 0.0 && at[1] > 1.5 * at[0] && at[2] > 1.5 * at[1]
        };
        let towards = |seam: f64| {
            let aside = step_aside(seam);
            [-1.0, 1.0].iter().any(|side| f(seam + side * aside) > 1e4 * (1.0 + f(seam + side * 1e-3).abs()))
        };
        far(-1.0) || far(1.0) || self.seams.iter().any(|seam| towards(*seam))
    }
}

/// Where limits are taken.
const FAR: [f64; 5] = [1e8, 1e12, 1e30, 1e100, 1e300];
