//! Where theory and measurement disagree most.

use plotters::prelude::*;

use super::super::html::escape;
use super::super::theme::{self, Axis, DrawingError, Legend, Symbol, UNIT};
use super::agreement::{Agreement, Comparison};
use super::grid::{Grid, Selector};
use super::words::{self, plain};

/// Deviations beyond this are drawn at the border.
const FAR: f64 = 1e4;

fn selector(comparison: &Comparison<'_>) -> Selector {
    let row = comparison.measured;
    Selector { quantity: row.quantity.clone(), statistic: row.statistic, layer: row.layer }
}

pub(super) fn applies(grid: &Grid<'_>) -> bool {
    !grid.agreement.worst.is_empty()
}

pub(super) fn title(grid: &Grid<'_>) -> String {
    let Agreement { count, worst, median_largest, rare_largest, .. } = &grid.agreement;
    let Some(first) = worst.first() else { return String::new() };
    let size = errors(first.deviation.abs());
    let chance = errors(*median_largest);
    match *count {
        1 => format!("The only comparison is {size} errors off; chance makes {chance}"),
        _ if first.deviation.abs() > *rare_largest => {
            format!("The largest of {count} differences is {size} errors: chance alone makes {chance}")
        }
        _ => format!("The largest of {count} differences is {size} errors, no more than chance makes"),
    }
}

pub(super) fn caption(grid: &Grid<'_>) -> String {
    let agreement = &grid.agreement;
    let Agreement { count, stated, worst, median_largest, rare_largest, beyond, censored, fewest_trials } = agreement;
    let mut text = format!(
        "Measured minus predicted in errors: the standard error over trials and the error that theory states, added in square. Of every point the \
         number that is farthest off is taken, shown for {}, the farthest ones. {} were made. Among as many independent ones, each with \
         Student\u{2019}s distribution for its trials, the largest is {} in the median, and beyond {} once in a hundred sweeps; {} \
         beyond that here. Layers of one network share their deviations, which makes the largest smaller than that.",
        words::count(worst.len(), "point", "points"),
        words::count(*count, "comparison", "comparisons"),
        errors(*median_largest),
        errors(*rare_largest),
        match beyond {
            0 => "none is".to_owned(),
            1 => "one is".to_owned(),
            many => format!("{many} are"),
        }
    );
    if stated < count {
        text.push_str(&format!(
            " {} of the predictions state no error: they are limits of wide networks, and a finite one may differ from them by more than chance.",
            count - stated
        ));
    }
    if *censored > 0 {
        text.push_str(&format!(
            " {} left out: some of their networks were exactly zero or not finite, and what survives is no fair sample; or all networks were alike, \
             and there is no error to measure by.",
            match censored {
                1 => "One number is".to_owned(),
                many => format!("{many} numbers are"),
            }
        ));
    }
    if let Some(trials) = fewest_trials.filter(|trials| *trials < 100) {
        text.push_str(&format!(
            " Root mean squares over few networks (here {trials}) are dominated by the largest of them and their standard errors are too small \
             where gradients spread over decades."
        ));
    }
    text
}

/// A number of errors, with one decimal where it has room for one.
fn errors(size: f64) -> String {
    if size < 100.0 { format!("{size:.1}") } else { plain(size.round()) }
}

/// The quantity of a comparison, short.
fn short(comparison: &Comparison<'_>) -> String {
    words::description(&selector(comparison))
}

