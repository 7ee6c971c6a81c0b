//! Curves: a quantity against one dimension of numbers, prediction as lines and measurement as points, one colour a value of another dimension.

use plotters::prelude::*;

use super::super::theme::{self, Area, Axis, DrawingError, Legend, Symbol, UNIT};
use super::super::words as report_words;
use super::cells;
use super::grid::{Grid, Number, Selector, short_label};
use super::heat_map::capital;
use super::words;
use crate::stats::normal_quantile;
use crate::sweep::Side;

/// Colours of Okabe and Ito for the values of a dimension.
pub(super) const SERIES: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

/// What is drawn.
pub(super) struct Curves<'g, 'a> {
    pub grid: &'g Grid<'a>,
    /// The side of the points: measured, or trained.
    pub side: Side,
    pub selector: Selector,
    pub x: usize,
    /// The dimension of the colours with the values that have one.
    pub colours: Option<(usize, Vec<usize>)>,
    pub slice: Vec<usize>,
}

/// A point of a curve.
#[derive(Debug, Clone, Copy)]
pub(super) struct CurvePoint {
    x: f64,
    number: Number,
}

impl<'g, 'a> Curves<'g, 'a> {
    pub fn of(grid: &'g Grid<'a>, subject: Option<(Side, Selector)>) -> Option<Self> {
        let (side, selector) = subject?;
        if grid.sampled {
            return None;
        }
        let x = grid.plane().map(|plane| plane[0]).filter(|d| grid.dimensions[*d].key.ends_with("sigma_w"));
        let longest = || grid.numeric(2).max_by_key(|d| (grid.dimensions[*d].values.len(), std::cmp::Reverse(*d)));
        let x = x.or_else(longest)?;
        let others = grid.others(&[x]);
        // As many colours as there are, of the longest dimension that they are enough for.
        let short = others.iter().find(|d| grid.dimensions[**d].values.len() <= SERIES.len());
        let colours = short.or(others.first()).map(|d| (*d, selected(grid.dimensions[*d].values.len(), SERIES.len())));
        let free: Vec<usize> = colours.iter().map(|(d, _)| *d).chain([x]).collect();
        Some(Self { grid, side, selector, x, colours, slice: grid.slice(&free) })
    }

    fn free(&self) -> Vec<usize> {
        self.colours.iter().map(|(d, _)| *d).chain([self.x]).collect()
    }

    /// Values with a colour each: `None` stands for a dimension that is not there.
    fn series(&self) -> Vec<Option<usize>> {
        self.colours.as_ref().map_or_else(|| vec![None], |(_, values)| values.iter().copied().map(Some).collect())
    }

    /// One curve in a slice.
    pub fn curve(&self, slice: &[usize], value: Option<usize>, side: Side) -> Vec<CurvePoint> {
        let dimension = &self.grid.dimensions[self.x];
        let (positions, order) = cells::sorted(dimension);
        let mut at = slice.to_vec();
        if let (Some((d, _)), Some(value)) = (&self.colours, value) {
            at[*d] = value;
        }
        let mut curve = Vec::new();
        for (x, k) in positions.into_iter().zip(order) {
            at[self.x] = k;
            if let Some(number) = self.grid.places.get(&at).and_then(|place| place.number(side, &self.selector)) {
                curve.push(CurvePoint { x, number });
            }
        }
        curve
    }

    /// Every number that is drawn in these slices.
    fn span(&self, slices: &[Vec<usize>]) -> Option<(f64, f64)> {
        let mut values = Vec::new();
        for slice in slices {
            for value in self.series() {
                for side in [self.side, Side::Predicted] {
                    for point in self.curve(slice, value, side) {
                        let reach = point.number.standard_error.unwrap_or(0.0);
                        values.extend([point.number.value - reach, point.number.value + reach]);
                    }
                }
            }
        }
        theme::padded_span(values.into_iter(), 0.07, if self.is_logarithmic() { 0.3 } else { 1e-6 })
    }

    fn is_logarithmic(&self) -> bool {
        words::is_logarithmic(&self.selector)
    }

    pub fn y_axis(&self, slices: &[Vec<usize>]) -> Option<Axis> {
        let (low, high) = self.span(slices)?;
        Some(if self.is_logarithmic() { Axis::log10(low, high) } else { Axis::linear(low, high) })
    }

