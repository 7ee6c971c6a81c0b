//! What one activation does to a signal and its gradient.

use plotters::prelude::*;

use super::FigureError;
use super::activation::pieces;
use super::theme::{self, Axis, DrawingError, Legend, Symbol};
use super::words::significant;
use crate::study::GainSheet;

/// The SVG of an activation: phi, phi' and phi'', and the gains of variance and gradient against the variance.
///
/// # Errors
///
/// [`FigureError`] if the drawing library fails.
pub fn gain_figure(sheet: &GainSheet) -> Result<String, FigureError> {
    draw(sheet).map_err(|source| FigureError { figure: "activation", source })
}

const SECOND: RGBColor = RGBColor(204, 121, 167);

fn title(sheet: &GainSheet) -> String {
    let (name, gains) = (&sheet.sheet.name, &sheet.gains);
    let (least, most) = gains.iter().fold((f64::INFINITY, 0.0_f64), |(l, m), g| (l.min(g.2), m.max(g.2)));
    if most - least <= 1e-9 * most {
        return format!("{name} passes {} of a mean-square gradient at every variance", significant(most));
    }
    let number = |value: f64| {
        if (1e-3..1e4).contains(&value) { significant(value) } else { format!("{value:.1e}") }
    };
    format!("{name} passes {} to {} of a mean-square gradient, as the variance has it", number(least), number(most))
}

fn draw(sheet: &GainSheet) -> Result<String, DrawingError> {
    let legend = Legend::new(vec![
        (Symbol::Line, theme::REFERENCE, "\u{3c6}"),
        (Symbol::Line, theme::LIMIT, "\u{3c6}\u{2032}"),
        (Symbol::Line, SECOND, "\u{3c6}\u{2033}"),
        (Symbol::Box, RGBColor(222, 222, 222), "|\u{3c6}\u{2032}| below 5 % of its largest"),
        (Symbol::Line, theme::PREDICTION, "E \u{3c6}\u{2032}\u{b2}, of a gradient"),
        (Symbol::Line, theme::MEASUREMENT, "E \u{3c6}\u{b2} / q, of a variance"),
    ]);
    theme::svg(theme::TITLE_HEIGHT + legend.height() + 440, &title(sheet), |area| {
        let (top, plots) = area.split_vertically(legend.height() * theme::UNIT);
        legend.draw(&top)?;
        let (left, right) = plots.split_horizontally(480 * theme::UNIT);
        let grid = &sheet.sheet;
        let all = grid.value.iter().chain(&grid.derivative).chain(&sheet.second_derivative).copied();
        // What grows without bound would flatten the rest.
        let reach = 4.0 * grid.derivative_sup.unwrap_or(1.0).max(1.0);
        let (low, high) = theme::padded_span(all.filter(|y| y.abs() <= reach), 0.05, 0.2).unwrap_or((-1.0, 1.0));
        let (from, to) = (grid.x[0], grid.x[grid.x.len() - 1]);
        let mut chart = theme::chart(&left, Axis::linear(from, to), Axis::linear(low, high), true)?;
        chart.draw_series(
            sheet
                .flat
                .iter()
                .map(|&(from, to)| Rectangle::new([(from, low), (to, high)], theme::SHADE.mix(0.22).filled())),
        )?;
        theme::mesh(&mut chart, Some("pre-activation h"), "\u{3c6}(h) and its derivatives")?;
        for (values, colour) in
            [(&sheet.second_derivative, SECOND), (&grid.value, theme::REFERENCE), (&grid.derivative, theme::LIMIT)]
        {
            for piece in pieces(&grid.x, values, low, high, 0.08 * (high - low)) {
                chart.draw_series([PathElement::new(piece, colour.stroke_width(theme::THICK))])?;
            }
        }
        let log = |value: f64| value.log10();
        // Decades below which a gain is nothing.
        let gains = || sheet.gains.iter().flat_map(|g| [log(g.1), log(g.2)]).filter(|y| *y > -6.0);
        let (low, high) = theme::padded_span(gains(), 0.06, 0.5).unwrap_or((-1.0, 1.0));
        let mut chart = theme::chart(&right, Axis::log10(-3.0, 3.0), Axis::log10(low, high), true)?;
        theme::mesh(&mut chart, Some("variance q of the pre-activations"), "what a layer keeps at \u{3c3}_w = 1")?;
        for (pick, colour) in [(0, theme::MEASUREMENT), (1, theme::PREDICTION)] {
            let of = |g: &(f64, f64, f64)| if pick == 0 { log(g.1) } else { log(g.2) };
            let line: Vec<(f64, f64)> =
                sheet.gains.iter().map(|g| (g.0, of(g))).filter(|p| (low..=high).contains(&p.1)).collect();
            if line.len() > 1 {
                chart.draw_series([PathElement::new(line, colour.stroke_width(theme::THICK))])?;
            }
        }
        Ok(())
    })
}
