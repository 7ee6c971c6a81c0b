//! Gradients of all layers at all steps, as colours.

use super::super::theme::{self, Axis, DrawingError, Legend, UNIT};
use super::heat::{HeatMap, Scale, with_overlay};
use super::series::{Training, Value};
use super::steps::StepAxis;
use super::words;

/// Whether weight gradients were recorded, be it as numbers that are not finite.
pub(super) fn applies(training: &Training<'_>) -> bool {
    training.has_weight_gradients()
        || training.records().any(|record| record.non_finite.is_some_and(|count| count > 0))
        || training.network.values().any(|record| !record.weight_grad_norms.is_empty())
}

pub(super) fn title(training: &Training<'_>) -> String {
    let all = || training.weight_gradients.values().flatten().filter(|value| **value != Value::Missing);
    let finite = || all().filter_map(|value| value.finite());
    let (low, high) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return words::comparison(training);
    }
    let lost = all().filter(|value| value.finite().is_none()).count();
    let lost = if lost > 0 { format!("; {lost} are zero or not finite") } else { String::new() };
    match high - low {
        span if span < 0.3 => format!("Weight gradients of all layers and steps agree within a factor of 2{lost}"),
        span if span < 1.0 => format!("Weight gradients of all layers and steps lie within one power of ten{lost}"),
        span => format!("Weight gradients span {} powers of ten over layers and steps{lost}", words::quantity(span)),
    }
}

pub(super) fn caption(training: &Training<'_>) -> String {
    let map = HeatMap::of_weight_gradients(training);
    let binned = if map.binned() {
        " Neighbouring steps or layers share a cell: it shows the mean of the logarithms, and is zero or not finite where one of them is."
    } else {
        ""
    };
    format!(
        "Euclidean norm of dL/dW by layer and step, before clipping. The gradient comes in at the top (the last layer) and flows down to the first. \
         Colour that darkens downwards is a gradient that vanishes on its way back, colour that brightens one that explodes; an even column is a \
         step at which all layers learn. Layers of different shape are compared as they are. White: not recorded.{binned}"
    )
}

pub(super) fn draw(training: &Training<'_>) -> Result<String, DrawingError> {
    let map = HeatMap::of_weight_gradients(training);
    let span = theme::padded_span(map.values().filter_map(Value::finite), 0.0, 0.6);
    let axis = StepAxis::new(&training.gradient_steps());
    let legend = Legend::new(map.legend());
    let strip = if legend.height() == 0 { 8 } else { legend.height() };
    let rows = training.numbers.len().min(100) as u32;
    let body = (rows * 22 + 90).clamp(240, 520);
    let mut overlay = String::new();
    let svg = theme::svg(theme::TITLE_HEIGHT + strip + body, &title(training), |area| {
        let (top, rest) = area.split_vertically(strip * UNIT);
        legend.draw(&top)?;
        let (plot, bar) = rest.split_horizontally(830 * UNIT);
        // Without a finite number there is nothing that the bar could say.
        let (low, high) = span.unwrap_or((-1.0, 1.0));
        let scale = Scale::new(Axis::log10(low, high));
        let x = Some(axis.description());
        map.draw(&plot, (&axis, &scale), (x, "layer (the last on top)"), &mut overlay)?;
        if span.is_some() { scale.draw(&bar, ["|dL/dW|,", "log scale"]) } else { Ok(()) }
    })?;
    Ok(with_overlay(&svg, &overlay))
}
