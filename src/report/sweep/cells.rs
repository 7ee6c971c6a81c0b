//! A plane of cells: two dimensions of numbers, a colour a cell.

use plotters::prelude::*;

use super::super::theme::{self, Area, Axis, Chart, DrawingError, Symbol, UNIT};
use super::colour::ColourScale;
use super::grid::{Dimension, State, short_label};

/// Done, but without a number.
pub(super) const LOST: RGBColor = RGBColor(185, 185, 185);
pub(super) const FAILED: RGBColor = RGBColor(110, 110, 110);
pub(super) const WAITING: RGBColor = RGBColor(170, 170, 170);

/// Positions of a dimension in the order of size, with the index of each.
pub(super) fn sorted(dimension: &Dimension) -> (Vec<f64>, Vec<usize>) {
    let positions = dimension.positions.clone().unwrap_or_default();
    let mut order: Vec<usize> = (0..positions.len()).collect();
    order.sort_by(|a, b| positions[*a].total_cmp(&positions[*b]));
    (order.iter().map(|k| positions[*k]).collect(), order)
}

/// Half-way between neighbours, and as far beyond the ends.
fn edges(positions: &[f64]) -> Vec<f64> {
    let middle: Vec<f64> = positions.windows(2).map(|pair| 0.5 * (pair[0] + pair[1])).collect();
    let (Some(first), Some(last)) = (positions.first(), positions.last()) else { return Vec::new() };
    let before = middle.first().map_or(first - 0.5, |m| 2.0 * first - m);
    let after = middle.last().map_or(last + 0.5, |m| 2.0 * last - m);
    std::iter::once(before).chain(middle).chain([after]).collect()
}

/// An axis over a dimension: ticks at its values where they are few, at round numbers where they are many.
pub(super) fn axis(dimension: &Dimension, low: f64, high: f64, most: usize) -> Axis {
    let (positions, order) = sorted(dimension);
    let even = |p: &[f64]| {
        let steps: Vec<f64> = p.windows(2).map(|pair| pair[1] - pair[0]).collect();
        steps.iter().copied().fold(f64::INFINITY, f64::min) > 0.08 * (high - low)
    };
    let whole = order.iter().all(|k| short_label(&dimension.values[*k]).chars().count() <= 5);
    if positions.len() <= most && whole && (positions.len() == 1 || even(&positions)) {
        let ticks = positions.iter().zip(&order).map(|(at, k)| (*at, short_label(&dimension.values[*k])));
        return Axis::with_ticks(low, high, ticks.collect());
    }
    let axis = if dimension.logarithmic { Axis::log10(low, high) } else { Axis::linear(low, high) };
    let shown = axis.ticks().len().div_ceil(most).max(1);
    // Numbers of a narrow panel must not run into each other.
    let ticks = axis.ticks().iter().step_by(shown).cloned().collect();
    Axis::with_ticks(low, high, ticks)
}

/// A plane: what it shows and where.
pub(super) struct Plane<'a> {
    pub x: &'a Dimension,
    pub y: &'a Dimension,
    /// By index of x and y.
    pub state: &'a dyn Fn(usize, usize) -> State,
    /// The predicted chi_1, by index of x and y.
    pub chi_1: &'a dyn Fn(usize, usize) -> Option<f64>,
    pub scale: &'a ColourScale,
    pub descriptions: (Option<&'a str>, &'a str),
    /// Ticks of x at most.
    pub most_ticks: usize,
}

