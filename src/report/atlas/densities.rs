//! Singular values of products beside their law, and how fast they come to it.

use super::super::theme::{self, Area, Axis, DrawingError, Legend, Symbol, UNIT};
use super::super::words::significant;
use super::marks;
use crate::study::{Atlas, Densities, ProductDensity};

pub(super) fn title(atlas: &Atlas) -> String {
    let Some(last) = atlas.densities.products.last() else { return "Singular values of products".to_owned() };
    format!("The singular values of products follow the Fuss-Catalan law, to {} factors", last.factors)
}

pub(super) fn caption(atlas: &Atlas) -> String {
    let Densities { width, .. } = atlas.densities;
    let trials: Vec<String> = atlas.densities.products.iter().map(|product| product.trials.to_string()).collect();
    format!(
        "Squared singular values x of products of 1, 2, 5, 10 and 32 Gaussian matrices of {width} x {width} ({} products; seed {}), pooled, as share per \
         decade: the histogram shows measured values, the line the limit of infinite size, which has no free parameter. Dashed: its edge \
         (L+1)^(L+1)/L^L; the law begins at 0. Look for the width: the largest value grows only like e(L + 1/2) while the median falls \
         exponentially. Lower right: log10 of the mean largest value and the edge it comes to from below as matrices grow, the more slowly \
         the more factors.",
        trials.join(", "),
        atlas.seed
    )
}

pub(super) fn draw(atlas: &Atlas) -> Result<String, DrawingError> {
    let products = &atlas.densities.products;
    let legend = Legend::new(vec![
        (Symbol::Band, theme::MEASUREMENT, "measured"),
        (Symbol::Line, theme::PREDICTION, "Fuss-Catalan law"),
        (Symbol::Dashed, theme::LIMIT, "edge"),
    ]);
    let rows = (products.len() + 2) / 2;
    theme::svg(theme::TITLE_HEIGHT + legend.height() + 300 * rows as u32, &title(atlas), |area| {
        let (top, plots) = area.split_vertically(legend.height() * UNIT);
        legend.draw(&top)?;
        let panels = plots.split_evenly((rows, 2));
        for (panel, product) in panels.iter().zip(products) {
            density_panel(panel, product)?;
        }
        edges_panel(&panels[products.len()], products)
    })
}

/// Between the rows of panels, in pixels.
const GAP: u32 = 14;

fn density_panel(area: &Area<'_>, product: &ProductDensity) -> Result<(), DrawingError> {
    let (_, area) = area.split_vertically(GAP * UNIT);
    let (head, plot) = area.split_vertically(24 * UNIT);
    let factors = if product.factors == 1 { "1 factor".to_owned() } else { format!("{} factors", product.factors) };
    marks::corner(&head, &factors, 104)?;
    // Of the law's axis: the histogram's finest values reach farther down than the eye can follow.
    let (low, high) = (product.law.first().map_or(-1.0, |p| p.0), product.log10_edge);
    let room = 0.03 * (high - low);
    let top = 1.12 * product.law.iter().map(|p| p.1).fold(0.0, f64::max);
    let axis = Axis::log10(low - room, high + 2.0 * room);
    let mut chart = theme::chart(&plot, axis, Axis::linear(0.0, top), true)?;
    theme::mesh(&mut chart, Some("squared singular value x"), "share per decade")?;
    marks::histogram(&mut chart, &product.measured, top)?;
    marks::line(&mut chart, product.law.iter().copied(), theme::PREDICTION, theme::THICK)?;
    theme::dashed_vertical(&mut chart, product.log10_edge, 0.0, top, theme::LIMIT)
}

