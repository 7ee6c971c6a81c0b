//! Places of a list, one below the other.

use plotters::prelude::*;

use super::super::theme::{self, Axis, DrawingError, Legend, Symbol, UNIT};
use super::grid::{Grid, Number, Selector, State};
use super::words;
use crate::sweep::{Side, Statistic};

/// Places that are drawn at most.
const MOST: usize = 60;

/// The number that is shown: the typical network where there is one, for a root mean square is lost where one network is.
fn shown(grid: &Grid<'_>) -> Option<(Side, Selector)> {
    let (side, selector) = grid.subject()?;
    let typical = Selector { statistic: Statistic::Log10Mean, ..selector.clone() };
    let better = words::is_logarithmic(&selector) && grid.count(side, &typical) >= grid.count(side, &selector);
    Some((side, if better { typical } else { selector }))
}

/// The only dimension, if its values are names.
fn dimension(grid: &Grid<'_>) -> Option<usize> {
    let [only] = grid.others(&[])[..] else { return None };
    let dimension = &grid.dimensions[only];
    (dimension.values.len() <= MOST && (dimension.positions.is_none() || dimension.axes.len() > 1)).then_some(only)
}

/// A place with its numbers on both sides.
struct Line {
    label: String,
    measured: Option<Number>,
    predicted: Option<Number>,
    state: State,
}

fn lines(grid: &Grid<'_>) -> Vec<Line> {
    let (Some(dimension), Some((side, selector))) = (dimension(grid), shown(grid)) else { return Vec::new() };
    let line = |k: usize| {
        let mut at = vec![0; grid.dimensions.len()];
        at[dimension] = k;
        let number = |side| grid.places.get(&at).and_then(|place| place.number(side, &selector));
        Line {
            label: grid.place_label(dimension, k),
            measured: number(Side::Measured),
            predicted: number(Side::Predicted),
            state: grid.state(&at, side, &selector),
        }
    };
    (0..grid.dimensions[dimension].values.len()).map(line).collect()
}

pub(super) fn applies(grid: &Grid<'_>) -> bool {
    lines(grid).iter().any(|line| line.measured.is_some() || line.predicted.is_some())
}

fn subject_value(line: &Line) -> Option<f64> {
    line.measured.or(line.predicted).map(|number| number.value)
}

pub(super) fn title(grid: &Grid<'_>) -> String {
    let Some((_, selector)) = shown(grid) else { return String::new() };
    let values: Vec<f64> = lines(grid).iter().filter_map(subject_value).collect();
    if !words::is_ratio(&selector) {
        return format!("{} at {}", words::description(&selector), words::count(values.len(), "place", "places"));
    }
    let kept = values.iter().filter(|value| value.abs() <= 1.0).count();
    let vanishing = values.iter().filter(|value| **value < -1.0).count();
    format!(
        "The gradient holds within a factor of ten at {kept} of {}, vanishes at {vanishing}, explodes at {}",
        words::count(values.len(), "place", "places"),
        values.len() - kept - vanishing
    )
}

pub(super) fn caption(grid: &Grid<'_>) -> String {
    let Some((_, selector)) = shown(grid) else { return String::new() };
    let lost = lines(grid).iter().filter(|line| matches!(line.state, State::Lost)).count();
    let mut text = format!("{} of every place.", words::description(&selector));
    if words::is_ratio(&selector) {
        text.push_str(" Left of 1 the first layer gets less gradient than the last one, right of it more.");
    }
    text.push_str(" Bars are standard errors where they are wider than the point; vertical strokes are what theory predicts before any network is drawn.");
    if lost > 0 {
        text.push_str(&format!(
            " At {} no network has a number that is neither zero nor infinite.",
            words::count(lost, "place", "places")
        ));
    }
    text + &words::progress_note(grid)
}

pub(super) fn draw(grid: &Grid<'_>) -> Result<String, DrawingError> {
    let (lines, selector) = (lines(grid), shown(grid).map(|(_, selector)| selector));
    let legend = Legend::new(vec![
        (Symbol::Point, theme::MEASUREMENT, "measured, standard error"),
        (Symbol::Line, theme::PREDICTION, "predicted"),
    ]);
    let height = (34 * lines.len() as u32 + 90).max(160);
    theme::svg(theme::TITLE_HEIGHT + legend.height() + height, &title(grid), |area| {
        let (top, rest) = area.split_vertically(legend.height() * UNIT);
        legend.draw(&top)?;
        let ends = |number: &Number| {
            let half = number.standard_error.unwrap_or(0.0);
            [number.value - half, number.value + half]
        };
        let numbers = lines.iter().flat_map(|line| [line.measured, line.predicted]).flatten();
        let neutral = selector.as_ref().filter(|selector| words::is_ratio(selector)).map(|_| 0.0);
        let values = numbers.flat_map(|number| ends(&number)).chain(neutral);
        let (low, high) = theme::padded_span(values, 0.06, 1.0).unwrap_or((-1.0, 1.0));
        let (left, right) = rest.split_horizontally(470 * UNIT);
        let count = lines.len() as f64;
        let logarithmic = selector.as_ref().is_some_and(words::is_logarithmic);
        let x_axis = if logarithmic { Axis::log10(low, high) } else { Axis::linear(low, high) };
        let mut chart = ChartBuilder::on(&right)
            .margin_right(24 * UNIT)
            .margin_top(8 * UNIT)
            .x_label_area_size(56 * UNIT)
            .y_label_area_size(4 * UNIT)
            .build_cartesian_2d(x_axis, Axis::with_ticks(-0.5, count - 0.5, Vec::new()))?;
        let name = selector.as_ref().map_or_else(String::new, words::description);
        theme::mesh(&mut chart, Some(&name), "")?;
        if let Some(at) = neutral {
            let line = vec![(at, -0.5), (at, count - 0.5)];
            chart.draw_series([PathElement::new(line, BLACK.mix(0.5).stroke_width(theme::THIN))])?;
        }
        for (rank, line) in lines.iter().enumerate() {
            let y = count - 1.0 - rank as f64;
            if let Some(number) = &line.predicted {
                let stroke = vec![(number.value, y - 0.36), (number.value, y + 0.36)];
                chart.draw_series([PathElement::new(stroke, theme::PREDICTION.stroke_width(theme::THICK))])?;
            }
            if let Some(number) = &line.measured {
                let bar = ends(number).map(|x| (x, y)).to_vec();
                chart.draw_series([PathElement::new(bar, theme::MEASUREMENT.stroke_width(theme::MEDIUM))])?;
                chart.draw_series([Circle::new((number.value, y), theme::POINT, theme::MEASUREMENT.filled())])?;
            }
            let middle = chart.backend_coord(&(low, y)).1 - left.get_base_pixel().1;
            let mark = match line.state {
                State::Number(_) => "",
                State::Lost => " (lost)",
                State::Failed => " (failed)",
                State::Waiting => " (not done)",
            };
            let style = ("sans-serif", 16 * UNIT).into_font().color(&RGBColor(20, 20, 20));
            left.draw(&Text::new(
                format!("{}{mark}", line.label),
                (16 * UNIT as i32, middle - 10 * UNIT as i32),
                style,
            ))?;
        }
        Ok(())
    })
}
