//! A zoo: names against names, a coloured number a cell.

use plotters::prelude::*;

use super::super::html::escape;
use super::super::theme::{self, DrawingError, Legend, UNIT};
use super::cells;
use super::curves::selected;
use super::grid::{Grid, Selector, State, short_label};
use super::heat_map::{bar_words, fates, scale};
use super::words;
use crate::sweep::Side;

/// Rows and columns that are drawn at most.
const MOST_ROWS: usize = 24;
const MOST_COLUMNS: usize = 24;

/// Rows by columns, the columns in groups.
struct Zoo<'g, 'a> {
    grid: &'g Grid<'a>,
    side: Side,
    selector: Selector,
    rows: usize,
    groups: usize,
    /// Within the groups.
    columns: Option<(usize, Vec<usize>)>,
    slice: Vec<usize>,
}

impl<'g, 'a> Zoo<'g, 'a> {
    fn of(grid: &'g Grid<'a>) -> Option<Self> {
        if grid.sampled {
            return None;
        }
        let (side, selector) = grid.subject()?;
        let names: Vec<usize> = (0..grid.dimensions.len())
            .filter(|d| grid.dimensions[*d].positions.is_none() && grid.dimensions[*d].values.len() > 1)
            .collect();
        // The first two; those of most rows stand upwards.
        let (&a, &b) = (names.first()?, names.get(1)?);
        let length = |d: usize| grid.dimensions[d].values.len();
        let (rows, groups) = if length(a) >= length(b) { (a, b) } else { (b, a) };
        let third = grid.numeric(2).next();
        let room = (MOST_COLUMNS / length(groups)).max(1);
        let columns = third.filter(|_| room > 1).map(|d| (d, selected(length(d), room.min(6))));
        let free: Vec<usize> = columns.iter().map(|(d, _)| *d).chain([rows, groups]).collect();
        Some(Self { grid, side, selector, rows, groups, columns, slice: grid.slice(&free) })
    }

    fn free(&self) -> Vec<usize> {
        self.columns.iter().map(|(d, _)| *d).chain([self.rows, self.groups]).collect()
    }

    fn row_values(&self) -> usize {
        self.grid.dimensions[self.rows].values.len().min(MOST_ROWS)
    }

    /// Group and value within it, of each column.
    fn column_values(&self) -> Vec<(usize, Option<usize>)> {
        let groups = self.grid.dimensions[self.groups].values.len().min(MOST_COLUMNS);
        let within: Vec<Option<usize>> =
            self.columns.as_ref().map_or_else(|| vec![None], |(_, values)| values.iter().copied().map(Some).collect());
        (0..groups).flat_map(|group| within.iter().map(move |value| (group, *value))).collect()
    }

    fn state(&self, row: usize, (group, value): (usize, Option<usize>)) -> State {
        let mut at = self.slice.clone();
        at[self.rows] = row;
        at[self.groups] = group;
        if let (Some((d, _)), Some(value)) = (&self.columns, value) {
            at[*d] = value;
        }
        self.grid.state(&at, self.side, &self.selector)
    }

    fn states(&self) -> Vec<State> {
        let columns = self.column_values();
        (0..self.row_values())
            .flat_map(|row| columns.iter().map(move |c| (row, *c)))
            .map(|(r, c)| self.state(r, c))
            .collect()
    }

    fn cell(&self, state: State) -> String {
        match state {
            State::Number(value) if words::is_logarithmic(&self.selector) => {
                // Two digits: cells are narrow.
                let decimals = (1.0 - value.floor()).clamp(0.0, 3.0) as usize;
                if value.abs() < 2.0 {
                    format!("{:.decimals$}", 10f64.powf(value))
                } else {
                    theme::power_of_ten(value.round() as i64)
                }
            }
            State::Number(value) => words::value(&self.selector, value),
            State::Lost => "0, \u{221e}".to_owned(),
            State::Failed | State::Waiting => String::new(),
        }
    }
}

pub(super) fn applies(grid: &Grid<'_>) -> bool {
    Zoo::of(grid).is_some()
}

