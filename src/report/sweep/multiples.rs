//! Small multiples: one panel a value of a further dimension.

use plotters::prelude::*;

use super::super::theme::{self, Area, Axis, DrawingError, Legend, Symbol, TEXT, UNIT};
use super::cells::{self, Plane};
use super::curves::{Curves, selected};
use super::grid::{Grid, State};
use super::heat_map::{Map, bar_words, chi_1, fates, scale};
use super::words;
use crate::sweep::{Side, Statistic};

/// Panels at most.
const MOST: usize = 12;

/// Panels in a row: two or four of them make a square.
fn columns(panels: usize) -> usize {
    if matches!(panels, 1 | 2 | 4) { panels.min(2) } else { 3 }
}

/// The panels: planes where there are two dimensions of numbers, curves otherwise.
enum Panels<'g, 'a> {
    Planes(Map<'g, 'a>),
    Curves(Curves<'g, 'a>),
}

struct Multiples<'g, 'a> {
    panels: Panels<'g, 'a>,
    /// The dimension of the panels, with the values that have one.
    dimension: usize,
    values: Vec<usize>,
}

impl<'g, 'a> Multiples<'g, 'a> {
    fn of(grid: &'g Grid<'a>) -> Option<Self> {
        if grid.sampled {
            return None;
        }
        let (side, selector) = grid.subject()?;
        let (panels, used) = if let Some(plane) = grid.plane() {
            let slice = grid.slice(&plane);
            (Panels::Planes(Map { grid, side, selector, plane, slice }), plane.to_vec())
        } else {
            let curves = Curves::of(grid, Some((Side::Measured, selector)))?;
            let used = curves.colours.iter().map(|(d, _)| *d).chain([curves.x]).collect();
            (Panels::Curves(curves), used)
        };
        let dimension = *grid.others(&used).first()?;
        let values = selected(grid.dimensions[dimension].values.len(), MOST);
        Some(Self { panels, dimension, values })
    }

    fn grid(&self) -> &'g Grid<'a> {
        match &self.panels {
            Panels::Planes(map) => map.grid,
            Panels::Curves(curves) => curves.grid,
        }
    }

    fn slice(&self, value: usize) -> Vec<usize> {
        let mut slice = match &self.panels {
            Panels::Planes(map) => map.slice.clone(),
            Panels::Curves(curves) => curves.slice.clone(),
        };
        slice[self.dimension] = value;
        slice
    }

    /// Numbers of a panel, of planes and of ratios.
    fn numbers(&self, value: usize) -> Vec<f64> {
        let slice = self.slice(value);
        match &self.panels {
            Panels::Planes(map) => {
                let panel = Map { slice, selector: map.selector.clone(), ..*map };
                states(&panel).into_iter().filter_map(finite).collect()
            }
            Panels::Curves(curves) => {
                let is = |at: &&Vec<usize>| at[self.dimension] == value;
                let side =
                    if curves.grid.count(curves.side, &curves.selector) > 0 { curves.side } else { Side::Predicted };
                let at = curves.grid.places.keys().filter(is);
                at.filter_map(|at| finite(curves.grid.state(at, side, &curves.selector))).collect()
            }
        }
    }
}

fn finite(state: State) -> Option<f64> {
    if let State::Number(value) = state { Some(value) } else { None }
}

fn states(map: &Map<'_, '_>) -> Vec<State> {
    let size = |k: usize| map.grid.dimensions[map.plane[k]].values.len();
    (0..size(0)).flat_map(|i| (0..size(1)).map(move |j| (i, j))).map(|(i, j)| map.state(i, j)).collect()
}

pub(super) fn applies(grid: &Grid<'_>) -> bool {
    Multiples::of(grid).is_some()
}

pub(super) fn title(grid: &Grid<'_>) -> String {
    let Some(multiples) = Multiples::of(grid) else { return String::new() };
    let name = &grid.dimensions[multiples.dimension].name;
    let selector = match &multiples.panels {
        Panels::Planes(map) => &map.selector,
        Panels::Curves(curves) => &curves.selector,
    };
    if words::is_ratio(selector) {
        // The value whose panel keeps the gradient best.
        let held = multiples.values.iter().filter_map(|value| {
            let numbers = multiples.numbers(*value);
            let [_, holds, _] = fates(numbers.iter().copied());
            (!numbers.is_empty()).then_some((*value, holds, numbers.len()))
        });
        let held: Vec<_> = held.collect();
        let share = |h: &(usize, usize, usize)| h.1 as f64 / h.2 as f64;
        if let (Some(best), Some(worst)) = (
            held.iter().max_by(|a, b| share(a).total_cmp(&share(b))),
            held.iter().min_by(|a, b| share(a).total_cmp(&share(b))),
        ) {
            let dimension = &grid.dimensions[multiples.dimension];
            let value = |h: &(usize, usize, usize)| super::grid::short_label(&dimension.values[h.0]);
            let first =
                if dimension.positions.is_some() { grid.coordinate(multiples.dimension, best.0) } else { value(best) };
            return format!(
                "Gradients hold within 10 times: {first} at {} of {} places, {} at {} of {}",
                best.1,
                best.2,
                value(worst),
                worst.1,
                worst.2
            );
        }
    }
    format!("{} for each {name}", super::heat_map::capital(&words::description(selector)))
}

