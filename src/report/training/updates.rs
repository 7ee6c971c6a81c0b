//! How far updates move the weights, and whether they agree with each other.

use plotters::prelude::*;

use super::super::theme::{self, Area, Axis, DrawingError, Legend, Symbol, UNIT};
use super::series::{Training, Value};
use super::steps::{Edges, StepAxis, course, lost_in_words};
use super::words;
use crate::watch::LayerRecord;

/// The ratio as recorded, or from the norms.
fn ratio(record: &LayerRecord) -> Option<f64> {
    record.update_ratio.or_else(|| Some(record.update_norm? / record.weight_norm.filter(|norm| *norm > 0.0)?))
}

fn relative(record: &LayerRecord) -> Value {
    // Null where nothing was updated, and where no update was recorded: not a sign of numbers that got lost.
    ratio(record).map_or(Value::Missing, |ratio| Value::norm(Some(ratio)))
}

fn cosine(record: &LayerRecord) -> Value {
    match record.update_cosine {
        Some(cosine) if cosine.is_finite() => Value::At(cosine.clamp(-1.0, 1.0)),
        _ => Value::Missing,
    }
}

pub(super) fn applies(training: &Training<'_>) -> bool {
    training.has(ratio) || training.has(|record| record.update_cosine)
}

/// Median over steps of log10 of a layer's ratio.
fn median(training: &Training<'_>, layer: usize) -> Option<f64> {
    let mut values: Vec<f64> = training.of_layer(layer, relative).filter_map(|(_, value)| value.finite()).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

pub(super) fn title(training: &Training<'_>) -> String {
    let ends = training.ends().and_then(|(first, last)| {
        Some((first, median(training, first)?, last, median(training, last)?)).filter(|ends| ends.0 != ends.2)
    });
    match ends {
        Some((first, a, last, b)) => format!(
            "An update typically moves layer {first} by {} of its size, layer {last} by {}",
            words::power(a),
            words::power(b)
        ),
        None => "How far updates move the weights".to_owned(),
    }
}

pub(super) fn caption(training: &Training<'_>) -> String {
    let mut parts = Vec::new();
    if training.has(ratio) {
        parts.push(
            "|\u{394}W| / |W| by step: a layer far below the others stands still while they learn; the usual rule of thumb is 10^-3 \
             (with plain gradient descent the ratio is in proportion to the gradient, with Adam it hardly depends on it)."
                .to_owned(),
        );
    }
    if training.has(|record| record.update_cosine) {
        parts.push(
            "Cosine between an update and the one that was recorded before it: near 1 the weights walk straight on, near 0 updates are mostly \
             noise of the mini-batches (or were recorded far apart), below 0 they go back and forth."
                .to_owned(),
        );
    }
    let values = training.chosen().into_iter().flat_map(|(layer, _)| training.of_layer(layer, relative));
    format!("{}{}", parts.join(" "), lost_in_words(values.map(|(_, value)| value)))
}

pub(super) fn draw(training: &Training<'_>) -> Result<String, DrawingError> {
    let chosen = training.chosen();
    let labels: Vec<String> = chosen.iter().map(|(layer, _)| format!("layer {layer}")).collect();
    let entries = chosen.iter().zip(&labels).map(|((_, colour), label)| (Symbol::Point, *colour, label.as_str()));
    let legend = Legend::new(entries.collect());
    let both = training.has(ratio) && training.has(|record| record.update_cosine);
    theme::svg(theme::TITLE_HEIGHT + legend.height() + 380, &title(training), |area| {
        let (top, plots) = area.split_vertically(legend.height() * UNIT);
        legend.draw(&top)?;
        if both {
            let (left, right) = plots.split_horizontally(480 * UNIT);
            ratio_panel(&left, training, &chosen)?;
            cosine_panel(&right, training, &chosen)
        } else if training.has(ratio) {
            ratio_panel(&plots, training, &chosen)
        } else {
            cosine_panel(&plots, training, &chosen)
        }
    })
}

fn step_axis(training: &Training<'_>) -> StepAxis {
    StepAxis::new(&training.layers.keys().copied().collect::<Vec<_>>())
}

fn ratio_panel(area: &Area<'_>, training: &Training<'_>, chosen: &[(usize, RGBColor)]) -> Result<(), DrawingError> {
    let values = chosen.iter().flat_map(|(layer, _)| training.of_layer(*layer, relative));
    let span = theme::padded_span(values.filter_map(|(_, value)| value.finite()), 0.08, 0.6).unwrap_or((-4.0, -1.0));
    panel(area, (training, chosen), (span, |span| Axis::log10(span.0, span.1)), "|\u{394}W| / |W|", relative)
}

fn cosine_panel(area: &Area<'_>, training: &Training<'_>, chosen: &[(usize, RGBColor)]) -> Result<(), DrawingError> {
    let axis = |(low, high)| {
        let label = |at: f64| if at == 0.0 { "0".to_owned() } else { format!("{at:.1}").replace('-', "\u{2212}") };
        Axis::with_ticks(low, high, [-1.0, -0.5, 0.0, 0.5, 1.0].into_iter().map(|at| (at, label(at))).collect())
    };
    panel(area, (training, chosen), ((-1.08, 1.08), axis), "cosine with the update before", cosine)
}

type Span = (f64, f64);

fn panel(
    area: &Area<'_>,
    (training, chosen): (&Training<'_>, &[(usize, RGBColor)]),
    (span, y): (Span, fn(Span) -> Axis),
    name: &str,
    read: fn(&LayerRecord) -> Value,
) -> Result<(), DrawingError> {
    let axis = step_axis(training);
    let points = |layer| training.of_layer(layer, read).map(|(step, value)| (axis.at(step), value)).collect();
    let curves: Vec<Vec<(f64, Value)>> = chosen.iter().map(|(layer, _)| points(*layer)).collect();
    let edges = Edges::around(span, curves.iter().map(Vec::as_slice));
    let mut chart = theme::chart(area, axis.axis.clone(), y(edges.span()), true)?;
    theme::mesh(&mut chart, Some(axis.description()), name)?;
    for (k, (points, (_, colour))) in curves.into_iter().zip(chosen).enumerate() {
        course(&mut chart, points, &axis.axis, edges.of_curve(k), *colour)?;
    }
    Ok(())
}