pub(super) fn title(grid: &Grid<'_>) -> String {
    let Some(zoo) = Zoo::of(grid) else { return String::new() };
    let (rows, groups) = (&grid.dimensions[zoo.rows].name, &grid.dimensions[zoo.groups].name);
    if !words::is_ratio(&zoo.selector) {
        return format!("{} by {rows} and {groups}", super::heat_map::capital(&words::description(&zoo.selector)));
    }
    let columns = zoo.column_values();
    let pairs = (0..zoo.row_values())
        .flat_map(|row| (0..grid.dimensions[zoo.groups].values.len()).map(move |group| (row, group)));
    let (mut held, mut all) = (0, 0);
    for (row, group) in pairs {
        let states: Vec<State> = columns.iter().filter(|c| c.0 == group).map(|c| zoo.state(row, *c)).collect();
        let values: Vec<f64> =
            states.iter().filter_map(|s| if let State::Number(v) = s { Some(*v) } else { None }).collect();
        if values.is_empty() && states.iter().all(|s| matches!(s, State::Waiting | State::Failed)) {
            continue;
        }
        all += 1;
        held += usize::from(fates(values.iter().copied())[1] == states.len());
    }
    let depths =
        zoo.columns.as_ref().map_or_else(String::new, |(d, _)| format!(" at every {}", grid.dimensions[*d].name));
    format!("{held} of {all} combinations keep the gradient within 10 times{depths}")
}

pub(super) fn caption(grid: &Grid<'_>) -> String {
    let Some(zoo) = Zoo::of(grid) else { return String::new() };
    let [rows, groups] = [zoo.rows, zoo.groups].map(|d| &grid.dimensions[d]);
    let mut text = format!(
        "Cells: {}, {}. Rows: {} ({}); columns: {} ({})",
        words::description(&zoo.selector),
        if zoo.side == Side::Predicted { "predicted" } else { "measured" },
        rows.name,
        rows.key,
        groups.name,
        groups.key
    );
    if let Some((d, values)) = &zoo.columns {
        text.push_str(&format!(", and within them {}", grid.dimensions[*d].name));
        if values.len() < grid.dimensions[*d].values.len() {
            text.push_str(&format!(" ({} of {} values)", values.len(), grid.dimensions[*d].values.len()));
        }
    }
    text.push('.');
    if words::is_ratio(&zoo.selector) {
        text.push_str(" Blue: the first layer gets less gradient than the last one; red: more; a pale row is an initialisation that suits its activation at any depth.");
    }
    text + &words::held(&grid.fixed(&zoo.slice, &zoo.free())) + &words::progress_note(grid)
}