pub(super) fn draw(grid: &Grid<'_>) -> Result<String, DrawingError> {
    let agreement = &grid.agreement;
    let worst = &agreement.worst;
    let legend = Legend::new(vec![
        (Symbol::Point, theme::MEASUREMENT, "measured minus predicted"),
        (Symbol::Dashed, theme::REFERENCE, "largest by chance: median"),
        (Symbol::Dashed, theme::LIMIT, "once in a hundred sweeps"),
    ]);
    let row = 44;
    let height = (row * worst.len() as u32 + 90).max(160);
    theme::svg(theme::TITLE_HEIGHT + legend.height() + height, &title(grid), |area| {
        let (top, rest) = area.split_vertically(legend.height() * UNIT);
        legend.draw(&top)?;
        let shown = |deviation: f64| deviation.clamp(-FAR, FAR);
        let marks = [agreement.median_largest.min(FAR), agreement.rare_largest.min(FAR)];
        let values = worst.iter().map(|c| shown(c.deviation)).chain(marks).chain(marks.map(|m| -m)).chain([0.0]);
        let (low, high) = theme::padded_span(values, 0.06, 1.0).unwrap_or((-1.0, 1.0));
        let (left, right) = rest.split_horizontally(470 * UNIT);
        let count = worst.len() as f64;
        let y_axis = Axis::with_ticks(-0.5, count - 0.5, Vec::new());
        let mut chart = ChartBuilder::on(&right)
            .margin_right(24 * UNIT)
            .margin_top(8 * UNIT)
            .x_label_area_size(56 * UNIT)
            .y_label_area_size(4 * UNIT)
            .build_cartesian_2d(Axis::linear(low, high), y_axis)?;
        theme::mesh(&mut chart, Some("measured \u{2212} predicted, in errors"), "")?;
        let zero = vec![(0.0, -0.5), (0.0, count - 0.5)];
        chart.draw_series([PathElement::new(zero, BLACK.mix(0.5).stroke_width(theme::THIN))])?;
        for (mark, colour) in marks.into_iter().zip([theme::REFERENCE, theme::LIMIT]) {
            theme::dashed_vertical(&mut chart, mark, -0.5, count - 0.5, colour)?;
            theme::dashed_vertical(&mut chart, -mark, -0.5, count - 0.5, colour)?;
        }
        for (rank, comparison) in worst.iter().enumerate() {
            let y = count - 1.0 - rank as f64;
            let at = shown(comparison.deviation);
            let stem = vec![(0.0, y), (at, y)];
            chart.draw_series([PathElement::new(stem, theme::MEASUREMENT.mix(0.5).stroke_width(theme::MEDIUM))])?;
            chart.draw_series([Circle::new((at, y), theme::POINT, theme::MEASUREMENT.filled())])?;
            let middle = chart.backend_coord(&(0.0, y)).1 - left.get_base_pixel().1;
            let lines = [grid.coordinates(comparison.point), short(comparison)];
            let (size, unit) = (16 * UNIT, UNIT as i32);
            for (k, line) in lines.into_iter().enumerate() {
                let grey = if k == 0 { RGBColor(20, 20, 20) } else { RGBColor(100, 100, 100) };
                let most = 52;
                let line = if line.chars().count() > most {
                    line.chars().take(most - 1).chain(['\u{2026}']).collect()
                } else {
                    line
                };
                let style = ("sans-serif", size).into_font().color(&grey);
                let y = middle - 18 * unit + 19 * unit * k as i32;
                left.draw(&Text::new(line, (16 * unit, y), style))?;
            }
        }
        Ok(())
    })
}

/// The same as a table with the numbers.
pub(super) fn table(grid: &Grid<'_>) -> String {
    let mut text = String::from(
        "<div class=\"scroll\"><table>\n<thead><tr><th>point</th><th>quantity</th><th>measured</th><th>predicted</th>\
         <th>error</th><th>difference in errors</th><th>trials</th></tr></thead>\n<tbody>\n",
    );
    for comparison in &grid.agreement.worst {
        let Comparison { point, measured, predicted, error, deviation } = comparison;
        let cells = [
            format!("{} (point {})", grid.coordinates(point), point.index),
            format!("{}, {}", short(comparison), if measured.unit() == "log10" { "log10" } else { "value" }),
            measured.value.map_or_else(String::new, |value| digits(value, *error)),
            digits(*predicted, *error),
            plain(*error),
            format!("{deviation:+.1}").replace('-', "\u{2212}"),
            measured.trials.map_or_else(|| "\u{2013}".to_owned(), |trials| trials.to_string()),
        ];
        text.push_str("<tr>");
        for cell in cells {
            text.push_str(&format!("<td>{}</td>", escape(&cell)));
        }
        text.push_str("</tr>\n");
    }
    text + "</tbody>\n</table></div>\n"
}

/// As many decimals as an error of this size leaves room for.
fn digits(value: f64, error: f64) -> String {
    let decimals = (1.0 - error.log10().floor()).clamp(0.0, 12.0) as usize;
    format!("{value:.decimals$}").replace('-', "\u{2212}")
}