fn edges_panel(area: &Area<'_>, products: &[ProductDensity]) -> Result<(), DrawingError> {
    let (_, area) = area.split_vertically(GAP * UNIT);
    let (head, plot) = area.split_vertically(24 * UNIT);
    marks::corner(&head, "largest squared singular value", 104)?;
    let values = products.iter().flat_map(|p| [p.log10_edge, p.log10_largest.value]);
    let (low, high) = theme::padded_span(values, 0.1, 0.2).unwrap_or((0.0, 1.0));
    let ticks = products.iter().map(|p| ((p.factors as f64).log10(), p.factors.to_string())).collect();
    let last = products.last().map_or(1.0, |p| (p.factors as f64).log10());
    let axis = Axis::with_ticks(-0.08, last + 0.08, ticks);
    let mut chart = theme::chart(&plot, axis, Axis::log10(low, high), true)?;
    theme::mesh(&mut chart, Some("factors L"), "largest x")?;
    let edge: Vec<(f64, f64)> = products.iter().map(|p| ((p.factors as f64).log10(), p.log10_edge)).collect();
    theme::dashed(&mut chart, &edge, theme::LIMIT)?;
    marks::estimates(&mut chart, products.iter().map(|p| ((p.factors as f64).log10(), p.log10_largest)), theme::POINT)
}

pub(super) fn convergence_title(atlas: &Atlas) -> String {
    let slope = atlas.densities.distance_exponent.value;
    format!("The distance of spectra to their law falls like n to the power {slope:.2}").replace('-', "\u{2212}")
}

pub(super) fn convergence_caption(atlas: &Atlas) -> String {
    let densities = &atlas.densities;
    format!(
        "Kolmogorov-Smirnov distance between the mean distribution function of the squared singular values of products of {} Gaussian matrices (mean over \
         many products of each size n) and the Fuss-Catalan law. Points with three standard errors (jackknife over products); line: least squares in \
         the logarithms, exponent {} \u{b1} {}. Look for a straight line: a distance that stopped falling would mean a wrong law.",
        densities.distance_factors,
        significant(densities.distance_exponent.value).replace('-', "\u{2212}"),
        significant(densities.distance_exponent.standard_error)
    )
}

pub(super) fn draw_convergence(atlas: &Atlas) -> Result<String, DrawingError> {
    let densities = &atlas.densities;
    let legend = Legend::new(vec![
        (Symbol::Point, theme::MEASUREMENT, "measured distance"),
        (Symbol::Line, theme::PREDICTION, "least squares"),
    ]);
    theme::svg(theme::TITLE_HEIGHT + legend.height() + 380, &convergence_title(atlas), |area| {
        let (top, plot) = area.split_vertically(legend.height() * UNIT);
        legend.draw(&top)?;
        let points = &densities.distances;
        let log = |distance: &crate::stats::Estimate| distance.value.log10();
        let values = points.iter().flat_map(|p| {
            let half = 3.0 * p.distance.standard_error / p.distance.value / std::f64::consts::LN_10;
            [log(&p.distance) - half, log(&p.distance) + half]
        });
        let (low, high) = theme::padded_span(values, 0.08, 0.3).unwrap_or((-3.0, 0.0));
        let places: Vec<f64> = points.iter().map(|p| (p.width as f64).log10()).collect();
        let ticks = points.iter().zip(&places).map(|(p, x)| (*x, p.width.to_string())).collect();
        let (first, last) = (places[0], places[places.len() - 1]);
        let room = 0.05 * (last - first);
        let axis = Axis::with_ticks(first - room, last + room, ticks);
        let mut chart = theme::chart(&plot, axis, Axis::log10(low, high), true)?;
        theme::mesh(&mut chart, Some("size n of the matrices"), "distance to the law")?;
        let at = |x: f64| densities.distance_intercept + densities.distance_exponent.value * x;
        marks::line(&mut chart, [(first, at(first)), (last, at(last))], theme::PREDICTION, theme::MEDIUM)?;
        let relative = |p: &crate::study::WidthDistance| crate::stats::Estimate {
            value: log(&p.distance),
            standard_error: p.distance.standard_error / p.distance.value / std::f64::consts::LN_10,
        };
        marks::estimates(&mut chart, points.iter().zip(places).map(|(p, x)| (x, relative(p))), theme::POINT)
    })
}