    pub fn colour(&self, k: usize) -> RGBColor {
        SERIES[k % SERIES.len()]
    }

    /// Entries of the legend; labels are made by [`Self::labels`].
    pub fn legend<'l>(&self, labels: &'l [String]) -> Vec<(Symbol, RGBColor, &'l str)> {
        let slices = [self.slice.clone()];
        let any =
            |side| self.series().into_iter().any(|value| slices.iter().any(|s| !self.curve(s, value, side).is_empty()));
        let with = |read: fn(&Number) -> Option<f64>| {
            let mut all = self.series().into_iter().flat_map(|value| self.curve(&self.slice, value, self.side));
            all.any(|point| read(&point.number).is_some())
        };
        let single = self.colours.is_none();
        let grey = RGBColor(70, 70, 70);
        let mut entries = Vec::new();
        if any(Side::Predicted) {
            entries.push((Symbol::Line, if single { theme::PREDICTION } else { grey }, "predicted"));
        }
        if any(self.side) {
            let colour = if single { theme::MEASUREMENT } else { grey };
            let with_error = if with(|n| n.standard_error) { 1 } else { 0 };
            let words = match self.side {
                Side::Trained => ["trained", "trained, standard error"],
                _ => ["measured", "measured, standard error"],
            };
            entries.push((Symbol::Point, colour, words[with_error]));
            if with(|n| n.spread) {
                entries.push((
                    Symbol::Band,
                    colour,
                    if self.side == Side::Trained {
                        "one standard deviation between repeats"
                    } else {
                        "one standard deviation between networks"
                    },
                ));
            }
        }
        entries.extend(labels.iter().enumerate().map(|(k, label)| (Symbol::Box, self.colour(k), label.as_str())));
        entries
    }

    pub fn labels(&self) -> Vec<String> {
        let Some((d, values)) = &self.colours else { return Vec::new() };
        values
            .iter()
            .enumerate()
            .map(|(k, value)| {
                let label = short_label(&self.grid.dimensions[*d].values[*value]);
                // The name once: a legend of six entries must stay short.
                if k == 0 { format!("{} = {label}", self.grid.dimensions[*d].name) } else { label }
            })
            .collect()
    }

    /// Draws all curves of a slice.
    pub fn draw(
        &self,
        area: &Area<'_>,
        slice: &[usize],
        y_axis: Axis,
        (x_words, y_words): (Option<&str>, &str),
        most_ticks: usize,
    ) -> Result<(), DrawingError> {
        let dimension = &self.grid.dimensions[self.x];
        let positions = dimension.positions.clone().unwrap_or_default();
        let (low, high) = theme::padded_span(positions.into_iter(), 0.05, 1e-9).unwrap_or((0.0, 1.0));
        let (y_low, y_high) = (y_axis.low(), y_axis.high());
        let mut chart = theme::chart(area, cells::axis(dimension, low, high, most_ticks), y_axis, x_words.is_some())?;
        theme::mesh(&mut chart, x_words, y_words)?;
        let within = |y: f64| y.clamp(y_low, y_high);
        // Bands under lines under points.
        for layer in 0..3 {
            for (k, value) in self.series().into_iter().enumerate() {
                let (line, points) = match value {
                    Some(_) => (self.colour(k), self.colour(k)),
                    None => (theme::PREDICTION, theme::MEASUREMENT),
                };
                if layer == 1 {
                    let curve = self.curve(slice, value, Side::Predicted);
                    let path: Vec<(f64, f64)> = curve.iter().map(|p| (p.x, p.number.value)).collect();
                    if path.is_empty() {
                        // Nothing is predicted: a thin line leads the eye from point to point.
                        let own = self.curve(slice, value, self.side);
                        let path: Vec<(f64, f64)> = own.iter().map(|p| (p.x, p.number.value)).collect();
                        chart.draw_series([PathElement::new(path, points.stroke_width(theme::THIN))])?;
                    } else if path.len() > 1 {
                        chart.draw_series([PathElement::new(path, line.stroke_width(theme::THICK))])?;
                    } else {
                        let hollow =
                            |at| Circle::new(at, theme::POINT + 2 * UNIT as i32, line.stroke_width(theme::MEDIUM));
                        chart.draw_series(path.into_iter().map(hollow))?;
                    }
                    continue;
                }
                let curve = self.curve(slice, value, self.side);
                if layer == 0 {
                    let spread: Vec<(f64, f64, f64)> =
                        curve.iter().filter_map(|p| Some((p.x, p.number.value, p.number.spread?))).collect();
                    let upper = spread.iter().map(|(x, y, s)| (*x, within(y + s)));
                    let lower = spread.iter().rev().map(|(x, y, s)| (*x, within(y - s)));
                    if spread.len() > 1 {
                        let shade = if value.is_some() { 0.13 } else { 0.25 };
                        chart.draw_series([Polygon::new(
                            upper.chain(lower).collect::<Vec<_>>(),
                            points.mix(shade).filled(),
                        )])?;
                    }
                    continue;
                }
                for point in &curve {
                    let Number { value, standard_error, .. } = point.number;
                    if let Some(error) = standard_error {
                        let bar = vec![(point.x, within(value - error)), (point.x, within(value + error))];
                        chart.draw_series([PathElement::new(bar, points.stroke_width(theme::MEDIUM))])?;
                    }
                    chart.draw_series([Circle::new((point.x, value), theme::POINT, points.filled())])?;
                }
            }
        }
        Ok(())
    }

    /// Differences of measurement and prediction over the places drawn.
    fn differences(&self) -> Vec<Number> {
        let places = self.grid.places.values();
        places
            .filter_map(|place| {
                let measured = place.number(self.side, &self.selector)?;
                let predicted = place.number(Side::Predicted, &self.selector)?;
                Some(Number { value: measured.value - predicted.value, ..measured })
            })
            .collect()
    }

    pub fn title(&self) -> String {
        let mut sizes: Vec<f64> = self.differences().iter().map(|d| d.value.abs()).collect();
        sizes.sort_by(f64::total_cmp);
        let quantity = match self.selector.quantity.as_str() {
            "gradient_ratio" => "Gradient ratios".to_owned(),
            "gradient_norms" => "Gradient norms".to_owned(),
            _ => capital(&words::description(&self.selector)),
        };
        if let (Some(median), Some(most)) = (sizes.get(sizes.len() / 2), sizes.last()) {
            return if self.is_logarithmic() {
                let factor = |log10: f64| {
                    if log10 < 3.0 { report_words::significant(10f64.powf(log10)) } else { report_words::power(log10) }
                };
                format!(
                    "{quantity} are off the prediction by a factor of {} in the median, {} at most",
                    factor(*median),
                    factor(*most)
                )
            } else {
                format!(
                    "{quantity}: off the prediction by {} in the median, {} at most",
                    words::plain(*median),
                    words::plain(*most)
                )
            };
        }
        let dimension = &self.grid.dimensions[self.x];
        if let Some(best) = self.best() {
            return best;
        }
        let all = self.series().into_iter().map(|value| self.curve(&self.slice, value, self.side));
        let all =
            all.map(
                |curve| {
                    if curve.is_empty() { self.curve(&self.slice, self.series()[0], Side::Predicted) } else { curve }
                },
            );
        let curve = all.max_by_key(Vec::len).unwrap_or_default();
        match (curve.first(), curve.last()) {
            (Some(first), Some(last)) if curve.len() > 1 => format!(
                "{quantity}: from {} to {} along {}",
                words::value(&self.selector, first.number.value),
                words::value(&self.selector, last.number.value),
                dimension.name
            ),
            _ => format!("{quantity} against {}", dimension.name),
        }
    }

    /// Where a training comes to most: trainings have no prediction to be compared with.
    fn best(&self) -> Option<String> {
        let loss = self.selector.quantity.contains("loss");
        let (mut best, mut place): (Option<f64>, String) = (None, String::new());
        for value in self.series() {
            for point in self.curve(&self.slice, value, Side::Trained) {
                let number = point.number.value;
                if best.is_none_or(|best| if loss { number < best } else { number > best }) {
                    best = Some(number);
                    let dimension = &self.grid.dimensions[self.x];
                    let k = dimension.positions.iter().flatten().position(|at| *at == point.x);
                    let x = k.map_or_else(String::new, |k| self.grid.coordinate(self.x, k));
                    let colour = self.colours.as_ref().zip(value).map(|((d, _), k)| self.grid.coordinate(*d, k));
                    place = [x].into_iter().chain(colour).collect::<Vec<_>>().join(", ");
                }
            }
        }
        let word = if loss { "lowest" } else { "highest" };
        let number = words::value(&self.selector, best?);
        Some(format!("{} is {word}, {number}, at {place}", capital(&words::description(&self.selector))))
    }

    pub fn caption(&self) -> String {
        let grid = self.grid;
        let dimension = &grid.dimensions[self.x];
        let mut text =
            format!("{} against {} ({}).", capital(&words::description(&self.selector)), dimension.name, dimension.key);
        let differences = self.differences();
        if differences.is_empty() {
            text.push_str(" There is no prediction of this quantity.");
        } else {
            // Two-sided, at one standard error: what chance leaves outside.
            let outside = differences
                .iter()
                .filter(|d| d.standard_error.is_some_and(|e| d.value.abs() > normal_quantile(0.975) * e));
            text.push_str(&format!(
                " Points off their line: at {} of {} the distance is more than 1.96 standard errors, where chance leaves one in twenty. \
                 The prediction is the limit of wide networks; its own distance from a finite one is of the order of depth over width.",
                outside.count(),
                words::count(differences.len(), "place", "places")
            ));
        }
        if let Some((d, values)) = &self.colours
            && values.len() < grid.dimensions[*d].values.len()
        {
            text.push_str(&format!(
                " {} of {} values of {} have a curve.",
                values.len(),
                grid.dimensions[*d].values.len(),
                grid.dimensions[*d].name
            ));
        }
        text + &words::held(&grid.fixed(&self.slice, &self.free())) + &words::progress_note(grid)
    }
}

