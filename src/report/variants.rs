//! The lesson's variants in one figure.

use plotters::prelude::*;

use super::theme::{self, Axis, DrawingError, Legend, Symbol};
use super::words;
use crate::spec::Precision;
use crate::study::{Regime, Study, Variant};

/// Okabe and Ito, in an order in which neighbours in the figure differ.
const COLOURS: [RGBColor; 8] = [
    RGBColor(213, 94, 0),
    RGBColor(0, 114, 178),
    RGBColor(86, 180, 233),
    RGBColor(0, 158, 115),
    RGBColor(0, 0, 0),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(130, 130, 130),
];

pub(super) fn applies(study: &Study) -> bool {
    !shown(study).is_empty()
}

/// Those of the lesson's own depth and format; the deep ones in single precision are in the table.
fn shown(study: &Study) -> Vec<&Variant> {
    study.variants.iter().filter(|v| v.precision == Precision::F64 && v.layers.len() == study.depth()).collect()
}

pub(super) fn title(study: &Study) -> String {
    let count = |regime: Regime| shown(study).iter().filter(|variant| variant.regime == regime).count();
    format!(
        "One architecture, one line changed: {} vanish, {} hold, {} explode",
        count(Regime::Vanishes),
        count(Regime::Holds),
        count(Regime::Explodes)
    )
}

pub(super) fn caption(study: &Study) -> String {
    let typical = |name: &str| {
        let variant = study.variants.iter().find(|variant| variant.name == name)?;
        Some(words::power(variant.ranges.last()?.measured.as_ref()?.log10_mean?.value))
    };
    let mut text = "Norm of dL/dh relative to the last layer, log scale, for the lesson's network and its variants (each changes what its name says). Points: \
     measured root mean square; lines: predicted."
        .to_owned();
    if let (Some(normal), Some(torch)) = (typical("lesson"), typical("sigmoid-torch")) {
        text.push_str(&format!(
            " The sigmoid alone does not decide: with N(0, 1) weights layer 1 typically gets {normal} of the last layer\u{2019}s, with PyTorch\u{2019}s \
             default {torch}."
        ));
    }
    text
}

pub(super) fn draw(study: &Study) -> Result<String, DrawingError> {
    let shown = shown(study);
    let entries: Vec<(Symbol, RGBColor, &str)> = shown
        .iter()
        .zip(COLOURS.iter().cycle())
        .map(|(variant, colour)| (Symbol::Point, *colour, variant.name.as_str()))
        .collect();
    let legend = Legend::new(entries);
    let relative = |variant: &Variant, of: &dyn Fn(&crate::study::VariantLayer) -> Option<f64>| -> Vec<(f64, f64)> {
        let last = variant.layers.last().and_then(of).unwrap_or(0.0);
        let point = |(k, layer): (usize, &crate::study::VariantLayer)| Some(((k + 1) as f64, of(layer)? - last));
        variant.layers.iter().enumerate().filter_map(point).collect()
    };
    let curves: Vec<[Vec<(f64, f64)>; 2]> =
        shown.iter().map(|v| [relative(v, &|l| l.predicted), relative(v, &|l| l.measured)]).collect();
    let values = curves.iter().flat_map(|[a, b]| a.iter().chain(b).map(|p| p.1).collect::<Vec<f64>>());
    let (low, high) = theme::padded_span(values, 0.05, 0.6).unwrap_or((-1.0, 1.0));
    theme::svg(theme::TITLE_HEIGHT + legend.height() + 500, &title(study), |area| {
        let (top, plot) = area.split_vertically(legend.height() * theme::UNIT);
        legend.draw(&top)?;
        let mut chart = theme::chart(&plot, Axis::whole(1, study.depth()), Axis::log10(low, high), true)?;
        theme::mesh(&mut chart, Some("layer (1 = next to the input)"), "dL/dh, relative to the last layer")?;
        for ([predicted, measured], colour) in curves.into_iter().zip(COLOURS.iter().cycle()) {
            chart.draw_series([PathElement::new(predicted, colour.stroke_width(theme::MEDIUM))])?;
            chart.draw_series(measured.into_iter().map(|at| Circle::new(at, theme::POINT, colour.filled())))?;
        }
        Ok(())
    })
}
