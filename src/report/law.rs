//! One law: density and distribution function.

use plotters::prelude::*;

use super::FigureError;
use super::theme::{self, Area, Axis, DrawingError, Legend, Symbol};
use crate::law::Variable;
use crate::study::LawSheet;

/// The SVG of a law: its density, per decade of a positive variable, and its distribution function, with edges and atoms.
///
/// # Errors
///
/// [`FigureError`] if the drawing library fails.
pub fn law_figure(sheet: &LawSheet) -> Result<String, FigureError> {
    draw(sheet).map_err(|source| FigureError { figure: "law", source })
}

/// The variable on an axis.
fn description(variable: Variable) -> &'static str {
    match variable {
        Variable::SquaredSingularValue => "squared singular value x",
        Variable::EigenvalueModulus => "modulus of an eigenvalue |\u{3bb}|",
        Variable::LyapunovExponent => "Lyapunov exponent \u{3bc}, nats a layer",
        Variable::LogNorm => "ln |Jv| / |v|, nats",
        Variable::ScaledLargest => "largest eigenvalue, centred and scaled",
        Variable::ScaledSmallest => "n s_min / \u{3c3}_w",
    }
}

fn draw(sheet: &LawSheet) -> Result<String, DrawingError> {
    let positive = sheet.variable.is_positive();
    let shown = |at: f64| if positive { at.log10() } else { at };
    let edges: Vec<f64> = [sheet.support.low, sheet.support.high]
        .into_iter()
        .map(shown)
        .filter(|edge| edge.is_finite() && sheet.density.iter().any(|density| *density > 0.0))
        .collect();
    let atoms: Vec<(f64, f64)> = sheet.atoms.iter().map(|atom| (shown(atom.at), atom.mass)).collect();
    let at_zero: f64 = atoms.iter().filter(|(at, _)| !at.is_finite()).map(|(_, mass)| mass).sum();
    let atom_words = format!("atom at 0: {}", super::words::significant(at_zero));
    let mut entries = vec![(Symbol::Line, theme::PREDICTION, "the law")];
    if !edges.is_empty() {
        entries.push((Symbol::Dashed, theme::LIMIT, "edge of the support"));
    }
    if atoms.iter().any(|(at, _)| at.is_finite()) {
        entries.push((Symbol::Point, theme::REFERENCE, "atoms"));
    }
    if at_zero > 0.0 {
        entries.push((Symbol::Hollow, theme::REFERENCE, &atom_words));
    }
    let legend = Legend::new(entries);
    theme::svg(theme::TITLE_HEIGHT + legend.height() + 440, &sheet.title, |area| {
        let (top, plots) = area.split_vertically(legend.height() * theme::UNIT);
        legend.draw(&top)?;
        let (left, right) = plots.split_horizontally(480 * theme::UNIT);
        let finite: Vec<(f64, f64)> = atoms.iter().copied().filter(|(at, _)| at.is_finite()).collect();
        density_panel(&left, sheet, &edges, &finite)?;
        distribution_panel(&right, sheet, &edges)
    })
}

fn axis(sheet: &LawSheet) -> Axis {
    let (first, last) = (sheet.grid[0], sheet.grid[sheet.grid.len() - 1]);
    let room = 0.04 * (last - first);
    let (low, high) = (first - room, last + room);
    if sheet.variable.is_positive() { Axis::log10(low, high) } else { Axis::linear(low, high) }
}

fn density_panel(area: &Area<'_>, sheet: &LawSheet, edges: &[f64], atoms: &[(f64, f64)]) -> Result<(), DrawingError> {
    let finite = || sheet.density.iter().copied().filter(|density| density.is_finite());
    let largest = finite().fold(0.0, f64::max);
    // Where the density diverges, what is a hundred times the typical one is cut off.
    let typical = finite().sum::<f64>() / sheet.density.len() as f64;
    let mut high = if largest > 0.0 { 1.08 * largest.min(40.0 * typical) } else { 0.0 };
    for (_, mass) in atoms {
        high = high.max(1.15 * mass);
    }
    let unit = match (largest > 0.0, sheet.variable.is_positive()) {
        (false, _) => "probability",
        (true, true) => "density, per decade",
        (true, false) => "density, per unit",
    };
    let mut chart = theme::chart(area, axis(sheet), Axis::linear(0.0, high), true)?;
    theme::mesh(&mut chart, Some(description(sheet.variable)), unit)?;
    for &edge in edges {
        theme::dashed_vertical(&mut chart, edge, 0.0, high, theme::LIMIT)?;
    }
    let line: Vec<(f64, f64)> =
        sheet.grid.iter().zip(&sheet.density).map(|(x, y)| (*x, y.min(high))).filter(|p| !p.1.is_nan()).collect();
    if largest > 0.0 {
        chart.draw_series([PathElement::new(line, theme::PREDICTION.stroke_width(theme::THICK))])?;
    }
    for &(at, mass) in atoms {
        let stem = vec![(at, 0.0), (at, mass)];
        chart.draw_series([PathElement::new(stem, theme::REFERENCE.stroke_width(theme::MEDIUM))])?;
        let radius = if atoms.len() > 60 { theme::POINT / 3 } else { theme::POINT };
        chart.draw_series([Circle::new((at, mass), radius, theme::REFERENCE.filled())])?;
    }
    Ok(())
}

fn distribution_panel(area: &Area<'_>, sheet: &LawSheet, edges: &[f64]) -> Result<(), DrawingError> {
    let mut chart = theme::chart(area, axis(sheet), Axis::linear(0.0, 1.0), true)?;
    theme::mesh(&mut chart, Some(description(sheet.variable)), "probability of at most this")?;
    for &edge in edges {
        theme::dashed_vertical(&mut chart, edge, 0.0, 1.0, theme::LIMIT)?;
    }
    let line: Vec<(f64, f64)> = sheet.grid.iter().copied().zip(sheet.distribution.iter().copied()).collect();
    chart.draw_series([PathElement::new(line, theme::PREDICTION.stroke_width(theme::THICK))])?;
    Ok(())
}
