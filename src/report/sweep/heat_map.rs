//! Heat maps: a quantity over two dimensions of numbers, under the predicted critical line.

use plotters::prelude::*;

use super::super::theme::{self, Area, DrawingError, Legend, Symbol, UNIT};
use super::cells::{self, Plane};
use super::colour::ColourScale;
use super::grid::{Grid, Selector, State};
use super::words;
use crate::sweep::{Side, Statistic};

/// What a map shows: a number over the plane of a slice.
pub(super) struct Map<'g, 'a> {
    pub grid: &'g Grid<'a>,
    pub side: Side,
    pub selector: Selector,
    pub plane: [usize; 2],
    pub slice: Vec<usize>,
}

impl<'g, 'a> Map<'g, 'a> {
    fn of(grid: &'g Grid<'a>, subject: Option<(Side, Selector)>) -> Option<Self> {
        let (side, selector) = subject?;
        let plane = grid.plane()?;
        Some(Self { grid, side, selector, plane, slice: grid.slice(&plane) })
    }

    pub fn at(&self, i: usize, j: usize) -> Vec<usize> {
        let mut at = self.slice.clone();
        at[self.plane[0]] = i;
        at[self.plane[1]] = j;
        at
    }

    pub fn state(&self, i: usize, j: usize) -> State {
        self.grid.state(&self.at(i, j), self.side, &self.selector)
    }

    pub fn chi_1(&self, i: usize, j: usize) -> Option<f64> {
        let place = self.grid.places.get(&self.at(i, j))?;
        place.number(Side::Predicted, &chi_1()).map(|number| number.value)
    }

    /// All finite numbers, with chi_1 there.
    fn numbers(&self) -> Vec<(f64, Option<f64>)> {
        if self.grid.sampled {
            let places = self.grid.places.values();
            let own = places.filter_map(|place| place.number(self.side, &self.selector));
            return own.map(|number| (number.value, None)).collect();
        }
        let size = |k: usize| self.grid.dimensions[self.plane[k]].values.len();
        let mut numbers = Vec::new();
        for i in 0..size(0) {
            for j in 0..size(1) {
                if let State::Number(value) = self.state(i, j) {
                    numbers.push((value, self.chi_1(i, j)));
                }
            }
        }
        numbers
    }
}

pub(super) fn chi_1() -> Selector {
    Selector { quantity: "chi_1".to_owned(), statistic: Statistic::Value, layer: None }
}

/// A colour scale for numbers of a quantity.
pub(super) fn scale(selector: &Selector, values: &[f64]) -> ColourScale {
    ColourScale::new(values, words::is_ratio(selector), words::is_logarithmic(selector))
}

/// The words over the bar of colours.
pub(super) fn bar_words(selector: &Selector) -> Vec<String> {
    if words::is_ratio(selector) {
        return vec!["|dL/dW|, first".to_owned(), "over last layer".to_owned()];
    }
    let text = words::description(selector);
    text.split(", ").map(str::to_owned).collect()
}

pub(super) fn applies(grid: &Grid<'_>) -> bool {
    Map::of(grid, grid.subject()).is_some_and(|map| !map.numbers().is_empty() || grid.sampled)
}

pub(super) fn applies_to_training(grid: &Grid<'_>) -> bool {
    Map::of(grid, grid.training()).is_some()
}

fn who(side: Side) -> &'static str {
    match side {
        Side::Predicted => "predicted",
        Side::Measured | Side::Compared => "measured",
        Side::Trained => "trained",
    }
}

/// Places at which a ratio vanishes, holds (within a factor of 10), explodes.
pub(super) fn fates(values: impl Iterator<Item = f64>) -> [usize; 3] {
    values.fold([0; 3], |mut fates, value| {
        fates[if value < -1.0 {
            0
        } else if value <= 1.0 {
            1
        } else {
            2
        }] += 1;
        fates
    })
}

