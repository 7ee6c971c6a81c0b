//! The axis of steps, and lines along it.

use plotters::prelude::*;

use super::super::theme::{self, Axis, Chart, DrawingError};
use super::series::Value;
use super::words;

/// Where steps are on the axis: their number, or its logarithm where they were recorded ever more rarely.
#[derive(Clone)]
pub(super) struct StepAxis {
    logarithmic: bool,
    pub axis: Axis,
}

impl StepAxis {
    /// From the first to the last of the steps, given in increasing order.
    pub fn new(steps: &[u64]) -> Self {
        let logarithmic = grows_geometrically(steps);
        let at = |step: u64| place(step, logarithmic);
        let (first, last) = (steps.first().copied().unwrap_or(0), steps.last().copied().unwrap_or(0));
        let (low, high) = (at(first), at(last));
        // Steps are whole numbers, and of the largest f64 keeps only the first digits.
        let room = if high > low { 0.01 * (high - low) } else { (1e-3 * high).max(0.5) };
        let (low, high) = (low - room, high + room);
        let ticks = if logarithmic { decades(low, high) } else { round_steps(low, high) };
        Self { logarithmic, axis: Axis::with_ticks(low, high, ticks) }
    }

    pub fn at(&self, step: u64) -> f64 {
        place(step, self.logarithmic)
    }

    pub fn is_logarithmic(&self) -> bool {
        self.logarithmic
    }

    pub fn description(&self) -> &'static str {
        if self.logarithmic { "step (logarithmic)" } else { "step" }
    }
}

/// One more than the step, so that step 0 has a logarithm.
fn place(step: u64, logarithmic: bool) -> f64 {
    if logarithmic { (step as f64 + 1.0).log10() } else { step as f64 }
}

/// Whether the gaps between steps grow with them: at the end at least ten times as wide as at the beginning, and twice as wide as in the middle. A
/// dense beginning alone, before a schedule of even steps, is no reason for a logarithm.
fn grows_geometrically(steps: &[u64]) -> bool {
    if steps.len() < 8 {
        return false;
    }
    let gaps: Vec<u64> = steps.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let median = |gaps: &[u64]| {
        let mut gaps = gaps.to_vec();
        gaps.sort_unstable();
        gaps[gaps.len() / 2]
    };
    let third = gaps.len() / 3;
    let last = median(&gaps[gaps.len() - third..]);
    last / 10 >= median(&gaps[..third]) && last / 2 >= median(&gaps[third..gaps.len() - third])
}

fn decades(low: f64, high: f64) -> Vec<(f64, String)> {
    let digits: &[f64] = if high - low > 2.5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let powers = (0..=19).flat_map(|power| digits.iter().map(move |digit| digit * 10f64.powi(power)));
    std::iter::once(0.0)
        .chain(powers)
        .map(|step| ((step + 1.0).log10(), words::count(step)))
        .filter(|(at, _)| (low..=high).contains(at))
        .collect()
}

fn round_steps(low: f64, high: f64) -> Vec<(f64, String)> {
    let rough = ((high - low) / 8.0).max(1.0);
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|digit| digit * power).find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    let first = (low.max(0.0) / step).ceil();
    let ticks = (0..12).map(|k| (first + f64::from(k)) * step).filter(|at| (low..=high).contains(at));
    let mut ticks: Vec<_> = ticks.map(|at| (at, words::count(at))).collect();
    // Beyond 2^53 neighbours are the same number, and would be written over one another.
    ticks.dedup_by(|a, b| a.1 == b.1);
    ticks
}