pub(super) fn caption(grid: &Grid<'_>) -> String {
    let Some(multiples) = Multiples::of(grid) else { return String::new() };
    let dimension = &grid.dimensions[multiples.dimension];
    let mut text =
        format!("One panel for each {} ({}); axes and colours are the same in all.", dimension.name, dimension.key);
    let free = match &multiples.panels {
        Panels::Planes(map) => {
            text.push_str(&format!(" Colour: {}.", words::description(&map.selector)));
            if grid.count(Side::Predicted, &chi_1()) > 0 {
                text.push_str(" Line: the predicted \u{3c7}\u{2081} = 1; it does not know the depth, the colours do.");
            }
            vec![map.plane[0], map.plane[1], multiples.dimension]
        }
        Panels::Curves(curves) => {
            text.push_str(" Lines: prediction; points: measurement with its standard error.");
            curves.colours.iter().map(|(d, _)| *d).chain([curves.x, multiples.dimension]).collect()
        }
    };
    if multiples.values.len() < dimension.values.len() {
        text.push_str(&format!(" {} of {} values have a panel.", multiples.values.len(), dimension.values.len()));
    }
    text + &words::held(&grid.fixed(&multiples.slice(0), &free)) + &words::progress_note(grid)
}

pub(super) fn draw(grid: &Grid<'_>) -> Result<String, DrawingError> {
    let Some(multiples) = Multiples::of(grid) else { return Ok(String::new()) };
    let title = title(grid);
    match &multiples.panels {
        Panels::Planes(map) => draw_planes(&title, &multiples, map),
        Panels::Curves(curves) => draw_curves(&title, &multiples, curves),
    }
}

/// A panel each in rows, under its own heading.
fn panels(
    area: &Area<'_>,
    multiples: &Multiples<'_, '_>,
    height: u32,
    draw: impl Fn(&Area<'_>, usize) -> Result<(), DrawingError>,
) -> Result<(), DrawingError> {
    let columns = columns(multiples.values.len());
    let cells = area.split_evenly((multiples.values.len().div_ceil(columns), columns));
    for (value, cell) in multiples.values.iter().zip(cells) {
        // Evenly split is not what the height of a panel is when there are few.
        let (head, body) = cell.split_vertically((30 * UNIT).min(height * UNIT));
        let words = multiples.grid().coordinate(multiples.dimension, *value);
        let style = ("sans-serif", TEXT, FontStyle::Bold).into_font().color(&RGBColor(40, 40, 40));
        head.draw(&Text::new(words, (100 * UNIT as i32, 8 * UNIT as i32), style))?;
        draw(&body, *value)?;
    }
    Ok(())
}

fn rows(multiples: &Multiples<'_, '_>) -> u32 {
    multiples.values.len().div_ceil(columns(multiples.values.len())) as u32
}

fn draw_planes(title: &str, multiples: &Multiples<'_, '_>, map: &Map<'_, '_>) -> Result<String, DrawingError> {
    let grid = map.grid;
    let panel = |value: usize| Map { slice: multiples.slice(value), selector: map.selector.clone(), ..*map };
    let all: Vec<State> = multiples.values.iter().flat_map(|value| states(&panel(*value))).collect();
    let values: Vec<f64> = all.iter().copied().filter_map(finite).collect();
    let scale = scale(&map.selector, &values);
    let [x, y] = map.plane.map(|d| &grid.dimensions[d]);
    let mut entries = Vec::new();
    if grid.count(Side::Predicted, &chi_1()) > 0 {
        entries.push((Symbol::Line, theme::REFERENCE, "predicted edge of chaos, \u{3c7}\u{2081} = 1"));
    }
    entries.extend(cells::legend(&all));
    let legend = Legend::new(entries);
    let height = 290;
    theme::svg(theme::TITLE_HEIGHT + legend.height() + 8 + rows(multiples) * height, title, |area| {
        let (top, rest) = area.split_vertically((legend.height() + 8) * UNIT);
        legend.draw(&top)?;
        let (left, bar) = rest.split_horizontally(810 * UNIT);
        panels(&left, multiples, height, |area, value| {
            let panel = panel(value);
            let plane = Plane {
                x,
                y,
                state: &|i, j| panel.state(i, j),
                chi_1: &|i, j| panel.chi_1(i, j),
                scale: &scale,
                descriptions: (Some(&x.name), &y.name),
                most_ticks: 4,
            };
            plane.draw(area)
        })?;
        let words = bar_words(&map.selector);
        scale.draw(&bar, &words.iter().map(String::as_str).collect::<Vec<_>>())
    })
}

fn draw_curves(title: &str, multiples: &Multiples<'_, '_>, curves: &Curves<'_, '_>) -> Result<String, DrawingError> {
    let labels = curves.labels();
    let legend = Legend::new(curves.legend(&labels));
    let slices: Vec<Vec<usize>> = multiples.values.iter().map(|value| multiples.slice(*value)).collect();
    let height = 310;
    theme::svg(theme::TITLE_HEIGHT + legend.height() + 8 + rows(multiples) * height, title, |area| {
        let (top, rest) = area.split_vertically((legend.height() + 8) * UNIT);
        legend.draw(&top)?;
        let y_axis = curves.y_axis(&slices).unwrap_or_else(|| Axis::linear(0.0, 1.0));
        let x_words = &curves.grid.dimensions[curves.x].name;
        let y_words = if curves.selector.statistic == Statistic::Value || !words::is_ratio(&curves.selector) {
            words::description(&curves.selector)
        } else {
            "first / last |dL/dW|".to_owned()
        };
        panels(&rest, multiples, height, |area, value| {
            curves.draw(area, &multiples.slice(value), y_axis.clone(), (Some(x_words), &y_words), 5)
        })
    })
}