/// At most `most` of `count` values, evenly chosen with both ends.
pub(super) fn selected(count: usize, most: usize) -> Vec<usize> {
    if count <= most {
        return (0..count).collect();
    }
    (0..most).map(|k| k * (count - 1) / (most - 1)).collect()
}

fn figure(curves: &Curves<'_, '_>) -> Result<String, DrawingError> {
    let labels = curves.labels();
    let legend = Legend::new(curves.legend(&labels));
    theme::svg(theme::TITLE_HEIGHT + legend.height() + 500, &curves.title(), |area| {
        let (top, rest) = area.split_vertically(legend.height() * UNIT);
        legend.draw(&top)?;
        let slices = [curves.slice.clone()];
        let y_axis = curves.y_axis(&slices).unwrap_or_else(|| Axis::linear(0.0, 1.0));
        let x_words = &curves.grid.dimensions[curves.x].name;
        curves.draw(&rest, &curves.slice, y_axis, (Some(x_words), &words::description(&curves.selector)), 14)
    })
}

fn shown(grid: &Grid<'_>, subject: Option<(Side, Selector)>) -> bool {
    Curves::of(grid, subject).is_some_and(|curves| curves.y_axis(std::slice::from_ref(&curves.slice)).is_some())
}

/// Of a subject that is only predicted there are lines and no points.
fn subject(grid: &Grid<'_>) -> Option<(Side, Selector)> {
    grid.subject().map(|(_, selector)| (Side::Measured, selector))
}

