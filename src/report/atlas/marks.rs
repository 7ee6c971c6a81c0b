//! Marks that the figures of the atlas share.

use plotters::prelude::*;

use super::super::theme::{self, Area, Chart, DrawingError, UNIT};
use crate::stats::{Density, Estimate};

/// A solid line, as far as it is inside the axes.
pub(super) fn line(
    chart: &mut Chart<'_, '_>,
    points: impl IntoIterator<Item = (f64, f64)>,
    colour: RGBColor,
    width: u32,
) -> Result<(), DrawingError> {
    let points: Vec<(f64, f64)> = points.into_iter().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
    if points.len() > 1 {
        chart.draw_series([PathElement::new(points, colour.stroke_width(width))])?;
    }
    Ok(())
}

/// Points with bars of three standard errors.
pub(super) fn estimates(
    chart: &mut Chart<'_, '_>,
    points: impl IntoIterator<Item = (f64, Estimate)>,
    radius: i32,
) -> Result<(), DrawingError> {
    for (x, Estimate { value, standard_error }) in points {
        let half = 3.0 * standard_error;
        if half.is_finite() {
            let bar = vec![(x, value - half), (x, value + half)];
            chart.draw_series([PathElement::new(bar, theme::MEASUREMENT.stroke_width(theme::MEDIUM))])?;
        }
        chart.draw_series([Circle::new((x, value), radius, theme::MEASUREMENT.filled())])?;
    }
    Ok(())
}

/// A histogram as filled cells, cut off at `high`.
pub(super) fn histogram(chart: &mut Chart<'_, '_>, density: &Density, high: f64) -> Result<(), DrawingError> {
    let width = (density.high - density.low) / density.values.len() as f64;
    let cells = density.values.iter().enumerate().filter(|(_, value)| **value > 0.0).map(|(k, value)| {
        let left = density.low + width * k as f64;
        Rectangle::new([(left, 0.0), (left + width, value.min(high))], theme::MEASUREMENT.mix(0.45).filled())
    });
    chart.draw_series(cells)?;
    Ok(())
}

/// Words in the upper left corner of a panel.
pub(super) fn corner(area: &Area<'_>, words: &str, left: i32) -> Result<(), DrawingError> {
    let style = ("sans-serif", theme::TEXT, FontStyle::Bold).into_font().color(&RGBColor(40, 40, 40));
    area.draw(&Text::new(words.to_owned(), (left * UNIT as i32, 0), style))?;
    Ok(())
}
