//! Growth and decay that eigenvalues do not tell, and where they do.

use plotters::prelude::*;

use super::super::theme::{self, Area, Axis, DrawingError, Legend, Symbol, UNIT};
use super::super::words::significant;
use super::marks;
use crate::study::EigenvalueCases;

pub(in super::super) fn title(_: &EigenvalueCases) -> String {
    "Spectral radii decide for one matrix repeated, not for products of different ones".to_owned()
}

pub(in super::super) fn caption(cases: &EigenvalueCases) -> String {
    let EigenvalueCases { transient, tied, .. } = cases;
    format!(
        "Norms of products, log10, against the number of factors (seed {}). Upper left: powers of one matrix, sigma_w = {}, n = {}, {} matrices: mean and range; the spectral radius is {} and yet the norm first \
         grows (line: sigma_w^k times the Fuss-Catalan edge; dashed: radius^k). Upper right: two factors in turn: with no eigenvalue but 0, the product \
         grows sixteenfold every two steps; with spectral radius 2 it shrinks to a fifth every two steps. Lower left: |W^k v| for tied weights, {} matrices of n = {}, \
         and for independent ones. Lower right: after {} steps, where the spectral radius does decide: tied growth against {} ln radius (points along the \
         line: correlation {}), while independent products (hollow) follow their Lyapunov exponent whatever the radii.",
        cases.seed,
        transient.sigma_w,
        transient.width,
        transient.matrices,
        significant(transient.ln_radius.value.exp()),
        tied.tied.len(),
        tied.width,
        tied.steps(),
        tied.steps(),
        significant(tied.correlation()),
    )
}

pub(in super::super) fn draw(cases: &EigenvalueCases) -> Result<String, DrawingError> {
    let legend = Legend::new(vec![
        (Symbol::Point, theme::MEASUREMENT, "measured"),
        (Symbol::Line, theme::PREDICTION, "prediction"),
        (Symbol::Dashed, theme::LIMIT, "what eigenvalues say"),
        (Symbol::Thin, theme::MEASUREMENT, "tied weights"),
        (Symbol::Thin, theme::REFERENCE, "independent weights"),
    ]);
    theme::svg(theme::TITLE_HEIGHT + legend.height() + 760, &title(cases), |area| {
        let (top, plots) = area.split_vertically(legend.height() * UNIT);
        legend.draw(&top)?;
        let panels = plots.split_evenly((2, 2));
        transient(&panels[0], cases)?;
        alternating(&panels[1], cases)?;
        paths(&panels[2], cases)?;
        radius_decides(&panels[3], cases)
    })
}

const LN_10: f64 = std::f64::consts::LN_10;

fn transient(area: &Area<'_>, cases: &EigenvalueCases) -> Result<(), DrawingError> {
    let t = &cases.transient;
    let (_, area) = area.split_vertically(14 * UNIT);
    let (head, plot) = area.split_vertically(24 * UNIT);
    marks::corner(&head, &format!("powers of one matrix, radius {}", significant(t.ln_radius.value.exp())), 104)?;
    let last = t.powers.last().map_or(1, |p| p.power);
    let norms =
        t.powers.iter().flat_map(|p| p.range).chain(cases.transient_law.iter().map(|p| p.1)).map(|ln| ln / LN_10);
    let (low, high) = theme::padded_span(norms.chain([0.0]), 0.08, 0.5).unwrap_or((-1.0, 1.0));
    let mut chart = theme::chart(&plot, Axis::few(1, last), Axis::log10(low, high), true)?;
    theme::mesh(&mut chart, Some("power k"), "norm of W^k")?;
    marks::line(&mut chart, [(1.0, 0.0), (last as f64, 0.0)], theme::REFERENCE, theme::THIN)?;
    let eigen: Vec<(f64, f64)> =
        (1..=last).map(|k| (k as f64, k as f64 * t.ln_radius.value / LN_10)).filter(|p| p.1 >= low).collect();
    theme::dashed(&mut chart, &eigen, theme::LIMIT)?;
    let law = cases.transient_law.iter().map(|&(k, ln)| (k as f64, ln / LN_10)).filter(|p| p.1 >= low);
    marks::line(&mut chart, law, theme::PREDICTION, theme::THICK)?;
    for p in &t.powers {
        let bar = p.range.map(|ln| (p.power as f64, ln / LN_10)).to_vec();
        chart.draw_series([PathElement::new(bar, theme::MEASUREMENT.mix(0.45).stroke_width(theme::THICK))])?;
        let at = (p.power as f64, p.ln_norm.value / LN_10);
        chart.draw_series([Circle::new(at, theme::POINT / 2, theme::MEASUREMENT.filled())])?;
    }
    Ok(())
}

