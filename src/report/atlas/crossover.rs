//! From the free to the frozen spectrum.

use super::super::theme::{self, Area, Axis, DrawingError, Legend, Symbol, UNIT};
use super::marks;
use crate::study::{Atlas, Crossover, CrossoverCurve};

pub(super) fn title(_: &Atlas) -> String {
    "The largest singular value grows while L is small against n, then falls".to_owned()
}

pub(super) fn caption(atlas: &Atlas) -> String {
    let Crossover { width, trials, .. } = atlas.crossover;
    format!(
        "Mean of ln s_1, the largest singular value of a product of L Gaussian matrices of {width} x {width}, over {trials} products (seed {}), with three standard errors. Blue: \
         two limits: wide matrices at fixed depth (the Fuss-Catalan edge, rising) and deep products at fixed width (L mu_1 with Newman\u{2019}s exponent and its offset, falling). \
         Where L is about n (grey vertical) neither holds, and no formula is used: these points are simulation. Dashed: the mean of ln |Jv| of a \
         fixed direction v, exact at every depth. Left: the beginning; right: on to sixteen times the width, where the second limit has taken over.",
        atlas.seed
    )
}

/// Depths of the left panel, in units of the width.
const BEGINNING: usize = 4;

pub(super) fn draw(atlas: &Atlas) -> Result<String, DrawingError> {
    let c = &atlas.crossover;
    let legend = Legend::new(vec![
        (Symbol::Point, theme::MEASUREMENT, "measured"),
        (Symbol::Line, theme::PREDICTION, "limits: n \u{226b} L, L \u{226b} n"),
        (Symbol::Dashed, theme::SHADE, "a fixed direction, exact"),
    ]);
    theme::svg(theme::TITLE_HEIGHT + legend.height() + 420, &title(atlas), |area| {
        let (top, plots) = area.split_vertically(legend.height() * UNIT);
        legend.draw(&top)?;
        let (left, right) = plots.split_horizontally(480 * UNIT);
        panel(&left, c, BEGINNING * c.width)?;
        panel(&right, c, usize::MAX)
    })
}

/// The products of at most `deepest` factors.
fn panel(area: &Area<'_>, c: &Crossover, deepest: usize) -> Result<(), DrawingError> {
    let points = || c.points.iter().filter(|p| p.depth <= deepest);
    let curves = || c.curves.iter().filter(|p| p.depth <= deepest);
    let reach = points().flat_map(|p| {
        let half = 3.0 * p.ln_largest.standard_error;
        [p.ln_largest.value - half, p.ln_largest.value + half]
    });
    let (low, high) =
        theme::padded_span(reach.chain(curves().map(|p| p.fixed_direction)), 0.15, 0.5).unwrap_or((-1.0, 1.0));
    let last = points().next_back().map_or(2, |p| p.depth).max(2);
    let mut chart = theme::chart(area, Axis::few(1, last), Axis::linear(low, high), true)?;
    theme::mesh(&mut chart, Some("depth L"), "ln s_1")?;
    if c.width <= last {
        marks::line(&mut chart, [(c.width as f64, low), (c.width as f64, high)], theme::SHADE, theme::THIN)?;
    }
    let inside = |p: &(f64, f64)| (low..=high).contains(&p.1);
    for limit in [|p: &CrossoverCurve| p.free, |p: &CrossoverCurve| p.frozen] {
        let line = curves().map(|p| (p.depth as f64, limit(p))).filter(inside);
        marks::line(&mut chart, line, theme::PREDICTION, theme::THICK)?;
    }
    let fixed: Vec<(f64, f64)> = curves().map(|p| (p.depth as f64, p.fixed_direction)).filter(inside).collect();
    theme::dashed(&mut chart, &fixed, theme::SHADE)?;
    marks::estimates(&mut chart, points().map(|p| (p.depth as f64, p.ln_largest)), theme::POINT)
}
