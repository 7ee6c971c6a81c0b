//! How far networks spread: the variance of the log gradient norm against depth over width.

use plotters::prelude::*;

use super::super::theme::{self, Axis, DrawingError, Legend, Symbol, UNIT};
use super::curves::SERIES;
use super::grid::{Grid, Place, Selector, number, short_label};
use super::words::{self, plain};
use crate::sweep::{Side, Statistic};

/// One place.
#[derive(Debug, Clone, Copy)]
struct Spread {
    /// Depth over width.
    ratio: f64,
    /// Which colour.
    series: usize,
    measured: Option<f64>,
    error: Option<f64>,
    predicted: Option<f64>,
}

/// Variance between networks of the natural logarithm of the first layer's norm.
fn variance() -> Selector {
    Selector { quantity: "log_gradient_variance".to_owned(), statistic: Statistic::Value, layer: None }
}

fn dimension(grid: &Grid<'_>, key: &str) -> Option<(usize, usize)> {
    grid.dimensions.iter().enumerate().find_map(|(d, dimension)| {
        let own = |axis: &usize| {
            let name = &grid.results.axes[*axis].key;
            name == key || name.rsplit('.').next() == Some(key)
        };
        dimension.axes.iter().copied().find(own).map(|axis| (d, axis))
    })
}

/// The dimension of the colours: the first that is neither depth nor width, or else the width.
fn coloured(grid: &Grid<'_>) -> Option<usize> {
    let (depth, width) = (dimension(grid, "depth").map(|d| d.0), dimension(grid, "width").map(|d| d.0));
    let used: Vec<usize> = depth.into_iter().chain(width).collect();
    let short = |d: &usize| grid.dimensions[*d].values.len() <= SERIES.len();
    grid.others(&used).into_iter().find(short).or(width.filter(short))
}

fn spreads(grid: &Grid<'_>) -> Vec<Spread> {
    let Some((_, width)) = dimension(grid, "width") else { return Vec::new() };
    let depth_axis = dimension(grid, "depth").map(|(_, axis)| axis);
    let colours = coloured(grid);
    let selector = variance();
    let spread = |at: &Vec<usize>, place: &Place<'_>| {
        let coordinate = |axis: usize| place.points.first().and_then(|point| number(point.coordinates.get(axis)?));
        let deepest = || place.rows().filter_map(|row| row.layer).max().map(|layer| layer as f64);
        let depth = depth_axis.map_or_else(deepest, coordinate)?;
        let measured = place.number(Side::Measured, &selector);
        Some(Spread {
            ratio: depth / coordinate(width)?,
            series: colours.map_or(0, |d| at[d]),
            measured: measured.map(|n| n.value),
            error: measured.and_then(|n| n.standard_error),
            predicted: place.number(Side::Predicted, &selector).map(|n| n.value),
        })
    };
    let mut spreads: Vec<Spread> = grid
        .places
        .iter()
        .filter_map(|(at, place)| spread(at, place))
        .filter(|s| s.ratio.is_finite() && s.ratio > 0.0 && (s.measured.is_some() || s.predicted.is_some()))
        .collect();
    spreads.sort_by(|a, b| {
        let key = |s: &Spread| (s.series, s.ratio, s.measured.unwrap_or(0.0));
        let (a, b) = (key(a), key(b));
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.total_cmp(&b.2))
    });
    spreads
}

pub(super) fn applies(grid: &Grid<'_>) -> bool {
    let spreads = spreads(grid);
    let both = |s: &Spread| s.measured.is_some() && s.predicted.is_some();
    spreads.iter().any(both) && spreads.iter().any(|s| s.ratio != spreads[0].ratio)
}

pub(super) fn title(grid: &Grid<'_>) -> String {
    let spreads = spreads(grid);
    let deepest = spreads.iter().filter(|s| s.measured.is_some() && s.predicted.is_some());
    let deepest = deepest.max_by(|a, b| a.ratio.total_cmp(&b.ratio));
    deepest.map_or_else(String::new, |s| {
        format!(
            "Networks spread with depth over width: variance {} at L/n = {}, predicted {}",
            plain((s.measured.unwrap_or(0.0) * 100.0).round() / 100.0),
            plain(s.ratio),
            plain((s.predicted.unwrap_or(0.0) * 100.0).round() / 100.0)
        )
    })
}

pub(super) fn caption(grid: &Grid<'_>) -> String {
    let spreads = spreads(grid);
    let within = spreads.iter().filter(|s| {
        let (Some(m), Some(p), Some(e)) = (s.measured, s.predicted, s.error) else { return false };
        (m - p).abs() <= 2.0 * e
    });
    let compared = spreads.iter().filter(|s| s.measured.is_some() && s.predicted.is_some()).count();
    format!(
        "Variance over networks of ln |dL/dW| of the first layer, against depth over width L/n. Points: measured, with the standard error that a \
         normal sample of as many networks has; lines: theory to leading order in 1/n, the mean where places share an L/n. A variance of 1 means that \
         gradients of equal networks differ by a factor of e either way, whatever the initial scale. {} of {} lie within two standard errors of their prediction.{}",
        within.count(),
        words::count(compared, "place", "places"),
        words::progress_note(grid)
    )
}

