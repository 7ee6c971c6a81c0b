//! The activation, its derivative, and where the pre-activations fall.

use plotters::prelude::*;

use super::theme::{self, Axis, DrawingError, Legend, Symbol};
use super::words::significant;
use crate::activation::saturation_threshold;
use crate::measure::LayerDensity;
use crate::spec::Quantity;
use crate::study::{ActivationSheet, Study};

pub(super) fn title(study: &Study) -> String {
    let name = &study.activation.name;
    let at = |quantity| {
        let shares = study.measurements.of(quantity).filter_map(|m| m.value);
        shares.fold(None, |largest: Option<f64>, share| Some(largest.map_or(share, |l| l.max(share))))
    };
    match (at(Quantity::SaturatedFraction), at(Quantity::InactiveFraction)) {
        (Some(saturated), _) if saturated > 0.005 => {
            format!("Up to {} % of the {name} units of a layer are saturated", significant(100.0 * saturated))
        }
        (_, Some(inactive)) if inactive > 0.005 => {
            format!("Up to {} % of the {name} units of a layer are inactive", significant(100.0 * inactive))
        }
        (Some(_), Some(_)) if study.densities.iter().all(|layer| layer.density.outside < 0.01) => {
            format!("The pre-activations stay where {name} has slope")
        }
        _ => format!("Where the pre-activations fall on {name}"),
    }
}

pub(super) fn caption(study: &Study) -> String {
    format!(
        "Above: {} = {} and its derivative, {}. Below: density of the pre-activations h, measured (filled) and \
         predicted (line: normal with the variance of mean field); a layer that would be hidden behind another is left out. Grey: |derivative| below 5 % of its largest value; units \
         there pass almost no gradient. Look at how much of the density lies in the grey.",
        study.activation.name,
        study.activation.formula,
        match study.activation.derivative_sup {
            Some(sup) => format!("at most {} (dashed)", significant(sup)),
            None => "which has no bound".to_owned(),
        }
    )
}

pub(super) fn draw(study: &Study) -> Result<String, DrawingError> {
    let sheet = &study.activation;
    let (left, right) = (sheet.x[0], sheet.x[sheet.x.len() - 1]);
    // Every layer its own colour; the theory line of a layer has the colour of its density.
    let layers: Vec<(RGBColor, String, &LayerDensity, Option<f64>)> = distinct(study)
        .into_iter()
        .map(|density| {
            let colour = theme::layer_colour(density.layer, study.depth());
            let rms = study.predictions.get(Quantity::PreActivations, density.layer).and_then(|p| p.value);
            (colour, format!("h in layer {}", density.layer), density, rms)
        })
        .collect();
    let mut entries =
        vec![(Symbol::Line, theme::REFERENCE, sheet.name.as_str()), (Symbol::Line, theme::LIMIT, "its derivative")];
    if sheet.derivative.iter().any(|slope| is_small(slope, sheet)) {
        entries.push((Symbol::Band, theme::SHADE, "saturated or inactive"));
    }
    let upper = Legend::new(entries);
    let mut entries: Vec<(Symbol, RGBColor, &str)> =
        layers.iter().map(|(colour, label, _, _)| (Symbol::Band, *colour, label.as_str())).collect();
    if layers.iter().any(|layer| layer.3.is_some()) {
        entries.push((Symbol::Line, theme::SHADE, "predicted, in the layer\u{2019}s colour"));
    }
    let lower = Legend::new(entries);
    let panel = 300;
    let height = theme::TITLE_HEIGHT + upper.height() + panel + lower.height() + panel + 20;
    theme::svg(height, &title(study), |area| {
        let unit = theme::UNIT;
        let (top, bottom) = area.split_vertically((upper.height() + panel) * unit);
        let (top_legend, top_plot) = top.split_vertically(upper.height() * unit);
        let (bottom_legend, bottom_plot) = bottom.split_vertically(lower.height() * unit);
        upper.draw(&top_legend)?;
        lower.draw(&bottom_legend)?;

        let all = sheet.value.iter().chain(&sheet.derivative).copied().chain(sheet.derivative_sup);
        // An unbounded activation would flatten its derivative: show it as far as a few times the slope.
        let shown = all.filter(|y| y.abs() <= 4.0 * sheet.derivative_sup.unwrap_or(1.0).max(1.0));
        let (low, high) = theme::padded_span(shown, 0.05, 0.2).unwrap_or((-1.0, 1.0));
        let mut chart = theme::chart(&top_plot, Axis::linear(left, right), Axis::linear(low, high), false)?;
        shade(&mut chart, study, low, high)?;
        theme::mesh(&mut chart, None, "\u{3c6}(h), \u{3c6}\u{2032}(h)")?;
        let dashes = sheet.derivative_sup.into_iter().flat_map(|sup| (0..40).step_by(2).map(move |k| (k, sup)));
        let dashes = dashes.map(|(k, sup)| {
            let at = |k: i32| left + (right - left) * f64::from(k) / 40.0;
            PathElement::new(vec![(at(k), sup), (at(k + 1), sup)], theme::LIMIT.stroke_width(theme::THIN))
        });
        chart.draw_series(dashes)?;
        for (values, colour) in [(&sheet.value, theme::REFERENCE), (&sheet.derivative, theme::LIMIT)] {
            // A jump (ReLU's derivative) is a gap, not a slope.
            for piece in pieces(&sheet.x, values, low, high, 0.3 * (high - low)) {
                chart.draw_series([PathElement::new(piece, colour.stroke_width(theme::THICK))])?;
            }
        }

        let gauss = |x: f64, rms: f64| (-0.5 * (x / rms).powi(2)).exp() / (rms * (2.0 * std::f64::consts::PI).sqrt());
        let peak = layers
            .iter()
            .flat_map(|(_, _, density, rms)| {
                density.density.values.iter().copied().chain(rms.map(|rms| gauss(0.0, rms)))
            })
            .filter(|value| value.is_finite())
            .fold(0.0, f64::max);
        let peak = if peak > 0.0 { 1.08 * peak } else { 1.0 };
        let mut chart = theme::chart(&bottom_plot, Axis::linear(left, right), Axis::linear(0.0, peak), true)?;
        shade(&mut chart, study, 0.0, peak)?;
        theme::mesh(&mut chart, Some("pre-activation h"), "density of h")?;
        for (colour, _, layer, _) in &layers {
            let density = &layer.density;
            let width = (density.high - density.low) / density.values.len() as f64;
            let mut outline = vec![(density.low, 0.0)];
            for (k, value) in density.values.iter().enumerate() {
                let cell = density.low + width * k as f64;
                outline.extend([(cell, *value), (cell + width, *value)]);
            }
            outline.push((density.high, 0.0));
            chart.draw_series([Polygon::new(outline, colour.mix(0.25).filled())])?;
        }
        for (colour, _, _, rms) in &layers {
            if let Some(rms) = rms {
                let curve: Vec<(f64, f64)> = sheet.x.iter().map(|&x| (x, gauss(x, *rms))).collect();
                chart.draw_series([PathElement::new(curve, colour.stroke_width(theme::THICK))])?;
            }
        }
        Ok(())
    })
}