/// The parts of a line between gaps: where something is missing, zero or not finite, nothing is joined.
pub(super) fn runs(points: &[(f64, Value)]) -> Vec<Vec<(f64, f64)>> {
    let mut runs: Vec<Vec<(f64, f64)>> = vec![Vec::new()];
    for (x, value) in points {
        match (value, runs.last_mut()) {
            (Value::At(y), Some(run)) => run.push((*x, *y)),
            (_, Some(run)) if !run.is_empty() => runs.push(Vec::new()),
            _ => {}
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

/// Places along x beyond which a line is thinned: more than the figure has pixels.
const PLACES: f64 = 900.0;

/// Of the points in every place along x, the first, the smallest, the largest and the last: what is seen of a line does not change.
pub(super) fn thin(points: Vec<(f64, Value)>, axis: &Axis) -> Vec<(f64, Value)> {
    if points.len() as f64 <= 2.0 * PLACES {
        return points;
    }
    let place = |x: f64| ((x - axis.low()) / (axis.high() - axis.low()) * PLACES).floor();
    let mut kept = Vec::new();
    for group in points.chunk_by(|a, b| place(a.0) == place(b.0)) {
        let finite = || group.iter().enumerate().filter_map(|(k, (_, value))| value.finite().map(|y| (k, y)));
        let least = finite().min_by(|a, b| a.1.total_cmp(&b.1)).map(|(k, _)| k);
        let most = finite().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(k, _)| k);
        let lost = group.iter().position(|(_, value)| value.finite().is_none());
        let mut which: Vec<usize> = [Some(0), least, most, lost, Some(group.len() - 1)].into_iter().flatten().collect();
        which.sort_unstable();
        which.dedup();
        kept.extend(which.into_iter().map(|k| group[k]));
    }
    kept
}

/// Points are drawn up to this number along a line; beyond it they would cover one another.
const MOST_POINTS: usize = 90;

/// A measured line with its points; exact zeros as triangles at the bottom, lost numbers as crosses at the top.
pub(super) fn course(
    chart: &mut Chart<'_, '_>,
    points: Vec<(f64, Value)>,
    axis: &Axis,
    edges: Edges,
    colour: RGBColor,
) -> Result<(), DrawingError> {
    let count = points.len();
    let points = thin(points, axis);
    for run in runs(&points) {
        if run.len() > 1 {
            chart.draw_series([PathElement::new(run.clone(), colour.stroke_width(theme::MEDIUM))])?;
        }
        if count <= MOST_POINTS || run.len() == 1 {
            let radius = if count > 30 { theme::POINT / 2 } else { theme::POINT * 3 / 4 };
            chart.draw_series(run.into_iter().map(|at| Circle::new(at, radius, colour.filled())))?;
        }
    }
    lost(chart, &points, edges, colour)
}

/// A row of marks beyond the data, in shares of the height.
const ROW: f64 = 0.04;

/// Where marks of what has no height go: a row for each curve, below and above the data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Edges {
    low: f64,
    high: f64,
    row: f64,
    /// Which curve.
    curve: usize,
}

impl Edges {
    /// The span of an axis, made wider by a row for each curve that has zeros, and for each that has numbers that are not finite.
    pub fn around<'v>((low, high): (f64, f64), curves: impl Iterator<Item = &'v [(f64, Value)]>) -> Self {
        let curves: Vec<_> = curves.collect();
        let rows = |what: Value| {
            let last = curves.iter().rposition(|curve| curve.iter().any(|(_, value)| *value == what));
            last.map_or(0.0, |k| k as f64 + 1.0)
        };
        let (zeros, lost) = (rows(Value::Zero), rows(Value::NotFinite));
        let height = (high - low) / (1.0 - ROW * (zeros + lost).min(20.0));
        Self { low: low - ROW * height * zeros, high: high + ROW * height * lost, row: ROW * height, curve: 0 }
    }

    pub fn span(self) -> (f64, f64) {
        (self.low, self.high)
    }

    pub fn of_curve(self, curve: usize) -> Self {
        Self { curve, ..self }
    }
}

/// What cannot be drawn at its height: exact zeros at the bottom, numbers that are not finite at the top.
pub(super) fn lost(
    chart: &mut Chart<'_, '_>,
    points: &[(f64, Value)],
    edges: Edges,
    colour: RGBColor,
) -> Result<(), DrawingError> {
    let inward = (edges.curve as f64 + 0.6) * edges.row;
    let stroke = colour.stroke_width(theme::MEDIUM);
    let of = |what: Value| points.iter().filter(move |(_, value)| *value == what).map(|(x, _)| *x);
    let zeros = of(Value::Zero).map(|x| (x, edges.low + inward));
    chart.draw_series(zeros.map(|at| TriangleMarker::new(at, theme::POINT, stroke)))?;
    let not_finite = of(Value::NotFinite).map(|x| (x, edges.high - inward));
    chart.draw_series(not_finite.map(|at| Cross::new(at, theme::POINT, stroke)))?;
    Ok(())
}

/// What the caption says of marks at the edges, if there are any.
pub(super) fn lost_in_words(values: impl Iterator<Item = Value>) -> String {
    let (mut zero, mut not_finite) = (false, false);
    for value in values {
        zero |= value == Value::Zero;
        not_finite |= value == Value::NotFinite;
    }
    match (zero, not_finite) {
        (true, true) => {
            " Triangles at the bottom are exact zeros, crosses at the top numbers that are not finite (null)."
        }
        (true, false) => " Triangles at the bottom are exact zeros.",
        (false, true) => " Crosses at the top are numbers that are not finite (null).",
        (false, false) => "",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithmic_spacing_is_seen() {
        let geometric: Vec<u64> = (0..30).map(|k| 10f64.powf(f64::from(k) / 10.0).round() as u64).collect();
        assert!(grows_geometrically(&geometric));
        assert!(!grows_geometrically(&(0..100).map(|k| 5 * k).collect::<Vec<_>>()));
        assert!(!grows_geometrically(&[0, 1, 2, 1 << 62]));
    }

    #[test]
    fn ticks_are_round_and_few_at_any_size() {
        for (low, high) in [(-0.5, 0.5), (0.0, 12.0), (0.0, 1e18), (1e19, 1.8e19), (4e18, 4.01e18), (90.0, 1010.0)] {
            let ticks = round_steps(low, high);
            assert!((1..=12).contains(&ticks.len()), "{low} {high}: {ticks:?}");
        }
        let labels: Vec<String> = round_steps(0.0, 500.0).into_iter().map(|tick| tick.1).collect();
        assert_eq!(labels, ["0", "100", "200", "300", "400", "500"]);
        let labels: Vec<String> = decades(-0.1, 3.4).into_iter().map(|tick| tick.1).collect();
        assert_eq!(labels, ["0", "1", "10", "100", "1000"]);
    }

    #[test]
    fn thinning_keeps_the_extremes_and_what_is_lost() {
        let spike = |k: usize| match k {
            4321 => Value::At(77.0),
            6000 => Value::NotFinite,
            _ => Value::At((k % 7) as f64),
        };
        let points: Vec<(f64, Value)> = (0..10_000).map(|k| (k as f64, spike(k))).collect();
        let thinned = thin(points, &Axis::linear(0.0, 1e4));
        assert!(thinned.len() < 5000);
        assert!(thinned.contains(&(4321.0, Value::At(77.0))) && thinned.contains(&(6000.0, Value::NotFinite)));
        assert_eq!(runs(&thinned).len(), 2);
    }
}
