//! Lyapunov exponents and how they settle.

use super::super::theme::{self, Area, Axis, DrawingError, Legend, Symbol, UNIT};
use super::super::words::significant;
use super::marks;
use crate::study::{Atlas, Staircase};

pub(super) fn title(atlas: &Atlas) -> String {
    let Staircase { width, .. } = atlas.staircase;
    format!("Every direction has its own rate: the {width} Lyapunov exponents of {width} x {width} matrices")
}

pub(super) fn caption(atlas: &Atlas) -> String {
    let s = &atlas.staircase;
    let z =
        s.exponents.iter().zip(&s.newman).map(|(e, n)| ((e.value - n) / e.standard_error).abs()).fold(0.0, f64::max);
    format!(
        "Left: growth rates ln R_kk / L of the k-th direction in products of L = {} explicit Gaussian matrices, QR-accumulated, over {} products (seed {}); bars: three \
         standard errors. Line: Newman\u{2019}s exponents, exact at this width (farthest point: {} standard errors). Dashed: the triangular law, \
         their limit of infinite width, (1/2) ln(1 - k/n). Right: the same rates against the depth at which they are read; they settle like 1/sqrt(L), \
         straight lines are Newman\u{2019}s. All but the first few lie far below zero: deep products keep a few directions and forget the rest.",
        s.depth,
        s.trials,
        atlas.seed,
        significant(z)
    )
}

pub(super) fn draw(atlas: &Atlas) -> Result<String, DrawingError> {
    let s = &atlas.staircase;
    let legend = Legend::new(vec![
        (Symbol::Point, theme::MEASUREMENT, "measured"),
        (Symbol::Line, theme::PREDICTION, "Newman, exact at this width"),
        (Symbol::Dashed, theme::SHADE, "triangular law, infinite width"),
    ]);
    theme::svg(theme::TITLE_HEIGHT + legend.height() + 460, &title(atlas), |area| {
        let (top, plots) = area.split_vertically(legend.height() * UNIT);
        legend.draw(&top)?;
        let (left, right) = plots.split_horizontally(480 * UNIT);
        exponents_panel(&left, s)?;
        history_panel(&right, s)
    })
}

fn exponents_panel(area: &Area<'_>, s: &Staircase) -> Result<(), DrawingError> {
    let values = s.exponents.iter().map(|e| e.value).chain(s.newman.iter().copied());
    let (low, high) = theme::padded_span(values, 0.05, 0.2).unwrap_or((-1.0, 0.0));
    let mut chart = theme::chart(area, Axis::few(1, s.width), Axis::linear(low, high), true)?;
    theme::mesh(&mut chart, Some("index k, from the largest"), "exponent, nats a layer")?;
    let inside = |point: &(f64, f64)| point.1 >= low;
    let triangular: Vec<(f64, f64)> =
        s.triangular.iter().enumerate().map(|(k, mu)| ((k + 1) as f64, *mu)).filter(inside).collect();
    theme::dashed(&mut chart, &triangular, theme::SHADE)?;
    // Steps: one exponent each.
    let steps = s.newman.iter().enumerate().flat_map(|(k, mu)| [(k as f64 + 0.5, *mu), (k as f64 + 1.5, *mu)]);
    marks::line(&mut chart, steps, theme::PREDICTION, theme::MEDIUM)?;
    marks::estimates(&mut chart, s.exponents.iter().enumerate().map(|(k, e)| ((k + 1) as f64, *e)), theme::POINT / 2)
}

fn history_panel(area: &Area<'_>, s: &Staircase) -> Result<(), DrawingError> {
    let points = || s.history.iter().flat_map(|curve| &curve.points);
    let reach = points().flat_map(|(_, e)| [e.value - 3.0 * e.standard_error, e.value + 3.0 * e.standard_error]);
    let (low, high) =
        theme::padded_span(reach.chain(s.history.iter().map(|c| c.newman)), 0.05, 0.2).unwrap_or((-1.0, 0.0));
    let last = (s.depth as f64).log10();
    let mut chart = theme::chart(area, Axis::log10(-0.08, last + 0.08), Axis::linear(low, high), true)?;
    theme::mesh(&mut chart, Some("depth L at which it is read"), "ln R_kk / L")?;
    for curve in &s.history {
        marks::line(&mut chart, [(0.0, curve.newman), (last, curve.newman)], theme::PREDICTION, theme::MEDIUM)?;
        let logged = curve.points.iter().map(|(depth, e)| ((*depth as f64).log10(), *e));
        marks::estimates(&mut chart, logged, theme::POINT / 2)?;
    }
    // Beside the left ends, where the bars leave room on the line.
    let area = chart.plotting_area().strip_coord_spec();
    for curve in &s.history {
        let (x, y) = chart.backend_coord(&(last, curve.newman));
        let (x0, y0) = area.get_base_pixel();
        let words = format!("k = {}", curve.index);
        let at = (x - x0 - theme::text_width(&words, theme::TEXT), y - y0 - (theme::TEXT + 8 * UNIT) as i32);
        area.draw(&plotters::prelude::Text::new(words, at, theme::font(theme::TEXT)))?;
    }
    Ok(())
}