pub(super) fn draw(grid: &Grid<'_>) -> Result<String, DrawingError> {
    let spreads = spreads(grid);
    let colours = coloured(grid);
    let mut present: Vec<usize> = spreads.iter().map(|s| s.series).collect();
    present.dedup();
    let colour = |series: usize, measured: bool| match colours {
        Some(_) => SERIES[series % SERIES.len()],
        None if measured => theme::MEASUREMENT,
        None => theme::PREDICTION,
    };
    let labels: Vec<(usize, String)> = colours.map_or_else(Vec::new, |d| {
        let label = |k: usize| short_label(&grid.dimensions[d].values[k]);
        let name = &grid.dimensions[d].name;
        present
            .iter()
            .enumerate()
            .map(|(n, k)| (*k, if n == 0 { format!("{name} = {}", label(*k)) } else { label(*k) }))
            .collect()
    });
    let grey = RGBColor(70, 70, 70);
    let plain_colour = |own: RGBColor| if colours.is_some() { grey } else { own };
    let mut entries = vec![
        (Symbol::Line, plain_colour(theme::PREDICTION), "predicted"),
        (Symbol::Point, plain_colour(theme::MEASUREMENT), "measured, standard error"),
    ];
    entries.extend(labels.iter().map(|(k, label)| (Symbol::Box, colour(*k, true), label.as_str())));
    let legend = Legend::new(entries);
    theme::svg(theme::TITLE_HEIGHT + legend.height() + 500, &title(grid), |area| {
        let (top, rest) = area.split_vertically(legend.height() * UNIT);
        legend.draw(&top)?;
        let (mut low, mut high) =
            theme::padded_span(spreads.iter().map(|s| s.ratio.log10()), 0.06, 0.3).unwrap_or((0.0, 1.0));
        let logarithmic = high - low > 1.0;
        if !logarithmic {
            (low, high) = theme::padded_span(spreads.iter().map(|s| s.ratio), 0.06, 1e-6).unwrap_or((0.0, 1.0));
        }
        let place = |ratio: f64| if logarithmic { ratio.log10() } else { ratio };
        // Over decades of L/n the variance has as many: both are drawn by their logarithms then.
        let positive = spreads.iter().flat_map(|s| [s.measured, s.predicted]).flatten().all(|v| v > 0.0);
        let steep = logarithmic && positive;
        let height = |variance: f64| if steep { variance.max(1e-30).log10() } else { variance };
        let values = spreads.iter().flat_map(|s| {
            let e = s.error.unwrap_or(0.0);
            [s.measured.map(|m| m + e), s.measured.map(|m| if steep { m } else { m - e }), s.predicted]
                .into_iter()
                .flatten()
        });
        let (y_low, y_high) = theme::padded_span(values.map(height), 0.06, 0.1).unwrap_or((0.0, 1.0));
        let axis = |log: bool, low: f64, high: f64| if log { Axis::log10(low, high) } else { Axis::linear(low, high) };
        let mut chart = theme::chart(&rest, axis(logarithmic, low, high), axis(steep, y_low, y_high), true)?;
        theme::mesh(&mut chart, Some("depth over width, L/n"), "Var ln |dL/dW|, layer 1")?;
        for series in &present {
            let own: Vec<&Spread> = spreads.iter().filter(|s| s.series == *series && s.predicted.is_some()).collect();
            let line: Vec<(f64, f64)> = own
                .chunk_by(|a, b| (a.ratio / b.ratio - 1.0).abs() < 1e-9)
                .map(|same| {
                    let mean = same.iter().filter_map(|s| s.predicted).sum::<f64>() / same.len() as f64;
                    (place(same[0].ratio), height(mean))
                })
                .collect();
            chart.draw_series([PathElement::new(line, colour(*series, false).stroke_width(theme::THICK))])?;
        }
        for spread in &spreads {
            let Some(measured) = spread.measured else { continue };
            let (x, own) = (place(spread.ratio), colour(spread.series, true));
            if let Some(error) = spread.error {
                let end = |y: f64| height(y).clamp(y_low, y_high);
                let bar = vec![(x, end(measured - error)), (x, end(measured + error))];
                chart.draw_series([PathElement::new(bar, own.stroke_width(theme::MEDIUM))])?;
            }
            chart.draw_series([Circle::new((x, height(measured)), theme::POINT, own.filled())])?;
        }
        Ok(())
    })
}