fn map_title(map: &Map<'_, '_>) -> String {
    let numbers = map.numbers();
    if numbers.is_empty() || map.grid.sampled && !words::is_ratio(&map.selector) {
        let quantity = words::description(&map.selector);
        return format!("{quantity}, {} at {}", who(map.side), words::count(map.grid.done(), "point", "points"));
    }
    if !words::is_ratio(&map.selector) {
        return best(map).unwrap_or_default();
    }
    let sided: Vec<(f64, f64)> = numbers.iter().filter_map(|(value, chi)| Some((*value, chi.as_ref()?.ln()))).collect();
    let both = sided.iter().any(|(_, chi)| *chi < 0.0) && sided.iter().any(|(_, chi)| *chi > 0.0);
    if both && map.side == Side::Measured {
        let right = sided.iter().filter(|(value, chi)| (*value < 0.0) == (*chi < 0.0)).count();
        return format!(
            "The predicted edge \u{3c7}\u{2081} = 1 parts vanishing from exploding gradients at {right} of {} places",
            sided.len()
        );
    }
    let [vanish, hold, explode] = fates(numbers.iter().map(|(value, _)| *value));
    format!(
        "The gradient vanishes at {vanish}, holds within 10 times at {hold}, explodes at {explode} of {} places",
        numbers.len()
    )
}

/// Where the extremes of a quantity are, as a title.
fn best(map: &Map<'_, '_>) -> Option<String> {
    let [x, y] = map.plane;
    let size = |d: usize| map.grid.dimensions[d].values.len();
    let cells = (0..size(x)).flat_map(|i| (0..size(y)).map(move |j| (i, j)));
    let numbers = cells.filter_map(|(i, j)| match map.state(i, j) {
        State::Number(value) => Some((value, i, j)),
        _ => None,
    });
    let loss = map.selector.quantity.contains("loss");
    let (value, i, j) = numbers.max_by(|a, b| if loss { b.0.total_cmp(&a.0) } else { a.0.total_cmp(&b.0) })?;
    let word = if loss { "lowest" } else { "highest" };
    Some(format!(
        "{} is {word}, {}, at {}, {}",
        capital(&words::description(&map.selector)),
        words::value(&map.selector, value),
        map.grid.coordinate(x, i),
        map.grid.coordinate(y, j)
    ))
}

/// The text with a capital first letter; formulas stay as they are.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn map_caption(map: &Map<'_, '_>) -> String {
    let grid = map.grid;
    let [x, y] = map.plane.map(|d| &grid.dimensions[d]);
    let mut text = format!(
        "Colour: {}, {} over {} ({}) and {} ({}).",
        words::description(&map.selector),
        who(map.side),
        x.name,
        x.key,
        y.name,
        y.key
    );
    if words::is_ratio(&map.selector) {
        text.push_str(" Blue: the first layer gets less gradient than the last one; red: more.");
    }
    if grid.sampled {
        text.push_str(" The points are samples, every dot one of them; what else varies between them is not shown.");
    } else {
        let critical = map.numbers().iter().any(|(_, chi)| chi.is_some());
        if critical {
            text.push_str(
                " Line: \u{3c7}\u{2081} = 1 as mean-field theory predicts it for infinitely wide networks, interpolated between the places; \
                 nothing measured enters it. Gradients of finite depth change sides near the line, not on it.",
            );
        }
        let pale = |(value, chi): &(f64, Option<f64>)| value.abs() < 0.3 && chi.is_some_and(|chi| chi < 0.8);
        if words::is_ratio(&map.selector) && map.numbers().iter().any(pale) {
            text.push_str(
                " Pale cells far on the ordered side: there the inputs of the layers shrink from layer to layer as much as the gradient does on its \
                 way back, and dL/dW, their product, keeps its size while both vanish.",
            );
        }
        text.push_str(&words::held(&grid.fixed(&map.slice, &map.plane)));
    }
    text + &words::progress_note(grid)
}

pub(super) fn title(grid: &Grid<'_>) -> String {
    Map::of(grid, grid.subject()).map_or_else(String::new, |map| map_title(&map))
}

pub(super) fn caption(grid: &Grid<'_>) -> String {
    Map::of(grid, grid.subject()).map_or_else(String::new, |map| map_caption(&map))
}

pub(super) fn draw(grid: &Grid<'_>) -> Result<String, DrawingError> {
    Map::of(grid, grid.subject()).map_or_else(|| Ok(String::new()), |map| draw_map(&map))
}

pub(super) fn training_title(grid: &Grid<'_>) -> String {
    Map::of(grid, grid.training()).map_or_else(String::new, |map| map_title(&map))
}