pub(super) fn applies(grid: &Grid<'_>) -> bool {
    shown(grid, subject(grid))
}

pub(super) fn title(grid: &Grid<'_>) -> String {
    Curves::of(grid, subject(grid)).map_or_else(String::new, |curves| curves.title())
}

pub(super) fn caption(grid: &Grid<'_>) -> String {
    Curves::of(grid, subject(grid)).map_or_else(String::new, |curves| curves.caption())
}

pub(super) fn draw(grid: &Grid<'_>) -> Result<String, DrawingError> {
    Curves::of(grid, subject(grid)).map_or_else(|| Ok(String::new()), |curves| figure(&curves))
}

pub(super) fn applies_to_training(grid: &Grid<'_>) -> bool {
    shown(grid, grid.training())
}

pub(super) fn training_title(grid: &Grid<'_>) -> String {
    Curves::of(grid, grid.training()).map_or_else(String::new, |curves| curves.title())
}

pub(super) fn training_caption(grid: &Grid<'_>) -> String {
    Curves::of(grid, grid.training()).map_or_else(String::new, |curves| curves.caption())
}

pub(super) fn draw_training(grid: &Grid<'_>) -> Result<String, DrawingError> {
    Curves::of(grid, grid.training()).map_or_else(|| Ok(String::new()), |curves| figure(&curves))
}