fn alternating(area: &Area<'_>, cases: &EigenvalueCases) -> Result<(), DrawingError> {
    let (_, area) = area.split_vertically(14 * UNIT);
    let (head, plot) = area.split_vertically(24 * UNIT);
    marks::corner(&head, "two factors in turn", 104)?;
    let values = cases.alternating.iter().flat_map(|p| &p.ln_norms).map(|ln| ln / LN_10);
    let (low, high) = theme::padded_span(values, 0.1, 1.0).unwrap_or((-1.0, 1.0));
    let count = cases.alternating.iter().map(|p| p.ln_norms.len()).max().unwrap_or(1).max(2);
    let mut chart = theme::chart(&plot, Axis::few(1, count), Axis::log10(low, high), true)?;
    theme::mesh(&mut chart, Some("factors"), "norm of the product")?;
    marks::line(&mut chart, [(1.0, 0.0), (count as f64, 0.0)], theme::REFERENCE, theme::THIN)?;
    for product in &cases.alternating {
        let points: Vec<(f64, f64)> =
            product.ln_norms.iter().enumerate().map(|(k, ln)| ((k + 1) as f64, ln / LN_10)).collect();
        chart.draw_series(points.iter().map(|at| Circle::new(*at, theme::POINT / 2, theme::MEASUREMENT.filled())))?;
        // Below the points of a falling product, above the middle of a rising one.
        let words = format!("spectral radius {} each", significant(product.radii[0]).trim_end_matches(".00"));
        let Some(&(x, y)) = points.get(points.len() / 2) else { continue };
        let (x, y) = chart.backend_coord(&(x, y));
        let frame = chart.plotting_area().strip_coord_spec();
        let (x0, y0) = frame.get_base_pixel();
        let unit = UNIT as i32;
        let rising = points.last().is_some_and(|last| last.1 > 0.0);
        let at = if rising {
            (x - x0 - theme::text_width(&words, theme::TEXT) - 12 * unit, y - y0 - 24 * unit)
        } else {
            (x - x0 - theme::text_width(&words, theme::TEXT) / 2, y - y0 + 26 * unit)
        };
        frame.draw(&Text::new(words, (at.0.max(6 * unit), at.1), theme::font(theme::TEXT)))?;
    }
    Ok(())
}

fn paths(area: &Area<'_>, cases: &EigenvalueCases) -> Result<(), DrawingError> {
    let tied = &cases.tied;
    let (_, area) = area.split_vertically(14 * UNIT);
    let (head, plot) = area.split_vertically(24 * UNIT);
    marks::corner(&head, "growth of a vector, tied and independent", 104)?;
    let all = || tied.tied.iter().chain(&tied.untied);
    let (low, high) = theme::padded_span(all().flatten().map(|ln| ln / LN_10), 0.08, 0.5).unwrap_or((-1.0, 1.0));
    let mut chart = theme::chart(&plot, Axis::few(1, tied.steps()), Axis::log10(low, high), true)?;
    theme::mesh(&mut chart, Some("steps k"), "norm of the vector")?;
    for (paths, colour) in [(&tied.tied, theme::MEASUREMENT), (&tied.untied, theme::REFERENCE)] {
        for path in paths {
            let points = path.iter().enumerate().map(|(k, ln)| ((k + 1) as f64, ln / LN_10));
            chart.draw_series([PathElement::new(
                points.collect::<Vec<_>>(),
                colour.mix(0.6).stroke_width(theme::THIN),
            )])?;
        }
    }
    Ok(())
}

fn radius_decides(area: &Area<'_>, cases: &EigenvalueCases) -> Result<(), DrawingError> {
    let tied = &cases.tied;
    let (_, area) = area.split_vertically(14 * UNIT);
    let (head, plot) = area.split_vertically(24 * UNIT);
    marks::corner(&head, "what the radius decides", 104)?;
    let steps = tied.steps() as f64;
    let said = |ln_radius: &f64| steps * ln_radius / LN_10;
    let end = |path: &Vec<f64>| path.last().copied().unwrap_or(0.0) / LN_10;
    let values = tied.ln_radii.iter().map(said).chain(tied.tied.iter().chain(&tied.untied).map(end));
    let (low, high) = theme::padded_span(values, 0.1, 0.5).unwrap_or((-1.0, 1.0));
    let mut chart = theme::chart(&plot, Axis::log10(low, high), Axis::log10(low, high), true)?;
    theme::mesh(&mut chart, Some(&format!("radius^{steps}, of the first factor")), "norm of the vector")?;
    theme::dashed(&mut chart, &[(low, low), (high, high)], theme::LIMIT)?;
    let untied = tied.untied_ln_radii.iter().map(said).zip(tied.untied.iter().map(end));
    chart
        .draw_series(untied.map(|at| Circle::new(at, theme::POINT / 2, theme::REFERENCE.stroke_width(theme::THIN))))?;
    let points = tied.ln_radii.iter().map(said).zip(tied.tied.iter().map(end));
    chart.draw_series(points.map(|at| Circle::new(at, theme::POINT / 2, theme::MEASUREMENT.filled())))?;
    Ok(())
}