pub(super) fn draw(grid: &Grid<'_>) -> Result<String, DrawingError> {
    let Some(zoo) = Zoo::of(grid) else { return Ok(String::new()) };
    let (columns, rows, states) = (zoo.column_values(), zoo.row_values(), zoo.states());
    let values: Vec<f64> =
        states.iter().filter_map(|s| if let State::Number(v) = s { Some(*v) } else { None }).collect();
    let scale = scale(&zoo.selector, &values);
    let legend = Legend::new(cells::legend(&states));
    let unit = UNIT as i32;
    let (row_height, head) = (40, if zoo.columns.is_some() { 72 } else { 44 });
    let plot_height = (rows as u32 * row_height + head + 24).max(300);
    theme::svg(theme::TITLE_HEIGHT + legend.height() + plot_height, &title(grid), |area| {
        let (top, rest) = area.split_vertically((legend.height().max(1)) * UNIT);
        legend.draw(&top)?;
        let (plot, bar) = rest.split_horizontally(790 * UNIT);
        let labels: Vec<String> = grid.dimensions[zoo.rows].values.iter().take(rows).map(short_label).collect();
        let (size, small) = (16 * UNIT, 15 * UNIT);
        let left = 22 * unit + labels.iter().map(|label| theme::text_width(label, size)).max().unwrap_or(0);
        let right = 780 * unit;
        let groups = columns.last().map_or(1, |c| c.0 + 1) as i32;
        let gap = 6 * unit;
        let per_group = (columns.len() as i32 / groups).max(1);
        let width = (right - left - gap * groups) / columns.len().max(1) as i32;
        let x = |k: usize| left + k as i32 * width + gap * (k as i32 / per_group);
        let dark = RGBColor(40, 40, 40);
        let centred = |text: &str, middle: i32, y: i32, size: u32, colour: RGBColor, style: FontStyle| {
            let place = (middle - theme::text_width(text, size) / 2, y);
            plot.draw(&Text::new(text.to_owned(), place, ("sans-serif", size, style).into_font().color(&colour)))
        };
        for (k, (group, value)) in columns.iter().enumerate() {
            let middle = x(k) + width / 2;
            if k as i32 % per_group == 0 {
                let label = short_label(&grid.dimensions[zoo.groups].values[*group]);
                let middle = (x(k) + x(k + per_group as usize - 1) + width) / 2;
                centred(&label, middle, 12 * unit, size, dark, FontStyle::Bold)?;
            }
            if let (Some((d, _)), Some(value)) = (&zoo.columns, value) {
                let label = short_label(&grid.dimensions[*d].values[*value]);
                centred(&label, middle, 42 * unit, small, dark, FontStyle::Normal)?;
            }
        }
        if let Some((d, _)) = &zoo.columns {
            plot.draw(&Text::new(grid.dimensions[*d].name.clone(), (14 * unit, 42 * unit), theme::font(small)))?;
        }
        // One size for all; text that does not fit tells less than the colour.
        let widest = |size: u32| states.iter().map(|s| theme::text_width(&zoo.cell(*s), size)).max().unwrap_or(0);
        let fitting = [15, 14, 13, 12].map(|px| px * UNIT).into_iter().find(|size| widest(*size) <= width);
        for (row, label) in labels.iter().enumerate().take(rows) {
            let y = (head as i32 + row as i32 * row_height as i32) * unit;
            let bottom = y + (row_height as i32 - 3) * unit;
            plot.draw(&Text::new(label.clone(), (14 * unit, y + 10 * unit), theme::font(size)))?;
            for (k, column) in columns.iter().enumerate() {
                let state = zoo.state(row, *column);
                let corners = [(x(k), y), (x(k) + width - 2 * unit, bottom)];
                let text = zoo.cell(state);
                let ink = match state {
                    State::Number(value) => {
                        plot.draw(&Rectangle::new(corners, scale.colour(value).filled()))?;
                        scale.ink(value)
                    }
                    State::Lost => {
                        plot.draw(&Rectangle::new(corners, cells::LOST.filled()))?;
                        dark
                    }
                    State::Failed => {
                        plot.draw(&Rectangle::new(corners, cells::FAILED.filled()))?;
                        for (from, to) in [(y + 4 * unit, bottom - 4 * unit), (bottom - 4 * unit, y + 4 * unit)] {
                            let stroke = vec![(x(k) + 4 * unit, from), (corners[1].0 - 4 * unit, to)];
                            plot.draw(&PathElement::new(stroke, WHITE.stroke_width(theme::MEDIUM)))?;
                        }
                        dark
                    }
                    State::Waiting => {
                        let (w, h) = (corners[1].0 - corners[0].0, bottom - y);
                        for (a, b) in [((0, h / 2), (w / 2, 0)), ((0, h), (w, 0)), ((w / 2, h), (w, h / 2))] {
                            let stroke = vec![(x(k) + a.0, y + a.1), (x(k) + b.0, y + b.1)];
                            plot.draw(&PathElement::new(stroke, cells::WAITING.stroke_width(theme::MEDIUM)))?;
                        }
                        dark
                    }
                };
                if let Some(size) = fitting {
                    let middle = (corners[0].0 + corners[1].0) / 2;
                    centred(&text, middle, (y + bottom - size as i32) / 2, size, ink, FontStyle::Normal)?;
                }
            }
        }
        let words = bar_words(&zoo.selector);
        scale.draw(&bar, &words.iter().map(String::as_str).collect::<Vec<_>>())
    })
}

/// The same as a table; empty where there is none.
pub(super) fn table(grid: &Grid<'_>) -> String {
    let Some(zoo) = Zoo::of(grid) else { return String::new() };
    let columns = zoo.column_values();
    let mut text =
        format!("<div class=\"scroll\"><table>\n<thead><tr><th>{}</th>", escape(&grid.dimensions[zoo.rows].name));
    for (group, value) in &columns {
        let mut head = short_label(&grid.dimensions[zoo.groups].values[*group]);
        if let (Some((d, _)), Some(value)) = (&zoo.columns, value) {
            head.push_str(&format!(", {}", grid.coordinate(*d, *value)));
        }
        text.push_str(&format!("<th>{}</th>", escape(&head)));
    }
    text.push_str("</tr></thead>\n<tbody>\n");
    for row in 0..zoo.row_values() {
        text.push_str(&format!("<tr><td>{}</td>", escape(&short_label(&grid.dimensions[zoo.rows].values[row]))));
        for column in &columns {
            let state = zoo.state(row, *column);
            let cell = match state {
                State::Failed => "failed".to_owned(),
                State::Waiting => "\u{2013}".to_owned(),
                State::Lost => "zero or not finite".to_owned(),
                State::Number(_) => zoo.cell(state),
            };
            text.push_str(&format!("<td>{}</td>", escape(&cell)));
        }
        text.push_str("</tr>\n");
    }
    text + "</tbody>\n</table></div>\n"
}