pub(super) fn training_caption(grid: &Grid<'_>) -> String {
    Map::of(grid, grid.training()).map_or_else(String::new, |map| map_caption(&map))
}

pub(super) fn draw_training(grid: &Grid<'_>) -> Result<String, DrawingError> {
    Map::of(grid, grid.training()).map_or_else(|| Ok(String::new()), |map| draw_map(&map))
}

fn draw_map(map: &Map<'_, '_>) -> Result<String, DrawingError> {
    if map.grid.sampled {
        return draw_samples(map);
    }
    let grid = map.grid;
    let [x, y] = map.plane.map(|d| &grid.dimensions[d]);
    let values: Vec<f64> = map.numbers().iter().map(|(value, _)| *value).collect();
    let scale = scale(&map.selector, &values);
    let plane = Plane {
        x,
        y,
        state: &|i, j| map.state(i, j),
        chi_1: &|i, j| map.chi_1(i, j),
        scale: &scale,
        descriptions: (Some(&x.name), &y.name),
        most_ticks: 12,
    };
    let mut entries = Vec::new();
    if !plane.critical().is_empty() {
        entries.push((Symbol::Line, theme::REFERENCE, "predicted edge of chaos, \u{3c7}\u{2081} = 1"));
    }
    entries.extend(cells::legend(&plane.states()));
    framed(&map_title(map), entries, &scale, &map.selector, |area| plane.draw(area))
}

/// A legend above, a bar of colours on the right, and the plot.
fn framed(
    title: &str,
    entries: Vec<(Symbol, RGBColor, &str)>,
    scale: &ColourScale,
    selector: &Selector,
    plot: impl FnOnce(&Area<'_>) -> Result<(), DrawingError>,
) -> Result<String, DrawingError> {
    let legend = Legend::new(entries);
    theme::svg(theme::TITLE_HEIGHT + legend.height() + 540, title, |area| {
        let (top, rest) = area.split_vertically(legend.height() * UNIT);
        legend.draw(&top)?;
        let (left, bar) = rest.split_horizontally(770 * UNIT);
        plot(&left)?;
        let words = bar_words(selector);
        scale.draw(&bar, &words.iter().map(String::as_str).collect::<Vec<_>>())
    })
}

/// Samples of the plane: a dot each.
fn draw_samples(map: &Map<'_, '_>) -> Result<String, DrawingError> {
    let grid = map.grid;
    let [x, y] = map.plane.map(|d| &grid.dimensions[d]);
    let (xs, ys) = (x.positions.clone().unwrap_or_default(), y.positions.clone().unwrap_or_default());
    let samples: Vec<(f64, f64, State)> = grid
        .places
        .keys()
        .filter_map(|at| {
            let (x, y) = (xs.get(at[map.plane[0]])?, ys.get(at[map.plane[1]])?);
            Some((*x, *y, grid.state(at, map.side, &map.selector)))
        })
        .collect();
    let values: Vec<f64> =
        samples.iter().filter_map(|s| if let State::Number(value) = s.2 { Some(value) } else { None }).collect();
    let scale = scale(&map.selector, &values);
    let states: Vec<State> = samples.iter().map(|s| s.2).collect();
    let span = |values: &[f64]| theme::padded_span(values.iter().copied(), 0.04, 1e-9).unwrap_or((0.0, 1.0));
    framed(&map_title(map), cells::legend(&states), &scale, &map.selector, |area| {
        let (x_span, y_span) = (span(&xs), span(&ys));
        let axes = (cells::axis(x, x_span.0, x_span.1, 12), cells::axis(y, y_span.0, y_span.1, 12));
        let mut chart = theme::chart(area, axes.0, axes.1, true)?;
        theme::mesh(&mut chart, Some(&x.name), &y.name)?;
        let colour = |state: State| match state {
            State::Number(value) => scale.colour(value),
            State::Failed => cells::FAILED,
            State::Lost | State::Waiting => cells::LOST,
        };
        let mut samples = samples;
        samples.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        for (x, y, state) in samples {
            let radius = theme::POINT;
            chart.draw_series([Circle::new((x, y), radius + UNIT as i32, RGBColor(90, 90, 90).filled())])?;
            chart.draw_series([Circle::new((x, y), radius, colour(state).filled())])?;
        }
        Ok(())
    })
}