impl Plane<'_> {
    /// The states of all cells.
    pub fn states(&self) -> Vec<State> {
        let indices = |d: &Dimension| 0..d.values.len();
        indices(self.x).flat_map(|i| indices(self.y).map(move |j| (i, j))).map(|(i, j)| (self.state)(i, j)).collect()
    }

    /// The lines chi_1 = 1, in positions.
    pub fn critical(&self) -> Vec<Vec<(f64, f64)>> {
        let ((x, columns), (y, rows)) = (sorted(self.x), sorted(self.y));
        // The logarithm is closer to linear.
        super::contour::zero_lines(&x, &y, |i, j| {
            (self.chi_1)(columns[i], rows[j]).filter(|chi| *chi > 0.0).map(f64::ln)
        })
    }

    pub fn draw(&self, area: &Area<'_>) -> Result<(), DrawingError> {
        let ((x, columns), (y, rows)) = (sorted(self.x), sorted(self.y));
        let (left, bottom) = (edges(&x), edges(&y));
        let (Some((x0, x1)), Some((y0, y1))) = (left.first().zip(left.last()), bottom.first().zip(bottom.last()))
        else {
            return Ok(());
        };
        let x_axis = axis(self.x, *x0, *x1, self.most_ticks);
        let y_axis = axis(self.y, *y0, *y1, 12);
        let mut chart = theme::chart(area, x_axis, y_axis, self.descriptions.0.is_some())?;
        theme::mesh(&mut chart, self.descriptions.0, self.descriptions.1)?;
        // Without an overlap the background shines through between cells.
        let overlap = (0.002 * (x1 - x0), 0.002 * (y1 - y0));
        for (j, row) in rows.iter().enumerate() {
            let state = |i: usize| (self.state)(columns[i], *row);
            let colour = |i: usize| if let State::Number(v) = state(i) { Some(self.scale.colour(v)) } else { None };
            let mut start = 0;
            for i in 1..=columns.len() {
                // Runs of one colour are one rectangle: a fine grid stays a small file.
                let same = i < columns.len() && colour(start).is_some() && colour(i) == colour(start);
                if same {
                    continue;
                }
                let corners = [(left[start], bottom[j]), (left[i], bottom[j + 1])];
                if let Some(colour) = colour(start) {
                    let corners =
                        [corners[0], ((corners[1].0 + overlap.0).min(*x1), (corners[1].1 + overlap.1).min(*y1))];
                    chart.draw_series([Rectangle::new(corners, colour.filled())])?;
                } else {
                    mark(&mut chart, state(start), corners)?;
                }
                start = i;
            }
        }
        for line in self.critical() {
            let halo = WHITE.stroke_width(theme::THICK + 3 * UNIT);
            chart.draw_series([PathElement::new(line.clone(), halo)])?;
            chart.draw_series([PathElement::new(line, theme::REFERENCE.stroke_width(theme::THICK))])?;
        }
        Ok(())
    }
}

/// A cell without a number.
fn mark(chart: &mut Chart<'_, '_>, state: State, corners: [(f64, f64); 2]) -> Result<(), DrawingError> {
    let [(x0, y0), (x1, y1)] = corners;
    let at = |s: f64, t: f64| (x0 + s * (x1 - x0), y0 + t * (y1 - y0));
    let style = |colour: RGBColor| colour.stroke_width(theme::MEDIUM);
    match state {
        State::Lost => {
            chart.draw_series([Rectangle::new(corners, LOST.filled())])?;
        }
        State::Failed => {
            chart.draw_series([Rectangle::new(corners, FAILED.filled())])?;
            let strokes = [vec![at(0.1, 0.1), at(0.9, 0.9)], vec![at(0.1, 0.9), at(0.9, 0.1)]];
            chart.draw_series(strokes.map(|stroke| PathElement::new(stroke, style(WHITE))))?;
        }
        State::Waiting => {
            let strokes =
                [vec![at(0.0, 0.5), at(0.5, 1.0)], vec![at(0.0, 0.0), at(1.0, 1.0)], vec![at(0.5, 0.0), at(1.0, 0.5)]];
            chart.draw_series(strokes.map(|stroke| PathElement::new(stroke, style(WAITING))))?;
        }
        State::Number(_) => {}
    }
    Ok(())
}

/// Entries of a legend for states without a number, as far as they occur.
pub(super) fn legend(states: &[State]) -> Vec<(Symbol, RGBColor, &'static str)> {
    let has = |state: State| states.contains(&state);
    let mut entries = Vec::new();
    if has(State::Lost) {
        entries.push((Symbol::Box, LOST, "no number: zero or not finite"));
    }
    if has(State::Failed) {
        entries.push((Symbol::Crossed, FAILED, "failed"));
    }
    if has(State::Waiting) {
        entries.push((Symbol::Hatched, WAITING, "not done"));
    }
    entries
}
