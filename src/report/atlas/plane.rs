//! Eigenvalues in the plane beside singular values.

use plotters::prelude::*;

use super::super::theme::{self, Area, Axis, DrawingError, Legend, Symbol, UNIT};
use super::super::words::significant;
use super::marks;
use crate::study::{EigenvalueCases, PlanePanel};

pub(in super::super) fn title(cases: &EigenvalueCases) -> String {
    let ratio = |panel: &PlanePanel| panel.norm() / panel.radius();
    match &cases.plane.panels[..] {
        [one, product, ..] => format!(
            "One matrix stretches {} times as much as its eigenvalues say, {} factors {} times",
            significant(ratio(one)),
            product.factors,
            significant(ratio(product))
        ),
        _ => "Eigenvalues and singular values".to_owned(),
    }
}

pub(in super::super) fn caption(cases: &EigenvalueCases) -> String {
    format!(
        "Gaussian matrices of {n} x {n} with entries of variance 1/{n} (seed {}). Left: eigenvalues in the complex plane; circle: radius 1, where the circular law ends. \
         Right: singular values and moduli of eigenvalues in descending order, with their laws as lines (Marchenko-Pastur and Fuss-Catalan; \
         |\u{3bb}|^(2/L) uniform). The eigenvalues of one matrix end at 1, its singular values at 2; those of a product of {} at 1 and {}. A vector is \
         stretched by singular values: eigenvalues do not tell the first steps of a power, nor those of the factors the stretch of a product of different \
         ones.",
        cases.seed,
        cases.plane.panels.last().map_or(1, |panel| panel.factors),
        significant(cases.plane.panels.last().map_or(2.0, |panel| panel.edge)),
        n = cases.plane.width,
    )
}

pub(in super::super) fn draw(cases: &EigenvalueCases) -> Result<String, DrawingError> {
    let legend = Legend::new(vec![
        (Symbol::Point, theme::MEASUREMENT, "singular values"),
        (Symbol::Point, theme::LIMIT, "eigenvalues"),
        (Symbol::Line, theme::PREDICTION, "their laws, infinite size"),
    ]);
    let panels = &cases.plane.panels;
    theme::svg(theme::TITLE_HEIGHT + legend.height() + 440 * panels.len() as u32, &title(cases), |area| {
        let (top, plots) = area.split_vertically(legend.height() * UNIT);
        legend.draw(&top)?;
        for (row, panel) in plots.split_evenly((panels.len(), 1)).iter().zip(panels) {
            let (left, right) = row.split_horizontally(440 * UNIT);
            plane(&left, panel)?;
            sorted(&right, panel)?;
        }
        Ok(())
    })
}

fn name(panel: &PlanePanel) -> String {
    if panel.factors == 1 { "one matrix".to_owned() } else { format!("product of {} matrices", panel.factors) }
}

fn plane(area: &Area<'_>, panel: &PlanePanel) -> Result<(), DrawingError> {
    let (_, area) = area.split_vertically(14 * UNIT);
    let (head, plot) = area.split_vertically(24 * UNIT);
    marks::corner(&head, &name(panel), 104)?;
    // 98 px beside and 64 px below the axes are taken by labels: equal units on both.
    let (width, height) = plot.dim_in_pixel();
    let (across, up) = (width as f64 - f64::from(122 * UNIT), height as f64 - f64::from(64 * UNIT));
    let reach = 1.12 * panel.radius().max(1.0);
    let (x, y) = if across > up { (reach * across / up, reach) } else { (reach, reach * up / across) };
    let mut chart = theme::chart(&plot, Axis::linear(-x, x), Axis::linear(-y, y), true)?;
    theme::mesh(&mut chart, Some("real part"), "imaginary part")?;
    let circle = (0..=240).map(|k| {
        let angle = std::f64::consts::TAU * f64::from(k) / 240.0;
        (angle.cos(), angle.sin())
    });
    marks::line(&mut chart, circle, theme::PREDICTION, theme::MEDIUM)?;
    let points =
        panel.eigenvalues.iter().map(|&[re, im]| Circle::new((re, im), theme::POINT / 2, theme::LIMIT.filled()));
    chart.draw_series(points)?;
    Ok(())
}

fn sorted(area: &Area<'_>, panel: &PlanePanel) -> Result<(), DrawingError> {
    let (_, plot) = area.split_vertically(38 * UNIT);
    let size = panel.singular_values.len();
    let log = |value: &f64| value.log10();
    // Below the smallest eigenvalue that matters the laws go on to zero.
    let shown = panel.moduli().iter().chain(&panel.singular_values).map(log).fold(f64::INFINITY, f64::min);
    let top = panel.edge.max(panel.norm()).log10();
    let (low, high) = (shown.max(-6.0) - 0.1, top + 0.1);
    let mut chart = theme::chart(&plot, Axis::few(1, size), Axis::log10(low, high), true)?;
    theme::mesh(&mut chart, Some("index i, from the largest"), "singular values, |\u{3bb}|")?;
    let indexed = |values: &[f64]| -> Vec<(f64, f64)> {
        values.iter().enumerate().map(|(i, value)| ((i + 1) as f64, value.log10())).filter(|p| p.1 >= low).collect()
    };
    for law in [&panel.singular_value_law, &panel.modulus_law] {
        marks::line(&mut chart, indexed(law), theme::PREDICTION, theme::MEDIUM)?;
    }
    for (values, colour) in [(panel.moduli(), theme::LIMIT), (panel.singular_values.clone(), theme::MEASUREMENT)] {
        // One in a few: a dense row of points would hide the line.
        let step = size.div_ceil(50);
        let shown = indexed(&values).into_iter().enumerate().filter(|(k, _)| k % step == 0 || *k + step > size);
        chart.draw_series(shown.map(|(_, at)| Circle::new(at, theme::POINT / 2, colour.filled())))?;
    }
    Ok(())
}