/// The densities that can be told apart: a middle layer whose pre-activations are as wide as the last layer's would only hide
/// it, and one a hundred times narrower would be a needle that flattens the others.
fn distinct(study: &Study) -> Vec<&LayerDensity> {
    let width = |density: &LayerDensity| {
        study.measurements.get(Quantity::PreActivations, density.layer).and_then(|m| m.log10_rms)
    };
    let last = study.densities.last();
    let hidden = |density: &&LayerDensity| match (width(density), last.and_then(width)) {
        (Some(own), Some(end)) => (own - end).abs() < 0.04 && last.is_some_and(|last| last.layer != density.layer),
        _ => false,
    };
    let first = study.densities.first().map(|density| density.layer);
    let widest = study.densities.iter().map(|density| density.density.high).fold(0.0, f64::max);
    let visible = |density: &&LayerDensity| density.density.high * 30.0 > widest;
    let shown = study.densities.iter().filter(visible);
    shown.filter(|density| Some(density.layer) == first || !hidden(density)).collect()
}

/// Saturated or inactive.
fn is_small(slope: &f64, sheet: &ActivationSheet) -> bool {
    *slope == 0.0 || slope.abs() < saturation_threshold(sheet.derivative_sup.unwrap_or(f64::INFINITY))
}

/// Grey where the derivative is small.
fn shade(chart: &mut theme::Chart<'_, '_>, study: &Study, low: f64, high: f64) -> Result<(), DrawingError> {
    let sheet = &study.activation;
    let half = 0.5 * (sheet.x[1] - sheet.x[0]);
    let mut start: Option<f64> = None;
    let mut bands = Vec::new();
    for (x, slope) in sheet.x.iter().zip(&sheet.derivative) {
        match (is_small(slope, sheet), start) {
            (true, None) => start = Some(x - half),
            (false, Some(from)) => {
                bands.push((from, x - half));
                start = None;
            }
            _ => {}
        }
    }
    if let (Some(from), Some(last)) = (start, sheet.x.last()) {
        bands.push((from, last + half));
    }
    let (left, right) = (sheet.x[0], sheet.x[sheet.x.len() - 1]);
    chart.draw_series(bands.into_iter().map(|(from, to)| {
        Rectangle::new([(from.max(left), low), (to.min(right), high)], theme::SHADE.mix(0.22).filled())
    }))?;
    Ok(())
}

/// A curve cut where it leaves the frame or jumps.
pub(super) fn pieces(x: &[f64], y: &[f64], low: f64, high: f64, jump: f64) -> Vec<Vec<(f64, f64)>> {
    let mut pieces = vec![Vec::new()];
    let mut previous: Option<f64> = None;
    for (&x, &y) in x.iter().zip(y) {
        let inside = (low..=high).contains(&y);
        let jumps = previous.is_some_and(|before: f64| (before - y).abs() > jump);
        if !inside || jumps {
            pieces.push(Vec::new());
        }
        if inside && let Some(piece) = pieces.last_mut() {
            piece.push((x, y));
        }
        previous = Some(y);
    }
    pieces.retain(|piece| piece.len() > 1);
    pieces
}
